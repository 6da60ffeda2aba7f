//! Watching the calls that peers make.

use core::fmt::Debug;
use std::borrow::Cow;

use capstan_message::capability::{MaybeSend, MaybeSync};

use crate::BoxFuture;
use crate::error::Result;
use crate::server::Dispatch;

/// Is shown every call of a connection's peer to an object of this process, for logs and figures.
/// Given to [`ConnectOptions::observer`](crate::ConnectOptions::observer).
pub trait Observer: Debug + MaybeSend + MaybeSync + 'static {
    /// A method is about to run. What this returns is run in its place, and is usually `method` with
    /// something around it. It gives what the method gives; dropped before its end, the call was
    /// canceled or, while the thread is panicking, the method has panicked.
    fn observe(
        &self,
        call: ObservedCall<'_>,
        method: BoxFuture<Result<()>>,
    ) -> BoxFuture<Result<()>>;
}

/// Which method is called.
#[derive(Clone, Copy)]
pub struct ObservedCall<'a> {
    /// Of the interface that the method is of.
    pub interface_id: u64,
    /// Its ordinal there.
    pub method_id: u16,
    dispatch: &'a dyn Dispatch,
}

impl<'a> ObservedCall<'a> {
    pub(crate) fn new(interface_id: u64, method_id: u16, dispatch: &'a dyn Dispatch) -> Self {
        Self {
            interface_id,
            method_id,
            dispatch,
        }
    }

    /// What the method is called in its schema. None when the object has no such method, or does not
    /// know names.
    #[must_use]
    pub fn name(&self) -> Option<MethodName> {
        self.dispatch.method_name(self.interface_id, self.method_id)
    }

    /// Whether the method is declared `-> stream`.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        let method = (self.interface_id, self.method_id);
        self.dispatch.streaming_methods().contains(&method)
    }
}

/// A method's name and that of its interface, which is `Outer.Inner` for a nested one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MethodName {
    /// The interface, such as `Files`; its id where the name is not known.
    pub interface: Cow<'static, str>,
    /// The method, such as `create`; its ordinal where the name is not known.
    pub method: Cow<'static, str>,
}

/// For generated code: the name of one of `methods`, of an interface that is called
/// `file.capnp:Interface`.
#[must_use]
pub fn method_name(
    interface: &'static str,
    methods: &[&'static str],
    method_id: u16,
) -> Option<MethodName> {
    let method = methods.get(usize::from(method_id))?;
    let interface = interface
        .rsplit_once(':')
        .map_or(interface, |(_, name)| name);
    Some(MethodName {
        interface: Cow::Borrowed(interface),
        method: Cow::Borrowed(method),
    })
}

//! Clients: what programs hold of a capability.

use core::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use capstan_message::capability::{CapHandle, Capability, FromCapability, MaybeSend};
use capstan_message::layout::{PointerBuilder, PointerReader};
use capstan_message::traits::{FromPointerBuilder, FromPointerReader, Owned, SetterInput};
use capstan_message::{MessageSize, Word};

use crate::error::Result;
use crate::promised::{LocalPromise, WhenResolved};
use crate::request::{Request, StreamingRequest};
use crate::runtime::{Runtime, Shared};
use crate::server::Dispatch;
use crate::vat::{CapId, Exception};

/// A reference to an object, wherever it lives, whose type is not known.
///
/// Cloning is cheap. When the last clone is dropped, the object's host is told. Generated code
/// wraps it into clients that have methods.
#[derive(Clone)]
pub struct Client {
    hook: CapHandle,
}

/// A [`Client`] that does not keep its object.
#[derive(Clone)]
pub struct WeakClient {
    hook: Weak<dyn Capability>,
}

impl fmt::Debug for WeakClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakClient")
    }
}

impl WeakClient {
    /// The client, while any of its clones is left.
    #[must_use]
    pub fn upgrade(&self) -> Option<Client> {
        let hook = self.hook.upgrade()?;
        Some(Client { hook })
    }
}

/// A client of a particular interface. Generated clients implement it.
pub trait FromClient: Sized + Clone {
    /// Does not check that the object has this interface: if it has not, calls fail as unimplemented.
    fn from_client(client: Client) -> Self;
    /// The client without its type.
    fn as_client(&self) -> &Client;
    /// The same, taking it.
    fn into_client(self) -> Client;
}

impl FromClient for Client {
    fn from_client(client: Client) -> Self {
        client
    }

    fn as_client(&self) -> &Client {
        self
    }

    fn into_client(self) -> Client {
        self
    }
}

impl FromCapability for Client {
    fn from_cap(cap: Option<CapHandle>) -> Self {
        Client::from_cap(cap)
    }

    fn into_cap(self) -> Option<CapHandle> {
        Client::into_cap(self)
    }
}

/// The type `Capability` of schemas.
impl Owned for Client {
    type Reader<'a> = Self;
    type Builder<'a> = Self;
}

impl<'a> FromPointerReader<'a> for Client {
    fn get_from_pointer(
        reader: &PointerReader<'a>,
        _default: Option<&'a [Word]>,
    ) -> capstan_message::Result<Self> {
        Ok(Self::from_cap(reader.get_capability()?))
    }
}

impl<'a> FromPointerBuilder<'a> for Client {
    fn init_pointer(mut builder: PointerBuilder<'a>, _length: u32) -> Self {
        builder.clear();
        Self::from_cap(None)
    }

    fn get_from_pointer(
        builder: PointerBuilder<'a>,
        _default: Option<&'a [Word]>,
    ) -> capstan_message::Result<Self> {
        Ok(Self::from_cap(builder.get_capability()?))
    }
}

impl SetterInput<Client> for Client {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> capstan_message::Result<()> {
        SetterInput::<Option<CapHandle>>::set_pointer_builder(
            builder,
            input.into_cap(),
            canonicalize,
        )
    }
}

impl Client {
    /// The client for what a capability pointer held. Without a capability, all its calls fail.
    #[must_use]
    pub fn from_cap(cap: Option<CapHandle>) -> Self {
        Self {
            hook: cap.unwrap_or_else(|| Arc::new(Hook::Null)),
        }
    }

    /// What a capability pointer to this object holds: nothing, for a client made from nothing.
    #[must_use]
    pub fn into_cap(self) -> Option<CapHandle> {
        match self.hook() {
            Some(Hook::Null) => None,
            _ => Some(self.hook),
        }
    }

    /// A reference to the same that does not keep the object: for those who only watch.
    #[must_use]
    pub fn downgrade(&self) -> WeakClient {
        WeakClient {
            hook: Arc::downgrade(&self.hook),
        }
    }

    /// A client whose every call fails with this error.
    #[must_use]
    pub fn broken(error: Exception) -> Self {
        Self {
            hook: Arc::new(Hook::Broken(error)),
        }
    }

    /// Waits until it is known what object this leads to: at once for all but promises. Fails
    /// when that is none. Being waited for, the capability is kept until then.
    pub fn when_resolved(&self) -> impl Future<Output = Result<()>> + MaybeSend + use<> {
        WhenResolved {
            client: self.clone(),
        }
    }

    /// The same reference, seen as a client of an interface.
    #[must_use]
    pub fn cast_to<C: FromClient>(&self) -> C {
        C::from_client(self.clone())
    }

    /// Starts a call. Generated clients have a method for each of these.
    pub fn new_call<P: Owned, R: Owned>(
        &self,
        interface_id: u64,
        method_id: u16,
        size_hint: Option<MessageSize>,
    ) -> Request<P, R> {
        Request::new(self.clone(), interface_id, method_id, size_hint)
    }

    /// Starts a call to a method declared `-> stream`.
    pub fn new_streaming_call<P: Owned>(
        &self,
        interface_id: u64,
        method_id: u16,
        size_hint: Option<MessageSize>,
    ) -> StreamingRequest<P> {
        StreamingRequest::new(self.clone(), interface_id, method_id, size_hint)
    }

    /// A client of an object of this process that no runtime knows yet.
    pub(crate) fn local(dispatch: Arc<dyn Dispatch>) -> (Self, ServerId) {
        let id = ServerId::next();
        let server = LocalServer {
            id,
            dispatch,
            attached: OnceLock::new(),
        };
        (
            Self {
                hook: Arc::new(Hook::Local(server)),
            },
            id,
        )
    }

    pub(crate) fn from_hook(hook: Hook) -> Self {
        Self {
            hook: Arc::new(hook),
        }
    }

    /// Takes over one reference to `cap`.
    pub(crate) fn attached(runtime: Arc<Shared>, cap: CapId) -> Self {
        Self {
            hook: attached_handle(runtime, cap),
        }
    }

    pub(crate) fn hook(&self) -> Option<&Hook> {
        self.hook.downcast_ref()
    }

    /// Where it is, if it is anywhere yet.
    pub(crate) fn location(&self) -> Option<&AttachedCap> {
        match self.hook()? {
            Hook::Attached(attached) => Some(attached),
            Hook::Local(server) => server.attached.get(),
            Hook::Promise(promise) => promise.attached.get(),
            Hook::Null | Hook::Broken(_) => None,
        }
    }

    /// The runtime and the name there of this capability, to call it. A local object that has no
    /// runtime yet gets one of its own.
    pub(crate) fn target(&self) -> Result<&AttachedCap> {
        match self.hook() {
            Some(Hook::Attached(cap)) => Ok(cap),
            Some(Hook::Local(server)) => Ok(server.attach(|| Runtime::detached().into_shared())),
            Some(Hook::Promise(promise)) => {
                Ok(promise.attach(|| Runtime::detached().into_shared()))
            }
            Some(Hook::Broken(error)) => Err(error.clone()),
            Some(Hook::Null) => Err(null_capability()),
            None => Err(foreign_capability()),
        }
    }
}

/// Whether both are known to lead to the same object. A promise is the same as what it turned out
/// to be, once that is known here.
impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.hook, &other.hook) {
            return true;
        }
        match (self.hook(), other.hook()) {
            (Some(Hook::Null), Some(Hook::Null)) => true,
            _ => match (self.location(), other.location()) {
                (Some(one), Some(other)) => one.is_same(other),
                _ => false,
            },
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hook() {
            Some(Hook::Null) => f.write_str("Client(null)"),
            Some(Hook::Broken(error)) => write!(f, "Client(broken, {error})"),
            Some(Hook::Attached(attached)) => write!(f, "Client({})", attached.cap.to_raw()),
            Some(Hook::Local(_)) => f.write_str("Client(local)"),
            Some(Hook::Promise(_)) => f.write_str("Client(promise)"),
            None => f.write_str("Client(foreign)"),
        }
    }
}

/// What stands in a message's capability table for each of our clients.
pub(crate) enum Hook {
    Null,
    Broken(Exception),
    Attached(AttachedCap),
    Local(LocalServer),
    Promise(LocalPromise),
}

impl Capability for Hook {}

/// A capability in a runtime's vat. Owns one reference to it.
pub(crate) struct AttachedCap {
    pub(crate) runtime: Arc<Shared>,
    pub(crate) cap: CapId,
}

impl Drop for AttachedCap {
    fn drop(&mut self) {
        self.runtime.release(self.cap);
    }
}

/// Takes over one reference to `cap`.
pub(crate) fn attached_handle(runtime: Arc<Shared>, cap: CapId) -> CapHandle {
    Arc::new(Hook::Attached(AttachedCap { runtime, cap }))
}

/// An object of this process. It belongs to the first runtime it is used with.
pub(crate) struct LocalServer {
    pub(crate) id: ServerId,
    dispatch: Arc<dyn Dispatch>,
    attached: OnceLock<AttachedCap>,
}

impl LocalServer {
    pub(crate) fn dispatch(&self) -> &Arc<dyn Dispatch> {
        &self.dispatch
    }

    /// Where it is hosted; if nowhere yet, in the runtime that `choose` gives. Not to be called
    /// while a runtime is locked.
    pub(crate) fn attach(&self, choose: impl FnOnce() -> Arc<Shared>) -> &AttachedCap {
        self.attached.get_or_init(|| {
            let runtime = choose();
            let cap = runtime.host(self.id, Arc::clone(&self.dispatch));
            AttachedCap { runtime, cap }
        })
    }
}

/// Tells apart the server objects of a process, for as long as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerId(u64);

impl ServerId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

fn null_capability() -> Exception {
    Exception::failed(
        "called a null capability: the message that this client came from left the field unset",
    )
}

fn foreign_capability() -> Exception {
    Exception::failed("called a capability that does not come from this RPC implementation")
}

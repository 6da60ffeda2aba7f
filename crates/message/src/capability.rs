//! Capabilities in messages.
//!
//! A capability pointer holds an index into a table that travels beside the message. Here the
//! table is part of the arena: of a [`message::Reader`](crate::message::Reader) after
//! `set_caps`, of a [`message::Builder`](crate::message::Builder) always. What the entries do is
//! up to the RPC layer; to a message they are opaque.

use alloc::sync::Arc;
use core::any::Any;

use crate::layout::{PointerBuilder, PointerReader};
use crate::traits::{FromPointerBuilder, FromPointerReader, Owned, SetterInput};
use crate::{Result, Word};

/// `Send` on platforms with threads, nothing in WebAssembly, where JavaScript's objects live and
/// cannot move between threads.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Sync` on platforms with threads, nothing in WebAssembly.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Sync + ?Sized> MaybeSync for T {}

/// `Send` on platforms with threads, nothing in WebAssembly, where JavaScript's objects live and
/// cannot move between threads.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` on platforms with threads, nothing in WebAssembly.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSync {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSync for T {}

/// What an entry of a message's capability table points to. The RPC layer implements it and gets
/// its own type back with `downcast_ref`.
pub trait Capability: Any + MaybeSend + MaybeSync {}

impl dyn Capability {
    /// The concrete type behind the handle, if it is `T`.
    #[must_use]
    pub fn downcast_ref<T: Capability>(&self) -> Option<&T> {
        let any: &dyn Any = self;
        any.downcast_ref()
    }
}

impl core::fmt::Debug for dyn Capability {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Capability")
    }
}

/// A counted reference to a capability.
pub type CapHandle = Arc<dyn Capability>;

/// A typed client that wraps a capability. Generated clients implement it.
pub trait FromCapability: Sized + 'static {
    /// `None` for a null pointer: the client exists and its calls fail.
    fn from_cap(cap: Option<CapHandle>) -> Self;
    /// `None` for a client made from a null pointer.
    fn into_cap(self) -> Option<CapHandle>;
}

/// The untyped client.
impl FromCapability for Option<CapHandle> {
    fn from_cap(cap: Option<CapHandle>) -> Self {
        cap
    }

    fn into_cap(self) -> Option<CapHandle> {
        self
    }
}

/// The type `Capability` for programs without RPC.
impl Owned for Option<CapHandle> {
    type Reader<'a> = Self;
    type Builder<'a> = Self;
}

impl<'a> FromPointerReader<'a> for Option<CapHandle> {
    fn get_from_pointer(reader: &PointerReader<'a>, _default: Option<&'a [Word]>) -> Result<Self> {
        reader.get_capability()
    }
}

impl<'a> FromPointerBuilder<'a> for Option<CapHandle> {
    fn init_pointer(mut builder: PointerBuilder<'a>, _length: u32) -> Self {
        builder.clear();
        None
    }

    fn get_from_pointer(builder: PointerBuilder<'a>, _default: Option<&'a [Word]>) -> Result<Self> {
        builder.get_capability()
    }
}

impl SetterInput<Option<CapHandle>> for Option<CapHandle> {
    fn set_pointer_builder(
        mut builder: PointerBuilder<'_>,
        input: Self,
        _canonicalize: bool,
    ) -> Result<()> {
        match input {
            Some(cap) => builder.set_capability(cap),
            None => builder.clear(),
        }
        Ok(())
    }
}

//! What is read from a stream.

use core::fmt;

use capstan_message::traits::Owned;

use crate::error::Result;
use crate::sinks_capnp::sink::WriteParams;

/// An item that was read: the message that it came in, whose memory is free when this is dropped. Capabilities in it live
/// as long, and longer where they were taken out as clients.
pub struct Item<T: Owned> {
    params: WriteParams<T>,
}

impl<T: Owned> Item<T> {
    pub(super) fn new(params: WriteParams<T>) -> Self {
        Self { params }
    }

    /// The item. Of null, which a writer may send, it is the type's default.
    ///
    /// # Errors
    /// When the writer's message is malformed there.
    pub fn get(&self) -> Result<T::Reader<'_>> {
        Ok(self.params.get()?.get_item()?)
    }
}

impl<T: Owned> fmt::Debug for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Item")
    }
}

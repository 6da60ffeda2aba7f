//! The object of dedicated connections, which a peer may ask for beside the bootstrap object.
//!
//! `rpc.capnp` has a field for the names of objects that could be asked for before there was one bootstrap object. No
//! implementation has such names any more, which leaves it to those who agree on one: a peer that knows of none gives
//! its bootstrap object or an error, and calls of the interface that was wanted fail either way. This side takes any name
//! for the one that it knows.

use super::{CapId, ConnectionId, Vat};

impl Vat {
    /// Says what a peer gets that asks for the object of dedicated connections; otherwise it gets the bootstrap
    /// object. The vat takes over this reference. Can be said once.
    pub fn set_dedicated(&mut self, connection: ConnectionId, cap: CapId) {
        match self.connections.get_mut(connection.0) {
            Some(table) if !table.closed && table.dedicated.is_none() => {
                table.dedicated = Some(cap);
            }
            _ => self.release(self.now_micros, cap),
        }
    }

    /// Asks the peer for its object of dedicated connections, which can be used at once. One reference.
    pub fn dedicated(&mut self, now_micros: u64, connection: ConnectionId) -> CapId {
        self.ask_for(now_micros, connection, true)
    }
}

pub(super) const NAME: &str = "capstan.Dedicated";

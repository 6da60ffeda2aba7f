//! The object of dedicated connections, which a peer may ask for beside the bootstrap object.
//!
//! `rpc.capnp` has a field for the names of objects that could be asked for before there was one bootstrap object. No
//! implementation has such names any more, which leaves it to those who agree on one: a peer that knows of none gives
//! its bootstrap object or an error, and calls of the interface that was wanted fail either way.

use capstan_message::text;

use super::{CapId, ConnectionId, Vat};
use crate::rpc_capnp::bootstrap;

impl Vat {
    /// Chooses what a peer gets that asks for the object of dedicated connections; otherwise it gets the bootstrap
    /// object. The vat takes over this reference.
    pub fn set_dedicated(&mut self, connection: ConnectionId, cap: CapId) {
        let table = self.connections.get_mut(connection.0);
        let before = match table.filter(|table| !table.closed) {
            Some(table) => table.dedicated.replace(cap),
            None => Some(cap),
        };
        if let Some(before) = before {
            self.release(self.now_micros, before);
        }
    }

    /// Asks the peer for its object of dedicated connections, which can be used at once. One reference.
    pub fn dedicated(&mut self, now_micros: u64, connection: ConnectionId) -> CapId {
        self.ask_for(now_micros, connection, Some(NAME))
    }
}

pub(super) fn is_asked_for(bootstrap: bootstrap::Reader<'_>) -> bool {
    let name = bootstrap.get_deprecated_object_id();
    name.get_as::<text::Reader<'_>>()
        .is_ok_and(|name| name.as_bytes() == NAME.as_bytes())
}

const NAME: &str = "capstan.Dedicated";

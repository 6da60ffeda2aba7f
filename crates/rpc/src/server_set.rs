//! Getting one's own object back from a client.

use core::marker::PhantomData;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use crate::client::{Client, ServerId};
use crate::runtime::lock;
use crate::server::FromServer;

/// The objects of one kind that this process made, so that a client that comes back in a call
/// leads to the object itself.
///
/// A client proves nothing but that it refers to some object. This set tells whether that object
/// is one of its own, and gives access to what is behind the interface.
pub struct CapabilityServerSet<S, C> {
    servers: Mutex<HashMap<ServerId, Weak<S>>>,
    marker: PhantomData<fn() -> C>,
}

impl<S, C> Default for CapabilityServerSet<S, C> {
    fn default() -> Self {
        Self {
            servers: Mutex::new(HashMap::new()),
            marker: PhantomData,
        }
    }
}

impl<S, C: FromServer<S>> CapabilityServerSet<S, C> {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of the object, which the set will recognize.
    pub fn new_client(&self, server: S) -> C {
        let server = Arc::new(server);
        let weak = Arc::downgrade(&server);
        let (client, id) = Client::local(C::into_dispatch(server));
        let mut servers = lock(&self.servers);
        // Looking for dead entries only when the map would grow anyway keeps this cheap.
        if servers.len() == servers.capacity() {
            servers.retain(|_, server| server.strong_count() > 0);
        }
        servers.insert(id, weak);
        drop(servers);
        C::from_client(client)
    }

    /// The object behind the client, if this set made it. Waits for the answer of the call that
    /// the client was pipelined on, and for calls streamed to the object before.
    pub async fn get_local_server(&self, client: &C) -> Option<Arc<S>> {
        let id = client.as_client().local_server().await?;
        lock(&self.servers).get(&id)?.upgrade()
    }
}

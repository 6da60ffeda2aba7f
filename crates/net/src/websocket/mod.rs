//! Cap'n Proto RPC over WebSocket: one message per binary WebSocket message, as a browser sends it.

mod client;
pub(crate) mod link;
mod outlet;
pub(crate) mod server;
pub(crate) mod upgrade;

pub use client::connect;
pub use server::serve;
pub use upgrade::upgrade;

//! Cap'n Proto RPC over WebSocket: one message per binary WebSocket message, as a browser sends it.

mod client;
mod endpoint;
pub(crate) mod link;
mod outlet;
pub(crate) mod server;
pub(crate) mod upgrade;

pub use client::connect;
pub use endpoint::Endpoint;
pub use server::{serve, serve_until};
pub use upgrade::upgrade;

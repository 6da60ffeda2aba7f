//! The server as a browser and an RPC client meet it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod http;
mod rpc;
mod running;

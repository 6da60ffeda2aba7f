//! Clients and servers on real sockets of the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub
)]

mod bad_input;
mod batches;
mod flow;
mod gateway;
mod refusals;
mod server;
mod silence;
mod streaming;
#[rustfmt::skip]
#[path = "../../../rpc/tests/generated/trial_capnp.rs"]
mod trial_capnp;

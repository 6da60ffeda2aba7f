//! Two runtimes with a simulated link between them, and everything that programs do with them.
//!
//! Time is tokio's paused clock: a test in which nothing can happen moves on to the next moment at
//! which something does, so delays cost nothing and take exactly what they should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub
)]

mod borders;
mod calls;
mod caps;
mod chaos;
mod link;
mod networks;
mod promises;
mod seeds;
mod server;
mod streams;
#[rustfmt::skip]
#[path = "../generated/trial_capnp.rs"]
mod trial_capnp;

//! What is generated for a schema with every construct of the language compiles, warns about
//! nothing, and works.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[rustfmt::skip]
#[path = "generated/everything_capnp.rs"]
mod everything_capnp;
#[rustfmt::skip]
#[path = "generated/neighbour_capnp.rs"]
mod neighbour_capnp;

//! The vat in simulated networks: calls, pipelines, capabilities, streams, and what goes wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod batches;
mod bench;
mod by_hand;
mod calls;
mod caps;
mod flags;
mod fuzz;
mod hand;
mod hostile;
mod limits;
mod odd;
mod promises;
mod random;
mod seeds;
mod streams;
mod tails;
mod words;

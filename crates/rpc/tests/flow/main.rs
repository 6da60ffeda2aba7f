//! Flow control on simulated links, in virtual time: what it reaches, beside what simpler ways reach.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod changes;
mod clocks;
mod figures;
mod links;
mod on_paths;
mod paths;
mod random;
mod relay;
mod sharing;
mod vats;

use capstan_rpc::flow::simulator::{self as sim, control};

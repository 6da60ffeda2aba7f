//! Flow control: how much the streams of a connection may have in flight. No clock, no I/O.
//!
//! Each stream's bandwidth and round-trip time are estimated end to end. What the streams of one
//! [`Line`] share is the queue: the bytes in flight beyond what their pipes hold come out of one
//! small budget, and whoever sent least comes next. See [`Line`] for how.

mod clock;
mod filter;
mod line;
mod lumps;
mod member;
mod pipe;
#[cfg(feature = "simulator")]
#[allow(missing_docs, reason = "a bench, whose names and comments say enough")]
pub mod simulator;

pub use line::{Line, LineStats, MemberId, MemberStats, Sent};
pub use pipe::Mode;

/// How much a stream may have in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowControl {
    /// This many bytes of framed calls, plus the largest call in flight: a call that is larger
    /// than the window still leaves room for one behind it, so no round trip is lost to it.
    Fixed(u64),
    /// What the way to the object holds, found out while streaming, and a share of a small queue.
    #[default]
    Adaptive,
}

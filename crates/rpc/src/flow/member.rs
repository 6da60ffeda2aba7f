//! A stream, as its line knows it.

use super::FlowControl;
use super::filter::ShortestTime;
use super::pipe::Pipe;

/// What is known of a stream and what it was given.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) tag: u64,
    pub(super) control: FlowControl,
    pub(super) pipe: Pipe,
    pub(super) round_trip: ShortestTime,
    /// When a message of its own last met no queue of ours.
    pub(super) clear_at: Option<u64>,
    pub(super) in_flight_bytes: u64,
    pub(super) delivered_bytes: u64,
    pub(super) largest_bytes: u64,
    pub(super) earlier_largest_bytes: u64,
    pub(super) virtual_time: u64,
    pub(super) waiting: u32,
    pub(super) promised_bytes: u64,
    /// Rounds of the line since that promise.
    pub(super) promise_rounds: u8,
}

impl Member {
    pub(super) fn new(tag: u64, control: FlowControl, virtual_time: u64) -> Self {
        Self {
            tag,
            control,
            pipe: Pipe::default(),
            round_trip: ShortestTime::default(),
            clear_at: None,
            in_flight_bytes: 0,
            delivered_bytes: 0,
            largest_bytes: 0,
            earlier_largest_bytes: 0,
            virtual_time,
            waiting: 0,
            promised_bytes: 0,
            promise_rounds: 0,
        }
    }

    pub(super) fn largest(&self) -> u64 {
        self.largest_bytes.max(self.earlier_largest_bytes)
    }

    pub(super) fn begin_round(&mut self) {
        self.earlier_largest_bytes = core::mem::take(&mut self.largest_bytes);
    }

    pub(super) fn is_active(&self) -> bool {
        self.in_flight_bytes > 0 || self.waiting > 0 || self.promised_bytes > 0
    }
}

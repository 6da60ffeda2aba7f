//! How much a stream may have in flight, and who waits for room. No clock, no I/O.

mod lines;

use std::collections::VecDeque;

use super::ordered::Ordered;
use super::{CallId, Exception};
use crate::flow::Mode;

pub use crate::flow::FlowControl;
pub(super) use lines::OnLine;

/// What a stream is doing, for gauges and tests. All in bytes of framed Call messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Bytes that may be in flight, not counting the largest call.
    pub window_bytes: u64,
    /// Sent and not yet returned.
    pub in_flight_bytes: u64,
    /// The largest call in flight.
    pub largest_bytes: u64,
    /// Returned without error, in total.
    pub delivered_bytes: u64,
    /// The highest rate of late, in bytes per second. Of streams that adapt, as what follows.
    pub btl_bw: u64,
    /// The shortest round trip of late.
    pub rt_prop_micros: Option<u64>,
    /// What is being found out; `None` when the window is fixed.
    pub mode: Option<Mode>,
}

/// The streamed calls to one object: what is in flight, who waits, and the error that ended it.
#[derive(Debug)]
pub(super) struct Stream {
    control: FlowControl,
    in_flight_bytes: u64,
    delivered_bytes: u64,
    /// Sizes of the calls in flight, each with its count.
    sizes: Ordered<u64, u32>,
    /// Calls that were sent and whose promise waits for room behind them.
    waiting: VecDeque<CallId>,
    /// Those who wait until nothing is in flight.
    settling: VecDeque<CallId>,
    /// The first failure; it is every later call's failure too.
    error: Option<Exception>,
}

impl Stream {
    pub(super) fn new(control: FlowControl) -> Self {
        Self {
            control,
            in_flight_bytes: 0,
            delivered_bytes: 0,
            sizes: Ordered::new(),
            waiting: VecDeque::new(),
            settling: VecDeque::new(),
            error: None,
        }
    }

    pub(super) fn set_control(&mut self, control: FlowControl) {
        self.control = control;
    }

    pub(super) fn control(&self) -> FlowControl {
        self.control
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn error(&self) -> Option<&Exception> {
        self.error.as_ref()
    }

    /// Whether there is room for another call, whatever its size.
    pub(super) fn is_ready(&self) -> bool {
        self.in_flight_bytes < self.window_bytes().saturating_add(self.largest_bytes())
    }

    pub(super) fn on_sent(&mut self, bytes: u64) {
        self.in_flight_bytes += bytes;
        match self.sizes.get_mut(&bytes) {
            Some(count) => *count += 1,
            None => self.sizes.insert(bytes, 1),
        }
    }

    pub(super) fn on_returned(&mut self, bytes: u64, result: Result<(), Exception>) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
        if let Some(count) = self.sizes.get_mut(&bytes) {
            *count -= 1;
            if *count == 0 {
                self.sizes.remove(&bytes);
            }
        }
        match result {
            Ok(()) => self.delivered_bytes += bytes,
            Err(exception) => self.fail(exception),
        }
    }

    /// Makes this the failure of every later call; the first one stays.
    pub(super) fn fail(&mut self, exception: Exception) {
        self.error.get_or_insert(exception);
    }

    pub(super) fn wait(&mut self, call: CallId) {
        self.waiting.push_back(call);
    }

    pub(super) fn wait_until_settled(&mut self, call: CallId) {
        self.settling.push_back(call);
    }

    /// The next call whose waiting for all others is over.
    pub(super) fn poll_settled(&mut self) -> Option<CallId> {
        (self.error.is_some() || self.in_flight_bytes == 0)
            .then(|| self.settling.pop_front())
            .flatten()
    }

    /// Whether it did wait for room.
    pub(super) fn stop_waiting(&mut self, call: CallId) -> bool {
        self.settling.retain(|settling| *settling != call);
        let before = self.waiting.len();
        self.waiting.retain(|waiting| *waiting != call);
        self.waiting.len() < before
    }

    pub(super) fn take_waiting(&mut self) -> Option<CallId> {
        self.waiting.pop_front()
    }

    /// The next call whose waiting is over, because there is room or because there never will be.
    pub(super) fn poll_ready(&mut self) -> Option<CallId> {
        (self.error.is_some() || self.is_ready())
            .then(|| self.waiting.pop_front())
            .flatten()
    }

    pub(super) fn stats(&self) -> StreamStats {
        StreamStats {
            window_bytes: self.window_bytes(),
            in_flight_bytes: self.in_flight_bytes,
            largest_bytes: self.largest_bytes(),
            delivered_bytes: self.delivered_bytes,
            ..StreamStats::default()
        }
    }

    /// What counts where there is no line.
    fn window_bytes(&self) -> u64 {
        window_bytes(self.control)
    }

    fn largest_bytes(&self) -> u64 {
        self.sizes.last_key().copied().unwrap_or(0)
    }
}

/// The window of a stream of which nothing else is known.
pub(super) fn window_bytes(control: FlowControl) -> u64 {
    match control {
        FlowControl::Fixed(bytes) => bytes,
        FlowControl::Adaptive => 64 * 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_the_window_plus_the_largest_call_in_flight() {
        let mut stream = Stream::new(FlowControl::Fixed(1000));
        assert!(stream.is_ready());
        stream.on_sent(600);
        assert!(stream.is_ready());
        stream.on_sent(600);
        assert!(stream.is_ready(), "1200 < 1000 + 600");
        stream.on_sent(600);
        assert!(!stream.is_ready(), "1800 >= 1000 + 600");
        stream.on_returned(600, Ok(()));
        assert!(stream.is_ready());
        assert_eq!(stream.stats().delivered_bytes, 600);
    }

    #[test]
    fn a_call_larger_than_the_window_leaves_room_for_one_more() {
        let mut stream = Stream::new(FlowControl::Fixed(10));
        stream.on_sent(5000);
        assert!(stream.is_ready());
        stream.on_sent(5000);
        assert!(!stream.is_ready());
    }

    #[test]
    fn the_largest_call_counts_only_while_it_is_in_flight() {
        let mut stream = Stream::new(FlowControl::Fixed(100));
        stream.on_sent(5000);
        stream.on_sent(50);
        stream.on_returned(5000, Ok(()));
        assert_eq!(stream.stats().largest_bytes, 50);
    }

    #[test]
    fn waiting_ends_in_order_when_there_is_room_and_at_once_on_failure() {
        let mut stream = Stream::new(FlowControl::Fixed(10));
        for call in 0..3 {
            stream.on_sent(10);
            stream.wait(CallId(call));
        }
        assert_eq!(stream.poll_ready(), None);
        stream.on_returned(10, Ok(()));
        assert_eq!(stream.poll_ready(), None, "20 >= 10 + 10");
        stream.on_returned(10, Err(Exception::failed("disk full")));
        assert_eq!(stream.poll_ready(), Some(CallId(0)));
        assert_eq!(stream.poll_ready(), Some(CallId(1)));
        stream.fail(Exception::failed("later"));
        assert_eq!(stream.error().map(|e| e.reason.as_str()), Some("disk full"));
    }
}

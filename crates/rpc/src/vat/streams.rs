//! Streams: which calls count together, and who waits for room among them.

use super::calls::{Purpose, Route};
use super::caps::CapKind;
use super::flow::{FlowControl, Stream, StreamStats};
use super::{Admission, CallId, CapId, ConnectionId, Event, Exception, StreamId, Vat};
use crate::flow::MemberId;

#[derive(Debug)]
pub(super) struct StreamSlot {
    pub(super) flow: Stream,
    /// Whose streams are counted together; none for streams that stay in this vat.
    pub(super) connection: Option<ConnectionId>,
    /// The line it is on, and its place there, when it adapts.
    pub(super) member: Option<(ConnectionId, MemberId)>,
    /// What was chosen for this stream alone.
    pub(super) chosen: Option<FlowControl>,
    /// Capabilities and calls that refer to it.
    refs: u32,
}

impl Vat {
    /// What the streamed calls to this capability are doing; `None` when there were none.
    pub fn stream_stats(&self, cap: CapId) -> Option<StreamStats> {
        let stream = self.caps.get(self.resolve(cap).0)?.stream?;
        self.stats_of_stream(stream)
    }

    /// Waits until no streamed call to this capability is in flight; on `Err`, one has failed. The
    /// event is the same as when there is room behind a streamed call.
    pub fn settle_stream(&mut self, now_micros: u64, cap: CapId) -> Result<Admission, Exception> {
        self.now_micros = now_micros;
        let cap = self.shorten(cap);
        let stream = self.caps.get(cap.0).and_then(|cap| cap.stream);
        let Some((stream, slot)) =
            stream.and_then(|stream| Some((stream, self.streams.get(stream.0)?)))
        else {
            return Ok(Admission::Ready);
        };
        if let Some(error) = slot.flow.error() {
            return Err(error.clone());
        }
        if slot.flow.stats().in_flight_bytes == 0 {
            return Ok(Admission::Ready);
        }
        let call = self.new_call(Purpose::Streamed { waiting: true }, cap, Some(stream));
        if let Some(slot) = self.streams.get_mut(stream.0) {
            slot.flow.wait_until_settled(call);
        }
        if let Some(entry) = self.calls.get_mut(call.0) {
            // There is nothing to send, and so nothing to come back.
            entry.route = Route::Over;
            entry.target = None;
        }
        self.release_cap(cap);
        Ok(Admission::Wait(call))
    }

    /// Sets the flow control of every stream of this connection, present and future.
    pub fn set_flow_control(&mut self, connection: ConnectionId, flow_control: FlowControl) {
        if let Some(table) = self.connections.get_mut(connection.0) {
            table.options.flow_control = flow_control;
        }
        let streams: Vec<StreamId> = self.streams.keys().map(StreamId).collect();
        for stream in streams {
            if let Some(slot) = self.streams.get_mut(stream.0)
                && slot.connection == Some(connection)
            {
                slot.chosen = None;
                slot.flow.set_control(flow_control);
                self.place_stream(stream, true);
                self.wake_stream(stream);
            }
        }
    }

    // ---- inside ----

    /// Counts a streamed call as in flight; once, even when it first waited in a promise.
    pub(super) fn count(&mut self, call: CallId, bytes: u64) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        if matches!(entry.purpose, Purpose::Streamed { .. })
            && entry.bytes == 0
            && let Some(stream) = entry.stream
        {
            entry.bytes = bytes;
            let on_line = self.on_stream_sent(stream, bytes);
            if let Some(entry) = self.calls.get_mut(call.0) {
                entry.on_line = on_line;
            }
        }
    }

    pub(super) fn admit(&mut self, stream: StreamId, bytes: u64) -> Result<(), Exception> {
        let Some(slot) = self.streams.get_mut(stream.0) else {
            return Ok(());
        };
        if let Some(error) = slot.flow.error() {
            return Err(error.clone());
        }
        let limit = slot
            .connection
            .and_then(|id| self.connections.get(id.0))
            .map_or(
                super::ConnectionOptions::default().stream_backlog_bytes,
                |c| c.options.stream_backlog_bytes,
            );
        let in_flight_bytes = slot.flow.stats().in_flight_bytes;
        // One call is always let through, whatever its size.
        if in_flight_bytes == 0 || in_flight_bytes.saturating_add(bytes) <= limit {
            return Ok(());
        }
        let error = Exception::overloaded(format!(
            "more than {limit} bytes of streamed calls are unacknowledged; wait for each streamed call's promise before making the next call"
        ));
        slot.flow.fail(error.clone());
        Err(error)
    }

    pub(super) fn stream_error(&self, stream: StreamId) -> Option<Exception> {
        self.streams
            .get(stream.0)
            .and_then(|slot| slot.flow.error().cloned())
    }

    /// Ends the waiting of those for whom there is room now, or never will be.
    pub(super) fn wake_stream(&mut self, stream: StreamId) {
        while let Some(slot) = self.streams.get_mut(stream.0)
            && let Some(call) = slot.flow.poll_settled()
        {
            self.tell_ready(stream, call);
        }
        while let Some(slot) = self.streams.get_mut(stream.0) {
            let member = slot.member;
            if member.is_some() && slot.flow.error().is_none() {
                break;
            }
            let Some(call) = slot.flow.poll_ready() else {
                break;
            };
            if let Some((connection, member)) = member
                && let Some(table) = self.connections.get_mut(connection.0)
                && let Some(line) = &mut table.line
            {
                line.stop_waiting(member);
            }
            self.tell_ready(stream, call);
        }
        if let Some(slot) = self.streams.get(stream.0)
            && let Some((connection, _)) = slot.member
        {
            self.wake_line(connection);
        }
    }

    /// The waiting behind this call is over.
    pub(super) fn tell_ready(&mut self, stream: StreamId, call: CallId) {
        let result = self.stream_error(stream).map_or(Ok(()), Err);
        self.events.push_back(Event::StreamReady { call, result });
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        entry.purpose = Purpose::Streamed { waiting: false };
        if entry.route == Route::Over {
            self.forget(call);
        }
    }

    /// The stream of calls to `cap`, which is resolved; a new one if there was none.
    pub(super) fn stream_of(&mut self, cap: CapId) -> StreamId {
        if let Some(stream) = self.caps.get(cap.0).and_then(|cap| cap.stream) {
            return stream;
        }
        let connection = self.connection_of_cap(cap);
        let control = self.flow_control_of(connection);
        let stream = StreamId(self.streams.insert(StreamSlot {
            flow: Stream::new(control),
            connection,
            member: None,
            chosen: None,
            refs: 0,
        }));
        self.place_stream(stream, true);
        self.attach_stream(stream, cap);
        stream
    }

    pub(super) fn retain_stream(&mut self, stream: StreamId) {
        if let Some(slot) = self.streams.get_mut(stream.0) {
            slot.refs += 1;
        }
    }

    pub(super) fn release_stream(&mut self, stream: StreamId) {
        let Some(slot) = self.streams.get_mut(stream.0) else {
            return;
        };
        slot.refs = slot.refs.saturating_sub(1);
        if slot.refs == 0 {
            let member = slot.member.take();
            let (connection, delivered) = (slot.connection, slot.flow.stats().delivered_bytes);
            self.streams.remove(stream.0);
            if let Some(table) = connection.and_then(|id| self.connections.get_mut(id.0)) {
                table.delivered_bytes += delivered;
            }
            self.leave_line(member);
        }
    }

    pub(super) fn connection_of_cap(&self, cap: CapId) -> Option<ConnectionId> {
        match self.kind(cap)? {
            CapKind::Import { connection, .. } => Some(*connection),
            CapKind::Answer { call, .. } => self.connection_of_call(*call),
            _ => None,
        }
    }

    fn attach_stream(&mut self, stream: StreamId, cap: CapId) {
        if let Some(entry) = self.caps.get_mut(cap.0) {
            entry.stream = Some(stream);
            self.retain_stream(stream);
        }
    }

    /// Takes a promise's stream along to what it turned out to be, with the promise's reference.
    pub(super) fn move_stream(&mut self, stream: StreamId, to: CapId) {
        match self.caps.get(to.0).and_then(|cap| cap.stream) {
            Some(existing) => {
                // Two promises led to one object: what failed one of them fails the object.
                let error = self
                    .streams
                    .get(stream.0)
                    .and_then(|slot| slot.flow.error().cloned());
                if let (Some(error), Some(slot)) = (error, self.streams.get_mut(existing.0)) {
                    slot.flow.fail(error);
                }
            }
            None => {
                let connection = self.connection_of_cap(to);
                let control = self.flow_control_of(connection);
                if let Some(slot) = self.streams.get_mut(stream.0) {
                    slot.connection = connection.or(slot.connection);
                    slot.flow.set_control(slot.chosen.unwrap_or(control));
                }
                self.place_stream(stream, connection.is_some());
                self.attach_stream(stream, to);
            }
        }
        self.release_stream(stream);
    }

    fn flow_control_of(&self, connection: Option<ConnectionId>) -> FlowControl {
        connection
            .and_then(|id| self.connections.get(id.0))
            .map_or(FlowControl::default(), |connection| {
                connection.options.flow_control
            })
    }
}

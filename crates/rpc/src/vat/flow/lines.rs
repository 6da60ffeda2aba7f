//! Streams that adapt, on the line of their connection.

use super::StreamStats;
use crate::flow::{FlowControl, Line, LineStats, MemberId, Sent};
use crate::vat::{CallId, ConnectionId, Exception, StreamId, Vat};

/// A call of a stream that adapts, as its line remembers it.
#[derive(Debug)]
pub(in crate::vat) struct OnLine {
    connection: ConnectionId,
    member: MemberId,
    sent: Sent,
}

impl Vat {
    /// What is known of the way to the peer; `None` when no stream of this connection adapts.
    pub fn line_stats(&self, connection: ConnectionId) -> Option<LineStats> {
        let line = self.connections.get(connection.0)?.line.as_ref()?;
        Some(line.stats())
    }

    /// Of the frames that `poll_transmit` handed out, so many bytes wait in this computer: in a socket's
    /// buffer, as far as that is known. Streams that adapt wait while it is more than a small queue,
    /// so whoever says so once has to go on telling when it is less.
    pub fn set_backlog(&mut self, connection: ConnectionId, bytes: u64) {
        if let Some(table) = self.connections.get_mut(connection.0) {
            table.handed_out_backlog_bytes = bytes;
            self.tell_backlog(connection);
            self.wake_line(connection);
        }
    }

    /// As long as the network is busy with what it was handed, what is still here waits behind that. So
    /// does what is more than it takes at a time: whoever called has not let it have its turn.
    pub(in crate::vat) fn tell_backlog(&mut self, connection: ConnectionId) {
        if let Some(table) = self.connections.get_mut(connection.0)
            && let Some(line) = &mut table.line
        {
            let handed_out = table.handed_out_backlog_bytes;
            let usual = if handed_out > 0 { 0 } else { TURN_BYTES };
            let behind = table.outbound_bytes.saturating_sub(usual);
            table.is_backlogged = handed_out > 0 || behind > 0;
            line.set_backlog(handed_out.saturating_add(behind as u64));
        }
    }

    /// The network has taken a frame.
    pub(in crate::vat) fn on_handed_out(&mut self, connection: ConnectionId) {
        let table = self.connections.get(connection.0);
        if table.is_some_and(|table| table.is_backlogged) {
            self.tell_backlog(connection);
            self.wake_line(connection);
        }
    }

    /// Sets the flow control of this capability's stream from now on, whatever its connection's is.
    pub fn set_stream_flow_control(&mut self, cap: crate::vat::CapId, flow_control: FlowControl) {
        let stream = self.stream_of(self.resolve(cap));
        if let Some(slot) = self.streams.get_mut(stream.0) {
            slot.chosen = Some(flow_control);
            slot.flow.set_control(flow_control);
        }
        self.place_stream(stream, true);
        self.wake_stream(stream);
    }

    /// Takes a stream that adapts onto its connection's line, and one that does not, or whose object
    /// is not at a peer, off it.
    pub(in crate::vat) fn place_stream(&mut self, stream: StreamId, at_peer: bool) {
        let Some(slot) = self.streams.get_mut(stream.0) else {
            return;
        };
        let adapts = at_peer && slot.flow.control() == FlowControl::Adaptive;
        let wanted = slot.connection.filter(|_| adapts);
        if slot.member.map(|(connection, _)| connection) == wanted {
            return;
        }
        let waiting = slot.flow.waiting();
        let left = slot.member.take();
        self.leave_line(left);
        let Some(connection) = wanted else { return };
        let Some(table) = self.connections.get_mut(connection.0) else {
            return;
        };
        let backlog_bytes = table.options.stream_backlog_bytes;
        let line = table
            .line
            .get_or_insert_with(|| Box::new(Line::new(backlog_bytes - backlog_bytes / 4)));
        let member = line.join(stream.0 as u64, FlowControl::Adaptive);
        for _ in 0..waiting {
            line.wait(member);
        }
        if let Some(slot) = self.streams.get_mut(stream.0) {
            slot.member = Some((connection, member));
        }
    }

    pub(in crate::vat) fn leave_line(&mut self, member: Option<(ConnectionId, MemberId)>) {
        if let Some((connection, member)) = member
            && let Some(line) = self.line(connection)
        {
            line.leave(member);
            self.wake_line(connection);
        }
    }

    /// Whether there is room for another call behind those of this stream.
    pub(in crate::vat) fn has_room(&self, stream: StreamId) -> bool {
        let Some(slot) = self.streams.get(stream.0) else {
            return true;
        };
        let line = slot.member.and_then(|(connection, member)| {
            let line = self.connections.get(connection.0)?.line.as_ref()?;
            Some(line.is_ready(member))
        });
        line.unwrap_or_else(|| slot.flow.is_ready())
    }

    pub(in crate::vat) fn wait_for_room(&mut self, stream: StreamId, call: CallId) {
        let Some(slot) = self.streams.get_mut(stream.0) else {
            return;
        };
        slot.flow.wait(call);
        let placed = slot.member;
        if let Some((connection, _)) = placed {
            // There may be room, but for others.
            self.wake_line(connection);
        }
        if let Some((connection, member)) = placed
            && let Some(line) = self.line(connection)
        {
            line.wait(member);
        }
    }

    pub(in crate::vat) fn stop_waiting_for_room(&mut self, stream: StreamId, call: CallId) {
        if let Some(slot) = self.streams.get_mut(stream.0)
            && slot.flow.stop_waiting(call)
            && let Some((connection, member)) = slot.member
            && let Some(line) = self.line(connection)
        {
            line.stop_waiting(member);
        }
    }

    pub(in crate::vat) fn on_stream_sent(
        &mut self,
        stream: StreamId,
        bytes: u64,
    ) -> Option<Box<OnLine>> {
        let now_micros = self.now_micros;
        let slot = self.streams.get_mut(stream.0)?;
        slot.flow.on_sent(bytes);
        let (connection, member) = slot.member?;
        let sent = self.line(connection)?.on_sent(now_micros, member, bytes);
        self.tell_backlog(connection);
        Some(Box::new(OnLine {
            connection,
            member,
            sent,
        }))
    }

    pub(in crate::vat) fn on_streamed(
        &mut self,
        stream: StreamId,
        bytes: u64,
        on_line: Option<Box<OnLine>>,
        outcome: Result<(), Exception>,
    ) {
        let now_micros = self.now_micros;
        let Some(slot) = self.streams.get_mut(stream.0) else {
            return;
        };
        slot.flow.on_returned(bytes, outcome);
        // The stream may have gone to another line since, or off it.
        if let Some(on_line) = on_line
            && slot.member == Some((on_line.connection, on_line.member))
            && let Some(line) = self.line(on_line.connection)
        {
            line.on_returned(now_micros, on_line.member, &on_line.sent);
        }
        self.wake_stream(stream);
    }

    /// Ends the waiting of those on this line for whom there is room now.
    pub(in crate::vat) fn wake_line(&mut self, connection: ConnectionId) {
        while let Some(line) = self.line(connection)
            && let Some(stream) = line.poll_ready()
        {
            let stream = StreamId(stream as u32);
            if let Some(call) = self
                .streams
                .get_mut(stream.0)
                .and_then(|slot| slot.flow.take_waiting())
            {
                self.tell_ready(stream, call);
            }
        }
    }

    /// What a stream knows, with what its line knows of it.
    pub(in crate::vat) fn stats_of_stream(&self, stream: StreamId) -> Option<StreamStats> {
        let slot = self.streams.get(stream.0)?;
        let mut stats = slot.flow.stats();
        if let Some((connection, member)) = slot.member
            && let Some(line) = self
                .connections
                .get(connection.0)
                .and_then(|table| table.line.as_ref())
            && let Some(known) = line.member_stats(member)
        {
            stats.window_bytes = known.window_bytes;
            stats.btl_bw = known.btl_bw as u64;
            stats.rt_prop_micros = known.rt_prop_micros;
            stats.mode = Some(known.mode);
        }
        Some(stats)
    }

    fn line(&mut self, connection: ConnectionId) -> Option<&mut Line> {
        self.connections.get_mut(connection.0)?.line.as_deref_mut()
    }
}

/// More than networks take at a time.
const TURN_BYTES: usize = 512 * 1024;

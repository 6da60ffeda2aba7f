//! A vat as a state machine: it takes in frames and the wishes of its driver, and hands out frames
//! and events. It has no clock, does no I/O, runs no callbacks and holds ids in place of objects, so
//! it is `Send`, and the same code runs natively, in wasm and in simulations.
//!
//! A driver is a thin loop. Every frame from a network goes to [`Vat::handle_message`]; what
//! [`Vat::poll_transmit`] hands out goes to the network in order; after either,
//! [`Vat::poll_event`] is drained. Time is in microseconds of any clock; only differences count.
//!
//! What can go wrong on a connection ends that connection and nothing else.

mod answers;
mod batches;
mod calls;
mod caps;
mod connection;
mod dedicated;
mod draining;
mod echo;
mod event;
mod exception;
mod flow;
mod giving_up;
mod id_map;
mod ids;
mod limits;
mod objects;
mod ordered;
mod outgoing;
mod payload;
mod pipelining;
mod promises;
mod receive;
mod results;
mod returns;
mod slots;
mod streams;
mod tails;
mod tasks;
mod watching;
mod wire;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

pub use batches::Batching;
pub use connection::{ConnectionOptions, ConnectionStats, VatStats};
pub use event::{Event, IncomingCall};
pub use exception::{Exception, ExceptionKind};
pub use flow::{FlowControl, StreamStats};
pub use ids::*;
pub use limits::Limits;
pub use objects::ObjectOptions;
pub use outgoing::Outgoing;
pub use payload::{FrameSegments, Payload};

use answers::Answer;
use calls::Call;
use caps::{Cap, CapKind, wire_index};
use connection::Connection;
use receive::Ending;
use slots::Slots;
use streams::StreamSlot;
use tasks::{Task, Tasks};

/// One step from results to a capability in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PipelineOp {
    /// Nothing.
    Noop,
    /// Follow this pointer of the struct.
    GetPointerField(u16),
}

/// Whether there is room behind a streamed call that was just made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// There is: make the next one.
    Ready,
    /// There is not: [`Event::StreamReady`] will say when there is.
    Wait(CallId),
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Vat {
    connections: Slots<Connection>,
    caps: Slots<Cap>,
    calls: Slots<Call>,
    answers: Slots<Answer>,
    streams: Slots<StreamSlot>,
    events: VecDeque<Event>,
    transmit_ready: VecDeque<ConnectionId>,
    now_micros: u64,
    tasks: Tasks,
    /// The last place that was given out in any queue.
    turns: u64,
}

impl Vat {
    /// Without connections and objects.
    pub fn new() -> Self {
        Self::default()
    }

    // ---- connections ----

    /// Begins a connection; the messages of its peer are given to [`handle_message`](Self::handle_message).
    pub fn connect(&mut self, now_micros: u64, options: ConnectionOptions) -> ConnectionId {
        self.now_micros = now_micros;
        ConnectionId(
            self.connections
                .insert(Connection::new(now_micros, options)),
        )
    }

    /// Takes in one framed message, segment table included. A message that breaks the protocol ends
    /// the connection: an Abort that says why is there to transmit, and [`Event::Closed`] follows.
    pub fn handle_message(&mut self, now_micros: u64, connection: ConnectionId, frame: Vec<u8>) {
        self.now_micros = now_micros;
        let Some(table) = self
            .connections
            .get_mut(connection.0)
            .filter(|table| !table.closed)
        else {
            return;
        };
        table.on_heard(now_micros);
        let limit = table.options.max_message_bytes;
        let queued_limit = table.options.limits.max_queued_bytes;
        let received = if frame.len() > limit {
            Err(Ending::Abort(Exception::failed(format!(
                "the peer sent a message of {} bytes, and the limit is {limit}; send less at a time or raise the limit",
                frame.len()
            ))))
        } else if table.outbound_bytes > queued_limit {
            Err(Ending::Abort(Exception::overloaded(format!(
                "more than {queued_limit} bytes wait to be sent to the peer, which goes on sending; read what comes back, or ask for less at a time"
            ))))
        } else {
            self.receive(connection, frame)
        };
        match received {
            Ok(()) => {}
            Err(Ending::Abort(reason)) => self.close(now_micros, connection, reason),
            Err(Ending::Aborted(exception)) => {
                let reason = Exception {
                    kind: exception.kind,
                    reason: format!("the peer ended the connection: {}", exception.reason),
                    trace: exception.trace,
                };
                self.disconnect(connection, reason);
            }
        }
        self.run_tasks();
    }

    /// The network has lost the connection.
    pub fn handle_disconnect(
        &mut self,
        now_micros: u64,
        connection: ConnectionId,
        reason: Exception,
    ) {
        self.now_micros = now_micros;
        self.disconnect(connection, reason);
        self.run_tasks();
    }

    /// Ends the connection: the peer is sent an Abort with this reason, all calls fail with it, and
    /// [`Event::Closed`] follows.
    pub fn close(&mut self, now_micros: u64, connection: ConnectionId, reason: Exception) {
        self.now_micros = now_micros;
        self.transmit(connection, wire::abort(&reason));
        self.disconnect(connection, reason);
        self.run_tasks();
    }

    /// The next frame to send: a message, segment table included, or several of them back to back
    /// when [`sends_batches`](Self::sends_batches). After [`Event::Closed`] the frames that are
    /// left can still be sent, an Abort the last of them; `None` then ends the connection's id.
    pub fn poll_transmit(&mut self, connection: ConnectionId) -> Option<Vec<u8>> {
        let table = self.connections.get_mut(connection.0)?;
        let frame = table.next_frame();
        if frame.is_none() {
            table.announced = false;
            if table.closed {
                self.connections.remove(connection.0);
            }
        } else {
            self.on_handed_out(connection);
        }
        frame
    }

    /// A connection that has something to transmit. It is named again only after its
    /// `poll_transmit` has said `None`.
    pub fn poll_transmit_ready(&mut self) -> Option<ConnectionId> {
        self.transmit_ready.pop_front()
    }

    /// What the application has to be told next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What a connection has to do and to keep; `None` when it is over.
    pub fn connection_stats(&self, connection: ConnectionId) -> Option<ConnectionStats> {
        let table = self.connections.get(connection.0)?;
        let mut stats = ConnectionStats {
            questions: table.questions.len(),
            answers: table.answers.len(),
            imports: table.imports.len(),
            exports: table.exports.len(),
            queued_frames: table.outbound.len(),
            queued_bytes: table.outbound_bytes,
            window_bytes: flow::window_bytes(table.options.flow_control),
            delivered_bytes: table.delivered_bytes,
            ..ConnectionStats::default()
        };
        if let Some(line) = &table.line {
            let line = line.stats();
            stats.window_bytes = line.window_bytes;
            stats.btl_bw = line.btl_bw as u64;
            stats.rt_prop_micros = Some(line.rt_prop_micros).filter(|micros| *micros > 0);
            stats.mode = Some(line.mode);
        }
        for slot in self
            .streams
            .values()
            .filter(|slot| slot.connection == Some(connection))
        {
            let stream = slot.flow.stats();
            stats.delivered_bytes += stream.delivered_bytes;
            if stream.in_flight_bytes > 0 {
                stats.streams += 1;
                stats.in_flight_bytes += stream.in_flight_bytes;
            }
        }
        Some(stats)
    }

    /// How much this vat keeps, over all connections.
    pub fn stats(&self) -> VatStats {
        VatStats {
            connections: self.connections.len(),
            capabilities: self.caps.len(),
            calls: self.calls.len(),
            answers: self.answers.len(),
            streams: self.streams.len(),
        }
    }

    // ---- capabilities ----

    /// One more reference to a capability.
    pub fn retain(&mut self, cap: CapId) -> CapId {
        self.retain_cap(cap)
    }

    /// One reference less. The last one lets go of the object, here or at the peer.
    pub fn release(&mut self, now_micros: u64, cap: CapId) {
        self.now_micros = now_micros;
        self.release_cap(cap);
        self.run_tasks();
    }

    /// A capability whose every call fails so. One reference.
    pub fn broken(&mut self, exception: Exception) -> CapId {
        self.new_cap(CapKind::Broken(exception))
    }

    // ---- inside ----

    fn transmit(&mut self, connection: ConnectionId, frame: Vec<u8>) {
        let Some(table) = self
            .connections
            .get_mut(connection.0)
            .filter(|table| !table.closed)
        else {
            return;
        };
        table.outbound_bytes += frame.len();
        table.outbound.push_back(frame);
        self.announce(connection);
    }

    /// There is something to transmit.
    fn announce(&mut self, connection: ConnectionId) {
        if let Some(table) = self.connections.get_mut(connection.0)
            && !core::mem::replace(&mut table.announced, true)
        {
            self.transmit_ready.push_back(connection);
        }
    }

    /// Everything that went through this connection fails with `reason`.
    fn disconnect(&mut self, connection: ConnectionId, reason: Exception) {
        let Some(table) = self
            .connections
            .get_mut(connection.0)
            .filter(|table| !table.closed)
        else {
            return;
        };
        table.closed = true;
        // Someone has to poll the last `None`.
        if !core::mem::replace(&mut table.announced, true) {
            self.transmit_ready.push_back(connection);
        }
        let offered = [table.options.bootstrap.take(), table.dedicated.take()];
        let imports = core::mem::take(&mut table.imports);
        let answers = core::mem::take(&mut table.answers);
        let questions = core::mem::take(&mut table.questions);
        let exports = core::mem::take(&mut table.exports);
        let embargoes = core::mem::take(&mut table.embargoes);
        table.export_by_cap.clear();

        for import in imports.into_values() {
            if let Some(cap) = self.caps.get_mut(import.cap.0) {
                cap.kind = CapKind::Broken(reason.clone());
            }
            self.tell_watchers(import.cap);
        }
        // In order, with a heap: sorting brings more code than all the rest of this.
        let mut answers: BinaryHeap<_> = answers.into_iter().map(Reverse).collect();
        while let Some(Reverse((_, answer))) = answers.pop() {
            self.orphan(answer);
        }
        for (_, call) in questions {
            self.complete(call, Err(reason.clone()));
        }
        for (_, cap) in embargoes {
            self.lift_embargo(cap);
        }
        for (id, export) in exports {
            if export.promise {
                self.unwatch(connection, wire_index(id), export.cap);
            }
            self.release_cap(export.cap);
        }
        for cap in offered.into_iter().flatten() {
            self.release_cap(cap);
        }
        self.spawn(Task::Tell(Event::Closed { connection, reason }));
    }
}

//! One connection's share of a vat: the four tables and what waits to be sent.

use std::collections::VecDeque;

use slab::Slab;

use super::batches::{Batches, Batching};
use super::id_map::IdMap;
use crate::flow::Mode;

use super::{AnswerId, CallId, CapId, FlowControl, ImportId, Limits};

/// What a driver may choose about a connection.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// What a peer that asks for our bootstrap object gets. The vat takes over this reference.
    pub bootstrap: Option<CapId>,
    /// For every stream of ours on this connection. Default: adaptive.
    pub flow_control: FlowControl,
    /// A longer incoming message ends the connection. Default: 64 MiB.
    pub max_message_bytes: usize,
    /// A streamed call that would leave more than this in flight is refused as overloaded, and its
    /// stream with it: its caller does not wait for its promises. Default: 16 MiB.
    pub stream_backlog_bytes: u64,
    /// How much the peer may make us do and keep.
    pub limits: Limits,
    /// Whether a call of the peer's that goes on to an object of its own is passed back with its
    /// results, which then need not come here and return. All peers should understand; one that
    /// does not would fail such calls as unimplemented. Default: true.
    pub tail_calls: bool,
    /// Default: off.
    pub batching: Batching,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            bootstrap: None,
            flow_control: FlowControl::default(),
            max_message_bytes: 64 << 20,
            stream_backlog_bytes: 16 << 20,
            limits: Limits::default(),
            tail_calls: true,
            batching: Batching::Off,
        }
    }
}

/// The sizes of a connection's tables and what its streams hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStats {
    /// Calls made to the peer and not finished.
    pub questions: usize,
    /// Calls of the peer that are not finished.
    pub answers: usize,
    /// The peer's objects that we hold.
    pub imports: usize,
    /// Our objects that the peer holds.
    pub exports: usize,
    /// Streams with calls in flight, and the bytes of those calls.
    pub streams: usize,
    /// Bytes of streamed calls that are not acknowledged.
    pub in_flight_bytes: u64,
    /// Bytes of streamed calls that returned without error, in total.
    pub delivered_bytes: u64,
    /// Frames waiting for `poll_transmit`, and their bytes.
    pub queued_frames: usize,
    /// Bytes that wait to be sent.
    pub queued_bytes: usize,
    /// How many bytes each stream may have in flight, or all of those that adapt together.
    pub window_bytes: u64,
    /// The line's highest rate of late, in bytes per second; 0 when no stream adapts.
    pub btl_bw: u64,
    /// The line's round trip without a queue, once there was one.
    pub rt_prop_micros: Option<u64>,
    /// What the line is doing, if streams adapt.
    pub mode: Option<Mode>,
}

/// How many things a vat keeps, over all its connections. All zero when nothing leaks and all is let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VatStats {
    /// Connections that are not closed.
    pub connections: usize,
    /// Capabilities that the driver, the tables or waiting calls hold.
    pub capabilities: usize,
    /// Calls made and not returned.
    pub calls: usize,
    /// Calls to be answered, or answered and not finished by the peer.
    pub answers: usize,
    /// Streams with calls in flight.
    pub streams: usize,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) options: ConnectionOptions,
    /// Holds one reference: see [`Vat::set_dedicated`](super::Vat::set_dedicated).
    pub(super) dedicated: Option<CapId>,
    pub(super) outbound: VecDeque<Vec<u8>>,
    pub(super) outbound_bytes: usize,
    /// What the network has been handed and has not got rid of, as it said last.
    pub(super) handed_out_backlog_bytes: u64,
    /// Whether the line was told of any backlog.
    pub(super) is_backlogged: bool,
    pub(super) batches: Batches,
    /// The frames of the calls in `answers` that were not answered, and of the results kept there.
    pub(super) held_bytes: usize,
    /// Of those calls, how many are not at their objects.
    pub(super) waiting_calls: usize,
    /// The last time when the peer was heard, was asked for a sign of life, or was not there before.
    pub(super) quiet_since_micros: u64,
    /// Whether the peer has ever sent anything.
    pub(super) heard: bool,
    /// Whether a sign of life was asked for and nothing has come since.
    pub(super) asked: bool,
    /// Whether `poll_transmit_ready` has yet to name this connection.
    pub(super) announced: bool,
    /// Over: nothing is read any more, `outbound` may still drain.
    pub(super) closed: bool,
    pub(super) questions: Slab<CallId>,
    pub(super) answers: IdMap<u32, AnswerId>,
    pub(super) exports: Slab<Export>,
    pub(super) export_by_cap: IdMap<CapId, u32>,
    pub(super) imports: IdMap<ImportId, Import>,
    /// Promises of ours whose calls wait until the peer has sent back those that went before.
    pub(super) embargoes: Slab<CapId>,
    /// What streams that are gone have delivered.
    pub(super) delivered_bytes: u64,
    /// What the streams that adapt share.
    pub(super) line: Option<Box<crate::flow::Line>>,
}

#[derive(Debug)]
pub(super) struct Export {
    /// Holds one reference.
    pub(super) cap: CapId,
    /// How often the peer was told of it and has not released it.
    pub(super) refs: u32,
    /// The peer knows it as a promise and is still to be told what it is.
    pub(super) promise: bool,
}

#[derive(Debug)]
pub(super) struct Import {
    /// Weak: the import is released when the capability is.
    pub(super) cap: CapId,
    /// How often the peer told us of it, to be released in one go.
    pub(super) remote_refs: u32,
}

impl Connection {
    pub(super) fn new(now_micros: u64, options: ConnectionOptions) -> Self {
        Self {
            options,
            dedicated: None,
            outbound: VecDeque::new(),
            outbound_bytes: 0,
            handed_out_backlog_bytes: 0,
            is_backlogged: false,
            batches: Batches::default(),
            held_bytes: 0,
            waiting_calls: 0,
            quiet_since_micros: now_micros,
            heard: false,
            asked: false,
            announced: false,
            closed: false,
            questions: Slab::new(),
            answers: IdMap::default(),
            exports: Slab::new(),
            export_by_cap: IdMap::default(),
            imports: IdMap::default(),
            embargoes: Slab::new(),
            delivered_bytes: 0,
            line: None,
        }
    }

    pub(super) fn on_heard(&mut self, now_micros: u64) {
        self.quiet_since_micros = now_micros;
        self.heard = true;
        self.asked = false;
    }
}

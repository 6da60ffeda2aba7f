//! A vat as a state machine: it takes in frames and the wishes of its driver, and hands out frames
//! and events. It has no clock, does no I/O, runs no callbacks and holds ids in place of objects, so
//! it is `Send` and the same code runs natively, in wasm and in simulations.
//!
//! A driver is a thin loop: every frame from a network goes to [`Vat::handle_message`], frames from
//! [`Vat::poll_transmit`] go to the network in order, and after either, [`Vat::poll_event`] is
//! drained. Time is microseconds on any clock that does not matter to the vat but by its differences.

mod event;
mod exception;
mod ids;

pub use event::{Event, IncomingCall};
pub use exception::{Exception, ExceptionKind};
pub use ids::*;

use capstan_message::any_pointer;

/// A capability-bearing message that arrived: the params of a call or the results of one.
#[derive(Debug)]
pub struct Payload { /* private */ pub caps: Vec<Option<CapId>> }

impl Payload {
    /// The params or results struct. Capability pointers in it index [`Payload::caps`].
    pub fn content(&self) -> capstan_message::Result<any_pointer::Reader<'_>> { todo!() }
    /// The framed message it came in.
    pub fn frame(&self) -> &[u8] { todo!() }
    /// The message reader, so that a typed layer may attach its own cap table (`set_caps`).
    pub fn message_mut(&mut self) -> &mut capstan_message::message::Reader<FrameSegments> { todo!() }
    /// Which of `caps` the pointer at this path leads to; `None` when it is null or no capability.
    pub fn cap_at(&self, path: &[PipelineOp]) -> Option<CapId> { todo!() }
}

/// A message for a call or its results under construction, in the frame it will leave in.
pub struct Outgoing { /* private: FrameBuilder with the rpc Message around the content */ }

impl Outgoing {
    /// Params of a call to `method_id` of `interface_id`.
    pub fn call(interface_id: u64, method_id: u16, content_words_hint: usize) -> Self { todo!() }
    /// Results for an answer.
    pub fn results(content_words_hint: usize) -> Self { todo!() }
    /// Where the params or results struct goes. Capability pointers index the list given at sending.
    pub fn content(&mut self) -> any_pointer::Builder<'_> { todo!() }
    /// The frame itself, for an encoder that writes words in place (`spare_words_mut`, `commit_words`).
    pub fn frame_mut(&mut self) -> &mut capstan_message::message::FrameBuilder { todo!() }
    /// The word within the segment at which the content's pointer stands.
    pub fn content_pointer_word(&self) -> usize { todo!() }
}

/// One step from a result to a capability in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PipelineOp { Noop, GetPointerField(u16) }

/// How much a stream may have in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowControl {
    /// This many bytes of framed calls, plus the largest one in flight.
    Fixed(u64),
}

#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// What a peer that asks for our bootstrap gets; the vat takes over this reference.
    pub bootstrap: Option<CapId>,
    /// For every stream of ours on this connection. Default `Fixed(64 KiB)`.
    pub flow_control: FlowControl,
    /// Longer incoming messages end the connection. Default 64 MiB.
    pub max_message_bytes: usize,
    /// A streamed call beyond this many bytes unacknowledged is refused as overloaded, and its
    /// stream with it: its caller does not wait. Default 16 MiB.
    pub stream_backlog_bytes: u64,
}

/// What a hosted object promises about itself.
#[derive(Clone, Debug, Default)]
pub struct ObjectOptions {
    /// (interface id, method id) of its streaming methods.
    pub streaming_methods: std::sync::Arc<[(u64, u16)]>,
    /// Streamed calls are delivered as they come, not one at a time.
    pub concurrent: bool,
}

/// Whether the window has room behind a streamed call that was just made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It does: make the next one.
    Ready,
    /// It does not: `Event::StreamReady` will tell when it does.
    Wait(CallId),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStats { pub window_bytes: u64, pub in_flight_bytes: u64, pub delivered_bytes: u64, pub largest_bytes: u64 }

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStats { pub questions: usize, pub answers: usize, pub imports: usize, pub exports: usize, pub streams: usize, pub in_flight_bytes: u64, pub window_bytes: u64, pub queued_frames: usize }

pub struct Vat {}

impl Vat {
    pub fn new() -> Self { todo!() }

    // ---- connections ----
    pub fn connect(&mut self, now_micros: u64, options: ConnectionOptions) -> ConnectionId { todo!() }
    /// Takes one framed message in (segment table included). A protocol error ends the connection:
    /// an Abort is queued for transmission and `Event::Closed` follows.
    pub fn handle_message(&mut self, now_micros: u64, connection: ConnectionId, frame: Vec<u8>) { todo!() }
    /// The network is gone.
    pub fn handle_disconnect(&mut self, now_micros: u64, connection: ConnectionId, reason: Exception) { todo!() }
    /// The next frame to send (segment table included). Frames of a closed connection can still be polled
    /// until none is left (the last is an Abort), then `is_drained`.
    pub fn poll_transmit(&mut self, connection: ConnectionId) -> Option<Vec<u8>> { todo!() }
    pub fn poll_event(&mut self) -> Option<Event> { todo!() }
    /// Connections that have something to transmit since the last asking.
    pub fn poll_transmit_ready(&mut self) -> Option<ConnectionId> { todo!() }
    /// When `handle_timeout` wants to be called, if ever.
    pub fn poll_timeout(&self) -> Option<u64> { todo!() }
    pub fn handle_timeout(&mut self, now_micros: u64) { todo!() }
    /// Ends the connection from this side: Abort with the reason, all calls fail, `Event::Closed`.
    pub fn close(&mut self, now_micros: u64, connection: ConnectionId, reason: Exception) { todo!() }
    pub fn connection_stats(&self, connection: ConnectionId) -> Option<ConnectionStats> { todo!() }
    pub fn set_flow_control(&mut self, connection: ConnectionId, flow_control: FlowControl) { todo!() }

    // ---- capabilities (each CapId handed out is one reference) ----
    /// The peer's bootstrap object, usable at once.
    pub fn bootstrap(&mut self, now_micros: u64, connection: ConnectionId) -> CapId { todo!() }
    /// Hosts an object.
    pub fn add_object(&mut self, options: ObjectOptions) -> (ObjectId, CapId) { todo!() }
    pub fn retain(&mut self, cap: CapId) { todo!() }
    pub fn release(&mut self, now_micros: u64, cap: CapId) { todo!() }
    /// A capability whose every call fails so.
    pub fn broken(&mut self, exception: Exception) -> CapId { todo!() }
    /// The hosted object behind it, once promises have led there.
    pub fn local_object(&self, cap: CapId) -> Option<ObjectId> { todo!() }
    pub fn stream_stats(&self, cap: CapId) -> Option<StreamStats> { todo!() }

    // ---- calling ----
    /// Makes a call; `caps` (one reference each, taken over) are what the content's capability pointers index. Never fails by
    /// itself: every failure is the call's `Event::Return`.
    pub fn call(&mut self, now_micros: u64, target: CapId, params: Outgoing, caps: Vec<Option<CapId>>) -> CallId { todo!() }
    /// Makes a streamed call. `Err`: the stream is broken or overloaded, nothing was sent.
    pub fn call_streaming(&mut self, now_micros: u64, target: CapId, params: Outgoing, caps: Vec<Option<CapId>>) -> Result<Admission, Exception> { todo!() }
    /// The capability that will be at this path in the results; usable at once, one reference.
    pub fn pipeline(&mut self, call: CallId, path: &[PipelineOp]) -> CapId { todo!() }
    /// Nobody wants the results of an ordinary call any more (Finish is sent), or waits for a streamed one (which goes on).
    pub fn drop_call(&mut self, now_micros: u64, call: CallId) { todo!() }

    // ---- answering ----
    pub fn return_results(&mut self, now_micros: u64, answer: AnswerId, results: Outgoing, caps: Vec<Option<CapId>>) { todo!() }
    pub fn return_exception(&mut self, now_micros: u64, answer: AnswerId, exception: Exception) { todo!() }
}

/// The segments of an owned frame.
pub struct FrameSegments;

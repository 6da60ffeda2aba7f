//! Calls that this vat makes, for its driver or for its peers: sent, pipelined on, given up.

use super::answers::{Invocation, State};
use super::caps::{CapKind, wire_index};
use super::flow::OnLine;
use super::ordered::Ordered;
use super::promises::{KNOT_STEPS, Place, Queued};
use super::wire::{self, Descriptor, Target};
use super::{
    Admission, AnswerId, CallId, CapId, ConnectionId, Exception, ExportId, Outgoing, Payload,
    PipelineOp, QuestionId, StreamId, Vat,
};

#[derive(Debug)]
pub(super) struct Call {
    pub(super) purpose: Purpose,
    pub(super) route: Route,
    /// What it says, while it waits in a promise.
    parked: Option<Box<Parked>>,
    /// Capabilities that stand for parts of the results. Not counted: they say when they go, while
    /// the results decide what they are.
    pub(super) pipelined: Ordered<Box<[PipelineOp]>, CapId>,
    /// Held until the call returns, so that dropping a client does not cut off its calls.
    pub(super) target: Option<CapId>,
    /// The stream whose failure is this call's failure too.
    pub(super) stream: Option<StreamId>,
    /// For a streamed call, what it counts for in its stream.
    pub(super) bytes: u64,
    pub(super) on_line: Option<Box<OnLine>>,
    param_exports: Vec<ExportId>,
}

#[derive(Debug)]
struct Parked {
    place: Place,
    params: Outgoing,
    caps: Vec<Option<CapId>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The driver wants its results.
    Driver,
    /// Nobody does, except those who pipelined on it.
    Abandoned,
    /// A streamed call; `waiting` while the driver waits for room behind it.
    Streamed { waiting: bool },
    /// Its results become those of an answer.
    Forward(AnswerId),
    /// They do without coming here: they stay with the peer, who asked in the first place.
    PassedBack(PassedBack),
}

/// A call whose results the peer keeps is needed until both of its ends are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PassedBack {
    /// The peer has finished its question, of which this one's results are the results.
    pub(super) finished: bool,
    /// The peer has returned this one.
    pub(super) returned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// In a promise.
    Queued,
    Remote {
        connection: ConnectionId,
        question: QuestionId,
        finished: bool,
    },
    Local(AnswerId),
    /// Returned with the results of this answer, which is not there yet.
    Taking(AnswerId),
    /// Returned; only the driver's waiting for room keeps it.
    Over,
}

impl Vat {
    /// Makes a call. The references in `caps`, which the capability pointers in `params` index, are
    /// taken over. Every failure is the call's [`Event::Return`](super::Event::Return).
    pub fn call(
        &mut self,
        now_micros: u64,
        target: CapId,
        params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) -> CallId {
        self.now_micros = now_micros;
        let target = self.shorten(target);
        let stream = self.caps.get(target.0).and_then(|cap| cap.stream);
        let call = self.new_call(Purpose::Driver, target, stream);
        match stream.and_then(|stream| self.stream_error(stream)) {
            Some(error) => {
                self.release_all(caps);
                self.complete(call, Err(error));
            }
            None => self.route(call, target, params, caps),
        }
        self.run_tasks();
        call
    }

    /// Makes a streamed call: the answer tells whether there is room for another. On `Err` the
    /// stream is broken or its backlog too long, nothing was sent, and `end` will say so too.
    pub fn call_streaming(
        &mut self,
        now_micros: u64,
        target: CapId,
        params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) -> Result<Admission, Exception> {
        self.now_micros = now_micros;
        let admission = self.stream(target, params, caps);
        self.run_tasks();
        admission
    }

    fn stream(
        &mut self,
        target: CapId,
        params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) -> Result<Admission, Exception> {
        let target = self.shorten(target);
        let stream = self.stream_of(target);
        if let Err(error) = self.admit(stream, params.frame_bytes() as u64) {
            self.release_all(caps);
            self.wake_stream(stream);
            return Err(error);
        }
        let call = self.new_call(Purpose::Streamed { waiting: false }, target, Some(stream));
        self.route(call, target, params, caps);
        let Some(slot) = self.streams.get(stream.0) else {
            return Err(Exception::failed("the capability was released"));
        };
        if let Some(error) = slot.flow.error() {
            return Err(error.clone());
        }
        if self.has_room(stream) {
            return Ok(Admission::Ready);
        }
        self.wait_for_room(stream, call);
        if let Some(entry) = self.calls.get_mut(call.0) {
            entry.purpose = Purpose::Streamed { waiting: true };
        }
        Ok(Admission::Wait(call))
    }

    /// The driver has no more use for an ordinary call's results: it is cancelled, unless someone
    /// pipelined on it. Of a streamed call only the waiting ends; cancelling one would punch a hole
    /// into the data.
    pub fn drop_call(&mut self, now_micros: u64, call: CallId) {
        self.now_micros = now_micros;
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        match entry.purpose {
            Purpose::Driver => {
                entry.purpose = Purpose::Abandoned;
                self.cancel_if_unwanted(call);
            }
            Purpose::Streamed { .. } => {
                entry.purpose = Purpose::Streamed { waiting: false };
                let (stream, over) = (entry.stream, entry.route == Route::Over);
                if let Some(stream) = stream {
                    self.stop_waiting_for_room(stream, call);
                }
                if over {
                    self.forget(call);
                }
            }
            Purpose::Abandoned | Purpose::Forward(_) | Purpose::PassedBack(_) => {}
        }
        self.run_tasks();
    }

    // ---- on the way out ----

    pub(super) fn new_call(
        &mut self,
        purpose: Purpose,
        target: CapId,
        stream: Option<StreamId>,
    ) -> CallId {
        self.retain_cap(target);
        if let Some(stream) = stream {
            self.retain_stream(stream);
        }
        CallId(self.calls.insert(Call {
            purpose,
            route: Route::Queued,
            parked: None,
            pipelined: Ordered::new(),
            target: Some(target),
            stream,
            bytes: 0,
            on_line: None,
            param_exports: Vec::new(),
        }))
    }

    /// Sends a call on its way to `target`, which is resolved.
    pub(super) fn route(
        &mut self,
        call: CallId,
        target: CapId,
        params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) {
        match self.caps.get_mut(target.0).map(|cap| &mut cap.kind) {
            None => {
                self.release_all(caps);
                self.complete(call, Err(Exception::failed("the capability was released")));
            }
            Some(CapKind::Broken(exception)) => {
                let exception = exception.clone();
                self.release_all(caps);
                self.complete(call, Err(exception));
            }
            Some(CapKind::Import {
                connection,
                import,
                used,
                ..
            }) => {
                *used = true;
                let (connection, to) = (*connection, Target::Imported(import.0));
                self.send(call, connection, &to, params, caps);
            }
            Some(CapKind::Answer {
                call: source,
                path,
                used,
            }) => {
                *used = true;
                let (source, path) = (*source, path.to_vec());
                match self.calls.get(source.0).map(|source| source.route) {
                    Some(Route::Remote {
                        connection,
                        question,
                        ..
                    }) => {
                        self.send(
                            call,
                            connection,
                            &Target::Promised {
                                question: question.0,
                                path,
                            },
                            params,
                            caps,
                        );
                    }
                    _ => {
                        self.release_all(caps);
                        self.complete(
                            call,
                            Err(Exception::failed("the call this was pipelined on is over")),
                        );
                    }
                }
            }
            Some(CapKind::Local(_)) => self.route_locally(call, target, params, caps),
            Some(CapKind::Promise(_)) => {
                let bytes = params.frame_bytes() as u64;
                let place = self.enqueue(target, Queued::Made(call));
                if let Some(entry) = self.calls.get_mut(call.0) {
                    entry.route = Route::Queued;
                    entry.parked = Some(Box::new(Parked {
                        place,
                        params,
                        caps,
                    }));
                }
                self.count(call, bytes);
            }
            // `target` is resolved.
            Some(CapKind::Resolved(to)) => {
                let to = *to;
                self.route(call, to, params, caps);
            }
        }
    }

    fn send(
        &mut self,
        call: CallId,
        connection: ConnectionId,
        target: &Target,
        params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) {
        let Some(table) = self
            .connections
            .get_mut(connection.0)
            .filter(|table| !table.closed)
        else {
            self.release_all(caps);
            self.complete(
                call,
                Err(Exception::disconnected("the connection is closed")),
            );
            return;
        };
        let room = table
            .check_questions()
            .and_then(|()| table.check_exports(&caps));
        if let Err(error) = room {
            self.release_all(caps);
            return self.complete(call, Err(error));
        }
        let question = QuestionId(wire_index(table.questions.insert(call)));
        let descriptors: Vec<Descriptor> = caps
            .iter()
            .map(|cap| self.describe(connection, *cap))
            .collect();
        let exports = descriptors
            .iter()
            .filter_map(Descriptor::exported)
            .collect();
        let frame = params.into_call(question, target, &descriptors);
        self.release_all(caps);
        let bytes = frame.as_ref().map_or(0, |frame| frame.len() as u64);
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        entry.route = Route::Remote {
            connection,
            question,
            finished: false,
        };
        entry.param_exports = exports;
        match frame {
            Ok(frame) => {
                self.count(call, bytes);
                self.transmit(connection, frame);
                self.pipelines_went_remote(call);
            }
            Err(error) => {
                if let Some(table) = self.connections.get_mut(connection.0) {
                    table.questions.try_remove(question.0 as usize);
                }
                self.release_param_exports(call, connection);
                self.complete(call, Err(error));
            }
        }
    }

    fn route_locally(
        &mut self,
        call: CallId,
        target: CapId,
        mut params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) {
        let bytes = params.frame_bytes() as u64;
        let parsed = params
            .method()
            .and_then(|method| Ok((method, Payload::of_call(params.into_local()?)?)));
        match parsed {
            Ok(((interface_id, method_id), mut payload)) => {
                payload.caps = caps;
                let answer = self.new_local_answer(call);
                if let Some(entry) = self.calls.get_mut(call.0) {
                    entry.route = Route::Local(answer);
                }
                self.count(call, bytes);
                let call = Invocation {
                    interface_id,
                    method_id,
                    params: payload,
                };
                self.deliver(answer, target, call);
            }
            Err(error) => {
                self.release_all(caps);
                self.complete(call, Err(error));
            }
        }
    }

    /// A call goes on from a promise, unless it was given up in the meantime.
    pub(super) fn dispatch_made(&mut self, turn: u64, call: CallId) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        let (Some(parked), Some(target)) = (
            entry.parked.take_if(|parked| parked.place.turn == turn),
            entry.target,
        ) else {
            return;
        };
        let target = self.shorten(target);
        self.route(call, target, parked.params, parked.caps);
    }

    /// The promise that a call waits in, or the one that answers it here does.
    pub(super) fn place_of_call(&self, mut call: CallId) -> Option<CapId> {
        for _ in 0..KNOT_STEPS {
            let entry = self.calls.get(call.0)?;
            if let Some(parked) = &entry.parked {
                return Some(parked.place.at);
            }
            let Route::Local(answer) = entry.route else {
                return None;
            };
            call = match &self.answers.get(answer.0)?.state {
                State::Waiting { place, .. } => return Some(place.as_ref()?.at),
                State::Forwarded(next) => *next,
                _ => return None,
            };
        }
        None
    }

    // ---- given up ----

    /// Gives up a call that a forwarded answer no longer needs.
    pub(super) fn abandon(&mut self, call: CallId) {
        if let Some(entry) = self.calls.get_mut(call.0) {
            entry.purpose = Purpose::Abandoned;
            self.cancel_if_unwanted(call);
        }
    }

    pub(super) fn cancel_if_unwanted(&mut self, call: CallId) {
        let Some(entry) = self.calls.get(call.0) else {
            return;
        };
        if entry.purpose != Purpose::Abandoned || self.is_pipelined_on(call) {
            return;
        }
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        match &mut entry.route {
            Route::Remote {
                connection,
                question,
                finished,
            } if !*finished => {
                *finished = true;
                let (connection, question) = (*connection, *question);
                self.transmit(connection, wire::finish(question, true));
            }
            Route::Local(answer) => {
                let answer = *answer;
                self.cancel_answer(answer);
            }
            Route::Queued => {
                if let Some(parked) = entry.parked.take() {
                    self.leave_queue(parked.place);
                    self.release_all(parked.caps);
                    self.complete(call, Err(Exception::failed("the call was canceled")));
                }
            }
            Route::Taking(answer) => {
                let answer = *answer;
                self.stop_taking(answer, call);
            }
            Route::Remote { .. } | Route::Over => {}
        }
    }

    pub(super) fn release_param_exports(&mut self, call: CallId, connection: ConnectionId) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        for export in core::mem::take(&mut entry.param_exports) {
            // The peer may have been generous with Release messages; then there is nothing left to do.
            let _ = self.release_export(connection, export.0, 1);
        }
    }

    pub(super) fn forget(&mut self, call: CallId) {
        if let Some(Call {
            stream: Some(stream),
            ..
        }) = self.calls.remove(call.0)
        {
            self.release_stream(stream);
        }
    }

    pub(super) fn release_result(&mut self, result: Result<Payload, Exception>) {
        if let Ok(payload) = result {
            self.release_all(payload.caps);
        }
    }

    pub(super) fn connection_of_call(&self, call: CallId) -> Option<ConnectionId> {
        match self.calls.get(call.0)?.route {
            Route::Remote { connection, .. } => Some(connection),
            _ => None,
        }
    }

    /// The question of a call that is under way on this connection.
    pub(super) fn open_question(&self, call: CallId, on: ConnectionId) -> Option<QuestionId> {
        match self.calls.get(call.0)?.route {
            Route::Remote {
                connection,
                question,
                finished: false,
            } if connection == on => Some(question),
            _ => None,
        }
    }

    /// Asks the peer for its bootstrap object, which can be used at once. One reference.
    pub fn bootstrap(&mut self, now_micros: u64, connection: ConnectionId) -> CapId {
        self.ask_for(now_micros, connection, false)
    }

    /// Asks the peer for its bootstrap object, or for that of dedicated connections.
    pub(super) fn ask_for(
        &mut self,
        now_micros: u64,
        connection: ConnectionId,
        dedicated: bool,
    ) -> CapId {
        self.now_micros = now_micros;
        let Some(table) = self
            .connections
            .get_mut(connection.0)
            .filter(|table| !table.closed)
        else {
            return self.broken(Exception::disconnected("the connection is closed"));
        };
        if let Err(error) = table.check_questions() {
            return self.broken(error);
        }
        let call = CallId(self.calls.insert(Call {
            purpose: Purpose::Abandoned,
            route: Route::Queued,
            parked: None,
            pipelined: Ordered::new(),
            target: None,
            stream: None,
            bytes: 0,
            on_line: None,
            param_exports: Vec::new(),
        }));
        let question = QuestionId(wire_index(table.questions.insert(call)));
        if let Some(entry) = self.calls.get_mut(call.0) {
            entry.route = Route::Remote {
                connection,
                question,
                finished: false,
            };
        }
        self.transmit(connection, wire::bootstrap(question, dedicated));
        self.pipeline(call, &[])
    }
}

pub(super) const NO_CAPABILITY: &str = "the results have no capability there";

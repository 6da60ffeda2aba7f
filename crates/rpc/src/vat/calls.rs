//! Calls that leave this vat's driver: made, sent, pipelined on, given up and returned.

use super::caps::{CapKind, Queued, protocol_error, wire_index};
use super::wire::{self, Descriptor, Target};
use super::{
    Admission, AnswerId, CallId, CapId, ConnectionId, Event, Exception, ExportId, Outgoing,
    Payload, PipelineOp, QuestionId, StreamId, Vat,
};

#[derive(Debug)]
pub(super) struct Call {
    pub(super) purpose: Purpose,
    route: Route,
    /// Capabilities that stand for parts of the results. Not counted.
    pipelined: Vec<(Box<[PipelineOp]>, CapId)>,
    /// Held until the call returns, so that dropping a client does not cut off its calls.
    target: Option<CapId>,
    /// The stream whose failure is this call's failure too.
    stream: Option<StreamId>,
    /// For a streamed call, what it counts for in its stream.
    bytes: u64,
    param_exports: Vec<ExportId>,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// In a promise.
    Queued,
    Remote {
        connection: ConnectionId,
        question: QuestionId,
        finished: bool,
    },
    Local(AnswerId),
    /// Returned; only the driver's waiting for room keeps it.
    Over,
}

impl Vat {
    /// Makes a call. The references in `caps`, which the capability pointers in `params` index, are
    /// taken over. Every failure is the call's [`Event::Return`].
    pub fn call(
        &mut self,
        now_micros: u64,
        target: CapId,
        params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) -> CallId {
        self.now_micros = now_micros;
        let target = self.resolve(target);
        let stream = self.caps.get(target.0).and_then(|cap| cap.stream);
        let call = self.new_call(Purpose::Driver, target, stream);
        match stream.and_then(|stream| self.stream_error(stream)) {
            Some(error) => {
                self.release_all(caps);
                self.complete(call, Err(error));
            }
            None => self.route(call, target, params, caps),
        }
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
        let target = self.resolve(target);
        let stream = self.stream_of(target);
        if let Err(error) = self.admit(stream, params.frame_bytes() as u64) {
            self.release_all(caps);
            self.wake_stream(stream);
            return Err(error);
        }
        let call = self.new_call(Purpose::Streamed { waiting: false }, target, Some(stream));
        self.route(call, target, params, caps);
        let Some(slot) = self.streams.get_mut(stream.0) else {
            return Err(Exception::failed("the capability was released"));
        };
        if let Some(error) = slot.flow.error() {
            return Err(error.clone());
        }
        if slot.flow.is_ready() {
            return Ok(Admission::Ready);
        }
        slot.flow.wait(call);
        if let Some(entry) = self.calls.get_mut(call.0) {
            entry.purpose = Purpose::Streamed { waiting: true };
        }
        Ok(Admission::Wait(call))
    }

    /// The capability that the pointer at `path` in the results will be, usable at once. One
    /// reference. Of a call that is over it is a broken one: take it from the results.
    pub fn pipeline(&mut self, call: CallId, path: &[PipelineOp]) -> CapId {
        let path: Box<[PipelineOp]> = path
            .iter()
            .copied()
            .filter(|op| *op != PipelineOp::Noop)
            .collect();
        let Some(entry) = self.calls.get(call.0) else {
            return self.broken(Exception::failed(
                "the call has returned; take the capability from its results",
            ));
        };
        let cap = match entry.route {
            Route::Remote {
                finished: false, ..
            } => self.new_cap(CapKind::Answer {
                call,
                path: path.clone(),
                used: false,
            }),
            _ => self.new_promise(),
        };
        if let Some(entry) = self.calls.get_mut(call.0) {
            entry.pipelined.push((path, cap));
        }
        cap
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
                if let Some(slot) = stream.and_then(|stream| self.streams.get_mut(stream.0)) {
                    slot.flow.stop_waiting(call);
                }
                if over {
                    self.forget(call);
                }
            }
            Purpose::Abandoned | Purpose::Forward(_) => {}
        }
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
            pipelined: Vec::new(),
            target: Some(target),
            stream,
            bytes: 0,
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
        let unwanted = self
            .calls
            .get(call.0)
            .is_none_or(|c| c.purpose == Purpose::Abandoned && c.pipelined.is_empty());
        if unwanted {
            self.release_all(caps);
            self.complete(
                call,
                Err(Exception::failed(
                    "the call was canceled before it was sent",
                )),
            );
            return;
        }
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
            Some(CapKind::Promise { queue, .. }) => {
                let bytes = params.frame_bytes() as u64;
                queue.push_back(Queued::Made { call, params, caps });
                self.retain_cap(target);
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
                self.deliver(answer, target, interface_id, method_id, payload);
            }
            Err(error) => {
                self.release_all(caps);
                self.complete(call, Err(error));
            }
        }
    }

    /// What was pipelined on a call while it waited in a promise can follow it now.
    fn pipelines_went_remote(&mut self, call: CallId) {
        let Some(entry) = self.calls.get(call.0) else {
            return;
        };
        for (path, cap) in entry.pipelined.clone() {
            let Some(entry) = self.caps.get_mut(cap.0) else {
                continue;
            };
            let went = core::mem::replace(
                &mut entry.kind,
                CapKind::Answer {
                    call,
                    path,
                    used: false,
                },
            );
            let CapKind::Promise { queue, .. } = went else {
                continue;
            };
            for queued in queue {
                match queued {
                    Queued::Made { call, params, caps } => self.route(call, cap, params, caps),
                    Queued::Received {
                        answer,
                        interface_id,
                        method_id,
                        params,
                    } => {
                        self.deliver(answer, cap, interface_id, method_id, params);
                    }
                }
                self.release_cap(cap);
            }
        }
    }

    /// Counts a streamed call as in flight; once, even when it first waited in a promise.
    fn count(&mut self, call: CallId, bytes: u64) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        if matches!(entry.purpose, Purpose::Streamed { .. })
            && entry.bytes == 0
            && let Some(slot) = entry
                .stream
                .and_then(|stream| self.streams.get_mut(stream.0))
        {
            entry.bytes = bytes;
            slot.flow.on_sent(bytes);
        }
    }

    fn admit(&mut self, stream: StreamId, bytes: u64) -> Result<(), Exception> {
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

    fn stream_error(&self, stream: StreamId) -> Option<Exception> {
        self.streams
            .get(stream.0)
            .and_then(|slot| slot.flow.error().cloned())
    }

    // ---- on the way back ----

    /// A Return arrived for this question.
    pub(super) fn on_return(
        &mut self,
        connection: ConnectionId,
        question: u32,
        no_finish_needed: bool,
        release_param_caps: bool,
        result: Result<ReturnedPayload, Exception>,
    ) -> Result<(), Exception> {
        let call = self
            .connections
            .get_mut(connection.0)
            .and_then(|table| table.questions.get(question as usize).copied())
            .ok_or_else(|| {
                protocol_error(format_args!(
                    "it answered question {question}, which was not asked"
                ))
            })?;
        let finished = matches!(
            self.calls.get(call.0).map(|c| c.route),
            Some(Route::Remote { finished: true, .. })
        );
        // After an early Finish the peer lets go of the capabilities in the results itself.
        let result = match result {
            Ok(_) if finished => Err(Exception::failed("the call was canceled")),
            Ok(ReturnedPayload {
                mut payload,
                descriptors,
            }) => {
                for descriptor in &descriptors {
                    payload.caps.push(self.understand(connection, descriptor)?);
                }
                Ok(payload)
            }
            Err(exception) => Err(exception),
        };
        if release_param_caps {
            self.release_param_exports(call, connection);
        }
        self.settle_pipelined(call, &result, Some((connection, question)));
        if !finished && !no_finish_needed {
            self.transmit(connection, wire::finish(QuestionId(question), false));
        }
        if let Some(table) = self.connections.get_mut(connection.0) {
            table.questions.try_remove(question as usize);
        }
        self.complete(call, result);
        Ok(())
    }

    /// The call is over, with this result.
    pub(super) fn complete(&mut self, call: CallId, result: Result<Payload, Exception>) {
        self.settle_pipelined(call, &result, None);
        let Some(entry) = self.calls.get_mut(call.0) else {
            self.release_result(result);
            return;
        };
        entry.route = Route::Over;
        let (purpose, stream, bytes, target) = (
            entry.purpose,
            entry.stream,
            entry.bytes,
            entry.target.take(),
        );
        match purpose {
            Purpose::Streamed { waiting } => {
                let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
                self.release_result(result);
                if let Some(stream) = stream {
                    if let Some(slot) = self.streams.get_mut(stream.0) {
                        slot.flow.on_returned(bytes, outcome);
                    }
                    self.wake_stream(stream);
                }
                if !waiting {
                    self.forget(call);
                }
            }
            Purpose::Driver => {
                let result = match stream.and_then(|stream| self.stream_error(stream)) {
                    Some(error) if result.is_ok() => {
                        self.release_result(result);
                        Err(error)
                    }
                    _ => result,
                };
                self.forget(call);
                self.events.push_back(Event::Return { call, result });
            }
            Purpose::Abandoned => {
                self.release_result(result);
                self.forget(call);
            }
            Purpose::Forward(answer) => {
                self.forget(call);
                self.return_forwarded(answer, result);
            }
        }
        if let Some(target) = target {
            self.release_cap(target);
        }
    }

    fn settle_pipelined(
        &mut self,
        call: CallId,
        result: &Result<Payload, Exception>,
        question: Option<(ConnectionId, u32)>,
    ) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        for (path, cap) in core::mem::take(&mut entry.pipelined) {
            if self.caps.get(cap.0).is_none() {
                continue;
            }
            let to = match result {
                Ok(payload) => match payload.cap_at(&path) {
                    Some(to) => self.retain_cap(to),
                    None => self.broken(Exception::failed("the results have no capability there")),
                },
                Err(exception) => self.broken(exception.clone()),
            };
            match question {
                Some((connection, question)) => {
                    self.settle(
                        cap,
                        to,
                        connection,
                        Target::Promised {
                            question,
                            path: path.to_vec(),
                        },
                    );
                }
                None => self.resolve_to(cap, to),
            }
        }
    }

    /// Ends the waiting of those for whom there is room now, or never will be.
    pub(super) fn wake_stream(&mut self, stream: StreamId) {
        while let Some(slot) = self.streams.get_mut(stream.0)
            && let Some(call) = slot.flow.poll_ready()
        {
            let result = slot.flow.error().cloned().map_or(Ok(()), Err);
            self.events.push_back(Event::StreamReady { call, result });
            let Some(entry) = self.calls.get_mut(call.0) else {
                continue;
            };
            entry.purpose = Purpose::Streamed { waiting: false };
            if entry.route == Route::Over {
                self.forget(call);
            }
        }
    }

    /// A capability that was pipelined on this call is gone.
    pub(super) fn on_pipelined_released(&mut self, call: CallId, cap: CapId) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        entry.pipelined.retain(|(_, pipelined)| *pipelined != cap);
        self.cancel_if_unwanted(call);
    }

    /// Gives up a call that a forwarded answer no longer needs.
    pub(super) fn abandon(&mut self, call: CallId) {
        if let Some(entry) = self.calls.get_mut(call.0) {
            entry.purpose = Purpose::Abandoned;
            self.cancel_if_unwanted(call);
        }
    }

    fn cancel_if_unwanted(&mut self, call: CallId) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        if entry.purpose != Purpose::Abandoned || !entry.pipelined.is_empty() {
            return;
        }
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
            Route::Remote { .. } | Route::Queued | Route::Over => {}
        }
    }

    fn release_param_exports(&mut self, call: CallId, connection: ConnectionId) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        for export in core::mem::take(&mut entry.param_exports) {
            // The peer may have been generous with Release messages; then there is nothing left to do.
            let _ = self.release_export(connection, export.0, 1);
        }
    }

    fn forget(&mut self, call: CallId) {
        if let Some(Call {
            stream: Some(stream),
            ..
        }) = self.calls.remove(call.0)
        {
            self.release_stream(stream);
        }
    }

    fn release_result(&mut self, result: Result<Payload, Exception>) {
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
        self.now_micros = now_micros;
        let Some(table) = self
            .connections
            .get_mut(connection.0)
            .filter(|table| !table.closed)
        else {
            return self.broken(Exception::disconnected("the connection is closed"));
        };
        let call = CallId(self.calls.insert(Call {
            purpose: Purpose::Abandoned,
            route: Route::Queued,
            pipelined: Vec::new(),
            target: None,
            stream: None,
            bytes: 0,
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
        self.transmit(connection, wire::bootstrap(question));
        self.pipeline(call, &[])
    }
}

/// Results that arrived, before their capabilities are understood.
pub(super) struct ReturnedPayload {
    pub(super) payload: Payload,
    pub(super) descriptors: Vec<Descriptor>,
}

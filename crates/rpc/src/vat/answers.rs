//! Calls that this vat has to answer, a peer's or its own.

use super::calls::{NO_CAPABILITY, Purpose};
use super::caps::{CapKind, protocol_error};
use super::ordered::Ordered;
use super::promises::{Place, Queued, SourceOf};
use super::wire::{self, Descriptor};
use super::{
    AnswerId, CallId, CapId, ConnectionId, Exception, ExportId, Outgoing, Payload, PipelineOp, Vat,
};

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) origin: Origin,
    pub(super) state: State,
    /// What peers want from the results before there are any. Not counted: they say when they go.
    pub(super) promised: Ordered<Box<[PipelineOp]>, CapId>,
    /// Given up before it was at its object, by a peer that expects it to get there all the same.
    pub(super) deliver_first: bool,
    /// What the frame of the call counts for among its connection's, until it is answered.
    held_bytes: usize,
    /// The results stay here.
    pub(super) redirected: bool,
    /// The call of ours that the results are for, if it is known before they are there.
    pub(super) taker: Option<CallId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `finished`: the peer does not want it any more, but still gets its one Return.
    Remote {
        connection: ConnectionId,
        id: u32,
        finished: bool,
    },
    Local(CallId),
    /// The connection that asked is gone.
    Orphan,
}

#[derive(Debug)]
pub(super) enum State {
    /// Not at its object yet. What it waits in, a promise or an object, is held.
    Waiting {
        place: Option<Place>,
        invocation: Option<Invocation>,
    },
    /// `object` is held until it returns.
    Running {
        object: CapId,
        streaming: bool,
        /// The driver was told that nobody wants it.
        canceled: bool,
    },
    Forwarded(CallId),
    /// Kept for those who pipeline on it, until the peer's Finish. Results without capabilities are not.
    Returned {
        results: Result<Option<Payload>, Exception>,
        exports: Vec<ExportId>,
    },
}

/// The results of a call, with the references in them, or its failure.
pub(super) type Returning = Result<(Outgoing, Vec<Option<CapId>>), Exception>;

#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) interface_id: u64,
    pub(super) method_id: u16,
    pub(super) params: Payload,
}

impl Vat {
    /// Answers a call with results. The references in `caps` are taken over.
    pub fn return_results(
        &mut self,
        now_micros: u64,
        answer: AnswerId,
        results: Outgoing,
        caps: Vec<Option<CapId>>,
    ) {
        self.now_micros = now_micros;
        self.return_now(answer, Ok((results, caps)));
        self.run_tasks();
    }

    /// Answers a call with a failure. When it was a streamed one, every later call of its object
    /// fails the same way.
    pub fn return_exception(&mut self, now_micros: u64, answer: AnswerId, exception: Exception) {
        self.now_micros = now_micros;
        self.return_now(answer, Err(exception));
        self.run_tasks();
    }

    // ---- on the way in ----

    /// A call arrived whose target is `target`.
    pub(super) fn new_remote_answer(
        &mut self,
        connection: ConnectionId,
        id: u32,
        frame_bytes: usize,
    ) -> Result<AnswerId, Exception> {
        let Some(table) = self.connections.get(connection.0) else {
            return Err(Exception::disconnected("the connection is closed"));
        };
        if table.answers.contains_key(&id) {
            return Err(protocol_error(format_args!(
                "it used question id {id} again before it was finished"
            )));
        }
        let held_bytes = table.held_bytes.saturating_add(frame_bytes);
        let limits = &table.options;
        if table.answers.len() >= limits.max_answers {
            return Err(Exception::overloaded(format!(
                "more than {} calls of the peer are unanswered or unfinished; make fewer at a time",
                limits.max_answers
            )));
        }
        if held_bytes > limits.max_held_bytes {
            return Err(Exception::overloaded(format!(
                "more than {} bytes of the peer's calls are unanswered; make fewer or smaller ones at a time",
                limits.max_held_bytes
            )));
        }
        let answer = self.new_answer(Origin::Remote {
            connection,
            id,
            finished: false,
        });
        if let Some(table) = self.connections.get_mut(connection.0) {
            table.answers.insert(id, answer);
            table.held_bytes = held_bytes;
        }
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.held_bytes = frame_bytes;
        }
        Ok(answer)
    }

    pub(super) fn redirect(&mut self, answer: AnswerId, redirected: bool) {
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.redirected = redirected;
        }
    }

    pub(super) fn new_local_answer(&mut self, call: CallId) -> AnswerId {
        self.new_answer(Origin::Local(call))
    }

    fn new_answer(&mut self, origin: Origin) -> AnswerId {
        AnswerId(self.answers.insert(Answer {
            origin,
            state: State::Waiting {
                place: None,
                invocation: None,
            },
            promised: Ordered::new(),
            deliver_first: false,
            held_bytes: 0,
            redirected: false,
            taker: None,
        }))
    }

    /// Brings a call to the capability it is for.
    pub(super) fn deliver(&mut self, answer: AnswerId, target: CapId, call: Invocation) {
        let target = self.shorten(target);
        match self.kind(target) {
            None => {
                self.release_all(call.params.caps);
                let error = Exception::failed("the capability was released");
                self.return_now(answer, Err(error));
            }
            Some(CapKind::Broken(exception)) => {
                let exception = exception.clone();
                self.release_all(call.params.caps);
                self.return_now(answer, Err(exception));
            }
            Some(CapKind::Local(_)) => {
                let place = Place {
                    at: target,
                    turn: self.next_turn(),
                };
                self.wait(answer, place, call);
                self.call_object(place, answer);
            }
            Some(CapKind::Promise(_)) => {
                let place = self.enqueue(target, Queued::Received(answer));
                self.wait(answer, place, call);
            }
            Some(CapKind::Import { .. } | CapKind::Answer { .. } | CapKind::Resolved(_)) => {
                self.forward(answer, target, call);
                self.on_delivered(answer);
            }
        }
    }

    fn wait(&mut self, answer: AnswerId, place: Place, call: Invocation) {
        self.retain_cap(place.at);
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.state = State::Waiting {
                place: Some(place),
                invocation: Some(call),
            };
        }
    }

    /// A call goes on from a promise, unless it was given up in the meantime.
    pub(super) fn dispatch_received(&mut self, turn: u64, answer: AnswerId) {
        let Some(Answer {
            state: State::Waiting { place, invocation },
            ..
        }) = self.answers.get_mut(answer.0)
        else {
            return;
        };
        let Some(Place { at, .. }) = place.take_if(|place| place.turn == turn) else {
            return;
        };
        if let Some(call) = invocation.take() {
            self.deliver(answer, at, call);
        }
        self.release_cap(at);
    }

    /// The promise or object that a call waits in.
    pub(super) fn place_of_answer(&self, answer: AnswerId) -> Option<CapId> {
        match &self.answers.get(answer.0)?.state {
            State::Waiting { place, .. } => Some(place.as_ref()?.at),
            _ => None,
        }
    }

    /// Passes a call on to another vat.
    fn forward(&mut self, answer: AnswerId, target: CapId, call: Invocation) {
        let Invocation {
            interface_id,
            method_id,
            params,
        } = call;
        let outgoing = Outgoing::call(interface_id, method_id, params.size_words());
        match self.copy_payload(params, outgoing) {
            Ok((outgoing, caps)) => {
                let call = self.new_call(Purpose::Forward(answer), target, None);
                if let Some(entry) = self.answers.get_mut(answer.0) {
                    entry.state = State::Forwarded(call);
                }
                self.route(call, target, outgoing, caps);
            }
            Err(exception) => self.return_now(answer, Err(exception)),
        }
    }

    /// A call is where it should be. It may have been given up before.
    pub(super) fn on_delivered(&mut self, answer: AnswerId) {
        if let Some(entry) = self.answers.get_mut(answer.0)
            && !entry.is_wanted()
        {
            entry.deliver_first = false;
            self.cancel_answer(answer);
        }
    }

    pub(super) fn return_forwarded(
        &mut self,
        answer: AnswerId,
        result: Result<Payload, Exception>,
    ) {
        let result = result.and_then(|payload| {
            let outgoing = Outgoing::results(payload.size_words());
            self.copy_payload(payload, outgoing)
        });
        self.return_now(answer, result);
    }

    /// Copies a payload into `outgoing`, references included.
    fn copy_payload(
        &mut self,
        payload: Payload,
        mut outgoing: Outgoing,
    ) -> Result<(Outgoing, Vec<Option<CapId>>), Exception> {
        let references = payload.caps.clone();
        let copied = payload.copy_into(&mut outgoing);
        if let Ok(caps) = &copied {
            for cap in caps.iter().flatten() {
                self.retain_cap(*cap);
            }
        }
        self.release_all(references);
        Ok((outgoing, copied?))
    }

    /// What an object's queue holds of this call; `None` when it was cancelled in the meantime.
    pub(super) fn take_invocation(&mut self, answer: AnswerId) -> Option<Invocation> {
        match &mut self.answers.get_mut(answer.0)?.state {
            State::Waiting { invocation, .. } => invocation.take(),
            _ => None,
        }
    }

    pub(super) fn mark_running(&mut self, answer: AnswerId, streaming: bool) {
        if let Some(entry) = self.answers.get_mut(answer.0)
            && let State::Waiting {
                place: Some(Place { at: object, .. }),
                ..
            } = entry.state
        {
            entry.state = State::Running {
                object,
                streaming,
                canceled: false,
            };
        }
    }

    /// The capability at `path` of the results of the peer's question: there already, or a promise.
    pub(super) fn promised(
        &mut self,
        connection: ConnectionId,
        question: u32,
        path: &[PipelineOp],
    ) -> CapId {
        let Some(answer) = self
            .connections
            .get(connection.0)
            .and_then(|c| c.answers.get(&question).copied())
        else {
            return self.broken(Exception::failed(
                "the results this was pipelined on are not kept any more",
            ));
        };
        let Some(entry) = self.answers.get(answer.0) else {
            return self.broken(Exception::failed("the call this was pipelined on is over"));
        };
        match &entry.state {
            State::Returned { results, .. } => {
                match results
                    .as_ref()
                    .map(|results| results.as_ref().and_then(|results| results.cap_at(path)))
                {
                    Ok(Some(cap)) => self.retain_cap(cap),
                    Ok(None) => self.broken(Exception::failed(NO_CAPABILITY)),
                    Err(exception) => {
                        let exception = exception.clone();
                        self.broken(exception)
                    }
                }
            }
            _ => {
                // Two calls pipelined on the same path go through one promise, in order.
                if let Some(cap) = entry.promised.get(path).copied() {
                    return self.retain_cap(cap);
                }
                let cap = self.new_promise(SourceOf::Answer(answer), path.into());
                if let Some(entry) = self.answers.get_mut(answer.0) {
                    entry.promised.insert(path.into(), cap);
                }
                cap
            }
        }
    }

    // ---- on the way back ----

    pub(super) fn return_now(&mut self, answer: AnswerId, result: Returning) {
        let Some(entry) = self.answers.get_mut(answer.0) else {
            if let Ok((_, caps)) = result {
                self.release_all(caps);
            }
            return;
        };
        let state = core::mem::replace(
            &mut entry.state,
            State::Returned {
                results: Ok(None),
                exports: Vec::new(),
            },
        );
        if let State::Returned { .. } = state {
            // It was answered before.
            entry.state = state;
            if let Ok((_, caps)) = result {
                self.release_all(caps);
            }
            return;
        }
        let origin = entry.origin;
        let held_bytes = core::mem::take(&mut entry.held_bytes);
        if let Origin::Remote { connection, .. } = origin
            && let Some(table) = self.connections.get_mut(connection.0)
        {
            table.held_bytes = table.held_bytes.saturating_sub(held_bytes);
        }
        let redirected = entry.redirected;
        let failure = result.as_ref().err().cloned();
        match origin {
            _ if redirected => self.return_redirected(answer, result),
            Origin::Remote {
                connection,
                id,
                finished: false,
            } => self.return_remotely(answer, connection, id, result),
            Origin::Remote {
                connection,
                id,
                finished: true,
            } => {
                self.transmit(connection, wire::return_canceled(id));
                self.drop_results(answer, result);
                self.forget_remote(answer, connection, id);
            }
            Origin::Local(call) => {
                self.answers.remove(answer.0);
                let result = result.and_then(|results| self.keep_results(results));
                self.complete(call, result);
            }
            Origin::Orphan => self.drop_results(answer, result),
        }
        match state {
            State::Running {
                object, streaming, ..
            } => {
                if streaming {
                    self.on_stream_returned(object, answer, failure);
                }
                self.release_cap(object);
            }
            State::Waiting { place, invocation } => {
                if let Some(place) = place {
                    self.leave_queue(place);
                    self.release_cap(place.at);
                }
                if let Some(invocation) = invocation {
                    self.release_all(invocation.params.caps);
                }
            }
            State::Forwarded(_) | State::Returned { .. } => {}
        }
    }

    /// Results that stay in this vat.
    pub(super) fn keep_results(
        &mut self,
        (outgoing, caps): (Outgoing, Vec<Option<CapId>>),
    ) -> Result<Payload, Exception> {
        match outgoing.into_local().and_then(Payload::of_return) {
            Ok(mut payload) => {
                payload.caps = caps;
                Ok(payload)
            }
            Err(error) => {
                self.release_all(caps);
                Err(error)
            }
        }
    }

    fn return_remotely(
        &mut self,
        answer: AnswerId,
        connection: ConnectionId,
        id: u32,
        result: Returning,
    ) {
        let sent = result.and_then(|(outgoing, caps)| {
            let descriptors: Vec<Descriptor> = caps
                .iter()
                .map(|cap| self.describe(connection, *cap))
                .collect();
            let keep = caps.iter().any(Option::is_some);
            let exports: Vec<ExportId> = descriptors
                .iter()
                .filter_map(Descriptor::exported)
                .collect();
            let framed = outgoing
                .into_return(id, !keep, &descriptors)
                .and_then(|frame| {
                    // Pipelined calls look into the results; without capabilities there is nothing for them.
                    let kept = if keep {
                        Some(Payload::of_return(frame.clone())?)
                    } else {
                        None
                    };
                    Ok((frame, kept))
                });
            match framed {
                Ok((frame, Some(mut kept))) => {
                    kept.caps = caps;
                    Ok((frame, Some((kept, exports))))
                }
                Ok((frame, None)) => Ok((frame, None)),
                Err(error) => {
                    for export in exports {
                        let _ = self.release_export(connection, export.0, 1);
                    }
                    self.release_all(caps);
                    Err(error)
                }
            }
        });
        match sent {
            Ok((frame, Some((results, exports)))) => {
                self.transmit(connection, frame);
                if let Some(entry) = self.answers.get_mut(answer.0) {
                    entry.state = State::Returned {
                        results: Ok(Some(results)),
                        exports,
                    };
                }
                self.settle_promised(answer);
            }
            Ok((frame, None)) => {
                self.transmit(connection, frame);
                self.settle_promised(answer);
                self.forget_remote(answer, connection, id);
            }
            Err(exception) => {
                self.transmit(connection, wire::return_exception(id, &exception));
                self.fail_promised(answer, exception);
            }
        }
    }

    pub(super) fn settle_promised(&mut self, answer: AnswerId) {
        let Some(entry) = self.answers.get_mut(answer.0) else {
            return;
        };
        for (path, cap) in core::mem::take(&mut entry.promised) {
            let to = match self.answers.get(answer.0).map(|answer| &answer.state) {
                Some(State::Returned {
                    results: Ok(Some(results)),
                    ..
                }) => results
                    .cap_at(&path)
                    .ok_or_else(|| Exception::failed(NO_CAPABILITY)),
                Some(State::Returned {
                    results: Err(exception),
                    ..
                }) => Err(exception.clone()),
                _ => Err(Exception::failed(NO_CAPABILITY)),
            };
            let to = match to {
                Ok(to) => self.retain_cap(to),
                Err(exception) => self.broken(exception),
            };
            self.resolve_to(cap, to);
        }
    }

    fn fail_promised(&mut self, answer: AnswerId, exception: Exception) {
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.state = State::Returned {
                results: Err(exception),
                exports: Vec::new(),
            };
        }
        self.settle_promised(answer);
    }

    /// Whoever asked is gone; calls that were pipelined on the results still go where they lead.
    fn drop_results(&mut self, answer: AnswerId, result: Returning) {
        let promised = self
            .answers
            .get(answer.0)
            .is_some_and(|entry| !entry.promised.is_empty());
        let results = match result {
            Ok(results) if promised => self.keep_results(results).map(Some),
            Ok((_, caps)) => {
                self.release_all(caps);
                Ok(None)
            }
            Err(exception) => Err(exception),
        };
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.state = State::Returned {
                results,
                exports: Vec::new(),
            };
        }
        self.settle_promised(answer);
        self.forget_results(answer);
    }

    pub(super) fn forget_results(&mut self, answer: AnswerId) {
        if let Some(Answer {
            state: State::Returned { mut results, .. },
            ..
        }) = self.answers.remove(answer.0)
            && let Some(results) = take_results(&mut results)
        {
            self.release_all(results.caps);
        }
    }

    /// The peer may use this question id again.
    pub(super) fn forget_remote(&mut self, answer: AnswerId, connection: ConnectionId, id: u32) {
        if let Some(table) = self.connections.get_mut(connection.0)
            && table.answers.get(&id) == Some(&answer)
        {
            table.answers.remove(&id);
        }
        self.answers.remove(answer.0);
    }
}

pub(super) fn take_results(results: &mut Result<Option<Payload>, Exception>) -> Option<Payload> {
    results.as_mut().ok().and_then(Option::take)
}

//! Calls that this vat has to answer, a peer's or its own.

use super::calls::NO_CAPABILITY;
use super::caps::{CapKind, protocol_error};
use super::ordered::Ordered;
use super::promises::{Place, Queued, SourceOf};
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
    pub(super) held_bytes: usize,
    /// Whether it counts among its connection's calls that wait.
    waiting: bool,
    /// Results with the capabilities that the actual ones will have, for those who pipeline.
    pub(super) early: Option<Box<Payload>>,
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
    /// The results are those of this call of ours to the peer that asked, and stay there.
    PassedBack(CallId),
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

    /// Says which capabilities will be in the results of a call that is being answered, so that
    /// calls on them need not wait for the rest. References are taken over; the results still have
    /// to be [returned](Self::return_results), with the same capabilities in the same places.
    pub fn set_pipeline(
        &mut self,
        now_micros: u64,
        answer: AnswerId,
        results: Outgoing,
        caps: Vec<Option<CapId>>,
    ) {
        self.now_micros = now_micros;
        if let Ok(early) = self.keep_results((results, caps)) {
            match self.answers.get(answer.0) {
                Some(entry)
                    if entry.early.is_none() && matches!(entry.state, State::Running { .. }) =>
                {
                    for (path, cap) in self.take_promised(answer) {
                        let to = match early.cap_at(&path) {
                            Some(to) => self.retain_cap(to),
                            None => self.broken(Exception::failed(NO_CAPABILITY)),
                        };
                        self.resolve_to(cap, to);
                    }
                    if let Some(entry) = self.answers.get_mut(answer.0) {
                        entry.early = Some(Box::new(early));
                    }
                }
                _ => self.release_all(early.caps),
            }
        }
        self.run_tasks();
    }

    /// The connection whose peer made a call that is not answered yet; none for one of this vat's own.
    pub fn caller(&self, answer: AnswerId) -> Option<ConnectionId> {
        match self.answers.get(answer.0)?.origin {
            Origin::Remote { connection, .. } => Some(connection),
            Origin::Local(_) | Origin::Orphan => None,
        }
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
        let limits = &table.options.limits;
        if table.answers.len() >= limits.max_answers {
            return Err(Exception::overloaded(format!(
                "more than {} calls of the peer are unanswered or unfinished; make fewer at a time",
                limits.max_answers
            )));
        }
        if held_bytes > limits.max_held_bytes {
            return Err(Exception::overloaded(format!(
                "more than {} bytes of the peer's calls and their results are kept for it; make fewer or smaller ones at a time",
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
        }
        self.hold(answer, frame_bytes);
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
            waiting: false,
            early: None,
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
                if let Some(call) = self.may_wait(answer, call) {
                    let place = Place {
                        at: target,
                        turn: self.next_turn(),
                    };
                    self.wait(answer, place, call);
                    self.call_object(place, answer);
                }
            }
            Some(CapKind::Promise(_)) => {
                if let Some(call) = self.may_wait(answer, call) {
                    let place = self.enqueue(target, Queued::Received(answer));
                    self.wait(answer, place, call);
                }
            }
            Some(CapKind::Import { .. } | CapKind::Answer { .. } | CapKind::Resolved(_)) => {
                self.stop_waiting(answer);
                self.forward(answer, target, call);
                self.on_delivered(answer);
            }
        }
    }

    /// Whether the peer that asked may let one more call wait; else that one fails.
    fn may_wait(&mut self, answer: AnswerId, call: Invocation) -> Option<Invocation> {
        if let Some(entry) = self.answers.get_mut(answer.0)
            && let Origin::Remote { connection, .. } = entry.origin
            && !entry.waiting
            && let Some(table) = self.connections.get_mut(connection.0)
        {
            let limit = table.options.limits.max_waiting_calls;
            if table.waiting_calls >= limit {
                self.release_all(call.params.caps);
                let error = Exception::overloaded(format!(
                    "{limit} calls of the peer wait already for promises or for streamed calls; make fewer at a time"
                ));
                self.return_now(answer, Err(error));
                return None;
            }
            table.waiting_calls += 1;
            entry.waiting = true;
        }
        Some(call)
    }

    pub(super) fn stop_waiting(&mut self, answer: AnswerId) {
        if let Some(entry) = self.answers.get_mut(answer.0)
            && core::mem::take(&mut entry.waiting)
            && let Origin::Remote { connection, .. } = entry.origin
            && let Some(table) = self.connections.get_mut(connection.0)
        {
            table.waiting_calls = table.waiting_calls.saturating_sub(1);
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
            State::Forwarded(call) => self.place_of_call(*call),
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
                self.pass_on(answer, target, outgoing, caps);
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
    pub(super) fn copy_payload(
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
        self.stop_waiting(answer);
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
            // Results are forgotten before the peer has finished with them when they have no capabilities.
            return self.broken(Exception::failed(NO_CAPABILITY));
        };
        if let Some(cap) = self.known_early(answer, path) {
            return cap;
        }
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
                let place = match &entry.state {
                    State::Waiting { place, .. } => place.map(|place| place.at),
                    _ => None,
                };
                let depth = match self.next_depth(connection, place) {
                    Ok(depth) => depth,
                    Err(error) => return self.broken(error),
                };
                let cap = self.new_promise(SourceOf::Answer(answer), path.into(), depth);
                if let Some(entry) = self.answers.get_mut(answer.0) {
                    entry.promised.insert(path.into(), cap);
                }
                cap
            }
        }
    }

    /// The capability at `path` of results that are not there yet, if it is known where that will lead.
    pub(super) fn known_early(&mut self, answer: AnswerId, path: &[PipelineOp]) -> Option<CapId> {
        let entry = self.answers.get(answer.0)?;
        match &entry.state {
            State::Forwarded(call) | State::PassedBack(call) => {
                let call = *call;
                Some(self.pipeline(call, path))
            }
            State::Returned { .. } => None,
            _ => Some(match entry.early.as_ref()?.cap_at(path) {
                Some(cap) => self.retain_cap(cap),
                None => self.broken(Exception::failed(NO_CAPABILITY)),
            }),
        }
    }

    /// The promises of what is in the results, the caller's here or a peer's, to be resolved now.
    pub(super) fn take_promised(&mut self, answer: AnswerId) -> Vec<(Box<[PipelineOp]>, CapId)> {
        let Some(entry) = self.answers.get_mut(answer.0) else {
            return Vec::new();
        };
        let promised = match entry.origin {
            Origin::Local(call) => match self.calls.get_mut(call.0) {
                Some(call) => core::mem::take(&mut call.pipelined),
                None => return Vec::new(),
            },
            _ => core::mem::take(&mut entry.promised),
        };
        let mut promised: Vec<_> = promised.into_iter().collect();
        promised.retain(|(_, cap)| self.awaits_results(*cap));
        promised
    }
}

//! Calls that this vat has to answer, a peer's or its own.

use super::calls::Purpose;
use super::caps::{CapKind, Queued, protocol_error};
use super::wire::{self, Descriptor};
use super::{
    AnswerId, CallId, CapId, ConnectionId, Event, Exception, ExportId, Outgoing, Payload,
    PipelineOp, Vat,
};

#[derive(Debug)]
pub(super) struct Answer {
    origin: Origin,
    state: State,
    /// What peers want from the results before there are any.
    promised: Vec<(Box<[PipelineOp]>, CapId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
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
enum State {
    /// Not at its object yet; in an object's queue when `invocation` is there, else in a promise.
    Waiting {
        object: Option<CapId>,
        invocation: Option<Invocation>,
    },
    /// `object` is held until it returns.
    Running {
        object: CapId,
        streaming: bool,
    },
    Forwarded(CallId),
    /// Kept for those who pipeline on it, until the peer's Finish. Results without capabilities are not.
    Returned {
        results: Result<Option<Payload>, Exception>,
        exports: Vec<ExportId>,
    },
}

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
    }

    /// Answers a call with a failure. When it was a streamed one, every later call of its object
    /// fails the same way.
    pub fn return_exception(&mut self, now_micros: u64, answer: AnswerId, exception: Exception) {
        self.now_micros = now_micros;
        self.return_now(answer, Err(exception));
    }

    // ---- on the way in ----

    /// A call arrived whose target is `target`.
    pub(super) fn new_remote_answer(
        &mut self,
        connection: ConnectionId,
        id: u32,
    ) -> Result<AnswerId, Exception> {
        let Some(table) = self.connections.get(connection.0) else {
            return Err(Exception::disconnected("the connection is closed"));
        };
        if table.answers.contains_key(&id) {
            return Err(protocol_error(format_args!(
                "it used question id {id} again before it was finished"
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
        Ok(answer)
    }

    pub(super) fn new_local_answer(&mut self, call: CallId) -> AnswerId {
        self.new_answer(Origin::Local(call))
    }

    fn new_answer(&mut self, origin: Origin) -> AnswerId {
        AnswerId(self.answers.insert(Answer {
            origin,
            state: State::Waiting {
                object: None,
                invocation: None,
            },
            promised: Vec::new(),
        }))
    }

    /// Brings a call to the capability it is for.
    pub(super) fn deliver(
        &mut self,
        answer: AnswerId,
        target: CapId,
        interface_id: u64,
        method_id: u16,
        params: Payload,
    ) {
        if self.answers.get(answer.0).is_none() {
            // It was cancelled while it waited in a promise.
            self.release_all(params.caps);
            return;
        }
        let target = self.resolve(target);
        match self.caps.get_mut(target.0).map(|cap| &mut cap.kind) {
            None => {
                self.release_all(params.caps);
                self.return_now(
                    answer,
                    Err(Exception::failed("the capability was released")),
                );
            }
            Some(CapKind::Broken(exception)) => {
                let exception = exception.clone();
                self.release_all(params.caps);
                self.return_now(answer, Err(exception));
            }
            Some(CapKind::Local(_)) => {
                self.retain_cap(target);
                if let Some(entry) = self.answers.get_mut(answer.0) {
                    entry.state = State::Waiting {
                        object: Some(target),
                        invocation: Some(Invocation {
                            interface_id,
                            method_id,
                            params,
                        }),
                    };
                }
                self.call_object(target, answer);
            }
            Some(CapKind::Promise { queue, .. }) => {
                queue.push_back(Queued::Received {
                    answer,
                    interface_id,
                    method_id,
                    params,
                });
                self.retain_cap(target);
            }
            Some(CapKind::Import { .. } | CapKind::Answer { .. } | CapKind::Resolved(_)) => {
                self.forward(answer, target, interface_id, method_id, params);
            }
        }
    }

    /// Passes a call on to another vat.
    fn forward(
        &mut self,
        answer: AnswerId,
        target: CapId,
        interface_id: u64,
        method_id: u16,
        params: Payload,
    ) {
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
        mut payload: Payload,
        mut outgoing: Outgoing,
    ) -> Result<(Outgoing, Vec<Option<CapId>>), Exception> {
        let copied = payload.copy_into(&mut outgoing);
        if let Ok(caps) = &copied {
            for cap in caps.iter().flatten() {
                self.retain_cap(*cap);
            }
        }
        self.release_all(payload.caps);
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
                object: Some(object),
                ..
            } = entry.state
        {
            entry.state = State::Running { object, streaming };
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
        match self.answers.get(answer.0).map(|answer| &answer.state) {
            Some(State::Returned { results, .. }) => {
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
            Some(_) => {
                if let Some(cap) = self.find_promised(answer, path) {
                    return self.retain_cap(cap);
                }
                let cap = self.new_promise();
                if let Some(entry) = self.answers.get_mut(answer.0) {
                    entry.promised.push((path.into(), cap));
                }
                cap
            }
            None => self.broken(Exception::failed("the call this was pipelined on is over")),
        }
    }

    /// Two calls pipelined on the same path go through one promise, in order.
    fn find_promised(&self, answer: AnswerId, path: &[PipelineOp]) -> Option<CapId> {
        let entry = self.answers.get(answer.0)?;
        let found = entry.promised.iter().find(|(other, _)| **other == *path)?;
        self.caps.get(found.1.0).map(|_| found.1)
    }

    // ---- on the way back ----

    /// Fails a call that its object never saw.
    pub(super) fn return_exception_now(&mut self, answer: AnswerId, exception: Exception) {
        self.return_now(answer, Err(exception));
    }

    fn return_now(
        &mut self,
        answer: AnswerId,
        result: Result<(Outgoing, Vec<Option<CapId>>), Exception>,
    ) {
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
        let failure = result.as_ref().err().cloned();
        match origin {
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
                let result = result.and_then(|(outgoing, caps)| {
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
                });
                self.answers.remove(answer.0);
                self.complete(call, result);
            }
            Origin::Orphan => self.drop_results(answer, result),
        }
        match state {
            State::Running { object, streaming } => {
                if streaming {
                    self.on_stream_returned(object, answer, failure);
                }
                self.release_cap(object);
            }
            State::Waiting {
                object: Some(object),
                invocation,
            } => {
                if let Some(invocation) = invocation {
                    self.release_all(invocation.params.caps);
                }
                self.release_cap(object);
            }
            State::Waiting { object: None, .. } | State::Forwarded(_) | State::Returned { .. } => {}
        }
    }

    fn return_remotely(
        &mut self,
        answer: AnswerId,
        connection: ConnectionId,
        id: u32,
        result: Result<(Outgoing, Vec<Option<CapId>>), Exception>,
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

    fn settle_promised(&mut self, answer: AnswerId) {
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

    fn drop_results(
        &mut self,
        answer: AnswerId,
        result: Result<(Outgoing, Vec<Option<CapId>>), Exception>,
    ) {
        if let Ok((_, caps)) = result {
            self.release_all(caps);
        }
        self.fail_promised(answer, canceled());
        self.answers.remove(answer.0);
    }

    /// The peer may use this question id again.
    fn forget_remote(&mut self, answer: AnswerId, connection: ConnectionId, id: u32) {
        if let Some(table) = self.connections.get_mut(connection.0)
            && table.answers.get(&id) == Some(&answer)
        {
            table.answers.remove(&id);
        }
        self.answers.remove(answer.0);
    }

    // ---- given up ----

    /// A Finish arrived. One for an answer that is gone already is late, not wrong.
    pub(super) fn on_finish(
        &mut self,
        connection: ConnectionId,
        id: u32,
        release_result_caps: bool,
    ) {
        let Some(answer) = self
            .connections
            .get(connection.0)
            .and_then(|c| c.answers.get(&id).copied())
        else {
            return;
        };
        if let Some(Answer {
            state: State::Returned { results, exports },
            ..
        }) = self.answers.get_mut(answer.0)
        {
            let (results, exports) = (take_results(results), core::mem::take(exports));
            if let Some(table) = self.connections.get_mut(connection.0) {
                table.answers.remove(&id);
            }
            self.answers.remove(answer.0);
            if release_result_caps {
                for export in exports {
                    let _ = self.release_export(connection, export.0, 1);
                }
            }
            if let Some(results) = results {
                self.release_all(results.caps);
            }
            return;
        }
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.origin = Origin::Remote {
                connection,
                id,
                finished: true,
            };
        }
        self.cancel_answer(answer);
    }

    /// The connection is gone, and with it whoever asked.
    pub(super) fn orphan(&mut self, answer: AnswerId) {
        let Some(entry) = self.answers.get_mut(answer.0) else {
            return;
        };
        entry.origin = Origin::Orphan;
        if let State::Returned { results, .. } = &mut entry.state {
            let results = take_results(results);
            self.answers.remove(answer.0);
            if let Some(results) = results {
                self.release_all(results.caps);
            }
            return;
        }
        self.cancel_answer(answer);
    }

    /// Nobody wants this answer any more: tells whoever works on it, or ends it when nobody does.
    pub(super) fn cancel_answer(&mut self, answer: AnswerId) {
        match self.answers.get(answer.0).map(|answer| &answer.state) {
            Some(State::Running { .. }) => self.events.push_back(Event::Canceled { answer }),
            Some(State::Forwarded(call)) => {
                let call = *call;
                self.return_now(answer, Err(canceled()));
                self.abandon(call);
            }
            Some(State::Waiting { .. }) => self.return_now(answer, Err(canceled())),
            Some(State::Returned { .. }) | None => {}
        }
    }
}

fn take_results(results: &mut Result<Option<Payload>, Exception>) -> Option<Payload> {
    results.as_mut().ok().and_then(Option::take)
}

const NO_CAPABILITY: &str = "the results have no capability there";

fn canceled() -> Exception {
    Exception::failed("the call was canceled")
}

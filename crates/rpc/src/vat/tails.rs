//! Results that stay at home. Whoever passes a call on to an object of the vat that made it asks
//! that the results stay there, and returns the call by naming the one it made: the results need not
//! go there and back.

use super::answers::{Answer, Origin, Returning, State};
use super::calls::{Call, PassedBack, Purpose, Route};
use super::promises::KNOT_STEPS;
use super::wire::{self, Target};
use super::{AnswerId, CallId, CapId, ConnectionId, Exception, Outgoing, Payload, QuestionId, Vat};

impl Vat {
    /// Answers a call with the results of another one, which is made here and now. They need not
    /// come by here; this driver has no more to do with either. References are taken over.
    pub fn tail_call(
        &mut self,
        now_micros: u64,
        answer: AnswerId,
        target: CapId,
        params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) {
        self.now_micros = now_micros;
        let running = self.answers.get_mut(answer.0).and_then(|entry| {
            let State::Running {
                object, streaming, ..
            } = entry.state
            else {
                return None;
            };
            entry.state = State::Waiting {
                place: None,
                invocation: None,
            };
            Some((object, streaming))
        });
        match running {
            Some((object, streaming)) => {
                let target = self.shorten(target);
                self.pass_on(answer, target, params, caps);
                if let Some(early) = self
                    .answers
                    .get_mut(answer.0)
                    .and_then(|entry| entry.early.take())
                {
                    self.release_all(early.caps);
                }
                if streaming {
                    self.on_stream_returned(object, answer, None);
                }
                self.release_cap(object);
                self.on_delivered(answer);
            }
            None => self.release_all(caps),
        }
        self.run_tasks();
    }

    /// Answers a call by making the same one to another object.
    pub fn pass_call(
        &mut self,
        now_micros: u64,
        answer: AnswerId,
        (interface_id, method_id): (u64, u16),
        params: Payload,
        target: CapId,
    ) {
        let outgoing = Outgoing::call(interface_id, method_id, params.size_words());
        match self.copy_payload(params, outgoing) {
            Ok((outgoing, caps)) => self.tail_call(now_micros, answer, target, outgoing, caps),
            Err(exception) => self.return_exception(now_micros, answer, exception),
        }
    }

    /// Makes the call whose results are those of `answer`, for which nobody does anything yet.
    pub(super) fn pass_on(
        &mut self,
        answer: AnswerId,
        target: CapId,
        mut params: Outgoing,
        caps: Vec<Option<CapId>>,
    ) {
        let back = self.asked_from(answer).filter(|(connection, _)| {
            self.leads_to(*connection, target).is_some() && params.leave_results().is_ok()
        });
        let call = self.new_call(Purpose::Forward(answer), target, None);
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.state = State::Forwarded(call);
        }
        self.route(call, target, params, caps);
        // If it failed, it was returned so.
        if let Some((connection, id)) = back
            && let Some(question) = self.open_question(call, connection)
        {
            self.transmit(connection, wire::return_taken(id, question));
            self.on_answered(answer);
            if let Some(entry) = self.calls.get_mut(call.0) {
                entry.purpose = Purpose::PassedBack(PassedBack::default());
            }
            if let Some(entry) = self.answers.get_mut(answer.0) {
                entry.state = State::PassedBack(call);
            }
        }
        let end = self.resolve(target);
        if self.waits_for(end, end) {
            let knot = self.broken(Exception::failed("a call was passed on to its own results"));
            self.resolve_to(end, knot);
        }
        // What was pipelined on the call goes on behind it.
        if let Some(Answer {
            state: State::Forwarded(_) | State::PassedBack(_),
            ..
        }) = self.answers.get(answer.0)
        {
            for (path, cap) in self.take_promised(answer) {
                let to = self.pipeline(call, &path);
                self.resolve_to(cap, to);
            }
        }
    }

    /// The peer that wants this answer and may get it in any way, and its question.
    fn asked_from(&self, answer: AnswerId) -> Option<(ConnectionId, u32)> {
        match self.answers.get(answer.0)? {
            Answer {
                origin:
                    Origin::Remote {
                        connection,
                        id,
                        finished: false,
                    },
                redirected: false,
                ..
            } => {
                let table = self.connections.get(connection.0)?;
                table.options.tail_calls.then_some((*connection, *id))
            }
            _ => None,
        }
    }

    pub(super) fn is_left_there(&self, call: CallId) -> bool {
        matches!(
            self.calls.get(call.0),
            Some(Call {
                purpose: Purpose::PassedBack(_),
                ..
            })
        )
    }

    pub(super) fn is_passed_back(&self, connection: ConnectionId, question: u32) -> bool {
        let table = self.connections.get(connection.0);
        let call = table.and_then(|table| table.questions.get(question as usize));
        call.is_some_and(|call| self.is_left_there(*call))
    }

    /// The results of a call of ours are there, and stay.
    pub(super) fn on_return_elsewhere(
        &mut self,
        connection: ConnectionId,
        question: u32,
        release_param_caps: bool,
    ) {
        let table = self.connections.get(connection.0);
        if let Some(call) = table.and_then(|table| table.questions.get(question as usize).copied())
        {
            if release_param_caps {
                self.release_param_exports(call, connection);
            }
            self.on_passed_back(call, |whose| whose.returned = true);
        }
    }

    /// One end is over of a call whose results stay with the peer.
    pub(super) fn on_passed_back(&mut self, call: CallId, what: impl FnOnce(&mut PassedBack)) {
        if let Some(Call {
            purpose: Purpose::PassedBack(whose),
            ..
        }) = self.calls.get_mut(call.0)
        {
            what(whose);
            self.end_passed_back(call);
        }
    }

    /// Finishes such a call when nothing can refer to its results any more. Not before it has
    /// returned: that would cancel it.
    pub(super) fn end_passed_back(&mut self, call: CallId) {
        let Some(Call {
            purpose:
                Purpose::PassedBack(PassedBack {
                    finished: true,
                    returned: true,
                }),
            route:
                Route::Remote {
                    connection,
                    question,
                    ..
                },
            pipelined,
            ..
        }) = self.calls.get(call.0)
        else {
            return;
        };
        if !pipelined.is_empty() {
            return;
        }
        let (connection, question) = (*connection, *question);
        self.transmit(connection, wire::finish(question, false));
        if let Some(table) = self.connections.get_mut(connection.0) {
            table.questions.try_remove(question.0 as usize);
        }
        self.complete(call, Err(Exception::failed("the results are elsewhere")));
    }

    /// An answer is there whose results stay here until the peer says whose they are, or that
    /// they are nobody's.
    pub(super) fn return_redirected(&mut self, answer: AnswerId, result: Returning) {
        let results = result.and_then(|results| self.keep_results(results));
        let Some(entry) = self.answers.get_mut(answer.0) else {
            return;
        };
        let (origin, taker) = (entry.origin, entry.taker.take());
        entry.state = State::Returned {
            results: results.map(Some),
            exports: Vec::new(),
        };
        let taken = taker.map(|call| (call, self.copy_results(answer)));
        self.settle_promised(answer);
        match origin {
            Origin::Remote {
                connection,
                id,
                finished,
            } => {
                self.transmit(connection, wire::return_elsewhere(id));
                if finished {
                    self.forget_results(answer);
                    self.forget_remote(answer, connection, id);
                }
            }
            Origin::Local(_) | Origin::Orphan => self.forget_results(answer),
        }
        if let Some((call, result)) = taken {
            self.complete(call, result);
        }
    }

    /// The peer returned our question with the results of a call that it made to us.
    pub(super) fn on_return_taken(
        &mut self,
        connection: ConnectionId,
        question: u32,
        no_finish_needed: bool,
        release_param_caps: bool,
        from: u32,
    ) -> Result<(), Exception> {
        let table = self.connections.get(connection.0);
        let answer = table.and_then(|table| table.answers.get(&from).copied());
        let call = table.and_then(|table| table.questions.get(question as usize).copied());
        let wanted = call
            .and_then(|call| self.open_question(call, connection))
            .is_some();
        let found = answer.filter(|answer| {
            self.answers
                .get(answer.0)
                .is_some_and(|entry| entry.redirected && entry.taker.is_none())
        });
        let (Some(answer), Some(call), true) = (found, call, wanted) else {
            if let (Some(answer), false) = (found, wanted) {
                // They were for a call that was given up, and so are they.
                self.cancel_answer(answer);
            }
            let error = Exception::failed(format!(
                "the peer returned the results of its call {from}, which are not here for it to give"
            ));
            return self.on_return(
                connection,
                question,
                no_finish_needed,
                release_param_caps,
                Err(error),
            );
        };
        if self.is_answered_by(answer, call) {
            let error = Exception::failed(format!(
                "the peer returned the results of its call {from}, which are those of the call that it returned"
            ));
            return self.on_return(
                connection,
                question,
                no_finish_needed,
                release_param_caps,
                Err(error),
            );
        }
        if release_param_caps {
            self.release_param_exports(call, connection);
        }
        // What was pipelined on our question comes back to the peer's: it is the same thing.
        let pipelined = match self.calls.get_mut(call.0) {
            Some(entry) => {
                entry.route = Route::Taking(answer);
                entry.pipelined.clone()
            }
            None => return Ok(()),
        };
        for (path, cap) in pipelined {
            let to = self.promised(connection, from, &path);
            let via = Target::Promised {
                question,
                path: path.into_vec(),
            };
            self.settle(cap, to, connection, via, true);
        }
        if !no_finish_needed {
            self.transmit(connection, wire::finish(QuestionId(question), false));
        }
        if let Some(table) = self.connections.get_mut(connection.0) {
            table.questions.try_remove(question as usize);
        }
        if let Some(Answer {
            state: State::Returned { .. },
            ..
        }) = self.answers.get(answer.0)
        {
            let result = self.copy_results(answer);
            self.complete(call, result);
            return Ok(());
        }
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.taker = Some(call);
        }
        Ok(())
    }

    /// Whether the results of `answer` are those of `call`, by way of however many calls that were passed on.
    fn is_answered_by(&self, mut answer: AnswerId, call: CallId) -> bool {
        for _ in 0..KNOT_STEPS {
            let next = match self.answers.get(answer.0).map(|entry| &entry.state) {
                Some(State::Forwarded(next) | State::PassedBack(next)) => *next,
                _ => return false,
            };
            if next == call {
                return true;
            }
            answer = match self.calls.get(next.0).map(|entry| &entry.route) {
                Some(Route::Local(answer) | Route::Taking(answer)) => *answer,
                _ => return false,
            };
        }
        false
    }

    /// The call that waits for these results was given up.
    pub(super) fn stop_taking(&mut self, answer: AnswerId, call: CallId) {
        if let Some(entry) = self.answers.get_mut(answer.0)
            && entry.taker == Some(call)
        {
            entry.taker = None;
            if !entry.is_wanted() {
                self.cancel_answer(answer);
            }
        }
        self.complete(call, Err(Exception::failed("the call was canceled")));
    }

    fn copy_results(&mut self, answer: AnswerId) -> Result<Payload, Exception> {
        let Some(Answer {
            state: State::Returned { results, .. },
            ..
        }) = self.answers.get(answer.0)
        else {
            return Err(Exception::failed("there are no results yet"));
        };
        let results = results.as_ref().map_err(Clone::clone)?;
        let copy = results
            .as_ref()
            .map(Payload::duplicate)
            .ok_or_else(|| Exception::failed("the results are not kept any more"))?;
        for cap in copy.caps.iter().flatten() {
            self.retain_cap(*cap);
        }
        Ok(copy)
    }
}

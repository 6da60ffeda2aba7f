//! Results that come home. A peer that passes a call of ours on to an object of ours asks that the
//! results stay here, and returns our call by naming the one it made: they need not go there and back.

use super::answers::{Answer, Origin, Returning, State};
use super::calls::Route;
use super::wire::{self, Target};
use super::{AnswerId, CallId, ConnectionId, Exception, Payload, QuestionId, Vat};

impl Vat {
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
        if release_param_caps {
            self.release_param_exports(call, connection);
        }
        // What was pipelined on our question comes back to the peer's: it is the same thing.
        let pipelined = match self.calls.get_mut(call.0) {
            Some(entry) => core::mem::take(&mut entry.pipelined),
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
        if let Some(entry) = self.calls.get_mut(call.0) {
            entry.route = Route::Taking(answer);
        }
        Ok(())
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

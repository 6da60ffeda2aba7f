//! Answers that whoever asked for them does not want any more.

use super::answers::{Answer, Origin, State};
use super::results::take_results;
use super::{AnswerId, ConnectionId, Event, Exception, PipelineOp, Vat};

impl Vat {
    /// A Finish arrived. One for an answer that is gone already is late, not wrong.
    pub(super) fn on_finish(
        &mut self,
        connection: ConnectionId,
        id: u32,
        release_result_caps: bool,
        deliver_first: bool,
    ) {
        let Some(answer) = self
            .connections
            .get(connection.0)
            .and_then(|c| c.answers.get(&id).copied())
        else {
            return;
        };
        if let Some(Answer {
            state: State::PassedBack(call),
            ..
        }) = self.answers.get(answer.0)
        {
            let call = *call;
            self.forget_remote(answer, connection, id);
            return self.on_passed_back(call, |whose| whose.finished = true);
        }
        if let Some(Answer {
            state: State::Returned { results, exports },
            ..
        }) = self.answers.get_mut(answer.0)
        {
            let (results, exports) = (take_results(results), core::mem::take(exports));
            self.on_answered(answer);
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
            entry.deliver_first = deliver_first;
        }
        self.cancel_answer(answer);
    }

    /// Nobody waits any more for what was promised from these results.
    pub(super) fn on_promised_released(&mut self, answer: AnswerId, path: &[PipelineOp]) {
        if let Some(entry) = self.answers.get_mut(answer.0) {
            entry.promised.remove(path);
            if !entry.is_wanted() {
                self.cancel_answer(answer);
            }
        }
    }

    /// The connection is gone, and with it whoever asked.
    pub(super) fn orphan(&mut self, answer: AnswerId) {
        let Some(entry) = self.answers.get_mut(answer.0) else {
            return;
        };
        entry.origin = Origin::Orphan;
        entry.deliver_first = false;
        match &mut entry.state {
            State::Returned { results, .. } => {
                let results = take_results(results);
                self.answers.remove(answer.0);
                if let Some(results) = results {
                    self.release_all(results.caps);
                }
            }
            // Its question is over with the connection too.
            State::PassedBack(_) => {
                self.answers.remove(answer.0);
            }
            // Even when other calls wait for it: they may wait for each other in a circle.
            State::Waiting { .. } => self.return_now(answer, Err(canceled())),
            State::Running { .. } | State::Forwarded(_) => self.cancel_answer(answer),
        }
    }

    /// Whoever asked does not want this answer any more: unless it is needed for calls that were
    /// pipelined on it, tells whoever works on it, or ends it when nobody does.
    pub(super) fn cancel_answer(&mut self, answer: AnswerId) {
        let Some(entry) = self.answers.get_mut(answer.0) else {
            return;
        };
        if !entry.promised.is_empty() || entry.taker.is_some() {
            return;
        }
        match &mut entry.state {
            State::Running { canceled, .. } => {
                if !*canceled {
                    *canceled = true;
                    self.events.push_back(Event::Canceled { answer });
                }
            }
            State::Forwarded(call) => {
                let call = *call;
                self.return_now(answer, Err(canceled()));
                self.abandon(call);
            }
            State::Waiting { .. } if entry.deliver_first => {}
            State::Waiting { .. } => self.return_now(answer, Err(canceled())),
            State::Returned { .. } | State::PassedBack(_) => {}
        }
    }
}

impl Answer {
    pub(super) fn is_wanted(&self) -> bool {
        match self.origin {
            Origin::Remote { finished, .. } => !finished,
            // Its call says when.
            Origin::Local(_) => true,
            Origin::Orphan => false,
        }
    }
}

fn canceled() -> Exception {
    Exception::failed("the call was canceled")
}

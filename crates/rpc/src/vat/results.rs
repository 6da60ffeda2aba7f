//! What becomes of an answer: results or a failure, sent to a peer, kept here, or let go.

use super::answers::{Answer, Origin, Returning, State};
use super::calls::NO_CAPABILITY;
use super::wire::{self, Descriptor};
use super::{AnswerId, CapId, ConnectionId, Exception, ExportId, Outgoing, Payload, Vat};

impl Vat {
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
        if let State::Returned { .. } | State::PassedBack(_) = state {
            // It was answered before.
            entry.state = state;
            if let Ok((_, caps)) = result {
                self.release_all(caps);
            }
            return;
        }
        let origin = entry.origin;
        let redirected = entry.redirected;
        let early = entry.early.take();
        self.on_answered(answer);
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
            State::Forwarded(_) | State::PassedBack(_) | State::Returned { .. } => {}
        }
        if let Some(early) = early {
            self.release_all(early.caps);
        }
    }

    /// Counts what is kept for the peer.
    pub(super) fn hold(&mut self, answer: AnswerId, bytes: usize) {
        if let Some(entry) = self.answers.get_mut(answer.0)
            && let Origin::Remote { connection, .. } = entry.origin
            && let Some(table) = self.connections.get_mut(connection.0)
        {
            entry.held_bytes += bytes;
            table.held_bytes = table.held_bytes.saturating_add(bytes);
        }
    }

    /// What the call said counts no more among what the peer makes us hold.
    pub(super) fn on_answered(&mut self, answer: AnswerId) {
        self.stop_waiting(answer);
        if let Some(entry) = self.answers.get_mut(answer.0)
            && let held_bytes = core::mem::take(&mut entry.held_bytes)
            && let Origin::Remote { connection, .. } = entry.origin
            && let Some(table) = self.connections.get_mut(connection.0)
        {
            table.held_bytes = table.held_bytes.saturating_sub(held_bytes);
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
        let room = |caps: &[Option<CapId>]| {
            let table = self.connections.get(connection.0);
            table.map_or(Ok(()), |table| table.check_exports(caps))
        };
        let result = match result {
            Ok((outgoing, caps)) => match room(&caps) {
                Ok(()) => Ok((outgoing, caps)),
                Err(error) => {
                    self.release_all(caps);
                    Err(error)
                }
            },
            Err(error) => Err(error),
        };
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
                self.hold(answer, frame.len());
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

//! How calls that this vat made come to their end.

use super::calls::{NO_CAPABILITY, Purpose, Route};
use super::caps::{CapKind, protocol_error};
use super::tasks::Task;
use super::wire::{self, Descriptor, Target};
use super::{CallId, ConnectionId, Event, Exception, Payload, QuestionId, Vat};

impl Vat {
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
        let mut from = ReturnedFrom {
            connection,
            question,
            to_us: Vec::new(),
        };
        // After an early Finish the peer lets go of the capabilities in the results itself.
        let mut result = match result {
            Ok(_) if finished => Err(Exception::failed("the call was canceled")),
            Ok(ReturnedPayload {
                mut payload,
                descriptors,
            }) => {
                payload.caps = self.understand_all(connection, &descriptors)?;
                from.to_us = descriptors.iter().map(Descriptor::is_receivers).collect();
                Ok(payload)
            }
            Err(exception) => Err(exception),
        };
        if release_param_caps {
            self.release_param_exports(call, connection);
        }
        self.settle_pipelined(call, &mut result, Some(&from));
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
    pub(super) fn complete(&mut self, call: CallId, mut result: Result<Payload, Exception>) {
        self.settle_pipelined(call, &mut result, None);
        let Some(entry) = self.calls.get_mut(call.0) else {
            self.release_result(result);
            return;
        };
        entry.route = Route::Over;
        let on_line = entry.on_line.take();
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
                    self.on_streamed(stream, bytes, on_line, outcome);
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
                self.spawn(Task::Tell(Event::Return { call, result }));
            }
            Purpose::Abandoned | Purpose::PassedBack(_) => {
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
        result: &mut Result<Payload, Exception>,
        from: Option<&ReturnedFrom>,
    ) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        let goes_on = matches!(entry.purpose, Purpose::Forward(_));
        for (path, cap) in core::mem::take(&mut entry.pipelined) {
            let index = result
                .as_ref()
                .ok()
                .map(|payload| payload.cap_index_at(&path).unwrap_or(usize::MAX));
            let known = match &*result {
                Ok(payload) => index
                    .and_then(|index| payload.caps.get(index).copied().flatten())
                    .ok_or_else(|| Exception::failed(NO_CAPABILITY)),
                Err(exception) => Err(exception.clone()),
            };
            let to = match known {
                Ok(to) => self.retain_cap(to),
                Err(exception) => self.broken(exception),
            };
            match from {
                // Of a call that the peer passed back it has been known before.
                _ if !self.awaits_results(cap) => self.release_cap(to),
                Some(from) => {
                    let via = Target::Promised {
                        question: from.question,
                        path: path.into_vec(),
                    };
                    let to_us = index
                        .and_then(|index| from.to_us.get(index).copied())
                        .unwrap_or(false);
                    self.settle(cap, to, from.connection, via, to_us);
                }
                None => self.resolve_to(cap, to),
            }
            // Whoever gets the results must not overtake what was pipelined on them.
            if goes_on
                && let Some(CapKind::Promise(_)) = self.kind(cap)
                && let Some(known) = index
                    .zip(result.as_mut().ok())
                    .and_then(|(index, payload)| payload.caps.get_mut(index))
            {
                let was = known.replace(cap);
                self.retain_cap(cap);
                self.release_all(vec![was]);
            }
        }
    }
}

/// Results that arrived, before their capabilities are understood.
pub(super) struct ReturnedPayload {
    pub(super) payload: Payload,
    pub(super) descriptors: Vec<Descriptor>,
}

struct ReturnedFrom {
    connection: ConnectionId,
    question: u32,
    /// Of each capability in the results, whether the peer has it from us.
    to_us: Vec<bool>,
}

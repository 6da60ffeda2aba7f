//! Messages that arrive.

use capstan_message::message;

use super::answers::Invocation;
use super::caps::{CapKind, protocol_error};
use super::connection::Import;
use super::payload::FrameSegments;
use super::returns::ReturnedPayload;
use super::wire::{
    self, Descriptor, DisembargoContext, Incoming, PayloadPlace, ResultsTo, Returned, Target,
    Unimplemented,
};
use super::{CapId, ConnectionId, Exception, ImportId, Payload, Vat, echo};
use crate::rpc_capnp;

/// Why a connection has to end: what to tell the peer, if it listens still.
pub(super) enum Ending {
    /// We end it.
    Abort(Exception),
    /// The peer ended it.
    Aborted(Exception),
}

impl From<Exception> for Ending {
    fn from(exception: Exception) -> Self {
        Self::Abort(exception)
    }
}

fn malformed(error: Exception) -> Ending {
    Ending::Abort(Exception::failed(format!(
        "the peer sent a malformed message: {}",
        error.reason
    )))
}

impl Vat {
    pub(super) fn receive(
        &mut self,
        connection: ConnectionId,
        frame: Vec<u8>,
    ) -> Result<(), Ending> {
        let message = super::payload::parse_frame(frame).map_err(malformed)?;
        match root(&message).and_then(wire::parse).map_err(malformed)? {
            Incoming::Abort(exception) => Err(Ending::Aborted(exception)),
            Incoming::Unimplemented(original) => {
                self.on_unimplemented(connection, &original);
                Ok(())
            }
            Incoming::Offer(offer) => match self.on_offer(connection, offer)? {
                true => Ok(()),
                false => self.send_back(connection, &message),
            },
            Incoming::Bootstrap { answer, dedicated } => {
                self.on_bootstrap(connection, answer, dedicated)
            }
            Incoming::Call {
                results_to: ResultsTo::Unsupported,
                ..
            }
            | Incoming::Other => self.send_back(connection, &message),
            Incoming::Call {
                answer,
                target,
                interface_id,
                method_id,
                results_to,
            } => {
                let redirected = results_to == ResultsTo::Yourself;
                self.on_call(
                    connection,
                    message,
                    (answer, redirected),
                    &target,
                    (interface_id, method_id),
                )
            }
            Incoming::Return {
                question,
                release_param_caps,
                no_finish_needed,
                result: Returned::TakenFrom(from),
            } => Ok(self.on_return_taken(
                connection,
                question,
                no_finish_needed,
                release_param_caps,
                from,
            )?),
            Incoming::Return {
                question,
                release_param_caps,
                no_finish_needed: false,
                result: Returned::Elsewhere,
            } if self.is_passed_back(connection, question) => {
                self.on_return_elsewhere(connection, question, release_param_caps);
                Ok(())
            }
            Incoming::Return {
                question,
                release_param_caps,
                no_finish_needed,
                result,
            } => {
                let result = match result {
                    Returned::Results => {
                        let descriptors = descriptors(&message, PayloadPlace::Results)?;
                        Ok(ReturnedPayload {
                            payload: Payload::new(message, PayloadPlace::Results, Vec::new()),
                            descriptors,
                        })
                    }
                    Returned::Exception(exception) => Err(exception),
                    Returned::Canceled => Err(Exception::failed("the peer canceled the call")),
                    Returned::Unsupported | Returned::TakenFrom(_) | Returned::Elsewhere => {
                        Err(Exception::unimplemented(
                            "the peer returned in a way that was not asked for",
                        ))
                    }
                };
                Ok(self.on_return(
                    connection,
                    question,
                    no_finish_needed,
                    release_param_caps,
                    result,
                )?)
            }
            Incoming::Finish {
                answer,
                release_result_caps,
                deliver_first,
            } => {
                self.on_finish(connection, answer, release_result_caps, deliver_first);
                Ok(())
            }
            Incoming::Resolve { promise, to } => self.on_resolve(connection, promise, to),
            Incoming::Release { export, count } => {
                Ok(self.release_export(connection, export, count)?)
            }
            Incoming::Disembargo { target, context } => {
                self.on_disembargo(connection, message, &target, context)
            }
        }
    }

    fn on_bootstrap(
        &mut self,
        connection: ConnectionId,
        id: u32,
        dedicated: bool,
    ) -> Result<(), Ending> {
        let answer = self.new_remote_answer(connection, id, 0)?;
        let bootstrap = self
            .connections
            .get(connection.0)
            .and_then(|c| match dedicated {
                false => c.options.bootstrap,
                true => c.dedicated.or(c.options.bootstrap),
            });
        match bootstrap {
            Some(bootstrap) => {
                self.retain_cap(bootstrap);
                let mut results = super::Outgoing::results(1);
                results.content()?.builder.set_capability_index(0);
                self.return_now(answer, Ok((results, vec![Some(bootstrap)])));
            }
            None => {
                let exception = Exception::unimplemented("this vat offers no bootstrap object");
                self.return_now(answer, Err(exception));
            }
        }
        Ok(())
    }

    fn on_call(
        &mut self,
        connection: ConnectionId,
        message: message::Reader<FrameSegments>,
        (id, redirected): (u32, bool),
        target: &Target,
        (interface_id, method_id): (u64, u16),
    ) -> Result<(), Ending> {
        let descriptors = descriptors(&message, PayloadPlace::Params)?;
        let frame_bytes = message.size_in_words() * capstan_message::WORD_BYTES;
        // Before the call has an answer, so that it cannot name its own results.
        let target = self.target(connection, target)?;
        let understood = self
            .understand_all(connection, &descriptors)
            .and_then(
                |caps| match self.new_remote_answer(connection, id, frame_bytes) {
                    Ok(answer) => Ok((answer, caps)),
                    Err(error) => {
                        self.release_all(caps);
                        Err(error)
                    }
                },
            );
        let (answer, caps) = match understood {
            Ok(understood) => understood,
            Err(error) => {
                self.release_cap(target);
                return Err(error.into());
            }
        };
        self.redirect(answer, redirected);
        let call = Invocation {
            interface_id,
            method_id,
            params: Payload::new(message, PayloadPlace::Params, caps),
        };
        self.deliver(answer, target, call);
        self.release_cap(target);
        Ok(())
    }

    /// What a peer's call or disembargo is for, as one reference.
    fn target(&mut self, connection: ConnectionId, target: &Target) -> Result<CapId, Exception> {
        match target {
            Target::Imported(id) => {
                let cap = self.exported(connection, *id)?;
                Ok(self.retain_cap(cap))
            }
            Target::Promised { question, path } => Ok(self.promised(connection, *question, path)),
        }
    }

    fn on_resolve(
        &mut self,
        connection: ConnectionId,
        promise: ImportId,
        to: Result<Descriptor, Exception>,
    ) -> Result<(), Ending> {
        let known = self
            .connections
            .get(connection.0)
            .and_then(|c| c.imports.get(&promise))
            .map(|import| (import.cap, import.remote_refs));
        if let Ok(descriptor) = &to
            && self.rename_import(connection, promise, descriptor)
        {
            return Ok(());
        }
        let to_us = to.as_ref().is_ok_and(Descriptor::is_receivers);
        let to = match to {
            Ok(descriptor) => match self.understand(connection, &descriptor)? {
                Some(cap) => cap,
                None => self.broken(Exception::failed("the peer resolved a promise to null")),
            },
            Err(exception) => self.broken(exception),
        };
        let Some((cap, refs)) = known else {
            // We released the promise while the peer resolved it.
            self.release_cap(to);
            return Ok(());
        };
        let to = if self.resolve(to) != cap {
            to
        } else {
            self.release_cap(to);
            if !to_us {
                return Err(protocol_error(format_args!(
                    "it resolved promise {} to itself",
                    promise.0
                ))
                .into());
            }
            // Each vat said that its promise is the other's, and neither could know.
            self.broken(Exception::failed("a promise was resolved to itself"))
        };
        self.settle(cap, to, connection, Target::Imported(promise.0), to_us);
        if let Some(table) = self.connections.get_mut(connection.0) {
            table.imports.remove(&promise);
        }
        self.transmit(connection, wire::release(promise, refs));
        Ok(())
    }

    /// Lets the import of a promise name what the promise turned out to be, when that is something
    /// new of the same peer's: a peer that resolves promises to promises for ever makes no chain.
    fn rename_import(
        &mut self,
        connection: ConnectionId,
        promise: ImportId,
        to: &Descriptor,
    ) -> bool {
        let (Descriptor::SenderHosted(id) | Descriptor::SenderPromise(id)) = to else {
            return false;
        };
        let id = ImportId(*id);
        let Some(table) = self.connections.get_mut(connection.0) else {
            return false;
        };
        if table.imports.contains_key(&id) {
            return false;
        }
        let Some(old) = table.imports.remove(&promise) else {
            return false;
        };
        table.imports.insert(
            id,
            Import {
                cap: old.cap,
                remote_refs: 1,
            },
        );
        let still_promise = matches!(to, Descriptor::SenderPromise(_));
        if let Some(CapKind::Import {
            import, promise, ..
        }) = self.caps.get_mut(old.cap.0).map(|cap| &mut cap.kind)
        {
            *import = id;
            *promise = still_promise;
        }
        self.transmit(connection, wire::release(promise, old.remote_refs));
        if !still_promise {
            self.tell_watchers(old.cap);
        }
        true
    }

    fn on_disembargo(
        &mut self,
        connection: ConnectionId,
        message: message::Reader<FrameSegments>,
        target: &Target,
        context: DisembargoContext,
    ) -> Result<(), Ending> {
        match context {
            DisembargoContext::SenderLoopback(embargo) => {
                let target = self.target(connection, target)?;
                // What was the sender's own when it was told may be something else by now. What
                // never led anywhere else never was.
                let ours = match self.kind(target) {
                    Some(CapKind::Import {
                        connection: other, ..
                    }) => *other != connection,
                    Some(CapKind::Answer { call, .. }) => {
                        self.open_question(*call, connection).is_none()
                    }
                    Some(CapKind::Promise(_) | CapKind::Resolved(_)) => false,
                    Some(CapKind::Local(_) | CapKind::Broken(_)) | None => true,
                };
                if !ours {
                    self.pass_disembargo(connection, embargo, target);
                }
                self.release_cap(target);
                if ours {
                    return Err(protocol_error(format_args!(
                        "its Disembargo names a capability that does not lead back to it"
                    ))
                    .into());
                }
                Ok(())
            }
            DisembargoContext::ReceiverLoopback(embargo) => {
                let held = self
                    .connections
                    .get_mut(connection.0)
                    .and_then(|c| c.embargoes.try_remove(embargo as usize));
                let Some(cap) = held else {
                    return Err(protocol_error(format_args!(
                        "it lifted embargo {embargo}, which does not exist"
                    ))
                    .into());
                };
                self.lift_embargo(cap);
                Ok(())
            }
            DisembargoContext::Unsupported => self.send_back(connection, &message),
        }
    }

    fn send_back(
        &mut self,
        connection: ConnectionId,
        message: &message::Reader<FrameSegments>,
    ) -> Result<(), Ending> {
        let frame = echo::unimplemented(message).ok_or_else(|| {
            Exception::unimplemented("the peer sent a message of a kind this vat does not know")
        })?;
        self.transmit(connection, frame);
        Ok(())
    }

    /// The peer does not know a kind of message that we sent: what it held is let go.
    fn on_unimplemented(&mut self, connection: ConnectionId, original: &Unimplemented) {
        match original {
            Unimplemented::Call { question } | Unimplemented::Bootstrap { question } => {
                let exception =
                    Exception::unimplemented("the peer does not support this kind of call");
                // A question that is over needs nothing more.
                let _ = self.on_return(connection, *question, true, true, Err(exception));
            }
            Unimplemented::Resolve { cap: Some(export) } => {
                let _ = self.release_export(connection, *export, 1);
            }
            Unimplemented::Disembargo { embargo } => {
                // It keeps no order; waiting for it would not end.
                let held = self
                    .connections
                    .get_mut(connection.0)
                    .and_then(|c| c.embargoes.try_remove(*embargo as usize));
                if let Some(cap) = held {
                    self.lift_embargo(cap);
                }
            }
            Unimplemented::Resolve { cap: None } | Unimplemented::Other => {}
        }
    }
}

fn root(message: &message::Reader<FrameSegments>) -> crate::Result<rpc_capnp::message::Reader<'_>> {
    Ok(message.get_root()?)
}

fn descriptors(
    message: &message::Reader<FrameSegments>,
    place: PayloadPlace,
) -> Result<Vec<Descriptor>, Ending> {
    root(message)
        .and_then(|root| wire::parse_cap_table(place.payload(root)?, message.size_in_words()))
        .map_err(malformed)
}

//! The messages of `rpc.capnp`, parsed once into types that cannot be wrong, and built.

use capstan_message::NotInSchema;
use capstan_message::message::FrameBuilder;
use capstan_message::traits::IntoInternalStructReader;
use capstan_message::{any_pointer, text};

use super::batches::Offer;
use super::{EmbargoId, Exception, ExceptionKind, ExportId, ImportId, PipelineOp, QuestionId};
use crate::rpc_capnp::call::send_results_to;
use crate::rpc_capnp::{
    cap_descriptor, disembargo, exception, message, message_target, payload, promised_answer,
    resolve, return_,
};

/// A message from the peer, less its payload.
#[derive(Debug)]
pub(super) enum Incoming {
    Unimplemented(Unimplemented),
    Abort(Exception),
    Bootstrap {
        answer: u32,
        /// It asks for the object of dedicated connections instead.
        dedicated: bool,
    },
    Call {
        answer: u32,
        target: Target,
        interface_id: u64,
        method_id: u16,
        results_to: ResultsTo,
    },
    Return {
        question: u32,
        release_param_caps: bool,
        no_finish_needed: bool,
        result: Returned,
    },
    Finish {
        answer: u32,
        release_result_caps: bool,
        /// From a peer whose users rely on calls being delivered even when they are given up at once.
        deliver_first: bool,
    },
    Resolve {
        promise: ImportId,
        to: Result<Descriptor, Exception>,
    },
    Release {
        export: u32,
        count: u32,
    },
    Disembargo {
        target: Target,
        context: DisembargoContext,
    },
    Offer(Offer),
    /// A kind of message that this implementation does not know or does not support.
    Other,
}

/// A message of ours that the peer could not handle: what it held has to be let go.
#[derive(Debug)]
pub(super) enum Unimplemented {
    Call { question: u32 },
    Bootstrap { question: u32 },
    Resolve { cap: Option<u32> },
    Disembargo { embargo: u32 },
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResultsTo {
    Caller,
    /// They stay with the vat that answers, until the caller says what they are for.
    Yourself,
    Unsupported,
}

#[derive(Debug)]
pub(super) enum Returned {
    Results,
    /// They are those of this call of the sender's, which asked that they stay with the receiver.
    TakenFrom(u32),
    /// They stay with the sender, as the receiver asked.
    Elsewhere,
    Exception(Exception),
    Canceled,
    Unsupported,
}

#[derive(Clone, Debug)]
pub(super) enum Target {
    /// An export of the receiver's.
    Imported(u32),
    /// Part of the results of a question that the sender asked.
    Promised {
        question: u32,
        path: Vec<PipelineOp>,
    },
}

#[derive(Debug)]
pub(super) enum DisembargoContext {
    SenderLoopback(u32),
    ReceiverLoopback(u32),
    Unsupported,
}

/// How a capability in a payload is named. Seen from the sender of the message.
#[derive(Clone, Debug)]
pub(super) enum Descriptor {
    None,
    SenderHosted(u32),
    SenderPromise(u32),
    ReceiverHosted(u32),
    ReceiverAnswer {
        question: u32,
        path: Vec<PipelineOp>,
    },
}

type Parsed<T> = crate::Result<T>;

pub(super) fn parse(root: message::Reader<'_>) -> Parsed<Incoming> {
    let which = match root.which() {
        Ok(which) => which,
        Err(NotInSchema(kind)) => {
            let offer = Offer::parse(kind, root.into_internal_struct_reader());
            return Ok(offer.map_or(Incoming::Other, Incoming::Offer));
        }
    };
    Ok(match which {
        message::Unimplemented(original) => {
            Incoming::Unimplemented(parse_unimplemented(original?)?)
        }
        message::Abort(exception) => Incoming::Abort(parse_exception(exception?)?),
        message::Bootstrap(bootstrap) => {
            let bootstrap = bootstrap?;
            Incoming::Bootstrap {
                answer: bootstrap.get_question_id(),
                dedicated: bootstrap.has_deprecated_object_id(),
            }
        }
        message::Call(call) => {
            let call = call?;
            let results_to = match call.get_send_results_to().which() {
                Ok(send_results_to::Caller(())) => ResultsTo::Caller,
                Ok(send_results_to::Yourself(())) => ResultsTo::Yourself,
                _ => ResultsTo::Unsupported,
            };
            Incoming::Call {
                answer: call.get_question_id(),
                target: parse_target(call.get_target()?)?,
                interface_id: call.get_interface_id(),
                method_id: call.get_method_id(),
                results_to,
            }
        }
        message::Return(ret) => {
            let ret = ret?;
            Incoming::Return {
                question: ret.get_answer_id(),
                release_param_caps: ret.get_release_param_caps(),
                no_finish_needed: ret.get_no_finish_needed(),
                result: match ret.which() {
                    Ok(return_::Results(_)) => Returned::Results,
                    Ok(return_::Exception(exception)) => {
                        Returned::Exception(parse_exception(exception?)?)
                    }
                    Ok(return_::Canceled(())) => Returned::Canceled,
                    Ok(return_::TakeFromOtherQuestion(id)) => Returned::TakenFrom(id),
                    Ok(return_::ResultsSentElsewhere(())) => Returned::Elsewhere,
                    _ => Returned::Unsupported,
                },
            }
        }
        message::Finish(finish) => {
            let finish = finish?;
            Incoming::Finish {
                answer: finish.get_question_id(),
                release_result_caps: finish.get_release_result_caps(),
                deliver_first: finish.get_require_early_cancellation_workaround(),
            }
        }
        message::Resolve(resolution) => {
            let resolution = resolution?;
            Incoming::Resolve {
                promise: ImportId(resolution.get_promise_id()),
                to: match resolution.which() {
                    Ok(resolve::Cap(cap)) => Ok(parse_descriptor(cap?)?),
                    Ok(resolve::Exception(exception)) => Err(parse_exception(exception?)?),
                    Err(_) => Err(Exception::unimplemented(
                        "the peer resolved a promise in a way this vat does not know",
                    )),
                },
            }
        }
        message::Release(release) => {
            let release = release?;
            Incoming::Release {
                export: release.get_id(),
                count: release.get_reference_count(),
            }
        }
        message::Disembargo(disembargo) => {
            let disembargo = disembargo?;
            Incoming::Disembargo {
                target: parse_target(disembargo.get_target()?)?,
                context: match disembargo.get_context().which() {
                    Ok(disembargo::context::SenderLoopback(id)) => {
                        DisembargoContext::SenderLoopback(id)
                    }
                    Ok(disembargo::context::ReceiverLoopback(id)) => {
                        DisembargoContext::ReceiverLoopback(id)
                    }
                    _ => DisembargoContext::Unsupported,
                },
            }
        }
        _ => Incoming::Other,
    })
}

/// `message_words` is the size of the message that it is in.
pub(super) fn parse_cap_table(
    payload: payload::Reader<'_>,
    message_words: usize,
) -> Parsed<Vec<Descriptor>> {
    let table = payload.get_cap_table()?;
    // A list of structs without content takes no room, whatever its length.
    if table.len() as usize > message_words {
        return Err(Exception::failed(format!(
            "a cap table of {} entries in a message of {message_words} words",
            table.len()
        )));
    }
    let mut descriptors = Vec::with_capacity(table.len() as usize);
    for descriptor in table.iter() {
        descriptors.push(parse_descriptor(descriptor)?);
    }
    Ok(descriptors)
}

fn parse_descriptor(descriptor: cap_descriptor::Reader<'_>) -> Parsed<Descriptor> {
    Ok(match descriptor.which() {
        Ok(cap_descriptor::SenderHosted(id)) => Descriptor::SenderHosted(id),
        Ok(cap_descriptor::SenderPromise(id)) => Descriptor::SenderPromise(id),
        Ok(cap_descriptor::ReceiverHosted(id)) => Descriptor::ReceiverHosted(id),
        Ok(cap_descriptor::ReceiverAnswer(answer)) => {
            let (question, path) = parse_promised_answer(answer?)?;
            Descriptor::ReceiverAnswer { question, path }
        }
        // A vat that does not do three-party handoff uses the vine, which forwards.
        Ok(cap_descriptor::ThirdPartyHosted(third)) => {
            Descriptor::SenderHosted(third?.get_vine_id())
        }
        Ok(cap_descriptor::None(())) | Err(_) => Descriptor::None,
    })
}

fn parse_unimplemented(original: message::Reader<'_>) -> Parsed<Unimplemented> {
    Ok(match original.which() {
        Ok(message::Call(call)) => Unimplemented::Call {
            question: call?.get_question_id(),
        },
        Ok(message::Bootstrap(bootstrap)) => Unimplemented::Bootstrap {
            question: bootstrap?.get_question_id(),
        },
        Ok(message::Resolve(resolution)) => Unimplemented::Resolve {
            cap: match resolution?.which() {
                Ok(resolve::Cap(cap)) => match parse_descriptor(cap?)? {
                    Descriptor::SenderHosted(id) | Descriptor::SenderPromise(id) => Some(id),
                    _ => None,
                },
                _ => None,
            },
        },
        Ok(message::Disembargo(disembargo)) => match disembargo?.get_context().which() {
            Ok(disembargo::context::SenderLoopback(embargo)) => {
                Unimplemented::Disembargo { embargo }
            }
            _ => Unimplemented::Other,
        },
        _ => Unimplemented::Other,
    })
}

fn parse_target(target: message_target::Reader<'_>) -> Parsed<Target> {
    Ok(match target.which() {
        Ok(message_target::ImportedCap(id)) => Target::Imported(id),
        Ok(message_target::PromisedAnswer(answer)) => {
            let (question, path) = parse_promised_answer(answer?)?;
            Target::Promised { question, path }
        }
        Err(_) => {
            return Err(Exception::failed(
                "a message target of a kind this vat does not know",
            ));
        }
    })
}

fn parse_promised_answer(answer: promised_answer::Reader<'_>) -> Parsed<(u32, Vec<PipelineOp>)> {
    let mut path = Vec::new();
    let transform = answer.get_transform()?;
    if transform.len() > MAX_TRANSFORM_STEPS {
        return Err(Exception::failed(format!(
            "a transform of {} steps, and no message is nested that deep",
            transform.len()
        )));
    }
    for op in transform.iter() {
        match op.which() {
            Ok(promised_answer::op::Noop(())) => {}
            Ok(promised_answer::op::GetPointerField(index)) => {
                path.push(PipelineOp::GetPointerField(index))
            }
            Err(_) => {
                return Err(Exception::failed(
                    "a transform step of a kind this vat does not know",
                ));
            }
        }
    }
    Ok((answer.get_question_id(), path))
}

/// Twice what the nesting limit of messages lets a transform reach.
const MAX_TRANSFORM_STEPS: u32 = 128;

fn parse_exception(reader: exception::Reader<'_>) -> Parsed<Exception> {
    Ok(Exception {
        kind: match reader.get_type() {
            Ok(exception::Type::Overloaded) => ExceptionKind::Overloaded,
            Ok(exception::Type::Disconnected) => ExceptionKind::Disconnected,
            Ok(exception::Type::Unimplemented) => ExceptionKind::Unimplemented,
            Ok(exception::Type::Failed) | Err(_) => ExceptionKind::Failed,
        },
        reason: String::from_utf8_lossy(reader.get_reason()?.as_bytes()).into_owned(),
        trace: String::from_utf8_lossy(reader.get_trace()?.as_bytes()).into_owned(),
    })
}

pub(super) fn bootstrap(question: QuestionId, dedicated: bool) -> Vec<u8> {
    build(|message| {
        let mut bootstrap = message.init_bootstrap();
        bootstrap.set_question_id(question.0);
        if dedicated {
            // A new message has room for a name.
            let _ = bootstrap
                .init_deprecated_object_id()
                .set_as::<text::Owned>(super::dedicated::NAME);
        }
    })
}

pub(super) fn finish(question: QuestionId, release_result_caps: bool) -> Vec<u8> {
    build(|message| {
        let mut finish = message.init_finish();
        finish.set_question_id(question.0);
        finish.set_release_result_caps(release_result_caps);
        finish.set_require_early_cancellation_workaround(false);
    })
}

pub(super) fn resolve(promise: u32, to: &Result<Descriptor, Exception>) -> Vec<u8> {
    build(|message| {
        let mut resolve = message.init_resolve();
        resolve.set_promise_id(promise);
        match to {
            Ok(descriptor) => build_descriptor(resolve.init_cap(), descriptor),
            Err(exception) => build_exception(resolve.init_exception(), exception),
        }
    })
}

pub(super) fn release(import: ImportId, count: u32) -> Vec<u8> {
    build(|message| {
        let mut release = message.init_release();
        release.set_id(import.0);
        release.set_reference_count(count);
    })
}

pub(super) fn abort(exception: &Exception) -> Vec<u8> {
    build(|message| build_exception(message.init_abort(), exception))
}

pub(super) fn return_exception(answer: u32, exception: &Exception) -> Vec<u8> {
    build(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(answer);
        ret.set_release_param_caps(false);
        build_exception(ret.init_exception(), exception);
    })
}

pub(super) fn return_canceled(answer: u32) -> Vec<u8> {
    build(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(answer);
        ret.set_release_param_caps(false);
        ret.set_canceled(());
    })
}

pub(super) fn return_elsewhere(answer: u32) -> Vec<u8> {
    build(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(answer);
        ret.set_release_param_caps(false);
        ret.set_results_sent_elsewhere(());
    })
}

/// The results are those of a question of the sender's, which were to stay with the receiver.
pub(super) fn return_taken(answer: u32, from: QuestionId) -> Vec<u8> {
    build(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(answer);
        ret.set_release_param_caps(false);
        ret.set_take_from_other_question(from.0);
    })
}

/// `target` is named from our side: an import of ours, or a question we asked.
pub(super) fn disembargo_ask(target: &Target, embargo: EmbargoId) -> Vec<u8> {
    build(|message| {
        let mut disembargo = message.init_disembargo();
        build_target(disembargo.reborrow().init_target(), target);
        disembargo.init_context().set_sender_loopback(embargo.0);
    })
}

pub(super) fn disembargo_answer(target: &Target, embargo: u32) -> Vec<u8> {
    build(|message| {
        let mut disembargo = message.init_disembargo();
        build_target(disembargo.reborrow().init_target(), target);
        disembargo.init_context().set_receiver_loopback(embargo);
    })
}

pub(super) fn build_target(mut builder: message_target::Builder<'_>, target: &Target) {
    match target {
        Target::Imported(id) => builder.set_imported_cap(*id),
        Target::Promised { question, path } => {
            build_promised_answer(builder.init_promised_answer(), *question, path)
        }
    }
}

pub(super) fn build_descriptor(mut builder: cap_descriptor::Builder<'_>, descriptor: &Descriptor) {
    match descriptor {
        Descriptor::None => builder.set_none(()),
        Descriptor::SenderHosted(id) => builder.set_sender_hosted(*id),
        Descriptor::SenderPromise(id) => builder.set_sender_promise(*id),
        Descriptor::ReceiverHosted(id) => builder.set_receiver_hosted(*id),
        Descriptor::ReceiverAnswer { question, path } => {
            build_promised_answer(builder.init_receiver_answer(), *question, path);
        }
    }
}

impl Descriptor {
    /// Whether it is the receiver's own.
    pub(super) fn is_receivers(&self) -> bool {
        matches!(self, Self::ReceiverHosted(_) | Self::ReceiverAnswer { .. })
    }

    pub(super) fn exported(&self) -> Option<ExportId> {
        match self {
            Self::SenderHosted(id) | Self::SenderPromise(id) => Some(ExportId(*id)),
            _ => None,
        }
    }
}

fn build_promised_answer(
    mut builder: promised_answer::Builder<'_>,
    question: u32,
    path: &[PipelineOp],
) {
    builder.set_question_id(question);
    let count = u32::try_from(path.len()).unwrap_or(u32::MAX);
    let mut transform = builder.init_transform(count);
    for (op, index) in path.iter().zip(0..) {
        let mut step = transform.reborrow().get(index);
        match op {
            PipelineOp::Noop => step.set_noop(()),
            PipelineOp::GetPointerField(field) => step.set_get_pointer_field(*field),
        }
    }
}

fn build_exception(mut builder: exception::Builder<'_>, exception: &Exception) {
    builder.set_reason(exception.reason.as_str());
    builder.set_type(match exception.kind {
        ExceptionKind::Failed => exception::Type::Failed,
        ExceptionKind::Overloaded => exception::Type::Overloaded,
        ExceptionKind::Disconnected => exception::Type::Disconnected,
        ExceptionKind::Unimplemented => exception::Type::Unimplemented,
    });
    if !exception.trace.is_empty() {
        builder.set_trace(exception.trace.as_str());
    }
}

fn build(fill: impl FnOnce(message::Builder<'_>)) -> Vec<u8> {
    let mut builder = FrameBuilder::with_capacity_words(16);
    fill(builder.init_root::<message::Builder<'_>>());
    builder.into_frame()
}

/// Where in a message its payload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PayloadPlace {
    Params,
    Results,
}

impl PayloadPlace {
    pub(super) fn content<'a>(self, root: message::Reader<'a>) -> Parsed<any_pointer::Reader<'a>> {
        Ok(self.payload(root)?.get_content())
    }

    pub(super) fn payload<'a>(self, root: message::Reader<'a>) -> Parsed<payload::Reader<'a>> {
        match (self, root.which()) {
            (Self::Params, Ok(message::Call(call))) => Ok(call?.get_params()?),
            (Self::Results, Ok(message::Return(ret))) => match ret?.which() {
                Ok(return_::Results(results)) => Ok(results?),
                _ => Err(Exception::failed("a Return without results has no payload")),
            },
            _ => Err(Exception::failed("this message has no payload")),
        }
    }
}

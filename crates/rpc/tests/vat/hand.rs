//! A peer that is played by hand, frame by frame.

use capstan_message::layout::StructSize;
use capstan_message::message::FrameBuilder;
use capstan_message::serialize;
use capstan_rpc::rpc_capnp::{cap_descriptor, message, message_target, resolve, return_};
use capstan_rpc::vat::{
    CapId, ConnectionId, ConnectionOptions, Event, Exception, IncomingCall, ObjectOptions,
    Outgoing, Vat, VatStats,
};

use crate::bench::{CAP, END, INTERFACE, params};

/// How the peer names a capability.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    Mine(u32),
    MyPromise(u32),
    Yours(u32),
    /// Part of the results of a question, at their first pointer.
    YourAnswer(u32),
}

/// What the vat sent, as far as tests look at it.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    Bootstrap(u32),
    /// Question, target, text.
    Call(u32, To, String),
    /// Question, and whether there are results.
    Return(u32, bool),
    Canceled(u32),
    Elsewhere(u32),
    /// The results of our question, which is the second, are those of the peer's.
    Taken(u32, u32),
    Finish(u32),
    Release(u32),
    /// The vat asks: target, embargo.
    Disembargo(To, u32),
    /// The vat answers the peer's.
    Disembargoed(u32),
    /// Our promise, and what it turned out to be, in words.
    Resolve(u32, String),
    Unimplemented,
    Abort(String),
}

#[derive(Debug, PartialEq, Eq)]
pub enum To {
    Import(u32),
    Question(u32),
}

pub struct Hand {
    pub vat: Vat,
    pub connection: ConnectionId,
}

impl Hand {
    pub fn new(bootstrap: ObjectOptions) -> Self {
        let mut vat = Vat::new();
        let (_, bootstrap) = vat.add_object(bootstrap);
        let options = ConnectionOptions {
            bootstrap: Some(bootstrap),
            ..ConnectionOptions::default()
        };
        Self::on(vat, options)
    }

    /// Another peer of the same vat.
    pub fn on(mut vat: Vat, options: ConnectionOptions) -> Self {
        let connection = vat.connect(0, options);
        Self { vat, connection }
    }

    /// An object of the peer's, which comes in a call to the bootstrap object. One reference.
    pub fn import(&mut self, id: u32) -> CapId {
        self.take(Name::Mine(id))
    }

    /// The same for a promise.
    pub fn import_promise(&mut self, id: u32) -> CapId {
        self.take(Name::MyPromise(id))
    }

    fn take(&mut self, name: Name) -> CapId {
        self.call(100, Name::Yours(0), "", &[name]);
        let call = self.only_call();
        self.vat
            .return_results(0, call.answer, Outgoing::results(0), Vec::new());
        self.sent();
        call.params.cap_at(CAP).unwrap()
    }

    pub fn send(&mut self, build: impl FnOnce(message::Builder<'_>)) {
        self.send_at(0, build);
    }

    pub fn send_at(&mut self, now_micros: u64, build: impl FnOnce(message::Builder<'_>)) {
        let mut builder = FrameBuilder::with_capacity_words(64);
        build(builder.init_root::<message::Builder<'_>>());
        self.vat
            .handle_message(now_micros, self.connection, builder.into_frame());
    }

    pub fn bootstrap(&mut self, question: u32) {
        self.send(|message| message.init_bootstrap().set_question_id(question));
    }

    pub fn call(&mut self, question: u32, to: Name, text: &str, caps: &[Name]) {
        self.call_method(question, to, END, text, caps);
    }

    pub fn call_method(&mut self, question: u32, to: Name, method: u16, text: &str, caps: &[Name]) {
        self.send(|message| {
            let mut call = message.init_call();
            call.set_question_id(question);
            call.set_interface_id(INTERFACE);
            call.set_method_id(method);
            target(call.reborrow().init_target(), to);
            let mut payload = call.init_params();
            content(payload.reborrow().get_content(), text, !caps.is_empty());
            let mut table = payload.init_cap_table(caps.len() as u32);
            for (cap, index) in caps.iter().zip(0..) {
                name(table.reborrow().get(index), *cap);
            }
        });
    }

    /// Answers a Bootstrap.
    pub fn return_bootstrap(&mut self, answer: u32, cap: Name) {
        self.send(|message| {
            let mut ret = message.init_return();
            ret.set_answer_id(answer);
            ret.set_release_param_caps(false);
            let mut payload = ret.init_results();
            let content = payload.reborrow().get_content();
            content.builder.set_capability_index(0);
            name(payload.init_cap_table(1).get(0), cap);
        });
    }

    /// Passes a call back to us, and lets the results be those of our question 0.
    pub fn pass_back(&mut self, question: u32, to: Name) {
        self.send(|message| {
            let mut call = message.init_call();
            call.set_question_id(question);
            call.set_interface_id(INTERFACE);
            call.set_method_id(END);
            call.reborrow().init_send_results_to().set_yourself(());
            target(call.reborrow().init_target(), to);
            let payload = call.init_params();
            content(payload.get_content(), "passed back", false);
        });
        self.send(|message| {
            let mut ret = message.init_return();
            ret.set_answer_id(0);
            ret.set_release_param_caps(false);
            ret.set_take_from_other_question(question);
        });
    }

    pub fn return_elsewhere(&mut self, answer: u32) {
        self.send(|message| {
            let mut ret = message.init_return();
            ret.set_answer_id(answer);
            ret.set_release_param_caps(false);
            ret.set_results_sent_elsewhere(());
        });
    }

    pub fn return_exception(&mut self, answer: u32, reason: &str) {
        self.send(|message| {
            let mut ret = message.init_return();
            ret.set_answer_id(answer);
            ret.set_release_param_caps(false);
            ret.init_exception().set_reason(reason);
        });
    }

    /// `deliver_first` is what peers ask for that are older than the flag.
    pub fn finish(&mut self, question: u32, deliver_first: bool) {
        self.send(|message| {
            let mut finish = message.init_finish();
            finish.set_question_id(question);
            finish.set_release_result_caps(true);
            finish.set_require_early_cancellation_workaround(deliver_first);
        });
    }

    pub fn release(&mut self, export: u32, count: u32) {
        self.send(|message| {
            let mut release = message.init_release();
            release.set_id(export);
            release.set_reference_count(count);
        });
    }

    pub fn resolve(&mut self, promise: u32, to: Name) {
        self.send(|message| {
            let mut resolve = message.init_resolve();
            resolve.set_promise_id(promise);
            name(resolve.init_cap(), to);
        });
    }

    pub fn ask_disembargo(&mut self, to: Name, embargo: u32) {
        self.send(|message| {
            let mut disembargo = message.init_disembargo();
            target(disembargo.reborrow().init_target(), to);
            disembargo.init_context().set_sender_loopback(embargo);
        });
    }

    pub fn answer_disembargo(&mut self, embargo: u32) {
        self.send(|message| {
            let mut disembargo = message.init_disembargo();
            target(disembargo.reborrow().init_target(), Name::Yours(0));
            disembargo.init_context().set_receiver_loopback(embargo);
        });
    }

    pub fn sent(&mut self) -> Vec<Sent> {
        core::iter::from_fn(|| self.vat.poll_transmit(self.connection))
            .map(|frame| read(&frame))
            .collect()
    }

    /// The capabilities in the one Return that was sent.
    pub fn names_in_return(&mut self) -> Vec<String> {
        let frame = self.vat.poll_transmit(self.connection).unwrap();
        let frame = serialize::read_frame(frame, Default::default()).unwrap();
        let root = frame.get_root::<message::Reader<'_>>().unwrap();
        let Ok(message::Return(ret)) = root.which() else {
            panic!("another message")
        };
        let Ok(return_::Results(payload)) = ret.unwrap().which() else {
            panic!("no results")
        };
        let table = payload.unwrap().get_cap_table().unwrap();
        table.iter().map(named).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.vat.poll_event()).collect()
    }

    pub fn only_call(&mut self) -> IncomingCall {
        let mut events = self.events();
        match (events.pop(), events.is_empty()) {
            (Some(Event::Call(call)), true) => call,
            (last, _) => panic!("expected one call, got {events:?} {last:?}"),
        }
    }

    pub fn make(&mut self, target: CapId, words: &str, cap: Option<CapId>) {
        let caps = cap.into_iter().map(Some).collect();
        self.vat
            .call(0, target, params(END, words, cap.is_some()), caps);
    }

    /// The peer has an object of ours, question 0's result, as export 0.
    pub fn with_bootstrap(mut self) -> Self {
        self.bootstrap(0);
        assert_eq!(self.sent(), [Sent::Return(0, true)]);
        self.finish_keeping(0);
        self
    }

    pub fn finish_keeping(&mut self, question: u32) {
        self.send(|message| {
            let mut finish = message.init_finish();
            finish.set_question_id(question);
            finish.set_release_result_caps(false);
        });
    }

    pub fn disconnect(&mut self) {
        let reason = Exception::disconnected("cable cut");
        self.vat.handle_disconnect(0, self.connection, reason);
        self.sent();
    }

    /// When the connection is gone, and what the driver was given is released, nothing is left.
    pub fn assert_nothing_left(mut self) {
        self.disconnect();
        loop {
            let events = self.events();
            if events.is_empty() {
                break;
            }
            for event in events {
                match event {
                    Event::Call(call) => {
                        for cap in call.params.caps.into_iter().flatten() {
                            self.vat.release(0, cap);
                        }
                        let gone = Exception::failed("gone");
                        self.vat.return_exception(0, call.answer, gone);
                    }
                    Event::Return {
                        result: Ok(payload),
                        ..
                    } => {
                        for cap in payload.caps.into_iter().flatten() {
                            self.vat.release(0, cap);
                        }
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(self.vat.stats(), VatStats::default(), "{:?}", self.vat);
    }
}

pub fn content(content: capstan_message::any_pointer::Builder<'_>, text: &str, cap: bool) {
    let mut content = content.builder.init_struct(StructSize {
        data: 0,
        pointers: 2,
    });
    if cap {
        content.get_pointer_field_mut(0).set_capability_index(0);
    }
    content.get_pointer_field_mut(1).set_text(text.as_bytes());
}

pub fn target(mut target: message_target::Builder<'_>, name: Name) {
    match name {
        Name::Yours(id) => target.set_imported_cap(id),
        Name::YourAnswer(question) => {
            let mut answer = target.init_promised_answer();
            answer.set_question_id(question);
            answer.init_transform(1).get(0).set_get_pointer_field(0);
        }
        Name::Mine(_) | Name::MyPromise(_) => panic!("{name:?} is no target"),
    }
}

pub fn name(mut descriptor: cap_descriptor::Builder<'_>, name: Name) {
    match name {
        Name::Mine(id) => descriptor.set_sender_hosted(id),
        Name::MyPromise(id) => descriptor.set_sender_promise(id),
        Name::Yours(id) => descriptor.set_receiver_hosted(id),
        Name::YourAnswer(question) => {
            let mut answer = descriptor.init_receiver_answer();
            answer.set_question_id(question);
            answer.init_transform(1).get(0).set_get_pointer_field(0);
        }
    }
}

/// How we named a capability.
pub fn named(descriptor: cap_descriptor::Reader<'_>) -> String {
    match descriptor.which().unwrap() {
        cap_descriptor::SenderHosted(id) => format!("ours {id}"),
        cap_descriptor::SenderPromise(id) => format!("our promise {id}"),
        cap_descriptor::ReceiverHosted(id) => format!("yours {id}"),
        cap_descriptor::ReceiverAnswer(answer) => {
            format!("your answer {}", answer.unwrap().get_question_id())
        }
        _ => panic!("another descriptor"),
    }
}

pub fn read(frame: &[u8]) -> Sent {
    let frame = serialize::read_frame(frame.to_vec(), Default::default()).unwrap();
    let root = frame.get_root::<message::Reader<'_>>().unwrap();
    let to = |target: message_target::Reader<'_>| match target.which().unwrap() {
        message_target::ImportedCap(id) => To::Import(id),
        message_target::PromisedAnswer(answer) => To::Question(answer.unwrap().get_question_id()),
    };
    match root.which().unwrap() {
        message::Bootstrap(bootstrap) => Sent::Bootstrap(bootstrap.unwrap().get_question_id()),
        message::Call(call) => {
            let call = call.unwrap();
            let content = call.get_params().unwrap().get_content();
            let content = content.reader.get_struct(None).unwrap();
            let text = content.get_pointer_field(1).get_text(None).unwrap();
            let text = text.to_string().unwrap();
            Sent::Call(call.get_question_id(), to(call.get_target().unwrap()), text)
        }
        message::Return(ret) => {
            let ret = ret.unwrap();
            match ret.which().unwrap() {
                return_::Canceled(()) => Sent::Canceled(ret.get_answer_id()),
                return_::ResultsSentElsewhere(()) => Sent::Elsewhere(ret.get_answer_id()),
                return_::TakeFromOtherQuestion(from) => Sent::Taken(ret.get_answer_id(), from),
                return_::Results(_) => Sent::Return(ret.get_answer_id(), true),
                _ => Sent::Return(ret.get_answer_id(), false),
            }
        }
        message::Finish(finish) => Sent::Finish(finish.unwrap().get_question_id()),
        message::Release(release) => Sent::Release(release.unwrap().get_id()),
        message::Disembargo(disembargo) => {
            use capstan_rpc::rpc_capnp::disembargo::context;
            let disembargo = disembargo.unwrap();
            match disembargo.get_context().which().unwrap() {
                context::SenderLoopback(id) => {
                    Sent::Disembargo(to(disembargo.get_target().unwrap()), id)
                }
                context::ReceiverLoopback(id) => Sent::Disembargoed(id),
                _ => panic!("a Disembargo of another kind"),
            }
        }
        message::Resolve(resolve) => {
            let resolve = resolve.unwrap();
            let to = match resolve.which().unwrap() {
                resolve::Cap(cap) => named(cap.unwrap()),
                resolve::Exception(exception) => {
                    let exception = exception.unwrap();
                    let reason = exception.get_reason().unwrap().to_string().unwrap();
                    format!("{:?}: {reason}", exception.get_type().unwrap())
                }
            };
            Sent::Resolve(resolve.get_promise_id(), to)
        }
        message::Unimplemented(_) => Sent::Unimplemented,
        message::Abort(exception) => {
            let reason = exception.unwrap().get_reason().unwrap();
            Sent::Abort(reason.to_string().unwrap())
        }
        _ => panic!("another message"),
    }
}

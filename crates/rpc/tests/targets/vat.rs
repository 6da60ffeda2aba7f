//! Frames into a live vat, and what a driver does with what comes out of it, all chosen by the bytes of the
//! input: half of the frames are right in form and arbitrary in content, of the rest most are changed somewhere,
//! and some are whatever the input says. A frame may end its connection, and nothing else; when all is
//! over, nothing may be left.

use capstan_message::layout::StructSize;
use capstan_message::message::FrameBuilder;
use capstan_rpc::rpc_capnp::{cap_descriptor, message, message_target, payload, promised_answer};
use capstan_rpc::vat::{
    AnswerId, CapId, ConnectionId, ConnectionOptions, Event, Exception, ObjectOptions, Outgoing,
    PipelineOp, PromiseId, Vat, VatStats,
};

const INTERFACE: u64 = 0xe2f4_c5a8_6b1d_7904;
const WRITE: u16 = 0;
const END: u16 = 1;
const CAP: &[PipelineOp] = &[PipelineOp::GetPointerField(0)];

pub fn run(data: &[u8]) {
    let mut choices = Choices { rest: data };
    let mut target = Target::new(&mut choices);
    while !choices.rest.is_empty() && !target.connections.is_empty() {
        let index = choices.below(target.connections.len());
        let id = target.connections[index].id;
        let stats = target.vat.connection_stats(id).unwrap_or_default();
        // Most of an input stays within what is right for long.
        let mut maker = Maker {
            choices: &mut choices,
            wild: target.wild,
            exports: stats.exports,
            questions: stats.questions,
            asked: &mut target.connections[index].asked,
        };
        let mut frame = message(&mut maker);
        match choices.below(40) {
            0..2 if target.wild > 5 => mutate(&mut choices, &mut frame),
            2 if target.wild > 5 => {
                let bytes = choices.below(40) * 8;
                frame = choices.take(bytes).to_vec();
            }
            3 if target.wild > 8 => target.lose(index),
            _ => {}
        }
        target.vat.handle_message(0, id, frame);
        target.listen();
        target.act(&mut choices);
    }
    target.end();
}

/// What the input decides; when it is used up, always the first.
struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn next(&mut self) -> u64 {
        let mut word = [0; 8];
        let bytes = self.take(8);
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    }

    fn below(&mut self, bound: usize) -> usize {
        let choice = match bound {
            0..=256 => usize::from(self.byte()),
            _ => usize::from(self.byte()) << 8 | usize::from(self.byte()),
        };
        choice % bound
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

struct Peer {
    id: ConnectionId,
    /// Questions that it has asked and may not have finished.
    asked: Vec<u32>,
}

struct Target {
    vat: Vat,
    /// How often frames say what cannot be right, in percent.
    wild: usize,
    connections: Vec<Peer>,
    refs: Vec<CapId>,
    answers: Vec<AnswerId>,
    promises: Vec<PromiseId>,
}

impl Target {
    fn new(choices: &mut Choices<'_>) -> Self {
        let mut vat = Vat::new();
        let sink = ObjectOptions {
            streaming_methods: [(INTERFACE, WRITE)].into(),
            concurrent: choices.chance(50),
        };
        let (_, bootstrap) = vat.add_object(sink);
        let mut refs = Vec::new();
        let mut connections = Vec::new();
        for peer in 0..1 + choices.below(2) {
            let given = match peer {
                0 => bootstrap,
                // What one peer is called for is another's: calls go through.
                _ => vat.retain(refs[0]),
            };
            let options = ConnectionOptions {
                bootstrap: Some(given),
                tail_calls: choices.chance(80),
                ..ConnectionOptions::default()
            };
            let id = vat.connect(0, options);
            refs.push(vat.bootstrap(0, id));
            connections.push(Peer {
                id,
                asked: Vec::new(),
            });
        }
        Self {
            vat,
            wild: choices.below(10),
            connections,
            refs,
            answers: Vec::new(),
            promises: Vec::new(),
        }
    }

    fn listen(&mut self) {
        for peer in &self.connections {
            while self.vat.poll_transmit(peer.id).is_some() {}
        }
        while self.vat.poll_transmit_ready().is_some() {}
        while let Some(event) = self.vat.poll_event() {
            match event {
                Event::Call(call) => {
                    self.refs.extend(call.params.caps.into_iter().flatten());
                    self.answers.push(call.answer);
                }
                Event::Return {
                    result: Ok(payload),
                    ..
                } => self.refs.extend(payload.caps.into_iter().flatten()),
                Event::Closed { connection, .. } => {
                    while self.vat.poll_transmit(connection).is_some() {}
                    self.connections.retain(|peer| peer.id != connection);
                }
                Event::Resolved { cap } => self.refs.push(cap),
                _ => {}
            }
        }
    }

    fn lose(&mut self, index: usize) {
        let reason = Exception::disconnected("lost");
        let id = self.connections[index].id;
        self.vat.handle_disconnect(0, id, reason);
    }

    fn answer(&mut self, choices: &mut Choices<'_>) -> Option<AnswerId> {
        if self.answers.is_empty() {
            return None;
        }
        let index = choices.below(self.answers.len());
        Some(self.answers.swap_remove(index))
    }

    /// What a driver would do, so that there is something to name in every table.
    fn act(&mut self, choices: &mut Choices<'_>) {
        let act = choices.below(12);
        let pick = match self.refs.len() {
            0 => None,
            refs => Some(self.refs[choices.below(refs)]),
        };
        match (act, pick) {
            (0, Some(target)) => {
                let given = choices.chance(50).then(|| self.vat.retain(target));
                let caps = given.into_iter().map(Some).collect();
                let call =
                    self.vat
                        .call(0, target, filled(Outgoing::call(INTERFACE, END, 16)), caps);
                if choices.chance(50) {
                    self.refs.push(self.vat.pipeline(call, CAP));
                }
                if choices.chance(20) {
                    self.vat.drop_call(0, call);
                }
            }
            (1, Some(target)) => {
                let params = filled(Outgoing::call(INTERFACE, WRITE, 16));
                let _ = self.vat.call_streaming(0, target, params, Vec::new());
            }
            (2, _) => {
                let (_, object) = self.vat.add_object(ObjectOptions::default());
                self.refs.push(object);
            }
            (3 | 4, Some(given)) => {
                if let Some(answer) = self.answer(choices) {
                    let given = self.vat.retain(given);
                    let results = filled(Outgoing::results(16));
                    self.vat
                        .return_results(0, answer, results, vec![Some(given)]);
                }
            }
            (5, _) if self.refs.len() > 4 => {
                let index = choices.below(self.refs.len());
                let released = self.refs.swap_remove(index);
                self.vat.release(0, released);
            }
            (6, _) => {
                if let Some(answer) = self.answer(choices) {
                    self.vat
                        .return_exception(0, answer, Exception::overloaded("no"));
                }
            }
            (7, _) => {
                let (promise, cap) = self.vat.promise();
                self.promises.push(promise);
                self.refs.push(cap);
            }
            (8, Some(to)) if !self.promises.is_empty() => {
                let index = choices.below(self.promises.len());
                let promise = self.promises.swap_remove(index);
                let to = match choices.chance(80) {
                    true => Ok(self.vat.retain(to)),
                    false => Err(Exception::failed("broken")),
                };
                self.vat.fulfill(0, promise, to);
            }
            (9, Some(target)) => {
                if let Some(answer) = self.answer(choices) {
                    let params = filled(Outgoing::call(INTERFACE, END, 16));
                    self.vat.tail_call(0, answer, target, params, Vec::new());
                }
            }
            (10, Some(given)) if !self.answers.is_empty() => {
                let answer = self.answers[choices.below(self.answers.len())];
                let given = self.vat.retain(given);
                let early = filled(Outgoing::results(16));
                self.vat.set_pipeline(0, answer, early, vec![Some(given)]);
            }
            (11, Some(watched)) => {
                let _ = self.vat.watch(watched);
            }
            _ => {}
        }
        self.listen();
    }

    fn end(mut self) {
        while !self.connections.is_empty() {
            self.lose(0);
            self.listen();
        }
        self.listen();
        while !self.answers.is_empty() || !self.refs.is_empty() || !self.promises.is_empty() {
            for promise in self.promises.drain(..) {
                self.vat.fulfill(0, promise, Err(Exception::failed("over")));
            }
            for answer in self.answers.drain(..) {
                let reason = Exception::failed("over");
                self.vat.return_exception(0, answer, reason);
            }
            for cap in self.refs.drain(..) {
                self.vat.release(0, cap);
            }
            self.listen();
        }
        assert_eq!(self.vat.stats(), VatStats::default(), "{:?}", self.vat);
    }
}

fn filled(mut outgoing: Outgoing) -> Outgoing {
    let size = StructSize {
        data: 0,
        pointers: 2,
    };
    let mut content = outgoing.content().unwrap().builder.init_struct(size);
    content.get_pointer_field_mut(0).set_capability_index(0);
    outgoing
}

/// Chooses what the frames say, by what the vat has in its tables.
struct Maker<'a, 'b> {
    choices: &'a mut Choices<'b>,
    /// How often it says what cannot be right, in percent.
    wild: usize,
    exports: usize,
    questions: usize,
    /// Questions that were asked and may not be finished.
    asked: &'a mut Vec<u32>,
}

impl Maker<'_, '_> {
    fn below(&mut self, bound: usize) -> usize {
        self.choices.below(bound)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.choices.chance(percent)
    }

    fn within(&mut self, count: usize) -> u32 {
        if self.choices.chance(self.wild) {
            return self.choices.next() as u32 >> self.choices.below(32);
        }
        self.choices.below(count.max(1)) as u32
    }

    fn theirs(&mut self) -> u32 {
        self.within(self.exports)
    }

    fn question(&mut self) -> u32 {
        self.within(self.questions)
    }

    fn mine(&mut self) -> u32 {
        self.within(6)
    }

    fn fresh(&mut self) -> u32 {
        let id = self.within(1 << 20);
        self.asked.push(id);
        id
    }

    fn asked(&mut self) -> u32 {
        if self.asked.is_empty() || self.choices.chance(self.wild) {
            return self.within(6);
        }
        let recent = self.asked.len() - 1 - self.choices.below(self.asked.len().min(8));
        self.asked[recent]
    }

    fn finished(&mut self) -> u32 {
        if self.asked.is_empty() {
            return self.within(6);
        }
        let index = self.choices.below(self.asked.len());
        self.asked.swap_remove(index)
    }
}

fn message(random: &mut Maker<'_, '_>) -> Vec<u8> {
    let mut builder = FrameBuilder::with_capacity_words(64);
    let message = builder.init_root::<message::Builder<'_>>();
    let kind = match random.below(24) {
        0 => 0,
        1..10 => 1,
        10..15 if random.questions > 0 || random.chance(random.wild) => 5,
        15..18 => 7,
        18 | 19 => 8,
        20 | 21 if random.exports > 0 || random.chance(random.wild) => 9,
        22 if random.chance(3 * random.wild) => 10,
        23 if random.chance(3 * random.wild) => 11,
        _ => 1,
    };
    match kind {
        0 => message.init_bootstrap().set_question_id(random.fresh()),
        1..5 => {
            let mut call = message.init_call();
            call.set_question_id(random.fresh());
            call.set_interface_id(INTERFACE);
            call.set_method_id(random.below(3) as u16);
            target(random, call.reborrow().init_target());
            payload(random, call.reborrow().init_params());
            call.set_no_promise_pipelining(random.chance(5));
            call.set_only_promise_pipeline(random.chance(5));
            if random.chance(10) {
                call.init_send_results_to().set_yourself(());
            }
        }
        5..7 => {
            let mut ret = message.init_return();
            ret.set_answer_id(random.question());
            ret.set_release_param_caps(random.chance(50));
            ret.set_no_finish_needed(random.chance(20));
            match random.below(8) {
                0 => ret.init_exception().set_reason("because"),
                1 => ret.set_canceled(()),
                3 => ret.set_results_sent_elsewhere(()),
                2 => ret.set_take_from_other_question(random.asked()),
                _ => payload(random, ret.init_results()),
            }
        }
        7 => {
            let mut finish = message.init_finish();
            finish.set_question_id(random.finished());
            finish.set_release_result_caps(random.chance(50));
            finish.set_require_early_cancellation_workaround(random.chance(50));
        }
        8 => {
            let mut resolve = message.init_resolve();
            resolve.set_promise_id(random.mine());
            if random.chance(80) {
                descriptor(random, resolve.init_cap());
            } else {
                resolve.init_exception().set_reason("because");
            }
        }
        9 => {
            let mut release = message.init_release();
            release.set_id(random.theirs());
            release.set_reference_count(random.below(2) as u32);
        }
        10 => {
            let mut disembargo = message.init_disembargo();
            target(random, disembargo.reborrow().init_target());
            let mut context = disembargo.init_context();
            match random.below(5) {
                0 if random.chance(20) => context.set_receiver_loopback(random.within(1)),
                _ => context.set_sender_loopback(random.within(2)),
            }
        }
        _ => {
            let unimplemented = message.init_unimplemented();
            match random.below(3) {
                0 => unimplemented.init_call().set_question_id(random.question()),
                1 => unimplemented
                    .init_provide()
                    .set_question_id(random.question()),
                _ => {
                    let disembargo = unimplemented.init_disembargo();
                    disembargo
                        .init_context()
                        .set_sender_loopback(random.within(2));
                }
            }
        }
    }
    builder.into_frame()
}

fn payload(random: &mut Maker<'_, '_>, mut payload: payload::Builder<'_>) {
    let size = StructSize {
        data: 0,
        pointers: 2,
    };
    let caps = random.below(3) as u32;
    let content = payload.reborrow().get_content();
    if random.chance(10) {
        content.builder.set_capability_index(random.mine());
    } else {
        let mut content = content.builder.init_struct(size);
        for field in 0..2 {
            let index = random.below(3) as u32;
            content
                .get_pointer_field_mut(field)
                .set_capability_index(index);
        }
    }
    let mut table = payload.init_cap_table(caps);
    for index in 0..caps {
        descriptor(random, table.reborrow().get(index));
    }
}

fn target(random: &mut Maker<'_, '_>, mut target: message_target::Builder<'_>) {
    if random.exports > 0 && random.chance(60) {
        target.set_imported_cap(random.theirs());
    } else {
        let mut answer = target.init_promised_answer();
        answer.set_question_id(random.asked());
        path(random, answer);
    }
}

fn descriptor(random: &mut Maker<'_, '_>, mut descriptor: cap_descriptor::Builder<'_>) {
    match random.below(6) {
        0 => descriptor.set_none(()),
        1 => descriptor.set_sender_hosted(random.mine()),
        2 | 3 => descriptor.set_sender_promise(random.mine()),
        4 if random.exports > 0 => descriptor.set_receiver_hosted(random.theirs()),
        _ => {
            let mut answer = descriptor.init_receiver_answer();
            answer.set_question_id(random.asked());
            path(random, answer);
        }
    }
}

fn path(random: &mut Maker<'_, '_>, answer: promised_answer::Builder<'_>) {
    // A Bootstrap's results are the capability itself, those of calls have it in their first field.
    let steps = random.below(2) as u32;
    let mut transform = answer.init_transform(steps);
    for step in 0..steps {
        let field = u16::from(random.chance(20));
        transform.reborrow().get(step).set_get_pointer_field(field);
    }
}

fn mutate(choices: &mut Choices<'_>, frame: &mut Vec<u8>) {
    for _ in 0..1 + choices.below(4) {
        if frame.is_empty() {
            return;
        }
        let at = choices.below(frame.len());
        match choices.below(4) {
            0 => frame[at] ^= 1 << choices.below(8),
            1 => frame[at] = choices.next() as u8,
            2 => frame.truncate(at),
            _ => {
                let word = at / 8 * 8;
                let bytes = choices.next().to_le_bytes();
                if let Some(old) = frame.get_mut(word..word + 8) {
                    old.copy_from_slice(&bytes);
                }
            }
        }
    }
}

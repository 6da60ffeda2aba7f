//! Frames that no vat would send, into a live one: it may end the connection, and nothing else.
//!
//! `CAPSTAN_SEED=<number>` runs one schedule alone, `CAPSTAN_SEEDS=<count>` that many.

use capstan_message::message::FrameBuilder;
use capstan_rpc::rpc_capnp::{cap_descriptor, message, message_target};
use capstan_rpc::vat::{
    ConnectionId, ConnectionOptions, Event, Exception, ObjectOptions, Vat, VatStats,
};

use crate::bench::{CAP, END, INTERFACE, WRITE, params, results};
use crate::seeds::{Random, for_each_seed};

/// Half of what arrives is made of fields that are right in form and random in content; half of the
/// rest is such a frame with bits and words changed, and some is noise.
#[test]
fn frames_that_no_vat_would_send() {
    for_each_seed(3 << 32, 1000, |seed| {
        let mut random = Random::new(seed);
        let mut target = Target::new(&mut random);
        let mut asked = Vec::new();
        // Most schedules stay within what is right for long.
        let wild = random.below(10);
        for _ in 0..200 {
            let stats = target.vat.connection_stats(target.connection);
            let stats = stats.unwrap_or_default();
            let mut maker = Maker {
                random: &mut random,
                wild,
                exports: stats.exports,
                questions: stats.questions,
                asked: &mut asked,
            };
            let mut frame = message(&mut maker);
            match random.below(40) {
                0..2 if wild > 5 => mutate(&mut random, &mut frame),
                2 if wild > 5 => {
                    let words = random.below(40);
                    frame = (0..words * 8).map(|_| random.next() as u8).collect();
                }
                _ => {}
            }
            target.vat.handle_message(0, target.connection, frame);
            target.listen();
            target.act(&mut random);
            if target.closed {
                break;
            }
        }
        target.end();
    });
}

struct Target {
    vat: Vat,
    connection: ConnectionId,
    closed: bool,
    refs: Vec<capstan_rpc::vat::CapId>,
    answers: Vec<capstan_rpc::vat::AnswerId>,
}

impl Target {
    fn new(random: &mut Random) -> Self {
        let mut vat = Vat::new();
        let sink = ObjectOptions {
            streaming_methods: [(INTERFACE, WRITE)].into(),
            concurrent: random.chance(50),
        };
        let (_, bootstrap) = vat.add_object(sink);
        let options = ConnectionOptions {
            bootstrap: Some(bootstrap),
            ..ConnectionOptions::default()
        };
        let connection = vat.connect(0, options);
        let client = vat.bootstrap(0, connection);
        Self {
            vat,
            connection,
            closed: false,
            refs: vec![client],
            answers: Vec::new(),
        }
    }

    fn listen(&mut self) {
        while self.vat.poll_transmit(self.connection).is_some() {}
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
                Event::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
    }

    /// What a driver would do, so that there is something to name in every table.
    fn act(&mut self, random: &mut Random) {
        let pick = (!self.refs.is_empty()).then(|| self.refs[random.below(self.refs.len())]);
        match (random.below(6), pick) {
            (0, Some(target)) => {
                let given = random.chance(50).then(|| self.vat.retain(target));
                let caps = given.into_iter().map(Some).collect();
                let params = params(END, "", given.is_some());
                let call = self.vat.call(0, target, params, caps);
                if random.chance(50) {
                    self.refs.push(self.vat.pipeline(call, CAP));
                }
                if random.chance(20) {
                    self.vat.drop_call(0, call);
                }
            }
            (1, Some(target)) => {
                let params = params(WRITE, "", false);
                let _ = self.vat.call_streaming(0, target, params, Vec::new());
            }
            (2, _) => {
                let (_, object) = self.vat.add_object(ObjectOptions::default());
                self.refs.push(object);
            }
            (3, Some(given)) if !self.answers.is_empty() => {
                let index = random.below(self.answers.len());
                let answer = self.answers.swap_remove(index);
                let given = self.vat.retain(given);
                let results = results("", true);
                self.vat
                    .return_results(0, answer, results, vec![Some(given)]);
            }
            (4, _) if self.refs.len() > 4 => {
                let index = random.below(self.refs.len());
                let released = self.refs.swap_remove(index);
                self.vat.release(0, released);
            }
            _ => {}
        }
    }

    fn end(mut self) {
        let reason = Exception::disconnected("over");
        self.vat.handle_disconnect(0, self.connection, reason);
        self.listen();
        while !self.answers.is_empty() || !self.refs.is_empty() {
            for answer in self.answers.drain(..) {
                let reason = Exception::failed("over");
                self.vat.return_exception(0, answer, reason);
            }
            for cap in self.refs.drain(..) {
                self.vat.release(0, cap);
            }
            self.listen();
        }
        assert_eq!(self.vat.stats(), VatStats::default());
    }
}

/// Chooses what the frames say, by what the vat has in its tables.
struct Maker<'a> {
    random: &'a mut Random,
    /// How often it says what cannot be right, in percent.
    wild: usize,
    exports: usize,
    questions: usize,
    /// Questions that were asked and may not be finished.
    asked: &'a mut Vec<u32>,
}

impl Maker<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.random.chance(percent)
    }

    fn within(&mut self, count: usize) -> u32 {
        if self.random.chance(self.wild) {
            return self.random.next() as u32 >> self.random.below(32);
        }
        self.random.below(count.max(1)) as u32
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
        if self.asked.is_empty() || self.random.chance(self.wild) {
            return self.within(6);
        }
        let recent = self.asked.len() - 1 - self.random.below(self.asked.len().min(8));
        self.asked[recent]
    }

    fn finished(&mut self) -> u32 {
        if self.asked.is_empty() {
            return self.within(6);
        }
        let index = self.random.below(self.asked.len());
        self.asked.swap_remove(index)
    }
}

fn message(random: &mut Maker<'_>) -> Vec<u8> {
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
            if random.chance(5) {
                call.init_send_results_to().set_yourself(());
            }
        }
        5..7 => {
            let mut ret = message.init_return();
            ret.set_answer_id(random.question());
            ret.set_release_param_caps(random.chance(50));
            ret.set_no_finish_needed(random.chance(20));
            match random.below(6) {
                0 => ret.init_exception().set_reason("because"),
                1 => ret.set_canceled(()),
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

fn payload(random: &mut Maker<'_>, mut payload: capstan_rpc::rpc_capnp::payload::Builder<'_>) {
    let size = capstan_message::layout::StructSize {
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

fn target(random: &mut Maker<'_>, mut target: message_target::Builder<'_>) {
    if random.exports > 0 && random.chance(60) {
        target.set_imported_cap(random.theirs());
    } else {
        let mut answer = target.init_promised_answer();
        answer.set_question_id(random.asked());
        path(random, answer);
    }
}

fn descriptor(random: &mut Maker<'_>, mut descriptor: cap_descriptor::Builder<'_>) {
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

fn path(random: &mut Maker<'_>, answer: capstan_rpc::rpc_capnp::promised_answer::Builder<'_>) {
    // A Bootstrap's results are the capability itself, those of calls have it in their first field.
    let steps = random.below(2) as u32;
    let mut transform = answer.init_transform(steps);
    for step in 0..steps {
        let field = u16::from(random.chance(20));
        transform.reborrow().get(step).set_get_pointer_field(field);
    }
}

fn mutate(random: &mut Random, frame: &mut Vec<u8>) {
    for _ in 0..1 + random.below(4) {
        if frame.is_empty() {
            return;
        }
        let at = random.below(frame.len());
        match random.below(4) {
            0 => frame[at] ^= 1 << random.below(8),
            1 => frame[at] = random.next() as u8,
            2 => frame.truncate(at),
            _ => {
                let word = at / 8 * 8;
                let bytes = random.next().to_le_bytes();
                if let Some(old) = frame.get_mut(word..word + 8) {
                    old.copy_from_slice(&bytes);
                }
            }
        }
    }
}

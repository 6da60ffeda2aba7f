//! Random schedules: vats that call each other, pass capabilities around, stream, answer, drop,
//! cancel and disconnect in any order, over links that keep order each for itself only.
//!
//! An oracle watches: calls through one reference arrive in the order they were made, at the object
//! they were meant for, and each is answered once; when all is let go, nothing is left anywhere.
//!
//! A failing schedule prints its number; `CAPSTAN_SEED=<number>` runs it alone, and
//! `CAPSTAN_SEEDS=<count>` runs that many.

use std::collections::{HashMap, HashSet, VecDeque};

use capstan_message::layout::StructSize;
use capstan_rpc::vat::{
    Admission, AnswerId, CallId, CapId, ConnectionId, ConnectionOptions, Event, Exception,
    FlowControl, IncomingCall, ObjectId, ObjectOptions, Outgoing, Payload, PipelineOp, PromiseId,
    Vat, VatStats,
};

use crate::bench::{END, INTERFACE, WRITE};
use crate::seeds::{Random, for_each_seed};
use crate::words::describe;

#[test]
fn two_vats_in_any_order() {
    for_each_seed(0, 900, |seed| {
        World::new(seed, 2, Faults::None).run(120);
    });
}

#[test]
fn three_vats_in_any_order() {
    for_each_seed(1 << 32, 500, |seed| {
        World::new(seed, 3, Faults::None).run(200);
    });
}

#[test]
fn connections_that_are_lost() {
    for_each_seed(2 << 32, 500, |seed| {
        World::new(seed, 3, Faults::Disconnects).run(200);
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Faults {
    None,
    Disconnects,
}

/// Where in params and results the capabilities are: one in the struct, one in a struct in it.
const PATHS: [&[PipelineOp]; 2] = [
    &[PipelineOp::GetPointerField(0)],
    &[
        PipelineOp::GetPointerField(2),
        PipelineOp::GetPointerField(0),
    ],
];

/// Names an object in the whole world.
type Uid = u64;
/// The identity of an object where it is not known yet.
const UNKNOWN: Uid = 0;

/// One reference that a driver holds.
#[derive(Clone, Copy)]
struct Held {
    cap: CapId,
    /// Names this reference in the whole world.
    name: u64,
    object: Uid,
    /// It is known where it leads when all calls that were made up to this one have returned. The
    /// results of a call never depend on itself or a later one, or calls could wait in a circle.
    after: u64,
}

/// A call that a driver made and has not given up.
struct Made {
    /// The references that were pipelined on it, by path.
    pipelined: Vec<(usize, u64)>,
}

struct Playing {
    answer: AnswerId,
    /// Which call this is, of all that were made.
    birth: u64,
    object: Uid,
    streaming: bool,
    params: Vec<Held>,
}

struct Hosted {
    uid: Uid,
    sink: bool,
    running: usize,
    streaming: usize,
}

#[derive(Default)]
struct Driver {
    vat: Vat,
    refs: Vec<Held>,
    made: HashMap<CallId, Made>,
    waiting: HashSet<CallId>,
    playing: Vec<Playing>,
    objects: HashMap<ObjectId, Hosted>,
    /// Promises to be fulfilled, with the time of their birth.
    promises: Vec<(PromiseId, u64)>,
    watched: Vec<CapId>,
}

struct Link {
    ends: [(usize, ConnectionId); 2],
    /// What is on its way to each end.
    wires: [VecDeque<Vec<u8>>; 2],
    /// Whether each end has closed.
    closed: [bool; 2],
}

struct World {
    random: Random,
    now_micros: u64,
    faults: Faults,
    drivers: Vec<Driver>,
    links: Vec<Link>,
    next_name: u64,
    next_uid: Uid,
    births: u64,
    /// The next call to be made through each reference, and the next to arrive.
    sent: HashMap<u64, u64>,
    arrived: HashMap<u64, u64>,
    log: bool,
}

impl World {
    fn new(seed: u64, vats: usize, faults: Faults) -> Self {
        let mut world = Self {
            random: Random::new(seed),
            now_micros: 0,
            faults,
            drivers: (0..vats).map(|_| Driver::default()).collect(),
            links: Vec::new(),
            next_name: 1,
            next_uid: 1,
            births: 0,
            sent: HashMap::new(),
            arrived: HashMap::new(),
            log: std::env::var("CAPSTAN_LOG").is_ok(),
        };
        for a in 0..vats {
            for b in a + 1..vats {
                world.link(a, b);
            }
        }
        world
    }

    fn run(mut self, operations: usize) {
        for _ in 0..operations {
            self.operate();
            self.observe();
        }
        self.wind_down();
    }

    fn operate(&mut self) {
        self.now_micros += 1;
        let at = self.random.below(self.drivers.len());
        match self.random.below(110) {
            0..34 => drop(self.carry_one()),
            34..64 => self.call(at),
            64..80 => self.answer(at),
            80..90 => self.release(at),
            90..93 => self.drop_call(at),
            93..95 => self.retain(at),
            95..97 => self.bootstrap(at),
            97 => self.stop_waiting(at),
            98..102 => self.promise(at),
            102..106 => self.fulfill(at),
            106 => self.watch(at),
            _ if self.faults == Faults::Disconnects && self.random.chance(30) => self.disconnect(),
            _ => drop(self.carry_one()),
        }
    }

    // ---- operations ----

    fn link(&mut self, a: usize, b: usize) {
        let ends = [a, b].map(|vat| {
            let bootstrap = self.new_object(vat);
            let options = ConnectionOptions {
                bootstrap: Some(bootstrap.cap),
                flow_control: FlowControl::Fixed(600),
                ..ConnectionOptions::default()
            };
            let connection = self.drivers[vat].vat.connect(self.now_micros, options);
            (vat, connection)
        });
        self.links.push(Link {
            ends,
            wires: Default::default(),
            closed: [false; 2],
        });
        self.bootstrap(a);
        self.bootstrap(b);
    }

    fn new_object(&mut self, at: usize) -> Held {
        let sink = self.random.chance(50);
        let options = ObjectOptions {
            streaming_methods: [(INTERFACE, WRITE)].into(),
            concurrent: !sink,
        };
        let (object, cap) = self.drivers[at].vat.add_object(options);
        let uid = self.next_uid;
        self.next_uid += 1;
        let hosted = Hosted {
            uid,
            sink,
            running: 0,
            streaming: 0,
        };
        let before = self.drivers[at].objects.insert(object, hosted);
        assert!(before.is_none(), "an object id names two objects");
        self.held(cap, uid, 0)
    }

    fn held(&mut self, cap: CapId, object: Uid, after: u64) -> Held {
        self.next_name += 1;
        Held {
            cap,
            name: self.next_name,
            object,
            after,
        }
    }

    fn bootstrap(&mut self, at: usize) {
        let now = self.now_micros;
        let ends = self.links.iter().flat_map(|link| link.ends);
        let ends: Vec<_> = ends.filter(|end| end.0 == at).collect();
        let (_, connection) = ends[self.random.below(ends.len())];
        let cap = self.drivers[at].vat.bootstrap(now, connection);
        let held = self.held(cap, UNKNOWN, 0);
        self.drivers[at].refs.push(held);
    }

    fn pick_ref(&mut self, at: usize) -> Option<Held> {
        let count = self.drivers[at].refs.len();
        if count == 0 {
            return None;
        }
        // Recent ones are likelier: chains get deep, and references are used more than once.
        let index = if self.random.chance(60) {
            count - 1 - self.random.below(count.min(4))
        } else {
            self.random.below(count)
        };
        Some(self.drivers[at].refs[index])
    }

    /// Up to two references to pass on.
    fn pick_caps(&mut self, at: usize, extra: &[Held], before: u64) -> [Option<Held>; 2] {
        [0, 1].map(|_| match self.random.below(10) {
            0..3 => {
                let held = self.new_object(at);
                if self.random.chance(50) {
                    self.drivers[at].vat.retain(held.cap);
                    let own = self.held(held.cap, held.object, 0);
                    self.drivers[at].refs.push(own);
                }
                Some(held)
            }
            3..5 => {
                let held = self.pick_ref(at).filter(|held| held.after < before)?;
                if self.random.chance(50) {
                    // Given away.
                    let refs = &mut self.drivers[at].refs;
                    let index = refs.iter().position(|other| other.name == held.name);
                    refs.swap_remove(index?);
                } else {
                    self.drivers[at].vat.retain(held.cap);
                }
                Some(held)
            }
            5..7 if !extra.is_empty() => {
                let held = extra[self.random.below(extra.len())];
                if held.after >= before {
                    return None;
                }
                self.drivers[at].vat.retain(held.cap);
                Some(held)
            }
            _ => None,
        })
    }

    fn call(&mut self, at: usize) {
        let Some(target) = self.pick_ref(at) else {
            return;
        };
        let streamed = self.random.chance(25);
        self.births += 1;
        let birth = self.births;
        let caps = self.pick_caps(at, &[], birth);
        let text = self.next_through(target, birth, caps);
        let method = if streamed { WRITE } else { END };
        let params = fill(Outgoing::call(INTERFACE, method, 16), &text, caps);
        let caps = table(caps);
        if self.log {
            eprintln!(
                "{at}: call {text} streamed {streamed} through {:?} caps {caps:?}",
                target.cap
            );
        }
        let now = self.now_micros;
        let driver = &mut self.drivers[at];
        if streamed {
            match driver.vat.call_streaming(now, target.cap, params, caps) {
                Ok(Admission::Ready) => {}
                Ok(Admission::Wait(call)) => assert!(driver.waiting.insert(call)),
                Err(error) => allowed(&error, self.faults),
            }
            return;
        }
        let call = driver.vat.call(now, target.cap, params, caps);
        let mut made = Made {
            pipelined: Vec::new(),
        };
        for _ in 0..3 {
            if self.random.chance(40) {
                let path = self.random.below(PATHS.len());
                let cap = self.drivers[at].vat.pipeline(call, PATHS[path]);
                let held = self.held(cap, UNKNOWN, birth);
                made.pipelined.push((path, held.name));
                self.drivers[at].refs.push(held);
            }
        }
        let before = self.drivers[at].made.insert(call, made);
        assert!(before.is_none(), "a call id names two calls");
    }

    /// What the next call through a reference says.
    fn next_through(&mut self, target: Held, birth: u64, caps: [Option<Held>; 2]) -> String {
        let sequence = self.sent.entry(target.name).or_insert(0);
        let number = *sequence;
        *sequence += 1;
        encode(&[target.name, number, target.object, birth], caps)
    }

    fn answer(&mut self, at: usize) {
        let count = self.drivers[at].playing.len();
        if count == 0 {
            return;
        }
        let index = self.random.below(count);
        let playing = self.drivers[at].playing.swap_remove(index);
        if !playing.streaming
            && self.random.chance(20)
            && let Some(target) = self.pick_ref(at)
            && target.after < playing.birth
        {
            return self.tail_call(at, playing, target);
        }
        let fail = self.random.chance(if playing.streaming { 4 } else { 12 });
        let caps = if fail || playing.streaming || self.random.chance(30) {
            [None, None]
        } else {
            self.pick_caps(at, &playing.params, playing.birth)
        };
        self.finish(at, playing, fail, caps);
    }

    fn finish(&mut self, at: usize, playing: Playing, fail: bool, caps: [Option<Held>; 2]) {
        self.stop_playing(at, &playing);
        let now = self.now_micros;
        let driver = &mut self.drivers[at];
        if self.log {
            eprintln!(
                "{at}: answer {:?} fail {fail} caps {:?}",
                playing.answer,
                table(caps)
            );
        }
        if fail {
            let error = Exception::failed("thrown");
            driver.vat.return_exception(now, playing.answer, error);
        } else {
            let text = encode(&[], caps);
            let results = fill(Outgoing::results(16), &text, caps);
            driver
                .vat
                .return_results(now, playing.answer, results, table(caps));
        }
        self.keep_some(at, playing.params);
    }

    /// Answers a call with the results of another one.
    fn tail_call(&mut self, at: usize, playing: Playing, target: Held) {
        let caps = self.pick_caps(at, &playing.params, playing.birth);
        let text = self.next_through(target, playing.birth, caps);
        let params = fill(Outgoing::call(INTERFACE, END, 16), &text, caps);
        if self.log {
            eprintln!("{at}: tail call {text} through {:?}", target.cap);
        }
        self.stop_playing(at, &playing);
        let now = self.now_micros;
        let vat = &mut self.drivers[at].vat;
        vat.tail_call(now, playing.answer, target.cap, params, table(caps));
        self.keep_some(at, playing.params);
    }

    fn stop_playing(&mut self, at: usize, playing: &Playing) {
        let mut hosted = self.drivers[at].objects.values_mut();
        let hosted = hosted.find(|hosted| hosted.uid == playing.object);
        let hosted = hosted.expect("an object lives while it is called");
        hosted.running -= 1;
        hosted.streaming -= usize::from(playing.streaming);
    }

    fn keep_some(&mut self, at: usize, params: Vec<Held>) {
        let now = self.now_micros;
        for held in params {
            // Some are kept for later.
            if self.random.chance(40) {
                self.drivers[at].refs.push(held);
            } else {
                self.drivers[at].vat.release(now, held.cap);
            }
        }
    }

    /// Promises a capability that is chosen later.
    fn promise(&mut self, at: usize) {
        self.births += 1;
        let birth = self.births;
        let (promise, cap) = self.drivers[at].vat.promise();
        if self.log {
            eprintln!("{at}: promise {cap:?}");
        }
        let held = self.held(cap, UNKNOWN, birth);
        self.drivers[at].refs.push(held);
        self.drivers[at].promises.push((promise, birth));
    }

    /// With something that is known earlier, or comes to an end earlier, with an error, or with nothing.
    fn fulfill(&mut self, at: usize) {
        let count = self.drivers[at].promises.len();
        if count == 0 {
            return;
        }
        let index = self.random.below(count);
        let (promise, birth) = self.drivers[at].promises.swap_remove(index);
        let [to, other] = self.pick_caps(at, &[], birth);
        self.drivers[at].refs.extend(other);
        if self.log {
            eprintln!("{at}: fulfill {promise:?} with {:?}", to.map(|to| to.cap));
        }
        let to = to.map(|held| held.cap);
        let to = to.ok_or_else(|| Exception::failed("thrown"));
        self.drivers[at].vat.fulfill(self.now_micros, promise, to);
    }

    fn watch(&mut self, at: usize) {
        if let Some(held) = self.pick_ref(at)
            && self.drivers[at].vat.watch(held.cap)
        {
            self.drivers[at].watched.push(held.cap);
        }
    }

    fn release(&mut self, at: usize) {
        let count = self.drivers[at].refs.len();
        if count == 0 {
            return;
        }
        let index = self.random.below(count);
        let held = self.drivers[at].refs.swap_remove(index);
        if self.log {
            eprintln!("{at}: release {:?}", held.cap);
        }
        self.drivers[at].vat.release(self.now_micros, held.cap);
    }

    fn retain(&mut self, at: usize) {
        if let Some(held) = self.pick_ref(at) {
            self.drivers[at].vat.retain(held.cap);
            self.drivers[at].refs.push(held);
        }
    }

    fn drop_call(&mut self, at: usize) {
        let mut calls: Vec<CallId> = self.drivers[at].made.keys().copied().collect();
        calls.sort();
        if calls.is_empty() {
            return;
        }
        let call = calls[self.random.below(calls.len())];
        if self.log {
            eprintln!("{at}: drop {call:?}");
        }
        self.drivers[at].made.remove(&call);
        self.drivers[at].vat.drop_call(self.now_micros, call);
    }

    fn stop_waiting(&mut self, at: usize) {
        let mut calls: Vec<CallId> = self.drivers[at].waiting.iter().copied().collect();
        calls.sort();
        if calls.is_empty() {
            return;
        }
        let call = calls[self.random.below(calls.len())];
        self.drivers[at].waiting.remove(&call);
        self.drivers[at].vat.drop_call(self.now_micros, call);
    }

    fn disconnect(&mut self) {
        let index = self.random.below(self.links.len());
        let now = self.now_micros;
        let side = self.random.below(2);
        let (vat, connection) = self.links[index].ends[side];
        let reason = Exception::disconnected("cable cut");
        if self.random.chance(50) {
            self.drivers[vat].vat.close(now, connection, reason);
        } else {
            self.drivers[vat]
                .vat
                .handle_disconnect(now, connection, reason);
        }
        let other = self.links[index].ends[1 - side];
        if self.random.chance(50) {
            let reason = Exception::disconnected("cable cut");
            self.drivers[other.0]
                .vat
                .handle_disconnect(now, other.1, reason);
        }
        self.observe();
        if self.random.chance(50) {
            self.link(vat, other.0);
        }
    }

    /// Lets one frame arrive.
    fn carry_one(&mut self) -> bool {
        let loaded: Vec<(usize, usize)> = (0..self.links.len())
            .flat_map(|link| [(link, 0), (link, 1)])
            .filter(|(link, side)| !self.links[*link].wires[*side].is_empty())
            .collect();
        if loaded.is_empty() {
            return false;
        }
        let (link, side) = loaded[self.random.below(loaded.len())];
        let (vat, connection) = self.links[link].ends[side];
        if let Some(frame) = self.links[link].wires[side].pop_front() {
            if self.log {
                eprintln!(
                    "{vat}: a frame arrives on {connection:?}: {}",
                    describe(&frame)
                );
            }
            self.drivers[vat]
                .vat
                .handle_message(self.now_micros, connection, frame);
        }
        true
    }

    // ---- what happens ----

    fn observe(&mut self) {
        for index in 0..self.links.len() {
            for side in 0..2 {
                let (vat, connection) = self.links[index].ends[side];
                while let Some(frame) = self.drivers[vat].vat.poll_transmit(connection) {
                    self.links[index].wires[1 - side].push_back(frame);
                }
            }
        }
        for at in 0..self.drivers.len() {
            while self.drivers[at].vat.poll_transmit_ready().is_some() {}
            while let Some(event) = self.drivers[at].vat.poll_event() {
                self.on_event(at, event);
            }
        }
        for index in 0..self.links.len() {
            // An end that heard nothing of the other's leaving finds the socket closed.
            for side in 0..2 {
                let link = &self.links[index];
                if link.closed[1 - side] && !link.closed[side] && link.wires[side].is_empty() {
                    let (vat, connection) = link.ends[side];
                    let reason = Exception::disconnected("the peer is gone");
                    self.drivers[vat]
                        .vat
                        .handle_disconnect(self.now_micros, connection, reason);
                    return self.observe();
                }
            }
        }
    }

    fn on_event(&mut self, at: usize, event: Event) {
        if self.log {
            eprintln!("{at}: {event:?}");
        }
        match event {
            Event::Call(call) => self.on_call(at, call),
            Event::Return { call, result } => {
                let made = self.drivers[at].made.remove(&call);
                let made = made.expect("a call returns once, and not after it was dropped");
                match result {
                    Ok(payload) => self.on_results(at, made, payload),
                    Err(error) => allowed(&error, self.faults),
                }
            }
            Event::StreamReady { call, result } => {
                assert!(self.drivers[at].waiting.remove(&call), "woken twice");
                if let Err(error) = result {
                    allowed(&error, self.faults);
                }
            }
            Event::Canceled { answer } => {
                let playing = &self.drivers[at].playing;
                assert!(
                    playing.iter().any(|playing| playing.answer == answer),
                    "only a call that is being played is cancelled"
                );
            }
            Event::ObjectReleased { object } => {
                let hosted = self.drivers[at].objects.remove(&object);
                let hosted = hosted.expect("an object is released once");
                assert_eq!(hosted.running, 0, "an object lives while it is called");
                let held = &self.drivers[at].refs;
                // One that leads home by way of another vat is lost with the connection.
                assert!(
                    self.faults == Faults::Disconnects
                        || !held.iter().any(|held| held.object == hosted.uid),
                    "an object lives while a reference to it is held"
                );
            }
            Event::Resolved { cap } => {
                let watched = &mut self.drivers[at].watched;
                let index = watched.iter().position(|watched| *watched == cap);
                watched.swap_remove(index.expect("told once, and of what was asked for"));
                assert!(
                    !self.drivers[at].vat.watch(cap),
                    "what has resolved stays so"
                );
                self.drivers[at].vat.release(self.now_micros, cap);
            }
            Event::Closed { connection, reason } => {
                assert!(self.faults == Faults::Disconnects, "{reason}");
                assert!(!reason.reason.contains("protocol"), "{reason}");
                assert!(!reason.reason.contains("malformed"), "{reason}");
                for link in &mut self.links {
                    for side in 0..2 {
                        if link.ends[side] == (at, connection) {
                            assert!(!link.closed[side], "a connection closes once");
                            link.closed[side] = true;
                            link.wires[side].clear();
                        }
                    }
                }
            }
        }
    }

    fn on_call(&mut self, at: usize, call: IncomingCall) {
        let numbers = decode(&call.params);
        let [name, number, expected, birth, ref about @ ..] = numbers[..] else {
            panic!("{numbers:?}")
        };
        let next = self.arrived.entry(name).or_insert(0);
        assert!(
            number >= *next,
            "call {number} through reference {name} arrived after call {next}"
        );
        *next = number + 1;
        let streaming = call.method_id == WRITE;
        let hosted = self.drivers[at].objects.get_mut(&call.object);
        let hosted = hosted.expect("only an object that was not released is called");
        assert!(
            [UNKNOWN, hosted.uid].contains(&expected),
            "a call for object {expected} came to {}",
            hosted.uid
        );
        assert!(
            !hosted.sink || hosted.streaming == 0,
            "a call overtakes a streamed one"
        );
        hosted.running += 1;
        hosted.streaming += usize::from(streaming);
        let object = hosted.uid;
        let params = self.take_caps(at, call.params, about);
        self.drivers[at].playing.push(Playing {
            answer: call.answer,
            birth,
            object,
            streaming,
            params: params.into_iter().flatten().collect(),
        });
    }

    fn on_results(&mut self, at: usize, made: Made, payload: Payload) {
        let about = decode(&payload);
        let caps = self.take_caps(at, payload, &about);
        for (path, name) in made.pipelined {
            // What the promise was for is known now.
            if let Some(held) = caps[path] {
                for other in &mut self.drivers[at].refs {
                    if other.name == name {
                        other.object = held.object;
                        other.after = held.after;
                    }
                }
            }
        }
        for held in caps.into_iter().flatten() {
            if self.random.chance(60) {
                self.drivers[at].refs.push(held);
            } else {
                self.drivers[at].vat.release(self.now_micros, held.cap);
            }
        }
    }

    /// The references in a payload; `about` says of each what its sender knew.
    fn take_caps(&mut self, at: usize, payload: Payload, about: &[u64]) -> [Option<Held>; 2] {
        let [objects @ .., after, also_after] = about else {
            panic!("{about:?}")
        };
        let after = [*after, *also_after];
        let at_paths = [0, 1].map(|path| {
            let cap = payload.cap_at(PATHS[path])?;
            Some(self.held(cap, objects[path], after[path]))
        });
        let count = payload.caps.iter().flatten().count();
        assert_eq!(count, at_paths.iter().flatten().count(), "{payload:?}");
        for held in at_paths.iter().flatten() {
            if held.object != UNKNOWN
                && let Some(local) = self.drivers[at].vat.local_object(held.cap)
            {
                assert_eq!(self.drivers[at].objects[&local].uid, held.object);
            }
        }
        at_paths
    }

    // ---- the end ----

    fn wind_down(mut self) {
        if self.log {
            eprintln!("winding down");
        }
        loop {
            let mut busy = false;
            self.now_micros += 1;
            for at in 0..self.drivers.len() {
                while let Some(held) = self.drivers[at].refs.pop() {
                    self.drivers[at].vat.release(self.now_micros, held.cap);
                    busy = true;
                    self.observe();
                }
                while !self.drivers[at].promises.is_empty() {
                    self.fulfill(at);
                    busy = true;
                    self.observe();
                }
                while let Some(playing) = self.drivers[at].playing.pop() {
                    let fail = self.random.chance(20);
                    self.finish(at, playing, fail, [None, None]);
                    busy = true;
                    self.observe();
                }
            }
            self.observe();
            busy |= self.carry_one();
            self.observe();
            if !busy {
                break;
            }
        }
        for (at, driver) in self.drivers.iter().enumerate() {
            assert!(
                driver.made.is_empty(),
                "vat {at}: {} calls never returned",
                driver.made.len()
            );
            assert!(
                driver.waiting.is_empty(),
                "vat {at}: streamed calls wait for ever"
            );
            assert!(
                driver.watched.is_empty(),
                "vat {at}: promises never resolve"
            );
        }
        for link in &self.links {
            for (vat, connection) in link.ends {
                let Some(stats) = self.drivers[vat].vat.connection_stats(connection) else {
                    continue;
                };
                let tables = [stats.questions, stats.answers, stats.imports, stats.exports];
                assert_eq!(tables, [0; 4], "vat {vat} {connection:?}");
            }
        }
        // What is left is what the connections offer.
        self.faults = Faults::Disconnects;
        for index in 0..self.links.len() {
            for (vat, connection) in self.links[index].ends {
                let reason = Exception::disconnected("over");
                self.drivers[vat]
                    .vat
                    .handle_disconnect(self.now_micros, connection, reason);
            }
        }
        self.observe();
        for (at, driver) in self.drivers.iter().enumerate() {
            assert!(driver.objects.is_empty(), "vat {at} keeps objects");
            assert_eq!(driver.vat.stats(), VatStats::default(), "vat {at}");
        }
    }
}

/// Failures that a correct vat may report here.
fn allowed(error: &Exception, faults: Faults) {
    let ordinary = [
        "thrown",
        "the results have no capability there",
        "the results this was pipelined on are not kept",
        "the call was canceled",
        "the peer canceled the call",
    ];
    let lost = ["cable cut", "the peer is gone", "the connection is closed"];
    let allowed = |list: &[&str]| list.iter().any(|words| error.reason.contains(words));
    assert!(
        allowed(&ordinary) || (faults == Faults::Disconnects && allowed(&lost)),
        "{error}"
    );
}

fn table(caps: [Option<Held>; 2]) -> Vec<Option<CapId>> {
    caps.iter().flatten().map(|held| Some(held.cap)).collect()
}

fn encode(numbers: &[u64], caps: [Option<Held>; 2]) -> String {
    let objects = caps.map(|cap| cap.map_or(UNKNOWN, |cap| cap.object));
    let after = caps.map(|cap| cap.map_or(0, |cap| cap.after));
    let numbers = numbers.iter().chain(&objects).chain(&after);
    let numbers: Vec<String> = numbers.map(u64::to_string).collect();
    numbers.join(":")
}

fn decode(payload: &Payload) -> Vec<u64> {
    let text = crate::bench::text(payload);
    text.split(':')
        .map(|number| number.parse().unwrap())
        .collect()
}

fn fill(mut outgoing: Outgoing, text: &str, caps: [Option<Held>; 2]) -> Outgoing {
    let content = outgoing.content().unwrap().builder;
    let size = |pointers| StructSize { data: 0, pointers };
    let mut content = content.init_struct(size(3));
    let mut index = 0;
    if caps[0].is_some() {
        content.get_pointer_field_mut(0).set_capability_index(0);
        index = 1;
    }
    content.get_pointer_field_mut(1).set_text(text.as_bytes());
    if caps[1].is_some() {
        let mut inner = content.get_pointer_field_mut(2).init_struct(size(1));
        inner.get_pointer_field_mut(0).set_capability_index(index);
    }
    outgoing
}

//! Random schedules: vats that call each other, pass capabilities around, stream, answer, drop,
//! cancel and disconnect in any order, over links that keep order each for itself only.
//!
//! An oracle watches: calls through one reference arrive in the order they were made, at the object
//! they were meant for, and each is answered once; when all is let go, nothing is left anywhere.
//!
//! A failing schedule prints its number; `CAPSTAN_SEED=<number>` runs it alone, and
//! `CAPSTAN_SEEDS=<count>` runs that many.

mod operations;
mod oracle;

use std::collections::{HashMap, HashSet, VecDeque};

use capstan_message::layout::StructSize;
use capstan_rpc::framing::messages;
use capstan_rpc::vat::{
    Admission, AnswerId, Batching, CallId, CapId, ConnectionId, ConnectionOptions, Event,
    Exception, FlowControl, IncomingCall, ObjectId, ObjectOptions, Outgoing, Payload, PipelineOp,
    PromiseId, Vat, VatStats,
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
    /// The capabilities that were announced to be in the results.
    early: Option<[Option<Held>; 2]>,
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
            107 => self.control(at),
            _ if self.faults == Faults::Disconnects && self.random.chance(30) => self.disconnect(),
            _ => drop(self.carry_one()),
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
            let driver = &mut self.drivers[vat].vat;
            if driver.connection_stats(connection).is_none() {
                // Nobody reads what arrives at a closed end.
                return true;
            }
            let batch_bytes = driver.accepted_batch_bytes(connection);
            for message in messages(frame, batch_bytes).unwrap() {
                if self.log {
                    let words = describe(&message);
                    eprintln!("{vat}: a message arrives on {connection:?}: {words}");
                }
                driver.handle_message(self.now_micros, connection, message);
            }
        }
        true
    }
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

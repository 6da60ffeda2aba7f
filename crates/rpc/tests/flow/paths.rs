//! Two vats on a path that is not the simulator's: each direction has a rate, a delay, jitter and a queue of its own, what the
//! queue has no room for waits in the sender's socket, and streams may go both ways.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use capstan_rpc::vat::{
    Admission, AnswerId, CallId, CapId, ConnectionId, ConnectionOptions, Event, ObjectOptions,
    Outgoing, PipelineOp, Vat,
};

use crate::sim::{MILLI, SECOND};
use crate::vats::{INTERFACE, MAKE, SIZE, WRITE, outgoing};

const PING: u16 = 2;

/// One direction. Rates in bits per second, times in nanoseconds; what changes is a list of times and values.
#[derive(Clone, Debug)]
pub struct Way {
    pub rate: Vec<(u64, f64)>,
    pub delay: Vec<(u64, u64)>,
    pub jitter: u64,
    pub queue_bytes: u64,
}

impl Way {
    pub fn new(rate: f64, delay: u64) -> Self {
        let product = rate / 8e9 * 2.0 * delay as f64;
        Self {
            rate: vec![(0, rate)],
            delay: vec![(0, delay)],
            jitter: 0,
            queue_bytes: product.max(262_144.0) as u64,
        }
    }
}

fn at<T: Copy>(steps: &[(u64, T)], now: u64) -> T {
    let index = steps.partition_point(|(from, _)| *from <= now);
    steps[index.saturating_sub(1)].1
}

/// A caller that writes as long as there is room; with `bursts`, so many bytes in every so many nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub chunk: usize,
    pub starts: u64,
    pub stops: u64,
    pub bursts: Option<(u64, u64)>,
    /// Bytes per second that its object reads.
    pub reads: f64,
}

pub fn greedy(chunk: usize) -> Caller {
    Caller {
        chunk,
        starts: SECOND,
        stops: u64::MAX,
        bursts: None,
        reads: f64::INFINITY,
    }
}

#[derive(Clone, Debug)]
pub struct Path {
    /// From the first computer to the second, and back.
    pub ways: [Way; 2],
    /// The callers on the first computer, and on the second.
    pub callers: [Vec<Caller>; 2],
    pub pings_every: u64,
    pub tells_backlog: bool,
    /// What the vats are told of the time, in microseconds.
    pub clock: fn(u64) -> u64,
    pub until: u64,
}

impl Path {
    pub fn new(up: Way, down: Way, callers: Vec<Caller>) -> Self {
        Self {
            ways: [up, down],
            callers: [callers, Vec::new()],
            pings_every: 13 * MILLI,
            tells_backlog: true,
            clock: |now| now / 1000,
            until: 12 * SECOND,
        }
    }
}

struct Wire {
    socket: VecDeque<Vec<u8>>,
    socket_bytes: u64,
    queue: VecDeque<Vec<u8>>,
    queue_bytes: u64,
    busy: bool,
    last_arrival: u64,
}

pub struct Stream {
    side: usize,
    sink: CapId,
    caller: Caller,
    waits: Option<CallId>,
    left: u64,
    next_burst: u64,
    /// Bytes that its object has taken, and when.
    taken: Vec<(u64, u64)>,
    reading: VecDeque<(AnswerId, u64)>,
    is_reading: bool,
}

enum What {
    Arrives(usize, Vec<u8>),
    Free(usize),
    Write(usize),
    Read(usize),
    Ping,
}

pub struct Run {
    path: Path,
    now: u64,
    vats: [Vat; 2],
    ends: [ConnectionId; 2],
    roots: [CapId; 2],
    wires: [Wire; 2],
    pub streams: Vec<Stream>,
    /// Objects in the order in which they were made on each side, each with its stream.
    objects: [Vec<(capstan_rpc::vat::ObjectId, usize)>; 2],
    events: BinaryHeap<Reverse<(u64, u64)>>,
    whats: std::collections::HashMap<u64, What>,
    order: u64,
    pings: Vec<(CallId, u64)>,
    /// When each small call was made, and how long it took.
    took: Vec<(u64, u64)>,
    most_queued: u64,
    /// How far above its window and two largest messages a stream was at most.
    pub most_over: i64,
}

impl Run {
    pub fn new(path: Path) -> Self {
        let mut vats = [Vat::new(), Vat::new()];
        let mut ends = Vec::new();
        for vat in &mut vats {
            let (_, bootstrap) = vat.add_object(ObjectOptions::default());
            ends.push(vat.connect(
                (path.clock)(0),
                ConnectionOptions {
                    bootstrap: Some(bootstrap),
                    ..ConnectionOptions::default()
                },
            ));
        }
        let ends = [ends[0], ends[1]];
        let roots = [
            vats[0].bootstrap((path.clock)(0), ends[0]),
            vats[1].bootstrap((path.clock)(0), ends[1]),
        ];
        let wire = || Wire {
            socket: VecDeque::new(),
            socket_bytes: 0,
            queue: VecDeque::new(),
            queue_bytes: 0,
            busy: false,
            last_arrival: 0,
        };
        let mut run = Self {
            now: 0,
            vats,
            ends,
            roots,
            wires: [wire(), wire()],
            streams: Vec::new(),
            objects: [Vec::new(), Vec::new()],
            events: BinaryHeap::new(),
            whats: std::collections::HashMap::new(),
            order: 0,
            pings: Vec::new(),
            took: Vec::new(),
            most_queued: 0,
            most_over: i64::MIN,
            path,
        };
        for side in 0..2 {
            for caller in run.path.callers[side].clone() {
                let now = run.micros();
                let made =
                    run.vats[side].call(now, run.roots[side], outgoing(MAKE, &[]), Vec::new());
                let sink = run.vats[side].pipeline(made, &[PipelineOp::GetPointerField(0)]);
                let index = run.streams.len();
                run.streams.push(Stream {
                    side,
                    sink,
                    caller,
                    waits: None,
                    left: 0,
                    next_burst: caller.starts,
                    taken: Vec::new(),
                    reading: VecDeque::new(),
                    is_reading: false,
                });
                run.after(caller.starts, What::Write(index));
            }
        }
        if run.path.pings_every > 0 {
            run.after(0, What::Ping);
        }
        run
    }

    fn micros(&self) -> u64 {
        (self.path.clock)(self.now)
    }

    fn after(&mut self, time: u64, what: What) {
        self.order += 1;
        self.events.push(Reverse((self.now + time, self.order)));
        self.whats.insert(self.order, what);
    }

    pub fn run(mut self) -> Self {
        self.transmit();
        while let Some(Reverse((time, id))) = self.events.pop() {
            if time > self.path.until {
                break;
            }
            self.now = time;
            let Some(what) = self.whats.remove(&id) else {
                continue;
            };
            match what {
                What::Arrives(to, frame) => {
                    let now = self.micros();
                    self.vats[to].handle_message(now, self.ends[to], frame);
                }
                What::Free(way) => {
                    self.wires[way].busy = false;
                    self.send(way);
                }
                What::Write(stream) => self.write(stream),
                What::Read(stream) => self.read(stream),
                What::Ping => {
                    let now = self.micros();
                    let call =
                        self.vats[0].call(now, self.roots[0], outgoing(PING, &[]), Vec::new());
                    self.pings.push((call, self.now));
                    let every = self.path.pings_every;
                    let jitter = self.order.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
                    self.after(every / 2 + jitter % every, What::Ping);
                }
            }
            self.settle();
        }
        self
    }

    fn settle(&mut self) {
        self.take_events();
        self.transmit();
    }

    fn write(&mut self, index: usize) {
        loop {
            let stream = &mut self.streams[index];
            if self.now >= stream.caller.stops || stream.waits.is_some() {
                return;
            }
            if let Some((bytes, every)) = stream.caller.bursts {
                if self.now >= stream.next_burst {
                    stream.next_burst = self.now + every;
                    stream.left = bytes;
                }
                if stream.left == 0 {
                    let wait = stream.next_burst - self.now;
                    self.after(wait, What::Write(index));
                    return;
                }
                stream.left = stream.left.saturating_sub(stream.caller.chunk as u64);
            }
            let (side, sink) = (stream.side, stream.sink);
            let params = outgoing(WRITE, &vec![7; stream.caller.chunk]);
            let now = (self.path.clock)(self.now);
            let admission = self.vats[side].call_streaming(now, sink, params, Vec::new());
            let stats = self.vats[side].stream_stats(sink).unwrap();
            let over = stats.in_flight_bytes as i64
                - (stats.window_bytes + 2 * stats.largest_bytes) as i64;
            self.most_over = self.most_over.max(over);
            if let Admission::Wait(call) = admission.unwrap() {
                self.streams[index].waits = Some(call);
                return;
            }
        }
    }

    fn transmit(&mut self) {
        for way in 0..2 {
            while let Some(frame) = self.vats[way].poll_transmit(self.ends[way]) {
                self.wires[way].socket_bytes += frame.len() as u64;
                self.wires[way].socket.push_back(frame);
            }
            self.send(way);
            if self.path.tells_backlog {
                self.vats[way].set_backlog(self.ends[way], self.wires[way].socket_bytes);
            }
        }
        self.take_events();
    }

    fn send(&mut self, index: usize) {
        let way = &self.path.ways[index];
        let wire = &mut self.wires[index];
        while let Some(frame) = wire.socket.front() {
            let bytes = frame.len() as u64;
            if wire.queue_bytes > 0 && wire.queue_bytes + bytes > way.queue_bytes {
                break;
            }
            let Some(frame) = wire.socket.pop_front() else {
                break;
            };
            wire.socket_bytes -= bytes;
            wire.queue_bytes += bytes;
            wire.queue.push_back(frame);
        }
        if index == 0 {
            self.most_queued = self.most_queued.max(wire.socket_bytes + wire.queue_bytes);
        }
        if wire.busy {
            return;
        }
        let Some(frame) = wire.queue.pop_front() else {
            return;
        };
        wire.queue_bytes -= frame.len() as u64;
        wire.busy = true;
        let sending = (frame.len() as f64 * 8e9 / at(&way.rate, self.now)) as u64;
        let dice = self.order.wrapping_mul(0xD134_2543_DE82_EF95) >> 33;
        let late = dice.checked_rem(way.jitter).unwrap_or(0);
        let arrival = self.now + sending + at(&way.delay, self.now) + late;
        let arrival = arrival.max(wire.last_arrival);
        wire.last_arrival = arrival;
        self.after(sending, What::Free(index));
        self.after(arrival - self.now, What::Arrives(1 - index, frame));
    }

    fn take_events(&mut self) {
        for side in 0..2 {
            while let Some(event) = self.vats[side].poll_event() {
                match event {
                    Event::Call(call) => {
                        let now = self.micros();
                        match call.method_id {
                            MAKE => {
                                let (object, sink) = self.vats[side].add_object(ObjectOptions {
                                    streaming_methods: [(INTERFACE, WRITE)].into(),
                                    concurrent: false,
                                });
                                // The other side's streams are made in order.
                                let made = self.objects[side].len();
                                let theirs = self.streams.iter().enumerate();
                                let stream =
                                    theirs.filter(|(_, stream)| stream.side != side).nth(made);
                                self.objects[side].push((object, stream.unwrap().0));
                                let mut results = Outgoing::results(8);
                                let content = results.content().unwrap().builder;
                                content
                                    .init_struct(SIZE)
                                    .get_pointer_field_mut(0)
                                    .set_capability_index(0);
                                self.vats[side].return_results(
                                    now,
                                    call.answer,
                                    results,
                                    vec![Some(sink)],
                                );
                            }
                            WRITE => {
                                let known = self.objects[side].iter();
                                let (_, stream) =
                                    *known.clone().find(|(id, _)| *id == call.object).unwrap();
                                let chunk = self.streams[stream].caller.chunk as u64;
                                self.streams[stream].reading.push_back((call.answer, chunk));
                                self.begin_to_read(stream);
                            }
                            _ => self.vats[side].return_results(
                                now,
                                call.answer,
                                Outgoing::results(4),
                                Vec::new(),
                            ),
                        }
                    }
                    Event::StreamReady { call, result } => {
                        result.unwrap();
                        let index = self
                            .streams
                            .iter()
                            .position(|stream| stream.side == side && stream.waits == Some(call));
                        let index = index.unwrap();
                        self.streams[index].waits = None;
                        self.write(index);
                    }
                    Event::Return { call, .. } => {
                        if side == 0
                            && let Some(index) = self.pings.iter().position(|(id, _)| *id == call)
                        {
                            let (_, made) = self.pings.swap_remove(index);
                            self.took.push((made, self.now - made));
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn begin_to_read(&mut self, index: usize) {
        let stream = &mut self.streams[index];
        if stream.is_reading {
            return;
        }
        let Some((_, bytes)) = stream.reading.front() else {
            return;
        };
        stream.is_reading = true;
        let time = (*bytes as f64 * 1e9 / stream.caller.reads) as u64;
        if time == 0 {
            self.read(index);
        } else {
            self.after(time, What::Read(index));
        }
    }

    fn read(&mut self, index: usize) {
        let now = self.micros();
        let stream = &mut self.streams[index];
        stream.is_reading = false;
        let Some((answer, bytes)) = stream.reading.pop_front() else {
            return;
        };
        let before = stream.taken.last().map_or(0, |(_, bytes)| *bytes);
        stream.taken.push((self.now, before + bytes));
        let side = 1 - stream.side;
        self.vats[side].return_results(now, answer, Outgoing::results(4), Vec::new());
        self.begin_to_read(index);
    }

    /// Bytes per second that a stream's object took between two times.
    pub fn goodput(&self, stream: usize, from: u64, to: u64) -> f64 {
        let taken = &self.streams[stream].taken;
        let until = |time: u64| {
            let index = taken.partition_point(|(at, _)| *at < time);
            index.checked_sub(1).map_or(0, |index| taken[index].1)
        };
        (until(to) - until(from)) as f64 / ((to - from) as f64 / 1e9)
    }

    /// Of all streams of a side.
    pub fn total(&self, side: usize, from: u64, to: u64) -> f64 {
        (0..self.streams.len())
            .filter(|index| self.streams[*index].side == side)
            .map(|index| self.goodput(index, from, to))
            .sum()
    }

    /// The median and the worst hundredth of the small calls made in this time.
    pub fn latencies(&self, from: u64, to: u64) -> (f64, f64) {
        let mut took: Vec<u64> = self
            .took
            .iter()
            .filter(|(made, _)| (from..to).contains(made))
            .map(|(_, took)| *took)
            .collect();
        took.sort_unstable();
        if took.is_empty() {
            return (f64::INFINITY, f64::INFINITY);
        }
        (
            took[took.len() / 2] as f64,
            took[took.len() * 99 / 100] as f64,
        )
    }
}

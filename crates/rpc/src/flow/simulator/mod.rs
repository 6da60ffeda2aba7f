//! A connection in virtual time: a line with a rate, a delay and one queue for all; streams whose
//! callers wait for room; objects that read at their own pace; small calls beside them. All times
//! are nanoseconds from the start.

// All indices are of its own making: nothing here comes from outside.
#![allow(clippy::indexing_slicing)]

pub mod control;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use control::{Control, Token};

pub const MILLI: u64 = 1_000_000;
pub const SECOND: u64 = 1_000_000_000;

/// From this nanosecond on, the line carries so much and is so long.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    pub from: u64,
    pub bits_per_second: f64,
    /// There and back.
    pub round_trip: u64,
}

#[derive(Clone, Debug)]
pub struct Stream {
    pub chunk_bytes: u64,
    pub starts: u64,
    pub stops: u64,
    /// How fast the object reads, in bytes per second.
    pub reads: f64,
    /// When the object does not read.
    pub pause: Option<(u64, u64)>,
    /// A hop behind the line, there and back.
    pub further: u64,
    /// The caller has a chunk every so often, and not sooner.
    pub every: Option<u64>,
}

impl Stream {
    pub fn greedy(chunk_bytes: u64) -> Self {
        Self {
            chunk_bytes,
            starts: 0,
            stops: u64::MAX,
            reads: f64::INFINITY,
            pause: None,
            further: 0,
            every: None,
        }
    }
}

/// What the controller is told of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    Micros,
    Millis,
    StandsStill,
    /// It moves when something arrives, and not in between.
    OnArrivals,
    /// From the third to the fifth second it does not move.
    Stops,
    /// Every second it is set back by so many microseconds.
    StepsBack(u64),
    /// Of every so many readings, one is that of the message's sending: no time at all.
    ZeroSamples(u64),
}

/// One look at all streams together, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub at: u64,
    pub window: u64,
    pub in_flight: u64,
    /// What waits for the line.
    pub queued: u64,
    /// What the objects have got so far.
    pub delivered: u64,
    /// What the controller takes the rate to be, per second.
    pub rate: f64,
    /// How long the message was under way that was answered last, in nanoseconds.
    pub took: u64,
}

pub struct Sim {
    control: Box<dyn Control>,
    phases: Vec<Phase>,
    watch: Watch,
    streams: Vec<Live>,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    order: u64,
    line: VecDeque<Item>,
    sending: bool,
    /// What the network has room for, in bytes: more waits in the sender's socket, which says so.
    queue_bytes: Option<u64>,
    queued_bytes: u64,
    /// When something last arrived at the sender, or its caller began.
    last_heard: u64,
    last_arrival: u64,
    small_every: u64,
    /// How long the pauses of both computers are at most, and how often there is one.
    pauses: Option<(u64, u64)>,
    readings: u64,
    /// When each small call was made and how long it took.
    pub small: Vec<(u64, u64)>,
    sample_every: u64,
    /// How long the message took that was answered last.
    last_took: u64,
    pub samples: Vec<Sample>,
    /// Whether to tell what the controller does: with `FLOW_TRACE=1` in the environment.
    trace: bool,
}

struct Live {
    stream: Stream,
    reading: VecDeque<(u64, usize)>,
    busy: bool,
    tokens: Vec<Option<Token>>,
    sent_readings: Vec<u64>,
    sent_at: Vec<u64>,
    /// Bytes delivered to the object, and when.
    delivered: Vec<(u64, u64)>,
    delivered_bytes: u64,
    in_flight: u64,
    most_over: u64,
    next_chunk: u64,
    waiting: bool,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Chunk {
        stream: usize,
        token: usize,
        bytes: u64,
    },
    Small {
        made: u64,
    },
}

impl Item {
    fn bytes(self) -> u64 {
        match self {
            Item::Chunk { bytes, .. } => bytes,
            Item::Small { .. } => 100,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start(usize),
    Write(usize),
    Small,
    Sample,
    LineFree,
    Arrived {
        stream: usize,
        token: usize,
        bytes: u64,
    },
    Read {
        stream: usize,
        token: usize,
        bytes: u64,
    },
    Returned {
        stream: usize,
        token: usize,
        bytes: u64,
    },
    SmallReturned {
        made: u64,
    },
}

impl Sim {
    pub fn new(control: Box<dyn Control>, phases: Vec<Phase>, streams: Vec<Stream>) -> Self {
        let mut sim = Self {
            control,
            phases,
            watch: Watch::Micros,
            streams: Vec::new(),
            now: 0,
            events: BinaryHeap::new(),
            order: 0,
            line: VecDeque::new(),
            sending: false,
            queue_bytes: None,
            queued_bytes: 0,
            last_heard: 0,
            last_arrival: 0,
            small_every: 0,
            pauses: None,
            readings: 0,
            small: Vec::new(),
            sample_every: 0,
            last_took: 0,
            samples: Vec::new(),
            trace: std::env::var_os("FLOW_TRACE").is_some(),
        };
        for stream in streams {
            let index = sim.control.join();
            sim.at(stream.starts, Event::Start(index));
            sim.streams.push(Live {
                stream,
                reading: VecDeque::new(),
                busy: false,
                tokens: Vec::new(),
                sent_readings: Vec::new(),
                sent_at: Vec::new(),
                delivered: Vec::new(),
                delivered_bytes: 0,
                in_flight: 0,
                most_over: 0,
                next_chunk: 0,
                waiting: false,
            });
        }
        sim
    }

    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// The network's queue has room for so many bytes. What else waits does so in the sender's socket, which
    /// tells how much that is; without this, it is nobody's.
    pub fn queue(mut self, bytes: u64) -> Self {
        self.queue_bytes = Some(bytes);
        self
    }

    /// Both computers do something else for up to `most` nanoseconds, once in `every`.
    pub fn pauses(mut self, most: u64, every: u64) -> Self {
        self.pauses = Some((most, every));
        self
    }

    pub fn small_calls(mut self, every: u64) -> Self {
        self.small_every = every;
        self.at(every, Event::Small);
        self
    }

    /// Looks every so many nanoseconds.
    pub fn sample(mut self, every: u64) -> Self {
        self.sample_every = every;
        self.at(0, Event::Sample);
        self
    }

    pub fn run(mut self, until: u64) -> Self {
        let mut next_trace = 0;
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            if at > until {
                break;
            }
            self.now = at;
            if self.trace && at >= next_trace {
                next_trace = at + until / 60;
                eprintln!("{:8.3} s {}", at as f64 / 1e9, self.control.describe());
            }
            self.handle(event);
        }
        self.now = until;
        self
    }

    /// Bytes per second that reached the stream's object between two times.
    pub fn goodput(&self, stream: usize, from: u64, to: u64) -> f64 {
        let until = |time: u64| {
            let delivered = &self.streams[stream].delivered;
            let index = delivered.partition_point(|(at, _)| *at < time);
            index.checked_sub(1).map_or(0, |index| delivered[index].1)
        };
        (until(to) - until(from)) as f64 / ((to - from) as f64 / 1e9)
    }

    pub fn total_goodput(&self, from: u64, to: u64) -> f64 {
        (0..self.streams.len())
            .map(|stream| self.goodput(stream, from, to))
            .sum()
    }

    /// By how much what was in flight exceeded the stream's window at most, in bytes.
    pub fn most_over(&self, stream: usize) -> u64 {
        self.streams[stream].most_over
    }

    pub fn in_flight(&self, stream: usize) -> u64 {
        self.streams[stream].in_flight
    }

    pub fn is_waiting(&self, stream: usize) -> bool {
        self.streams[stream].waiting
    }

    pub fn window(&self, stream: usize) -> u64 {
        self.control.window(stream)
    }

    /// The small calls' latencies in nanoseconds, of those made from `from` on, in order of size.
    pub fn latencies(&self, from: u64) -> Vec<u64> {
        let mut latencies: Vec<u64> = self
            .small
            .iter()
            .filter(|(made, _)| *made >= from)
            .map(|(_, took)| *took)
            .collect();
        latencies.sort_unstable();
        latencies
    }

    fn look(&mut self) {
        let windows = (0..self.streams.len()).map(|stream| self.control.window(stream));
        let window = windows.sum::<u64>();
        self.samples.push(Sample {
            at: self.now,
            window: self.control.shared_window().unwrap_or(window).min(window),
            in_flight: self.streams.iter().map(|live| live.in_flight).sum(),
            queued: self.queued_bytes,
            delivered: self.streams.iter().map(|live| live.delivered_bytes).sum(),
            rate: self.control.rate(),
            took: self.last_took,
        });
    }

    fn at(&mut self, time: u64, event: Event) {
        self.order += 1;
        self.events.push(Reverse((time, self.order, event)));
    }

    fn phase(&self) -> Phase {
        let index = self.phases.partition_point(|phase| phase.from <= self.now);
        self.phases[index.saturating_sub(1)]
    }

    /// When a computer gets around to what arrives at this time.
    fn awake(&self, at: u64, computer: u64) -> u64 {
        let Some((most, every)) = self.pauses else {
            return at;
        };
        let dice = (at / every * 2 + computer + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let pause = dice % most;
        let begins = at / every * every + (dice * 31) % (every - pause);
        if (begins..begins + pause).contains(&at) {
            begins + pause
        } else {
            at
        }
    }

    /// What the controller's clock shows.
    fn reading(&mut self) -> u64 {
        let micros = self.now / 1000 + 77_000_000;
        match self.watch {
            Watch::Micros | Watch::ZeroSamples(_) => micros,
            Watch::Millis => micros / 1000 * 1000,
            Watch::StandsStill => 77_000_000,
            Watch::OnArrivals => self.last_heard / 1000 + 77_000_000,
            Watch::Stops if (3 * SECOND..5 * SECOND).contains(&self.now) => 80_000_000,
            Watch::Stops => micros,
            Watch::StepsBack(by) => micros - (self.now / SECOND) * by.min(900_000),
        }
    }

    fn handle(&mut self, event: Event) {
        if matches!(
            event,
            Event::Returned { .. } | Event::SmallReturned { .. } | Event::Start(_)
        ) {
            self.last_heard = self.now;
        }
        match event {
            Event::Start(stream) => self.write(stream),
            Event::Write(stream) => self.write(stream),
            Event::Small => {
                self.push(Item::Small { made: self.now });
                // Not in step with anything else.
                let jitter = self.order.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
                self.at(
                    self.now + self.small_every / 2 + jitter % self.small_every,
                    Event::Small,
                );
                self.send_next();
            }
            Event::Sample => {
                self.look();
                self.at(self.now + self.sample_every, Event::Sample);
            }
            Event::LineFree => {
                self.sending = false;
                self.send_next();
            }
            Event::Arrived {
                stream,
                token,
                bytes,
            } => {
                self.streams[stream].reading.push_back((bytes, token));
                self.read(stream);
            }
            Event::Read {
                stream,
                token,
                bytes,
            } => {
                let live = &mut self.streams[stream];
                live.busy = false;
                live.delivered_bytes += bytes;
                live.delivered.push((self.now, live.delivered_bytes));
                let further = live.stream.further / 2;
                let back = self.now + self.phase().round_trip / 2 + further;
                self.at(
                    self.awake(back, 0),
                    Event::Returned {
                        stream,
                        token,
                        bytes,
                    },
                );
                self.read(stream);
            }
            Event::Returned {
                stream,
                token,
                bytes,
            } => self.returned(stream, token, bytes),
            Event::SmallReturned { made } => self.small.push((made, self.now - made)),
        }
    }

    fn write(&mut self, stream: usize) {
        loop {
            let live = &mut self.streams[stream];
            if self.now >= live.stream.stops {
                return;
            }
            if let Some(every) = live.stream.every {
                if self.now < live.next_chunk {
                    let at = live.next_chunk;
                    self.at(at, Event::Write(stream));
                    return;
                }
                live.next_chunk = self.now + every;
            }
            let bytes = live.stream.chunk_bytes;
            let reading = self.reading();
            let token = self.control.sent(reading, stream, bytes);
            let live = &mut self.streams[stream];
            live.in_flight += bytes;
            let over = live.in_flight.saturating_sub(self.control.window(stream));
            live.most_over = live.most_over.max(over);
            live.tokens.push(Some(token));
            live.sent_readings.push(reading);
            live.sent_at.push(self.now);
            let token = live.tokens.len() - 1;
            self.push(Item::Chunk {
                stream,
                token,
                bytes,
            });
            self.send_next();
            self.tell_backlog();
            if !self.control.is_ready(stream) {
                self.control.wait(stream);
                self.streams[stream].waiting = true;
                return;
            }
        }
    }

    fn push(&mut self, item: Item) {
        self.queued_bytes += item.bytes();
        self.line.push_back(item);
    }

    fn tell_backlog(&mut self) {
        if let Some(room) = self.queue_bytes {
            self.control
                .set_backlog(self.queued_bytes.saturating_sub(room));
        }
    }

    fn send_next(&mut self) {
        if self.sending {
            return;
        }
        let Some(item) = self.line.pop_front() else {
            return;
        };
        self.queued_bytes -= item.bytes();
        self.sending = true;
        let phase = self.phase();
        let bytes = item.bytes();
        let free = self.now + (bytes as f64 * 8e9 / phase.bits_per_second) as u64;
        self.at(free, Event::LineFree);
        let arrival = (free + phase.round_trip / 2).max(self.last_arrival);
        self.last_arrival = arrival;
        match item {
            Item::Chunk {
                stream,
                token,
                bytes,
            } => {
                let further = self.streams[stream].stream.further / 2;
                self.at(
                    self.awake(arrival + further, 1),
                    Event::Arrived {
                        stream,
                        token,
                        bytes,
                    },
                );
            }
            Item::Small { made } => {
                let back = self.awake(arrival, 1) + phase.round_trip / 2;
                self.at(self.awake(back, 0), Event::SmallReturned { made });
            }
        }
    }

    fn read(&mut self, stream: usize) {
        let now = self.now;
        let live = &mut self.streams[stream];
        if live.busy {
            return;
        }
        let Some((bytes, token)) = live.reading.pop_front() else {
            return;
        };
        live.busy = true;
        let begin = match live.stream.pause {
            Some((from, to)) if (from..to).contains(&now) => to,
            _ => now,
        };
        let done = begin + (bytes as f64 * 1e9 / live.stream.reads) as u64;
        self.at(
            done,
            Event::Read {
                stream,
                token,
                bytes,
            },
        );
    }

    fn returned(&mut self, stream: usize, token: usize, bytes: u64) {
        self.readings += 1;
        let mut reading = self.reading();
        if let Watch::ZeroSamples(every) = self.watch
            && self.readings.is_multiple_of(every)
        {
            reading = self.streams[stream].sent_readings[token];
        }
        self.tell_backlog();
        let live = &mut self.streams[stream];
        live.in_flight -= bytes;
        self.last_took = self.now - live.sent_at[token];
        if let Some(token) = live.tokens[token].take() {
            self.control.returned(reading, stream, token);
        }
        while let Some(ready) = self.control.poll() {
            self.streams[ready].waiting = false;
            self.write(ready);
        }
    }
}

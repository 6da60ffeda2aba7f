//! The same through two vats: real frames on a simulated line.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use capstan_message::layout::StructSize;
use capstan_rpc::flow::FlowControl;
use capstan_rpc::vat::{
    Admission, AnswerId, CallId, CapId, ConnectionId, ConnectionOptions, Event, ObjectOptions,
    Outgoing, PipelineOp, Vat,
};

use crate::figures::{Link, link};
use crate::sim::{MILLI, SECOND};

pub const INTERFACE: u64 = 0xabcd_0000_0000_0002;
pub const WRITE: u16 = 0;
pub const MAKE: u16 = 1;
const PING: u16 = 2;

type Flight = (u64, u64, usize, Vec<u8>);

/// A client that streams to a server's objects, which answer at once, or when they are told to.
struct Pair {
    link: Link,
    now: u64,
    vats: [Vat; 2],
    ends: [ConnectionId; 2],
    /// When they arrive, in order, at which end.
    wire: BinaryHeap<Reverse<Flight>>,
    order: u64,
    line_free: u64,
    root: CapId,
    sinks: Vec<CapId>,
    chunk: Vec<u8>,
    /// Streamed calls that wait, by stream.
    waiting: Vec<(CallId, usize)>,
    pings: Vec<(CallId, u64)>,
    took: Vec<u64>,
    delivered: u64,
    held: Vec<AnswerId>,
    hold: bool,
    most_in_flight: u64,
}

impl Pair {
    fn new(link: Link, control: FlowControl, streams: usize, chunk_bytes: usize) -> Self {
        let mut vats = [Vat::new(), Vat::new()];
        let (_, bootstrap) = vats[1].add_object(ObjectOptions::default());
        let client = vats[0].connect(
            0,
            ConnectionOptions {
                flow_control: control,
                ..ConnectionOptions::default()
            },
        );
        let server = vats[1].connect(
            0,
            ConnectionOptions {
                bootstrap: Some(bootstrap),
                ..ConnectionOptions::default()
            },
        );
        let root = vats[0].bootstrap(0, client);
        let mut pair = Self {
            link,
            now: 0,
            vats,
            ends: [client, server],
            wire: BinaryHeap::new(),
            order: 0,
            line_free: 0,
            root,
            sinks: Vec::new(),
            chunk: vec![7; chunk_bytes],
            waiting: Vec::new(),
            pings: Vec::new(),
            took: Vec::new(),
            delivered: 0,
            held: Vec::new(),
            hold: false,
            most_in_flight: 0,
        };
        for _ in 0..streams {
            let made = pair.vats[0].call(0, pair.root, outgoing(MAKE, &[]), Vec::new());
            let sink = pair.vats[0].pipeline(made, &[PipelineOp::GetPointerField(0)]);
            pair.sinks.push(sink);
        }
        pair
    }

    fn micros(&self) -> u64 {
        self.now / 1000
    }

    fn write(&mut self, stream: usize) {
        loop {
            let params = outgoing(WRITE, &self.chunk);
            let now = self.micros();
            let admission = self.vats[0]
                .call_streaming(now, self.sinks[stream], params, Vec::new())
                .unwrap();
            let stats = self.vats[0].stream_stats(self.sinks[stream]).unwrap();
            self.most_in_flight = self.most_in_flight.max(stats.in_flight_bytes);
            if let Admission::Wait(call) = admission {
                self.waiting.push((call, stream));
                return;
            }
        }
    }

    fn run(&mut self, until: u64) {
        let mut next_ping = self.now;
        loop {
            if self.now >= next_ping {
                next_ping = self.now + 13 * MILLI;
                let now = self.micros();
                let call = self.vats[0].call(now, self.root, outgoing(PING, &[]), Vec::new());
                self.pings.push((call, self.now));
            }
            self.transmit();
            let Some(Reverse((at, ..))) = self.wire.peek() else {
                assert!(self.hold, "nothing is under way");
                return;
            };
            if *at > until {
                self.now = until;
                return;
            }
            let Some(Reverse((at, _, to, frame))) = self.wire.pop() else {
                return;
            };
            self.now = at;
            let now = self.micros();
            self.vats[to].handle_message(now, self.ends[to], frame);
            self.events();
        }
    }

    fn transmit(&mut self) {
        for from in 0..2 {
            while let Some(frame) = self.vats[from].poll_transmit(self.ends[from]) {
                let mut at = self.now;
                if from == 0 {
                    let sending = frame.len() as f64 / self.link.rate() * 1e9;
                    self.line_free = self.line_free.max(self.now) + sending as u64;
                    at = self.line_free;
                }
                self.order += 1;
                let arrives = at + self.link.round_trip() / 2;
                self.wire
                    .push(Reverse((arrives, self.order, 1 - from, frame)));
            }
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.vats[1].poll_event() {
            let Event::Call(call) = event else { continue };
            let now = self.micros();
            match call.method_id {
                MAKE => {
                    let (_, sink) = self.vats[1].add_object(ObjectOptions {
                        streaming_methods: [(INTERFACE, WRITE)].into(),
                        concurrent: false,
                    });
                    let mut results = Outgoing::results(8);
                    let content = results.content().unwrap().builder;
                    content
                        .init_struct(SIZE)
                        .get_pointer_field_mut(0)
                        .set_capability_index(0);
                    self.vats[1].return_results(now, call.answer, results, vec![Some(sink)]);
                }
                WRITE if self.hold => self.held.push(call.answer),
                WRITE => {
                    self.delivered += self.chunk.len() as u64;
                    self.answer(call.answer);
                }
                _ => self.answer(call.answer),
            }
        }
        while let Some(event) = self.vats[0].poll_event() {
            match event {
                Event::StreamReady { call, result } => {
                    result.unwrap();
                    let index = self.waiting.iter().position(|(id, _)| *id == call).unwrap();
                    let (_, stream) = self.waiting.swap_remove(index);
                    self.write(stream);
                }
                Event::Return { call, .. } => {
                    if let Some(index) = self.pings.iter().position(|(id, _)| *id == call) {
                        let (_, made) = self.pings.swap_remove(index);
                        self.took.push(self.now - made);
                    }
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self, answer: AnswerId) {
        let now = self.micros();
        self.vats[1].return_results(now, answer, Outgoing::results(4), Vec::new());
    }
}

pub const SIZE: StructSize = StructSize {
    data: 0,
    pointers: 1,
};

pub fn outgoing(method: u16, data: &[u8]) -> Outgoing {
    let mut outgoing = Outgoing::call(INTERFACE, method, data.len() / 8 + 8);
    let content = outgoing.content().unwrap().builder;
    content
        .init_struct(SIZE)
        .get_pointer_field_mut(0)
        .set_data(data);
    outgoing
}

#[test]
fn adaptive_streams_of_vats_fill_the_line_and_leave_room_for_calls() {
    for (link, streams, chunk) in [
        (link(50.0, 100), 1, 16_000),
        (link(50.0, 100), 8, 65_000),
        (link(10.0, 20), 4, 4_000),
        (link(200.0, 200), 1, 65_000),
    ] {
        let mut pair = Pair::new(link, FlowControl::Adaptive, streams, chunk);
        pair.run(3 * link.round_trip());
        for stream in 0..streams {
            pair.write(stream);
        }
        pair.run(4 * SECOND);
        pair.took.clear();
        let before = pair.delivered;
        pair.run(9 * SECOND);
        let goodput = (pair.delivered - before) as f64 / 5.0 / link.rate();
        pair.took.sort_unstable();
        let p50 = pair.took[pair.took.len() / 2] as f64;
        let line = pair.vats[0].line_stats(pair.ends[0]).unwrap();
        println!(
            "# vats: {} Mbit/s {} ms {streams} x {chunk}: {goodput:.3}, p50 {:.2} RTT, {line:?}",
            link.megabits,
            link.round_trip_millis,
            p50 / link.round_trip() as f64
        );
        assert!(goodput > 0.95, "{link:?}: {goodput}");
        let chunk_time = link.chunk_time(chunk as u64) as f64;
        let most = 1.3 * link.round_trip() as f64 + 3.0 * chunk_time;
        assert!(p50 < most, "{link:?}: {p50}");
    }
}

#[test]
fn a_fixed_window_leaves_most_of_a_long_line_empty() {
    let link = link(50.0, 100);
    let mut pair = Pair::new(link, FlowControl::Fixed(65_536), 1, 16_000);
    pair.run(SECOND);
    pair.write(0);
    pair.run(5 * SECOND);
    let goodput = pair.delivered as f64 / 4.0 / link.rate();
    assert!(goodput < 0.2, "{goodput}");
    assert!(pair.vats[0].line_stats(pair.ends[0]).is_none());
}

#[test]
fn what_is_held_at_an_object_stays_within_the_window() {
    let link = link(50.0, 100);
    let mut pair = Pair::new(link, FlowControl::Adaptive, 2, 16_000);
    pair.hold = true;
    pair.run(SECOND);
    pair.write(0);
    pair.run(60 * SECOND);
    let stats = pair.vats[0].stream_stats(pair.sinks[0]).unwrap();
    assert!(
        stats.in_flight_bytes <= stats.window_bytes + 2 * stats.largest_bytes,
        "{stats:?}"
    );
    assert!(stats.in_flight_bytes < 150_000, "{stats:?}");
    // The other stream is not held up, and when the first goes on nothing is lost.
    pair.hold = false;
    pair.write(1);
    let before = pair.delivered;
    pair.run(pair.now + 3 * SECOND);
    assert!(pair.delivered > before + 1_000_000);
    while let Some(answer) = pair.held.pop() {
        pair.answer(answer);
    }
    pair.run(pair.now + 3 * SECOND);
    assert_eq!(pair.waiting.len(), 2, "both go on writing");
}

#[test]
fn control_can_change_while_calls_are_in_flight() {
    let link = link(50.0, 100);
    let mut pair = Pair::new(link, FlowControl::Adaptive, 2, 16_000);
    pair.run(SECOND);
    pair.write(0);
    pair.write(1);
    for round in 0..20_u64 {
        pair.run(pair.now + 170 * MILLI);
        let control = match round % 3 {
            0 => FlowControl::Fixed(100_000),
            1 => FlowControl::Adaptive,
            _ => FlowControl::Fixed(1),
        };
        if round % 2 == 0 {
            pair.vats[0].set_flow_control(pair.ends[0], control);
        } else {
            pair.vats[0].set_stream_flow_control(pair.sinks[0], control);
        }
        pair.events();
    }
    pair.vats[0].set_flow_control(pair.ends[0], FlowControl::Adaptive);
    pair.events();
    pair.run(pair.now + 3 * SECOND);
    let before = pair.delivered;
    pair.run(pair.now + 3 * SECOND);
    let goodput = (pair.delivered - before) as f64 / 3.0 / link.rate();
    assert!(goodput > 0.95, "{goodput}");
}

#[test]
fn what_waits_in_the_own_computer_holds_streams_back_and_not_for_ever() {
    let link = link(50.0, 100);
    let mut pair = Pair::new(link, FlowControl::Adaptive, 1, 16_000);
    pair.run(SECOND);
    pair.write(0);
    pair.run(3 * SECOND);
    let now = pair.now;
    let (client, sink) = (pair.ends[0], pair.sinks[0]);
    pair.vats[0].set_backlog(client, 10_000_000);
    pair.run(now + 2 * link.round_trip());
    let in_flight = pair.vats[0].stream_stats(sink).unwrap().in_flight_bytes;
    // The window is ten times as much. Whatever was said, what came through is not waiting.
    assert!(
        (1..=64 * 1024 + 2 * 16_100).contains(&in_flight),
        "{in_flight}"
    );
    pair.vats[0].set_backlog(client, 0);
    pair.events();
    let before = pair.delivered;
    let now = pair.now;
    pair.run(now + 3 * SECOND);
    let goodput = (pair.delivered - before) as f64 / 3.0 / link.rate();
    assert!(goodput > 0.85, "{goodput}");
}

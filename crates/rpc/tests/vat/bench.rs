//! The test bench: vats joined by simulated links with delay, and objects that are played by hand.

use std::collections::VecDeque;

use capstan_message::layout::StructSize;
use capstan_rpc::vat::{
    AnswerId, CallId, CapId, ConnectionId, ConnectionOptions, ConnectionStats, Event, Exception,
    IncomingCall, ObjectId, ObjectOptions, Outgoing, Payload, PipelineOp, Vat,
};

pub const INTERFACE: u64 = 0xabcd_0000_0000_0001;
pub const WRITE: u16 = 0;
pub const END: u16 = 1;

/// Where [`params`] and [`results`] put their capability; their text is the pointer after it.
pub const CAP: &[PipelineOp] = &[PipelineOp::GetPointerField(0)];

/// One end of a connection: which vat, and its id there.
pub type End = (usize, ConnectionId);

/// Vats and the links between them. A frame takes `delay_micros` from one end to the other.
#[derive(Default)]
pub struct Net {
    pub now_micros: u64,
    pub delay_micros: u64,
    pub vats: Vec<Vat>,
    pub links: Vec<(End, End)>,
    wire: VecDeque<Flight>,
    /// Events that no test has taken yet, per vat.
    events: Vec<VecDeque<Event>>,
    /// Frames that arrived, per vat.
    pub received: Vec<usize>,
}

struct Flight {
    arrives_micros: u64,
    to: End,
    frame: Vec<u8>,
}

impl Net {
    pub fn new(vats: usize) -> Self {
        Self {
            delay_micros: 10_000,
            vats: (0..vats).map(|_| Vat::new()).collect(),
            events: (0..vats).map(|_| VecDeque::new()).collect(),
            received: vec![0; vats],
            ..Self::default()
        }
    }

    pub fn link(
        &mut self,
        a: (usize, ConnectionOptions),
        b: (usize, ConnectionOptions),
    ) -> (ConnectionId, ConnectionId) {
        let left = self.vats[a.0].connect(self.now_micros, a.1);
        let right = self.vats[b.0].connect(self.now_micros, b.1);
        self.links.push(((a.0, left), (b.0, right)));
        (left, right)
    }

    /// Puts what the vats want to send on the wire, and gathers their events.
    pub fn transmit(&mut self) {
        for (a, b) in self.links.clone() {
            for (from, to) in [(a, b), (b, a)] {
                while let Some(frame) = self.vats[from.0].poll_transmit(from.1) {
                    self.wire.push_back(Flight {
                        arrives_micros: self.now_micros + self.delay_micros,
                        to,
                        frame,
                    });
                }
            }
        }
        for (vat, events) in self.vats.iter_mut().zip(&mut self.events) {
            while let Some(event) = vat.poll_event() {
                events.push_back(event);
            }
        }
    }

    /// Lets time pass until the next frame arrives. `false` when none is under way.
    pub fn step(&mut self) -> bool {
        self.transmit();
        let Some(flight) = self.wire.pop_front() else {
            return false;
        };
        self.now_micros = self.now_micros.max(flight.arrives_micros);
        self.received[flight.to.0] += 1;
        self.vats[flight.to.0].handle_message(self.now_micros, flight.to.1, flight.frame);
        self.transmit();
        true
    }

    /// Lets time pass until nothing is under way.
    pub fn settle(&mut self) {
        while self.step() {}
    }

    /// Lets time pass until some object is called.
    pub fn settle_until_call(&mut self) {
        while !self
            .events
            .iter()
            .flatten()
            .any(|event| matches!(event, Event::Call(_)))
        {
            assert!(self.step(), "no call arrives");
        }
    }

    /// Puts a frame of the test's own on the wire, as if the other end had sent it.
    pub fn inject(&mut self, to: End, frame: Vec<u8>) {
        self.wire.push_back(Flight {
            arrives_micros: self.now_micros + self.delay_micros,
            to,
            frame,
        });
    }

    pub fn events(&mut self, vat: usize) -> Vec<Event> {
        self.transmit();
        self.events[vat].drain(..).collect()
    }

    /// The calls that objects of this vat were given, which must be all that happened.
    pub fn calls(&mut self, vat: usize) -> Vec<IncomingCall> {
        let calls = self.events(vat).into_iter().map(|event| match event {
            Event::Call(call) => call,
            other => panic!("expected only calls, got {other:?}"),
        });
        calls.collect()
    }

    pub fn only_call(&mut self, vat: usize) -> IncomingCall {
        let mut calls = self.calls(vat);
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    pub fn only_return(&mut self, vat: usize) -> (CallId, Result<Payload, Exception>) {
        let mut events = self.events(vat);
        match (events.pop(), events.is_empty()) {
            (Some(Event::Return { call, result }), true) => (call, result),
            (last, _) => panic!("expected one return, got {events:?} {last:?}"),
        }
    }

    pub fn call(
        &mut self,
        vat: usize,
        target: CapId,
        method: u16,
        text: &str,
        cap: Option<CapId>,
    ) -> CallId {
        let params = params(method, text, cap.is_some());
        self.vats[vat].call(
            self.now_micros,
            target,
            params,
            cap.into_iter().map(Some).collect(),
        )
    }

    pub fn answer(&mut self, vat: usize, answer: AnswerId, text: &str, cap: Option<CapId>) {
        let results = results(text, cap.is_some());
        self.vats[vat].return_results(
            self.now_micros,
            answer,
            results,
            cap.into_iter().map(Some).collect(),
        );
    }

    pub fn fail(&mut self, vat: usize, answer: AnswerId, reason: &str) {
        self.vats[vat].return_exception(self.now_micros, answer, Exception::failed(reason));
    }

    pub fn release(&mut self, vat: usize, cap: CapId) {
        self.vats[vat].release(self.now_micros, cap);
    }

    pub fn stats(&self, end: End) -> ConnectionStats {
        self.vats[end.0]
            .connection_stats(end.1)
            .expect("the connection is open")
    }

    /// All four tables of both ends of every link are empty.
    pub fn assert_empty(&self) {
        for end in self.links.iter().flat_map(|(a, b)| [a, b]) {
            let stats = self.stats(*end);
            let tables = [stats.questions, stats.answers, stats.imports, stats.exports];
            assert_eq!(tables, [0; 4], "vat {}: {stats:?}", end.0);
        }
    }
}

/// Two vats; the second has `object` as its bootstrap, the first a client of it.
pub struct Pair {
    pub net: Net,
    pub client: CapId,
    pub object: ObjectId,
    pub ends: (ConnectionId, ConnectionId),
}

pub fn pair(object: ObjectOptions, options: ConnectionOptions) -> Pair {
    let mut net = Net::new(2);
    let (object, bootstrap) = net.vats[1].add_object(object);
    let served = ConnectionOptions {
        bootstrap: Some(bootstrap),
        ..ConnectionOptions::default()
    };
    let ends = net.link((0, options), (1, served));
    let client = net.vats[0].bootstrap(0, ends.0);
    Pair {
        net,
        client,
        object,
        ends,
    }
}

pub fn plain() -> Pair {
    pair(ObjectOptions::default(), ConnectionOptions::default())
}

/// An object whose [`WRITE`] is a streaming method.
pub fn sink() -> ObjectOptions {
    ObjectOptions {
        streaming_methods: [(INTERFACE, WRITE)].into(),
        concurrent: false,
    }
}

pub fn params(method: u16, text: &str, cap: bool) -> Outgoing {
    filled(Outgoing::call(INTERFACE, method, 16), text, cap)
}

pub fn results(text: &str, cap: bool) -> Outgoing {
    filled(Outgoing::results(16), text, cap)
}

pub fn text(payload: &Payload) -> String {
    let content = payload.content().unwrap().reader.get_struct(None).unwrap();
    content
        .get_pointer_field(1)
        .get_text(None)
        .unwrap()
        .to_string()
        .unwrap()
}

pub fn cap(payload: &Payload) -> CapId {
    payload.cap_at(CAP).expect("a capability")
}

fn filled(mut outgoing: Outgoing, text: &str, cap: bool) -> Outgoing {
    let content = outgoing.content().unwrap().builder;
    let mut content = content.init_struct(StructSize {
        data: 0,
        pointers: 2,
    });
    if cap {
        content.get_pointer_field_mut(0).set_capability_index(0);
    }
    content.get_pointer_field_mut(1).set_text(text.as_bytes());
    outgoing
}

//! What drivers do, in any order.

use super::oracle::allowed;
use super::*;

impl World {
    pub(super) fn link(&mut self, a: usize, b: usize) {
        let ends = [a, b].map(|vat| {
            let bootstrap = self.new_object(vat);
            let options = ConnectionOptions {
                bootstrap: Some(bootstrap.cap),
                flow_control: self.some_flow_control(),
                batching: self.some_batching(),
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

    fn some_batching(&mut self) -> Batching {
        match self.random.below(4) {
            0 => Batching::Off,
            1 => Batching::Answer,
            _ => Batching::Offer,
        }
    }

    fn some_flow_control(&mut self) -> FlowControl {
        match self.random.below(3) {
            0 => FlowControl::Fixed(600),
            1 => FlowControl::Fixed(1),
            _ => FlowControl::Adaptive,
        }
    }

    /// Chooses another flow control, for a connection or for one stream.
    pub(super) fn control(&mut self, at: usize) {
        let flow_control = self.some_flow_control();
        let ends = self.links.iter().flat_map(|link| link.ends);
        let ends: Vec<_> = ends.filter(|end| end.0 == at).collect();
        let refs = self.drivers[at].refs.len();
        if refs > 0 && self.random.chance(50) {
            let cap = self.drivers[at].refs[self.random.below(refs)].cap;
            self.drivers[at]
                .vat
                .set_stream_flow_control(cap, flow_control);
        } else {
            let connection = ends[self.random.below(ends.len())].1;
            self.drivers[at]
                .vat
                .set_flow_control(connection, flow_control);
        }
    }

    pub(super) fn new_object(&mut self, at: usize) -> Held {
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

    pub(super) fn held(&mut self, cap: CapId, object: Uid, after: u64) -> Held {
        self.next_name += 1;
        Held {
            cap,
            name: self.next_name,
            object,
            after,
        }
    }

    pub(super) fn bootstrap(&mut self, at: usize) {
        let now = self.now_micros;
        let ends = self.links.iter().flat_map(|link| link.ends);
        let ends: Vec<_> = ends.filter(|end| end.0 == at).collect();
        let (_, connection) = ends[self.random.below(ends.len())];
        let cap = self.drivers[at].vat.bootstrap(now, connection);
        let held = self.held(cap, UNKNOWN, 0);
        self.drivers[at].refs.push(held);
    }

    pub(super) fn pick_ref(&mut self, at: usize) -> Option<Held> {
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
    pub(super) fn pick_caps(
        &mut self,
        at: usize,
        extra: &[Held],
        before: u64,
    ) -> [Option<Held>; 2] {
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

    pub(super) fn call(&mut self, at: usize) {
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
    pub(super) fn next_through(
        &mut self,
        target: Held,
        birth: u64,
        caps: [Option<Held>; 2],
    ) -> String {
        let sequence = self.sent.entry(target.name).or_insert(0);
        let number = *sequence;
        *sequence += 1;
        encode(&[target.name, number, target.object, birth], caps)
    }

    pub(super) fn answer(&mut self, at: usize) {
        let count = self.drivers[at].playing.len();
        if count == 0 {
            return;
        }
        let index = self.random.below(count);
        let playing = self.drivers[at].playing.swap_remove(index);
        let mut playing = playing;
        if !playing.streaming && playing.early.is_none() && self.random.chance(10) {
            // The rest of the results takes its time.
            let caps = self.pick_caps(at, &playing.params, playing.birth);
            for cap in caps.iter().flatten() {
                self.drivers[at].vat.retain(cap.cap);
            }
            let early = fill(Outgoing::results(16), &encode(&[], caps), caps);
            let (now, vat) = (self.now_micros, &mut self.drivers[at].vat);
            vat.set_pipeline(now, playing.answer, early, table(caps));
            playing.early = Some(caps);
            self.drivers[at].playing.push(playing);
            return;
        }
        if !playing.streaming
            && playing.early.is_none()
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

    pub(super) fn finish(
        &mut self,
        at: usize,
        playing: Playing,
        fail: bool,
        caps: [Option<Held>; 2],
    ) {
        // What was announced is returned, or nothing is.
        let caps = match playing.early {
            Some(early) => {
                for held in caps.into_iter().flatten() {
                    self.drivers[at].refs.push(held);
                }
                if fail {
                    for held in early.into_iter().flatten() {
                        self.drivers[at].refs.push(held);
                    }
                }
                early
            }
            None => caps,
        };
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
    pub(super) fn tail_call(&mut self, at: usize, playing: Playing, target: Held) {
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

    pub(super) fn stop_playing(&mut self, at: usize, playing: &Playing) {
        let mut hosted = self.drivers[at].objects.values_mut();
        let hosted = hosted.find(|hosted| hosted.uid == playing.object);
        let hosted = hosted.expect("an object lives while it is called");
        hosted.running -= 1;
        hosted.streaming -= usize::from(playing.streaming);
    }

    pub(super) fn keep_some(&mut self, at: usize, params: Vec<Held>) {
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
    pub(super) fn promise(&mut self, at: usize) {
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
    pub(super) fn fulfill(&mut self, at: usize) {
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

    pub(super) fn watch(&mut self, at: usize) {
        if let Some(held) = self.pick_ref(at)
            && self.drivers[at].vat.watch(held.cap)
        {
            self.drivers[at].watched.push(held.cap);
        }
    }

    pub(super) fn release(&mut self, at: usize) {
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

    pub(super) fn retain(&mut self, at: usize) {
        if let Some(held) = self.pick_ref(at) {
            self.drivers[at].vat.retain(held.cap);
            self.drivers[at].refs.push(held);
        }
    }

    pub(super) fn drop_call(&mut self, at: usize) {
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

    pub(super) fn stop_waiting(&mut self, at: usize) {
        let mut calls: Vec<CallId> = self.drivers[at].waiting.iter().copied().collect();
        calls.sort();
        if calls.is_empty() {
            return;
        }
        let call = calls[self.random.below(calls.len())];
        self.drivers[at].waiting.remove(&call);
        self.drivers[at].vat.drop_call(self.now_micros, call);
    }

    pub(super) fn disconnect(&mut self) {
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
}

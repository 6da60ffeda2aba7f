//! What must hold whatever happens.

use super::*;

impl World {
    pub(super) fn observe(&mut self) {
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

    pub(super) fn on_event(&mut self, at: usize, event: Event) {
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

    pub(super) fn on_call(&mut self, at: usize, call: IncomingCall) {
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
            early: None,
        });
    }

    pub(super) fn on_results(&mut self, at: usize, made: Made, payload: Payload) {
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
    pub(super) fn take_caps(
        &mut self,
        at: usize,
        payload: Payload,
        about: &[u64],
    ) -> [Option<Held>; 2] {
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

    pub(super) fn wind_down(mut self) {
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
pub(super) fn allowed(error: &Exception, faults: Faults) {
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

//! The streams of one connection, and how they share it.
//!
//! A network delivers in order. So when an answer to a message arrives, all that was sent before it
//! on any stream has come through too, and what is still on the line is what was sent since. What
//! an object takes long to read is not on the line and takes nothing from the others.
//!
//! Two windows decide. The *line's* holds what the pipes of the active streams hold together, and
//! one small queue on top, however many streams there are. A stream's *own* keeps a slow object from
//! being sent more than it reads. Where the line's window is what holds streams back, the next
//! message goes to the stream that was given the least, by start-time fair queueing (Goyal, Vin,
//! Cheng, SIGCOMM 1996): that is max-min fair by bytes, and what one does not use, others have at once.

use slab::Slab;

use super::FlowControl;
use super::clock::Clock;
use super::filter::{SHORTEST_TIME_MICROS, ShortestTime};
use super::member::Member;
use super::pipe::{Delivery, Finding, Mark, Mode, Pipe, START_BYTES};

/// A stream on its [`Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(usize);

/// What the line remembers of a message until it is answered.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    bytes: u64,
    at: u64,
    era: Option<u32>,
    /// What was sent on the line up to here, this message included.
    end: u64,
    /// Whether there was so little on the line that none of it can have queued.
    clear: bool,
    on_line: Mark,
    on_stream: Mark,
}

impl Sent {
    /// The length of the call, framed.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What is known of a stream. Times in microseconds, rates in bytes per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MemberStats {
    /// Bytes that may be in flight, not counting the largest call.
    pub window_bytes: u64,
    /// Bytes sent and not acknowledged.
    pub in_flight_bytes: u64,
    /// Bytes acknowledged so far.
    pub delivered_bytes: u64,
    /// The highest rate of late, in bytes per second; 0 when none is known.
    pub btl_bw: f64,
    /// The shortest round trip of late, or none before the first.
    pub rt_prop_micros: Option<u64>,
    /// What is being found out.
    pub mode: Mode,
}

/// What is known of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineStats {
    /// Bytes that may be in flight, of all streams together.
    pub window_bytes: u64,
    /// Sent, and not known to have come through.
    pub on_line_bytes: u64,
    /// The highest rate of late, in bytes per second; 0 when none is known.
    pub btl_bw: f64,
    /// The shortest round trip of late.
    pub rt_prop_micros: u64,
    /// How long the last round's messages queued at least.
    pub queued_micros: u64,
    /// What is being found out.
    pub mode: Mode,
}

/// The streams of one connection, and what is on their way.
#[derive(Debug)]
pub struct Line {
    clock: Clock,
    members: Slab<Member>,
    pipe: Pipe,
    sent_bytes: u64,
    in_flight_bytes: u64,
    /// Of what was sent, what has not left this computer, when that was last looked at.
    backlog_bytes: u64,
    /// Given to streams that were told to go on and have not yet.
    promised_bytes: u64,
    max_window_bytes: u64,
    /// How old the newest message that came through is, were there no queue: what was sent since
    /// then fills the line. The longest of late.
    round_trip_micros: f64,
    running_micros: f64,
    earlier_micros: f64,
    /// No answer takes longer, of those that streams wait for now.
    furthest_micros: f64,
    advanced_at: u64,
    advanced_micros: f64,
    /// The shortest round trip of any stream.
    shortest: ShortestTime,
    active: u32,
    /// Whether there are streams of which it is not known how far their objects are.
    unclear: bool,
    largest_bytes: u64,
    earlier_largest_bytes: u64,
    /// Where the stream that was served last began, in bytes.
    virtual_time: u64,
    waiting: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self::new(8 << 20)
    }
}

impl Line {
    /// No stream's window will be larger than `max_window_bytes`.
    pub fn new(max_window_bytes: u64) -> Self {
        Self {
            clock: Clock::default(),
            members: Slab::new(),
            pipe: Pipe::default(),
            sent_bytes: 0,
            in_flight_bytes: 0,
            backlog_bytes: 0,
            promised_bytes: 0,
            max_window_bytes,
            round_trip_micros: 0.0,
            running_micros: 0.0,
            earlier_micros: 0.0,
            furthest_micros: 0.0,
            advanced_at: 0,
            advanced_micros: 0.0,
            shortest: ShortestTime::default(),
            active: 0,
            unclear: false,
            largest_bytes: 0,
            earlier_largest_bytes: 0,
            virtual_time: 0,
            waiting: 0,
        }
    }

    /// A new stream. `tag` is what [`poll_ready`](Self::poll_ready) will call it.
    pub fn join(&mut self, tag: u64, control: FlowControl) -> MemberId {
        MemberId(
            self.members
                .insert(Member::new(tag, control, self.virtual_time)),
        )
    }

    /// The stream is gone. Answers to what it has in flight are not to be told any more.
    pub fn leave(&mut self, member: MemberId) {
        if let Some(member) = self.members.try_remove(member.0) {
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(member.in_flight_bytes);
            self.promised_bytes = self.promised_bytes.saturating_sub(member.promised_bytes);
            self.waiting -= member.waiting as usize;
            self.check_empty();
        }
    }

    /// Chooses how a stream is controlled from now on.
    pub fn set_control(&mut self, member: MemberId, control: FlowControl) {
        if let Some(member) = self.members.get_mut(member.0) {
            member.control = control;
        }
    }

    /// A message was sent. What is handed out belongs to it, for [`on_returned`](Self::on_returned).
    pub fn on_sent(&mut self, now_micros: u64, member: MemberId, bytes: u64) -> Sent {
        let now = self.clock.advance(now_micros);
        let on_line_bytes = self.on_line_bytes();
        self.sent_bytes += bytes;
        self.in_flight_bytes += bytes;
        self.largest_bytes = self.largest_bytes.max(bytes);
        let line_has_room = self.line_has_room();
        let mut sent = Sent {
            bytes,
            at: now,
            era: self.clock.era(),
            end: self.sent_bytes,
            clear: on_line_bytes == 0
                || (self.pipe.mode() == Mode::Draining
                    && self.clear_bytes() >= (on_line_bytes + bytes) as f64),
            on_line: self.pipe.on_sent(now, on_line_bytes, line_has_room),
            on_stream: Mark::default(),
        };
        self.pipe.note_in_flight(on_line_bytes + bytes);
        let virtual_time = self.virtual_time;
        if let Some(entry) = self.members.get_mut(member.0) {
            self.promised_bytes -= core::mem::take(&mut entry.promised_bytes);
            let before = entry.in_flight_bytes;
            entry.in_flight_bytes += bytes;
            entry.largest_bytes = entry.largest_bytes.max(bytes);
            // Whoever was away does not get what it missed.
            let start = entry.virtual_time.max(virtual_time);
            entry.virtual_time = start + bytes;
            self.virtual_time = start;
            entry.pipe.note_in_flight(before + bytes);
            sent.on_stream = entry.pipe.on_sent(now, before, line_has_room);
        }
        sent
    }

    /// The message was answered.
    pub fn on_returned(&mut self, now_micros: u64, member: MemberId, sent: &Sent) {
        let now = self.clock.advance(now_micros);
        let known_micros = self
            .members
            .get(member.0)
            .and_then(|entry| entry.round_trip.get());
        let same_era = sent.era.is_some() && sent.era == self.clock.era();
        let span_micros = now.saturating_sub(sent.at);
        if let Some(known_micros) = known_micros.filter(|_| same_era && span_micros == 0) {
            self.clock.note_still(known_micros);
        }
        let grain_micros = self.clock.grain_micros();
        // No time at all is a clock's doing and no round trip. So may be less than ever before by a
        // clock that did not move since the last reading.
        let least_micros = known_micros.filter(|_| !self.clock.moved()).unwrap_or(1);
        let took = Some(span_micros).filter(|micros| same_era && *micros >= least_micros);
        // What was on the line when it was sent, and how long that takes to come through.
        let ahead_bytes = sent.end.saturating_sub(sent.on_line.delivered_bytes());
        let line_micros = ahead_bytes as f64 / self.pipe.rate().max(f64::MIN_POSITIVE);
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(sent.bytes);
        if let Some(took) = took {
            self.shortest.see(now, took);
        }
        let Some(entry) = self.members.get_mut(member.0) else {
            return;
        };
        entry.in_flight_bytes = entry.in_flight_bytes.saturating_sub(sent.bytes);
        entry.delivered_bytes += sent.bytes;
        if let Some(took) = took {
            entry.round_trip.see(now, took);
            if sent.clear {
                entry.clear_at = Some(now);
            }
        }
        let grain = grain_micros as f64;
        let own_micros = entry.round_trip.get().map_or(0.0, |own| own as f64 + grain);
        let queued_of = |shortest: f64| took.map(|took| (took as f64 + grain - shortest).max(0.0));
        let mut delivery = Delivery {
            now,
            same_era,
            delivered_bytes: entry.delivered_bytes,
            queued_micros: queued_of(own_micros.max(line_micros)).map(|queued| queued as u64),
            round_trip_micros: own_micros,
            grain_micros,
            largest_bytes: entry.largest() as f64,
        };
        match entry.pipe.on_delivered(sent.on_stream, &delivery) {
            Finding::Nothing => {}
            Finding::Round => entry.begin_round(),
            Finding::Further(micros) => {
                entry.begin_round();
                let shortest = entry.round_trip.get().unwrap_or(0);
                entry.round_trip.reset(now, shortest.saturating_add(micros));
            }
        }
        let clear_micros = match self.members.get(member.0) {
            Some(entry) => self.round_trip_of(entry),
            None => own_micros,
        };
        self.furthest_micros = self.furthest_micros.max(own_micros);
        let advances = sent.end > self.pipe.delivered_bytes();
        let age_micros = if advances {
            self.advanced_at = now;
            self.advanced_micros = clear_micros;
            clear_micros
        } else {
            self.advanced_micros + now.saturating_sub(self.advanced_at) as f64
        };
        self.running_micros = self
            .running_micros
            .max(age_micros.min(self.furthest_micros));
        self.round_trip_micros = self.running_micros.max(self.earlier_micros);
        if advances {
            delivery.delivered_bytes = sent.end;
            delivery.queued_micros = queued_of(clear_micros).map(|queued| queued as u64);
            delivery.round_trip_micros = clear_micros;
            delivery.largest_bytes = self.largest() as f64;
            match self.pipe.on_delivered(sent.on_line, &delivery) {
                Finding::Nothing => {}
                Finding::Round => self.begin_round(),
                Finding::Further(micros) => {
                    for (_, member) in &mut self.members {
                        if let Some(shortest) = member.round_trip.get() {
                            member
                                .round_trip
                                .reset(now, shortest.saturating_add(micros));
                        }
                    }
                    if let Some(shortest) = self.shortest.get() {
                        self.shortest.reset(now, shortest.saturating_add(micros));
                    }
                    self.begin_round();
                }
            }
        }
        self.check_empty();
    }

    /// So much waits in this computer, for instance in a socket that takes no more. Streams wait
    /// while it is more than a small queue.
    pub fn set_backlog(&mut self, bytes: u64) {
        self.backlog_bytes = bytes;
        if self.has_backlog() {
            self.pipe.note_backlog();
        }
    }

    /// Whether the stream may send another message.
    pub fn is_ready(&self, member: MemberId) -> bool {
        let Some(entry) = self.members.get(member.0) else {
            return true;
        };
        match entry.control {
            FlowControl::Fixed(_) => self.stream_has_room(entry),
            FlowControl::Adaptive => {
                self.stream_has_room(entry) && self.line_has_room() && !self.comes_later(entry)
            }
        }
    }

    /// Someone waits for room on this stream.
    pub fn wait(&mut self, member: MemberId) {
        let line_has_room = self.line_has_room();
        let Some(entry) = self.members.get(member.0) else {
            return;
        };
        let stream_has_room = self.stream_has_room(entry);
        if let Some(entry) = self.members.get_mut(member.0) {
            entry.waiting += 1;
            self.waiting += 1;
            if !stream_has_room {
                entry.pipe.note_limited();
            }
        }
        if !line_has_room {
            self.pipe.note_limited();
        }
    }

    /// One of those who wait does no longer.
    pub fn stop_waiting(&mut self, member: MemberId) {
        if let Some(entry) = self.members.get_mut(member.0)
            && entry.waiting > 0
        {
            entry.waiting -= 1;
            self.waiting -= 1;
        }
    }

    /// The tag of the stream, of those on which someone waits, that may send next. One of those who
    /// wait there waits no longer.
    pub fn poll_ready(&mut self) -> Option<u64> {
        if self.waiting == 0 {
            return None;
        }
        let line_has_room = self.line_has_room();
        let (_, next) = self
            .members
            .iter()
            .filter(|(_, entry)| entry.waiting > 0 && self.stream_has_room(entry))
            .filter(|(_, entry)| line_has_room || matches!(entry.control, FlowControl::Fixed(_)))
            .map(|(id, entry)| (entry.virtual_time, id))
            .min()?;
        let entry = self.members.get_mut(next)?;
        entry.waiting -= 1;
        self.waiting -= 1;
        if entry.control == FlowControl::Adaptive {
            let bytes = entry.largest();
            entry.promised_bytes += bytes;
            entry.promise_rounds = 0;
            self.promised_bytes += bytes;
        }
        Some(entry.tag)
    }

    /// What is known of one stream; `None` when there is no such stream.
    pub fn member_stats(&self, member: MemberId) -> Option<MemberStats> {
        let entry = self.members.get(member.0)?;
        Some(MemberStats {
            window_bytes: self.stream_window(entry),
            in_flight_bytes: entry.in_flight_bytes,
            delivered_bytes: entry.delivered_bytes,
            btl_bw: entry.pipe.rate() * 1e6,
            rt_prop_micros: entry.round_trip.get(),
            mode: entry.pipe.mode(),
        })
    }

    /// What is known of the line.
    pub fn stats(&self) -> LineStats {
        LineStats {
            window_bytes: self.line_window() as u64,
            on_line_bytes: self.on_line_bytes(),
            btl_bw: self.pipe.rate() * 1e6,
            rt_prop_micros: self.round_trip_micros as u64,
            queued_micros: self.pipe.queued_micros(),
            mode: self.pipe.mode(),
        }
    }

    // ---- inside ----

    fn on_line_bytes(&self) -> u64 {
        self.sent_bytes.saturating_sub(self.pipe.delivered_bytes())
    }

    fn largest(&self) -> u64 {
        self.largest_bytes.max(self.earlier_largest_bytes)
    }

    /// The budget for all queues together.
    fn queue_bytes(&self) -> f64 {
        let rate = self.pipe.rate();
        let share = QUEUE_SHARE * self.round_trip_micros * rate;
        let fast = (rate - FAST).max(0.0);
        let pauses = (QUEUE_MICROS * rate + FAST_QUEUE_MICROS * fast).min(QUEUE_BYTES);
        share.max(pauses).max(0.5 * self.largest() as f64)
    }

    fn line_window(&self) -> f64 {
        self.pipe
            .window_bytes(self.round_trip_micros, self.queue_bytes())
            + self.lump_bytes()
    }

    /// What is on the line no more, and not answered yet.
    fn lump_bytes(&self) -> f64 {
        // When objects are not equally far, answers are not in order, and each tells of what others sent.
        let shortest = self.shortest.get().unwrap_or(0) as f64;
        if self.furthest_micros > 1.25 * shortest {
            return 0.0;
        }
        self.pipe.lump_bytes(self.round_trip_micros)
    }

    fn line_has_room(&self) -> bool {
        let on_line = (self.on_line_bytes() + self.promised_bytes) as f64;
        if self.on_line_bytes() == 0 || self.in_flight_bytes == 0 {
            return true;
        }
        let largest = self.largest() as f64;
        if self.has_backlog() {
            return false;
        }
        let window = self.line_window();
        match self.pipe.mode() {
            Mode::Draining if self.unclear => on_line + largest <= self.clear_bytes(),
            // Whole messages: what is a little too much leaves less of the line idle than one message less.
            Mode::Draining => on_line + largest <= window + (0.5 * largest).min(window / 18.0),
            _ => on_line < window.max(largest + 1.0),
        }
    }

    /// Whether more waits in this computer than a small queue.
    fn has_backlog(&self) -> bool {
        // What is known to have come through cannot wait any more, whenever that was looked at.
        let backlog = self.backlog_bytes.min(self.on_line_bytes()) as f64;
        let largest = self.largest() as f64;
        backlog > (2.0 * largest).max(self.queue_bytes()).max(START_BYTES)
    }

    fn stream_window(&self, entry: &Member) -> u64 {
        match entry.control {
            FlowControl::Fixed(bytes) => bytes,
            FlowControl::Adaptive => {
                let largest = entry.largest();
                let queue =
                    (self.queue_bytes() / f64::from(self.active.max(1))).max(0.5 * largest as f64);
                let own = (entry.round_trip.get().unwrap_or(0) + self.clock.grain_micros()) as f64;
                // Where others make the line long, nobody is faster than the line. That is no longer than
                // its window makes it: what else seems to be on it is with slow objects.
                let rate = self.pipe.rate().max(f64::MIN_POSITIVE);
                let line_micros = self.round_trip_micros + self.queue_bytes() / rate;
                let round_trip = own.max(line_micros.min(self.on_line_bytes() as f64 / rate));
                let pipe = if self.pipe.rate() > 0.0 {
                    &entry.pipe
                } else {
                    &self.pipe
                };
                let lumps = self.lump_bytes() / f64::from(self.active.max(1));
                let bytes = (pipe.window_bytes(round_trip, queue) + lumps) as u64;
                // One largest message is admitted on top of the window.
                bytes
                    .saturating_sub(largest)
                    .clamp(largest, self.max_window_bytes.max(largest))
            }
        }
    }

    fn stream_has_room(&self, entry: &Member) -> bool {
        let in_flight_bytes = entry.in_flight_bytes + entry.promised_bytes;
        entry.in_flight_bytes == 0
            || in_flight_bytes < self.stream_window(entry).saturating_add(entry.largest())
    }

    /// Whether someone else waits who was given less.
    fn comes_later(&self, entry: &Member) -> bool {
        self.waiting > 0
            && self.members.iter().any(|(_, other)| {
                other.waiting > 0
                    && other.virtual_time < entry.virtual_time
                    && self.stream_has_room(other)
            })
    }

    fn begin_round(&mut self) {
        self.earlier_largest_bytes = core::mem::take(&mut self.largest_bytes);
        self.look_around();
    }

    fn look_around(&mut self) {
        self.active = 0;
        for (_, entry) in &mut self.members {
            if entry.promise_rounds > 2 {
                // Told to go on, and did not: others need not wait for it.
                self.promised_bytes -= core::mem::take(&mut entry.promised_bytes);
            }
            entry.promise_rounds = entry.promise_rounds.saturating_add(1);
            self.active += u32::from(entry.is_active());
        }
        let mut unclear = false;
        let mut furthest_micros = 0.0_f64;
        for (_, entry) in &self.members {
            if entry.is_active() && entry.round_trip.get().is_some() {
                unclear |= !self.is_clear(entry) && self.seems_further(entry);
                let own = entry.round_trip.get().unwrap_or(0) + self.clock.grain_micros();
                furthest_micros = furthest_micros.max(own as f64);
            }
        }
        self.furthest_micros = furthest_micros;
        let running_micros = core::mem::take(&mut self.running_micros);
        self.earlier_micros = running_micros
            .max(0.95 * self.earlier_micros)
            .min(furthest_micros);
        self.unclear = unclear;
        if unclear {
            self.pipe
                .ask_to_drain(self.clock.now(), self.round_trip_micros);
        }
    }

    /// The stream's shortest round trip, in which the clock missed nothing. Until one of its messages
    /// met no queue, that is the line's: what is longer may be the queue of those before it.
    fn round_trip_of(&self, entry: &Member) -> f64 {
        let own = entry.round_trip.get().unwrap_or(0);
        let shortest = self.shortest.get().unwrap_or(own);
        let micros = if self.is_clear(entry) {
            own
        } else {
            own.min(shortest)
        };
        (micros + self.clock.grain_micros()) as f64
    }

    /// Whether the stream's round trips are longer than waiting for the other streams explains.
    fn seems_further(&self, entry: &Member) -> bool {
        let own = entry.round_trip.get().unwrap_or(0);
        let shortest = self.shortest.get().unwrap_or(own);
        let waits = 1.5 * f64::from(self.active) * self.largest() as f64;
        own > shortest && (own - shortest) as f64 * self.pipe.rate() > waits
    }

    fn is_clear(&self, entry: &Member) -> bool {
        entry
            .clear_at
            .is_some_and(|at| self.clock.now().saturating_sub(at) < 2 * SHORTEST_TIME_MICROS)
    }

    /// What the line holds without a queue for certain, the nearest object being what it is.
    fn clear_bytes(&self) -> f64 {
        let shortest = self.shortest.get().unwrap_or(0) + self.clock.grain_micros();
        0.9 * self.pipe.rate() * shortest as f64
    }

    fn check_empty(&mut self) {
        if self.in_flight_bytes == 0 {
            self.pipe.on_empty(self.sent_bytes);
            if self.promised_bytes > 0 {
                for (_, entry) in &mut self.members {
                    entry.promised_bytes = 0;
                }
                self.promised_bytes = 0;
            }
        }
    }
}

/// How much of the pipes' content may queue besides.
const QUEUE_SHARE: f64 = 0.08;

/// What computers take to get around to things at times, which the queue has to last for.
const QUEUE_MICROS: f64 = 400.0;

/// Beyond a gigabit, which is rarely anything but one computer, a message is over in no time, so that
/// the queue may last for longer pauses, those of browsers' processes.
const FAST: f64 = 125.0;
const FAST_QUEUE_MICROS: f64 = 1000.0;

/// As much is enough for that. Within one machine, more only leaves the processor's cache.
const QUEUE_BYTES: f64 = 384.0 * 1024.0;

//! What is known of a pipe: how fast it delivers, whether a queue stands in it, and so how much of
//! it to fill.
//!
//! The model and the vocabulary are those of BBR: a pipe is its bandwidth and its round-trip time,
//! the one found as a maximum of delivery rates and the other as a minimum of round trips
//! (Cardwell, Cheng, Gunn, Yeganeh, Jacobson: "BBR: Congestion-Based Congestion Control", ACM Queue
//! 14(5), 2016; draft-ietf-ccwg-bbr; delivery rates as in draft-cheng-iccrg-delivery-rate-estimation).
//! What differs follows from where it stands. It cannot pace, since a call leaves when it is made,
//! but it counts on a reliable and ordered network below. So a small standing queue keeps the line
//! busy and probes for more of it at once: when the line grows, the queue drains into a higher
//! rate; when the queue fails to appear, the window doubles per round as in the beginning. A queue
//! that outgrows its share says that the rate is the line's own, and that older rates are of no
//! use. One that stays although much less is in flight is no queue of ours, but a longer way.

use super::filter::{HighestRate, SHORTEST_TIME_MICROS};
use super::lumps::Lumps;

/// What may be in flight before anything is known.
pub(super) const START_BYTES: f64 = 65_536.0;

/// What the pipe's deliveries stood at when a message was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    delivered_bytes: u64,
    delivered_at: u64,
    first_sent_at: u64,
    sent_at: u64,
    in_flight_bytes: u64,
    /// Sent when the pipe could have held more.
    app_limited: bool,
}

impl Mark {
    pub(super) fn delivered_bytes(&self) -> u64 {
        self.delivered_bytes
    }
}

/// A message came through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub(super) now: u64,
    /// Whether the clock was not set back since it was sent: if it was, spans of time mean nothing.
    pub(super) same_era: bool,
    /// All that was delivered, this one included.
    pub(super) delivered_bytes: u64,
    /// How much longer than the shortest round trip it took.
    pub(super) queued_micros: Option<u64>,
    pub(super) round_trip_micros: f64,
    pub(super) grain_micros: u64,
    /// The largest message there is, in bytes.
    pub(super) largest_bytes: f64,
}

/// What a pipe found out that others have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing but another sample.
    Nothing,
    /// A round is over.
    Round,
    /// The far end is further away than it was, by so many microseconds.
    Further(u64),
}

/// What a pipe is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Doubling what is in flight every round, until a queue or a steady rate shows that the pipe is full.
    #[default]
    Growing,
    /// Full, with a small queue.
    Steady,
    /// Keeping the queue empty for a round, to see how long the round trip is without it.
    Draining,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Pipe {
    delivered_bytes: u64,
    delivered_at: u64,
    first_sent_at: u64,
    rate: HighestRate,
    mode: Mode,
    /// The round ends when a message sent after this many bytes were delivered comes through.
    round_mark_bytes: u64,
    round: Round,
    /// The rate that a round has to beat by a quarter to be growth.
    full_rate: f64,
    flat_rounds: u8,
    /// Whether the rate is known to be the line's own, and not that of a network that warms up.
    proven: bool,
    /// Growing only a little for a round: what was missing may have been a computer's pause.
    careful: bool,
    empty_rounds: u8,
    queued_rounds: u8,
    /// Rounds since the queue was last kept empty on purpose.
    settled_rounds: u8,
    /// What was in flight, and for how long it queued, when a large queue was first seen.
    anchor: Option<(u64, u64)>,
    /// When there was no queue, last.
    empty_at: u64,
    drained_at: u64,
    /// The round trip when draining began.
    drained_from_micros: f64,
    /// What was in flight when draining began, and how long the queue was.
    drained_from: (u64, u64),
    drained_rounds: u8,
    /// Whether the line has changed since draining began.
    drains_further: bool,
    /// Whether the round trip turned out shorter in the round before, so that less has to be in flight to see all of it.
    drains_again: bool,
    last_in_flight_bytes: u64,
    last_queued_micros: u64,
    last_round_trip_micros: f64,
    peak_bytes: u64,
    /// The last deliveries, when and up to where, the oldest first.
    train: [(u64, u64); TRAIN],
    /// How fast the fastest train of the last round came through.
    train_rate: f64,
    lumps: Lumps,
    blind: Blind,
}

/// A window for want of any time: what is in flight doubles round by round, for as long as nothing waits in
/// this computer.
#[derive(Clone, Copy, Debug)]
struct Blind {
    window_bytes: f64,
    rounds: u8,
    /// Whether so much has been in flight that it waited here.
    was_full: bool,
}

impl Default for Blind {
    fn default() -> Self {
        Self {
            window_bytes: START_BYTES,
            rounds: 0,
            was_full: false,
        }
    }
}

/// No more of what the pipe holds is allowed for lumps.
const LUMP_SHARE: f64 = 0.25;

/// Deliveries in a train.
const TRAIN: usize = 8;

#[derive(Clone, Copy, Debug, Default)]
struct Round {
    samples: u32,
    first_sample_at: u64,
    queued_micros: Option<u64>,
    /// Whether the window was what held messages back.
    limited: bool,
    peak_bytes: u64,
    train_rate: f64,
    /// Whether more waited in this computer than should.
    backlogged: bool,
}

impl Blind {
    fn end_round(&mut self, round: &Round, largest_bytes: f64) {
        self.rounds = self.rounds.saturating_add(1);
        if round.backlogged {
            self.was_full = true;
            self.window_bytes = (0.6 * self.window_bytes).max(START_BYTES);
        } else if round.limited && self.rounds >= BLIND_ROUNDS {
            let more = if self.was_full {
                largest_bytes
            } else {
                self.window_bytes
            };
            self.window_bytes = (self.window_bytes + more).min(MOST_BLIND_BYTES);
        }
    }
}

/// A clock that has shown no time for so many rounds is none. A coarse one may need a moment.
const BLIND_ROUNDS: u8 = 2;

/// As much as fills 200 Mbit/s over 300 ms, and half of what a caller may have in flight.
const MOST_BLIND_BYTES: f64 = 8.0 * 1024.0 * 1024.0;

impl Pipe {
    pub(super) fn rate(&self) -> f64 {
        self.rate.get()
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn delivered_bytes(&self) -> u64 {
        self.delivered_bytes
    }

    /// What has to be in flight beyond what the pipe holds, since it is answered in lumps.
    pub(super) fn lump_bytes(&self, round_trip_micros: f64) -> f64 {
        // While a large queue is there, it is to be seen what that is.
        if self.mode != Mode::Steady || self.anchor.is_some() {
            return 0.0;
        }
        let most = LUMP_SHARE * self.rate() * round_trip_micros;
        self.lumps.bytes().min(most)
    }

    /// The least queueing of the last round, or of this one if it is less already.
    pub(super) fn queued_micros(&self) -> u64 {
        self.round
            .queued_micros
            .map_or(self.last_queued_micros, |micros| {
                micros.min(self.last_queued_micros)
            })
    }

    /// How many bytes may be in flight for another message to follow, given a queue of this many.
    pub(super) fn window_bytes(&self, round_trip_micros: f64, queue_bytes: f64) -> f64 {
        let pipe_bytes = self.rate() * round_trip_micros;
        if pipe_bytes <= 0.0 {
            return self.blind.window_bytes;
        }
        match self.mode {
            Mode::Growing => {
                // However odd the samples: twice what was seen in flight is enough for one round.
                let doubled = 2.0 * self.peak_bytes.max(self.round.peak_bytes) as f64;
                if self.careful {
                    return 1.25 * pipe_bytes + queue_bytes;
                }
                let train_rate = self.train_rate.max(self.round.train_rate);
                let enough = if train_rate > 0.0 {
                    (1.05 * train_rate * round_trip_micros).max(1.25 * pipe_bytes)
                } else {
                    2.0 * pipe_bytes
                };
                (enough.min(2.0 * pipe_bytes) + queue_bytes)
                    .min(doubled)
                    .max(START_BYTES)
            }
            Mode::Steady => pipe_bytes + queue_bytes,
            Mode::Draining if self.drains_further => {
                (0.9 * pipe_bytes).min(0.8 * self.drained_from.0 as f64)
            }
            Mode::Draining => 0.9 * pipe_bytes,
        }
    }

    pub(super) fn on_sent(&mut self, now: u64, in_flight_bytes: u64, has_room: bool) -> Mark {
        if in_flight_bytes == 0 {
            self.delivered_at = now;
            self.first_sent_at = now;
        }
        Mark {
            delivered_bytes: self.delivered_bytes,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            sent_at: now,
            in_flight_bytes,
            app_limited: has_room,
        }
    }

    pub(super) fn note_in_flight(&mut self, bytes: u64) {
        self.round.peak_bytes = self.round.peak_bytes.max(bytes);
    }

    /// Someone wants to see the pipe without a queue; not more often than it can be afforded.
    pub(super) fn ask_to_drain(&mut self, now: u64, round_trip_micros: f64) {
        if self.mode == Mode::Steady
            && self.settled_rounds >= 8
            && now.saturating_sub(self.drained_at) > SHORTEST_TIME_MICROS / 10
        {
            self.drain(now, round_trip_micros);
        }
    }

    /// The window holds someone back.
    pub(super) fn note_limited(&mut self) {
        self.round.limited = true;
    }

    /// More waits in this computer than should.
    pub(super) fn note_backlog(&mut self) {
        self.round.backlogged = true;
    }

    /// Nothing is in flight any more, however it ended.
    pub(super) fn on_empty(&mut self, delivered_bytes: u64) {
        self.delivered_bytes = self.delivered_bytes.max(delivered_bytes);
    }

    /// A message came through.
    pub(super) fn on_delivered(&mut self, mark: Mark, delivery: &Delivery) -> Finding {
        let new_bytes = delivery
            .delivered_bytes
            .saturating_sub(self.delivered_bytes);
        let advanced = new_bytes > 0;
        self.delivered_bytes = self.delivered_bytes.max(delivery.delivered_bytes);
        if let Some(queued) = delivery.queued_micros {
            if self.round.samples == 0 {
                self.round.first_sample_at = delivery.now;
            }
            self.round.samples += 1;
            let least = self.round.queued_micros.map_or(queued, |x| x.min(queued));
            self.round.queued_micros = Some(least);
            let close = delivery.round_trip_micros / 64.0 + delivery.grain_micros as f64;
            if queued as f64 <= close {
                self.empty_at = delivery.now;
            }
        }
        if advanced {
            self.delivered_at = delivery.now;
            self.first_sent_at = self.first_sent_at.max(mark.sent_at);
            if delivery.same_era {
                self.sample_rate(mark, delivery);
                self.sample_train(delivery);
                let (bytes, rate) = (new_bytes as f64, self.rate.get());
                self.lumps
                    .see(delivery.now, bytes, rate, delivery.largest_bytes);
            }
        }
        // A computer that pauses hands over many answers at once, all of them late.
        let seen_micros = delivery.now.saturating_sub(self.round.first_sample_at) as f64;
        if self.mode == Mode::Growing
            && self.round.samples >= 4
            && seen_micros >= delivery.round_trip_micros / 8.0
            && self.shows_queue(delivery)
        {
            self.settle();
        }
        if mark.delivered_bytes >= self.round_mark_bytes {
            self.round_mark_bytes = self.delivered_bytes;
            return self.end_round(mark, delivery);
        }
        Finding::Nothing
    }

    fn sample_rate(&mut self, mark: Mark, delivery: &Delivery) {
        let acked = delivery.now.saturating_sub(mark.delivered_at);
        let sent = mark.sent_at.saturating_sub(mark.first_sent_at);
        let interval = acked.max(sent);
        // Answers that were held up and came all at once, or a clock that does not see the difference,
        // say nothing of the rate.
        let told_micros = interval + delivery.grain_micros;
        if interval == 0 || (told_micros as f64) < 0.9 * delivery.round_trip_micros {
            return;
        }
        let bytes = delivery
            .delivered_bytes
            .saturating_sub(mark.delivered_bytes) as f64;
        let rate = bytes / told_micros as f64;
        // Whoever queued was not waiting for the application.
        if !mark.app_limited
            || rate > self.rate.get()
            || self.is_queue(delivery.queued_micros, delivery)
        {
            self.rate.see(rate);
        }
    }

    /// Messages that left together come through one after the other, as fast as the line is: a rate
    /// that nothing has to be filled for, and that growth need not go beyond.
    fn sample_train(&mut self, delivery: &Delivery) {
        let (since, from_bytes) = self.train[0];
        self.train.rotate_left(1);
        self.train[TRAIN - 1] = (delivery.now, delivery.delivered_bytes);
        let micros = delivery.now.saturating_sub(since);
        if since > 0 && micros > 0 && micros as f64 <= delivery.round_trip_micros / 4.0 {
            let rate = delivery.delivered_bytes.saturating_sub(from_bytes) as f64 / micros as f64;
            self.round.train_rate = self.round.train_rate.max(rate);
        }
    }

    /// Whether the pipe is fuller than it has to be.
    fn shows_queue(&self, delivery: &Delivery) -> bool {
        self.is_queue(self.round.queued_micros, delivery)
    }

    fn is_queue(&self, queued_micros: Option<u64>, delivery: &Delivery) -> bool {
        let Some(queued) = queued_micros else {
            return false;
        };
        let message_micros = delivery.largest_bytes / self.rate().max(f64::MIN_POSITIVE);
        queued as f64
            > delivery.round_trip_micros / 16.0
                + 1.5 * message_micros
                + delivery.grain_micros as f64
    }

    fn end_round(&mut self, mark: Mark, delivery: &Delivery) -> Finding {
        let round = core::mem::take(&mut self.round);
        let last_peak_bytes = core::mem::replace(&mut self.peak_bytes, round.peak_bytes);
        self.train_rate = round.train_rate;
        self.last_queued_micros = round.queued_micros.unwrap_or(0);
        self.settled_rounds = self.settled_rounds.saturating_add(1);
        let rate = self.rate();
        let message_micros = delivery.largest_bytes / rate.max(f64::MIN_POSITIVE);
        let grain = delivery.grain_micros as f64;
        let large = delivery.round_trip_micros / 4.0 + 4.0 * message_micros + 2.0 * grain;
        let mut finding = Finding::Round;
        if rate <= 0.0 && delivery.round_trip_micros <= 0.0 {
            self.blind.end_round(&round, delivery.largest_bytes);
            return finding;
        }

        match self.mode {
            Mode::Growing if round.limited => {
                self.careful = false;
                if rate >= 1.25 * self.full_rate {
                    self.full_rate = rate;
                    self.flat_rounds = 0;
                } else {
                    self.flat_rounds += 1;
                    if self.flat_rounds >= 3 {
                        self.proven = true;
                        self.settle();
                    }
                }
            }
            Mode::Growing => {}
            Mode::Steady => {
                self.proven |= self.settled_rounds > 10;
                let missing = round.queued_micros.is_some_and(|queued| {
                    queued as f64 <= delivery.round_trip_micros / 48.0 + 0.2 * message_micros
                });
                if round.limited && missing && self.settled_rounds > 2 {
                    self.empty_rounds += 1;
                    if self.empty_rounds >= if self.proven { 3 } else { 1 } {
                        self.grow();
                        self.careful = true;
                    }
                } else {
                    self.empty_rounds = 0;
                }
            }
            Mode::Draining if delivery.round_trip_micros < 0.96 * self.drained_from_micros => {
                // It was all queue, and there may be more of it.
                self.drained_from_micros = delivery.round_trip_micros;
                self.drains_again = true;
            }
            Mode::Draining
                if round
                    .queued_micros
                    .is_some_and(|queued| queued as f64 > self.drained_from.1 as f64 + large) =>
            {
                // The line has changed meanwhile, and what it was like before tells nothing of it: again, with less.
                self.drained_rounds = 0;
                self.drained_from = (mark.in_flight_bytes, round.queued_micros.unwrap_or(0));
                self.drains_further = true;
            }
            Mode::Draining if self.stays(mark, &round, delivery) => {
                // Not by the word of one message: the next round tells for certain.
                self.drained_rounds += 1;
                if let Some(queued) = round.queued_micros
                    && self.drained_rounds > 1
                {
                    finding = Finding::Further(queued);
                    self.anchor = None;
                    self.last_queued_micros = 0;
                    if queued as f64 > delivery.round_trip_micros / 4.0 {
                        self.grow();
                    } else {
                        self.settle();
                    }
                }
            }
            Mode::Draining if self.drains_again => {
                // What this round tells of left while more was in flight than the shorter round trip calls for.
                self.drains_again = false;
            }
            Mode::Draining => {
                self.mode = Mode::Steady;
                self.settled_rounds = 0;
                self.empty_rounds = 0;
                self.empty_at = delivery.now;
            }
        }

        let fell = delivery.round_trip_micros < 0.75 * self.last_round_trip_micros;
        match round.queued_micros {
            Some(queued)
                if queued as f64 > large
                    || self
                        .anchor
                        .is_some_and(|(_, before)| queued > before - before / 5) =>
            {
                self.queued_rounds = self.queued_rounds.saturating_add(1);
                if self.queued_rounds >= 2 {
                    self.rate.keep(2);
                }
                let (bytes, before) = self.anchor.unwrap_or((0, 0));
                // What queued in this round was in flight in the one before.
                if last_peak_bytes < bytes - bytes / 3 {
                    if queued > before - before / 5 {
                        finding = Finding::Further(queued);
                        self.anchor = None;
                        self.last_queued_micros = 0;
                        self.grow();
                    } else {
                        self.anchor = Some((last_peak_bytes, queued));
                    }
                } else {
                    self.anchor = Some((bytes.max(last_peak_bytes), before.max(queued)));
                }
            }
            Some(_) if fell => {
                // A shorter way, or a clock that stopped: if round trips are what they were when
                // little is in flight, it was the clock.
                let micros = self.last_round_trip_micros - delivery.round_trip_micros;
                self.anchor = Some((last_peak_bytes.max(round.peak_bytes), micros as u64));
            }
            Some(_) => {
                self.queued_rounds = 0;
                self.anchor = None;
            }
            None => {}
        }
        self.last_round_trip_micros = delivery.round_trip_micros;
        self.last_in_flight_bytes = mark.in_flight_bytes;
        if self.mode == Mode::Steady
            && round.limited
            && delivery.now.saturating_sub(self.empty_at) > SHORTEST_TIME_MICROS / 5 * 4
        {
            self.drain(delivery.now, delivery.round_trip_micros);
        }
        self.rate.begin_round();
        self.lumps.begin_round();
        finding
    }

    /// Whether it takes as long with less in flight, so that what seemed a queue is none.
    fn stays(&self, mark: Mark, round: &Round, delivery: &Delivery) -> bool {
        let queued = match self.drained_rounds {
            // Messages that come through in the first round were sent before, but for the last.
            0 => delivery.queued_micros,
            _ => round.queued_micros,
        };
        let Some(queued) = queued else { return false };
        let (from_bytes, before_micros) = self.drained_from;
        let less = 1.0 - mark.in_flight_bytes as f64 / from_bytes.max(1) as f64;
        let before = before_micros as f64;
        let due = ((delivery.round_trip_micros + before) * less).min(before);
        let close = delivery.round_trip_micros / 16.0 + delivery.grain_micros as f64;
        less > 0.08 && queued as f64 > close && queued as f64 > before - due / 2.0
    }

    fn drain(&mut self, now: u64, round_trip_micros: f64) {
        self.mode = Mode::Draining;
        self.drained_from_micros = round_trip_micros;
        self.drained_from = (self.last_in_flight_bytes, self.last_queued_micros);
        self.drained_rounds = 0;
        self.drains_further = false;
        self.drains_again = false;
        self.drained_at = now;
    }

    fn settle(&mut self) {
        self.mode = Mode::Steady;
        self.empty_rounds = 0;
        self.settled_rounds = 0;
    }

    fn grow(&mut self) {
        self.mode = Mode::Growing;
        self.full_rate = self.rate();
        self.flat_rounds = 0;
        self.empty_rounds = 0;
    }
}

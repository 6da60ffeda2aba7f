//! The best of what was seen lately: the highest rate of some rounds, the shortest time of some seconds.

const ROUNDS: usize = 10;

/// The highest of the last [`ROUNDS`] rounds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HighestRate {
    /// Bytes per microsecond, the running round first.
    rounds: [f64; ROUNDS],
    highest: f64,
}

impl HighestRate {
    pub(super) fn get(&self) -> f64 {
        self.highest
    }

    pub(super) fn see(&mut self, rate: f64) {
        if let Some(running) = self.rounds.first_mut() {
            *running = running.max(rate);
            self.highest = self.highest.max(rate);
        }
    }

    pub(super) fn begin_round(&mut self) {
        // Rounds without a sample do not make what was known worthless.
        if self.rounds.first().is_none_or(|running| *running <= 0.0) {
            return;
        }
        self.rounds.rotate_right(1);
        if let Some(running) = self.rounds.first_mut() {
            *running = 0.0;
        }
        self.recount();
    }

    /// Forgets all but the last `rounds` rounds, if they saw anything.
    pub(super) fn keep(&mut self, rounds: usize) {
        if self.rounds.iter().take(rounds).any(|rate| *rate > 0.0) {
            self.rounds
                .iter_mut()
                .skip(rounds)
                .for_each(|rate| *rate = 0.0);
            self.recount();
        }
    }

    fn recount(&mut self) {
        self.highest = self.rounds.iter().fold(0.0, |a: f64, b| a.max(*b));
    }
}

/// How long a shortest time counts at least; at most twice as long.
pub(super) const SHORTEST_TIME_MICROS: u64 = 5_000_000;

/// The shortest of the last five to ten seconds in which there were any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShortestTime {
    current_micros: Option<u64>,
    previous_micros: Option<u64>,
    since: u64,
}

impl ShortestTime {
    pub(super) fn get(&self) -> Option<u64> {
        match (self.current_micros, self.previous_micros) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub(super) fn see(&mut self, now: u64, micros: u64) {
        if self.current_micros.is_some() && now.saturating_sub(self.since) >= SHORTEST_TIME_MICROS {
            self.previous_micros = self.current_micros.take();
        }
        match &mut self.current_micros {
            Some(current) => *current = (*current).min(micros),
            None => {
                self.current_micros = Some(micros);
                self.since = now;
            }
        }
    }

    /// Forgets what was seen: it is this much now.
    pub(super) fn reset(&mut self, now: u64, micros: u64) {
        *self = Self::default();
        self.see(now, micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_rate_lasts_for_its_rounds() {
        let mut rate = HighestRate::default();
        rate.see(5.0);
        for _ in 1..ROUNDS {
            rate.begin_round();
            rate.see(3.0);
            assert!(rate.get() > 4.0);
        }
        rate.begin_round();
        assert!(rate.get() < 4.0);
        for _ in 0..2 * ROUNDS {
            rate.begin_round();
        }
        assert!(rate.get() > 2.0, "nothing better is known");
    }

    #[test]
    fn what_is_kept_are_the_last_rounds() {
        let mut rate = HighestRate::default();
        for seen in [9.0, 2.0, 3.0] {
            rate.begin_round();
            rate.see(seen);
        }
        rate.keep(2);
        assert!((rate.get() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_shortest_time_expires() {
        let mut time = ShortestTime::default();
        assert_eq!(time.get(), None);
        time.see(0, 10);
        time.see(SHORTEST_TIME_MICROS, 100);
        assert_eq!(time.get(), Some(10));
        time.see(2 * SHORTEST_TIME_MICROS, 100);
        assert_eq!(time.get(), Some(100));
    }
}

//! Time that only goes forward, out of clocks that do not.

/// Turns a driver's clock, which may be coarse, stand still or be set back, into time that never
/// goes back, and knows how coarse it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    started: bool,
    highest_raw: u64,
    micros: u64,
    era: u32,
    grain_micros: u64,
    steps: u32,
    last_step_micros: u64,
    /// Whether the last reading showed more than the one before.
    moved: bool,
    /// It did not move while something took its time.
    stands: bool,
    below: Option<Below>,
}

/// The clock shows less than it did before.
#[derive(Clone, Copy, Debug)]
struct Below {
    lowest_raw: u64,
    last_raw: u64,
    readings: u32,
}

impl Clock {
    /// The time now, which stands still while the clock shows less than it did.
    pub(super) fn advance(&mut self, raw_micros: u64) -> u64 {
        self.moved = raw_micros > self.highest_raw;
        if !self.started {
            self.started = true;
            self.highest_raw = raw_micros;
        } else if let Some(step) = raw_micros.checked_sub(self.highest_raw) {
            if let Some(below) = self.below.take() {
                // It went all the way back up: that time is lost. If it jumped, it had been a
                // single wrong reading.
                let back = self.highest_raw - below.lowest_raw;
                if below.last_raw - below.lowest_raw >= back / 2 {
                    self.era = self.era.wrapping_add(1);
                }
            }
            self.highest_raw = raw_micros;
            if step > 0 {
                self.steps = self.steps.saturating_add(1);
                self.last_step_micros = step;
                if core::mem::take(&mut self.stands) {
                    self.era = self.era.wrapping_add(1);
                } else {
                    self.micros = self.micros.saturating_add(step);
                }
                self.grain_micros = common_divisor(step, self.grain_micros);
            }
        } else {
            let below = self.below.get_or_insert(Below {
                lowest_raw: raw_micros,
                last_raw: raw_micros,
                readings: 0,
            });
            if raw_micros < below.last_raw {
                below.lowest_raw = raw_micros;
            }
            below.last_raw = raw_micros;
            below.readings += 1;
            if below.readings >= SETTLED_READINGS {
                self.below = None;
                self.highest_raw = raw_micros;
                self.era = self.era.wrapping_add(1);
            }
        }
        self.micros
    }

    pub(super) fn now(&self) -> u64 {
        self.micros
    }

    /// Whether the last reading showed more than the one before. If not, it may be any later than
    /// it shows.
    pub(super) fn moved(&self) -> bool {
        self.moved
    }

    /// Something that takes at least so long took no time at all: unless the clock's steps are that
    /// coarse, it stands, and the time until it moves again is lost.
    pub(super) fn note_still(&mut self, least_micros: u64) {
        self.stands = self.below.is_none() && least_micros > 2 * self.last_step_micros;
    }

    /// Spans of time mean something between two readings of the same era; none while the clock
    /// shows less than it did.
    pub(super) fn era(&self) -> Option<u32> {
        match self.below {
            Some(_) => None,
            None => Some(self.era),
        }
    }

    /// What every span so far is a multiple of, once there were enough; none for a fine clock.
    /// Any span may be wrong by as much.
    pub(super) fn grain_micros(&self) -> u64 {
        if self.steps < 8 || self.grain_micros < 2 {
            return 0;
        }
        self.grain_micros
    }
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// After so many readings that are less than before, the clock was set back for good.
const SETTLED_READINGS: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_goes_on_in_a_new_era() {
        let mut clock = Clock::default();
        assert_eq!(clock.advance(5_000_000), 0);
        assert_eq!(clock.advance(5_000_300), 300);
        let era = clock.era();
        for reading in 0..u64::from(SETTLED_READINGS) {
            assert_eq!(clock.advance(1_000 + reading), 300);
        }
        assert_eq!(clock.advance(1_763), 1000);
        assert!(clock.era().is_some() && clock.era() != era);
    }

    #[test]
    fn one_wrong_reading_changes_nothing() {
        let mut clock = Clock::default();
        clock.advance(10_000);
        let era = clock.era();
        assert_eq!(clock.advance(2_000), 0);
        assert_eq!(clock.era(), None);
        assert_eq!(clock.advance(10_500), 500);
        assert_eq!(clock.era(), era);
    }

    #[test]
    fn a_small_step_back_loses_its_time() {
        let mut clock = Clock::default();
        clock.advance(10_000);
        let era = clock.era();
        for reading in [9_000, 9_400, 9_800] {
            assert_eq!(clock.advance(reading), 0);
        }
        assert_eq!(clock.advance(10_100), 100);
        assert_ne!(clock.era(), era);
    }

    #[test]
    fn a_clock_that_stood_loses_that_time_but_not_twice_in_a_row() {
        let mut clock = Clock::default();
        clock.advance(10_000);
        assert_eq!(clock.advance(11_000), 1_000);
        assert!(clock.moved());
        let era = clock.era();
        assert_eq!(clock.advance(11_000), 1_000);
        assert!(!clock.moved());
        clock.note_still(1_500);
        assert_eq!(clock.advance(13_000), 3_000, "as coarse as that");
        assert_eq!(clock.era(), era);
        clock.note_still(100_000);
        assert_eq!(clock.advance(2_000_000), 3_000);
        assert_ne!(clock.era(), era);
        clock.note_still(100_000);
        assert_eq!(
            clock.advance(3_987_000),
            1_990_000,
            "a coarse clock after all"
        );
    }

    #[test]
    fn the_grain_is_what_all_steps_have_in_common() {
        let mut clock = Clock::default();
        for raw in [3000, 8000, 8000, 9000, 12000] {
            clock.advance(raw);
        }
        assert_eq!(clock.grain_micros(), 0, "too early to tell");
        for raw in [14000, 15000, 18000, 20000, 21000] {
            clock.advance(raw);
        }
        assert_eq!(clock.grain_micros(), 1000);
        clock.advance(21_017);
        assert_eq!(clock.grain_micros(), 0, "fine after all");
    }
}

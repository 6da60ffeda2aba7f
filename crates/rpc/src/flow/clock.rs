//! Time that only goes forward, out of clocks that do not.

/// Turns a driver's clock, which may be coarse, stand still or be set back, into time that never
/// goes back, and knows how coarse it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    raw_micros: Option<u64>,
    micros: u64,
    era: u32,
    grain_micros: u64,
}

impl Clock {
    /// The time now. A step back counts as no time at all.
    pub(super) fn advance(&mut self, raw_micros: u64) -> u64 {
        if let Some(before) = self.raw_micros.replace(raw_micros) {
            match raw_micros.checked_sub(before) {
                Some(0) => {}
                Some(step) => {
                    self.micros = self.micros.saturating_add(step);
                    self.grain_micros = common_divisor(step, self.grain_micros);
                }
                None => self.era = self.era.wrapping_add(1),
            }
        }
        self.micros
    }

    pub(super) fn now(&self) -> u64 {
        self.micros
    }

    /// Changes whenever the clock was set back: a span of time across such a step means nothing.
    pub(super) fn era(&self) -> u32 {
        self.era
    }

    /// What every span so far is a multiple of. Any span may be wrong by as much.
    pub(super) fn grain_micros(&self) -> u64 {
        self.grain_micros
    }
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_back_count_as_no_time_and_begin_an_era() {
        let mut clock = Clock::default();
        assert_eq!(clock.advance(5_000_000), 0);
        assert_eq!(clock.advance(5_000_300), 300);
        let era = clock.era();
        assert_eq!(clock.advance(1_000), 300);
        assert_ne!(clock.era(), era);
        assert_eq!(clock.advance(1_700), 1000);
    }

    #[test]
    fn the_grain_is_what_all_steps_have_in_common() {
        let mut clock = Clock::default();
        for raw in [3000, 8000, 8000, 9000, 12000] {
            clock.advance(raw);
        }
        assert_eq!(clock.grain_micros(), 1000);
        clock.advance(12_017);
        assert_eq!(clock.grain_micros(), 1);
    }
}

//! Answers that come many at a time.

/// Something on the way holds answers up and then lets many of them go: a radio link that takes turns, say, or messages of the
/// other direction, behind which they wait. What was answered late was not on the line meanwhile, and as
/// much more has to be in flight to keep it busy.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lumps {
    /// Since when more has come than the line carries in that time, and how much.
    since: u64,
    bytes: f64,
    running_bytes: f64,
    /// The largest of each of the last rounds.
    rounds: [f64; ROUNDS],
}

/// A single lump may be a computer's pause or a change of the way. What comes in every one of so many rounds stays.
const ROUNDS: usize = 4;

impl Lumps {
    /// So many bytes came through, on a line of this many bytes per microsecond.
    pub(super) fn see(&mut self, now: u64, bytes: f64, rate: f64, largest_bytes: f64) {
        let expected = |since: u64| rate * now.saturating_sub(since) as f64;
        if self.bytes <= expected(self.since) {
            self.bytes = 0.0;
            self.since = now;
        }
        self.bytes += bytes;
        // Two messages may come together without being late.
        let excess = self.bytes - expected(self.since) - 2.0 * largest_bytes;
        self.running_bytes = self.running_bytes.max(excess);
    }

    pub(super) fn begin_round(&mut self) {
        // As long as all comes at the line's rate, the line is never done with what came too early once.
        self.bytes = 0.0;
        self.rounds.rotate_right(1);
        if let Some(first) = self.rounds.first_mut() {
            *first = core::mem::take(&mut self.running_bytes);
        }
    }

    /// How large the lumps are that come again and again.
    pub(super) fn bytes(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lumps_that_come_in_every_round_count() {
        let mut lumps = Lumps::default();
        let mut now = 0;
        let mut round = |lumps: &mut Lumps, together: u64| {
            for _ in 0..20 {
                now += 10 * together;
                for _ in 0..together {
                    lumps.see(now, 100.0, 10.0, 100.0);
                }
            }
            lumps.begin_round();
            lumps.bytes()
        };
        for _ in 0..ROUNDS {
            assert!(round(&mut lumps, 1) < 1.0);
        }
        for _ in 1..ROUNDS {
            assert!(round(&mut lumps, 9) < 1.0);
        }
        let bytes = round(&mut lumps, 9);
        assert!((bytes - 700.0).abs() < 1.0, "{bytes}");
        assert!(round(&mut lumps, 1) < 1.0);
    }
}

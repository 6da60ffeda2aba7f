//! How fast the server takes bytes: what the slider on the page sets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Sleeps are about this long at most, so that a new pace is felt soon.
const STEP: Duration = Duration::from_millis(50);

/// A limit that all uploads see, each for itself.
#[derive(Debug, Default)]
pub struct Pace {
    // 0 stands for no limit.
    bytes_per_second: AtomicU64,
}

impl Pace {
    pub fn set(&self, bytes_per_second: Option<u64>) {
        self.bytes_per_second
            .store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
    }

    pub fn get(&self) -> Option<u64> {
        match self.bytes_per_second.load(Ordering::Relaxed) {
            0 => None,
            limit => Some(limit),
        }
    }

    /// Waits as long as taking `bytes` lasts at this pace. `due` is when the same upload's last
    /// piece was taken; a pace above what sleeping can resolve is kept on the average.
    pub async fn take(&self, bytes: usize, due: &mut Instant) {
        let mut left_bytes = bytes as f64;
        while left_bytes > 0.0 {
            let Some(limit) = self.get() else { return };
            // An upload that paused has not saved up speed for later.
            *due = (*due).max(Instant::now() - STEP);
            let step_bytes = left_bytes.min((limit as f64 * STEP.as_secs_f64()).max(1.0));
            *due += Duration::from_secs_f64(step_bytes / limit as f64);
            tokio::time::sleep_until(*due).await;
            left_bytes -= step_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The clock is paused and moves by what is slept, so the machine's speed does not matter.
    #[tokio::test(start_paused = true)]
    async fn a_pace_holds_an_upload_back() {
        let pace = Pace::default();
        let started = Instant::now();
        let mut due = started;
        pace.take(1_000_000, &mut due).await;
        assert_eq!(started.elapsed(), Duration::ZERO);

        pace.set(Some(1000));
        for _ in 0..10 {
            pace.take(500, &mut due).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        assert!((4.9..5.1).contains(&seconds), "{seconds}");

        pace.set(None);
        let before = Instant::now();
        pace.take(1_000_000, &mut due).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}

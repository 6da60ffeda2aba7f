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

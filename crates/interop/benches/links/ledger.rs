//! What arrived at a server, stream by stream, and when.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Ledger {
    streams: Mutex<Vec<Vec<(Instant, usize)>>>,
    is_stopped: AtomicBool,
}

impl Ledger {
    /// The number of a new stream.
    pub fn open(&self) -> usize {
        let mut streams = self.streams.lock().unwrap();
        streams.push(Vec::new());
        streams.len() - 1
    }

    pub fn note(&self, stream: usize, bytes: usize) {
        self.streams.lock().unwrap()[stream].push((Instant::now(), bytes));
    }

    /// Lets the first stream's reader stop, or go on.
    pub fn stop(&self, is_stopped: bool) {
        self.is_stopped.store(is_stopped, Ordering::Relaxed);
    }

    /// Waits while the reader of this stream has stopped.
    pub async fn wait(&self, stream: usize) {
        while stream == 0 && self.is_stopped.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Bytes of each stream in each hundredth of a second.
    pub fn bins(&self, from: Instant, seconds: f64) -> Vec<Vec<usize>> {
        let count = (seconds * 100.0) as usize;
        let streams = self.streams.lock().unwrap();
        let bins = streams.iter().map(|arrivals| {
            let mut bins = vec![0; count];
            for (at, bytes) in arrivals {
                let at = at.saturating_duration_since(from).as_secs_f64() * 100.0;
                if let Some(bin) = bins.get_mut(at as usize) {
                    *bin += bytes;
                }
            }
            bins
        });
        bins.collect()
    }
}

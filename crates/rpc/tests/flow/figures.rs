//! The links and the figures that are wanted of them.

use crate::control::Control;
use crate::sim::{MILLI, Phase, SECOND, Sim, Stream};

#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub megabits: f64,
    pub round_trip_millis: u64,
}

pub const LINKS: [Link; 5] = [
    link(10.0, 20),
    link(50.0, 100),
    link(200.0, 200),
    link(100.0, 1),
    link(1000.0, 50),
];

pub const fn link(megabits: f64, round_trip_millis: u64) -> Link {
    Link {
        megabits,
        round_trip_millis,
    }
}

impl Link {
    pub fn phase(self, from: u64) -> Phase {
        Phase {
            from,
            bits_per_second: self.megabits * 1e6,
            round_trip: self.round_trip_millis * MILLI,
        }
    }

    /// Bytes per second.
    pub fn rate(self) -> f64 {
        self.megabits * 1e6 / 8.0
    }

    pub fn round_trip(self) -> u64 {
        self.round_trip_millis * MILLI
    }

    /// How long one chunk is on the line, in nanoseconds.
    pub fn chunk_time(self, bytes: u64) -> u64 {
        (bytes as f64 / self.rate() * 1e9) as u64
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Of what the line can carry, once started.
    pub goodput: f64,
    /// From the first write to nine tenths of the line's rate, in nanoseconds.
    pub started: Option<u64>,
    pub p50: u64,
    pub p99: u64,
    /// Jain's index over five seconds.
    pub fairness: f64,
    /// By how much in-flight bytes were more than the window, at most.
    pub most_over: u64,
}

pub fn figures(
    control: Box<dyn Control>,
    link: Link,
    streams: usize,
    chunk_bytes: u64,
    seconds: u64,
) -> Figures {
    let sim = Sim::new(
        control,
        vec![link.phase(0)],
        vec![Stream::greedy(chunk_bytes); streams],
    )
    .small_calls(7 * MILLI)
    .run(seconds * SECOND);
    let from = 8 * link.round_trip() + 100 * MILLI;
    // The small calls take their part.
    let rate = link.rate() - 100.0 / 0.007;
    let latencies = sim.latencies(from);
    Figures {
        goodput: sim.total_goodput(from, seconds * SECOND) / rate,
        started: started(&sim, link, chunk_bytes),
        p50: latencies[latencies.len() / 2],
        p99: latencies[latencies.len() * 99 / 100],
        fairness: fairness(&sim, streams, (seconds - 5) * SECOND, seconds * SECOND),
        most_over: (0..streams)
            .map(|stream| sim.most_over(stream))
            .max()
            .unwrap(),
    }
}

/// What is missed of the figures that are wanted.
pub fn misses(link: Link, streams: usize, chunk: u64, f: &Figures) -> Vec<String> {
    let chunk_time = link.chunk_time(chunk) as f64;
    let round_trip = link.round_trip() as f64;
    let wanted = if streams == 1 {
        (1.25, 2.0, 1.6, 4.0)
    } else {
        (1.3, 3.0, 1.8, 6.0)
    };
    let small = 100.0 * 8e3 / link.megabits;
    let mut misses = Vec::new();
    if f.goodput < 0.95 {
        misses.push(format!("goodput {:.3}", f.goodput));
    }
    // Eight chunks are what it takes to tell the rate.
    let latest = 8.0 * round_trip + 100e6 + 8.0 * chunk_time;
    if f.started.is_none_or(|at| at as f64 > latest) {
        misses.push(format!("started {:?}", f.started));
    }
    if f.p50 as f64 > wanted.0 * round_trip + wanted.1 * chunk_time + small {
        misses.push("p50".to_owned());
    }
    if f.p99 as f64 > wanted.2 * round_trip + wanted.3 * chunk_time + small {
        misses.push("p99".to_owned());
    }
    if f.fairness < 0.98 {
        misses.push(format!("fairness {:.3}", f.fairness));
    }
    if f.most_over > 2 * chunk {
        misses.push(format!("{} bytes above the window", f.most_over));
    }
    misses
}

/// The end of the first span of half a round trip, or of eight chunks, that had nine tenths of the rate.
fn started(sim: &Sim, link: Link, chunk_bytes: u64) -> Option<u64> {
    let span = (link.round_trip() / 2).max(8 * link.chunk_time(chunk_bytes));
    let step = MILLI;
    (0..10 * SECOND / step)
        .map(|index| index * step)
        .find(|at| sim.total_goodput(*at, at + span) >= 0.9 * (link.rate() - 100.0 / 0.007))
        .map(|at| at + span)
}

pub fn fairness(sim: &Sim, streams: usize, from: u64, to: u64) -> f64 {
    let shares: Vec<f64> = (0..streams)
        .map(|stream| sim.goodput(stream, from, to))
        .collect();
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    sum * sum / (streams as f64 * squares)
}

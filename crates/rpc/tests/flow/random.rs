//! Links and streams as they come.

use crate::control::Ours;
use crate::figures::{figures, link, misses};
use crate::sim::{MILLI, Phase, SECOND, Sim, Stream, Watch};

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % (most + 1)
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.up_to(n - 1) == 0
    }

    /// Small and large alike.
    pub fn magnitude(&mut self, least: f64, most: f64) -> f64 {
        let share = self.up_to(1_000_000) as f64 / 1e6;
        least * (most / least).powf(share)
    }
}

#[test]
fn nothing_starves_and_nothing_runs_over_whatever_the_link() {
    for seed in 0..60 {
        let mut dice = Dice(seed * 7919 + 1);
        let mut phases = Vec::new();
        for index in 0..=dice.up_to(2) {
            phases.push(Phase {
                from: index * 2 * SECOND,
                bits_per_second: dice.magnitude(1e6, 5e8),
                round_trip: (dice.magnitude(0.1, 400.0) * 1e6) as u64,
            });
        }
        let count = 1 + dice.up_to(9);
        let streams: Vec<Stream> = (0..count)
            .map(|_| {
                let mut stream = Stream::greedy(dice.magnitude(100.0, 200_000.0) as u64);
                if stream.chunk_bytes < 4096 {
                    // Many of them are slow to simulate.
                    stream.every = Some(dice.up_to(20) * MILLI + MILLI);
                }
                if dice.one_in(4) {
                    stream.reads = dice.magnitude(1e5, 1e8);
                }
                if dice.one_in(5) {
                    stream.pause = Some((dice.up_to(3) * SECOND, 4 * SECOND));
                }
                if dice.one_in(5) {
                    stream.further = dice.up_to(200) * MILLI;
                }
                stream.starts = dice.up_to(1000) * MILLI;
                stream.stops = 5 * SECOND + dice.up_to(1000) * MILLI;
                stream
            })
            .collect();
        let watch = match dice.up_to(5) {
            0 => Watch::Millis,
            1 => Watch::StepsBack(dice.up_to(900_000)),
            2 => Watch::ZeroSamples(1 + dice.up_to(20)),
            3 => Watch::StandsStill,
            _ => Watch::Micros,
        };
        let kinds = streams.clone();
        // Long enough for the slowest to be done with what it was sent.
        let sim = Sim::new(Ours::adaptive(), phases, streams)
            .watch(watch)
            .run(2000 * SECOND);
        for (stream, kind) in kinds.into_iter().enumerate() {
            let chunk = kind.chunk_bytes;
            assert!(
                sim.window(stream) >= chunk,
                "{seed}/{stream}: {}",
                sim.window(stream)
            );
            assert!(
                sim.window(stream) <= 32 << 20,
                "{seed}/{stream}: {}",
                sim.window(stream)
            );
            // Who is told that there is room may take a while to use it, and windows change.
            assert!(
                kind.every.is_some() || sim.most_over(stream) <= 2 * chunk,
                "{seed}/{stream}: {} over",
                sim.most_over(stream)
            );
            assert_eq!(sim.in_flight(stream), 0, "{seed}/{stream}");
            assert!(!sim.is_waiting(stream), "{seed}/{stream} waits for ever");
            assert!(
                sim.goodput(stream, 0, 2000 * SECOND) > 0.0,
                "{seed}/{stream} starved"
            );
        }
    }
}

#[test]
fn figures_hold_on_links_as_they_come() {
    let mut missed = Vec::new();
    for seed in 0..40 {
        let mut dice = Dice(seed * 104_729 + 3);
        let megabits = dice.magnitude(5.0, 600.0);
        let link = link(megabits, dice.magnitude(1.0, 400.0) as u64);
        // Five seconds are to hold many chunks of each stream.
        let most = (link.rate() * 0.02).min(100_000.0);
        let least = (link.rate() / 4000.0).max(1000.0);
        let chunk = dice.magnitude(least, most) as u64;
        let streams = 1 << dice.up_to(3);
        let f = figures(Ours::adaptive(), link, streams, chunk, 12);
        let misses = misses(link, streams, chunk, &f);
        println!("# {link:?} {streams} x {chunk}: {f:?} {misses:?}");
        if !misses.is_empty() {
            missed.push((seed, link, streams, chunk, misses));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

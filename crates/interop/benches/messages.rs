//! `cargo bench -p capstan-interop --bench messages`: the carsales, catrank and eval cases, with
//! capstan-message and with the `capnp` crate, in the same run and from the same source text: the
//! files in `messages/` are included once for each library.
//!
//! An argument picks the cases whose name contains it; `--rounds N` changes how long it runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

macro_rules! library {
    ($name:ident, $api:ident) => {
        mod $name {
            use super::{Random, Tally};
            use ::$api as api;

            include!("messages/both.rs");

            pub mod carsales_capnp {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/",
                    stringify!($name),
                    "/carsales_capnp.rs"
                ));
            }
            pub mod catrank_capnp {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/",
                    stringify!($name),
                    "/catrank_capnp.rs"
                ));
            }
            pub mod eval_capnp {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/",
                    stringify!($name),
                    "/eval_capnp.rs"
                ));
            }
            pub mod carsales {
                use super::{Random, api, carsales_capnp};
                include!("messages/carsales.rs");
            }
            pub mod catrank {
                use super::{Random, api, catrank_capnp};
                include!("messages/catrank.rs");
            }
            pub mod eval {
                use super::{Random, api, eval_capnp};
                include!("messages/eval.rs");
            }
        }
    };
}

library!(ours, capstan_message);
library!(theirs, capnp);

/// Runs a case that many times; the time it took.
type Run = fn(u32, &mut Tally) -> Duration;

struct Contest {
    name: &'static str,
    iterations: u32,
    ours: Run,
    theirs: Run,
}

macro_rules! contest {
    ($name:literal, $module:ident::$case:ident, $mode:ident, $iterations:literal) => {
        Contest {
            name: $name,
            iterations: $iterations,
            ours: |iterations, tally| {
                run(iterations, tally, |random, tally| {
                    ours::$mode::<ours::$module::$case>(random, tally).expect("ours works")
                })
            },
            theirs: |iterations, tally| {
                run(iterations, tally, |random, tally| {
                    theirs::$mode::<theirs::$module::$case>(random, tally).expect("theirs works")
                })
            },
        }
    };
}

fn main() {
    let mut rounds = 30;
    let mut wanted = String::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--rounds" => {
                rounds = arguments
                    .next()
                    .and_then(|count| count.parse().ok())
                    .expect("--rounds takes a number");
            }
            _ => wanted = argument,
        }
    }
    let contests = [
        contest!("carsales object", carsales::Carsales, object, 200),
        contest!("carsales bytes", carsales::Carsales, bytes, 200),
        contest!("carsales stream", carsales::Carsales, stream, 200),
        contest!("carsales packed", carsales::Carsales, packed, 200),
        contest!("catrank object", catrank::Catrank, object, 20),
        contest!("catrank bytes", catrank::Catrank, bytes, 20),
        contest!("catrank stream", catrank::Catrank, stream, 20),
        contest!("catrank packed", catrank::Catrank, packed, 20),
        contest!("eval object", eval::Eval, object, 1000),
        contest!("eval bytes", eval::Eval, bytes, 1000),
        contest!("eval stream", eval::Eval, stream, 1000),
        contest!("eval packed", eval::Eval, packed, 1000),
    ];
    println!("machine   {}", machine());
    println!("command   cargo bench -p capstan-interop --bench messages");
    println!("ours      capstan-message {}", env!("CARGO_PKG_VERSION"));
    println!("theirs    the capnp crate 0.27, same schemas, same source text, same run");
    println!(
        "figures   microseconds of processor time for a request and its answer, median of {rounds} rounds that take turns\n"
    );
    println!(
        "{:<18}{:>10}{:>10}{:>16}{:>12}{:>10}",
        "case", "ours", "theirs", "theirs / ours", "bytes", "theirs"
    );
    let mut slower = 0;
    for contest in contests
        .iter()
        .filter(|contest| contest.name.contains(&wanted))
    {
        slower += u32::from(!compete(contest, rounds));
    }
    println!("\n{slower} of the cases above slower than theirs");
}

/// Runs both in turns; whether ours is at least as fast.
fn compete(contest: &Contest, rounds: u32) -> bool {
    let (mut our_tally, mut their_tally) = (Tally::default(), Tally::default());
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds + 2 {
        let (mine, other) = if round % 2 == 0 {
            let mine = (contest.ours)(contest.iterations, &mut our_tally);
            (mine, (contest.theirs)(contest.iterations, &mut their_tally))
        } else {
            let other = (contest.theirs)(contest.iterations, &mut their_tally);
            ((contest.ours)(contest.iterations, &mut our_tally), other)
        };
        // The first two warm up.
        if round >= 2 {
            let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(contest.iterations);
            ours.push(micros(mine));
            theirs.push(micros(other));
            ratios.push(micros(other) / micros(mine));
        }
    }
    assert_eq!(
        (our_tally.answers, our_tally.right),
        (their_tally.answers, their_tally.right),
        "{}: the libraries did not do the same work",
        contest.name
    );
    assert_eq!(
        our_tally.right, our_tally.answers,
        "{}: wrong answers",
        contest.name
    );
    let ratio = median(&mut ratios);
    println!(
        "{:<18}{:>10.2}{:>10.2}{:>15.2}x{:>12}{:>10}",
        contest.name,
        median(&mut ours),
        median(&mut theirs),
        ratio,
        our_tally.bytes / our_tally.answers,
        their_tally.bytes / their_tally.answers
    );
    ratio >= 1.0
}

fn run(
    iterations: u32,
    tally: &mut Tally,
    mut once: impl FnMut(&mut Random, &mut Tally),
) -> Duration {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let clock = Clock::start();
    for _ in 0..iterations {
        once(black_box(&mut random), black_box(tally));
    }
    clock.elapsed()
}

/// The processor time of this thread where the system tells, so that other programs do not count.
struct Clock {
    cpu: Option<Duration>,
    wall: Instant,
}

impl Clock {
    fn start() -> Self {
        Self {
            cpu: Self::cpu_time(),
            wall: Instant::now(),
        }
    }

    fn elapsed(&self) -> Duration {
        match (self.cpu, Self::cpu_time()) {
            (Some(start), Some(end)) => end - start,
            _ => self.wall.elapsed(),
        }
    }

    fn cpu_time() -> Option<Duration> {
        // Brings the kernel's account up to date, which otherwise happens a few times in 10 ms.
        std::thread::yield_now();
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let nanos = text.split(' ').next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, {count} cores, {}", std::env::consts::OS)
}

/// What was done, to see that both did the same, and a buffer to do it in.
#[derive(Default)]
pub struct Tally {
    answers: u64,
    right: u64,
    bytes: u64,
    wire: Vec<u8>,
}

impl Tally {
    fn count(&mut self, right: bool, bytes: usize) {
        self.answers += 1;
        self.right += u64::from(right);
        self.bytes += bytes as u64;
    }
}

/// The same cheap sequence for both.
pub struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(end)) as u32
    }
}

//! `capstan bench link`: the same run with each kind of window, as figures and as a picture.

use std::path::Path;

use capstan_rpc::flow::simulator::control::{AllTimeMinimum, Control, Ours};
use capstan_rpc::flow::simulator::{MILLI, Phase, SECOND, Sample, Sim, Stream};

use super::chart::{self, Column};
use crate::arguments::Given;
use crate::failure::{Failure, print};
use crate::host::{Host, reason};

/// What a column is called, and the windows in it.
type Contender = (&'static str, fn() -> Box<dyn Control>);

const CONTENDERS: [Contender; 3] = [
    ("Adaptive", || Ours::adaptive()),
    ("Fixed, 64 KiB", || Ours::fixed()),
    ("Bandwidth × all-time shortest round trip", || {
        Box::new(AllTimeMinimum::default())
    }),
];
const SAMPLES: u64 = 500;
/// Small calls are made so often.
const SMALL_EVERY: u64 = 7 * MILLI;
const MOST_STREAMS: u64 = 64;
const MOST_SECONDS: f64 = 600.0;

#[derive(Debug, PartialEq)]
struct Arguments {
    bits_per_second: f64,
    round_trip: u64,
    then: Option<(f64, u64)>,
    queue_bytes: u64,
    streams: u64,
    chunk_bytes: u64,
    reads: f64,
    until: u64,
    output: String,
}

impl Arguments {
    fn given(given: &Given) -> Result<Self, String> {
        let what = given.operand(0);
        if what != "link" {
            return Err(format!("there is no bench '{what}'; there is 'link'"));
        }
        let flag =
            |name: &str, parse: fn(&str) -> Option<f64>, example: &str| match given.value(name) {
                None => Ok(None),
                Some(text) => parse(text)
                    .map(Some)
                    .ok_or_else(|| format!("--{name}={text}: expected {example}")),
            };
        let rate = "a rate such as 50Mbit, from 10kbit to 100Gbit";
        let time = "a time such as 100ms, from 0.01ms to 10s";
        let bits_per_second = flag("rate", bits, rate)?.unwrap_or(50e6);
        let round_trip = flag("round-trip", nanos, time)?.unwrap_or(100e6);
        let then_rate = flag("then-rate", bits, rate)?;
        let then_trip = flag("then-round-trip", nanos, time)?;
        let then = (then_rate.is_some() || then_trip.is_some()).then_some((
            then_rate.unwrap_or(bits_per_second),
            then_trip.unwrap_or(round_trip) as u64,
        ));
        let on_the_way = bits_per_second / 8.0 * round_trip / 1e9;
        let bytes_example = "bytes such as 16384, 16KiB or 1MiB, from 64 to 1GiB";
        let chunk = flag("chunk", bytes, bytes_example)?;
        let count = |text: &str| text.parse::<u64>().ok().map(|count| count as f64);
        let streams = flag("streams", count, "a whole number from 1 to 64")?.unwrap_or(1.0) as u64;
        if !(1..=MOST_STREAMS).contains(&streams) {
            return Err(format!("--streams={streams}: from 1 to {MOST_STREAMS}"));
        }
        let number = |text: &str| text.parse::<f64>().ok();
        let seconds = flag("seconds", number, "a number from 1 to 600")?.unwrap_or(10.0);
        if !(1.0..=MOST_SECONDS).contains(&seconds) {
            return Err(format!("--seconds={seconds}: from 1 to {MOST_SECONDS}"));
        }
        Ok(Self {
            bits_per_second,
            round_trip: round_trip as u64,
            then,
            queue_bytes: flag("queue", bytes, bytes_example)?.unwrap_or(on_the_way.max(262_144.0))
                as u64,
            streams,
            chunk_bytes: chunk.unwrap_or((on_the_way / 8.0).clamp(4096.0, 65_536.0)) as u64,
            reads: flag("reads", bits, rate)?.map_or(f64::INFINITY, |bits| bits / 8.0),
            until: (seconds * SECOND as f64) as u64,
            output: given.value("output").unwrap_or("link.svg").to_owned(),
        })
    }

    fn phases(&self) -> Vec<Phase> {
        let phase = |from, (bits_per_second, round_trip)| Phase {
            from,
            bits_per_second,
            round_trip,
        };
        let first = phase(0, (self.bits_per_second, self.round_trip));
        let then = self.then.map(|then| phase(self.until / 2, then));
        [Some(first), then].into_iter().flatten().collect()
    }

    /// What the link is, in one line.
    fn title(&self) -> String {
        let link = |bits: f64, trip: u64| {
            format!(
                "{} Mbit/s, {} ms",
                short(bits / 1e6),
                short(trip as f64 / MILLI as f64)
            )
        };
        let then = self.then.map_or(String::new(), |(bits, trip)| {
            format!(", then {}", link(bits, trip))
        });
        let streams = match self.streams {
            1 => "one stream".to_owned(),
            more => format!("{more} streams"),
        };
        format!(
            "{}{then}: {streams} of {} KiB chunks",
            link(self.bits_per_second, self.round_trip),
            short(self.chunk_bytes as f64 / 1024.0)
        )
    }
}

/// What a run with one kind of window came to.
struct Outcome {
    name: &'static str,
    samples: Vec<Sample>,
    /// Of what the link could carry, or the objects read; the first second left out.
    share: f64,
    /// Nanoseconds.
    p50: u64,
    p99: u64,
    most_queued: u64,
}

pub(crate) fn run(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let arguments = Arguments::given(given).map_err(Failure::Misuse)?;
    let outcomes = CONTENDERS.map(|contender| simulate(&arguments, contender));
    let columns: Vec<Column> = outcomes
        .iter()
        .map(|outcome| Column {
            name: outcome.name,
            figures: format!(
                "{:.1} % of the link; small calls {} and {} (p50, p99)",
                100.0 * outcome.share,
                millis(outcome.p50),
                millis(outcome.p99)
            ),
            samples: &outcome.samples,
        })
        .collect();
    let picture = chart::draw(
        &arguments.title(),
        &arguments.phases(),
        arguments.queue_bytes,
        &columns,
    );
    host.write(Path::new(&arguments.output), picture.as_bytes())
        .map_err(|error| {
            format!(
                "capstan: cannot write {}: {}",
                arguments.output,
                reason(&error)
            )
        })?;
    print(host, table(&arguments, &outcomes).as_bytes())
}

fn simulate(arguments: &Arguments, (name, control): Contender) -> Outcome {
    let stream = Stream {
        reads: arguments.reads,
        ..Stream::greedy(arguments.chunk_bytes)
    };
    let until = arguments.until;
    let sim = Sim::new(
        control(),
        arguments.phases(),
        vec![stream; arguments.streams as usize],
    )
    .small_calls(SMALL_EVERY)
    .sample(until / SAMPLES)
    .run(until);
    let from = (until / 10).min(SECOND);
    let latencies = sim.latencies(from);
    let at = |part: usize| latencies.get(latencies.len() * part / 100).copied();
    Outcome {
        name,
        share: sim.total_goodput(from, until) / possible(arguments, from),
        p50: at(50).unwrap_or(0),
        p99: at(99).unwrap_or(0),
        most_queued: sim
            .samples
            .iter()
            .map(|look| look.queued)
            .max()
            .unwrap_or(0),
        samples: sim.samples,
    }
}

/// Bytes per second that could have been delivered from this time on.
fn possible(arguments: &Arguments, from: u64) -> f64 {
    let readable = arguments.reads * arguments.streams as f64;
    let first = (arguments.bits_per_second / 8.0).min(readable);
    let Some((bits, _)) = arguments.then else {
        return first;
    };
    let span = (arguments.until - from) as f64;
    let before = (arguments.until / 2 - from) as f64 / span;
    first * before + (bits / 8.0).min(readable) * (1.0 - before)
}

fn table(arguments: &Arguments, outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{}\n{:42} {:>8} {:>12} {:>12} {:>12}\n",
        arguments.title(),
        "",
        "goodput",
        "call p50",
        "call p99",
        "queued"
    );
    for outcome in outcomes {
        text += &format!(
            "{:42} {:>6.1} % {:>12} {:>12} {:>8} KiB\n",
            outcome.name,
            100.0 * outcome.share,
            millis(outcome.p50),
            millis(outcome.p99),
            outcome.most_queued / 1024,
        );
    }
    text + &format!("drawn in {}\n", arguments.output)
}

fn millis(nanos: u64) -> String {
    format!("{:.1} ms", nanos as f64 / MILLI as f64)
}

/// Without digits that say nothing.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn bits(text: &str) -> Option<f64> {
    let scale = [("Gbit", 1e9), ("Mbit", 1e6), ("kbit", 1e3)];
    scaled(text, &scale).filter(|bits| (1e4..=1e11).contains(bits))
}

fn nanos(text: &str) -> Option<f64> {
    let scale = [("ms", 1e6), ("us", 1e3), ("s", 1e9)];
    scaled(text, &scale).filter(|nanos| (1e4..=1e10).contains(nanos))
}

fn bytes(text: &str) -> Option<f64> {
    let scale = [("KiB", 1024.0), ("MiB", 1_048_576.0), ("", 1.0)];
    scaled(text, &scale).filter(|bytes| (64.0..=1_073_741_824.0).contains(bytes))
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    units.iter().find_map(|(unit, scale)| {
        let number = text.strip_suffix(unit)?.trim();
        Some(number.parse::<f64>().ok()? * scale)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_times_and_sizes_are_read() {
        assert_eq!(bits("50Mbit"), Some(5e7));
        assert_eq!(bits("1.5 Gbit"), Some(1.5e9));
        assert_eq!(nanos("100ms"), Some(1e8));
        assert_eq!(nanos("2s"), Some(2e9));
        assert_eq!(nanos("500us"), Some(5e5));
        assert_eq!(bytes("16KiB"), Some(16_384.0));
        assert_eq!(bytes("1000"), Some(1000.0));
        for wrong in ["", "Mbit", "50", "-1Mbit", "NaNMbit", "infMbit", "1bit"] {
            assert_eq!(bits(wrong), None, "{wrong}");
        }
        for wrong in ["", "ms", "100", "-5ms", "0ms", "1h"] {
            assert_eq!(nanos(wrong), None, "{wrong}");
        }
        for wrong in ["", "KiB", "1", "-64KiB", "5GiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}

//! Lines that change while a stream runs.

use crate::control::{AllTimeMinimum, Control, Ours};
use crate::figures::{Link, link};
use crate::sim::{MILLI, SECOND, Sim, Stream};

const CHANGE: u64 = 8 * SECOND;

fn run(control: Box<dyn Control>, before: Link, after: Link, chunk: u64, streams: usize) -> Sim {
    Sim::new(
        control,
        vec![before.phase(0), after.phase(CHANGE)],
        vec![Stream::greedy(chunk); streams],
    )
    .small_calls(11 * MILLI)
    .run(40 * SECOND)
}

/// How long after the change nine tenths of the new line are used, and stay so, in nanoseconds.
fn back_after(sim: &Sim, after: Link) -> u64 {
    let span = SECOND;
    let bad = (0..(32 * SECOND - span) / (10 * MILLI))
        .map(|index| CHANGE + index * 10 * MILLI)
        .filter(|at| sim.total_goodput(*at, at + span) < 0.9 * after.rate())
        .max();
    bad.map_or(0, |at| at + span - CHANGE)
}

/// What small calls take in the last seconds, in nanoseconds.
fn late_p50(sim: &Sim) -> u64 {
    let latencies = sim.latencies(34 * SECOND);
    latencies[latencies.len() / 2]
}

#[test]
fn a_longer_way_is_filled_again() {
    for (megabits, before, after) in [
        (10.0, 10, 100),
        (100.0, 10, 100),
        (1000.0, 10, 100),
        (50.0, 100, 300),
    ] {
        for streams in [1, 4] {
            let after = link(megabits, after);
            let sim = run(
                Ours::adaptive(),
                link(megabits, before),
                after,
                16_384,
                streams,
            );
            let back = back_after(&sim, after);
            println!(
                "# {megabits} Mbit/s, {before} to {} ms, {streams} streams: back after {} ms",
                after.round_trip_millis,
                back / MILLI
            );
            assert!(back < 15 * SECOND, "{megabits} {streams}: {back}");
            let most = 1.3 * after.round_trip() as f64 + 3.0 * after.chunk_time(16_384) as f64;
            assert!(
                (late_p50(&sim) as f64) < most,
                "{megabits} {streams}: {}",
                late_p50(&sim)
            );
        }
    }
}

#[test]
fn a_shorter_way_needs_less() {
    let after = link(50.0, 10);
    let sim = run(Ours::adaptive(), link(50.0, 100), after, 16_384, 1);
    assert!(back_after(&sim, after) < SECOND);
    let most = 1.25 * after.round_trip() as f64 + 2.0 * after.chunk_time(16_384) as f64;
    assert!((late_p50(&sim) as f64) < most, "{}", late_p50(&sim));
}

#[test]
fn a_fifth_of_the_rate_and_five_times_the_rate() {
    for (from, to, round_trip) in [
        (50.0, 10.0, 100),
        (200.0, 40.0, 200),
        (100.0, 20.0, 20),
        (10.0, 50.0, 100),
        (200.0, 1000.0, 50),
    ] {
        for streams in [1, 4] {
            let after = link(to, round_trip);
            let sim = run(
                Ours::adaptive(),
                link(from, round_trip),
                after,
                16_384,
                streams,
            );
            let back = back_after(&sim, after);
            println!(
                "# {from} to {to} Mbit/s, {round_trip} ms, {streams} streams: back after {} ms, p50 {:.2} RTT",
                back / MILLI,
                late_p50(&sim) as f64 / after.round_trip() as f64
            );
            let limit = if to < from { 3 } else { 15 };
            assert!(back < limit * SECOND, "{from} to {to}: {back}");
            let most = 1.3 * after.round_trip() as f64 + 3.0 * after.chunk_time(16_384) as f64;
            assert!(
                (late_p50(&sim) as f64) < most,
                "{from} to {to}, {streams}: {}",
                late_p50(&sim)
            );
        }
    }
}

#[test]
fn a_network_that_warms_up_is_followed() {
    for (megabits, round_trip) in [(50.0, 100), (200.0, 200), (1000.0, 50)] {
        let line = link(megabits, round_trip);
        // As a fresh TCP connection below does it: 14 KiB in the first round trip, and then twice as much in each.
        let mut phases = Vec::new();
        let mut warm = 0;
        for half_rounds in 0.. {
            let rate =
                14_336.0 / line.round_trip() as f64 * 1e9 * 2_f64.powf(half_rounds as f64 / 2.0);
            let now = link((rate * 8e-6).min(megabits), round_trip);
            warm = half_rounds * line.round_trip() / 2;
            phases.push(now.phase(warm));
            if rate * 8e-6 >= megabits {
                break;
            }
        }
        let sim = Sim::new(Ours::adaptive(), phases, vec![Stream::greedy(16_384)])
            .small_calls(11 * MILLI)
            .run(20 * SECOND);
        let span = line.round_trip();
        let full = (0..10 * SECOND / MILLI)
            .map(|milli| milli * MILLI)
            .find(|at| sim.total_goodput(*at, at + span) >= 0.9 * line.rate())
            .unwrap_or(u64::MAX);
        println!(
            "# {megabits} Mbit/s, {round_trip} ms: warm after {} ms, full after {}",
            warm / MILLI,
            full / MILLI
        );
        assert!(full < warm + 4 * line.round_trip(), "{megabits}: {full}");
    }
}

#[test]
fn a_rate_that_drops_while_the_queue_is_drained_is_no_longer_way() {
    for (from, to, round_trip) in [(50.0, 10.0, 100), (100.0, 5.0, 40)] {
        let (before, after) = (link(from, round_trip), link(to, round_trip));
        for streams in [1, 4] {
            for moment in 0..24 {
                let change = 5 * SECOND + moment * 290 * MILLI;
                let sim = Sim::new(
                    Ours::adaptive(),
                    vec![before.phase(0), after.phase(change)],
                    vec![Stream::greedy(16_384); streams],
                )
                .small_calls(11 * MILLI)
                .run(change + 16 * SECOND);
                let latencies = sim.latencies(change + 10 * SECOND);
                let p50 = latencies[latencies.len() / 2] as f64;
                let most = 1.3 * after.round_trip() as f64 + 3.0 * after.chunk_time(16_384) as f64;
                assert!(p50 < most, "{after:?} {streams} at {change}: {p50}");
            }
        }
    }
}

#[test]
fn the_shortest_round_trip_of_all_time_leaves_most_of_a_longer_way_empty() {
    let after = link(100.0, 100);
    let theirs = run(
        Box::new(AllTimeMinimum::default()),
        link(100.0, 10),
        after,
        16_384,
        1,
    );
    let ours = run(Ours::adaptive(), link(100.0, 10), after, 16_384, 1);
    let (theirs, ours) = (
        theirs.goodput(0, 25 * SECOND, 40 * SECOND) / after.rate(),
        ours.goodput(0, 25 * SECOND, 40 * SECOND) / after.rate(),
    );
    println!(
        "# 10 to 100 ms: ours {:.1} %, all-time minimum {:.1} %",
        ours * 100.0,
        theirs * 100.0
    );
    assert!(ours > 0.95 && theirs < 0.5, "{ours} {theirs}");
}

//! What streams of vats come to on paths as they come, and when those change.

use crate::paths::{Path, Run, Way, greedy};
use crate::random::Dice;
use crate::sim::{MILLI, SECOND};

/// What a run of streams from the first computer came to, between two times.
struct Figures {
    goodput: f64,
    p50: f64,
    p99: f64,
    fairness: f64,
}

fn figures(run: &Run, from: u64, to: u64) -> Figures {
    let (p50, p99) = run.latencies(from, to);
    let shares: Vec<f64> = (0..run.streams.len())
        .map(|stream| run.goodput(stream, from, to))
        .collect();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    Figures {
        goodput: run.total(0, from, to),
        p50,
        p99,
        fairness: shares.iter().sum::<f64>().powi(2) / (shares.len() as f64 * squares),
    }
}

#[test]
fn vats_do_well_on_paths_as_they_come() {
    let mut missed = Vec::new();
    for seed in 0..32 {
        let mut dice = Dice(seed * 7_777_777 + 12_345);
        let rate = dice.magnitude(1.5e6, 1e8);
        let round_trip = (dice.magnitude(1.0, 800.0) * 1e6) as u64;
        let product = rate / 8e9 * round_trip as f64;
        // As streams of bytes cut it.
        let chunk = (product / 8.0).clamp(4096.0, 65_536.0) as usize;
        let streams = 1 << dice.up_to(3);
        let there = round_trip / 100 * (10 + dice.up_to(80));
        let mut up = Way::new(rate, there);
        up.queue_bytes = (product * dice.magnitude(0.3, 10.0)).max(30_000.0) as u64;
        let mut down = Way::new(rate * dice.magnitude(0.1, 2.0), round_trip - there);
        if dice.one_in(3) {
            down.jitter = round_trip / 10;
        }
        let mut path = Path::new(up, down, vec![greedy(chunk); streams]);
        path.tells_backlog = !dice.one_in(4);
        let chunk_time = chunk as f64 * 8e9 / rate;
        let from =
            SECOND + 10 * round_trip + (8.0 * chunk_time) as u64 * streams as u64 + SECOND / 2;
        path.until = from + 2 * SECOND + 10 * round_trip + (50.0 * chunk_time) as u64;
        let until = path.until;
        let run = Run::new(path).run();
        let f = figures(&run, from, until);
        // What is around a chunk, and the small calls.
        let around = chunk as f64 / (chunk as f64 + 120.0);
        let goodput = f.goodput / (rate / 8.0 * around - 12_000.0);
        let extra = if streams == 1 {
            (1.25, 2.0, 1.6, 4.0)
        } else {
            (1.3, 3.0, 1.8, 6.0)
        };
        let most = |trips: f64, chunks: f64| {
            trips * round_trip as f64 + chunks * chunk_time + 150.0 * 8e9 / rate
        };
        println!(
            "# {seed}: {:.1} Mbit/s {:.1} ms {streams} x {chunk}: {goodput:.3}, p50 {:.2} RTT, p99 {:.2} RTT, Jain {:.3}",
            rate / 1e6,
            round_trip as f64 / 1e6,
            f.p50 / round_trip as f64,
            f.p99 / round_trip as f64,
            f.fairness
        );
        if goodput < 0.95
            || f.p50 > most(extra.0, extra.1)
            || f.p99 > most(extra.2, extra.3)
            || f.fairness < 0.98
            || run.most_over > 0
        {
            missed.push(seed);
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn vats_get_over_changes_whenever_they_come() {
    for (from, to) in [
        ((50e6, 10), (50e6, 100)),
        ((50e6, 100), (10e6, 100)),
        ((20e6, 50), (200e6, 50)),
        ((50e6, 100), (50e6, 10)),
    ] {
        for moment in 0..4 {
            let change = 5 * SECOND + moment * 730 * MILLI;
            let mut ways = [0, 1].map(|_| Way::new(from.0, from.1 * MILLI / 2));
            for way in &mut ways {
                way.rate.push((change, to.0));
                way.delay.push((change, to.1 * MILLI / 2));
                way.queue_bytes = way.queue_bytes.max((to.0 / 8e3 * to.1 as f64) as u64);
            }
            let [up, down] = ways;
            let mut path = Path::new(up, down, vec![greedy(16_384)]);
            path.until = change + 12 * SECOND;
            let run = Run::new(path).run();
            let f = figures(&run, change + 6 * SECOND, change + 12 * SECOND);
            let goodput = f.goodput * 8.0 / to.0;
            println!(
                "# {from:?} to {to:?}: {goodput:.3}, p50 {:.1} ms",
                f.p50 / 1e6
            );
            assert!(goodput > 0.93, "{from:?} {to:?} at {change}: {goodput}");
            let most = 1.25 * (to.1 * MILLI) as f64 + 2.0 * 16_384.0 * 8e9 / to.0;
            assert!(f.p50 < most, "{from:?} {to:?} at {change}: {}", f.p50);
        }
    }
}

#[test]
fn a_rate_that_drops_is_used_and_stays_used() {
    for (from, to, millis, chunk) in [
        (10e6, 2e6, 20, 4096),
        (50e6, 10e6, 100, 16_384),
        (100e6, 20e6, 1, 4096),
        (200e6, 40e6, 200, 65_536),
    ] {
        for streams in [1, 4] {
            let mut worst = 1.0_f64;
            for moment in 0..8 {
                let change = 5 * SECOND + moment * 610 * MILLI;
                let mut ways = [0, 1].map(|_| Way::new(from, millis * MILLI / 2));
                for way in &mut ways {
                    way.rate.push((change, to));
                }
                let [up, down] = ways;
                let mut path = Path::new(up, down, vec![greedy(chunk); streams]);
                path.until = change + 14 * SECOND;
                let until = path.until;
                let run = Run::new(path).run();
                let around = chunk as f64 / (chunk as f64 + 120.0);
                let full = to / 8.0 * around - 12_000.0;
                // Every second, wherever it begins: also those in which the round trip is measured again.
                let steps = (until - SECOND - change - 2 * SECOND) / (50 * MILLI);
                for step in 0..=steps {
                    let at = change + 2 * SECOND + step * 50 * MILLI;
                    worst = worst.min(run.total(0, at, at + SECOND) / full);
                }
            }
            println!("# {from} to {to}, {millis} ms, {streams} streams: worst second {worst:.3}");
            assert!(worst > 0.9, "{from} to {to}, {streams}: {worst}");
        }
    }
}

#[test]
fn bursts_find_the_line_as_they_left_it() {
    for (bytes, every) in [(2_000_000, 2 * SECOND), (500_000, 300 * MILLI)] {
        let mut caller = greedy(16_384);
        caller.bursts = Some((bytes, every));
        let way = Way::new(50e6, 50 * MILLI);
        let mut path = Path::new(way.clone(), way, vec![caller]);
        path.until = 21 * SECOND;
        let run = Run::new(path).run();
        let goodput = run.total(0, 3 * SECOND, 21 * SECOND) * every as f64 / 1e9 / bytes as f64;
        let (p50, _) = run.latencies(3 * SECOND, 21 * SECOND);
        assert!(goodput > 0.97, "{bytes}: {goodput}");
        assert!(p50 < 1.25 * 100e6, "{bytes}: {p50}");
        assert!(run.most_over <= 0, "{}", run.most_over);
    }
}

#[test]
fn answers_that_come_in_lumps_leave_the_line_full() {
    for (streams, jitters) in [(1, [30, 0]), (1, [0, 30]), (4, [30, 0]), (8, [30, 0])] {
        let [up, down] = jitters.map(|millis| {
            let mut way = Way::new(50e6, 50 * MILLI);
            way.jitter = millis * MILLI;
            way
        });
        let run = Run::new(Path::new(up, down, vec![greedy(16_384); streams])).run();
        let f = figures(&run, 3 * SECOND, 12 * SECOND);
        let goodput = f.goodput / (50e6 / 8.0 * 0.99 - 12_000.0);
        println!(
            "# jitter of {jitters:?} ms, {streams} streams: {goodput:.3}, p99 {:.1} ms",
            f.p99 / 1e6
        );
        assert!(goodput > 0.95, "{jitters:?} {streams}: {goodput}");
        assert!(f.p99 < 1.8 * 100e6, "{jitters:?} {streams}: {}", f.p99);
    }
}

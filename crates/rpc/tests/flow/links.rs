//! One stream and eight on steady links.

use crate::control::{AllTimeMinimum, Control, Ours};
use crate::figures::{Figures, LINKS, Link, figures, misses};
use crate::sim::MILLI;

const CHUNKS: [u64; 3] = [4096, 16_384, 65_536];

fn line(name: &str, link: Link, streams: usize, chunk: u64, f: &Figures) -> String {
    let chunk_time = link.chunk_time(chunk) as f64;
    let round_trip = link.round_trip() as f64;
    format!(
        "{name:>9} {:>5} Mbit/s {:>3} ms {streams} x {:>2} KiB: goodput {:5.1} %, started {:>6}, p50 {:>6.2} RTT = RTT + {:>5.1} chunks, p99 {:>6.2} RTT = RTT + {:>5.1} chunks, Jain {:.3}",
        link.megabits,
        link.round_trip_millis,
        chunk / 1024,
        f.goodput * 100.0,
        f.started
            .map_or("never".to_owned(), |at| format!("{} ms", at / MILLI)),
        f.p50 as f64 / round_trip,
        (f.p50 as f64 - round_trip) / chunk_time,
        f.p99 as f64 / round_trip,
        (f.p99 as f64 - round_trip) / chunk_time,
        f.fairness,
    )
}

#[test]
fn the_table() {
    let mut missed = Vec::new();
    for link in LINKS {
        for chunk in CHUNKS {
            // Nobody cuts chunks that small where the line is fast.
            if chunk < 16_384 && link.megabits > 100.0 {
                continue;
            }
            let seconds = if link.megabits > 200.0 { 7 } else { 12 };
            for streams in [1, 2, 4, 8] {
                let f = figures(Ours::adaptive(), link, streams, chunk, seconds);
                let misses = misses(link, streams, chunk, &f);
                println!("{} {misses:?}", line("adaptive", link, streams, chunk, &f));
                if !misses.is_empty() {
                    missed.push((link, streams, chunk, misses));
                }
            }
        }
        for (name, make) in [
            (
                "fixed",
                (|| Ours::fixed() as Box<dyn Control>) as fn() -> Box<dyn Control>,
            ),
            ("all-time", || Box::new(AllTimeMinimum::default())),
        ] {
            for streams in [1, 8] {
                let f = figures(make(), link, streams, 16_384, 7);
                println!("{}", line(name, link, streams, 16_384, &f));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn links_that_nobody_asked_for() {
    let mut missed = Vec::new();
    for (megabits, millis) in [
        (2.0, 50),
        (5.0, 300),
        (20.0, 600),
        (30.0, 5),
        (300.0, 10),
        (500.0, 80),
        (1000.0, 1),
    ] {
        let link = crate::figures::link(megabits, millis);
        for chunk in CHUNKS {
            // Five seconds are to hold many chunks of each stream.
            if link.chunk_time(chunk) > 70 * MILLI || (chunk < 65_536 && megabits > 200.0) {
                continue;
            }
            for streams in [1, 8] {
                let seconds = if megabits > 200.0 { 7 } else { 20 };
                let f = figures(Ours::adaptive(), link, streams, chunk, seconds);
                let misses = misses(link, streams, chunk, &f);
                println!("{} {misses:?}", line("other", link, streams, chunk, &f));
                if !misses.is_empty() {
                    missed.push((link, streams, chunk, misses));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

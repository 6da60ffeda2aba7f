//! What windows that adapt reach on simulated links, beside a fixed window of 64 KiB and beside a model of
//! estimating each stream's bandwidth times the shortest round trip it ever had.
//!
//! `cargo run --release -p capstan-rpc --example compare` prints a table in Markdown. All is in virtual
//! time: the figures are the same wherever it runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code
)]

#[path = "../tests/flow/figures.rs"]
mod figures;

use capstan_rpc::flow::simulator::{self as sim, control};
use control::{AllTimeMinimum, Control, Ours};
use figures::{LINKS, figures, link};
use sim::{MILLI, SECOND, Sim, Stream};

const CHUNK_BYTES: u64 = 16_384;

type Make = fn() -> Box<dyn Control>;

const CONTROLS: [(&str, Make); 3] = [
    ("adaptive", || Ours::adaptive()),
    ("fixed 64 KiB", || Ours::fixed()),
    ("all-time minimum", || Box::new(AllTimeMinimum::default())),
];

fn main() {
    println!(
        "| link | streams | | goodput | nine tenths after | small call p50 / p99 | Jain |\n|---|--:|---|--:|--:|--:|--:|"
    );
    for link in LINKS {
        for streams in [1, 8] {
            for (name, make) in CONTROLS {
                let f = figures(make(), link, streams, CHUNK_BYTES, 12);
                let round_trip = link.round_trip() as f64;
                println!(
                    "| {} Mbit/s, {} ms | {streams} | {name} | {:.1} % | {} | {:.2} / {:.2} RTT | {:.3} |",
                    link.megabits,
                    link.round_trip_millis,
                    f.goodput * 100.0,
                    f.started
                        .map_or("never".to_owned(), |at| format!("{} ms", at / MILLI)),
                    f.p50 as f64 / round_trip,
                    f.p99 as f64 / round_trip,
                    f.fairness,
                );
            }
        }
    }
    println!(
        "\n100 Mbit/s; after 8 s round trips take 100 ms instead of 10. Share of the line from the 25th second on:"
    );
    let (before, after) = (link(100.0, 10), link(100.0, 100));
    for (name, make) in CONTROLS {
        let phases = vec![before.phase(0), after.phase(8 * SECOND)];
        let sim = Sim::new(make(), phases, vec![Stream::greedy(CHUNK_BYTES)]).run(40 * SECOND);
        let goodput = sim.goodput(0, 25 * SECOND, 40 * SECOND) / after.rate();
        println!("{name}: {:.1} %", goodput * 100.0);
    }
}

//! `cargo bench -p capstan-interop --bench rpc`: calls over loopback TCP, with Capstan and with the
//! `capnp-rpc` crate, taking turns. Client and server have a thread each, with a single-threaded
//! runtime, which is all that the crate can use.
//!
//! With `--serve` it is what `js/bench/rpc` calls instead: prints a line of JSON with the ports of a
//! Capstan server and of a bare WebSocket echo, and serves until its standard input ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

#[macro_use]
#[path = "../peer/mod.rs"]
mod peer;
mod capstan;
mod crate_peer;
mod serve;

generated!(calls_capnp);

use std::thread;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        return serve::run();
    }
    let runtime = single_threaded();
    LocalSet::new().block_on(&runtime, race());
}

async fn race() {
    let ours = capstan::Client::connect(start(capstan::serve)).await;
    let theirs = crate_peer::Client::connect(start(crate_peer::serve)).await;
    let mut sequential = [Vec::new(), Vec::new()];
    let mut in_flight = [Vec::new(), Vec::new()];
    // The first round warms up.
    for round in 0..=ROUNDS {
        let micros = [
            timed(SEQUENTIAL, ours.calls(SEQUENTIAL, 1)).await,
            timed(SEQUENTIAL, theirs.calls(SEQUENTIAL, 1)).await,
        ];
        let busy = [
            timed(MANY, ours.calls(MANY, IN_FLIGHT)).await,
            timed(MANY, theirs.calls(MANY, IN_FLIGHT)).await,
        ];
        if round > 0 {
            for who in 0..2 {
                sequential[who].push(micros[who]);
                in_flight[who].push(busy[who]);
            }
        }
    }
    let [ours_alone, theirs_alone] = sequential.map(median);
    let [ours_busy, theirs_busy] = in_flight.map(median);
    println!("| native, loopback TCP | capstan | capnp-rpc | ratio |");
    println!("|---|--:|--:|--:|");
    println!(
        "| one call at a time | {ours_alone:.1} µs | {theirs_alone:.1} µs | {:.2} |",
        ours_alone / theirs_alone
    );
    println!(
        "| {IN_FLIGHT} calls in flight | {:.0}/s | {:.0}/s | {:.2} |",
        1e6 / ours_busy,
        1e6 / theirs_busy,
        theirs_busy / ours_busy
    );

    let few = ours.family(FEW).await;
    let many = ours.family(CROWD).await;
    let mut crowded = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let micros = [
            timed(MANY, capstan::spread(&few, MANY, FEW)).await,
            timed(MANY, capstan::spread(&many, MANY, CROWD)).await,
        ];
        if round > 0 {
            for (all, each) in crowded.iter_mut().zip(micros) {
                all.push(each);
            }
        }
    }
    let [few, many] = crowded.map(median);
    println!();
    println!("| capstan | {FEW} objects, {FEW} calls in flight | {CROWD} of each | ratio |");
    println!("|---|--:|--:|--:|");
    println!(
        "| per call | {few:.2} µs | {many:.2} µs | {:.2} |",
        many / few
    );
}

/// Microseconds per call.
async fn timed(calls: usize, work: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    work.await;
    start.elapsed().as_secs_f64() * 1e6 / calls as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs a server on a thread of its own; its port.
fn start<F: Future<Output = ()>>(
    serve: impl FnOnce(std::net::TcpListener) -> F + Send + 'static,
) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let runtime = single_threaded();
        LocalSet::new().block_on(&runtime, serve(listener));
    });
    port
}

fn single_threaded() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

const ROUNDS: usize = 15;
const SEQUENTIAL: usize = 1_000;
const MANY: usize = 20_000;
const IN_FLIGHT: usize = 256;
const FEW: usize = 10;
const CROWD: usize = 10_000;

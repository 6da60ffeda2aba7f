//! `cargo bench -p capstan-interop --bench streams`: streams over loopback, taking turns: Capstan and the
//! `capnp-rpc` crate over TCP, Capstan and bare frames over WebSocket. Client and server have a thread each, with a
//! single-threaded runtime, which is all that the crate can use. Each server counts bytes, and says in the end how many
//! there were. Beside speed it prints the processor time that both sides take together, which says more than speed
//! does where other programs are busy.
//!
//! With `--serve` it is what `js/bench/streams` sends to instead: prints a line of JSON with the ports of a Capstan server
//! and of one that takes bare frames, and serves until its standard input ends.
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
mod bare;
mod capstan;
mod crate_peer;

generated!(streams_capnp);

use std::io::Read;
use std::thread;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--serve") {
        return serve();
    }
    let rounds = arguments
        .iter()
        .position(|argument| argument == "--rounds")
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(ROUNDS);
    let runtime = single_threaded();
    LocalSet::new().block_on(&runtime, race(rounds));
}

async fn race(rounds: usize) {
    let tcp = capstan::Client::over_tcp(start(capstan::serve_tcp)).await;
    let theirs = crate_peer::Client::connect(start(crate_peer::serve)).await;
    let websocket = capstan::Client::over_websocket(start(capstan::serve_websocket)).await;
    let mut bare = bare::Client::connect(start(bare::serve)).await;
    println!("| native | 64 KiB chunks | | 1 MiB chunks | |");
    println!("|---|--:|--:|--:|--:|");
    let mut columns = Vec::new();
    for chunk_bytes in [64 << 10, 1 << 20] {
        let mut rates = [const { Vec::new() }; 4];
        let mut costs = [const { Vec::new() }; 4];
        // The first round warms up.
        for round in 0..=rounds {
            // Neither of a pair always follows the other.
            let mut order = [0, 1, 2, 3];
            if round % 2 == 1 {
                order.reverse();
            }
            for who in order {
                let start = Instant::now();
                let micros = processor_micros();
                let total = match who {
                    0 => tcp.stream(chunk_bytes).await,
                    1 => theirs.stream(chunk_bytes).await,
                    2 => websocket.stream(chunk_bytes).await,
                    _ => bare.stream(chunk_bytes).await,
                };
                assert_eq!(total, STREAM_BYTES as u64);
                if round > 0 {
                    rates[who].push(STREAM_BYTES as f64 / 1e6 / start.elapsed().as_secs_f64());
                    costs[who].push((processor_micros() - micros) / (STREAM_BYTES >> 20) as f64);
                }
            }
        }
        columns.push(Column {
            rates: rates.map(median),
            costs: costs.map(median),
        });
    }
    let row = |name: &str, figure: &dyn Fn(&Column) -> [String; 2]| {
        let cells = columns.iter().flat_map(figure);
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    };
    for (pair, names) in [
        ([0, 1], ["capstan, TCP", "capnp-rpc, TCP"]),
        ([2, 3], ["capstan, WebSocket", "bare frames, WebSocket"]),
    ] {
        for (who, name) in pair.into_iter().zip(names) {
            row(name, &|Column { rates, costs }| {
                [
                    format!("{:.0} MB/s", rates[who]),
                    format!("{:.0} µs/MiB", costs[who]),
                ]
            });
        }
        let [ours, other] = pair;
        row("ratio", &|Column { rates, costs }| {
            [
                format!("{:.2}", rates[ours] / rates[other]),
                format!("{:.2}", costs[ours] / costs[other]),
            ]
        });
    }
}

/// Medians: MB/s, and microseconds of processor time per MiB.
struct Column {
    rates: [f64; 4],
    costs: [f64; 4],
}

/// What all threads of this process have taken, where Linux tells.
fn processor_micros() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return f64::NAN;
    };
    let nanos = tasks.flatten().filter_map(|task| {
        let times = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    nanos.sum::<u64>() as f64 / 1e3
}

fn serve() {
    let runtime = Runtime::new().unwrap();
    let listen = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    };
    let (rpc, bare) = (listen(), listen());
    println!(
        "{{\"rpc\":{},\"bare\":{}}}",
        rpc.local_addr().unwrap().port(),
        bare.local_addr().unwrap().port()
    );
    runtime.spawn(capstan::serve_websocket(rpc));
    runtime.spawn(bare::serve(bare));
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
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
const STREAM_BYTES: usize = 64 << 20;

//! Streams and calls over loopback sockets: `cargo bench -p capstan-net`.
//!
//! Prints one line per measurement; numbers from a shared machine say little but in relation to
//! each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub
)]

use std::time::Instant;

use capstan_net::{Connection, Options, tcp, websocket};
use capstan_rpc::flow::FlowControl;
use capstan_rpc::{Error, new_client};
use tokio::net::TcpListener;
use trial_capnp::{streaming_byte_sink, trial};

#[rustfmt::skip]
#[path = "../../rpc/tests/generated/trial_capnp.rs"]
mod trial_capnp;

const STREAM_BYTES: usize = 256 << 20;
/// Of each, the one in the middle counts.
const ROUNDS: usize = 5;
const CALLS: usize = 50_000;
const IN_FLIGHT: usize = 256;

#[tokio::main]
async fn main() {
    for network in ["tcp", "websocket"] {
        let connection = connect(network).await;
        for chunk_bytes in [8 << 10, 64 << 10, 1 << 20] {
            let window_bytes = (4 * chunk_bytes as u64).max(256 << 10);
            let controls = [FlowControl::Adaptive, FlowControl::Fixed(window_bytes)];
            let mut seconds = [Vec::new(), Vec::new()];
            for _ in 0..ROUNDS {
                for (control, seconds) in controls.into_iter().zip(&mut seconds) {
                    connection.set_flow_control(control);
                    seconds.push(stream(&connection, chunk_bytes).await);
                }
            }
            for (control, mut seconds) in controls.into_iter().zip(seconds) {
                seconds.sort_unstable_by(f64::total_cmp);
                let rate = STREAM_BYTES as f64 / 1e6 / seconds[ROUNDS / 2];
                println!(
                    "{network:>9}  stream, {:>4} KiB chunks, {control:?}: {rate:>6.0} MB/s",
                    chunk_bytes >> 10
                );
            }
        }
        let seconds = calls(&connection, CALLS / 10, 1).await;
        println!(
            "{network:>9}  one call at a time:      {:>6.1} µs",
            seconds * 1e6 / (CALLS / 10) as f64
        );
        let seconds = calls(&connection, CALLS, IN_FLIGHT).await;
        println!(
            "{network:>9}  {IN_FLIGHT} calls in flight:   {:>6.0} /s",
            CALLS as f64 / seconds
        );
        connection.close().await;
    }
}

async fn connect(network: &str) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bootstrap = |_| -> trial::Client { new_client(Server) };
    let connection = match network {
        "tcp" => {
            tokio::spawn(tcp::serve(listener, Options::default(), bootstrap));
            tcp::connect(&address.to_string(), Options::default()).await
        }
        _ => {
            tokio::spawn(websocket::serve(
                listener,
                "/",
                Options::default(),
                bootstrap,
            ));
            websocket::connect(&format!("ws://{address}/"), Options::default()).await
        }
    };
    connection.unwrap()
}

async fn stream(connection: &Connection, chunk_bytes: usize) -> f64 {
    let sink = connection
        .bootstrap::<trial::Client>()
        .open_request()
        .send()
        .pipeline
        .get_sink();
    let chunk = vec![7; chunk_bytes];
    let start = Instant::now();
    for _ in 0..STREAM_BYTES / chunk_bytes {
        let mut request = sink.write_request();
        request.get().set_chunk(&chunk);
        request.send().await.unwrap();
    }
    let response = sink.end_request().send().promise.await.unwrap();
    assert_eq!(response.get().unwrap().get_total(), STREAM_BYTES as u64);
    start.elapsed().as_secs_f64()
}

async fn calls(connection: &Connection, count: usize, in_flight: usize) -> f64 {
    let trial: trial::Client = connection.bootstrap();
    let start = Instant::now();
    let mut pending = std::collections::VecDeque::new();
    for number in 0..count {
        if pending.len() == in_flight {
            let oldest: capstan_rpc::Promise<trial::numbered_results::Owned> =
                pending.pop_front().unwrap();
            oldest.await.unwrap();
        }
        let mut request = trial.numbered_request();
        request.get().set_number(number as u32);
        pending.push_back(request.send().promise);
    }
    for call in pending {
        call.await.unwrap();
    }
    start.elapsed().as_secs_f64()
}

struct Server;

impl trial::Server for Server {
    async fn numbered(
        &self,
        params: trial::NumberedParams,
        _results: trial::NumberedResults,
    ) -> Result<(), Error> {
        std::hint::black_box(params.get()?.get_number());
        Ok(())
    }

    async fn open(
        &self,
        _params: trial::OpenParams,
        mut results: trial::OpenResults,
    ) -> Result<(), Error> {
        results.get().set_sink(new_client(Counter::default()));
        Ok(())
    }
}

#[derive(Default)]
struct Counter {
    bytes: std::sync::atomic::AtomicU64,
}

impl streaming_byte_sink::Server for Counter {
    async fn write(&self, params: streaming_byte_sink::WriteParams) -> Result<(), Error> {
        let length = params.get()?.get_chunk()?.len() as u64;
        self.bytes
            .fetch_add(length, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    async fn end(
        &self,
        _params: streaming_byte_sink::EndParams,
        mut results: streaming_byte_sink::EndResults,
    ) -> Result<(), Error> {
        results
            .get()
            .set_total(self.bytes.load(std::sync::atomic::Ordering::Relaxed));
        Ok(())
    }
}

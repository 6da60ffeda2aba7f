//! Streams with a slow reader at their end, through `capstan gateway` as a process: what it keeps, whom it holds
//! back, and what calls beside such a stream wait for. In both directions.
#![cfg(any(target_os = "android", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use capstan_net::{Connection, Options, tcp, websocket};
use capstan_rpc::{Error, FromClient, new_client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

#[rustfmt::skip]
#[path = "../../rpc/tests/generated/trial_capnp.rs"]
mod trial_capnp;
use trial_capnp::{streaming_byte_sink, trial};

static CHUNK: [u8; 65_536] = [7; 65_536];
const MIB: usize = 1 << 20;
/// Makes windows large, of some megabytes.
const LONG: Line = Line {
    delay: Duration::from_millis(200),
    bytes_per_second: None,
};
const SLOW: Line = Line {
    delay: Duration::from_millis(40),
    bytes_per_second: Some(5_000_000),
};
const SHORT: Line = Line {
    delay: Duration::ZERO,
    bytes_per_second: None,
};

#[derive(Clone, Copy)]
struct Line {
    /// In the direction of the stream; the other way there is none.
    delay: Duration,
    bytes_per_second: Option<u32>,
}

impl Line {
    fn bytes(self) -> usize {
        let bytes_per_second = self.bytes_per_second.unwrap();
        (self.delay.as_secs_f64() * f64::from(bytes_per_second)) as usize
    }

    fn time_of(self, bytes: usize) -> Duration {
        self.bytes_per_second.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(bytes as f64 / f64::from(rate))
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// From the WebSocket client to the TCP server.
    Up,
    Down,
}

/// Nothing leaves the gateway any more, on the side of the reader. Then no more goes into it than the stream's window, and
/// only that is before a call that is made now, when the way is free again.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_cut_off_holds_back_the_sender_and_not_the_gateway() {
    for direction in [Direction::Up, Direction::Down] {
        let trial = Trial::start(direction, LONG).await;
        trial.stream_until(64 * MIB).await;
        trial.all_taken().await;

        trial.way.is_open.send_replace(false);
        let before = trial.gateway.resident_bytes();
        trial.counts.go_on.send_replace(true);
        trial.stalled().await;
        let (held, room) = (trial.counts.held(), trial.room());
        let grown = trial.gateway.resident_bytes().saturating_sub(before);
        assert!(
            held < room,
            "{direction:?}: {held} of {room} bytes under way"
        );
        assert!(
            grown < 2 * MIB,
            "{direction:?}: the gateway grew by {grown}"
        );

        trial.counts.go_on.send_replace(false);
        let carried = trial.way.carried();
        let call = trial.object.echo_request().send().promise;
        sleep(Duration::from_millis(50)).await;
        trial.way.is_open.send_replace(true);
        soon("the call's answer", call).await.unwrap();
        let ahead = trial.way.carried() - carried;
        assert!(
            ahead < room,
            "{direction:?}: {ahead} of {room} bytes went first"
        );
        trial.all_taken().await;
    }
}

/// A slow line on the side of the reader, full of a stream: calls wait for what is on the line and little more.
#[tokio::test(flavor = "multi_thread")]
async fn calls_beside_a_stream_wait_for_a_short_queue() {
    for direction in [Direction::Up, Direction::Down] {
        let trial = Trial::start(direction, SLOW).await;
        trial.stream_until(10 * MIB).await;
        trial.counts.go_on.send_replace(true);
        let mut ahead = Vec::new();
        for _ in 0..31 {
            let carried = trial.way.carried();
            let call = trial.object.echo_request().send().promise;
            soon("an answer beside the stream", call).await.unwrap();
            ahead.push(trial.way.carried() - carried);
        }
        ahead.sort_unstable();
        // What the line holds goes while the call is on it.
        let bound = SLOW.bytes() * 3 / 2 + 4 * CHUNK.len();
        assert!(
            ahead[ahead.len() / 2] < bound,
            "{direction:?}: {ahead:?} bytes went first"
        );
        trial.counts.go_on.send_replace(false);
        trial.all_taken().await;
    }
}

/// The connection is well, but the object at the end of the stream takes its time: the sender waits for it, and calls wait
/// for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_object_holds_back_its_stream_and_no_calls() {
    for direction in [Direction::Up, Direction::Down] {
        let trial = Trial::start(direction, SHORT).await;
        trial.stream_until(64 * MIB).await;
        trial.all_taken().await;

        trial.counts.takes.send_replace(false);
        let before = trial.gateway.resident_bytes();
        trial.counts.go_on.send_replace(true);
        trial.stalled().await;
        for _ in 0..20 {
            let call = trial.object.echo_request().send().promise;
            soon("an answer beside the stream", call).await.unwrap();
        }
        let (held, room) = (trial.counts.held(), trial.room());
        let grown = trial.gateway.resident_bytes().saturating_sub(before);
        assert!(
            held < room,
            "{direction:?}: {held} of {room} bytes under way"
        );
        assert!(
            grown < 2 * MIB,
            "{direction:?}: the gateway grew by {grown}"
        );

        trial.counts.takes.send_replace(true);
        trial.stream_until(96 * MIB).await;
        trial.all_taken().await;
    }
}

/// A client, a server, and the gateway between them, with a stream in one direction.
struct Trial {
    gateway: Gateway,
    /// Between the gateway and the reader of the stream.
    way: Way,
    counts: Arc<Counts>,
    /// The server's.
    object: trial::Client,
    _connection: Connection,
}

impl Trial {
    async fn start(direction: Direction, line: Line) -> Self {
        let counts = Arc::new(Counts::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let object: trial::Client = new_client(Object(Arc::clone(&counts)));
        tokio::spawn(async move {
            let object = |_| object.clone();
            tcp::serve(listener, Options::default(), object).await
        });
        let (gateway, way, entrance);
        match direction {
            Direction::Up => {
                way = Way::to(server, direction, line).await;
                gateway = Gateway::start(way.address);
                entrance = gateway.address;
            }
            Direction::Down => {
                gateway = Gateway::start(server);
                way = Way::to(gateway.address, direction, line).await;
                entrance = way.address;
            }
        }
        let url = format!("ws://{entrance}/");
        let connection = websocket::connect(&url, Options::default());
        let connection = soon("the connection", connection).await.unwrap();
        let object: trial::Client = connection.bootstrap();
        match direction {
            Direction::Up => {
                let sink = object.open_request().send().pipeline.get_sink();
                tokio::spawn(send(sink, Arc::clone(&counts)));
            }
            Direction::Down => {
                let sink: streaming_byte_sink::Client = new_client(Reader(Arc::clone(&counts)));
                let mut request = object.notify_request();
                // The trial's own interfaces take no sink; whoever gets this knows that it is one.
                request
                    .get()
                    .set_listener(FromClient::from_client(sink.into_client()));
                soon("the call that starts the stream", request.send().promise)
                    .await
                    .unwrap();
            }
        }
        Self {
            gateway,
            way,
            counts,
            object,
            _connection: connection,
        }
    }

    /// Lets the sender write until so many bytes were written.
    async fn stream_until(&self, bytes: usize) {
        self.counts.go_on.send_replace(true);
        let written = async {
            while self.counts.written() < bytes {
                sleep(Duration::from_millis(5)).await;
            }
        };
        soon("the stream to go on", written).await;
        self.counts.go_on.send_replace(false);
    }

    /// What may be under way: the stream's window and two of its messages.
    fn room(&self) -> usize {
        self.counts.window.load(Ordering::Relaxed) + 2 * (CHUNK.len() + 1024)
    }

    async fn all_taken(&self) {
        let taken = async {
            let mut looks = 0;
            while looks < 3 {
                sleep(Duration::from_millis(50)).await;
                looks = if self.counts.held() == 0 {
                    looks + 1
                } else {
                    0
                };
            }
        };
        soon("all that was written to arrive", taken).await;
    }

    /// Waits until the sender gets no further.
    async fn stalled(&self) {
        let (mut written, mut looks) = (self.counts.written(), 0);
        let stalled = async {
            while looks < 12 {
                sleep(Duration::from_millis(50)).await;
                let now = self.counts.written();
                looks = if now == written { looks + 1 } else { 0 };
                written = now;
            }
        };
        soon("the sender to be held back", stalled).await;
    }
}

/// Fails with what was waited for, long before whoever runs the tests would give up.
async fn soon<F: IntoFuture>(what: &str, future: F) -> F::Output {
    match timeout(Duration::from_secs(40), future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// What a stream is told, and how far it is.
#[derive(Debug)]
struct Counts {
    written: AtomicUsize,
    taken: AtomicUsize,
    /// As it was at the last write.
    window: AtomicUsize,
    /// Whether the sender is to write.
    go_on: watch::Sender<bool>,
    /// Whether the reader takes what comes.
    takes: watch::Sender<bool>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            written: AtomicUsize::default(),
            taken: AtomicUsize::default(),
            window: AtomicUsize::default(),
            go_on: watch::channel(false).0,
            takes: watch::channel(true).0,
        }
    }
}

impl Counts {
    fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }

    /// Written and not taken yet.
    fn held(&self) -> usize {
        self.written() - self.taken.load(Ordering::Relaxed)
    }
}

async fn send(sink: streaming_byte_sink::Client, counts: Arc<Counts>) {
    let mut go_on = counts.go_on.subscribe();
    while go_on.wait_for(|go_on| *go_on).await.is_ok() {
        counts.written.fetch_add(CHUNK.len(), Ordering::Relaxed);
        let mut request = sink.write_request();
        request.get().set_chunk(CHUNK);
        let sent = request.send();
        if let Some(stats) = sink.as_client().stream_stats() {
            counts
                .window
                .store(stats.window_bytes as usize, Ordering::Relaxed);
        }
        if sent.await.is_err() {
            return;
        }
    }
}

struct Object(Arc<Counts>);

impl trial::Server for Object {
    async fn echo(&self, _: trial::EchoParams, _: trial::EchoResults) -> Result<(), Error> {
        Ok(())
    }

    async fn open(
        &self,
        _: trial::OpenParams,
        mut results: trial::OpenResults,
    ) -> Result<(), Error> {
        results
            .get()
            .set_sink(new_client(Reader(Arc::clone(&self.0))));
        Ok(())
    }

    async fn notify(
        &self,
        params: trial::NotifyParams,
        _: trial::NotifyResults,
    ) -> Result<(), Error> {
        let sink = params.get()?.get_listener()?.into_client();
        let sink = streaming_byte_sink::Client::from_client(sink);
        tokio::spawn(send(sink, Arc::clone(&self.0)));
        Ok(())
    }
}

struct Reader(Arc<Counts>);

impl streaming_byte_sink::Server for Reader {
    async fn write(&self, params: streaming_byte_sink::WriteParams) -> Result<(), Error> {
        let mut takes = self.0.takes.subscribe();
        let _ = takes.wait_for(|takes| *takes).await;
        let bytes = params.get()?.get_chunk()?.len();
        self.0.taken.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

struct Gateway {
    process: Child,
    address: SocketAddr,
}

impl Gateway {
    fn start(to: SocketAddr) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_capstan"))
            .args([
                "gateway",
                "--listen",
                "127.0.0.1:0",
                "--to",
                &to.to_string(),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening ws://")
            .and_then(|rest| rest.split(' ').next());
        let address = address
            .unwrap_or_else(|| panic!("{line:?}"))
            .parse()
            .unwrap();
        Self { process, address }
    }

    fn resident_bytes(&self) -> usize {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
            * 1024
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A long way, which keeps little on its own account and can be closed in the direction of the stream.
struct Way {
    address: SocketAddr,
    is_open: watch::Sender<bool>,
    /// Bytes that went in the direction of the stream.
    carried: Arc<AtomicUsize>,
}

impl Way {
    fn carried(&self) -> usize {
        self.carried.load(Ordering::Relaxed)
    }

    /// `stream` says which way the stream goes: up is to `server`.
    async fn to(server: SocketAddr, stream: Direction, line: Line) -> Self {
        let socket = narrow();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let (is_open, open) = watch::channel(true);
        let carried: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&carried);
        tokio::spawn(async move {
            let (near, _) = listener.accept().await.unwrap();
            let far = narrow().connect(server).await.unwrap();
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let (from, to) = match stream {
                Direction::Up => (near, far),
                Direction::Down => (far, near),
            };
            let (from_read, mut from_write) = from.into_split();
            let (mut to_read, to_write) = to.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut to_read, &mut from_write).await });
            let (under_way, arriving) = mpsc::unbounded_channel();
            tokio::spawn(arrive(arriving, to_write, count));
            let (mut from_read, mut open) = (from_read, open);
            let mut buffer = vec![
                0;
                if line.bytes_per_second.is_some() {
                    1 << 14
                } else {
                    1 << 18
                }
            ];
            let mut free = Instant::now();
            while open.wait_for(|open| *open).await.is_ok() {
                let bytes = tokio::select! {
                    read = from_read.read(&mut buffer) => read.unwrap_or(0),
                    _ = open.changed() => continue,
                };
                free = free.max(Instant::now()) + line.time_of(bytes);
                let at = free + line.delay;
                if bytes == 0 || under_way.send((at, buffer[..bytes].to_vec())).is_err() {
                    return;
                }
                sleep_until(free).await;
            }
        });
        Self {
            address,
            is_open,
            carried,
        }
    }
}

/// The kernel keeps little of what comes.
fn narrow() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1 << 16).unwrap();
    socket
}

async fn arrive(
    mut arriving: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    carried: Arc<AtomicUsize>,
) {
    while let Some((at, bytes)) = arriving.recv().await {
        sleep_until(at).await;
        carried.fetch_add(bytes.len(), Ordering::Relaxed);
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

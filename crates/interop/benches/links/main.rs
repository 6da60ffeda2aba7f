//! One run of `npm run bench:flow -- --links`: streams and small calls over real sockets, through a line that is shaped in this
//! process. Prints what arrived and what the calls took, as JSON; `js/bench/flow/links.mjs` makes tables of that.
//!
//! `--proxy <port>` is the line alone, for peers that do not run in this process: prints the port it listens at, and takes changes
//! from its standard input, a rate in Mbit/s and a round trip in ms on each line.
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
mod ledger;
mod line;

generated!(streams_capnp);

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use capstan_rpc::flow::FlowControl;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use crate::capstan::Ours;
use crate::crate_peer::Theirs;
use crate::ledger::Ledger;
use crate::line::Line;

/// One end of a connection, of either implementation.
trait Client: Sized + 'static {
    type Sink: Clone + 'static;

    async fn open(&self) -> Self::Sink;
    async fn write(sink: &Self::Sink, chunk: &[u8]);
    async fn call(&self);
    /// Bytes in flight on this stream, and its window, where that can be seen.
    fn held(sink: &Self::Sink) -> Option<(u64, u64)>;
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let number = |name: &str| given(name).map(|text| text.parse::<f64>().expect(name));
    if given("--rate").is_none() {
        // cargo runs every bench of a package that was asked for; this one is for links.mjs.
        return println!("this bench is one run of: npm run bench:flow -- --links");
    }
    let (rate, round_trip) = (number("--rate").unwrap(), number("--rtt").unwrap());
    let line = Arc::new(Line::new(rate, round_trip));
    if let Some(to) = number("--proxy") {
        return relay(&line, to as u16);
    }
    let run = Run {
        streams: number("--streams").unwrap_or(1.0) as usize,
        chunk_bytes: number("--chunk").unwrap_or(65_536.0) as usize,
        seconds: number("--seconds").unwrap_or(10.0),
        change_at: number("--at"),
        then_rate: number("--then-rate").unwrap_or(rate),
        then_round_trip: number("--then-rtt").unwrap_or(round_trip),
        stop: number("--stop").zip(number("--go-on")),
        line: Arc::clone(&line),
        ledger: Arc::default(),
    };
    let ledger = Arc::clone(&run.ledger);
    LocalSet::new().block_on(&single_threaded(), async move {
        let peer = given("--peer").unwrap_or("adaptive").to_string();
        let is_websocket = peer == "websocket";
        let control = match peer.as_str() {
            "fixed" => FlowControl::Fixed(65_536),
            _ => FlowControl::Adaptive,
        };
        if peer == "crate" {
            let port = line::start(line, start(move |at| crate_peer::serve(at, ledger)));
            run.go(Theirs::connect(port).await).await;
        } else {
            let server = start(move |at| capstan::serve(at, is_websocket, ledger));
            let port = line::start(line, server);
            run.go(Ours::connect(port, is_websocket, control).await)
                .await;
        }
    });
}

struct Run {
    streams: usize,
    chunk_bytes: usize,
    seconds: f64,
    change_at: Option<f64>,
    then_rate: f64,
    then_round_trip: f64,
    /// When the first stream's reader stops, and goes on.
    stop: Option<(f64, f64)>,
    line: Arc<Line>,
    ledger: Arc<Ledger>,
}

impl Run {
    async fn go<C: Client>(self, client: C) {
        let client = Rc::new(client);
        let mut sinks = Vec::new();
        for _ in 0..self.streams {
            sinks.push(client.open().await);
        }
        let begin = Instant::now();
        let end = begin + Duration::from_secs_f64(self.seconds);
        let chunk: Rc<[u8]> = vec![7; self.chunk_bytes].into();
        for sink in &sinks {
            let (sink, chunk) = (sink.clone(), Rc::clone(&chunk));
            tokio::task::spawn_local(async move {
                while Instant::now() < end {
                    C::write(&sink, &chunk).await;
                    // Where there is always room, others come next all the same.
                    tokio::task::yield_now().await;
                }
            });
        }
        let calls = Rc::new(RefCell::new(Vec::new()));
        let (caller, took) = (Rc::clone(&client), Rc::clone(&calls));
        tokio::task::spawn_local(async move {
            loop {
                let at = Instant::now();
                caller.call().await;
                let millis = at.elapsed().as_secs_f64() * 1e3;
                took.borrow_mut()
                    .push((at.duration_since(begin).as_secs_f64(), millis));
                tokio::time::sleep(Duration::from_millis(7)).await;
            }
        });
        let after = |seconds: f64| begin + Duration::from_secs_f64(seconds);
        let most_held = Cell::new(0);
        let mut window = None;
        if let Some(at) = self.change_at {
            tokio::time::sleep_until(after(at).into()).await;
            self.line.set(self.then_rate, self.then_round_trip);
        }
        if let Some((stop, go_on)) = self.stop {
            tokio::time::sleep_until(after(stop).into()).await;
            window = C::held(&sinks[0]).map(|(_, window)| window);
            self.ledger.stop(true);
            while Instant::now() < after(go_on) {
                if let Some((held, _)) = C::held(&sinks[0]) {
                    most_held.set(most_held.get().max(held));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.ledger.stop(false);
        }
        tokio::time::sleep_until(end.into()).await;
        let calls = calls.borrow();
        let calls = calls
            .iter()
            .map(|(at, took)| format!("[{at:.3},{took:.2}]"));
        println!(
            "{{\"bins\":{:?},\"calls\":[{}],\"window\":{},\"held\":{},\"busy\":{:.2}}}",
            self.ledger.bins(begin, self.seconds),
            calls.collect::<Vec<_>>().join(","),
            window.unwrap_or(0),
            most_held.get(),
            processor_seconds() / begin.elapsed().as_secs_f64(),
        );
        // Nobody waits for what is under way.
        std::process::exit(0);
    }
}

fn relay(line: &Arc<Line>, to: u16) {
    println!("{}", line::start(Arc::clone(line), to));
    for change in std::io::stdin().lines().map_while(Result::ok) {
        let mut numbers = change.split(' ').map(|text| text.parse().unwrap());
        line.set(numbers.next().unwrap(), numbers.next().unwrap());
    }
}

/// What all threads of this process have taken, where Linux tells.
fn processor_seconds() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let nanos = tasks.flatten().filter_map(|task| {
        let times = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    nanos.sum::<u64>() as f64 / 1e9
}

/// Runs a server on a thread of its own; its port.
fn start<F: Future<Output = ()>>(
    serve: impl FnOnce(std::net::TcpListener) -> F + Send + 'static,
) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || LocalSet::new().block_on(&single_threaded(), serve(listener)));
    port
}

fn single_threaded() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

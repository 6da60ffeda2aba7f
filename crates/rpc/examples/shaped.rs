//! Streams over TCP through a line that is shaped in this process: a rate, a delay, a queue.
//!
//! `cargo run --release -p capstan-rpc --example shaped -- <Mbit/s> <round trip in ms> <streams> <chunk bytes> <seconds> [<window bytes> ...]`
//! tells, for windows that adapt (0) and of 64 KiB, or for those that are given, the share of the line that was used, when nine tenths
//! of it were, and what small calls took beside the streams. A rate of 0 leaves the line out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use capstan_message::layout::StructSize;
use capstan_rpc::flow::FlowControl;
use capstan_rpc::vat::{
    Admission, CallId, ConnectionOptions, Event, ObjectOptions, Outgoing, PipelineOp, Vat,
};

const INTERFACE: u64 = 0xabcd_0000_0000_0003;
const WRITE: u16 = 0;
const MAKE: u16 = 1;
const PING: u16 = 2;

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .map(|argument| {
            argument
                .parse()
                .expect("numbers: Mbit/s ms streams bytes s")
        })
        .collect();
    let &[megabits, millis, streams, chunk, seconds, ref windows @ ..] = numbers.as_slice() else {
        panic!("give five numbers: Mbit/s, round trip in ms, streams, chunk bytes, seconds")
    };
    let line = Line {
        bytes_per_second: megabits as f64 * 1e6 / 8.0,
        one_way: Duration::from_micros(millis * 500),
    };
    let windows = if windows.is_empty() {
        &[0, 65_536]
    } else {
        windows
    };
    for bytes in windows {
        let control = match bytes {
            0 => FlowControl::Adaptive,
            bytes => FlowControl::Fixed(*bytes),
        };
        let seconds = Duration::from_secs(seconds);
        println!(
            "{control:?}: {}",
            run(line, control, streams as usize, chunk as usize, seconds)
        );
    }
}

#[derive(Clone, Copy)]
struct Line {
    bytes_per_second: f64,
    one_way: Duration,
}

fn run(line: Line, control: FlowControl, streams: usize, chunk: usize, time: Duration) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let (server_at, proxy_at) = (server.local_addr().unwrap(), proxy.local_addr().unwrap());
    let delivered = Arc::new(Mutex::new(Vec::new()));
    let counted = Arc::clone(&delivered);
    thread::spawn(move || serve(server.accept().unwrap().0, &counted));
    thread::spawn(move || {
        let near = proxy.accept().unwrap().0;
        let far = TcpStream::connect(server_at).unwrap();
        shape(line, near.try_clone().unwrap(), far.try_clone().unwrap());
        shape(line, far, near);
    });
    let at = if line.bytes_per_second > 0.0 {
        proxy_at
    } else {
        server_at
    };
    let outcome = client(
        TcpStream::connect(at).unwrap(),
        control,
        streams,
        chunk,
        time,
    );
    report(line, &outcome, &delivered.lock().unwrap())
}

// ---- the line ----

/// Carries what comes in to where it goes out, at the line's rate and with its delay. Its queue
/// holds a bandwidth-delay product, and 256 KiB at least; then the sender's socket fills.
fn shape(line: Line, mut from: TcpStream, mut to: TcpStream) {
    const PIECE: usize = 1448;
    let product = line.bytes_per_second * 2.0 * line.one_way.as_secs_f64();
    let pieces = (product as usize).max(256 * 1024) / PIECE;
    let (queue, queued): (SyncSender<Vec<u8>>, Receiver<Vec<u8>>) = sync_channel(pieces);
    let (under_way, arriving): (Sender<(Instant, Vec<u8>)>, _) = channel();
    from.set_nodelay(true).unwrap();
    to.set_nodelay(true).unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        while let Ok(bytes @ 1..) = from.read(&mut buffer) {
            if queue.send(buffer[..bytes].to_vec()).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        let mut free = Instant::now();
        while let Ok(piece) = queued.recv() {
            free = free.max(Instant::now() - Duration::from_millis(2))
                + Duration::from_secs_f64(piece.len() as f64 / line.bytes_per_second);
            sleep_until(free);
            if under_way.send((free + line.one_way, piece)).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        while let Ok((at, piece)) = arriving.recv() {
            sleep_until(at);
            if to.write_all(&piece).is_err() {
                return;
            }
        }
    });
}

fn sleep_until(time: Instant) {
    let now = Instant::now();
    // Shorter sleeps take longer than they should.
    if time > now + Duration::from_micros(500) {
        thread::sleep(time - now);
    }
}

// ---- the ends ----

/// One message after the other, each with its segment table.
fn read_frames(mut socket: TcpStream, frames: &Sender<Vec<u8>>) {
    loop {
        let mut table = [0; 8];
        if socket.read_exact(&mut table).is_err() {
            return;
        }
        assert_eq!(table[..4], [0; 4], "one segment is all that is sent here");
        let words = u32::from_le_bytes([table[4], table[5], table[6], table[7]]) as usize;
        let mut frame = vec![0; 8 + 8 * words];
        frame[..8].copy_from_slice(&table);
        if socket.read_exact(&mut frame[8..]).is_err() || frames.send(frame).is_err() {
            return;
        }
    }
}

fn serve(socket: TcpStream, delivered: &Mutex<Vec<(Instant, usize)>>) {
    socket.set_nodelay(true).unwrap();
    let mut vat = Vat::new();
    let (_, bootstrap) = vat.add_object(ObjectOptions::default());
    let options = ConnectionOptions {
        bootstrap: Some(bootstrap),
        ..ConnectionOptions::default()
    };
    let connection = vat.connect(0, options);
    let (sender, frames) = channel();
    let mut out = socket.try_clone().unwrap();
    thread::spawn(move || read_frames(socket, &sender));
    while let Ok(frame) = frames.recv() {
        let bytes = frame.len();
        vat.handle_message(0, connection, frame);
        while let Some(event) = vat.poll_event() {
            let Event::Call(call) = event else { continue };
            let mut results = Outgoing::results(4);
            let mut caps = Vec::new();
            match call.method_id {
                MAKE => {
                    let content = results.content().unwrap().builder.init_struct(SIZE);
                    content.get_pointer_field(0).set_capability_index(0);
                    caps.push(Some(vat.add_object(ObjectOptions::default()).1));
                }
                WRITE => delivered.lock().unwrap().push((Instant::now(), bytes)),
                _ => {}
            }
            vat.return_results(0, call.answer, results, caps);
        }
        while let Some(frame) = vat.poll_transmit(connection) {
            if out.write_all(&frame).is_err() {
                return;
            }
        }
    }
}

struct Outcome {
    started: Instant,
    ended: Instant,
    /// When small calls were made and what they took.
    calls: Vec<(Instant, Duration)>,
    most_in_flight: u64,
}

fn client(
    socket: TcpStream,
    control: FlowControl,
    streams: usize,
    chunk: usize,
    time: Duration,
) -> Outcome {
    socket.set_nodelay(true).unwrap();
    let begin = Instant::now();
    let micros = || begin.elapsed().as_micros() as u64;
    let mut vat = Vat::new();
    let options = ConnectionOptions {
        flow_control: control,
        ..ConnectionOptions::default()
    };
    let connection = vat.connect(0, options);
    let (sender, frames) = channel();
    let (out, to_send) = channel::<Vec<u8>>();
    let mut writing = socket.try_clone().unwrap();
    thread::spawn(move || read_frames(socket, &sender));
    thread::spawn(move || {
        while let Ok(frame) = to_send.recv() {
            if writing.write_all(&frame).is_err() {
                return;
            }
        }
    });

    let root = vat.bootstrap(micros(), connection);
    let sinks: Vec<_> = (0..streams)
        .map(|_| {
            let made = vat.call(micros(), root, outgoing(MAKE, &[]), Vec::new());
            vat.pipeline(made, &[PipelineOp::GetPointerField(0)])
        })
        .collect();
    let data = vec![7; chunk];
    let mut ready: VecDeque<usize> = VecDeque::new();
    let mut waiting: Vec<(CallId, usize)> = Vec::new();
    let mut asked: Option<(CallId, Instant)> = None;
    let mut made = 0;
    let mut next_call = begin;
    let mut next_trace = begin;
    let mut outcome = Outcome {
        started: begin,
        ended: begin,
        calls: Vec::new(),
        most_in_flight: 0,
    };
    loop {
        while let Some(stream) = ready.pop_front() {
            match vat.call_streaming(micros(), sinks[stream], outgoing(WRITE, &data), Vec::new()) {
                Ok(Admission::Ready) => ready.push_back(stream),
                Ok(Admission::Wait(call)) => waiting.push((call, stream)),
                Err(error) => panic!("{error:?}"),
            }
            let stats = vat.connection_stats(connection).unwrap();
            outcome.most_in_flight = outcome.most_in_flight.max(stats.in_flight_bytes);
        }
        let now = Instant::now();
        if std::env::var_os("SHAPED_TRACE").is_some() && now >= next_trace {
            next_trace = now + Duration::from_millis(100);
            eprintln!(
                "{:6.3} s {:?}",
                begin.elapsed().as_secs_f64(),
                vat.line_stats(connection)
            );
        }
        if asked.is_none() && now >= next_call {
            let call = vat.call(micros(), root, outgoing(PING, &[]), Vec::new());
            asked = Some((call, now));
            next_call = now + Duration::from_millis(7);
        }
        while let Some(frame) = vat.poll_transmit(connection) {
            out.send(frame).unwrap();
        }
        if now > outcome.started + time && made == streams {
            outcome.ended = now;
            return outcome;
        }
        match frames.recv_timeout(Duration::from_millis(2)) {
            Ok(frame) => vat.handle_message(micros(), connection, frame),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the server is gone"),
        }
        while let Some(event) = vat.poll_event() {
            match event {
                Event::StreamReady { call, result } => {
                    result.unwrap();
                    let index = waiting.iter().position(|(id, _)| *id == call).unwrap();
                    ready.push_back(waiting.swap_remove(index).1);
                }
                Event::Return { call, .. } => match asked {
                    Some((id, at)) if id == call => {
                        outcome.calls.push((at, at.elapsed()));
                        asked = None;
                    }
                    _ => {
                        made += 1;
                        if made == streams {
                            outcome.started = Instant::now();
                            ready.extend(0..streams);
                        }
                    }
                },
                _ => {}
            }
        }
    }
}

const SIZE: StructSize = StructSize {
    data: 0,
    pointers: 1,
};

fn outgoing(method: u16, data: &[u8]) -> Outgoing {
    let mut outgoing = Outgoing::call(INTERFACE, method, data.len() / 8 + 8);
    let content = outgoing.content().unwrap().builder.init_struct(SIZE);
    content.get_pointer_field(0).set_data(data);
    outgoing
}

fn report(line: Line, outcome: &Outcome, delivered: &[(Instant, usize)]) -> String {
    let round_trip = 2.0 * line.one_way.as_secs_f64();
    let start_up = Duration::from_secs_f64(8.0 * round_trip + 0.1);
    let share = |from: Instant, to: Instant| {
        let bytes: usize = delivered
            .iter()
            .filter(|(at, _)| *at >= from && *at < to)
            .map(|(_, bytes)| bytes)
            .sum();
        bytes as f64 / (to - from).as_secs_f64() / line.bytes_per_second
    };
    let steady = outcome.started + start_up;
    let span = Duration::from_secs_f64((round_trip / 2.0).max(0.05));
    let started = (0..2000)
        .map(|step| outcome.started + Duration::from_millis(5 * step))
        .find(|at| share(*at, *at + span) >= 0.9)
        .map(|at| (at + span - outcome.started).as_millis());
    let mut calls: Vec<Duration> = outcome
        .calls
        .iter()
        .filter(|(at, _)| *at > steady)
        .map(|(_, took)| *took)
        .collect();
    calls.sort_unstable();
    if line.bytes_per_second == 0.0 {
        let bytes: usize = delivered.iter().map(|(_, bytes)| bytes).sum();
        return format!(
            "{:.0} MB/s, small calls p50 {:?} p99 {:?}, most in flight {} KB",
            bytes as f64 / (outcome.ended - outcome.started).as_secs_f64() / 1e6,
            calls[calls.len() / 2],
            calls[calls.len() * 99 / 100],
            outcome.most_in_flight / 1000,
        );
    }
    format!(
        "{:.1} % of the line, nine tenths after {started:?} ms, small calls p50 {:?} p99 {:?}, most in flight {} KB",
        100.0 * share(steady, outcome.ended),
        calls[calls.len() / 2],
        calls[calls.len() * 99 / 100],
        outcome.most_in_flight / 1000,
    )
}

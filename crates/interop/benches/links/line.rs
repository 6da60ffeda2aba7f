//! A line between two ends: a rate, a delay and a bounded queue in each direction, through which a proxy carries bytes.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// May change while it is in use.
pub struct Line {
    bytes_per_second: AtomicU64,
    one_way_micros: AtomicU64,
    queue_bytes: usize,
}

impl Line {
    /// Its queue holds what the line does in a round trip, and 256 KiB at least.
    pub fn new(megabits: f64, round_trip_millis: f64) -> Self {
        let line = Self {
            bytes_per_second: AtomicU64::new(0),
            one_way_micros: AtomicU64::new(0),
            queue_bytes: ((megabits * round_trip_millis * 125.0) as usize).max(256 << 10),
        };
        line.set(megabits, round_trip_millis);
        line
    }

    pub fn set(&self, megabits: f64, round_trip_millis: f64) {
        self.bytes_per_second
            .store((megabits * 125_000.0) as u64, Ordering::Relaxed);
        self.one_way_micros
            .store((round_trip_millis * 500.0) as u64, Ordering::Relaxed);
    }

    fn rate(&self) -> f64 {
        self.bytes_per_second.load(Ordering::Relaxed) as f64
    }

    fn one_way(&self) -> Duration {
        Duration::from_micros(self.one_way_micros.load(Ordering::Relaxed))
    }
}

/// Listens, and carries what comes to the port `to` and back. The port it listens at.
pub fn start(line: Arc<Line>, to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            // What waits there waits in no queue of the line's.
            socket2::SockRef::from(&near)
                .set_recv_buffer_size(SOCKET_BYTES)
                .unwrap();
            let far = TcpStream::connect(("127.0.0.1", to)).unwrap();
            carry(&line, near.try_clone().unwrap(), far.try_clone().unwrap());
            carry(&line, far, near);
        }
    });
    port
}

fn carry(line: &Arc<Line>, mut from: TcpStream, mut to: TcpStream) {
    from.set_nodelay(true).unwrap();
    let queue = Arc::new(Queue::default());
    let (under_way, arriving): (Sender<(Instant, Vec<u8>)>, _) = channel();
    let (reading, read) = (Arc::clone(line), Arc::clone(&queue));
    thread::spawn(move || {
        let mut buffer = vec![0; MAX_PIECE_BYTES];
        loop {
            let piece = ((reading.rate() * PIECE_SECONDS) as usize).clamp(1448, MAX_PIECE_BYTES);
            match from.read(&mut buffer[..piece]) {
                Ok(bytes @ 1..) => read.push(buffer[..bytes].to_vec(), reading.queue_bytes),
                _ => return read.push(Vec::new(), usize::MAX),
            }
        }
    });
    let line = Arc::clone(line);
    thread::spawn(move || {
        let mut free = Instant::now();
        loop {
            // By when it came, not by when this thread was woken.
            let (came, piece) = queue.pop();
            free = free.max(came) + Duration::from_secs_f64(piece.len() as f64 / line.rate());
            sleep_until(free);
            if under_way.send((free + line.one_way(), piece)).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        while let Ok((at, piece)) = arriving.recv() {
            sleep_until(at);
            if piece.is_empty() {
                let _ = to.shutdown(std::net::Shutdown::Write);
                return;
            }
            if to.write_all(&piece).is_err() {
                return;
            }
        }
    });
}

#[derive(Default)]
struct Queue {
    /// Beside how many bytes they are.
    pieces: Mutex<(Pieces, usize)>,
    changed: Condvar,
}

/// Bytes, and when they came.
type Pieces = VecDeque<(Instant, Vec<u8>)>;

impl Queue {
    /// Waits for room.
    fn push(&self, piece: Vec<u8>, max_bytes: usize) {
        let pieces = self.pieces.lock().unwrap();
        let is_full = |(_, bytes): &mut (_, usize)| *bytes >= max_bytes;
        let mut pieces = self.changed.wait_while(pieces, is_full).unwrap();
        pieces.1 += piece.len();
        pieces.0.push_back((Instant::now(), piece));
        self.changed.notify_all();
    }

    fn pop(&self) -> (Instant, Vec<u8>) {
        let pieces = self.pieces.lock().unwrap();
        let is_empty = |(pieces, _): &mut (VecDeque<_>, usize)| pieces.is_empty();
        let mut pieces = self.changed.wait_while(pieces, is_empty).unwrap();
        let piece = pieces.0.pop_front().unwrap();
        pieces.1 -= piece.1.len();
        self.changed.notify_all();
        piece
    }
}

fn sleep_until(time: Instant) {
    let left = time.saturating_duration_since(Instant::now());
    // Shorter sleeps take longer than they should.
    if left > Duration::from_micros(100) {
        thread::sleep(left);
    }
}

const SOCKET_BYTES: usize = 64 << 10;

/// So much of the line's time is one piece.
const PIECE_SECONDS: f64 = 0.000_2;
const MAX_PIECE_BYTES: usize = 16 << 10;

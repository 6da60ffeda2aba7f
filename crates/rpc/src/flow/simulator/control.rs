//! What decides about windows: ours, and what it is compared with.

use crate::flow::{FlowControl, Line, MemberId, Sent};

/// A message as its controller remembers it.
#[derive(Clone, Copy, Debug)]
pub enum Token {
    Ours(Sent),
    Theirs { bytes: u64, at: u64, delivered: u64 },
}

/// The windows of the streams of one connection. Times are what its clock shows, in microseconds.
pub trait Control {
    /// A new stream; the first has the number 0.
    fn join(&mut self) -> usize;
    fn sent(&mut self, now: u64, stream: usize, bytes: u64) -> Token;
    fn returned(&mut self, now: u64, stream: usize, token: Token);
    /// Whether there is room for another message.
    fn is_ready(&self, stream: usize) -> bool;
    fn wait(&mut self, stream: usize);
    /// A stream whose waiting is over.
    fn poll(&mut self) -> Option<usize>;
    /// So much waits in the sender's computer.
    fn set_backlog(&mut self, _bytes: u64) {}
    /// In bytes.
    fn window(&self, stream: usize) -> u64;
    /// What all streams together may have in flight, if that is less than what each may.
    fn shared_window(&self) -> Option<u64> {
        None
    }
    /// What the rate is taken to be, in bytes per second, of all streams together; 0 when nothing is measured.
    fn rate(&self) -> f64;
    /// For traces.
    fn describe(&self) -> String {
        String::new()
    }
}

/// Windows as a connection has them.
pub struct Ours {
    line: Line,
    members: Vec<MemberId>,
    control: FlowControl,
}

impl Ours {
    /// Found out while streaming: what a connection has by default.
    pub fn adaptive() -> Box<Self> {
        Self::with(FlowControl::Adaptive)
    }

    /// 64 KiB for each stream.
    pub fn fixed() -> Box<Self> {
        Self::with(FlowControl::Fixed(65_536))
    }

    fn with(control: FlowControl) -> Box<Self> {
        Box::new(Self {
            line: Line::new(32 << 20),
            members: Vec::new(),
            control,
        })
    }
}

impl Control for Ours {
    fn join(&mut self) -> usize {
        let tag = self.members.len() as u64;
        self.members.push(self.line.join(tag, self.control));
        self.members.len() - 1
    }

    fn sent(&mut self, now: u64, stream: usize, bytes: u64) -> Token {
        Token::Ours(self.line.on_sent(now, self.members[stream], bytes))
    }

    fn returned(&mut self, now: u64, stream: usize, token: Token) {
        // No other token is handed out here.
        if let Token::Ours(sent) = token {
            self.line.on_returned(now, self.members[stream], &sent);
        }
    }

    fn is_ready(&self, stream: usize) -> bool {
        self.line.is_ready(self.members[stream])
    }

    fn wait(&mut self, stream: usize) {
        self.line.wait(self.members[stream]);
    }

    fn poll(&mut self) -> Option<usize> {
        Some(self.line.poll_ready()? as usize)
    }

    fn set_backlog(&mut self, bytes: u64) {
        self.line.set_backlog(bytes);
    }

    fn window(&self, stream: usize) -> u64 {
        let stats = self.line.member_stats(self.members[stream]);
        stats.map_or(0, |stats| stats.window_bytes)
    }

    fn shared_window(&self) -> Option<u64> {
        (self.control == FlowControl::Adaptive).then(|| self.line.stats().window_bytes)
    }

    fn rate(&self) -> f64 {
        self.line.stats().btl_bw
    }

    fn describe(&self) -> String {
        let line = self.line.stats();
        let mut text = format!(
            "{:?} window {} KB on line {} KB bw {:.2} MB/s rt {} us queued {} us",
            line.mode,
            line.window_bytes / 1000,
            line.on_line_bytes / 1000,
            line.btl_bw / 1e6,
            line.rt_prop_micros,
            line.queued_micros
        );
        for member in self.members.iter().take(4) {
            let Some(stats) = self.line.member_stats(*member) else {
                continue;
            };
            text += &format!(
                " | {:?} w {} KB f {} KB bw {:.2} rt {:?}",
                stats.mode,
                stats.window_bytes / 1000,
                stats.in_flight_bytes / 1000,
                stats.btl_bw / 1e6,
                stats.rt_prop_micros
            );
        }
        text
    }
}

/// Our model of estimating bandwidth times the shortest round trip there ever was, each stream on
/// its own: a gain of two until the rate is flat for three rounds, a gain of a quarter from then on.
#[derive(Default)]
pub struct AllTimeMinimum {
    streams: Vec<Theirs>,
}

#[derive(Default)]
struct Theirs {
    in_flight: u64,
    largest: u64,
    delivered: u64,
    shortest: Option<u64>,
    window: f64,
    flat_rounds: u32,
    best: f64,
    /// Of the last answer, in bytes per microsecond.
    rate: f64,
    round_end: u64,
    waiting: u32,
}

impl Control for AllTimeMinimum {
    fn join(&mut self) -> usize {
        self.streams.push(Theirs {
            window: 65_536.0,
            ..Theirs::default()
        });
        self.streams.len() - 1
    }

    fn sent(&mut self, now: u64, stream: usize, bytes: u64) -> Token {
        let stream = &mut self.streams[stream];
        stream.in_flight += bytes;
        stream.largest = stream.largest.max(bytes);
        Token::Theirs {
            bytes,
            at: now,
            delivered: stream.delivered,
        }
    }

    fn returned(&mut self, now: u64, stream: usize, token: Token) {
        let Token::Theirs {
            bytes,
            at,
            delivered,
        } = token
        else {
            return;
        };
        let stream = &mut self.streams[stream];
        stream.in_flight -= bytes;
        stream.delivered += bytes;
        let took = now.saturating_sub(at);
        let shortest = stream.shortest.map_or(took, |known| known.min(took));
        stream.shortest = Some(shortest);
        let rate = (stream.delivered - delivered) as f64 / took.max(1) as f64;
        stream.rate = rate;
        let gain = if stream.flat_rounds < 3 { 2.0 } else { 1.25 };
        let target = rate * shortest as f64 * gain;
        stream.window = target.min(stream.window * gain).max(16_384.0);
        if delivered >= stream.round_end {
            stream.round_end = stream.delivered;
            if rate > 1.25 * stream.best {
                stream.best = rate;
                stream.flat_rounds = 0;
            } else {
                stream.flat_rounds += 1;
            }
        }
    }

    fn is_ready(&self, stream: usize) -> bool {
        let stream = &self.streams[stream];
        stream.in_flight < stream.window as u64 + stream.largest
    }

    fn wait(&mut self, stream: usize) {
        self.streams[stream].waiting += 1;
    }

    fn poll(&mut self) -> Option<usize> {
        let ready = (0..self.streams.len())
            .find(|index| self.streams[*index].waiting > 0 && self.is_ready(*index))?;
        self.streams[ready].waiting -= 1;
        Some(ready)
    }

    fn window(&self, stream: usize) -> u64 {
        self.streams[stream].window as u64
    }

    fn rate(&self) -> f64 {
        let rates = self.streams.iter().map(|stream| stream.rate);
        rates.sum::<f64>() * 1e6
    }
}

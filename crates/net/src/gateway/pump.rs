//! One client and its connection to the server.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use capstan_rpc::framing::messages;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, Watched};
use super::upstream::Bytes;
use super::{Gateway, Options};
use crate::driver::{CLOSE_TIMEOUT, CloseCode, Goodbye, Link, LinkError, TURN_BYTES};
use crate::error::explain;

use crate::tcp::StreamLink;
use crate::websocket::link::WebSocketLink;

/// Connects to the server and forwards until either side, or the gateway, has had enough.
pub(super) async fn run(gateway: &Gateway, upgraded: Upgraded, peer: SocketAddr) {
    let options = &gateway.options;
    let activity = Activity::default();
    let stream = Watched {
        stream: TokioIo::new(upgraded),
        activity: activity.clone(),
    };
    let client = WebSocketLink::accepted(stream, Vec::new(), options.max_message_bytes).await;
    let connecting = tokio::time::timeout(options.handshake_timeout, gateway.server.connect());
    let stream = match connecting.await {
        Ok(Ok(stream)) => stream,
        failed => {
            let why = match failed {
                Ok(Err(cause)) => explain(&cause),
                _ => format!("no answer within {:?}", options.handshake_timeout),
            };
            options.report(&format!("cannot connect to {}: {why}", gateway.server));
            // Where the server is concerns the operator alone.
            let text = format!("the gateway cannot reach the server behind it: {why}");
            let goodbye = Goodbye {
                code: CloseCode::Unreachable,
                text,
            };
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, client.finish(Some(goodbye))).await;
            return;
        }
    };
    let mut pump = Pump::new(client, stream, options, activity);
    let end = tokio::select! {
        end = poll_fn(|cx| pump.poll(cx)) => end,
        () = gateway.over() => End::Shutdown,
    };
    if let Some(trouble) = end.trouble() {
        options.report(&format!("{peer}: {trouble}"));
    }
    // The server has nobody to talk to any more, or has gone itself.
    let farewell = Goodbye {
        code: CloseCode::Normal,
        text: String::new(),
    };
    let client = pump.client.finish(end.goodbye());
    let server = pump.server.finish(Some(farewell));
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, async { tokio::join!(client, server) }).await;
}

struct Pump<C, S> {
    client: WebSocketLink<C>,
    server: StreamLink<S>,
    max_message_bytes: usize,
    /// On its way to the server, and to the client; each is read again when this has been sent.
    up: Vec<Vec<u8>>,
    down: Vec<Vec<u8>>,
    /// The server takes nothing any more. What it has still to say comes first.
    deaf: Option<String>,
    silence: Option<Silence>,
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin> Pump<C, Box<dyn Bytes>> {
    fn new(
        client: WebSocketLink<C>,
        stream: Box<dyn Bytes>,
        options: &Options,
        activity: Activity,
    ) -> Self {
        let link_options = crate::Options {
            max_message_bytes: options.max_message_bytes,
            packed: options.packed,
            ..crate::Options::default()
        };
        Self {
            client,
            server: StreamLink::new(stream, &link_options),
            max_message_bytes: options.max_message_bytes,
            up: Vec::new(),
            down: Vec::new(),
            deaf: None,
            silence: options
                .idle_timeout
                .map(|limit| Silence::new(limit, activity)),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Some(silence) = &mut self.silence {
            match silence.poll(cx) {
                Poll::Ready(Heard::Nothing) => return Poll::Ready(End::Silent),
                Poll::Ready(Heard::Ask) => {
                    if let Err(error) = self.client.ping() {
                        return Poll::Ready(End::Client(error));
                    }
                    // Polled again, so that it wakes us.
                    cx.waker().wake_by_ref();
                }
                Poll::Pending => {}
            }
        }
        for _ in 0..TURNS {
            let up = self.poll_up(cx);
            if let Poll::Ready(Err(end)) = up {
                return Poll::Ready(end);
            }
            let down = self.poll_down(cx);
            if let Poll::Ready(Err(end)) = down {
                return Poll::Ready(end);
            }
            if up.is_pending() && down.is_pending() {
                return Poll::Pending;
            }
        }
        // There is more to do, but other connections come first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready when something was handed on to the server.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.deaf.is_some() {
            return Poll::Pending;
        }
        let flushed = self.server.poll_flush(cx);
        if let Some(silence) = &mut self.silence {
            // Nothing is expected of a client that is not listened to.
            silence.listening = flushed.is_ready();
        }
        if let Err(error) = ready!(flushed) {
            self.deaf = Some(error.text());
            return Poll::Pending;
        }
        let mut bytes = 0;
        let mut end = None;
        while bytes < TURN_BYTES && end.is_none() {
            match self.client.poll_frame(cx) {
                Poll::Ready(Ok(Some(frame))) => {
                    bytes += frame.len();
                    end = self.take(frame).err();
                }
                Poll::Ready(Ok(None)) => end = Some(LinkError::Closed(String::new())),
                Poll::Ready(Err(error)) => end = Some(error),
                Poll::Pending => break,
            }
        }
        if self.up.is_empty() && end.is_none() {
            return Poll::Pending;
        }
        let accepted = self.server.accept(&mut self.up).map_err(End::Server);
        Poll::Ready(match end {
            Some(error) => Err(End::Client(error)),
            None => accepted,
        })
    }

    /// A frame is one message, or several back to back, which for a stream of bytes is no difference.
    fn take(&mut self, frame: Vec<u8>) -> Result<(), LinkError> {
        let messages = messages(frame, self.max_message_bytes).map_err(|error| {
            LinkError::Violation(Goodbye {
                code: CloseCode::Invalid,
                text: format!("a frame is not whole messages: {error}"),
            })
        })?;
        self.up.extend(messages);
        Ok(())
    }

    /// Ready when something was handed on to the client. It gets one message per frame, which peers
    /// that agreed on more understand as well as those that did not.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        ready!(self.client.poll_flush(cx)).map_err(End::Client)?;
        if let Some(silence) = &mut self.silence {
            silence.flushed();
        }
        let mut bytes = 0;
        let mut end = None;
        while bytes < TURN_BYTES && end.is_none() {
            match self.server.poll_receive(cx) {
                Poll::Ready(Ok(Some(frame))) => {
                    bytes += frame.len();
                    self.down.push(frame);
                }
                Poll::Ready(Ok(None)) => {
                    end = Some(match self.deaf.take() {
                        Some(how) => End::Server(LinkError::Closed(how)),
                        None => End::ServerClosed,
                    });
                }
                Poll::Ready(Err(error)) => end = Some(End::Server(error)),
                Poll::Pending => break,
            }
        }
        if self.down.is_empty() && end.is_none() {
            return Poll::Pending;
        }
        let accepted = self.client.accept(&mut self.down).map_err(End::Client);
        Poll::Ready(match end {
            Some(end) => Err(end),
            None => accepted,
        })
    }
}

/// Why forwarding is over.
#[derive(Debug)]
enum End {
    Client(LinkError),
    /// In good order, between two messages.
    ServerClosed,
    Server(LinkError),
    Silent,
    Shutdown,
}

impl End {
    /// What to tell the client, if it is still there.
    fn goodbye(&self) -> Option<Goodbye> {
        let (code, text) = match self {
            Self::Client(LinkError::Violation(goodbye)) => return Some(goodbye.clone()),
            Self::Client(_) => return None,
            Self::ServerClosed => (
                CloseCode::Normal,
                "the server behind the gateway closed the connection".to_string(),
            ),
            Self::Server(error) => (
                CloseCode::Lost,
                format!("the server behind the gateway: {}", error.text()),
            ),
            Self::Silent => (
                CloseCode::GoingAway,
                "no sign of life within the gateway's idle time".to_string(),
            ),
            Self::Shutdown => (
                CloseCode::GoingAway,
                "the gateway is being shut down".to_string(),
            ),
        };
        Some(Goodbye { code, text })
    }

    /// What the operator should know.
    fn trouble(&self) -> Option<String> {
        match self {
            Self::Client(LinkError::Violation(goodbye)) => {
                Some(format!("the client: {}", goodbye.text))
            }
            Self::Server(error) => Some(format!("the server: {}", error.text())),
            Self::Silent => Some("the client gave no sign of life".to_string()),
            Self::Client(_) | Self::ServerClosed | Self::Shutdown => None,
        }
    }
}

impl LinkError {
    fn text(&self) -> String {
        match self {
            Self::Io(error) => format!("connection lost: {}", explain(error)),
            Self::Closed(how) => how.clone(),
            Self::Violation(goodbye) => goodbye.text.clone(),
        }
    }
}

/// Tells clients that have nothing to say from those that have gone without a word, such as a
/// computer whose lid was closed.
struct Silence {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    activity: Activity,
    /// As it was when last looked at.
    count: u64,
    asked: bool,
    /// The question has not been sent yet.
    asking: bool,
    listening: bool,
}

enum Heard {
    /// Not even after it was asked.
    Nothing,
    Ask,
}

impl Silence {
    fn new(limit: Duration, activity: Activity) -> Self {
        Self {
            limit,
            timer: Box::pin(tokio::time::sleep(limit)),
            count: activity.count(),
            activity,
            asked: false,
            asking: false,
            listening: true,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            self.timer.as_mut().reset(Instant::now() + self.limit);
            let count = self.activity.count();
            let moved = core::mem::replace(&mut self.count, count) != count;
            if moved || !self.listening {
                self.asked = false;
                continue;
            }
            if self.asked {
                return Poll::Ready(Heard::Nothing);
            }
            self.asked = true;
            self.asking = true;
            return Poll::Ready(Heard::Ask);
        }
    }

    /// All was sent, the question included, which is no sign of the peer's life.
    fn flushed(&mut self) {
        if core::mem::take(&mut self.asking) {
            self.count = self.activity.count();
        }
    }
}

/// How often both directions get their turn before other connections do.
const TURNS: usize = 4;

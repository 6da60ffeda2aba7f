//! Carries frames between a socket and the RPC layer.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use capstan_rpc::{ConnectionHandle, Error, ErrorKind};
use futures_util::FutureExt;

use crate::error::explain;
use crate::observe::Meter;
use crate::shutdown::{Notice, Phase};

/// A socket that carries whole messages.
///
/// One task does both directions: a peer's call is usually answered in the same turn, and the
/// answers of one turn leave with one write.
pub(crate) trait Link: Unpin + Send {
    /// The next message; none when the peer has ended the connection in good order.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Vec<u8>>, LinkError>>;

    /// Takes over messages to send. Called only after `poll_flush` was ready, so that a link
    /// never holds more than one batch.
    fn accept(&mut self, frames: &mut Vec<Vec<u8>>) -> Result<(), LinkError>;

    /// Ready when everything taken over is with the operating system.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>;

    /// How much of what was taken over is not with the operating system, as far as it is known.
    fn backlog_bytes(&self) -> usize {
        0
    }

    /// Says goodbye, with the reason where the protocol has room for one, and waits for the peer
    /// to do the same. Without a reason, the peer has said it and is answered.
    fn finish(self, goodbye: Option<Goodbye>) -> impl Future<Output = ()> + Send;
}

/// Why a link is of no more use.
#[derive(Debug)]
pub(crate) enum LinkError {
    Io(io::Error),
    /// The peer ended the connection, in this way.
    Closed(String),
    /// The peer sent what it must not send.
    Violation(Goodbye),
}

/// How a connection is ended from this side.
#[derive(Clone, Debug)]
pub(crate) struct Goodbye {
    pub(crate) code: CloseCode,
    pub(crate) text: String,
}

impl Goodbye {
    /// Tells why the RPC layer has ended the connection.
    fn of(reason: Error) -> Self {
        let code = match reason.kind {
            ErrorKind::Disconnected => CloseCode::Normal,
            _ => CloseCode::Protocol,
        };
        let text = reason.reason;
        Self { code, text }
    }
}

/// The close codes of WebSocket connections that `docs/framing.md` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseCode {
    Normal,
    /// What was sent breaks a protocol, that of RPC or of WebSocket.
    Protocol,
    /// A text message.
    Unsupported,
    /// A binary message that is not one RPC message.
    Invalid,
    TooBig,
    /// This side is being shut down, or gives the peer up.
    GoingAway,
    /// A gateway has lost the server behind it.
    Lost,
    /// A gateway does not reach the server behind it.
    Unreachable,
}

/// Runs a connection to its end. `peer` names the other side in errors.
pub(crate) async fn run<L: Link>(handle: ConnectionHandle, link: L, peer: String) {
    run_for(handle, link, peer, Company::default()).await;
}

/// Who else has to do with a connection.
#[derive(Default)]
pub(crate) struct Company {
    /// The server that it belongs to, which may want to end.
    pub(crate) server: Option<Notice>,
    pub(crate) meter: Meter,
}

/// Like [`run`], for a connection that is not on its own.
pub(crate) async fn run_for<L: Link>(
    handle: ConnectionHandle,
    mut link: L,
    peer: String,
    company: Company,
) {
    let Company { server, meter } = company;
    let mut batch = Vec::new();
    let draining = AtomicBool::new(false);
    let shutdown = async {
        let Some(mut server) = server else {
            return std::future::pending().await;
        };
        server.reached(Phase::Draining).await;
        draining.store(true, Ordering::Relaxed);
        close_if_idle(&handle);
        server.reached(Phase::Over).await;
        handle.close(Error::disconnected(
            "the server is shutting down and could not wait any longer",
        ));
        std::future::pending().await
    };
    let over_for_long = async {
        handle.closed().await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
    };
    let end = tokio::select! {
        biased;
        end = poll_fn(|cx| {
            let end = poll(&handle, &mut link, &mut batch, &meter, cx);
            // Whatever is over now was so by something that came or went.
            if end.is_pending() && draining.load(Ordering::Relaxed) {
                close_if_idle(&handle);
            }
            end
        }) => end,
        // A peer that reads nothing any more cannot be told.
        () = over_for_long => return,
        end = keep_watch(&handle) => end,
        end = shutdown => end,
    };
    match end {
        End::Over => {
            let mut goodbye = Goodbye::of(handle.closed().await);
            if draining.load(Ordering::Relaxed) && goodbye.code == CloseCode::Normal {
                goodbye.code = CloseCode::GoingAway;
            }
            say_goodbye(link, Some(goodbye)).await;
        }
        End::Failed(LinkError::Io(error)) => {
            tracing::debug!(peer, %error, "connection lost");
            handle.disconnected(Error::disconnected(format!(
                "the connection to {peer} was lost: {}",
                explain(&error)
            )));
        }
        End::Failed(LinkError::Closed(how)) => {
            tracing::debug!(peer, how, "connection closed by the peer");
            handle.disconnected(Error::disconnected(format!("{peer} {how}")));
            say_goodbye(link, None).await;
        }
        End::Failed(LinkError::Violation(goodbye)) => {
            tracing::warn!(
                peer,
                reason = goodbye.text,
                "the peer sent what it must not send"
            );
            // This side may have ended the connection before, and takes nothing of any kind since then.
            let goodbye = match handle.closed().now_or_never() {
                Some(reason) => Goodbye::of(reason),
                None => {
                    handle.close(Error::failed(goodbye.text.clone()));
                    goodbye
                }
            };
            let farewell = async {
                // What the RPC layer has to say about it goes first.
                poll_fn(|cx| poll_send(&handle, &mut link, &mut batch, &meter, cx)).await;
                link.finish(Some(goodbye)).await;
            };
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, farewell).await;
        }
    }
}

fn close_if_idle(handle: &ConnectionHandle) {
    if !handle.is_busy() {
        handle.close(Error::disconnected("the server is shutting down"));
    }
}

/// Lets the RPC layer know when time has passed.
async fn keep_watch(handle: &ConnectionHandle) -> End {
    while let Some(time) = handle.timeout() {
        tokio::time::sleep(time).await;
        handle.handle_timeout();
    }
    std::future::pending().await
}

async fn say_goodbye<L: Link>(link: L, goodbye: Option<Goodbye>) {
    // A peer that does not answer has had its chance.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, link.finish(goodbye)).await;
}

enum End {
    /// The RPC layer ended the connection, and everything it had to say was sent.
    Over,
    Failed(LinkError),
}

fn poll<L: Link>(
    handle: &ConnectionHandle,
    link: &mut L,
    batch: &mut Vec<Vec<u8>>,
    meter: &Meter,
    cx: &mut Context<'_>,
) -> Poll<End> {
    handle.will_transmit();
    let mut received_bytes = 0;
    let mut received_frames = 0;
    let mut may_read = true;
    while may_read {
        match link.poll_receive(cx) {
            Poll::Ready(Ok(Some(frame))) => {
                received_bytes += frame.len();
                received_frames += 1;
                handle.handle_frame(frame);
                may_read = received_bytes < TURN_BYTES && received_frames < TURN_FRAMES;
            }
            Poll::Ready(Ok(None)) => {
                return Poll::Ready(End::Failed(LinkError::Closed(
                    "closed the connection".to_string(),
                )));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(End::Failed(error)),
            Poll::Pending => break,
        }
    }
    meter.received(received_bytes);
    if let Poll::Ready(end) = poll_send(handle, link, batch, meter, cx) {
        return Poll::Ready(end);
    }
    if !may_read {
        // There is more to read, but other tasks come first.
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

/// Sends what there is to send. Ready only at the end.
fn poll_send<L: Link>(
    handle: &ConnectionHandle,
    link: &mut L,
    batch: &mut Vec<Vec<u8>>,
    meter: &Meter,
    cx: &mut Context<'_>,
) -> Poll<End> {
    loop {
        let was_waiting = link.backlog_bytes() > 0;
        let flushed = link.poll_flush(cx);
        if was_waiting {
            handle.set_backlog(link.backlog_bytes() as u64);
        }
        if let Err(error) = ready!(flushed) {
            return Poll::Ready(End::Failed(error));
        }
        if !ready!(handle.poll_transmit(cx, batch, TURN_BYTES)) {
            return Poll::Ready(End::Over);
        }
        meter.sent(batch);
        if let Err(error) = link.accept(batch) {
            return Poll::Ready(End::Failed(error));
        }
    }
}

/// How much is read before writing gets its turn, and how much is written at a time.
pub(crate) const TURN_BYTES: usize = 256 * 1024;
const TURN_FRAMES: usize = 128;

/// How long the last words may take.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

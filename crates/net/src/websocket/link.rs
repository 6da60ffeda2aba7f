//! A WebSocket as a link that carries messages.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use capstan_rpc::ConnectionHandle;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WireCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

use super::outlet::Outlet;
use crate::driver::{CloseCode, Goodbye, Link, LinkError};
use crate::framing::{FramingError, Messages, messages};

pub(crate) struct WebSocketLink<S> {
    socket: WebSocketStream<Outlet<S>>,
    /// Knows whether the peer may send batches; without it, it may not.
    connection: Option<ConnectionHandle>,
    batch_bytes: usize,
    /// What is left of the last frame.
    messages: Messages,
}

impl<S> WebSocketLink<S> {
    pub(super) fn new(socket: WebSocketStream<Outlet<S>>) -> Self {
        Self {
            socket,
            connection: None,
            batch_bytes: 0,
            messages: Messages::default(),
        }
    }

    /// Takes the batches that this connection has offered to take.
    pub(super) fn of(self, connection: &ConnectionHandle) -> Self {
        Self {
            connection: Some(connection.clone()),
            ..self
        }
    }
}

pub(super) fn config(max_message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(CONTROL_BYTES)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> WebSocketLink<S> {
    /// The server's end of a connection whose handshake is over. `read` came behind that already.
    pub(crate) async fn accepted(stream: S, read: Vec<u8>, max_message_bytes: usize) -> Self {
        let role = Role::Server;
        let outlet = Outlet::new(stream, role);
        let config = Some(config(max_message_bytes));
        Self::new(WebSocketStream::from_partially_read(outlet, read, role, config).await)
    }

    /// What the next binary message holds, whatever it is.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Vec<u8>>, LinkError>> {
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(frame))) => Ok(Some(frame.into())),
                Some(Ok(Message::Text(_))) => Err(violation(
                    CloseCode::Unsupported,
                    "got a text frame; Cap'n Proto messages travel in binary frames".to_string(),
                )),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => Err(LinkError::Closed(describe(frame))),
                Some(Err(error)) => Err(link_error(error)),
                None => Ok(None),
            });
        }
    }

    /// Asks the peer for a sign of life; it leaves with the next flush.
    pub(crate) fn ping(&mut self) -> Result<(), LinkError> {
        let ping = Message::Ping(bytes::Bytes::new());
        match Pin::new(&mut self.socket).start_send(ping) {
            // It has that much to answer to already.
            Err(WebSocketError::WriteBufferFull(_)) => Ok(()),
            sent => sent.map_err(link_error),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Link for WebSocketLink<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Vec<u8>>, LinkError>> {
        loop {
            if let Some(message) = self.messages.next() {
                return Poll::Ready(Ok(Some(message)));
            }
            let Some(frame) = ready!(self.poll_frame(cx))? else {
                return Poll::Ready(Ok(None));
            };
            if self.batch_bytes == 0
                && let Some(connection) = &self.connection
            {
                self.batch_bytes = connection.accepted_batch_bytes();
            }
            self.messages = messages(frame, self.batch_bytes).map_err(misframed)?;
        }
    }

    fn accept(&mut self, frames: &mut Vec<Vec<u8>>) -> Result<(), LinkError> {
        for frame in frames.drain(..) {
            self.socket.get_mut().push(frame);
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        Pin::new(&mut self.socket)
            .poll_flush(cx)
            .map_err(link_error)
    }

    fn backlog_bytes(&self) -> usize {
        self.socket.get_ref().backlog_bytes()
    }

    async fn finish(mut self, goodbye: Option<Goodbye>) {
        let said = match goodbye {
            Some(goodbye) => {
                let code = wire_code(goodbye.code);
                let reason = fitting(&goodbye.text).as_ref().into();
                let frame = CloseFrame { code, reason };
                self.socket.send(Message::Close(Some(frame))).await
            }
            // The answer to the peer's close frame is waiting to be sent.
            None => self.socket.flush().await,
        };
        if said.is_ok() {
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }
}

fn misframed(error: FramingError) -> LinkError {
    match error {
        FramingError::BatchTooLong { .. } => violation(CloseCode::TooBig, error.to_string()),
        error => violation(
            CloseCode::Invalid,
            format!("a frame is not one message: {error}"),
        ),
    }
}

fn violation(code: CloseCode, text: String) -> LinkError {
    LinkError::Violation(Goodbye { code, text })
}

fn link_error(error: WebSocketError) -> LinkError {
    match error {
        WebSocketError::Io(error) => LinkError::Io(error),
        WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed => {
            LinkError::Closed("closed the connection".to_string())
        }
        WebSocketError::Capacity(CapacityError::MessageTooLong { size, max_size }) => violation(
            CloseCode::TooBig,
            format!("a message of {size} bytes is longer than the {max_size} allowed here"),
        ),
        // Text that is not UTF-8 is text all the same.
        WebSocketError::Utf8(_) => violation(
            CloseCode::Unsupported,
            "got a text frame; Cap'n Proto messages travel in binary frames".to_string(),
        ),
        WebSocketError::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => LinkError::Closed("closed the connection without saying goodbye".to_string()),
        error => violation(
            CloseCode::Protocol,
            format!("the peer broke the WebSocket protocol: {error}"),
        ),
    }
}

fn describe(frame: Option<CloseFrame>) -> String {
    match frame {
        Some(frame) if frame.reason.is_empty() => {
            format!("closed the connection (code {})", u16::from(frame.code))
        }
        Some(frame) => format!(
            "closed the connection (code {}: {})",
            u16::from(frame.code),
            frame.reason
        ),
        None => "closed the connection".to_string(),
    }
}

fn wire_code(code: CloseCode) -> WireCode {
    match code {
        CloseCode::Normal => WireCode::Normal,
        CloseCode::Protocol => WireCode::Protocol,
        CloseCode::Unsupported => WireCode::Unsupported,
        CloseCode::Invalid => WireCode::Invalid,
        CloseCode::TooBig => WireCode::Size,
        CloseCode::GoingAway => WireCode::Away,
        CloseCode::Lost => WireCode::Error,
        CloseCode::Unreachable => WireCode::Again,
    }
}

/// The most of the text that a close frame has room for.
fn fitting(text: &str) -> Cow<'_, str> {
    const MAX_BYTES: usize = 123;
    const MARK: &str = "…";
    if text.len() <= MAX_BYTES {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(MAX_BYTES - MARK.len());
    Cow::Owned(format!("{}{MARK}", text.get(..end).unwrap_or_default()))
}

/// What is read at a time. It is filled with zeros before each attempt, and that should not show beside
/// a system call.
const READ_BUFFER_BYTES: usize = 32 * 1024;

/// Control frames that wait behind messages. Of a flood of pings, those for whose answers there is no room get none.
const CONTROL_BYTES: usize = 4096;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::driver;
    use capstan_rpc::{ConnectOptions, Error, Runtime};

    #[tokio::test]
    async fn a_batch_that_crosses_a_close_does_not_change_why_it_was_closed() {
        let (near, far) = tokio::io::duplex(1 << 16);
        let near = WebSocketLink::accepted(near, Vec::new(), 1 << 20).await;
        let mut far = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        let spawn = |task| {
            tokio::spawn(task);
        };
        let connection = Runtime::new(spawn).connect(ConnectOptions::default());
        let empty = [0; 8];
        let batch = Message::binary([empty, empty].concat());
        far.send(batch).await.unwrap();
        connection.close(Error::disconnected("closing time"));
        let link = near.of(&connection);
        tokio::spawn(driver::run(connection, link, "the peer".to_string()));
        loop {
            match far.next().await.unwrap().unwrap() {
                Message::Close(frame) => {
                    let frame = frame.unwrap();
                    assert_eq!(frame.code, WireCode::Normal, "{}", frame.reason);
                    assert_eq!(frame.reason.as_str(), "closing time");
                    break;
                }
                message => assert!(message.is_binary(), "{message}"),
            }
        }
    }

    #[tokio::test]
    async fn a_flood_of_pings_is_not_kept() {
        let (near, far) = tokio::io::duplex(64);
        let mut near = WebSocketLink::accepted(near, Vec::new(), 1 << 20).await;
        let mut far = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        near.accept(&mut vec![vec![7; 1000]]).unwrap();
        for _ in 0..1000 {
            let pinging = far.send(Message::Ping(vec![1; 100].into()));
            let reading = std::future::poll_fn(|cx| near.poll_receive(cx));
            tokio::select! {
                result = pinging => result.unwrap(),
                result = reading => panic!("{result:?}"),
            }
        }
        let mut answers = 0;
        let told = async {
            std::future::poll_fn(|cx| near.poll_flush(cx))
                .await
                .unwrap();
            drop(near);
        };
        let counting = async {
            while let Some(Ok(message)) = far.next().await {
                answers += usize::from(message.is_pong());
            }
        };
        tokio::join!(told, counting);
        assert!((1..50).contains(&answers), "{answers} answers");
    }

    #[test]
    fn close_reasons_fit_their_frame() {
        assert_eq!(fitting("short"), "short");
        let long = "é".repeat(100);
        let fit = fitting(&long);
        assert!(fit.len() <= 123 && fit.ends_with("é…"), "{fit}");
    }
}

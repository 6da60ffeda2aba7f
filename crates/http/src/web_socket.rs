//! WebSockets of messages.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::future::poll_fn;

use bytes::Bytes;
use capstan_rpc::{Error, Result, new_client};
use tokio::sync::{mpsc, oneshot};

use crate::exchange::Guard;
use crate::http_over_capnp_capnp::web_socket;

/// What a WebSocket carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
    /// The last message of its side. The code 1005 stands for a close without one.
    Close {
        /// As in a close frame.
        code: u16,
        /// A text for people.
        reason: String,
    },
}

/// One end of a WebSocket. Dropped before it was closed, it is lost for the other end.
pub struct WebSocket {
    sender: WebSocketSender,
    receiver: WebSocketReceiver,
}

/// The half that sends.
pub struct WebSocketSender {
    peer: web_socket::Client,
    is_closed: bool,
    guard: Option<Guard>,
    /// Tells a served request that its socket is still there.
    _alive: Option<mpsc::Sender<()>>,
}

/// The half that receives.
pub struct WebSocketReceiver {
    messages: mpsc::Receiver<Message>,
    fault: Option<oneshot::Receiver<Error>>,
    is_over: bool,
    _alive: Option<mpsc::Sender<()>>,
}

/// What receives for an end that is not made yet, and the client to be sent to the other side.
pub(crate) fn receiver() -> (web_socket::Client, mpsc::Receiver<Message>) {
    // For a message, and for the close behind it.
    let (sender, messages) = mpsc::channel(2);
    (new_client(Served { messages: sender }), messages)
}

impl WebSocket {
    pub(crate) fn new(
        peer: web_socket::Client,
        messages: mpsc::Receiver<Message>,
        fault: Option<oneshot::Receiver<Error>>,
        guard: Option<Guard>,
        alive: Option<mpsc::Sender<()>>,
    ) -> Self {
        Self {
            sender: WebSocketSender {
                peer,
                is_closed: false,
                guard,
                _alive: alive.clone(),
            },
            receiver: WebSocketReceiver {
                messages,
                fault,
                is_over: false,
                _alive: alive,
            },
        }
    }

    /// See [`WebSocketSender::send`].
    pub async fn send(&mut self, message: Message) -> Result<()> {
        self.sender.send(message).await
    }

    /// See [`WebSocketReceiver::recv`].
    pub async fn recv(&mut self) -> Option<Result<Message>> {
        self.receiver.recv().await
    }

    /// Both halves, to be used at the same time.
    #[must_use]
    pub fn split(self) -> (WebSocketSender, WebSocketReceiver) {
        (self.sender, self.receiver)
    }
}

impl WebSocketSender {
    /// Sends a message; resolves when there is room for the next. Of a close, when the other side has taken it; nothing can
    /// be sent behind it.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        if self.is_closed {
            return Err(Error::failed("this WebSocket was closed"));
        }
        match message {
            Message::Text(text) => {
                let mut request = self.peer.send_text_request();
                request.get().set_text(text.as_str());
                request.send().await
            }
            Message::Binary(data) => {
                let mut request = self.peer.send_data_request();
                request.get().set_data(&data);
                request.send().await
            }
            Message::Close { code, reason } => {
                self.is_closed = true;
                let mut request = self.peer.close_request();
                request.get().set_code(code);
                request.get().set_reason(reason.as_str());
                let sent = request.send();
                // What goes on at the server has been told that it is over.
                if let Some(guard) = self.guard.take() {
                    guard.disarm();
                }
                sent.promise.await.map(drop)
            }
        }
    }
}

impl WebSocketReceiver {
    /// The next message; none behind a close, and after an error. The other side cannot send on while messages are not received.
    pub async fn recv(&mut self) -> Option<Result<Message>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let error = match self.messages.poll_recv(cx) {
            Poll::Ready(Some(message)) => {
                self.is_over = matches!(message, Message::Close { .. });
                return Poll::Ready(Some(Ok(message)));
            }
            Poll::Ready(None) => match self.fault.as_mut().map(oneshot::Receiver::try_recv) {
                Some(Ok(error)) => error,
                _ => Error::disconnected(
                    "the WebSocket broke off without a close: the other side gave up, or its connection was lost",
                ),
            },
            Poll::Pending => match self.fault.as_mut().map(|fault| Pin::new(fault).poll(cx)) {
                Some(Poll::Ready(Ok(error))) => error,
                Some(Poll::Ready(Err(_))) => {
                    self.fault = None;
                    return Poll::Pending;
                }
                Some(Poll::Pending) | None => return Poll::Pending,
            },
        };
        self.is_over = true;
        Poll::Ready(Some(Err(error)))
    }
}

struct Served {
    messages: mpsc::Sender<Message>,
}

impl Served {
    async fn give(&self, message: Message) -> Result<()> {
        // A close need not wait for the last message to be read.
        let needed = 1 + usize::from(!matches!(message, Message::Close { .. }));
        let places = self.messages.reserve_many(needed).await;
        let mut places =
            places.map_err(|_| Error::disconnected("nobody reads this WebSocket any more"))?;
        if let Some(place) = places.next() {
            place.send(message);
        }
        Ok(())
    }
}

impl web_socket::Server for Served {
    async fn send_text(&self, params: web_socket::SendTextParams) -> Result<()> {
        let text = params.get()?.get_text()?.to_str()?.to_owned();
        self.give(Message::Text(text)).await
    }

    async fn send_data(&self, params: web_socket::SendDataParams) -> Result<()> {
        let data = Bytes::copy_from_slice(params.get()?.get_data()?);
        self.give(Message::Binary(data)).await
    }

    async fn close(
        &self,
        params: web_socket::CloseParams,
        _: web_socket::CloseResults,
    ) -> Result<()> {
        let params = params.get()?;
        let code = params.get_code();
        let reason = params.get_reason()?.to_str()?.to_owned();
        self.give(Message::Close { code, reason }).await
    }
}

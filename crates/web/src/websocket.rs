//! Cap'n Proto RPC over the browser's WebSockets.

use core::pin::pin;
use std::cell::Cell;
use std::rc::Rc;

use capstan_rpc::framing::{FramingError, messages};
use capstan_rpc::{ConnectOptions, ConnectionHandle, Error, ErrorKind, Result};
use futures_util::future::{Either, select};
use js_sys::{ArrayBuffer, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use crate::runtime::{runtime, sleep};

/// Connects to a server such as `wss://example.com/rpc`.
///
/// With [`Batching::Offer`](capstan_rpc::vat::Batching) in the options, small messages share frames
/// if the server agrees, which saves the browser most of what they cost.
///
/// The connection lasts until one of its ends closes it, whether or not the handle is kept.
///
/// # Errors
/// When the URL is none for WebSockets, or nobody answers there. Browsers do not tell why.
pub async fn connect(url: &str, options: ConnectOptions) -> Result<ConnectionHandle> {
    let socket = Socket::new(url)?;
    socket.opened(url).await?;
    let connection = runtime().connect(options);
    let end_code = Rc::new(Cell::new(None));
    let listeners = Listeners {
        message: on_message(connection.clone(), Rc::clone(&end_code)),
        close: on_close(connection.clone(), url.to_owned()),
    };
    socket.listen(&listeners);
    spawn_local(keep_watch(connection.clone()));
    spawn_local(carry(connection.clone(), socket, listeners, end_code));
    Ok(connection)
}

/// Sends until the connection is over, and then says goodbye.
async fn carry(
    connection: ConnectionHandle,
    socket: Socket,
    _listeners: Listeners,
    end_code: Rc<Cell<Option<u16>>>,
) {
    let mut frames = Vec::new();
    while core::future::poll_fn(|cx| connection.poll_transmit(cx, &mut frames, TURN_BYTES)).await {
        for frame in frames.drain(..) {
            // The browser copies it before this returns. It refuses only where the connection has
            // ended, and then says so with an event of its own.
            let _ = socket.0.send_with_u8_array(&frame);
        }
    }
    let reason = connection.closed().await;
    let usual = match reason.kind {
        ErrorKind::Disconnected => close_code::NORMAL,
        _ => close_code::PROTOCOL_ERROR,
    };
    let code = end_code.get().unwrap_or(usual);
    // It is closed already, if the reason is that the other side did.
    let _ = socket
        .0
        .close_with_code_and_reason(code, fitting(&reason.reason));
}

/// Lets the RPC layer know when time has passed.
async fn keep_watch(connection: ConnectionHandle) {
    let mut closed = pin!(connection.closed());
    while let Some(time) = connection.timeout() {
        match select(pin!(sleep(time)), closed.as_mut()).await {
            Either::Left(_) => connection.handle_timeout(),
            Either::Right(_) => return,
        }
    }
}

fn on_message(
    connection: ConnectionHandle,
    end_code: Rc<Cell<Option<u16>>>,
) -> Closure<dyn FnMut(MessageEvent)> {
    Closure::new(move |event: MessageEvent| {
        let Ok(data) = event.data().dyn_into::<ArrayBuffer>() else {
            end_code.set(Some(close_code::UNSUPPORTED));
            return connection.close(Error::failed(
                "got a text frame; Cap'n Proto messages travel in binary frames",
            ));
        };
        let frame = Uint8Array::new(&data).to_vec();
        match messages(frame, connection.accepted_batch_bytes()) {
            Ok(messages) => messages.for_each(|message| connection.handle_frame(message)),
            Err(error) => {
                end_code.set(Some(match error {
                    FramingError::BatchTooLong { .. } => close_code::TOO_BIG,
                    _ => close_code::INVALID,
                }));
                let reason = format!("a frame is not one message: {error}");
                connection.close(Error::failed(reason));
            }
        }
    })
}

fn on_close(connection: ConnectionHandle, url: String) -> Closure<dyn FnMut(CloseEvent)> {
    Closure::new(move |event: CloseEvent| {
        let (code, reason) = (event.code(), event.reason());
        let reason = if reason.is_empty() {
            format!("{url} closed the connection (code {code})")
        } else {
            format!("{url} closed the connection (code {code}: {reason})")
        };
        connection.disconnected(Error::disconnected(reason));
    })
}

/// A WebSocket that nobody listens to any more when it is dropped, and that is closed then.
struct Socket(WebSocket);

struct Listeners {
    message: Closure<dyn FnMut(MessageEvent)>,
    close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    fn new(url: &str) -> Result<Self> {
        let socket = WebSocket::new(url).map_err(|error| {
            let why = js_sys::Error::from(error).message();
            Error::failed(format!("cannot connect to '{url}': {}", String::from(why)))
        })?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        Ok(Self(socket))
    }

    async fn opened(&self, url: &str) -> Result<()> {
        let opened = Promise::new(&mut |resolve, reject| {
            self.0.set_onopen(Some(&resolve));
            self.0.set_onclose(Some(&reject));
        });
        match JsFuture::from(opened).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::disconnected(format!("cannot connect to {url}"))),
        }
    }

    fn listen(&self, listeners: &Listeners) {
        let message = listeners.message.as_ref().unchecked_ref();
        self.0.set_onmessage(Some(message));
        self.0
            .set_onclose(Some(listeners.close.as_ref().unchecked_ref()));
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.set_onopen(None);
        self.0.set_onmessage(None);
        self.0.set_onclose(None);
        let _ = self.0.close();
    }
}

/// The part of a reason that fits in a close frame.
fn fitting(reason: &str) -> &str {
    const MAX_BYTES: usize = 123;
    let end = reason.floor_char_boundary(MAX_BYTES);
    reason.get(..end).unwrap_or_default()
}

/// As in docs/framing.md; what a page may not say has 3000 added there.
mod close_code {
    pub(super) const NORMAL: u16 = 1000;
    pub(super) const PROTOCOL_ERROR: u16 = 4002;
    pub(super) const UNSUPPORTED: u16 = 4003;
    pub(super) const INVALID: u16 = 4007;
    pub(super) const TOO_BIG: u16 = 4009;
}

/// Taken from the RPC layer at a time.
const TURN_BYTES: usize = 256 << 10;

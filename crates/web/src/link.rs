//! One WebSocket-shaped object: frames out through `send`, frames in through its listeners.
//!
//! Anything with `send`, `close`, `binaryType` and either `addEventListener` or the `on…`
//! properties will do: a browser's `WebSocket`, one of the `ws` package, a Worker's `WebSocketPair`
//! half, a test's fake. It is used through [`web_sys::WebSocket`] without asking for its class.

use std::rc::Rc;

use js_sys::{Function, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

/// What came in from the other side of a [`Link`].
pub(crate) enum Arrival {
    Frame(Uint8Array),
    /// A text message: never part of the protocol.
    Text,
    /// Neither text nor bytes, for instance a Blob.
    Unreadable,
    /// What went wrong, told shortly before the close; browsers do not tell.
    Error(String),
    Closed {
        code: u16,
        reason: String,
    },
}

/// The WebSocket close codes this side sends (RFC 6455, section 7.4.1, and docs/framing.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseCode {
    Normal = 1000,
    ProtocolError = 1002,
    UnsupportedData = 1003,
    /// A binary message that is not exactly one Cap'n Proto message.
    Invalid = 1007,
    TooBig = 1009,
}

pub(crate) struct Link {
    socket: WebSocket,
    /// Whether the socket may still read the bytes after `send` has returned. The platform's own
    /// WebSocket copies them at once; `ws`, for one, does not promise to.
    copies: bool,
    on_message: Closure<dyn Fn(MessageEvent)>,
    on_close: Closure<dyn Fn(CloseEvent)>,
    on_error: Closure<dyn Fn(JsValue)>,
}

impl Link {
    /// Listens to `socket`; everything that arrives is handed to `arrived`, never from within a
    /// call of this module's.
    pub(crate) fn attach(
        socket: WebSocket,
        copies: bool,
        arrived: impl Fn(Arrival) + 'static,
    ) -> Result<Self, JsValue> {
        let arrived: Rc<dyn Fn(Arrival)> = Rc::new(arrived);
        let on_message = {
            let arrived = arrived.clone();
            Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
                let data = event.data();
                arrived(if data.is_string() {
                    Arrival::Text
                } else {
                    bytes_of(&data).map_or(Arrival::Unreadable, Arrival::Frame)
                });
            })
        };
        let on_error = {
            let arrived = arrived.clone();
            Closure::<dyn Fn(JsValue)>::new(move |event: JsValue| {
                if let Some(message) = message_of(&event) {
                    arrived(Arrival::Error(message));
                }
            })
        };
        let on_close = Closure::<dyn Fn(CloseEvent)>::new(move |event: CloseEvent| {
            arrived(Arrival::Closed {
                code: event.code(),
                reason: event.reason(),
            });
        });
        Reflect::set(&socket, &"binaryType".into(), &"arraybuffer".into())?;
        let link = Self {
            socket,
            copies,
            on_message,
            on_close,
            on_error,
        };
        link.listen(true)?;
        Ok(link)
    }

    /// Sends one binary message.
    pub(crate) fn send(&self, frame: &[u8]) -> Result<(), String> {
        let sent = if self.copies {
            self.socket.send_with_js_u8_array(&Uint8Array::from(frame))
        } else {
            self.socket.send_with_u8_array(frame)
        };
        sent.map_err(|error| describe(&error))
    }

    /// Stops listening and closes the socket. Frames sent before still go out first.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        // A socket that refuses to forget its listeners calls into an id that is gone: harmless.
        let _ = self.listen(false);
        let reason = at_most(reason, 123);
        let standard = code as u16;
        // Browsers let a page say only 1000 and codes from 3000 up.
        let closed = self
            .socket
            .close_with_code_and_reason(standard, reason)
            .or_else(|_| {
                self.socket
                    .close_with_code_and_reason(standard + 3000, reason)
            })
            .or_else(|_| self.socket.close());
        // Nothing is left to do about a socket that cannot be closed: it already is.
        let _ = closed;
    }

    fn listen(&self, on: bool) -> Result<(), JsValue> {
        let listeners: [(&str, &Function); 3] = [
            ("message", self.on_message.as_ref().unchecked_ref()),
            ("close", self.on_close.as_ref().unchecked_ref()),
            ("error", self.on_error.as_ref().unchecked_ref()),
        ];
        let is_target = Reflect::get(&self.socket, &"addEventListener".into())?.is_function();
        for (name, listener) in listeners {
            if is_target && on {
                self.socket
                    .add_event_listener_with_callback(name, listener)?;
            } else if is_target {
                self.socket
                    .remove_event_listener_with_callback(name, listener)?;
            } else {
                let value = if on {
                    listener.as_ref()
                } else {
                    &JsValue::NULL
                };
                Reflect::set(&self.socket, &["on", name].concat().into(), value)?;
            }
        }
        Ok(())
    }
}

fn bytes_of(data: &JsValue) -> Option<Uint8Array> {
    let bytes = Uint8Array::new(data);
    // Of whatever is no bytes JavaScript makes an array without any. Looked at only then, because
    // asking for a property costs as much as taking a short message in.
    let has_bytes = || {
        Reflect::get(data, &"byteLength".into())
            .is_ok_and(|byte_length| byte_length.as_f64().is_some())
    };
    (bytes.length() > 0 || has_bytes()).then_some(bytes)
}

/// What a person can read of something that JavaScript threw.
fn describe(error: &JsValue) -> String {
    error
        .as_string()
        .or_else(|| message_of(error))
        .unwrap_or_else(|| "no message".to_owned())
}

/// The `message` of an error or of an error event, if it says anything.
fn message_of(object: &JsValue) -> Option<String> {
    let message = Reflect::get(object, &"message".into()).ok()?.as_string()?;
    (!message.is_empty()).then_some(message)
}

/// The longest beginning of `text` that is no longer than `limit_bytes` and ends between characters.
fn at_most(text: &str, limit_bytes: usize) -> &str {
    let mut end = limit_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::at_most;

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(at_most("abc", 123), "abc");
        assert_eq!(at_most("aé", 2), "a");
        assert_eq!(at_most("é", 1), "");
    }
}

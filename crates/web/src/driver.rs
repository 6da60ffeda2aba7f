//! Drives the vat of this thread: state first, effects after.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use capstan_message::message::ReaderOptions;
use capstan_message::serialize;
use capstan_rpc::vat::{
    ConnectionId, ConnectionOptions, Event, Exception, ExceptionKind, Outgoing, Payload, Vat,
};
use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use crate::link::{Arrival, CloseCode, Link};
use crate::slots::Slots;

thread_local! {
    static DRIVER: RefCell<Driver> = RefCell::new(Driver::new());
    /// Set while frames are being sent: a socket that calls back from within `send` must not
    /// overtake the frames that are still to go.
    static PUMPING: Cell<bool> = const { Cell::new(false) };
    static HOOKS: RefCell<Option<Hooks>> = const { RefCell::new(None) };
}

/// The functions of JavaScript's that a driver calls, never with the driver borrowed.
struct Hooks {
    /// Events are waiting. Called at most once until JavaScript has taken them all.
    wake: Function,
    /// Wants [`handle_timeout`] called in so many milliseconds; replaces an earlier wish.
    set_timer: Function,
}

pub(crate) struct Driver {
    pub(crate) vat: Vat,
    connections: Vec<Attached>,
    /// Messages under construction, the innermost last: a getter of the object that is being
    /// encoded may make a call of its own.
    building: Vec<Outgoing>,
    /// Messages that wait for JavaScript to decode them.
    payloads: Slots<Payload>,
    events: VecDeque<Event>,
    /// Links of connections that are over, each to be closed when its last frame is out.
    closing: Vec<(Rc<Link>, CloseCode, String)>,
    /// The connection whose frames are going out.
    transmitting: Option<ConnectionId>,
    woken: bool,
    timer_micros: Option<u64>,
    /// Why the last thing failed that JavaScript was told to have failed.
    failure: Option<Exception>,
}

struct Attached {
    id: ConnectionId,
    link: Rc<Link>,
    /// What messages call the other side, for instance its address.
    name: String,
    max_message_bytes: usize,
    /// Why this side ends the connection, where that is more than the vat can know.
    close_code: Option<CloseCode>,
    /// What the socket said went wrong, for the close that follows.
    last_error: Option<String>,
}

/// One thing to do while the driver is not borrowed.
enum Effect {
    Send {
        id: ConnectionId,
        link: Rc<Link>,
        frame: Vec<u8>,
    },
    Close {
        link: Rc<Link>,
        code: CloseCode,
        reason: String,
    },
    Wake,
    SetTimer {
        delay_millis: f64,
    },
}

/// Runs `f` on this thread's driver. JavaScript must not be called from within it.
pub(crate) fn with<R>(f: impl FnOnce(&mut Driver) -> R) -> R {
    DRIVER.with_borrow_mut(f)
}

/// Does what the vat wants done: frames out, sockets closed, JavaScript woken. To be called after
/// anything that may have changed the vat.
pub(crate) fn settle() {
    if PUMPING.replace(true) {
        return;
    }
    while let Some(effect) = with(Driver::next_effect) {
        match effect {
            Effect::Send {
                id,
                link,
                mut frame,
            } => {
                if let Err(error) = link.send(&frame) {
                    with(|driver| driver.on_send_failed(id, &error));
                }
                // The memory is used again at once; in a debug build a socket that goes on reading it shows.
                if cfg!(debug_assertions) {
                    frame.fill(0xAA);
                }
            }
            Effect::Close { link, code, reason } => link.close(code, &reason),
            Effect::Wake => call_hook(|hooks| (hooks.wake.clone(), JsValue::UNDEFINED)),
            Effect::SetTimer { delay_millis } => {
                call_hook(|hooks| (hooks.set_timer.clone(), delay_millis.into()));
            }
        }
    }
    PUMPING.set(false);
}

pub(crate) fn set_hooks(wake: Function, set_timer: Function) {
    HOOKS.set(Some(Hooks { wake, set_timer }));
}

/// Connects the vat to an open socket. `name` is what messages call the other side.
pub(crate) fn attach(
    socket: WebSocket,
    copies: bool,
    name: String,
    options: ConnectionOptions,
) -> Result<ConnectionId, JsValue> {
    let max_message_bytes = options.max_message_bytes;
    let now = now_micros();
    let id = with(|driver| driver.vat.connect(now, options));
    let link = Link::attach(socket, copies, move |arrival| on_arrival(id, arrival));
    match link {
        Ok(link) => {
            let link = Rc::new(link);
            let attached = Attached {
                id,
                link,
                name,
                max_message_bytes,
                close_code: None,
                last_error: None,
            };
            with(|driver| driver.connections.push(attached));
            settle();
            Ok(id)
        }
        Err(error) => {
            let reason = Exception::disconnected("the socket does not behave like a WebSocket");
            with(|driver| driver.vat.handle_disconnect(now, id, reason));
            settle();
            Err(error)
        }
    }
}

/// Microseconds on the platform's monotonic clock.
pub(crate) fn now_micros() -> u64 {
    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = performance, js_name = now)]
        fn performance_now_millis() -> f64;
    }
    (performance_now_millis() * 1000.0) as u64
}

impl Driver {
    fn new() -> Self {
        Self {
            vat: Vat::new(),
            connections: Vec::new(),
            building: Vec::new(),
            payloads: Slots::new(),
            events: VecDeque::new(),
            closing: Vec::new(),
            transmitting: None,
            woken: false,
            timer_micros: None,
            failure: None,
        }
    }

    // ---- messages under construction ----

    pub(crate) fn begin_building(&mut self, outgoing: Outgoing) {
        self.building.push(outgoing);
    }

    /// The message that JavaScript is encoding.
    pub(crate) fn building(&mut self) -> Option<&mut Outgoing> {
        self.building.last_mut()
    }

    pub(crate) fn end_building(&mut self) -> Option<Outgoing> {
        self.building.pop()
    }

    // ---- messages to decode ----

    /// A message that arrived and waits to be decoded.
    pub(crate) fn payload(&mut self, id: u32) -> Option<&mut Payload> {
        self.payloads.get_mut(id)
    }

    pub(crate) fn keep_payload(&mut self, payload: Payload) -> u32 {
        self.payloads.insert(payload)
    }

    pub(crate) fn free_payload(&mut self, id: u32) {
        self.payloads.remove(id);
    }

    // ---- events ----

    /// The next thing JavaScript has to know.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() {
            self.woken = false;
        }
        event
    }

    /// Keeps the failure for JavaScript to ask for; hands back its kind.
    pub(crate) fn fail(&mut self, exception: Exception) -> ExceptionKind {
        let kind = exception.kind;
        self.failure = Some(exception);
        kind
    }

    pub(crate) fn failure(&self) -> Option<&Exception> {
        self.failure.as_ref()
    }

    /// Ends a connection because this side's user wants it.
    pub(crate) fn close(&mut self, id: ConnectionId, reason: Exception) {
        if let Some(attached) = self.attached(id) {
            attached.close_code = Some(CloseCode::Normal);
        }
        self.vat.close(now_micros(), id, reason);
    }

    /// In order: frames before the close of their socket, and JavaScript last.
    fn next_effect(&mut self) -> Option<Effect> {
        if let Some(effect) = self.next_frame() {
            return Some(effect);
        }
        while let Some(event) = self.vat.poll_event() {
            if let Event::Closed { connection, reason } = &event {
                self.detach(*connection, &reason.kind, &reason.reason);
            }
            self.events.push_back(event);
        }
        if let Some((link, code, reason)) = self.closing.pop() {
            return Some(Effect::Close { link, code, reason });
        }
        if !self.events.is_empty() && !self.woken {
            self.woken = true;
            return Some(Effect::Wake);
        }
        let deadline = self.vat.poll_timeout();
        if deadline != self.timer_micros {
            self.timer_micros = deadline;
            let delay = deadline?.saturating_sub(now_micros());
            return Some(Effect::SetTimer {
                delay_millis: delay as f64 / 1000.0,
            });
        }
        None
    }

    fn next_frame(&mut self) -> Option<Effect> {
        loop {
            let id = self
                .transmitting
                .or_else(|| self.vat.poll_transmit_ready())?;
            self.transmitting = Some(id);
            if let Some(frame) = self.vat.poll_transmit(id) {
                // A connection without a link is one whose socket never came to be.
                if let Some(attached) = self.attached(id) {
                    return Some(Effect::Send {
                        id,
                        link: attached.link.clone(),
                        frame,
                    });
                }
            } else {
                self.transmitting = None;
            }
        }
    }

    fn detach(&mut self, id: ConnectionId, kind: &ExceptionKind, reason: &str) {
        let Some(index) = self
            .connections
            .iter()
            .position(|attached| attached.id == id)
        else {
            return;
        };
        let attached = self.connections.swap_remove(index);
        let code = attached.close_code.unwrap_or(match kind {
            ExceptionKind::Failed => CloseCode::ProtocolError,
            _ => CloseCode::Normal,
        });
        self.closing.push((attached.link, code, reason.to_owned()));
    }

    fn attached(&mut self, id: ConnectionId) -> Option<&mut Attached> {
        self.connections
            .iter_mut()
            .find(|attached| attached.id == id)
    }

    fn on_send_failed(&mut self, id: ConnectionId, error: &str) {
        let Some(attached) = self.attached(id) else {
            return;
        };
        let reason = Exception::disconnected(
            [
                "could not send to ",
                &attached.name,
                ": ",
                error,
                "; connect again",
            ]
            .concat(),
        );
        self.vat.handle_disconnect(now_micros(), id, reason);
    }

    fn on_frame(&mut self, id: ConnectionId, frame: Vec<u8>) {
        // Only the segment table is looked at here; the vat has limits of its own.
        let table_only = ReaderOptions {
            traversal_limit_in_words: None,
            ..ReaderOptions::default()
        };
        match serialize::read_frame_from_slice(&frame, table_only) {
            Ok(_) => self.vat.handle_message(now_micros(), id, frame),
            Err(error) => {
                let error = error.to_string();
                self.on_refused(id, CloseCode::Invalid, |name| {
                    [name, " sent a frame that is not one message: ", &error].concat()
                });
            }
        }
    }

    /// Ends a connection because of what arrived; `reason` is given the other side's name.
    fn on_refused(
        &mut self,
        id: ConnectionId,
        code: CloseCode,
        reason: impl FnOnce(&str) -> String,
    ) {
        let Some(attached) = self.attached(id) else {
            return;
        };
        attached.close_code = Some(code);
        let reason = Exception::failed(reason(&attached.name));
        self.vat.close(now_micros(), id, reason);
    }

    fn on_closed(&mut self, id: ConnectionId, code: u16, reason: &str) {
        let Some(attached) = self.attached(id) else {
            return;
        };
        attached.close_code = Some(CloseCode::Normal);
        // The socket's own words say more than a code that stands for not knowing.
        let error = attached.last_error.take().filter(|_| reason.is_empty());
        let text = closed_text(&attached.name, code, error.as_deref().unwrap_or(reason));
        self.vat
            .handle_disconnect(now_micros(), id, Exception::disconnected(text));
    }
}

fn on_arrival(id: ConnectionId, arrival: Arrival) {
    match arrival {
        Arrival::Frame(bytes) => {
            // Asked for first: the bytes of a message that is too long are never copied.
            let Some(limit) = with(|driver| Some(driver.attached(id)?.max_message_bytes)) else {
                return;
            };
            let length = bytes.length() as usize;
            if length <= limit {
                let frame = copy_in(&bytes);
                with(|driver| driver.on_frame(id, frame));
            } else {
                with(|driver| {
                    driver.on_refused(id, CloseCode::TooBig, |name| {
                        too_big_text(name, length, limit)
                    });
                });
            }
        }
        Arrival::Text => {
            with(|driver| driver.on_refused(id, CloseCode::UnsupportedData, text_frame_text));
        }
        Arrival::Unreadable => {
            with(|driver| driver.on_refused(id, CloseCode::UnsupportedData, unreadable_text));
        }
        Arrival::Error(message) => with(|driver| {
            if let Some(attached) = driver.attached(id) {
                attached.last_error = Some(message);
            }
        }),
        Arrival::Closed { code, reason } => with(|driver| driver.on_closed(id, code, &reason)),
    }
    settle();
}

/// The one copy that an incoming message costs.
fn copy_in(bytes: &Uint8Array) -> Vec<u8> {
    bytes.to_vec()
}

fn call_hook(pick: impl FnOnce(&Hooks) -> (Function, JsValue)) {
    let Some((function, argument)) = HOOKS.with_borrow(|hooks| hooks.as_ref().map(pick)) else {
        return;
    };
    // The hooks are ours and only schedule; were one to throw, nobody is there to be told.
    let _ = function.call1(&JsValue::UNDEFINED, &argument);
}

fn text_frame_text(name: &str) -> String {
    [
        name,
        " sent a text frame, but Cap'n Proto messages come in binary frames only; \
         is this the right address?",
    ]
    .concat()
}

fn unreadable_text(name: &str) -> String {
    [
        "the socket to ",
        name,
        " gave a message that is no ArrayBuffer; use a socket that heeds \
         binaryType = \"arraybuffer\", or has an array of bytes in `data`",
    ]
    .concat()
}

fn too_big_text(name: &str, length: usize, limit: usize) -> String {
    let (length, limit) = (length.to_string(), limit.to_string());
    [
        name,
        " sent a message of ",
        &length,
        " bytes, more than the limit of ",
        &limit,
        "; raise maxMessageBytes or send less at once",
    ]
    .concat()
}

fn closed_text(name: &str, code: u16, reason: &str) -> String {
    let meaning = match code {
        // What the `ws` package says of the limit it was given.
        1006 | 1009 if reason == "Max payload size exceeded" => {
            "it sent a message longer than maxMessageBytes; raise that or let it send less at once"
        }
        1000 => "closed normally",
        1001 => "the other side is going away",
        1002 | 4002 => "the other side saw a protocol error",
        1007 | 4007 => "a frame was no message for the other side",
        1003 | 4003 => "the other side does not take such frames",
        1005 => "closed without a code",
        1006 => "lost without a goodbye: the other side died or the network failed",
        1008 => "refused by policy",
        1009 | 4009 => "a message was too long for the other side",
        1011 => "the other side failed",
        1012 | 1013 => "the other side asks to come back later",
        _ => "closed",
    };
    let code = code.to_string();
    let mut text = ["the connection to ", name, " is closed: ", meaning].concat();
    text.push_str(&[" (WebSocket code ", &code].concat());
    if !reason.is_empty() {
        text.push_str(&[", \"", reason, "\""].concat());
    }
    text.push_str("); connect again to go on");
    text
}

#[cfg(test)]
mod tests {
    use super::closed_text;

    #[test]
    fn a_lost_connection_is_named_with_its_cause() {
        let text = closed_text("ws://h/rpc", 1006, "");
        assert_eq!(
            text,
            "the connection to ws://h/rpc is closed: lost without a goodbye: the other side died \
             or the network failed (WebSocket code 1006); connect again to go on"
        );
        assert!(closed_text("x", 4003, "no text").contains("code 4003, \"no text\""));
        let too_long = closed_text("x", 1006, "Max payload size exceeded");
        assert!(too_long.contains("raise that"), "{too_long}");
    }
}

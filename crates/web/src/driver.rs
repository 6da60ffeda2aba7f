//! Drives the vat of this thread: state first, effects after.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use capstan_rpc::framing::{FramingError, messages};
use capstan_rpc::vat::{
    ConnectionId, ConnectionOptions, Event, Exception, ExceptionKind, Outgoing, Payload, Vat,
};
use wasm_bindgen::prelude::*;

use crate::link::{Hooks, Link, close_code};
use crate::slots::Slots;

thread_local! {
    // Never dropped, as its memory goes with the thread: that is a hundredth less code.
    static DRIVER: RefCell<ManuallyDrop<Driver>> = RefCell::new(ManuallyDrop::new(Driver::new()));
    /// Set while frames are being sent: a link that calls back from within `send` must not
    /// overtake the frames that are still to go.
    static PUMPING: Cell<bool> = const { Cell::new(false) };
    /// What a driver calls of JavaScript's, never with the driver borrowed.
    static HOOKS: RefCell<Option<Hooks>> = const { RefCell::new(None) };
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
    closing: Vec<(Rc<Link>, u32, String)>,
    /// Connections whose frames are to go out, and those whose messages wait for the end of the turn, to
    /// share frames.
    transmitting: VecDeque<ConnectionId>,
    waiting: Vec<ConnectionId>,
    /// How many bytes waited when JavaScript last asked.
    waiting_bytes: usize,
    /// Whether JavaScript will ask, until it is told that all is sent.
    awaits_turn: bool,
    woken: bool,
    /// When the timer will ring.
    timer_micros: Option<u64>,
    /// Whether any connection has deadlines at all.
    timed: bool,
    /// Why the last thing failed that JavaScript was told to have failed.
    failure: Option<Exception>,
}

struct Attached {
    id: ConnectionId,
    link: Rc<Link>,
    /// Why this side ends the connection, where that is more than the vat can know.
    close_code: Option<u32>,
}

/// One thing to do while the driver is not borrowed.
enum Effect {
    Send {
        link: Rc<Link>,
        frame: Vec<u8>,
    },
    Close {
        link: Rc<Link>,
        code: u32,
        reason: String,
    },
    Wake,
    AwaitTurn,
    SetTimer {
        delay_millis: f64,
    },
}

/// Runs `f` on this thread's driver. JavaScript must not be called from within it.
pub(crate) fn with<R>(f: impl FnOnce(&mut Driver) -> R) -> R {
    DRIVER.with_borrow_mut(|driver| f(driver))
}

/// Does what the vat wants done: frames out, links closed, JavaScript woken. To be called after
/// anything that may have changed the vat.
pub(crate) fn settle() {
    if PUMPING.replace(true) {
        return;
    }
    while let Some(effect) = with(Driver::next_effect) {
        match effect {
            Effect::Send { link, mut frame } => {
                link.send(&frame);
                // The memory is used again at once; in a debug build a link that goes on reading it shows.
                if cfg!(debug_assertions) {
                    frame.fill(0xAA);
                }
            }
            Effect::Close { link, code, reason } => link.close(code, &reason),
            Effect::Wake => HOOKS.with_borrow(|hooks| {
                if let Some(hooks) = hooks {
                    hooks.wake();
                }
            }),
            Effect::AwaitTurn => HOOKS.with_borrow(|hooks| {
                if let Some(hooks) = hooks {
                    hooks.await_turn();
                }
            }),
            Effect::SetTimer { delay_millis } => set_timer(delay_millis),
        }
    }
    PUMPING.set(false);
}

pub(crate) fn set_hooks(hooks: Hooks) {
    HOOKS.set(Some(hooks));
}

/// Connects the vat to the other end of `link`.
pub(crate) fn attach(link: Link, options: ConnectionOptions) -> ConnectionId {
    let (id, timer) = with(|driver| {
        let limits = &options.limits;
        driver.timed |= limits.idle_micros.or(limits.handshake_micros).is_some();
        let id = driver.vat.connect(now_micros(), options);
        driver.connections.push(Attached {
            id,
            link: Rc::new(link),
            close_code: None,
        });
        (id, driver.next_timer())
    });
    if let Some(delay_millis) = timer {
        set_timer(delay_millis);
    }
    id
}

fn set_timer(delay_millis: f64) {
    HOOKS.with_borrow(|hooks| {
        if let Some(hooks) = hooks {
            hooks.set_timer(delay_millis);
        }
    });
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
            transmitting: VecDeque::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            awaits_turn: false,
            woken: false,
            timer_micros: None,
            timed: false,
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

    pub(crate) fn free_payload(&mut self, id: u32) -> Option<Payload> {
        self.payloads.remove(id)
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

    /// Ends a connection: `code` says to its link why, `reason` to the other side.
    pub(crate) fn close(&mut self, id: ConnectionId, code: u32, reason: Exception) {
        if let Some(attached) = self.attached(id) {
            attached.close_code = Some(code);
            self.vat.close(now_micros(), id, reason);
        }
    }

    /// Takes in what claims to be a message, or several where the other side may send that; the close
    /// code if it is none.
    pub(crate) fn on_frame(&mut self, id: ConnectionId, frame: Vec<u8>) -> Result<(), u32> {
        if self.attached(id).is_none() {
            return Ok(());
        }
        match messages(frame, self.vat.accepted_batch_bytes(id)) {
            Ok(messages) => {
                let now_micros = now_micros();
                for message in messages {
                    self.vat.handle_message(now_micros, id, message);
                }
                Ok(())
            }
            Err(error) => {
                self.fail(Exception::failed(error.to_string()));
                Err(match error {
                    FramingError::BatchTooLong { .. } => close_code::TOO_BIG,
                    _ => close_code::INVALID,
                })
            }
        }
    }

    /// The code that made calls has come to its end, perhaps: what waits goes out, unless more has come
    /// since the last time. Says whether it does.
    pub(crate) fn on_turn(&mut self) -> bool {
        let waiting = self.waiting.iter();
        let bytes = waiting.map(|id| self.vat.queued_bytes(*id)).sum();
        if core::mem::replace(&mut self.waiting_bytes, bytes) != bytes {
            return false;
        }
        self.waiting_bytes = 0;
        self.awaits_turn = false;
        self.transmitting.extend(self.waiting.drain(..));
        true
    }

    /// The link is gone.
    pub(crate) fn on_lost(&mut self, id: ConnectionId, reason: Exception) {
        if let Some(attached) = self.attached(id) {
            attached.close_code = Some(close_code::NORMAL);
            self.vat.handle_disconnect(now_micros(), id, reason);
        }
    }

    /// In order: frames before the close of their link, and JavaScript last.
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
        self.next_timer()
            .map(|delay_millis| Effect::SetTimer { delay_millis })
    }

    /// In how many milliseconds the timer is to ring, when it is to be set. Deadlines move with every
    /// message that arrives; the timer stays and rings early, which costs less than to set it each time.
    fn next_timer(&mut self) -> Option<f64> {
        if !self.timed {
            return None;
        }
        let deadline = self.vat.poll_timeout()?;
        if self.timer_micros.is_some_and(|set| set <= deadline) {
            return None;
        }
        self.timer_micros = Some(deadline);
        let delay_micros = deadline.saturating_sub(now_micros());
        // Not a moment too early, or there is nothing to do yet.
        Some(delay_micros.div_ceil(1000) as f64)
    }

    pub(crate) fn on_timer(&mut self) {
        self.timer_micros = None;
        self.vat.handle_timeout(now_micros());
    }

    fn next_frame(&mut self) -> Option<Effect> {
        while let Some(id) = self.vat.poll_transmit_ready() {
            if !self.vat.sends_batches(id) {
                self.transmitting.push_back(id);
                continue;
            }
            self.waiting.push(id);
            if !core::mem::replace(&mut self.awaits_turn, true) {
                return Some(Effect::AwaitTurn);
            }
        }
        while let Some(index) = self
            .waiting
            .iter()
            .position(|id| self.vat.has_full_frame(*id) || !self.vat.sends_batches(*id))
        {
            // It gains nothing by waiting.
            self.transmitting.push_back(self.waiting.swap_remove(index));
        }
        while let Some(id) = self.transmitting.front().copied() {
            if let Some(frame) = self.vat.poll_transmit(id) {
                if let Some(attached) = self.attached(id) {
                    return Some(Effect::Send {
                        link: attached.link.clone(),
                        frame,
                    });
                }
            } else {
                self.transmitting.pop_front();
            }
        }
        None
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
            ExceptionKind::Failed => close_code::PROTOCOL_ERROR,
            _ => close_code::NORMAL,
        });
        self.closing.push((attached.link, code, reason.to_owned()));
    }

    fn attached(&mut self, id: ConnectionId) -> Option<&mut Attached> {
        self.connections
            .iter_mut()
            .find(|attached| attached.id == id)
    }
}

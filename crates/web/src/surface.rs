//! The functions that `js/src` calls.
//!
//! Ids and addresses are bare integers here. 64-bit ids travel as two halves. A capability list, a
//! pipelining path and a list of methods travel through the *list*, a block of `u32` at
//! [`list_address`]; what an event or a question about state has to tell stands in the *report*, a
//! block of `u32` at [`report_address`].

mod calls;
mod caps;

use std::cell::{Cell, RefCell};

use capstan_rpc::flow::Mode;
use capstan_rpc::vat::{
    Admission, Batching, CapId, ConnectionId, ConnectionOptions, Event, Exception, ExceptionKind,
    FlowControl, Limits, ObjectId, Outgoing,
};
use wasm_bindgen::prelude::*;

use crate::driver::{self, with};
use crate::link::{Hooks, Link};
use crate::seam;

pub use calls::*;
pub use caps::*;

/// In place of a capability id: there is none.
pub const NONE: u32 = u32::MAX;
/// [`stream_finish`]: the window has room for the next call.
pub const STREAM_READY: u32 = u32::MAX;
/// [`stream_finish`]: nothing was sent, [`failure_reason`] tells why.
pub const STREAM_FAILED: u32 = u32::MAX - 1;

/// What [`next_event`] found; the report holds the rest.
pub const EVENT_NONE: u32 = 0;
/// A call returned: call, payload.
pub const EVENT_RETURN: u32 = 1;
/// A call failed: call. [`failure_reason`] tells why.
pub const EVENT_FAILED: u32 = 2;
/// The window has room behind a streamed call: call.
pub const EVENT_STREAM_READY: u32 = 3;
/// It never will: call. [`failure_reason`] tells why.
pub const EVENT_STREAM_FAILED: u32 = 4;
/// A hosted object is called: answer, object, interface high, interface low, method, payload.
pub const EVENT_CALL: u32 = 5;
/// An answer is not wanted any more: answer.
pub const EVENT_CANCELED: u32 = 6;
/// An object is not referenced any more: object.
pub const EVENT_OBJECT_RELEASED: u32 = 7;
/// A connection is over: connection. [`failure_reason`] tells why.
pub const EVENT_CLOSED: u32 = 8;
/// It is known where a watched capability leads; the reference in it is JavaScript's.
pub const EVENT_RESOLVED: u32 = 9;

/// Entries of limits in the list.
const LIMITS: usize = 8;
const REPORT_WORDS: usize = 18;

thread_local! {
    // Cells, because JavaScript reads and writes these blocks behind the compiler's back.
    static REPORT: [Cell<u32>; REPORT_WORDS] = const { [const { Cell::new(0) }; REPORT_WORDS] };
    static LIST: RefCell<Vec<Cell<u32>>> = const { RefCell::new(Vec::new()) };
}

// ---- set-up ----

/// What is called when there is something to do.
#[wasm_bindgen]
pub fn set_hooks(hooks: Hooks) {
    driver::set_hooks(hooks);
}

/// Where the report stands.
#[wasm_bindgen]
pub fn report_address() -> u32 {
    REPORT.with(|report| report.as_ptr() as u32)
}

/// Where the list stands, with room for at least `min_len` entries. It moves when it grows, and
/// keeps what it held.
#[wasm_bindgen]
pub fn list_address(min_len: u32) -> u32 {
    LIST.with_borrow_mut(|list| {
        if list.len() < min_len as usize {
            list.resize(min_len as usize, Cell::new(0));
        }
        list.as_ptr() as u32
    })
}

/// The time that was asked for has come.
#[wasm_bindgen]
pub fn on_timer() {
    with(driver::Driver::on_timer);
    driver::settle();
}

// ---- connections ----

/// Connects the vat to the other end of a link; hands back the connection's id. A window of 0 adapts. `bootstrap` is the
/// capability a peer gets that asks, or [`NONE`]; its reference is taken over. The list holds the
/// limits: in order those of [`Limits`], times in milliseconds, [`NONE`] for the default, and then 1 if tail calls are
/// passed back. What is queued is the
/// link's business, since frames do not wait here.
/// `batching` says whether messages may share frames: 0 for never, 1 when the other side offers it, 2 for
/// offering it, 3 for that and long ones too.
#[wasm_bindgen]
pub fn attach_link(
    link: Link,
    window_bytes: u32,
    max_message_bytes: u32,
    bootstrap: u32,
    batching: u32,
) -> u32 {
    let options = ConnectionOptions {
        bootstrap: optional_cap(bootstrap),
        flow_control: flow_control(window_bytes),
        max_message_bytes: max_message_bytes as usize,
        batching: match batching {
            0 => Batching::Off,
            1 => Batching::Answer,
            2 => Batching::Offer,
            _ => Batching::OfferLong,
        },
        limits: listed_limits(),
        // The `capnp-rpc` crate never runs a call whose results it is to keep.
        tail_calls: LIST.with_borrow(|list| list.get(LIMITS).is_some_and(|said| said.get() == 1)),
        ..ConnectionOptions::default()
    };
    driver::attach(link, options).to_raw()
}

/// Takes in what arrived, no longer than the limit. When it is no frame of messages, hands back the code to close the
/// connection with, which is for the caller to do; [`failure_reason`] tells why. Otherwise 0.
#[wasm_bindgen]
pub fn receive(connection: u32, frame: Vec<u8>) -> u32 {
    let taken = with(|driver| driver.on_frame(ConnectionId::from_raw(connection), frame));
    driver::settle();
    taken.err().unwrap_or(0)
}

/// Sends what waited for the end of a turn, or says false when it is better to wait on.
#[wasm_bindgen]
pub fn on_turn() -> bool {
    let is_over = with(driver::Driver::on_turn);
    driver::settle();
    is_over
}

/// The link of a connection is gone.
#[wasm_bindgen]
pub fn lost(connection: u32, reason: String) {
    let reason = Exception::disconnected(reason);
    with(|driver| driver.on_lost(ConnectionId::from_raw(connection), reason));
    driver::settle();
}

/// Ends a connection: `code` says to its link why, the rest to the other side.
#[wasm_bindgen]
pub fn close_connection(connection: u32, code: u32, kind: u32, reason: String) {
    let reason = Exception::new(exception_kind(kind), reason);
    with(|driver| driver.close(ConnectionId::from_raw(connection), code, reason));
    driver::settle();
}

/// Into the report: questions, answers, imports, exports, streams, queued frames and their bytes,
/// then as two words each, low half first: bytes in flight, bytes delivered, window,
/// bytes per second, and microseconds of a round
/// trip; last what it does, as in [`stream_stats`]. False when the connection is over.
#[wasm_bindgen]
pub fn connection_stats(connection: u32) -> bool {
    let connection = ConnectionId::from_raw(connection);
    let Some(stats) = with(|driver| driver.vat.connection_stats(connection)) else {
        return false;
    };
    let [in_flight_low, in_flight_high] = halves(stats.in_flight_bytes);
    let [delivered_low, delivered_high] = halves(stats.delivered_bytes);
    let [window_low, window_high] = halves(stats.window_bytes);
    let [rate_low, rate_high] = halves(stats.btl_bw);
    let [trip_low, trip_high] = halves(stats.rt_prop_micros.unwrap_or(0));
    report(&[
        stats.questions as u32,
        stats.answers as u32,
        stats.imports as u32,
        stats.exports as u32,
        stats.streams as u32,
        stats.queued_frames as u32,
        stats.queued_bytes as u32,
        in_flight_low,
        in_flight_high,
        delivered_low,
        delivered_high,
        window_low,
        window_high,
        rate_low,
        rate_high,
        trip_low,
        trip_high,
        mode_number(stats.mode),
    ]);
    true
}

/// Into the list: the connection's bootstrap object, or [`NONE`], and the hosted objects that the peer holds. How
/// many entries that makes; [`NONE`] when a call of either side is not answered.
#[wasm_bindgen]
pub fn exported_objects(connection: u32) -> u32 {
    let connection = ConnectionId::from_raw(connection);
    with(|driver| {
        if driver.vat.has_calls_under_way(connection) {
            return NONE;
        }
        let bootstrap = driver.vat.bootstrap_object(connection);
        let held = driver.vat.exported_objects(connection).map(Some);
        let entry = |object: Option<ObjectId>| Cell::new(object.map_or(NONE, ObjectId::to_raw));
        LIST.with_borrow_mut(|list| {
            list.clear();
            list.extend([bootstrap].into_iter().chain(held).map(entry));
            list.len() as u32
        })
    })
}

// ---- what happened ----

/// Takes the next event; says which kind it is.
#[wasm_bindgen]
pub fn next_event() -> u32 {
    with(|driver| match driver.next_event() {
        None => EVENT_NONE,
        Some(Event::Return {
            call,
            result: Ok(payload),
        }) => {
            let payload = driver.keep_payload(payload);
            report(&[call.to_raw(), payload]);
            EVENT_RETURN
        }
        Some(Event::Return {
            call,
            result: Err(exception),
        }) => {
            driver.fail(exception);
            report(&[call.to_raw()]);
            EVENT_FAILED
        }
        Some(Event::StreamReady {
            call,
            result: Ok(()),
        }) => {
            report(&[call.to_raw()]);
            EVENT_STREAM_READY
        }
        Some(Event::StreamReady {
            call,
            result: Err(exception),
        }) => {
            driver.fail(exception);
            report(&[call.to_raw()]);
            EVENT_STREAM_FAILED
        }
        Some(Event::Call(call)) => {
            let payload = driver.keep_payload(call.params);
            let [low, high] = halves(call.interface_id);
            let method = u32::from(call.method_id);
            report(&[
                call.answer.to_raw(),
                call.object.to_raw(),
                high,
                low,
                method,
                payload,
            ]);
            EVENT_CALL
        }
        Some(Event::Canceled { answer }) => {
            report(&[answer.to_raw()]);
            EVENT_CANCELED
        }
        Some(Event::ObjectReleased { object }) => {
            report(&[object.to_raw()]);
            EVENT_OBJECT_RELEASED
        }
        Some(Event::Resolved { cap }) => {
            report(&[cap.to_raw()]);
            EVENT_RESOLVED
        }
        Some(Event::Closed { connection, reason }) => {
            driver.fail(reason);
            report(&[connection.to_raw()]);
            EVENT_CLOSED
        }
    })
}

/// Puts the capabilities of a payload into the list; hands back how many. Each that is not
/// [`NONE`] is one reference, which is JavaScript's from the first asking on.
#[wasm_bindgen]
pub fn payload_caps(payload: u32) -> u32 {
    with(|driver| {
        let Some(payload) = driver.payload(payload) else {
            return 0;
        };
        LIST.with_borrow_mut(|list| {
            if list.len() < payload.caps.len() {
                list.resize(payload.caps.len(), Cell::new(0));
            }
            for (entry, cap) in list.iter().zip(&payload.caps) {
                entry.set(cap.map_or(NONE, CapId::to_raw));
            }
        });
        payload.caps.len() as u32
    })
}

/// Lets go of a message that was taken.
#[wasm_bindgen]
pub fn payload_free(payload: u32) {
    with(|driver| {
        driver.free_payload(payload);
    });
}

/// The kind of the last failure that an event or a return code told of: its ordinal in `rpc.capnp`.
#[wasm_bindgen]
pub fn failure_kind() -> u32 {
    with(
        |driver| match driver.failure().map(|failure| failure.kind) {
            None | Some(ExceptionKind::Failed) => 0,
            Some(ExceptionKind::Overloaded) => 1,
            Some(ExceptionKind::Disconnected) => 2,
            Some(ExceptionKind::Unimplemented) => 3,
        },
    )
}

/// Why the last call failed.
#[wasm_bindgen]
pub fn failure_reason() -> String {
    with(|driver| {
        driver
            .failure()
            .map(|failure| failure.reason.clone())
            .unwrap_or_default()
    })
}

/// The stack at the far side, or nothing.
#[wasm_bindgen]
pub fn failure_trace() -> String {
    with(|driver| {
        driver
            .failure()
            .map(|failure| failure.trace.clone())
            .unwrap_or_default()
    })
}

// ---- helpers ----

fn begin(outgoing: Outgoing, hint_words: u32) {
    with(|driver| {
        driver.begin_building(outgoing);
        if let Some(outgoing) = driver.building() {
            seam::publish_room(outgoing, hint_words as usize);
        }
    });
}

fn retained_list(driver: &mut driver::Driver, count: u32) -> Vec<Option<CapId>> {
    if count == 0 {
        return Vec::new();
    }
    let caps: Vec<Option<CapId>> = LIST.with_borrow(|list| {
        list.iter()
            .take(count as usize)
            .map(|entry| optional_cap(entry.get()))
            .collect()
    });
    for cap in caps.iter().flatten() {
        driver.vat.retain(*cap);
    }
    caps
}

fn report(words: &[u32]) {
    REPORT.with(|report| {
        for (cell, word) in report.iter().zip(words) {
            cell.set(*word);
        }
    });
}

/// What the list says of limits, as [`attach_link`] wants it.
fn listed_limits() -> Limits {
    let mut limits = Limits::default();
    LIST.with_borrow(|list| {
        let mut entries = list.iter().map(Cell::get);
        let mut next = || entries.next().filter(|entry| *entry != NONE);
        for limit in [
            &mut limits.max_questions,
            &mut limits.max_answers,
            &mut limits.max_exports,
            &mut limits.max_held_bytes,
            &mut limits.max_waiting_calls,
        ] {
            if let Some(listed) = next() {
                *limit = listed as usize;
            }
        }
        if let Some(listed) = next() {
            limits.max_promise_depth = listed;
        }
        for micros in [&mut limits.idle_micros, &mut limits.handshake_micros] {
            *micros = next().map(|millis| u64::from(millis) * 1000);
        }
    });
    limits
}

fn optional_cap(raw: u32) -> Option<CapId> {
    (raw != NONE).then(|| CapId::from_raw(raw))
}

fn exception_kind(ordinal: u32) -> ExceptionKind {
    match ordinal {
        1 => ExceptionKind::Overloaded,
        2 => ExceptionKind::Disconnected,
        3 => ExceptionKind::Unimplemented,
        _ => ExceptionKind::Failed,
    }
}

fn whole(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// 0 stands for windows that adapt.
fn flow_control(window_bytes: u32) -> FlowControl {
    match window_bytes {
        0 => FlowControl::Adaptive,
        bytes => FlowControl::Fixed(u64::from(bytes)),
    }
}

/// As [`stream_stats`] says.
fn mode_number(mode: Option<Mode>) -> u32 {
    match mode {
        None => 0,
        Some(Mode::Growing) => 1,
        Some(Mode::Steady) => 2,
        Some(Mode::Draining) => 3,
    }
}

/// What JavaScript gets for it; see [`stream_finish`].
fn admission_code(driver: &mut driver::Driver, admission: Result<Admission, Exception>) -> u32 {
    match admission {
        Ok(Admission::Ready) => STREAM_READY,
        Ok(Admission::Wait(call)) => call.to_raw(),
        Err(exception) => {
            driver.fail(exception);
            STREAM_FAILED
        }
    }
}

/// Low half first.
fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

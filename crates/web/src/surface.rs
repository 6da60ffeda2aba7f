//! The functions that `js/src` calls.
//!
//! Ids and addresses are bare integers here. 64-bit ids travel as two halves. A capability list, a
//! pipelining path and a list of methods travel through the *list*, a block of `u32` at
//! [`list_address`]; what an event or a question about state has to tell stands in the *report*, a
//! block of `u32` at [`report_address`].

use std::cell::{Cell, RefCell};

use capstan_rpc::flow::Mode;
use capstan_rpc::vat::{
    Admission, AnswerId, Batching, CallId, CapId, ConnectionId, ConnectionOptions, Event,
    Exception, ExceptionKind, FlowControl, Limits, ObjectId, ObjectOptions, Outgoing, PipelineOp,
    PromiseId,
};
use wasm_bindgen::prelude::*;

use crate::driver::{self, now_micros, with};
use crate::link::{Hooks, Link};
use crate::seam;

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

const REPORT_WORDS: usize = 18;

thread_local! {
    // Cells, because JavaScript reads and writes these blocks behind the compiler's back.
    static REPORT: [Cell<u32>; REPORT_WORDS] = const { [const { Cell::new(0) }; REPORT_WORDS] };
    static LIST: RefCell<Vec<Cell<u32>>> = const { RefCell::new(Vec::new()) };
}

// ---- set-up ----

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

#[wasm_bindgen]
pub fn on_timer() {
    with(driver::Driver::on_timer);
    driver::settle();
}

// ---- connections ----

/// Connects the vat to the other end of a link; hands back the connection's id. A window of 0 adapts. `bootstrap` is the
/// capability a peer gets that asks, or [`NONE`]; its reference is taken over. The list holds the
/// limits: in order those of [`Limits`], times in milliseconds, [`NONE`] for the default. What is queued is the
/// link's business, since frames do not wait here.
/// `batching` says whether messages may share frames: 0 for never, 1 when the other side offers it, 2 for
/// offering it.
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
        flow_control: match window_bytes {
            0 => FlowControl::Adaptive,
            bytes => FlowControl::Fixed(u64::from(bytes)),
        },
        max_message_bytes: max_message_bytes as usize,
        batching: match batching {
            0 => Batching::Off,
            1 => Batching::Answer,
            _ => Batching::Offer,
        },
        limits: listed_limits(),
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

// ---- capabilities ----

/// The bootstrap object of the other side: one reference to a capability.
#[wasm_bindgen]
pub fn bootstrap(connection: u32) -> u32 {
    let connection = ConnectionId::from_raw(connection);
    let cap = with(|driver| driver.vat.bootstrap(now_micros(), connection));
    driver::settle();
    cap.to_raw()
}

/// Hosts an object whose `streaming_count` streaming methods are in the list, three entries each:
/// interface high, interface low, method. Hands back a capability for it, the object's id first in
/// the report. A concurrent one gets its calls at once, even while a streamed one runs.
#[wasm_bindgen]
pub fn add_object(streaming_count: u32, concurrent: bool) -> u32 {
    let streaming_methods = LIST.with_borrow(|list| {
        list.chunks_exact(3)
            .take(streaming_count as usize)
            .filter_map(|entry| match entry {
                [high, low, method] => Some((whole(high.get(), low.get()), method.get() as u16)),
                _ => None,
            })
            .collect()
    });
    let options = ObjectOptions {
        streaming_methods,
        concurrent,
    };
    let (object, cap) = with(|driver| driver.vat.add_object(options));
    report(&[object.to_raw()]);
    cap.to_raw()
}

/// The id of the hosted object that a capability leads to, as far as is known, or [`NONE`].
#[wasm_bindgen]
pub fn local_object(cap: u32) -> u32 {
    with(|driver| driver.vat.local_object(CapId::from_raw(cap))).map_or(NONE, ObjectId::to_raw)
}

/// A capability that is not known yet, the promise's id first in the report.
#[wasm_bindgen]
pub fn promise_cap() -> u32 {
    let (promise, cap) = with(|driver| driver.vat.promise());
    report(&[promise.to_raw()]);
    cap.to_raw()
}

/// Says what a promised capability is; the reference to `to` is taken over.
#[wasm_bindgen]
pub fn fulfill(promise: u32, to: u32) {
    with(|driver| {
        let promise = PromiseId::from_raw(promise);
        driver
            .vat
            .fulfill(now_micros(), promise, Ok(CapId::from_raw(to)));
    });
    driver::settle();
}

/// Whether it is not known yet where a capability leads: [`EVENT_RESOLVED`] then says when it is.
#[wasm_bindgen]
pub fn watch_cap(cap: u32) -> bool {
    with(|driver| driver.vat.watch(CapId::from_raw(cap)))
}

/// Whether all calls to a capability are known to fail; [`failure_reason`] tells why.
#[wasm_bindgen]
pub fn is_broken(cap: u32) -> bool {
    with(|driver| {
        let failure = driver.vat.failure(CapId::from_raw(cap));
        let broken = failure.is_some();
        failure.map(|failure| driver.fail(failure));
        broken
    })
}

/// Whether both capabilities lead to the same object, as far as is known.
#[wasm_bindgen]
pub fn is_same_cap(one: u32, other: u32) -> bool {
    with(|driver| {
        driver
            .vat
            .is_same(CapId::from_raw(one), CapId::from_raw(other))
    })
}

/// A capability whose every call fails with this.
#[wasm_bindgen]
pub fn broken_cap(kind: u32, reason: String) -> u32 {
    with(|driver| {
        driver
            .vat
            .broken(Exception::new(exception_kind(kind), reason))
    })
    .to_raw()
}

#[wasm_bindgen]
pub fn retain_cap(cap: u32) {
    with(|driver| driver.vat.retain(CapId::from_raw(cap)));
}

#[wasm_bindgen]
pub fn release_cap(cap: u32) {
    with(|driver| driver.vat.release(now_micros(), CapId::from_raw(cap)));
    driver::settle();
}

/// Into the report, two words each, low half first: window, bytes in flight, bytes delivered, the largest
/// call in flight, bytes per second, and microseconds of a round trip, 0 for unknown; last what it does: nothing,
/// growing, steady, draining. False when there was no streamed call on this capability yet.
#[wasm_bindgen]
pub fn stream_stats(cap: u32) -> bool {
    let Some(stats) = with(|driver| driver.vat.stream_stats(CapId::from_raw(cap))) else {
        return false;
    };
    let [window_low, window_high] = halves(stats.window_bytes);
    let [in_flight_low, in_flight_high] = halves(stats.in_flight_bytes);
    let [delivered_low, delivered_high] = halves(stats.delivered_bytes);
    let [largest_low, largest_high] = halves(stats.largest_bytes);
    let [rate_low, rate_high] = halves(stats.btl_bw);
    let [trip_low, trip_high] = halves(stats.rt_prop_micros.unwrap_or(0));
    report(&[
        window_low,
        window_high,
        in_flight_low,
        in_flight_high,
        delivered_low,
        delivered_high,
        largest_low,
        largest_high,
        rate_low,
        rate_high,
        trip_low,
        trip_high,
        mode_number(stats.mode),
    ]);
    true
}

// ---- calling ----

/// Begins the message of a call; the seam's encoder fills it next, then one of [`call_finish`],
/// [`stream_finish`] and [`build_abort`] ends it.
#[wasm_bindgen]
pub fn call_begin(interface_high: u32, interface_low: u32, method: u32, hint_words: u32) {
    let interface = whole(interface_high, interface_low);
    begin(
        Outgoing::call(interface, method as u16, hint_words as usize),
        hint_words,
    );
}

/// Makes the call that was begun; hands back its id. The list's first `cap_count` entries are the
/// capabilities that the content's pointers index; a reference is added to each.
#[wasm_bindgen]
pub fn call_finish(target: u32, cap_count: u32) -> u32 {
    let call = with(|driver| {
        let caps = retained_list(driver, cap_count);
        let params = driver.end_building()?;
        Some(
            driver
                .vat
                .call(now_micros(), CapId::from_raw(target), params, caps),
        )
    });
    driver::settle();
    call.map_or(NONE, CallId::to_raw)
}

/// Makes the streamed call that was begun: [`STREAM_READY`], [`STREAM_FAILED`], or the id of a call to
/// wait for.
#[wasm_bindgen]
pub fn stream_finish(target: u32, cap_count: u32) -> u32 {
    let code = with(|driver| {
        let caps = retained_list(driver, cap_count);
        let Some(params) = driver.end_building() else {
            driver.fail(Exception::failed("no call was begun"));
            return STREAM_FAILED;
        };
        let target = CapId::from_raw(target);
        let admission = driver
            .vat
            .call_streaming(now_micros(), target, params, caps);
        admission_code(driver, admission)
    });
    driver::settle();
    code
}

/// As [`stream_finish`], of a call behind which to wait until no streamed call to this capability is in flight.
#[wasm_bindgen]
pub fn stream_settle(cap: u32) -> u32 {
    let code = with(|driver| {
        let admission = driver.vat.settle_stream(now_micros(), CapId::from_raw(cap));
        admission_code(driver, admission)
    });
    driver::settle();
    code
}

/// Forgets the message that was begun.
#[wasm_bindgen]
pub fn build_abort() {
    with(|driver| driver.end_building());
}

/// The capability that will be in a call's results at the path in the list: `depth` entries, each the index of a
/// pointer field.
#[wasm_bindgen]
pub fn pipeline(call: u32, depth: u32) -> u32 {
    let path: Vec<PipelineOp> = LIST.with_borrow(|list| {
        list.iter()
            .take(depth as usize)
            .map(|field| PipelineOp::GetPointerField(field.get() as u16))
            .collect()
    });
    let cap = with(|driver| driver.vat.pipeline(CallId::from_raw(call), &path));
    driver::settle();
    cap.to_raw()
}

/// Nobody waits for this call any more. An ordinary one is finished, a streamed one goes on.
#[wasm_bindgen]
pub fn drop_call(call: u32) {
    with(|driver| driver.vat.drop_call(now_micros(), CallId::from_raw(call)));
    driver::settle();
}

// ---- answering ----

/// Begins the results of an answer, as [`call_begin`] does a call.
#[wasm_bindgen]
pub fn results_begin(hint_words: u32) {
    begin(Outgoing::results(hint_words as usize), hint_words);
}

/// Returns the results that were begun; capabilities as in [`call_finish`].
#[wasm_bindgen]
pub fn results_finish(answer: u32, cap_count: u32) {
    with(|driver| {
        let caps = retained_list(driver, cap_count);
        if let Some(results) = driver.end_building() {
            let answer = AnswerId::from_raw(answer);
            driver
                .vat
                .return_results(now_micros(), answer, results, caps);
        }
    });
    driver::settle();
}

/// Like [`results_finish`], but the answer is still to be returned: only what the capabilities in the
/// results will be is known from now on.
#[wasm_bindgen]
pub fn pipeline_finish(answer: u32, cap_count: u32) {
    with(|driver| {
        let caps = retained_list(driver, cap_count);
        if let Some(results) = driver.end_building() {
            let answer = AnswerId::from_raw(answer);
            driver.vat.set_pipeline(now_micros(), answer, results, caps);
        }
    });
    driver::settle();
}

/// Like [`call_finish`], for a call whose results are those of an answer.
#[wasm_bindgen]
pub fn tail_call_finish(answer: u32, target: u32, cap_count: u32) {
    with(|driver| {
        let caps = retained_list(driver, cap_count);
        if let Some(params) = driver.end_building() {
            let (answer, target) = (AnswerId::from_raw(answer), CapId::from_raw(target));
            driver
                .vat
                .tail_call(now_micros(), answer, target, params, caps);
        }
    });
    driver::settle();
}

/// Answers with the results of the same call to another object. Takes the payload over, of which
/// nothing was asked for.
#[wasm_bindgen]
pub fn pass_call(
    answer: u32,
    interface_high: u32,
    interface_low: u32,
    method: u32,
    payload: u32,
    target: u32,
) {
    with(|driver| {
        if let Some(params) = driver.free_payload(payload) {
            let (answer, target) = (AnswerId::from_raw(answer), CapId::from_raw(target));
            let method = (whole(interface_high, interface_low), method as u16);
            driver
                .vat
                .pass_call(now_micros(), answer, method, params, target);
        }
    });
    driver::settle();
}

#[wasm_bindgen]
pub fn return_exception(answer: u32, kind: u32, reason: String, trace: String) {
    let mut exception = Exception::new(exception_kind(kind), reason);
    exception.trace = trace;
    with(|driver| {
        driver
            .vat
            .return_exception(now_micros(), AnswerId::from_raw(answer), exception);
    });
    driver::settle();
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

//! Capabilities: where they come from, what is known of them, who holds them.

use capstan_rpc::vat::{CapId, ConnectionId, Exception, ObjectId, ObjectOptions, PromiseId};
use wasm_bindgen::prelude::*;

use super::*;
use crate::driver::{self, now_micros, with};

/// The bootstrap object of the other side: one reference to a capability.
#[wasm_bindgen]
pub fn bootstrap(connection: u32) -> u32 {
    let connection = ConnectionId::from_raw(connection);
    let cap = with(|driver| driver.vat.bootstrap(now_micros(), connection));
    driver::settle();
    cap.to_raw()
}

/// The other side's object of dedicated connections: one reference to a capability.
#[wasm_bindgen]
pub fn dedicated(connection: u32) -> u32 {
    let connection = ConnectionId::from_raw(connection);
    let cap = with(|driver| driver.vat.dedicated(now_micros(), connection));
    driver::settle();
    cap.to_raw()
}

/// Chooses what the other side gets that asks for it; the reference is taken over.
#[wasm_bindgen]
pub fn set_dedicated(connection: u32, cap: u32) {
    let connection = ConnectionId::from_raw(connection);
    with(|driver| driver.vat.set_dedicated(connection, CapId::from_raw(cap)));
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

/// One more refers to the capability.
#[wasm_bindgen]
pub fn retain_cap(cap: u32) {
    with(|driver| driver.vat.retain(CapId::from_raw(cap)));
}

/// One less refers to it; the last one lets it go.
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

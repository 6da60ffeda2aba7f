//! Calls that JavaScript makes, and answers that it gives.

use capstan_rpc::vat::{AnswerId, CallId, CapId, Exception, Outgoing, PipelineOp};
use wasm_bindgen::prelude::*;

use super::*;
use crate::driver::{self, now_micros, with};

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

/// The window of one capability's stream from now on, in bytes; 0 for one that adapts.
#[wasm_bindgen]
pub fn stream_window(cap: u32, window_bytes: u32) {
    with(|driver| {
        driver
            .vat
            .set_stream_flow_control(CapId::from_raw(cap), super::flow_control(window_bytes));
    });
    driver::settle();
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

/// Answers a call with a failure; `kind` is its ordinal on the wire.
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

//! The runtime of programs in Rust: JavaScript's tasks, timers and clock.

use core::time::Duration;

use capstan_rpc::{BoxFuture, Runtime};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn now_millis() -> f64;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, delay_millis: f64);
}

/// The runtime of this thread, which all its connections share: capabilities pass from one
/// connection to another, and objects of the program can be had without any.
#[must_use]
pub fn runtime() -> Runtime {
    thread_local! {
        static RUNTIME: Runtime = Runtime::with_clock(
            |task: BoxFuture<()>| spawn_local(task),
            || (now_millis() * 1000.0) as u64,
        );
    }
    RUNTIME.with(Runtime::clone)
}

pub(crate) async fn sleep(duration: Duration) {
    // A longer delay would be none at all.
    let millis = f64::min(duration.as_secs_f64() * 1000.0, f64::from(i32::MAX));
    let timer = Promise::new(&mut |resolve, _| set_timeout(&resolve, millis.ceil()));
    // Nothing ever rejects it.
    let _ = JsFuture::from(timer).await;
}

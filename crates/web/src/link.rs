//! What carries frames to the other side, as JavaScript made it. What arrives comes in through
//! [`receive`](crate::surface::receive).

use capstan_rpc::vat::ConnectionId;
use wasm_bindgen::prelude::*;

use crate::driver;

#[wasm_bindgen]
extern "C" {
    /// An object of `js/src/connection.ts`. Its methods never throw: a frame that cannot be sent
    /// is told of through [`lost`](crate::surface::lost).
    pub type Link;

    /// Lends one frame, a message or several, for as long as the call lasts.
    #[wasm_bindgen(method)]
    pub(crate) fn send(this: &Link, frame: &[u8]);

    /// Nothing follows. What was sent before still goes out first.
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Link, code: u32, reason: &str);

    /// Functions of `js/src/events.ts`; they only schedule.
    pub type Hooks;

    /// Events are waiting. Called at most once until JavaScript has taken them all.
    #[wasm_bindgen(method)]
    pub(crate) fn wake(this: &Hooks);

    /// Wants [`on_turn`](crate::surface::on_turn) called when the code that runs now has come to its end, again until
    /// that says true.
    #[wasm_bindgen(method, js_name = awaitTurn)]
    pub(crate) fn await_turn(this: &Hooks);

    /// Wants [`on_timer`](crate::surface::on_timer) called in so many milliseconds; replaces an earlier wish.
    #[wasm_bindgen(method, js_name = setTimer)]
    pub(crate) fn set_timer(this: &Hooks, delay_millis: f64);
}

/// So many bytes wait in the connection's socket. To be called again when there are fewer.
#[wasm_bindgen]
pub fn set_backlog(connection: u32, bytes: f64) {
    let connection = ConnectionId::from_raw(connection);
    driver::with(|driver| driver.vat.set_backlog(connection, bytes as u64));
    driver::settle();
}

/// The WebSocket close codes that the vat itself gives rise to (RFC 6455, section 7.4.1, and docs/framing.md).
pub(crate) mod close_code {
    pub(crate) const NORMAL: u32 = 1000;
    pub(crate) const PROTOCOL_ERROR: u32 = 1002;
    pub(crate) const INVALID: u32 = 1007;
    pub(crate) const TOO_BIG: u32 = 1009;
}

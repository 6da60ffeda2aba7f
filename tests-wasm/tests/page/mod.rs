//! What the browser tests share: links without a network, a far side that answers when told to,
//! and promises for streamed calls, made as `js/src` makes them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use capstan_web::{seam, surface};
use js_sys::{
    Array, ArrayBuffer, DataView, Function, Object, Promise, Reflect, Uint8Array, Uint32Array,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// An interface and a streaming method of it; any will do.
pub const INTERFACE: [u32; 2] = [0x8123_4567, 0x89ab_cdef];
pub const WRITE: u32 = 0;

/// How many limits a connection has.
const LIMITS: u32 = 8;

/// What a promise has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Resolved,
    Rejected,
}

/// The answer to a call that the hosted object has got and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held(u32);

thread_local! {
    static WAITING: RefCell<HashMap<u32, (Function, Function)>> = RefCell::default();
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
    static CLOSED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// To be called at the beginning of each test.
pub fn start() {
    let wake = Closure::<dyn Fn()>::new(|| spawn_local(async { drain() })).into_js_value();
    let timer = Closure::<dyn Fn(f64)>::new(|_| {}).into_js_value();
    let hooks = JsValue::from(Object::new());
    set(&hooks, "wake", &wake);
    set(&hooks, "setTimer", &timer);
    surface::set_hooks(hooks.unchecked_into());
    WAITING.take();
    HELD.take();
    CLOSED.take();
}

/// The calls that the hosted object has got, oldest first. They are not answered until told.
pub fn held() -> Vec<Held> {
    HELD.with_borrow(Clone::clone)
}

/// Answers the oldest held call with empty results.
pub fn answer_one() {
    let held = HELD.with_borrow_mut(|held| held.remove(0));
    surface::results_begin(0);
    surface::results_finish(held.0, 0);
}

/// Fails the oldest held call.
pub fn fail_one(reason: &str) {
    let held = HELD.with_borrow_mut(|held| held.remove(0));
    surface::return_exception(held.0, 0, reason.to_owned(), String::new());
}

/// Why connections ended since the test began.
pub fn closed() -> Vec<String> {
    CLOSED.with_borrow(Clone::clone)
}

/// A capability for an object that holds on to the calls it gets. `write` is a streaming method of it.
pub fn host() -> u32 {
    let list = words_at(surface::list_address(3), 3);
    for (index, word) in [INTERFACE[0], INTERFACE[1], WRITE].into_iter().enumerate() {
        list.set_index(index as u32, word);
    }
    surface::add_object(1, false)
}

/// Connects to the other end of a link with a window of so many bytes, and listens as `js/src` does.
pub fn attach(link: &JsValue, window_bytes: u32, bootstrap: u32) -> u32 {
    let target = link.clone().unchecked_into();
    // Every limit at its default.
    words_at(surface::list_address(LIMITS), LIMITS).fill(surface::NONE, 0, LIMITS);
    let connection = surface::attach_link(target, window_bytes, 64 << 20, bootstrap, 1);
    let on_message = Closure::<dyn Fn(Uint8Array)>::new(move |frame: Uint8Array| {
        let code = surface::receive(connection, frame.to_vec());
        if code != 0 {
            surface::close_connection(connection, code, 0, surface::failure_reason());
        }
    });
    let on_close = Closure::<dyn Fn(u32)>::new(move |code: u32| {
        surface::lost(connection, format!("the far side closed with code {code}"));
    });
    set(link, "onmessage", &on_message.into_js_value());
    set(link, "onclose", &on_close.into_js_value());
    connection
}

/// A streamed call with one Data parameter: a promise that settles as the vat says.
pub fn write(target: u32, chunk: &[u8]) -> Promise {
    begin_with_data(WRITE, chunk);
    let code = surface::stream_finish(target, 0);
    match code {
        surface::STREAM_READY => Promise::resolve(&JsValue::UNDEFINED),
        surface::STREAM_FAILED => Promise::reject(&surface::failure_reason().into()),
        call => Promise::new(&mut |resolve, reject| {
            WAITING.with_borrow_mut(|waiting| waiting.insert(call, (resolve, reject)));
        }),
    }
}

/// An ordinary call without parameters.
pub fn call(target: u32, method: u32) -> Promise {
    begin_with_data(method, &[]);
    let call = surface::call_finish(target, 0);
    Promise::new(&mut |resolve, reject| {
        WAITING.with_borrow_mut(|waiting| waiting.insert(call, (resolve, reject)));
    })
}

/// What a promise has come to, once everything under way in the page has arrived.
pub async fn state(promise: &Promise) -> State {
    turn().await;
    let pending = JsValue::from(Object::new());
    let race = Promise::race(&Array::of2(promise, &Promise::resolve(&pending)));
    match JsFuture::from(race).await {
        Ok(value) if value == pending => State::Pending,
        Ok(_) => State::Resolved,
        Err(_) => State::Rejected,
    }
}

/// Lets everything that is under way in the page arrive.
pub async fn turn() {
    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = setTimeout)]
        fn set_timeout(callback: &Function, millis: u32);
    }
    let promise = Promise::new(&mut |resolve, _| set_timeout(&resolve, 0));
    JsFuture::from(promise).await.expect("timers do not reject");
}

/// The ends of a link: what is sent to one is a message of the other, a microtask later.
pub fn link_pair() -> (JsValue, JsValue) {
    let (near, far) = (JsValue::from(Object::new()), JsValue::from(Object::new()));
    wire(&near, &far);
    wire(&far, &near);
    (near, far)
}

fn wire(from: &JsValue, to: &JsValue) {
    let is_open = Rc::new(Cell::new(true));
    let target = to.clone();
    let open = is_open.clone();
    let send = Closure::<dyn Fn(Uint8Array)>::new(move |data: Uint8Array| {
        assert!(open.get(), "nothing is sent on a closed link");
        let copy = data.slice(0, data.length());
        let target = target.clone();
        spawn_local(async move { receive(&target, &copy.into()) });
    });
    let target = to.clone();
    let close = Closure::<dyn Fn(u32, String)>::new(move |code: u32, _reason: String| {
        if is_open.replace(false) {
            let target = target.clone();
            spawn_local(async move { end(&target, code) });
        }
    });
    set(from, "send", &send.into_js_value());
    set(from, "close", &close.into_js_value());
}

/// A message arrives at an end.
pub fn receive(link: &JsValue, frame: &JsValue) {
    emit(link, "onmessage", frame);
}

/// A link is closed from the other side.
pub fn end(link: &JsValue, code: u32) {
    emit(link, "onclose", &code.into());
}

pub fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).expect("objects have properties")
}

pub fn set(object: &JsValue, name: &str, value: &JsValue) {
    Reflect::set(object, &name.into(), value).expect("objects take properties");
}

fn emit(link: &JsValue, listener: &str, event: &JsValue) {
    let Ok(listener) = get(link, listener).dyn_into::<Function>() else {
        return;
    };
    listener
        .call1(&JsValue::UNDEFINED, event)
        .expect("listeners do not throw");
}

fn drain() {
    loop {
        let kind = surface::next_event();
        let report: Vec<u32> = words_at(surface::report_address(), 8).to_vec();
        let settle = |value: Option<JsValue>| {
            let Some((resolve, reject)) =
                WAITING.with_borrow_mut(|waiting| waiting.remove(&report[0]))
            else {
                return;
            };
            let settle = if value.is_some() { reject } else { resolve };
            settle
                .call1(&JsValue::UNDEFINED, &value.unwrap_or_default())
                .expect("resolvers do not throw");
        };
        match kind {
            surface::EVENT_NONE => return,
            surface::EVENT_RETURN => {
                surface::payload_free(report[1]);
                settle(None);
            }
            surface::EVENT_STREAM_READY => settle(None),
            surface::EVENT_FAILED | surface::EVENT_STREAM_FAILED => {
                settle(Some(surface::failure_reason().into()))
            }
            surface::EVENT_CALL => {
                surface::payload_free(report[5]);
                HELD.with_borrow_mut(|held| held.push(Held(report[0])));
            }
            surface::EVENT_CLOSED => {
                CLOSED.with_borrow_mut(|closed| closed.push(surface::failure_reason()))
            }
            _ => {}
        }
    }
}

/// Begins a call whose parameters are one Data, written the way generated code does it.
fn begin_with_data(method: u32, data: &[u8]) {
    let words = data.len().div_ceil(8) as u32 + 1;
    surface::call_begin(INTERFACE[0], INTERFACE[1], method, words);
    let header = words_at(seam::seam_header(), 3);
    let (room, slot) = (header.get_index(0), header.get_index(2));
    let view = DataView::new(&memory(), 0, memory().byte_length() as usize);
    // The struct's one pointer is the first word of the room; the list follows it.
    view.set_int32_endian(slot as usize, (room as i32 - slot as i32 - 8) >> 1, true);
    view.set_int32_endian(slot as usize + 4, 1 << 16, true);
    view.set_int32_endian(room as usize, 1, true);
    view.set_int32_endian(room as usize + 4, (data.len() as i32) << 3 | 2, true);
    Uint8Array::new_with_byte_offset_and_length(&memory(), room + 8, data.len() as u32)
        .copy_from(data);
    seam::seam_commit(words);
}

fn words_at(address: u32, count: u32) -> Uint32Array {
    Uint32Array::new_with_byte_offset_and_length(&memory(), address, count)
}

fn memory() -> ArrayBuffer {
    get(&wasm_bindgen::memory(), "buffer").unchecked_into()
}

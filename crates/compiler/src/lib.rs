//! The schema compiler for JavaScript: the `capstan` command, with the files and the output of
//! whoever loads the module.
//!
//! A module of its own, so that pages which only talk to servers do not load a compiler, and a
//! crate of its own, so that it is built for size where the runtime is built for speed.

mod host;

use std::ffi::OsString;

use wasm_bindgen::prelude::wasm_bindgen;

use host::{JsHost, Outside};

/// Runs the `capstan` command with what follows its name on the command line. Returns the exit status.
#[wasm_bindgen]
pub fn run(arguments: Vec<String>, host: &JsHost) -> u8 {
    capstan_cli::run(arguments.into_iter().map(OsString::from), &Outside(host))
}

/// Says where the compiler gave up, should it ever: WebAssembly alone says only that it did.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| host::error(&panic.to_string())));
}

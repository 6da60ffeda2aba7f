//! The JavaScript edge of Capstan: a vat driven from JavaScript over whatever carries messages.
//!
//! One `Driver` per thread holds the vat, its connections and the messages that wait for
//! JavaScript to decode them. JavaScript is never called while the vat is borrowed: what is to be
//! done is taken out first, one effect at a time, and done after the borrow has ended.
//!
//! The functions JavaScript calls are in [`surface`]; on hot paths they take and return integers
//! only, because an integer crosses the boundary in 10 ns and an object in 500. Lists of integers
//! travel through blocks of wasm memory whose address JavaScript asks for.
//!
//! All that is the feature `runtime`. The feature `messages` is what pages without a connection
//! load, and those that do more with messages than send them: [`messages`] that are read and built
//! a field at a time, packing, the canonical form. The package for JavaScript has a module of each,
//! so that nobody loads what they do not use; both can take in whole messages, which is the
//! [`seam`]'s business. Programs in Rust that are compiled to WebAssembly take the feature `rust`
//! instead (`default-features = false, features = ["rust"]`):
//! `capstan_web::websocket::connect(url, options)` gives them the connection that native programs
//! get of `capstan-net`, and everything from there on is `capstan-rpc`.
#![warn(missing_docs)]

#[cfg(feature = "messages")]
mod codec;
#[cfg(feature = "runtime")]
mod driver;
#[cfg(feature = "runtime")]
mod link;
#[cfg(feature = "messages")]
pub mod messages;
#[cfg(any(feature = "runtime", feature = "messages"))]
pub mod seam;
#[cfg(any(feature = "runtime", feature = "messages"))]
mod shared;
#[cfg(any(feature = "runtime", feature = "messages"))]
mod slots;
#[cfg(feature = "runtime")]
pub mod surface;

#[cfg(all(feature = "rust", target_arch = "wasm32"))]
mod runtime;
#[cfg(all(feature = "rust", target_arch = "wasm32"))]
pub mod websocket;
#[cfg(all(feature = "rust", target_arch = "wasm32"))]
pub use runtime::runtime;

// A fifth of what the standard library has, and no slower. Programs in Rust choose for themselves.
#[cfg(all(
    target_arch = "wasm32",
    feature = "messages",
    not(any(feature = "runtime", feature = "rust"))
))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

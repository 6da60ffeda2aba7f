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
//! All that is the feature `javascript`, on by default. Programs in Rust that are compiled to
//! WebAssembly take the feature `rust` instead (`default-features = false, features = ["rust"]`):
//! `capstan_web::websocket::connect(url, options)` gives them the connection that native programs
//! get of `capstan-net`, and everything from there on is `capstan-rpc`.

#[cfg(feature = "javascript")]
mod codec;
#[cfg(feature = "javascript")]
mod driver;
#[cfg(feature = "javascript")]
mod link;
#[cfg(feature = "javascript")]
pub mod messages;
#[cfg(feature = "javascript")]
pub mod seam;
#[cfg(feature = "javascript")]
mod slots;
#[cfg(feature = "javascript")]
pub mod surface;

#[cfg(all(feature = "rust", target_arch = "wasm32"))]
mod runtime;
#[cfg(all(feature = "rust", target_arch = "wasm32"))]
pub mod websocket;
#[cfg(all(feature = "rust", target_arch = "wasm32"))]
pub use runtime::runtime;

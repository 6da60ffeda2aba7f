//! The JavaScript edge of Capstan: a vat driven from JavaScript over whatever carries messages.
//!
//! One [`Driver`](driver) per thread holds the vat, its connections and the messages that wait for
//! JavaScript to decode them. JavaScript is never called while the vat is borrowed: what is to be
//! done is taken out first, one effect at a time, and done after the borrow has ended.
//!
//! The functions JavaScript calls are in [`surface`]; on hot paths they take and return integers
//! only, because an integer crosses the boundary in 10 ns and an object in 500. Lists of integers
//! travel through blocks of wasm memory whose address JavaScript asks for.

mod codec;
mod driver;
mod link;
pub mod messages;
pub mod seam;
mod slots;
pub mod surface;

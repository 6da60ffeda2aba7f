//! The Cap'n Proto schema language: text in, compiled schema out. No I/O.
#![forbid(unsafe_code)]

pub mod node;

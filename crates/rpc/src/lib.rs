//! Cap'n Proto RPC. The heart is [`vat`], a state machine without I/O, clock or callbacks; the
//! async API on top of it is what applications use.
#![forbid(unsafe_code)]

pub mod vat;

// TEMPORARY: the async API (runtime.rs, client.rs, server.rs, ...) is being written by the person who also
// writes crates/net; the contract is in /work/notes/rpc_api.md. The code generator's author only emits code against it.


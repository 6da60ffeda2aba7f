//! The server behind the upload example.
//!
//! It serves the page, a [`files_capnp::files::Server`] over WebSocket, and bare WebSocket frames to
//! compare with. The objects in [`files`] know nothing of the network they are reached through.

pub mod bare;
pub mod events;
pub mod files;
pub mod http;
pub mod pace;
mod saved;
pub mod store;

capstan_rpc::generated_code!(pub mod files_capnp);

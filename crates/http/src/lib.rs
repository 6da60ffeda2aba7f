//! HTTP over Cap'n Proto: requests, responses, WebSockets and CONNECT as calls, by the interfaces that the C++ library
//! publishes as `http-over-capnp.capnp` and `byte-stream.capnp`.
//!
//! - [`serve`] makes a capability of a tower service.
//! - [`HttpClient`] is a tower service made of a capability.
//!
//! Bodies stream both ways, as fast as they are read. One that ends well was complete: what was lost, cut short or longer than
//! announced is an error of the [`Body`]. Trailers are not part of the interface, and dropped.
//!
//! A request that wants a WebSocket says `Upgrade: websocket`, as in HTTP, and has no keys: there is nothing to prove. The service that gets it takes
//! [`on_web_socket`] from it and answers with status 101; the client finds the socket in the response by [`web_socket`]. The same goes for
//! CONNECT, with [`on_tunnel`], any status of success, and [`tunnel`].
//!
//! All of this runs on tokio: a request that goes on while its body is read is a task.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

/// Streams of bytes, as `/capnp/compat/byte-stream.capnp` declares them.
#[rustfmt::skip]
#[allow(missing_docs)]
pub mod byte_stream_capnp;
/// HTTP as calls, as `/capnp/compat/http-over-capnp.capnp` declares them.
#[rustfmt::skip]
#[allow(missing_docs)]
pub mod http_over_capnp_capnp;

mod arrival;
mod body;
mod byte_stream;
mod client;
mod exchange;
mod head;
mod headers;
#[cfg(feature = "proxy")]
pub mod proxy;
mod send;
mod server;
mod tunnel;
mod upgrade;
mod web_socket;

pub use body::Body;
pub use client::HttpClient;
pub use http_over_capnp_capnp::http_service;
pub use server::serve;
pub use tunnel::Tunnel;
pub use upgrade::{Upgrading, on_tunnel, on_web_socket, tunnel, web_socket};
pub use web_socket::{Message, WebSocket, WebSocketReceiver, WebSocketSender};

pub use capstan_rpc::{Error, ErrorKind, Result};

/// The longest headers of a request or response, names and values together.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

//! Cap'n Proto RPC over WebSocket and TCP, on tokio.
//!
//! Both networks carry the same messages, so what connects differs and nothing else:
//!
//! - [`websocket`]: for browsers, and everything behind HTTP infrastructure. One RPC message per
//!   binary WebSocket message, or several where both sides agree; `docs/framing.md` in the repository has the details.
//! - [`tcp`]: between servers. Messages back to back, as other Cap'n Proto implementations have it.
//!
//! A third, [`gateway`], lets WebSocket clients reach servers that only speak TCP.
//!
//! A client gets a [`Connection`]; a server gives each connection a bootstrap object.
//!
//! Features, none of them on by default: `axum` for a route of [`websocket::Endpoint`], `tls` for `wss://`, by servers and clients, `metrics`
//! for Prometheus. `docs/servers.md` in the repository describes servers as they are deployed.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "axum")]
mod axum;
pub mod gateway;
pub mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
pub mod websocket;

mod connection;
mod dedicated;
mod driver;
mod error;
mod flow;
mod listen;
#[cfg(feature = "metrics")]
mod metrics;
mod observe;
mod options;
mod origins;
mod outbox;
mod runtime;
mod shutdown;

pub use connection::Connection;
pub use dedicated::Dedicated;
pub use error::{Error, ErrorKind};
pub use flow::{Sample, observe_stream};
pub use listen::{Listen, accept};
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
pub use options::Options;
pub use origins::Origins;
pub use runtime::runtime;

pub use capstan_rpc;
use capstan_rpc::framing;

/// The snippets of a document, which doc tests compile.
#[cfg(all(doctest, feature = "axum", feature = "metrics", feature = "tls"))]
#[doc = include_str!("../../../docs/servers.md")]
struct Servers;

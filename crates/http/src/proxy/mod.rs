//! Proxies between real HTTP and capabilities.
//!
//! - [`serve`] answers real HTTP by an `HttpService`.
//! - [`Origin`] is a tower service for [`serve`](crate::serve) that asks a real HTTP server.

mod listen;
mod origin;
mod sockets;

pub use listen::{Options, Report, serve};
pub use origin::{Origin, OriginError};

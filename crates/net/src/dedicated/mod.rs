//! Connections of their own for single streams, so that bulk data does not share a TCP connection with calls.
//!
//! `docs/streams.md` in the repository specifies the protocol. A client asks its server for a token over the connection that
//! they have, connects once more to the same address, and shows the token there. Both ends then have the stream's capability from
//! the one connection to the other, and close the new connection together with the old one.

mod client;
mod server;

pub use server::Dedicated;

//! Cap'n Proto RPC: promise pipelining, capabilities as arguments, streams with backpressure.
//!
//! The heart is [`vat`], a state machine without I/O, clock or callbacks. On top of it is the API
//! that applications use: a [`Runtime`] that drives a vat, [`Client`]s and what generated code
//! makes of them, servers as `async fn`s on `&self`. Networks, such as those of `capstan-net`,
//! carry frames between a [`ConnectionHandle`] and a socket.
//!
//! Whoever uses generated code needs no other crate: the message layer is at [`message`]. With the
//! feature `schema`, interfaces of a schema that arrives at run time are called and served without
//! generated code, by the module `dynamic`. It is the one thing here that uses `capstan-schema`,
//! and nothing else of this crate uses it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
// Where there are no threads, servers need not be `Send`; the same code shares them by `Arc` everywhere.
#![cfg_attr(target_arch = "wasm32", allow(clippy::arc_with_non_send_sync))]

pub mod flow;
pub mod framing;
pub mod vat;

mod cancellation;
mod client;
#[cfg(feature = "schema")]
pub mod dynamic;
mod error;
mod membrane;
mod moment;
mod network;
mod observer;
mod pipeline;
mod promised;
mod reconnect;
mod request;
/// The messages of the protocol, as `rpc.capnp` declares them.
#[rustfmt::skip]
#[allow(missing_docs)]
pub mod rpc_capnp;
mod runtime;
mod server;
mod server_set;
pub mod sinks;
/// Interfaces of streams of items, as `/capstan/sinks.capnp` declares them.
#[rustfmt::skip]
#[allow(missing_docs)]
pub mod sinks_capnp;

pub use capstan_message as message;
pub use capstan_message::capability::{CapHandle, MaybeSend, MaybeSync};
pub use capstan_message::generated_code;

pub use cancellation::CancellationToken;
pub use client::{Client, FromClient, WeakClient};
pub use error::Result;
pub use membrane::{Membrane, Revoker, membrane, revocable};
pub use network::{NetworkReceiver, NetworkSender, VatNetwork};
pub use observer::{MethodName, ObservedCall, Observer, method_name};
pub use pipeline::{AnyPipeline, FromTypelessPipeline, Pipelined};
pub use promised::{Fulfiller, new_future_client, new_promise_client};
pub use reconnect::reconnecting;
pub use request::{Promise, RemotePromise, Request, Response, StreamingRequest, StreamingSend};
pub use runtime::{ConnectOptions, ConnectionHandle, Runtime, Spawn, WeakConnection};
pub use server::{
    Dispatch, FromServer, Params, RawParams, RawResults, Results, new_client,
    new_concurrent_client, unimplemented_default, unimplemented_interface, unimplemented_method,
};
pub use server_set::CapabilityServerSet;
pub use vat::{Exception as Error, ExceptionKind as ErrorKind};

/// A future on the heap; `Send` on platforms with threads.
#[cfg(not(target_arch = "wasm32"))]
pub type BoxFuture<T> = core::pin::Pin<Box<dyn Future<Output = T> + Send>>;
/// A future on the heap; `Send` on platforms with threads.
#[cfg(target_arch = "wasm32")]
pub type BoxFuture<T> = core::pin::Pin<Box<dyn Future<Output = T>>>;

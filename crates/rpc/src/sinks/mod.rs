//! Streams of items of one type, as [`Sink`] and [`Source`]: what one end writes, the other reads.
//!
//! On the wire they are the objects of `/capstan/sinks.capnp` ([`sinks_capnp`](crate::sinks_capnp)), and schemas have them as
//! parameters and results. The end of a stream that is passed in a call arrives as the other one: of
//! `upload @0 (items :Source(Person))` the caller has a [`Sink`], made by [`open_sink`], and of `download @1 (into :Sink(Person))`
//! a [`Source`], made by [`open_source`]. Who receives the clients makes of them what they stand for, by [`Source::new`] and
//! [`Sink::new`].
//!
//! ```
//! use capstan_rpc::message::text;
//! use capstan_rpc::sinks::{Source, open_sink};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), capstan_rpc::Error> {
//! let (mut sink, client) = open_sink::<text::Owned>();
//! // `client` would go to another process, in a call.
//! let mut source = Source::new(client);
//! let write = async {
//!     sink.write("one").await?;
//!     sink.write("two").await?;
//!     sink.end().await
//! };
//! let read = async {
//!     let mut texts = Vec::new();
//!     while let Some(item) = source.next().await {
//!         texts.push(item?.get()?.to_string()?);
//!     }
//!     Ok::<_, capstan_rpc::Error>(texts)
//! };
//! let (texts, written) = futures_util::future::join(read, write).await;
//! written?;
//! assert_eq!(texts?, ["one", "two"]);
//! # Ok(())
//! # }
//! ```
//!
//! The end of a stream is explicit: one whose writer was dropped, or lost with its connection, is an error at the reader and
//! never a short stream. A writer whose reader is gone is told so by the next write. Writes wait while the reader does not
//! read, through the window of the connection as all streamed calls do.

mod inlet;
mod item;
mod outlet;
mod sink;
mod source;

pub use item::Item;
pub use sink::{Sink, open_sink, open_sink_with};
pub use source::{Source, open_source, open_source_with};

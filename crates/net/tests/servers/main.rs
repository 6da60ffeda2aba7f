//! Servers as they are deployed: beside other routes, behind TLS, watched, and ended while clients are busy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code
)]

mod authority;
mod axum;
mod origins;
#[path = "../net/server.rs"]
mod server;
mod shutdown;
mod tls;
#[rustfmt::skip]
#[path = "../../../rpc/tests/generated/trial_capnp.rs"]
mod trial_capnp;
mod watching;

use capstan_net::Connection;
use capstan_rpc::Error;
use trial_capnp::{streaming_byte_sink, trial};

/// The chunks of an upload that a test makes step by step.
pub struct Uploader {
    pub sink: streaming_byte_sink::Client,
}

impl Uploader {
    pub async fn open(connection: &Connection) -> Self {
        let trial: trial::Client = connection.bootstrap();
        let opened = trial.open_request().send().promise.await.unwrap();
        let sink = opened.get().unwrap().get_sink().unwrap();
        Self { sink }
    }

    pub async fn write(&self, chunk: &[u8]) -> Result<(), Error> {
        let mut request = self.sink.write_request();
        request.get().set_chunk(chunk);
        request.send().await
    }

    pub async fn end(&self) -> Result<u64, Error> {
        let ended = self.sink.end_request().send().promise.await?;
        Ok(ended.get()?.get_total())
    }
}

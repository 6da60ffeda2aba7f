//! The same with the `capnp-rpc` crate.

use std::cell::Cell;
use std::rc::Rc;

use capnp_rpc::new_client;

use crate::STREAM_BYTES;
use crate::peer;
use crate::theirs::streams_capnp::{sink, streams};

pub struct Client {
    streams: streams::Client,
}

impl Client {
    pub async fn connect(port: u16) -> Self {
        let streams = peer::connect(port).await;
        Self { streams }
    }

    pub async fn stream(&self, chunk_bytes: usize) -> u64 {
        let sink = self.streams.open_request().send().pipeline.get_sink();
        let chunk = vec![7; chunk_bytes];
        for _ in 0..STREAM_BYTES / chunk_bytes {
            let mut request = sink.write_request();
            request.get().set_chunk(&chunk);
            request.send().await.unwrap();
        }
        let response = sink.end_request().send().promise.await.unwrap();
        response.get().unwrap().get_total()
    }
}

pub async fn serve(listener: std::net::TcpListener) {
    let object: streams::Client = new_client(Server);
    peer::serve(listener, object.client).await;
}

struct Server;

impl streams::Server for Server {
    async fn open(
        self: Rc<Self>,
        _params: streams::OpenParams,
        mut results: streams::OpenResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_sink(new_client(Counter::default()));
        Ok(())
    }

    async fn nothing(
        self: Rc<Self>,
        _params: streams::NothingParams,
        _results: streams::NothingResults,
    ) -> Result<(), capnp::Error> {
        Ok(())
    }
}

#[derive(Default)]
struct Counter {
    bytes: Cell<u64>,
}

impl sink::Server for Counter {
    async fn write(self: Rc<Self>, params: sink::WriteParams) -> Result<(), capnp::Error> {
        let bytes = params.get()?.get_chunk()?.len() as u64;
        self.bytes.set(self.bytes.get() + bytes);
        Ok(())
    }

    async fn end(
        self: Rc<Self>,
        _params: sink::EndParams,
        mut results: sink::EndResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_total(self.bytes.get());
        Ok(())
    }
}

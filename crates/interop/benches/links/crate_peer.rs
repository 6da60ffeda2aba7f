//! The same with the `capnp-rpc` crate.

use std::rc::Rc;
use std::sync::Arc;

use capnp_rpc::new_client;

use crate::ledger::Ledger;
use crate::theirs::streams_capnp::{sink, streams};
use crate::{Client, peer};

pub struct Theirs {
    streams: streams::Client,
}

impl Theirs {
    pub async fn connect(port: u16) -> Self {
        let streams = peer::connect(port).await;
        Self { streams }
    }
}

impl Client for Theirs {
    type Sink = sink::Client;

    async fn open(&self) -> sink::Client {
        let response = self.streams.open_request().send().promise.await.unwrap();
        response.get().unwrap().get_sink().unwrap()
    }

    async fn write(sink: &sink::Client, chunk: &[u8]) {
        let mut request = sink.write_request();
        request.get().set_chunk(chunk);
        request.send().await.unwrap();
    }

    async fn call(&self) {
        self.streams.nothing_request().send().promise.await.unwrap();
    }

    fn held(_: &sink::Client) -> Option<(u64, u64)> {
        None
    }
}

pub async fn serve(listener: std::net::TcpListener, ledger: Arc<Ledger>) {
    let object: streams::Client = new_client(Server { ledger });
    peer::serve(listener, object.client).await;
}

struct Server {
    ledger: Arc<Ledger>,
}

impl streams::Server for Server {
    async fn open(
        self: Rc<Self>,
        _params: streams::OpenParams,
        mut results: streams::OpenResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_sink(new_client(Sink {
            number: self.ledger.open(),
            ledger: Arc::clone(&self.ledger),
        }));
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

struct Sink {
    number: usize,
    ledger: Arc<Ledger>,
}

impl sink::Server for Sink {
    async fn write(self: Rc<Self>, params: sink::WriteParams) -> Result<(), capnp::Error> {
        self.ledger.wait(self.number).await;
        self.ledger
            .note(self.number, params.get()?.get_chunk()?.len());
        Ok(())
    }

    async fn end(
        self: Rc<Self>,
        _params: sink::EndParams,
        _results: sink::EndResults,
    ) -> Result<(), capnp::Error> {
        Ok(())
    }
}

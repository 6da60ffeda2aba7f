//! Capstan's client and server.

use std::sync::Arc;

use capstan_net::{Connection, Options, tcp, websocket};
use capstan_rpc::flow::FlowControl;
use capstan_rpc::{Error, new_client};
use tokio::net::TcpListener;

use crate::Client;
use crate::ledger::Ledger;
use crate::streams_capnp::{sink, streams};

pub struct Ours {
    streams: streams::Client,
    _connection: Connection,
}

impl Ours {
    pub async fn connect(port: u16, is_websocket: bool, flow_control: FlowControl) -> Self {
        let options = Options::default().with_flow_control(flow_control);
        let connection = match is_websocket {
            true => websocket::connect(&format!("ws://127.0.0.1:{port}/"), options).await,
            false => tcp::connect(&format!("127.0.0.1:{port}"), options).await,
        };
        let connection = connection.unwrap();
        Self {
            streams: connection.bootstrap(),
            _connection: connection,
        }
    }
}

impl Client for Ours {
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

    fn held(sink: &sink::Client) -> Option<(u64, u64)> {
        let stats = sink.client.stream_stats()?;
        Some((stats.in_flight_bytes, stats.window_bytes))
    }
}

pub async fn serve(listener: std::net::TcpListener, is_websocket: bool, ledger: Arc<Ledger>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let object: streams::Client = new_client(Server { ledger });
    let object = move |_| object.clone();
    match is_websocket {
        true => websocket::serve(listener, "/", Options::default(), object).await,
        false => tcp::serve(listener, Options::default(), object).await,
    }
    .unwrap();
}

struct Server {
    ledger: Arc<Ledger>,
}

impl streams::Server for Server {
    async fn open(
        &self,
        _params: streams::OpenParams,
        mut results: streams::OpenResults,
    ) -> Result<(), Error> {
        results.get().set_sink(new_client(Sink {
            number: self.ledger.open(),
            ledger: Arc::clone(&self.ledger),
        }));
        Ok(())
    }

    async fn nothing(
        &self,
        _params: streams::NothingParams,
        _results: streams::NothingResults,
    ) -> Result<(), Error> {
        Ok(())
    }
}

struct Sink {
    number: usize,
    ledger: Arc<Ledger>,
}

impl sink::Server for Sink {
    async fn write(&self, params: sink::WriteParams) -> Result<(), Error> {
        self.ledger.wait(self.number).await;
        self.ledger
            .note(self.number, params.get()?.get_chunk()?.len());
        Ok(())
    }

    async fn end(&self, _params: sink::EndParams, _results: sink::EndResults) -> Result<(), Error> {
        Ok(())
    }
}

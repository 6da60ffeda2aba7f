//! Capstan's client and server.

use std::sync::atomic::{AtomicU64, Ordering};

use capstan_net::{Connection, Options, tcp, websocket};
use capstan_rpc::{Error, new_client};
use tokio::net::TcpListener;

use crate::STREAM_BYTES;
use crate::streams_capnp::{sink, streams};

pub struct Client {
    streams: streams::Client,
    _connection: Connection,
}

impl Client {
    pub async fn over_tcp(port: u16) -> Self {
        let address = format!("127.0.0.1:{port}");
        Self::new(tcp::connect(&address, Options::default()).await.unwrap())
    }

    pub async fn over_websocket(port: u16) -> Self {
        let address = format!("ws://127.0.0.1:{port}/");
        let connection = websocket::connect(&address, Options::default()).await;
        Self::new(connection.unwrap())
    }

    fn new(connection: Connection) -> Self {
        Self {
            streams: connection.bootstrap(),
            _connection: connection,
        }
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

pub async fn serve_tcp(listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).unwrap();
    let object: streams::Client = new_client(Server);
    tcp::serve(listener, Options::default(), move |_| object.clone())
        .await
        .unwrap();
}

pub async fn serve_websocket(listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).unwrap();
    let object: streams::Client = new_client(Server);
    websocket::serve(listener, "/", Options::default(), move |_| object.clone())
        .await
        .unwrap();
}

struct Server;

impl streams::Server for Server {
    async fn open(
        &self,
        _params: streams::OpenParams,
        mut results: streams::OpenResults,
    ) -> Result<(), Error> {
        results.get().set_sink(new_client(Counter::default()));
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

#[derive(Default)]
struct Counter {
    bytes: AtomicU64,
}

impl sink::Server for Counter {
    async fn write(&self, params: sink::WriteParams) -> Result<(), Error> {
        let bytes = params.get()?.get_chunk()?.len() as u64;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    async fn end(
        &self,
        _params: sink::EndParams,
        mut results: sink::EndResults,
    ) -> Result<(), Error> {
        results.get().set_total(self.bytes.load(Ordering::Relaxed));
        Ok(())
    }
}

//! The same with the `capnp-rpc` crate.

use std::cell::Cell;
use std::rc::Rc;

use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, new_client, twoparty};
use futures_util::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::TokioAsyncReadCompatExt;

use crate::STREAM_BYTES;
use crate::theirs::streams_capnp::{sink, streams};

pub struct Client {
    streams: streams::Client,
}

impl Client {
    pub async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut system = RpcSystem::new(network(stream, Side::Client), None);
        let streams = system.bootstrap(Side::Server);
        tokio::task::spawn_local(system);
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
    let listener = TcpListener::from_std(listener).unwrap();
    let object: streams::Client = new_client(Server);
    while let Ok((stream, _)) = listener.accept().await {
        let system = RpcSystem::new(network(stream, Side::Server), Some(object.clone().client));
        tokio::task::spawn_local(system);
    }
}

fn network(stream: TcpStream, side: Side) -> Box<dyn capnp_rpc::VatNetwork<Side>> {
    stream.set_nodelay(true).unwrap();
    // As the crate's own examples do.
    let (reader, writer) = stream.compat().split();
    Box::new(twoparty::VatNetwork::new(
        futures_util::io::BufReader::new(reader),
        futures_util::io::BufWriter::new(writer),
        side,
        Default::default(),
    ))
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

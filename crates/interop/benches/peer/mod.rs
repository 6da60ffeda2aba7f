//! The `capnp-rpc` crate's two ends of a connection, set up as its own examples do.

use capnp::capability::{Client, FromClientHook};
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, VatNetwork, twoparty};
use futures_util::AsyncReadExt;
use futures_util::io::{BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::TokioAsyncReadCompatExt;

/// What the server at this port of the loopback interface offers.
pub async fn connect<C: FromClientHook>(port: u16) -> C {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut system = RpcSystem::new(network(stream, Side::Client), None);
    let bootstrap = system.bootstrap(Side::Server);
    tokio::task::spawn_local(system);
    bootstrap
}

/// Offers `object` to all who connect.
pub async fn serve(listener: std::net::TcpListener, object: Client) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let system = RpcSystem::new(network(stream, Side::Server), Some(object.clone()));
        tokio::task::spawn_local(system);
    }
}

fn network(stream: TcpStream, side: Side) -> Box<dyn VatNetwork<Side>> {
    stream.set_nodelay(true).unwrap();
    let (reader, writer) = stream.compat().split();
    let (reader, writer) = (BufReader::new(reader), BufWriter::new(writer));
    Box::new(twoparty::VatNetwork::new(
        reader,
        writer,
        side,
        Default::default(),
    ))
}

//! The server that tests of sinks and sources in JavaScript talk to, over WebSocket. Says where it listens, and runs until it
//! is killed. `--plain` offers no dedicated connections.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

#[path = "../../../rpc/tests/sinks/depot.rs"]
mod depot;
#[rustfmt::skip]
#[path = "../../../rpc/tests/generated/depot_capnp.rs"]
mod depot_capnp;

use capstan_net::{Options, Origins, websocket};
use capstan_rpc::new_client;
use depot::Depot;
use depot_capnp::depot::Client;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let mut options = Options {
        // Pages of the tests come from elsewhere.
        allowed_origins: Origins::Any,
        ..Options::default()
    };
    if std::env::args().any(|argument| argument == "--plain") {
        options.dedicated = None;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ws://{}/rpc", listener.local_addr().unwrap());
    websocket::serve(listener, "/rpc", options, |_| {
        new_client::<Client, _>(Depot::default())
    })
    .await
    .unwrap();
}

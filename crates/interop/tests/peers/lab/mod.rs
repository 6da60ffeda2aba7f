//! Everything that two vats do with each other, by each implementation with each other one: the objects of
//! `schemas/lab.capnp` on Capstan (`ours.rs`), on the `capnp-rpc` crate (`theirs.rs`), which share
//! `objects.rs` and `client.rs`, and on the C++ library (`cpp/lab.cpp`).
//!
//! | client | server | over | all scenarios | a client vanishes | the server ends |
//! |---|---|---|---|---|---|
//! | Capstan | C++ | TCP, WebSocket | yes, also with tail calls | yes | yes |
//! | C++ | Capstan | TCP, WebSocket | yes, also with tail calls | yes | yes |
//! | Capstan | crate | TCP, packed TCP | yes | yes | yes |
//! | crate | Capstan | TCP, packed TCP | yes | yes | yes |
//! | Capstan | Capstan | TCP, packed TCP, WebSocket | yes, also with tail calls | | yes |
//! | Capstan, C++ and crate | C++ | TCP, by way of a vat of Capstan's | yes | | |
//! | Capstan, C++ | C++, Capstan packed | WebSocket, by way of the gateway | yes | | yes |
//! | C++ | C++ | TCP, WebSocket | yes | | |
//! | JavaScript in Chromium | C++ | WebSocket, by way of the gateway | see `js/test-package/gateway.test.ts` | | |
//!
//! The scenarios are a calculator with pipelining, callbacks to functions and numbers of the client,
//! capabilities there and back, order on promises that turn out to be the caller's (embargoes), promises of
//! either side that come true late as an object of either side or break, streams both ways, errors of all four
//! kinds and of an unknown interface, cancellation, and calls that are passed on (tail calls).

mod cpp;
mod ours;
mod theirs;

use capstan_net::Options;
use tokio::task::LocalSet;

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Plain,
    Packed,
    WebSocket,
}

/// What the crate has.
const STREAMS: [Wire; 2] = [Wire::Plain, Wire::Packed];

/// What the C++ library has.
const UNPACKED: [Wire; 2] = [Wire::Plain, Wire::WebSocket];

// ---- Capstan with the others ----

#[tokio::test(flavor = "multi_thread")]
async fn capstan_client_and_cpp_server() {
    for wire in UNPACKED {
        let server = cpp::Server::start(wire);
        let (lab, _connection) = ours::connect(wire, server.port).await;
        ours::check_all(&lab).await;
        // Another client vanishes in the middle of a call, which is canceled for that.
        let before = ours::canceled(&lab).await.unwrap();
        let (other, connection) = ours::connect(wire, server.port).await;
        ours::hang_and_vanish(other, || drop(connection)).await;
        ours::wait_for_canceled(&lab, before + 1).await;
        ours::check_disconnect(&lab, || drop(server)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cpp_client_and_capstan_server() {
    for wire in UNPACKED {
        let server = ours::Server::start(wire).await;
        let port = server.port;
        cpp::check_client(wire, port).await;
        // Its calls end with its process, and the server goes on.
        let (lab, _connection) = ours::connect(wire, port).await;
        let before = ours::canceled(&lab).await.unwrap();
        drop(cpp::Hanging::start(wire, port).await);
        ours::wait_for_canceled(&lab, before + 1).await;
        let hanging = cpp::Hanging::start(wire, port).await;
        server.stop();
        hanging.check_disconnected().await;
    }
}

#[tokio::test]
async fn capstan_client_and_crate_server() {
    let task = async {
        for wire in STREAMS {
            let server = theirs::Server::start(wire).await;
            let (lab, _connection) = ours::connect(wire, server.port).await;
            ours::check_all(&lab).await;
            let before = ours::canceled(&lab).await.unwrap();
            let (other, connection) = ours::connect(wire, server.port).await;
            ours::hang_and_vanish(other, || drop(connection)).await;
            ours::wait_for_canceled(&lab, before + 1).await;
            ours::check_disconnect(&lab, || server.stop()).await;
        }
    };
    LocalSet::new().run_until(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crate_client_and_capstan_server() {
    let task = async {
        for wire in STREAMS {
            let server = ours::Server::start(wire).await;
            let (lab, _system) = theirs::connect(wire, server.port).await;
            theirs::check_all(&lab).await;
            let before = theirs::canceled(&lab).await.unwrap();
            let (other, system) = theirs::connect(wire, server.port).await;
            theirs::hang_and_vanish(other, || system.abort()).await;
            theirs::wait_for_canceled(&lab, before + 1).await;
            theirs::check_disconnect(&lab, || server.stop()).await;
        }
    };
    LocalSet::new().run_until(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capstan_client_and_capstan_server() {
    for wire in [Wire::Plain, Wire::Packed, Wire::WebSocket] {
        let server = ours::Server::start(wire).await;
        let (lab, _connection) = ours::connect(wire, server.port).await;
        ours::check_all(&lab).await;
        ours::check_disconnect(&lab, || server.stop()).await;
    }
}

/// With tail calls: results stay with the vat that is to have them. The crate cannot do this: it never runs a
/// call whose results it is to keep, neither for Capstan nor for the C++ library.
#[tokio::test(flavor = "multi_thread")]
async fn results_stay_with_cpp_and_capstan_peers() {
    let options = Options {
        tail_calls: true,
        ..Options::default()
    };
    for wire in UNPACKED {
        let server = cpp::Server::start(wire);
        let (lab, _connection) = ours::connect_with(wire, server.port, options.clone()).await;
        ours::check_all(&lab).await;
        let server = ours::Server::start_with(wire, options.clone()).await;
        cpp::check_client(wire, server.port).await;
        let (lab, _connection) = ours::connect_with(wire, server.port, options.clone()).await;
        ours::check_all(&lab).await;
    }
}

// ---- the others by way of Capstan ----

/// A vat in the middle, with a connection to either side: promises, order and cancellation pass it.
#[tokio::test(flavor = "multi_thread")]
async fn clients_and_a_cpp_server_with_capstan_between_them() {
    let server = cpp::Server::start(Wire::Plain);
    let port = ours::relay_to(server.port).await;
    let (lab, _connection) = ours::connect(Wire::Plain, port).await;
    ours::check_all(&lab).await;
    cpp::check_client(Wire::Plain, port).await;
    let task = async {
        let (lab, _system) = theirs::connect(Wire::Plain, port).await;
        theirs::check_all(&lab).await;
    };
    LocalSet::new().run_until(task).await;
}

/// WebSocket clients of TCP servers.
#[tokio::test(flavor = "multi_thread")]
async fn clients_and_servers_with_a_gateway_between_them() {
    let server = cpp::Server::start(Wire::Plain);
    let gateway = gateway::start(server.port, Wire::Plain).await;
    let (lab, _connection) = ours::connect(Wire::WebSocket, gateway).await;
    ours::check_all(&lab).await;
    cpp::check_client(Wire::WebSocket, gateway).await;
    let hanging = cpp::Hanging::start(Wire::WebSocket, gateway).await;
    ours::check_disconnect(&lab, || drop(server)).await;
    hanging.check_disconnected().await;

    let server = ours::Server::start(Wire::Packed).await;
    let gateway = gateway::start(server.port, Wire::Packed).await;
    let (lab, _connection) = ours::connect(Wire::WebSocket, gateway).await;
    ours::check_all(&lab).await;
    cpp::check_client(Wire::WebSocket, gateway).await;
}

// ---- without Capstan: what the other tests rest on ----

#[tokio::test]
async fn cpp_client_and_cpp_server() {
    for wire in UNPACKED {
        let server = cpp::Server::start(wire);
        cpp::check_client(wire, server.port).await;
    }
}

mod gateway {
    use capstan_net::gateway::{Options, Upstream, serve};
    use tokio::net::TcpListener;

    use super::Wire;

    /// A gateway to the server at `port`, at a port of its own.
    pub async fn start(port: u16, wire: Wire) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let options = Options {
            packed: wire == Wire::Packed,
            ..Options::default()
        };
        let server = Upstream::Tcp(format!("127.0.0.1:{port}"));
        tokio::spawn(serve(listener, server, options, std::future::pending()));
        own
    }
}

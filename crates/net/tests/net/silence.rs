//! Peers that say nothing.

use std::time::Duration;

use capstan_net::{Options, tcp};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::server::{Network, Server};

fn impatient(millis: u64) -> Options {
    Options {
        idle_timeout: Some(Duration::from_millis(millis)),
        handshake_timeout: Duration::from_millis(millis),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_client_that_never_says_anything_is_disconnected() {
    let server = Server::start_with(Network::Tcp, impatient(20)).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut all = Vec::new();
    // It ends by itself: asked for a sign of life first, told why it has to go after that.
    silent.read_to_end(&mut all).await.unwrap();
    let text = String::from_utf8_lossy(&all);
    assert!(text.contains("sign of life"), "{text}");
}

#[tokio::test]
async fn a_client_that_answers_may_be_silent_for_long() {
    let server = Server::start_with(Network::Tcp, impatient(400)).await;
    let address = server.address.to_string();
    let connection = tcp::connect(&address, Options::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(connection.stats().is_some(), "the connection is over");
    connection.close().await;
}

//! Pages of elsewhere.

use capstan_net::{Options, Origins, websocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::shared_bootstrap;

/// The answer to a handshake of a page.
async fn ask(options: Options, host: &str, origin: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(websocket::serve(listener, "/rpc", options, |_| {
        shared_bootstrap()
    }));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /rpc HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    server.abort();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn pages_of_other_hosts_are_refused_unless_told_otherwise() {
    let evil = "https://evil.example";
    let answer = ask(Options::default(), "files.example:8080", evil).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    for part in [evil, "files.example:8080", "allowed_origins"] {
        assert!(answer.contains(part), "{answer}");
    }
    let own = "https://files.example";
    let answer = ask(Options::default(), "files.example:8080", own).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

#[tokio::test]
async fn listed_pages_may_connect_and_no_others() {
    let options = Options::default().with_allowed_origins(["https://app.example"]);
    let answer = ask(options.clone(), "files.example", "https://app.example").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    let answer = ask(options, "files.example", "https://files.example").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let options = Options {
        allowed_origins: Origins::Any,
        ..Options::default()
    };
    let answer = ask(options, "files.example", "null").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

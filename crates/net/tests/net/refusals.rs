//! Connections that do not come about, and why.

use std::time::Duration;

use capstan_net::{Error, ErrorKind, Options, tcp, websocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Network, Server};

async fn connect_error(url: &str) -> Error {
    let options = Options {
        handshake_timeout: Duration::from_millis(300),
        ..Options::default()
    };
    websocket::connect(url, options)
        .await
        .expect_err("there is no server")
}

/// The answer to a plain HTTP request.
async fn get(server: &Server, path: &str, headers: &str) -> String {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// An address at which nobody listens.
async fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn a_refused_address() {
    let address = free_address().await;
    let url = format!("ws://{address}/rpc");
    let error = connect_error(&url).await;
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(
        error.to_string(),
        format!("cannot connect to {url}: connection refused; is the server running?")
    );
    let error = tcp::connect(&address, Options::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot connect to {address}: connection refused; is the server running?")
    );
}

#[tokio::test]
async fn a_host_that_does_not_exist() {
    let error = connect_error("ws://host.invalid:80/rpc").await;
    assert!(
        matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout),
        "{error}"
    );
    assert!(
        error.to_string().contains("ws://host.invalid:80/rpc"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_path() {
    let server = Server::start(Network::WebSocket).await;
    let error = connect_error(&format!("ws://{}/rcp", server.address)).await;
    assert_eq!(error.kind(), ErrorKind::Handshake);
    let text = error.to_string();
    assert!(
        text.contains("404") && text.contains("/rcp") && text.contains("served at /rpc"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_of_something_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/rpc", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket
            .write_all(b"220 mail.example.com ESMTP\r\n")
            .await
            .unwrap();
        let _ = socket.read(&mut [0; 1024]).await;
    });
    let error = connect_error(&url).await;
    assert_eq!(error.kind(), ErrorKind::Handshake);
    assert!(
        error.to_string().contains("not a WebSocket server"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = connect_error(&format!("ws://{}/rpc", listener.local_addr().unwrap())).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(
        error.to_string().contains("no answer within 300ms"),
        "{error}"
    );
}

#[tokio::test]
async fn a_browser_that_opens_the_address_is_told_what_it_is() {
    let server = Server::start(Network::WebSocket).await;
    let answer = get(&server, "/rpc", "").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(
        answer.contains("Cap'n Proto RPC over WebSocket"),
        "{answer}"
    );
    let answer = get(&server, "/", "").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(answer.contains("served at /rpc"), "{answer}");
}

#[tokio::test]
async fn broken_handshakes_are_explained() {
    let server = Server::start(Network::WebSocket).await;
    let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (headers, status, why) in [
        (
            format!("{upgrade}{key}Sec-WebSocket-Version: 8\r\n"),
            "426",
            "version 13",
        ),
        (
            format!("{upgrade}Sec-WebSocket-Version: 13\r\n"),
            "400",
            "Sec-WebSocket-Key",
        ),
        (
            format!("Upgrade: websocket\r\n{key}Sec-WebSocket-Version: 13\r\n"),
            "400",
            "Connection: Upgrade",
        ),
    ] {
        let answer = get(&server, "/rpc", &headers).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(why),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_request_is_cut_off() {
    let options = Options {
        handshake_timeout: Duration::from_millis(100),
        ..Options::default()
    };
    let server = Server::start_with(Network::WebSocket, options).await;
    for beginning in ["GET /rpc HT", ""] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Without a limit this would wait for ever.
        socket.read_to_end(&mut answer).await.unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 101"));
    }
}

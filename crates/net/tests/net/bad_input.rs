//! Peers that send what is no message. Each test plays one by hand.

use capstan_net::Options;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::{Network, Server, echo};

pub type Raw = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A WebSocket on which a test sends what it likes.
pub async fn raw(server: &Server) -> Raw {
    connect_async(format!("ws://{}/rpc", server.address))
        .await
        .unwrap()
        .0
}

/// The code and reason that the server closes with, and whether it sent an RPC message before.
pub async fn closing(socket: &mut Raw) -> (u16, Utf8Bytes, bool) {
    let mut said_why = false;
    loop {
        match socket
            .next()
            .await
            .expect("the server closes with a close frame")
            .unwrap()
        {
            Message::Binary(_) => said_why = true,
            Message::Close(Some(frame)) => return (frame.code.into(), frame.reason, said_why),
            other => panic!("unexpected {other:?}"),
        }
    }
}

pub async fn assert_alive(server: &Server) {
    let connection = server.connect().await;
    assert_eq!(
        echo(&connection.bootstrap(), "alive").await.unwrap(),
        "alive"
    );
}

#[tokio::test]
async fn a_text_frame_is_refused() {
    let server = Server::start(Network::WebSocket).await;
    let mut socket = raw(&server).await;
    socket
        .send(Message::text("{\"method\":\"create\"}"))
        .await
        .unwrap();
    let (code, reason, said_why) = closing(&mut socket).await;
    assert_eq!(code, 1003);
    assert!(
        reason.contains("text frame") && reason.contains("binary"),
        "{reason}"
    );
    assert!(said_why, "an Abort tells RPC peers too");
    assert_alive(&server).await;
}

#[tokio::test]
async fn frames_that_are_not_one_message_are_refused() {
    let server = Server::start(Network::WebSocket).await;
    let one_word = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("nothing", Vec::new(), "0 bytes are too few"),
        ("half a word", vec![0, 0, 0, 0], "4 bytes are too few"),
        (
            "a message cut off",
            one_word[..12].to_vec(),
            "16 bytes ends after 12",
        ),
        (
            "trailing bytes",
            [one_word.as_slice(), &[1, 2, 3]].concat(),
            "followed by 3 more",
        ),
        ("noise", vec![0xff; 64], "segments"),
    ];
    for (name, frame, why) in cases {
        let mut socket = raw(&server).await;
        socket.send(Message::binary(frame)).await.unwrap();
        let (code, reason, said_why) = closing(&mut socket).await;
        assert_eq!(code, 1007, "{name}");
        assert!(reason.contains(why), "{name}: {reason}");
        assert!(said_why, "{name}");
    }
    assert_alive(&server).await;
}

#[tokio::test]
async fn a_message_that_is_no_rpc_message_is_refused() {
    let server = Server::start(Network::WebSocket).await;
    let mut socket = raw(&server).await;
    // One segment of one word: a pointer that leads far outside.
    let frame = [0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0x7f, 1, 0, 0, 0];
    socket.send(Message::binary(frame.to_vec())).await.unwrap();
    let (code, reason, said_why) = closing(&mut socket).await;
    assert_eq!(code, 1002, "{reason}");
    assert!(said_why);
    assert_alive(&server).await;
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused() {
    let options = Options {
        max_message_bytes: 10_000,
        ..Options::default()
    };
    let server = Server::start_with(Network::WebSocket, options).await;
    let mut socket = raw(&server).await;
    socket.send(Message::binary(vec![0; 20_000])).await.unwrap();
    let (code, reason, _) = closing(&mut socket).await;
    assert_eq!(code, 1009);
    assert!(
        reason.contains("20000") && reason.contains("10000"),
        "{reason}"
    );
    assert_alive(&server).await;
}

#[tokio::test]
async fn a_client_that_does_not_mask_is_refused() {
    let server = Server::start(Network::WebSocket).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /rpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = vec![0; 1024];
    let length = socket.read(&mut head).await.unwrap();
    assert!(
        head[..length].starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&head[..length])
    );
    socket.write_all(&[0x82, 1, 0]).await.unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    let close = rest
        .windows(4)
        .find(|bytes| bytes[0] == 0x88)
        .expect("a close frame");
    assert_eq!(u16::from_be_bytes([close[2], close[3]]), 1002);
    assert_alive(&server).await;
}

#[tokio::test]
async fn bytes_that_are_no_message_end_a_tcp_connection() {
    let options = Options {
        max_message_bytes: 10_000,
        ..Options::default()
    };
    let server = Server::start_with(Network::Tcp, options).await;
    let too_long = [0, 0, 0, 0, 0, 0, 1, 0];
    send_garbage(
        &server,
        &[
            (b"GET / HTTP/1.1\r\n\r\n", "segments"),
            (&too_long, "524296 bytes"),
        ],
    )
    .await;
}

#[tokio::test]
async fn packed_bytes_that_are_no_message_end_a_tcp_connection() {
    let options = Options {
        max_message_bytes: 10_000,
        ..Options::default()
    };
    let server = Server::start_with(Network::PackedTcp, options).await;
    let too_long = [0x40, 1];
    let plain = [0xff; 20];
    send_garbage(
        &server,
        &[
            (&too_long, "claims a message of 65536 words"),
            (&plain, "segments"),
        ],
    )
    .await;
}

/// Each piece ends its connection, and the server says why in the text of an Abort.
async fn send_garbage(server: &Server, cases: &[(&[u8], &str)]) {
    for (garbage, why) in cases {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        if server.network == Network::PackedTcp {
            answer = capstan_message::packed::unpack(&answer, 1 << 16).unwrap();
        }
        assert!(
            String::from_utf8_lossy(&answer).contains(why),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_alive(server).await;
}

#[tokio::test]
async fn a_peer_that_leaves_in_the_middle_of_a_message_is_gone() {
    let server = Server::start(Network::Tcp).await;
    leave_early(&server, &[&[0; 6], &[0, 0, 0, 0, 100, 0, 0, 0, 1, 2, 3]]).await;
    let server = Server::start(Network::PackedTcp).await;
    leave_early(
        &server,
        &[&[0], &[0x10], &[0x10, 2, 0xff, 1], &[0x10, 2, 0x00]],
    )
    .await;
}

async fn leave_early(server: &Server, parts: &[&[u8]]) {
    for part in parts {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(part).await.unwrap();
        socket.shutdown().await.unwrap();
        assert_eq!(socket.read(&mut [0; 16]).await.unwrap(), 0);
    }
    assert_alive(server).await;
}

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::running::{DEMO_CONTENT, Running};

#[tokio::test]
async fn serves_the_page() {
    let server = Running::start().await;
    let answer = server.request("GET", "/", b"").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("<p>the page"), "{answer}");
    let answer = server.request("GET", "/nothing", b"").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn serves_the_demo_file_with_its_name() {
    let server = Running::start().await;
    let answer = server.request("GET", "/demo-file", b"").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("x-file-name: d%C3%ABmo%20file.bin\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("content-type: application/octet-stream\r\n"),
        "{answer}"
    );
    let length = format!("content-length: {}\r\n", DEMO_CONTENT.len());
    assert!(answer.contains(&length), "{answer}");
    assert!(answer.as_bytes().ends_with(DEMO_CONTENT), "{answer}");
}

#[tokio::test]
async fn takes_reports_that_are_small_and_json() {
    let server = Running::start().await;
    let answer = server.request("POST", "/report", b"{\"sent\":1}").await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let answer = server.request("POST", "/report", b"sent").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("a report must be JSON"), "{answer}");
    let large = format!("\"{}\"", "a".repeat(64 << 10));
    let answer = server.request("POST", "/report", large.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn the_pace_can_be_set_and_asked() {
    let server = Running::start().await;
    let answer = server.request("GET", "/pace", b"").await;
    assert!(answer.ends_with("{\"bytesPerSecond\":null}"), "{answer}");
    let path = "/pace?bytes_per_second=125000";
    let answer = server.request("POST", path, b"").await;
    assert!(answer.ends_with("{\"bytesPerSecond\":125000}"), "{answer}");
    assert_eq!(server.shared.pace.get(), Some(125_000));
    for query in ["?bytes_per_second=0", "?bytes_per_second=fast", "?pace=1"] {
        let answer = server.request("POST", &format!("/pace{query}"), b"").await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(server.shared.pace.get(), Some(125_000));
    server.request("POST", "/pace", b"").await;
    assert_eq!(server.shared.pace.get(), None);
}

#[tokio::test]
async fn bare_frames_are_counted_and_hashed() {
    let server = Running::start().await;
    let address = format!("ws://{}/bare", server.address);
    let (mut socket, _) = connect_async(address).await.unwrap();
    for length in [1000, 70_000] {
        let frame = Message::binary(vec![7; length]);
        socket.send(frame).await.unwrap();
    }
    let hashes = [
        "152b5bc17edea131ce335dd10c4eebb008222422f3fb5d1cf1144a1a836e67aa",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ];
    for (bytes, sha256) in [71_000, 0].into_iter().zip(hashes) {
        socket.send(Message::text("end")).await.unwrap();
        let answer = socket.next().await.unwrap().unwrap();
        let expected = format!("{{\"bytes\":{bytes},\"sha256\":\"{sha256}\"}}");
        assert_eq!(answer, Message::text(expected));
    }
    let answer = server.request("GET", "/bare", b"").await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
}

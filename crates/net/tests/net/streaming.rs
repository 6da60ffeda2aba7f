//! What works.

use capstan_net::{Options, tcp, websocket};
use capstan_rpc::{Error, ErrorKind, new_client};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::server::{ALL, Ear, Server, Upload, echo, shared_bootstrap};
use crate::trial_capnp::{streaming_byte_sink, trial};

/// Streams this many bytes and returns their hash.
async fn upload(
    sink: &streaming_byte_sink::Client,
    bytes: usize,
    chunk_bytes: usize,
) -> Result<Vec<u8>, Error> {
    let mut hash = Sha256::new();
    let mut sent = 0;
    while sent < bytes {
        let length = chunk_bytes.min(bytes - sent);
        let chunk: Vec<u8> = (sent..sent + length)
            .map(|at| (at % 251) as u8 ^ (at >> 12) as u8)
            .collect();
        hash.update(&chunk);
        let mut request = sink.write_request();
        request.get().set_chunk(&chunk);
        request.send().await?;
        sent += length;
    }
    let response = sink.end_request().send().promise.await?;
    assert_eq!(response.get()?.get_total(), bytes as u64);
    Ok(hash.finalize().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_stream_arrives_whole() {
    for network in ALL {
        let mut server = Server::start(network).await;
        let connection = server.connect().await;
        let sink = connection
            .bootstrap::<trial::Client>()
            .open_request()
            .send()
            .pipeline
            .get_sink();
        const BYTES: usize = 32 << 20;
        let sha256 = upload(&sink, BYTES, 64 * 1024).await.unwrap();
        drop(sink);
        let received = server.uploads.recv().await.unwrap();
        assert_eq!(
            received,
            Upload {
                bytes: BYTES as u64,
                sha256,
                ended: true
            },
            "{network:?}"
        );
        connection.close().await;
    }
}

#[tokio::test]
async fn a_window_smaller_than_a_chunk_is_slow_and_correct() {
    for network in ALL {
        let mut server = Server::start(network).await;
        let connection = server
            .connect_with(Options::default().with_window_bytes(1000))
            .await;
        let sink = connection
            .bootstrap::<trial::Client>()
            .open_request()
            .send()
            .pipeline
            .get_sink();
        let sha256 = upload(&sink, 1 << 20, 8 * 1024).await.unwrap();
        drop(sink);
        assert_eq!(server.uploads.recv().await.unwrap().sha256, sha256);
    }
}

#[tokio::test]
async fn messages_larger_than_every_buffer_pass() {
    for network in ALL {
        let mut server = Server::start(network).await;
        let connection = server.connect().await;
        let sink = connection
            .bootstrap::<trial::Client>()
            .open_request()
            .send()
            .pipeline
            .get_sink();
        let sha256 = upload(&sink, 11 << 20, 3 << 20).await.unwrap();
        drop(sink);
        assert_eq!(server.uploads.recv().await.unwrap().sha256, sha256);
        let text = "long ".repeat(400_000);
        assert_eq!(echo(&connection.bootstrap(), &text).await.unwrap(), text);
    }
}

#[tokio::test]
async fn many_calls_in_flight_are_all_answered() {
    for network in ALL {
        let server = Server::start(network).await;
        let connection = server.connect().await;
        let trial: trial::Client = connection.bootstrap();
        let calls: Vec<_> = (0..1000)
            .map(|number| {
                let mut request = trial.echo_request();
                request.get().set_text(number.to_string());
                request.send().promise
            })
            .collect();
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(
                call.await.unwrap().get().unwrap().get_text().unwrap(),
                number.to_string().as_str()
            );
        }
    }
}

#[tokio::test]
async fn the_server_can_call_the_client() {
    for network in ALL {
        let server = Server::start(network).await;
        let connection = server.connect().await;
        let mut request = connection.bootstrap::<trial::Client>().notify_request();
        request.get().set_listener(new_client(Ear));
        request.get().set_text("the bell");
        let response = request.send().promise.await.unwrap();
        assert_eq!(
            response.get().unwrap().get_answer().unwrap(),
            "heard the bell"
        );
    }
}

#[tokio::test]
async fn failures_cross_the_network_and_leave_the_connection_usable() {
    for network in ALL {
        let server = Server::start(network).await;
        let connection = server.connect().await;
        let trial: trial::Client = connection.bootstrap();

        let mut request = trial.fail_request();
        request.get().set_reason("the disk is full");
        let error = request.send().promise.await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Failed);
        assert!(error.reason.contains("the disk is full"), "{error}");

        let error = trial
            .unwritten_request()
            .send()
            .promise
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind, ErrorKind::Unimplemented);
        let other: streaming_byte_sink::Client = trial.client.cast_to();
        let error = other.end_request().send().promise.await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Unimplemented);

        assert_eq!(echo(&trial, "still there").await.unwrap(), "still there");
    }
}

#[tokio::test]
async fn a_server_that_dies_in_mid_stream_fails_the_stream() {
    for network in ALL {
        let mut server = Server::start(network).await;
        let connection = server.connect().await;
        let trial: trial::Client = connection.bootstrap();
        let sink = trial.open_request().send().pipeline.get_sink();
        let mut request = sink.write_request();
        request.get().set_chunk([1; 10_000]);
        request.send().await.unwrap();
        assert_eq!(
            echo(&trial, "so the write arrived").await.unwrap(),
            "so the write arrived"
        );
        let hanging = trial.hang_request().send();

        server.task.abort();
        let error = hanging.promise.await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Disconnected, "{error}");
        assert!(
            error.reason.contains("127.0.0.1"),
            "it says who is gone: {error}"
        );
        assert_eq!(
            upload(&sink, 1 << 20, 8192).await.unwrap_err().kind,
            ErrorKind::Disconnected
        );
        assert_eq!(
            echo(&trial, "anyone?").await.unwrap_err().kind,
            ErrorKind::Disconnected
        );
        assert_eq!(connection.closed().await.kind, ErrorKind::Disconnected);

        let partial = server.uploads.recv().await.unwrap();
        assert_eq!(
            (partial.bytes, partial.ended),
            (10_000, false),
            "an aborted upload is not taken for a complete one"
        );
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_stream_leaves_a_partial_upload() {
    for network in ALL {
        let mut server = Server::start(network).await;
        let connection = server.connect().await;
        let trial: trial::Client = connection.bootstrap();
        let sink = trial.open_request().send().pipeline.get_sink();
        let mut request = sink.write_request();
        request.get().set_chunk([1; 10_000]);
        request.send().await.unwrap();
        assert_eq!(
            echo(&trial, "so the write arrived").await.unwrap(),
            "so the write arrived"
        );
        connection.close().await;
        let partial = server.uploads.recv().await.unwrap();
        assert_eq!((partial.bytes, partial.ended), (10_000, false));
        let other = server.connect().await;
        assert_eq!(
            echo(&other.bootstrap(), "the server lives on")
                .await
                .unwrap(),
            "the server lives on"
        );
    }
}

#[tokio::test]
async fn dropping_a_connection_ends_it_at_the_server_too() {
    for network in ALL {
        let mut server = Server::start(network).await;
        let connection = server.connect().await;
        let trial: trial::Client = connection.bootstrap();
        let opened = trial.open_request().send().promise.await.unwrap();
        drop(connection);
        assert_eq!(
            echo(&trial, "anyone?").await.unwrap_err().kind,
            ErrorKind::Disconnected
        );
        assert!(!server.uploads.recv().await.unwrap().ended);
        drop(opened);
    }
}

#[tokio::test]
async fn a_closing_handshake_is_answered() {
    let server = Server::start(crate::server::Network::WebSocket).await;
    let url = format!("ws://{}/rpc", server.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "going home".into(),
    };
    socket.close(Some(frame)).await.unwrap();
    // Without the answer a browser would report an unclean end.
    let answer = socket.next().await.unwrap().unwrap();
    assert!(
        matches!(&answer, Message::Close(Some(frame)) if frame.code == CloseCode::Normal),
        "{answer:?}"
    );
    assert!(socket.next().await.is_none());
}

#[tokio::test]
async fn any_byte_stream_will_do() {
    let (here, there) = tokio::io::duplex(100);
    let _server = tcp::attach(
        there,
        "the client",
        Options::default().with_bootstrap(shared_bootstrap()),
    );
    let client = tcp::attach(here, "the server", Options::default());
    let text = "through a narrow pipe ".repeat(1000);
    assert_eq!(echo(&client.bootstrap(), &text).await.unwrap(), text);
}

#[tokio::test]
async fn an_axum_route_can_be_an_rpc_server() {
    let route = axum::routing::any(|mut request: axum::extract::Request| async move {
        match websocket::upgrade(&mut request, shared_bootstrap(), &Options::default()) {
            Ok((response, connection)) => {
                tokio::spawn(connection);
                response
            }
            Err(refusal) => refusal,
        }
    });
    let app = axum::Router::new().route("/api/rpc", route);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let connection = websocket::connect(&format!("ws://{address}/api/rpc"), Options::default())
        .await
        .unwrap();
    assert_eq!(echo(&connection.bootstrap(), "axum").await.unwrap(), "axum");
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_ever_for_a_peer_that_reads_nothing() {
    let (here, _there) = tokio::io::duplex(100);
    let connection = tcp::attach(here, "the server", Options::default());
    let call = connection
        .bootstrap::<trial::Client>()
        .hang_request()
        .send();
    // Time stands still until nothing else is left to happen.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    connection.close().await;
    assert_eq!(
        call.promise.await.err().unwrap().kind,
        ErrorKind::Disconnected
    );
}

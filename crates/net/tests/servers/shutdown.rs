//! Servers that end while clients are busy.

use std::time::Duration;

use capstan_net::{Connection, Options, tcp, websocket};
use capstan_rpc::ErrorKind;
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::Uploader;
use crate::server::{echo, shared_bootstrap};
use crate::trial_capnp::trial;

struct Ending {
    url: String,
    end: oneshot::Sender<()>,
    /// How many were cut off.
    task: JoinHandle<usize>,
}

async fn serve(drain_timeout: Duration) -> Ending {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/rpc", listener.local_addr().unwrap());
    let (end, ended) = oneshot::channel();
    let options = Options {
        drain_timeout,
        ..Options::default()
    };
    let task = tokio::spawn(async move {
        let ended = async { drop(ended.await) };
        let bootstrap = |_| shared_bootstrap();
        websocket::serve_until(listener, "/rpc", options, bootstrap, ended)
            .await
            .unwrap()
    });
    Ending { url, end, task }
}

impl Ending {
    async fn connect(&self) -> Connection {
        let connection = websocket::connect(&self.url, Options::default())
            .await
            .unwrap();
        assert_eq!(echo(&connection.bootstrap(), "hi").await.unwrap(), "hi");
        connection
    }
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_stream_under_way_loses_nothing() {
    let server = serve(LONG).await;
    let idle = server.connect().await;
    let busy = server.connect().await;
    let upload = Uploader::open(&busy).await;
    let chunk = vec![5; 50_000];
    for _ in 0..20 {
        upload.write(&chunk).await.unwrap();
    }
    server.end.send(()).unwrap();
    // Idle ones go at once, and say why.
    let reason = idle.closed().await;
    assert_eq!(reason.kind, ErrorKind::Disconnected);
    assert!(reason.reason.contains("shutting down"), "{reason:?}");
    // Between two chunks nothing is under way but the stream itself.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        upload.write(&chunk).await.unwrap();
    }
    // New calls are taken on a connection that is not idle.
    assert_eq!(echo(&busy.bootstrap(), "still").await.unwrap(), "still");
    assert!(
        websocket::connect(&server.url, Options::default())
            .await
            .is_err()
    );
    assert_eq!(upload.end().await.unwrap(), 40 * 50_000);
    busy.closed().await;
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn a_stream_that_was_opened_is_awaited_and_one_let_go_of_is_not() {
    let server = serve(LONG).await;
    let opened = server.connect().await;
    let upload = Uploader::open(&opened).await;
    server.end.send(()).unwrap();
    server_is_draining(&server.url).await;
    upload.write(b"first").await.unwrap();
    drop(upload);
    opened.closed().await;
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn calls_are_answered_first() {
    let server = serve(LONG).await;
    let connection = server.connect().await;
    let trial: trial::Client = connection.bootstrap();
    // With its pipeline dropped, whoever waits is all that keeps the call.
    let hanging = tokio::spawn(trial.hang_request().send().promise);
    assert_eq!(echo(&trial, "after it").await.unwrap(), "after it");
    server.end.send(()).unwrap();
    server_is_draining(&server.url).await;
    assert_eq!(echo(&trial, "still").await.unwrap(), "still");
    // Given up, it is over.
    hanging.abort();
    connection.closed().await;
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn what_takes_too_long_is_cut_off() {
    let server = serve(Duration::from_millis(50)).await;
    let connection = server.connect().await;
    let trial: trial::Client = connection.bootstrap();
    let hanging = tokio::spawn(trial.hang_request().send().promise);
    assert_eq!(echo(&trial, "after it").await.unwrap(), "after it");
    server.end.send(()).unwrap();
    let error = hanging.await.unwrap().map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Disconnected);
    assert!(error.reason.contains("could not wait"), "{error:?}");
    assert_eq!(server.task.await.unwrap(), 1);
}

#[tokio::test]
async fn clients_are_told_by_the_close_code() {
    let server = serve(LONG).await;
    let (mut client, _) = connect_async(&server.url).await.unwrap();
    server.end.send(()).unwrap();
    loop {
        match client.next().await.unwrap().unwrap() {
            Message::Close(frame) => {
                let frame = frame.unwrap();
                assert_eq!(frame.code, CloseCode::Away);
                assert!(frame.reason.contains("shutting down"), "{frame}");
                break;
            }
            message => assert!(message.is_binary(), "{message}"),
        }
    }
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn who_never_asked_for_anything_is_not_awaited() {
    let server = serve(LONG).await;
    let address = server.url.strip_prefix("ws://").unwrap();
    let address = address.strip_suffix("/rpc").unwrap();
    let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
    server.end.send(()).unwrap();
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn a_server_of_tcp_waits_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (end, ended) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let ended = async { drop(ended.await) };
        let options = Options {
            drain_timeout: LONG,
            ..Options::default()
        };
        let serving = tcp::serve_until(listener, options, |_| shared_bootstrap(), ended);
        serving.await.unwrap()
    });
    let idle = tcp::connect(&address, Options::default()).await.unwrap();
    assert_eq!(echo(&idle.bootstrap(), "hi").await.unwrap(), "hi");
    let busy = tcp::connect(&address, Options::default()).await.unwrap();
    let upload = Uploader::open(&busy).await;
    upload.write(&[1; 1000]).await.unwrap();
    end.send(()).unwrap();
    idle.closed().await;
    upload.write(&[1; 1000]).await.unwrap();
    assert_eq!(upload.end().await.unwrap(), 2000);
    assert_eq!(task.await.unwrap(), 0);
}

/// Nobody is let in any more.
async fn server_is_draining(url: &str) {
    while let Ok(connection) = websocket::connect(url, Options::default()).await {
        drop(connection);
        tokio::task::yield_now().await;
    }
}

//! RPC beside the other routes of an axum application.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use capstan_net::websocket::{Endpoint, connect};
use capstan_net::{Metrics, Options, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::Uploader;
use crate::authority::Authority;
use crate::server::{echo, shared_bootstrap};

async fn fetch(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn rpc_is_one_route_among_others() {
    let metrics = Metrics::new();
    let rpc = Endpoint::new(Options::default().with_metrics(&metrics));
    let scraped = metrics.clone();
    let app = Router::new()
        .route("/rpc", rpc.route(|_| shared_bootstrap()))
        .route("/hello", get(|| async { "hello" }))
        .route("/metrics", get(move || async move { scraped.response() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(
        axum::serve(listener, service)
            .with_graceful_shutdown(async { drop(ended.await) })
            .into_future(),
    );

    assert!(fetch(address, "/hello").await.ends_with("hello"));
    assert!(fetch(address, "/rpc").await.starts_with("HTTP/1.1 426 "));
    let url = format!("ws://{address}/rpc");
    let connection = connect(&url, Options::default()).await.unwrap();
    assert_eq!(echo(&connection.bootstrap(), "hi").await.unwrap(), "hi");
    assert_eq!(rpc.connections(), 1);
    let text = fetch(address, "/metrics").await;
    assert!(text.contains("application/openmetrics-text"), "{text}");
    assert!(text.contains("capstan_connections 1\n"), "{text}");

    let upload = Uploader::open(&connection).await;
    upload.write(&[1; 1000]).await.unwrap();
    end.send(()).unwrap();
    let draining = tokio::spawn({
        let rpc = rpc.clone();
        async move { rpc.drain(Duration::from_secs(600)).await }
    });
    server.await.unwrap().unwrap();
    upload.write(&[1; 1000]).await.unwrap();
    assert_eq!(upload.end().await.unwrap(), 2000);
    assert_eq!(draining.await.unwrap(), 0);
    assert_eq!(rpc.connections(), 0);
}

#[tokio::test]
async fn an_endpoint_that_drains_lets_nobody_in() {
    let rpc = Endpoint::new(Options::default());
    let app: Router = Router::new().route("/rpc", rpc.route(|_| shared_bootstrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/rpc", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());
    assert_eq!(rpc.drain(Duration::from_secs(600)).await, 0);
    let error = connect(&url, Options::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("503") && text.contains("shutting down"),
        "{text}"
    );
}

#[tokio::test]
async fn an_application_is_served_with_tls() {
    let authority = Authority::new();
    let certificates = authority.issue(&["localhost"]).certificates();
    let rpc = Endpoint::new(Options::default());
    let app = Router::new().route(
        "/rpc",
        rpc.route(|request: &axum::extract::Request| {
            let peer = request
                .extensions()
                .get::<axum::extract::ConnectInfo<SocketAddr>>();
            assert!(peer.unwrap().0.ip().is_loopback());
            shared_bootstrap()
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = tls::Listener::new(listener, &certificates).unwrap();
    // axum knows the addresses of clients of a foreign listener by way of `tap_io`.
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener.tap_io(|_| {}), service).into_future());
    let options = Options::default().with_tls(authority.trusted());
    let url = format!("wss://localhost:{port}/rpc");
    let connection = connect(&url, options).await.unwrap();
    assert_eq!(echo(&connection.bootstrap(), "hi").await.unwrap(), "hi");
    connection.close().await;
}

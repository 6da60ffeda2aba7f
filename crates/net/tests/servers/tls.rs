//! `wss://`, between a server and a client of this crate.

use std::time::Duration;

use capstan_net::tls::{Certificates, ClientTls, Listener};
use capstan_net::{Error, ErrorKind, Options, websocket};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Uploader;
use crate::authority::Authority;
use crate::server::{echo, shared_bootstrap};

async fn serve(certificates: &Certificates) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = Listener::new(listener, certificates)
        .unwrap()
        .with_handshake_timeout(Duration::from_millis(500));
    let task = tokio::spawn(async move {
        websocket::serve(listener, "/rpc", Options::default(), |_| shared_bootstrap())
            .await
            .unwrap();
    });
    (port, task)
}

async fn try_echo(host: &str, port: u16, tls: ClientTls) -> Result<String, Error> {
    let url = format!("wss://{host}:{port}/rpc");
    let connection = websocket::connect(&url, Options::default().with_tls(tls)).await?;
    let text = echo(&connection.bootstrap(), "over TLS").await.unwrap();
    connection.close().await;
    Ok(text)
}

#[tokio::test]
async fn calls_and_streams_go_over_tls() {
    let authority = Authority::new();
    let issued = authority.issue(&["localhost", "127.0.0.1"]);
    let (port, _server) = serve(&issued.certificates()).await;
    for host in ["localhost", "127.0.0.1"] {
        let text = try_echo(host, port, authority.trusted()).await.unwrap();
        assert_eq!(text, "over TLS");
    }
    let options = Options::default().with_tls(authority.trusted());
    let url = format!("wss://localhost:{port}/rpc");
    let connection = websocket::connect(&url, options).await.unwrap();
    let upload = Uploader::open(&connection).await;
    for _ in 0..100 {
        upload.write(&[7; 100_000]).await.unwrap();
    }
    assert_eq!(upload.end().await.unwrap(), 10_000_000);
    connection.close().await;
}

#[tokio::test]
async fn who_cannot_prove_who_it_is_gets_no_calls() {
    let authority = Authority::new();
    let issued = authority.issue(&["localhost"]);
    let (port, _server) = serve(&issued.certificates()).await;

    let stranger = Authority::new();
    let error = try_echo("localhost", port, stranger.trusted())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.to_string().contains("TLS failed"), "{error}");

    let error = try_echo("127.0.0.1", port, authority.trusted())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn certificates_are_replaced_while_connections_go_on() {
    let old = Authority::new();
    let new = Authority::new();
    let directory = std::env::temp_dir().join(format!("capstan-tls-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    let write = |authority: &Authority| {
        let issued = authority.issue(&["localhost"]);
        std::fs::write(&certificate, issued.certificate).unwrap();
        std::fs::write(&key, issued.key).unwrap();
    };
    write(&old);
    let certificates = Certificates::from_pem_files(&certificate, &key).unwrap();
    let (port, _server) = serve(&certificates).await;
    let url = format!("wss://localhost:{port}/rpc");
    let earlier = websocket::connect(&url, Options::default().with_tls(old.trusted()))
        .await
        .unwrap();

    // Unusable ones change nothing.
    std::fs::write(&certificate, "no certificate").unwrap();
    let error = certificates.reload().unwrap_err();
    assert!(
        error.to_string().contains("no certificate in PEM"),
        "{error}"
    );
    let other_key = old.issue(&["localhost"]).key;
    let issued = old.issue(&["localhost"]);
    let error = certificates
        .replace(issued.certificate.as_bytes(), other_key.as_bytes())
        .unwrap_err();
    assert!(error.to_string().contains("unusable"), "{error}");
    try_echo("localhost", port, old.trusted()).await.unwrap();

    write(&new);
    certificates.reload().unwrap();
    try_echo("localhost", port, new.trusted()).await.unwrap();
    try_echo("localhost", port, old.trusted())
        .await
        .unwrap_err();
    assert_eq!(echo(&earlier.bootstrap(), "still").await.unwrap(), "still");
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn clients_that_never_shake_hands_hold_up_nobody() {
    let authority = Authority::new();
    let issued = authority.issue(&["localhost"]);
    let (port, _server) = serve(&issued.certificates()).await;
    let mut silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    try_echo("localhost", port, authority.trusted())
        .await
        .unwrap();
    // Without a limit this would wait for ever.
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_no_wss_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(websocket::serve(
        listener,
        "/rpc",
        Options::default(),
        |_| shared_bootstrap(),
    ));
    let error = try_echo("localhost", port, Authority::new().trusted())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
}

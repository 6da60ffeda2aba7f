//! The peers against each other: what they do here is what the other tests rest on.

use tokio::task::LocalSet;

use crate::cpp_peer::{CppServer, run_cpp_client};
use crate::crate_peer::{self, Wire};
use crate::pattern::FILE_BYTES;

#[test]
fn cpp_client_and_cpp_server() {
    let server = CppServer::start();
    check_cpp_client_lines(&run_cpp_client(server.port, FILE_BYTES));
}

#[tokio::test]
async fn crate_client_and_cpp_server() {
    let server = CppServer::start();
    LocalSet::new()
        .run_until(check_crate_client(server.port))
        .await;
}

#[tokio::test]
async fn cpp_client_and_crate_server() {
    let task = async {
        let port = crate_peer::serve().await;
        let client = tokio::task::spawn_blocking(move || run_cpp_client(port, FILE_BYTES));
        check_cpp_client_lines(&client.await.unwrap());
    };
    LocalSet::new().run_until(task).await;
}

/// The lines of a C++ client for which all went well.
pub fn check_cpp_client_lines(lines: &[String]) {
    assert_eq!(lines[0], format!("uploaded {FILE_BYTES}"));
    assert_eq!(lines[1], "listed");
    assert_eq!(lines[2], format!("downloaded {FILE_BYTES}"));
    assert!(lines[3].starts_with("read failed: "), "{lines:#?}");
    assert!(
        lines[3].contains("this reader has had enough"),
        "{lines:#?}"
    );
    let end = &lines[lines.len() - 2];
    assert!(end.starts_with("end failed: "), "{lines:#?}");
    assert!(end.contains("more bytes than"), "{lines:#?}");
    assert_eq!(lines[lines.len() - 1], "still connected");
}

/// Everything the `capnp-rpc` crate's client does, against the server at `port`.
pub async fn check_crate_client(port: u16) {
    check_crate_client_over(Wire::Plain, port).await;
}

pub async fn check_crate_client_over(wire: Wire, port: u16) {
    let files = crate_peer::connect_over(wire, port).await;
    let (total, handle) = crate_peer::upload(&files, "from-crate.bin", FILE_BYTES, FILE_BYTES)
        .await
        .unwrap();
    assert_eq!(total, FILE_BYTES);
    let listed = crate_peer::list(&files).await.unwrap();
    assert!(
        listed.contains(&("from-crate.bin".to_owned(), FILE_BYTES)),
        "{listed:?}"
    );

    let received = crate_peer::download(&files, handle.clone(), None).await;
    assert_eq!(received.unwrap(), FILE_BYTES);
    let refused = crate_peer::download(&files, handle, Some(256 << 10)).await;
    let refusal = refused.unwrap_err().to_string();
    assert!(refusal.contains("this reader has had enough"), "{refusal}");

    let Err(error) = crate_peer::upload(&files, "too-small.bin", 100 << 10, 1 << 20).await else {
        panic!("end() succeeded after a failed write");
    };
    let error = error.to_string();
    assert!(error.contains("more bytes than"), "{error}");
    crate_peer::list(&files).await.unwrap();
}

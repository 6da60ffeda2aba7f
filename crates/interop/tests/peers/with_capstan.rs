//! Capstan's server and client with each of the others.

use capstan_net::Options;
use capstan_rpc::Error;
use sha2::{Digest, Sha256};
use tokio::task::LocalSet;
use upload_server::events::UploadState;
use upload_server::files_capnp::files;

use crate::capstan_peer::{self, CapstanServer};
use crate::cpp_peer::{CppServer, run_cpp_client};
use crate::crate_peer::{self, Wire};
use crate::pattern::{FILE_BYTES, pattern_chunks};
use crate::references::{check_cpp_client_lines, check_crate_client, check_crate_client_over};

#[tokio::test(flavor = "multi_thread")]
async fn cpp_client_and_capstan_server() {
    let server = CapstanServer::start().await;
    let port = server.port;
    let client = tokio::task::spawn_blocking(move || run_cpp_client(port, FILE_BYTES));
    check_cpp_client_lines(&client.await.unwrap());
    check_uploads(&server, "from-cpp.bin");
}

#[tokio::test(flavor = "multi_thread")]
async fn crate_client_and_capstan_server() {
    let server = CapstanServer::start().await;
    LocalSet::new()
        .run_until(check_crate_client(server.port))
        .await;
    check_uploads(&server, "from-crate.bin");
}

#[tokio::test(flavor = "multi_thread")]
async fn capstan_client_and_cpp_server() {
    let server = CppServer::start();
    check_capstan_client(server.port).await;
}

#[tokio::test]
async fn capstan_client_and_crate_server() {
    let task = async { check_capstan_client(crate_peer::serve().await).await };
    LocalSet::new().run_until(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capstan_client_and_capstan_server() {
    let server = CapstanServer::start().await;
    check_capstan_client(server.port).await;
    check_uploads(&server, "from-capstan.bin");
}

/// Calls that wait in a promise of ours, which comes true behind them.
#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_promise() {
    let server = CapstanServer::start().await;
    let port = capstan_peer::serve_promises(server.shared.clone()).await;
    let client = tokio::task::spawn_blocking(move || run_cpp_client(port, FILE_BYTES));
    check_cpp_client_lines(&client.await.unwrap());
    check_uploads(&server, "from-cpp.bin");

    let server = CapstanServer::start().await;
    let port = capstan_peer::serve_promises(server.shared.clone()).await;
    LocalSet::new().run_until(check_crate_client(port)).await;
    check_uploads(&server, "from-crate.bin");
}

/// Streams, callbacks and errors by way of a vat in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn peers_that_meet_through_capstan() {
    let server = CppServer::start();
    let port = capstan_peer::relay(server.port).await;
    check_capstan_client(port).await;
    let server = CppServer::start();
    let port = capstan_peer::relay(server.port).await;
    let client = tokio::task::spawn_blocking(move || run_cpp_client(port, FILE_BYTES));
    check_cpp_client_lines(&client.await.unwrap());
    let server = CppServer::start();
    let port = capstan_peer::relay(server.port).await;
    LocalSet::new().run_until(check_crate_client(port)).await;
}

/// The crate's own packing, and ours in its place.
const PACKED: [Wire; 2] = [Wire::Packed, Wire::PackedByCapstan];

#[tokio::test(flavor = "multi_thread")]
async fn crate_client_and_capstan_server_packed() {
    for wire in PACKED {
        let server = CapstanServer::start_with(Options::default().with_packed(true)).await;
        LocalSet::new()
            .run_until(check_crate_client_over(wire, server.port))
            .await;
        check_uploads(&server, "from-crate.bin");
    }
}

#[tokio::test]
async fn capstan_client_and_crate_server_packed() {
    for wire in PACKED {
        let task = async {
            let port = crate_peer::serve_over(wire).await;
            check_capstan_client_with(Options::default().with_packed(true), port).await;
        };
        LocalSet::new().run_until(task).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn capstan_client_and_capstan_server_packed() {
    let packed = Options::default().with_packed(true);
    let server = CapstanServer::start_with(packed.clone()).await;
    check_capstan_client_with(packed, server.port).await;
    check_uploads(&server, "from-capstan.bin");
}

/// A peer that drops the sink, or all of its connection, has sent a part: the server says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_a_partial_upload() {
    let server = CapstanServer::start().await;
    let task = async {
        let files = crate_peer::connect(server.port).await;
        let mut request = files.create_request();
        request.get().set_name("half.bin");
        request.get().set_size(FILE_BYTES);
        let created = request.send();
        let sink = created.pipeline.get_sink();
        for chunk in pattern_chunks(FILE_BYTES / 2) {
            let mut request = sink.write_request();
            request.get().set_chunk(&chunk);
            request.send().await.unwrap();
        }
        created.promise.await.unwrap();
        // An ordinary call behind them: the server has the writes when it is answered.
        crate_peer::list(&files).await.unwrap();
    };
    // The end of the set drops the client, its connection and all.
    let set = LocalSet::new();
    set.run_until(task).await;
    drop(set);

    let upload = loop {
        let upload = server.shared.events.uploads().pop().unwrap();
        if upload.state != UploadState::Receiving {
            break upload;
        }
        tokio::task::yield_now().await;
    };
    let UploadState::Partial { reason } = upload.state else {
        panic!("{upload:?}");
    };
    assert!(reason.contains("before end()"), "{reason}");
    assert!(upload.received_bytes <= FILE_BYTES / 2);
    assert_eq!(upload.size_bytes, FILE_BYTES);
}

/// Everything Capstan's client does, against the server at `port`.
async fn check_capstan_client(port: u16) {
    check_capstan_client_with(Options::default(), port).await;
}

async fn check_capstan_client_with(options: Options, port: u16) {
    let connection = capstan_peer::connect(port, options).await;
    let files: files::Client = connection.bootstrap();
    let name = "from-capstan.bin";
    let uploaded = capstan_peer::upload(&files, name, FILE_BYTES, FILE_BYTES).await;
    let (total, handle) = uploaded.unwrap();
    assert_eq!(total, FILE_BYTES);
    let listed = capstan_peer::list(&files).await.unwrap();
    assert!(
        listed.contains(&(name.to_owned(), FILE_BYTES)),
        "{listed:?}"
    );

    let received = capstan_peer::download(&files, handle.clone(), None).await;
    assert_eq!(received.unwrap(), FILE_BYTES);
    let refused = capstan_peer::download(&files, handle, Some(256 << 10)).await;
    check_reason(&refused.unwrap_err(), "this reader has had enough");

    let Err(error) = capstan_peer::upload(&files, "too-small.bin", 100 << 10, 1 << 20).await else {
        panic!("end() succeeded after a failed write");
    };
    check_reason(&error, "more bytes than");
    capstan_peer::list(&files).await.unwrap();
}

fn check_reason(error: &Error, part: &str) {
    assert!(error.reason.contains(part), "{error:?}");
}

/// The server hashed what the clients' pattern is, and has not taken the overlong file for complete.
fn check_uploads(server: &CapstanServer, name: &str) {
    let mut hash = Sha256::new();
    for chunk in pattern_chunks(FILE_BYTES) {
        hash.update(chunk);
    }
    let expected: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let uploads = server.shared.events.uploads();
    let complete = uploads.iter().find(|upload| upload.name == name).unwrap();
    assert_eq!(complete.received_bytes, FILE_BYTES);
    assert_eq!(complete.state, UploadState::Done { sha256: expected });
    let overlong = uploads
        .iter()
        .find(|upload| upload.name == "too-small.bin")
        .unwrap();
    assert!(
        !matches!(overlong.state, UploadState::Done { .. }),
        "{overlong:?}"
    );
}

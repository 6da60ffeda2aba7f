use std::sync::{Arc, Mutex};
use std::time::Duration;

use capstan_net::{Connection, Options, websocket};
use capstan_rpc::{Error, new_client};
use upload_server::events::UploadState;
use upload_server::files_capnp::{byte_sink, files};

use crate::running::Running;

const HELLO_SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[tokio::test]
async fn a_file_goes_up_and_comes_back() {
    let server = Running::start().await;
    let (_connection, files) = connect(&server).await;
    let upload = create(&files, "hello.txt", 5);
    upload.write(b"he").await.unwrap();
    upload.write(b"llo").await.unwrap();
    assert_eq!(upload.end().await.unwrap(), 5);

    let seen = server.last_upload().await;
    assert_eq!((seen.received_bytes, seen.size_bytes), (5, 5));
    let sha256 = HELLO_SHA256.to_owned();
    assert_eq!(seen.state, UploadState::Done { sha256 });
    let answer = server.request("GET", "/uploads", b"").await;
    assert!(answer.contains(HELLO_SHA256), "{answer}");

    let list = files.list_request().send().promise.await.unwrap();
    let entries = list.get().unwrap().get_entries().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries.get(0).get_name().unwrap().to_str(), Ok("hello.txt"));
    assert_eq!(entries.get(0).get_size(), 5);
    assert_eq!(read(&files, upload.handle).await.unwrap(), b"hello");
}

#[tokio::test]
async fn what_was_announced_counts() {
    let server = Running::start().await;
    let (_connection, files) = connect(&server).await;

    let more = create(&files, "more", 3);
    more.write(b"more").await.unwrap();
    check_reason(
        more.end().await,
        "more bytes than the 3 that create() announced",
    );
    drop(more);
    check_partial(&server, 0, "more bytes than the 3").await;

    let less = create(&files, "less", 10);
    less.write(b"less").await.unwrap();
    check_reason(less.end().await, "end() came after 4 of the 10 bytes");
    drop(less);
    check_partial(&server, 4, "end() came after 4 of the 10 bytes").await;
}

#[tokio::test]
async fn a_sink_dropped_before_its_end_is_a_partial_upload() {
    let server = Running::start().await;
    let (connection, files) = connect(&server).await;
    let upload = create(&files, "half", 10);
    upload.write(b"half").await.unwrap();
    // An ordinary call behind them: the server has the write when it is answered.
    files.list_request().send().promise.await.unwrap();
    drop(upload);
    check_partial(&server, 4, "the sender went away before end()").await;

    let lost = create(&files, "lost", 10);
    lost.write(b"lo").await.unwrap();
    files.list_request().send().promise.await.unwrap();
    connection.close().await;
    check_partial(&server, 2, "the sender went away before end()").await;
}

#[tokio::test]
async fn nothing_follows_the_end() {
    let server = Running::start().await;
    let (_connection, files) = connect(&server).await;
    let upload = create(&files, "twice", 0);
    assert_eq!(upload.end().await.unwrap(), 0);
    check_reason(upload.end().await, "end() was called twice");
    upload.write(b"more").await.unwrap();
    check_reason(upload.end().await, "write() was called after end()");
}

#[tokio::test]
async fn only_own_and_complete_files_are_read() {
    let server = Running::start().await;
    let (_connection, files) = connect(&server).await;
    let upload = create(&files, "early", 1);
    check_reason(read(&files, upload.handle).await, "has not ended");
    let foreign: files::handle::Client = new_client(ForeignHandle);
    check_reason(read(&files, foreign).await, "none that this server's");
    let large = create(&files, "large", 2 << 20);
    for _ in 0..32 {
        large.write(&[1; 64 << 10]).await.unwrap();
    }
    assert_eq!(large.end().await.unwrap(), 2 << 20);
    check_reason(read(&files, large.handle).await, "no longer kept");
}

#[tokio::test]
async fn uploads_are_saved_under_safe_names() {
    let server = Running::start_with(|shared, dir| {
        shared.save_dir = Some(dir.clone());
        shared.delay = Duration::from_micros(1);
    })
    .await;
    let (_connection, files) = connect(&server).await;
    for _ in 0..2 {
        let upload = create(&files, "../hello.txt", 5);
        upload.write(b"hello").await.unwrap();
        upload.end().await.unwrap();
    }
    for name in ["hello.txt", "1-hello.txt"] {
        assert_eq!(std::fs::read(server.dir.join(name)).unwrap(), b"hello");
    }
    let partial = create(&files, "partial.txt", 5);
    partial.write(b"hel").await.unwrap();
    files.list_request().send().promise.await.unwrap();
    drop(partial);
    // Until `create` has run, the last upload is still the one before.
    while server.last_upload().await.name != "partial.txt" {
        tokio::task::yield_now().await;
    }
    assert!(!server.dir.join("partial.txt").exists());
    assert!(server.dir.join("partial.txt.part").exists());
}

struct ForeignHandle;

impl files::handle::Server for ForeignHandle {}

struct Sending {
    sink: byte_sink::Client,
    handle: files::handle::Client,
}

impl Sending {
    async fn write(&self, chunk: &[u8]) -> Result<(), Error> {
        let mut request = self.sink.write_request();
        request.get().set_chunk(chunk);
        request.send().await
    }

    async fn end(&self) -> Result<u64, Error> {
        let response = self.sink.end_request().send().promise.await?;
        Ok(response.get()?.get_total())
    }
}

/// All is pipelined: this waits for nothing.
fn create(files: &files::Client, name: &str, size_bytes: u64) -> Sending {
    let mut request = files.create_request();
    request.get().set_name(name);
    request.get().set_size(size_bytes);
    let created = request.send();
    Sending {
        sink: created.pipeline.get_sink(),
        handle: created.pipeline.get_handle(),
    }
}

async fn connect(server: &Running) -> (Connection, files::Client) {
    let address = format!("ws://{}/rpc", server.address);
    let connection = websocket::connect(&address, Options::default())
        .await
        .unwrap();
    let files = connection.bootstrap();
    (connection, files)
}

async fn read(files: &files::Client, handle: files::handle::Client) -> Result<Vec<u8>, Error> {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let mut request = files.read_request();
    request.get().set_handle(handle);
    let collector: byte_sink::Client = new_client(Collector(collected.clone()));
    request.get().set_into(collector);
    request.send().promise.await?;
    let bytes = collected.lock().unwrap().clone();
    Ok(bytes)
}

struct Collector(Arc<Mutex<Vec<u8>>>);

impl byte_sink::Server for Collector {
    async fn write(&self, params: byte_sink::WriteParams) -> Result<(), Error> {
        let chunk = params.get()?.get_chunk()?;
        self.0.lock().unwrap().extend_from_slice(chunk);
        Ok(())
    }

    async fn end(
        &self,
        _params: byte_sink::EndParams,
        mut results: byte_sink::EndResults,
    ) -> Result<(), Error> {
        results.get().set_total(self.0.lock().unwrap().len() as u64);
        Ok(())
    }
}

fn check_reason<T: std::fmt::Debug>(result: Result<T, Error>, part: &str) {
    let error = result.unwrap_err();
    assert!(error.reason.contains(part), "{error:?}");
}

async fn check_partial(server: &Running, received_bytes: u64, part: &str) {
    let upload = server.last_upload().await;
    assert_eq!(upload.received_bytes, received_bytes);
    let UploadState::Partial { reason } = upload.state else {
        panic!("{upload:?}");
    };
    assert!(reason.contains(part), "{reason}");
}

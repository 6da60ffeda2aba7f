//! Capstan over TCP: the upload example's own objects as the server, and a client of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use capstan_net::{Connection, Options, tcp};
use capstan_rpc::{Error, new_client, new_future_client};
use tokio::net::TcpListener;
use upload_server::events::Events;
use upload_server::files::{FilesService, Shared};
use upload_server::files_capnp::{byte_sink, files};

use crate::pattern::{FILE_BYTES, first_difference, pattern_chunks};

/// A running server; what happened to its uploads can be asked.
pub struct CapstanServer {
    pub port: u16,
    pub shared: Arc<Shared>,
}

impl CapstanServer {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::new(4 * FILE_BYTES, Events::quiet()));
        let files: files::Client = new_client(FilesService::new(shared.clone()));
        tokio::spawn(tcp::serve(listener, options, move |_| files.clone()));
        Self { port, shared }
    }
}

/// A server whose bootstrap object is a promise, to each client, for a while.
pub async fn serve_promises(shared: Arc<Shared>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let files: files::Client = new_client(FilesService::new(shared));
    let promise = move |_| {
        let files = files.clone();
        new_future_client::<files::Client>(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(files)
        })
    };
    tokio::spawn(tcp::serve(listener, Options::default(), promise));
    port
}

/// A vat between the server at `port` and its clients, with a connection to each.
pub async fn relay(port: u16) -> u16 {
    let options = Options::default().with_runtime(&capstan_net::runtime());
    let connection = connect(port, options.clone()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(tcp::serve(listener, options, move |_| {
        connection.bootstrap::<files::Client>()
    }));
    port
}

/// A connection to the server at `port`.
pub async fn connect(port: u16, options: Options) -> Connection {
    let address = format!("127.0.0.1:{port}");
    tcp::connect(&address, options).await.unwrap()
}

/// Creates a file, streams the test file into it without waiting for the answer of `create`, and
/// returns what `end` said, and the file's handle.
pub async fn upload(
    files: &files::Client,
    name: &str,
    announced_bytes: u64,
    bytes: u64,
) -> Result<(u64, files::handle::Client), Error> {
    let mut request = files.create_request();
    request.get().set_name(name);
    request.get().set_size(announced_bytes);
    let created = request.send();
    let sink = created.pipeline.get_sink();
    let handle = created.pipeline.get_handle();
    for chunk in pattern_chunks(bytes) {
        let mut request = sink.write_request();
        request.get().set_chunk(&chunk);
        // What a write says is said again by end(), which is what the test looks at.
        if request.send().await.is_err() {
            break;
        }
    }
    let total = sink.end_request().send().promise.await?.get()?.get_total();
    Ok((total, handle))
}

/// Reads a file back and returns how many bytes came, all of which were compared.
pub async fn download(
    files: &files::Client,
    handle: files::handle::Client,
    fail_after_bytes: Option<u64>,
) -> Result<u64, Error> {
    let progress = Arc::new(Mutex::new(Received::default()));
    let mut request = files.read_request();
    request.get().set_handle(handle);
    request.get().set_into(new_client(PatternChecker {
        progress: progress.clone(),
        fail_after_bytes,
    }));
    request.send().promise.await?;
    let progress = progress.lock().unwrap();
    assert!(progress.ended, "read() returned without ending its sink");
    Ok(progress.bytes)
}

/// What `list` says.
pub async fn list(files: &files::Client) -> Result<Vec<(String, u64)>, Error> {
    let response = files.list_request().send().promise.await?;
    let entries = response.get()?.get_entries()?;
    entries
        .iter()
        .map(|entry| Ok((entry.get_name()?.to_string()?, entry.get_size())))
        .collect()
}

#[derive(Default)]
struct Received {
    bytes: u64,
    ended: bool,
}

struct PatternChecker {
    progress: Arc<Mutex<Received>>,
    fail_after_bytes: Option<u64>,
}

impl byte_sink::Server for PatternChecker {
    async fn write(&self, params: byte_sink::WriteParams) -> Result<(), Error> {
        let chunk = params.get()?.get_chunk()?;
        let mut progress = self.progress.lock().unwrap();
        if let Some(position) = first_difference(progress.bytes, chunk) {
            return Err(Error::failed(format!("byte {position} came back changed")));
        }
        progress.bytes += chunk.len() as u64;
        if self
            .fail_after_bytes
            .is_some_and(|limit| progress.bytes > limit)
        {
            return Err(Error::failed("this reader has had enough"));
        }
        Ok(())
    }

    async fn end(
        &self,
        _params: byte_sink::EndParams,
        mut results: byte_sink::EndResults,
    ) -> Result<(), Error> {
        let mut progress = self.progress.lock().unwrap();
        progress.ended = true;
        results.get().set_total(progress.bytes);
        Ok(())
    }
}

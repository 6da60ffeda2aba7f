//! The `capnp-rpc` crate as a client and as a server of the example's interfaces.
//! Its objects stay on one thread: everything here runs in a `LocalSet`.

use std::cell::RefCell;
use std::rc::Rc;

use capnp::Error;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{CapabilityServerSet, RpcSystem, VatNetwork, new_client, twoparty};
use futures_util::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::files_capnp::{byte_sink, files};
use crate::pattern::{CHUNK_BYTES, first_difference, pattern_chunks};

/// How the crate's end of a connection writes its messages.
#[derive(Clone, Copy, Debug)]
pub enum Wire {
    Plain,
    Packed,
    /// Packed by the adaptors in `capstan_message::futures`.
    PackedByCapstan,
}

/// The bootstrap object of the server at `port`. Must be called within a `LocalSet`.
pub async fn connect(port: u16) -> files::Client {
    connect_over(Wire::Plain, port).await
}

pub async fn connect_over(wire: Wire, port: u16) -> files::Client {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut system = RpcSystem::new(network(stream, Side::Client, wire), None);
    let client = system.bootstrap(Side::Server);
    tokio::task::spawn_local(system);
    client
}

/// Serves files held in memory on a free loopback port. Must be called within a `LocalSet`.
pub async fn serve() -> u16 {
    serve_over(Wire::Plain).await
}

pub async fn serve_over(wire: Wire) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let files: files::Client = new_client(FilesServer::default());
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let system = RpcSystem::new(
                network(stream, Side::Server, wire),
                Some(files.clone().client),
            );
            tokio::task::spawn_local(system);
        }
    });
    port
}

pub fn network(stream: TcpStream, side: Side, wire: Wire) -> Box<dyn VatNetwork<Side>> {
    stream.set_nodelay(true).unwrap();
    let (reader, writer) = stream.into_split();
    let (reader, writer) = (reader.compat(), writer.compat_write());
    match wire {
        Wire::Plain => over(reader, writer, side),
        Wire::Packed => over(
            capnp_futures::serialize_packed::PackedRead::new(reader),
            capnp_futures::serialize_packed::PackedWrite::new(writer),
            side,
        ),
        Wire::PackedByCapstan => over(
            capstan_message::futures::serialize_packed::PackedRead::new(reader),
            capstan_message::futures::serialize_packed::PackedWrite::new(writer),
            side,
        ),
    }
}

fn over(
    reader: impl AsyncRead + Unpin + 'static,
    writer: impl AsyncWrite + Unpin + 'static,
    side: Side,
) -> Box<dyn VatNetwork<Side>> {
    let options = capnp::message::ReaderOptions::default();
    Box::new(twoparty::VatNetwork::new(reader, writer, side, options))
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
    let progress = Rc::new(RefCell::new(Received::default()));
    let mut request = files.read_request();
    request.get().set_handle(handle);
    request.get().set_into(new_client(PatternChecker {
        progress: progress.clone(),
        fail_after_bytes,
    }));
    request.send().promise.await?;
    let progress = progress.borrow();
    assert!(progress.ended, "read() returned without ending its sink");
    Ok(progress.bytes)
}

/// What `list` says.
pub async fn list(files: &files::Client) -> Result<Vec<(String, u64)>, Error> {
    let response = files.list_request().send().promise.await?;
    response
        .get()?
        .get_entries()?
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
    progress: Rc<RefCell<Received>>,
    fail_after_bytes: Option<u64>,
}

impl byte_sink::Server for PatternChecker {
    async fn write(self: Rc<Self>, params: byte_sink::WriteParams) -> Result<(), Error> {
        let chunk = params.get()?.get_chunk()?;
        let mut progress = self.progress.borrow_mut();
        if let Some(position) = first_difference(progress.bytes, chunk) {
            return Err(Error::failed(format!("byte {position} came back changed")));
        }
        progress.bytes += chunk.len() as u64;
        if self
            .fail_after_bytes
            .is_some_and(|limit| progress.bytes > limit)
        {
            return Err(Error::failed("this reader has had enough".to_owned()));
        }
        Ok(())
    }

    async fn end(
        self: Rc<Self>,
        _params: byte_sink::EndParams,
        mut results: byte_sink::EndResults,
    ) -> Result<(), Error> {
        let mut progress = self.progress.borrow_mut();
        progress.ended = true;
        results.get().set_total(progress.bytes);
        Ok(())
    }
}

#[derive(Default)]
struct StoredFile {
    name: String,
    announced_bytes: u64,
    bytes: RefCell<Vec<u8>>,
    complete: std::cell::Cell<bool>,
}

#[derive(Default)]
struct FilesServer {
    files: RefCell<Vec<Rc<StoredFile>>>,
    handles: RefCell<CapabilityServerSet<FileHandle, files::handle::Client>>,
}

impl files::Server for FilesServer {
    async fn create(
        self: Rc<Self>,
        params: files::CreateParams,
        mut results: files::CreateResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let file = Rc::new(StoredFile {
            name: params.get_name()?.to_string()?,
            announced_bytes: params.get_size(),
            ..StoredFile::default()
        });
        let mut results = results.get();
        results.set_sink(new_client(FileSink {
            file: file.clone(),
            failure: RefCell::default(),
        }));
        let handle = FileHandle { file: file.clone() };
        results.set_handle(self.handles.borrow_mut().new_client(handle));
        self.files.borrow_mut().push(file);
        Ok(())
    }

    async fn list(
        self: Rc<Self>,
        _params: files::ListParams,
        mut results: files::ListResults,
    ) -> Result<(), Error> {
        let files = self.files.borrow();
        let complete: Vec<_> = files.iter().filter(|file| file.complete.get()).collect();
        let mut entries = results.get().init_entries(complete.len() as u32);
        for (index, file) in complete.into_iter().enumerate() {
            let mut entry = entries.reborrow().get(index as u32);
            entry.set_name(&file.name);
            entry.set_size(file.bytes.borrow().len() as u64);
        }
        Ok(())
    }

    async fn read(
        self: Rc<Self>,
        params: files::ReadParams,
        _results: files::ReadResults,
    ) -> Result<(), Error> {
        let (handle, into) = {
            let params = params.get()?;
            (params.get_handle()?, params.get_into()?)
        };
        let resolved = capnp::capability::get_resolved_cap(handle).await;
        let found = self
            .handles
            .borrow()
            .get_local_server_of_resolved(&resolved);
        let handle =
            found.ok_or_else(|| Error::failed("the handle is none of this server's".to_owned()))?;
        let bytes = handle.file.bytes.borrow().clone();
        for chunk in bytes.chunks(CHUNK_BYTES) {
            let mut request = into.write_request();
            request.get().set_chunk(chunk);
            request.send().await?;
        }
        into.end_request().send().promise.await?;
        Ok(())
    }
}

struct FileHandle {
    file: Rc<StoredFile>,
}

impl files::handle::Server for FileHandle {}

struct FileSink {
    file: Rc<StoredFile>,
    // This library does not make a stream's error stick at the server's end.
    failure: RefCell<Option<Error>>,
}

impl byte_sink::Server for FileSink {
    async fn write(self: Rc<Self>, params: byte_sink::WriteParams) -> Result<(), Error> {
        if let Some(failure) = &*self.failure.borrow() {
            return Err(failure.clone());
        }
        let chunk = params.get()?.get_chunk()?;
        let mut bytes = self.file.bytes.borrow_mut();
        let announced = self.file.announced_bytes;
        if (bytes.len() + chunk.len()) as u64 > announced {
            let message = format!("more bytes than the {announced} that were announced");
            let failure = Error::failed(message);
            *self.failure.borrow_mut() = Some(failure.clone());
            return Err(failure);
        }
        bytes.extend_from_slice(chunk);
        Ok(())
    }

    async fn end(
        self: Rc<Self>,
        _params: byte_sink::EndParams,
        mut results: byte_sink::EndResults,
    ) -> Result<(), Error> {
        if let Some(failure) = &*self.failure.borrow() {
            return Err(failure.clone());
        }
        self.file.complete.set(true);
        results
            .get()
            .set_total(self.file.bytes.borrow().len() as u64);
        Ok(())
    }
}

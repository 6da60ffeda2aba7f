//! The objects behind the page: `Files`, and a `ByteSink` for each upload.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use capstan_rpc::{CapabilityServerSet, Error};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::events::Events;
use crate::files_capnp::{byte_sink, files};
use crate::pace::Pace;
use crate::saved::SavedFile;
use crate::store::{File, Room, Store};

/// `read` sends pieces of this size.
const PIECE_BYTES: usize = 64 << 10;

/// Longer names are refused.
const NAME_BYTES_MAX: usize = 1024;

/// What all uploads of a server share.
#[derive(Debug)]
pub struct Shared {
    pub store: Arc<Store>,
    pub events: Events,
    pub pace: Pace,
    /// Added to every write.
    pub delay: Duration,
    /// Where uploads are written to, if anywhere.
    pub save_dir: Option<PathBuf>,
    next_id: AtomicU64,
}

impl Shared {
    pub fn new(keep_bytes: u64, events: Events) -> Self {
        Self {
            store: Store::new(keep_bytes),
            events,
            pace: Pace::default(),
            delay: Duration::ZERO,
            save_dir: None,
            next_id: AtomicU64::new(1),
        }
    }
}

/// The bootstrap object. One serves any number of connections.
pub struct FilesService {
    shared: Arc<Shared>,
    handles: CapabilityServerSet<FileHandle, files::handle::Client>,
}

impl FilesService {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            handles: CapabilityServerSet::new(),
        }
    }
}

impl files::Server for FilesService {
    async fn create(
        &self,
        params: files::CreateParams,
        mut results: files::CreateResults,
    ) -> Result<(), Error> {
        let (name, size_bytes) = {
            let params = params.get()?;
            (params.get_name()?.to_string()?, params.get_size())
        };
        if name.len() > NAME_BYTES_MAX {
            return Err(Error::failed(format!(
                "the file's name has {} bytes; at most {NAME_BYTES_MAX} are taken",
                name.len()
            )));
        }
        let saved = match &self.shared.save_dir {
            Some(dir) => Some(SavedFile::create(dir, &name).await?),
            None => None,
        };
        let file = File::new(name, size_bytes);
        let upload = Upload::start(self.shared.clone(), file.clone(), saved);
        let mut results = results.get();
        results.set_sink(capstan_rpc::new_client(FileSink {
            upload: Mutex::new(upload),
        }));
        results.set_handle(self.handles.new_client(FileHandle { file }));
        Ok(())
    }

    async fn list(
        &self,
        _params: files::ListParams,
        mut results: files::ListResults,
    ) -> Result<(), Error> {
        let complete = self.shared.store.list();
        let mut entries = results.get().init_entries(complete.len() as u32);
        for (index, file) in (0..).zip(complete) {
            let mut entry = entries.reborrow().get(index);
            entry.set_name(&*file.name);
            entry.set_size(file.size_bytes);
        }
        Ok(())
    }

    async fn read(
        &self,
        params: files::ReadParams,
        _results: files::ReadResults,
    ) -> Result<(), Error> {
        let (handle, into) = {
            let params = params.get()?;
            (params.get_handle()?, params.get_into()?)
        };
        let handle = self.handles.get_local_server(&handle).await;
        let handle = handle.ok_or_else(|| {
            Error::failed("the handle given to read() is none that this server's create() returned")
        })?;
        let bytes = handle.file.bytes().map_err(Error::failed)?;
        for piece in bytes.chunks(PIECE_BYTES) {
            let mut request = into.write_request();
            request.get().set_chunk(piece);
            request.send().await?;
        }
        into.end_request().send().promise.await?;
        Ok(())
    }
}

/// Stands for a file; has no methods.
struct FileHandle {
    file: Arc<File>,
}

impl files::handle::Server for FileHandle {}

/// The remote end of `writable(sink)`.
struct FileSink {
    upload: Mutex<Upload>,
}

impl byte_sink::Server for FileSink {
    async fn write(&self, params: byte_sink::WriteParams) -> Result<(), Error> {
        let mut upload = self.upload.lock().await;
        let taken = upload.take(params.get()?.get_chunk()?).await;
        taken.inspect_err(|error| upload.failure = Some(error.reason.clone()))
    }

    async fn end(
        &self,
        _params: byte_sink::EndParams,
        mut results: byte_sink::EndResults,
    ) -> Result<(), Error> {
        let mut upload = self.upload.lock().await;
        let total = upload.end().await;
        let total = total.inspect_err(|error| upload.failure = Some(error.reason.clone()))?;
        results.get().set_total(total);
        Ok(())
    }
}

/// One upload. Dropped before its end, it was a partial one.
struct Upload {
    shared: Arc<Shared>,
    id: u64,
    file: Arc<File>,
    started: Instant,
    received_bytes: u64,
    hash: Sha256,
    room: Option<Room>,
    saved: Option<SavedFile>,
    paced_until: Instant,
    ended: bool,
    failure: Option<String>,
}

impl Upload {
    fn start(shared: Arc<Shared>, file: Arc<File>, saved: Option<SavedFile>) -> Self {
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        shared.events.started(id, &file.name, file.size_bytes);
        Self {
            room: shared.store.reserve(file.size_bytes),
            shared,
            id,
            file,
            started: Instant::now(),
            received_bytes: 0,
            hash: Sha256::new(),
            saved,
            paced_until: Instant::now(),
            ended: false,
            failure: None,
        }
    }

    async fn take(&mut self, piece: &[u8]) -> Result<(), Error> {
        if self.ended {
            return Err(Error::failed("write() was called after end()"));
        }
        let received_bytes = self.received_bytes + piece.len() as u64;
        if received_bytes > self.file.size_bytes {
            return Err(Error::failed(format!(
                "more bytes than the {} that create() announced for {:?}",
                self.file.size_bytes, self.file.name
            )));
        }
        if !self.shared.delay.is_zero() {
            tokio::time::sleep(self.shared.delay).await;
        }
        let pace = &self.shared.pace;
        pace.take(piece.len(), &mut self.paced_until).await;
        self.hash.update(piece);
        if let Some(room) = &mut self.room {
            room.push(piece);
        }
        if let Some(saved) = &mut self.saved {
            saved.write(piece).await?;
        }
        self.received_bytes = received_bytes;
        self.shared.events.received(self.id, received_bytes);
        Ok(())
    }

    async fn end(&mut self) -> Result<u64, Error> {
        if self.ended {
            return Err(Error::failed("end() was called twice"));
        }
        if self.received_bytes != self.file.size_bytes {
            return Err(Error::failed(format!(
                "end() came after {} of the {} bytes that create() announced for {:?}",
                self.received_bytes, self.file.size_bytes, self.file.name
            )));
        }
        if let Some(saved) = self.saved.take() {
            saved.finish().await?;
        }
        self.ended = true;
        let file = self.file.clone();
        self.shared.store.complete(file, self.room.take());
        let sha256 = hex(&std::mem::take(&mut self.hash).finalize());
        let seconds = self.started.elapsed().as_secs_f64();
        self.shared.events.done(self.id, sha256, seconds);
        Ok(self.received_bytes)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.ended {
            let reason = self
                .failure
                .take()
                .unwrap_or_else(|| "the sender went away before end()".to_owned());
            self.shared.events.partial(self.id, reason);
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

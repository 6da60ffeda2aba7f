//! Serving `ByteStream`, with its substreams.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use capstan_rpc::{BoxFuture, Error, Result, new_client};
use tokio::sync::mpsc;

use crate::arrival::Item;
use crate::byte_stream_capnp::byte_stream::{self, substream_callback};

/// Where the bytes of a stream go.
trait Target: Send + Sync {
    fn write(self: Arc<Self>, bytes: Bytes) -> BoxFuture<Result<()>>;
    fn end(self: Arc<Self>) -> BoxFuture<Result<()>>;
}

/// A stream into the channel; with a length, exactly so many bytes. `name` is for the errors.
pub(crate) fn serve(
    items: mpsc::Sender<Item>,
    length: Option<u64>,
    name: &'static str,
) -> byte_stream::Client {
    serve_target(Arc::new(Channel {
        items,
        length,
        name,
        received: Mutex::new(0),
    }))
}

fn serve_target(target: Arc<dyn Target>) -> byte_stream::Client {
    new_client(Stream {
        target,
        is_lent: Arc::default(),
        is_ended: AtomicBool::new(false),
    })
}

struct Stream {
    target: Arc<dyn Target>,
    /// A substream has the target now.
    is_lent: Arc<AtomicBool>,
    is_ended: AtomicBool,
}

impl Stream {
    fn check(&self) -> Result<()> {
        if self.is_lent.load(Ordering::SeqCst) {
            Err(Error::failed(
                "this byte stream has a substream, which has to end before",
            ))
        } else if self.is_ended.load(Ordering::SeqCst) {
            Err(Error::failed("this byte stream has ended"))
        } else {
            Ok(())
        }
    }
}

impl byte_stream::Server for Stream {
    async fn write(&self, params: byte_stream::WriteParams) -> Result<()> {
        self.check()?;
        let bytes = Bytes::copy_from_slice(params.get()?.get_bytes()?);
        // What was copied need not be kept as a message as well.
        drop(params);
        Arc::clone(&self.target).write(bytes).await
    }

    async fn end(&self, _: byte_stream::EndParams, _: byte_stream::EndResults) -> Result<()> {
        self.check()?;
        self.is_ended.store(true, Ordering::SeqCst);
        Arc::clone(&self.target).end().await
    }

    async fn get_substream(
        &self,
        params: byte_stream::GetSubstreamParams,
        mut results: byte_stream::GetSubstreamResults,
    ) -> Result<()> {
        self.check()?;
        let params = params.get()?;
        let limit = params.get_limit();
        self.is_lent.store(true, Ordering::SeqCst);
        results
            .get()
            .set_substream(serve_target(Arc::new(Substream {
                target: Arc::clone(&self.target),
                is_lent: Arc::clone(&self.is_lent),
                callback: params.get_callback()?,
                limit,
                state: Mutex::new(SubstreamState {
                    room: limit,
                    next: None,
                }),
            })));
        Ok(())
    }

    async fn start_tls(&self, _: byte_stream::StartTlsParams) -> Result<()> {
        Err(Error::unimplemented(NO_TLS))
    }
}

/// Its failure fails what was written behind it, so that nothing passes in clear that was to be secret.
const NO_TLS: &str =
    "this byte stream cannot start TLS here; speak TLS through it instead, from end to end";

struct Channel {
    items: mpsc::Sender<Item>,
    length: Option<u64>,
    name: &'static str,
    received: Mutex<u64>,
}

impl Channel {
    async fn give(&self, item: Item) -> Result<()> {
        let given = self.items.send(item).await;
        given.map_err(|_| self.unwanted())
    }

    /// Of this kind the writer takes it for what it is: nobody wants the rest.
    fn unwanted(&self) -> Error {
        Error::disconnected(format!("{} is not wanted any more", self.name))
    }

    async fn refuse(&self, reason: String) -> Result<()> {
        let error = Error::failed(reason);
        self.give(Item::Failed(error.clone())).await?;
        Err(error)
    }
}

impl Target for Channel {
    fn write(self: Arc<Self>, bytes: Bytes) -> BoxFuture<Result<()>> {
        Box::pin(async move {
            let received = {
                let mut received = lock(&self.received);
                *received = received.saturating_add(bytes.len() as u64);
                *received
            };
            match self.length {
                Some(length) if received > length => {
                    let name = self.name;
                    self.refuse(format!(
                        "{name} is longer than the {length} bytes that were announced"
                    ))
                    .await
                }
                _ if bytes.is_empty() => Ok(()),
                _ => {
                    // Two places, of which the end keeps one: it need not wait for the last bytes to be read.
                    let places = self.items.reserve_many(2).await;
                    let mut places = places.map_err(|_| self.unwanted())?;
                    if let Some(place) = places.next() {
                        place.send(Item::Bytes(bytes));
                    }
                    Ok(())
                }
            }
        })
    }

    fn end(self: Arc<Self>) -> BoxFuture<Result<()>> {
        Box::pin(async move {
            let received = *lock(&self.received);
            match self.length {
                Some(length) if received < length => {
                    let name = self.name;
                    self.refuse(format!(
                        "{name} ended after {received} of the {length} bytes that were announced"
                    ))
                    .await
                }
                _ => self.give(Item::End).await,
            }
        })
    }
}

/// Another way to a target, for so many bytes. Dropped before its end or limit it leaves the target lent: bytes are missing.
struct Substream {
    target: Arc<dyn Target>,
    is_lent: Arc<AtomicBool>,
    callback: substream_callback::Client,
    limit: u64,
    state: Mutex<SubstreamState>,
}

struct SubstreamState {
    room: u64,
    /// Where all goes once the limit was reached.
    next: Option<byte_stream::Client>,
}

impl Substream {
    fn next(&self) -> Option<byte_stream::Client> {
        lock(&self.state).next.clone()
    }
}

impl Target for Substream {
    fn write(self: Arc<Self>, mut bytes: Bytes) -> BoxFuture<Result<()>> {
        Box::pin(async move {
            if let Some(next) = self.next() {
                return pass_on(&next, &bytes).await;
            }
            let length = bytes.len() as u64;
            let room = lock(&self.state).room;
            if length < room {
                lock(&self.state).room -= length;
                return Arc::clone(&self.target).write(bytes).await;
            }
            // No more than the bytes there are, so it is a usize.
            let rest = bytes.split_off(usize::try_from(room).unwrap_or(bytes.len()));
            Arc::clone(&self.target).write(bytes).await?;
            let reached = self.callback.reached_limit_request().send();
            let next = reached.pipeline.get_next();
            {
                let mut state = lock(&self.state);
                state.room = 0;
                state.next = Some(next.clone());
            }
            self.is_lent.store(false, Ordering::SeqCst);
            if !rest.is_empty() {
                pass_on(&next, &rest).await?;
            }
            reached.promise.await.map(drop)
        })
    }

    fn end(self: Arc<Self>) -> BoxFuture<Result<()>> {
        Box::pin(async move {
            if let Some(next) = self.next() {
                return next.end_request().send().promise.await.map(drop);
            }
            let mut ended = self.callback.ended_request();
            ended
                .get()
                .set_byte_count(self.limit - lock(&self.state).room);
            self.is_lent.store(false, Ordering::SeqCst);
            ended.send().promise.await.map(drop)
        })
    }
}

async fn pass_on(to: &byte_stream::Client, bytes: &[u8]) -> Result<()> {
    let mut request = to.write_request();
    request.get().set_bytes(bytes);
    request.send().await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

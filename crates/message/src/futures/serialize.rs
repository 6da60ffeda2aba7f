//! Framed messages, as in [`crate::serialize`], over asynchronous streams.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::vec::Vec;

use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};

use crate::message::{Allocator, Builder, Reader, ReaderOptions};
use crate::serialize::{Assembler, OwnedSegments, checked_segments, truncated, write_table};
use crate::{Result, WORD_BYTES};

/// Reads one message, and no byte behind it.
///
/// # Errors
/// When the stream fails or ends before the message does, or the message exceeds the limits.
pub async fn read_message(
    read: impl AsyncRead + Unpin,
    options: ReaderOptions,
) -> Result<Reader<OwnedSegments>> {
    match try_read_message(read, options).await? {
        Some(message) => Ok(message),
        None => Err(truncated(0, WORD_BYTES)),
    }
}

/// Reads one message, and no byte behind it; `None` when the stream ends before it begins.
///
/// What was read is lost with the future if that is dropped; [`MessageStream`] keeps it.
///
/// # Errors
/// When the stream fails or ends inside the message, or the message exceeds the limits.
pub async fn try_read_message(
    read: impl AsyncRead + Unpin,
    options: ReaderOptions,
) -> Result<Option<Reader<OwnedSegments>>> {
    MessageStream::new(read, options).next_message().await
}

/// Writes one message.
///
/// # Errors
/// When the stream fails, or building the message had failed ([`Builder::error`]).
pub async fn write_message<A: Allocator>(
    mut write: impl AsyncWrite + Unpin,
    message: &Builder<A>,
) -> Result<()> {
    let segments = checked_segments(message)?;
    let mut table = Vec::new();
    write_table(&segments, &mut table);
    super::write_all(&mut write, &table).await?;
    for segment in segments {
        super::write_all(&mut write, segment).await?;
    }
    Ok(super::flush(&mut write).await?)
}

/// The messages that come one after the other from a stream of bytes. Over a
/// [`PackedRead`](super::serialize_packed::PackedRead), they are packed ones.
///
/// It reads a message's header and content one by one, so a stream of many small messages is best
/// given a buffer (`PackedRead` has one).
#[derive(Debug)]
pub struct MessageStream<R> {
    read: R,
    options: ReaderOptions,
    assembler: Assembler,
    over: bool,
}

impl<R: AsyncRead + Unpin> MessageStream<R> {
    /// The messages that `read` carries, each within the limits.
    pub fn new(read: R, options: ReaderOptions) -> Self {
        Self {
            read,
            options,
            assembler: Assembler::new(options),
            over: false,
        }
    }

    /// The next message, or `None` when the stream has ended behind the last. The future can be
    /// dropped and another made: nothing is lost.
    ///
    /// # Errors
    /// When the stream fails or ends inside a message, or a message exceeds the limits. After that
    /// there are no more.
    pub async fn next_message(&mut self) -> Result<Option<Reader<OwnedSegments>>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The stream of bytes. A message may have begun in it.
    pub fn into_inner(self) -> R {
        self.read
    }

    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Reader<OwnedSegments>>>> {
        if self.over {
            return Poll::Ready(Ok(None));
        }
        let result = ready!(self.poll_frame(cx));
        self.over = !matches!(result, Ok(Some(_)));
        Poll::Ready(result)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Reader<OwnedSegments>>>> {
        while !self.assembler.is_whole() {
            match ready!(super::poll_read(&mut self.read, cx, self.assembler.room()))? {
                0 if !self.assembler.has_begun() => return Poll::Ready(Ok(None)),
                0 => return Poll::Ready(Err(self.assembler.truncated())),
                bytes => self.assembler.advance(bytes)?,
            }
        }
        let next = Assembler::new(self.options);
        let whole = core::mem::replace(&mut self.assembler, next);
        Poll::Ready(whole.into_message().map(Some))
    }
}

impl<R: AsyncRead + Unpin> Stream for MessageStream<R> {
    type Item = Result<Reader<OwnedSegments>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_message(cx).map(Result::transpose)
    }
}

//! Packed messages, as in [`crate::serialize_packed`], over asynchronous streams; and the streams
//! [`PackedRead`] and [`PackedWrite`], which carry packed whatever is read and written plain.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::io;
use std::vec;

use futures_io::{AsyncRead, AsyncWrite};

use crate::Result;
use crate::message::{Allocator, Builder, Reader, ReaderOptions};
use crate::packed::{Packer, Unpacker};
use crate::serialize::OwnedSegments;
use crate::serialize_packed::{LoneMessage, PackedPieces, nothing_there};

/// Reads one message, and no byte behind it.
///
/// # Errors
/// When the stream fails or ends before the message does, or the message exceeds the limits.
pub async fn read_message(
    read: impl AsyncRead + Unpin,
    options: ReaderOptions,
) -> Result<Reader<OwnedSegments>> {
    try_read_message(read, options)
        .await?
        .ok_or_else(nothing_there)
}

/// Reads one message, and no byte behind it; `None` when the stream ends before it begins.
///
/// To read no byte too many it has to ask for few at a time. Where many messages come, read a
/// [`MessageStream`](super::serialize::MessageStream) from a [`PackedRead`].
///
/// # Errors
/// When the stream fails or ends inside the message, or the message exceeds the limits.
pub async fn try_read_message(
    mut read: impl AsyncRead + Unpin,
    options: ReaderOptions,
) -> Result<Option<Reader<OwnedSegments>>> {
    let mut lone = LoneMessage::new(options);
    let mut buffer = vec![0; SMALL_BUFFER_BYTES];
    while !lone.is_whole() {
        let wanted = lone.missing_bytes().min(SMALL_BUFFER_BYTES);
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        match poll_fn(|cx| super::poll_read(&mut read, cx, room)).await? {
            0 => return lone.end_of_stream(),
            bytes => lone.take_in_all(buffer.get(..bytes).unwrap_or_default())?,
        }
    }
    lone.into_message().map(Some)
}

/// Writes one message.
///
/// # Errors
/// When the stream fails, or building the message had failed ([`Builder::error`]).
pub async fn write_message<A: Allocator>(
    mut write: impl AsyncWrite + Unpin,
    message: &Builder<A>,
) -> Result<()> {
    let mut pieces = PackedPieces::new(message)?;
    while let Some(piece) = pieces.next_piece() {
        super::write_all(&mut write, piece).await?;
    }
    Ok(super::flush(&mut write).await?)
}

/// Reads packed bytes from `R` and gives out what they unpack to. It has a buffer and may read
/// more from `R` than it has given out.
///
/// A stream that ends inside a word or a run gives an error of kind `UnexpectedEof`.
#[derive(Debug)]
pub struct PackedRead<R> {
    inner: R,
    unpacker: Unpacker,
    /// What was read and not unpacked yet is `buffer[from..to]`.
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
}

impl<R: AsyncRead + Unpin> PackedRead<R> {
    /// At the start of a packed stream.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            unpacker: Unpacker::new(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            from: 0,
            to: 0,
        }
    }

    /// The stream of packed bytes.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The stream of packed bytes, without what the buffer still held.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for PackedRead<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if room.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let packed = this.buffer.get(this.from..this.to).unwrap_or_default();
            let progress = this.unpacker.unpack(packed, room);
            this.from += progress.read_bytes;
            if progress.written_bytes > 0 {
                return Poll::Ready(Ok(progress.written_bytes));
            }
            this.to = ready!(super::poll_read(&mut this.inner, cx, &mut this.buffer))?;
            this.from = 0;
            if this.to == 0 {
                return Poll::Ready(match this.unpacker.finish() {
                    Ok(()) => Ok(0),
                    Err(error) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, error)),
                });
            }
        }
    }
}

/// Packs what is written and writes that to `W`.
///
/// Runs end where a piece that is written ends, so that all of a message has left after a flush,
/// and no run crosses from one of its segments to the next if it is written segment by segment.
/// Tiny pieces therefore pack worse than large ones. Only whole words can leave: a flush in the
/// middle of a word holds its start back, and closing there is an error of kind `InvalidInput`.
#[derive(Debug)]
pub struct PackedWrite<W> {
    inner: W,
    packer: Packer,
    /// All of a piece was taken, but its end is still in the packer.
    ending: bool,
    /// What was packed and not written yet is `buffer[from..to]`.
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
}

impl<W: AsyncWrite + Unpin> PackedWrite<W> {
    /// At the start of a packed stream.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            packer: Packer::new(),
            ending: false,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            from: 0,
            to: 0,
        }
    }

    /// The stream of packed bytes.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The stream of packed bytes, without what was not flushed.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// Ends the runs of the piece before. Ready when the packer holds nothing but a part of a word.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ending {
            let flush = self
                .packer
                .flush(self.buffer.get_mut(self.to..).unwrap_or_default());
            self.to += flush.written_bytes;
            self.ending = !flush.done;
            if self.ending {
                ready!(self.poll_drain(cx))?;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the buffer is empty.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.from < self.to {
            let packed = self.buffer.get(self.from..self.to).unwrap_or_default();
            self.from += ready!(super::poll_write(&mut self.inner, cx, packed))?;
        }
        (self.from, self.to) = (0, 0);
        Poll::Ready(Ok(()))
    }

    fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_end(cx))?;
        self.poll_drain(cx)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for PackedWrite<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(this.poll_end(cx))?;
        loop {
            let room = this.buffer.get_mut(this.to..).unwrap_or_default();
            let progress = this.packer.pack(bytes, room);
            this.to += progress.written_bytes;
            if progress.read_bytes > 0 {
                this.ending = progress.read_bytes == bytes.len();
                return Poll::Ready(Ok(progress.read_bytes));
            }
            ready!(this.poll_drain(cx))?;
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_empty(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_empty(cx))?;
        if let Err(error) = this.packer.finish(&mut []) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidInput, error)));
        }
        Pin::new(&mut this.inner).poll_close(cx)
    }
}

const BUFFER_BYTES: usize = 16 * 1024;

/// For a message alone, which is read in small steps anyway.
const SMALL_BUFFER_BYTES: usize = 512;

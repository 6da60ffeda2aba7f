//! Cap'n Proto RPC over TCP: messages with their segment tables, back to back. This is what other
//! implementations call a two-party network. With [`Options::packed`] it is packed.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use capstan_message::WORD_BYTES;
use capstan_message::message::ReaderOptions;
use capstan_message::serialize_packed::{PackedFrameDecoder, pack_frame};
use capstan_rpc::framing::{MAX_SEGMENTS, message_bytes};
use capstan_rpc::{ConnectOptions, FromClient};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::connection::Network;
use crate::driver::{self, CloseCode, Company, Goodbye, Link, LinkError};
use crate::listen::accept;
use crate::observe::{Meter, connection_span, observer};
use crate::outbox::Outbox;
use crate::shutdown::Shutdown;
use crate::{Connection, Error, Options};

/// Connects to `address`, such as `127.0.0.1:4000` or `example.com:4000`.
pub async fn connect(address: &str, options: Options) -> Result<Connection, Error> {
    let connecting = TcpStream::connect(address);
    let stream = match tokio::time::timeout(options.handshake_timeout, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(cause)) => return Err(Error::unreachable(address, &cause)),
        Err(_) => return Err(Error::timeout(address, options.handshake_timeout)),
    };
    crate::runtime::prepare(&stream).map_err(|cause| Error::unreachable(address, &cause))?;
    let connection = attach(stream, address, options.clone());
    Ok(connection.of(Network::Tcp, address, &options))
}

/// A connection over any stream of bytes, such as a Unix socket or a TLS session. `peer` names the
/// other side in errors.
pub fn attach<S>(stream: S, peer: &str, options: Options) -> Connection
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handle = options
        .runtime()
        .connect(options.connect(options.bootstrap.clone()));
    let link = StreamLink::new(stream, &options);
    let driver = tokio::spawn(driver::run(handle.clone(), link, peer.to_string()));
    Connection::new(handle, driver)
}

/// Serves every connection that the listener accepts, each with the bootstrap object that
/// `bootstrap` makes for it, until this future is dropped.
pub async fn serve<C, F>(listener: TcpListener, options: Options, bootstrap: F) -> Result<(), Error>
where
    C: FromClient,
    F: FnMut(SocketAddr) -> C,
{
    serve_until(listener, options, bootstrap, std::future::pending()).await?;
    Ok(())
}

/// Like [`serve`], until `shutdown` is ready. Then no more connections are accepted, and those that are there end
/// when they are idle, as [`Endpoint::drain`](crate::websocket::Endpoint::drain) describes it, after
/// [`Options::drain_timeout`] at the latest. Gives how many were cut off.
///
/// # Errors
/// When the listener fails.
pub async fn serve_until<C, F>(
    listener: TcpListener,
    options: Options,
    mut bootstrap: F,
    shutdown: impl Future<Output = ()>,
) -> Result<usize, Error>
where
    C: FromClient,
    F: FnMut(SocketAddr) -> C,
{
    let options = Options {
        runtime: Some(options.runtime()),
        ..options
    };
    let server = Shutdown::new();
    let mut shutdown = pin!(shutdown);
    // Dropping the set ends all connections.
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => {
                accepted.map_err(|cause| Error::listen(&cause))?
            }
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let bootstrap = bootstrap(peer).into_client();
        let peer = peer.to_string();
        let span = connection_span(&peer, "");
        let handle = options.runtime().connect(ConnectOptions {
            observer: Some(observer(&options, &span)),
            ..options.connect(Some(bootstrap))
        });
        if let Some(dedicated) = &options.dedicated {
            dedicated.offer(&handle);
        }
        let company = Company {
            server: server.subscribe(),
            meter: Meter::new(&options, &handle),
        };
        let link = StreamLink::new(stream, &options);
        connections.spawn(driver::run_for(handle, link, peer, company).instrument(span));
    }
    drop(listener);
    Ok(server.drain(options.drain_timeout).await)
}

/// Messages back to back on a stream of bytes.
pub(crate) struct StreamLink<S> {
    stream: S,
    max_message_bytes: usize,
    /// What was read and not used yet is `buffer[used..filled]`.
    buffer: Box<[u8]>,
    used: usize,
    filled: usize,
    /// A message that did not fit the buffer, read into its own allocation, and its full length.
    partial: Option<(Vec<u8>, usize)>,
    /// Where messages begin and end cannot be seen in packed bytes before they are unpacked.
    unpacking: Option<PackedFrameDecoder>,
    outgoing: Outbox,
}

impl<S> StreamLink<S> {
    pub(crate) fn new(stream: S, options: &Options) -> Self {
        let limits = ReaderOptions {
            traversal_limit_in_words: Some(options.max_message_bytes / WORD_BYTES),
            segment_limit: MAX_SEGMENTS as u32,
            ..ReaderOptions::new()
        };
        Self {
            stream,
            max_message_bytes: options.max_message_bytes,
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            used: 0,
            filled: 0,
            partial: None,
            unpacking: options.packed.then(|| PackedFrameDecoder::new(limits)),
            outgoing: Outbox::default(),
        }
    }

    /// The next message that is complete in the buffer. A longer one becomes `partial`.
    fn take_buffered(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        let unused = self.buffer.get(self.used..self.filled).unwrap_or_default();
        if let Some(decoder) = &mut self.unpacking {
            let (used, frame) = decoder.decode(unused).map_err(violation)?;
            self.used += used;
            return Ok(frame);
        }
        let length = match message_bytes(unused, self.max_message_bytes).map_err(violation)? {
            Some(length) => length,
            None => return Ok(None),
        };
        if let Some(frame) = unused.get(..length) {
            self.used += length;
            return Ok(Some(frame.to_vec()));
        }
        let frame = Vec::with_capacity(length.min(reserved_for(unused.len())));
        self.partial = Some((frame, length));
        Ok(None)
    }

    /// Whether the stream may end here.
    fn is_between_messages(&self) -> bool {
        self.partial.is_none()
            && self.used == self.filled
            && self
                .unpacking
                .as_ref()
                .is_none_or(PackedFrameDecoder::is_between_messages)
    }

    /// Moves what the buffer has of a long message to where the rest of it is.
    fn continue_partial(&mut self) {
        if let Some((frame, length)) = &mut self.partial {
            let unused = self.buffer.get(self.used..self.filled).unwrap_or_default();
            let next = unused.get(..*length - frame.len()).unwrap_or(unused);
            frame.extend_from_slice(next);
            self.used += next.len();
        }
    }
}

impl<S: AsyncRead + Unpin> StreamLink<S> {
    /// Reads into the buffer behind what is still unused there; 0 bytes are the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.copy_within(self.used..self.filled, 0);
        self.filled -= self.used;
        self.used = 0;
        let mut room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let bytes = ready!(pin!(self.stream.read_buf(&mut room)).poll(cx))?;
        self.filled += bytes;
        Poll::Ready(Ok(bytes))
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Link for StreamLink<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Vec<u8>>, LinkError>> {
        loop {
            self.continue_partial();
            match &mut self.partial {
                Some((frame, length)) => {
                    let missing = *length - frame.len();
                    if missing == 0 {
                        return Poll::Ready(Ok(self.partial.take().map(|(frame, _)| frame)));
                    }
                    if missing > SMALL_READ_BYTES {
                        if frame.capacity() == frame.len() {
                            frame.reserve_exact(missing.min(reserved_for(frame.len())));
                        }
                        let mut room = frame.limit(missing);
                        if ready!(pin!(self.stream.read_buf(&mut room)).poll(cx))
                            .map_err(LinkError::Io)?
                            == 0
                        {
                            return Poll::Ready(Err(LinkError::Closed(CUT_OFF.to_string())));
                        }
                        continue;
                    }
                }
                None => {
                    if let Some(frame) = self.take_buffered()? {
                        return Poll::Ready(Ok(Some(frame)));
                    }
                    if self.partial.is_some() {
                        continue;
                    }
                }
            }
            if ready!(self.poll_fill(cx)).map_err(LinkError::Io)? == 0 {
                return Poll::Ready(if self.is_between_messages() {
                    Ok(None)
                } else {
                    Err(LinkError::Closed(CUT_OFF.to_string()))
                });
            }
        }
    }

    fn accept(&mut self, frames: &mut Vec<Vec<u8>>) -> Result<(), LinkError> {
        for mut frame in frames.drain(..) {
            if self.unpacking.is_some() {
                let mut packed = Vec::new();
                pack_frame(&frame, OWN_LIMITS, &mut packed).map_err(|error| {
                    LinkError::Io(io::Error::new(io::ErrorKind::InvalidData, error))
                })?;
                frame = packed;
            }
            self.outgoing.push(frame);
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        ready!(self.outgoing.poll_write(&mut self.stream, cx)).map_err(LinkError::Io)?;
        Pin::new(&mut self.stream)
            .poll_flush(cx)
            .map_err(LinkError::Io)
    }

    fn backlog_bytes(&self) -> usize {
        self.outgoing.bytes()
    }

    async fn finish(mut self, goodbye: Option<Goodbye>) {
        if goodbye.is_some() && poll_fn(|cx| self.poll_flush(cx)).await.is_err() {
            return;
        }
        if self.stream.shutdown().await.is_err() {
            return;
        }
        // Closing with unread bytes would reset the connection, and the peer might lose our last words.
        while let Ok(1..) = self.stream.read(&mut self.buffer).await {}
    }
}

fn violation(error: impl fmt::Display) -> LinkError {
    LinkError::Violation(Goodbye {
        code: CloseCode::Invalid,
        text: error.to_string(),
    })
}

/// What this side sends is for the peer to limit.
const OWN_LIMITS: ReaderOptions = ReaderOptions {
    traversal_limit_in_words: None,
    nesting_limit: i32::MAX,
    segment_limit: u32::MAX,
};

/// Small messages share a read of this many bytes; larger ones are read into their own allocation.
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// What is missing of a long message is read into its own allocation if it is more than this;
/// if less, more than just that may be there to be read.
const SMALL_READ_BYTES: usize = 32 * 1024;

/// How much is reserved for more of a message of which so much is here. Its length is only a claim: memory follows as
/// bytes do, in few steps, since what has come is copied in each.
fn reserved_for(bytes: usize) -> usize {
    bytes.saturating_mul(16).max(256 * 1024)
}

const CUT_OFF: &str = "closed the connection in the middle of a message";

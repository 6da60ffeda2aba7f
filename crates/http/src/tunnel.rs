//! Tunnels of CONNECT.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::{Buf, Bytes};
use capstan_rpc::{BoxFuture, Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

use crate::arrival::Arrival;
use crate::byte_stream_capnp::byte_stream;
use crate::exchange::Guard;

/// Both directions of a CONNECT, each of which ends by itself. Reading fails when the tunnel is cut before the other side has ended its
/// direction; dropping it cuts it.
pub struct Tunnel {
    arrival: Arrival,
    unread: Bytes,
    out: byte_stream::Client,
    sending: Option<BoxFuture<Result<()>>>,
    is_ended: bool,
    _guard: Option<Guard>,
    /// Tells a served request that its tunnel is still there.
    _alive: Option<mpsc::Sender<()>>,
}

/// What one call carries.
const CHUNK_BYTES: usize = 64 * 1024;

impl Tunnel {
    pub(crate) fn new(
        arrival: Arrival,
        out: byte_stream::Client,
        guard: Option<Guard>,
        alive: Option<mpsc::Sender<()>>,
    ) -> Self {
        Self {
            arrival,
            unread: Bytes::new(),
            out,
            sending: None,
            is_ended: false,
            _guard: guard,
            _alive: alive,
        }
    }

    /// Asks the far end to go on in TLS with the host of this name, behind what was written so far.
    pub async fn start_tls(&mut self, expected_server_hostname: &str) -> Result<()> {
        if let Some(sending) = self.sending.take() {
            sending.await?;
        }
        let mut request = self.out.start_tls_request();
        request
            .get()
            .set_expected_server_hostname(expected_server_hostname);
        request.send().await
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(sending) = &mut self.sending {
            let sent = ready!(sending.as_mut().poll(cx));
            self.sending = None;
            sent.map_err(to_io)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            match ready!(self.arrival.poll_next(cx)) {
                Some(Ok(bytes)) => self.unread = bytes,
                Some(Err(error)) => return Poll::Ready(Err(to_io(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(self.unread.get(..count).unwrap_or_default());
        self.unread.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_sent(cx))?;
        let bytes = bytes.get(..CHUNK_BYTES).unwrap_or(bytes);
        let mut request = self.out.write_request();
        request.get().set_bytes(bytes);
        self.sending = Some(Box::pin(request.send()));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sent(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        if !self.is_ended {
            self.is_ended = true;
            let promise = self.out.end_request().send().promise;
            self.sending = Some(Box::pin(async { promise.await.map(drop) }));
        }
        self.poll_sent(cx)
    }
}

fn to_io(error: Error) -> io::Error {
    let kind = match error.kind {
        ErrorKind::Disconnected => io::ErrorKind::ConnectionReset,
        ErrorKind::Unimplemented => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

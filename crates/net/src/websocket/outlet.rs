//! The lower side of a WebSocket, where messages go past it.
//!
//! The WebSocket library copies what it sends into a buffer of its own, and does not tell how much of that
//! the socket has not taken yet. So it reads, shakes hands and writes control frames; messages are framed here, where they
//! lie, and counted.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::outbox::Outbox;

/// A socket, and the messages that wait to be written to it.
#[derive(Debug)]
pub(crate) struct Outlet<S> {
    stream: S,
    outbox: Outbox,
    /// A server masks nothing.
    masks: Option<Masks>,
}

impl<S> Outlet<S> {
    pub(crate) fn new(stream: S, role: Role) -> Self {
        Self {
            stream,
            outbox: Outbox::default(),
            masks: (role == Role::Client).then(Masks::default),
        }
    }

    /// Queues a binary message, to leave with the next flush.
    pub(crate) fn push(&mut self, mut message: Vec<u8>) {
        let mask = self.masks.as_mut().map(Masks::next);
        let mut header = [0; MAX_HEADER_BYTES];
        let length = write_header(&mut header, message.len(), mask);
        self.outbox.copy(header.get(..length).unwrap_or_default());
        if let Some(mask) = mask {
            apply(mask, &mut message);
        }
        self.outbox.push(message);
    }

    /// What was queued and is not with the operating system.
    pub(crate) fn backlog_bytes(&self) -> usize {
        self.outbox.bytes()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Outlet<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Outlet<S> {
    /// Takes the library's frames between messages, each as a whole.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.outbox.poll_write(&mut this.stream, cx))?;
        this.outbox.copy(bytes);
        // What does not leave now does with a flush.
        match this.outbox.poll_write(&mut this.stream, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.outbox.poll_write(&mut this.stream, cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.outbox.poll_write(&mut this.stream, cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

/// The header of a final binary frame (RFC 6455, section 5.2), and how long it is.
fn write_header(
    header: &mut [u8; MAX_HEADER_BYTES],
    length: usize,
    mask: Option<[u8; 4]>,
) -> usize {
    const FINAL_BINARY: u8 = 0x82;
    const MASKED: u8 = 0x80;
    let wide = (length as u64).to_be_bytes();
    let (code, extended) = match length {
        0..=125 => (length as u8, &[][..]),
        126..=0xffff => (126, wide.get(6..).unwrap_or_default()),
        _ => (127, &wide[..]),
    };
    let masked = if mask.is_some() { MASKED } else { 0 };
    let parts = [
        &[FINAL_BINARY, code | masked][..],
        extended,
        mask.as_ref().map_or(&[][..], |mask| &mask[..]),
    ];
    let mut room = header.iter_mut();
    for (to, from) in room.by_ref().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    parts.iter().map(|part| part.len()).sum()
}

fn apply(mask: [u8; 4], bytes: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = [a, b, c, d, a, b, c, d];
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        for (byte, mask) in chunk.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(wide) {
        *byte ^= mask;
    }
}

/// Masks that nobody foresees, as a client's frames need: a keyed hash of their number.
#[derive(Debug, Default)]
struct Masks {
    key: RandomState,
    count: u64,
}

impl Masks {
    fn next(&mut self) -> [u8; 4] {
        self.count += 1;
        let [a, b, c, d, ..] = self.key.hash_one(self.count).to_le_bytes();
        [a, b, c, d]
    }
}

const MAX_HEADER_BYTES: usize = 14;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;

    /// The library reads what is framed here, control frames of its own in between.
    #[tokio::test]
    async fn messages_of_all_lengths_are_understood() {
        for role in [Role::Client, Role::Server] {
            let (near, far) = tokio::io::duplex(1000);
            let other = match role {
                Role::Client => Role::Server,
                Role::Server => Role::Client,
            };
            let outlet = Outlet::new(near, role);
            let mut near = WebSocketStream::from_raw_socket(outlet, role, None).await;
            let mut far = WebSocketStream::from_raw_socket(far, other, None).await;
            let lengths = [
                0, 1, 8, 125, 126, 511, 512, 4099, 65_535, 65_536, 200_003, 3,
            ];
            let message = |length: usize| (0..length).map(|at| at as u8).collect::<Vec<_>>();
            let sending = tokio::spawn(async move {
                for length in lengths {
                    near.get_mut().push(message(length));
                    assert!(near.get_ref().backlog_bytes() > length);
                    near.send(Message::Ping(bytes::Bytes::from_static(b"there?")))
                        .await
                        .unwrap();
                    assert_eq!(near.get_ref().backlog_bytes(), 0);
                }
                near
            });
            for length in lengths {
                let received = far.next().await.unwrap().unwrap();
                assert!(
                    received == Message::binary(message(length)),
                    "{length} bytes"
                );
                let received = far.next().await.unwrap().unwrap();
                assert!(matches!(received, Message::Ping(_)), "{received}");
            }
            drop(sending.await.unwrap());
        }
    }

    #[test]
    fn no_two_masks_are_alike() {
        let mut masks = Masks::default();
        let some: std::collections::HashSet<_> = (0..100).map(|_| masks.next()).collect();
        assert!(some.len() > 98);
    }
}

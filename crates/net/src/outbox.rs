//! What waits to be written to a socket, and how much that is.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// Bytes on their way into a socket, as many with one system call as the socket takes.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Vec<u8>>,
    /// How much of the first piece was sent.
    sent: usize,
    bytes: usize,
    /// Whether the last piece is made of copies, and may grow by more of them.
    collects: bool,
}

impl Outbox {
    /// Queues a piece as it is.
    pub(crate) fn push(&mut self, piece: Vec<u8>) {
        if piece.len() < SMALL_BYTES {
            return self.copy(&piece);
        }
        self.bytes += piece.len();
        self.pieces.push_back(piece);
        self.collects = false;
    }

    /// Queues a copy, together with its neighbours.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes += bytes.len();
        match self.pieces.back_mut().filter(|_| self.collects) {
            Some(last) => last.extend_from_slice(bytes),
            None => {
                self.pieces.push_back(bytes.to_vec());
                self.collects = true;
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ready when nothing is left.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.bytes > 0 {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            let mut skip = self.sent;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece.get(skip..).unwrap_or_default());
                skip = 0;
                count += 1;
            }
            let slices = slices.get(..count).unwrap_or_default();
            match ready!(Pin::new(&mut *stream).poll_write_vectored(cx, slices))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => self.skip(bytes),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn skip(&mut self, mut bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        while let Some(first) = self.pieces.front() {
            let left = first.len() - self.sent;
            if bytes < left {
                self.sent += bytes;
                return;
            }
            bytes -= left;
            self.sent = 0;
            self.pieces.pop_front();
        }
        self.collects = false;
    }
}

/// Below it, a copy costs less than a slice of its own in the system call.
const SMALL_BYTES: usize = 512;

/// How many pieces leave with one system call at most.
const MAX_SLICES: usize = 64;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn everything_leaves_in_order_through_a_narrow_socket() {
        let (mut near, mut far) = tokio::io::duplex(100);
        let mut outbox = Outbox::default();
        let mut expected = Vec::new();
        for (at, length) in [3, 700, 5, 5, 512, 511, 0, 4000].into_iter().enumerate() {
            let piece = vec![at as u8; length];
            expected.extend_from_slice(&piece);
            outbox.push(piece);
            expected.extend_from_slice(&[77; 2]);
            outbox.copy(&[77; 2]);
            assert_eq!(outbox.bytes(), expected.len());
        }
        let late = [99; 600];
        let sending = async {
            let mut poked = false;
            poll_fn(|cx| {
                let polled = outbox.poll_write(&mut near, cx);
                // While a piece is half gone.
                if !std::mem::replace(&mut poked, true) {
                    outbox.copy(&[88; 3]);
                    outbox.push(late.to_vec());
                }
                polled
            })
            .await
            .unwrap();
            assert_eq!(outbox.bytes(), 0);
            drop(near);
        };
        let mut received = Vec::new();
        let (_, read) = tokio::join!(sending, far.read_to_end(&mut received));
        read.unwrap();
        expected.extend_from_slice(&[88; 3]);
        expected.extend_from_slice(&late);
        assert_eq!(received, expected);
    }
}

//! What servers accept connections from.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::runtime::prepare;

/// A socket that servers listen on: a [`TcpListener`] or, with the feature `tls`, a `tls::Listener`.
pub trait Listen: sealed::Listen {}

impl<L: sealed::Listen> Listen for L {}

pub(crate) mod sealed {
    use super::{AsyncRead, AsyncWrite, SocketAddr, io};

    pub trait Listen: Send {
        type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

        /// The next connection. An error ends the listening.
        fn next(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
    }
}

impl sealed::Listen for TcpListener {
    type Stream = TcpStream;

    async fn next(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        accept(self).await
    }
}

#[cfg(feature = "tls")]
impl sealed::Listen for crate::tls::Listener {
    type Stream = crate::tls::Stream;

    async fn next(&mut self) -> io::Result<(crate::tls::Stream, SocketAddr)> {
        self.accept().await
    }
}

/// The next connection, ready for small writes: what all servers of this crate accept by, for those that call
/// [`tcp::attach`](crate::tcp::attach) or speak something else.
///
/// What concerns a single connection does not end the listening, nor does what passes. Where file descriptors or memory
/// run out, clients wait until there are some again; the log says so, once a minute at most.
///
/// # Errors
/// When the listener itself fails, for good.
pub async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match prepare(&stream) {
                Ok(()) => return Ok((stream, peer)),
                Err(error) => tracing::debug!(%peer, %error, "connection was gone before it began"),
            },
            Err(error) if concerns_one_connection(&error) => {
                tracing::debug!(%error, "connection was not accepted")
            }
            Err(error) if is_exhaustion(&error) => {
                if EXHAUSTION.is_news(Instant::now()) {
                    tracing::warn!(
                        %error,
                        "no connections can be accepted until others end; the limit may be too low (ulimit -n)"
                    );
                }
                tokio::time::sleep(EXHAUSTION_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Out of file descriptors or memory: `ENFILE`, `EMFILE`, `ENOBUFS`, `ENOMEM`.
fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24 | 105 | 12))
}

/// When the process last said that something has run out. Its listeners share what they lack, and so the news of it.
struct LastSaid(Mutex<Option<Instant>>);

impl LastSaid {
    fn is_news(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = last.is_none_or(|last| now.duration_since(last) >= QUIET);
        if is_news {
            *last = Some(now);
        }
        is_news
    }
}

static EXHAUSTION: LastSaid = LastSaid(Mutex::new(None));

const QUIET: Duration = Duration::from_secs(60);

const EXHAUSTION_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_said_once_a_minute() {
        let said = LastSaid(Mutex::new(None));
        let start = Instant::now();
        let at = |seconds| said.is_news(start + Duration::from_secs(seconds));
        assert_eq!(
            [0, 0, 1, 59, 60, 61, 119, 120].map(at),
            [true, false, false, false, true, false, false, true]
        );
    }
}

//! What servers accept connections from.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

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
        crate::runtime::accept(self).await
    }
}

#[cfg(feature = "tls")]
impl sealed::Listen for crate::tls::Listener {
    type Stream = crate::tls::Stream;

    async fn next(&mut self) -> io::Result<(crate::tls::Stream, SocketAddr)> {
        self.accept().await
    }
}

//! Why a connection could not be made.

use std::fmt;
use std::io;

/// Why a connection could not be made or a server not be started. The text says with whom, and
/// what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    text: String,
}

/// Why there is no connection, or none any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The address makes no sense, or asks for something this build lacks.
    Address,
    /// Nobody answered at the address.
    Unreachable,
    /// It took longer than [`Options::handshake_timeout`](crate::Options::handshake_timeout).
    Timeout,
    /// Somebody answered, but not as an RPC server.
    Handshake,
    /// Certificates or keys are unusable.
    Tls,
    /// The listening socket failed.
    Listen,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    pub(crate) fn unreachable(address: &str, cause: &io::Error) -> Self {
        Self::new(
            ErrorKind::Unreachable,
            format!("cannot connect to {address}: {}", explain(cause)),
        )
    }

    pub(crate) fn timeout(address: &str, limit: std::time::Duration) -> Self {
        Self::new(
            ErrorKind::Timeout,
            format!("cannot connect to {address}: no answer within {limit:?}"),
        )
    }

    pub(crate) fn listen(cause: &io::Error) -> Self {
        Self::new(
            ErrorKind::Listen,
            format!("cannot accept connections: {}", explain(cause)),
        )
    }

    /// Which sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<Error> for capstan_rpc::Error {
    fn from(error: Error) -> Self {
        Self::disconnected(error.text)
    }
}

/// The cause in plain words, with what to look at where that is clear.
pub(crate) fn explain(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            "connection refused; is the server running?".to_string()
        }
        io::ErrorKind::ConnectionReset => "the peer reset the connection".to_string(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            "the peer closed the connection".to_string()
        }
        io::ErrorKind::UnexpectedEof => {
            "the peer closed the connection without saying so".to_string()
        }
        io::ErrorKind::TimedOut => "the peer does not answer".to_string(),
        io::ErrorKind::AddrNotAvailable => {
            "the address is not available on this machine".to_string()
        }
        _ => cause.to_string(),
    }
}

//! The server behind a gateway.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Where the server behind a gateway listens. In text, `host:port` or `unix:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// `host:port`; the name is looked up for each connection.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("unix: lacks the path of the socket".to_string()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) => {
                Ok(Self::Tcp(text.to_string()))
            }
            _ => Err(format!(
                "{text:?} is no address of a server: give host:port, such as 127.0.0.1:4000, or unix:path"
            )),
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}

impl Upstream {
    pub(super) async fn connect(&self) -> io::Result<Box<dyn Bytes>> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                crate::runtime::prepare(&stream)?;
                Ok(Box::new(stream))
            }
            #[cfg(unix)]
            Self::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
            #[cfg(not(unix))]
            Self::Unix(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system has no Unix sockets",
            )),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for text in ["localhost:4000", "[::1]:4000", "unix:/run/calculator"] {
            assert_eq!(text.parse::<Upstream>().unwrap().to_string(), text);
        }
        for text in [
            "localhost",
            ":4000",
            "localhost:http",
            "localhost:0",
            "unix:",
            "",
        ] {
            assert!(text.parse::<Upstream>().is_err(), "{text}");
        }
    }
}

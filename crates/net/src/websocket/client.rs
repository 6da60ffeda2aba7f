//! Connecting to a WebSocket server.

use capstan_rpc::ConnectOptions;
use capstan_rpc::vat::Batching;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::link::{WebSocketLink, config};
use super::outlet::Outlet;
use crate::connection::Network;
use crate::error::explain;
use crate::{Connection, Error, ErrorKind, Options, driver};

/// Connects to a server at a `ws://host:port/path` address or, with the feature `tls`, a `wss://` one.
///
/// # Errors
/// When there is no such server, or it is none for RPC, or it cannot prove that it is the one of the address.
pub async fn connect(url: &str, options: Options) -> Result<Connection, Error> {
    let address = Address::parse(url)?;
    let connecting = open(url, &address, &options);
    match tokio::time::timeout(options.handshake_timeout, connecting).await {
        Ok(connection) => connection,
        Err(_) => Err(Error::timeout(url, options.handshake_timeout)),
    }
}

async fn open(url: &str, address: &Address, options: &Options) -> Result<Connection, Error> {
    let unreachable = |cause| Error::unreachable(url, &cause);
    let stream = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(unreachable)?;
    crate::runtime::prepare(&stream).map_err(unreachable)?;
    #[cfg(feature = "tls")]
    if address.secure {
        let trusted = match &options.tls {
            Some(tls) => tls.clone(),
            None => crate::tls::ClientTls::system()?,
        };
        let stream = trusted.connect(&address.host, stream).await;
        let stream = stream.map_err(|cause| {
            let text = format!("cannot connect to {url}: TLS failed: {}", explain(&cause));
            Error::new(ErrorKind::Tls, text)
        })?;
        return handshake(url, address, options, stream).await;
    }
    handshake(url, address, options, stream).await
}

async fn handshake<S>(
    url: &str,
    address: &Address,
    options: &Options,
    stream: S,
) -> Result<Connection, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let outlet = Outlet::new(stream, Role::Client);
    let config = Some(config(options.max_message_bytes));
    let link = match client_async_with_config(&address.uri, outlet, config).await {
        Ok((socket, _)) => WebSocketLink::new(socket),
        Err(error) => return Err(Error::new(ErrorKind::Handshake, refusal(url, error))),
    };
    let handle = options.runtime().connect(ConnectOptions {
        batching: options.batching(Batching::Offer),
        ..options.connect(options.bootstrap.clone())
    });
    let link = link.of(&handle);
    let driver = tokio::spawn(driver::run(handle.clone(), link, url.to_string()));
    Ok(Connection::new(handle, driver).of(Network::WebSocket, url, options))
}

fn refusal(url: &str, error: WebSocketError) -> String {
    match error {
        WebSocketError::Http(response) => {
            let status = response.status();
            let body = response
                .body()
                .as_deref()
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            let text = body.trim();
            if text.is_empty() {
                format!("cannot connect to {url}: the server answered {status}; is the path right?")
            } else {
                format!(
                    "cannot connect to {url}: the server answered {status}: {}",
                    first_part(text)
                )
            }
        }
        WebSocketError::Io(cause) => format!("cannot connect to {url}: {}", explain(&cause)),
        error => format!("cannot connect to {url}: this is not a WebSocket server: {error}"),
    }
}

/// An error page can be long, and its beginning says most.
fn first_part(text: &str) -> &str {
    const MAX_BYTES: usize = 300;
    text.get(..text.floor_char_boundary(MAX_BYTES))
        .unwrap_or(text)
}

#[derive(Debug)]
struct Address {
    uri: Uri,
    host: String,
    port: u16,
    #[cfg(feature = "tls")]
    secure: bool,
}

impl Address {
    fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::new(
                ErrorKind::Address,
                format!("cannot connect to {url}: {why}"),
            )
        };
        let uri: Uri = url
            .parse()
            .map_err(|error| wrong(&format!("this is no address: {error}")))?;
        match uri.scheme_str() {
            Some("ws" | "wss") => {}
            Some("http" | "https") => {
                return Err(wrong("the address of a WebSocket starts with ws://"));
            }
            _ => return Err(wrong("the address must look like ws://host:port/path")),
        }
        let secure = uri.scheme_str() == Some("wss");
        if secure && !cfg!(feature = "tls") {
            return Err(wrong(
                "wss:// needs TLS, which is the feature \"tls\" of capstan-net",
            ));
        }
        // IPv6 addresses stand in brackets in an address, and nowhere else.
        let host = uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_string();
        if host.is_empty() {
            return Err(wrong("the address names no host"));
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self {
            uri,
            host,
            port,
            #[cfg(feature = "tls")]
            secure,
        })
    }
}

#[cfg(test)]
#[allow(clippy::panic, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let address = Address::parse("ws://localhost:8080/rpc").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("localhost", 8080));
        let address = Address::parse("ws://[::1]/").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 80));
        let secure = Address::parse("wss://example.com/");
        match (secure, cfg!(feature = "tls")) {
            (Ok(address), true) => assert_eq!(address.port, 443),
            (Err(error), false) => assert!(error.to_string().contains("needs TLS"), "{error}"),
            (secure, _) => panic!("{secure:?}"),
        }
    }

    #[test]
    fn wrong_addresses_are_explained() {
        for (url, why) in [
            ("localhost:8080", "must look like ws://host:port/path"),
            ("http://localhost/", "starts with ws://"),
            ("ws:///rpc", "no address"),
        ] {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Address);
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}

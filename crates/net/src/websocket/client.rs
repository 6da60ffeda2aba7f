//! Connecting to a WebSocket server.

use capstan_rpc::ConnectOptions;
use capstan_rpc::vat::Batching;
use http::Uri;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::link::{WebSocketLink, config};
use super::outlet::Outlet;
use crate::error::explain;
use crate::{Connection, Error, ErrorKind, Options, driver};

/// Connects to a server at a `ws://host:port/path` address.
pub async fn connect(url: &str, options: Options) -> Result<Connection, Error> {
    let address = Address::parse(url)?;
    let connecting = handshake(url, &address, options.max_message_bytes);
    let link = match tokio::time::timeout(options.handshake_timeout, connecting).await {
        Ok(link) => link?,
        Err(_) => return Err(Error::timeout(url, options.handshake_timeout)),
    };
    let handle = options.runtime().connect(ConnectOptions {
        batching: options.batching(Batching::Offer),
        ..options.connect(options.bootstrap.clone())
    });
    let link = link.of(&handle);
    let driver = tokio::spawn(driver::run(handle.clone(), link, url.to_string()));
    Ok(Connection::new(handle, driver))
}

async fn handshake(
    url: &str,
    address: &Address,
    max_message_bytes: usize,
) -> Result<WebSocketLink<TcpStream>, Error> {
    let unreachable = |cause| Error::unreachable(url, &cause);
    let stream = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(unreachable)?;
    crate::runtime::prepare(&stream).map_err(unreachable)?;
    let outlet = Outlet::new(stream, Role::Client);
    match client_async_with_config(&address.uri, outlet, Some(config(max_message_bytes))).await {
        Ok((socket, _)) => Ok(WebSocketLink::new(socket)),
        Err(error) => Err(Error::new(ErrorKind::Handshake, refusal(url, error))),
    }
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
            Some("ws") => {}
            Some("wss") => {
                return Err(wrong(
                    "wss:// needs TLS, which this client does not have yet; give tcp::attach a TLS stream, or use ws://",
                ));
            }
            Some("http" | "https") => {
                return Err(wrong("the address of a WebSocket starts with ws://"));
            }
            _ => return Err(wrong("the address must look like ws://host:port/path")),
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
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self { uri, host, port })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let address = Address::parse("ws://localhost:8080/rpc").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("localhost", 8080));
        let address = Address::parse("ws://[::1]/").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 80));
    }

    #[test]
    fn wrong_addresses_are_explained() {
        for (url, why) in [
            ("localhost:8080", "must look like ws://host:port/path"),
            ("http://localhost/", "starts with ws://"),
            ("wss://localhost/", "needs TLS"),
            ("ws:///rpc", "no address"),
        ] {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Address);
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}

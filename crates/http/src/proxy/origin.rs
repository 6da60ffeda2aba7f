//! A real HTTP server behind an `HttpService`.

use core::fmt;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capstan_rpc::{BoxFuture, Error};
use http::header::{self, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tower_service::Service;

use super::sockets;
use crate::send::{BoxError, to_error};
use crate::{Body, Tunnel, WebSocket, headers, on_tunnel, on_web_socket, upgrade};

/// A service that asks a real HTTP server, over connections that it keeps.
///
/// All requests go there, whatever host their addresses name. A server that cannot be reached or breaks off fails the request as disconnected.
#[derive(Clone)]
pub struct Origin {
    inner: Arc<Inner>,
}

struct Inner {
    authority: Authority,
    client: Client<HttpConnector, UnsyncBoxBody<Bytes, BoxError>>,
    /// Where tunnels may go.
    connect: Vec<Authority>,
}

/// What is wrong with the address of an origin.
#[derive(Debug, PartialEq, Eq)]
pub enum OriginError {
    /// It is no address of a server.
    NoAddress,
    /// Only plain HTTP is spoken.
    NotHttp,
    /// It names a path, a query, or who asks.
    MoreThanAHost,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "an origin is an address such as http://127.0.0.1:3000",
            Self::NotHttp => "an origin is asked by plain HTTP: its address begins with http://",
            Self::MoreThanAHost => {
                "an origin is http://, a host and a port, and nothing behind them"
            }
        })
    }
}

impl core::error::Error for OriginError {}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

impl Origin {
    /// The server at an address such as `http://127.0.0.1:3000`.
    ///
    /// # Errors
    /// When it is no such address.
    pub fn new(address: &str) -> Result<Self, OriginError> {
        let uri: Uri = address.parse().map_err(|_| OriginError::NoAddress)?;
        let authority = uri.authority().ok_or(OriginError::NoAddress)?.clone();
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(OriginError::NotHttp);
        }
        if !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
            || authority.as_str().contains('@')
        {
            return Err(OriginError::MoreThanAHost);
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(crate::MAX_HEADER_BYTES)
            .build(connector);
        Ok(Self {
            inner: Arc::new(Inner {
                authority,
                client,
                connect: Vec::new(),
            }),
        })
    }

    /// Lets tunnels go to these hosts, each with its port. Without this, and to any other, they are refused with status 403.
    #[must_use]
    pub fn with_tunnels_to(self, hosts: impl IntoIterator<Item = Authority>) -> Self {
        Self {
            inner: Arc::new(Inner {
                authority: self.inner.authority.clone(),
                client: self.inner.client.clone(),
                connect: hosts.into_iter().collect(),
            }),
        }
    }
}

impl Service<Request<Body>> for Origin {
    type Response = Answer;
    type Error = Error;
    type Future = BoxFuture<Result<Answer, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            if request.method() == Method::CONNECT {
                return inner.tunnel(request).await;
            }
            match on_web_socket(&mut request) {
                Some(upgrading) => inner.web_socket(request, upgrading).await,
                None => inner.forward(request).await,
            }
        })
    }
}

impl Inner {
    /// The request as the server gets it.
    fn prepare(&self, request: &mut Request<Body>) -> Result<(), Error> {
        let path = request.uri().path_and_query().cloned();
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone());
        *request.uri_mut() = uri
            .path_and_query(path.map_or_else(|| "/".to_owned(), |path| path.to_string()))
            .build()
            .map_err(|error| to_error(error.into()))?;
        headers::strip_hop_by_hop(request.headers_mut());
        // Of this server, which is told by the address.
        request.headers_mut().remove(header::HOST);
        request.headers_mut().remove(header::EXPECT);
        Ok(())
    }

    async fn forward(&self, mut request: Request<Body>) -> Result<Answer, Error> {
        self.prepare(&mut request)?;
        let response = self.ask(request).await?;
        Ok(response.map(|body| body.map_err(broken).boxed_unsync()))
    }

    async fn ask(&self, request: Request<Body>) -> Result<Response<hyper::body::Incoming>, Error> {
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let asked = self.client.request(request).await;
        asked.map_err(|error| {
            // What broke the request's body says more than that it broke.
            let kind = if error.is_connect() {
                "cannot be reached"
            } else {
                "broke off"
            };
            let cause = to_error(error.into());
            Error::disconnected(format!(
                "the server {} {kind}: {}",
                self.authority, cause.reason
            ))
        })
    }

    async fn web_socket(
        &self,
        mut request: Request<Body>,
        upgrading: upgrade::Upgrading<WebSocket>,
    ) -> Result<Answer, Error> {
        self.prepare(&mut request)?;
        let key = generate_key();
        let accept = derive_accept_key(key.as_bytes());
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
        let key = HeaderValue::try_from(key).map_err(|error| to_error(error.into()))?;
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
        let mut response = self.ask(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response.map(|body| body.map_err(broken).boxed_unsync()));
        }
        let proof = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        if proof.map(HeaderValue::as_bytes) != Some(accept.as_bytes()) {
            return Err(Error::failed(format!(
                "the server {} took the handshake of a WebSocket for another",
                self.authority
            )));
        }
        let upgraded = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            if let (Ok(socket), Ok(upgraded)) = tokio::join!(upgrading, upgraded) {
                sockets::join(upgraded, sockets::Role::Client, socket).await;
            }
        });
        Ok(response.map(|_| empty()))
    }

    async fn tunnel(&self, mut request: Request<Body>) -> Result<Answer, Error> {
        let host = request.uri().authority().cloned();
        let host = host.filter(|host| self.connect.contains(host));
        let (Some(host), Some(upgrading)) = (host, on_tunnel(&mut request)) else {
            let text = Full::new(Bytes::from_static(b"Tunnels do not go there.\n"));
            let mut refusal = Response::new(text.map_err(|never| match never {}).boxed_unsync());
            *refusal.status_mut() = StatusCode::FORBIDDEN;
            return Ok(refusal);
        };
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(host.as_str()));
        let connected = connecting
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        let stream = connected
            .map_err(|error| Error::disconnected(format!("{host} cannot be reached: {error}")))?;
        tokio::spawn(join(upgrading, stream));
        Ok(Response::new(empty()))
    }
}

async fn join(upgrading: upgrade::Upgrading<Tunnel>, mut stream: TcpStream) {
    if let Ok(mut tunnel) = upgrading.await {
        // Either side's end is told to the other by closing it.
        let _ = tokio::io::copy_bidirectional(&mut tunnel, &mut stream).await;
    }
}

/// A body that broke off, as it is told to who reads it.
fn broken(error: hyper::Error) -> BoxError {
    Error::disconnected(format!(
        "the server broke off: {}",
        to_error(error.into()).reason
    ))
    .into()
}

fn empty() -> UnsyncBoxBody<Bytes, BoxError> {
    Body::empty().map_err(Into::into).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_servers() {
        for (address, expected) in [
            ("http://127.0.0.1:3000", None),
            ("http://example.com/", None),
            ("127.0.0.1:3000", Some(OriginError::NotHttp)),
            ("https://example.com", Some(OriginError::NotHttp)),
            ("http://example.com/app", Some(OriginError::MoreThanAHost)),
            ("http://a@example.com", Some(OriginError::MoreThanAHost)),
            ("not an address", Some(OriginError::NoAddress)),
            ("/path", Some(OriginError::NoAddress)),
        ] {
            assert_eq!(Origin::new(address).err(), expected, "{address}");
        }
    }
}

//! A server of nothing but RPC over WebSocket.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use capstan_rpc::{BoxFuture, FromClient};
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::Endpoint;
use super::upgrade::refuse;
use crate::{Error, Listen, Options};

/// Serves RPC at `path`, such as `/rpc`, to every client of the listener, each with the bootstrap
/// object that `bootstrap` makes for it, until this future is dropped. Other paths get a 404 that
/// tells the right one.
///
/// # Errors
/// When the listener fails.
pub async fn serve<C, F>(
    listener: impl Listen,
    path: &str,
    options: Options,
    bootstrap: F,
) -> Result<(), Error>
where
    C: FromClient + 'static,
    F: Fn(SocketAddr) -> C + Send + Sync + 'static,
{
    let never = std::future::pending();
    serve_until(listener, path, options, bootstrap, never).await?;
    Ok(())
}

/// Like [`serve`], until `shutdown` is ready. Then no more connections are accepted, and those that are there end
/// as [`Endpoint::drain`] describes it, after [`Options::drain_timeout`] at the latest. Gives how many were cut off.
///
/// # Errors
/// When the listener fails.
pub async fn serve_until<C, F>(
    mut listener: impl Listen,
    path: &str,
    options: Options,
    bootstrap: F,
    shutdown: impl Future<Output = ()>,
) -> Result<usize, Error>
where
    C: FromClient + 'static,
    F: Fn(SocketAddr) -> C + Send + Sync + 'static,
{
    let endpoint = Endpoint::new(options);
    let site = Arc::new(Site {
        path: path.to_string(),
        endpoint: endpoint.clone(),
        bootstrap,
    });
    // Dropping the set ends all connections.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.next() => accepted.map_err(|cause| Error::listen(&cause))?,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let site = Arc::clone(&site);
        let timeout = endpoint.options().handshake_timeout;
        connections.spawn(exchange(stream, timeout, move |request| {
            site.answer(request, peer)
        }));
    }
    drop(listener);
    Ok(endpoint.drain(endpoint.options().drain_timeout).await)
}

struct Site<F> {
    path: String,
    endpoint: Endpoint,
    bootstrap: F,
}

/// One HTTP exchange and, if it was an upgrade, the connection that `answer` begins with it.
/// `timeout` is how long the request may take.
pub(crate) async fn exchange<S, A>(stream: S, timeout: Duration, answer: A)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Fn(Request<Incoming>) -> (Response<String>, Option<BoxFuture<()>>),
{
    let upgraded: Mutex<Option<BoxFuture<()>>> = Mutex::new(None);
    let service = service_fn(|request| {
        let (response, connection) = answer(request);
        *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = connection;
        async { Ok::<_, Infallible>(response) }
    });
    let exchange = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = exchange.await {
        tracing::debug!(%error, "handshake failed");
        return;
    }
    let connection = upgraded
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(connection) = connection {
        connection.await;
    }
}

impl<F> Site<F> {
    fn answer<C>(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
    ) -> (Response<String>, Option<BoxFuture<()>>)
    where
        C: FromClient + 'static,
        F: Fn(SocketAddr) -> C,
    {
        let path = request.uri().path();
        if path != self.path {
            let text = format!(
                "There is nothing at {path}. Cap'n Proto RPC over WebSocket is served at {}.\n",
                self.path
            );
            return (last(refuse(StatusCode::NOT_FOUND, text)), None);
        }
        let begun = self
            .endpoint
            .begin(&mut request, Some(peer), |_| (self.bootstrap)(peer));
        match begun {
            Ok((response, connection)) => (response, Some(connection)),
            Err(refusal) => (last(refusal), None),
        }
    }
}

/// Nobody has a second request for a server of nothing but RPC.
pub(crate) fn last(mut refusal: Response<String>) -> Response<String> {
    refusal
        .headers_mut()
        .append(CONNECTION, HeaderValue::from_static("close"));
    refusal
}

//! A server of nothing but RPC over WebSocket.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use capstan_rpc::{BoxFuture, FromClient};
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::upgrade::{refuse, run, switch_protocols};
use crate::{Error, Options};

/// Serves RPC at `path`, such as `/rpc`, to every client of the listener, each with the bootstrap
/// object that `bootstrap` makes for it, until this future is dropped. Other paths get a 404 that
/// tells the right one.
pub async fn serve<C, F>(
    listener: TcpListener,
    path: &str,
    options: Options,
    bootstrap: F,
) -> Result<(), Error>
where
    C: FromClient + 'static,
    F: Fn(SocketAddr) -> C + Send + Sync + 'static,
{
    let options = Options {
        runtime: Some(options.runtime()),
        ..options
    };
    let site = Arc::new(Site {
        path: path.to_string(),
        options,
        bootstrap,
    });
    // Dropping the set ends all connections.
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = crate::runtime::accept(&listener)
            .await
            .map_err(|cause| Error::listen(&cause))?;
        while connections.try_join_next().is_some() {}
        let site = Arc::clone(&site);
        let timeout = site.options.handshake_timeout;
        connections.spawn(exchange(stream, timeout, move |request| {
            site.answer(request, peer)
        }));
    }
}

struct Site<F> {
    path: String,
    options: Options,
    bootstrap: F,
}

/// One HTTP exchange and, if it was an upgrade, the connection that `answer` begins with it.
/// `timeout` is how long the request may take.
pub(crate) async fn exchange<A>(stream: TcpStream, timeout: Duration, answer: A)
where
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
        match switch_protocols(&mut request) {
            Ok((response, upgrade)) => {
                let bootstrap = (self.bootstrap)(peer).into_client();
                (
                    response,
                    Some(Box::pin(run(
                        upgrade,
                        bootstrap,
                        &self.options,
                        peer.to_string(),
                    ))),
                )
            }
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

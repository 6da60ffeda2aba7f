//! RPC as a part of an HTTP server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use capstan_rpc::{BoxFuture, FromClient};
use http::{Request, Response, StatusCode};

use super::upgrade::{admit, refuse, run, switch_protocols};
use crate::Options;
use crate::shutdown::Shutdown;

/// What an HTTP server built on hyper, such as one of axum, has behind an address for RPC: it makes connections
/// of requests, and ends them when the server ends. Clones are the same.
#[derive(Clone, Debug)]
pub struct Endpoint {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    shutdown: Shutdown,
}

impl Endpoint {
    /// Its connections share the options and their runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let options = Options {
            runtime: Some(options.runtime()),
            ..options
        };
        Self {
            shared: Arc::new(Shared {
                options,
                shutdown: Shutdown::new(),
            }),
        }
    }

    /// Turns a request into a connection, which goes on by itself on the tokio runtime that this is called in. The
    /// response is to be sent in any case: requests that ask for no WebSocket, or whose page may not connect, get one
    /// that says so, and `bootstrap` is not called.
    pub fn upgrade<B, C: FromClient>(
        &self,
        request: &mut Request<B>,
        peer: Option<SocketAddr>,
        bootstrap: impl FnOnce(&Request<B>) -> C,
    ) -> Response<String> {
        match self.begin(request, peer, bootstrap) {
            Ok((response, connection)) => {
                tokio::spawn(connection);
                response
            }
            Err(refusal) => refusal,
        }
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.shutdown.connections()
    }

    /// Ends all connections, each as soon as it is idle: when all calls of either side are answered and its
    /// streams have ended. Calls go on being taken on connections that are not. Requests for more connections get status 503.
    /// After `limit` the others are cut off. Clients are told by the close code 1001, and their calls fail as
    /// `Disconnected`.
    ///
    /// A stream to an object of this server lasts from when the client has the object, for the bootstrap object from
    /// the first streamed call, until an ordinary call of it such as `end`, or until the client lets go of it.
    ///
    /// Returns when all connections are over: how many were cut off.
    pub async fn drain(&self, limit: Duration) -> usize {
        self.shared.shutdown.drain(limit).await
    }

    pub(super) fn options(&self) -> &Options {
        &self.shared.options
    }

    #[allow(
        clippy::result_large_err,
        reason = "both are responses to send, and it is made once per connection"
    )]
    pub(super) fn begin<B, C: FromClient>(
        &self,
        request: &mut Request<B>,
        peer: Option<SocketAddr>,
        bootstrap: impl FnOnce(&Request<B>) -> C,
    ) -> Result<(Response<String>, BoxFuture<()>), Response<String>> {
        let options = &self.shared.options;
        admit(request, options)?;
        let Some(notice) = self.shared.shutdown.subscribe() else {
            let text = "This server is shutting down. Connect again in a moment.\n";
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, text));
        };
        let (response, upgrade) = switch_protocols(request)?;
        let path = request.uri().path().to_string();
        let peer = peer.map_or_else(|| "the client".to_string(), |peer| peer.to_string());
        let bootstrap = bootstrap(request).into_client();
        let connection = run(upgrade, bootstrap, options, peer, &path, Some(notice));
        Ok((response, Box::pin(connection)))
    }
}

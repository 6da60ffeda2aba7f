//! RPC as a route of an [axum](https://docs.rs/axum) application.

use std::net::SocketAddr;

use ::axum::extract::{ConnectInfo, Request};
use ::axum::routing::{MethodRouter, any};
use capstan_rpc::FromClient;

use crate::websocket::Endpoint;

impl Endpoint {
    /// The route that clients connect to, each with the bootstrap object that `bootstrap` makes for it, and which may
    /// depend on what comes with the request: its headers, and what the layers of the application found out.
    ///
    /// ```
    /// # use capstan_net::{Options, websocket::Endpoint};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let files = capstan_rpc::Client::from_cap(None);
    /// let rpc = Endpoint::new(Options::default());
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/rpc", rpc.route(move |_| files.clone()))
    ///     .route("/", axum::routing::get(|| async { "hello" }));
    /// # }
    /// ```
    ///
    /// Spans and logs know the addresses of clients where the application is served with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn route<S, C, F>(&self, bootstrap: F) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
        C: FromClient,
        F: Fn(&Request) -> C + Clone + Send + Sync + 'static,
    {
        let endpoint = self.clone();
        any(move |mut request: Request| {
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
            let peer = peer.map(|ConnectInfo(peer)| *peer);
            std::future::ready(endpoint.upgrade(&mut request, peer, &bootstrap))
        })
    }
}

#[cfg(feature = "tls")]
impl ::axum::serve::Listener for crate::tls::Listener {
    type Io = crate::tls::Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match crate::tls::Listener::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    // What passes was waited for already.
                    tracing::error!(%error, "connections cannot be accepted");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        crate::tls::Listener::local_addr(self)
    }
}

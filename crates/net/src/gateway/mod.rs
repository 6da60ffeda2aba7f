//! WebSocket clients for servers that speak TCP: existing servers get browsers.
//!
//! A gateway forwards messages as they are. Of each it reads the segment table, to know where the
//! message ends, and nothing else: what the two ends say to each other is between them. For each
//! client there is one connection to the server, and memory for about one message in each direction:
//! when one side is slow, the other is read no further. `docs/gateway.md` in the repository says how
//! connections end.

mod activity;
mod pump;
mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use capstan_rpc::BoxFuture;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::websocket::server::{exchange, last};
use crate::websocket::upgrade::{refuse, switch_protocols};
use crate::{Error, Origins, accept};

pub use upstream::Upstream;

/// How a gateway treats its clients and its server.
#[derive(Clone)]
pub struct Options {
    /// Which web pages may connect. Default: those of the host that they connect to.
    pub allowed_origins: Origins,
    /// Whether messages are packed between gateway and server. The server has to be set to the same.
    /// Default false.
    pub packed: bool,
    /// A longer message, in either direction, ends its connection. Default 64 MiB.
    pub max_message_bytes: usize,
    /// Further clients are refused with status 503. Default 1000.
    pub max_connections: usize,
    /// How long a client may take for its HTTP request, and the server to accept a connection.
    /// Default 10 s.
    pub handshake_timeout: Duration,
    /// A client from which nothing comes for so long, and which takes nothing, is asked for a sign of life, and
    /// given up when there is none for as long again. None asks never. Default 60 s.
    pub idle_timeout: Option<Duration>,
    /// Is told, a line each, what the operator should know: that the server cannot be reached, that
    /// it broke off, that a client sent what is no message.
    pub report: Option<Report>,
}

/// Takes a line of text for the operator.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            allowed_origins: Origins::default(),
            packed: false,
            max_message_bytes: 64 << 20,
            max_connections: 1000,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_secs(60)),
            report: None,
        }
    }
}

impl Options {
    fn report(&self, line: &str) {
        if let Some(report) = &self.report {
            report(line);
        }
    }
}

/// Forwards between the clients of `listener`, at whatever path they ask for, and `server`. When
/// `shutdown` is ready, no more clients are accepted, and the others are told that the gateway goes
/// away; this returns when they have gone, within a few seconds.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    server: Upstream,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let (over, is_over) = watch::channel(false);
    let gateway = Arc::new(Gateway {
        server,
        options,
        is_over,
    });
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => {
                accepted.map_err(|cause| Error::listen(&cause))?
            }
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let full = connections.len() >= gateway.options.max_connections;
        let gateway = Arc::clone(&gateway);
        connections.spawn(async move { gateway.serve_one(stream, peer, full).await });
    }
    drop(listener);
    let _ = over.send(true);
    while connections.join_next().await.is_some() {}
    Ok(())
}

struct Gateway {
    server: Upstream,
    options: Options,
    is_over: watch::Receiver<bool>,
}

impl Gateway {
    async fn serve_one(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, full: bool) {
        let upgraded = AtomicBool::new(false);
        let answer = |request| {
            let (response, forwarding) = self.answer(request, peer, full);
            upgraded.store(forwarding.is_some(), Ordering::Relaxed);
            (response, forwarding)
        };
        let given_up = async {
            self.over().await;
            if upgraded.load(Ordering::Relaxed) {
                std::future::pending().await
            }
        };
        tokio::select! {
            () = exchange(stream, self.options.handshake_timeout, answer) => {}
            // A client that is not connected yet needs no goodbye; the others say it themselves.
            () = given_up => {}
        }
    }

    /// Ready when the gateway is to end.
    async fn over(&self) {
        // An error says that nobody can tell any more: then it has ended.
        let _ = self.is_over.clone().wait_for(|over| *over).await;
    }

    fn answer(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        full: bool,
    ) -> (Response<String>, Option<BoxFuture<()>>) {
        if let Err(refusal) = self.admit(&request, full) {
            return (last(refusal), None);
        }
        match switch_protocols(&mut request) {
            Ok((response, upgrade)) => {
                let gateway = Arc::clone(self);
                let forwarding = async move {
                    match upgrade.await {
                        Ok(upgraded) => pump::run(&gateway, upgraded, peer).await,
                        Err(error) => tracing::debug!(%peer, %error, "ended in its handshake"),
                    }
                };
                (response, Some(Box::pin(forwarding)))
            }
            Err(refusal) => (last(refusal), None),
        }
    }

    #[allow(
        clippy::result_large_err,
        reason = "a response to send, once per connection"
    )]
    fn admit(&self, request: &Request<Incoming>, full: bool) -> Result<(), Response<String>> {
        if full {
            let text = "This gateway has as many clients as it takes. Try again later.\n";
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, text));
        }
        self.options
            .allowed_origins
            .admit(request, "gateway", "its --origin options say which may")
    }
}

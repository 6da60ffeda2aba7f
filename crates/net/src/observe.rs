//! What a server's operator sees of connections and calls: spans and events of `tracing`, and metrics.
//!
//! `docs/servers.md` lists their names and levels.

use std::future::poll_fn;
use std::sync::Arc;

use capstan_rpc::{BoxFuture, ConnectionHandle, ErrorKind, MethodName, ObservedCall, Observer};
use tracing::{Instrument, Level, Span, field};

use crate::Options;

/// The span of a connection, in which all of its calls run.
pub(crate) fn connection_span(peer: &str, path: &str) -> Span {
    tracing::info_span!("connection", peer, path)
}

/// Sees the calls of a connection's peer.
pub(crate) fn observer(options: &Options, span: &Span) -> Arc<dyn Observer> {
    Arc::new(Calls {
        connection: span.clone(),
        #[cfg(feature = "metrics")]
        metrics: options.metrics.clone(),
        #[cfg(not(feature = "metrics"))]
        metrics: {
            let _ = options;
            None
        },
    })
}

/// Counts a connection and its bytes.
#[derive(Default)]
pub(crate) struct Meter {
    #[cfg(feature = "metrics")]
    connection: Option<crate::metrics::Connected>,
}

#[cfg(not(feature = "metrics"))]
impl Meter {
    pub(crate) fn new(_: &Options, _: &ConnectionHandle) -> Self {
        Self {}
    }

    pub(crate) fn received(&self, _bytes: usize) {}

    pub(crate) fn sent(&self, _frames: &[Vec<u8>]) {}
}

#[cfg(feature = "metrics")]
impl Meter {
    pub(crate) fn new(options: &Options, handle: &ConnectionHandle) -> Self {
        let metrics = options.metrics.as_ref();
        Self {
            connection: metrics.map(|metrics| metrics.connected(handle)),
        }
    }

    pub(crate) fn received(&self, bytes: usize) {
        if let Some(connection) = &self.connection {
            connection.received(bytes);
        }
    }

    pub(crate) fn sent(&self, frames: &[Vec<u8>]) {
        if let Some(connection) = &self.connection {
            connection.sent(frames.iter().map(Vec::len).sum());
        }
    }
}

#[cfg(feature = "metrics")]
type CallMetrics = Option<crate::Metrics>;
#[cfg(not(feature = "metrics"))]
type CallMetrics = Option<std::convert::Infallible>;

#[derive(Debug)]
struct Calls {
    connection: Span,
    metrics: CallMetrics,
}

impl Observer for Calls {
    fn observe(
        &self,
        call: ObservedCall<'_>,
        method: BoxFuture<capstan_rpc::Result<()>>,
    ) -> BoxFuture<capstan_rpc::Result<()>> {
        let traced = tracing::enabled!(Level::DEBUG);
        if !traced && self.metrics.is_none() {
            return method;
        }
        let name = call.name();
        let span = match traced {
            true => self.call_span(&call, name.as_ref()),
            false => Span::none(),
        };
        #[cfg(feature = "metrics")]
        let counted = self.metrics.as_ref().map(|metrics| metrics.call(name));
        let mut watch = Watch {
            span: span.clone(),
            outcome: None,
            #[cfg(feature = "metrics")]
            counted,
        };
        let mut method = method;
        let watched = async move {
            let result = poll_fn(|cx| method.as_mut().poll(cx)).await;
            watch.outcome = Some(match &result {
                Ok(()) => Outcome::Ok,
                Err(error) => {
                    tracing::debug!(kind = ?error.kind, error = %error.reason, "call failed");
                    Outcome::Failed(error.kind)
                }
            });
            drop(method);
            drop(watch);
            result
        };
        Box::pin(watched.instrument(span))
    }
}

impl Calls {
    fn call_span(&self, call: &ObservedCall<'_>, name: Option<&MethodName>) -> Span {
        let span = tracing::debug_span!(
            parent: &self.connection,
            "call",
            interface = field::Empty,
            method = field::Empty,
            interface_id = format_args!("{:#018x}", call.interface_id),
            method_id = call.method_id,
            outcome = field::Empty,
        );
        if let Some(name) = name {
            span.record("interface", &*name.interface);
            span.record("method", &*name.method);
        }
        span
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Ok,
    Failed(ErrorKind),
    Canceled,
    Panicked,
}

impl Outcome {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(ErrorKind::Overloaded) => "overloaded",
            Self::Failed(ErrorKind::Disconnected) => "disconnected",
            Self::Failed(ErrorKind::Unimplemented) => "unimplemented",
            Self::Failed(_) => "failed",
            Self::Canceled => "canceled",
            Self::Panicked => "panicked",
        }
    }
}

/// Sees the end of a call, whatever it is.
struct Watch {
    span: Span,
    outcome: Option<Outcome>,
    #[cfg(feature = "metrics")]
    counted: Option<crate::metrics::Counted>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(match std::thread::panicking() {
            true => Outcome::Panicked,
            false => Outcome::Canceled,
        });
        self.span.record("outcome", outcome.text());
        if outcome == Outcome::Panicked {
            tracing::error!(parent: &self.span, "the method panicked");
        }
        #[cfg(feature = "metrics")]
        if let Some(counted) = self.counted.take() {
            counted.ended(outcome);
        }
    }
}

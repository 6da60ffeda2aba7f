//! What connections offer and how much they put up with.

use std::time::Duration;

use capstan_rpc::flow::FlowControl;
use capstan_rpc::vat::{Batching, Limits};
use capstan_rpc::{Client, ConnectOptions, FromClient, Runtime};

use crate::Origins;

/// Options of a connection, or of all connections of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The runtime that the connections belong to. By default each `connect` and each `serve`
    /// makes one of its own. Capabilities pass from one runtime to another by proxy; connections
    /// that exchange many do better to share one.
    pub runtime: Option<Runtime>,
    /// What a server that we connect to gets when it asks for *our* bootstrap object. A server's
    /// own is given to `serve`.
    pub bootstrap: Option<Client>,
    /// How much each stream may have in flight. Default: what its way to the object holds.
    pub flow_control: FlowControl,
    /// A longer incoming message ends the connection. Default 64 MiB.
    pub max_message_bytes: usize,
    /// A streamed call beyond this many unacknowledged bytes fails as overloaded. Default 16 MiB.
    pub stream_backlog_bytes: u64,
    /// How much else a peer may make us do and keep. Silence is for
    /// [`idle_timeout`](Self::idle_timeout) and [`handshake_timeout`](Self::handshake_timeout) to limit,
    /// unless it is set here.
    pub limits: Limits,
    /// A peer that sends nothing for so long is asked for a sign of life, and given up when there is
    /// none for as long again. None asks never. Default 60 s.
    pub idle_timeout: Option<Duration>,
    /// Whether messages are packed, in both directions, on TCP and other streams of bytes. Both
    /// sides must be set to the same: nothing on the wire tells. Default false.
    pub packed: bool,
    /// Whether several small messages may share a WebSocket frame, if the peer agrees: see
    /// `docs/framing.md`, "Batches". Default true.
    pub batching: bool,
    /// Whether calls that lead back to the peer are passed back with their results, which then need
    /// not come by here. Default false: the `capnp-rpc` crate, as of 0.27, never answers such a call.
    pub tail_calls: bool,
    /// Whether clients of a server may have connections of their own for single streams, and how many.
    /// Default: 16 for each connection.
    pub dedicated: Option<crate::Dedicated>,
    /// Which web pages may connect to a WebSocket server. Default: those of the host that they connect to.
    pub allowed_origins: Origins,
    /// How long a server that is to end waits for calls and streams to end. Default 30 s.
    pub drain_timeout: Duration,
    /// What counts connections and calls of a server. Default: nothing does.
    #[cfg(feature = "metrics")]
    pub metrics: Option<crate::Metrics>,
    /// How servers at `wss://` addresses prove who they are, and this client to them. Default: by certificates of
    /// those authorities that the system trusts.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::ClientTls>,
    /// How long connecting may take, how long a client may take to complete its HTTP request, and how
    /// long to wait for a peer's first message before asking for one. Default 10 s.
    pub handshake_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let rpc = ConnectOptions::default();
        Self {
            runtime: None,
            bootstrap: None,
            flow_control: rpc.flow_control,
            max_message_bytes: rpc.max_message_bytes,
            stream_backlog_bytes: rpc.stream_backlog_bytes,
            limits: rpc.limits,
            idle_timeout: Some(Duration::from_secs(60)),
            packed: false,
            tail_calls: false,
            batching: true,
            dedicated: Some(crate::Dedicated::default()),
            allowed_origins: Origins::default(),
            drain_timeout: Duration::from_secs(30),
            #[cfg(feature = "metrics")]
            metrics: None,
            #[cfg(feature = "tls")]
            tls: None,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// Lets the connections belong to this runtime.
    #[must_use]
    pub fn with_runtime(self, runtime: &Runtime) -> Self {
        Self {
            runtime: Some(runtime.clone()),
            ..self
        }
    }

    /// What a server that we connect to gets when it asks for our bootstrap object.
    #[must_use]
    pub fn with_bootstrap(self, bootstrap: impl FromClient) -> Self {
        Self {
            bootstrap: Some(bootstrap.into_client()),
            ..self
        }
    }

    /// How much each stream may have in flight.
    #[must_use]
    pub fn with_flow_control(self, flow_control: FlowControl) -> Self {
        Self {
            flow_control,
            ..self
        }
    }

    /// Lets each stream have this many bytes in flight.
    #[must_use]
    pub fn with_window_bytes(self, window_bytes: u64) -> Self {
        self.with_flow_control(FlowControl::Fixed(window_bytes))
    }

    /// Whether messages are packed, on streams of bytes.
    #[must_use]
    pub fn with_packed(self, packed: bool) -> Self {
        Self { packed, ..self }
    }

    /// Lets pages of these origins connect, such as `https://example.com`, and no others.
    #[must_use]
    pub fn with_allowed_origins<O: Into<String>>(
        self,
        origins: impl IntoIterator<Item = O>,
    ) -> Self {
        Self {
            allowed_origins: Origins::listed(origins),
            ..self
        }
    }

    /// Counts connections, calls and bytes in `metrics`, which any number of listeners may share.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(self, metrics: &crate::Metrics) -> Self {
        Self {
            metrics: Some(metrics.clone()),
            ..self
        }
    }

    /// Whose certificates `connect("wss://…")` believes, instead of those that the system trusts.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(self, tls: crate::tls::ClientTls) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }

    /// `wanted`, unless the user does not want any.
    pub(crate) fn batching(&self, wanted: Batching) -> Batching {
        match self.batching {
            true => wanted,
            false => Batching::Off,
        }
    }

    pub(crate) fn runtime(&self) -> Runtime {
        self.runtime.clone().unwrap_or_else(crate::runtime)
    }

    pub(crate) fn connect(&self, bootstrap: Option<Client>) -> ConnectOptions {
        let micros = |time: Duration| u64::try_from(time.as_micros()).ok();
        let idle_micros = self.idle_timeout.and_then(micros);
        let handshake = micros(self.handshake_timeout);
        ConnectOptions {
            bootstrap,
            flow_control: self.flow_control,
            max_message_bytes: self.max_message_bytes,
            stream_backlog_bytes: self.stream_backlog_bytes,
            tail_calls: self.tail_calls,
            limits: Limits {
                idle_micros: self.limits.idle_micros.or(idle_micros),
                // Without asking later there is none at first either.
                handshake_micros: self.limits.handshake_micros.or(idle_micros.and(handshake)),
                ..self.limits.clone()
            },
            ..ConnectOptions::default()
        }
    }
}

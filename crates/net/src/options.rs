//! What connections offer and how much they put up with.

use std::time::Duration;

use capstan_rpc::{Client, ConnectOptions, FromClient, Runtime};

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
    /// How many bytes each stream may have in flight. Default 64 KiB.
    pub window_bytes: u64,
    /// A longer incoming message ends the connection. Default 64 MiB.
    pub max_message_bytes: usize,
    /// A streamed call beyond this many unacknowledged bytes fails as overloaded. Default 16 MiB.
    pub stream_backlog_bytes: u64,
    /// Whether messages are packed, in both directions, on TCP and other streams of bytes. Both
    /// sides must be set to the same: nothing on the wire tells. Default false.
    pub packed: bool,
    /// How long connecting may take, and how long a client may take to complete its HTTP
    /// request. Default 10 s.
    pub handshake_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let rpc = ConnectOptions::default();
        Self {
            runtime: None,
            bootstrap: None,
            window_bytes: rpc.window_bytes,
            max_message_bytes: rpc.max_message_bytes,
            stream_backlog_bytes: rpc.stream_backlog_bytes,
            packed: false,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

impl Options {
    #[must_use]
    pub fn with_runtime(self, runtime: &Runtime) -> Self {
        Self {
            runtime: Some(runtime.clone()),
            ..self
        }
    }

    #[must_use]
    pub fn with_bootstrap(self, bootstrap: impl FromClient) -> Self {
        Self {
            bootstrap: Some(bootstrap.into_client()),
            ..self
        }
    }

    #[must_use]
    pub fn with_window_bytes(self, window_bytes: u64) -> Self {
        Self {
            window_bytes,
            ..self
        }
    }

    #[must_use]
    pub fn with_packed(self, packed: bool) -> Self {
        Self { packed, ..self }
    }

    pub(crate) fn runtime(&self) -> Runtime {
        self.runtime.clone().unwrap_or_else(crate::runtime)
    }

    pub(crate) fn connect(&self, bootstrap: Option<Client>) -> ConnectOptions {
        ConnectOptions {
            bootstrap,
            window_bytes: self.window_bytes,
            max_message_bytes: self.max_message_bytes,
            stream_backlog_bytes: self.stream_backlog_bytes,
        }
    }
}

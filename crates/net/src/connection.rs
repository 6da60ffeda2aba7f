//! A connection that this process made.

use std::time::Duration;

use capstan_rpc::flow::{FlowControl, LineStats};
use capstan_rpc::vat::ConnectionStats;
use capstan_rpc::{ConnectionHandle, Error, FromClient};
use futures_util::Stream;
use tokio::task::JoinHandle;

use crate::Options;
use crate::flow::{Sample, observe_connection};

/// A connection to a server. It closes when it is dropped, and with it all calls and clients
/// that came over it fail.
#[derive(Debug)]
#[must_use = "a connection closes when it is dropped"]
pub struct Connection {
    handle: ConnectionHandle,
    /// Carries the frames; taken when someone waits for it.
    driver: Option<JoinHandle<()>>,
    /// How to connect again.
    address: Option<Box<Address>>,
}

/// Where a connection leads, and how it was made.
#[derive(Debug)]
pub(crate) struct Address {
    network: Network,
    text: String,
    options: Options,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Network {
    Tcp,
    WebSocket,
}

impl Address {
    /// One more connection to there.
    pub(crate) async fn connect(&self) -> Result<Connection, crate::Error> {
        let options = self.options.clone();
        match self.network {
            Network::Tcp => crate::tcp::connect(&self.text, options).await,
            Network::WebSocket => crate::websocket::connect(&self.text, options).await,
        }
    }
}

impl Connection {
    pub(crate) fn new(handle: ConnectionHandle, driver: JoinHandle<()>) -> Self {
        Self {
            handle,
            driver: Some(driver),
            address: None,
        }
    }

    /// Keeps how it was made, to make others like it.
    pub(crate) fn of(mut self, network: Network, address: &str, options: &Options) -> Self {
        let options = Options {
            runtime: Some(self.handle.runtime().clone()),
            bootstrap: None,
            ..options.clone()
        };
        self.address = Some(Box::new(Address {
            network,
            text: address.to_string(),
            options,
        }));
        self
    }

    pub(crate) fn address(&self) -> Option<&Address> {
        self.address.as_deref()
    }

    /// The object that the server offers to everyone who connects, usable at once.
    #[must_use]
    pub fn bootstrap<C: FromClient>(&self) -> C {
        self.handle.bootstrap()
    }

    /// Lets each stream have this many bytes in flight, from now on.
    pub fn set_window_size(&self, bytes: u64) {
        self.handle.set_window_size(bytes);
    }

    /// Chooses how the windows of this connection's streams are found, from now on.
    pub fn set_flow_control(&self, flow_control: FlowControl) {
        self.handle.set_flow_control(flow_control);
    }

    /// What is known of the way to the server; none when no stream adapts.
    #[must_use]
    pub fn line_stats(&self) -> Option<LineStats> {
        self.handle.line_stats()
    }

    /// Sizes of the tables and of what is in flight; none once the connection is over.
    #[must_use]
    pub fn stats(&self) -> Option<ConnectionStats> {
        self.handle.stats()
    }

    /// The same, with every change, one in each `pause` at most (and in each millisecond). Ends with the connection.
    /// Nothing is looked at while nobody waits for it; [`observe_stream`](crate::observe_stream) is for one stream.
    pub fn observe(
        &self,
        pause: Duration,
    ) -> impl Stream<Item = Sample<ConnectionStats>> + Send + use<> {
        observe_connection(&self.handle, pause)
    }

    /// Waits for the end of the connection, and says why it came.
    pub fn closed(&self) -> impl Future<Output = Error> + Send + use<> {
        self.handle.closed()
    }

    /// Closes the connection: calls in progress fail, the peer is told, and this waits until it
    /// has taken note or is gone.
    pub async fn close(mut self) {
        self.handle
            .close(Error::disconnected("the connection was closed"));
        if let Some(driver) = self.driver.take() {
            // A driver that panicked has ended too.
            let _ = driver.await;
        }
    }

    /// The connection as the RPC layer has it.
    #[must_use]
    pub fn handle(&self) -> &ConnectionHandle {
        &self.handle
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.handle
            .close(Error::disconnected("the connection was dropped"));
    }
}

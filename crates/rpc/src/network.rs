//! Networks of one's own.

use core::pin::pin;

use capstan_message::capability::MaybeSend;
use futures_util::future::{Either, select};

use crate::error::Result;
use crate::runtime::{ConnectOptions, ConnectionHandle, Runtime};
use crate::vat::Exception;

/// A way to one peer that carries whole messages, in order, in both directions: a pipe, a queue
/// between threads, a protocol of one's own. Given to [`Runtime::attach`].
///
/// An error of either half ends the connection, and all its calls fail with it.
pub trait VatNetwork: MaybeSend + 'static {
    /// What messages are given to.
    type Sender: NetworkSender;
    /// What they come from.
    type Receiver: NetworkReceiver;

    /// Both directions, which are used at the same time.
    fn split(self) -> (Self::Sender, Self::Receiver);
}

/// The way to the peer.
pub trait NetworkSender: MaybeSend + 'static {
    /// Sends a message, segment table included. The next one is not sent before this is done, so
    /// a network that waits here does not have to keep more than one.
    fn send(&mut self, message: Vec<u8>) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Everything was sent.
    fn close(&mut self) -> impl Future<Output = ()> + MaybeSend {
        core::future::ready(())
    }
}

/// The way from the peer.
pub trait NetworkReceiver: MaybeSend + 'static {
    /// The next message, segment table included; none when the peer has ended the connection.
    fn receive(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>>> + MaybeSend;
}

impl Runtime {
    /// Adds a connection over a network, whose messages are carried on tasks of this runtime. It
    /// lasts until one of its ends closes it, whether or not the handle is kept.
    pub fn attach(&self, network: impl VatNetwork, options: ConnectOptions) -> ConnectionHandle {
        let connection = self.connect(options);
        let (sender, receiver) = network.split();
        self.spawn(send_all(connection.clone(), sender));
        self.spawn(receive_all(connection.clone(), receiver));
        connection
    }
}

async fn send_all(connection: ConnectionHandle, mut sender: impl NetworkSender) {
    while let Some(frame) = connection.next_frame().await {
        if let Err(error) = sender.send(frame).await {
            return connection.disconnected(error);
        }
    }
    sender.close().await;
}

async fn receive_all(connection: ConnectionHandle, mut receiver: impl NetworkReceiver) {
    let mut closed = pin!(connection.closed());
    loop {
        let received = match select(pin!(receiver.receive()), closed.as_mut()).await {
            Either::Left((received, _)) => received,
            Either::Right(_) => return,
        };
        match received {
            Ok(Some(frame)) => connection.handle_frame(frame),
            Ok(None) => {
                let gone = Exception::disconnected("the peer closed the connection");
                return connection.disconnected(gone);
            }
            Err(error) => return connection.disconnected(error),
        }
    }
}

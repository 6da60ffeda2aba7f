//! The client's side.

use capstan_rpc::message::traits::Owned;
use capstan_rpc::sinks::{Sink, Source, open_sink_with, open_source_with};
use capstan_rpc::sinks_capnp::{dedicated, sink, source};
use capstan_rpc::{Client, Error, ErrorKind, FromClient, Result};

use super::server::PARENT_CLOSED;
use crate::Connection;

/// Streams on connections of their own. There is no order between what goes over them and over this connection: a call that is
/// made after a write may arrive before it.
///
/// They end with this connection. A server that knows nothing of them is an `Unimplemented` error: use a stream without.
impl Connection {
    /// A stream to the server that has a connection of its own: the client is to be passed in a call on *this* connection, and
    /// arrives as the source of what is written.
    ///
    /// # Errors
    /// When the server offers no dedicated connections, this connection has too many or is over, or connecting fails.
    pub async fn open_dedicated_sink<T: Owned>(&self) -> Result<(Sink<T>, source::Client<T>)> {
        let (opening, connection) = self.open(Client::from_cap(None)).await?;
        let (joining, token) = (connection.handle().dedicated(), opening.token);
        let (sink, client) = open_sink_with(connection);
        join(&joining, &token, client.into_client()).await?;
        Ok((sink, opening.carried.cast_to()))
    }

    /// A stream from the server that has a connection of its own: the client is to be passed in a call on *this* connection, and
    /// arrives as the sink whose items are read here.
    ///
    /// # Errors
    /// As [`open_dedicated_sink`](Self::open_dedicated_sink).
    pub async fn open_dedicated_source<T: Owned>(&self) -> Result<(sink::Client<T>, Source<T>)> {
        let (opening, connection) = self.open(Client::from_cap(None)).await?;
        let (joining, token) = (connection.handle().dedicated(), opening.token);
        let (client, source) = open_source_with(connection);
        join(&joining, &token, client.into_client()).await?;
        Ok((opening.carried.cast_to(), source))
    }

    /// Writes to a sink that came over this connection by a connection of its own.
    ///
    /// # Errors
    /// As [`open_dedicated_sink`](Self::open_dedicated_sink).
    pub async fn dedicate_sink<T: Owned>(&self, client: sink::Client<T>) -> Result<Sink<T>> {
        let (there, connection) = self.meet(client.into_client()).await?;
        Ok(Sink::with(there.cast_to(), connection))
    }

    /// Reads from a source that came over this connection by a connection of its own.
    ///
    /// # Errors
    /// As [`open_dedicated_sink`](Self::open_dedicated_sink).
    pub async fn dedicate_source<T: Owned>(&self, client: source::Client<T>) -> Result<Source<T>> {
        let (there, connection) = self.meet(client.into_client()).await?;
        Ok(Source::with(there.cast_to(), connection))
    }

    /// The same object, by a connection of its own.
    async fn meet(&self, object: Client) -> Result<(Client, Connection)> {
        let (opening, connection) = self.open(object).await?;
        let door = connection.handle().dedicated();
        let given = join(&door, &opening.token, Client::from_cap(None)).await?;
        Ok((given, connection))
    }

    async fn open(&self, given: Client) -> Result<(Opening, Connection)> {
        let Some(address) = self.address() else {
            return Err(Error::unimplemented(
                "no dedicated connection: this one was made by `attach`, of a stream that came from elsewhere, so that nobody knows how to \
                 connect once more; use `tcp::connect` or `websocket::connect`, or a stream that has no connection of its own",
            ));
        };
        let mut request = self
            .handle()
            .dedicated::<dedicated::Client>()
            .open_request();
        request.get().set_given(given);
        let opened = request.send().promise.await.map_err(explain)?;
        let opened = opened.get()?;
        let opening = Opening {
            token: opened.get_token()?.to_vec(),
            carried: opened.get_carried()?,
        };
        let connection = address.connect().await?;
        let (parent_closed, handle) = (self.closed(), connection.handle().downgrade());
        let closed = connection.closed();
        tokio::spawn(async move {
            tokio::select! {
                _ = parent_closed => {
                    if let Some(handle) = handle.upgrade() {
                        handle.close(Error::disconnected(PARENT_CLOSED));
                    }
                }
                _ = closed => {}
            }
        });
        Ok((opening, connection))
    }
}

struct Opening {
    token: Vec<u8>,
    carried: Client,
}

async fn join(door: &dedicated::Client, token: &[u8], carried: Client) -> Result<Client> {
    let mut request = door.join_request();
    request.get().set_token(token);
    request.get().set_carried(carried);
    let joined = request.send().promise.await.map_err(explain)?;
    joined.get()?.get_given().map_err(Into::into)
}

fn explain(error: Error) -> Error {
    let advice = match error.kind {
        ErrorKind::Unimplemented => {
            "; the server does not offer them, and a stream without one goes by the connection that there is"
        }
        _ => "",
    };
    Error::new(
        error.kind,
        format!("no dedicated connection: {}{advice}", error.reason),
    )
}

//! The server's side: tokens, and what they are good for.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use capstan_rpc::sinks_capnp::dedicated;
use capstan_rpc::{
    Client, ConnectionHandle, Error, Fulfiller, Result, WeakConnection, new_client,
    new_promise_client,
};

/// What a server lets its clients have by way of connections of their own for single streams. Clones share the tokens: one that
/// was got on a connection of one clone is good on connections of all of them, and nowhere else.
#[derive(Clone)]
pub struct Dedicated {
    tokens: Arc<Tokens>,
    per_connection: usize,
    token_lifetime: Duration,
}

impl Dedicated {
    /// How many dedicated connections and unused tokens each connection may have. Default 16.
    #[must_use]
    pub fn with_per_connection(self, per_connection: usize) -> Self {
        Self {
            per_connection,
            ..self
        }
    }

    /// How long a client may take to use a token. Default 30 s.
    #[must_use]
    pub fn with_token_lifetime(self, token_lifetime: Duration) -> Self {
        Self {
            token_lifetime,
            ..self
        }
    }

    /// Lets the client at the other end of a connection have them. To be called before its first message has come.
    pub(crate) fn offer(&self, connection: &ConnectionHandle) {
        connection.set_dedicated(new_client::<dedicated::Client, _>(Door {
            dedicated: self.clone(),
            connection: connection.downgrade(),
            used: Arc::default(),
            parent: OnceLock::new(),
        }));
    }
}

impl Default for Dedicated {
    fn default() -> Self {
        Self {
            tokens: Arc::default(),
            per_connection: 16,
            token_lifetime: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for Dedicated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedicated")
            .field("per_connection", &self.per_connection)
            .field("token_lifetime", &self.token_lifetime)
            .finish_non_exhaustive()
    }
}

/// As unlikely to be guessed as anything: 256 bits.
type Token = [u8; 32];

#[derive(Default)]
struct Tokens {
    unused: Mutex<HashMap<Token, Meeting>>,
}

impl Tokens {
    fn lock(&self) -> MutexGuard<'_, HashMap<Token, Meeting>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, token: &[u8]) -> Option<Meeting> {
        let token = Token::try_from(token).ok()?;
        self.lock().remove(&token)
    }
}

/// Two connections that are to exchange a capability each.
struct Meeting {
    parent: WeakConnection,
    given: Client,
    carried: Fulfiller<Client>,
    place: Place,
}

/// One of those that a connection may have.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(used: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let place = Self(Arc::clone(used));
        (used.fetch_add(1, Ordering::Relaxed) < limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one connection's client gets.
struct Door {
    dedicated: Dedicated,
    connection: WeakConnection,
    used: Arc<AtomicUsize>,
    /// Set once this connection is a dedicated one.
    parent: OnceLock<WeakConnection>,
}

impl dedicated::Server for Door {
    async fn open(
        &self,
        params: dedicated::OpenParams,
        mut results: dedicated::OpenResults,
    ) -> Result<()> {
        let limit = self.dedicated.per_connection;
        let place = Place::take(&self.used, limit).ok_or_else(|| {
            Error::overloaded(format!(
                "this connection has {limit} dedicated connections, and may not have more; wait until streams end"
            ))
        })?;
        let mut token = Token::default();
        getrandom::fill(&mut token)
            .map_err(|error| Error::failed(format!("no random numbers are to be had: {error}")))?;
        let (carried, fulfiller) = new_promise_client::<Client>();
        let meeting = Meeting {
            parent: self.connection.clone(),
            given: params.get()?.get_given()?,
            carried: fulfiller,
            place,
        };
        self.dedicated.tokens.lock().insert(token, meeting);
        self.expire(token);
        results.get().set_token(&token[..]);
        results.get().set_carried(carried);
        Ok(())
    }

    async fn join(
        &self,
        params: dedicated::JoinParams,
        mut results: dedicated::JoinResults,
    ) -> Result<()> {
        let params = params.get()?;
        // Used up even when it cannot be used: nobody has two tries.
        let meeting = self.dedicated.tokens.take(params.get_token()?);
        let meeting = meeting.ok_or_else(|| {
            Error::failed(
                "this token is not known: it was used before, has expired, or is not of this server; open another dedicated connection. \
                 (All connections of a server have to share its options, or their `Dedicated`.)",
            )
        })?;
        let connection = self.connection.upgrade();
        let (Some(connection), Some(parent)) = (connection, meeting.parent.upgrade()) else {
            return Err(Error::disconnected(PARENT_CLOSED));
        };
        if self.connection == meeting.parent || self.parent.set(meeting.parent.clone()).is_err() {
            return Err(Error::failed(
                "a dedicated connection has to be new: connect once more for each token",
            ));
        }
        close_together(parent, connection, meeting.place);
        results.get().set_given(meeting.given);
        meeting
            .carried
            .fulfill(params.get_carried().map_err(Error::from));
        Ok(())
    }
}

impl Door {
    /// Forgets a token when nobody came with it, at last.
    fn expire(&self, token: Token) {
        let tokens = Arc::downgrade(&self.dedicated.tokens);
        let lifetime = self.dedicated.token_lifetime;
        let Some(parent) = self.connection.upgrade() else {
            return;
        };
        let closed = parent.closed();
        tokio::spawn(async move {
            let why = tokio::select! {
                () = tokio::time::sleep(lifetime) => {
                    Error::failed(format!("the dedicated connection did not come within {lifetime:?}"))
                }
                _ = closed => Error::disconnected(PARENT_CLOSED),
            };
            let unused = tokens
                .upgrade()
                .and_then(|tokens| tokens.lock().remove(&token));
            if let Some(meeting) = unused {
                meeting.carried.fulfill(Err(why));
            }
        });
    }
}

/// Closes a dedicated connection with the one that it belongs to.
fn close_together(parent: ConnectionHandle, connection: ConnectionHandle, place: Place) {
    let parent_closed = parent.closed();
    let closed = connection.closed();
    let weak = connection.downgrade();
    tokio::spawn(async move {
        let _place = place;
        tokio::select! {
            _ = parent_closed => {
                if let Some(connection) = weak.upgrade() {
                    connection.close(Error::disconnected(PARENT_CLOSED));
                }
            }
            _ = closed => {}
        }
    });
}

pub(super) const PARENT_CLOSED: &str =
    "the connection was closed that this dedicated one belongs to";

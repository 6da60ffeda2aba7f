//! A client that outlives its connection.

use core::any::Any;
use std::sync::{Arc, Mutex, Weak};

use capstan_message::capability::{MaybeSend, MaybeSync};

use crate::BoxFuture;
use crate::client::{Client, FromClient};
use crate::error::Result;
use crate::promised::new_future_client;
use crate::runtime::lock;
use crate::server::{Dispatch, RawParams, RawResults};
use crate::vat::ExceptionKind;

/// A client of whatever `connect` gets, which connects with the first call, and again with the
/// first call after the connection was lost.
///
/// No call is made twice: those that the connection was lost under fail as disconnected, and
/// whether to repeat one is for its caller to decide. Capabilities that came over the lost
/// connection stay broken. What `connect` gives beside the client, such as the connection, is kept
/// for as long as the client is in use.
///
/// Called in a program that has a [`Runtime`](crate::Runtime), it is better given to that by
/// [`adopt`](crate::Runtime::adopt), so that calls which nobody waits for are made too. If the
/// connections are that runtime's, calls pipelined on results go at once; otherwise they wait for the results.
pub fn reconnecting<C, K, F>(connect: impl Fn() -> F + MaybeSend + MaybeSync + 'static) -> C
where
    C: FromClient + MaybeSend + 'static,
    K: MaybeSend + MaybeSync + 'static,
    F: Future<Output = Result<(C, K)>> + MaybeSend + 'static,
{
    let connect = move || -> BoxFuture<Result<(Client, Kept)>> {
        let connecting = connect();
        Box::pin(async move {
            let (client, kept) = connecting.await?;
            Ok((client.into_client(), Box::new(kept) as Kept))
        })
    };
    let dispatch = Arc::new(Reconnecting {
        connect: Box::new(connect),
        current: Arc::default(),
    });
    C::from_client(Client::local(dispatch).0)
}

#[cfg(not(target_arch = "wasm32"))]
type Kept = Box<dyn Any + Send + Sync>;
#[cfg(target_arch = "wasm32")]
type Kept = Box<dyn Any>;

#[cfg(not(target_arch = "wasm32"))]
type Connect = dyn Fn() -> BoxFuture<Result<(Client, Kept)>> + Send + Sync;
#[cfg(target_arch = "wasm32")]
type Connect = dyn Fn() -> BoxFuture<Result<(Client, Kept)>>;

struct Reconnecting {
    connect: Box<Connect>,
    current: Arc<Mutex<Current>>,
}

#[derive(Default)]
struct Current {
    /// Counts connections, so that late news of an earlier one do not end a later one.
    number: u64,
    client: Option<Client>,
    kept: Option<Kept>,
}

impl Reconnecting {
    /// The client for the next call, of a new connection if the last one is over.
    fn client(&self) -> Client {
        let (number, known) = {
            let current = lock(&self.current);
            (current.number, current.client.clone())
        };
        if let Some(client) = known {
            if !is_lost(&client) {
                return client;
            }
            lose(&Arc::downgrade(&self.current), number);
        }
        let mut current = lock(&self.current);
        if let Some(client) = &current.client {
            // Another call was faster.
            return client.clone();
        }
        current.number += 1;
        let number = current.number;
        let place = Arc::downgrade(&self.current);
        let connecting = (self.connect)();
        let client = new_future_client::<Client>(async move {
            match connecting.await {
                Ok((client, kept)) => {
                    if let Some(place) = place.upgrade() {
                        let mut current = lock(&place);
                        if current.number == number && current.client.is_some() {
                            current.kept = Some(kept);
                        }
                    }
                    Ok(client)
                }
                Err(error) => {
                    lose(&place, number);
                    Err(error)
                }
            }
        });
        current.client = Some(client.clone());
        client
    }
}

/// An object that is broken for another reason than its connection would be so again.
fn is_lost(client: &Client) -> bool {
    client
        .failure()
        .is_some_and(|error| error.kind == ExceptionKind::Disconnected)
}

/// This connection is of no more use.
fn lose(place: &Weak<Mutex<Current>>, number: u64) {
    let Some(place) = place.upgrade() else {
        return;
    };
    let lost = {
        let mut current = lock(&place);
        if current.number != number {
            return;
        }
        (current.client.take(), current.kept.take())
    };
    // What is dropped may be anybody's.
    drop(lost);
}

impl Dispatch for Reconnecting {
    fn dispatch(
        self: Arc<Self>,
        interface_id: u64,
        method_id: u16,
        params: RawParams,
        results: RawResults,
    ) -> BoxFuture<Result<()>> {
        let client = self.client();
        results.adopt(&client);
        let request = params.pass_on(&client, interface_id, method_id);
        // What is pipelined on the results goes on with the call, before there are any.
        let passed = request.map(|request| results.tail_call(request));
        Box::pin(core::future::ready(passed))
    }

    fn streaming_methods(&self) -> &'static [(u64, u16)] {
        &[]
    }

    fn concurrent(&self) -> bool {
        true
    }
}

//! Clients of objects that are not known yet.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::{Arc, Mutex, OnceLock};

use capstan_message::capability::MaybeSend;

use crate::BoxFuture;
use crate::client::{AttachedCap, Client, FromClient, Hook};
use crate::error::Result;
use crate::runtime::{Runtime, Shared, lock};
use crate::vat::{Exception, PromiseId};

/// A client that can be called and passed on at once, and what it is a client of later.
///
/// Calls wait until it is known, and those who have got the client are told then, so that they
/// need not call by way of this process any more.
pub fn new_promise_client<C: FromClient>() -> (C, Fulfiller<C>) {
    let (client, promise) = promised();
    let fulfiller = Fulfiller {
        promise: Some(promise),
        marker: core::marker::PhantomData,
    };
    (C::from_client(client), fulfiller)
}

/// A client of what a future results in. The future is run from the first use of the client on,
/// on the tasks of the runtime that it is used in.
pub fn new_future_client<C: FromClient + 'static>(
    future: impl Future<Output = Result<C>> + MaybeSend + 'static,
) -> C {
    let (client, fulfiller) = new_promise_client::<C>();
    let task: BoxFuture<()> = Box::pin(async move { fulfiller.fulfill(future.await) });
    if let Some(Hook::Promise(promise)) = client.as_client().hook() {
        *lock(&promise.task) = Some(task);
    }
    client
}

/// Decides what a promised client is. Dropped undecided, all calls to it fail.
pub struct Fulfiller<C> {
    promise: Option<Arc<Promised>>,
    marker: core::marker::PhantomData<fn(C)>,
}

impl<C: FromClient> Fulfiller<C> {
    /// Lets the calls that wait go on to this client's object, or fail.
    pub fn fulfill(mut self, to: Result<C>) {
        if let Some(promise) = self.promise.take() {
            promise.decide(to.map(FromClient::into_client));
        }
    }
}

impl<C> Drop for Fulfiller<C> {
    fn drop(&mut self) {
        if let Some(promise) = self.promise.take() {
            promise.decide(Err(Exception::failed(
                "whoever promised this capability has dropped the promise",
            )));
        }
    }
}

/// What a client of a promise refers to. It belongs to the first runtime it is used with.
pub(crate) struct LocalPromise {
    promise: Arc<Promised>,
    pub(crate) attached: OnceLock<AttachedCap>,
    /// What will decide it, until someone runs that.
    task: Mutex<Option<BoxFuture<()>>>,
}

struct Promised {
    state: Mutex<State>,
}

enum State {
    /// Where it waits, if anywhere yet.
    Open(Option<(Arc<Shared>, PromiseId)>),
    Decided(Result<Client>),
    /// And whoever had to know it knows.
    Done,
}

fn promised() -> (Client, Arc<Promised>) {
    let promise = Arc::new(Promised {
        state: Mutex::new(State::Open(None)),
    });
    let local = LocalPromise {
        promise: Arc::clone(&promise),
        attached: OnceLock::new(),
        task: Mutex::new(None),
    };
    (Client::from_hook(Hook::Promise(local)), promise)
}

impl Promised {
    fn decide(&self, to: Result<Client>) {
        let waiting = {
            let mut state = lock(&self.state);
            match &mut *state {
                State::Open(None) => {
                    *state = State::Decided(to);
                    return;
                }
                State::Open(waiting) => {
                    let waiting = waiting.take();
                    *state = State::Done;
                    waiting
                }
                State::Decided(_) | State::Done => None,
            }
        };
        if let Some((runtime, promise)) = waiting {
            runtime.fulfill(promise, to);
        }
    }
}

impl LocalPromise {
    /// Where it waits; if nowhere yet, in the runtime that `choose` gives. Not to be called while
    /// a runtime is locked.
    pub(crate) fn attach(&self, choose: impl FnOnce() -> Arc<Shared>) -> &AttachedCap {
        let attached = self.attached.get_or_init(|| {
            let runtime = choose();
            let (promise, cap) = runtime.enter(|state, _| state.vat.promise());
            let decided = {
                let mut state = lock(&self.promise.state);
                match core::mem::replace(&mut *state, State::Done) {
                    State::Decided(to) => Some(to),
                    _ => {
                        *state = State::Open(Some((Arc::clone(&runtime), promise)));
                        None
                    }
                }
            };
            if let Some(to) = decided {
                runtime.fulfill(promise, to);
            }
            AttachedCap { runtime, cap }
        });
        // After it is attached: the task may use the client itself.
        let task = lock(&self.task).take();
        if let Some(task) = task {
            attached.runtime.spawn(task);
        }
        attached
    }
}

/// Waits until it is known what a capability is.
pub(crate) struct WhenResolved {
    pub(crate) client: Client,
}

impl Future for WhenResolved {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let attached = match self.client.hook() {
            Some(Hook::Local(_)) => return Poll::Ready(Ok(())),
            Some(Hook::Promise(promise)) => promise.attach(|| Runtime::detached().into_shared()),
            _ => self.client.target()?,
        };
        attached.runtime.drive(cx);
        attached.runtime.poll_resolved(attached.cap, cx)
    }
}

//! Capabilities that pass a border, where every call through them can be refused.

use core::task::{Poll, Waker};
use std::sync::{Arc, Mutex};

use capstan_message::any_pointer;
use capstan_message::capability::{CapHandle, MaybeSend, MaybeSync};
use futures_util::future::{Either, select};

use crate::BoxFuture;
use crate::client::{Client, FromClient};
use crate::error::Result;
use crate::runtime::lock;
use crate::server::{Dispatch, RawParams, RawResults};
use crate::vat::Exception;

/// What may pass a border, in either direction.
pub trait Membrane: MaybeSend + MaybeSync + 'static {
    /// Whether a call may be made: `inward` to an object within, or outward to one that was given to
    /// those within. An error is what its caller gets.
    fn check(&self, inward: bool, interface_id: u64, method_id: u16) -> Result<()>;

    /// Ends calls that are under way, when it resolves. By default it never does.
    fn ended(&self) -> BoxFuture<Exception> {
        Box::pin(core::future::pending())
    }
}

/// A client of the same object by way of the membrane. Capabilities in the params and results of
/// its calls pass the membrane too, and those in theirs.
pub fn membrane<C: FromClient>(client: C, membrane: Arc<dyn Membrane>) -> C {
    C::from_client(gate(client.into_client(), membrane, true))
}

/// A client that can be cut off from its object, and what cuts it off.
///
/// With it go all capabilities that have come through it in either direction, and the calls under way.
pub fn revocable<C: FromClient>(client: C) -> (C, Revoker) {
    let revocation = Arc::<Revocation>::default();
    let revoker = Revoker {
        revocation: Arc::clone(&revocation),
    };
    (membrane(client, revocation), revoker)
}

/// Cuts off what it came with; dropping it does not.
pub struct Revoker {
    revocation: Arc<Revocation>,
}

impl Revoker {
    /// Calls fail with this error from now on.
    pub fn revoke(&self, reason: Exception) {
        let wakers = {
            let mut state = lock(&self.revocation.state);
            state.reason.get_or_insert(reason);
            core::mem::take(&mut state.wakers)
        };
        for waker in wakers {
            waker.wake();
        }
    }
}

#[derive(Default)]
struct Revocation {
    state: Arc<Mutex<RevocationState>>,
}

#[derive(Default)]
struct RevocationState {
    reason: Option<Exception>,
    wakers: Vec<Waker>,
}

impl Membrane for Revocation {
    fn check(&self, _inward: bool, _interface_id: u64, _method_id: u16) -> Result<()> {
        lock(&self.state).reason.clone().map_or(Ok(()), Err)
    }

    fn ended(&self) -> BoxFuture<Exception> {
        let state = Arc::clone(&self.state);
        Box::pin(core::future::poll_fn(move |cx| {
            let mut state = lock(&state);
            match &state.reason {
                Some(reason) => Poll::Ready(reason.clone()),
                None => {
                    if !state.wakers.iter().any(|known| known.will_wake(cx.waker())) {
                        state.wakers.push(cx.waker().clone());
                    }
                    Poll::Pending
                }
            }
        }))
    }
}

fn gate(client: Client, membrane: Arc<dyn Membrane>, inward: bool) -> Client {
    let gate = Gate {
        client,
        membrane,
        inward,
    };
    Client::local(Arc::new(gate)).0
}

/// Stands at the border for one object.
struct Gate {
    client: Client,
    membrane: Arc<dyn Membrane>,
    inward: bool,
}

impl Gate {
    /// Capabilities as they look from the other side.
    fn pass(&self, caps: Vec<Option<CapHandle>>, inward: bool) -> Vec<Option<CapHandle>> {
        let pass = |cap| {
            gate(
                Client::from_cap(Some(cap)),
                Arc::clone(&self.membrane),
                inward,
            )
        };
        caps.into_iter()
            .map(|cap| cap.and_then(|cap| pass(cap).into_cap()))
            .collect()
    }
}

impl Dispatch for Gate {
    fn dispatch(
        self: Arc<Self>,
        interface_id: u64,
        method_id: u16,
        params: RawParams,
        mut results: RawResults,
    ) -> BoxFuture<Result<()>> {
        Box::pin(async move {
            self.membrane.check(self.inward, interface_id, method_id)?;
            let mut request = self
                .client
                .new_call::<any_pointer::Owned, any_pointer::Owned>(interface_id, method_id, None);
            request.set(params.get()?)?;
            drop(params);
            request.map_caps(|caps| self.pass(caps, !self.inward));
            match select(request.send().promise, self.membrane.ended()).await {
                Either::Left((response, _)) => {
                    results.get().set_as(response?.get()?)?;
                    results.map_caps(|caps| self.pass(caps, self.inward));
                    Ok(())
                }
                Either::Right((reason, _)) => Err(reason),
            }
        })
    }

    fn streaming_methods(&self) -> &'static [(u64, u16)] {
        &[]
    }

    fn concurrent(&self) -> bool {
        true
    }
}

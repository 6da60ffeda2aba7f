//! Capabilities that pass a border, where every call through them can be refused.

use core::any::Any;
use std::sync::{Arc, Mutex, Weak};

use capstan_message::capability::{CapHandle, MaybeSend, MaybeSync};
use futures_util::future::{Either, select};

use crate::BoxFuture;
use crate::client::{Client, FromClient};
use crate::error::Result;
use crate::moment::Moment;
use crate::observer::MethodName;
use crate::promised::new_future_client;
use crate::runtime::lock;
use crate::server::{Dispatch, RawParams, RawResults};
use crate::vat::Exception;

/// What may pass a border, in either direction.
pub trait Membrane: MaybeSend + MaybeSync + 'static {
    /// Whether a call may be made: `inward` to an object within, or outward to one that was given to
    /// those within. An error is what its caller gets.
    fn check(&self, inward: bool, interface_id: u64, method_id: u16) -> Result<()>;

    /// When it resolves, calls under way end, later ones fail, and nothing is held on to that they
    /// would have gone to. By default it never does. It is waited for from the first call on.
    fn ended(&self) -> BoxFuture<Exception> {
        Box::pin(core::future::pending())
    }
}

/// A client of the same object by way of the membrane. Capabilities in the params and results of
/// its calls pass the membrane too, and those in theirs; one that comes back the way it went is
/// what it was before.
pub fn membrane<C: FromClient>(client: C, membrane: Arc<dyn Membrane>) -> C {
    let border = Border {
        membrane,
        gates: Arc::default(),
    };
    C::from_client(border.gate(client.into_client(), true))
}

/// A client that can be cut off from its object, and what cuts it off.
///
/// With it go all capabilities that have come through it in either direction, and the calls under way.
pub fn revocable<C: FromClient>(client: C) -> (C, Revoker) {
    let moment = Arc::<Moment<Exception>>::default();
    let border = Border {
        membrane: Arc::new(Revocation(Arc::clone(&moment))),
        gates: Arc::default(),
    };
    let gates = Arc::downgrade(&border.gates);
    let client = border.gate(client.into_client(), true);
    (C::from_client(client), Revoker { moment, gates })
}

/// Cuts off what it came with; dropping it does not.
pub struct Revoker {
    moment: Arc<Moment<Exception>>,
    gates: Weak<Gates>,
}

impl Revoker {
    /// Calls fail with this error from now on, and nothing is held on to that they would have gone to.
    pub fn revoke(&self, reason: Exception) {
        if let Some(gates) = self.gates.upgrade() {
            gates.close(reason.clone());
        }
        for waker in self.moment.come(reason) {
            waker.wake();
        }
    }
}

struct Revocation(Arc<Moment<Exception>>);

impl Membrane for Revocation {
    fn check(&self, _inward: bool, _interface_id: u64, _method_id: u16) -> Result<()> {
        Ok(())
    }

    fn ended(&self) -> BoxFuture<Exception> {
        Box::pin(self.0.wait())
    }
}

/// What stands at one border.
#[derive(Default)]
struct Gates {
    state: Mutex<Standing>,
    /// The last of them is gone.
    gone: Arc<Moment<()>>,
}

#[derive(Default)]
struct Standing {
    gates: Vec<Weak<Gate>>,
    /// Why none of them lets anything through any more.
    closed: Option<Exception>,
    /// Someone waits for the membrane's end.
    watched: bool,
}

impl Gates {
    fn add(&self, gate: &Arc<Gate>) {
        let mut state = lock(&self.state);
        if state.closed.is_some() {
            drop(state);
            return gate.let_go();
        }
        // Looking for dead ones only when the list would grow anyway keeps this cheap.
        if state.gates.len() == state.gates.capacity() {
            state.gates.retain(|gate| gate.strong_count() > 0);
        }
        state.gates.push(Arc::downgrade(gate));
    }

    fn close(&self, reason: Exception) {
        let gates = {
            let mut state = lock(&self.state);
            state.closed.get_or_insert(reason);
            core::mem::take(&mut state.gates)
        };
        for gate in gates.iter().filter_map(Weak::upgrade) {
            gate.let_go();
        }
    }

    fn check(&self) -> Result<()> {
        lock(&self.state).closed.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Gates {
    fn drop(&mut self) {
        for waker in self.gone.come(()) {
            waker.wake();
        }
    }
}

#[derive(Clone)]
struct Border {
    membrane: Arc<dyn Membrane>,
    gates: Arc<Gates>,
}

impl Border {
    fn gate(&self, client: Client, inward: bool) -> Client {
        let gate = Arc::new(Gate {
            target: Mutex::new(Some(client)),
            border: self.clone(),
            inward,
        });
        self.gates.add(&gate);
        Client::local(gate).0
    }

    /// Waits for the end, once, for as long as there is a gate to close then.
    fn watch(&self, results: &RawResults) {
        if core::mem::replace(&mut lock(&self.gates.state).watched, true) {
            return;
        }
        let gates = Arc::downgrade(&self.gates);
        let gone = self.gates.gone.wait();
        let ended = self.membrane.ended();
        results.spawn(async move {
            if let Either::Left((reason, _)) = select(ended, gone).await
                && let Some(gates) = gates.upgrade()
            {
                gates.close(reason);
            }
        });
    }

    /// Capabilities as they look from the other side.
    fn pass(&self, caps: Vec<Option<CapHandle>>, inward: bool) -> Vec<Option<CapHandle>> {
        let pass = |cap| {
            self.pass_one(Client::from_cap(Some(cap)), inward)
                .into_cap()
        };
        caps.into_iter().map(|cap| cap.and_then(pass)).collect()
    }

    fn pass_one(&self, client: Client, inward: bool) -> Client {
        if client.is_resolved() {
            return self.pass_known(client, inward);
        }
        // It may turn out to be one that comes back.
        let border = self.clone();
        new_future_client(async move {
            client.when_resolved().await?;
            Ok(border.pass_known(client, inward))
        })
    }

    fn pass_known(&self, client: Client, inward: bool) -> Client {
        self.went_out_by(&client, !inward)
            .unwrap_or_else(|| self.gate(client, inward))
    }

    /// What the client was before it passed this border in that direction, if it did.
    fn went_out_by(&self, client: &Client, inward: bool) -> Option<Client> {
        let dispatch = client.local_dispatch()?;
        let dispatch: &dyn Any = &*dispatch;
        let gate = dispatch.downcast_ref::<Gate>()?;
        (gate.inward == inward && gate.border.is_same(self)).then_some(())?;
        lock(&gate.target).clone()
    }

    fn is_same(&self, other: &Self) -> bool {
        core::ptr::addr_eq(Arc::as_ptr(&self.membrane), Arc::as_ptr(&other.membrane))
    }
}

/// Stands at the border for one object.
struct Gate {
    /// None once the border is closed.
    target: Mutex<Option<Client>>,
    border: Border,
    inward: bool,
}

impl Gate {
    fn let_go(&self) {
        let target = lock(&self.target).take();
        // What is dropped may be anybody's.
        drop(target);
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
            let border = &self.border;
            border.gates.check()?;
            border.watch(&results);
            border
                .membrane
                .check(self.inward, interface_id, method_id)?;
            let target = lock(&self.target).clone();
            let target = target.unwrap_or_else(|| Client::from_cap(None));
            results.adopt(&target);
            let mut request = params.pass_on(&target, interface_id, method_id)?;
            drop(target);
            request.map_caps(|caps| border.pass(caps, !self.inward));
            match select(request.send().promise, border.membrane.ended()).await {
                Either::Left((response, _)) => {
                    results.get().set_as(response?.get()?)?;
                    results.map_caps(|caps| border.pass(caps, self.inward));
                    Ok(())
                }
                Either::Right((reason, _)) => {
                    border.gates.close(reason.clone());
                    Err(reason)
                }
            }
        })
    }

    fn streaming_methods(&self) -> &'static [(u64, u16)] {
        &[]
    }

    fn concurrent(&self) -> bool {
        true
    }

    fn method_name(&self, interface_id: u64, method_id: u16) -> Option<MethodName> {
        let target = lock(&self.target).clone()?.local_dispatch()?;
        target.method_name(interface_id, method_id)
    }
}

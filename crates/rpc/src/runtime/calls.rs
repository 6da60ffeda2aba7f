//! Making and answering calls.

use core::task::{Context, Poll};
use std::sync::Arc;

use capstan_message::capability::CapHandle;

use super::effects::Effects;
use super::objects::{BARRIER_INTERFACE_ID, HostedObject, Origin};
use super::{Shared, State};
use crate::client::{AttachedCap, Client, Hook, ServerId, attached_handle};
use crate::error::Result;
use crate::request::{CallHandle, StreamWait, StreamingSend, Waiter, admit};
use crate::server::{Dispatch, Left, Tail};
use crate::vat::{
    AnswerId, CallId, CapId, Exception, FlowControl, Outgoing, PromiseId, StreamStats,
};

impl Shared {
    pub(crate) fn call(self: &Arc<Self>, target: CapId, mut params: Outgoing) -> Arc<CallHandle> {
        let table = self.prepare(&mut params);
        self.enter(|state, now| {
            let caps = table.retain(state);
            let id = state.vat.call(now, target, params, caps);
            let handle = CallHandle::new(Arc::clone(self), id);
            state
                .waiters
                .insert(id, Waiter::Call(Arc::downgrade(&handle)));
            handle
        })
    }

    pub(crate) fn call_streaming(
        self: &Arc<Self>,
        target: CapId,
        mut params: Outgoing,
    ) -> StreamingSend {
        let table = self.prepare(&mut params);
        self.enter(|state, now| {
            let caps = table.retain(state);
            match state.vat.call_streaming(now, target, params, caps) {
                Ok(admission) => {
                    let (send, waiter) = admit(self, admission);
                    state.waiters.extend(waiter);
                    send
                }
                Err(error) => StreamingSend::done(Err(error)),
            }
        })
    }

    /// Answers a call; what has to be done about it is for the caller.
    pub(super) fn answer(self: &Arc<Self>, answer: AnswerId, left: Result<Left>) -> Effects {
        match left {
            Ok(Left::Tail(Tail { client, mut params })) => {
                let target = self.table(vec![client.into_cap()]);
                let table = self.prepare(&mut params);
                let ((), effects) = self.change(|state, now| {
                    let caps = table.retain(state);
                    state.running.remove(&answer);
                    match target.retain(state).pop().flatten() {
                        Some(target) => {
                            state.vat.tail_call(now, answer, target, params, caps);
                            state.vat.release(now, target);
                        }
                        None => {
                            for cap in caps.into_iter().flatten() {
                                state.vat.release(now, cap);
                            }
                            let error = Exception::failed(
                                "a method ended with a call of a null capability",
                            );
                            state.vat.return_exception(now, answer, error);
                        }
                    }
                });
                effects
            }
            Ok(Left::Results(mut results)) => {
                let table = self.prepare(&mut results);
                let ((), effects) = self.change(|state, now| {
                    let caps = table.retain(state);
                    state.running.remove(&answer);
                    state.vat.return_results(now, answer, results, caps);
                });
                effects
            }
            Err(error) => {
                let ((), effects) = self.change(|state, now| {
                    state.running.remove(&answer);
                    state.vat.return_exception(now, answer, error);
                });
                effects
            }
        }
    }

    /// Decides what a promise of this runtime's is.
    pub(crate) fn fulfill(self: &Arc<Self>, promise: PromiseId, to: Result<Client>) {
        let to = to.map(|client| self.table(vec![client.into_cap()]));
        self.enter(|state, now| {
            let to = to.as_ref().map_err(Clone::clone).and_then(|table| {
                let cap = table.retain(state).pop().flatten();
                cap.ok_or_else(|| {
                    Exception::failed("a promise was fulfilled with a null capability")
                })
            });
            state.vat.fulfill(now, promise, to);
        });
    }

    /// Ready when it is known what the capability is; with the error if that is none.
    pub(crate) fn poll_resolved(
        self: &Arc<Self>,
        cap: CapId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        self.enter(|state, _| {
            if !state.watched.contains_key(&cap) && !state.vat.watch(cap) {
                return Poll::Ready(state.vat.failure(cap).map_or(Ok(()), Err));
            }
            let wakers = state.watched.entry(cap).or_default();
            if !wakers.iter().any(|known| known.will_wake(cx.waker())) {
                wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
    }

    pub(crate) fn set_pipeline(self: &Arc<Self>, answer: AnswerId, mut results: Outgoing) {
        let table = self.prepare(&mut results);
        self.enter(|state, now| {
            // Another call may have the id by now.
            if state.running.contains_key(&answer) {
                let caps = table.retain(state);
                state.vat.set_pipeline(now, answer, results, caps);
            }
        });
    }

    /// Nobody waits for this call any more. Its id may be another call's by now.
    pub(crate) fn drop_call(self: &Arc<Self>, id: CallId, handle: *const CallHandle) {
        self.drop_waiter(
            id,
            |waiter| matches!(waiter, Waiter::Call(known) if known.as_ptr() == handle),
        );
    }

    /// Nobody waits for this streamed call any more. Its id may be another call's by now.
    pub(crate) fn drop_stream_wait(self: &Arc<Self>, id: CallId, wait: *const StreamWait) {
        self.drop_waiter(
            id,
            |waiter| matches!(waiter, Waiter::Stream(known) if known.as_ptr() == wait),
        );
    }

    fn drop_waiter(self: &Arc<Self>, id: CallId, is_it: impl FnOnce(&Waiter) -> bool) {
        self.enter(|state, now| {
            if state.waiters.get(&id).is_some_and(is_it) {
                state.waiters.remove(&id);
                state.vat.drop_call(now, id);
            }
        });
    }

    /// Finds out what the capabilities of a message are called here. Runs before locking, since
    /// it may have to host objects.
    fn prepare(self: &Arc<Self>, outgoing: &mut Outgoing) -> CapTable {
        self.table(outgoing.frame_mut().take_caps())
    }

    pub(super) fn table(self: &Arc<Self>, handles: Vec<Option<CapHandle>>) -> CapTable {
        CapTable {
            entries: handles
                .into_iter()
                .map(|handle| self.entry(handle))
                .collect(),
        }
    }

    fn entry(self: &Arc<Self>, handle: Option<CapHandle>) -> Entry {
        let Some(handle) = handle else {
            return Entry::Null;
        };
        let attached = match handle.downcast_ref::<Hook>() {
            Some(Hook::Null) => return Entry::Null,
            Some(Hook::Broken(error)) => return Entry::Broken(error.clone()),
            Some(Hook::Attached(attached)) => attached,
            Some(Hook::Local(server)) => server.attach(|| Arc::clone(self)),
            Some(Hook::Promise(promise)) => promise.attach(|| Arc::clone(self)),
            None => {
                return Entry::Broken(Exception::failed(
                    "a message carried a capability that does not come from this RPC implementation",
                ));
            }
        };
        if Arc::ptr_eq(&attached.runtime, self) {
            return Entry::Cap(attached.cap, handle);
        }
        // A capability of another runtime. If it stands there for one of ours, the way over there
        // and back is cut short.
        match attached.proxied() {
            Some(client) if client.belongs_to(self) => self.entry(client.into_cap()),
            _ => self.entry(Some(self.proxy(Client::from_cap(Some(handle))))),
        }
    }

    /// An object here that passes its calls on.
    fn proxy(self: &Arc<Self>, client: Client) -> CapHandle {
        let cap = self.host_proxy(client);
        attached_handle(Arc::clone(self), cap)
    }
}

/// The capabilities of a message that is about to be sent. Keeps them alive until the vat has
/// references of its own.
pub(super) struct CapTable {
    entries: Vec<Entry>,
}

enum Entry {
    Null,
    Cap(
        CapId,
        #[allow(dead_code, reason = "keeps the reference alive")] CapHandle,
    ),
    Broken(Exception),
}

impl CapTable {
    pub(super) fn retain(&self, state: &mut State) -> Vec<Option<CapId>> {
        let retain = |entry: &Entry| match entry {
            Entry::Null => None,
            Entry::Cap(cap, _) => {
                state.vat.retain(*cap);
                Some(*cap)
            }
            Entry::Broken(error) => Some(state.vat.broken(error.clone())),
        };
        self.entries.iter().map(retain).collect()
    }
}

impl Client {
    /// Makes an object without a runtime belong to this one.
    pub(crate) fn attach_to(&self, runtime: &Arc<Shared>) {
        match self.hook() {
            Some(Hook::Local(server)) => {
                server.attach(|| Arc::clone(runtime));
            }
            Some(Hook::Promise(promise)) => {
                promise.attach(|| Arc::clone(runtime));
            }
            _ => {}
        }
    }

    fn belongs_to(&self, runtime: &Arc<Shared>) -> bool {
        self.location()
            .is_some_and(|attached| Arc::ptr_eq(&attached.runtime, runtime))
    }

    /// Whether it is known where it leads.
    pub(crate) fn is_resolved(&self) -> bool {
        match (self.location(), self.hook()) {
            (Some(attached), _) => match attached.proxied() {
                Some(client) => client.is_resolved(),
                None => attached
                    .runtime
                    .enter(|state, _| state.vat.is_resolved(attached.cap)),
            },
            (None, Some(Hook::Promise(_))) => false,
            (None, _) => true,
        }
    }

    /// Why all calls of it fail, if it is known that they do.
    pub(crate) fn failure(&self) -> Option<Exception> {
        if let Some(Hook::Broken(error)) = self.hook() {
            return Some(error.clone());
        }
        let attached = self.location()?;
        match attached.proxied() {
            Some(client) => client.failure(),
            None => attached
                .runtime
                .enter(|state, _| state.vat.failure(attached.cap)),
        }
    }

    /// The object of this process that it leads to, if it is known to lead to one.
    pub(crate) fn local_dispatch(&self) -> Option<Arc<dyn Dispatch>> {
        let Some(attached) = self.location() else {
            return match self.hook()? {
                Hook::Local(server) => Some(Arc::clone(server.dispatch())),
                _ => None,
            };
        };
        let hosted = attached.hosted()?;
        match &hosted.origin {
            Origin::Server(_) => Some(Arc::clone(&hosted.dispatch)),
            Origin::Proxy(client) => client.local_dispatch(),
        }
    }

    /// What its streamed calls are doing; none when there were none.
    #[must_use]
    pub fn stream_stats(&self) -> Option<StreamStats> {
        let attached = self.location()?;
        attached
            .runtime
            .enter(|state, _| state.vat.stream_stats(attached.cap))
    }

    /// Chooses how the window of its stream is found from now on, whatever its connection's streams do.
    pub fn set_flow_control(&self, flow_control: FlowControl) {
        if let Some(attached) = self.location() {
            attached.runtime.enter(|state, _| {
                state
                    .vat
                    .set_stream_flow_control(attached.cap, flow_control);
            });
        }
    }

    /// Which object of this process this is, if it is one, once the promises on the way to it are
    /// resolved and the calls streamed to it before have been dealt with.
    pub(crate) async fn local_server(&self) -> Option<ServerId> {
        let mut client = self.clone();
        loop {
            let hook = client.hook()?;
            let Some(attached) = client.location() else {
                match hook {
                    Hook::Local(server) => return Some(server.id),
                    // Now it is somewhere.
                    Hook::Promise(_) => client.target().ok()?,
                    _ => return None,
                };
                continue;
            };
            attached.settle().await;
            match attached.hosted()?.origin {
                Origin::Server(id) => return Some(id),
                Origin::Proxy(ref behind) => {
                    let behind = behind.clone();
                    client = behind;
                }
            }
        }
    }
}

impl AttachedCap {
    /// Waits until it is known where the capability leads and what was streamed there before has
    /// been dealt with.
    async fn settle(&self) {
        // A call goes wherever promises lead and waits for streamed ones, so its return means
        // both. How it ends does not matter: a broken stream is the business of its caller.
        let barrier = self
            .runtime
            .call(self.cap, Outgoing::call(BARRIER_INTERFACE_ID, 0, 0));
        let _ = core::future::poll_fn(|cx| {
            self.runtime.drive(cx);
            barrier.poll(cx)
        })
        .await;
    }

    /// Whether both lead to the same object, as far as is known, and whatever runtimes they are in.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.runtime, &other.runtime)
            && self
                .runtime
                .enter(|state, _| state.vat.is_same(self.cap, other.cap))
        {
            return true;
        }
        match (self.proxied(), other.proxied()) {
            (None, None) => false,
            (Some(one), Some(other)) => one == other,
            (Some(client), None) => client.location().is_some_and(|one| one.is_same(other)),
            (None, Some(client)) => client.location().is_some_and(|other| self.is_same(other)),
        }
    }

    fn hosted(&self) -> Option<Arc<HostedObject>> {
        self.runtime.enter(|state, _| {
            let object = state.vat.local_object(self.cap)?;
            state.objects.get(&object).map(Arc::clone)
        })
    }

    fn proxied(&self) -> Option<Client> {
        match &self.hosted()?.origin {
            Origin::Proxy(client) => Some(client.clone()),
            Origin::Server(_) => None,
        }
    }
}

//! Making and answering calls.

use std::sync::Arc;

use capstan_message::capability::CapHandle;

use super::effects::Effects;
use super::objects::BARRIER_INTERFACE_ID;
use super::{Shared, State};
use crate::client::{AttachedCap, Client, Hook, ServerId};
use crate::error::Result;
use crate::request::{CallHandle, StreamWait, StreamingSend, Waiter, admit};
use crate::vat::{AnswerId, CallId, CapId, Exception, Outgoing};

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
    pub(super) fn answer(self: &Arc<Self>, answer: AnswerId, results: Result<Outgoing>) -> Effects {
        match results {
            Ok(mut results) => {
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
        let handles = outgoing.frame_mut().take_caps();
        let entries = handles
            .iter()
            .map(|handle| self.entry(handle.as_ref()))
            .collect();
        CapTable {
            entries,
            _handles: handles,
        }
    }

    fn entry(self: &Arc<Self>, handle: Option<&CapHandle>) -> Entry {
        let Some(handle) = handle else {
            return Entry::Null;
        };
        match handle.downcast_ref::<Hook>() {
            Some(Hook::Null) => Entry::Null,
            Some(Hook::Broken(error)) => Entry::Broken(error.clone()),
            Some(Hook::Attached(attached)) => self.attached_entry(attached),
            Some(Hook::Local(server)) => self.attached_entry(server.attach(|| Arc::clone(self))),
            None => Entry::Broken(Exception::failed(
                "a message carried a capability that does not come from this RPC implementation",
            )),
        }
    }

    fn attached_entry(self: &Arc<Self>, attached: &AttachedCap) -> Entry {
        if Arc::ptr_eq(&attached.runtime, self) {
            Entry::Cap(attached.cap)
        } else {
            Entry::Broken(Exception::failed(
                "this capability belongs to another runtime; let all connections that exchange capabilities share one",
            ))
        }
    }
}

/// The capabilities of a message that is about to be sent. Keeps them alive until the vat has
/// references of its own.
struct CapTable {
    entries: Vec<Entry>,
    _handles: Vec<Option<CapHandle>>,
}

enum Entry {
    Null,
    Cap(CapId),
    Broken(Exception),
}

impl CapTable {
    fn retain(&self, state: &mut State) -> Vec<Option<CapId>> {
        let retain = |entry: &Entry| match entry {
            Entry::Null => None,
            Entry::Cap(cap) => {
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
    pub(super) fn attach_to(&self, runtime: &Arc<Shared>) {
        if let Some(Hook::Local(server)) = self.hook() {
            server.attach(|| Arc::clone(runtime));
        }
    }

    /// Which object of this process this is, if it is one, once the promises on the way to it are
    /// resolved and the calls streamed to it before have been dealt with.
    pub(crate) async fn local_server(&self) -> Option<ServerId> {
        let attached = match self.hook()? {
            Hook::Attached(attached) => attached,
            Hook::Local(server) => match server.attached() {
                Some(attached) => attached,
                None => return Some(server.id),
            },
            Hook::Null | Hook::Broken(_) => return None,
        };
        let runtime = &attached.runtime;
        // A call goes wherever promises lead and waits for streamed ones, so its return means that
        // both are done. How it ends does not matter: a broken stream is the business of its caller.
        let barrier = runtime.call(attached.cap, Outgoing::call(BARRIER_INTERFACE_ID, 0, 0));
        let _ = core::future::poll_fn(|cx| {
            runtime.drive(cx);
            barrier.poll(cx)
        })
        .await;
        runtime.enter(|state, _| {
            let object = state.vat.local_object(attached.cap)?;
            Some(state.objects.get(&object)?.server)
        })
    }
}

//! From the vat's events to what has to be done about them.

use core::task::Waker;
use std::sync::Arc;

use futures_util::future::AbortHandle;

use super::connection::ConnectionState;
use super::objects::{Delivery, HostedObject, RunningCall};
use super::{Shared, State};
use crate::client::attached_handle;
use crate::observer::Observer;
use crate::request::{CallHandle, Waiter};
use crate::server::RawParams;
use crate::vat::{AnswerId, Event, Exception, Payload};

/// What is to be done after unlocking.
#[derive(Default)]
pub(super) struct Effects {
    wakers: Vec<Waker>,
    /// Connections with something to send, or that have ended.
    networks: Vec<Arc<ConnectionState>>,
    aborts: Vec<AbortHandle>,
    /// Values with code of users in their destructors.
    garbage: Vec<Garbage>,
    /// Objects with calls to run, each marked as running.
    objects: Vec<Arc<HostedObject>>,
}

#[allow(dead_code, reason = "kept to be dropped")]
enum Garbage {
    Object(Arc<HostedObject>),
    Payload(Payload),
    Call(Arc<CallHandle>),
}

impl Effects {
    /// Does everything but run the objects it returns.
    pub(super) fn carry_out(self) -> Option<Vec<Arc<HostedObject>>> {
        for waker in self.wakers {
            waker.wake();
        }
        for network in self.networks {
            network.wake();
        }
        for abort in self.aborts {
            abort.abort();
        }
        drop(self.garbage);
        (!self.objects.is_empty()).then_some(self.objects)
    }
}

impl State {
    pub(super) fn collect_effects(
        &mut self,
        runtime: &Arc<Shared>,
        now_micros: u64,
        effects: &mut Effects,
    ) {
        while let Some(event) = self.vat.poll_event() {
            self.collect_event(runtime, now_micros, event, effects);
        }
        while let Some(connection) = self.vat.poll_transmit_ready() {
            effects
                .networks
                .extend(self.connections.get(&connection).map(Arc::clone));
        }
    }

    /// Who wants to see this call.
    fn observer(&self, answer: AnswerId) -> Option<Arc<dyn Observer>> {
        if !self.is_observed {
            return None;
        }
        let connection = self.vat.caller(answer)?;
        self.connections.get(&connection)?.observer()
    }

    fn collect_event(
        &mut self,
        runtime: &Arc<Shared>,
        now_micros: u64,
        event: Event,
        effects: &mut Effects,
    ) {
        match event {
            Event::Call(call) => match self.objects.get(&call.object) {
                Some(object) => {
                    self.running.insert(call.answer, RunningCall::default());
                    let observer = self.observer(call.answer);
                    let params = RawParams::new(runtime, call.answer, adopt(runtime, call.params));
                    let delivery = Delivery {
                        answer: call.answer,
                        interface_id: call.interface_id,
                        method_id: call.method_id,
                        params,
                        observer,
                    };
                    if object.deliver(delivery) {
                        effects.objects.push(Arc::clone(object));
                    }
                }
                None => {
                    effects
                        .garbage
                        .push(Garbage::Payload(adopt(runtime, call.params)));
                    let error = Exception::failed("the object is gone");
                    self.vat.return_exception(now_micros, call.answer, error);
                }
            },
            Event::Return { call, result } => {
                let result = result.map(|payload| adopt(runtime, payload));
                match self.waiters.remove(&call) {
                    Some(Waiter::Call(handle)) => match handle.upgrade() {
                        Some(handle) => {
                            effects.wakers.extend(handle.complete(result));
                            // Its last other owner may be gone by now.
                            effects.garbage.push(Garbage::Call(handle));
                        }
                        None => effects.garbage.extend(result.ok().map(Garbage::Payload)),
                    },
                    Some(Waiter::Stream(_)) | None => {
                        effects.garbage.extend(result.ok().map(Garbage::Payload))
                    }
                }
            }
            Event::StreamReady { call, result } => {
                if let Some(Waiter::Stream(wait)) = self.waiters.remove(&call)
                    && let Some(wait) = wait.upgrade()
                {
                    effects.wakers.extend(wait.complete(result));
                }
            }
            Event::Canceled { answer } => {
                if let Some(call) = self.running.get_mut(&answer) {
                    let (wakers, task) = call.cancel();
                    effects.wakers.extend(wakers);
                    effects.aborts.extend(task);
                }
            }
            Event::ObjectReleased { object } => effects
                .garbage
                .extend(self.objects.remove(&object).map(Garbage::Object)),
            Event::Resolved { cap } => {
                effects
                    .wakers
                    .extend(self.watched.remove(&cap).unwrap_or_default());
                self.vat.release(now_micros, cap);
            }
            Event::Closed { connection, reason } => {
                if let Some(network) = self.connections.remove(&connection) {
                    effects.wakers.extend(network.close(reason));
                    effects.networks.push(network);
                }
            }
        }
    }
}

/// Gives each of the payload's references an owner, and the message a table of them.
fn adopt(runtime: &Arc<Shared>, mut payload: Payload) -> Payload {
    if !payload.caps.is_empty() {
        let table = payload
            .caps
            .iter()
            .map(|cap| cap.map(|cap| attached_handle(Arc::clone(runtime), cap)))
            .collect();
        payload.message_mut().set_caps(table);
    }
    payload
}

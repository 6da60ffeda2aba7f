//! Objects that this vat hosts, and the order in which their calls are delivered.

use std::sync::Arc;

use super::caps::CapKind;
use super::ordered::Ordered;
use super::promises::Place;
use super::{AnswerId, CapId, Event, Exception, IncomingCall, ObjectId, Vat};

/// What a hosted object promises about itself.
#[derive(Clone, Debug, Default)]
pub struct ObjectOptions {
    /// Interface id and method id of each streaming method.
    pub streaming_methods: Arc<[(u64, u16)]>,
    /// Deliver calls while a streamed one is running. By default each streamed call runs alone
    /// among the calls that came after it, so that `end` never overtakes a write.
    pub concurrent: bool,
}

#[derive(Debug)]
pub(super) struct Object {
    options: ObjectOptions,
    /// The streamed call that is running; later calls wait for it.
    streaming: Option<AnswerId>,
    /// By turn.
    queue: Ordered<u64, AnswerId>,
    /// The failure of a streamed call: the failure of every later call too.
    broken: Option<Exception>,
}

impl Object {
    pub(super) fn new(options: ObjectOptions) -> Self {
        Self {
            options,
            streaming: None,
            queue: Ordered::new(),
            broken: None,
        }
    }

    pub(super) fn leave_queue(&mut self, turn: u64) {
        self.queue.remove(&turn);
    }
}

impl Vat {
    /// Hosts an object. The reference that comes with it is the driver's.
    pub fn add_object(&mut self, options: ObjectOptions) -> (ObjectId, CapId) {
        let cap = self.new_cap(CapKind::Local(Object::new(options)));
        (ObjectId(cap.0), cap)
    }

    /// The hosted object behind a capability, as far as promises have led.
    pub fn local_object(&self, cap: CapId) -> Option<ObjectId> {
        let cap = self.resolve(cap);
        matches!(self.kind(cap), Some(CapKind::Local(_))).then_some(ObjectId(cap.0))
    }

    /// Delivers a call whose answer holds it, now or after the streamed call that is running.
    pub(super) fn call_object(&mut self, place: Place, answer: AnswerId) {
        let Some(object) = self.object_mut(place.at) else {
            return;
        };
        if object.streaming.is_some() || !object.queue.is_empty() {
            object.queue.insert(place.turn, answer);
            return;
        }
        self.start(place.at, answer);
    }

    /// A streamed call of this object returned.
    pub(super) fn on_stream_returned(
        &mut self,
        cap: CapId,
        answer: AnswerId,
        failure: Option<Exception>,
    ) {
        if let Some(object) = self.object_mut(cap) {
            if object.streaming == Some(answer) {
                object.streaming = None;
            }
            if object.broken.is_none() {
                object.broken = failure;
            }
        }
        while let Some(object) = self.object_mut(cap)
            && object.streaming.is_none()
            && let Some((_, next)) = object.queue.pop_first()
        {
            self.start(cap, next);
        }
    }

    fn start(&mut self, cap: CapId, answer: AnswerId) {
        let Some(call) = self.take_invocation(answer) else {
            return;
        };
        let Some(object) = self.object_mut(cap) else {
            return;
        };
        if let Some(broken) = object.broken.clone() {
            self.release_all(call.params.caps);
            self.return_now(answer, Err(broken));
            return;
        }
        let streaming = object
            .options
            .streaming_methods
            .contains(&(call.interface_id, call.method_id));
        if streaming && !object.options.concurrent {
            object.streaming = Some(answer);
        }
        self.mark_running(answer, streaming);
        self.events.push_back(Event::Call(IncomingCall {
            answer,
            object: ObjectId(cap.0),
            interface_id: call.interface_id,
            method_id: call.method_id,
            params: call.params,
        }));
        self.on_delivered(answer);
    }

    fn object_mut(&mut self, cap: CapId) -> Option<&mut Object> {
        match &mut self.caps.get_mut(cap.0)?.kind {
            CapKind::Local(object) => Some(object),
            _ => None,
        }
    }
}

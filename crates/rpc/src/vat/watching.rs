//! Promises that others know of, who are told what they turn out to be.

use super::caps::{Cap, CapKind};
use super::promises::Promise;
use super::tasks::Task;
use super::wire::{self, Descriptor};
use super::{CapId, ConnectionId, Event, Exception, PromiseId, Vat};

/// Who wants to know what a promise turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watcher {
    /// A peer that has it under this name.
    Peer {
        connection: ConnectionId,
        export: u32,
    },
    /// The driver, about this capability, of which the watcher holds a reference.
    Driver(CapId),
}

impl Vat {
    /// A capability that is not known yet: calls to it wait, and calls on its promised results with
    /// them. Peers may get it at once and are told later. One reference.
    pub fn promise(&mut self) -> (PromiseId, CapId) {
        let cap = self.new_cap(CapKind::Promise(Promise::default()));
        (PromiseId(cap.0), cap)
    }

    /// Says what a [`promise`](Self::promise) is, once; the reference is taken over. A promise to
    /// which no reference is left needs to know nothing.
    pub fn fulfill(&mut self, now_micros: u64, promise: PromiseId, to: Result<CapId, Exception>) {
        self.now_micros = now_micros;
        let cap = CapId(promise.0);
        let to = match to {
            Ok(to) => to,
            Err(exception) => self.broken(exception),
        };
        if self.is_open_promise(cap) {
            self.resolve_to(cap, to);
        } else {
            self.release_cap(to);
        }
        self.run_tasks();
    }

    /// Whether a promise still waits to be [fulfilled](Self::fulfill) and anyone refers to it.
    pub fn is_awaited(&self, promise: PromiseId) -> bool {
        self.is_open_promise(CapId(promise.0))
    }

    /// Whether it is not known yet where the capability leads. If so, [`Event::Resolved`] will
    /// say when it is.
    pub fn watch(&mut self, cap: CapId) -> bool {
        let end = self.shorten(cap);
        let unresolved = self.is_unresolved(end);
        if unresolved {
            self.retain_cap(cap);
            self.add_watcher(end, Watcher::Driver(cap));
        }
        unresolved
    }

    /// Whether it is known where the capability leads: nothing is left to [`watch`](Self::watch).
    pub fn is_resolved(&self, cap: CapId) -> bool {
        !self.is_unresolved(self.resolve(cap))
    }

    /// Why all calls to the capability fail, if it is known that they do.
    pub fn failure(&self, cap: CapId) -> Option<Exception> {
        match self.kind(self.resolve(cap)) {
            Some(CapKind::Broken(exception)) => Some(exception.clone()),
            _ => None,
        }
    }

    /// Whether both lead to the same object, as far as promises have led.
    pub fn is_same(&self, one: CapId, other: CapId) -> bool {
        self.resolve(one) == self.resolve(other)
    }

    // ---- inside ----

    /// Only what the driver made has no source and waits for nothing.
    fn is_open_promise(&self, cap: CapId) -> bool {
        matches!(
            self.kind(cap),
            Some(CapKind::Promise(Promise {
                source: None,
                held: None,
                ..
            }))
        )
    }

    /// Whether `cap`, which is as short as it gets, may turn out to be something else.
    pub(super) fn is_unresolved(&self, cap: CapId) -> bool {
        match self.kind(cap) {
            Some(CapKind::Promise(_)) => true,
            Some(CapKind::Import { promise, .. }) => *promise,
            // What is in results that stay with a peer is never told.
            Some(CapKind::Answer { call, .. }) => !self.is_left_there(*call),
            _ => false,
        }
    }

    pub(super) fn add_watcher(&mut self, cap: CapId, watcher: Watcher) {
        if let Some(entry) = self.caps.get_mut(cap.0) {
            entry.watchers.push(watcher);
        }
    }

    /// The peer has released what it was to be told about.
    pub(super) fn unwatch(&mut self, connection: ConnectionId, export: u32, cap: CapId) {
        let end = self.resolve(cap);
        if let Some(entry) = self.caps.get_mut(end.0) {
            let gone = Watcher::Peer { connection, export };
            entry.watchers.retain(|watcher| *watcher != gone);
        }
    }

    /// Tells those who watch `cap` what it has become, or lets them watch that.
    pub(super) fn tell_watchers(&mut self, cap: CapId) {
        let Some(entry) = self.caps.get_mut(cap.0) else {
            return;
        };
        let watchers = core::mem::take(&mut entry.watchers);
        if watchers.is_empty() {
            return;
        }
        let end = self.shorten(cap);
        for watcher in watchers {
            match watcher {
                Watcher::Peer { connection, export } => self.tell_peer(connection, export, end),
                Watcher::Driver(_) if self.is_unresolved(end) => self.add_watcher(end, watcher),
                Watcher::Driver(cap) => {
                    self.spawn(Task::Tell(Event::Resolved { cap }));
                }
            }
        }
    }

    fn tell_peer(&mut self, connection: ConnectionId, export: u32, end: CapId) {
        // It leads back to the peer, who can take the shorter way from now on; or it is not known yet.
        let back = self.leads_to(connection, end);
        if back.is_none() && self.is_unresolved(end) {
            return self.add_watcher(end, Watcher::Peer { connection, export });
        }
        let Some(table) = self.connections.get_mut(connection.0) else {
            return;
        };
        let Some(entry) = table.exports.get_mut(export as usize) else {
            return;
        };
        entry.promise = false;
        // A name that was a promise's stays one.
        if table.export_by_cap.get(&end) == Some(&export) {
            table.export_by_cap.remove(&end);
        }
        let to = match self.kind(end) {
            Some(CapKind::Broken(exception)) => Err(exception.clone()),
            _ => Ok(self.describe(connection, Some(end))),
        };
        self.transmit(connection, wire::resolve(export, &to));
    }

    /// How the peer of `connection` knows a capability that is its own.
    pub(super) fn leads_to(&self, connection: ConnectionId, cap: CapId) -> Option<Descriptor> {
        match self.kind(cap)? {
            CapKind::Import {
                connection: other,
                import,
                ..
            } if *other == connection => Some(Descriptor::ReceiverHosted(import.0)),
            CapKind::Answer { call, path, .. } => {
                let question = self.open_question(*call, connection)?;
                Some(Descriptor::ReceiverAnswer {
                    question: question.0,
                    path: path.to_vec(),
                })
            }
            _ => None,
        }
    }
}

impl Cap {
    pub(super) fn new(kind: CapKind) -> Self {
        Self {
            refs: 1,
            kind,
            stream: None,
            watchers: Vec::new(),
        }
    }
}

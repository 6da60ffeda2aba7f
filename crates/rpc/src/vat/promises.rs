//! Promises: what waits in them, how they come true, and what keeps calls in order when they do.

use super::caps::{Cap, CapKind, wire_index};
use super::ordered::Ordered;
use super::tasks::Task;
use super::wire::{self, Target};
use super::{AnswerId, CallId, CapId, ConnectionId, EmbargoId, Exception, PipelineOp, Vat};

/// Where it is not known yet where calls go, or where they wait for calls that went another way.
#[derive(Debug, Default)]
pub(super) struct Promise {
    /// By turn.
    pub(super) queue: Ordered<u64, Queued>,
    /// Under embargo: what the promise is, once the peer has sent back what went before.
    pub(super) held: Option<CapId>,
    /// Of whose results it is a part, and wants to know when nobody needs it.
    pub(super) source: Option<Source>,
    /// How many calls wait for each other before this is known, for those that a peer makes.
    depth: u32,
}

/// What waits in a promise.
#[derive(Clone, Copy, Debug)]
pub(super) enum Queued {
    /// A call made here, which holds a reference to its target.
    Made(CallId),
    /// A call of a peer's, which holds a reference to where it waits.
    Received(AnswerId),
    /// A peer wants to know when everything that came before has gone on. Holds a reference to `at`.
    Disembargo {
        connection: ConnectionId,
        embargo: u32,
        at: CapId,
    },
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) of: SourceOf,
    pub(super) path: Box<[PipelineOp]>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum SourceOf {
    Call(CallId),
    Answer(AnswerId),
}

/// A place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: CapId,
    pub(super) turn: u64,
}

impl Vat {
    pub(super) fn new_promise(
        &mut self,
        of: SourceOf,
        path: Box<[PipelineOp]>,
        depth: u32,
    ) -> CapId {
        self.new_cap(CapKind::Promise(Promise {
            source: Some(Source { of, path }),
            depth,
            ..Promise::default()
        }))
    }

    /// The depth of a promise for the results of a call that waits in `place`.
    pub(super) fn next_depth(
        &self,
        connection: ConnectionId,
        place: Option<CapId>,
    ) -> Result<u32, Exception> {
        let depth = match place.and_then(|place| self.kind(place)) {
            Some(CapKind::Promise(promise)) => promise.depth.saturating_add(1),
            _ => 0,
        };
        match self.connections.get(connection.0) {
            Some(table) if depth >= table.options.limits.max_promise_depth => {
                Err(Exception::overloaded(format!(
                    "more than {} calls would wait for each other's results; wait for some of them first",
                    table.options.limits.max_promise_depth
                )))
            }
            _ => Ok(depth),
        }
    }

    /// Lets something wait in `at`, which is a promise.
    pub(super) fn enqueue(&mut self, at: CapId, queued: Queued) -> Place {
        let turn = self.next_turn();
        if let Some(Cap {
            kind: CapKind::Promise(promise),
            ..
        }) = self.caps.get_mut(at.0)
        {
            promise.queue.insert(turn, queued);
        }
        Place { at, turn }
    }

    /// Never the same twice, so that no waiting call is mistaken for another.
    pub(super) fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    pub(super) fn leave_queue(&mut self, place: Place) {
        match self.caps.get_mut(place.at.0).map(|cap| &mut cap.kind) {
            Some(CapKind::Promise(promise)) => {
                promise.queue.remove(&place.turn);
            }
            Some(CapKind::Local(object)) => object.leave_queue(place.turn),
            _ => {}
        }
    }

    /// Makes `cap` stand for `to`, whose reference is taken over, and sends on what waited.
    pub(super) fn resolve_to(&mut self, cap: CapId, to: CapId) {
        let mut end = self.shorten(to);
        if end == cap {
            end = self.broken(Exception::failed("a promise was resolved to itself"));
        } else if self.waits_for(end, cap) {
            end = self.broken(Exception::failed(
                "a promise was resolved to the results of a call that waits for it",
            ));
        } else {
            self.retain_cap(end);
        }
        self.release_cap(to);
        let entry = self.caps.get_mut(cap.0);
        let open = entry.filter(|entry| !matches!(entry.kind, CapKind::Resolved(_)));
        let Some(entry) = open else {
            // Nobody refers to it, or it was resolved before its call returned, to untie a knot.
            self.release_cap(end);
            return;
        };
        let was = core::mem::replace(&mut entry.kind, CapKind::Resolved(end));
        if let Some(stream) = entry.stream.take() {
            self.move_stream(stream, end);
        }
        if let CapKind::Promise(promise) = was {
            for (turn, queued) in promise.queue {
                self.spawn(Task::Dispatch(turn, queued));
            }
            if let Some(held) = promise.held {
                self.release_cap(held);
            }
        }
        self.tell_watchers(cap);
    }

    /// Whether what waits in `cap` would wait for ever in `end`, because that is part of the results
    /// of a call that waits in `cap` itself, or for one that does. Peers can tie such knots.
    pub(super) fn waits_for(&self, end: CapId, cap: CapId) -> bool {
        let mut at = end;
        for _ in 0..KNOT_STEPS {
            let Some(CapKind::Promise(Promise {
                source: Some(source),
                ..
            })) = self.kind(at)
            else {
                return false;
            };
            let place = match source.of {
                SourceOf::Call(call) => self.place_of_call(call),
                SourceOf::Answer(answer) => self.place_of_answer(answer),
            };
            match place {
                Some(place) => at = self.resolve(place),
                None => return false,
            }
            if at == cap {
                return true;
            }
        }
        false
    }

    /// Like [`resolve_to`](Self::resolve_to) for a promise that the peer of `connection` made true.
    ///
    /// `via` is how calls reached it so far, and `to_us` whether the peer named something that it
    /// has from us: then earlier calls come back from there, later ones need not go there any more,
    /// and have to wait until the peer has sent the earlier ones back, or they would overtake them.
    pub(super) fn settle(
        &mut self,
        cap: CapId,
        to: CapId,
        connection: ConnectionId,
        via: Target,
        to_us: bool,
    ) {
        let Some(entry) = self.caps.get(cap.0) else {
            self.release_cap(to);
            return;
        };
        let used = match entry.kind {
            CapKind::Answer { used, .. } | CapKind::Import { used, .. } => used && entry.refs > 0,
            _ => false,
        };
        let end = self.resolve(to);
        match self.caps.get_mut(end.0).map(|end| &mut end.kind) {
            None | Some(CapKind::Broken(_)) => return self.resolve_to(cap, to),
            // The same way as before; should it turn out to lead home, calls are on it.
            Some(CapKind::Import { used: on_it, .. } | CapKind::Answer { used: on_it, .. })
                if !to_us =>
            {
                *on_it |= used;
                return self.resolve_to(cap, to);
            }
            _ if !used => return self.resolve_to(cap, to),
            _ => {}
        }
        let Some(table) = self.connections.get_mut(connection.0) else {
            return self.resolve_to(cap, to);
        };
        let embargo = table.embargoes.insert(cap);
        self.retain_cap(cap);
        if let Some(entry) = self.caps.get_mut(cap.0) {
            entry.kind = CapKind::Promise(Promise {
                held: Some(to),
                ..Promise::default()
            });
        }
        self.transmit(
            connection,
            wire::disembargo_ask(&via, EmbargoId(wire_index(embargo))),
        );
    }

    /// The peer has sent back every call that went before the embargo, which held a reference.
    pub(super) fn lift_embargo(&mut self, cap: CapId) {
        if let Some(Cap {
            kind: CapKind::Promise(promise),
            ..
        }) = self.caps.get_mut(cap.0)
            && let Some(to) = promise.held.take()
        {
            self.resolve_to(cap, to);
        }
        self.release_cap(cap);
    }

    /// Answers a peer's embargo on `cap`, behind all the calls that came before it. What the peer
    /// was told to be its own may have become something else by now; the order is the same.
    pub(super) fn pass_disembargo(&mut self, connection: ConnectionId, embargo: u32, cap: CapId) {
        let end = self.shorten(cap);
        let target = match self.kind(end) {
            Some(CapKind::Promise(_)) => {
                self.retain_cap(end);
                self.enqueue(
                    end,
                    Queued::Disembargo {
                        connection,
                        embargo,
                        at: end,
                    },
                );
                return;
            }
            Some(CapKind::Import {
                connection: other,
                import,
                ..
            }) if *other == connection => Target::Imported(import.0),
            Some(CapKind::Answer { call, path, .. }) => {
                match self.open_question(*call, connection) {
                    Some(question) => Target::Promised {
                        question: question.0,
                        path: path.to_vec(),
                    },
                    None => NO_TARGET,
                }
            }
            _ => NO_TARGET,
        };
        self.transmit(connection, wire::disembargo_answer(&target, embargo));
    }
}

/// How far to look for knots. A larger one is left tied.
pub(super) const KNOT_STEPS: usize = 10_000;

/// The peer knows its embargo by the number; where it led is gone.
const NO_TARGET: Target = Target::Imported(0);

//! Capabilities in the results of calls that have not returned.

use super::calls::{NO_CAPABILITY, Route};
use super::caps::CapKind;
use super::promises::{Promise, SourceOf};
use super::tasks::Task;
use super::{CallId, CapId, Event, Exception, PipelineOp, Vat};

impl Vat {
    /// The capability that the pointer at `path` in the results will be, usable at once. One
    /// reference. Of a call whose [`Event::Return`] was taken it is a broken one: take it from the
    /// results.
    pub fn pipeline(&mut self, call: CallId, path: &[PipelineOp]) -> CapId {
        let path: Box<[PipelineOp]> = path
            .iter()
            .copied()
            .filter(|op| *op != PipelineOp::Noop)
            .collect();
        let Some(entry) = self.calls.get(call.0) else {
            return self.pipeline_on_returned(call, &path);
        };
        if let Some(cap) = entry.pipelined.get(&path).copied()
            && self.kind(cap).is_some()
        {
            return self.retain_cap(cap);
        }
        let route = entry.route;
        if let Route::Local(answer) = route
            && let Some(cap) = self.known_early(answer, &path)
        {
            return cap;
        }
        let cap = match route {
            Route::Remote {
                finished: false, ..
            } => self.new_cap(CapKind::Answer {
                call,
                path: path.clone(),
                used: false,
            }),
            _ => self.new_promise(SourceOf::Call(call), path.clone(), 0),
        };
        if let Some(entry) = self.calls.get_mut(call.0) {
            entry.pipelined.insert(path, cap);
        }
        cap
    }

    /// Some calls are over as soon as they are made, which their driver has yet to hear.
    fn pipeline_on_returned(&mut self, call: CallId, path: &[PipelineOp]) -> CapId {
        let result = self.events.iter().rev().find_map(|event| match event {
            Event::Return {
                call: returned,
                result,
            } if *returned == call => Some(result),
            _ => None,
        });
        let cap = match result {
            Some(Ok(payload)) => payload
                .cap_at(path)
                .ok_or_else(|| Exception::failed(NO_CAPABILITY)),
            Some(Err(exception)) => Err(exception.clone()),
            None => Err(Exception::failed(
                "the call has returned; take the capability from its results",
            )),
        };
        match cap {
            Ok(cap) => self.retain_cap(cap),
            Err(exception) => self.broken(exception),
        }
    }

    /// What was pipelined on a call while it waited in a promise can follow it now.
    pub(super) fn pipelines_went_remote(&mut self, call: CallId) {
        let Some(entry) = self.calls.get(call.0) else {
            return;
        };
        for (path, cap) in entry.pipelined.clone() {
            let Some(entry) = self.caps.get_mut(cap.0) else {
                continue;
            };
            let was = core::mem::replace(
                &mut entry.kind,
                CapKind::Answer {
                    call,
                    path,
                    used: false,
                },
            );
            if let CapKind::Promise(promise) = was {
                for (turn, queued) in promise.queue {
                    self.spawn(Task::Dispatch(turn, queued));
                }
            }
        }
    }

    /// A capability that was pipelined on this call is gone.
    pub(super) fn on_pipelined_released(&mut self, call: CallId, path: &[PipelineOp]) {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return;
        };
        entry.pipelined.remove(path);
        self.cancel_if_unwanted(call);
        self.end_passed_back(call);
    }

    /// Whether someone has a capability that depends on this call.
    pub(super) fn is_pipelined_on(&self, call: CallId) -> bool {
        self.calls.get(call.0).is_some_and(|entry| {
            let mut pipelined = entry.pipelined.values();
            pipelined.any(|cap| self.awaits_results(*cap))
        })
    }

    /// Whether what a capability on the results of a call is depends on that call still.
    pub(super) fn awaits_results(&self, cap: CapId) -> bool {
        matches!(
            self.kind(cap),
            Some(
                CapKind::Answer { .. }
                    | CapKind::Promise(Promise {
                        source: Some(_),
                        ..
                    })
            )
        )
    }
}

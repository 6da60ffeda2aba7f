//! What follows from what happens, one thing after another and never one inside the other: chains
//! of promises, of calls and of references can be as long as a peer likes, the stack cannot.

use super::promises::Queued;
use super::{CapId, Event, Vat};

#[derive(Debug)]
pub(super) enum Task {
    /// The last reference to this capability may be gone.
    Drop(CapId),
    /// This waited in a promise, which has come true. The number is its turn there: when it waits
    /// no longer, or elsewhere, there is nothing to do.
    Dispatch(u64, Queued),
    /// The driver hears of this after what leads up to it.
    Tell(Event),
}

#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// The next one last.
    stack: Vec<Task>,
    /// What the present one leads to, in order.
    spawned: Vec<Task>,
}

impl Vat {
    pub(super) fn spawn(&mut self, task: Task) {
        self.tasks.spawned.push(task);
    }

    /// Does all there is to do. Everything that a task leads to comes before the task that was next:
    /// what waited in a promise goes on before what was made later.
    pub(super) fn run_tasks(&mut self) {
        loop {
            while let Some(task) = self.tasks.spawned.pop() {
                self.tasks.stack.push(task);
            }
            match self.tasks.stack.pop() {
                None => return,
                Some(Task::Tell(event)) => self.events.push_back(event),
                Some(Task::Drop(cap)) => self.drop_cap(cap),
                Some(Task::Dispatch(turn, Queued::Made(call))) => self.dispatch_made(turn, call),
                Some(Task::Dispatch(turn, Queued::Received(answer))) => {
                    self.dispatch_received(turn, answer);
                }
                Some(Task::Dispatch(
                    _,
                    Queued::Disembargo {
                        connection,
                        embargo,
                        at,
                    },
                )) => {
                    self.pass_disembargo(connection, embargo, at);
                    self.release_cap(at);
                }
            }
        }
    }
}

//! Tasks without an executor: whoever waits for one of them drives all of them.

use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread::{self, ThreadId};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::lock;
use crate::BoxFuture;

#[derive(Default)]
pub(super) struct TaskSet {
    state: Mutex<State>,
    pollers: Arc<Pollers>,
}

#[derive(Default)]
struct State {
    /// Spawned and not polled yet.
    fresh: Vec<BoxFuture<()>>,
    /// Taken out while a thread polls them.
    tasks: FuturesUnordered<BoxFuture<()>>,
    driver: Option<ThreadId>,
    /// Another thread would have driven. Its reason may have come too late for the driver.
    missed: bool,
}

impl TaskSet {
    pub(super) fn spawn(&self, task: BoxFuture<()>) {
        lock(&self.state).fresh.push(task);
        self.pollers.wake_by_ref();
    }

    /// Polls what can go on. `cx` is woken when something can again.
    pub(super) fn drive(&self, cx: &mut Context<'_>) {
        let Some(mut turn) = self.take_turn(cx) else {
            return;
        };
        let waker = Waker::from(Arc::clone(&self.pollers));
        let mut cx = Context::from_waker(&waker);
        loop {
            match turn.tasks.poll_next_unpin(&mut cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => {
                    let fresh = core::mem::take(&mut lock(&self.state).fresh);
                    if fresh.is_empty() {
                        return;
                    }
                    turn.tasks.extend(fresh);
                }
            }
        }
    }

    fn take_turn(&self, cx: &Context<'_>) -> Option<Turn<'_>> {
        let this_thread = thread::current().id();
        let mut state = lock(&self.state);
        if state.driver == Some(this_thread) {
            // A task of ours waits for another one, and is woken by what it waits for.
            return None;
        }
        self.pollers.register(cx.waker());
        if state.driver.is_some() {
            state.missed = true;
            return None;
        }
        state.driver = Some(this_thread);
        let tasks = core::mem::take(&mut state.tasks);
        Some(Turn { set: self, tasks })
    }
}

/// The tasks, while they are polled. They go home even if one of them panics.
struct Turn<'a> {
    set: &'a TaskSet,
    tasks: FuturesUnordered<BoxFuture<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.set.state);
        state.tasks = core::mem::take(&mut self.tasks);
        state.driver = None;
        let missed = core::mem::take(&mut state.missed);
        drop(state);
        if missed {
            self.set.pollers.wake_by_ref();
        }
    }
}

/// Those who wait. Whichever of them comes first drives the tasks.
#[derive(Default)]
struct Pollers {
    wakers: Mutex<Vec<Waker>>,
}

impl Pollers {
    fn register(&self, waker: &Waker) {
        let mut wakers = lock(&self.wakers);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

impl Wake for Pollers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = core::mem::take(&mut *lock(&self.wakers));
        for waker in wakers {
            waker.wake();
        }
    }
}

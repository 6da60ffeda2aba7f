//! Tasks without an executor: whoever waits for one of them drives all of them.

use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex};
use std::task::Wake;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::lock;
use crate::BoxFuture;

#[derive(Default)]
pub(super) struct TaskSet {
    /// Spawned and not polled yet.
    fresh: Mutex<Vec<BoxFuture<()>>>,
    /// Taken out while a thread polls them, so that tasks may spawn tasks and wait for them.
    tasks: Mutex<FuturesUnordered<BoxFuture<()>>>,
    pollers: Arc<Pollers>,
}

impl TaskSet {
    pub(super) fn spawn(&self, task: BoxFuture<()>) {
        lock(&self.fresh).push(task);
        self.pollers.wake_by_ref();
    }

    /// Polls what can go on. `cx` is woken when something can again.
    pub(super) fn drive(&self, cx: &mut Context<'_>) {
        self.pollers.register(cx.waker());
        let waker = Waker::from(Arc::clone(&self.pollers));
        let mut cx = Context::from_waker(&waker);
        let mut tasks = core::mem::take(&mut *lock(&self.tasks));
        loop {
            tasks.extend(core::mem::take(&mut *lock(&self.fresh)));
            match tasks.poll_next_unpin(&mut cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => {
                    if lock(&self.fresh).is_empty() {
                        break;
                    }
                }
            }
        }
        let mut home = lock(&self.tasks);
        if home.is_empty() {
            *home = tasks;
        } else {
            // Another thread drove what was spawned meanwhile.
            home.extend(tasks);
            drop(home);
            self.pollers.wake_by_ref();
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

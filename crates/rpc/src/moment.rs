//! Something that happens once, and whoever waits for it.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::runtime::lock;

/// It comes at most once, and leaves a value. Who stops waiting leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Moment<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

impl<T> Default for Moment<T> {
    fn default() -> Self {
        let state = State {
            value: None,
            waiting: BTreeMap::new(),
            next: 0,
        };
        Self {
            state: Mutex::new(state),
        }
    }
}

impl<T: Clone> Moment<T> {
    /// It comes now, unless it has come. Who waited is to be woken while nothing is locked.
    #[must_use]
    pub(crate) fn come(&self, value: T) -> Vec<Waker> {
        let mut state = lock(&self.state);
        state.value.get_or_insert(value);
        core::mem::take(&mut state.waiting).into_values().collect()
    }

    /// What it left, if it has come.
    pub(crate) fn value(&self) -> Option<T> {
        lock(&self.state).value.clone()
    }

    /// Resolves when it has come.
    pub(crate) fn wait(self: &Arc<Self>) -> Waiting<T> {
        Waiting {
            moment: Arc::clone(self),
            key: None,
        }
    }
}

pub(crate) struct Waiting<T> {
    moment: Arc<Moment<T>>,
    key: Option<u64>,
}

impl<T: Clone> Future for Waiting<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let moment = Arc::clone(&self.moment);
        let mut state = lock(&moment.state);
        if let Some(value) = &state.value {
            return Poll::Ready(value.clone());
        }
        let key = *self.key.get_or_insert(state.next);
        state.next = state.next.max(key + 1);
        let before = state.waiting.insert(key, cx.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        let waker = self
            .key
            .and_then(|key| lock(&self.moment.state).waiting.remove(&key));
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stops_waiting_leaves_nothing_behind() {
        let moment = Arc::new(Moment::default());
        let mut cx = Context::from_waker(Waker::noop());
        let mut stays = moment.wait();
        for _ in 0..3 {
            let mut goes = moment.wait();
            for _ in 0..2 {
                assert!(Pin::new(&mut goes).poll(&mut cx).is_pending());
                assert!(Pin::new(&mut stays).poll(&mut cx).is_pending());
            }
        }
        assert_eq!(moment.come(1).len(), 1);
        assert!(moment.come(2).is_empty());
        assert_eq!(Pin::new(&mut stays).poll(&mut cx), Poll::Ready(1));
        assert_eq!(moment.value(), Some(1));
    }
}

//! Between the object that items are written to and the reader.

use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use capstan_message::traits::Owned;

use super::Item;
use crate::error::Result;
use crate::runtime::lock;
use crate::sinks_capnp::sink::{EndParams, EndResults, Server, WriteParams};
use crate::vat::Exception;

/// Holds what was written and not read: one item, unless calls were dropped while they waited.
pub(super) struct Inlet<T: Owned> {
    state: Mutex<State<T>>,
}

struct State<T: Owned> {
    items: VecDeque<Item<T>>,
    /// How many items were read.
    read: u64,
    written: u64,
    end: Option<End>,
    reader: Option<Waker>,
    /// Writes whose items are not read.
    writers: Vec<Waker>,
}

/// Nothing follows.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Complete,
    /// The object is gone, and was not told that this is the end.
    Dropped,
    /// Nobody reads any more.
    Unread,
}

impl<T: Owned> Inlet<T> {
    /// The next item; none at the end.
    pub(super) fn poll_next(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<core::result::Result<Item<T>, End>> {
        let mut state = lock(&self.state);
        if let Some(item) = state.items.pop_front() {
            state.read += 1;
            let writers = core::mem::take(&mut state.writers);
            drop(state);
            wake(writers);
            return Poll::Ready(Ok(item));
        }
        match state.end {
            Some(end) => Poll::Ready(Err(end)),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// No items will come or go. What was there before counts.
    pub(super) fn finish(&self, end: End) {
        let mut state = lock(&self.state);
        state.end.get_or_insert(end);
        let mut wakers = core::mem::take(&mut state.writers);
        wakers.extend(state.reader.take());
        // What is dropped may be anybody's.
        let unread = match end {
            End::Unread => core::mem::take(&mut state.items),
            End::Complete | End::Dropped => VecDeque::new(),
        };
        drop(state);
        drop(unread);
        wake(wakers);
    }

    /// Which item it is; an error when there can be none.
    fn put(&self, item: Item<T>) -> Result<u64> {
        let mut state = lock(&self.state);
        if let Some(end) = state.end {
            return Err(refusal(end));
        }
        state.items.push_back(item);
        state.written += 1;
        let number = state.written;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Ok(number)
    }

    /// Ready when an item was read, or will never be.
    fn poll_read(&self, number: u64, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = lock(&self.state);
        if state.read >= number {
            return Poll::Ready(Ok(()));
        }
        if state.end == Some(End::Unread) {
            return Poll::Ready(Err(refusal(End::Unread)));
        }
        if !state.writers.iter().any(|one| one.will_wake(cx.waker())) {
            state.writers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl<T: Owned> Default for Inlet<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                read: 0,
                written: 0,
                end: None,
                reader: None,
                writers: Vec::new(),
            }),
        }
    }
}

/// The object that items are written to. `G` goes with it.
pub(super) struct Receiver<T: Owned, G> {
    pub(super) inlet: Arc<Inlet<T>>,
    pub(super) _guard: G,
}

impl<T: Owned, G: crate::MaybeSend + crate::MaybeSync + 'static> Server<T> for Receiver<T, G> {
    async fn write(&self, params: WriteParams<T>) -> Result<()> {
        let number = self.inlet.put(Item::new(params))?;
        poll_fn(|cx| self.inlet.poll_read(number, cx)).await
    }

    async fn end(&self, _: EndParams<T>, _: EndResults<T>) -> Result<()> {
        let end = lock(&self.inlet.state).end;
        match end {
            Some(End::Unread) => Err(refusal(End::Unread)),
            _ => {
                self.inlet.finish(End::Complete);
                Ok(())
            }
        }
    }
}

impl<T: Owned, G> Drop for Receiver<T, G> {
    fn drop(&mut self) {
        self.inlet.finish(End::Dropped);
    }
}

fn refusal(end: End) -> Exception {
    match end {
        End::Unread => unread(),
        End::Complete | End::Dropped => Exception::failed("the stream has ended"),
    }
}

/// What a writer gets to know when its reader is gone.
pub(super) fn unread() -> Exception {
    Exception::failed("nobody reads this stream any more: its reader was dropped")
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        waker.wake();
    }
}

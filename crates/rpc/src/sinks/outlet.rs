//! Between the writer and the object that is asked for the items.

use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex};

use capstan_message::capability::{MaybeSend, MaybeSync};
use capstan_message::traits::Owned;

use super::inlet::unread;
use crate::error::Result;
use crate::runtime::lock;
use crate::sinks_capnp::sink;
use crate::sinks_capnp::source::{PipeParams, PipeResults, Server};
use crate::vat::Exception;

/// Where a writer learns where to write.
pub(super) struct Outlet<T: Owned> {
    state: Mutex<State<T>>,
}

struct State<T: Owned> {
    /// Nobody has asked for the items yet.
    into: Place<T>,
    /// How the stream ended, as far as the writer knows.
    outcome: Option<Result<()>>,
    /// Whoever reads is gone.
    unread: bool,
    writer: Option<Waker>,
    pipe: Option<Waker>,
}

enum Place<T: Owned> {
    Unknown,
    Known(sink::Client<T>),
    Taken,
}

impl<T: Owned> Outlet<T> {
    /// Where to write, when it is known.
    pub(super) fn poll_into(&self, cx: &mut Context<'_>) -> Poll<Result<sink::Client<T>>> {
        let mut state = lock(&self.state);
        if state.unread {
            return Poll::Ready(Err(unread()));
        }
        match core::mem::replace(&mut state.into, Place::Taken) {
            Place::Known(client) => Poll::Ready(Ok(client)),
            other => {
                state.into = other;
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Whether whoever read is gone; otherwise wakes when that happens.
    pub(super) fn poll_unread(&self, cx: &mut Context<'_>) -> bool {
        let mut state = lock(&self.state);
        if !state.unread {
            state.writer = Some(cx.waker().clone());
        }
        state.unread
    }

    /// The writer is done, in this way.
    pub(super) fn finish(&self, outcome: Result<()>) {
        let mut state = lock(&self.state);
        state.outcome.get_or_insert(outcome);
        let waker = state.pipe.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn set_unread(&self) {
        let mut state = lock(&self.state);
        state.unread = true;
        let into = core::mem::replace(&mut state.into, Place::Taken);
        let waker = state.writer.take();
        drop(state);
        drop(into);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn begin(&self, into: sink::Client<T>) -> Result<()> {
        let mut state = lock(&self.state);
        if !matches!(state.into, Place::Unknown) {
            return Err(Exception::failed(
                "this source is being read already; a stream has one reader",
            ));
        }
        if let Some(Err(error)) = &state.outcome {
            return Err(error.clone());
        }
        state.into = Place::Known(into);
        let waker = state.writer.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn poll_outcome(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = lock(&self.state);
        match &state.outcome {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                state.pipe = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T: Owned> Default for Outlet<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                into: Place::Unknown,
                outcome: None,
                unread: false,
                writer: None,
                pipe: None,
            }),
        }
    }
}

/// The object that is asked for the items. `G` goes with it.
pub(super) struct Sender<T: Owned, G> {
    pub(super) outlet: Arc<Outlet<T>>,
    pub(super) _guard: G,
}

impl<T: Owned, G: MaybeSend + MaybeSync + 'static> Server<T> for Sender<T, G> {
    async fn pipe(&self, params: PipeParams<T>, _: PipeResults<T>) -> Result<()> {
        self.outlet.begin(params.get()?.get_into()?)?;
        // The writer has the client, and nobody else is to keep it.
        drop(params);
        let _reading = Reading(&self.outlet);
        poll_fn(|cx| self.outlet.poll_outcome(cx)).await
    }
}

impl<T: Owned, G> Drop for Sender<T, G> {
    fn drop(&mut self) {
        self.outlet.set_unread();
    }
}

/// Somebody waits for the stream's end. Gone before that, they have lost interest.
struct Reading<'a, T: Owned>(&'a Outlet<T>);

impl<T: Owned> Drop for Reading<'_, T> {
    fn drop(&mut self) {
        self.0.set_unread();
    }
}

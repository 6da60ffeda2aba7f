//! Running the methods of hosted objects.

use core::pin::Pin;
use core::sync::atomic::{AtomicU8, Ordering};
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};

use futures_util::future::{AbortHandle, AbortRegistration, Abortable, Aborted};

use super::{Shared, lock};
use crate::BoxFuture;
use crate::cancellation::CancellationToken;
use crate::client::{Client, ServerId};
use crate::error::Result;
use crate::moment::Moment;
use crate::observer::{ObservedCall, Observer};
use crate::server::{Dispatch, RawParams, RawResults, ResultsSlot};
use crate::vat::{AnswerId, Exception, ObjectOptions};

/// An object with the calls that were delivered to it and have not begun.
///
/// Calls to one object begin in the order in which they were delivered, whatever thread runs
/// them: at any time, at most one thread takes calls from the queue.
pub(crate) struct HostedObject {
    pub(super) origin: Origin,
    pub(super) dispatch: Arc<dyn Dispatch>,
    mailbox: Mutex<Mailbox>,
    /// A [`Stream`], changed under the runtime's lock.
    stream: AtomicU8,
}

/// What became of the stream that an object takes, as far as its calls tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    NotBegun,
    Running,
    /// Its last call was an ordinary one.
    Ended,
}

/// What an object is.
pub(super) enum Origin {
    Server(ServerId),
    /// It stands for a capability of another runtime.
    Proxy(Client),
}

#[derive(Default)]
struct Mailbox {
    queue: VecDeque<Delivery>,
    running: bool,
}

pub(super) struct Delivery {
    pub(super) answer: AnswerId,
    pub(super) interface_id: u64,
    pub(super) method_id: u16,
    pub(super) params: RawParams,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

/// A call that has not been answered.
#[derive(Default)]
pub(super) struct RunningCall {
    /// Once it is a task of its own.
    task: Option<AbortHandle>,
    /// Nobody wants the answer.
    is_canceled: bool,
    /// For those who want to know that.
    canceled: Option<Arc<Moment<()>>>,
}

impl RunningCall {
    /// Nobody wants the answer any more: who is to be woken, and what is to be stopped.
    pub(super) fn cancel(&mut self) -> (Vec<Waker>, Option<AbortHandle>) {
        self.is_canceled = true;
        let moment = self.canceled.as_ref();
        let wakers = moment.map(|moment| moment.come(())).unwrap_or_default();
        (wakers, self.task.clone())
    }

    fn token(&mut self) -> CancellationToken {
        if self.is_canceled {
            return CancellationToken::late();
        }
        CancellationToken::new(Arc::clone(self.canceled.get_or_insert_default()))
    }
}

impl HostedObject {
    pub(super) fn new(origin: Origin, dispatch: Arc<dyn Dispatch>) -> Self {
        Self {
            origin,
            dispatch,
            mailbox: Mutex::default(),
            stream: AtomicU8::new(Stream::NotBegun as u8),
        }
    }

    pub(super) fn options(&self) -> ObjectOptions {
        ObjectOptions {
            streaming_methods: self.dispatch.streaming_methods().into(),
            concurrent: self.dispatch.concurrent(),
        }
    }

    /// Queues a call. When it returns true, the caller has to see to it that the object is run.
    pub(super) fn deliver(&self, delivery: Delivery) -> bool {
        self.note_stream(delivery.interface_id, delivery.method_id);
        let mut mailbox = lock(&self.mailbox);
        mailbox.queue.push_back(delivery);
        !core::mem::replace(&mut mailbox.running, true)
    }

    fn note_stream(&self, interface_id: u64, method_id: u16) {
        let methods = self.dispatch.streaming_methods();
        if methods.is_empty() || interface_id == BARRIER_INTERFACE_ID {
            return;
        }
        let stream = match methods.contains(&(interface_id, method_id)) {
            true => Stream::Running,
            false => Stream::Ended,
        };
        self.stream.store(stream as u8, Ordering::Relaxed);
    }

    /// Whether whoever holds this object may be in the middle of a stream to it.
    pub(super) fn expects_stream(&self, is_bootstrap: bool) -> bool {
        let stream = self.stream.load(Ordering::Relaxed);
        // Everybody has the bootstrap object, few stream to it.
        let fresh = stream == Stream::NotBegun as u8 && !is_bootstrap;
        let running = stream == Stream::Running as u8;
        (fresh || running) && !self.dispatch.streaming_methods().is_empty()
    }

    /// The next call to begin; none ends the run.
    fn next(&self) -> Option<Delivery> {
        let mut mailbox = lock(&self.mailbox);
        let next = mailbox.queue.pop_front();
        mailbox.running = next.is_some();
        next
    }
}

impl Shared {
    /// Begins the calls of these objects, and of those that get calls meanwhile by what the former do.
    pub(super) fn run_objects(self: &Arc<Self>, objects: Vec<Arc<HostedObject>>) {
        let mut work = VecDeque::from(objects);
        while let Some(object) = work.pop_front() {
            while let Some(delivery) = object.next() {
                if let Some(more) = self.begin(&object, delivery) {
                    work.extend(more);
                }
            }
        }
    }

    /// Runs a call up to its first wait. A method that does not wait costs no task.
    fn begin(
        self: &Arc<Self>,
        object: &HostedObject,
        delivery: Delivery,
    ) -> Option<Vec<Arc<HostedObject>>> {
        let Delivery {
            answer,
            interface_id,
            method_id,
            params,
            observer,
        } = delivery;
        let (results, slot) = RawResults::new(self, answer);
        let answering = Answering {
            runtime: Arc::downgrade(self),
            answer: Some(answer),
            slot: Some(slot),
        };
        if interface_id == BARRIER_INTERFACE_ID {
            drop((params, results));
            return answering.finish(Ok(()));
        }
        let dispatch = Arc::clone(&object.dispatch);
        let begun = catch_unwind(AssertUnwindSafe(|| {
            let mut method =
                Arc::clone(&dispatch).dispatch(interface_id, method_id, params, results);
            if let Some(observer) = observer {
                let call = ObservedCall::new(interface_id, method_id, &*dispatch);
                method = observer.observe(call, method);
            }
            // A method that waits is polled again by its task, so nobody has to be woken here.
            match method
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(result) => Begun::Done(result),
                Poll::Pending => Begun::Waits(method),
            }
        }));
        match begun {
            Ok(Begun::Done(result)) => answering.finish(result),
            Ok(Begun::Waits(method)) => match self.become_task(answer) {
                Some(registration) => {
                    self.spawn(answering.run(Abortable::new(method, registration)));
                    None
                }
                None => {
                    drop(method);
                    answering.finish(Err(canceled()))
                }
            },
            Err(_) => answering.finish(Err(panicked())),
        }
    }

    /// Makes a call cancelable that will run as a task; none if it was canceled already.
    fn become_task(&self, answer: AnswerId) -> Option<AbortRegistration> {
        let (abort, registration) = AbortHandle::new_pair();
        let mut state = lock(&self.state);
        let call = state.running.get_mut(&answer)?;
        call.task = Some(abort);
        (!call.is_canceled).then_some(registration)
    }

    /// What tells that this call is canceled.
    pub(crate) fn cancellation_token(&self, answer: AnswerId) -> CancellationToken {
        match lock(&self.state).running.get_mut(&answer) {
            Some(call) => call.token(),
            None => CancellationToken::late(),
        }
    }
}

enum Begun {
    Done(Result<()>),
    Waits(BoxFuture<Result<()>>),
}

/// The duty to answer a call, once.
struct Answering {
    runtime: Weak<Shared>,
    answer: Option<AnswerId>,
    slot: Option<Arc<ResultsSlot>>,
}

impl Answering {
    async fn run(self, method: Abortable<BoxFuture<Result<()>>>) {
        let result = match CatchPanic(method).await {
            Ok(Ok(result)) => result,
            Ok(Err(Aborted)) => Err(canceled()),
            Err(Panicked) => Err(panicked()),
        };
        if let Some(runtime) = self.runtime.upgrade()
            && let Some(objects) = self.finish(result)
        {
            runtime.run_objects(objects);
        }
    }

    /// Answers. The objects it returns have to be run.
    fn finish(mut self, result: Result<()>) -> Option<Vec<Arc<HostedObject>>> {
        let runtime = self.runtime.upgrade()?;
        self.answer(&runtime, result)
    }

    fn answer(
        &mut self,
        runtime: &Arc<Shared>,
        result: Result<()>,
    ) -> Option<Vec<Arc<HostedObject>>> {
        let answer = self.answer.take()?;
        let slot = self.slot.take();
        let results = result.and_then(|()| slot.map_or_else(|| Err(dropped()), ResultsSlot::take));
        runtime.answer(answer, results).carry_out()
    }
}

impl Drop for Answering {
    /// The executor dropped the task, as it does when it shuts down.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.upgrade()
            && let Some(objects) = self.answer(&runtime, Err(dropped()))
        {
            runtime.spawn_run(objects);
        }
    }
}

/// A method that panics fails its call and nothing else.
struct CatchPanic(Abortable<BoxFuture<Result<()>>>);

struct Panicked;

impl Future for CatchPanic {
    type Output = core::result::Result<core::result::Result<Result<()>, Aborted>, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let method = Pin::new(&mut self.0);
        match catch_unwind(AssertUnwindSafe(|| method.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

fn canceled() -> Exception {
    Exception::failed("the caller canceled the call")
}

fn panicked() -> Exception {
    Exception::failed("the server's method panicked")
}

fn dropped() -> Exception {
    Exception::disconnected("the server shut down before it answered")
}

/// Calls to this interface are answered for every object without asking it, after whatever was
/// delivered to the object before. They reveal nothing but that the object exists. An object
/// elsewhere may answer that it has no such interface, which serves as well.
pub(super) const BARRIER_INTERFACE_ID: u64 = 0xd5c1_89cf_95c4_74a1;

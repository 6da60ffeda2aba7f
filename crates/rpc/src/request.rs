//! Calls, from the side that makes them.

use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, Weak};

use capstan_message::MessageSize;
use capstan_message::capability::CapHandle;
use capstan_message::traits::{Owned, SetterInput};

use crate::client::Client;
use crate::error::Result;
use crate::pipeline::{AnyPipeline, FromTypelessPipeline, Pipelined};
use crate::runtime::{Shared, lock};
use crate::server::content_of;
use crate::vat::{Admission, CallId, Exception, Outgoing, Payload, PipelineOp};

/// A call whose parameters are being filled in.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<P, R> {
    client: Client,
    outgoing: Outgoing,
    marker: PhantomData<fn() -> (P, R)>,
}

impl<P: Owned, R: Owned> Request<P, R> {
    pub(crate) fn new(
        client: Client,
        interface_id: u64,
        method_id: u16,
        size_hint: Option<MessageSize>,
    ) -> Self {
        let outgoing = Outgoing::call(interface_id, method_id, words_hint(size_hint));
        Self {
            client,
            outgoing,
            marker: PhantomData,
        }
    }
}

impl<P, R> Request<P, R> {
    pub(crate) fn into_parts(self) -> (Client, Outgoing) {
        (self.client, self.outgoing)
    }

    /// Lets the capability pointers in the params lead elsewhere.
    pub(crate) fn map_caps(
        &mut self,
        map: impl FnOnce(Vec<Option<CapHandle>>) -> Vec<Option<CapHandle>>,
    ) {
        let caps = self.outgoing.frame_mut().take_caps();
        self.outgoing.frame_mut().set_caps(map(caps));
    }
}

impl<P: Owned, R> Request<P, R> {
    /// The parameters.
    pub fn get(&mut self) -> P::Builder<'_> {
        content_of::<P>(&mut self.outgoing)
    }

    /// Copies the parameters from elsewhere.
    pub fn set(&mut self, from: impl SetterInput<P>) -> Result<()> {
        Ok(self.outgoing.content()?.set_as(from)?)
    }
}

impl<P, R: Pipelined> Request<P, R> {
    /// Makes the call. It goes on when the promise is not polled, and ends when promise and
    /// pipeline are both dropped. Only objects of this process that belong to no runtime go on
    /// while somebody waits for one of their calls: see [`Runtime::adopt`](crate::Runtime::adopt).
    pub fn send(self) -> RemotePromise<R> {
        let call = match self.client.target() {
            Ok(target) => target.runtime.call(target.cap, self.outgoing),
            Err(error) => CallHandle::failed(error),
        };
        let pipeline = R::Pipeline::new(AnyPipeline::root(Arc::clone(&call)));
        RemotePromise {
            promise: Promise {
                call,
                marker: PhantomData,
            },
            pipeline,
        }
    }
}

/// A call that was made.
pub struct RemotePromise<R: Pipelined> {
    /// Resolves to the results.
    pub promise: Promise<R>,
    /// Capabilities in the results, usable at once.
    pub pipeline: R::Pipeline,
}

/// The results of a call, once they arrive.
#[must_use = "without its promise nobody learns how a call ended, and dropping it cancels the call"]
pub struct Promise<R> {
    call: Arc<CallHandle>,
    marker: PhantomData<fn() -> R>,
}

impl<R> Future for Promise<R> {
    type Output = Result<Response<R>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(runtime) = &self.call.runtime {
            runtime.drive(cx);
        }
        self.call.poll(cx).map_ok(|payload| Response {
            payload,
            marker: PhantomData,
        })
    }
}

/// The results of a call. Capabilities in them live until it is dropped, and longer where they
/// were taken out as clients.
pub struct Response<R> {
    payload: Arc<Payload>,
    marker: PhantomData<fn() -> R>,
}

impl<R: Owned> Response<R> {
    /// The results struct.
    pub fn get(&self) -> Result<R::Reader<'_>> {
        Ok(self.payload.content()?.get_as()?)
    }
}

/// A call to a method declared `-> stream` whose parameters are being filled in.
#[must_use = "a request does nothing until it is sent"]
pub struct StreamingRequest<P> {
    client: Client,
    outgoing: Outgoing,
    marker: PhantomData<fn() -> P>,
}

impl<P: Owned> StreamingRequest<P> {
    pub(crate) fn new(
        client: Client,
        interface_id: u64,
        method_id: u16,
        size_hint: Option<MessageSize>,
    ) -> Self {
        let outgoing = Outgoing::call(interface_id, method_id, words_hint(size_hint));
        Self {
            client,
            outgoing,
            marker: PhantomData,
        }
    }

    /// The parameters.
    pub fn get(&mut self) -> P::Builder<'_> {
        content_of::<P>(&mut self.outgoing)
    }

    /// Copies the parameters from elsewhere.
    pub fn set(&mut self, from: impl SetterInput<P>) -> Result<()> {
        Ok(self.outgoing.content()?.set_as(from)?)
    }
}

impl<P> StreamingRequest<P> {
    /// Makes the call. The future resolves when the stream has room for the next one, which is
    /// usually before this one was delivered: an error of this call may be reported by a later
    /// one on the same object. Dropping the future only ends the waiting.
    pub fn send(self) -> StreamingSend {
        match self.client.target() {
            Ok(target) => target.runtime.call_streaming(target.cap, self.outgoing),
            Err(error) => StreamingSend::done(Err(error)),
        }
    }
}

/// Resolves when a stream has room.
#[must_use = "awaiting this is what keeps a stream from flooding the connection"]
pub struct StreamingSend {
    state: StreamingState,
}

enum StreamingState {
    Done(Option<Result<()>>),
    Waiting(Arc<StreamWait>),
}

impl StreamingSend {
    pub(crate) fn done(result: Result<()>) -> Self {
        Self {
            state: StreamingState::Done(Some(result)),
        }
    }

    pub(crate) fn waiting(wait: Arc<StreamWait>) -> Self {
        Self {
            state: StreamingState::Waiting(wait),
        }
    }
}

impl Future for StreamingSend {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            StreamingState::Done(result) => Poll::Ready(result.take().unwrap_or(Ok(()))),
            StreamingState::Waiting(wait) => {
                wait.runtime.drive(cx);
                wait.poll(cx)
            }
        }
    }
}

/// What promise and pipeline of one call share. When both are gone, the call is dropped.
pub(crate) struct CallHandle {
    /// None for a call that failed before it was made.
    runtime: Option<Arc<Shared>>,
    id: CallId,
    /// Written under the runtime's lock, so that whoever holds that knows which of call and
    /// results to ask.
    state: Mutex<CallState>,
}

enum CallState {
    Waiting(Vec<Waker>),
    Returned(Arc<Payload>),
    Failed(Exception),
}

impl CallHandle {
    pub(crate) fn new(runtime: Arc<Shared>, id: CallId) -> Arc<Self> {
        Arc::new(Self {
            runtime: Some(runtime),
            id,
            state: Mutex::new(CallState::Waiting(Vec::new())),
        })
    }

    fn failed(error: Exception) -> Arc<Self> {
        let state = Mutex::new(CallState::Failed(error));
        Arc::new(Self {
            runtime: None,
            id: CallId::from_raw(u32::MAX),
            state,
        })
    }

    /// Notes the outcome, to be called under the runtime's lock. The wakers are for after it.
    pub(crate) fn complete(&self, result: Result<Payload>) -> Vec<Waker> {
        let state = match result {
            Ok(payload) => CallState::Returned(Arc::new(payload)),
            Err(error) => CallState::Failed(error),
        };
        match core::mem::replace(&mut *lock(&self.state), state) {
            CallState::Waiting(wakers) => wakers,
            CallState::Returned(_) | CallState::Failed(_) => Vec::new(),
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<Payload>>> {
        match &mut *lock(&self.state) {
            CallState::Waiting(wakers) => {
                register(wakers, cx.waker());
                Poll::Pending
            }
            CallState::Returned(payload) => Poll::Ready(Ok(Arc::clone(payload))),
            CallState::Failed(error) => Poll::Ready(Err(error.clone())),
        }
    }

    /// The capability at this path in the results, be they here or not.
    pub(crate) fn pipelined_client(&self, path: &[PipelineOp]) -> Client {
        let Some(runtime) = &self.runtime else {
            return match &*lock(&self.state) {
                CallState::Failed(error) => Client::broken(error.clone()),
                CallState::Waiting(_) | CallState::Returned(_) => Client::from_cap(None),
            };
        };
        let found = runtime.enter(|state, _| match &*lock(&self.state) {
            CallState::Waiting(_) => Ok(Some(state.vat.pipeline(self.id, path))),
            CallState::Returned(payload) => {
                let cap = payload.cap_at(path);
                if let Some(cap) = cap {
                    state.vat.retain(cap);
                }
                Ok(cap)
            }
            CallState::Failed(error) => Err(error.clone()),
        });
        match found {
            Ok(Some(cap)) => Client::attached(Arc::clone(runtime), cap),
            Ok(None) => Client::broken(Exception::failed(
                "called a capability that the results of the call do not have",
            )),
            Err(error) => Client::broken(error),
        }
    }
}

impl Drop for CallHandle {
    fn drop(&mut self) {
        let waiting = matches!(&*lock(&self.state), CallState::Waiting(_));
        if let (true, Some(runtime)) = (waiting, &self.runtime) {
            runtime.drop_call(self.id, core::ptr::from_ref(self));
        }
    }
}

/// A streamed call that waits for room behind it.
pub(crate) struct StreamWait {
    runtime: Arc<Shared>,
    id: CallId,
    state: Mutex<WaitState>,
}

enum WaitState {
    Waiting(Vec<Waker>),
    Done(Result<()>),
}

impl StreamWait {
    pub(crate) fn new(runtime: Arc<Shared>, id: CallId) -> Arc<Self> {
        Arc::new(Self {
            runtime,
            id,
            state: Mutex::new(WaitState::Waiting(Vec::new())),
        })
    }

    /// Notes the outcome, to be called under the runtime's lock. The wakers are for after it.
    pub(crate) fn complete(&self, result: Result<()>) -> Vec<Waker> {
        match core::mem::replace(&mut *lock(&self.state), WaitState::Done(result)) {
            WaitState::Waiting(wakers) => wakers,
            WaitState::Done(_) => Vec::new(),
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut *lock(&self.state) {
            WaitState::Waiting(wakers) => {
                register(wakers, cx.waker());
                Poll::Pending
            }
            WaitState::Done(result) => Poll::Ready(result.clone()),
        }
    }
}

impl Drop for StreamWait {
    fn drop(&mut self) {
        let waiting = matches!(&*lock(&self.state), WaitState::Waiting(_));
        if waiting {
            self.runtime
                .drop_stream_wait(self.id, core::ptr::from_ref(self));
        }
    }
}

/// Who waits for an event that carries a call's id. Weak: the map they are in belongs to the
/// runtime, which must not keep calls alive that nobody else wants.
pub(crate) enum Waiter {
    Call(Weak<CallHandle>),
    Stream(Weak<StreamWait>),
}

pub(crate) fn admit(
    runtime: &Arc<Shared>,
    admission: Admission,
) -> (StreamingSend, Option<(CallId, Waiter)>) {
    match admission {
        Admission::Ready => (StreamingSend::done(Ok(())), None),
        Admission::Wait(id) => {
            let wait = StreamWait::new(Arc::clone(runtime), id);
            let waiter = Waiter::Stream(Arc::downgrade(&wait));
            (StreamingSend::waiting(wait), Some((id, waiter)))
        }
    }
}

fn register(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

/// Room for the message that the caller announced, or for a small one.
fn words_hint(size_hint: Option<MessageSize>) -> usize {
    const SMALL_CALL_WORDS: usize = 32;
    size_hint.map_or(SMALL_CALL_WORDS, |size| {
        usize::try_from(size.word_count).unwrap_or(SMALL_CALL_WORDS)
    })
}

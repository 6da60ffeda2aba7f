//! Objects that others call.

use core::any::Any;
use core::marker::PhantomData;
use std::sync::{Arc, Mutex, Weak};

use capstan_message::any_pointer;
use capstan_message::capability::{CapHandle, MaybeSend, MaybeSync};
use capstan_message::traits::{Owned, SetterInput};

use crate::BoxFuture;
use crate::cancellation::CancellationToken;
use crate::client::{Client, FromClient};
use crate::error::Result;
use crate::observer::MethodName;
use crate::request::Request;
use crate::runtime::{Shared, lock};
use crate::vat::{AnswerId, Exception, Outgoing, Payload};

/// An object whose methods are chosen by number. Generated code implements it for every `Server`.
pub trait Dispatch: Any + MaybeSend + MaybeSync {
    /// Runs one call. The results are sent when the future is done, or not at all if it fails;
    /// it is dropped early when nobody wants them any more.
    fn dispatch(
        self: Arc<Self>,
        interface_id: u64,
        method_id: u16,
        params: RawParams,
        results: RawResults,
    ) -> BoxFuture<Result<()>>;

    /// (interface id, method id) of the methods declared `-> stream`. Calls to them run one at a
    /// time, and later calls of any kind wait for them.
    fn streaming_methods(&self) -> &[(u64, u16)];

    /// Whether calls are not to wait for streamed ones after all.
    fn concurrent(&self) -> bool {
        false
    }

    /// What a method is called, for those who watch calls; none if it does not exist or is not known.
    fn method_name(&self, interface_id: u64, method_id: u16) -> Option<MethodName> {
        let _ = (interface_id, method_id);
        None
    }
}

/// A client type that can be had for an object of type `S`. Generated code implements it.
pub trait FromServer<S>: FromClient {
    /// Makes calls to the interface calls to the server.
    fn into_dispatch(server: Arc<S>) -> Arc<dyn Dispatch>;
}

/// A client of an object of this process.
///
/// The object belongs to the [`Runtime`](crate::Runtime) it is first used with: usually that of
/// the connection it is sent over. It is dropped when its last client is, here and elsewhere.
pub fn new_client<C: FromServer<S>, S>(server: S) -> C {
    let (client, _) = Client::local(C::into_dispatch(Arc::new(server)));
    C::from_client(client)
}

/// Like [`new_client`], for an object that wants its calls at once even while a streamed one runs: it
/// sees to the order of its data itself, and `end` may come before a write is done.
pub fn new_concurrent_client<C: FromServer<S>, S>(server: S) -> C {
    let dispatch = Concurrent(C::into_dispatch(Arc::new(server)));
    C::from_client(Client::local(Arc::new(dispatch)).0)
}

struct Concurrent(Arc<dyn Dispatch>);

impl Dispatch for Concurrent {
    fn dispatch(
        self: Arc<Self>,
        interface_id: u64,
        method_id: u16,
        params: RawParams,
        results: RawResults,
    ) -> BoxFuture<Result<()>> {
        Arc::clone(&self.0).dispatch(interface_id, method_id, params, results)
    }

    fn streaming_methods(&self) -> &[(u64, u16)] {
        self.0.streaming_methods()
    }

    fn concurrent(&self) -> bool {
        true
    }

    fn method_name(&self, interface_id: u64, method_id: u16) -> Option<MethodName> {
        self.0.method_name(interface_id, method_id)
    }
}

type AnyRequest = Request<any_pointer::Owned, any_pointer::Owned>;

/// The parameters of an incoming call, of no particular type.
pub struct RawParams {
    payload: Payload,
    runtime: Weak<Shared>,
    answer: AnswerId,
}

impl RawParams {
    pub(crate) fn new(runtime: &Arc<Shared>, answer: AnswerId, payload: Payload) -> Self {
        Self {
            payload,
            runtime: Arc::downgrade(runtime),
            answer,
        }
    }

    /// The same call of another object.
    pub(crate) fn pass_on(
        self,
        to: &Client,
        interface_id: u64,
        method_id: u16,
    ) -> Result<AnyRequest> {
        let mut request = to.new_call(interface_id, method_id, None);
        request.set(self.get()?)?;
        Ok(request)
    }

    /// What tells that the call is canceled.
    #[must_use]
    pub fn cancellation_token(&self) -> CancellationToken {
        match self.runtime.upgrade() {
            Some(runtime) => runtime.cancellation_token(self.answer),
            None => CancellationToken::late(),
        }
    }

    /// The parameters struct.
    pub fn get(&self) -> Result<any_pointer::Reader<'_>> {
        self.payload.content()
    }
}

/// The parameters of an incoming call. Capabilities in them live until it is dropped, and longer
/// where they were taken out as clients.
pub struct Params<P> {
    raw: RawParams,
    marker: PhantomData<fn() -> P>,
}

impl<P: Owned> Params<P> {
    /// Gives parameters their type; for generated code.
    #[must_use]
    pub fn new(raw: RawParams) -> Self {
        Self {
            raw,
            marker: PhantomData,
        }
    }

    /// The parameters struct.
    pub fn get(&self) -> Result<P::Reader<'_>> {
        Ok(self.raw.get()?.get_as()?)
    }

    /// What tells that the call is canceled.
    #[must_use]
    pub fn cancellation_token(&self) -> CancellationToken {
        self.raw.cancellation_token()
    }
}

/// The results of an incoming call, of no particular type. What is in them when the method ends
/// is sent: they must not outlive it.
pub struct RawResults {
    outgoing: Option<Outgoing>,
    tail: Option<Tail>,
    slot: Arc<ResultsSlot>,
    runtime: Weak<Shared>,
    answer: AnswerId,
}

/// A call whose results are to be those of another one.
pub(crate) struct Tail {
    pub(crate) client: Client,
    pub(crate) params: Outgoing,
}

/// What a method that ended well leaves.
pub(crate) enum Left {
    Results(Outgoing),
    Tail(Tail),
}

impl RawResults {
    pub(crate) fn new(runtime: &Arc<Shared>, answer: AnswerId) -> (Self, Arc<ResultsSlot>) {
        let slot = Arc::new(ResultsSlot::default());
        (
            Self {
                outgoing: None,
                tail: None,
                slot: Arc::clone(&slot),
                runtime: Arc::downgrade(runtime),
                answer,
            },
            slot,
        )
    }

    /// Lets calls on capabilities in the results go on before the method ends: those that are in
    /// them now, which have to be there in the end too.
    pub fn set_pipeline(&mut self) -> Result<()> {
        if let Some(runtime) = self.runtime.upgrade() {
            let mut early = Outgoing::results(RESULTS_WORDS_HINT);
            early.content()?.set_as(self.get().into_reader())?;
            runtime.set_pipeline(self.answer, early);
        }
        Ok(())
    }

    /// Has an object that belongs nowhere yet belong where this call is, so that calls to it go on,
    /// and are canceled, on the same tasks.
    pub(crate) fn adopt(&self, client: &Client) {
        if let Some(runtime) = self.runtime.upgrade() {
            client.attach_to(&runtime);
        }
    }

    /// Runs something beside the call, and after it, on the same tasks.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static) {
        if let Some(runtime) = self.runtime.upgrade() {
            runtime.spawn(task);
        }
    }

    /// Lets the capability pointers in the results lead elsewhere.
    pub(crate) fn map_caps(
        &mut self,
        map: impl FnOnce(Vec<Option<CapHandle>>) -> Vec<Option<CapHandle>>,
    ) {
        if let Some(outgoing) = &mut self.outgoing {
            let caps = outgoing.frame_mut().take_caps();
            outgoing.frame_mut().set_caps(map(caps));
        }
    }

    /// Lets the results of the method be those of this call, which is made when the method has
    /// ended well. The results of a call to an object of the caller's own need not come by here.
    pub fn tail_call<P, R>(mut self, request: Request<P, R>) {
        let (client, params) = request.into_parts();
        self.tail = Some(Tail { client, params });
    }

    /// The results struct.
    pub fn get(&mut self) -> any_pointer::Builder<'_> {
        content(
            self.outgoing
                .get_or_insert_with(|| Outgoing::results(RESULTS_WORDS_HINT)),
        )
    }
}

impl Drop for RawResults {
    fn drop(&mut self) {
        *lock(&self.slot.left) = match self.tail.take() {
            Some(tail) => Some(Left::Tail(tail)),
            None => self.outgoing.take().map(Left::Results),
        };
    }
}

/// The results of an incoming call. What is in them when the method ends is sent: they must not
/// outlive it.
pub struct Results<R> {
    raw: RawResults,
    marker: PhantomData<fn() -> R>,
}

impl<R: Owned> Results<R> {
    /// Gives results their type; for generated code.
    #[must_use]
    pub fn new(raw: RawResults) -> Self {
        Self {
            raw,
            marker: PhantomData,
        }
    }

    /// The results struct.
    pub fn get(&mut self) -> R::Builder<'_> {
        typed::<R>(self.raw.get())
    }

    /// Copies the results from elsewhere.
    pub fn set(&mut self, from: impl SetterInput<R>) -> Result<()> {
        Ok(self.raw.get().set_as(from)?)
    }

    /// Lets calls on capabilities in the results go on before the method ends: those that are in
    /// them now, which have to be there in the end too.
    pub fn set_pipeline(&mut self) -> Result<()> {
        self.raw.set_pipeline()
    }

    /// Lets the results of the method be those of this call, which is made when the method has
    /// ended well. The results of a call to an object of the caller's own need not come by here.
    pub fn tail_call<P>(self, request: Request<P, R>) {
        self.raw.tail_call(request);
    }
}

/// Where results go when the method lets go of them.
#[derive(Default)]
pub(crate) struct ResultsSlot {
    left: Mutex<Option<Left>>,
}

impl ResultsSlot {
    /// What to send for a method that ended well.
    pub(crate) fn take(self: Arc<Self>) -> Result<Left> {
        if Arc::strong_count(&self) > 1 {
            return Err(Exception::failed(
                "the server's method returned while its results were still in use elsewhere; drop them first",
            ));
        }
        Ok(lock(&self.left)
            .take()
            .unwrap_or_else(|| Left::Results(Outgoing::results(0))))
    }
}

/// The answer of an object to a call of an interface it does not have.
pub fn unimplemented_interface(
    interface: &'static str,
    interface_id: u64,
) -> BoxFuture<Result<()>> {
    let error = Exception::unimplemented(format!(
        "the object is a {interface} and has no interface {interface_id:#018x}"
    ));
    Box::pin(core::future::ready(Err(error)))
}

/// The answer of an object to a call of a method its interface does not have.
pub fn unimplemented_method(interface: &'static str, method_id: u16) -> BoxFuture<Result<()>> {
    let error = Exception::unimplemented(format!(
        "{interface} has no method @{method_id} here; the caller may use a newer version of the schema"
    ));
    Box::pin(core::future::ready(Err(error)))
}

/// The error of a method that a server leaves to its default.
#[must_use]
pub fn unimplemented_default(interface: &'static str, method: &'static str) -> Exception {
    Exception::unimplemented(format!(
        "this object does not implement the method {method} of {interface}"
    ))
}

/// The struct that a call or return carries, as its type's builder.
pub(crate) fn content_of<T: Owned>(outgoing: &mut Outgoing) -> T::Builder<'_> {
    typed::<T>(content(outgoing))
}

#[allow(
    clippy::expect_used,
    reason = "nothing but builders of this type had access to the content"
)]
fn typed<T: Owned>(content: any_pointer::Builder<'_>) -> T::Builder<'_> {
    content
        .get_as()
        .expect("the content is of the method's type")
}

#[allow(
    clippy::expect_used,
    reason = "the message is our own and nobody else has its envelope"
)]
fn content(outgoing: &mut Outgoing) -> any_pointer::Builder<'_> {
    outgoing.content().expect("an outgoing message has content")
}

/// Room for results whose size nobody announced.
const RESULTS_WORDS_HINT: usize = 32;

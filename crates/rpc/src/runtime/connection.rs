//! Connections, as networks and their users see them.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Weak};

use futures_util::task::AtomicWaker;

use super::{Runtime, State};
use crate::client::{Client, FromClient};
use crate::flow::LineStats;
use crate::moment::Moment;
use crate::observer::Observer;
use crate::vat::{
    Batching, CapId, ConnectionId, ConnectionOptions, ConnectionStats, Exception, FlowControl,
    Limits,
};

/// What a new connection offers and allows.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// What the peer gets when it asks for our bootstrap object. Without one, it gets an error.
    pub bootstrap: Option<Client>,
    /// How much each stream may have in flight. Default: what its way to the object holds.
    pub flow_control: FlowControl,
    /// A longer incoming message ends the connection. Default 64 MiB.
    pub max_message_bytes: usize,
    /// A streamed call beyond this many unacknowledged bytes fails as overloaded, for a caller
    /// who never waits. Default 16 MiB.
    pub stream_backlog_bytes: u64,
    /// How much else the peer may make us do and keep.
    pub limits: Limits,
    /// Whether calls that lead back to the peer are passed back with their results. Default true.
    pub tail_calls: bool,
    /// Whether several messages may share a frame. Default off: it is for networks whose frames have ends.
    pub batching: Batching,
    /// Is shown the calls that the peer makes. Default none.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            bootstrap: None,
            flow_control: FlowControl::default(),
            max_message_bytes: 64 * 1024 * 1024,
            stream_backlog_bytes: 16 * 1024 * 1024,
            limits: Limits::default(),
            tail_calls: true,
            batching: Batching::Off,
            observer: None,
        }
    }
}

impl ConnectOptions {
    /// What the peer gets that asks for our bootstrap object.
    #[must_use]
    pub fn with_bootstrap(self, bootstrap: impl FromClient) -> Self {
        Self {
            bootstrap: Some(bootstrap.into_client()),
            ..self
        }
    }
}

/// One end of a connection. Clones are the same end; when the last is dropped, it closes.
///
/// A network hands incoming frames to [`handle_frame`](Self::handle_frame), sends what
/// [`poll_transmit`](Self::poll_transmit) or [`next_frame`](Self::next_frame) gives it, in order,
/// and says when the peer is gone.
#[derive(Clone, Debug)]
pub struct ConnectionHandle {
    inner: Arc<Inner>,
}

/// An end of a connection that it does not keep open.
#[derive(Clone, Debug)]
pub struct WeakConnection {
    inner: Weak<Inner>,
}

impl WeakConnection {
    /// The end, as long as anyone keeps it.
    #[must_use]
    pub fn upgrade(&self) -> Option<ConnectionHandle> {
        let inner = self.inner.upgrade()?;
        Some(ConnectionHandle { inner })
    }
}

/// Whether both are the same end.
impl PartialEq for WeakConnection {
    fn eq(&self, other: &Self) -> bool {
        self.inner.ptr_eq(&other.inner)
    }
}

#[derive(Debug)]
struct Inner {
    runtime: Runtime,
    id: ConnectionId,
    state: Arc<ConnectionState>,
}

impl ConnectionHandle {
    pub(super) fn open(runtime: &Runtime, options: ConnectOptions) -> Self {
        let shared = &runtime.shared;
        let bootstrap = shared.table(vec![options.bootstrap.and_then(Client::into_cap)]);
        let state = Arc::new(ConnectionState {
            observer: options.observer,
            ..ConnectionState::default()
        });
        let id = shared.enter(|shared_state, now| {
            let bootstrap = bootstrap.retain(shared_state).pop().flatten();
            let id = shared_state.vat.connect(
                now,
                ConnectionOptions {
                    bootstrap,
                    flow_control: options.flow_control,
                    max_message_bytes: options.max_message_bytes,
                    stream_backlog_bytes: options.stream_backlog_bytes,
                    limits: options.limits,
                    tail_calls: options.tail_calls,
                    batching: options.batching,
                },
            );
            shared_state.is_observed |= state.observer.is_some();
            shared_state.connections.insert(id, Arc::clone(&state));
            id
        });
        Self {
            inner: Arc::new(Inner {
                runtime: runtime.clone(),
                id,
                state,
            }),
        }
    }

    /// The object that the peer offers to everyone who connects, usable at once.
    #[must_use]
    pub fn bootstrap<C: FromClient>(&self) -> C {
        let id = self.inner.id;
        self.client_of(self.inner.enter(|state, now| state.vat.bootstrap(now, id)))
    }

    /// The object that the peer offers for dedicated connections: a [`dedicated`](crate::sinks_capnp::dedicated) of
    /// `/capstan/sinks.capnp`. Calls fail as unimplemented when it knows of none.
    #[must_use]
    pub fn dedicated<C: FromClient>(&self) -> C {
        let id = self.inner.id;
        self.client_of(self.inner.enter(|state, now| state.vat.dedicated(now, id)))
    }

    /// Chooses the object for dedicated connections that the peer gets, for whoever carries messages: to be called before
    /// the first one has come.
    pub fn set_dedicated(&self, object: impl FromClient) {
        let shared = &self.inner.runtime.shared;
        let table = shared.table(vec![object.into_client().into_cap()]);
        self.inner.enter(|state, _| {
            if let Some(cap) = table.retain(state).pop().flatten() {
                state.vat.set_dedicated(self.inner.id, cap);
            }
        });
    }

    fn client_of<C: FromClient>(&self, cap: Option<CapId>) -> C {
        let inner = &self.inner;
        C::from_client(match cap {
            Some(cap) => Client::attached(Arc::clone(&inner.runtime.shared), cap),
            None => Client::broken(
                inner
                    .state
                    .reason()
                    .unwrap_or_else(|| Exception::disconnected("the connection is over")),
            ),
        })
    }

    /// Lets each stream have this many bytes in flight, from now on.
    pub fn set_window_size(&self, bytes: u64) {
        self.inner.enter(|state, _| {
            state
                .vat
                .set_flow_control(self.inner.id, FlowControl::Fixed(bytes))
        });
    }

    /// Chooses how the windows of this connection's streams are found, from now on.
    pub fn set_flow_control(&self, flow_control: FlowControl) {
        self.inner
            .enter(|state, _| state.vat.set_flow_control(self.inner.id, flow_control));
    }

    /// What is known of the way to the peer; none when no stream adapts.
    #[must_use]
    pub fn line_stats(&self) -> Option<LineStats> {
        self.inner
            .enter(|state, _| state.vat.line_stats(self.inner.id))
            .flatten()
    }

    /// Sizes of the tables and of what is in flight; none once the connection is over.
    #[must_use]
    pub fn stats(&self) -> Option<ConnectionStats> {
        self.inner
            .enter(|state, _| state.vat.connection_stats(self.inner.id))
            .flatten()
    }

    /// Whether closing now would cut something off: a call of either side that is not answered, or a
    /// stream to an object of this side. A stream lasts from when the peer has the object, for one
    /// that is the bootstrap object from the first streamed call, to an ordinary call of it, such as
    /// its `end`, or until the peer lets go of it.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let id = self.inner.id;
        let busy = self.inner.enter(|state, _| {
            let bootstrap = state.vat.bootstrap_object(id);
            state.vat.has_calls_under_way(id)
                || state.vat.exported_objects(id).any(|object| {
                    let hosted = state.objects.get(&object);
                    hosted.is_some_and(|hosted| hosted.expects_stream(bootstrap == Some(object)))
                })
        });
        busy.unwrap_or(false)
    }

    /// Ends the connection: the peer is told the reason, and all calls fail with it.
    pub fn close(&self, reason: Exception) {
        self.inner
            .enter(|state, now| state.vat.close(now, self.inner.id, reason));
    }

    /// Waits for the end of the connection, and says why it came.
    pub fn closed(&self) -> impl Future<Output = Exception> + use<> {
        self.inner.state.end.wait()
    }

    /// The same end, not kept open.
    #[must_use]
    pub fn downgrade(&self) -> WeakConnection {
        let inner = Arc::downgrade(&self.inner);
        WeakConnection { inner }
    }

    /// The runtime that this connection belongs to.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    /// For a network that is about to take in frames and calls [`poll_transmit`](Self::poll_transmit)
    /// afterwards, whatever they lead to: until then there is no need to wake it.
    pub fn will_transmit(&self) {
        self.inner.state.network.take();
    }

    /// Takes in a frame from the peer: one message with its segment table. Methods that it calls
    /// run here up to their first wait.
    pub fn handle_frame(&self, frame: Vec<u8>) {
        self.inner.runtime.shared.enter_and_run(|state, now| {
            if self.inner.is_open(state) {
                state.vat.handle_message(now, self.inner.id, frame);
            }
        });
    }

    /// The longest frame that may hold more than one message from the peer, each for a
    /// [`handle_frame`](Self::handle_frame) of its own; 0 when none may.
    #[must_use]
    pub fn accepted_batch_bytes(&self) -> usize {
        self.inner
            .enter(|state, _| state.vat.accepted_batch_bytes(self.inner.id))
            .unwrap_or(0)
    }

    /// Appends frames for the peer, until there are no more or they are `max_bytes` together.
    /// Ready with true when there is at least one; with false when the connection is over and
    /// everything was handed out, so that the network can be closed.
    pub fn poll_transmit(
        &self,
        cx: &mut Context<'_>,
        frames: &mut Vec<Vec<u8>>,
        max_bytes: usize,
    ) -> Poll<bool> {
        self.inner.state.network.register(cx.waker());
        self.inner
            .runtime
            .shared
            .enter(|state, _| self.inner.take_frames(state, frames, max_bytes))
    }

    /// Tells that so many bytes of what was transmitted wait in this computer, for instance for a
    /// socket to take them; streams wait while it is more than a small queue. To be told again when
    /// it is less.
    pub fn set_backlog(&self, bytes: u64) {
        self.inner
            .enter(|state, _| state.vat.set_backlog(self.inner.id, bytes));
    }

    /// The next frame for the peer; none when the connection is over and the network can be closed.
    pub async fn next_frame(&self) -> Option<Vec<u8>> {
        let mut frames = Vec::new();
        core::future::poll_fn(|cx| self.poll_transmit(cx, &mut frames, 1)).await;
        frames.pop()
    }

    /// After how long to call [`handle_timeout`](Self::handle_timeout), at the latest; none if never.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.inner
            .enter(|state, now| {
                let deadline = state.vat.connection_timeout(self.inner.id)?;
                Some(Duration::from_micros(deadline.saturating_sub(now)))
            })
            .flatten()
    }

    /// Does what the passing of time asks for: see [`Limits::idle_micros`].
    pub fn handle_timeout(&self) {
        self.inner.enter(|state, now| {
            state.vat.handle_connection_timeout(now, self.inner.id);
        });
    }

    /// Notes that the network lost the peer: all calls fail with the reason.
    pub fn disconnected(&self, reason: Exception) {
        self.inner
            .enter(|state, now| state.vat.handle_disconnect(now, self.inner.id, reason));
    }
}

impl Inner {
    /// Changes the vat if this connection is still there: its id may name another one later.
    fn enter<T>(&self, change: impl FnOnce(&mut State, u64) -> T) -> Option<T> {
        self.runtime
            .shared
            .enter(|state, now| self.is_open(state).then(|| change(state, now)))
    }

    fn is_open(&self, state: &State) -> bool {
        state
            .connections
            .get(&self.id)
            .is_some_and(|known| Arc::ptr_eq(known, &self.state))
    }

    fn take_frames(
        &self,
        state: &mut State,
        frames: &mut Vec<Vec<u8>>,
        max_bytes: usize,
    ) -> Poll<bool> {
        if self.state.drained.load(Ordering::Relaxed) {
            return Poll::Ready(false);
        }
        let already = frames.len();
        let mut bytes = 0;
        while bytes < max_bytes {
            match state.vat.poll_transmit(self.id) {
                Some(frame) => {
                    bytes += frame.len();
                    frames.push(frame);
                }
                None if self.is_open(state) => break,
                None => {
                    self.state.drained.store(true, Ordering::Relaxed);
                    break;
                }
            }
        }
        if frames.len() > already {
            Poll::Ready(true)
        } else if self.state.drained.load(Ordering::Relaxed) {
            Poll::Ready(false)
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let reason = Exception::disconnected("the connection was dropped");
        self.enter(|state, now| state.vat.handle_disconnect(now, self.id, reason));
        // Nobody is left to send them, and the vat keeps a connection until its last frame is taken.
        let mut frames = Vec::new();
        self.runtime
            .shared
            .enter(|state, _| self.take_frames(state, &mut frames, usize::MAX).is_ready());
    }
}

/// What is known of a connection outside the vat.
#[derive(Debug, Default)]
pub(super) struct ConnectionState {
    /// Whoever sends its frames.
    network: AtomicWaker,
    /// Whether everything was handed out after the end. The vat may have given the id to another
    /// connection since. Changed under the runtime's lock.
    drained: AtomicBool,
    end: Arc<Moment<Exception>>,
    observer: Option<Arc<dyn Observer>>,
}

impl ConnectionState {
    pub(super) fn wake(&self) {
        self.network.wake();
    }

    /// Notes the end. Those who wait for it are to be woken after unlocking.
    pub(super) fn close(&self, reason: Exception) -> Vec<Waker> {
        self.end.come(reason)
    }

    pub(super) fn observer(&self) -> Option<Arc<dyn Observer>> {
        self.observer.clone()
    }

    fn reason(&self) -> Option<Exception> {
        self.end.value()
    }
}

//! What drives a vat: it maps the vat's ids to objects, calls and connections, and carries out
//! its events.
//!
//! Every entry follows one pattern: lock, change the vat, collect what its events ask for, unlock,
//! carry that out. No code of users runs, no value of theirs is dropped and nobody is woken while
//! the lock is held.

mod calls;
mod connection;
mod effects;
mod objects;
mod proxy;
mod tasks;

use core::task::{Context, Waker};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capstan_message::capability::{MaybeSend, MaybeSync};

pub use connection::{ConnectOptions, ConnectionHandle, WeakConnection};

use crate::BoxFuture;
use crate::client::{Client, FromClient, ServerId};
use crate::request::Waiter;
use crate::server::{Dispatch, FromServer};
use crate::vat::{AnswerId, CallId, CapId, ConnectionId, ObjectId, Vat, VatStats};
use connection::ConnectionState;
use effects::Effects;
use objects::{HostedObject, Origin, RunningCall};
use proxy::Proxy;
use tasks::TaskSet;

/// Starts tasks on whatever executor the program uses.
pub trait Spawn: MaybeSend + MaybeSync + 'static {
    /// Has the future polled to its end. It is never called while a runtime is locked.
    fn spawn(&self, future: BoxFuture<()>);
}

impl<F: Fn(BoxFuture<()>) + MaybeSend + MaybeSync + 'static> Spawn for F {
    fn spawn(&self, future: BoxFuture<()>) {
        self(future);
    }
}

/// A vat with everything it refers to: objects, calls, connections. Clones are the same runtime.
///
/// One runtime serves any number of connections, and capabilities that came over one can be
/// passed on over another.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

impl Runtime {
    /// Server methods that have to wait are continued on tasks of `spawn`, such as
    /// `|task| { tokio::spawn(task); }`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(spawn: impl Spawn) -> Self {
        Self::with_clock(spawn, monotonic_clock())
    }

    /// With a clock of one's own: microseconds since any moment, never running backwards.
    pub fn with_clock(
        spawn: impl Spawn,
        now_micros: impl Fn() -> u64 + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        Self::from_parts(Executor::Given(Box::new(spawn)), Box::new(now_micros))
    }

    /// Hosts an object. Unlike with the function [`new_client`](crate::new_client), it belongs to
    /// this runtime from the start.
    pub fn new_client<C: FromServer<S>, S>(&self, server: S) -> C {
        let (client, _) = Client::local(C::into_dispatch(Arc::new(server)));
        client.attach_to(&self.shared);
        C::from_client(client)
    }

    /// Has the object of a client belong to this runtime, if it belongs to none: its calls then go on
    /// while nobody waits for them. For what [`reconnecting`](crate::reconnecting) and others make.
    #[must_use]
    pub fn adopt<C: FromClient>(&self, client: C) -> C {
        client.as_client().attach_to(&self.shared);
        client
    }

    /// How much is kept for all connections together, and for objects that were given to none.
    #[must_use]
    pub fn stats(&self) -> VatStats {
        self.shared.enter(|state, _| state.vat.stats())
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static) {
        self.shared.spawn(task);
    }

    /// Adds a connection. Its frames are for the caller to carry, in both directions.
    pub fn connect(&self, options: ConnectOptions) -> ConnectionHandle {
        ConnectionHandle::open(self, options)
    }

    /// A runtime for objects that are called before they belong anywhere. It has no executor:
    /// whoever waits for one of its calls drives all of them.
    pub(crate) fn detached() -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let now = Box::new(monotonic_clock());
        // Without connections nothing depends on the time.
        #[cfg(target_arch = "wasm32")]
        let now = Box::new(|| 0);
        Self::from_parts(Executor::Pollers(TaskSet::default()), now)
    }

    pub(crate) fn into_shared(self) -> Arc<Shared> {
        self.shared
    }

    fn from_parts(executor: Executor, now_micros: Box<Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State::new()),
                executor,
                now_micros,
            }),
        }
    }
}

impl core::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Runtime")
    }
}

#[cfg(not(target_arch = "wasm32"))]
type Clock = dyn Fn() -> u64 + Send + Sync;
#[cfg(target_arch = "wasm32")]
type Clock = dyn Fn() -> u64;

#[cfg(not(target_arch = "wasm32"))]
fn monotonic_clock() -> impl Fn() -> u64 + Send + Sync {
    let start = std::time::Instant::now();
    move || u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

pub(crate) struct Shared {
    state: Mutex<State>,
    executor: Executor,
    now_micros: Box<Clock>,
}

enum Executor {
    Given(Box<dyn Spawn>),
    Pollers(TaskSet),
}

/// The vat, and what its ids stand for.
pub(crate) struct State {
    pub(crate) vat: Vat,
    objects: HashMap<ObjectId, Arc<HostedObject>>,
    waiters: HashMap<CallId, Waiter>,
    /// Who waits until it is known what a capability is.
    watched: HashMap<CapId, Vec<Waker>>,
    running: HashMap<AnswerId, RunningCall>,
    connections: HashMap<ConnectionId, Arc<ConnectionState>>,
    /// Whether any connection ever had an observer.
    is_observed: bool,
}

impl State {
    fn new() -> Self {
        Self {
            vat: Vat::new(),
            objects: HashMap::new(),
            waiters: HashMap::new(),
            watched: HashMap::new(),
            running: HashMap::new(),
            connections: HashMap::new(),
            is_observed: false,
        }
    }
}

impl Shared {
    /// Changes the vat from wherever a user's code may be, perhaps holding locks of its own: code
    /// of users that has to run in consequence runs on tasks.
    pub(crate) fn enter<T>(self: &Arc<Self>, change: impl FnOnce(&mut State, u64) -> T) -> T {
        let (result, effects) = self.change(change);
        if let Some(objects) = effects.carry_out() {
            self.spawn_run(objects);
        }
        result
    }

    /// Changes the vat from the top of a task: code of users that has to run in consequence runs
    /// here and now, up to its first wait.
    fn enter_and_run<T>(self: &Arc<Self>, change: impl FnOnce(&mut State, u64) -> T) -> T {
        let (result, effects) = self.change(change);
        if let Some(objects) = effects.carry_out() {
            self.run_objects(objects);
        }
        result
    }

    fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut State, u64) -> T) -> (T, Effects) {
        let now_micros = (self.now_micros)();
        let mut effects = Effects::default();
        let mut state = lock(&self.state);
        let result = change(&mut state, now_micros);
        state.collect_effects(self, now_micros, &mut effects);
        (result, effects)
    }

    fn spawn_run(self: &Arc<Self>, objects: Vec<Arc<HostedObject>>) {
        let runtime = Arc::downgrade(self);
        self.spawn(async move {
            if let Some(runtime) = runtime.upgrade() {
                runtime.run_objects(objects);
            }
        });
    }

    /// Tasks hold their runtime weakly. An executor keeps it alive until they are done; without
    /// one they are done for when nobody is left to wait for them.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + MaybeSend + 'static) {
        match &self.executor {
            Executor::Given(spawn) => {
                let runtime = Arc::clone(self);
                spawn.spawn(Box::pin(async move {
                    task.await;
                    drop(runtime);
                }));
            }
            Executor::Pollers(tasks) => tasks.spawn(Box::pin(task)),
        }
    }

    /// To be called by whatever waits for this runtime, from its `poll`.
    pub(crate) fn drive(&self, cx: &mut Context<'_>) {
        if let Executor::Pollers(tasks) = &self.executor {
            tasks.drive(cx);
        }
    }

    /// Hosts an object; the reference belongs to the caller.
    pub(crate) fn host(self: &Arc<Self>, id: ServerId, dispatch: Arc<dyn Dispatch>) -> CapId {
        self.host_object(HostedObject::new(Origin::Server(id), dispatch))
    }

    /// Hosts an object that passes its calls on to a capability of another runtime.
    fn host_proxy(self: &Arc<Self>, client: Client) -> CapId {
        let dispatch = Arc::new(Proxy::new(client.clone()));
        self.host_object(HostedObject::new(Origin::Proxy(client), dispatch))
    }

    fn host_object(self: &Arc<Self>, object: HostedObject) -> CapId {
        let options = object.options();
        self.enter(|state, _| {
            let (id, cap) = state.vat.add_object(options);
            state.objects.insert(id, Arc::new(object));
            cap
        })
    }

    pub(crate) fn release(self: &Arc<Self>, cap: CapId) {
        self.enter(|state, now| state.vat.release(now, cap));
    }
}

/// A panic elsewhere does not make what the lock guards unusable: nothing of ours panics in the
/// middle of a change.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The laboratory on the `capnp-rpc` crate. Everything here runs in a `LocalSet`.

use std::future::Future;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use capnp::capability::{FromClientHook, Request, Results};
use capnp::private::capability::ClientHook;
use capnp::{Error, ErrorKind};
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, new_client, new_future_client};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::crate_peer::{self, network};
use crate::lab::Wire;
use crate::theirs::lab_capnp::{Operator, function, lab, log, number, sink, value};

macro_rules! methods {
    (impl $($server:ident)::+ for $object:ty {
        $(async fn $name:ident($this:ident, $params:ident: $in:ty $(, $($results:tt)+)?) $body:block)*
    }) => {
        impl $($server)::+ for $object {
            $(async fn $name($this: Rc<Self>, $params: $in $(, $($results)+)?) -> Result<(), Error> $body)*
        }
    };
}

include!("objects.rs");
include!("client.rs");

/// A server, until it is stopped.
pub struct Server {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(wire: Wire) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let canceled = Canceled::default();
        let lab: lab::Client = new_client(LabServer { canceled });
        let task = tokio::task::spawn_local(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let network = network(stream, Side::Server, of(wire));
                connections.spawn_local(RpcSystem::new(network, Some(lab.clone().client)));
            }
        });
        Self { port, task }
    }

    pub fn stop(&self) {
        self.task.abort();
    }
}

/// The client, and the task that its connection is.
pub async fn connect(wire: Wire, port: u16) -> (lab::Client, JoinHandle<Result<(), Error>>) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut system = RpcSystem::new(network(stream, Side::Client, of(wire)), None);
    let client = system.bootstrap(Side::Server);
    (client, tokio::task::spawn_local(system))
}

fn of(wire: Wire) -> crate_peer::Wire {
    match wire {
        Wire::Plain => crate_peer::Wire::Plain,
        Wire::Packed => crate_peer::Wire::Packed,
        Wire::WebSocket => panic!("the crate has no WebSockets"),
    }
}

/// The crate has no tail calls for servers to make.
async fn tail_call<P>(
    mut results: Results<value::Owned>,
    request: Request<P, value::Owned>,
) -> Result<(), Error>
where
    P: capnp::traits::Owned,
{
    let response = request.send().promise.await?;
    results.set(response.get()?)
}

fn capability(number: &number::Client) -> Box<dyn ClientHook> {
    number.clone().into_client_hook()
}

fn function_of(lab: &lab::Client) -> function::Client {
    lab.clone().cast_to()
}

const KINDS: [ErrorKind; 4] = [
    ErrorKind::Failed,
    ErrorKind::Overloaded,
    ErrorKind::Disconnected,
    ErrorKind::Unimplemented,
];

fn error(kind: u16, reason: &str) -> Error {
    Error {
        kind: KINDS[usize::from(kind)],
        extra: reason.to_owned(),
    }
}

fn kind(error: &Error) -> u16 {
    KINDS.iter().position(|kind| *kind == error.kind).unwrap() as u16
}

fn reason(error: &Error) -> String {
    error.to_string()
}

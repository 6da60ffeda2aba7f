//! The laboratory on Capstan.

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use capstan_net::{Connection, Options, tcp, websocket};
use capstan_rpc::{
    Error, ErrorKind, FromClient as _, Request, Results, new_client, new_future_client,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::lab::Wire;
use crate::lab_capnp::{Operator, function, lab, log, number, sink, value};

macro_rules! methods {
    (impl $($server:ident)::+ for $object:ty {
        $(async fn $name:ident($this:ident, $params:ident: $in:ty $(, $($results:tt)+)?) $body:block)*
    }) => {
        impl $($server)::+ for $object {
            $(async fn $name(&$this, $params: $in $(, $($results)+)?) -> Result<(), Error> $body)*
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
        Self::start_with(wire, Options::default()).await
    }

    pub async fn start_with(wire: Wire, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let canceled = Canceled::default();
        let lab: lab::Client = new_client(LabServer { canceled });
        let task = tokio::spawn(async move {
            let bootstrap = move |_| lab.clone();
            match wire {
                Wire::WebSocket => websocket::serve(listener, "/", options, bootstrap)
                    .await
                    .unwrap(),
                wire => {
                    let options = options.with_packed(wire == Wire::Packed);
                    tcp::serve(listener, options, bootstrap).await.unwrap();
                }
            }
        });
        Self { port, task }
    }

    pub fn stop(&self) {
        self.task.abort();
    }
}

pub async fn connect(wire: Wire, port: u16) -> (lab::Client, Connection) {
    connect_with(wire, port, Options::default()).await
}

pub async fn connect_with(wire: Wire, port: u16, options: Options) -> (lab::Client, Connection) {
    let connection = match wire {
        Wire::WebSocket => websocket::connect(&format!("ws://127.0.0.1:{port}/"), options).await,
        wire => {
            let options = options.with_packed(wire == Wire::Packed);
            tcp::connect(&format!("127.0.0.1:{port}"), options).await
        }
    };
    let connection = connection.unwrap();
    (connection.bootstrap(), connection)
}

/// A client of what a server in front of the one at `port` passes on.
pub async fn relay_to(port: u16) -> u16 {
    let options = Options::default().with_runtime(&capstan_net::runtime());
    let connection = tcp::connect(&format!("127.0.0.1:{port}"), options.clone())
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(tcp::serve(listener, options, move |_| {
        connection.bootstrap::<lab::Client>()
    }));
    port
}

async fn tail_call<P>(
    results: Results<value::Owned>,
    request: Request<P, value::Owned>,
) -> Result<(), Error> {
    results.tail_call(request);
    Ok(())
}

fn capability(number: &number::Client) -> number::Client {
    number.clone()
}

fn function_of(lab: &lab::Client) -> function::Client {
    function::Client::from_client(lab.as_client().clone())
}

fn error(kind: u16, reason: &str) -> Error {
    let kinds = [
        ErrorKind::Failed,
        ErrorKind::Overloaded,
        ErrorKind::Disconnected,
        ErrorKind::Unimplemented,
    ];
    Error::new(kinds[usize::from(kind)], reason)
}

fn kind(error: &Error) -> u16 {
    error.kind as u16
}

fn reason(error: &Error) -> &str {
    &error.reason
}

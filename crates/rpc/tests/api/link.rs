//! A network in memory.

use std::time::Duration;

use capstan_rpc::{BoxFuture, ConnectOptions, ConnectionHandle, Error, FromClient, Runtime};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Two connected ends, each in a runtime of its own.
pub struct Link {
    pub client: ConnectionHandle,
    pub server: ConnectionHandle,
}

/// Connects a client to `bootstrap`, with this much delay each way.
pub fn join(one_way: Duration, bootstrap: impl FromClient) -> Link {
    join_with(
        one_way,
        ConnectOptions::default(),
        ConnectOptions::default().with_bootstrap(bootstrap),
    )
}

pub fn join_with(one_way: Duration, client: ConnectOptions, server: ConnectOptions) -> Link {
    connect(
        one_way,
        runtime().connect(client),
        runtime().connect(server),
    )
}

/// Connects a client that is in this runtime.
pub fn join_runtimes(
    one_way: Duration,
    client: &Runtime,
    options: ConnectOptions,
    bootstrap: impl FromClient,
) -> Link {
    let server = runtime().connect(ConnectOptions::default().with_bootstrap(bootstrap));
    connect(one_way, client.connect(options), server)
}

fn connect(one_way: Duration, client: ConnectionHandle, server: ConnectionHandle) -> Link {
    carry(client.clone(), server.clone(), one_way);
    carry(server.clone(), client.clone(), one_way);
    Link { client, server }
}

/// A runtime on tokio's tasks and clock.
pub fn runtime() -> Runtime {
    let start = Instant::now();
    Runtime::with_clock(
        |task: BoxFuture<()>| {
            tokio::spawn(task);
        },
        move || u64::try_from(start.elapsed().as_micros()).unwrap(),
    )
}

/// Carries frames one way. Each arrives after the delay, however many are under way.
fn carry(from: ConnectionHandle, to: ConnectionHandle, delay: Duration) {
    let (send, mut receive) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(frame) = from.next_frame().await {
            let _ = send.send((Instant::now() + delay, frame));
        }
    });
    tokio::spawn(async move {
        while let Some((arrival, frame)) = receive.recv().await {
            sleep_until(arrival).await;
            to.handle_frame(frame);
        }
        to.disconnected(Error::disconnected("the link was cut"));
    });
}

/// Lets everything happen that happens without the passing of time, and then some.
pub async fn settle() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}

//! A network of one's own, and an object that wants all its calls at once.

use std::sync::Arc;
use std::time::Duration;

use capstan_rpc::{
    ConnectOptions, Error, ErrorKind, NetworkReceiver, NetworkSender, VatNetwork, new_client,
    new_concurrent_client,
};
use tokio::sync::{Barrier, mpsc};

use crate::link::{join, runtime};
use crate::server::trial_client;
use crate::trial_capnp::{streaming_byte_sink, trial};

/// Two queues.
struct Queues {
    send: mpsc::Sender<Vec<u8>>,
    receive: mpsc::Receiver<Vec<u8>>,
}

struct Out(Option<mpsc::Sender<Vec<u8>>>);
struct In(mpsc::Receiver<Vec<u8>>);

impl VatNetwork for Queues {
    type Sender = Out;
    type Receiver = In;

    fn split(self) -> (Out, In) {
        (Out(Some(self.send)), In(self.receive))
    }
}

impl NetworkSender for Out {
    async fn send(&mut self, message: Vec<u8>) -> Result<(), Error> {
        let queue = self.0.as_ref().unwrap();
        let sent = queue.send(message).await;
        sent.map_err(|_| Error::disconnected("nobody reads this queue"))
    }

    async fn close(&mut self) {
        self.0 = None;
    }
}

impl NetworkReceiver for In {
    async fn receive(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.recv().await)
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_can_be_anything_that_carries_messages() {
    let (to_server, from_client) = mpsc::channel(1);
    let (to_client, from_server) = mpsc::channel(1);
    let server = runtime().attach(
        Queues {
            send: to_client,
            receive: from_client,
        },
        ConnectOptions::default().with_bootstrap(trial_client()),
    );
    let client = runtime().attach(
        Queues {
            send: to_server,
            receive: from_server,
        },
        ConnectOptions::default(),
    );
    let trial: trial::Client = client.bootstrap();
    let mut request = trial.echo_request();
    request.get().set_text("hello");
    let response = request.send().promise.await.unwrap();
    assert_eq!(response.get().unwrap().get_text().unwrap(), "hello");
    client.close(Error::disconnected("that is all"));
    let reason = server.closed().await;
    assert_eq!(reason.kind, ErrorKind::Disconnected);
    assert!(reason.reason.contains("that is all"), "{reason}");
}

/// Each write ends when another one has begun.
struct Meeting(Arc<Barrier>);

impl streaming_byte_sink::Server for Meeting {
    async fn write(&self, _params: streaming_byte_sink::WriteParams) -> Result<(), Error> {
        self.0.wait().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_can_have_its_streamed_calls_at_once() {
    for concurrent in [false, true] {
        let meeting = Meeting(Arc::new(Barrier::new(2)));
        let sink: streaming_byte_sink::Client = if concurrent {
            new_concurrent_client(meeting)
        } else {
            new_client(meeting)
        };
        let link = join(Duration::from_millis(1), sink);
        let sink: streaming_byte_sink::Client = link.client.bootstrap();
        for _ in 0..2 {
            sink.write_request().send().await.unwrap();
        }
        // The default end() fails as soon as it is called.
        let end = sink.end_request().send().promise;
        let ended = tokio::time::timeout(Duration::from_secs(10), end).await;
        assert_eq!(ended.is_ok(), concurrent);
    }
}

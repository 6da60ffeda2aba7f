//! Capstan's client and server.

use std::collections::VecDeque;

use capstan_net::{Connection, Options, tcp};
use capstan_rpc::{Error, Promise, new_client};
use tokio::net::TcpListener;

use crate::calls_capnp::calls;

pub struct Client {
    calls: calls::Client,
    _connection: Connection,
}

impl Client {
    pub async fn connect(port: u16) -> Self {
        let address = format!("127.0.0.1:{port}");
        let connection = tcp::connect(&address, Options::default()).await.unwrap();
        Self {
            calls: connection.bootstrap(),
            _connection: connection,
        }
    }

    pub async fn calls(&self, count: usize, in_flight: usize) {
        spread(std::slice::from_ref(&self.calls), count, in_flight).await;
    }

    /// So many objects of the server's.
    pub async fn family(&self, count: usize) -> Vec<calls::Client> {
        let mut family = Vec::new();
        for _ in 0..count {
            let response = self.calls.next_request().send().promise.await.unwrap();
            family.push(response.get().unwrap().get_next().unwrap());
        }
        family
    }
}

/// Calls each object in its turn.
pub async fn spread(objects: &[calls::Client], count: usize, in_flight: usize) {
    let mut pending = VecDeque::<Promise<calls::add_results::Owned>>::new();
    let mut targets = objects.iter().cycle();
    for number in 0..count {
        if pending.len() == in_flight {
            let response = pending.pop_front().unwrap().await.unwrap();
            std::hint::black_box(response.get().unwrap().get_sum());
        }
        let mut request = targets.next().unwrap().add_request();
        request.get().set_left(number as u32);
        request.get().set_right(1);
        pending.push_back(request.send().promise);
    }
    for promise in pending {
        promise.await.unwrap();
    }
}

pub async fn serve(listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).unwrap();
    let object: calls::Client = new_client(Server);
    tcp::serve(listener, Options::default(), move |_| object.clone())
        .await
        .unwrap();
}

pub struct Server;

impl calls::Server for Server {
    async fn add(
        &self,
        params: calls::AddParams,
        mut results: calls::AddResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        results
            .get()
            .set_sum(params.get_left().wrapping_add(params.get_right()));
        Ok(())
    }

    async fn next(
        &self,
        _params: calls::NextParams,
        mut results: calls::NextResults,
    ) -> Result<(), Error> {
        results.get().set_next(new_client(Server));
        Ok(())
    }
}

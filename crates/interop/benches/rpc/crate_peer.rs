//! The same with the `capnp-rpc` crate.

use std::collections::VecDeque;
use std::rc::Rc;

use capnp_rpc::new_client;

use crate::peer;
use crate::theirs::calls_capnp::calls;

pub struct Client {
    calls: calls::Client,
}

impl Client {
    pub async fn connect(port: u16) -> Self {
        let calls = peer::connect(port).await;
        Self { calls }
    }

    pub async fn calls(&self, count: usize, in_flight: usize) {
        let mut pending = VecDeque::new();
        for number in 0..count {
            if pending.len() == in_flight {
                let promise: capnp::capability::Promise<
                    capnp::capability::Response<calls::add_results::Owned>,
                    _,
                > = pending.pop_front().unwrap();
                let response = promise.await.unwrap();
                std::hint::black_box(response.get().unwrap().get_sum());
            }
            let mut request = self.calls.add_request();
            request.get().set_left(number as u32);
            request.get().set_right(1);
            pending.push_back(request.send().promise);
        }
        for promise in pending {
            promise.await.unwrap();
        }
    }
}

pub async fn serve(listener: std::net::TcpListener) {
    let object: calls::Client = new_client(Server);
    peer::serve(listener, object.client).await;
}

struct Server;

impl calls::Server for Server {
    async fn add(
        self: Rc<Self>,
        params: calls::AddParams,
        mut results: calls::AddResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        results
            .get()
            .set_sum(params.get_left().wrapping_add(params.get_right()));
        Ok(())
    }

    async fn next(
        self: Rc<Self>,
        _params: calls::NextParams,
        mut results: calls::NextResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_next(new_client(Server));
        Ok(())
    }
}

//! Services and clients of ours at the two ends of a connection.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;
mod service;
mod substreams;
mod tunnels;

use std::time::Duration;

use capstan_http::{Body, HttpClient};
use capstan_net::{Connection, Options, tcp};
use http::{Request, Response};
use tokio::net::TcpListener;

use service::{Answer, Handler};

/// A client here of a function that answers requests at the other end of a connection.
async fn connect<F>(
    handler: impl Fn(Request<Body>) -> F + Clone + Send + Sync + 'static,
) -> (Connection, HttpClient)
where
    F: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = capstan_http::serve(Handler(handler));
    tokio::spawn(tcp::serve(listener, Options::default(), move |_| {
        service.clone()
    }));
    let connection = tcp::connect(&address, Options::default()).await.unwrap();
    let client = HttpClient::new(connection.bootstrap());
    (connection, client)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

/// Of what may hang if it fails.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .unwrap_or_else(|_| panic!("this takes too long"))
}

/// Waits until something is so.
async fn until(happened: impl Fn() -> bool) {
    soon(async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn status<B>(status: u16, body: B) -> Response<B> {
    Response::builder().status(status).body(body).unwrap()
}

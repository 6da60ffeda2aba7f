//! A service of ours, for the crate's client.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use capstan_http::{Body, Message, on_tunnel, on_web_socket};
use http::{Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_service::Service;

/// Echoes bodies, WebSockets and tunnels; says in headers what it got.
#[derive(Clone)]
pub struct Echo;

type Answered = Pin<
    Box<
        dyn Future<Output = Result<Response<BoxBody<Bytes, capstan_http::Error>>, Infallible>>
            + Send,
    >,
>;

impl Service<Request<Body>> for Echo {
    type Response = Response<BoxBody<Bytes, capstan_http::Error>>;
    type Error = Infallible;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Answered {
        Box::pin(async move {
            if let Some(upgrading) = on_web_socket(&mut request) {
                tokio::spawn(async move {
                    let mut socket = upgrading.await.unwrap();
                    while let Some(Ok(message)) = socket.recv().await {
                        let is_last = matches!(message, Message::Close { .. });
                        socket.send(message).await.unwrap();
                        if is_last {
                            break;
                        }
                    }
                });
                let response = Response::builder().status(101).header("x-by", "echo");
                return Ok(response.body(nothing()).unwrap());
            }
            if request.method() == Method::CONNECT {
                if request.uri().host() != Some("example.com") {
                    return Ok(text(403, "not there"));
                }
                let upgrading = on_tunnel(&mut request).unwrap();
                tokio::spawn(async move {
                    let mut tunnel = upgrading.await.unwrap();
                    let mut bytes = Vec::new();
                    tunnel.read_to_end(&mut bytes).await.unwrap();
                    tunnel.write_all(&bytes).await.unwrap();
                    tunnel.shutdown().await.unwrap();
                });
                return Ok(Response::new(nothing()));
            }
            if request.method() == Method::HEAD {
                return Ok(text(200, "a body that HEAD does not get"));
            }
            let response = Response::builder()
                .status(201)
                .header("x-method", request.method().as_str())
                .header("x-uri", request.uri().to_string())
                .header(
                    "x-accept",
                    request
                        .headers()
                        .get("accept")
                        .cloned()
                        .unwrap_or_else(|| "".parse().unwrap()),
                )
                .header("set-cookie", "a=1")
                .header("set-cookie", "b=2");
            Ok(response.body(request.into_body().boxed()).unwrap())
        })
    }
}

fn text(status: u16, text: &'static str) -> Response<BoxBody<Bytes, capstan_http::Error>> {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let body = body.map_err(|never| match never {}).boxed();
    Response::builder().status(status).body(body).unwrap()
}

fn nothing() -> BoxBody<Bytes, capstan_http::Error> {
    Body::empty().boxed()
}

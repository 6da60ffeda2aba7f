//! Capabilities as tower services.

use core::task::{Context as TaskContext, Poll};

use capstan_rpc::{BoxFuture, Error, Result, new_client};
use http::{Method, Request, Response, StatusCode, header};
use tower_service::Service;

use crate::arrival::arrival;
use crate::body::Body;
use crate::exchange::{Answer, AnswerSlot, ConnectContext, Context, Exchange};
use crate::http_over_capnp_capnp::http_service;
use crate::send::{BoxError, send_body};
use crate::tunnel::Tunnel;
use crate::web_socket::WebSocket;
use crate::{byte_stream, head, headers, upgrade};

/// A tower service whose requests are calls of an `HttpService`.
///
/// A future of its resolves to the response's head; dropping it, or the response's body, cancels the request. Redirects are not followed.
#[derive(Clone)]
pub struct HttpClient {
    service: http_service::Client,
}

impl HttpClient {
    /// A tower service that sends its requests to a capability.
    #[must_use]
    pub fn new(service: http_service::Client) -> Self {
        Self { service }
    }

    /// Makes a request. Also what [`Service::call`] does.
    pub async fn request<B>(&self, request: Request<B>) -> Result<Response<Body>>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        if request.method() == Method::CONNECT {
            return self.connect(request).await;
        }
        let (mut parts, body) = request.into_parts();
        let wants_socket = headers::asks_for_web_socket(&parts.headers);
        let announced = headers::content_length(&parts.headers);
        let length = if body.is_end_stream() && announced.is_none_or(|length| length == 0) {
            Some(0)
        } else {
            announced.or_else(|| body.size_hint().exact())
        };
        headers::strip_hop_by_hop(&mut parts.headers);
        parts.headers.remove(header::CONTENT_LENGTH);
        if wants_socket {
            headers::ask_for_web_socket(&mut parts.headers);
        }
        headers::check(&parts.headers)?;

        let (slot, answer) = AnswerSlot::new();
        let mut call = self.service.request_request();
        {
            let mut params = call.get();
            params.set_context(new_client(Context {
                method: parts.method.clone(),
                wants_socket,
                answer: slot,
            }));
            let mut wire = params.init_request();
            wire.set_method(head::method_to_wire(&parts.method)?);
            wire.set_url(head::url_of(&parts.uri).as_str());
            let list = wire.reborrow().init_headers(headers::count(&parts.headers));
            headers::to_wire(&parts.headers, list);
            let mut size = wire.init_body_size();
            match length {
                Some(length) => size.set_fixed(length),
                None => size.set_unknown(()),
            }
        }
        let sent = call.send();
        let to = (length != Some(0)).then(|| sent.pipeline.get_request_body());
        let sending = async move {
            match to {
                Some(to) => send_body(body, to, length, "the request's body").await,
                None => Ok(()),
            }
        };
        let promise = sent.promise;
        let mut exchange = Exchange::start(answer, async { promise.await.map(drop) }, sending);
        let answer = exchange.answered().await?;
        finish(answer, exchange)
    }

    async fn connect<B>(&self, request: Request<B>) -> Result<Response<Body>> {
        let (mut parts, _) = request.into_parts();
        let host = parts
            .uri
            .authority()
            .ok_or_else(|| Error::failed("a CONNECT wants a host, such as example.com:443"))?
            .clone();
        headers::strip_hop_by_hop(&mut parts.headers);
        headers::check(&parts.headers)?;
        let (items, down) = arrival(TUNNEL, None);
        let (slot, answer) = AnswerSlot::new();
        let mut call = self.service.connect_request();
        {
            let mut params = call.get();
            params.set_host(host.as_str());
            params.set_down(byte_stream::serve(items, None, TUNNEL));
            params.set_context(new_client(ConnectContext { answer: slot }));
            let list = params
                .reborrow()
                .init_headers(headers::count(&parts.headers));
            headers::to_wire(&parts.headers, list);
            params.init_settings();
        }
        let sent = call.send();
        let up = sent.pipeline.get_up();
        let promise = sent.promise;
        let mut exchange =
            Exchange::start(answer, async { promise.await.map(drop) }, async { Ok(()) });
        match exchange.answered().await? {
            Answer::Tunnel { parts } => {
                let mut response = Response::from_parts(*parts, Body::empty());
                let mut down = down;
                down.set_fault(exchange.fault);
                let tunnel = Tunnel::new(down, up, Some(exchange.guard), None);
                upgrade::put(response.extensions_mut(), tunnel);
                Ok(response)
            }
            refusal => finish(refusal, exchange),
        }
    }
}

const TUNNEL: &str = "the tunnel";

/// The response of an answer, and what of the exchange goes on with it.
fn finish(answer: Answer, exchange: Exchange) -> Result<Response<Body>> {
    let Exchange { fault, guard, .. } = exchange;
    match answer {
        Answer::Response { parts, body } => {
            let body = match body {
                Some((mut arrival, length)) => {
                    arrival.set_fault(fault);
                    Body::new(arrival, length).guarded(guard)
                }
                None => {
                    guard.disarm();
                    Body::empty()
                }
            };
            Ok(Response::from_parts(*parts, body))
        }
        Answer::WebSocket {
            headers,
            peer,
            messages,
        } => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *response.headers_mut() = headers;
            let socket = WebSocket::new(peer, messages, Some(fault), Some(guard), None);
            upgrade::put(response.extensions_mut(), socket);
            Ok(response)
        }
        Answer::Tunnel { .. } => Err(Error::failed("a tunnel is no answer to a request")),
    }
}

impl<B> Service<Request<B>> for HttpClient
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = BoxFuture<Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let client = self.clone();
        Box::pin(async move { client.request(request).await })
    }
}

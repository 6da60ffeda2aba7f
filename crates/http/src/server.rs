//! Tower services as capabilities.

use std::future::poll_fn;

use capstan_rpc::{Error, Result, new_client, new_future_client};
use http::{Method, Request, Response, StatusCode, header, request};
use tokio::sync::{mpsc, oneshot};
use tower_service::Service;

use crate::arrival::arrival;
use crate::body::Body;
use crate::byte_stream_capnp::byte_stream::Client as ByteStreamClient;
use crate::http_over_capnp_capnp::http_service::{
    self, client_request_context, connect_client_request_context, server_request_context,
};
use crate::send::{BoxError, SendError, send_body, to_error};
use crate::tunnel::Tunnel;
use crate::upgrade::Upgrading;
use crate::web_socket::WebSocket;
use crate::{byte_stream, head, headers, web_socket};

/// Makes a client of an `HttpService` whose requests a tower service answers. It is cloned for each request.
///
/// An error of the service fails the request, without a response; so does an error of the response's body, which breaks the body. When the client does not
/// want the response any more, the service's future and its response are dropped. A CONNECT comes as a request with this method and the host as its URI.
pub fn serve<S, B>(service: S) -> http_service::Client
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    new_client(Served { service })
}

struct Served<S> {
    service: S,
}

/// A request that arrived, and where its body is to be written to.
struct Arrived {
    request: Request<Body>,
    stream: Option<ByteStreamClient>,
    socket: Option<oneshot::Sender<WebSocket>>,
}

const REQUEST_BODY: &str = "the request's body";
const TUNNEL: &str = "the tunnel";

impl<S, B> http_service::Server for Served<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    async fn request(
        &self,
        params: http_service::RequestParams,
        mut results: http_service::RequestResults,
    ) -> Result<()> {
        let (arrived, context) = {
            let params = params.get()?;
            (arrive(params.get_request()?)?, params.get_context()?)
        };
        drop(params);
        if let Some(stream) = arrived.stream {
            results.get().set_request_body(stream);
            results.set_pipeline()?;
        }
        answer(
            self.service.clone(),
            arrived.request,
            arrived.socket,
            context,
        )
        .await
    }

    async fn start_request(
        &self,
        params: http_service::StartRequestParams,
        mut results: http_service::StartRequestResults,
    ) -> Result<()> {
        let (arrived, context) = {
            let params = params.get()?;
            (arrive(params.get_request()?)?, params.get_context()?)
        };
        let mut results = results.get();
        if let Some(stream) = arrived.stream {
            results.set_request_body(stream);
        }
        let answered = answer(
            self.service.clone(),
            arrived.request,
            arrived.socket,
            context,
        );
        // Nothing tells that its client gave it up, until it is answered.
        results.set_context(new_future_client(async move {
            answered.await?;
            Ok(new_client(Done))
        }));
        Ok(())
    }

    async fn connect(
        &self,
        params: http_service::ConnectParams,
        mut results: http_service::ConnectResults,
    ) -> Result<()> {
        let (items, up) = arrival(TUNNEL, None);
        let (mut request, down, context) = {
            let params = params.get()?;
            let host = params.get_host()?.to_str()?;
            let mut request = Request::new(Body::empty());
            *request.method_mut() = Method::CONNECT;
            *request.uri_mut() = http::Uri::builder()
                .authority(host)
                .build()
                .map_err(|error| Error::failed(format!("CONNECT to {host:?}: {error}")))?;
            *request.headers_mut() = headers::from_wire(params.get_headers()?, "the request")?;
            if params.get_settings()?.get_use_tls() {
                return Err(Error::unimplemented(
                    "this service starts no TLS for tunnels; open one without, and speak TLS through it, from end to end",
                ));
            }
            (request, params.get_down()?, params.get_context()?)
        };
        drop(params);
        results
            .get()
            .set_up(byte_stream::serve(items, None, TUNNEL));
        results.set_pipeline()?;
        let opened = Upgrading::<Tunnel>::pending(request.extensions_mut());
        let response = call(self.service.clone(), request).await?;
        if response.status().is_success() {
            let (parts, _) = response.into_parts();
            start_tunnel(parts, &context).await?;
            let (alive, mut over) = mpsc::channel(1);
            // Whoever has not taken it, has dropped it.
            drop(opened.send(Tunnel::new(up, down, None, Some(alive))));
            over.recv().await;
            Ok(())
        } else {
            drop(opened);
            refuse_tunnel(response, &context).await
        }
    }
}

/// Stands for an older request that is done.
struct Done;

impl server_request_context::Server for Done {}

fn arrive(wire: crate::http_over_capnp_capnp::http_request::Reader<'_>) -> Result<Arrived> {
    let (mut parts, size): (request::Parts, _) = head::request_from_wire(wire)?;
    let socket = headers::asks_for_web_socket(&parts.headers)
        .then(|| Upgrading::<WebSocket>::pending(&mut parts.extensions));
    let (body, stream) = if size.0 == Some(0) {
        (Body::empty(), None)
    } else {
        let (items, arrival) = arrival(REQUEST_BODY, None);
        let stream = byte_stream::serve(items, size.0, REQUEST_BODY);
        (Body::new(arrival, size.0), Some(stream))
    };
    Ok(Arrived {
        request: Request::from_parts(parts, body),
        stream,
        socket,
    })
}

async fn call<S, B>(mut service: S, request: Request<Body>) -> Result<Response<B>>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
{
    poll_fn(|cx| service.poll_ready(cx))
        .await
        .map_err(|error| to_error(error.into()))?;
    let answered = service.call(request).await;
    answered.map_err(|error| to_error(error.into()))
}

async fn answer<S, B>(
    service: S,
    request: Request<Body>,
    socket: Option<oneshot::Sender<WebSocket>>,
    context: client_request_context::Client,
) -> Result<()>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let method = request.method().clone();
    let response = call(service, request).await?;
    match socket {
        Some(socket) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let (parts, _) = response.into_parts();
            accept(parts.headers, socket, &context).await
        }
        _ => respond(&method, response, &context).await,
    }
}

async fn respond<B>(
    method: &Method,
    response: Response<B>,
    context: &client_request_context::Client,
) -> Result<()>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = response.into_parts();
    if parts.status.as_u16() < 200 {
        return Err(Error::failed(format!(
            "the service answered with the status {}, which is none of a response",
            parts.status
        )));
    }
    let length = outgoing_length(
        &parts.headers,
        &body,
        head::is_bodiless(method, parts.status),
    );
    prepare(&mut parts.headers, head::is_bodiless(method, parts.status))?;
    let mut request = context.start_response_request();
    let wire = request.get().init_response();
    head::response_to_wire(parts.status, &parts.headers, length, wire);
    let sent = request.send();
    if length == Some(0) {
        return sent.promise.await.map(drop);
    }
    send(body, sent.pipeline.get_body(), length).await?;
    sent.promise.await.map(drop)
}

async fn accept(
    mut headers: http::HeaderMap,
    socket: oneshot::Sender<WebSocket>,
    context: &client_request_context::Client,
) -> Result<()> {
    headers::strip_hop_by_hop(&mut headers);
    headers.remove(header::SEC_WEBSOCKET_ACCEPT);
    headers::check(&headers)?;
    let (up, messages) = web_socket::receiver();
    let mut request = context.start_web_socket_request();
    let mut params = request.get();
    params.set_up_socket(up);
    headers::to_wire(&headers, params.init_headers(headers::count(&headers)));
    let sent = request.send();
    let peer = sent.pipeline.get_down_socket();
    let (alive, mut over) = mpsc::channel(1);
    let (report, fault) = oneshot::channel();
    // Dropped with this method, it tells the socket that the request is over.
    let end = WebSocket::new(peer, messages, Some(fault), None, Some(alive));
    drop(socket.send(end));
    tokio::select! {
        _ = over.recv() => {}
        // A client that refuses it has told why.
        outcome = async { sent.promise.await.map(drop) } => match outcome {
            Ok(()) => drop(over.recv().await),
            Err(error) => {
                drop(report.send(error.clone()));
                return Err(error);
            }
        },
    }
    Ok(())
}

async fn start_tunnel(
    mut parts: http::response::Parts,
    context: &connect_client_request_context::Client,
) -> Result<()> {
    prepare(&mut parts.headers, false)?;
    let mut request = context.start_connect_request();
    let wire = request.get().init_response();
    head::response_to_wire(parts.status, &parts.headers, None, wire);
    request.send().promise.await.map(drop)
}

async fn refuse_tunnel<B>(
    response: Response<B>,
    context: &connect_client_request_context::Client,
) -> Result<()>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = response.into_parts();
    let length = outgoing_length(&parts.headers, &body, false);
    prepare(&mut parts.headers, false)?;
    let mut request = context.start_error_request();
    let wire = request.get().init_response();
    head::response_to_wire(parts.status, &parts.headers, length, wire);
    let sent = request.send();
    if length != Some(0) {
        send(body, sent.pipeline.get_body(), length).await?;
    }
    sent.promise.await.map(drop)
}

/// How long the body is that goes out, if that is known.
fn outgoing_length<B: http_body::Body>(
    headers: &http::HeaderMap,
    body: &B,
    is_bodiless: bool,
) -> Option<u64> {
    if is_bodiless {
        return Some(0);
    }
    headers::content_length(headers).or_else(|| body.size_hint().exact())
}

/// Leaves what is sent as headers.
fn prepare(headers: &mut http::HeaderMap, keeps_length: bool) -> Result<()> {
    headers::strip_hop_by_hop(headers);
    if !keeps_length {
        headers.remove(header::CONTENT_LENGTH);
    }
    headers::check(headers)
}

async fn send<B>(body: B, to: ByteStreamClient, length: Option<u64>) -> Result<()>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let sent = send_body(body, to, length, "the response's body").await;
    sent.map_err(|error| match error {
        SendError::Ours(error) | SendError::Theirs(error) => error,
    })
}

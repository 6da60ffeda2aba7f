//! From an HTTP request to an RPC connection, for any server built on hyper.

use capstan_rpc::vat::Batching;
use capstan_rpc::{BoxFuture, Client, ConnectOptions, ConnectionHandle, FromClient};
use http::header::{
    CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument;

use super::link::WebSocketLink;
use crate::Options;
use crate::driver::{self, Company};
use crate::observe::{Meter, connection_span, observer};
use crate::shutdown::Notice;

/// Turns a request to upgrade to a WebSocket into an RPC connection whose client gets `bootstrap`.
///
/// Gives the response to send, and the connection: a future to be spawned, which ends with the
/// connection. The response's body is text, which hyper and axum alike take as it is.
///
/// ```no_run
/// # use capstan_net::{Options, websocket};
/// # async fn example<B>(mut request: http::Request<B>, bootstrap: capstan_rpc::Client) -> http::Response<String> {
/// match websocket::upgrade(&mut request, bootstrap, &Options::default()) {
///     Ok((response, connection)) => {
///         tokio::spawn(connection);
///         response
///     }
///     Err(refusal) => refusal,
/// }
/// # }
/// ```
///
/// # Errors
/// A request that does not ask for a WebSocket, or not properly, gives a response that says so:
/// status 426 for ordinary requests, 400 for broken handshakes, 403 for pages whose origin is not among
/// [`Options::allowed_origins`].
#[allow(
    clippy::result_large_err,
    reason = "both are responses to send, and it is made once per connection"
)]
pub fn upgrade<B, C: FromClient>(
    request: &mut Request<B>,
    bootstrap: C,
    options: &Options,
) -> Result<(Response<String>, BoxFuture<()>), Response<String>> {
    admit(request, options)?;
    let path = request.uri().path().to_string();
    let (response, upgrade) = switch_protocols(request)?;
    let peer = "the client".to_string();
    let connection = run(upgrade, bootstrap.into_client(), options, peer, &path, None);
    Ok((response, Box::pin(connection)))
}

#[allow(clippy::result_large_err)]
pub(super) fn admit<B>(request: &Request<B>, options: &Options) -> Result<(), Response<String>> {
    options
        .allowed_origins
        .admit(request, "server", "its allowed_origins say which may")
}

/// The response to a proper request, and the promise of the socket.
#[allow(clippy::result_large_err)]
pub(crate) fn switch_protocols<B>(
    request: &mut Request<B>,
) -> Result<(Response<String>, OnUpgrade), Response<String>> {
    let key = check(request)?;
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    Ok((response, hyper::upgrade::on(request)))
}

pub(super) fn run(
    upgrade: OnUpgrade,
    bootstrap: Client,
    options: &Options,
    peer: String,
    path: &str,
    server: Option<Notice>,
) -> impl Future<Output = ()> + Send + use<> {
    let span = connection_span(&peer, path);
    let handle = options.runtime().connect(ConnectOptions {
        batching: options.batching(Batching::Answer),
        observer: Some(observer(options, &span)),
        ..options.connect(Some(bootstrap))
    });
    if let Some(dedicated) = &options.dedicated {
        dedicated.offer(&handle);
    }
    let company = Company {
        server,
        meter: Meter::new(options, &handle),
    };
    run_upgraded(upgrade, handle, options.max_message_bytes, peer, company).instrument(span)
}

async fn run_upgraded(
    upgrade: OnUpgrade,
    handle: ConnectionHandle,
    max_message_bytes: usize,
    peer: String,
    company: Company,
) {
    match upgrade.await {
        Ok(upgraded) => {
            // A socket that this crate did not accept is not prepared yet.
            match upgraded.downcast::<TokioIo<TcpStream>>() {
                Ok(parts) => {
                    let (stream, read) = (parts.io.into_inner(), parts.read_buf.into());
                    if let Err(error) = crate::runtime::prepare(&stream) {
                        tracing::debug!(%error, "connection ended in its handshake");
                        return;
                    }
                    let link = WebSocketLink::accepted(stream, read, max_message_bytes).await;
                    driver::run_for(handle.clone(), link.of(&handle), peer, company).await;
                }
                Err(upgraded) => {
                    let stream = TokioIo::new(upgraded);
                    let link = WebSocketLink::accepted(stream, Vec::new(), max_message_bytes).await;
                    driver::run_for(handle.clone(), link.of(&handle), peer, company).await;
                }
            }
        }
        Err(error) => tracing::debug!(%error, "connection ended in its handshake"),
    }
}

/// What to put into the header that proves that the request was understood.
#[allow(clippy::result_large_err)]
fn check<B>(request: &Request<B>) -> Result<HeaderValue, Response<String>> {
    let headers = request.headers();
    if !lists(headers, UPGRADE, "websocket") {
        let text = "This address speaks Cap'n Proto RPC over WebSocket. Connect with a WebSocket client, \
                    such as connect(\"ws://…\") of the npm package capstan.\n";
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, text);
        response
            .headers_mut()
            .insert(UPGRADE, HeaderValue::from_static("websocket"));
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        return Err(response);
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let text = "This server speaks version 13 of the WebSocket protocol only.\n";
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, text);
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    if request.method() != Method::GET || request.version() < Version::HTTP_11 {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "A WebSocket handshake is a GET request of HTTP/1.1.\n",
        ));
    }
    if !lists(headers, CONNECTION, "upgrade") {
        let text = "The WebSocket handshake lacks \"Connection: Upgrade\". A proxy on the way may have removed it; \
                    configure it to pass WebSockets on.\n";
        return Err(refuse(StatusCode::BAD_REQUEST, text));
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "The WebSocket handshake lacks Sec-WebSocket-Key.\n",
        ));
    };
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| {
        refuse(
            StatusCode::BAD_REQUEST,
            "The WebSocket handshake has an invalid Sec-WebSocket-Key.\n",
        )
    })
}

/// Whether a header that is a list of tokens has this one, in whatever case.
fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

pub(crate) fn refuse(status: StatusCode, text: impl Into<String>) -> Response<String> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

//! Real HTTP in front of an `HttpService`.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use capstan_net::accept;
use capstan_rpc::{BoxFuture, Error, ErrorKind};
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::sockets;
use crate::send::{BoxError, to_error};
use crate::{Body, HttpClient, headers};

/// Is told a line for the operator.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// How real HTTP is taken.
#[derive(Clone)]
pub struct Options {
    /// The longest head of a request, its first line and headers. Longer ones get status 431.
    pub max_head_bytes: usize,
    /// How long a client may take for a head; idle connections end after it as well.
    pub head_timeout: Duration,
    /// How many clients may be connected at a time, with WebSockets and tunnels; others wait until one is gone.
    pub max_connections: usize,
    /// How long requests, WebSockets and tunnels may go on after the end was asked for.
    pub drain_timeout: Duration,
    /// Told of what the operator should know: requests that failed, and why. Clients get status 502 and no reasons.
    pub report: Option<Report>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_head_bytes: crate::MAX_HEADER_BYTES,
            head_timeout: Duration::from_secs(60),
            max_connections: 1000,
            drain_timeout: Duration::from_secs(10),
            report: None,
        }
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Answers the HTTP/1.1 requests of a listener's clients by `client`, until `end`; then what is under way may finish, for
/// [`Options::drain_timeout`]. Gives how many connections were cut off after that.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    client: HttpClient,
    options: Options,
    end: impl Future<Output = ()>,
) -> std::io::Result<usize> {
    let mut connections = JoinSet::new();
    let mut end = pin!(end);
    let (draining, drain) = tokio::sync::watch::channel(());
    loop {
        while connections.try_join_next().is_some() {}
        let is_full = connections.len() >= options.max_connections;
        tokio::select! {
            () = &mut end => break,
            _ = connections.join_next(), if is_full => {}
            accepted = accept(&listener), if !is_full => {
                let (stream, _) = accepted?;
                connections.spawn(connection(stream, client.clone(), options.clone(), drain.clone()));
            }
        }
    }
    drop(listener);
    draining.send_replace(());
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(options.drain_timeout, drained).await;
    // Those that are left are cut off as the set is dropped.
    Ok(connections.len())
}

async fn connection(
    stream: TcpStream,
    client: HttpClient,
    options: Options,
    mut drain: tokio::sync::watch::Receiver<()>,
) {
    let report = options.report.clone();
    let max_head_bytes = options.max_head_bytes;
    let upgraded = Upgraded::default();
    let service = service_fn(|request| {
        let is_long = head_bytes(&request) > max_head_bytes;
        let answer = answer(client.clone(), request, report.clone(), upgraded.clone());
        async move {
            Ok::<_, Infallible>(match is_long {
                true => plain(431, "The head of this request is too long.\n"),
                false => answer.await,
            })
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_timeout)
        .max_buf_size(options.max_head_bytes.max(SMALLEST_BUFFER))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = pin!(served);
    tokio::select! {
        // What goes wrong with one connection, its client knows.
        _ = &mut served => {}
        _ = drain.changed() => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
    if let Some(upgraded) = upgraded.take() {
        upgraded.await;
    }
}

/// What a connection goes on with when its HTTP has ended.
#[derive(Clone, Default)]
struct Upgraded(Arc<Mutex<Option<BoxFuture<()>>>>);

impl Upgraded {
    fn put(&self, next: impl Future<Output = ()> + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(next));
    }

    fn take(&self) -> Option<BoxFuture<()>> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        next.take()
    }
}

/// The path and the headers; hyper counts no closer than what it reads at a time.
fn head_bytes(request: &Request<Incoming>) -> usize {
    let headers = request.headers().iter();
    let headers: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let path = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    headers + path
}

/// Hyper takes no smaller one.
const SMALLEST_BUFFER: usize = 8192;

async fn answer(
    client: HttpClient,
    request: Request<Incoming>,
    report: Option<Report>,
    upgraded: Upgraded,
) -> Answer {
    let what = format!("{} {}", request.method(), request.uri());
    let forwarded = if request.method() == Method::CONNECT {
        tunnel(client, request, &upgraded).await
    } else if headers::asks_for_web_socket(request.headers()) {
        web_socket(client, request, &upgraded).await
    } else {
        forward(client, request).await
    };
    forwarded.unwrap_or_else(|error| {
        if let Some(report) = &report {
            report(&format!("{what}: {error}"));
        }
        let (status, text) = match error.kind {
            ErrorKind::Overloaded => (503, "The service is overloaded.\n"),
            ErrorKind::Unimplemented => (501, "The service does not do this.\n"),
            ErrorKind::Disconnected => (502, "The service cannot be reached.\n"),
            ErrorKind::Failed => (502, "The service failed this request.\n"),
        };
        plain(status, text)
    })
}

async fn forward(client: HttpClient, mut request: Request<Incoming>) -> Result<Answer, Error> {
    // It is hyper that says to continue.
    request.headers_mut().remove(header::EXPECT);
    Ok(client.request(request).await?.map(boxed))
}

async fn web_socket(
    client: HttpClient,
    mut request: Request<Incoming>,
    upgraded: &Upgraded,
) -> Result<Answer, Error> {
    let given = request.headers();
    let is = |name: &header::HeaderName, value: &str| {
        let text = given.get(name).and_then(|text| text.to_str().ok());
        text.is_some_and(|text| {
            text.split(',')
                .any(|each| each.trim().eq_ignore_ascii_case(value))
        })
    };
    let key = given.get(header::SEC_WEBSOCKET_KEY).cloned();
    let (Some(key), true, true, &Method::GET) = (
        key,
        is(&header::SEC_WEBSOCKET_VERSION, "13"),
        is(&header::CONNECTION, "upgrade"),
        request.method(),
    ) else {
        let mut refusal = plain(426, "This is no handshake of a WebSocket of version 13.\n");
        let version = HeaderValue::from_static("13");
        refusal
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, version);
        return Ok(refusal);
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let mut response = client.request(request).await?;
    let Some(socket) = crate::web_socket(&mut response) else {
        return Ok(response.map(boxed));
    };
    let answered = response.headers_mut();
    let upgrade = HeaderValue::from_static("websocket");
    answered.insert(header::UPGRADE, upgrade);
    answered.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
    answered.insert(
        header::SEC_WEBSOCKET_ACCEPT,
        accept.map_err(|error| to_error(error.into()))?,
    );
    upgraded.put(async move {
        // A client that left before is no news.
        if let Ok(upgraded) = upgrading.await {
            sockets::join(upgraded, sockets::Role::Server, socket).await;
        }
    });
    Ok(response.map(boxed))
}

async fn tunnel(
    client: HttpClient,
    mut request: Request<Incoming>,
    upgraded: &Upgraded,
) -> Result<Answer, Error> {
    let upgrading = hyper::upgrade::on(&mut request);
    let mut response = client.request(request).await?;
    if let Some(mut tunnel) = crate::tunnel(&mut response) {
        upgraded.put(async move {
            if let Ok(upgraded) = upgrading.await {
                let mut upgraded = TokioIo::new(upgraded);
                // Either side's end of a tunnel is told to the other by closing it.
                let _ = tokio::io::copy_bidirectional(&mut upgraded, &mut tunnel).await;
            }
        });
    }
    Ok(response.map(boxed))
}

fn boxed(body: Body) -> UnsyncBoxBody<Bytes, BoxError> {
    body.map_err(Into::into).boxed_unsync()
}

fn plain(status: u16, text: &'static str) -> Answer {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

//! The routes: the page, its reports, and the two WebSocket endpoints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, get_service, post};
use capstan_net::websocket::Endpoint;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tower_http::services::{ServeDir, ServeFile};

use crate::bare;
use crate::events::print_line;
use crate::files::Shared;
use crate::files_capnp::files;

/// A report of the page is some numbers; more than this is none.
const REPORT_BYTES_MAX: usize = 64 << 10;

/// What the page sets, in bytes per second.
const PACE_PARAMETER: &str = "bytes_per_second=";

/// Everything but [`rpc_route`].
pub fn routes(shared: Arc<Shared>, assets: &Path, demo_file: Option<PathBuf>) -> Router {
    let demo_file = match demo_file {
        Some(path) => {
            get_service(ServeFile::new(&path)).layer(map_response(move |response: Response| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                std::future::ready(as_download(response, &name))
            }))
        }
        None => get(|| async {
            let text = "this server was started without --file, so there is no demo file\n";
            (StatusCode::NOT_FOUND, text)
        }),
    };
    Router::new()
        .route("/demo-file", demo_file)
        .route("/report", post(report))
        .layer(DefaultBodyLimit::max(REPORT_BYTES_MAX))
        .route("/pace", any(pace))
        .route("/uploads", get(uploads))
        .route("/bare", any(bare_upgrade))
        .with_state(shared)
        .fallback_service(ServeDir::new(assets))
}

/// `/rpc`: every connection gets `bootstrap`.
pub fn rpc_route(bootstrap: files::Client, endpoint: Endpoint) -> Router {
    let upgrade = move |mut request: Request| {
        std::future::ready(endpoint.upgrade(&mut request, None, |_| bootstrap.clone()))
    };
    Router::new().route("/rpc", any(upgrade))
}

async fn report(body: Bytes) -> Response {
    match serde_json::from_slice::<Value>(&body) {
        Ok(body) => {
            print_line(&json!({ "page": body }).to_string());
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => {
            let text = format!("a report must be JSON: {error}\n");
            (StatusCode::BAD_REQUEST, text).into_response()
        }
    }
}

async fn uploads(State(shared): State<Arc<Shared>>) -> Response {
    json_response(&shared.events.to_json())
}

/// `POST /pace?bytes_per_second=N` limits every upload; without a number there is no limit.
async fn pace(State(shared): State<Arc<Shared>>, method: Method, uri: Uri) -> Response {
    if method == Method::POST {
        let query = uri.query().unwrap_or_default();
        let limit = match query.strip_prefix(PACE_PARAMETER).map(str::parse) {
            Some(Ok(limit)) if limit > 0 => Some(limit),
            None if query.is_empty() => None,
            _ => {
                let text = format!("expected ?{PACE_PARAMETER}N with N at least 1, or no query\n");
                return (StatusCode::BAD_REQUEST, text).into_response();
            }
        };
        shared.pace.set(limit);
    }
    json_response(&json!({ "bytesPerSecond": shared.pace.get() }))
}

async fn bare_upgrade(mut request: Request) -> Response {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        let text = "/bare takes WebSocket connections only\n";
        return (StatusCode::UPGRADE_REQUIRED, text).into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let stream = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        if let Err(error) = bare::swallow(socket).await {
            eprintln!("/bare: {error}");
        }
    });
    let headers = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, &*accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

fn json_response(body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body.to_string()).into_response()
}

/// The page takes the file's name from a header, since the address does not say it.
fn as_download(mut response: Response, name: &str) -> Response {
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, octets);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&percent_encoded(name)) {
        headers.insert(HeaderName::from_static("x-file-name"), name);
    }
    response
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

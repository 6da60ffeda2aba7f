//! A small site that nothing serves over real HTTP: an axum application as a capability.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use capstan_http::http_service;
use futures_util::stream::unfold;

const HOME: &str = include_str!("../../http/site/home.html");
const STORY: &str = include_str!("../../http/site/story.txt");
const BETWEEN_LINES: Duration = Duration::from_millis(60);

pub fn site() -> http_service::Client {
    let site = Router::new()
        .route("/", get(Html(HOME)))
        .route("/story", get(story))
        .route("/endless", get(endless))
        .route("/running", get(running))
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no such page here.\n") })
        .with_state(Arc::default());
    capstan_http::serve(site)
}

/// How many responses are being written.
type Running = Arc<AtomicUsize>;

async fn running(State(running): State<Running>) -> String {
    format!("{}\n", running.load(Ordering::Relaxed))
}

async fn story(State(running): State<Running>) -> Response {
    slowly(running, STORY.lines().map(|line| format!("{line}\n")))
}

async fn endless(State(running): State<Running>) -> Response {
    slowly(running, (1_u64..).map(|number| format!("line {number}\n")))
}

/// A text line by line. When the client does not want it any more, the stream is dropped.
fn slowly(running: Running, lines: impl Iterator<Item = String> + Send + 'static) -> Response {
    let stream = unfold(
        (Written::begin(running), lines),
        |(written, mut lines)| async {
            tokio::time::sleep(BETWEEN_LINES).await;
            let line = lines.next()?;
            Some((Ok::<_, Infallible>(line), (written, lines)))
        },
    );
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (headers, Body::from_stream(stream)).into_response()
}

/// Counts a response as long as it is being written.
struct Written(Running);

impl Written {
    fn begin(running: Running) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(running)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

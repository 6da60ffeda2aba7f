use std::sync::{Arc, Mutex};
use std::time::Duration;

use capstan_http::{Body, Error, ErrorKind};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::Notify;

use crate::service::{Then, Watch, counted, length_of};
use crate::{connect, get, soon, status, until};

const MIB: u64 = 1024 * 1024;

/// What is on the way between two ends: windows, sockets and what waits at either side of them; far from all of a body.
const ON_THE_WAY: u64 = 24 * MIB;

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_go_both_ways() {
    let (_connection, client) =
        connect(|request| async move { Ok(status(200, request.into_body().boxed())) }).await;
    let body = counted(64 * MIB, Then::End, &Watch::default());
    let response = client.request(Request::post("/").body(body).unwrap()).await;
    let length = soon(length_of(response.unwrap().into_body())).await;
    assert_eq!(length, Ok(64 * MIB));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_made_as_fast_as_they_are_read() {
    let read = Arc::new(Notify::new());
    let (up, down) = (Watch::default(), Watch::default());
    let (go_on, made) = (Arc::clone(&read), down.clone());
    let (_connection, client) = connect(move |request| {
        let (go_on, made) = (Arc::clone(&go_on), made.clone());
        async move {
            if request.method() == http::Method::GET {
                return Ok(status(200, counted(64 * MIB, Then::End, &made).boxed()));
            }
            go_on.notified().await;
            let length = length_of(request.into_body()).await?;
            Ok(status(
                200,
                length.to_string().map_err(|never| match never {}).boxed(),
            ))
        }
    })
    .await;
    let download = client.request(get("/")).await.unwrap().into_body();
    let request = Request::post("/").body(counted(64 * MIB, Then::End, &up));
    let uploader = client.clone();
    let upload = tokio::spawn(async move { uploader.request(request.unwrap()).await });
    // Until nothing moves any more.
    let mut before = (0, 0);
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = (up.given(), down.given());
        if now == before && now.0 > 0 && now.1 > 0 {
            break;
        }
        before = now;
    }
    assert!(before.0 < ON_THE_WAY && before.1 < ON_THE_WAY, "{before:?}");
    read.notify_one();
    assert_eq!(soon(length_of(download)).await, Ok(64 * MIB));
    let body = soon(upload).await.unwrap().unwrap().into_body();
    assert_eq!(
        body.collect().await.unwrap().to_bytes(),
        (64 * MIB).to_string()
    );
}

#[tokio::test]
async fn bodies_that_break_are_errors_with_their_reason() {
    let seen = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&seen);
    let (_connection, client) = connect(move |request| {
        let noted = Arc::clone(&noted);
        async move {
            if request.method() == http::Method::GET {
                return Ok(status(
                    200,
                    counted(100_000, Then::Fail, &Watch::default()).boxed(),
                ));
            }
            let read = length_of(request.into_body()).await;
            *noted.lock().unwrap() = Some(read);
            Ok(status(200, Body::empty().boxed()))
        }
    })
    .await;
    let response = client.request(get("/")).await.unwrap();
    let error = soon(length_of(response.into_body())).await.unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ErrorKind::Overloaded, "torn")
    );
    let body = counted(100_000, Then::Fail, &Watch::default());
    let error = client
        .request(Request::post("/").body(body).unwrap())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ErrorKind::Overloaded, "torn")
    );
    // The service was given up, or saw the body break; it did not take it for whole.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(seen.lock().unwrap().as_ref().is_none_or(Result::is_err));
}

#[tokio::test]
async fn lengths_are_kept() {
    let (_connection, client) = connect(|request: Request<Body>| async move {
        let length: u64 = request.uri().path()[1..].parse().unwrap();
        if request.method() == http::Method::GET {
            let mut response = status(200, counted(2000, Then::End, &Watch::default()).boxed());
            response
                .headers_mut()
                .insert("content-length", length.into());
            return Ok(response);
        }
        let read = length_of(request.into_body()).await?;
        Ok(status(
            200,
            read.to_string().map_err(|never| match never {}).boxed(),
        ))
    })
    .await;
    for length in [1500, 2500] {
        let response = client.request(get(&format!("/{length}"))).await.unwrap();
        assert_eq!(response.headers()["content-length"], length.to_string());
        let error = soon(length_of(response.into_body())).await.unwrap_err();
        assert!(error.reason.contains(&length.to_string()), "{error}");
        let request = Request::post(format!("/{length}")).header("content-length", length);
        let body = counted(2000, Then::End, &Watch::default());
        let error = client
            .request(request.body(body).unwrap())
            .await
            .unwrap_err();
        assert!(error.reason.contains(&length.to_string()), "{error}");
    }
    let response = client.request(get("/2000")).await.unwrap();
    assert_eq!(soon(length_of(response.into_body())).await, Ok(2000));
}

#[tokio::test]
async fn giving_up_drops_what_the_service_does() {
    struct Noted(Arc<Notify>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let dropped = Arc::new(Notify::new());
    let noted = Arc::clone(&dropped);
    let (_connection, client) = connect(move |_| {
        let noted = Noted(Arc::clone(&noted));
        async move {
            let _noted = noted;
            std::future::pending().await
        }
    })
    .await;
    let asking = tokio::time::timeout(Duration::from_millis(50), client.request(get("/"))).await;
    assert!(asking.is_err());
    soon(dropped.notified()).await;
}

#[tokio::test]
async fn bodies_that_are_not_read_are_not_made() {
    let (up, down) = (Watch::default(), Watch::default());
    let made = down.clone();
    let (_connection, client) = connect(move |request| {
        let made = made.clone();
        async move {
            // The request's is dropped here.
            let _ = request;
            Ok(status(413, counted(u64::MAX, Then::End, &made).boxed()))
        }
    })
    .await;
    let request = Request::post("/")
        .body(counted(u64::MAX, Then::End, &up))
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    until(|| up.is_dropped()).await;
    drop(response);
    until(|| down.is_dropped()).await;
}

#[tokio::test]
async fn a_lost_connection_breaks_what_was_under_way() {
    for length in [None, Some(1_000_000)] {
        let (connection, client) = connect(move |_| async move {
            let mut response = status(200, counted(300_000, Then::Wait, &Watch::default()).boxed());
            if let Some(length) = length {
                response
                    .headers_mut()
                    .insert("content-length", http::HeaderValue::from(length));
            }
            Ok(response)
        })
        .await;
        let mut body = client.request(get("/")).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        drop(connection);
        let error = soon(length_of(body)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Disconnected, "{error}");
        let error = client.request(get("/")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Disconnected);
    }
}

#[tokio::test]
async fn a_service_that_fails_fails_the_request() {
    let (_connection, client) = connect(|_| async { Err(Error::overloaded("not now")) }).await;
    let error = client.request(get("/")).await.unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ErrorKind::Overloaded, "not now")
    );
}

#[tokio::test]
async fn headers_are_checked_on_both_sides() {
    let (_connection, client) = connect(|request: Request<Body>| async move {
        let mut response = status(200, Body::empty().boxed());
        if request.uri().path() == "/long" {
            let long = http::HeaderValue::from_str(&"a".repeat(70_000)).unwrap();
            response.headers_mut().insert("x-long", long);
        }
        Ok(response)
    })
    .await;
    let long = "a".repeat(70_000);
    let request = Request::get("/").header("x-long", long).body(Body::empty());
    let error = client.request(request.unwrap()).await.unwrap_err();
    assert!(
        error
            .reason
            .contains("the request has more than 65536 bytes of headers"),
        "{error}"
    );
    let error = client.request(get("/long")).await.unwrap_err();
    assert!(
        error
            .reason
            .contains("the response has more than 65536 bytes of headers"),
        "{error}"
    );
    let odd = http::HeaderValue::from_bytes(b"\xff").unwrap();
    let request = Request::get("/").header("x-odd", odd).body(Body::empty());
    let error = client.request(request.unwrap()).await.unwrap_err();
    assert!(
        error.reason.contains("the header x-odd is not UTF-8"),
        "{error}"
    );
    let request = Request::builder()
        .method("QUERY")
        .uri("/")
        .body(Body::empty());
    let error = client.request(request.unwrap()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
}

#[tokio::test]
async fn trailers_are_dropped() {
    let (_connection, client) = connect(|_| async {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-late", http::HeaderValue::from_static("1"));
        let body = "with trailers"
            .to_owned()
            .with_trailers(async { Some(Ok(trailers)) });
        Ok(status(200, body.map_err(|never| match never {}).boxed()))
    })
    .await;
    let body = client.request(get("/")).await.unwrap().into_body();
    let collected = body.collect().await.unwrap();
    assert!(collected.trailers().is_none());
    assert_eq!(collected.to_bytes(), "with trailers");
}

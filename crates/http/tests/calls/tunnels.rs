//! WebSockets and tunnels.

use capstan_http::{Body, Error, ErrorKind, Message, on_tunnel, on_web_socket, tunnel, web_socket};
use http::{Method, Request};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::{connect, get, soon, status};

fn handshake() -> Request<Body> {
    Request::get("/")
        .header("upgrade", "websocket")
        .body(Body::empty())
        .unwrap()
}

fn connect_to(host: &str) -> Request<Body> {
    Request::builder()
        .method(Method::CONNECT)
        .uri(host)
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_web_socket_lives_until_both_have_closed() {
    let (sender, mut sockets) = mpsc::unbounded_channel();
    let (_connection, client) = connect(move |mut request| {
        let sender = sender.clone();
        async move {
            let upgrading = on_web_socket(&mut request).unwrap();
            tokio::spawn(async move { sender.send(upgrading.await.unwrap()) });
            Ok(status(101, Body::empty().boxed()))
        }
    })
    .await;
    let mut near = web_socket(&mut client.request(handshake()).await.unwrap()).unwrap();
    let mut far = soon(sockets.recv()).await.unwrap();
    near.send(Message::Text("one".into())).await.unwrap();
    assert_eq!(far.recv().await, Some(Ok(Message::Text("one".into()))));
    let close = Message::Close {
        code: 1000,
        reason: "bye".into(),
    };
    near.send(close.clone()).await.unwrap();
    assert!(near.send(close.clone()).await.is_err());
    assert_eq!(far.recv().await, Some(Ok(close.clone())));
    assert_eq!(far.recv().await, None);
    // The other direction goes on until that has closed as well.
    far.send(Message::Text("two".into())).await.unwrap();
    far.send(close.clone()).await.unwrap();
    assert_eq!(near.recv().await, Some(Ok(Message::Text("two".into()))));
    assert_eq!(near.recv().await, Some(Ok(close)));
    assert_eq!(near.recv().await, None);

    // One that is dropped is lost for the other end, in either direction.
    for far_first in [false, true] {
        let near = web_socket(&mut client.request(handshake()).await.unwrap()).unwrap();
        let far = soon(sockets.recv()).await.unwrap();
        let mut left = if far_first {
            drop(far);
            near
        } else {
            drop(near);
            far
        };
        let error = soon(left.recv()).await.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Disconnected, "{error}");
        assert_eq!(left.recv().await, None);
    }
}

#[tokio::test]
async fn a_response_refuses_a_web_socket() {
    let (_connection, client) = connect(|_| async {
        let body = "members only".to_owned().map_err(|never| match never {});
        Ok(status(403, body.boxed()))
    })
    .await;
    let mut response = client.request(handshake()).await.unwrap();
    assert!(web_socket(&mut response).is_none());
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "members only");
    // 101 for a request that did not ask for it is an error of the service's.
    let (_connection, client) = connect(|_| async { Ok(status(101, Body::empty().boxed())) }).await;
    assert!(client.request(get("/")).await.is_err());
}

#[tokio::test]
async fn each_direction_of_a_tunnel_ends_by_itself() {
    let (sender, mut tunnels) = mpsc::unbounded_channel();
    let (connection, client) = connect(move |mut request| {
        let sender = sender.clone();
        async move {
            match request.uri().authority().map(|host| host.as_str()) {
                Some("a.example:1") => {}
                Some("b.example:1") => return Err(Error::failed("no such host")),
                other => panic!("{other:?}"),
            }
            let upgrading = on_tunnel(&mut request).unwrap();
            tokio::spawn(async move { sender.send(upgrading.await.unwrap()) });
            Ok(status(200, Body::empty().boxed()))
        }
    })
    .await;
    let mut near = tunnel(&mut client.request(connect_to("a.example:1")).await.unwrap()).unwrap();
    let mut far = soon(tunnels.recv()).await.unwrap();
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|at| at as u8).collect();
    let sending = async {
        near.write_all(&bytes).await.unwrap();
        near.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    tokio::join!(sending, async {
        far.read_to_end(&mut received).await.unwrap()
    });
    assert!(received == bytes);
    far.write_all(b"after that").await.unwrap();
    far.shutdown().await.unwrap();
    let mut answer = String::new();
    soon(near.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "after that");

    let error = client.request(connect_to("b.example:1")).await.unwrap_err();
    assert_eq!(error.reason, "no such host");

    let mut near = tunnel(&mut client.request(connect_to("a.example:1")).await.unwrap()).unwrap();
    let mut far = soon(tunnels.recv()).await.unwrap();
    near.write_all(b"in clear").await.unwrap();
    // The call and what is written behind it leave before its failure is known.
    let started = near.start_tls("a.example").await;
    let written = near.write_all(b"to be secret").await;
    let failures = [
        started.err().map(|error| error.to_string()),
        written.err().map(|error| error.to_string()),
        near.shutdown().await.err().map(|error| error.to_string()),
    ];
    let told = failures.iter().flatten().next().unwrap();
    assert!(told.contains("cannot start TLS"), "{told}");
    drop(near);
    let mut received = Vec::new();
    assert!(soon(far.read_to_end(&mut received)).await.is_err());
    assert_eq!(received, b"in clear");

    let mut near = tunnel(&mut client.request(connect_to("a.example:1")).await.unwrap()).unwrap();
    let _far = soon(tunnels.recv()).await.unwrap();
    drop(connection);
    assert!(soon(near.read_u8()).await.is_err());
}

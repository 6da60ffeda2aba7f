//! Real HTTP at both ends: a client, the proxy in front, RPC, the proxy behind it, and a server.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use capstan_http::HttpClient;
use capstan_http::proxy::{self, Origin};
use capstan_net::{Connection, Options, tcp};
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

type ServerBody = BoxBody<Bytes, std::io::Error>;

/// What runs until it is dropped.
struct Chain {
    front: SocketAddr,
    /// Connections that came to the server.
    connections: Arc<AtomicUsize>,
    rpc: Connection,
    tasks: tokio::task::JoinSet<()>,
}

/// A client's address of a server that is reached by way of RPC.
async fn chain(tunnels: &[SocketAddr]) -> Chain {
    let mut tasks = tokio::task::JoinSet::new();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = Origin::new(&format!("http://{}", server.local_addr().unwrap())).unwrap();
    let origin = origin.with_tunnels_to(tunnels.iter().map(|to| to.to_string().parse().unwrap()));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tasks.spawn(async move {
        loop {
            let (stream, _) = server.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .with_upgrades(),
            );
        }
    });
    let back = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let back_address = back.local_addr().unwrap().to_string();
    let service = capstan_http::serve(origin);
    tasks.spawn(async move {
        let bootstrap = move |_| service.clone();
        tcp::serve(back, Options::default(), bootstrap)
            .await
            .unwrap();
    });
    let rpc = tcp::connect(&back_address, Options::default())
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = listener.local_addr().unwrap();
    let client = HttpClient::new(rpc.bootstrap());
    tasks.spawn(async move {
        let never = std::future::pending();
        proxy::serve(listener, client, proxy::Options::default(), never)
            .await
            .unwrap();
    });
    Chain {
        front,
        connections,
        rpc,
        tasks,
    }
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<ServerBody>, std::io::Error> {
    let failing = |error: hyper::Error| std::io::Error::other(error);
    if request.headers().contains_key(header::UPGRADE) {
        let key = request.headers()[header::SEC_WEBSOCKET_KEY].clone();
        let upgrading = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let stream = TokioIo::new(upgrading.await.unwrap());
            let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() || message.is_binary() {
                    socket.send(message).await.unwrap();
                }
            }
        });
        let response = Response::builder()
            .status(101)
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
            .header("sec-websocket-protocol", "chat");
        return Ok(response.body(empty()).unwrap());
    }
    Ok(match request.uri().path() {
        "/echo" => {
            let mut response = Response::new(request.into_body().map_err(failing).boxed());
            response.headers_mut().insert(
                "x-odd",
                header::HeaderValue::from_bytes("ü".as_bytes()).unwrap(),
            );
            response
        }
        "/length" => {
            let mut length = 0;
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                length += frame.map_err(failing)?.data_ref().map_or(0, Bytes::len);
            }
            text(length.to_string())
        }
        "/headers" => {
            let mut all: Vec<String> = request
                .headers()
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            all.sort();
            text(all.join("\n"))
        }
        "/torn" | "/torn-fixed" => {
            let torn = request.uri().path() == "/torn-fixed";
            let first = async { Ok(Frame::data(Bytes::from(vec![1; 100_000]))) };
            let then = async {
                // Later than the first bytes are on their way: hyper drops what it has not sent.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("torn"))
            };
            let frames = futures_util::stream::once(first).chain(futures_util::stream::once(then));
            let mut response = Response::new(BodyExt::boxed(StreamBody::new(Box::pin(frames))));
            if torn {
                response
                    .headers_mut()
                    .insert("content-length", 500_000.into());
            }
            response
        }
        "/endless" => {
            let chunk = || Ok(Frame::data(Bytes::from(vec![1; 65_536])));
            let frames = futures_util::stream::repeat_with(chunk);
            Response::new(BodyExt::boxed(StreamBody::new(frames)))
        }
        "/large" => {
            let chunk = || Ok(Frame::data(Bytes::from(vec![1; 65_536])));
            let frames = futures_util::stream::repeat_with(chunk).take(1024);
            Response::new(BodyExt::boxed(StreamBody::new(frames)))
        }
        "/trailers" => {
            let mut trailers = http::HeaderMap::new();
            trailers.insert("x-late", header::HeaderValue::from_static("1"));
            let frames = vec![
                Ok(Frame::data(Bytes::from_static(b"body"))),
                Ok(Frame::trailers(trailers)),
            ];
            let mut response = Response::new(BodyExt::boxed(StreamBody::new(
                futures_util::stream::iter(frames),
            )));
            response
                .headers_mut()
                .insert("trailer", header::HeaderValue::from_static("x-late"));
            response
        }
        "/head" => {
            let mut response = text(String::new());
            response.headers_mut().insert("content-length", 1234.into());
            response
        }
        "/redirect" => Response::builder()
            .status(307)
            .header("location", "/echo")
            .body(empty())
            .unwrap(),
        "/unchanged" => Response::builder()
            .status(304)
            .header("etag", "\"a\"")
            .body(empty())
            .unwrap(),
        _ => Response::builder().status(404).body(empty()).unwrap(),
    })
}

fn empty() -> ServerBody {
    Empty::new().map_err(infallible).boxed()
}

fn text(text: String) -> Response<ServerBody> {
    Response::new(Full::new(Bytes::from(text)).map_err(infallible).boxed())
}

fn infallible(never: Infallible) -> std::io::Error {
    match never {}
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .unwrap()
}

/// Sends bytes and reads until the other side closes or `enough` of what came.
async fn talk(to: SocketAddr, sent: &str, enough: impl Fn(&str) -> bool) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    soon(async {
        let mut buffer = [0; 65_536];
        loop {
            let count = stream.read(&mut buffer).await.unwrap_or(0);
            received.extend_from_slice(&buffer[..count]);
            if count == 0 || enough(&String::from_utf8_lossy(&received)) {
                return;
            }
        }
    })
    .await;
    String::from_utf8_lossy(&received).into_owned()
}

type Sender = hyper::client::conn::http1::SendRequest<BoxBody<Bytes, std::io::Error>>;

async fn sender(to: SocketAddr) -> Sender {
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(
    method: &str,
    path: &str,
    body: BoxBody<Bytes, std::io::Error>,
) -> Request<BoxBody<Bytes, std::io::Error>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "front.example")
        .body(body)
        .unwrap()
}

async fn ask(
    sender: &mut Sender,
    request: Request<BoxBody<Bytes, std::io::Error>>,
) -> Response<Incoming> {
    soon(sender.ready()).await.unwrap();
    soon(sender.send_request(request)).await.unwrap()
}

fn chunks(count: usize) -> BoxBody<Bytes, std::io::Error> {
    let chunk = || Ok(Frame::data(Bytes::from(vec![1; 65_536])));
    BodyExt::boxed(StreamBody::new(
        futures_util::stream::repeat_with(chunk).take(count),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_the_server_and_responses_the_client() {
    let chain = chain(&[]).await;
    let mut sender = sender(chain.front).await;
    for _ in 0..3 {
        let body = BodyExt::boxed(Full::new(Bytes::from_static(b"hello")).map_err(infallible));
        let response = ask(&mut sender, request("POST", "/echo", body)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-odd"].as_bytes(), "ü".as_bytes());
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "hello"
        );
    }
    let response = ask(&mut sender, request("GET", "/redirect", empty())).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (307, &"/echo".parse().unwrap())
    );
    drop(response.into_body().collect().await.unwrap());
    let response = ask(&mut sender, request("HEAD", "/head", empty())).await;
    assert_eq!(response.headers()["content-length"], "1234");
    drop(response.into_body().collect().await.unwrap());
    let response = ask(&mut sender, request("GET", "/unchanged", empty())).await;
    assert_eq!(response.status(), 304);
    drop(response.into_body().collect().await.unwrap());
    let response = ask(&mut sender, request("GET", "/trailers", empty())).await;
    assert!(!response.headers().contains_key("trailer"));
    let collected = response.into_body().collect().await.unwrap();
    assert!(collected.trailers().is_none());
    assert_eq!(collected.to_bytes(), "body");
    // All of these went over one connection to the proxy, and over one of those that are kept to the server.
    assert_eq!(chain.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_one_hop_stay_there() {
    let chain = chain(&[]).await;
    let sent = "GET /headers HTTP/1.1\r\nHost: front.example\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nTE: trailers\r\n\
        Accept: a\r\nX-Own: b\r\nProxy-Connection: c\r\n\r\n";
    let received = talk(chain.front, sent, |_| false).await;
    let (_, body) = received.split_once("\r\n\r\n").unwrap();
    let lines: Vec<&str> = body
        .lines()
        .filter(|line| !line.starts_with("host: 127.0.0.1:"))
        .collect();
    assert_eq!(lines, ["accept: a", "x-own: b"], "{received}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_go_both_ways() {
    let chain = chain(&[]).await;
    let mut sender = sender(chain.front).await;
    let response = ask(&mut sender, request("PUT", "/length", chunks(1024))).await;
    let body = soon(response.into_body().collect()).await.unwrap();
    assert_eq!(body.to_bytes(), (64 * 1024 * 1024).to_string());
    let mut body = ask(&mut sender, request("GET", "/large", empty()))
        .await
        .into_body();
    let mut length = 0;
    while let Some(frame) = soon(body.frame()).await {
        length += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    assert_eq!(length, 64 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_does_not_look_whole() {
    let chain = chain(&[]).await;
    for path in ["/torn", "/torn-fixed"] {
        let mut sender = sender(chain.front).await;
        let response = ask(&mut sender, request("GET", path, empty())).await;
        assert_eq!(response.status(), 200);
        assert!(
            soon(response.into_body().collect()).await.is_err(),
            "{path}"
        );
    }
    // The RPC connection is lost in the middle.
    let mut sender = sender(chain.front).await;
    let mut body = ask(&mut sender, request("GET", "/endless", empty()))
        .await
        .into_body();
    body.frame().await.unwrap().unwrap();
    drop(chain.rpc);
    soon(async {
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return;
            }
        }
        panic!("the body of a lost connection ended well");
    })
    .await;
    let mut sender = self::sender(chain.front).await;
    let response = ask(&mut sender, request("GET", "/echo", empty())).await;
    assert_eq!(response.status(), 502);
    drop(chain.tasks);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_refused() {
    let chain = chain(&[]).await;
    for (sent, status) in [
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX-Odd: a\x01b\r\n\r\n".to_owned(),
            "400",
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n",
                "a".repeat(100_000)
            ),
            "431",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX-Odd: \u{fc}\r\nConnection: close\r\n\r\n".to_owned(),
            "404",
        ),
        (
            "QUERY / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
            "501",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n"
                .to_owned(),
            "426",
        ),
        (
            "CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n\r\n".to_owned(),
            "403",
        ),
    ] {
        let received = talk(chain.front, &sent, |received| received.contains("\r\n\r\n")).await;
        assert!(
            received.starts_with(&format!("HTTP/1.1 {status}")),
            "{sent:.60}: {received}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn web_sockets_go_through() {
    let chain = chain(&[]).await;
    let mut request = format!("ws://{}/chat", chain.front)
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "chat".parse().unwrap());
    let stream = TcpStream::connect(chain.front).await.unwrap();
    let (mut socket, response) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    for message in [Message::text("hällo"), Message::binary(vec![7; 300_000])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(soon(socket.next()).await.unwrap().unwrap(), message);
    }
    let close = CloseFrame {
        code: 4001.into(),
        reason: "done".into(),
    };
    socket.close(Some(close.clone())).await.unwrap();
    assert_eq!(
        soon(socket.next()).await.unwrap().unwrap(),
        Message::Close(Some(close))
    );
    assert!(soon(socket.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_go_where_they_may() {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = target.local_addr().unwrap();
    let chain = chain(&[address]).await;
    tokio::spawn(async move {
        let (mut stream, _) = target.accept().await.unwrap();
        let mut received = String::new();
        stream.read_to_string(&mut received).await.unwrap();
        stream
            .write_all(format!("got {received}").as_bytes())
            .await
            .unwrap();
    });
    let mut stream = TcpStream::connect(chain.front).await.unwrap();
    let head = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n") {
        received.push(soon(stream.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(received).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200")
            && !head.contains("content-length")
            && !head.contains("transfer-encoding"),
        "{head}"
    );
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "got hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_may_finish_at_the_end() {
    let chain = chain(&[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ending) = tokio::sync::oneshot::channel::<()>();
    let client = HttpClient::new(chain.rpc.bootstrap());
    let serving = tokio::spawn(proxy::serve(
        listener,
        client,
        proxy::Options::default(),
        async {
            let _ = ending.await;
        },
    ));
    let mut sender = sender(address).await;
    let body = ask(&mut sender, request("GET", "/large", empty()))
        .await
        .into_body();
    end.send(()).unwrap();
    let whole = soon(body.collect()).await.unwrap().to_bytes();
    assert_eq!(whole.len(), 64 * 1024 * 1024);
    soon(serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn web_sockets_and_tunnels_may_finish_as_well() {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target_address = target.local_addr().unwrap();
    let chain = chain(&[target_address]).await;
    for is_cut_off in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ending) = tokio::sync::oneshot::channel::<()>();
        let client = HttpClient::new(chain.rpc.bootstrap());
        let options = proxy::Options {
            drain_timeout: Duration::from_secs(if is_cut_off { 0 } else { 60 }),
            ..proxy::Options::default()
        };
        let serving = tokio::spawn(proxy::serve(listener, client, options, async {
            let _ = ending.await;
        }));
        let stream = TcpStream::connect(address).await.unwrap();
        let mut request = format!("ws://{address}/chat")
            .into_client_request()
            .unwrap();
        let protocol = "chat".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        let mut tunnel = TcpStream::connect(address).await.unwrap();
        let head = format!("CONNECT {target_address} HTTP/1.1\r\nHost: a\r\n\r\n");
        tunnel.write_all(head.as_bytes()).await.unwrap();
        let (mut far, _) = target.accept().await.unwrap();
        far.write_all(b"!").await.unwrap();
        while soon(tunnel.read_u8()).await.unwrap() != b'!' {}
        end.send(()).unwrap();
        if is_cut_off {
            assert_eq!(soon(serving).await.unwrap().unwrap(), 2);
            continue;
        }
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let message = Message::text("still here");
        socket.send(message.clone()).await.unwrap();
        assert_eq!(soon(socket.next()).await.unwrap().unwrap(), message);
        far.write_all(b"?").await.unwrap();
        assert_eq!(soon(tunnel.read_u8()).await.unwrap(), b'?');
        socket.close(None).await.unwrap();
        while soon(socket.next()).await.is_some() {}
        drop((tunnel, far));
        assert_eq!(soon(serving).await.unwrap().unwrap(), 0);
    }
}

/// A proxy of its own in front of a chain, with these options.
async fn front(chain: &Chain, options: proxy::Options) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = HttpClient::new(chain.rpc.bootstrap());
    let never = std::future::pending();
    tokio::spawn(proxy::serve(listener, client, options, never));
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_head_is_let_go() {
    let chain = chain(&[]).await;
    let options = proxy::Options {
        head_timeout: Duration::from_millis(100),
        ..proxy::Options::default()
    };
    let address = front(&chain, options).await;
    let sent = "GET /redirect HTTP/1.1\r\nHost: a\r\n\r\n";
    for (sent, answers) in [("", 0), ("GET / HT", 0), (sent, 1)] {
        // Ends when the connection does.
        let received = talk(address, sent, |_| false).await;
        assert_eq!(
            received.matches("HTTP/1.1 307").count(),
            answers,
            "{received}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_wait_when_there_are_too_many() {
    let chain = chain(&[]).await;
    let options = proxy::Options {
        max_connections: 1,
        ..proxy::Options::default()
    };
    let address = front(&chain, options).await;
    let mut first = sender(address).await;
    let response = ask(&mut first, request("GET", "/redirect", empty())).await;
    drop(response.into_body().collect().await.unwrap());
    let mut second = sender(address).await;
    second.ready().await.unwrap();
    let mut answered = Box::pin(second.send_request(request("GET", "/redirect", empty())));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut answered).await;
    assert!(early.is_err(), "a second client was let in");
    drop(first);
    assert_eq!(soon(answered).await.unwrap().status(), 307);
}

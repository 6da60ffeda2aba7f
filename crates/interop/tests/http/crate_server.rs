//! Our client with the crate's server.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use capnp::Error;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, new_client, twoparty};
use capstan_http::{Body, ErrorKind, HttpClient, Message};
use capstan_net::{Options, tcp};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::byte_stream_capnp::byte_stream;
use crate::http_over_capnp_capnp::{
    CommonHeaderName, CommonHeaderValue, HttpMethod, http_header, http_request, http_service,
    web_socket,
};
use crate::local;

/// A connection to the crate's server, and our client of it.
async fn connect() -> (capstan_net::Connection, HttpClient) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::task::spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (reading, writing) = stream.into_split();
        let network = twoparty::VatNetwork::new(
            futures_util::io::BufReader::new(reading.compat()),
            futures_util::io::BufWriter::new(writing.compat_write()),
            Side::Server,
            capnp::message::ReaderOptions::default(),
        );
        let service: http_service::Client = new_client(Service);
        tokio::task::spawn_local(RpcSystem::new(Box::new(network), Some(service.client)));
    });
    let connection = tcp::connect(&address, Options::default()).await.unwrap();
    let client = HttpClient::new(connection.bootstrap());
    (connection, client)
}

struct Service;

/// Bytes that arrive; the sender is dropped at the end.
struct Arriving {
    items: RefCell<Option<mpsc::UnboundedSender<Vec<u8>>>>,
}

impl byte_stream::Server for Arriving {
    async fn write(self: Rc<Self>, params: byte_stream::WriteParams) -> Result<(), Error> {
        let bytes = params.get()?.get_bytes()?.to_vec();
        let items = self.items.borrow();
        items
            .as_ref()
            .unwrap()
            .send(bytes)
            .map_err(|_| Error::disconnected("not wanted".into()))
    }

    async fn end(
        self: Rc<Self>,
        _: byte_stream::EndParams,
        _: byte_stream::EndResults,
    ) -> Result<(), Error> {
        self.items.borrow_mut().take();
        Ok(())
    }
}

fn arriving() -> (byte_stream::Client, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (
        new_client(Arriving {
            items: RefCell::new(Some(sender)),
        }),
        receiver,
    )
}

async fn send(stream: &byte_stream::Client, bytes: &[u8]) -> Result<(), Error> {
    let mut write = stream.write_request();
    write.get().set_bytes(bytes);
    write.send().await
}

/// Sends messages back as they come.
struct EchoSocket {
    down: RefCell<Option<web_socket::Client>>,
    closed: RefCell<Option<tokio::sync::oneshot::Sender<()>>>,
}

impl EchoSocket {
    fn down(&self) -> web_socket::Client {
        self.down.borrow().clone().unwrap()
    }
}

impl web_socket::Server for EchoSocket {
    async fn send_text(self: Rc<Self>, params: web_socket::SendTextParams) -> Result<(), Error> {
        let mut request = self.down().send_text_request();
        request.get().set_text(params.get()?.get_text()?);
        request.send().await
    }

    async fn send_data(self: Rc<Self>, params: web_socket::SendDataParams) -> Result<(), Error> {
        let mut request = self.down().send_data_request();
        request.get().set_data(params.get()?.get_data()?);
        request.send().await
    }

    async fn close(
        self: Rc<Self>,
        params: web_socket::CloseParams,
        _: web_socket::CloseResults,
    ) -> Result<(), Error> {
        let mut request = self.down().close_request();
        request.get().set_code(params.get()?.get_code());
        request.get().set_reason(params.get()?.get_reason()?);
        request.send().promise.await?;
        self.closed.borrow_mut().take().unwrap().send(()).unwrap();
        Ok(())
    }
}

impl http_service::Server for Service {
    async fn request(
        self: Rc<Self>,
        params: http_service::RequestParams,
        mut results: http_service::RequestResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let request = params.get_request()?;
        let context = params.get_context()?;
        let url = request.get_url()?.to_string()?;
        let length = match request.get_body_size().which().unwrap() {
            http_request::body_size::Which::Fixed(length) => Some(length),
            http_request::body_size::Which::Unknown(()) => None,
        };
        let mut names = Vec::new();
        for header in request.get_headers()? {
            names.push(match header.which().unwrap() {
                http_header::Which::Common(common) => {
                    format!("#{}", common.get_name().unwrap() as u16)
                }
                http_header::Which::Uncommon(pair) => pair.unwrap().get_name()?.to_string()?,
            });
        }
        if names.iter().any(|name| name == "upgrade") {
            let mut accept = context.start_web_socket_request();
            let (closed, over) = tokio::sync::oneshot::channel();
            let socket = Rc::new(EchoSocket {
                down: RefCell::default(),
                closed: RefCell::new(Some(closed)),
            });
            accept
                .get()
                .set_up_socket(capnp_rpc::new_client_from_rc(socket.clone()));
            let mut protocol = accept.get().init_headers(1).get(0).init_uncommon();
            protocol.set_name("Sec-WebSocket-Protocol");
            protocol.set_value("chat");
            let sent = accept.send();
            *socket.down.borrow_mut() = Some(sent.pipeline.get_down_socket());
            sent.promise.await?;
            over.await.unwrap();
            return Ok(());
        }
        let mut incoming = None;
        if length != Some(0) {
            let (stream, items) = arriving();
            results.get().set_request_body(stream);
            results.set_pipeline()?;
            incoming = Some(items);
        }
        let mut start = context.start_response_request();
        let mut response = start.get().init_response();
        response.set_status_code(if url == "/empty" { 304 } else { 207 });
        let mut headers = response.reborrow().init_headers(3);
        let mut own = headers.reborrow().get(0).init_uncommon();
        own.set_name("X-Seen");
        own.set_value(format!(
            "{:?} {length:?} {}",
            request.get_method().unwrap(),
            names.join(",")
        ));
        let mut encoding = headers.reborrow().get(1).init_common();
        encoding.set_name(CommonHeaderName::AcceptEncoding);
        encoding.set_common_value(CommonHeaderValue::GzipDeflate);
        let mut etag = headers.get(2).init_common();
        etag.set_name(CommonHeaderName::Etag);
        etag.set_value("\"a\"");
        let mut size = response.init_body_size();
        match url.as_str() {
            "/empty" => size.set_fixed(0),
            "/short" => size.set_fixed(100),
            _ => size.set_unknown(()),
        }
        let sent = start.send();
        let body = sent.pipeline.get_body();
        if url == "/empty" {
            sent.promise.await?;
            return Ok(());
        }
        if url == "/torn" {
            send(&body, b"a part").await?;
            return Err(Error::overloaded("torn".into()));
        }
        if url == "/short" {
            send(&body, b"a part").await?;
            // Whether that is refused is the other side's affair.
            let _ = body.end_request().send().promise.await;
            return Ok(());
        }
        if url == "/dropped" {
            send(&body, b"a part").await?;
            return Ok(());
        }
        while let Some(bytes) = match &mut incoming {
            Some(items) => items.recv().await,
            None => None,
        } {
            send(&body, &bytes).await?;
        }
        body.end_request().send().promise.await?;
        Ok(())
    }

    async fn connect(
        self: Rc<Self>,
        params: http_service::ConnectParams,
        mut results: http_service::ConnectResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let (host, down, context) = (
            params.get_host()?.to_string()?,
            params.get_down()?,
            params.get_context()?,
        );
        let (up, mut items) = arriving();
        results.get().set_up(up);
        results.set_pipeline()?;
        if host != "example.com:443" {
            let mut refuse = context.start_error_request();
            let mut response = refuse.get().init_response();
            response.set_status_code(502);
            response.init_body_size().set_unknown(());
            let sent = refuse.send();
            let body = sent.pipeline.get_body();
            send(&body, b"no way").await?;
            body.end_request().send().promise.await?;
            return Ok(());
        }
        let mut accept = context.start_connect_request();
        accept.get().init_response().set_status_code(200);
        accept.send().promise.await?;
        while let Some(bytes) = items.recv().await {
            send(&down, &bytes).await?;
        }
        down.end_request().send().promise.await?;
        Ok(())
    }
}

fn full(bytes: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(bytes.into())
}

#[test]
fn bodies_go_both_ways() {
    local(async {
        let (_connection, client) = connect().await;
        let pieces = (0..20_u8).map(|piece| {
            Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(vec![piece; 100_000])))
        });
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        let request = Request::put("https://example.com/a")
            .header("accept", "x")
            .header("connection", "keep-alive")
            .header("x-own", "y")
            .body(body)
            .unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.status(), 207);
        assert_eq!(response.headers()["x-seen"], "Put None #5,x-own");
        assert_eq!(response.headers()["accept-encoding"], "gzip, deflate");
        assert_eq!(response.headers()["etag"], "\"a\"");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes.len(), 2_000_000);
        assert!(
            bytes
                .iter()
                .zip(0_usize..)
                .all(|(byte, at)| usize::from(*byte) == at / 100_000)
        );

        let response = client
            .request(Request::post("/").body(full("short")).unwrap())
            .await
            .unwrap();
        assert_eq!(response.headers()["x-seen"], "Post Some(5) ");
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "short"
        );

        let response = client
            .request(Request::get("/empty").body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(response.headers()["x-seen"], "Get Some(0) ");
        assert!(
            response
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .is_empty()
        );
    });
}

#[test]
fn bodies_that_are_not_complete_are_errors() {
    local(async {
        let (_connection, client) = connect().await;
        for (path, kind, words) in [
            ("/torn", ErrorKind::Overloaded, "torn"),
            (
                "/short",
                ErrorKind::Failed,
                "ended after 6 of the 100 bytes",
            ),
            (
                "/dropped",
                ErrorKind::Disconnected,
                "broke off after 6 bytes",
            ),
        ] {
            let response = client
                .request(Request::get(path).body(Body::empty()).unwrap())
                .await
                .unwrap();
            let error = response.into_body().collect().await.unwrap_err();
            assert!(
                error.kind == kind && error.reason.contains(words),
                "{path}: {error}"
            );
        }
    });
}

#[test]
fn web_sockets_are_opened() {
    local(async {
        let (_connection, client) = connect().await;
        let request = Request::get("/chat")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-key", "x")
            .body(Body::empty())
            .unwrap();
        let mut response = client.request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        let mut socket = capstan_http::web_socket(&mut response).unwrap();
        for message in [
            Message::Text("hällo".into()),
            Message::Binary(Bytes::from_static(&[1, 2, 3])),
            Message::Close {
                code: 4001,
                reason: "done".into(),
            },
        ] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.recv().await.unwrap().unwrap(), message);
        }
        assert!(socket.recv().await.is_none());
    });
}

#[test]
fn tunnels_are_opened_or_refused() {
    local(async {
        let (_connection, client) = connect().await;
        let request = |host: &str| {
            Request::builder()
                .method(Method::CONNECT)
                .uri(host)
                .body(Body::empty())
                .unwrap()
        };
        let mut response = client.request(request("example.com:443")).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut tunnel = capstan_http::tunnel(&mut response).unwrap();
        tunnel.write_all(b"through the tunnel").await.unwrap();
        tunnel.shutdown().await.unwrap();
        let mut bytes = Vec::new();
        tunnel.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"through the tunnel");

        let mut refused = client
            .request(request("elsewhere.example:1"))
            .await
            .unwrap();
        assert_eq!(refused.status(), 502);
        assert!(capstan_http::tunnel(&mut refused).is_none());
        assert_eq!(
            refused.into_body().collect().await.unwrap().to_bytes(),
            "no way"
        );
    });
}

// The enumerant that our client sends for it has to be the crate's.
#[test]
fn every_method_is_the_same_number() {
    local(async {
        let (_connection, client) = connect().await;
        for ordinal in 0..26 {
            let theirs = format!("{:?}", HttpMethod::try_from(ordinal).unwrap());
            let name = theirs.to_uppercase().replace("MSEARCH", "M-SEARCH");
            if name == "HEAD" {
                continue;
            }
            let request = Request::builder()
                .method(name.as_str())
                .uri("/")
                .body(Body::empty())
                .unwrap();
            let response = client.request(request).await.unwrap();
            assert!(
                response.headers()["x-seen"]
                    .to_str()
                    .unwrap()
                    .starts_with(&theirs)
            );
        }
    });
}

//! The crate's client with our server.

use std::cell::RefCell;
use std::rc::Rc;

use capnp::capability::{FromClientHook, Promise};
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, new_client, twoparty};
use capstan_net::{Options, tcp};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::byte_stream_capnp::byte_stream;
use crate::http_over_capnp_capnp::http_service::{
    client_request_context, connect_client_request_context,
};
use crate::http_over_capnp_capnp::{
    CommonHeaderName, HttpMethod, http_header, http_response, http_service, web_socket,
};
use crate::local;
use crate::service::Echo;

async fn connect() -> http_service::Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(tcp::serve(listener, Options::default(), |_| {
        capstan_http::serve(Echo)
    }));
    let stream = TcpStream::connect(address).await.unwrap();
    let (reading, writing) = stream.into_split();
    let network = twoparty::VatNetwork::new(
        futures_util::io::BufReader::new(reading.compat()),
        futures_util::io::BufWriter::new(writing.compat_write()),
        Side::Client,
        capnp::message::ReaderOptions::default(),
    );
    let mut system = RpcSystem::new(Box::new(network), None);
    let client = system.bootstrap(Side::Server);
    tokio::task::spawn_local(system);
    client
}

/// What a response was, once its body has ended.
#[derive(Default, Debug)]
struct Seen {
    status: u16,
    length: Option<u64>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Seen {
    fn set(&mut self, response: http_response::Reader<'_>) {
        self.status = response.get_status_code();
        self.length = match response.get_body_size().which().unwrap() {
            http_response::body_size::Which::Fixed(length) => Some(length),
            http_response::body_size::Which::Unknown(()) => None,
        };
        self.headers = response.get_headers().unwrap().iter().map(pair).collect();
    }

    fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(each, _)| each == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

fn pair(header: http_header::Reader<'_>) -> (String, String) {
    match header.which().unwrap() {
        http_header::Which::Common(common) => {
            let name = format!("{:?}", common.get_name().unwrap());
            match common.which().unwrap() {
                http_header::common::Which::Value(value) => {
                    (name, value.unwrap().to_string().unwrap())
                }
                http_header::common::Which::CommonValue(_) => {
                    panic!("{name} came with a value's number")
                }
            }
        }
        http_header::Which::Uncommon(pair) => {
            let pair = pair.unwrap();
            (
                pair.get_name().unwrap().to_string().unwrap(),
                pair.get_value().unwrap().to_string().unwrap(),
            )
        }
    }
}

/// Takes a response.
struct Context {
    seen: Rc<RefCell<Seen>>,
    ended: RefCell<Option<oneshot::Sender<()>>>,
    socket: RefCell<Option<oneshot::Sender<web_socket::Client>>>,
    messages: Rc<RefCell<Vec<String>>>,
}

fn context() -> (
    Context,
    oneshot::Receiver<()>,
    oneshot::Receiver<web_socket::Client>,
) {
    let (ended, end) = oneshot::channel();
    let (opened, open) = oneshot::channel();
    let context = Context {
        seen: Rc::default(),
        ended: RefCell::new(Some(ended)),
        socket: RefCell::new(Some(opened)),
        messages: Rc::default(),
    };
    (context, end, open)
}

impl client_request_context::Server for Context {
    async fn start_response(
        self: Rc<Self>,
        params: client_request_context::StartResponseParams,
        mut results: client_request_context::StartResponseResults,
    ) -> Result<(), capnp::Error> {
        self.seen.borrow_mut().set(params.get()?.get_response()?);
        let ended = self.ended.borrow_mut().take();
        if self.seen.borrow().length != Some(0) {
            results.get().set_body(new_client(Collector {
                seen: self.seen.clone(),
                ended: RefCell::new(ended),
            }));
        } else if let Some(ended) = ended {
            ended.send(()).unwrap();
        }
        Ok(())
    }

    async fn start_web_socket(
        self: Rc<Self>,
        params: client_request_context::StartWebSocketParams,
        mut results: client_request_context::StartWebSocketResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        self.seen.borrow_mut().headers = params.get_headers()?.iter().map(pair).collect();
        let opened = self.socket.borrow_mut().take().unwrap();
        opened.send(params.get_up_socket()?).ok().unwrap();
        results.get().set_down_socket(new_client(Messages {
            messages: self.messages.clone(),
            ended: RefCell::new(self.ended.borrow_mut().take()),
        }));
        Ok(())
    }
}

impl connect_client_request_context::Server for Context {
    async fn start_connect(
        self: Rc<Self>,
        params: connect_client_request_context::StartConnectParams,
        _: connect_client_request_context::StartConnectResults,
    ) -> Result<(), capnp::Error> {
        self.seen.borrow_mut().set(params.get()?.get_response()?);
        Ok(())
    }

    async fn start_error(
        self: Rc<Self>,
        params: connect_client_request_context::StartErrorParams,
        mut results: connect_client_request_context::StartErrorResults,
    ) -> Result<(), capnp::Error> {
        self.seen.borrow_mut().set(params.get()?.get_response()?);
        let ended = RefCell::new(self.ended.borrow_mut().take());
        results.get().set_body(new_client(Collector {
            seen: self.seen.clone(),
            ended,
        }));
        Ok(())
    }
}

struct Collector {
    seen: Rc<RefCell<Seen>>,
    ended: RefCell<Option<oneshot::Sender<()>>>,
}

impl byte_stream::Server for Collector {
    async fn write(self: Rc<Self>, params: byte_stream::WriteParams) -> Result<(), capnp::Error> {
        self.seen
            .borrow_mut()
            .body
            .extend_from_slice(params.get()?.get_bytes()?);
        Ok(())
    }

    async fn end(
        self: Rc<Self>,
        _: byte_stream::EndParams,
        _: byte_stream::EndResults,
    ) -> Result<(), capnp::Error> {
        self.ended.borrow_mut().take().unwrap().send(()).unwrap();
        Ok(())
    }
}

struct Messages {
    messages: Rc<RefCell<Vec<String>>>,
    ended: RefCell<Option<oneshot::Sender<()>>>,
}

impl web_socket::Server for Messages {
    async fn send_text(
        self: Rc<Self>,
        params: web_socket::SendTextParams,
    ) -> Result<(), capnp::Error> {
        let text = params.get()?.get_text()?.to_string()?;
        self.messages.borrow_mut().push(text);
        Ok(())
    }

    async fn send_data(
        self: Rc<Self>,
        params: web_socket::SendDataParams,
    ) -> Result<(), capnp::Error> {
        let data = format!("{:?}", params.get()?.get_data()?);
        self.messages.borrow_mut().push(data);
        Ok(())
    }

    async fn close(
        self: Rc<Self>,
        params: web_socket::CloseParams,
        _: web_socket::CloseResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let close = format!("{} {}", params.get_code(), params.get_reason()?.to_str()?);
        self.messages.borrow_mut().push(close);
        self.ended.borrow_mut().take().unwrap().send(()).unwrap();
        Ok(())
    }
}

#[test]
fn bodies_go_both_ways() {
    local(async {
        let service = connect().await;
        for older in [false, true] {
            let (context, end, _) = context();
            let seen = context.seen.clone();
            let fill = |mut request: crate::http_over_capnp_capnp::http_request::Builder<'_>| {
                request.set_method(HttpMethod::Put);
                request.set_url("https://example.com/a?b=c");
                let mut headers = request.reborrow().init_headers(2);
                let mut accept = headers.reborrow().get(0).init_common();
                accept.set_name(CommonHeaderName::Accept);
                accept.set_value("text/plain");
                let mut own = headers.get(1).init_uncommon();
                own.set_name("X-Own");
                own.set_value("1");
                request.init_body_size().set_unknown(());
            };
            let (body, done): (byte_stream::Client, Promise<(), capnp::Error>) = if older {
                let mut call = service.start_request_request();
                fill(call.get().init_request());
                call.get().set_context(new_client(context));
                let sent = call.send();
                let body = sent.pipeline.get_request_body();
                let done = async move {
                    let response = sent.promise.await?;
                    let context = response.get()?.get_context()?;
                    capnp_rpc_resolved(context.into_client_hook()).await
                };
                (body, Promise::from_future(done))
            } else {
                let mut call = service.request_request();
                fill(call.get().init_request());
                call.get().set_context(new_client(context));
                let sent = call.send();
                let body = sent.pipeline.get_request_body();
                (
                    body,
                    Promise::from_future(async move { sent.promise.await.map(drop) }),
                )
            };
            let mut expected = Vec::new();
            for piece in 0..20_u8 {
                let bytes = vec![piece; 10_000];
                expected.extend_from_slice(&bytes);
                let mut write = body.write_request();
                write.get().set_bytes(&bytes);
                write.send().await.unwrap();
            }
            body.end_request().send().promise.await.unwrap();
            end.await.unwrap();
            done.await.unwrap();
            let seen = seen.borrow();
            assert_eq!(seen.status, 201);
            assert_eq!(seen.length, None);
            assert_eq!(seen.header("x-method"), ["PUT"]);
            assert_eq!(seen.header("x-uri"), ["https://example.com/a?b=c"]);
            assert_eq!(seen.header("x-accept"), ["text/plain"]);
            assert_eq!(seen.header("SetCookie"), ["a=1", "b=2"]);
            assert!(seen.body == expected);
        }
    });
}

async fn capnp_rpc_resolved(
    hook: Box<dyn capnp::private::capability::ClientHook>,
) -> Result<(), capnp::Error> {
    match hook.when_more_resolved() {
        Some(promise) => promise.await.map(drop),
        None => Ok(()),
    }
}

#[test]
fn responses_without_a_body_have_none() {
    local(async {
        let service = connect().await;
        let (context, end, _) = context();
        let seen = context.seen.clone();
        let mut call = service.request_request();
        let mut request = call.get().init_request();
        request.set_method(HttpMethod::Head);
        request.set_url("/");
        request.init_body_size().set_fixed(0);
        call.get().set_context(new_client(context));
        let response = call.send().promise.await.unwrap();
        assert!(!response.get().unwrap().has_request_body());
        end.await.unwrap();
        assert_eq!((seen.borrow().status, seen.borrow().length), (200, Some(0)));
    });
}

#[test]
fn web_sockets_are_accepted() {
    local(async {
        let service = connect().await;
        let (context, end, open) = context();
        let (seen, messages) = (context.seen.clone(), context.messages.clone());
        let mut call = service.request_request();
        let mut request = call.get().init_request();
        request.set_method(HttpMethod::Get);
        request.set_url("/chat");
        let mut upgrade = request.reborrow().init_headers(1).get(0).init_uncommon();
        upgrade.set_name("Upgrade");
        upgrade.set_value("websocket");
        request.init_body_size().set_fixed(0);
        call.get().set_context(new_client(context));
        let done = call.send().promise;
        let up = open.await.unwrap();
        assert_eq!(seen.borrow().header("x-by"), ["echo"]);
        let mut text = up.send_text_request();
        text.get().set_text("hällo");
        text.send().await.unwrap();
        let mut data = up.send_data_request();
        data.get().set_data(&[1, 2, 3]);
        data.send().await.unwrap();
        let mut close = up.close_request();
        close.get().set_code(4001);
        close.get().set_reason("done");
        close.send().promise.await.unwrap();
        end.await.unwrap();
        done.await.unwrap();
        assert_eq!(*messages.borrow(), ["hällo", "[1, 2, 3]", "4001 done"]);
    });
}

#[test]
fn tunnels_are_opened_or_refused() {
    local(async {
        let service = connect().await;
        for (host, status) in [("example.com:443", 200), ("elsewhere.example:1", 403)] {
            let (context, refused, _) = context();
            let seen = context.seen.clone();
            let (ended, end) = oneshot::channel();
            let mut call = service.connect_request();
            let down = Collector {
                seen: seen.clone(),
                ended: RefCell::new(Some(ended)),
            };
            call.get().set_host(host);
            call.get().set_down(new_client(down));
            call.get().set_context(new_client(context));
            let sent = call.send();
            let up = sent.pipeline.get_up();
            if status == 200 {
                let mut write = up.write_request();
                write.get().set_bytes(b"through the tunnel");
                write.send().await.unwrap();
                up.end_request().send().promise.await.unwrap();
                end.await.unwrap();
            } else {
                refused.await.unwrap();
            }
            sent.promise.await.unwrap();
            assert_eq!(seen.borrow().status, status);
            let expected: &[u8] = if status == 200 {
                b"through the tunnel"
            } else {
                b"not there"
            };
            assert_eq!(seen.borrow().body, expected);
        }
    });
}

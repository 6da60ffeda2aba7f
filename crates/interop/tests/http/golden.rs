//! What our client and server put on the wire, byte by byte, against a peer that is nothing but bytes: its messages are made, and ours
//! are read, by the `capnp` crate's code for the published schemas. `CAPSTAN_UPDATE=1` rewrites the transcripts.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions};
use capnp::serialize::{self, OwnedSegments};
use capnp::traits::{HasTypeId, ImbueMut};
use capnp_rpc::rpc_capnp::{call, message, message_target, return_};
use capstan_http::HttpClient;
use capstan_net::{Options, tcp};
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::byte_stream_capnp::byte_stream;
use crate::http_over_capnp_capnp::http_service::client_request_context;
use crate::http_over_capnp_capnp::{CommonHeaderName, HttpMethod, http_request, http_service};
use crate::local;
use crate::service::Echo;

/// The peer's end of a connection, and all that our end has sent.
struct Peer {
    stream: TcpStream,
    transcript: String,
}

type Message = Builder<HeapAllocator>;

impl Peer {
    /// Our next message, into the transcript.
    async fn take(&mut self) -> Reader<OwnedSegments> {
        let mut header = [0; 8];
        self.stream.read_exact(&mut header).await.unwrap();
        assert_eq!(header[..4], [0; 4], "one segment");
        let words = u32::from_le_bytes(header[4..].try_into().unwrap());
        let mut frame = header.to_vec();
        frame.resize(8 + words as usize * 8, 0);
        self.stream.read_exact(&mut frame[8..]).await.unwrap();
        for word in frame.chunks(8) {
            for byte in word {
                write!(self.transcript, "{byte:02x}").unwrap();
            }
            self.transcript.push('\n');
        }
        self.transcript.push('\n');
        serialize::read_message(&frame[..], ReaderOptions::new()).unwrap()
    }

    async fn give(&mut self, fill: impl FnOnce(message::Builder<'_>)) {
        let mut message = Message::new_default();
        fill(message.init_root());
        let bytes = serialize::write_message_to_words(&message);
        self.stream.write_all(&bytes).await.unwrap();
    }

    fn check(&self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/http/{name}.hex"));
        if std::env::var_os("CAPSTAN_UPDATE").is_some() {
            std::fs::write(&path, &self.transcript).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            golden == self.transcript,
            "{name} is not what it was:\n{}",
            self.transcript
        );
    }
}

fn the_call<'a>(message: &'a Reader<OwnedSegments>) -> call::Reader<'a> {
    match message
        .get_root::<message::Reader<'_>>()
        .unwrap()
        .which()
        .unwrap()
    {
        message::Call(call) => call.unwrap(),
        _ => panic!("this is no call"),
    }
}

/// A question's pointer field that a call goes to, or none when it goes to the root.
fn promised(call: call::Reader<'_>) -> (u32, Option<u16>) {
    match call.get_target().unwrap().which().unwrap() {
        message_target::PromisedAnswer(answer) => {
            let answer = answer.unwrap();
            let transform = answer.get_transform().unwrap();
            let field = transform.iter().find_map(|op| match op.which().unwrap() {
                capnp_rpc::rpc_capnp::promised_answer::op::GetPointerField(field) => Some(field),
                capnp_rpc::rpc_capnp::promised_answer::op::Noop(()) => None,
            });
            (answer.get_question_id(), field)
        }
        message_target::ImportedCap(_) => panic!("this goes to an imported capability"),
    }
}

/// What the reference's tool makes of a text, by the same schema.
fn encoded(text: &str) -> Vec<u8> {
    let mut tool = Command::new("capnp")
        .args(["encode", "--no-standard-import", "-I../schema"])
        .args([
            "../schema/capnp/compat/http-over-capnp.capnp",
            "HttpRequest",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PWD", env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    tool.stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = tool.wait_with_output().unwrap();
    assert!(output.status.success());
    let message = serialize::read_message(&output.stdout[..], ReaderOptions::new()).unwrap();
    canonical(message.get_root().unwrap())
}

fn canonical(request: http_request::Reader<'_>) -> Vec<u8> {
    let mut message = Message::new_default();
    message.set_root_canonical(request).unwrap();
    serialize::write_message_to_words(&message)
}

#[test]
fn our_client_sends_what_it_always_did() {
    local(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connection = tcp::connect(&address, Options::default()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut peer = Peer {
            stream,
            transcript: String::new(),
        };
        let client = HttpClient::new(connection.bootstrap());
        let body = Full::new(bytes::Bytes::from_static(b"hello"));
        let request = Request::post("https://example.com/a?b=c")
            .header("accept", "text/plain")
            .header("x-own", "1");
        let asked = tokio::spawn(async move { client.request(request.body(body).unwrap()).await });

        let bootstrap = peer.take().await;
        let message::Bootstrap(bootstrap) = bootstrap
            .get_root::<message::Reader<'_>>()
            .unwrap()
            .which()
            .unwrap()
        else {
            panic!("the first message is no bootstrap");
        };
        let first = bootstrap.unwrap().get_question_id();
        let taken = peer.take().await;
        let call = the_call(&taken);
        assert_eq!(promised(call), (first, None));
        assert_eq!(call.get_method_id(), 1);
        let service = call.get_interface_id();
        let params: http_service::request_params::Reader<'_> =
            call.get_params().unwrap().get_content().get_as().unwrap();
        let expected = encoded(
            r#"(method = post, url = "https://example.com/a?b=c", headers = [
                (common = (name = accept, value = "text/plain")), (uncommon = (name = "x-own", value = "1"))],
                bodySize = (fixed = 5))"#,
        );
        assert_eq!(canonical(params.get_request().unwrap()), expected);
        let question = call.get_question_id();
        for method in [0, 1] {
            let taken = peer.take().await;
            let call = the_call(&taken);
            assert_eq!(
                (promised(call), call.get_method_id()),
                ((question, Some(0)), method)
            );
            assert_ne!(call.get_interface_id(), service);
            if method == 0 {
                let params: byte_stream::write_params::Reader<'_> =
                    call.get_params().unwrap().get_content().get_as().unwrap();
                assert_eq!(params.get_bytes().unwrap(), b"hello");
            }
        }
        peer.check("client");

        // The server answers by the context, which is the first thing that our side exported.
        peer.give(|message| {
            let mut call = message.init_call();
            call.set_question_id(0);
            call.set_interface_id(<client_request_context::Client as HasTypeId>::TYPE_ID);
            call.set_method_id(0);
            call.reborrow().init_target().set_imported_cap(0);
            let params: client_request_context::start_response_params::Builder<'_> =
                call.init_params().init_content().init_as();
            let mut response = params.init_response();
            response.set_status_code(204);
            response.init_body_size().set_fixed(0);
        })
        .await;
        let response = asked.await.unwrap().unwrap();
        assert_eq!(response.status(), 204);
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
fn our_server_sends_what_it_always_did() {
    local(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(tcp::serve(listener, Options::default(), |_| {
            capstan_http::serve(Echo)
        }));
        let stream = TcpStream::connect(address).await.unwrap();
        let mut peer = Peer {
            stream,
            transcript: String::new(),
        };
        peer.give(|message| message.init_bootstrap().set_question_id(0))
            .await;
        let returned = peer.take().await;
        let message::Return(returned) = returned
            .get_root::<message::Reader<'_>>()
            .unwrap()
            .which()
            .unwrap()
        else {
            panic!("a bootstrap is answered by a return");
        };
        assert!(matches!(
            returned.unwrap().which().unwrap(),
            return_::Results(_)
        ));
        peer.give(|message| {
            let mut caps = Vec::new();
            let mut call = message.init_call();
            call.set_question_id(1);
            call.set_interface_id(<http_service::Client as HasTypeId>::TYPE_ID);
            call.set_method_id(1);
            call.reborrow()
                .init_target()
                .init_promised_answer()
                .set_question_id(0);
            let mut payload = call.init_params();
            payload
                .reborrow()
                .init_cap_table(1)
                .get(0)
                .set_sender_hosted(0);
            // The pointer says the first of the table above.
            let mut content = payload.reborrow().init_content();
            content.imbue_mut(&mut caps);
            let mut params: http_service::request_params::Builder<'_> = content.init_as();
            let mut request = params.reborrow().init_request();
            request.set_method(HttpMethod::Put);
            request.set_url("/a");
            let mut accept = request.reborrow().init_headers(1).get(0).init_common();
            accept.set_name(CommonHeaderName::Accept);
            accept.set_value("text/plain");
            request.init_body_size().set_fixed(0);
            params.set_context(capnp_rpc::new_client(Nothing));
        })
        .await;
        let taken = peer.take().await;
        let call = the_call(&taken);
        assert_eq!(call.get_method_id(), 0);
        assert_eq!(
            call.get_interface_id(),
            <client_request_context::Client as HasTypeId>::TYPE_ID
        );
        let params: client_request_context::start_response_params::Reader<'_> =
            call.get_params().unwrap().get_content().get_as().unwrap();
        assert_eq!(params.get_response().unwrap().get_status_code(), 201);
        let question = call.get_question_id();
        peer.give(|message| {
            let mut returned = message.init_return();
            returned.set_answer_id(question);
            returned.init_results();
        })
        .await;
        // The return of the request, with whatever our side lets go of on the way.
        loop {
            let taken = peer.take().await;
            if let message::Return(returned) = taken
                .get_root::<message::Reader<'_>>()
                .unwrap()
                .which()
                .unwrap()
            {
                let returned = returned.unwrap();
                assert_eq!(returned.get_answer_id(), 1);
                assert!(matches!(returned.which().unwrap(), return_::Results(_)));
                break;
            }
        }
        peer.check("server");
    });
}

/// For a capability's place in a message that is not sent by the crate.
struct Nothing;

impl client_request_context::Server for Nothing {}

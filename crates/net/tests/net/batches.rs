//! Several messages in one WebSocket frame, with a client that a test plays by hand.

use capstan_net::Options;
use capstan_rpc::framing::messages;
use capstan_rpc::message::message::{FrameBuilder, ReaderOptions};
use capstan_rpc::message::serialize::read_frame;
use capstan_rpc::rpc_capnp::message;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::bad_input::{Raw, assert_alive, closing, raw};
use crate::server::{Network, Server, echo};

/// As docs/framing.md has it.
const OFFER: [u8; 48] = [
    0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0x95, 0xca, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0,
    0, 0, 0x4d, 0xd2, 0xc6, 0x93, 0x0e, 0x5a, 0xf7, 0xb1, 1, 0, 0, 0, 0, 0, 4, 0,
];

fn bootstrap(question: u32) -> Vec<u8> {
    let mut builder = FrameBuilder::with_capacity_words(8);
    let message: message::Builder<'_> = builder.init_root();
    message.init_bootstrap().set_question_id(question);
    builder.into_frame()
}

/// The questions that a message of the server's answers, or `None` for an `unimplemented`.
fn answered(frame: Vec<u8>) -> Option<u32> {
    let frame = read_frame(frame, ReaderOptions::default()).unwrap();
    match frame.get_root::<message::Reader<'_>>().unwrap().which() {
        Ok(message::Return(ret)) => Some(ret.unwrap().get_answer_id()),
        Ok(message::Unimplemented(_)) => None,
        _ => panic!("neither a return nor an unimplemented"),
    }
}

async fn send(socket: &mut Raw, bytes: Vec<u8>) {
    socket.send(Message::binary(bytes)).await.unwrap();
}

async fn frame(socket: &mut Raw) -> Vec<u8> {
    match socket.next().await.unwrap().unwrap() {
        Message::Binary(frame) => frame.to_vec(),
        other => panic!("unexpected {other:?}"),
    }
}

#[tokio::test]
async fn batches_travel_both_ways_once_both_sides_take_them() {
    let server = Server::start(Network::WebSocket).await;
    let mut socket = raw(&server).await;
    send(&mut socket, OFFER.to_vec()).await;
    assert_eq!(frame(&mut socket).await, OFFER);
    let batch: Vec<u8> = (0..20).flat_map(bootstrap).collect();
    send(&mut socket, batch).await;
    let answers = messages(frame(&mut socket).await, 64 * 1024).unwrap();
    let answers: Vec<_> = answers.map(answered).collect();
    assert_eq!(answers, (0..20).map(Some).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_may_have_it_turned_off() {
    let options = Options {
        batching: false,
        ..Options::default()
    };
    let server = Server::start_with(Network::WebSocket, options).await;
    let mut socket = raw(&server).await;
    send(&mut socket, OFFER.to_vec()).await;
    send(&mut socket, bootstrap(7)).await;
    assert_eq!(answered(frame(&mut socket).await), None);
    assert_eq!(answered(frame(&mut socket).await), Some(7));
    // Capstan's own client goes on without, however much it has to say.
    let connection = server.connect().await;
    let calls = (0..100).map(|number| {
        let trial = connection.bootstrap();
        async move { echo(&trial, &number.to_string()).await.unwrap() }
    });
    let texts = futures_util::future::join_all(calls).await;
    assert_eq!(texts[99], "99");
}

#[tokio::test]
async fn a_client_may_have_it_turned_off() {
    let server = Server::start(Network::WebSocket).await;
    let options = Options {
        batching: false,
        ..Options::default()
    };
    let connection = server.connect_with(options).await;
    let trial = connection.bootstrap();
    let calls = (0..100).map(|number| {
        let trial = &trial;
        async move { echo(trial, &number.to_string()).await.unwrap() }
    });
    assert_eq!(futures_util::future::join_all(calls).await[50], "50");
}

#[tokio::test]
async fn batches_that_nobody_offered_to_take_are_refused() {
    let server = Server::start(Network::WebSocket).await;
    let mut socket = raw(&server).await;
    send(&mut socket, [bootstrap(0), bootstrap(1)].concat()).await;
    let (code, reason, said_why) = closing(&mut socket).await;
    assert_eq!(code, 1007);
    assert!(reason.contains("followed by"), "{reason}");
    assert!(said_why);
    assert_alive(&server).await;
}

#[tokio::test]
async fn batches_that_are_not_messages_from_end_to_end_are_refused_whole() {
    let server = Server::start(Network::WebSocket).await;
    let message = bootstrap(0);
    let length = message.len();
    let behind = format!("behind 2 messages, at byte {}", 2 * length);
    let cases = [
        (
            "cut off",
            message[..length - 8].to_vec(),
            1007,
            behind.as_str(),
        ),
        ("half a table", vec![0; 4], 1007, &behind),
        ("odd bytes", vec![0; 3], 1007, &behind),
        ("noise", vec![0xff; 64], 1007, "segments"),
        (
            "too long",
            bootstrap(2).repeat(256 * 1024 / length),
            1009,
            "262144",
        ),
    ];
    for (name, tail, expected, why) in cases {
        let mut socket = raw(&server).await;
        send(&mut socket, OFFER.to_vec()).await;
        frame(&mut socket).await;
        let batch = [message.clone(), bootstrap(1), tail].concat();
        send(&mut socket, batch).await;
        let Message::Binary(last) = socket.next().await.unwrap().unwrap() else {
            panic!("{name}: no Abort")
        };
        // Nothing of it was answered.
        let last = read_frame(last.to_vec(), ReaderOptions::default()).unwrap();
        let root = last.get_root::<message::Reader<'_>>().unwrap();
        assert!(matches!(root.which(), Ok(message::Abort(_))), "{name}");
        let (code, reason, _) = closing(&mut socket).await;
        assert_eq!(code, expected, "{name}: {reason}");
        assert!(reason.contains(why), "{name}: {reason}");
    }
    assert_alive(&server).await;
}

/// On a stream of bytes there is nothing to gain.
#[tokio::test]
async fn over_tcp_an_offer_is_unimplemented() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start(Network::Tcp).await;
    let mut socket = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    socket
        .write_all(&[&OFFER[..], &bootstrap(3)].concat())
        .await
        .unwrap();
    let mut received = Vec::new();
    let answers = loop {
        assert!(socket.read_buf(&mut received).await.unwrap() > 0);
        if let Ok(messages) = messages(received.clone(), 1 << 20) {
            let answers: Vec<_> = messages.map(answered).collect();
            if answers.len() == 2 {
                break answers;
            }
        }
    };
    assert_eq!(answers, [None, Some(3)]);
}

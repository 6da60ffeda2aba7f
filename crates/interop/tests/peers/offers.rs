//! What other implementations make of an offer of batches: nothing, politely.

use capstan_rpc::framing::messages;
use capstan_rpc::message::message::{FrameBuilder, ReaderOptions};
use capstan_rpc::message::serialize::read_frame;
use capstan_rpc::rpc_capnp::message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cpp_peer::CppServer;
use crate::crate_peer;

/// As docs/framing.md has it.
const OFFER: [u8; 48] = [
    0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0x95, 0xca, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0,
    0, 0, 0x4d, 0xd2, 0xc6, 0x93, 0x0e, 0x5a, 0xf7, 0xb1, 1, 0, 0, 0, 0, 0, 4, 0,
];

/// Makes the offer, then asks for the bootstrap object, and says what comes back.
async fn answers(port: u16) -> Vec<&'static str> {
    let mut bootstrap = FrameBuilder::with_capacity_words(8);
    let message: message::Builder<'_> = bootstrap.init_root();
    message.init_bootstrap().set_question_id(0);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let sent = [&OFFER[..], &bootstrap.into_frame()].concat();
    socket.write_all(&sent).await.unwrap();
    let mut received = Vec::new();
    loop {
        assert!(socket.read_buf(&mut received).await.unwrap() > 0);
        let Ok(messages) = messages(received.clone(), usize::MAX) else {
            continue;
        };
        let kinds: Vec<_> = messages.map(kind).collect();
        if kinds.len() == 2 {
            return kinds;
        }
    }
}

fn kind(frame: Vec<u8>) -> &'static str {
    let frame = read_frame(frame, ReaderOptions::default()).unwrap();
    match frame.get_root::<message::Reader<'_>>().unwrap().which() {
        Ok(message::Unimplemented(_)) => "unimplemented",
        Ok(message::Return(_)) => "return",
        Ok(message::Abort(_)) => "abort",
        _ => "something else",
    }
}

#[tokio::test]
async fn the_cpp_library_says_unimplemented() {
    let server = CppServer::start();
    assert_eq!(answers(server.port).await, ["unimplemented", "return"]);
}

#[tokio::test]
async fn the_crate_says_unimplemented() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let port = crate_peer::serve().await;
            assert_eq!(answers(port).await, ["unimplemented", "return"]);
        })
        .await;
}

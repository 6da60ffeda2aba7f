//! What the clients in JavaScript call.

use std::io::Read;

use capstan_net::{Options, websocket};
use capstan_rpc::new_client;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};

use crate::calls_capnp::calls;
use crate::capstan::Server;

pub fn run() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.spawn(serve());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

async fn serve() {
    let rpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!(
        "{{\"rpc\":{},\"echo\":{}}}",
        rpc.local_addr().unwrap().port(),
        echo.local_addr().unwrap().port()
    );
    let object: calls::Client = new_client(Server);
    tokio::spawn(async move {
        websocket::serve(rpc, "/", Options::default(), move |_| object.clone())
            .await
            .unwrap();
    });
    while let Ok((stream, _)) = echo.accept().await {
        tokio::spawn(send_back(stream));
    }
}

/// Every frame comes back as it is.
async fn send_back(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let (mut sink, mut stream) = socket.split();
    while let Some(Ok(message)) = stream.next().await {
        if !message.is_binary() {
            continue;
        }
        // What has arrived meanwhile goes back with it.
        if sink.feed(message).await.is_err() {
            return;
        }
        loop {
            use futures_util::FutureExt;
            match stream.next().now_or_never() {
                Some(Some(Ok(more))) if more.is_binary() => {
                    if sink.feed(more).await.is_err() {
                        return;
                    }
                }
                Some(Some(Ok(_))) => {}
                Some(_) => return,
                None => break,
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}

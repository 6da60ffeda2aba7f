//! Bare WebSocket frames: what the transport does without RPC.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use crate::STREAM_BYTES;

pub struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://127.0.0.1:{port}/");
        let (socket, _) = client_async(url, stream).await.unwrap();
        Self { socket }
    }

    pub async fn stream(&mut self, chunk_bytes: usize) -> u64 {
        let chunk = Bytes::from(vec![7; chunk_bytes]);
        for _ in 0..STREAM_BYTES / chunk_bytes {
            let frame = Message::Binary(chunk.clone());
            self.socket.send(frame).await.unwrap();
        }
        self.socket.send(Message::text("end")).await.unwrap();
        let answer = self.socket.next().await.unwrap().unwrap();
        answer.to_text().unwrap().parse().unwrap()
    }
}

pub async fn serve(listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(count(stream));
    }
}

/// Counts the bytes of binary frames. A text is answered with how many there were.
async fn count(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    let mut bytes = 0;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(frame) => bytes += frame.len(),
            Message::Text(_) => {
                let total = std::mem::take(&mut bytes).to_string();
                if socket.send(Message::text(total)).await.is_err() {
                    return;
                }
            }
            _ => {}
        }
    }
}

//! Bare WebSocket frames: what the transport can do without Cap'n Proto, for the comparison.

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Swallows binary frames. The text frame `end` is answered with how many bytes there were.
pub async fn swallow(mut socket: WebSocketStream<TokioIo<Upgraded>>) -> Result<(), Error> {
    let mut bytes: u64 = 0;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Binary(frame) => bytes += frame.len() as u64,
            Message::Text(text) if text.as_str() == "end" => {
                let answer = format!("{{\"bytes\":{bytes}}}");
                socket.send(Message::text(answer)).await?;
                bytes = 0;
            }
            Message::Close(_) => break,
            _ => {}
        }
    }
    Ok(())
}

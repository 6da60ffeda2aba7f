//! Bare WebSocket frames: what the transport can do without Cap'n Proto, for the comparison.

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::files::hex;

/// Does with binary frames what the server does with an upload that is too long to keep: it takes their hash. The text
/// frame `end` is answered with that, and how many bytes there were.
pub async fn swallow(mut socket: WebSocketStream<TokioIo<Upgraded>>) -> Result<(), Error> {
    let mut bytes: u64 = 0;
    let mut hash = Sha256::new();
    while let Some(message) = socket.next().await {
        match message? {
            Message::Binary(frame) => {
                hash.update(&frame);
                bytes += frame.len() as u64;
            }
            Message::Text(text) if text.as_str() == "end" => {
                let sha256 = hex(&hash.finalize_reset());
                let answer = format!("{{\"bytes\":{bytes},\"sha256\":\"{sha256}\"}}");
                socket.send(Message::text(answer)).await?;
                bytes = 0;
            }
            Message::Close(_) => break,
            _ => {}
        }
    }
    Ok(())
}

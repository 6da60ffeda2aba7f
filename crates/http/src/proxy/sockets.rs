//! WebSockets of real HTTP joined with those of capabilities.

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
pub(super) use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};

use crate::{Message, WebSocket};

/// A close without a code, which no frame says.
const NO_CODE: u16 = 1005;

/// Carries messages both ways until both sides have closed, or one is lost: then the other is as well.
pub(super) async fn join(upgraded: Upgraded, role: Role, socket: WebSocket) {
    let real = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), role, None).await;
    let (mut to_real, mut from_real) = real.split();
    let (mut to_peer, mut from_peer) = socket.split();
    let up = async {
        while let Some(frame) = from_real.next().await {
            let message = match frame.ok()? {
                Frame::Text(text) => Message::Text(text.as_str().to_owned()),
                Frame::Binary(bytes) => Message::Binary(bytes),
                Frame::Close(close) => {
                    let (code, reason) = close.map_or((NO_CODE, String::new()), |close| {
                        (close.code.into(), close.reason.as_str().to_owned())
                    });
                    // The peer that closed first needs no answer.
                    let _ = to_peer.send(Message::Close { code, reason }).await;
                    return Some(());
                }
                // Answered where they arrive.
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => continue,
            };
            to_peer.send(message).await.ok()?;
        }
        None
    };
    let down = async {
        loop {
            let frame = match from_peer.recv().await?.ok()? {
                Message::Text(text) => Frame::Text(text.into()),
                Message::Binary(bytes) => Frame::Binary(bytes),
                Message::Close { code, reason } => {
                    let close = (code != NO_CODE).then(|| CloseFrame {
                        code: code.into(),
                        reason: Utf8Bytes::from(reason),
                    });
                    // Who has closed before does not wait for it.
                    let _ = to_real.send(Frame::Close(close)).await;
                    let _ = to_real.close().await;
                    return Some(());
                }
            };
            to_real.send(frame).await.ok()?;
        }
    };
    let mut up = core::pin::pin!(up);
    let mut down = core::pin::pin!(down);
    // One direction that breaks off takes the other along; one that ends well waits for it.
    tokio::select! {
        ended = &mut up => if ended.is_some() { down.await; },
        ended = &mut down => if ended.is_some() { up.await; },
    }
}

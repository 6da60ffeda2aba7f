//! WebSockets that send what no server should.

use capstan_rpc::{Error, new_client};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

use crate::probe_capnp::{fate, greeting};

/// Waits for one client, and greets it. The address, and what becomes of it.
pub(crate) async fn listen(
    greeting: greeting::Reader<'_>,
) -> Result<(String, fate::Client), Error> {
    let greeting = match greeting.which()? {
        greeting::Text(text) => Some(Message::text(text?.to_str()?)),
        greeting::Binary(bytes) => Some(Message::binary(bytes?.to_vec())),
        greeting::Close(reason) => Some(Message::Close(Some(CloseFrame {
            code: CloseCode::Library(4321),
            reason: reason?.to_str()?.into(),
        }))),
        greeting::Silence(()) => None,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let client = tokio::spawn(greet(listener, greeting));
    let fate = Fate {
        client: Mutex::new(Some(client)),
    };
    Ok((url, new_client(fate)))
}

/// How the client closes.
async fn greet(listener: TcpListener, greeting: Option<Message>) -> Result<CloseFrame, Error> {
    let (stream, _) = listener.accept().await?;
    let mut socket = accept_async(stream).await.map_err(lost)?;
    if let Some(greeting) = greeting {
        socket.send(greeting).await.map_err(lost)?;
    }
    while let Some(message) = socket.next().await {
        if let Message::Close(Some(frame)) = message.map_err(lost)? {
            return Ok(frame);
        }
    }
    Err(Error::failed("the client went without saying why"))
}

fn lost(error: WebSocketError) -> Error {
    Error::disconnected(error.to_string())
}

struct Fate {
    client: Mutex<Option<JoinHandle<Result<CloseFrame, Error>>>>,
}

impl fate::Server for Fate {
    async fn code(
        &self,
        _params: fate::CodeParams,
        mut results: fate::CodeResults,
    ) -> Result<(), Error> {
        let client = self.client.lock().await.take();
        let client = client.ok_or_else(|| Error::failed("this was asked before"))?;
        let closed = client.await;
        let frame = closed.map_err(|error| Error::failed(error.to_string()))??;
        results.get().set_code(frame.code.into());
        results.get().set_reason(frame.reason.as_str());
        Ok(())
    }
}

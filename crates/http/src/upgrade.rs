//! What requests and responses carry besides bodies: WebSockets and tunnels, to be taken out once.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::{Arc, Mutex, PoisonError};

use capstan_rpc::{Error, Result};
use tokio::sync::oneshot;

use crate::tunnel::Tunnel;
use crate::web_socket::WebSocket;

/// In the extensions of a message.
struct Taken<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Taken<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(crate) fn put<T: Send + 'static>(extensions: &mut http::Extensions, value: T) {
    extensions.insert(Taken(Arc::new(Mutex::new(Some(value)))));
}

fn take<T: Send + 'static>(extensions: &mut http::Extensions) -> Option<T> {
    let Taken(value) = extensions.remove::<Taken<T>>()?;
    let mut value = value.lock().unwrap_or_else(PoisonError::into_inner);
    value.take()
}

/// What a request becomes when its response says so: 101 for a WebSocket, any status of success for a tunnel. Fails when the response is another, or
/// the client has given up.
pub struct Upgrading<T> {
    receiver: oneshot::Receiver<T>,
}

impl<T: Send + 'static> Upgrading<T> {
    pub(crate) fn pending(extensions: &mut http::Extensions) -> oneshot::Sender<T> {
        let (sender, receiver) = oneshot::channel();
        put(extensions, Self { receiver });
        sender
    }
}

impl<T> Future for Upgrading<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map_err(|_| {
            Error::failed("the request was answered otherwise, or its client has given up")
        })
    }
}

/// For a service: the WebSocket that a request wants, to be had when it is answered with status 101. None when it wants none.
pub fn on_web_socket<B>(request: &mut http::Request<B>) -> Option<Upgrading<WebSocket>> {
    take(request.extensions_mut())
}

/// For a service: the tunnel that a CONNECT wants, to be had when it is answered with a status of success.
pub fn on_tunnel<B>(request: &mut http::Request<B>) -> Option<Upgrading<Tunnel>> {
    take(request.extensions_mut())
}

/// For a client: the WebSocket of a response with status 101.
pub fn web_socket<B>(response: &mut http::Response<B>) -> Option<WebSocket> {
    take(response.extensions_mut())
}

/// For a client: the tunnel of a successful response to CONNECT.
pub fn tunnel<B>(response: &mut http::Response<B>) -> Option<Tunnel> {
    take(response.extensions_mut())
}

//! A request under way, from the side that makes it.

use std::sync::{Mutex, PoisonError};

use capstan_rpc::{Error, Result};
use http::Method;
use http::{HeaderMap, response};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::arrival::{Arrival, arrival};
use crate::http_over_capnp_capnp::http_service::{
    client_request_context, connect_client_request_context,
};
use crate::http_over_capnp_capnp::web_socket;
use crate::send::SendError;
use crate::web_socket::Message;
use crate::{byte_stream, head, headers};

/// How the server answers.
pub(crate) enum Answer {
    Response {
        parts: Box<response::Parts>,
        /// With the length, where there is a body.
        body: Option<(Arrival, Option<u64>)>,
    },
    WebSocket {
        headers: HeaderMap,
        peer: web_socket::Client,
        messages: mpsc::Receiver<Message>,
    },
    Tunnel {
        parts: Box<response::Parts>,
    },
}

/// Cancels a request when it is dropped.
pub(crate) struct Guard(Option<AbortHandle>);

impl Guard {
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// What becomes of a call that was made.
pub(crate) struct Exchange {
    answer: oneshot::Receiver<Result<Answer>>,
    pub(crate) fault: oneshot::Receiver<Error>,
    pub(crate) guard: Guard,
}

impl Exchange {
    /// Runs a call and the body that is sent with it as a task.
    pub(crate) fn start(
        answer: oneshot::Receiver<Result<Answer>>,
        call: impl Future<Output = Result<()>> + Send + 'static,
        sending: impl Future<Output = core::result::Result<(), SendError>> + Send + 'static,
    ) -> Self {
        let (report, fault) = oneshot::channel();
        let task = tokio::spawn(async move {
            if let Err(error) = run(call, sending).await {
                // Nobody may be left to hear it.
                let _ = report.send(error);
            }
        });
        Self {
            answer,
            fault,
            guard: Guard(Some(task.abort_handle())),
        }
    }

    /// Waits for what the server answers.
    pub(crate) async fn answered(&mut self) -> Result<Answer> {
        tokio::select! {
            biased;
            answer = &mut self.answer => match answer {
                Ok(answer) => answer,
                // It was let go of without an answer; the call tells why.
                Err(_) => Err((&mut self.fault).await.unwrap_or_else(|_| unanswered())),
            },
            fault = &mut self.fault => match fault {
                Ok(error) => Err(error),
                // It ended well, so the answer is here or on its way.
                Err(_) => (&mut self.answer).await.unwrap_or_else(|_| Err(unanswered())),
            },
        }
    }
}

fn unanswered() -> Error {
    Error::failed("the server ended the request without a response")
}

async fn run(
    call: impl Future<Output = Result<()>>,
    sending: impl Future<Output = core::result::Result<(), SendError>>,
) -> Result<()> {
    let mut call = core::pin::pin!(call);
    let mut sending = core::pin::pin!(sending);
    let mut is_sending = true;
    loop {
        tokio::select! {
            outcome = &mut call => return outcome,
            outcome = &mut sending, if is_sending => {
                is_sending = false;
                // What goes wrong at the server, the call tells.
                if let Err(SendError::Ours(error)) = outcome {
                    return Err(error);
                }
            }
        }
    }
}

/// Takes the answer to a request.
pub(crate) struct Context {
    pub(crate) method: Method,
    pub(crate) wants_socket: bool,
    pub(crate) answer: AnswerSlot,
}

/// Where the one answer goes.
pub(crate) struct AnswerSlot(Mutex<Option<oneshot::Sender<Result<Answer>>>>);

impl AnswerSlot {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Result<Answer>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Mutex::new(Some(sender))), receiver)
    }

    /// Answers with what `make` makes, or with its error, which the server gets as well.
    fn answer<T>(&self, make: impl FnOnce() -> Result<(Answer, T)>) -> Result<T> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = slot
            .take()
            .ok_or_else(|| Error::failed("the request was answered before"))?;
        let (answer, result) = match make() {
            Ok((answer, result)) => (Ok(answer), Ok(result)),
            Err(error) => (Err(error.clone()), Err(error)),
        };
        sender
            .send(answer)
            .map_err(|_| Error::disconnected("the client has given this request up"))?;
        result
    }
}

const BODY: &str = "the response's body";

impl client_request_context::Server for Context {
    async fn start_response(
        &self,
        params: client_request_context::StartResponseParams,
        mut results: client_request_context::StartResponseResults,
    ) -> Result<()> {
        let stream = self.answer.answer(|| {
            let wire = params.get()?.get_response()?;
            let (parts, size) = head::response_from_wire(wire, &self.method)?;
            let (body, stream) = if size.0 == Some(0) {
                (None, None)
            } else {
                let (items, arrival) = arrival(BODY, None);
                let stream = byte_stream::serve(items, size.0, BODY);
                (Some((arrival, size.0)), Some(stream))
            };
            let parts = Box::new(parts);
            Ok((Answer::Response { parts, body }, stream))
        })?;
        if let Some(stream) = stream {
            results.get().set_body(stream);
        }
        Ok(())
    }

    async fn start_web_socket(
        &self,
        params: client_request_context::StartWebSocketParams,
        mut results: client_request_context::StartWebSocketResults,
    ) -> Result<()> {
        let down = self.answer.answer(|| {
            if !self.wants_socket {
                return Err(Error::failed(
                    "the server answered with a WebSocket, which the request did not ask for",
                ));
            }
            let params = params.get()?;
            let headers = headers::from_wire(params.get_headers()?, "the response")?;
            let (down, messages) = crate::web_socket::receiver();
            let answer = Answer::WebSocket {
                headers,
                peer: params.get_up_socket()?,
                messages,
            };
            Ok((answer, down))
        })?;
        results.get().set_down_socket(down);
        Ok(())
    }
}

/// Takes the answer to a CONNECT.
pub(crate) struct ConnectContext {
    pub(crate) answer: AnswerSlot,
}

impl connect_client_request_context::Server for ConnectContext {
    async fn start_connect(
        &self,
        params: connect_client_request_context::StartConnectParams,
        _: connect_client_request_context::StartConnectResults,
    ) -> Result<()> {
        self.answer.answer(|| {
            let wire = params.get()?.get_response()?;
            let (mut parts, _) = head::response_from_wire(wire, &Method::CONNECT)?;
            if !parts.status.is_success() {
                return Err(Error::failed(format!(
                    "the server opened a tunnel with the status {}, which is no success",
                    parts.status
                )));
            }
            // It announces no body.
            parts.headers.remove(http::header::CONTENT_LENGTH);
            let parts = Box::new(parts);
            Ok((Answer::Tunnel { parts }, ()))
        })
    }

    async fn start_error(
        &self,
        params: connect_client_request_context::StartErrorParams,
        mut results: connect_client_request_context::StartErrorResults,
    ) -> Result<()> {
        let stream = self.answer.answer(|| {
            let wire = params.get()?.get_response()?;
            let (parts, size) = head::response_from_wire(wire, &Method::GET)?;
            let (items, arrival) = arrival(BODY, None);
            let stream = byte_stream::serve(items, size.0, BODY);
            let body = (size.0 != Some(0)).then_some((arrival, size.0));
            let parts = Box::new(parts);
            Ok((Answer::Response { parts, body }, stream))
        })?;
        // Some servers end it also when there is none.
        results.get().set_body(stream);
        Ok(())
    }
}

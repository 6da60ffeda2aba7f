//! Bytes between those who write them by calls and the one who reads them.

use core::task::{Context, Poll, ready};
use std::pin::Pin;

use bytes::Bytes;
use capstan_rpc::{Error, Result};
use tokio::sync::{mpsc, oneshot};

pub(crate) enum Item {
    Bytes(Bytes),
    End,
    Failed(Error),
}

/// For a chunk, and for the end behind it.
const PLACES: usize = 2;

/// The reading end. One chunk waits in it; a writer waits while there is one.
pub(crate) struct Arrival {
    items: mpsc::Receiver<Item>,
    /// What became of the call that the bytes belong to, if it fails.
    fault: Option<oneshot::Receiver<Error>>,
    name: &'static str,
    received_bytes: u64,
    is_over: bool,
}

pub(crate) fn arrival(
    name: &'static str,
    fault: Option<oneshot::Receiver<Error>>,
) -> (mpsc::Sender<Item>, Arrival) {
    let (sender, items) = mpsc::channel(PLACES);
    let arrival = Arrival {
        items,
        fault,
        name,
        received_bytes: 0,
        is_over: false,
    };
    (sender, arrival)
}

impl Arrival {
    /// The call fails by this as well.
    pub(crate) fn set_fault(&mut self, fault: oneshot::Receiver<Error>) {
        self.fault = Some(fault);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next bytes; none at the end, which is only there when the writer said so.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        match self.items.poll_recv(cx) {
            Poll::Ready(Some(Item::Bytes(bytes))) => {
                self.received_bytes += bytes.len() as u64;
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Item::End)) => {
                self.is_over = true;
                Poll::Ready(None)
            }
            Poll::Ready(Some(Item::Failed(error))) => self.fail(error),
            Poll::Ready(None) => {
                // The call's own error says more.
                let fault = self.fault.as_mut().map(oneshot::Receiver::try_recv);
                let error = match fault {
                    Some(Ok(error)) => error,
                    _ => self.broken_off(),
                };
                self.fail(error)
            }
            Poll::Pending => {
                let Some(fault) = &mut self.fault else {
                    return Poll::Pending;
                };
                match ready!(Pin::new(fault).poll(cx)) {
                    Ok(error) => self.fail(error),
                    // It ended well, and what was written before is on its way.
                    Err(_) => {
                        self.fault = None;
                        Poll::Pending
                    }
                }
            }
        }
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Bytes>>> {
        self.is_over = true;
        Poll::Ready(Some(Err(error)))
    }

    fn broken_off(&self) -> Error {
        Error::disconnected(format!(
            "{} broke off after {} bytes: the sender gave up, or its connection was lost",
            self.name, self.received_bytes
        ))
    }
}

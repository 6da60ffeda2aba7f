//! Bodies that arrive.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Bytes;
use capstan_rpc::Error;
use http_body::{Frame, SizeHint};

use crate::arrival::Arrival;
use crate::exchange::Guard;

/// The body of a request or response that arrives by calls.
///
/// Who writes it waits until it is read. It ends only when all of it was there: what breaks off, or has another length than was announced, ends
/// with an error. Dropping it tells the other side that the rest is not wanted; that of a response cancels the request.
pub struct Body {
    arrival: Option<Arrival>,
    /// What is left, if that is known.
    length: Option<u64>,
    /// Of a response: cancels the request when it is dropped before the end.
    guard: Option<Guard>,
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            arrival: None,
            length: Some(0),
            guard: None,
        }
    }

    pub(crate) fn new(arrival: Arrival, length: Option<u64>) -> Self {
        Self {
            arrival: Some(arrival),
            length,
            guard: None,
        }
    }

    pub(crate) fn guarded(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(arrival) = &mut self.arrival else {
            return Poll::Ready(None);
        };
        Poll::Ready(match ready!(arrival.poll_next(cx)) {
            Some(Ok(bytes)) => {
                self.length = self
                    .length
                    .map(|left| left.saturating_sub(bytes.len() as u64));
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => Some(Err(error)),
            None => {
                if let Some(guard) = self.guard.take() {
                    guard.disarm();
                }
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.arrival.as_ref().is_none_or(Arrival::is_over)
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl core::fmt::Debug for Body {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Body")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

//! The end of a stream that is read from.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use capstan_message::capability::{MaybeSend, MaybeSync};
use capstan_message::traits::Owned;
use futures_util::Stream;

use super::Item;
use super::inlet::{End, Inlet, Receiver};
use crate::error::Result;
use crate::request::Promise;
use crate::server::new_client;
use crate::sinks_capnp::source::pipe_results;
use crate::sinks_capnp::{sink, source};
use crate::vat::Exception;

/// The end of a stream that items are read from: a [`futures::Stream`](Stream) of them.
///
/// After the last item it gives none, once the writer has said that it was the last. An error comes at most once, as the last
/// thing: the writer's own, or that writer or connection are gone. It may come before the last items that were written. Dropping this tells the writer that nobody reads any more.
pub struct Source<T: Owned> {
    inlet: Arc<Inlet<T>>,
    /// The writer, which says how it went; none where it is not ours to call, or has said so.
    writing: Option<Promise<pipe_results::Owned<T>>>,
    is_over: bool,
}

/// Both ends of a new stream: the client is for whoever is to write, and [`Sink::new`](super::Sink::new) makes a sink of it there.
pub fn open_source<T: Owned>() -> (sink::Client<T>, Source<T>) {
    open_source_with(())
}

/// Like [`open_source`]; `guard` is dropped when nobody can write any more.
pub fn open_source_with<T: Owned, G>(guard: G) -> (sink::Client<T>, Source<T>)
where
    G: MaybeSend + MaybeSync + 'static,
{
    let inlet = Arc::<Inlet<T>>::default();
    let client = new_client(Receiver {
        inlet: Arc::clone(&inlet),
        _guard: guard,
    });
    let source = Source {
        inlet,
        writing: None,
        is_over: false,
    };
    (client, source)
}

impl<T: Owned> Source<T> {
    /// Reads from a source that came in a call. The writer is told to write at once.
    #[must_use]
    pub fn new(client: source::Client<T>) -> Self {
        Self::with(client, ())
    }

    /// Like [`new`](Self::new); `guard` is dropped when nothing can come any more.
    #[must_use]
    pub fn with<G>(client: source::Client<T>, guard: G) -> Self
    where
        G: MaybeSend + MaybeSync + 'static,
    {
        let (into, mut source) = open_source_with(guard);
        let mut request = client.pipe_request();
        request.get().set_into(into);
        source.writing = Some(request.send().promise);
        source
    }

    /// The next item; none at the end.
    pub async fn next(&mut self) -> Option<Result<Item<T>>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Item<T>>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let end = match self.inlet.poll_next(cx) {
            Poll::Ready(Ok(item)) => return Poll::Ready(Some(Ok(item))),
            Poll::Ready(Err(End::Complete)) => None,
            dropped => match &mut self.writing {
                // Its own error says more, and is on its way.
                Some(writing) => match ready!(Pin::new(writing).poll(cx)) {
                    Err(error) => Some(error),
                    // It can only have returned behind the end, which may have come since.
                    Ok(_) => match self.inlet.poll_next(cx) {
                        Poll::Ready(Ok(item)) => return Poll::Ready(Some(Ok(item))),
                        Poll::Ready(Err(End::Complete)) => None,
                        _ => Some(endless()),
                    },
                },
                None => {
                    ready!(dropped.map(|_| ()));
                    Some(endless())
                }
            },
        };
        self.is_over = true;
        Poll::Ready(end.map(Err))
    }
}

impl<T: Owned> Stream for Source<T> {
    type Item = Result<Item<T>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<T: Owned> Drop for Source<T> {
    fn drop(&mut self) {
        self.inlet.finish(End::Unread);
    }
}

impl<T: Owned> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

fn endless() -> Exception {
    Exception::disconnected(
        "the stream stopped before its end: the writer gave up, or its connection was lost",
    )
}

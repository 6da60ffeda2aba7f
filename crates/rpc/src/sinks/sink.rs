//! The end of a stream that is written to.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use capstan_message::capability::{MaybeSend, MaybeSync};
use capstan_message::traits::{Owned, SetterInput};

use super::inlet::unread;
use super::outlet::{Outlet, Sender};
use crate::error::Result;
use crate::request::{Promise, StreamingSend};
use crate::server::new_client;
use crate::sinks_capnp::sink::{end_results, write_params};
use crate::sinks_capnp::{sink, source};
use crate::vat::Exception;

/// The end of a stream that items are written to: a [`futures::Sink`](futures_util::Sink) of whatever can be set in a field of
/// the type `T`, such as `&str` for text and readers for structs.
///
/// A write is done when there is room for the next one, which is usually before the item was read: an error may come with
/// a later write, and [`end`](Self::end) reports all of them. A stream that was not ended is an error at the reader.
pub struct Sink<T: Owned> {
    to: Target<T>,
    sending: Option<StreamingSend>,
    ending: Option<Promise<end_results::Owned<T>>>,
    /// Tells the other side how it went; none where there is no one to be told.
    outlet: Option<Arc<Outlet<T>>>,
    /// What a write or the end has failed with.
    failed: Option<Exception>,
    /// Kept until the stream is over.
    guard: Option<Box<dyn Guard>>,
}

enum Target<T: Owned> {
    /// Nobody has asked for the items yet.
    Unknown,
    Known(sink::Client<T>),
    /// The stream is over.
    None,
}

/// Anything that is to be kept.
trait Guard: MaybeSend + MaybeSync {}
impl<G: MaybeSend + MaybeSync> Guard for G {}

/// Both ends of a new stream: the client is for whoever is to read, and [`Source::new`](super::Source::new) makes a source of it there.
pub fn open_sink<T: Owned>() -> (Sink<T>, source::Client<T>) {
    open_sink_with(())
}

/// Like [`open_sink`]; `guard` is dropped when the stream is over for both: the reader knows how it went, and so does the writer.
pub fn open_sink_with<T: Owned, G>(guard: G) -> (Sink<T>, source::Client<T>)
where
    G: MaybeSend + MaybeSync + 'static,
{
    let outlet = Arc::<Outlet<T>>::default();
    let guard = Arc::new(guard);
    let client = new_client(Sender {
        outlet: Arc::clone(&outlet),
        _guard: Arc::clone(&guard),
    });
    let sink = Sink::make(Target::Unknown, Some(outlet), Some(Box::new(guard)));
    (sink, client)
}

impl<T: Owned> Sink<T> {
    /// Writes to a sink that came in a call.
    #[must_use]
    pub fn new(client: sink::Client<T>) -> Self {
        Self::make(Target::Known(client), None, None)
    }

    /// Like [`new`](Self::new); `guard` is dropped when the stream is over, or with the sink.
    #[must_use]
    pub fn with<G>(client: sink::Client<T>, guard: G) -> Self
    where
        G: MaybeSend + MaybeSync + 'static,
    {
        Self::make(Target::Known(client), None, Some(Box::new(guard)))
    }

    fn make(to: Target<T>, outlet: Option<Arc<Outlet<T>>>, guard: Option<Box<dyn Guard>>) -> Self {
        Self {
            to,
            sending: None,
            ending: None,
            outlet,
            failed: None,
            guard,
        }
    }

    /// Writes an item, a copy of it, and waits until there is room for the next one.
    ///
    /// # Errors
    /// When the reader or the connection is gone, an earlier write has failed, or the item is malformed or too large; the last two
    /// send nothing.
    pub async fn write(&mut self, item: impl SetterInput<T>) -> Result<()> {
        self.build(|params| Ok(params.set_item(item)?)).await
    }

    /// Writes an item that is built in place: `fill` is to call `init_item`, `initn_item` or `set_item`.
    ///
    /// # Errors
    /// As [`write`](Self::write), or that of `fill`, and then nothing is sent.
    pub async fn build(
        &mut self,
        fill: impl FnOnce(&mut write_params::Builder<'_, T>) -> Result<()>,
    ) -> Result<()> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.start(fill)?;
        poll_fn(|cx| self.poll_room(cx)).await
    }

    /// Ends the stream, and waits until all of it was read.
    ///
    /// # Errors
    /// When any write has failed, or the reader is gone: the stream is not complete then.
    pub async fn end(&mut self) -> Result<()> {
        poll_fn(|cx| self.poll_end(cx)).await
    }

    /// Gives the stream up. The reader gets this error; when its sink was made by [`new`](Self::new), one that says that the
    /// stream stopped.
    pub fn abort(mut self, error: Exception) {
        self.fail(error);
    }

    /// Ready when an item can be written.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let room = ready!(self.try_poll_room(cx));
        match (&room, &self.to) {
            // It was over before.
            (Ok(()), _) | (Err(_), Target::None) => {}
            (Err(error), _) => self.fail(error.clone()),
        }
        Poll::Ready(room)
    }

    fn try_poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let Some(error) = &self.failed {
            return Poll::Ready(Err(error.clone()));
        }
        match (&self.to, &self.outlet) {
            (Target::Unknown, Some(outlet)) => {
                self.to = Target::Known(ready!(outlet.poll_into(cx))?);
            }
            (Target::Known(_), Some(outlet)) if outlet.poll_unread(cx) => {
                return Poll::Ready(Err(unread()));
            }
            (Target::Known(_), _) => {}
            (Target::None | Target::Unknown, _) => {
                return Poll::Ready(Err(Exception::failed("the stream has ended")));
            }
        }
        if let Some(sending) = &mut self.sending {
            let sent = ready!(Pin::new(sending).poll(cx));
            self.sending = None;
            sent?;
        }
        Poll::Ready(Ok(()))
    }

    fn start(
        &mut self,
        fill: impl FnOnce(&mut write_params::Builder<'_, T>) -> Result<()>,
    ) -> Result<()> {
        let Target::Known(client) = &self.to else {
            return Err(Exception::failed(
                "an item was written before there was room for it",
            ));
        };
        let mut request = client.write_request();
        fill(&mut request.get())?;
        self.sending = Some(request.send());
        Ok(())
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.ending.is_none() {
            if let (Target::None, None) = (&self.to, &self.failed) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_room(cx))?;
            if let Target::Known(client) = &self.to {
                self.ending = Some(client.end_request().send().promise);
            }
        }
        let ended = match &mut self.ending {
            Some(ending) => ready!(Pin::new(ending).poll(cx)),
            None => return Poll::Ready(Ok(())),
        };
        self.ending = None;
        match ended {
            Ok(_) => {
                self.to = Target::None;
                self.guard = None;
                if let Some(outlet) = self.outlet.take() {
                    outlet.finish(Ok(()));
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.fail(error.clone());
                Poll::Ready(Err(error))
            }
        }
    }

    fn fail(&mut self, error: Exception) {
        self.failed = Some(error.clone());
        if let Some(outlet) = self.outlet.take() {
            outlet.finish(Err(error));
        }
        self.to = Target::None;
        self.sending = None;
        self.ending = None;
        self.guard = None;
    }
}

impl<T: Owned, I: SetterInput<T>> futures_util::Sink<I> for Sink<T> {
    type Error = Exception;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, item: I) -> Result<()> {
        self.start(|params| Ok(params.set_item(item)?))
    }

    /// Ready when there is room for the next item. That all were read only `poll_close` waits for.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_room(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_end(cx)
    }
}

impl<T: Owned> Drop for Sink<T> {
    fn drop(&mut self) {
        if let Some(outlet) = self.outlet.take() {
            outlet.finish(Err(Exception::failed(
                "the stream stopped before its end: its writer was dropped",
            )));
        }
    }
}

impl<T: Owned> fmt::Debug for Sink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

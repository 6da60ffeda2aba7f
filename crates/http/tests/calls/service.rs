//! Functions as services, and bodies that count.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use capstan_http::{Body, Error};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;

pub type Answer = Result<Response<BoxBody<Bytes, Error>>, Error>;

#[derive(Clone)]
pub struct Handler<H>(pub H);

impl<H, F> tower_service::Service<Request<Body>> for Handler<H>
where
    H: Fn(Request<Body>) -> F,
    F: Future<Output = Answer> + Send + 'static,
{
    type Response = Response<BoxBody<Bytes, Error>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin((self.0)(request))
    }
}

/// What becomes of a body.
#[derive(Clone, Default)]
pub struct Watch {
    given: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

impl Watch {
    pub fn given(&self) -> u64 {
        self.given.load(Ordering::SeqCst)
    }

    pub fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.watch.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// A body of so many bytes, made as they are asked for; after them it ends, fails, or waits for ever.
pub struct Counted {
    left: u64,
    then: Then,
    watch: Watch,
}

#[derive(Clone, Copy)]
pub enum Then {
    End,
    Fail,
    Wait,
}

pub fn counted(bytes: u64, then: Then, watch: &Watch) -> Counted {
    Counted {
        left: bytes,
        then,
        watch: watch.clone(),
    }
}

impl Counted {
    pub fn boxed(self) -> BoxBody<Bytes, Error> {
        BodyExt::boxed(self)
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        static CHUNK: [u8; 65_536] = [7; 65_536];
        if self.left == 0 {
            return match self.then {
                Then::End => Poll::Ready(None),
                Then::Fail => Poll::Ready(Some(Err(Error::overloaded("torn")))),
                // Nobody wakes it, and nobody should.
                Then::Wait => Poll::Pending,
            };
        }
        let count = self.left.min(CHUNK.len() as u64);
        self.left -= count;
        self.watch.given.fetch_add(count, Ordering::SeqCst);
        let chunk = Bytes::from_static(&CHUNK[..usize::try_from(count).unwrap()]);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

/// How many bytes a body has, none of which are kept.
pub async fn length_of(mut body: Body) -> Result<u64, Error> {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.into_data().map_or(0, |data| data.len() as u64);
    }
    Ok(length)
}

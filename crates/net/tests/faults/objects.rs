//! Objects of both sides, which count themselves and the calls that they are in.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use capstan_rpc::{Error, FromClient, new_client, new_future_client, new_promise_client};

use crate::random::Random;
use crate::trial_capnp::{streaming_byte_sink, trial};

/// What there is in the whole test.
#[derive(Default)]
pub struct Observed {
    objects: AtomicI64,
    running: AtomicI64,
    births: AtomicU64,
}

impl Observed {
    pub fn objects(&self) -> i64 {
        self.objects.load(Ordering::SeqCst)
    }

    pub fn running(&self) -> i64 {
        self.running.load(Ordering::SeqCst)
    }

    pub fn trial(self: &Arc<Self>) -> trial::Client {
        new_client(Trial(self.object()))
    }

    pub fn ear(self: &Arc<Self>) -> trial::listener::Client {
        new_client(Ear(self.object()))
    }

    fn object(self: &Arc<Self>) -> Object {
        self.objects.fetch_add(1, Ordering::SeqCst);
        Object(Arc::clone(self))
    }

    /// Choices that this side makes.
    fn random(&self) -> Random {
        Random::new(self.births.fetch_add(1, Ordering::Relaxed))
    }
}

struct Object(Arc<Observed>);

impl Drop for Object {
    fn drop(&mut self) {
        self.0.objects.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Running<'a>(&'a Observed);

impl Object {
    fn running(&self) -> Running<'_> {
        self.0.running.fetch_add(1, Ordering::SeqCst);
        Running(&self.0)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A client that is known now, later, or turns out to be none.
pub fn perhaps_later<C>(client: C, random: &mut Random) -> C
where
    C: FromClient + Send + 'static,
{
    let delay = Duration::from_millis(random.below(3));
    match random.below(8) {
        0 => new_future_client(async move {
            tokio::time::sleep(delay).await;
            Ok(client)
        }),
        1 => new_future_client(async { Err(Error::overloaded("broken promise")) }),
        // Dropping the fulfiller breaks it.
        2 => new_promise_client().0,
        3 => {
            let (promised, fulfiller) = new_promise_client();
            fulfiller.fulfill(Ok(client));
            promised
        }
        _ => client,
    }
}

struct Trial(Object);

impl trial::Server for Trial {
    async fn echo(
        &self,
        params: trial::EchoParams,
        mut results: trial::EchoResults,
    ) -> Result<(), Error> {
        let _running = self.0.running();
        if self.0.0.random().chance(10) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        results.get().set_text(params.get()?.get_text()?);
        Ok(())
    }

    async fn fail(&self, params: trial::FailParams, _: trial::FailResults) -> Result<(), Error> {
        Err(Error::failed(params.get()?.get_reason()?.to_string()?))
    }

    async fn hang(&self, params: trial::HangParams, _: trial::HangResults) -> Result<(), Error> {
        let _running = self.0.running();
        let token = params.cancellation_token();
        let observed = Arc::clone(&self.0.0);
        observed.running.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            token.canceled().await;
            observed.running.fetch_sub(1, Ordering::SeqCst);
        });
        pending().await
    }

    async fn next(
        &self,
        _: trial::NextParams,
        mut results: trial::NextResults,
    ) -> Result<(), Error> {
        let mut random = self.0.0.random();
        let next = perhaps_later(self.0.0.trial(), &mut random);
        results.get().set_trial(next);
        let deep = perhaps_later(self.0.0.trial(), &mut random);
        results.get().init_deep().init_inside().set_trial(deep);
        if random.chance(20) {
            results.set_pipeline()?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    async fn notify(
        &self,
        params: trial::NotifyParams,
        mut results: trial::NotifyResults,
    ) -> Result<(), Error> {
        let _running = self.0.running();
        let params = params.get()?;
        let mut request = params.get_listener()?.hear_request();
        request.get().set_text(params.get_text()?);
        let response = request.send().promise.await?;
        results.get().set_answer(response.get()?.get_answer()?);
        Ok(())
    }

    async fn open(
        &self,
        _: trial::OpenParams,
        mut results: trial::OpenResults,
    ) -> Result<(), Error> {
        let sink = Sink {
            object: self.0.0.object(),
            bytes: AtomicU64::new(0),
        };
        results.get().set_sink(new_client(sink));
        Ok(())
    }

    /// Ends with a call of another object's.
    async fn nothing(
        &self,
        _: trial::NothingParams,
        results: trial::NothingResults,
    ) -> Result<(), Error> {
        let next = self.0.0.trial().next_request();
        if self.0.0.random().chance(50) {
            let _ = next.send();
            return Ok(());
        }
        let other: trial::Client = self.0.0.trial();
        results.tail_call(other.nothing_request());
        Ok(())
    }
}

struct Sink {
    object: Object,
    bytes: AtomicU64,
}

impl streaming_byte_sink::Server for Sink {
    async fn write(&self, params: streaming_byte_sink::WriteParams) -> Result<(), Error> {
        let _running = self.object.running();
        let mut random = self.object.0.random();
        if random.chance(10) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if random.chance(1) {
            return Err(Error::failed("spilled"));
        }
        let chunk = params.get()?.get_chunk()?;
        self.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn end(
        &self,
        _: streaming_byte_sink::EndParams,
        mut results: streaming_byte_sink::EndResults,
    ) -> Result<(), Error> {
        results.get().set_total(self.bytes.load(Ordering::Relaxed));
        Ok(())
    }
}

struct Ear(Object);

impl trial::listener::Server for Ear {
    async fn hear(
        &self,
        params: trial::listener::HearParams,
        mut results: trial::listener::HearResults,
    ) -> Result<(), Error> {
        let _running = self.0.running();
        if self.0.0.random().chance(10) {
            pending::<()>().await;
        }
        results.get().set_answer(params.get()?.get_text()?);
        Ok(())
    }
}

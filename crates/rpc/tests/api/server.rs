//! The objects that the tests call.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capstan_rpc::{Error, new_client};
use tokio::sync::Semaphore;

use crate::trial_capnp::{streaming_byte_sink, trial};

/// What can be known about the servers from outside.
#[derive(Default)]
pub struct Observed {
    pub alive: AtomicUsize,
    pub hanging: AtomicUsize,
    pub numbers: Mutex<Vec<u32>>,
}

impl Observed {
    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    pub fn hanging(&self) -> usize {
        self.hanging.load(Ordering::SeqCst)
    }
}

/// Counts itself for as long as it lives.
struct Counted(Arc<Observed>, fn(&Observed) -> &AtomicUsize);

impl Counted {
    fn new(observed: &Arc<Observed>, counter: fn(&Observed) -> &AtomicUsize) -> Self {
        counter(observed).fetch_add(1, Ordering::SeqCst);
        Self(observed.clone(), counter)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::SeqCst);
    }
}

pub struct TrialServer {
    observed: Arc<Observed>,
    sink: Arc<SinkState>,
    _alive: Counted,
}

impl TrialServer {
    pub fn new(observed: &Arc<Observed>) -> Self {
        Self::with_sink(observed, &Arc::new(SinkState::default()))
    }

    pub fn with_sink(observed: &Arc<Observed>, sink: &Arc<SinkState>) -> Self {
        Self {
            observed: observed.clone(),
            sink: sink.clone(),
            _alive: Counted::new(observed, |seen| &seen.alive),
        }
    }
}

/// A client of a new [`TrialServer`].
pub fn trial_client() -> trial::Client {
    new_client(TrialServer::new(&Arc::default()))
}

impl trial::Server for TrialServer {
    async fn echo(
        &self,
        params: trial::EchoParams,
        mut results: trial::EchoResults,
    ) -> Result<(), Error> {
        results.get().set_text(params.get()?.get_text()?);
        Ok(())
    }

    async fn fail(
        &self,
        params: trial::FailParams,
        _results: trial::FailResults,
    ) -> Result<(), Error> {
        Err(Error::failed(params.get()?.get_reason()?.to_string()?))
    }

    async fn panic(
        &self,
        _params: trial::PanicParams,
        _results: trial::PanicResults,
    ) -> Result<(), Error> {
        panic!("a bug in a server");
    }

    async fn hang(
        &self,
        _params: trial::HangParams,
        _results: trial::HangResults,
    ) -> Result<(), Error> {
        let _hanging = Counted::new(&self.observed, |seen| &seen.hanging);
        pending().await
    }

    async fn next(
        &self,
        _params: trial::NextParams,
        mut results: trial::NextResults,
    ) -> Result<(), Error> {
        let next =
            || -> trial::Client { new_client(TrialServer::with_sink(&self.observed, &self.sink)) };
        results.get().set_trial(next());
        results.get().init_deep().init_inside().set_trial(next());
        Ok(())
    }

    async fn notify(
        &self,
        params: trial::NotifyParams,
        mut results: trial::NotifyResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let mut request = params.get_listener()?.hear_request();
        request.get().set_text(params.get_text()?);
        let response = request.send().promise.await?;
        results.get().set_answer(response.get()?.get_answer()?);
        Ok(())
    }

    async fn open(
        &self,
        _params: trial::OpenParams,
        mut results: trial::OpenResults,
    ) -> Result<(), Error> {
        results.get().set_sink(new_client(Sink {
            state: self.sink.clone(),
        }));
        Ok(())
    }

    async fn nothing(
        &self,
        _params: trial::NothingParams,
        _results: trial::NothingResults,
    ) -> Result<(), Error> {
        Ok(())
    }

    async fn numbered(
        &self,
        params: trial::NumberedParams,
        _results: trial::NumberedResults,
    ) -> Result<(), Error> {
        self.observed
            .numbers
            .lock()
            .unwrap()
            .push(params.get()?.get_number());
        Ok(())
    }
}

/// A sink whose speed and failures the test commands.
pub struct SinkState {
    /// Each write takes one. By default there are plenty.
    pub permits: Semaphore,
    pub write_takes: Duration,
    pub fail_at_write: Option<usize>,
    pub received: Mutex<Vec<u8>>,
    pub writes: AtomicUsize,
    pub running: AtomicUsize,
    pub most_at_once: AtomicUsize,
}

impl Default for SinkState {
    fn default() -> Self {
        Self {
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
            write_takes: Duration::ZERO,
            fail_at_write: None,
            received: Mutex::default(),
            writes: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        }
    }
}

pub struct Sink {
    pub state: Arc<SinkState>,
}

impl streaming_byte_sink::Server for Sink {
    async fn write(&self, params: streaming_byte_sink::WriteParams) -> Result<(), Error> {
        let state = &self.state;
        let running = state.running.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_at_once.fetch_max(running, Ordering::SeqCst);
        state.permits.acquire().await.unwrap().forget();
        if !state.write_takes.is_zero() {
            tokio::time::sleep(state.write_takes).await;
        }
        state.running.fetch_sub(1, Ordering::SeqCst);
        if Some(state.writes.fetch_add(1, Ordering::SeqCst)) == state.fail_at_write {
            return Err(Error::failed("the disk is full"));
        }
        state
            .received
            .lock()
            .unwrap()
            .extend_from_slice(params.get()?.get_chunk()?);
        Ok(())
    }

    async fn end(
        &self,
        _params: streaming_byte_sink::EndParams,
        mut results: streaming_byte_sink::EndResults,
    ) -> Result<(), Error> {
        results
            .get()
            .set_total(self.state.received.lock().unwrap().len() as u64);
        Ok(())
    }
}

pub struct Ear(pub &'static str);

impl trial::listener::Server for Ear {
    async fn hear(
        &self,
        params: trial::listener::HearParams,
        mut results: trial::listener::HearResults,
    ) -> Result<(), Error> {
        results.get().set_answer(format!(
            "{} heard {}",
            self.0,
            params.get()?.get_text()?.to_str()?
        ));
        Ok(())
    }
}

impl trial::louder::Server for Ear {
    async fn shout(
        &self,
        params: trial::louder::ShoutParams,
        mut results: trial::louder::ShoutResults,
    ) -> Result<(), Error> {
        results
            .get()
            .set_answer(params.get()?.get_text()?.to_str()?.to_uppercase());
        Ok(())
    }
}

//! Clients of what is not known yet, calls that end with other calls, and results ahead of time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capstan_rpc::{
    CapabilityServerSet, Client, ConnectOptions, Error, Fulfiller, new_client, new_future_client,
    new_promise_client,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::link::{join, join_runtimes, runtime, settle};
use crate::server::{Ear, trial_client};
use crate::trial_capnp::trial::{self, listener};

const ONE_WAY: Duration = Duration::from_millis(50);

async fn echo(trial: &trial::Client, text: &str) -> Result<String, Error> {
    let mut request = trial.echo_request();
    request.get().set_text(text);
    let response = request.send().promise.await?;
    Ok(response.get()?.get_text()?.to_string()?)
}

async fn hear(listener: &listener::Client, text: &str) -> Result<String, Error> {
    let mut request = listener.hear_request();
    request.get().set_text(text);
    let response = request.send().promise.await?;
    Ok(response.get()?.get_answer()?.to_string()?)
}

#[tokio::test(start_paused = true)]
async fn calls_to_a_promise_wait_for_what_it_is() {
    let (trial, fulfiller) = new_promise_client::<trial::Client>();
    let early = tokio::spawn({
        let trial = trial.clone();
        async move { echo(&trial, "early").await }
    });
    settle().await;
    assert!(!early.is_finished());
    fulfiller.fulfill(Ok(trial_client()));
    assert_eq!(early.await.unwrap().unwrap(), "early");
    assert_eq!(echo(&trial, "late").await.unwrap(), "late");
    trial.client.when_resolved().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_promise_that_is_dropped_or_broken_fails_its_calls() {
    let (trial, fulfiller) = new_promise_client::<trial::Client>();
    drop(fulfiller);
    let error = echo(&trial, "").await.unwrap_err();
    assert!(error.reason.contains("dropped the promise"), "{error}");
    let (trial, fulfiller) = new_promise_client::<trial::Client>();
    let waiting = trial.client.when_resolved();
    fulfiller.fulfill(Err(Error::overloaded("full")));
    assert_eq!(waiting.await.unwrap_err(), Error::overloaded("full"));
    assert_eq!(echo(&trial, "").await.unwrap_err().reason, "full");
}

#[tokio::test(start_paused = true)]
async fn a_future_decides_what_a_client_is() {
    let started = Arc::new(AtomicBool::new(false));
    let trial = new_future_client({
        let started = started.clone();
        async move {
            started.store(true, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(trial_client())
        }
    });
    settle().await;
    assert!(!started.load(Ordering::SeqCst), "nobody has used it");
    let start = Instant::now();
    assert_eq!(echo(&trial, "hello").await.unwrap(), "hello");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    let failing = new_future_client::<trial::Client>(async { Err(Error::failed("no luck")) });
    assert_eq!(echo(&failing, "").await.unwrap_err().reason, "no luck");
}

/// A server whose bootstrap object is known later, to a client that calls at once.
#[tokio::test(start_paused = true)]
async fn a_promise_crosses_a_connection_and_comes_true_there() {
    let (promised, fulfiller) = new_promise_client::<trial::Client>();
    let link = join(ONE_WAY, promised);
    let trial: trial::Client = link.client.bootstrap();
    let call = tokio::spawn({
        let trial = trial.clone();
        async move { echo(&trial, "early").await }
    });
    let resolved = tokio::spawn(trial.client.when_resolved());
    settle().await;
    assert!(!call.is_finished() && !resolved.is_finished());
    fulfiller.fulfill(Ok(trial_client()));
    resolved.await.unwrap().unwrap();
    assert_eq!(call.await.unwrap().unwrap(), "early");
    drop(trial);
    settle().await;
    let stats = (link.client.stats().unwrap(), link.server.stats().unwrap());
    assert_eq!((stats.0.imports, stats.1.exports), (0, 0));
}

/// The client's own object comes back to it through the server's promise: after that its calls
/// stay at home, and none overtakes another.
#[tokio::test(start_paused = true)]
async fn a_promise_that_leads_home_is_called_at_home() {
    let holder = Arc::new(Holder::default());
    let link = join(
        ONE_WAY,
        new_client::<trial::Client, _>(Shared(holder.clone())),
    );
    let trial: trial::Client = link.client.bootstrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ours: listener::Client = new_client(Notes(heard.clone()));
    // next() hands out a promise, which notify() decides.
    let promised = trial.next_request().send().promise.await.unwrap();
    let promised: listener::Client = promised
        .get()
        .unwrap()
        .get_trial()
        .unwrap()
        .client
        .cast_to();
    let mut calls = Vec::new();
    for number in 0..20 {
        if number == 10 {
            let mut decide = trial.notify_request();
            decide.get().set_listener(ours.clone());
            calls.push(tokio::spawn(async move {
                decide.send().promise.await.map(drop)
            }));
        }
        let mut request = promised.hear_request();
        request.get().set_text(number.to_string());
        let call = request.send();
        calls.push(tokio::spawn(async move { call.promise.await.map(drop) }));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(*heard.lock().unwrap(), expected);
    promised.client.when_resolved().await.unwrap();
    assert!(promised.client == ours.client);
    let start = Instant::now();
    hear(&promised, "at home").await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[derive(Default)]
struct Holder {
    promise: Mutex<Option<Fulfiller<trial::Client>>>,
}

struct Shared(Arc<Holder>);

impl trial::Server for Shared {
    async fn next(
        &self,
        _params: trial::NextParams,
        mut results: trial::NextResults,
    ) -> Result<(), Error> {
        let (promised, fulfiller) = new_promise_client::<trial::Client>();
        *self.0.promise.lock().unwrap() = Some(fulfiller);
        results.get().set_trial(promised);
        Ok(())
    }

    async fn notify(
        &self,
        params: trial::NotifyParams,
        _results: trial::NotifyResults,
    ) -> Result<(), Error> {
        let listener = params.get()?.get_listener()?;
        let fulfiller = self.0.promise.lock().unwrap().take().unwrap();
        fulfiller.fulfill(Ok(listener.client.cast_to()));
        Ok(())
    }
}

struct Notes(Arc<Mutex<Vec<String>>>);

impl listener::Server for Notes {
    async fn hear(
        &self,
        params: listener::HearParams,
        mut results: listener::HearResults,
    ) -> Result<(), Error> {
        let text = params.get()?.get_text()?.to_string()?;
        results.get().set_answer(text.as_str());
        self.0.lock().unwrap().push(text);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_object_are_equal() {
    let ear: listener::Client = new_client(Ear("one"));
    let other: listener::Client = new_client(Ear("other"));
    assert!(ear.client == ear.clone().client);
    assert!(ear.client != other.client);
    assert!(Client::from_cap(None) == Client::from_cap(None));
    // The same when they belong to a runtime.
    let (promised, fulfiller) = new_promise_client::<listener::Client>();
    let link = join(ONE_WAY, trial_client());
    let trial: trial::Client = link.client.bootstrap();
    for listener in [&ear, &other] {
        let mut request = trial.notify_request();
        request.get().set_listener(listener.clone());
        request.send().promise.await.unwrap();
    }
    assert!(promised.client != ear.client);
    fulfiller.fulfill(Ok(ear.clone()));
    promised.client.when_resolved().await.unwrap();
    assert!(promised.client == ear.client);
    assert!(promised.client != other.client);
}

#[tokio::test(start_paused = true)]
async fn a_server_set_waits_for_a_promise() {
    let set = Arc::new(CapabilityServerSet::<Ear, listener::Client>::new());
    let (promised, fulfiller) = new_promise_client::<listener::Client>();
    let found = tokio::spawn({
        let set = set.clone();
        async move { set.get_local_server(&promised).await.map(|ear| ear.0) }
    });
    settle().await;
    assert!(!found.is_finished());
    fulfiller.fulfill(Ok(set.new_client(Ear("it"))));
    assert_eq!(found.await.unwrap(), Some("it"));
}

/// Ends each method with a call to another object.
struct Delegating {
    to: trial::Client,
}

impl trial::Server for Delegating {
    async fn echo(
        &self,
        params: trial::EchoParams,
        results: trial::EchoResults,
    ) -> Result<(), Error> {
        let mut request = self.to.echo_request();
        request.set(params.get()?)?;
        results.tail_call(request);
        Ok(())
    }

    async fn next(
        &self,
        _params: trial::NextParams,
        results: trial::NextResults,
    ) -> Result<(), Error> {
        results.tail_call(self.to.next_request());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_may_end_with_a_call_of_an_object_anywhere() {
    let far = join(ONE_WAY, trial_client());
    let targets = [trial_client(), far.client.bootstrap::<trial::Client>()];
    for to in targets {
        let link = join(ONE_WAY, new_client::<trial::Client, _>(Delegating { to }));
        let trial: trial::Client = link.client.bootstrap();
        assert_eq!(echo(&trial, "passed on").await.unwrap(), "passed on");
        let next = trial.next_request().send().pipeline.get_trial();
        assert_eq!(echo(&next, "and on").await.unwrap(), "and on");
    }
}

/// The object at the end is the caller's own: the results stay at home, so the call takes as long
/// as there and back, twice less the last way.
#[tokio::test(start_paused = true)]
async fn results_of_a_tail_call_to_the_caller_stay_with_it() {
    let ours = runtime();
    let own: trial::Client = ours.new_client(Slow);
    let link = join_runtimes(
        ONE_WAY,
        &ours,
        ConnectOptions::default().with_bootstrap(own),
        Client::from_cap(None),
    );
    let theirs: trial::Client = link.server.bootstrap();
    let server = runtime();
    drop(server);
    let serving = link
        .server
        .runtime()
        .new_client::<trial::Client, _>(Delegating { to: theirs });
    let (send, receive) = oneshot::channel();
    // The client gets the delegating object by way of a call.
    let ours_by_server: trial::Client = link.server.bootstrap();
    let mut give = ours_by_server.notify_request();
    give.get().set_listener(serving.client.cast_to());
    *GIVEN.lock().unwrap() = Some(send);
    give.send().promise.await.unwrap();
    let delegating: trial::Client = receive.await.unwrap();
    let start = Instant::now();
    assert_eq!(echo(&delegating, "home").await.unwrap(), "slowly: home");
    assert_eq!(start.elapsed(), 2 * ONE_WAY + Duration::from_secs(1));
}

static GIVEN: Mutex<Option<oneshot::Sender<trial::Client>>> = Mutex::new(None);

struct Slow;

impl trial::Server for Slow {
    async fn echo(
        &self,
        params: trial::EchoParams,
        mut results: trial::EchoResults,
    ) -> Result<(), Error> {
        let text = params.get()?.get_text()?.to_string()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        results.get().set_text(format!("slowly: {text}").as_str());
        Ok(())
    }

    async fn notify(
        &self,
        params: trial::NotifyParams,
        _results: trial::NotifyResults,
    ) -> Result<(), Error> {
        let given: trial::Client = params.get()?.get_listener()?.client.cast_to();
        if let Some(send) = GIVEN.lock().unwrap().take() {
            let _ = send.send(given);
        }
        Ok(())
    }
}

/// Says what its results will be, and takes its time to return.
struct Early;

impl trial::Server for Early {
    async fn next(
        &self,
        _params: trial::NextParams,
        mut results: trial::NextResults,
    ) -> Result<(), Error> {
        results.get().set_trial(trial_client());
        results.set_pipeline()?;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn calls_on_results_that_were_announced_do_not_wait_for_the_rest() {
    let link = join(ONE_WAY, new_client::<trial::Client, _>(Early));
    for trial in [
        link.client.bootstrap(),
        new_client::<trial::Client, _>(Early),
    ] {
        let start = Instant::now();
        let call = trial.next_request().send();
        let next = call.pipeline.get_trial();
        assert_eq!(echo(&next, "early").await.unwrap(), "early");
        assert!(start.elapsed() <= 2 * ONE_WAY, "{:?}", start.elapsed());
        let results = call.promise.await.unwrap();
        let next = results.get().unwrap().get_trial().unwrap();
        assert_eq!(echo(&next, "late").await.unwrap(), "late");
    }
}

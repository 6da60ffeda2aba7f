//! Capabilities that travel.

use std::sync::Arc;
use std::time::Duration;

use capstan_rpc::{CapabilityServerSet, ConnectOptions, Error, FromClient, new_client};

use crate::link::{join, join_runtimes, runtime, settle};
use crate::server::{Ear, Observed, TrialServer, trial_client};
use crate::trial_capnp::trial::{self, listener, louder};

const ONE_WAY: Duration = Duration::from_millis(10);

async fn notify(
    trial: &trial::Client,
    listener: listener::Client,
    text: &str,
) -> Result<String, Error> {
    let mut request = trial.notify_request();
    request.get().set_listener(listener);
    request.get().set_text(text);
    let response = request.send().promise.await?;
    Ok(response.get()?.get_answer()?.to_string()?)
}

#[tokio::test(start_paused = true)]
async fn a_server_can_call_back_an_object_it_was_given() {
    let link = join(ONE_WAY, trial_client());
    let trial: trial::Client = link.client.bootstrap();
    assert_eq!(
        notify(&trial, new_client(Ear("the client")), "a word")
            .await
            .unwrap(),
        "the client heard a word"
    );
    settle().await;
    let (client, server) = (link.client.stats().unwrap(), link.server.stats().unwrap());
    assert_eq!(
        (client.exports, server.imports),
        (0, 0),
        "the listener was released on both sides"
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_of_the_server_given_back_to_it_is_called_there() {
    let link = join(ONE_WAY, trial_client());
    let trial: trial::Client = link.client.bootstrap();
    let error = notify(&trial, trial.client.cast_to(), "a word")
        .await
        .unwrap_err();
    assert!(
        error.reason.contains("Trial") && error.reason.contains("has no interface"),
        "{error}"
    );
    let null = listener::Client::from_client(capstan_rpc::Client::from_cap(None));
    let error = notify(&trial, null, "a word").await.unwrap_err();
    assert!(error.reason.contains("null capability"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn objects_are_dropped_with_their_last_client() {
    let observed = Arc::<Observed>::default();
    let link = join(
        ONE_WAY,
        new_client::<trial::Client, _>(TrialServer::new(&observed)),
    );
    let trial: trial::Client = link.client.bootstrap();
    let call = trial.next_request().send();
    let next = call.pipeline.get_trial();
    drop(call.promise.await.unwrap());
    drop(call.pipeline);
    settle().await;
    assert_eq!(
        observed.alive(),
        2,
        "the bootstrap object and the one that is still held"
    );
    let other = next.clone();
    drop(next);
    settle().await;
    assert_eq!(observed.alive(), 2);
    drop(other);
    settle().await;
    assert_eq!(observed.alive(), 1);
    drop(trial);
    settle().await;
    for end in [&link.client, &link.server] {
        let stats = end.stats().unwrap();
        assert_eq!(
            (stats.questions, stats.answers, stats.imports, stats.exports),
            (0, 0, 0, 0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_interface_that_extends_another_has_its_methods() {
    let ear: louder::Client = new_client(Ear("the ear"));
    let mut request = ear.shout_request();
    request.get().set_text("quiet");
    assert_eq!(
        request
            .send()
            .promise
            .await
            .unwrap()
            .get()
            .unwrap()
            .get_answer()
            .unwrap(),
        "QUIET"
    );
    let listener: listener::Client = ear.client.cast_to();
    let link = join(ONE_WAY, trial_client());
    assert_eq!(
        notify(&link.client.bootstrap(), new_client(Ear("it")), "x")
            .await
            .unwrap(),
        "it heard x"
    );
    let mut request = listener.hear_request();
    request.get().set_text("this");
    assert_eq!(
        request
            .send()
            .promise
            .await
            .unwrap()
            .get()
            .unwrap()
            .get_answer()
            .unwrap(),
        "the ear heard this"
    );
}

#[tokio::test(start_paused = true)]
async fn objects_can_be_called_without_any_connection() {
    let trial = trial_client();
    let mut request = trial.echo_request();
    request.get().set_text("home");
    assert_eq!(
        request
            .send()
            .promise
            .await
            .unwrap()
            .get()
            .unwrap()
            .get_text()
            .unwrap(),
        "home"
    );
    assert_eq!(
        notify(&trial, new_client(Ear("I")), "myself")
            .await
            .unwrap(),
        "I heard myself"
    );
    let next = trial.next_request().send().pipeline.get_trial();
    assert_eq!(
        notify(&next, new_client(Ear("I")), "it").await.unwrap(),
        "I heard it"
    );
}

#[tokio::test(start_paused = true)]
async fn objects_without_a_connection_are_dropped_with_their_last_client() {
    let observed = Arc::<Observed>::default();
    let trial: trial::Client = new_client(TrialServer::new(&observed));
    let next = trial.next_request().send().promise.await.unwrap();
    assert_eq!(observed.alive(), 3);
    drop(trial.hang_request().send());
    let mut hanging = trial.hang_request().send().promise;
    assert!(
        tokio::time::timeout(Duration::from_secs(1), &mut hanging)
            .await
            .is_err()
    );
    assert_eq!(observed.hanging(), 1);
    drop((trial, next, hanging));
    assert_eq!(
        (observed.alive(), observed.hanging()),
        (0, 0),
        "though nobody is left to drive them"
    );
}

#[tokio::test(start_paused = true)]
async fn capabilities_pass_from_one_connection_to_another() {
    let runtime = runtime();
    let observed = Arc::<Observed>::default();
    let bootstrap = || -> trial::Client { new_client(TrialServer::new(&observed)) };
    let left = join_runtimes(ONE_WAY, &runtime, ConnectOptions::default(), bootstrap());
    let right = join_runtimes(ONE_WAY, &runtime, ConnectOptions::default(), bootstrap());
    // The right server is given an object of the left server's, and calls it through us.
    let listener = left.client.bootstrap::<trial::Client>().client.cast_to();
    let error = notify(&right.client.bootstrap(), listener, "a word")
        .await
        .unwrap_err();
    assert!(
        error.reason.contains("Trial") && error.reason.contains("has no interface"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn capabilities_pass_from_one_runtime_to_another() {
    // Calling an object makes it belong to a runtime of its own, and then it is sent elsewhere.
    let ear: listener::Client = new_client(Ear("the ear"));
    let mut request = ear.hear_request();
    request.get().set_text("one");
    request.send().promise.await.unwrap();
    let link = join(ONE_WAY, trial_client());
    let trial: trial::Client = link.client.bootstrap();
    assert_eq!(
        notify(&trial, ear.clone(), "two").await.unwrap(),
        "the ear heard two"
    );

    // Results cross as well, with the capabilities in them.
    let local = trial_client();
    assert_eq!(
        notify(&local, ear, "three").await.unwrap(),
        "the ear heard three"
    );
    let other_side: trial::Client = join(ONE_WAY, local).client.bootstrap();
    let next = other_side
        .next_request()
        .send()
        .pipeline
        .get_deep()
        .get_inside()
        .get_trial();
    assert_eq!(
        notify(&next, new_client(Ear("it")), "four").await.unwrap(),
        "it heard four"
    );
}

/// Gives out a listener, and tells whether it gets that one back.
struct Recognizer {
    set: CapabilityServerSet<Ear, listener::Client>,
    ear: listener::Client,
}

impl trial::Server for Recognizer {
    async fn next(
        &self,
        _params: trial::NextParams,
        mut results: trial::NextResults,
    ) -> Result<(), Error> {
        results.get().set_trial(self.ear.client.cast_to());
        Ok(())
    }

    async fn notify(
        &self,
        params: trial::NotifyParams,
        mut results: trial::NotifyResults,
    ) -> Result<(), Error> {
        let ear = self
            .set
            .get_local_server(&params.get()?.get_listener()?)
            .await;
        results
            .get()
            .set_answer(ear.map_or("a stranger", |ear| ear.0));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_set_knows_its_objects_wherever_they_have_been() {
    for called_before in [false, true] {
        let set = CapabilityServerSet::new();
        let ear: listener::Client = set.new_client(Ear("mine"));
        if called_before {
            // Now it belongs to a runtime of its own, and the connection's has a proxy of it.
            let mut request = ear.hear_request();
            request.get().set_text("you");
            request.send().promise.await.unwrap();
        }
        let link = join(
            ONE_WAY,
            new_client::<trial::Client, _>(Recognizer { set, ear }),
        );
        let trial: trial::Client = link.client.bootstrap();
        let given: listener::Client = trial
            .next_request()
            .send()
            .pipeline
            .get_trial()
            .client
            .cast_to();
        assert_eq!(
            notify(&trial, given.clone(), "while it is promised")
                .await
                .unwrap(),
            "mine"
        );
        assert_eq!(
            notify(&trial, given, "when it is known").await.unwrap(),
            "mine"
        );
        assert_eq!(
            notify(&trial, new_client(Ear("mine")), "").await.unwrap(),
            "a stranger"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_set_knows_its_own_objects() {
    let set: CapabilityServerSet<Ear, listener::Client> = CapabilityServerSet::new();
    let other_set: CapabilityServerSet<Ear, listener::Client> = CapabilityServerSet::new();
    let mine = set.new_client(Ear("mine"));
    let foreign: listener::Client = new_client(Ear("foreign"));
    assert_eq!(
        set.get_local_server(&mine).await.map(|ear| ear.0),
        Some("mine")
    );
    assert!(set.get_local_server(&foreign).await.is_none());
    assert!(other_set.get_local_server(&mine).await.is_none());

    // It still knows it after the object was called, and belongs to a runtime.
    let mut request = mine.hear_request();
    request.get().set_text("you");
    request.send().promise.await.unwrap();
    assert_eq!(
        set.get_local_server(&mine).await.map(|ear| ear.0),
        Some("mine")
    );
    drop(mine);
    let null = listener::Client::from_client(capstan_rpc::Client::from_cap(None));
    assert!(set.get_local_server(&null).await.is_none());
}

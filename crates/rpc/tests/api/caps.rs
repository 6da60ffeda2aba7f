//! Capabilities that travel.

use std::sync::Arc;
use std::time::Duration;

use capstan_rpc::{CapabilityServerSet, Error, FromClient, new_client};

use crate::link::{join, runtime, settle};
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
async fn two_connections_of_one_runtime_exchange_capabilities() {
    let runtime = runtime();
    let hub: trial::Client = runtime.new_client(TrialServer::new(&Arc::default()));
    let (left, right) = (join(ONE_WAY, trial_client()), join(ONE_WAY, hub.clone()));
    let error = notify(
        &left.client.bootstrap(),
        right.client.bootstrap::<trial::Client>().client.cast_to(),
        "x",
    )
    .await;
    assert!(error.is_err(), "the ends were made by different runtimes");
    drop((left, right));

    // Within one runtime it works.
    let ear: listener::Client = runtime.new_client(Ear("the hub's ear"));
    assert_eq!(
        notify(&hub, ear, "x").await.unwrap(),
        "the hub's ear heard x"
    );
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

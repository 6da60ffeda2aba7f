//! Calls, their results and their failures.

use std::sync::Arc;
use std::time::Duration;

use capstan_rpc::message::any_pointer;
use capstan_rpc::{CancellationToken, ConnectOptions, Error, ErrorKind, new_client};
use tokio::time::Instant;

use crate::link::{join, join_with, runtime, settle};
use crate::server::{Observed, TrialServer, trial_client};
use crate::trial_capnp::{streaming_byte_sink, trial};

const ONE_WAY: Duration = Duration::from_millis(50);

async fn echo(trial: &trial::Client, text: &str) -> Result<String, Error> {
    let mut request = trial.echo_request();
    request.get().set_text(text);
    let response = request.send().promise.await?;
    Ok(response.get()?.get_text()?.to_string()?)
}

#[tokio::test(start_paused = true)]
async fn a_call_returns_its_results_after_one_round_trip() {
    let link = join(ONE_WAY, trial_client());
    let start = Instant::now();
    assert_eq!(
        echo(&link.client.bootstrap(), "hello").await.unwrap(),
        "hello"
    );
    assert_eq!(
        start.elapsed(),
        2 * ONE_WAY,
        "asking for the bootstrap object costs no trip of its own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_dependent_calls_is_one_round_trip() {
    let link = join(ONE_WAY, trial_client());
    let start = Instant::now();
    let mut trial: trial::Client = link.client.bootstrap();
    for _ in 0..4 {
        trial = trial.next_request().send().pipeline.get_trial();
    }
    let deep = trial
        .next_request()
        .send()
        .pipeline
        .get_deep()
        .get_inside()
        .get_trial();
    assert_eq!(echo(&deep, "far").await.unwrap(), "far");
    assert_eq!(start.elapsed(), 2 * ONE_WAY);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_can_be_used_after_the_call_returned() {
    let link = join(ONE_WAY, trial_client());
    let call = link
        .client
        .bootstrap::<trial::Client>()
        .next_request()
        .send();
    let response = call.promise.await.unwrap();
    let start = Instant::now();
    assert_eq!(echo(&call.pipeline.get_trial(), "a").await.unwrap(), "a");
    assert_eq!(
        echo(&call.pipeline.get_deep().get_inside().get_trial(), "b")
            .await
            .unwrap(),
        "b"
    );
    assert_eq!(
        echo(&response.get().unwrap().get_trial().unwrap(), "c")
            .await
            .unwrap(),
        "c"
    );
    assert_eq!(start.elapsed(), 3 * 2 * ONE_WAY);
}

#[tokio::test(start_paused = true)]
async fn a_failure_arrives_as_the_server_meant_it() {
    let link = join(ONE_WAY, trial_client());
    let trial: trial::Client = link.client.bootstrap();
    let mut request = trial.fail_request();
    request.get().set_reason("no such file: a.txt");
    let error = request.send().promise.await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(error.reason.contains("no such file: a.txt"), "{error}");
    assert_eq!(echo(&trial, "still there").await.unwrap(), "still there");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_method_fails_its_call_and_nothing_else() {
    let link = join(ONE_WAY, trial_client());
    let trial: trial::Client = link.client.bootstrap();
    let error = trial.panic_request().send().promise.await.err().unwrap();
    assert!(error.reason.contains("panicked"), "{error}");
    assert_eq!(echo(&trial, "still there").await.unwrap(), "still there");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_implemented_says_so() {
    let link = join(ONE_WAY, trial_client());
    let trial: trial::Client = link.client.bootstrap();

    let error = trial
        .unwritten_request()
        .send()
        .promise
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert!(
        error.reason.contains("unwritten") && error.reason.contains("Trial"),
        "{error}"
    );

    let other: streaming_byte_sink::Client = trial.client.cast_to();
    let error = other.end_request().send().promise.await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert!(error.reason.contains("has no interface"), "{error}");

    let call = trial
        .client
        .new_call::<any_pointer::Owned, any_pointer::Owned>(trial::INTERFACE_ID, 999, None);
    let error = call.send().promise.await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert!(error.reason.contains("999"), "{error}");
    assert_eq!(echo(&trial, "still there").await.unwrap(), "still there");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_bootstrap_object_says_so() {
    let link = join_with(
        ONE_WAY,
        ConnectOptions::default(),
        ConnectOptions::default(),
    );
    let error = echo(&link.client.bootstrap(), "hello").await.unwrap_err();
    assert!(error.reason.contains("bootstrap"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_cancels_it_at_the_server() {
    let observed = Arc::<Observed>::default();
    let link = join(
        ONE_WAY,
        new_client::<trial::Client, _>(TrialServer::new(&observed)),
    );
    let call = link
        .client
        .bootstrap::<trial::Client>()
        .hang_request()
        .send();
    settle().await;
    assert_eq!(observed.hanging(), 1);
    drop(call);
    settle().await;
    assert_eq!(observed.hanging(), 0, "the method's future was dropped");
    let stats = link.server.stats().unwrap();
    assert_eq!(stats.answers, 0);
}

/// Works in the background, as long as anybody wants it to.
struct Delegating(tokio::sync::mpsc::UnboundedSender<CancellationToken>);

impl trial::Server for Delegating {
    async fn hang(&self, params: trial::HangParams, _: trial::HangResults) -> Result<(), Error> {
        let token = params.cancellation_token();
        assert!(!token.is_canceled());
        let (seen, report) = (token.clone(), self.0.clone());
        tokio::spawn(async move {
            token.canceled().await;
            report.send(seen).unwrap();
        });
        std::future::pending().await
    }

    async fn echo(&self, params: trial::EchoParams, _: trial::EchoResults) -> Result<(), Error> {
        let (token, report) = (params.cancellation_token(), self.0.clone());
        tokio::spawn(async move {
            settle().await;
            assert!(!token.is_canceled(), "it has returned");
            // The call has ended, and this asks too late.
            report.send(params.cancellation_token()).unwrap();
        });
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_method_has_started_learns_that_the_call_is_canceled() {
    let (report, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let link = join(ONE_WAY, new_client::<trial::Client, _>(Delegating(report)));
    let trial: trial::Client = link.client.bootstrap();
    let call = trial.hang_request().send();
    settle().await;
    assert!(reports.try_recv().is_err());
    drop(call);
    assert!(reports.recv().await.unwrap().is_canceled());
    trial.echo_request().send().promise.await.unwrap();
    assert!(reports.recv().await.unwrap().is_canceled());
    // Losing the caller is the same.
    let call = trial.hang_request().send();
    settle().await;
    link.client.close(Error::disconnected("gone"));
    assert!(call.promise.await.is_err());
    assert!(reports.recv().await.unwrap().is_canceled());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_promise_of_a_pipelined_call_does_not_cancel_it() {
    let link = join(ONE_WAY, trial_client());
    let next = link
        .client
        .bootstrap::<trial::Client>()
        .next_request()
        .send()
        .pipeline
        .get_trial();
    settle().await;
    assert_eq!(echo(&next, "here").await.unwrap(), "here");
}

#[tokio::test(start_paused = true)]
async fn when_the_link_is_cut_every_call_fails() {
    let link = join(ONE_WAY, trial_client());
    let trial: trial::Client = link.client.bootstrap();
    let hanging = trial.hang_request().send();
    let pipelined = trial.next_request().send().pipeline.get_trial();
    let closed = link.client.closed();
    link.client
        .disconnected(Error::disconnected("the cable was pulled"));
    let error = hanging.promise.await.err().unwrap();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ErrorKind::Disconnected, "the cable was pulled")
    );
    for client in [trial, pipelined, link.client.bootstrap()] {
        let error = echo(&client, "anyone?").await.unwrap_err();
        assert_eq!(
            (error.kind, error.reason.as_str()),
            (ErrorKind::Disconnected, "the cable was pulled")
        );
    }
    assert_eq!(closed.await.reason, "the cable was pulled");
}

#[tokio::test(start_paused = true)]
async fn closing_tells_the_peer_the_reason() {
    let observed = Arc::<Observed>::default();
    let link = join(
        ONE_WAY,
        new_client::<trial::Client, _>(TrialServer::new(&observed)),
    );
    let call = link
        .client
        .bootstrap::<trial::Client>()
        .hang_request()
        .send();
    settle().await;
    link.client.close(Error::disconnected("going home"));
    let reason = link.server.closed().await;
    assert!(reason.reason.contains("going home"), "{reason}");
    assert!(call.promise.await.is_err());
    settle().await;
    assert_eq!(
        (observed.hanging(), observed.alive()),
        (0, 0),
        "what only the client used is gone"
    );
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_message_end_the_connection_and_not_the_server() {
    let runtime = runtime();
    let bootstrap: trial::Client = runtime.new_client(TrialServer::new(&Arc::default()));
    let connection = runtime.connect(ConnectOptions::default().with_bootstrap(bootstrap.clone()));
    connection.handle_frame(vec![0xff; 24]);
    let reason = connection.closed().await;
    assert_eq!(reason.kind, ErrorKind::Failed);
    assert!(connection.next_frame().await.is_some(), "the peer is told");
    assert!(connection.next_frame().await.is_none());
    assert_eq!(
        echo(&bootstrap, "still there").await.unwrap(),
        "still there"
    );
}

#[tokio::test(start_paused = true)]
async fn calling_what_a_server_left_unset_fails_clearly() {
    let link = join(ONE_WAY, trial_client());
    let call = link
        .client
        .bootstrap::<trial::Client>()
        .nothing_request()
        .send();
    let early = call.pipeline.get_trial();
    let response = call.promise.await.unwrap();
    assert!(!response.get().unwrap().has_trial());
    for client in [
        early,
        call.pipeline.get_trial(),
        response.get().unwrap().get_trial().unwrap(),
    ] {
        let error = echo(&client, "anyone?").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Failed);
        assert!(
            error.reason.contains("null")
                || error.reason.contains("no capability")
                || error.reason.contains("do not have"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_begin_in_the_order_they_were_made() {
    let observed = Arc::<Observed>::default();
    let link = join(
        Duration::ZERO,
        new_client::<trial::Client, _>(TrialServer::new(&observed)),
    );
    let trial: trial::Client = link.client.bootstrap();
    let mut promises = Vec::new();
    for number in 0..1000 {
        let mut request = trial.numbered_request();
        request.get().set_number(number);
        promises.push(request.send().promise);
    }
    for promise in promises {
        promise.await.unwrap();
    }
    assert_eq!(
        *observed.numbers.lock().unwrap(),
        (0..1000).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_can_be_used_from_any_thread() {
    let link = join(Duration::ZERO, trial_client());
    let trial: trial::Client = link.client.bootstrap();
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let trial = trial.clone();
            tokio::spawn(async move {
                for call in 0..50 {
                    let text = format!("{task}/{call}");
                    assert_eq!(echo(&trial, &text).await.unwrap(), text);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stats = link.client.stats().unwrap();
    assert_eq!(stats.questions, 0);
}

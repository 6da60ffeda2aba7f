//! Clients that can be cut off, that pass a membrane, and that find their way back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capstan_rpc::{
    BoxFuture, ConnectOptions, Error, ErrorKind, Membrane, membrane, new_client, reconnecting,
    revocable,
};
use tokio::time::Instant;

use crate::link::{join, join_runtimes, runtime, settle};
use crate::server::{Ear, Observed, TrialServer, trial_client};
use crate::trial_capnp::trial;

const ONE_WAY: Duration = Duration::from_millis(50);

async fn echo(trial: &trial::Client, text: &str) -> Result<String, Error> {
    let mut request = trial.echo_request();
    request.get().set_text(text);
    let response = request.send().promise.await?;
    Ok(response.get()?.get_text()?.to_string()?)
}

#[tokio::test(start_paused = true)]
async fn a_revoked_client_is_cut_off_with_all_that_came_through_it() {
    let (lent, revoker) = revocable(trial_client());
    let link = join(ONE_WAY, lent);
    let trial: trial::Client = link.client.bootstrap();
    assert_eq!(echo(&trial, "lent").await.unwrap(), "lent");
    let next = trial.next_request().send().promise.await.unwrap();
    let next = next.get().unwrap().get_trial().unwrap();
    assert_eq!(echo(&next, "too").await.unwrap(), "too");
    let hanging = tokio::spawn(trial.hang_request().send().promise);
    settle().await;
    assert!(!hanging.is_finished());
    revoker.revoke(Error::failed("the time is up"));
    assert_eq!(
        hanging.await.unwrap().err().unwrap().reason,
        "the time is up"
    );
    for client in [&trial, &next] {
        assert_eq!(echo(client, "").await.unwrap_err().reason, "the time is up");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_revoked_is_not_held_on_to() {
    let observed = Arc::<Observed>::default();
    let (lent, revoker) = revocable(new_client::<trial::Client, _>(TrialServer::new(&observed)));
    let link = join(ONE_WAY, lent);
    let trial: trial::Client = link.client.bootstrap();
    let next = trial.next_request().send().pipeline.get_trial();
    assert_eq!(echo(&next, "too").await.unwrap(), "too");
    settle().await;
    assert_eq!(observed.alive(), 2);
    revoker.revoke(Error::failed("the time is up"));
    settle().await;
    assert_eq!(observed.alive(), 0);
    for client in [&trial, &next] {
        assert_eq!(echo(client, "").await.unwrap_err().reason, "the time is up");
    }
}

/// Ends when it is told to.
struct Ending(tokio::sync::watch::Sender<bool>);

impl Membrane for Ending {
    fn check(&self, _inward: bool, _interface_id: u64, _method_id: u16) -> Result<(), Error> {
        Ok(())
    }

    fn ended(&self) -> BoxFuture<Error> {
        let mut told = self.0.subscribe();
        Box::pin(async move {
            match told.wait_for(|ended| *ended).await {
                Ok(_) => Error::failed("closing time"),
                Err(_) => Error::failed("the membrane is gone"),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_an_ended_membrane_is_not_held_on_to() {
    let observed = Arc::<Observed>::default();
    let ending = Arc::new(Ending(tokio::sync::watch::Sender::new(false)));
    let lent = new_client::<trial::Client, _>(TrialServer::new(&observed));
    let link = join(ONE_WAY, membrane(lent, ending.clone()));
    let trial: trial::Client = link.client.bootstrap();
    let next = trial.next_request().send().pipeline.get_trial();
    assert_eq!(echo(&next, "too").await.unwrap(), "too");
    settle().await;
    assert_eq!(observed.alive(), 2);
    ending.0.send(true).unwrap();
    settle().await;
    assert_eq!(observed.alive(), 0);
    for client in [&trial, &next] {
        assert_eq!(echo(client, "").await.unwrap_err().reason, "closing time");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_end_of_a_membrane_that_is_not_in_use() {
    let ending = Arc::new(Ending(tokio::sync::watch::Sender::new(false)));
    let link = join(ONE_WAY, membrane(trial_client(), ending.clone()));
    let trial: trial::Client = link.client.bootstrap();
    assert_eq!(echo(&trial, "once").await.unwrap(), "once");
    settle().await;
    assert_eq!(ending.0.receiver_count(), 1);
    drop(trial);
    link.client.close(Error::disconnected("done"));
    drop(link);
    settle().await;
    assert_eq!(ending.0.receiver_count(), 0);
}

/// Lets through what is short enough in either direction.
#[derive(Default)]
struct Border {
    calls: Mutex<Vec<bool>>,
    closed_outward: bool,
}

impl Membrane for Border {
    fn check(&self, inward: bool, _interface_id: u64, _method_id: u16) -> Result<(), Error> {
        self.calls.lock().unwrap().push(inward);
        if !inward && self.closed_outward {
            return Err(Error::failed("nothing gets out"));
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_membrane_sees_calls_in_both_directions() {
    for closed_outward in [false, true] {
        let border = Arc::new(Border {
            closed_outward,
            ..Border::default()
        });
        let link = join(ONE_WAY, membrane(trial_client(), border.clone()));
        let trial: trial::Client = link.client.bootstrap();
        let mut request = trial.notify_request();
        request.get().set_listener(new_client(Ear("outside")));
        request.get().set_text("a word");
        let answer = request.send().promise.await;
        if closed_outward {
            assert_eq!(answer.err().unwrap().reason, "nothing gets out");
        } else {
            let answer = answer.unwrap();
            assert_eq!(
                answer.get().unwrap().get_answer().unwrap(),
                "outside heard a word"
            );
        }
        assert_eq!(*border.calls.lock().unwrap(), [true, false]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reconnecting_client_connects_again_and_repeats_nothing() {
    let connected = Arc::new(AtomicUsize::new(0));
    let handles = Arc::new(Mutex::new(Vec::new()));
    let trial: trial::Client = reconnecting({
        let (connected, handles) = (connected.clone(), handles.clone());
        move || {
            let number = connected.fetch_add(1, Ordering::SeqCst);
            let handles = handles.clone();
            async move {
                if number == 1 {
                    return Err(Error::disconnected("nobody answers"));
                }
                let link = join(ONE_WAY, trial_client());
                handles.lock().unwrap().push(link.server.clone());
                Ok((link.client.bootstrap::<trial::Client>(), link))
            }
        }
    });
    assert_eq!(connected.load(Ordering::SeqCst), 0, "nobody has called");
    assert_eq!(echo(&trial, "one").await.unwrap(), "one");
    assert_eq!(echo(&trial, "two").await.unwrap(), "two");
    assert_eq!(connected.load(Ordering::SeqCst), 1);
    let hanging = tokio::spawn(trial.hang_request().send().promise);
    settle().await;
    handles.lock().unwrap()[0].close(Error::disconnected("restarting"));
    let error = hanging.await.unwrap().err().unwrap();
    assert_eq!(error.kind, ErrorKind::Disconnected);
    assert_eq!(connected.load(Ordering::SeqCst), 1, "nothing is repeated");
    // The server is not back yet, then it is.
    let error = echo(&trial, "three").await.unwrap_err();
    assert_eq!(error.reason, "nobody answers");
    assert_eq!(echo(&trial, "four").await.unwrap(), "four");
    assert_eq!(connected.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reconnecting_client_of_a_runtime_makes_calls_that_nobody_waits_for() {
    let observed = Arc::<Observed>::default();
    let server = observed.clone();
    let reconnecting: trial::Client = reconnecting(move || {
        let link = join(
            ONE_WAY,
            new_client::<trial::Client, _>(TrialServer::new(&server)),
        );
        async move { Ok((link.client.bootstrap::<trial::Client>(), link)) }
    });
    let trial = runtime().adopt(reconnecting);
    let call = trial.hang_request().send();
    settle().await;
    assert_eq!(observed.hanging(), 1);
    drop(call);
    settle().await;
    assert_eq!(observed.hanging(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dependent_chain_through_a_reconnecting_client_is_one_round_trip() {
    let home = runtime();
    let connecting = home.clone();
    let trial = home.adopt(reconnecting(move || {
        let options = ConnectOptions::default();
        let link = join_runtimes(ONE_WAY, &connecting, options, trial_client());
        async move { Ok((link.client.bootstrap::<trial::Client>(), link)) }
    }));
    for connected in [false, true] {
        let start = Instant::now();
        let next = trial.next_request().send().pipeline.get_trial();
        let last = next.next_request().send().pipeline.get_trial();
        assert_eq!(echo(&last, "far").await.unwrap(), "far");
        assert_eq!(start.elapsed(), 2 * ONE_WAY, "connected: {connected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_through_a_border_is_canceled_at_its_object() {
    let observed = Arc::<Observed>::default();
    let (lent, _revoker) = revocable(new_client::<trial::Client, _>(TrialServer::new(&observed)));
    let link = join(ONE_WAY, lent);
    let call = link
        .client
        .bootstrap::<trial::Client>()
        .hang_request()
        .send();
    settle().await;
    assert_eq!(observed.hanging(), 1);
    drop(call);
    settle().await;
    assert_eq!(observed.hanging(), 0);
}

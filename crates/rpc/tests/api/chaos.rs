//! Everything at once, from many threads.

use std::sync::Arc;
use std::time::Duration;

use capstan_rpc::{ConnectionHandle, Error, new_client};

use crate::link::join;
use crate::server::{Ear, Observed, TrialServer};
use crate::trial_capnp::trial;

const TASKS: u64 = 8;
const STEPS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_drops_and_streams_from_many_threads_leave_nothing_behind() {
    let observed = Arc::<Observed>::default();
    let link = join(
        Duration::ZERO,
        new_client::<trial::Client, _>(TrialServer::new(&observed)),
    );
    let trial: trial::Client = link.client.bootstrap();
    let tasks: Vec<_> = (1..=TASKS)
        .map(|seed| tokio::spawn(act(seed, trial.clone())))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    drop(trial);
    // Last messages may still be under way when the last call has returned.
    let mut left = String::new();
    for _ in 0..1000 {
        left = what_is_left(&link.client, &link.server, &observed);
        if left.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("something was left behind: {left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_without_a_connection() {
    let observed = Arc::<Observed>::default();
    let trial: trial::Client = new_client(TrialServer::new(&observed));
    let tasks: Vec<_> = (1..=TASKS)
        .map(|seed| tokio::spawn(act(seed, trial.clone())))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    // What was dropped unanswered goes on while someone waits for something.
    let last = trial.echo_request().send();
    last.promise.await.unwrap();
    drop(trial);
    assert_eq!(observed.hanging(), 0);
}

async fn act(seed: u64, trial: trial::Client) -> Result<(), Error> {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut kept = vec![trial.clone()];
    for step in 0..STEPS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let target = kept[random as usize % kept.len()].clone();
        match random >> 32 & 7 {
            0 => {
                let mut request = target.echo_request();
                request.get().set_text(step.to_string());
                assert_eq!(
                    request.send().promise.await?.get()?.get_text()?,
                    step.to_string().as_str()
                );
            }
            1 => kept.push(target.next_request().send().pipeline.get_trial()),
            2 => kept.push(
                target
                    .next_request()
                    .send()
                    .promise
                    .await?
                    .get()?
                    .get_trial()?,
            ),
            3 => {
                let call = target.hang_request().send();
                if random & 0x100 == 0 {
                    tokio::task::yield_now().await;
                }
                drop(call);
            }
            4 => {
                let mut request = target.notify_request();
                request.get().set_listener(new_client(Ear("I")));
                request.get().set_text("it");
                let call = request.send();
                if random & 0x100 == 0 {
                    assert_eq!(call.promise.await?.get()?.get_answer()?, "I heard it");
                }
            }
            5 => {
                let sink = target.open_request().send().pipeline.get_sink();
                for _ in 0..random >> 16 & 31 {
                    let mut request = sink.write_request();
                    request.get().set_chunk([1; 3000]);
                    request.send().await?;
                }
                sink.end_request().send().promise.await?;
            }
            6 => drop(target.echo_request().send()),
            _ => {
                kept.swap_remove(random as usize % kept.len());
                if kept.is_empty() {
                    kept.push(trial.clone());
                }
            }
        }
    }
    Ok(())
}

fn what_is_left(
    client: &ConnectionHandle,
    server: &ConnectionHandle,
    observed: &Observed,
) -> String {
    let mut left = String::new();
    for (name, end) in [("client", client), ("server", server)] {
        let stats = end.stats().unwrap();
        if (
            stats.questions,
            stats.answers,
            stats.imports,
            stats.exports,
            stats.in_flight_bytes,
        ) != (0, 0, 0, 0, 0)
        {
            left += &format!("{name}: {stats:?} ");
        }
    }
    // The bootstrap object stays.
    if (observed.alive(), observed.hanging()) != (1, 0) {
        left += &format!(
            "{} objects, {} hanging calls",
            observed.alive(),
            observed.hanging()
        );
    }
    left
}

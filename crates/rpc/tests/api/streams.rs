//! Streaming calls: backpressure, order, errors.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use capstan_rpc::flow::FlowControl;
use capstan_rpc::{ConnectOptions, Error, ErrorKind, FromClient, StreamingSend, new_client};
use tokio::sync::Semaphore;

use crate::link::{Link, join_with, settle};
use crate::server::{Sink, SinkState, TrialServer};
use crate::trial_capnp::{streaming_byte_sink, trial};

const ONE_WAY: Duration = Duration::from_millis(50);
const CHUNK_BYTES: usize = 8 * 1024;
const WINDOW_BYTES: u64 = 64 * 1024;

fn open(state: &Arc<SinkState>, client: ConnectOptions) -> (Link, streaming_byte_sink::Client) {
    let bootstrap: trial::Client = new_client(TrialServer::with_sink(&Arc::default(), state));
    let link = join_with(
        ONE_WAY,
        client,
        ConnectOptions::default().with_bootstrap(bootstrap),
    );
    let sink = link
        .client
        .bootstrap::<trial::Client>()
        .open_request()
        .send()
        .pipeline
        .get_sink();
    (link, sink)
}

fn write(sink: &streaming_byte_sink::Client, fill: u8) -> StreamingSend {
    let mut request = sink.write_request();
    request.get().set_chunk([fill; CHUNK_BYTES]);
    request.send()
}

async fn end(sink: &streaming_byte_sink::Client) -> Result<u64, Error> {
    Ok(sink.end_request().send().promise.await?.get()?.get_total())
}

/// Whether the future is done without the passing of time.
async fn is_ready(send: &mut StreamingSend) -> bool {
    tokio::time::timeout(Duration::ZERO, send).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn writes_wait_exactly_while_the_window_is_full() {
    let state = Arc::new(SinkState {
        permits: Semaphore::new(0),
        ..SinkState::default()
    });
    let options = ConnectOptions {
        flow_control: FlowControl::Fixed(WINDOW_BYTES),
        ..ConnectOptions::default()
    };
    let (link, sink) = open(&state, options);
    let mut sent = 0;
    let mut waiting = loop {
        let mut send = write(&sink, 1);
        sent += 1;
        assert!(sent < 1000, "nothing ever waited");
        if !is_ready(&mut send).await {
            break send;
        }
    };
    // Ready while in flight < window + largest: one more chunk than fits the window.
    let framed_bytes = link.client.stats().unwrap().in_flight_bytes / sent;
    assert!(
        framed_bytes > CHUNK_BYTES as u64 && framed_bytes < CHUNK_BYTES as u64 + 512,
        "{framed_bytes}"
    );
    assert_eq!(sent, (WINDOW_BYTES + framed_bytes).div_ceil(framed_bytes));
    settle().await;
    assert!(
        !is_ready(&mut waiting).await,
        "nothing was acknowledged, so nothing may go on"
    );
    assert_eq!(state.writes.load(Ordering::SeqCst), 0);

    state.permits.add_permits(1);
    tokio::time::timeout(2 * ONE_WAY, &mut waiting)
        .await
        .expect("one acknowledgement opens the window")
        .unwrap();
    let mut next = write(&sink, 1);
    assert!(!is_ready(&mut next).await, "for one chunk only");

    state.permits.add_permits(1_000_000);
    next.await.unwrap();
    assert_eq!(end(&sink).await.unwrap(), (sent + 1) * CHUNK_BYTES as u64);
}

#[tokio::test(start_paused = true)]
async fn a_larger_window_lets_more_be_in_flight() {
    let state = Arc::new(SinkState {
        permits: Semaphore::new(0),
        ..SinkState::default()
    });
    let (link, sink) = open(&state, ConnectOptions::default());
    link.client.set_window_size(4 * WINDOW_BYTES);
    let mut sent = 0_u64;
    while is_ready(&mut write(&sink, 1)).await {
        sent += 1;
        assert!(sent < 1000, "nothing ever waited");
    }
    assert!((31..=34).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn everything_arrives_in_order_one_write_at_a_time() {
    let state = Arc::new(SinkState {
        write_takes: Duration::from_millis(3),
        ..SinkState::default()
    });
    let (_link, sink) = open(&state, ConnectOptions::default());
    for fill in 0..100 {
        write(&sink, fill).await.unwrap();
    }
    assert_eq!(
        end(&sink).await.unwrap(),
        100 * CHUNK_BYTES as u64,
        "end() came after every write"
    );
    let received = state.received.lock().unwrap();
    assert!(
        received
            .chunks(CHUNK_BYTES)
            .zip(0_u8..)
            .all(|(chunk, fill)| chunk.iter().all(|byte| *byte == fill))
    );
    assert_eq!(state.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn end_never_overtakes_writes_that_nobody_waited_for() {
    let state = Arc::new(SinkState {
        write_takes: Duration::from_millis(3),
        ..SinkState::default()
    });
    let (_link, sink) = open(&state, ConnectOptions::default());
    for _ in 0..20 {
        // Dropping the future does not cancel the write.
        drop(write(&sink, 7));
    }
    assert_eq!(end(&sink).await.unwrap(), 20 * CHUNK_BYTES as u64);
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_fails_everything_after_it() {
    let state = Arc::new(SinkState {
        fail_at_write: Some(2),
        ..SinkState::default()
    });
    let (_link, sink) = open(&state, ConnectOptions::default());
    for _ in 0..5 {
        write(&sink, 1).await.unwrap();
    }
    let error = end(&sink).await.unwrap_err();
    assert!(error.reason.contains("the disk is full"), "{error}");
    let error = write(&sink, 1).await.unwrap_err();
    assert!(error.reason.contains("the disk is full"), "{error}");
    assert!(
        end(&sink)
            .await
            .unwrap_err()
            .reason
            .contains("the disk is full")
    );
    settle().await;
    assert_eq!(
        state.received.lock().unwrap().len(),
        2 * CHUNK_BYTES,
        "nothing was written after the failure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_waiting_write_learns_of_the_failure() {
    let state = Arc::new(SinkState {
        permits: Semaphore::new(0),
        fail_at_write: Some(0),
        ..SinkState::default()
    });
    let (_link, sink) = open(&state, ConnectOptions::default());
    let mut waiting = write(&sink, 1);
    while is_ready(&mut waiting).await {
        waiting = write(&sink, 1);
    }
    state.permits.add_permits(1_000_000);
    assert!(
        waiting
            .await
            .unwrap_err()
            .reason
            .contains("the disk is full")
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_never_waits_is_stopped() {
    let state = Arc::new(SinkState {
        permits: Semaphore::new(0),
        ..SinkState::default()
    });
    let options = ConnectOptions {
        stream_backlog_bytes: 40 * CHUNK_BYTES as u64,
        ..ConnectOptions::default()
    };
    let (link, sink) = open(&state, options);
    let mut sends: Vec<_> = (0..100).map(|_| write(&sink, 1)).collect();
    let error = sends.pop().unwrap().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Overloaded);
    assert!(link.client.stats().unwrap().in_flight_bytes <= 41 * CHUNK_BYTES as u64);
    assert_eq!(end(&sink).await.unwrap_err().kind, ErrorKind::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn when_the_link_is_cut_a_waiting_write_fails_and_the_server_knows_that_no_end_came() {
    let state = Arc::new(SinkState {
        permits: Semaphore::new(3),
        ..SinkState::default()
    });
    let (link, sink) = open(&state, ConnectOptions::default());
    let mut waiting = write(&sink, 1);
    while is_ready(&mut waiting).await {
        waiting = write(&sink, 1);
    }
    link.client
        .disconnected(Error::disconnected("the cable was pulled"));
    link.server
        .disconnected(Error::disconnected("the cable was pulled"));
    let error = waiting.await.unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ErrorKind::Disconnected, "the cable was pulled")
    );
    assert_eq!(end(&sink).await.unwrap_err().kind, ErrorKind::Disconnected);
    settle().await;
    assert_eq!(
        Arc::strong_count(&state),
        1,
        "the sink and the object that made it were dropped"
    );
}

#[tokio::test(start_paused = true)]
async fn streams_work_without_any_connection() {
    let state = Arc::new(SinkState {
        write_takes: Duration::from_millis(1),
        ..SinkState::default()
    });
    let sink: streaming_byte_sink::Client = new_client(Sink {
        state: state.clone(),
    });
    for fill in 0..50 {
        write(&sink, fill).await.unwrap();
    }
    assert_eq!(end(&sink).await.unwrap(), 50 * CHUNK_BYTES as u64);
    assert_eq!(state.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_the_window_that_was_chosen_for_it_alone() {
    let state = Arc::new(SinkState::default());
    let (_link, sink) = open(&state, ConnectOptions::default());
    let window = || {
        let stats = sink.as_client().stream_stats();
        stats.map(|stats| (stats.window_bytes, stats.mode.is_none()))
    };
    sink.as_client()
        .set_flow_control(FlowControl::Fixed(WINDOW_BYTES));
    assert_eq!(window(), Some((WINDOW_BYTES, true)));
    // Now it is known where it leads.
    settle().await;
    tokio::time::sleep(10 * ONE_WAY).await;
    assert_eq!(window(), Some((WINDOW_BYTES, true)));
    sink.as_client().set_flow_control(FlowControl::Adaptive);
    assert_eq!(window().map(|(_, fixed)| fixed), Some(false));
}

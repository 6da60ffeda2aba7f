//! Dynamic clients of generated servers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use capstan_rpc::dynamic::schema::dynamic::Value;
use capstan_rpc::dynamic::schema::json;
use capstan_rpc::dynamic::{Client, Response};
use capstan_rpc::{ConnectOptions, ErrorKind, StreamingSend, new_client};
use serde::de::DeserializeSeed;
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant, timeout};

use crate::link::{Link, join, join_with};
use crate::server::{Ear, SinkState, TrialServer, trial_client};
use crate::trial_capnp::trial::{listener, louder};
use crate::{ONE_WAY, trial};

fn connect() -> (Link, Client) {
    let link = join(ONE_WAY, trial_client());
    let client = trial("Trial").client(link.client.bootstrap());
    (link, client)
}

fn json(response: &Response) -> String {
    json::write(&response.get().unwrap(), false).unwrap()
}

#[tokio::test(start_paused = true)]
async fn params_come_from_values_from_json_and_from_serde() {
    let (_link, client) = connect();
    let mut request = client.request("echo").unwrap();
    let text = Value::Text("by hand".into());
    request.get().unwrap().set("text", text).unwrap();
    let response = request.send().promise.await.unwrap();
    assert_eq!(json(&response), r#"{"text":"by hand"}"#);
    match response.get().unwrap().get_named("text").unwrap() {
        Some(Value::Text(text)) => assert_eq!(text, "by hand"),
        other => panic!("{other:?}"),
    }

    let mut request = client.request("echo").unwrap();
    json::read(r#"{"text": "JSON"}"#, request.get().unwrap()).unwrap();
    let response = request.send().promise.await.unwrap();
    assert_eq!(json(&response), r#"{"text":"JSON"}"#);

    let mut request = client.request("echo").unwrap();
    let value = serde_json::json!({ "text": "serde" });
    request.get().unwrap().deserialize(value.clone()).unwrap();
    let response = request.send().promise.await.unwrap();
    assert_eq!(
        serde_json::to_value(response.get().unwrap()).unwrap(),
        value
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_filled_in_stays_when_more_is() {
    let (_link, client) = connect();
    let ear = new_client::<listener::Client, _>(Ear("one"));
    let mut request = client.request("notify").unwrap();
    request
        .get()
        .unwrap()
        .set_capability("listener", ear)
        .unwrap();
    json::read(r#"{"text": "a bell"}"#, request.get().unwrap()).unwrap();
    let response = request.send().promise.await.unwrap();
    assert_eq!(json(&response), r#"{"answer":"one heard a bell"}"#);
}

#[tokio::test(start_paused = true)]
async fn calls_on_results_that_are_not_here_take_one_round_trip() {
    let (_link, client) = connect();
    let start = Instant::now();
    let next = client.request("next").unwrap().send();
    let deep = next.pipeline.client("deep.inside.trial").unwrap();
    assert_eq!(deep.interface().name(), "trial.capnp:Trial");
    let sink = deep.request("open").unwrap().send();
    let sink = sink.pipeline.client("sink").unwrap();
    let mut write = sink.streaming_request("write").unwrap();
    let chunk = Value::Data(&[7; 5]);
    write.get().unwrap().set("chunk", chunk).unwrap();
    write.send().await.unwrap();
    let end = sink.request("end").unwrap().send().promise.await.unwrap();
    assert_eq!(json(&end), r#"{"total":"5"}"#);
    assert_eq!(start.elapsed().as_millis(), 2 * ONE_WAY.as_millis());

    // The same capability, taken from the results.
    let response = next.promise.await.unwrap();
    let deep = response.client("deep.inside.trial").unwrap();
    let mut request = deep.request("echo").unwrap();
    json::read(r#"{"text": "here"}"#, request.get().unwrap()).unwrap();
    assert_eq!(
        json(&request.send().promise.await.unwrap()),
        r#"{"text":"here"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn streamed_calls_wait_exactly_while_the_window_is_full() {
    const WINDOW_BYTES: u64 = 64 * 1024;
    let state = Arc::new(SinkState {
        permits: Semaphore::new(0),
        ..SinkState::default()
    });
    let server = TrialServer::with_sink(&Arc::default(), &state);
    let bootstrap = new_client::<crate::trial_capnp::trial::Client, _>(server);
    let options = ConnectOptions::default().with_bootstrap(bootstrap);
    let link = join_with(ONE_WAY, ConnectOptions::default(), options);
    link.client.set_window_size(WINDOW_BYTES);
    let open = trial("Trial").client(link.client.bootstrap());
    let open = open.request("open").unwrap().send();
    let sink = open.pipeline.client("sink").unwrap();

    let chunk = [1; 8 * 1024];
    let write = || -> StreamingSend {
        let mut request = sink.streaming_request("write").unwrap();
        let mut params = request.get().unwrap();
        params.set("chunk", Value::Data(&chunk)).unwrap();
        request.send()
    };
    let mut sent = 0;
    let waiting = loop {
        let mut send = write();
        sent += 1;
        assert!(sent < 1000, "nothing ever waited");
        if timeout(Duration::ZERO, &mut send).await.is_err() {
            break send;
        }
    };
    let call_bytes = link.client.stats().unwrap().in_flight_bytes / sent;
    assert_eq!(sent, (WINDOW_BYTES + call_bytes).div_ceil(call_bytes));
    assert_eq!(state.writes.load(Ordering::SeqCst), 0);
    state.permits.add_permits(1000);
    waiting.await.unwrap();
    let end = sink.request("end").unwrap().send().promise.await.unwrap();
    assert_eq!(
        json(&end),
        format!(r#"{{"total":"{}"}}"#, sent * chunk.len() as u64)
    );
    assert_eq!(state.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_reports_the_error_of_a_streamed_call() {
    let state = Arc::new(SinkState {
        fail_at_write: Some(1),
        ..SinkState::default()
    });
    let server = TrialServer::with_sink(&Arc::default(), &state);
    let link = join(
        ONE_WAY,
        new_client::<crate::trial_capnp::trial::Client, _>(server),
    );
    let trial = trial("Trial").client(link.client.bootstrap());
    let open = trial.request("open").unwrap().send();
    let sink = open.pipeline.client("sink").unwrap();
    for _ in 0..3 {
        let write = sink.streaming_request("write").unwrap();
        write.send().await.unwrap();
    }
    let end = sink.request("end").unwrap().send().promise.await;
    assert_eq!(end.map(drop).unwrap_err().reason, "the disk is full");
}

#[tokio::test(start_paused = true)]
async fn inherited_methods_are_found_by_name() {
    let link = join(ONE_WAY, new_client::<louder::Client, _>(Ear("it")));
    let louder = trial("Trial.Louder").client(link.client.bootstrap());
    let names: Vec<String> = louder.interface().methods().iter().map(describe).collect();
    assert_eq!(
        names,
        [
            "trial.capnp:Trial.Louder.shout@0",
            "trial.capnp:Trial.Listener.hear@0"
        ]
    );
    for (method, expected) in [
        ("shout", r#"{"answer":"HO"}"#),
        ("hear", r#"{"answer":"it heard ho"}"#),
    ] {
        let mut request = louder.request(method).unwrap();
        json::read(r#"{"text": "ho"}"#, request.get().unwrap()).unwrap();
        assert_eq!(json(&request.send().promise.await.unwrap()), expected);
    }
}

fn describe(method: &capstan_rpc::dynamic::Method) -> String {
    let (interface, name) = (method.interface().name(), method.name());
    format!("{interface}.{name}@{}", method.ordinal())
}

#[tokio::test(start_paused = true)]
async fn exceptions_and_absent_capabilities_are_the_callers_to_see() {
    let (_link, client) = connect();
    let mut request = client.request("fail").unwrap();
    json::read(r#"{"reason": "no"}"#, request.get().unwrap()).unwrap();
    let error = request.send().promise.await.map(drop).unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ErrorKind::Failed, "no")
    );

    let response = client.request("nothing").unwrap().send().promise.await;
    let response = response.unwrap();
    match response.get().unwrap().get_named("trial").unwrap() {
        Some(Value::Capability(absent)) => assert!(absent.is_null()),
        other => panic!("{other:?}"),
    }
    let absent = response.client("trial").unwrap();
    let error = absent.request("hang").unwrap().send().promise.await;
    let error = error.map(drop).unwrap_err();
    assert!(error.reason.contains("null capability"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn wrong_names_are_refused_with_those_that_there_are() {
    let (_link, client) = connect();
    let error = client.request("ecko").map(drop).unwrap_err();
    assert_eq!(
        error.reason,
        "trial.capnp:Trial has no method 'ecko'; it has echo, fail, panic, hang, next, notify, open, \
         nothing, numbered, unwritten"
    );
    let error = client.streaming_request("echo").map(drop).unwrap_err();
    assert_eq!(
        error.reason,
        "echo of trial.capnp:Trial is not a streaming method: begin it with `request`"
    );
    let sink = trial("StreamingByteSink").client(client.as_client().clone());
    let error = sink.request("write").map(drop).unwrap_err();
    assert_eq!(
        error.reason,
        "write of trial.capnp:StreamingByteSink is a streaming method: begin it with `streaming_request`"
    );

    let next = client.request("next").unwrap().send();
    let refused = |path| next.pipeline.client(path).map(drop).unwrap_err().reason;
    assert_eq!(
        refused("deep.outside.trial"),
        "Deep has no field 'outside'; it has inside"
    );
    assert_eq!(
        refused("trial.deep"),
        "what comes before 'deep' in 'trial.deep' is no struct"
    );
    assert_eq!(
        refused("deep"),
        "the field 'deep' is not for capabilities of an interface"
    );
    let response = next.promise.await.unwrap();
    let refused = |path| response.client(path).map(drop).unwrap_err().reason;
    assert_eq!(
        refused("deep.outside.trial"),
        "Deep has no field 'outside'; it has inside"
    );
    assert_eq!(
        refused("trial.deep"),
        "what comes before 'deep' in 'trial.deep' is no struct"
    );
    assert_eq!(
        refused("deep"),
        "the field 'deep' is not for capabilities of an interface"
    );

    let mut request = client.request("echo").unwrap();
    let mut params = request.get().unwrap();
    let error = params.set_capability("text", client.into_client());
    assert_eq!(
        error.unwrap_err().to_string(),
        "expected a value of type Text, found a capability"
    );
    let schema = trial("Trial").schema().clone();
    let missing = |path| capstan_rpc::dynamic::Interface::new(&schema, path).unwrap_err();
    assert_eq!(
        missing("Trail").reason,
        "the schema has no interface 'Trail'"
    );
    assert_eq!(
        missing("Trial.Deep").reason,
        "'Trial.Deep' is not an interface"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_cancelled() {
    let observed = Arc::default();
    let server = TrialServer::new(&observed);
    let link = join(
        ONE_WAY,
        new_client::<crate::trial_capnp::trial::Client, _>(server),
    );
    let client = trial("Trial").client(link.client.bootstrap());
    let call = client.request("hang").unwrap().send();
    tokio::time::sleep(2 * ONE_WAY).await;
    assert_eq!(observed.hanging(), 1);
    drop(call);
    tokio::time::sleep(2 * ONE_WAY).await;
    assert_eq!(observed.hanging(), 0);
}

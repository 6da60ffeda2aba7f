//! Streamed calls: when there is room, in what order they are delivered, and what their failure means.

use capstan_rpc::vat::{
    Admission, CallId, ConnectionOptions, Event, Exception, ExceptionKind, FlowControl,
    IncomingCall, ObjectOptions,
};

use crate::bench::{CAP, END, Pair, WRITE, pair, params, plain, sink, text};

fn window(bytes: u64) -> ConnectionOptions {
    ConnectionOptions {
        flow_control: FlowControl::Fixed(bytes),
        ..ConnectionOptions::default()
    }
}

fn write(pair: &mut Pair, text: &str) -> Result<Admission, Exception> {
    let now = pair.net.now_micros;
    pair.net.vats[0].call_streaming(now, pair.client, params(WRITE, text, false), Vec::new())
}

fn in_flight(pair: &Pair) -> u64 {
    pair.net.vats[0]
        .stream_stats(pair.client)
        .unwrap()
        .in_flight_bytes
}

/// The streamed calls for which waiting ended, with what result.
fn ready(events: Vec<Event>) -> Vec<(CallId, Result<(), String>)> {
    let ready = events.into_iter().map(|event| match event {
        Event::StreamReady { call, result } => (call, result.map_err(|error| error.reason)),
        other => panic!("expected only StreamReady, got {other:?}"),
    });
    ready.collect()
}

#[test]
fn writes_are_admitted_until_the_window_and_one_largest_call_are_in_flight() {
    let mut pair = pair(
        ObjectOptions {
            concurrent: true,
            ..sink()
        },
        window(1000),
    );
    let text = "x".repeat(500);
    let mut admitted = 0;
    let waiting = loop {
        let admission = write(&mut pair, &text).unwrap();
        let stats = pair.net.vats[0].stream_stats(pair.client).unwrap();
        let room = stats.in_flight_bytes < stats.window_bytes + stats.largest_bytes;
        assert_eq!(admission == Admission::Ready, room, "{stats:?}");
        match admission {
            Admission::Ready => admitted += 1,
            Admission::Wait(call) => break call,
        }
    };
    assert!(admitted >= 1);
    pair.net.settle();
    let calls = pair.net.calls(1);
    assert_eq!(
        calls.len(),
        admitted + 1,
        "every call was sent when it was made"
    );
    assert!(
        pair.net.events(0).is_empty(),
        "pending while the Returns are held back"
    );

    // The first Return makes room.
    pair.net.answer(1, calls[0].answer, "", None);
    pair.net.settle();
    assert_eq!(ready(pair.net.events(0)), [(waiting, Ok(()))]);
    for call in &calls[1..] {
        pair.net.answer(1, call.answer, "", None);
    }
    pair.net.settle();
    assert_eq!(in_flight(&pair), 0);
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn what_counts_is_the_framed_call() {
    let mut pair = plain();
    pair.net.settle();
    write(&mut pair, "0123456789").unwrap();
    let now = pair.net.now_micros;
    let frame = pair.net.vats[0].poll_transmit(pair.ends.0).unwrap();
    assert_eq!(in_flight(&pair), frame.len() as u64);
    pair.net.vats[1].handle_message(now, pair.ends.1, frame);
}

#[test]
fn a_pipelined_stream_keeps_its_window_when_the_promise_comes_true() {
    let mut pair = pair(Default::default(), window(1000));
    let make = pair.net.call(0, pair.client, END, "make", None);
    let promised = pair.net.vats[0].pipeline(make, CAP);
    let send = |pair: &mut Pair| {
        let now = pair.net.now_micros;
        let params = params(WRITE, &"x".repeat(900), false);
        pair.net.vats[0]
            .call_streaming(now, promised, params, Vec::new())
            .unwrap()
    };
    assert_eq!(send(&mut pair), Admission::Ready);
    let Admission::Wait(waiting) = send(&mut pair) else {
        panic!("the window is full")
    };
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    let (_, made) = pair.net.vats[1].add_object(sink());
    pair.net.answer(1, incoming.answer, "made", Some(made));
    pair.net.settle();
    let mut events = pair.net.events(0);
    let Some(Event::Return {
        result: Ok(payload),
        ..
    }) = events.pop()
    else {
        panic!("{events:?}")
    };
    assert!(events.is_empty(), "still full: {events:?}");
    let resolved = crate::bench::cap(&payload);
    assert!(
        pair.net.vats[0]
            .stream_stats(resolved)
            .unwrap()
            .in_flight_bytes
            > 1800
    );
    let first = pair.net.only_call(1);
    pair.net.answer(1, first.answer, "", None);
    pair.net.settle();
    assert_eq!(ready(pair.net.events(0)), [(waiting, Ok(()))]);
    let second = pair.net.only_call(1);
    pair.net.answer(1, second.answer, "", None);
    for cap in [resolved, promised, pair.client] {
        pair.net.release(0, cap);
    }
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn streamed_calls_are_delivered_one_at_a_time_and_end_never_overtakes() {
    let mut pair = pair(sink(), Default::default());
    for text in ["one", "two"] {
        write(&mut pair, text).unwrap();
    }
    pair.net.call(0, pair.client, END, "end", None);
    pair.net.settle();
    for expected in ["one", "two", "end"] {
        let call = pair.net.only_call(1);
        assert_eq!(text(&call.params), expected);
        pair.net.answer(1, call.answer, "", None);
    }
}

#[test]
fn an_object_can_opt_out_of_delivery_one_at_a_time() {
    let mut pair = pair(
        ObjectOptions {
            concurrent: true,
            ..sink()
        },
        Default::default(),
    );
    for text in ["one", "two", "three"] {
        write(&mut pair, text).unwrap();
    }
    pair.net.settle();
    assert_eq!(pair.net.calls(1).len(), 3);
}

#[test]
fn a_failed_write_fails_everything_after_it_at_both_ends() {
    let mut pair = pair(sink(), Default::default());
    write(&mut pair, "one").unwrap();
    write(&mut pair, "two").unwrap();
    let end = pair.net.call(0, pair.client, END, "end", None);
    pair.net.settle();
    let first = pair.net.only_call(1);
    pair.net.fail(1, first.answer, "disk full");
    assert!(
        pair.net.events(1).is_empty(),
        "nothing after the failure reaches the object"
    );
    pair.net.settle();
    let (returned, result) = pair.net.only_return(0);
    assert_eq!(
        (returned, result.unwrap_err().reason),
        (end, "disk full".into())
    );
    assert_eq!(write(&mut pair, "three").unwrap_err().reason, "disk full");
    pair.net.call(0, pair.client, END, "again", None);
    assert_eq!(pair.net.only_return(0).1.unwrap_err().reason, "disk full");
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn end_fails_after_a_failed_write_even_when_the_peer_forgot() {
    // The far object does not know that its method is a streaming one.
    let mut pair = plain();
    write(&mut pair, "one").unwrap();
    let end = pair.net.call(0, pair.client, END, "end", None);
    pair.net.settle();
    let calls: Vec<IncomingCall> = pair.net.calls(1);
    pair.net.fail(1, calls[0].answer, "disk full");
    pair.net.answer(1, calls[1].answer, "all is well", None);
    pair.net.settle();
    let (returned, result) = pair.net.only_return(0);
    assert_eq!(
        (returned, result.unwrap_err().reason),
        (end, "disk full".into())
    );
}

#[test]
fn a_waiting_write_fails_when_an_earlier_one_does() {
    let mut pair = pair(
        ObjectOptions {
            concurrent: true,
            ..sink()
        },
        window(1),
    );
    write(&mut pair, "one").unwrap();
    let Admission::Wait(waiting) = write(&mut pair, "two").unwrap() else {
        panic!("no window")
    };
    pair.net.settle();
    let calls = pair.net.calls(1);
    pair.net.fail(1, calls[0].answer, "disk full");
    pair.net.settle();
    assert_eq!(
        ready(pair.net.events(0)),
        [(waiting, Err("disk full".into()))]
    );
}

#[test]
fn a_disconnect_ends_the_waiting() {
    let mut pair = pair(sink(), window(100));
    write(&mut pair, "one").unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        if let Admission::Wait(call) = write(&mut pair, "more").unwrap() {
            waiting.push((call, Err("gone".to_owned())));
        }
    }
    assert!(!waiting.is_empty());
    pair.net.settle();
    let (now, end) = (pair.net.now_micros, pair.ends.0);
    pair.net.vats[0].handle_disconnect(now, end, Exception::disconnected("gone"));
    let mut events = pair.net.events(0);
    assert!(matches!(events.pop(), Some(Event::Closed { .. })));
    assert_eq!(ready(events), waiting);
    assert_eq!(
        write(&mut pair, "later").unwrap_err().kind,
        ExceptionKind::Disconnected
    );
}

#[test]
fn dropping_a_waiting_write_does_not_cancel_it() {
    let mut pair = pair(sink(), window(1));
    write(&mut pair, "one").unwrap();
    let Admission::Wait(call) = write(&mut pair, "two").unwrap() else {
        panic!("no window")
    };
    let now = pair.net.now_micros;
    pair.net.vats[0].drop_call(now, call);
    pair.net.release(0, pair.client);
    pair.net.settle();
    for expected in ["one", "two"] {
        let call = pair.net.only_call(1);
        assert_eq!(text(&call.params), expected);
        pair.net.answer(1, call.answer, "", None);
    }
    pair.net.settle();
    assert!(pair.net.events(0).is_empty());
    pair.net.assert_empty();
}

#[test]
fn a_caller_who_never_waits_is_refused_and_the_backlog_stays_bounded() {
    let options = ConnectionOptions {
        stream_backlog_bytes: 20_000,
        ..ConnectionOptions::default()
    };
    let mut pair = pair(sink(), options);
    let text = "x".repeat(1000);
    let refused = (0..100)
        .find_map(|_| write(&mut pair, &text).err())
        .expect("a limit");
    assert_eq!(refused.kind, ExceptionKind::Overloaded);
    assert!(in_flight(&pair) <= 20_000);
    // What was sent before stays sent; the stream is broken, so `end` fails too.
    pair.net.call(0, pair.client, END, "end", None);
    let events = pair.net.events(0);
    let errors: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Return {
                result: Err(error), ..
            }
            | Event::StreamReady {
                result: Err(error), ..
            } => Some(error.kind),
            _ => None,
        })
        .collect();
    assert!(
        !errors.is_empty() && errors.iter().all(|kind| *kind == ExceptionKind::Overloaded),
        "{events:?}"
    );
}

#[test]
fn a_wider_window_ends_the_waiting_at_once() {
    let mut pair = pair(sink(), window(1));
    write(&mut pair, "one").unwrap();
    let Admission::Wait(call) = write(&mut pair, "two").unwrap() else {
        panic!("no window")
    };
    pair.net.vats[0].set_flow_control(pair.ends.0, FlowControl::Fixed(1 << 20));
    assert_eq!(ready(pair.net.events(0)), [(call, Ok(()))]);
}

#[test]
fn whoever_waits_for_all_of_a_stream_waits_for_its_last_return() {
    let concurrent = ObjectOptions {
        concurrent: true,
        ..sink()
    };
    let mut pair = pair(concurrent, ConnectionOptions::default());
    let settle = |pair: &mut Pair| {
        let now = pair.net.now_micros;
        pair.net.vats[0].settle_stream(now, pair.client)
    };
    assert_eq!(
        settle(&mut pair),
        Ok(Admission::Ready),
        "nothing was written"
    );
    write(&mut pair, "one").unwrap();
    write(&mut pair, "two").unwrap();
    let Ok(Admission::Wait(waiting)) = settle(&mut pair) else {
        panic!("two writes have not returned");
    };
    pair.net.settle();
    let calls = pair.net.calls(1);
    pair.net.answer(1, calls[0].answer, "", None);
    pair.net.settle();
    assert_eq!(ready(pair.net.events(0)), []);
    pair.net.answer(1, calls[1].answer, "", None);
    pair.net.settle();
    assert_eq!(ready(pair.net.events(0)), [(waiting, Ok(()))]);
    assert_eq!(settle(&mut pair), Ok(Admission::Ready));
    let stats = pair.net.vats[0].stats();
    assert_eq!((stats.calls, stats.streams), (0, 1));
}

#[test]
fn whoever_waits_for_all_of_a_stream_learns_of_its_failure_and_may_give_up() {
    let concurrent = ObjectOptions {
        concurrent: true,
        ..sink()
    };
    let mut pair = pair(concurrent, ConnectionOptions::default());
    write(&mut pair, "one").unwrap();
    write(&mut pair, "two").unwrap();
    let now = pair.net.now_micros;
    let client = pair.client;
    let vat = &mut pair.net.vats[0];
    let Ok(Admission::Wait(given_up)) = vat.settle_stream(now, client) else {
        panic!("two writes have not returned");
    };
    let Ok(Admission::Wait(waiting)) = vat.settle_stream(now, client) else {
        panic!("two writes have not returned");
    };
    vat.drop_call(now, given_up);
    pair.net.settle();
    let calls = pair.net.calls(1);
    pair.net.fail(1, calls[0].answer, "disk full");
    pair.net.settle();
    let told = ready(pair.net.events(0));
    assert_eq!(told, [(waiting, Err("disk full".to_owned()))]);
    let vat = &mut pair.net.vats[0];
    assert!(vat.settle_stream(now, client).is_err());
    pair.net.answer(1, calls[1].answer, "", None);
    pair.net.settle();
    assert_eq!(pair.net.vats[0].stats().calls, 0);
}

//! Calls, pipelining, cancellation and disconnects.

use capstan_rpc::vat::{Event, Exception, ExceptionKind};

use crate::bench::{CAP, END, INTERFACE, WRITE, cap, pair, plain, sink, text};

#[test]
fn a_call_reaches_the_bootstrap_object_and_returns() {
    let mut pair = plain();
    let call = pair.net.call(0, pair.client, END, "hello", None);
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    assert_eq!(
        (incoming.object, incoming.interface_id, incoming.method_id),
        (pair.object, INTERFACE, END)
    );
    assert_eq!(text(&incoming.params), "hello");
    pair.net.answer(1, incoming.answer, "world", None);
    pair.net.settle();
    let (returned, result) = pair.net.only_return(0);
    assert_eq!(returned, call);
    assert_eq!(text(&result.unwrap()), "world");
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn calls_on_a_bootstrap_need_no_round_trip_first() {
    let mut pair = plain();
    pair.net.call(0, pair.client, END, "at once", None);
    pair.net.settle_until_call();
    assert_eq!(pair.net.now_micros, pair.net.delay_micros);
}

#[test]
fn a_chain_of_pipelined_calls_takes_one_round_trip() {
    let mut pair = plain();
    let mut target = pair.client;
    let mut calls = Vec::new();
    for depth in 0..5 {
        let call = pair.net.call(0, target, END, &depth.to_string(), None);
        calls.push(call);
        target = pair.net.vats[0].pipeline(call, CAP);
    }
    let start = pair.net.now_micros;
    let mut returned = 0;
    while pair.net.step() {
        for event in pair.net.events(1) {
            let Event::Call(incoming) = event else {
                continue;
            };
            let (_, next) = pair.net.vats[1].add_object(Default::default());
            pair.net.answer(1, incoming.answer, "next", Some(next));
        }
        for event in pair.net.events(0) {
            if let Event::Return { result, .. } = event {
                pair.net.release(0, cap(&result.unwrap()));
                returned += 1;
            }
        }
    }
    assert_eq!(returned, 5);
    // Finish and Release messages follow the last Return, one way.
    assert!(
        pair.net.now_micros - start <= 3 * pair.net.delay_micros,
        "{} us",
        pair.net.now_micros - start
    );
}

#[test]
fn a_pipelined_call_on_a_failed_one_fails_the_same_way() {
    let mut pair = plain();
    let first = pair.net.call(0, pair.client, END, "first", None);
    let promised = pair.net.vats[0].pipeline(first, CAP);
    let second = pair.net.call(0, promised, END, "second", None);
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    pair.net.fail(1, incoming.answer, "no such thing");
    pair.net.settle();
    let mut failed = Vec::new();
    for event in pair.net.events(0) {
        let Event::Return { call, result } = event else {
            panic!("{event:?}")
        };
        failed.push((call, result.unwrap_err().reason));
    }
    assert_eq!(
        failed,
        [
            (first, "no such thing".into()),
            (second, "no such thing".into())
        ]
    );
    pair.net.release(0, promised);
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn dropping_a_call_cancels_it_and_it_still_returns_once() {
    let mut pair = plain();
    let call = pair.net.call(0, pair.client, END, "slow", None);
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    let now = pair.net.now_micros;
    pair.net.vats[0].drop_call(now, call);
    pair.net.settle();
    let events = pair.net.events(1);
    assert!(
        matches!(events[..], [Event::Canceled { answer }] if answer == incoming.answer),
        "{events:?}"
    );
    let (_, extra) = pair.net.vats[1].add_object(Default::default());
    pair.net.answer(1, incoming.answer, "too late", Some(extra));
    pair.net.settle();
    assert!(pair.net.events(0).is_empty(), "the driver gave the call up");
    let events = pair.net.events(1);
    assert!(
        matches!(events[..], [Event::ObjectReleased { .. }]),
        "the results' object is let go: {events:?}"
    );
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn a_dropped_call_goes_on_while_someone_pipelines_on_it() {
    let mut pair = plain();
    let call = pair.net.call(0, pair.client, END, "make", None);
    let promised = pair.net.vats[0].pipeline(call, CAP);
    let now = pair.net.now_micros;
    pair.net.vats[0].drop_call(now, call);
    let second = pair.net.call(0, promised, END, "use", None);
    pair.net.release(0, promised);
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    let (object, made) = pair.net.vats[1].add_object(Default::default());
    pair.net.answer(1, incoming.answer, "made", Some(made));
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    assert_eq!(
        (incoming.object, text(&incoming.params)),
        (object, "use".into())
    );
    pair.net.answer(1, incoming.answer, "used", None);
    pair.net.settle();
    let (returned, result) = pair.net.only_return(0);
    assert_eq!((returned, text(&result.unwrap())), (second, "used".into()));
    let events = pair.net.events(1);
    assert!(
        matches!(events[..], [Event::ObjectReleased { object: o }] if o == object),
        "{events:?}"
    );
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn a_disconnect_fails_every_call_and_cancels_every_answer() {
    let mut pair = pair(sink(), Default::default());
    let call = pair.net.call(0, pair.client, END, "slow", None);
    let promised = pair.net.vats[0].pipeline(call, CAP);
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    let (now, ends) = (pair.net.now_micros, pair.ends);
    pair.net.vats[0].handle_disconnect(now, ends.0, Exception::disconnected("cable cut"));
    pair.net.vats[1].handle_disconnect(now, ends.1, Exception::disconnected("cable cut"));
    let events = pair.net.events(0);
    let [
        Event::Return {
            call: returned,
            result: Err(error),
        },
        Event::Closed { .. },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(
        (*returned, error.kind, error.reason.as_str()),
        (call, ExceptionKind::Disconnected, "cable cut")
    );
    let later = pair.net.call(0, promised, WRITE, "later", None);
    let (returned, result) = pair.net.only_return(0);
    assert_eq!(
        (returned, result.unwrap_err().kind),
        (later, ExceptionKind::Disconnected)
    );
    let events = pair.net.events(1);
    assert!(
        matches!(events[..], [Event::Canceled { answer }, Event::Closed { .. }] if answer == incoming.answer),
        "{events:?}"
    );
    pair.net.answer(1, incoming.answer, "nobody listens", None);
    let events = pair.net.events(1);
    assert!(
        matches!(events[..], [Event::ObjectReleased { .. }]),
        "{events:?}"
    );
}

#[test]
fn closing_tells_the_peer_why() {
    let mut pair = plain();
    pair.net.settle();
    let (now, ends) = (pair.net.now_micros, pair.ends);
    pair.net.vats[1].close(now, ends.1, Exception::overloaded("come back later"));
    pair.net.settle();
    let events = pair.net.events(0);
    let [Event::Closed { reason, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(reason.kind, ExceptionKind::Overloaded);
    assert!(reason.reason.contains("come back later"), "{reason}");
}

#[test]
fn a_vat_without_bootstrap_says_so() {
    let mut net = crate::bench::Net::new(2);
    let ends = net.link((0, Default::default()), (1, Default::default()));
    let client = net.vats[0].bootstrap(0, ends.0);
    net.call(0, client, END, "anyone?", None);
    net.settle();
    let (_, result) = net.only_return(0);
    assert!(result.unwrap_err().reason.contains("no bootstrap"));
}

#[test]
fn a_call_to_an_own_object_stays_in_the_vat_and_can_be_pipelined_on() {
    let mut net = crate::bench::Net::new(1);
    let (first, client) = net.vats[0].add_object(Default::default());
    let call = net.call(0, client, END, "make", None);
    let promised = net.vats[0].pipeline(call, CAP);
    let second = net.call(0, promised, END, "use", None);
    let incoming = net.only_call(0);
    assert_eq!(incoming.object, first);
    let (object, made) = net.vats[0].add_object(Default::default());
    net.answer(0, incoming.answer, "made", Some(made));
    let mut events = net.events(0);
    let Some(Event::Return {
        call: returned,
        result,
    }) = events.pop()
    else {
        panic!("{events:?}")
    };
    assert_eq!(returned, call);
    let Some(Event::Call(incoming)) = events.pop() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (incoming.object, text(&incoming.params)),
        (object, "use".into())
    );
    net.release(0, cap(&result.unwrap()));
    net.release(0, promised);
    net.answer(0, incoming.answer, "used", None);
    let events = net.events(0);
    assert!(
        matches!(events[..], [Event::Return { call, .. }, Event::ObjectReleased { object: o }] if call == second && o == object),
        "{events:?}"
    );
}

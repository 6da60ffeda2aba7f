//! What a peer may get wrong, and that it costs the connection and no more.

use capstan_message::message::FrameBuilder;
use capstan_rpc::rpc_capnp::message;
use capstan_rpc::vat::{ConnectionOptions, Event, ExceptionKind, Limits, Vat};

use crate::bench::{END, Pair, pair, params, plain, sink, text};

fn frame(build: impl FnOnce(message::Builder<'_>)) -> Vec<u8> {
    let mut builder = FrameBuilder::with_capacity_words(32);
    build(builder.init_root::<message::Builder<'_>>());
    builder.into_frame()
}

/// Sends a frame to the server and expects the connection to end with a reason that has `words` in it.
fn expect_abort(mut pair: Pair, frame: Vec<u8>, words: &str) {
    pair.net.settle();
    pair.net.inject((1, pair.ends.1), frame);
    pair.net.settle();
    for vat in [0, 1] {
        let events = pair.net.events(vat);
        let reason = events.iter().find_map(|event| match event {
            Event::Closed { reason, .. } => Some(reason.reason.clone()),
            _ => None,
        });
        assert!(
            reason.as_ref().is_some_and(|reason| reason.contains(words)),
            "vat {vat}: {events:?}"
        );
    }
    // The vat lives on: another connection works.
    let served = ConnectionOptions {
        bootstrap: None,
        ..ConnectionOptions::default()
    };
    let ends = pair
        .net
        .link((0, ConnectionOptions::default()), (1, served));
    let client = pair.net.vats[0].bootstrap(0, ends.0);
    pair.net.call(0, client, END, "still there?", None);
    pair.net.settle();
    assert!(
        pair.net
            .only_return(0)
            .1
            .unwrap_err()
            .reason
            .contains("no bootstrap")
    );
}

#[test]
fn a_frame_that_is_no_message() {
    expect_abort(plain(), b"GET / HTTP/1.1\r\n".to_vec(), "malformed message");
    expect_abort(plain(), Vec::new(), "malformed message");
    expect_abort(plain(), vec![0; 7], "malformed message");
}

#[test]
fn a_call_to_an_export_that_does_not_exist() {
    let call = frame(|message| {
        let mut call = message.init_call();
        call.set_question_id(0);
        call.init_target().set_imported_cap(77);
    });
    expect_abort(plain(), call, "export 77");
}

#[test]
fn a_question_id_used_twice() {
    let mut first = plain();
    first.net.call(0, first.client, END, "unanswered", None);
    first.net.settle();
    let id = 1;
    first.net.only_call(1);
    let call = frame(|message| {
        let mut call = message.init_call();
        call.set_question_id(id);
        call.init_target().set_imported_cap(0);
    });
    expect_abort(first, call, "question id 1");
}

#[test]
fn a_return_to_a_question_that_was_not_asked() {
    expect_abort(
        plain(),
        frame(|message| message.init_return().set_answer_id(9)),
        "question 9",
    );
}

#[test]
fn a_release_of_more_than_was_sent() {
    let release = |id, count| {
        frame(|message| {
            let mut release = message.init_release();
            release.set_id(id);
            release.set_reference_count(count);
        })
    };
    expect_abort(plain(), release(5, 1), "export 5");
    expect_abort(plain(), release(0, 1000), "more often");
}

#[test]
fn a_disembargo_that_leads_nowhere() {
    let disembargo = frame(|message| {
        let mut disembargo = message.init_disembargo();
        disembargo.reborrow().init_target().set_imported_cap(0);
        disembargo.init_context().set_sender_loopback(1);
    });
    expect_abort(plain(), disembargo, "lead back");
    let disembargo = frame(|message| {
        let mut disembargo = message.init_disembargo();
        disembargo.reborrow().init_target().set_imported_cap(0);
        disembargo.init_context().set_receiver_loopback(3);
    });
    expect_abort(plain(), disembargo, "embargo 3");
}

#[test]
fn a_message_over_the_limit() {
    let mut pair = plain();
    pair.net.settle();
    let served = ConnectionOptions {
        max_message_bytes: 1000,
        ..ConnectionOptions::default()
    };
    let ends = pair
        .net
        .link((0, ConnectionOptions::default()), (1, served));
    let now = pair.net.now_micros;
    let client = pair.net.vats[0].bootstrap(now, ends.0);
    pair.net.call(0, client, END, &"x".repeat(2000), None);
    pair.net.settle();
    let events = pair.net.events(1);
    assert!(
        matches!(&events[..], [Event::Closed { reason, .. }] if reason.reason.contains("limit is 1000")),
        "{events:?}"
    );
}

/// Two vats, of which the first overdoes it as `act` says and hears from the second that it does.
fn expect_overload(served: ConnectionOptions, words: &str, act: impl Fn(&mut Pair)) {
    let mut pair = plain();
    pair.net.settle();
    let (_, bootstrap) = pair.net.vats[1].add_object(sink());
    let served = ConnectionOptions {
        bootstrap: Some(bootstrap),
        ..served
    };
    let other = pair.net.link((0, Default::default()), (1, served));
    let client = pair.net.vats[0].bootstrap(0, other.0);
    let first = core::mem::replace(&mut pair.client, client);
    let first_ends = core::mem::replace(&mut pair.ends, other);
    act(&mut pair);
    pair.net.settle();
    for vat in [0, 1] {
        let events = pair.net.events(vat);
        assert!(
            events.iter().any(|event| matches!(
                event,
                Event::Closed { reason, connection }
                    if reason.kind == ExceptionKind::Overloaded
                        && reason.reason.contains(words)
                        && *connection == [other.0, other.1][vat]
            )),
            "vat {vat}: {events:?}"
        );
    }
    // The first connection of the same vats does not notice.
    pair.net.call(0, first, END, "still there?", None);
    pair.net.settle();
    assert_eq!(text(&pair.net.only_call(1).params), "still there?");
    assert_eq!(pair.net.stats((0, first_ends.0)).questions, 1);
}

#[test]
fn more_calls_at_a_time_than_allowed() {
    let served = ConnectionOptions {
        limits: Limits {
            max_answers: 10,
            ..Limits::default()
        },
        ..ConnectionOptions::default()
    };
    expect_overload(served, "more than 10 calls", |pair| {
        for _ in 0..11 {
            pair.net.call(0, pair.client, END, "", None);
        }
    });
}

#[test]
fn more_bytes_of_calls_at_a_time_than_allowed() {
    let served = ConnectionOptions {
        limits: Limits {
            max_held_bytes: 10_000,
            ..Limits::default()
        },
        ..ConnectionOptions::default()
    };
    expect_overload(served.clone(), "more than 10000 bytes", |pair| {
        for _ in 0..10 {
            pair.net.call(0, pair.client, END, &"x".repeat(1000), None);
        }
    });
    // One after another they are welcome.
    let mut pair = pair(Default::default(), Default::default());
    pair.net.settle();
    let (_, bootstrap) = pair.net.vats[1].add_object(Default::default());
    let served = ConnectionOptions {
        bootstrap: Some(bootstrap),
        ..served
    };
    let ends = pair.net.link((0, Default::default()), (1, served));
    let client = pair.net.vats[0].bootstrap(0, ends.0);
    for _ in 0..20 {
        pair.net.call(0, client, END, &"x".repeat(1000), None);
        pair.net.settle();
        let incoming = pair.net.only_call(1);
        pair.net.answer(1, incoming.answer, "", None);
        pair.net.settle();
        assert!(pair.net.only_return(0).1.is_ok());
    }
}

/// Nothing that the server has to say is fetched by its network, as when the peer does not read.
#[test]
fn a_peer_that_calls_and_does_not_read() {
    let mut vat = Vat::new();
    let (_, bootstrap) = vat.add_object(Default::default());
    let served = ConnectionOptions {
        bootstrap: Some(bootstrap),
        limits: Limits {
            max_queued_bytes: 10_000,
            ..Limits::default()
        },
        ..ConnectionOptions::default()
    };
    let connection = vat.connect(0, served);
    let mut question = 0;
    let reason = loop {
        assert!(question < 1000, "nothing stops it");
        vat.handle_message(
            0,
            connection,
            frame(|message| message.init_bootstrap().set_question_id(question)),
        );
        question += 1;
        if let Some(Event::Closed { reason, .. }) = vat.poll_event() {
            break reason;
        }
    };
    assert_eq!(reason.kind, ExceptionKind::Overloaded);
    assert!(reason.reason.contains("goes on sending"), "{reason}");
}

#[test]
fn a_late_finish_and_a_finish_for_nothing_are_forgiven() {
    let mut pair = plain();
    pair.net.settle();
    let finish = frame(|message| message.init_finish().set_question_id(42));
    pair.net.inject((1, pair.ends.1), finish);
    pair.net.call(0, pair.client, END, "still there?", None);
    pair.net.settle();
    assert_eq!(text(&pair.net.only_call(1).params), "still there?");
}

#[test]
fn an_unknown_message_is_answered_and_an_unimplemented_call_fails() {
    let mut pair = plain();
    pair.net.settle();
    let before = pair.net.received[0];
    pair.net.inject(
        (1, pair.ends.1),
        frame(|message| message.init_provide().set_question_id(3)),
    );
    pair.net.settle();
    assert_eq!(
        pair.net.received[0],
        before + 1,
        "unimplemented is the answer"
    );

    // The peer does not know what a call is.
    let call = pair.net.call(0, pair.client, END, "hello", None);
    let now = pair.net.now_micros;
    let sent = pair.net.vats[0].poll_transmit(pair.ends.0).unwrap();
    let sent = capstan_message::serialize::read_frame(sent, Default::default()).unwrap();
    let reply = frame(|mut message| {
        message
            .set_unimplemented(sent.get_root::<message::Reader<'_>>().unwrap())
            .unwrap();
    });
    pair.net.vats[0].handle_message(now, pair.ends.0, reply);
    let (returned, result) = pair.net.only_return(0);
    assert_eq!(
        (
            returned,
            result.unwrap_err().to_string().contains("unimplemented")
        ),
        (call, true)
    );
    let stats = pair.net.stats((0, pair.ends.0));
    assert_eq!((stats.questions, stats.exports), (0, 0));
}

#[test]
fn a_second_answer_is_ignored() {
    let mut pair = pair(sink(), Default::default());
    pair.net.call(0, pair.client, END, "once", None);
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    pair.net.answer(1, incoming.answer, "one", None);
    pair.net.fail(1, incoming.answer, "two");
    pair.net.settle();
    assert_eq!(text(&pair.net.only_return(0).1.unwrap()), "one");
}

#[test]
fn params_that_no_frame_can_hold_do_not_panic() {
    let mut pair = plain();
    let now = pair.net.now_micros;
    // Results where params belong.
    let wrong = crate::bench::results("oops", false);
    let call = pair.net.vats[0].call(now, pair.client, wrong, Vec::new());
    let (returned, result) = pair.net.only_return(0);
    assert_eq!(returned, call);
    assert!(result.unwrap_err().reason.contains("results"));
    drop(params(END, "", false));
}

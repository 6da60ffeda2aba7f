//! Each limit of a connection, and a peer that goes past it. What it had is let go.

use capstan_rpc::vat::{
    ConnectionOptions, Event, Exception, ExceptionKind, Limits, ObjectOptions, Vat,
};

use crate::bench::{END, WRITE, params, results, sink};
use crate::hand::{Hand, Name, Sent};

fn limited(limits: Limits) -> Hand {
    with_object(Default::default(), limits)
}

fn with_object(object: ObjectOptions, limits: Limits) -> Hand {
    let mut vat = Vat::new();
    let (_, bootstrap) = vat.add_object(object);
    let options = ConnectionOptions {
        bootstrap: Some(bootstrap),
        limits,
        ..ConnectionOptions::default()
    };
    Hand::on(vat, options).with_bootstrap()
}

/// Why the one call of ours that is over failed.
fn failure(hand: &mut Hand) -> Exception {
    let events = hand.events();
    let failed = events.into_iter().find_map(|event| match event {
        Event::Return { result, .. } => result.err(),
        _ => None,
    });
    failed.expect("a call should have failed")
}

#[test]
fn more_calls_of_ours_than_allowed() {
    let mut hand = limited(Limits {
        max_questions: 3,
        ..Limits::default()
    });
    let theirs = hand.import(7);
    for _ in 0..3 {
        hand.make(theirs, "", None);
    }
    let (_, object) = hand.vat.add_object(Default::default());
    hand.make(theirs, "one too many", Some(object));
    let error = failure(&mut hand);
    assert_eq!(error.kind, ExceptionKind::Overloaded);
    assert!(error.reason.contains("3 calls"), "{error}");
    let cap = hand.vat.bootstrap(0, hand.connection);
    hand.make(cap, "", None);
    assert_eq!(failure(&mut hand).kind, ExceptionKind::Overloaded);
    hand.vat.release(0, cap);
    // As soon as one has returned there is room.
    assert_eq!(hand.sent().len(), 3);
    hand.return_exception(1, "no");
    hand.make(theirs, "welcome", None);
    assert_eq!(hand.sent().len(), 2, "a Finish and a Call");
    hand.vat.release(0, theirs);
    hand.assert_nothing_left();
}

#[test]
fn more_objects_than_a_peer_may_hold() {
    let mut hand = limited(Limits {
        max_exports: 3,
        ..Limits::default()
    });
    for (question, fits) in [(1, true), (2, true), (3, false)] {
        hand.call(question, Name::Yours(0), "", &[]);
        let incoming = hand.only_call();
        let (_, object) = hand.vat.add_object(Default::default());
        hand.vat
            .return_results(0, incoming.answer, results("", true), vec![Some(object)]);
        assert_eq!(hand.sent(), [Sent::Return(question, fits)]);
        hand.finish_keeping(question);
    }
    assert!(matches!(hand.events()[..], [Event::ObjectReleased { .. }]));
    // The same in params.
    let theirs = hand.import(7);
    let (_, object) = hand.vat.add_object(Default::default());
    hand.make(theirs, "", Some(object));
    let error = failure(&mut hand);
    assert_eq!(error.kind, ExceptionKind::Overloaded);
    hand.vat.release(0, theirs);
    hand.events();
    // A peer that releases one may have another.
    hand.release(1, 1);
    hand.events();
    hand.call(4, Name::Yours(0), "", &[]);
    let incoming = hand.only_call();
    let (_, object) = hand.vat.add_object(Default::default());
    hand.vat
        .return_results(0, incoming.answer, results("", true), vec![Some(object)]);
    assert!(hand.sent().contains(&Sent::Return(4, true)));
    hand.assert_nothing_left();
}

/// Results that may be pipelined on are kept until the peer says that it has them.
#[test]
fn more_bytes_of_results_that_are_not_finished_than_allowed() {
    let mut hand = limited(Limits {
        max_held_bytes: 10_000,
        ..Limits::default()
    });
    let text = "x".repeat(3000);
    for finished in [true, false] {
        for question in 1..20 {
            hand.call(question, Name::Yours(0), "", &[]);
            let mut events = hand.events();
            let Some(Event::Call(incoming)) = events.pop() else {
                assert!(!finished && question > 3, "question {question}: {events:?}");
                let sent = hand.sent();
                assert!(
                    matches!(&sent[..], [.., Sent::Abort(reason)] if reason.contains("10000 bytes")),
                    "{sent:?}"
                );
                hand.assert_nothing_left();
                return;
            };
            let (_, object) = hand.vat.add_object(Default::default());
            hand.vat
                .return_results(0, incoming.answer, results(&text, true), vec![Some(object)]);
            assert_eq!(hand.sent(), [Sent::Return(question, true)]);
            if finished {
                hand.finish(question, false);
                hand.events();
            }
        }
    }
    panic!("nothing stops it");
}

#[test]
fn more_calls_that_wait_than_allowed() {
    let limits = Limits {
        max_waiting_calls: 3,
        ..Limits::default()
    };
    // For a promise, and for a streamed call.
    for streamed in [false, true] {
        let mut hand = with_object(sink(), limits.clone());
        let to = if streamed {
            hand.call_method(1, Name::Yours(0), WRITE, "", &[]);
            Name::Yours(0)
        } else {
            hand.call(1, Name::Yours(0), "", &[]);
            Name::YourAnswer(1)
        };
        let first = hand.only_call();
        for question in 2..5 {
            hand.call(question, to, "", &[]);
        }
        assert_eq!(hand.sent(), []);
        hand.call(5, to, "one too many", &[Name::Mine(9)]);
        assert_eq!(hand.sent(), [Sent::Return(5, false), Sent::Release(9)]);
        // One that is given up makes room for another.
        hand.finish(2, false);
        assert_eq!(hand.sent(), [Sent::Canceled(2)]);
        hand.call(6, to, "", &[]);
        assert_eq!(hand.sent(), []);
        hand.vat
            .return_results(0, first.answer, results("", false), Vec::new());
        for event in hand.events() {
            if let Event::Call(call) = event {
                hand.vat
                    .return_results(0, call.answer, results("", false), Vec::new());
            }
        }
        assert_eq!(hand.sent().len(), 4, "all that waited are answered");
        hand.assert_nothing_left();
    }
}

#[test]
fn a_longer_chain_of_pipelined_calls_than_allowed() {
    let mut hand = limited(Limits {
        max_promise_depth: 3,
        ..Limits::default()
    });
    hand.call(1, Name::Yours(0), "", &[]);
    let first = hand.only_call();
    for question in 2..5 {
        hand.call(question, Name::YourAnswer(question - 1), "", &[]);
    }
    assert_eq!(hand.sent(), []);
    hand.call(5, Name::YourAnswer(4), "one too many", &[]);
    assert_eq!(hand.sent(), [Sent::Return(5, false)]);
    hand.vat
        .return_exception(0, first.answer, Exception::failed("no"));
    assert_eq!(hand.sent().len(), 4);
    hand.assert_nothing_left();
}

/// Whoever connects and says nothing is asked, then left.
#[test]
fn a_peer_that_never_says_anything() {
    let mut vat = Vat::new();
    let limits = Limits {
        handshake_micros: Some(10),
        idle_micros: Some(1000),
        ..Limits::default()
    };
    let options = ConnectionOptions {
        limits,
        ..ConnectionOptions::default()
    };
    assert_eq!(vat.poll_timeout(), None);
    let connection = vat.connect(5, options);
    assert_eq!(vat.poll_timeout(), Some(15));
    vat.handle_timeout(14);
    assert!(vat.poll_transmit(connection).is_none());
    vat.handle_timeout(15);
    assert!(vat.poll_transmit(connection).is_some());
    assert_eq!(vat.connection_timeout(connection), Some(25));
    vat.handle_timeout(30);
    let Some(Event::Closed { reason, .. }) = vat.poll_event() else {
        panic!("it should have given up")
    };
    assert_eq!(reason.kind, ExceptionKind::Disconnected);
    assert_eq!(vat.poll_timeout(), None);
    while vat.poll_transmit(connection).is_some() {}
    assert_eq!(vat.stats(), Default::default());
}

#[test]
fn an_idle_peer_is_asked_for_a_sign_of_life() {
    let mut hand = limited(Limits {
        idle_micros: Some(1000),
        ..Limits::default()
    });
    for round in 0..3 {
        let now = 1000 * (round + 1);
        hand.vat.handle_connection_timeout(now, hand.connection);
        assert_eq!(hand.sent(), [Sent::Bootstrap(0), Sent::Finish(0)]);
        // It is there, and says that it has none.
        hand.send_at(now, |message| {
            let mut ret = message.init_return();
            ret.set_answer_id(0);
            ret.init_exception().set_reason("no bootstrap here");
        });
        assert_eq!(hand.vat.poll_timeout(), Some(now + 1000));
        assert_eq!(hand.sent(), []);
    }
    assert!(hand.events().is_empty(), "the driver sees nothing of it");
    // Any message is a sign, so a busy peer is never asked.
    hand.call(1, Name::Yours(0), "", &[]);
    let call = hand.only_call();
    hand.vat
        .return_exception(0, call.answer, Exception::failed(""));
    let theirs = hand.import(7);
    let made = hand.vat.call(0, theirs, params(END, "", false), Vec::new());
    hand.vat.release(0, theirs);
    hand.sent();
    // Gone, in the middle of a call.
    hand.vat.handle_timeout(10_000);
    assert_eq!(hand.sent(), [Sent::Bootstrap(1), Sent::Finish(1)]);
    hand.vat.handle_timeout(12_000);
    let events = hand.events();
    assert!(
        matches!(
            &events[..],
            [
                Event::Return { call, result: Err(error) },
                ..,
                Event::Closed { .. },
            ] if *call == made && error.kind == ExceptionKind::Disconnected
        ),
        "{events:?}"
    );
    hand.assert_nothing_left();
}

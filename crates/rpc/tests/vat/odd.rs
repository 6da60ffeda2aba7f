//! Sequences that are legal and that few peers send, and messages with something in them that this vat does not know.

use capstan_message::message::FrameBuilder;
use capstan_rpc::rpc_capnp::{call, message};
use capstan_rpc::vat::{Event, Exception};

use crate::bench::{CAP, END, INTERFACE, params, results, text};
use crate::hand::{Hand, Name, Sent, To, content, name, target};

/// The peer finishes a call that has not returned; the object takes no notice, and returns a capability. Nobody
/// gets that, whatever the Finish said of capabilities.
#[test]
fn results_for_a_call_that_was_finished_are_nobodys() {
    for keeping in [false, true] {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        hand.call(1, Name::Yours(0), "", &[Name::Mine(3)]);
        let incoming = hand.only_call();
        if keeping {
            hand.finish_keeping(1);
        } else {
            hand.finish(1, false);
        }
        let events = hand.events();
        assert!(
            matches!(events[..], [Event::Canceled { answer }] if answer == incoming.answer),
            "{events:?}"
        );
        hand.vat.release(0, incoming.params.cap_at(CAP).unwrap());
        let (_, object) = hand.vat.add_object(Default::default());
        hand.vat
            .return_results(0, incoming.answer, results("", true), vec![Some(object)]);
        let sent = hand.sent();
        assert!(sent.contains(&Sent::Release(3)), "{sent:?}");
        assert!(!sent.contains(&Sent::Return(1, true)), "{sent:?}");
        let stats = hand.vat.connection_stats(hand.connection).unwrap();
        assert_eq!((stats.answers, stats.exports, stats.imports), (0, 1, 0));
        assert!(matches!(hand.events()[..], [Event::ObjectReleased { .. }]));
        // The id is free again.
        hand.call(1, Name::Yours(0), "again", &[]);
        answer(&mut hand, "again");
        hand.assert_nothing_left();
    }
}

/// Expects a call and fails it.
fn answer(hand: &mut Hand, expected: &str) {
    let call = hand.only_call();
    assert_eq!(text(&call.params), expected);
    hand.vat
        .return_exception(0, call.answer, Exception::failed("no"));
}

/// Its Resolve crosses our Release: what it resolved to is released, or was ours all along.
#[test]
fn a_promise_that_was_released_is_resolved() {
    for to in [Name::Mine(6), Name::MyPromise(6), Name::Yours(0)] {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        let promise = hand.import_promise(5);
        hand.vat.release(0, promise);
        assert_eq!(hand.sent(), [Sent::Release(5)]);
        hand.resolve(5, to);
        match to {
            Name::Yours(_) => assert_eq!(hand.sent(), []),
            _ => assert_eq!(hand.sent(), [Sent::Release(6)]),
        }
        // The id may be used for something else from here on.
        let other = hand.import(5);
        hand.vat.release(0, other);
        assert_eq!(hand.sent(), [Sent::Release(5)]);
        hand.assert_nothing_left();
    }
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    break_promise(&mut hand, 5);
    assert_eq!(hand.sent(), []);
    hand.assert_nothing_left();
}

fn break_promise(hand: &mut Hand, promise: u32) {
    hand.send(|message| {
        let mut resolve = message.init_resolve();
        resolve.set_promise_id(promise);
        resolve.init_exception().set_reason("out of paper");
    });
}

/// Calls that are under way there are answered there, later ones fail at once.
#[test]
fn a_promise_is_resolved_to_an_exception() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let promise = hand.import_promise(5);
    hand.make(promise, "before", None);
    assert_eq!(hand.sent(), [Sent::Call(0, To::Import(5), "before".into())]);
    break_promise(&mut hand, 5);
    hand.make(promise, "after", None);
    let events = hand.events();
    assert!(
        matches!(
            &events[..],
            [Event::Return { result: Err(error), .. }] if error.reason == "out of paper"
        ),
        "{events:?}"
    );
    hand.return_exception(0, "out of ink");
    let events = hand.events();
    assert!(
        matches!(
            &events[..],
            [Event::Return { result: Err(error), .. }] if error.reason == "out of ink"
        ),
        "{events:?}"
    );
    let sent = hand.sent();
    let releases = sent.iter().filter(|sent| **sent == Sent::Release(5));
    assert_eq!(releases.count(), 1, "{sent:?}");
    hand.vat.release(0, promise);
    hand.assert_nothing_left();
}

#[test]
fn a_promise_leads_to_a_promise_that_leads_to_a_promise() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let cap = hand.import_promise(5);
    let mut released = Vec::new();
    let steps = [
        (5, Name::MyPromise(6)),
        (6, Name::MyPromise(7)),
        (7, Name::Mine(8)),
    ];
    for (question, (promise, to)) in (0..).zip(steps) {
        hand.make(cap, "on the way", None);
        let call = Sent::Call(question, To::Import(promise), "on the way".into());
        assert_eq!(hand.sent(), [call]);
        hand.resolve(promise, to);
        released.extend(hand.sent());
    }
    hand.make(cap, "there", None);
    assert_eq!(hand.sent(), [Sent::Call(3, To::Import(8), "there".into())]);
    for question in 0..4 {
        hand.return_exception(question, "no");
    }
    hand.vat.release(0, cap);
    released.extend(hand.sent());
    let count = |what| released.iter().filter(|sent| **sent == what).count();
    for id in 5..=8 {
        assert_eq!(count(Sent::Release(id)), 1, "{id}: {released:?}");
    }
    hand.events();
    hand.assert_nothing_left();
}

/// The Release crosses the Return, which says that the capability was released, too.
#[test]
fn a_peer_that_releases_what_its_return_releases() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let theirs = hand.import(7);
    let (_, object) = hand.vat.add_object(Default::default());
    hand.make(theirs, "take this", Some(object));
    hand.sent();
    hand.release(1, 1);
    hand.send(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(0);
        ret.set_release_param_caps(true);
        content(ret.init_results().get_content(), "", false);
    });
    assert_eq!(hand.sent(), [Sent::Finish(0)]);
    let stats = hand.vat.connection_stats(hand.connection).unwrap();
    assert_eq!((stats.questions, stats.exports), (0, 1));
    hand.vat.release(0, theirs);
    hand.assert_nothing_left();
}

/// Results can only be taken from a call that asked for them to stay.
#[test]
fn results_that_went_to_the_peer_are_not_taken_from_it() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let theirs = hand.import(7);
    hand.call(5, Name::Yours(0), "usual", &[]);
    let usual = hand.only_call();
    hand.make(theirs, "", None);
    hand.send(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(0);
        ret.set_take_from_other_question(5);
    });
    let events = hand.events();
    assert!(
        matches!(
            &events[..],
            [Event::Return { result: Err(error), .. }] if error.reason.contains("call 5")
        ),
        "{events:?}"
    );
    hand.sent();
    hand.vat
        .return_results(0, usual.answer, results("", false), Vec::new());
    assert_eq!(hand.sent(), [Sent::Return(5, true)]);
    hand.vat.release(0, theirs);
    hand.assert_nothing_left();
}

#[test]
fn what_is_said_twice_ends_the_connection() {
    type Act = fn(&mut Hand);
    let twice: [(&str, Act); 4] = [
        ("question id 1", |hand| {
            hand.call(1, Name::Yours(0), "", &[]);
            hand.call(1, Name::Yours(0), "", &[]);
        }),
        ("question id 1", |hand| {
            hand.call(1, Name::Yours(0), "", &[]);
            hand.bootstrap(1);
        }),
        ("question 0", |hand| {
            let client = hand.vat.bootstrap(0, hand.connection);
            hand.vat.release(0, client);
            hand.return_exception(0, "no");
            hand.return_exception(0, "no");
        }),
        ("embargo 0", |hand| hand.answer_disembargo(0)),
    ];
    for (why, act) in twice {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        act(&mut hand);
        let sent = hand.sent();
        assert!(
            matches!(sent.last(), Some(Sent::Abort(reason)) if reason.contains(why)),
            "{why}: {sent:?}"
        );
        hand.assert_nothing_left();
    }
}

/// Whoever is told that the connection is over does not answer that it is.
#[test]
fn an_abort_is_not_answered() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let theirs = hand.import(7);
    hand.make(theirs, "", None);
    hand.sent();
    hand.send(|message| message.init_abort().set_reason("I quit"));
    assert_eq!(hand.sent(), []);
    let events = hand.events();
    assert!(
        matches!(
            &events[..],
            [Event::Return { result: Err(_), .. }, .., Event::Closed { reason, .. }]
                if reason.reason.contains("I quit")
        ),
        "{events:?}"
    );
    // What comes behind it is not read any more.
    hand.call(1, Name::Yours(0), "", &[]);
    assert!(hand.events().is_empty());
    hand.vat.release(0, theirs);
    hand.assert_nothing_left();
}

/// A peer may not know messages that need no answer: so be it.
#[test]
fn messages_that_come_back_unimplemented_do_no_harm() {
    let build: [fn(message::Builder<'_>); 7] = [
        |message| message.init_return().set_answer_id(0),
        |message| message.init_finish().set_question_id(0),
        |message| message.init_release().set_id(0),
        |message| message.init_resolve().set_promise_id(0),
        |message| {
            message.init_unimplemented();
        },
        |message| message.init_abort().set_reason("?"),
        |message| message.init_accept().set_question_id(0),
    ];
    for build in build {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        hand.send(|message| build(message.init_unimplemented()));
        assert_eq!(hand.sent(), []);
        assert!(hand.events().is_empty());
        hand.call(1, Name::Yours(0), "still here", &[]);
        answer(&mut hand, "still here");
        hand.assert_nothing_left();
    }
}

/// Each message, with each 16 bits of it in turn set to what no schema has: union tags, enumerants, ids,
/// sizes and pointers. The connection goes on, or ends with a reason, and nothing is left.
#[test]
fn messages_with_something_unknown_in_them() {
    let build: [fn(message::Builder<'_>); 9] = [
        |message| {
            let mut call = message.init_call();
            fill(&mut call);
            call.init_send_results_to().set_yourself(());
        },
        |message| {
            let mut ret = message.init_return();
            ret.set_answer_id(0);
            let mut payload = ret.init_results();
            content(payload.reborrow().get_content(), "results", true);
            name(payload.init_cap_table(1).get(0), Name::MyPromise(9));
        },
        |message| {
            let mut ret = message.init_return();
            ret.set_answer_id(0);
            ret.init_exception().set_reason("no");
        },
        |message| message.init_finish().set_question_id(1),
        |message| {
            let mut resolve = message.init_resolve();
            resolve.set_promise_id(5);
            name(resolve.init_cap(), Name::YourAnswer(1));
        },
        |message| {
            let mut release = message.init_release();
            release.set_id(0);
            release.set_reference_count(1);
        },
        |message| {
            let mut disembargo = message.init_disembargo();
            target(disembargo.reborrow().init_target(), Name::YourAnswer(1));
            disembargo.init_context().set_sender_loopback(3);
        },
        |message| message.init_bootstrap().set_question_id(8),
        |message| fill(&mut message.init_unimplemented().init_call()),
    ];
    for build in build {
        let mut builder = FrameBuilder::with_capacity_words(64);
        build(builder.init_root());
        let whole = builder.into_frame();
        for at in (8..whole.len()).step_by(2) {
            let mut frame = whole.clone();
            frame[at..at + 2].copy_from_slice(&999_u16.to_le_bytes());
            let mut hand = Hand::new(Default::default()).with_bootstrap();
            let promise = hand.import_promise(5);
            hand.call(1, Name::Yours(0), "under way", &[]);
            let under_way = hand.only_call();
            hand.make(promise, "under way", None);
            hand.sent();
            hand.vat.handle_message(0, hand.connection, frame);
            let over =
                matches!(hand.sent().last(), Some(Sent::Abort(reason)) if !reason.is_empty());
            if !over {
                hand.call(77, Name::YourAnswer(1), "", &[]);
            }
            hand.vat
                .return_exception(0, under_way.answer, Exception::failed(""));
            hand.vat.release(0, promise);
            hand.assert_nothing_left();
        }
    }
}

fn fill(call: &mut call::Builder<'_>) {
    call.set_question_id(2);
    call.set_interface_id(INTERFACE);
    call.set_method_id(END);
    target(call.reborrow().init_target(), Name::YourAnswer(1));
    let mut payload = call.reborrow().init_params();
    content(payload.reborrow().get_content(), "params", true);
    name(payload.init_cap_table(1).get(0), Name::YourAnswer(1));
}

/// Question ids and export ids are used again and again, in any order.
#[test]
fn ids_are_used_again() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    for round in 0..100 {
        for id in [9, 4_000_000_000, 1] {
            hand.call(id, Name::Yours(0), "", &[Name::Mine(id)]);
            let incoming = hand.only_call();
            let theirs = incoming.params.cap_at(CAP).unwrap();
            let call = hand.vat.call(0, theirs, params(END, "", false), Vec::new());
            hand.vat.release(0, theirs);
            hand.return_exception(0, "no");
            assert!(matches!(hand.events()[..], [Event::Return { call: c, .. }] if c == call));
            hand.vat
                .return_exception(0, incoming.answer, Exception::failed("no"));
            hand.finish(id, false);
            let sent = hand.sent();
            assert!(sent.contains(&Sent::Release(id)), "{round}: {sent:?}");
        }
    }
    let stats = hand.vat.connection_stats(hand.connection).unwrap();
    assert_eq!((stats.questions, stats.answers, stats.imports), (0, 0, 0));
    hand.assert_nothing_left();
}

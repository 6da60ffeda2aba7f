//! Promises that a vat hands out before it knows what they are, and all that they can turn out to be.

use capstan_rpc::rpc_capnp::message;
use capstan_rpc::vat::{CapId, ConnectionOptions, Event, Exception, PromiseId, Vat};

use crate::bench::{CAP, END, params, results, text};
use crate::hand::{Hand, Name, Sent, To};

/// A peer that got a promise of ours in the results of its question 1, knows it as export 1, and
/// has made a first call to it.
fn promised() -> (Hand, PromiseId) {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(0), "promise me", &[]);
    let incoming = hand.only_call();
    let (promise, cap) = hand.vat.promise();
    hand.vat
        .return_results(0, incoming.answer, results("", true), vec![Some(cap)]);
    assert_eq!(hand.names_in_return(), ["our promise 1"]);
    hand.finish_keeping(1);
    hand.call(2, Name::Yours(1), "first", &[]);
    assert!(hand.events().is_empty());
    (hand, promise)
}

fn answer_calls(hand: &mut Hand, expected: &[&str]) {
    let mut order = Vec::new();
    for event in hand.events() {
        match event {
            Event::Call(call) => {
                order.push(text(&call.params));
                hand.vat
                    .return_results(0, call.answer, results("", false), Vec::new());
            }
            Event::ObjectReleased { .. } => {}
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(order, expected);
}

#[test]
fn a_promise_of_an_object_here() {
    let (mut hand, promise) = promised();
    let (_, object) = hand.vat.add_object(Default::default());
    hand.vat.fulfill(0, promise, Ok(object));
    assert_eq!(hand.sent(), [Sent::Resolve(1, "ours 2".into())]);
    answer_calls(&mut hand, &["first"]);
    hand.sent();
    // By either name, until the peer lets go of the promise.
    hand.call(3, Name::Yours(1), "second", &[]);
    hand.call(4, Name::Yours(2), "third", &[]);
    answer_calls(&mut hand, &["second", "third"]);
    hand.release(1, 1);
    hand.call(5, Name::Yours(2), "fourth", &[]);
    answer_calls(&mut hand, &["fourth"]);
    hand.release(2, 1);
    assert!(matches!(hand.events()[..], [Event::ObjectReleased { .. }]));
    hand.assert_nothing_left();
}

#[test]
fn a_promise_of_the_peers_own_object() {
    let (mut hand, promise) = promised();
    let theirs = hand.import(7);
    hand.vat.fulfill(0, promise, Ok(theirs));
    assert_eq!(
        hand.sent(),
        [
            Sent::Resolve(1, "yours 7".into()),
            Sent::Call(0, To::Import(7), "first".into()),
            Sent::Taken(2, 0),
        ]
    );
    hand.ask_disembargo(Name::Yours(1), 44);
    assert_eq!(hand.sent(), [Sent::Disembargoed(44)]);
    hand.assert_nothing_left();
}

#[test]
fn a_promise_of_an_object_of_a_third_vat() {
    let (mut hand, promise) = promised();
    let third = hand.vat.connect(0, ConnectionOptions::default());
    let theirs = hand.vat.bootstrap(0, third);
    hand.vat.fulfill(0, promise, Ok(theirs));
    // What it is depends on the third vat's answer.
    assert_eq!(hand.sent(), []);
    let lost = Exception::disconnected("cable cut");
    hand.vat.handle_disconnect(0, third, lost);
    assert_eq!(
        hand.sent(),
        [
            Sent::Resolve(1, "Disconnected: cable cut".into()),
            Sent::Return(2, false),
        ]
    );
    while hand.vat.poll_transmit(third).is_some() {}
    hand.assert_nothing_left();
}

#[test]
fn a_promise_that_is_broken() {
    let (mut hand, promise) = promised();
    let error = Exception::overloaded("no room");
    hand.vat.fulfill(0, promise, Err(error));
    assert_eq!(
        hand.sent(),
        [
            Sent::Resolve(1, "Overloaded: no room".into()),
            Sent::Return(2, false),
        ]
    );
    hand.call(3, Name::Yours(1), "second", &[]);
    assert_eq!(hand.sent(), [Sent::Return(3, false)]);
    hand.assert_nothing_left();
}

#[test]
fn a_promise_of_another_promise_is_told_when_that_comes_true() {
    let (mut hand, promise) = promised();
    let (next, cap) = hand.vat.promise();
    hand.vat.fulfill(0, promise, Ok(cap));
    assert_eq!(hand.sent(), []);
    hand.call(3, Name::Yours(1), "second", &[]);
    let (_, object) = hand.vat.add_object(Default::default());
    hand.vat.fulfill(0, next, Ok(object));
    assert_eq!(hand.sent(), [Sent::Resolve(1, "ours 2".into())]);
    answer_calls(&mut hand, &["first", "second"]);
    hand.assert_nothing_left();
}

#[test]
fn promises_of_each_other_are_broken() {
    let (mut hand, promise) = promised();
    let (next, cap) = hand.vat.promise();
    hand.vat.retain(cap);
    hand.vat.fulfill(0, promise, Ok(cap));
    hand.call(3, Name::Yours(0), "what was it?", &[Name::Yours(1)]);
    let asked = hand.only_call();
    let same = asked.params.cap_at(CAP).unwrap();
    assert!(hand.vat.is_same(same, cap));
    hand.vat.fulfill(0, next, Ok(same));
    assert_eq!(
        hand.sent(),
        [
            Sent::Resolve(1, "Failed: a promise was resolved to itself".into()),
            Sent::Return(2, false),
        ]
    );
    hand.vat.release(0, cap);
    hand.vat
        .return_exception(0, asked.answer, Exception::failed(""));
    hand.assert_nothing_left();
}

/// Each side learns from the other that its promise is the other's.
#[test]
fn promises_of_each_others_are_broken() {
    let (mut hand, promise) = promised();
    let theirs = hand.import_promise(7);
    hand.vat.fulfill(0, promise, Ok(theirs));
    hand.sent();
    hand.resolve(7, Name::Yours(1));
    let sent = hand.sent();
    assert!(sent.contains(&Sent::Release(7)), "{sent:?}");
    hand.call(3, Name::Yours(1), "second", &[]);
    assert_eq!(hand.sent(), [Sent::Return(3, false)]);
    hand.assert_nothing_left();
}

#[test]
fn a_promise_that_the_peer_has_released_is_not_resolved() {
    let (mut hand, promise) = promised();
    hand.release(1, 1);
    let (_, object) = hand.vat.add_object(Default::default());
    hand.vat.fulfill(0, promise, Ok(object));
    assert_eq!(hand.sent(), []);
    answer_calls(&mut hand, &["first"]);
    hand.assert_nothing_left();
}

#[test]
fn a_promise_to_which_no_reference_is_left_needs_no_object() {
    let mut vat = Vat::new();
    let (promise, cap) = vat.promise();
    assert!(vat.is_awaited(promise));
    vat.release(0, cap);
    assert!(!vat.is_awaited(promise));
    let (_, object) = vat.add_object(Default::default());
    vat.fulfill(0, promise, Ok(object));
    assert!(matches!(
        vat.poll_event(),
        Some(Event::ObjectReleased { .. })
    ));
    assert_eq!(vat.stats(), Default::default());
}

#[test]
fn a_promise_given_twice_is_one_promise_and_resolved_once() {
    let (mut hand, promise) = promised();
    hand.call(3, Name::Yours(0), "again", &[Name::Yours(1)]);
    let again = hand.only_call();
    let cap = again.params.cap_at(CAP);
    hand.vat
        .return_results(0, again.answer, results("", true), vec![cap]);
    assert_eq!(hand.names_in_return(), ["our promise 1"]);
    hand.finish_keeping(3);
    let (_, object) = hand.vat.add_object(Default::default());
    hand.vat.fulfill(0, promise, Ok(object));
    assert_eq!(hand.sent(), [Sent::Resolve(1, "ours 2".into())]);
    hand.release(1, 2);
    hand.release(2, 1);
    answer_calls(&mut hand, &["first"]);
    hand.assert_nothing_left();
}

#[test]
fn a_peer_that_knows_no_resolve_keeps_the_promise_only() {
    let (mut hand, promise) = promised();
    let (_, object) = hand.vat.add_object(Default::default());
    hand.vat.fulfill(0, promise, Ok(object));
    hand.sent();
    hand.send(|message: message::Builder<'_>| {
        let original = message.init_unimplemented();
        let mut resolve = original.init_resolve();
        resolve.set_promise_id(1);
        resolve.init_cap().set_sender_hosted(2);
    });
    let stats = hand.vat.connection_stats(hand.connection).unwrap();
    assert_eq!(stats.exports, 2, "the bootstrap object and the promise");
    hand.call(3, Name::Yours(1), "second", &[]);
    answer_calls(&mut hand, &["first", "second"]);
    hand.assert_nothing_left();
}

/// A chain from peer to peer: each is told as soon as the one before knows.
#[test]
fn a_promise_of_one_peer_is_resolved_to_another() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let theirs = hand.import_promise(7);
    let other = {
        let options = ConnectionOptions {
            bootstrap: Some(theirs),
            ..ConnectionOptions::default()
        };
        let vat = core::mem::take(&mut hand.vat);
        let mut other = Hand::on(vat, options);
        other.bootstrap(0);
        assert_eq!(other.names_in_return(), ["our promise 0"]);
        let connection = other.connection;
        hand.vat = other.vat;
        connection
    };
    hand.resolve(7, Name::Mine(8));
    assert_eq!(hand.sent(), [Sent::Release(7)]);
    hand.connection = other;
    assert_eq!(hand.sent(), [Sent::Resolve(0, "ours 1".into())]);
}

#[test]
fn a_driver_hears_when_what_it_watches_has_come_true() {
    let mut vat = Vat::new();
    let (promise, cap) = vat.promise();
    assert!(vat.watch(cap));
    let (next, second) = vat.promise();
    vat.fulfill(0, promise, Ok(second));
    assert!(vat.poll_event().is_none(), "it is only another promise");
    let (object, local) = vat.add_object(Default::default());
    vat.fulfill(0, next, Ok(local));
    assert!(matches!(vat.poll_event(), Some(Event::Resolved { cap: told }) if told == cap));
    assert_eq!(vat.local_object(cap), Some(object));
    assert!(!vat.watch(cap));
    release(&mut vat, [cap, cap]);
    assert!(vat.poll_event().is_some());
    assert_eq!(vat.stats(), Default::default());
}

fn release(vat: &mut Vat, caps: impl IntoIterator<Item = CapId>) {
    for cap in caps {
        vat.release(0, cap);
    }
}

#[test]
fn calls_made_here_wait_in_a_promise_in_order() {
    let mut vat = Vat::new();
    let (promise, cap) = vat.promise();
    for words in ["first", "second"] {
        vat.call(0, cap, params(END, words, false), Vec::new());
    }
    let (_, object) = vat.add_object(Default::default());
    vat.fulfill(0, promise, Ok(object));
    for words in ["first", "second"] {
        let Some(Event::Call(call)) = vat.poll_event() else {
            panic!("a call is missing")
        };
        assert_eq!(text(&call.params), words);
    }
}

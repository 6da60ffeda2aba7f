//! Calls that a peer passes back to the vat that made them.

use capstan_rpc::vat::{AnswerId, CallId, CapId, ConnectionOptions, Event, Exception, Vat};

use crate::bench::{CAP, END, INTERFACE, params, results, text};
use crate::hand::{Hand, Name, Sent, To, content, target};

/// A vat that has called an object of the peer's, which passes the call back to an object here. What
/// was pipelined on the call has its first call under way.
fn passed_back() -> (Hand, CallId, CapId, AnswerId) {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(0), "", &[Name::Mine(7)]);
    let incoming = hand.only_call();
    let theirs = incoming.params.cap_at(CAP).unwrap();
    let call = hand.vat.call(0, theirs, params(END, "", false), Vec::new());
    let promised = hand.vat.pipeline(call, CAP);
    hand.make(promised, "first", None);
    hand.vat.release(0, theirs);
    hand.vat
        .return_results(0, incoming.answer, results("", false), Vec::new());
    hand.sent();
    hand.pass_back(5, Name::Yours(0));
    assert_eq!(
        hand.sent(),
        [Sent::Disembargo(To::Question(0), 0), Sent::Finish(0)]
    );
    let back = hand.only_call();
    assert_eq!(text(&back.params), "passed back");
    (hand, call, promised, back.answer)
}

#[test]
fn the_results_of_a_call_that_is_passed_back_stay_here() {
    let (mut hand, call, promised, back) = passed_back();
    hand.make(promised, "second", None);
    let (object, made) = hand.vat.add_object(Default::default());
    hand.vat
        .return_results(0, back, results("made", true), vec![Some(made)]);
    assert_eq!(hand.sent(), [Sent::Elsewhere(5), Sent::Release(7)]);
    let mut events = hand.events();
    let Some(Event::Return {
        call: returned,
        result: Ok(payload),
    }) = events.pop()
    else {
        panic!("{events:?}")
    };
    assert!(events.is_empty(), "the second call has to wait: {events:?}");
    assert_eq!((returned, text(&payload)), (call, "made".into()));
    let home = payload.cap_at(CAP).unwrap();
    assert_eq!(hand.vat.local_object(home), Some(object));
    hand.vat.release(0, home);
    // The peer passes on what it got before, then says that this was all.
    hand.call(6, Name::YourAnswer(5), "first", &[]);
    hand.answer_disembargo(0);
    let events = hand.events();
    for (event, expected) in events.into_iter().zip(["first", "second"]) {
        let Event::Call(call) = event else {
            panic!("{event:?}")
        };
        assert_eq!((call.object, &*text(&call.params)), (object, expected));
        hand.vat
            .return_exception(0, call.answer, Exception::failed(""));
    }
    hand.finish(5, false);
    hand.vat.release(0, promised);
    hand.assert_nothing_left();
}

#[test]
fn a_call_that_is_passed_back_fails_here_for_its_own_reason() {
    let (mut hand, call, promised, back) = passed_back();
    // The peer has no more use for its own part.
    hand.finish(5, false);
    assert!(hand.events().is_empty(), "it is wanted here");
    hand.vat
        .return_exception(0, back, Exception::failed("disk full"));
    assert_eq!(hand.sent(), [Sent::Elsewhere(5), Sent::Release(7)]);
    let events = hand.events();
    assert!(
        matches!(
            &events[..],
            [Event::Return { call: returned, result: Err(error) }]
                if *returned == call && error.reason == "disk full"
        ),
        "{events:?}"
    );
    hand.vat.release(0, promised);
    hand.assert_nothing_left();
}

#[test]
fn a_call_that_is_passed_back_can_be_given_up() {
    let (mut hand, call, promised, back) = passed_back();
    hand.vat.drop_call(0, call);
    hand.finish(5, false);
    assert!(hand.events().is_empty(), "its results are still to be used");
    hand.vat.release(0, promised);
    hand.answer_disembargo(0);
    // The call that was made on them is over too.
    hand.send(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(1);
        ret.init_exception().set_reason("no");
    });
    assert!(matches!(hand.vat.poll_event(), Some(Event::Return { .. })));
    let events = hand.events();
    assert!(
        matches!(events[..], [Event::Canceled { answer }] if answer == back),
        "{events:?}"
    );
    hand.vat.return_exception(0, back, Exception::failed(""));
    hand.assert_nothing_left();

    // And the connection can be lost in the meantime.
    let (mut hand, call, promised, back) = passed_back();
    hand.disconnect();
    hand.vat.release(0, promised);
    hand.events();
    hand.vat
        .return_results(0, back, results("", false), Vec::new());
    let events = hand.events();
    assert!(
        matches!(events[0], Event::Return { call: returned, result: Ok(_) } if returned == call),
        "{events:?}"
    );
    hand.assert_nothing_left();
}

#[test]
fn results_that_are_not_there_to_be_taken() {
    let mut hand = Hand::new(Default::default());
    let client = hand.vat.bootstrap(0, hand.connection);
    hand.make(client, "", None);
    hand.send(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(1);
        ret.set_take_from_other_question(77);
    });
    let events = hand.events();
    assert!(
        matches!(
            &events[..],
            [Event::Return { result: Err(error), .. }] if error.reason.contains("call 77")
        ),
        "{events:?}"
    );
    hand.vat.release(0, client);
    hand.assert_nothing_left();
}

// ---- calls that this vat passes back ----

/// The peer calls an object here, which passes the call on to the peer's object 7.
fn passing_back() -> Hand {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let theirs = hand.import(7);
    hand.call(1, Name::Yours(0), "", &[]);
    let incoming = hand.only_call();
    let tail = params(END, "tail", false);
    hand.vat
        .tail_call(0, incoming.answer, theirs, tail, Vec::new());
    hand.vat.release(0, theirs);
    assert_eq!(
        hand.sent(),
        [
            Sent::Call(0, To::Import(7), "tail".into()),
            Sent::Taken(1, 0)
        ]
    );
    hand
}

#[test]
fn a_tail_call_to_the_caller_leaves_the_results_there() {
    let mut hand = passing_back();
    // What the peer pipelined before it knew goes where the results are.
    hand.call(2, Name::YourAnswer(1), "pipelined", &[]);
    assert_eq!(
        hand.sent(),
        [
            Sent::Call(1, To::Question(0), "pipelined".into()),
            Sent::Taken(2, 1)
        ]
    );
    hand.ask_disembargo(Name::YourAnswer(1), 44);
    assert_eq!(hand.sent(), [Sent::Disembargoed(44)]);
    hand.return_elsewhere(0);
    assert_eq!(hand.sent(), [], "there may be more calls on question 1");
    hand.finish_keeping(1);
    hand.finish_keeping(2);
    assert_eq!(hand.sent(), [], "the pipelined call has not returned");
    hand.return_elsewhere(1);
    assert_eq!(
        hand.sent(),
        [Sent::Finish(1), Sent::Finish(0), Sent::Release(7)]
    );
    let stats = hand.vat.connection_stats(hand.connection).unwrap();
    assert_eq!((stats.questions, stats.answers, stats.imports), (0, 0, 0));
    hand.assert_nothing_left();
}

#[test]
fn what_is_in_results_left_there_can_be_held_on_to() {
    let mut hand = passing_back();
    hand.call(2, Name::Yours(0), "keep", &[Name::YourAnswer(1)]);
    let keep = hand.only_call();
    let theirs = keep.params.cap_at(CAP).unwrap();
    hand.vat
        .return_results(0, keep.answer, results("", false), Vec::new());
    hand.return_elsewhere(0);
    hand.finish_keeping(1);
    assert_eq!(hand.sent(), [Sent::Return(2, true)]);
    hand.make(theirs, "hello", None);
    assert_eq!(
        hand.sent(),
        [Sent::Call(1, To::Question(0), "hello".into())]
    );
    hand.vat.release(0, theirs);
    assert_eq!(hand.sent(), [], "the call is under way there");
    hand.return_exception(1, "no");
    assert_eq!(
        hand.sent(),
        [Sent::Finish(1), Sent::Finish(0), Sent::Release(7)]
    );
    hand.assert_nothing_left();
}

#[test]
fn a_peer_may_answer_a_call_that_was_passed_back_in_any_way() {
    let mut hand = passing_back();
    hand.return_exception(0, "I know of no such thing");
    assert_eq!(hand.sent(), [Sent::Finish(0), Sent::Release(7)]);
    hand.call(2, Name::YourAnswer(1), "pipelined", &[]);
    assert_eq!(hand.sent(), [Sent::Return(2, false)]);
    hand.finish_keeping(1);
    hand.assert_nothing_left();
}

#[test]
fn a_call_that_waited_in_a_promise_is_passed_back_with_what_waited_for_it() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let theirs = hand.import(7);
    hand.call(1, Name::Yours(0), "promise me", &[]);
    let incoming = hand.only_call();
    let (promise, cap) = hand.vat.promise();
    hand.vat
        .return_results(0, incoming.answer, results("", true), vec![Some(cap)]);
    hand.call(2, Name::YourAnswer(1), "first", &[]);
    hand.call(3, Name::YourAnswer(2), "second", &[]);
    hand.sent();
    hand.vat.fulfill(0, promise, Ok(theirs));
    assert_eq!(
        hand.sent(),
        [
            Sent::Resolve(1, "yours 7".into()),
            Sent::Call(0, To::Import(7), "first".into()),
            Sent::Taken(2, 0),
            Sent::Call(1, To::Question(0), "second".into()),
            Sent::Taken(3, 1),
        ]
    );
    hand.assert_nothing_left();
}

#[test]
fn a_tail_call_to_an_object_here_or_elsewhere_returns_through_here() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let (promise, cap) = hand.vat.promise();
    for (question, target) in [(1, "local"), (2, "promise")] {
        hand.call(question, Name::Yours(0), "", &[]);
        let incoming = hand.only_call();
        let tail = params(END, target, false);
        let (_, local) = hand.vat.add_object(Default::default());
        let to = if target == "local" { local } else { cap };
        hand.vat.tail_call(0, incoming.answer, to, tail, Vec::new());
        if target == "promise" {
            assert!(hand.vat.poll_event().is_none());
            hand.vat.fulfill(0, promise, Ok(local));
        } else {
            hand.vat.release(0, local);
        }
        let inner = hand.only_call();
        assert_eq!(text(&inner.params), target);
        hand.vat
            .return_results(0, inner.answer, results(target, false), Vec::new());
        assert_eq!(hand.sent(), [Sent::Return(question, true)]);
        hand.events();
    }
    hand.vat.release(0, cap);
    hand.assert_nothing_left();
}

#[test]
fn a_call_is_passed_on_whole_to_another_object() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let theirs = hand.import(7);
    hand.call(1, Name::Yours(0), "as it came", &[]);
    let incoming = hand.only_call();
    hand.vat.pass_call(
        0,
        incoming.answer,
        (incoming.interface_id, incoming.method_id),
        incoming.params,
        theirs,
    );
    assert_eq!(
        hand.sent(),
        [
            Sent::Call(0, To::Import(7), "as it came".into()),
            Sent::Taken(1, 0)
        ]
    );
    hand.vat.release(0, theirs);
}

#[test]
fn calls_pipelined_here_follow_a_call_that_is_passed_on() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let (_, object) = hand.vat.add_object(Default::default());
    let theirs = hand.import(7);
    let call = hand.vat.call(0, object, params(END, "", false), Vec::new());
    let promised = hand.vat.pipeline(call, CAP);
    hand.make(promised, "before", None);
    let incoming = hand.only_call();
    assert_eq!(hand.sent(), []);
    let tail = params(END, "passed on", false);
    hand.vat
        .tail_call(0, incoming.answer, theirs, tail, Vec::new());
    let late = hand.vat.pipeline(call, CAP);
    hand.make(late, "after", None);
    assert_eq!(
        hand.sent(),
        [
            Sent::Call(0, To::Import(7), "passed on".into()),
            Sent::Call(1, To::Question(0), "before".into()),
            Sent::Call(2, To::Question(0), "after".into()),
        ]
    );
}

#[test]
fn calls_pipelined_here_go_where_the_results_are_known_to_lead() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let (_, object) = hand.vat.add_object(Default::default());
    let theirs = hand.import(7);
    let call = hand.vat.call(0, object, params(END, "", false), Vec::new());
    let incoming = hand.only_call();
    let early = results("", true);
    hand.vat
        .set_pipeline(0, incoming.answer, early, vec![Some(theirs)]);
    let promised = hand.vat.pipeline(call, CAP);
    hand.make(promised, "early", None);
    assert_eq!(hand.sent(), [Sent::Call(0, To::Import(7), "early".into())]);
}

/// It would wait for ever, and the calls on its results with it.
#[test]
fn a_call_that_is_passed_on_to_its_own_results_fails() {
    for steps in 1..4 {
        let mut hand = Hand::new(Default::default());
        let (_, object) = hand.vat.add_object(Default::default());
        let call = hand.vat.call(0, object, params(END, "", false), Vec::new());
        let promised = hand.vat.pipeline(call, CAP);
        let mut answer = hand.only_call().answer;
        // By way of other calls, each passed on to the next.
        for _ in 1..steps {
            let tail = params(END, "", false);
            hand.vat.tail_call(0, answer, object, tail, Vec::new());
            answer = hand.only_call().answer;
        }
        let tail = params(END, "", false);
        hand.vat.tail_call(0, answer, promised, tail, Vec::new());
        let events = hand.events();
        assert!(
            matches!(
                &events[..],
                [Event::Return { call: returned, result: Err(error) }]
                    if *returned == call && error.reason.contains("its own results")
            ),
            "{events:?}"
        );
        hand.vat.release(0, promised);
        hand.vat.release(0, object);
        hand.assert_nothing_left();
    }
}

/// The peer asks for results to be kept here, gets that call passed on to it, and answers it with the results that
/// it asked to be kept. They would stay for ever, even after the connection.
#[test]
fn results_that_a_peer_returns_for_themselves_fail() {
    for steps in 1..4 {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        let theirs = hand.import(7);
        let (_, object) = hand.vat.add_object(Default::default());
        hand.send(|message| {
            let mut call = message.init_call();
            call.set_question_id(5);
            call.set_interface_id(INTERFACE);
            call.set_method_id(END);
            call.reborrow().init_send_results_to().set_yourself(());
            target(call.reborrow().init_target(), Name::Yours(0));
            content(call.init_params().get_content(), "", false);
        });
        let mut answer = hand.only_call().answer;
        for _ in 1..steps {
            let tail = params(END, "", false);
            hand.vat.tail_call(0, answer, object, tail, Vec::new());
            answer = hand.only_call().answer;
        }
        let tail = params(END, "tail", false);
        hand.vat.tail_call(0, answer, theirs, tail, Vec::new());
        assert_eq!(hand.sent(), [Sent::Call(0, To::Import(7), "tail".into())]);
        hand.send(|message| {
            let mut ret = message.init_return();
            ret.set_answer_id(0);
            ret.set_take_from_other_question(5);
        });
        let sent = hand.sent();
        assert!(sent.contains(&Sent::Elsewhere(5)), "{sent:?}");
        hand.vat.release(0, theirs);
        hand.vat.release(0, object);
        hand.assert_nothing_left();
    }
}

#[test]
fn a_tail_call_is_given_up_with_the_call_it_answers() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(0), "", &[]);
    let incoming = hand.only_call();
    let (_, local) = hand.vat.add_object(Default::default());
    let tail = params(END, "", false);
    hand.vat
        .tail_call(0, incoming.answer, local, tail, Vec::new());
    hand.vat.release(0, local);
    let inner = hand.only_call();
    hand.finish(1, false);
    let events = hand.events();
    assert!(
        matches!(events[..], [Event::Canceled { answer }] if answer == inner.answer),
        "{events:?}"
    );
    hand.vat
        .return_exception(0, inner.answer, Exception::failed("canceled"));
    hand.assert_nothing_left();
}

/// A peer that has given up what it gets passed back gives up what would have answered it.
#[test]
fn results_for_a_call_that_was_given_up_are_given_up() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let theirs = hand.import(7);
    let call = hand.vat.call(0, theirs, params(END, "", false), Vec::new());
    hand.vat.drop_call(0, call);
    hand.vat.release(0, theirs);
    hand.pass_back(5, Name::Yours(0));
    let events = hand.events();
    let [Event::Call(back), Event::Canceled { answer }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(back.answer, *answer);
    hand.vat
        .return_exception(0, *answer, Exception::failed("canceled"));
    hand.assert_nothing_left();
}

#[test]
fn peers_that_know_no_tail_calls_can_be_spared_them() {
    let options = |bootstrap| ConnectionOptions {
        bootstrap: Some(bootstrap),
        tail_calls: false,
        ..ConnectionOptions::default()
    };
    let mut vat = Vat::new();
    let (_, bootstrap) = vat.add_object(Default::default());
    let mut hand = Hand::on(vat, options(bootstrap)).with_bootstrap();
    let theirs = hand.import(7);
    hand.call(1, Name::Yours(0), "", &[]);
    let incoming = hand.only_call();
    let tail = params(END, "tail", false);
    hand.vat
        .tail_call(0, incoming.answer, theirs, tail, Vec::new());
    hand.vat.release(0, theirs);
    assert_eq!(hand.sent(), [Sent::Call(0, To::Import(7), "tail".into())]);
    hand.return_exception(0, "no");
    let sent = hand.sent();
    assert!(sent.contains(&Sent::Return(1, false)), "{sent:?}");
    hand.finish_keeping(1);
    hand.assert_nothing_left();
}

/// One peer's calls go on to another's object, those on their results right behind them.
#[test]
fn calls_on_results_that_are_far_away_go_there_without_waiting() {
    let mut far = Hand::on(Vat::new(), Default::default());
    let theirs = far.vat.bootstrap(0, far.connection);
    far.sent();
    far.return_bootstrap(0, Name::Mine(3));
    far.sent();
    let options = ConnectionOptions {
        bootstrap: Some(theirs),
        ..ConnectionOptions::default()
    };
    let (there, far) = (far.connection, far.vat);
    let mut hand = Hand::on(far, options).with_bootstrap();
    hand.call(1, Name::Yours(0), "one", &[]);
    hand.call(2, Name::YourAnswer(1), "two", &[]);
    hand.call(3, Name::YourAnswer(2), "three", &[]);
    assert_eq!(hand.sent(), []);
    let here = core::mem::replace(&mut hand.connection, there);
    assert_eq!(
        hand.sent(),
        [
            Sent::Call(0, To::Import(3), "one".into()),
            Sent::Call(1, To::Question(0), "two".into()),
            Sent::Call(2, To::Question(1), "three".into()),
        ]
    );
    hand.return_exception(0, "no");
    hand.return_exception(1, "no");
    hand.return_exception(2, "no");
    hand.disconnect();
    hand.connection = here;
    let sent = hand.sent();
    assert_eq!(
        sent,
        [1, 2, 3].map(|question| Sent::Return(question, false))
    );
    hand.assert_nothing_left();
}

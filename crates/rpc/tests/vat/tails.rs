//! Calls that a peer passes back to the vat that made them.

use capstan_rpc::vat::{AnswerId, CallId, CapId, Event, Exception};

use crate::bench::{CAP, END, params, results, text};
use crate::hand::{Hand, Name, Sent, To};

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

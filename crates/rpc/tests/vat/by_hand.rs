//! A vat against a peer that does what no vat of ours would, or not in this order.

use capstan_message::message::{Builder, FrameBuilder, HeapAllocator};
use capstan_message::serialize;
use capstan_rpc::rpc_capnp::{cap_descriptor, message};
use capstan_rpc::vat::{ConnectionOptions, Event, Exception, Limits, Vat};

use crate::bench::{CAP, END, WRITE, params, results, sink, text};
use crate::hand::{Hand, Name, Sent, To, content, name};

#[test]
fn an_import_is_released_after_the_call_that_gives_it_back() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(0), "", &[Name::Mine(7)]);
    let incoming = hand.only_call();
    let theirs = incoming.params.cap_at(CAP).unwrap();
    let other = hand.vat.bootstrap(0, hand.connection);
    hand.make(other, "here you are", Some(theirs));
    assert_eq!(
        hand.sent(),
        [
            Sent::Bootstrap(0),
            Sent::Call(1, To::Question(0), "here you are".into()),
            Sent::Release(7),
        ]
    );
    hand.vat.release(0, other);
    hand.vat
        .return_exception(0, incoming.answer, Exception::failed(""));
    hand.assert_nothing_left();
}

/// The promise leads to one of our own exports by way of a promise of the peer's. Nobody has used
/// that one, but calls through the first one pass it.
#[test]
fn calls_made_before_a_promise_led_to_another_count_for_its_embargo() {
    for renamed in [false, true] {
        let mut hand = Hand::new(Default::default());
        let (_, home) = hand.vat.add_object(Default::default());
        let client = hand.vat.bootstrap(0, hand.connection);
        hand.vat.retain(home);
        hand.make(client, "first", Some(home));
        hand.sent();
        hand.return_bootstrap(0, Name::MyPromise(5));
        let mut promise = 5;
        if renamed {
            hand.resolve(5, Name::MyPromise(6));
            promise = 6;
            assert_eq!(hand.sent(), [Sent::Finish(0), Sent::Release(5)]);
        } else {
            assert_eq!(hand.sent(), [Sent::Finish(0)]);
        }
        hand.resolve(promise, Name::Yours(0));
        assert_eq!(
            hand.sent(),
            [
                Sent::Disembargo(To::Import(promise), 0),
                Sent::Release(promise)
            ]
        );
        hand.make(client, "second", None);
        assert!(hand.events().is_empty(), "it would overtake the first");
        hand.call(9, Name::Yours(0), "first", &[]);
        assert_eq!(text(&hand.only_call().params), "first");
        hand.answer_disembargo(0);
        let second = hand.only_call();
        assert_eq!(text(&second.params), "second");
        hand.vat.release(0, client);
        hand.vat.release(0, home);
    }
}

/// The peer's Disembargo is on its way while what it is for turns out to be ours: it has to wait
/// until the calls that came before it have gone on.
#[test]
fn a_disembargo_waits_for_the_calls_before_it() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    // Our object returns a promise of the peer's, through which the peer calls.
    hand.call(1, Name::Yours(0), "echo", &[Name::MyPromise(7)]);
    let echo = hand.only_call();
    let theirs = echo.params.cap_at(CAP).unwrap();
    hand.call(2, Name::YourAnswer(1), "first", &[]);
    hand.vat
        .return_results(0, echo.answer, results("", true), vec![Some(theirs)]);
    assert_eq!(
        hand.sent(),
        [
            Sent::Return(1, true),
            Sent::Call(0, To::Import(7), "first".into()),
            Sent::Taken(2, 0),
        ]
    );
    // It comes true as an object of ours, while the first call is still under way there.
    hand.resolve(7, Name::Yours(0));
    assert_eq!(
        hand.sent(),
        [Sent::Disembargo(To::Import(7), 0), Sent::Release(7)]
    );
    hand.call(3, Name::YourAnswer(1), "second", &[]);
    hand.ask_disembargo(Name::YourAnswer(1), 44);
    assert!(hand.events().is_empty());
    assert_eq!(hand.sent(), [], "the second call is not there yet");
    hand.call(4, Name::Yours(0), "first", &[]);
    hand.answer_disembargo(0);
    let mut order = Vec::new();
    assert_eq!(hand.sent(), [Sent::Disembargoed(44)]);
    for event in hand.events() {
        let Event::Call(call) = event else {
            panic!("{event:?}")
        };
        order.push(text(&call.params));
        hand.vat
            .return_exception(0, call.answer, Exception::failed(""));
    }
    assert_eq!(order, ["first", "second"]);
    hand.assert_nothing_left();
}

/// Results that are part of the answer to our own question, which the peer names as its own.
#[test]
fn a_disembargo_for_results_that_the_peer_itself_is_to_return() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(0), "", &[Name::Mine(7)]);
    let incoming = hand.only_call();
    let theirs = incoming.params.cap_at(CAP).unwrap();
    let call = hand.vat.call(0, theirs, params(END, "", false), Vec::new());
    let promised = hand.vat.pipeline(call, CAP);
    hand.vat
        .return_results(0, incoming.answer, results("", true), vec![Some(promised)]);
    hand.sent();
    hand.ask_disembargo(Name::YourAnswer(1), 3);
    assert_eq!(hand.sent(), [Sent::Disembargoed(3)]);
    hand.vat.release(0, theirs);
    hand.assert_nothing_left();
}

#[test]
fn a_peer_that_knows_no_disembargo_does_not_hang_calls() {
    let mut hand = Hand::new(Default::default());
    let (_, home) = hand.vat.add_object(Default::default());
    let client = hand.vat.bootstrap(0, hand.connection);
    hand.make(client, "first", Some(home));
    hand.return_bootstrap(0, Name::Yours(0));
    hand.make(client, "second", None);
    assert!(hand.events().is_empty());
    hand.send(|message| {
        let original = message.init_unimplemented();
        let mut disembargo = original.init_disembargo();
        disembargo.reborrow().init_target();
        disembargo.init_context().set_sender_loopback(0);
    });
    assert_eq!(text(&hand.only_call().params), "second");
}

#[test]
fn a_finish_leaves_the_calls_that_were_pipelined_on_the_results() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(0), "make", &[]);
    hand.call(2, Name::YourAnswer(1), "use", &[]);
    hand.finish(1, false);
    let make = hand.only_call();
    let (object, made) = hand.vat.add_object(Default::default());
    hand.vat
        .return_results(0, make.answer, results("", true), vec![Some(made)]);
    assert_eq!(hand.sent(), [Sent::Canceled(1)]);
    let used = hand.only_call();
    assert_eq!((used.object, text(&used.params)), (object, "use".into()));
    hand.vat
        .return_results(0, used.answer, results("used", false), Vec::new());
    assert_eq!(hand.sent(), [Sent::Return(2, true)]);
    let events = hand.events();
    assert!(
        matches!(events[..], [Event::ObjectReleased { object: o }] if o == object),
        "{events:?}"
    );
    hand.assert_nothing_left();
}

#[test]
fn a_finished_call_is_cancelled_once_when_the_last_call_on_its_results_is() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(0), "make", &[]);
    hand.call(2, Name::YourAnswer(1), "use", &[]);
    hand.call(3, Name::YourAnswer(2), "use that", &[]);
    let make = hand.only_call();
    hand.finish(1, false);
    hand.finish(2, false);
    assert!(hand.events().is_empty());
    hand.finish(3, false);
    assert_eq!(hand.sent(), [Sent::Canceled(3), Sent::Canceled(2)]);
    let events = hand.events();
    assert!(
        matches!(events[..], [Event::Canceled { answer }] if answer == make.answer),
        "{events:?}"
    );
    hand.disconnect();
    let events = hand.events();
    assert!(matches!(events[..], [Event::Closed { .. }]), "{events:?}");
    hand.vat
        .return_exception(0, make.answer, Exception::failed(""));
    hand.assert_nothing_left();
}

#[test]
fn a_peer_may_ask_for_delivery_before_cancellation() {
    for deliver_first in [true, false] {
        let mut hand = Hand::new(sink()).with_bootstrap();
        hand.call_method(1, Name::Yours(0), WRITE, "running", &[]);
        hand.call(2, Name::Yours(0), "waiting", &[Name::Mine(3)]);
        let running = hand.only_call();
        hand.finish(2, deliver_first);
        assert!(hand.events().is_empty());
        if deliver_first {
            assert_eq!(hand.sent(), []);
        } else {
            assert_eq!(hand.sent(), [Sent::Canceled(2), Sent::Release(3)]);
        }
        hand.vat
            .return_results(0, running.answer, results("", false), Vec::new());
        let events = hand.events();
        match &events[..] {
            [Event::Call(call), Event::Canceled { answer }] if deliver_first => {
                assert_eq!(
                    (call.answer, text(&call.params)),
                    (*answer, "waiting".into())
                );
                for cap in call.params.caps.iter().flatten() {
                    hand.vat.release(0, *cap);
                }
                hand.vat
                    .return_exception(0, call.answer, Exception::failed(""));
            }
            [] if !deliver_first => {}
            _ => panic!("{events:?}"),
        }
        hand.assert_nothing_left();
    }
}

/// A waiting call that was given up leaves its queue, whatever its answer's place is taken by.
#[test]
fn calls_given_up_by_the_thousand_leave_nothing_in_the_queue() {
    let mut hand = Hand::new(sink()).with_bootstrap();
    hand.call_method(1, Name::Yours(0), WRITE, "running", &[]);
    let running = hand.only_call();
    for question in 2..40_000 {
        hand.call(question, Name::Yours(0), "waiting", &[]);
        hand.finish(question, false);
    }
    hand.sent();
    assert_eq!(hand.vat.stats().answers, 1);
    hand.vat
        .return_results(0, running.answer, results("", false), Vec::new());
    assert!(hand.events().is_empty());
    hand.assert_nothing_left();
}

#[test]
fn a_message_that_breaks_the_protocol_leaves_no_references() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(
        1,
        Name::Yours(0),
        "",
        &[Name::Mine(1), Name::Yours(0), Name::Yours(99)],
    );
    assert!(matches!(&hand.sent()[..], [Sent::Abort(why)] if why.contains("export 99")));
    hand.assert_nothing_left();

    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(77), "", &[Name::Mine(1), Name::Yours(0)]);
    assert!(matches!(&hand.sent()[..], [Sent::Abort(why)] if why.contains("export 77")));
    hand.assert_nothing_left();
}

#[test]
fn a_call_on_its_own_results_fails() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::YourAnswer(1), "", &[Name::YourAnswer(1)]);
    assert_eq!(hand.sent(), [Sent::Return(1, false)]);
    hand.assert_nothing_left();
}

#[test]
fn a_call_that_waits_for_its_own_results_fails() {
    let mut hand = Hand::new(Default::default());
    let (_, object) = hand.vat.add_object(Default::default());
    let first = hand.vat.call(0, object, params(END, "", false), Vec::new());
    let promised = hand.vat.pipeline(first, CAP);
    let second = hand
        .vat
        .call(0, promised, params(END, "", false), Vec::new());
    let knot = hand.vat.pipeline(second, CAP);
    let incoming = hand.only_call();
    hand.vat
        .return_results(0, incoming.answer, results("", true), vec![Some(knot)]);
    let events = hand.events();
    let failed = events.iter().find_map(|event| match event {
        Event::Return {
            call,
            result: Err(error),
        } if *call == second => Some(&error.reason),
        _ => None,
    });
    assert!(
        failed.is_some_and(|reason| reason.contains("waits for it")),
        "{events:?}"
    );
    for event in events {
        if let Event::Return {
            result: Ok(payload),
            ..
        } = event
        {
            hand.vat.release(0, payload.cap_at(CAP).unwrap());
        }
    }
    hand.vat.release(0, promised);
    hand.vat.release(0, object);
    hand.assert_nothing_left();
}

#[test]
fn a_long_chain_of_pipelined_calls_needs_no_deep_stack() {
    const DEPTH: u32 = 20_000;
    let mut hand = patient().with_bootstrap();
    hand.call(1, Name::Yours(0), "", &[]);
    let first = hand.only_call();
    for question in 2..DEPTH {
        hand.call(question, Name::YourAnswer(question - 1), "", &[]);
    }
    hand.vat
        .return_exception(0, first.answer, Exception::failed("no"));
    let sent = hand.sent();
    assert_eq!(sent.len(), DEPTH as usize - 1);
    assert!(
        sent.iter()
            .all(|sent| matches!(sent, Sent::Return(_, false)))
    );
    hand.assert_nothing_left();

    // Given up from its end, and lost in the middle.
    for lost in [false, true] {
        let mut hand = patient().with_bootstrap();
        hand.call(1, Name::Yours(0), "", &[]);
        let first = hand.only_call();
        for question in 2..DEPTH {
            hand.call(question, Name::YourAnswer(question - 1), "", &[]);
        }
        for question in (1..DEPTH).filter(|_| !lost) {
            hand.finish(question, false);
        }
        if lost {
            hand.disconnect();
        }
        let events = hand.events();
        assert!(
            matches!(events.first(), Some(Event::Canceled { answer }) if *answer == first.answer)
        );
        hand.vat
            .return_exception(0, first.answer, Exception::failed(""));
        hand.assert_nothing_left();
    }
}

/// Lets calls wait for each other as long as they like.
fn patient() -> Hand {
    let mut vat = Vat::new();
    let (_, bootstrap) = vat.add_object(Default::default());
    let limits = Limits {
        max_promise_depth: u32::MAX,
        ..Limits::default()
    };
    let options = ConnectionOptions {
        bootstrap: Some(bootstrap),
        limits,
        ..ConnectionOptions::default()
    };
    Hand::on(vat, options)
}

#[test]
fn a_long_chain_of_calls_made_here_needs_no_deep_stack() {
    for failed in [false, true] {
        let mut hand = Hand::new(Default::default());
        let (_, object) = hand.vat.add_object(Default::default());
        let mut target = object;
        for _ in 0..20_000 {
            let call = hand.vat.call(0, target, params(END, "", false), Vec::new());
            let promised = hand.vat.pipeline(call, CAP);
            hand.vat.release(0, target);
            target = promised;
            if !failed {
                hand.vat.drop_call(0, call);
            }
        }
        let first = hand.only_call();
        if failed {
            hand.vat
                .return_exception(0, first.answer, Exception::failed("no"));
            hand.vat.release(0, target);
            assert_eq!(
                hand.events().len(),
                20_000 + 1,
                "and the object is released"
            );
        } else {
            hand.vat.release(0, target);
            let events = hand.events();
            assert!(matches!(events[..], [Event::Canceled { .. }]));
            hand.vat
                .return_exception(0, first.answer, Exception::failed(""));
        }
        hand.assert_nothing_left();
    }
}

#[test]
fn a_peer_that_resolves_promises_to_promises_for_ever_makes_no_chain() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.call(1, Name::Yours(0), "", &[Name::MyPromise(0)]);
    let incoming = hand.only_call();
    let before = hand.vat.stats();
    for id in 1..1000 {
        hand.resolve(id - 1, Name::MyPromise(id));
    }
    assert_eq!(hand.vat.stats(), before);
    assert_eq!(hand.sent(), (0..999).map(Sent::Release).collect::<Vec<_>>());
    let theirs = incoming.params.cap_at(CAP).unwrap();
    hand.make(theirs, "still there?", None);
    assert_eq!(
        hand.sent(),
        [Sent::Call(0, To::Import(999), "still there?".into())]
    );
    hand.vat.release(0, theirs);
    hand.vat
        .return_exception(0, incoming.answer, Exception::failed(""));
    hand.assert_nothing_left();
}

#[test]
fn what_is_pipelined_on_a_call_that_failed_at_once_fails_for_its_reason() {
    let mut hand = Hand::new(Default::default());
    let broken = hand.vat.broken(Exception::failed("no such thing"));
    let call = hand.vat.call(0, broken, params(END, "", false), Vec::new());
    let promised = hand.vat.pipeline(call, CAP);
    hand.make(promised, "", None);
    let events = hand.events();
    assert_eq!(events.len(), 2);
    for event in events {
        let Event::Return { result, .. } = event else {
            panic!("{event:?}")
        };
        assert_eq!(result.unwrap_err().reason, "no such thing");
    }
    hand.vat.release(0, promised);
    hand.vat.release(0, broken);
    hand.assert_nothing_left();
}

#[test]
fn every_call_has_failed_when_the_connection_is_said_to_be_closed() {
    let mut hand = Hand::new(Default::default());
    let (_, object) = hand.vat.add_object(Default::default());
    let client = hand.vat.bootstrap(0, hand.connection);
    // Under embargo: this call waits for the peer, to go to our own object.
    hand.make(client, "first", Some(object));
    hand.return_bootstrap(0, Name::Yours(0));
    let call = hand.vat.call(0, client, params(END, "", false), Vec::new());
    let promised = hand.vat.pipeline(call, CAP);
    hand.make(promised, "", None);
    hand.vat.release(0, promised);
    hand.vat.release(0, client);
    hand.disconnect();
    let events = hand.events();
    assert!(
        matches!(
            events[..],
            [
                Event::Return { .. },
                Event::Call(_),
                Event::ObjectReleased { .. },
                Event::Closed { .. }
            ]
        ),
        "{events:?}"
    );
    for event in events {
        if let Event::Call(call) = event {
            hand.vat
                .return_exception(0, call.answer, Exception::failed(""));
        }
    }
    hand.assert_nothing_left();
}

/// A list of structs without content takes no room on the wire; a table of them would here.
#[test]
fn a_cap_table_longer_than_its_message_is_refused() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let mut builder = FrameBuilder::with_capacity_words(64);
    let mut call = builder.init_root::<message::Builder<'_>>().init_call();
    call.set_question_id(1);
    call.reborrow().init_target().set_imported_cap(0);
    call.init_params();
    let mut frame = builder.into_frame();
    // The payload came last; its second pointer is the cap table: 7 million elements, zero words.
    let at = frame.len() - 8;
    let (offset, tag, count) = (0_u32, 7_u32, 7_000_000_u64);
    let pointer = u64::from(offset << 2 | 1) | u64::from(tag) << 32;
    frame[at..].copy_from_slice(&pointer.to_le_bytes());
    frame.extend_from_slice(&(count << 2).to_le_bytes());
    let words = (frame.len() / 8 - 1) as u32;
    frame[4..8].copy_from_slice(&words.to_le_bytes());
    hand.vat.handle_message(0, hand.connection, frame);
    let sent = hand.sent();
    assert!(
        matches!(&sent[..], [Sent::Abort(why)] if why.contains("cap table of 7000000")),
        "{sent:?}"
    );
    hand.assert_nothing_left();
}

/// A call whose results should go elsewhere is sent back as it came, capabilities and all.
#[test]
fn a_call_that_is_not_supported_comes_back_whole() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let build = |message: message::Builder<'_>| {
        let mut call = message.init_call();
        call.set_question_id(8);
        call.reborrow().init_send_results_to().init_third_party();
        call.reborrow().init_target().set_imported_cap(0);
        let mut payload = call.init_params();
        content(payload.reborrow().get_content(), "words", true);
        name(payload.init_cap_table(1).get(0), Name::Mine(3));
    };
    hand.send(build);
    let mut one = FrameBuilder::with_capacity_words(64);
    build(one.init_root::<message::Builder<'_>>());
    let allocator = HeapAllocator::new().first_segment_words(1).fixed_size();
    let mut many = Builder::new(allocator);
    build(many.init_root::<message::Builder<'_>>());
    assert!(many.get_segments_for_output().len() > 5);
    let frame = serialize::write_message_to_vec(&many).unwrap();
    hand.vat.handle_message(0, hand.connection, frame);
    let one = one.into_frame();
    for _ in 0..2 {
        let reply = hand.vat.poll_transmit(hand.connection).unwrap();
        let reply = serialize::read_frame(reply, Default::default()).unwrap();
        let reply = reply.get_root::<message::Reader<'_>>().unwrap();
        let message::Unimplemented(back) = reply.which().unwrap() else {
            panic!("it was supported")
        };
        let message::Call(call) = back.unwrap().which().unwrap() else {
            panic!("not what was sent")
        };
        let call = call.unwrap();
        let params = call.get_params().unwrap();
        assert_eq!(call.get_question_id(), 8);
        let table = params.get_cap_table().unwrap();
        assert!(matches!(
            table.get(0).which().unwrap(),
            cap_descriptor::SenderHosted(3)
        ));
        let content = params.get_content().reader.get_struct(None).unwrap();
        let cap = content.get_pointer_field(0).capability_index().unwrap();
        assert_eq!(cap, Some(0));
        let words = content.get_pointer_field(1).get_text(None).unwrap();
        assert_eq!(words.to_string().unwrap(), "words");
    }
    assert!(one.len() < 400);
    assert_eq!(hand.vat.poll_transmit(hand.connection), None);
    hand.assert_nothing_left();
}

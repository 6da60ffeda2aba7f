//! What the newest protocol lets peers ask for and leave out, and what this vat does not support.

use capstan_message::message::FrameBuilder;
use capstan_rpc::rpc_capnp::{call, message};
use capstan_rpc::vat::{Event, Exception};

use crate::bench::{CAP, END, INTERFACE, params, results};
use crate::hand::{Hand, Name, Sent, content, target};

fn call_with(hand: &mut Hand, question: u32, set: impl FnOnce(&mut call::Builder<'_>)) {
    hand.send(|message| {
        let mut call = message.init_call();
        call.set_question_id(question);
        call.set_interface_id(INTERFACE);
        call.set_method_id(END);
        set(&mut call);
        target(call.reborrow().init_target(), Name::Yours(0));
        content(call.init_params().get_content(), "", false);
    });
}

/// The hints let a vat do less. Doing everything is always right, as long as it tells the peer so.
#[test]
fn calls_with_hints_are_answered_like_any() {
    for hint in 0..3 {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        call_with(&mut hand, 1, |call| match hint {
            0 => call.set_no_promise_pipelining(true),
            1 => call.set_only_promise_pipeline(true),
            _ => call.set_allow_third_party_tail_call(true),
        });
        let incoming = hand.only_call();
        if hint == 1 {
            hand.call(2, Name::YourAnswer(1), "pipelined", &[]);
        }
        let (_, object) = hand.vat.add_object(Default::default());
        hand.vat
            .return_results(0, incoming.answer, results("", true), vec![Some(object)]);
        assert_eq!(hand.sent(), [Sent::Return(1, true)]);
        if hint == 1 {
            let pipelined = hand.only_call();
            hand.vat
                .return_exception(0, pipelined.answer, Exception::failed(""));
            hand.finish(2, false);
        }
        hand.finish(1, false);
        let stats = hand.vat.connection_stats(hand.connection).unwrap();
        assert_eq!((stats.answers, stats.exports), (0, 1), "hint {hint}");
        hand.assert_nothing_left();
    }
}

/// The peer need not release what came with a call whose Return says that it did.
#[test]
fn a_return_may_release_the_capabilities_of_the_params() {
    for release in [true, false] {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        let theirs = hand.import(7);
        let (_, object) = hand.vat.add_object(Default::default());
        hand.make(theirs, "take this", Some(object));
        hand.send(|message| {
            let mut ret = message.init_return();
            ret.set_answer_id(0);
            ret.set_release_param_caps(release);
            ret.set_no_finish_needed(true);
            content(ret.init_results().get_content(), "", false);
        });
        let stats = hand.vat.connection_stats(hand.connection).unwrap();
        assert_eq!(
            (stats.questions, stats.exports),
            (0, 2 - usize::from(release))
        );
        assert!(
            !hand.sent().contains(&Sent::Finish(0)),
            "the peer needs no Finish"
        );
        hand.vat.release(0, theirs);
        hand.assert_nothing_left();
    }
}

/// A Finish can keep what the results brought, for which Release messages follow, or release it.
#[test]
fn a_finish_may_release_the_capabilities_of_the_results() {
    for release in [true, false] {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        hand.call(1, Name::Yours(0), "", &[]);
        let incoming = hand.only_call();
        let (_, object) = hand.vat.add_object(Default::default());
        hand.vat
            .return_results(0, incoming.answer, results("", true), vec![Some(object)]);
        if release {
            hand.finish(1, false);
        } else {
            hand.finish_keeping(1);
            assert!(hand.events().is_empty());
            hand.release(1, 1);
        }
        assert!(matches!(hand.events()[..], [Event::ObjectReleased { .. }]));
        hand.assert_nothing_left();
    }
}

#[test]
fn every_kind_of_exception_and_its_trace_arrive_both_ways() {
    use capstan_rpc::rpc_capnp::exception::Type;
    use capstan_rpc::vat::ExceptionKind;
    for (kind, sent) in [
        (ExceptionKind::Failed, Type::Failed),
        (ExceptionKind::Overloaded, Type::Overloaded),
        (ExceptionKind::Disconnected, Type::Disconnected),
        (ExceptionKind::Unimplemented, Type::Unimplemented),
    ] {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        let theirs = hand.import(7);
        let made = hand.vat.call(0, theirs, params(END, "", false), Vec::new());
        hand.vat.release(0, theirs);
        hand.send(|message| {
            let mut ret = message.init_return();
            ret.set_answer_id(0);
            let mut exception = ret.init_exception();
            exception.set_reason("why");
            exception.set_type(sent);
            exception.set_trace("there:\n  line 1");
        });
        let events = hand.events();
        let [
            Event::Return {
                call,
                result: Err(exception),
            },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(*call, made);
        assert_eq!((exception.kind, &*exception.reason), (kind, "why"));
        assert_eq!(exception.trace, "there:\n  line 1");
        // And out again, as it is.
        hand.sent();
        hand.call(1, Name::Yours(0), "", &[]);
        let incoming = hand.only_call();
        hand.vat
            .return_exception(0, incoming.answer, exception.clone());
        let frame = hand.vat.poll_transmit(hand.connection).unwrap();
        let frame = capstan_message::serialize::read_frame(frame, Default::default()).unwrap();
        let root = frame.get_root::<message::Reader<'_>>().unwrap();
        let Ok(message::Return(ret)) = root.which() else {
            panic!("another message")
        };
        let Ok(capstan_rpc::rpc_capnp::return_::Exception(back)) = ret.unwrap().which() else {
            panic!("no exception")
        };
        let back = back.unwrap();
        assert_eq!(back.get_type().ok(), Some(sent));
        assert_eq!(back.get_trace().unwrap().to_str().unwrap(), exception.trace);
        hand.finish_keeping(1);
        hand.assert_nothing_left();
    }
}

/// What only vats need that introduce others to each other is refused by name, and nothing else happens.
#[test]
fn messages_of_level_three_come_back_unimplemented() {
    let build: [fn(message::Builder<'_>); 5] = [
        |message| {
            let mut provide = message.init_provide();
            provide.set_question_id(9);
            provide.init_target().set_imported_cap(0);
        },
        |message| message.init_accept().set_question_id(9),
        |message| message.init_third_party_answer().set_answer_id(9),
        |message| message.init_join().set_question_id(9),
        |message| {
            let mut disembargo = message.init_disembargo();
            disembargo.reborrow().init_target().set_imported_cap(0);
            let _ = disembargo.init_context().init_accept(8);
        },
    ];
    for build in build {
        let mut hand = Hand::new(Default::default()).with_bootstrap();
        hand.send(build);
        assert_eq!(hand.sent(), [Sent::Unimplemented]);
        assert!(hand.events().is_empty());
        hand.call(1, Name::Yours(0), "still here", &[]);
        let incoming = hand.only_call();
        hand.vat
            .return_exception(0, incoming.answer, Exception::failed(""));
        hand.assert_nothing_left();
    }
}

/// Where the peer would have us meet a third vat, the call fails and the vine is used.
#[test]
fn a_capability_of_a_third_vat_is_reached_by_its_vine() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    hand.send(|message| {
        let mut call = message.init_call();
        call.set_question_id(1);
        call.set_interface_id(INTERFACE);
        call.set_method_id(END);
        target(call.reborrow().init_target(), Name::Yours(0));
        let mut payload = call.init_params();
        content(payload.reborrow().get_content(), "", true);
        let cap = payload.init_cap_table(1).get(0);
        cap.init_third_party_hosted().set_vine_id(5);
    });
    let incoming = hand.only_call();
    let third = incoming.params.cap_at(CAP).unwrap();
    hand.vat
        .return_results(0, incoming.answer, results("", false), Vec::new());
    hand.sent();
    let call = hand
        .vat
        .call(0, third, params(END, "hi", false), Vec::new());
    hand.vat.release(0, third);
    assert_eq!(
        hand.sent(),
        [Sent::Call(0, crate::hand::To::Import(5), "hi".into())]
    );
    hand.send(|message| {
        let mut ret = message.init_return();
        ret.set_answer_id(0);
        ret.init_await_from_third_party();
    });
    let events = hand.events();
    assert!(
        matches!(&events[..], [Event::Return { call: over, result: Err(_) }] if *over == call),
        "{events:?}"
    );
    assert_eq!(hand.sent(), [Sent::Finish(0), Sent::Release(5)]);
    hand.assert_nothing_left();
}

/// A message whose kind is newer than this vat.
#[test]
fn a_message_of_a_kind_from_the_future_comes_back() {
    let mut hand = Hand::new(Default::default()).with_bootstrap();
    let mut builder = FrameBuilder::with_capacity_words(16);
    builder.init_root::<message::Builder<'_>>().init_release();
    let mut frame = builder.into_frame();
    // The discriminant is the first word of the root struct.
    frame[16..18].copy_from_slice(&999_u16.to_le_bytes());
    hand.vat.handle_message(0, hand.connection, frame);
    assert_eq!(hand.sent(), [Sent::Unimplemented]);
    hand.assert_nothing_left();
}

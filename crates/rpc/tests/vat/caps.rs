//! Capabilities passed in both directions, their references, and the order of calls on them.

use capstan_rpc::vat::{ConnectionOptions, Event};

use crate::bench::{CAP, END, Net, cap, plain, text};

#[test]
fn an_object_passed_in_params_can_be_called_back_and_is_released() {
    let mut pair = plain();
    let (callback, client) = pair.net.vats[0].add_object(Default::default());
    pair.net.call(0, pair.client, END, "call me", Some(client));
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    let back = cap(&incoming.params);
    pair.net.call(1, back, END, "here I am", None);
    pair.net.settle();
    let called = pair.net.only_call(0);
    assert_eq!(
        (called.object, text(&called.params)),
        (callback, "here I am".into())
    );
    pair.net.answer(0, called.answer, "thanks", None);
    pair.net.settle();
    assert_eq!(text(&pair.net.only_return(1).1.unwrap()), "thanks");
    pair.net.release(1, back);
    pair.net.answer(1, incoming.answer, "", None);
    pair.net.settle();
    let events = pair.net.events(0);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::ObjectReleased { object } if *object == callback))
    );
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn an_object_that_comes_home_is_itself() {
    let mut pair = plain();
    let (object, client) = pair.net.vats[0].add_object(Default::default());
    pair.net.call(0, pair.client, END, "echo", Some(client));
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    pair.net
        .answer(1, incoming.answer, "", Some(cap(&incoming.params)));
    pair.net.settle();
    let (_, result) = pair.net.only_return(0);
    let home = cap(&result.unwrap());
    assert_eq!(pair.net.vats[0].local_object(home), Some(object));
    pair.net.release(0, home);
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn the_same_object_sent_twice_is_one_import_and_one_release() {
    let mut pair = plain();
    let (object, client) = pair.net.vats[0].add_object(Default::default());
    for _ in 0..2 {
        let client = pair.net.vats[0].retain(client);
        pair.net.call(0, pair.client, END, "keep", Some(client));
    }
    pair.net.release(0, client);
    pair.net.settle();
    let calls = pair.net.calls(1);
    let kept: Vec<_> = calls.iter().map(|call| cap(&call.params)).collect();
    assert_eq!(kept[0], kept[1]);
    for call in calls {
        pair.net.answer(1, call.answer, "", None);
    }
    pair.net.settle();
    assert_eq!(pair.net.stats((1, pair.ends.1)).imports, 1);
    pair.net.events(0);
    pair.net.release(1, kept[0]);
    pair.net.settle();
    assert!(pair.net.events(0).is_empty(), "one reference is left");
    pair.net.release(1, kept[1]);
    pair.net.settle();
    let events = pair.net.events(0);
    assert!(
        matches!(events[..], [Event::ObjectReleased { object: o }] if o == object),
        "{events:?}"
    );
}

/// A promised result turns out to be the caller's own object. Calls made through the promise are
/// on their way there and back; a call made after it came true must not overtake them.
#[test]
fn an_embargo_keeps_the_order_when_a_promise_leads_home() {
    let mut pair = plain();
    let (object, client) = pair.net.vats[0].add_object(Default::default());
    let echo = pair.net.call(0, pair.client, END, "echo", Some(client));
    let promised = pair.net.vats[0].pipeline(echo, CAP);
    pair.net.call(0, promised, END, "first", None);
    pair.net.settle();
    let incoming = pair.net.only_call(1);
    let sent_home = cap(&incoming.params);
    pair.net.answer(1, incoming.answer, "", Some(sent_home));
    let mut order = Vec::new();
    let mut second_made = false;
    loop {
        for event in pair.net.events(0) {
            match event {
                Event::Return {
                    call,
                    result: Ok(payload),
                } if call == echo => {
                    pair.net.release(0, cap(&payload));
                    pair.net.call(0, promised, END, "second", None);
                    second_made = true;
                }
                Event::Call(call) => {
                    assert_eq!(call.object, object);
                    order.push(text(&call.params));
                    pair.net.answer(0, call.answer, "", None);
                }
                _ => {}
            }
        }
        if !pair.net.step() {
            break;
        }
    }
    assert!(second_made);
    assert_eq!(order, ["first", "second"]);
    pair.net.release(0, promised);
    pair.net.release(0, pair.client);
    pair.net.settle();
    pair.net.assert_empty();
}

#[test]
fn a_vat_in_the_middle_passes_calls_on() {
    let mut net = Net::new(3);
    let (far, far_client) = net.vats[2].add_object(Default::default());
    let serve = |cap| ConnectionOptions {
        bootstrap: Some(cap),
        ..ConnectionOptions::default()
    };
    let (middle_right, _) = net.link((1, ConnectionOptions::default()), (2, serve(far_client)));
    let relayed = net.vats[1].bootstrap(0, middle_right);
    let (left, _) = net.link((0, ConnectionOptions::default()), (1, serve(relayed)));
    let client = net.vats[0].bootstrap(0, left);
    let (callback, callback_client) = net.vats[0].add_object(Default::default());

    let call = net.call(0, client, END, "over two hops", Some(callback_client));
    let promised = net.vats[0].pipeline(call, CAP);
    net.call(0, promised, END, "pipelined", None);
    net.settle();
    let incoming = net.only_call(2);
    assert_eq!(
        (incoming.object, text(&incoming.params)),
        (far, "over two hops".into())
    );
    net.answer(2, incoming.answer, "back", Some(cap(&incoming.params)));
    net.settle();
    let mut events = net.events(0);
    let called = events
        .iter()
        .position(|event| matches!(event, Event::Call(_)))
        .expect("the callback is called");
    let Event::Call(called) = events.remove(called) else {
        unreachable!()
    };
    assert_eq!(
        (called.object, text(&called.params)),
        (callback, "pipelined".into())
    );
    net.answer(0, called.answer, "", None);
    net.settle();
    for event in events.into_iter().chain(net.events(0)) {
        if let Event::Return {
            result: Ok(payload),
            ..
        } = event
        {
            for cap in payload.caps.iter().flatten() {
                net.release(0, *cap);
            }
        }
    }
    net.release(0, promised);
    net.release(0, client);
    net.settle();
    let ((a, _), (b, _)) = (net.links[1], net.links[0]);
    let (left, right) = (net.stats(a), net.stats(b));
    assert_eq!(
        [left.questions, left.answers, left.imports, left.exports],
        [0; 4]
    );
    // The middle vat still holds the far bootstrap, to offer it.
    assert_eq!(
        [right.questions, right.answers, right.imports, right.exports],
        [0, 0, 1, 0]
    );
}

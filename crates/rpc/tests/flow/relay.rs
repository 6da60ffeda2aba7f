//! A stream through a vat in the middle: a short way to it, a long one behind it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use capstan_rpc::vat::{
    Admission, ConnectionId, ConnectionOptions, Event, ObjectOptions, Outgoing, PipelineOp, Vat,
};

use crate::figures::{Link, link};
use crate::sim::SECOND;
use crate::vats::{INTERFACE, MAKE, SIZE, WRITE, outgoing};

/// One end of a connection: whose, and where its frames go.
struct End {
    vat: usize,
    connection: ConnectionId,
    to: usize,
    link: Link,
    free: u64,
}

#[test]
fn a_stream_through_a_relay_fills_the_whole_way() {
    let (near, far) = (link(50.0, 10), link(200.0, 200));
    let mut vats = [Vat::new(), Vat::new(), Vat::new()];
    let (_, bootstrap) = vats[2].add_object(ObjectOptions::default());
    let with = |bootstrap| ConnectionOptions {
        bootstrap,
        ..ConnectionOptions::default()
    };
    let to_server = vats[1].connect(0, with(None));
    let at_server = vats[2].connect(0, with(Some(bootstrap)));
    let relayed = vats[1].bootstrap(0, to_server);
    let at_relay = vats[1].connect(0, with(Some(relayed)));
    let to_relay = vats[0].connect(0, with(None));
    let end = |vat, connection, to, link| End {
        vat,
        connection,
        to,
        link,
        free: 0,
    };
    let mut ends = [
        end(0, to_relay, 1, near),
        end(1, at_relay, 0, near),
        end(1, to_server, 3, far),
        end(2, at_server, 2, far),
    ];
    let root = vats[0].bootstrap(0, to_relay);
    let made = vats[0].call(0, root, outgoing(MAKE, &[]), Vec::new());
    let sink = vats[0].pipeline(made, &[PipelineOp::GetPointerField(0)]);

    let chunk = vec![7; 16_000];
    let mut wire = BinaryHeap::new();
    let (mut now, mut order, mut waits) = (0, 0_u64, false);
    let (mut delivered, mut late, mut most_held) = (0, 0, 0);
    while now < 20 * SECOND {
        while now >= SECOND && !waits {
            let params = outgoing(WRITE, &chunk);
            let admission = vats[0].call_streaming(now / 1000, sink, params, Vec::new());
            waits = matches!(admission.unwrap(), Admission::Wait(_));
        }
        for end in &mut ends {
            while let Some(frame) = vats[end.vat].poll_transmit(end.connection) {
                let sending = frame.len() as f64 / end.link.rate() * 1e9;
                end.free = end.free.max(now) + sending as u64;
                order += 1;
                let at = end.free + end.link.round_trip() / 2;
                wire.push(Reverse((at, order, end.to, frame)));
            }
        }
        let Some(Reverse((at, _, to, frame))) = wire.pop() else {
            now = now.max(SECOND);
            continue;
        };
        now = at;
        let micros = now / 1000;
        vats[ends[to].vat].handle_message(micros, ends[to].connection, frame);
        while let Some(event) = vats[2].poll_event() {
            let Event::Call(call) = event else { continue };
            let mut results = Outgoing::results(8);
            let mut caps = Vec::new();
            if call.method_id == MAKE {
                let content = results.content().unwrap().builder.init_struct(SIZE);
                content.get_pointer_field(0).set_capability_index(0);
                let options = ObjectOptions {
                    streaming_methods: [(INTERFACE, WRITE)].into(),
                    concurrent: false,
                };
                caps.push(Some(vats[2].add_object(options).1));
            } else {
                delivered += chunk.len() as u64;
                late += u64::from(now > 6 * SECOND) * chunk.len() as u64;
            }
            vats[2].return_results(micros, call.answer, results, caps);
        }
        while vats[1].poll_event().is_some() {}
        while let Some(event) = vats[0].poll_event() {
            if let Event::StreamReady { result, .. } = event {
                result.unwrap();
                waits = false;
            }
        }
        let held = vats[1].connection_stats(at_relay).unwrap().answers as u64;
        most_held = most_held.max(held * chunk.len() as u64);
    }
    let goodput = late as f64 / 14.0 / near.rate();
    println!("# through a relay: {goodput:.3}, {delivered} bytes, at most {most_held} there");
    assert!(goodput > 0.95, "{goodput}");
    // The relay knows of what is under way behind it, and of little more.
    let product = near.rate() * 0.21;
    assert!((most_held as f64) < 3.0 * product, "{most_held}");
}

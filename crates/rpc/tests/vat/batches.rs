//! Several messages in one frame, between vats that agreed on it.

use capstan_rpc::framing::messages;
use capstan_rpc::vat::{
    Batching, CapId, ConnectionId, ConnectionOptions, Event, Outgoing, Vat, VatStats,
};

use crate::bench::{END, params};
use crate::hand::{Hand, Sent, read};

/// A vat with a connection, an end of which is the test.
struct End {
    vat: Vat,
    connection: ConnectionId,
}

impl End {
    fn new(batching: Batching, max_message_bytes: usize) -> Self {
        let mut vat = Vat::new();
        let (_, bootstrap) = vat.add_object(Default::default());
        let options = ConnectionOptions {
            bootstrap: Some(bootstrap),
            batching,
            max_message_bytes,
            ..ConnectionOptions::default()
        };
        let connection = vat.connect(0, options);
        Self { vat, connection }
    }

    fn frames(&mut self) -> Vec<Vec<u8>> {
        core::iter::from_fn(|| self.vat.poll_transmit(self.connection)).collect()
    }

    /// Takes in frames as a network does.
    fn take(&mut self, frames: Vec<Vec<u8>>) {
        for frame in frames {
            let batch_bytes = self.vat.accepted_batch_bytes(self.connection);
            for message in messages(frame, batch_bytes).unwrap() {
                self.vat.handle_message(0, self.connection, message);
            }
        }
    }

    /// Answers all calls that came.
    fn serve(&mut self) {
        while let Some(event) = self.vat.poll_event() {
            if let Event::Call(call) = event {
                self.vat
                    .return_results(0, call.answer, Outgoing::results(0), Vec::new());
            }
        }
    }

    fn call(&mut self, target: CapId, text: &str) {
        self.vat
            .call(0, target, params(END, text, false), Vec::new());
    }
}

fn pair(client: Batching, server: Batching) -> (End, End, CapId) {
    let mut client = End::new(client, 64 << 20);
    let server = End::new(server, 64 << 20);
    let target = client.vat.bootstrap(0, client.connection);
    (client, server, target)
}

/// The same, agreed.
fn agreed() -> (End, End, CapId) {
    let (mut client, mut server, target) = pair(Batching::Offer, Batching::Answer);
    round(&mut client, &mut server, target, 20);
    // The Finish of the bootstrap goes with the next call.
    round(&mut client, &mut server, target, 1);
    (client, server, target)
}

/// One round of so many calls. How many frames went there and came back.
fn round(client: &mut End, server: &mut End, target: CapId, calls: usize) -> (usize, usize) {
    for _ in 0..calls {
        client.call(target, "");
    }
    let there = client.frames();
    let count = there.len();
    server.take(there);
    server.serve();
    let back = server.frames();
    let answered = back.len();
    client.take(back);
    let mut returned = 0;
    while let Some(event) = client.vat.poll_event() {
        returned += usize::from(matches!(event, Event::Return { result: Ok(_), .. }));
    }
    assert_eq!(returned, calls);
    (count, answered)
}

#[test]
fn vats_that_agree_put_many_messages_into_a_frame() {
    let (mut client, mut server, target) = pair(Batching::Offer, Batching::Answer);
    let first = round(&mut client, &mut server, target, 20);
    // The bootstrap, the calls and the offer; then everything that answers them.
    assert_eq!(first, (22, 1));
    for _ in 0..3 {
        assert_eq!(round(&mut client, &mut server, target, 100), (1, 1));
    }
    client.vat.release(0, target);
    server.take(client.frames());
    let stats = client.vat.connection_stats(client.connection).unwrap();
    assert_eq!(
        (stats.questions, stats.imports, stats.queued_bytes),
        (0, 0, 0)
    );
    let stats = server.vat.connection_stats(server.connection).unwrap();
    assert_eq!(
        (stats.answers, stats.exports, stats.queued_bytes),
        (0, 0, 0)
    );
}

#[test]
fn without_an_agreement_each_message_has_its_frame() {
    for (offers, answers) in [
        (Batching::Off, Batching::Answer),
        (Batching::Answer, Batching::Answer),
        (Batching::Off, Batching::Off),
    ] {
        let (mut client, mut server, target) = pair(offers, answers);
        assert_eq!(round(&mut client, &mut server, target, 50), (51, 51));
    }
}

/// The server says `unimplemented`, as every other implementation does, and that is all.
#[test]
fn a_peer_that_knows_of_no_batches_is_left_alone() {
    let (mut client, mut server, target) = pair(Batching::Offer, Batching::Off);
    assert_eq!(round(&mut client, &mut server, target, 50), (52, 52));
    // With the Finish of the bootstrap.
    assert_eq!(round(&mut client, &mut server, target, 50), (51, 50));
}

#[test]
fn short_connections_offer_nothing() {
    let (mut client, mut server, target) = pair(Batching::Offer, Batching::Answer);
    assert_eq!(round(&mut client, &mut server, target, 14), (15, 15));
}

/// Byte for byte as docs/framing.md has it.
const OFFER: [u8; 48] = [
    0, 0, 0, 0, 5, 0, 0, 0, // one segment of five words
    0, 0, 0, 0, 1, 0, 1, 0, // a struct of one data word and one pointer
    0x95, 0xca, 0, 0, 0, 0, 0, 0, // the kind
    0, 0, 0, 0, 2, 0, 0, 0, // a struct of two data words
    0x4d, 0xd2, 0xc6, 0x93, 0x0e, 0x5a, 0xf7, 0xb1, // the signature
    1, 0, 0, 0, 0, 0, 4, 0, // takes batches, of at most 256 KiB
];

fn offer(flags: u32, batch_bytes: u32) -> Vec<u8> {
    let mut offer = OFFER.to_vec();
    offer[40..44].copy_from_slice(&flags.to_le_bytes());
    offer[44..].copy_from_slice(&batch_bytes.to_le_bytes());
    offer
}

#[test]
fn an_offer_is_as_documented() {
    let mut server = End::new(Batching::Answer, 64 << 20);
    server.take(vec![OFFER.to_vec()]);
    assert_eq!(server.frames(), [OFFER]);
    // Said once; an offer may be changed.
    server.take(vec![offer(1, 1000)]);
    assert!(server.frames().is_empty());
    let mut small = End::new(Batching::Answer, 10_000);
    small.take(vec![OFFER.to_vec()]);
    assert_eq!(small.frames(), [offer(1, 10_000)]);
    assert_eq!(small.vat.accepted_batch_bytes(small.connection), 10_000);
}

#[test]
fn offers_of_another_kind_are_unimplemented() {
    let mut wrong_kind = OFFER;
    wrong_kind[16] ^= 1;
    let mut wrong_signature = OFFER;
    wrong_signature[32] ^= 1;
    for wrong in [wrong_kind, wrong_signature] {
        let mut server = End::new(Batching::Answer, 64 << 20);
        server.take(vec![wrong.to_vec()]);
        let frames = server.frames();
        assert_eq!(frames.len(), 1);
        assert_eq!(read(&frames[0]), Sent::Unimplemented);
        assert!(!server.vat.sends_batches(server.connection));
        assert_eq!(server.vat.accepted_batch_bytes(server.connection), 0);
    }
}

/// Flags that we do not know say nothing to us, and no limit is too small to be kept.
#[test]
fn batches_are_no_longer_than_the_peer_takes() {
    for (flags, limit, frames_for_ten) in [
        (0, 1000, 10),
        (1, 0, 10),
        (1, 1, 10),
        (3, 500, 2),
        (1, u32::MAX, 1),
    ] {
        let mut server = End::new(Batching::Answer, 64 << 20);
        server.take(vec![offer(flags, limit)]);
        server.frames();
        for question in 0..10 {
            let mut hand = Hand {
                vat: core::mem::take(&mut server.vat),
                connection: server.connection,
            };
            hand.bootstrap(question);
            server.vat = hand.vat;
        }
        let frames = server.frames();
        assert_eq!(frames.len(), frames_for_ten, "{flags} {limit}");
        if frames.len() < 10 {
            assert!(frames.iter().all(|frame| frame.len() <= limit as usize));
        }
    }
}

#[test]
fn large_messages_are_not_copied_into_batches() {
    let (mut client, mut server, target) = agreed();
    let chunk = "x".repeat(8192);
    for text in ["", "", &chunk, "", ""] {
        client.call(target, text);
    }
    let frames = client.frames();
    let counts: Vec<usize> = frames
        .iter()
        .map(|frame| messages(frame.clone(), 1 << 20).unwrap().count())
        .collect();
    assert_eq!(counts, [2, 1, 2]);
    server.take(frames);
    server.serve();
    client.take(server.frames());
    let returned = core::iter::from_fn(|| client.vat.poll_event()).count();
    assert_eq!(returned, 5);
}

/// What comes behind a message that ends the connection is not looked at.
#[test]
fn a_batch_ends_with_its_connection() {
    let (mut client, mut server, target) = agreed();
    client.call(target, "before");
    client.call(target, "behind");
    let batch = client.frames().remove(0);
    let mut apart: Vec<_> = messages(batch, 1 << 20).unwrap().collect();
    // A message without a root, which is none of RPC.
    apart.insert(1, vec![0, 0, 0, 0, 0, 0, 0, 0]);
    server.take(vec![apart.concat()]);
    let events: Vec<_> = core::iter::from_fn(|| server.vat.poll_event()).collect();
    let [Event::Call(_), .., Event::Closed { reason, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(reason.reason.contains("malformed"), "{reason}");
    let calls = events
        .iter()
        .filter(|event| matches!(event, Event::Call(_)));
    assert_eq!(calls.count(), 1);
    for event in events {
        if let Event::Call(call) = event {
            server
                .vat
                .return_results(0, call.answer, Outgoing::results(0), Vec::new());
        }
    }
    server.frames();
    while server.vat.poll_event().is_some() {}
    assert_eq!(server.vat.stats(), VatStats::default());
}

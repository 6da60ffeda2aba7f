//! Hostile messages: refused with a place, in bounded time and memory, whatever is done with them.
//!
//! The same messages go through the npm package (`js/test/hostile-messages.test.ts`), from the file
//! that a test here writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod cases;

mod export;
mod mutate;
#[allow(dead_code, reason = "shared with the tests of messages")]
#[path = "../messages/random.rs"]
mod random;

macro_rules! library {
    ($name:ident, $api:ident, $($generic:tt)*) => {
        mod $name {
            #[allow(dead_code, clippy::all, reason = "generated")]
            pub mod hostile_capnp {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/hostile_capnp.rs"));
            }
            pub mod walk {
                use super::hostile_capnp;
                use ::$api as api;

                fn set_any(
                    copy: &mut api::message::Builder<api::message::HeapAllocator>,
                    from: api::any_pointer::Reader<'_>,
                ) -> api::Result<()> {
                    copy.set_root$($generic)*(from)
                }

                include!("walk.rs");
            }
        }
    };
}

library!(ours, capstan_message, ::<api::any_pointer::Owned>);
library!(theirs, capnp,);

use std::fmt::Write as _;

use capstan_message::message::{Builder, FrameBuilder, Reader, ReaderOptions};
use capstan_message::serialize::OwnedSegments;
use capstan_message::{Error, ErrorKind, any_pointer, serialize, serialize_packed};
use cases::{Case, Outcome};
use ours::hostile_capnp::node;
use random::Random;

type Message = Reader<OwnedSegments>;

const SEED: u64 = 0xdead_5eed;
const ROUNDS: usize = 2000;
/// Less than the default, because the crate is not optimized here.
const AGREED_WORDS: usize = 1 << 20;
const LIMIT_WORDS: usize = 8 << 20;

fn open(bytes: &[u8], packed: bool, options: ReaderOptions) -> capstan_message::Result<Message> {
    let frame = match packed {
        true => serialize_packed::unpack_frame(bytes, options)?,
        false => bytes.to_vec(),
    };
    serialize::read_frame(frame, options)
}

/// Reads everything.
fn read(message: &Message) -> Result<u64, Box<dyn std::error::Error>> {
    let mut read = 0;
    ours::walk::walk(message.get_root()?, &mut read)?;
    Ok(read)
}

fn outcome(case: &Case) -> Result<u64, Box<dyn std::error::Error>> {
    read(&open(&case.bytes, case.packed, ReaderOptions::new())?)
}

#[test]
fn each_hostile_message_is_refused_and_the_error_says_where() {
    let mut wrong = String::new();
    for case in cases::all() {
        let outcome = outcome(&case);
        let name = &case.name;
        match (case.outcome, &outcome) {
            (Outcome::Good, Ok(read)) => assert!(*read <= LIMIT_WORDS as u64, "{name}: {read}"),
            (Outcome::Good, Err(error)) => writeln!(wrong, "{name}: {error}").unwrap(),
            (_, Ok(_)) => writeln!(wrong, "{name}: was accepted").unwrap(),
            (expected, Err(error)) => {
                // The text's own error knows the byte in the text only.
                let is_placed = error.is::<std::str::Utf8Error>()
                    || error
                        .downcast_ref::<Error>()
                        .is_some_and(|error| error.position().is_some());
                if is_placed != (expected == Outcome::BadPointer) {
                    writeln!(wrong, "{name}: {error}").unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whatever is done with a message: no panic, and no more work than the limit allows.
fn exercise(message: impl Fn() -> Option<Message>, limit_words: usize) {
    let Some(reader) = message() else {
        return;
    };
    let walked = read(&reader);
    let fresh = || message().unwrap();
    let reader = fresh();
    let measured = reader.get_root_any().and_then(|root| root.target_size());
    let reader = fresh();
    let mut copy = FrameBuilder::with_capacity_words(0);
    let copied = reader
        .get_root_any()
        .and_then(|root| copy.set_root::<any_pointer::Owned>(root));
    assert!(copy.used_words() <= 2 * limit_words + 1);
    let reader = fresh();
    let canonical = reader.canonicalize();
    if let Ok(bytes) = &canonical {
        assert!(bytes.len() / 8 <= limit_words + 1);
    }
    let _ = fresh().is_canonical();
    let (left, right) = (fresh(), fresh());
    if let (Ok(left), Ok(right)) = (left.get_root_any(), right.get_root_any())
        && let Ok(equal) = left.equals(&right)
    {
        assert!(equal.is_equal() || canonical.is_err());
    }
    // Builders of the schema open a copy and grow it.
    if copied.is_ok() && copy.error().is_none() {
        assert!(measured.is_ok());
        let mut opened = Builder::new_default();
        if opened
            .set_root::<any_pointer::Owned>(fresh().get_root_any().unwrap())
            .is_ok()
            && let Ok(mut root) = opened.get_root::<node::Builder<'_>>()
        {
            root.set_number(1);
            let _ = root.reborrow().get_nodes().map(|nodes| nodes.len());
            let _ = root.reborrow().get_wides().map(|wides| wides.len());
            let _ = root
                .reborrow()
                .get_node()
                .map(|mut node| node.set_text("x"));
            let source = fresh();
            if let Ok(nodes) = source.get_root().and_then(node::Reader::get_nodes) {
                let _ = root.set_nodes(nodes);
            }
        }
    }
    drop(walked);
}

#[test]
fn whatever_is_done_with_hostile_messages_is_bounded() {
    for case in cases::all() {
        for limit in [50, 5000, 50_000] {
            let mut options = ReaderOptions::new();
            options
                .traversal_limit_in_words(Some(limit))
                .nesting_limit(100);
            exercise(|| open(&case.bytes, case.packed, options).ok(), limit);
        }
    }
}

#[test]
fn the_same_messages_are_there_for_javascript() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../js/test/hostile-messages.txt"
    );
    let text = export::export(&cases::all());
    if std::env::var_os("CAPSTAN_UPDATE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).is_ok_and(|found| found == text),
        "{path} is not up to date: run with CAPSTAN_UPDATE=1"
    );
}

/// Reads everything, with the `capnp` crate.
fn their_read(case: &Case) -> Result<u64, Box<dyn std::error::Error>> {
    let mut options = capnp::message::ReaderOptions::new();
    options
        .nesting_limit(64)
        .traversal_limit_in_words(Some(AGREED_WORDS));
    let mut bytes = &case.bytes[..];
    let message = match case.packed {
        true => capnp::serialize_packed::read_message(&mut bytes, options)?,
        false => capnp::serialize::read_message(&mut bytes, options)?,
    };
    if !bytes.is_empty() {
        return Err("bytes behind the message".into());
    }
    let mut read = 0;
    theirs::walk::walk(message.get_root()?, &mut read)?;
    Ok(read)
}

/// Whether both refuse the message, or both read as much.
fn assert_same(case: &Case) {
    let name = &case.name;
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(Some(AGREED_WORDS));
    let ours = open(&case.bytes, case.packed, options)
        .map_err(Into::into)
        .and_then(|message| read(&message));
    match (ours, their_read(case)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{name}"),
        (Err(_), Err(_)) => {}
        // The crate stops short of 512 segments.
        (Ok(_), Err(error)) => assert!(error.to_string().contains("segments"), "{name}: {error}"),
        // It does not look at the first word of a landing pad of two.
        (Err(error), Ok(_)) => {
            let kind = error.downcast_ref::<Error>().map(Error::kind);
            assert_eq!(kind, Some(ErrorKind::InvalidLandingPad), "{name}: {error}");
        }
    }
}

#[test]
fn the_crate_agrees_on_hostile_messages() {
    cases::all().iter().for_each(assert_same);
}

#[test]
fn the_crate_agrees_on_damaged_messages() {
    let seeds: Vec<Vec<u8>> = cases::all()
        .into_iter()
        .filter(|case| case.outcome == Outcome::Good && !case.packed && case.bytes.len() < 4000)
        .map(|case| case.bytes)
        .collect();
    let mut random = Random::new(SEED, true);
    let (mut good, mut bad) = (0, 0);
    for round in 0..ROUNDS {
        let case = Case {
            name: format!("round {round}"),
            packed: false,
            outcome: Outcome::Good,
            bytes: mutate::mutate(&seeds, &mut random),
        };
        assert_same(&case);
        match outcome(&case) {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
        let mut options = ReaderOptions::new();
        options
            .traversal_limit_in_words(Some(2000))
            .nesting_limit(20);
        exercise(|| open(&case.bytes, false, options).ok(), 2000);

        // The same, packed, then damaged again.
        let mut packed = Vec::new();
        if serialize_packed::pack_frame(
            &seeds[round % seeds.len()],
            ReaderOptions::new(),
            &mut packed,
        )
        .is_ok()
        {
            let bytes = mutate::mutate(&[packed], &mut random);
            assert_same(&Case {
                packed: true,
                bytes,
                ..case
            });
        }
    }
    assert!(
        good > ROUNDS / 10 && bad > ROUNDS / 10,
        "{good} good, {bad} bad"
    );
}

//! Messages against the reference tool and the `capnp` crate, both ways, for every type that a
//! message can hold.
//!
//! `messages/content.rs` is included once for each library, so the same text fills and reads
//! messages with both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "messages/random.rs"]
mod random;

#[path = "messages/tool.rs"]
mod tool;

macro_rules! library {
    ($name:ident, $api:ident) => {
        #[allow(clippy::unit_arg, clippy::let_unit_value)]
        mod $name {
            #[allow(dead_code, clippy::all, reason = "generated")]
            pub mod everything_capnp {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/",
                    stringify!($name),
                    "/everything_capnp.rs"
                ));
            }
            pub mod content {
                use super::everything_capnp;
                use crate::random::Random;
                use ::$api as api;
                include!("messages/content.rs");
            }
        }
    };
}

library!(ours, capstan_message);
library!(theirs, capnp);

use capstan_message::message as our_message;
use capstan_message::message::{HeapAllocator, ReaderOptions};
use capstan_message::serialize as our_serialize;
use ours::everything_capnp as our_schema;
use random::Random;
use theirs::everything_capnp as their_schema;

const SEED: u64 = 0x5eed_ca95_7a11;
const MESSAGES: u64 = 3000;

type OurMessage = our_message::Builder<HeapAllocator>;
type TheirMessage = capnp::message::Builder<capnp::message::HeapAllocator>;

fn our_random_message(seed: u64, segment_words: u32, opaque: bool) -> OurMessage {
    let allocator = HeapAllocator::new()
        .first_segment_words(segment_words)
        .fixed_size();
    let mut message = our_message::Builder::new(allocator);
    ours::content::fill(&mut Random::new(seed, opaque), message.init_root(), 3).unwrap();
    assert!(message.error().is_none());
    message
}

fn their_random_message(seed: u64, segment_words: u32, opaque: bool) -> TheirMessage {
    let allocator = capnp::message::HeapAllocator::new()
        .first_segment_words(segment_words)
        .allocation_strategy(capnp::message::AllocationStrategy::FixedSize);
    let mut message = capnp::message::Builder::new(allocator);
    theirs::content::fill(&mut Random::new(seed, opaque), message.init_root(), 3).unwrap();
    message
}

fn our_dump(reader: our_schema::everything::Reader<'_>) -> String {
    let mut text = String::new();
    ours::content::dump(reader, &mut text).unwrap();
    text
}

fn their_dump(reader: their_schema::everything::Reader<'_>) -> String {
    let mut text = String::new();
    theirs::content::dump(reader, &mut text).unwrap();
    text
}

fn their_reader(frame: &[u8]) -> capnp::message::Reader<capnp::serialize::OwnedSegments> {
    capnp::serialize::read_message(frame, capnp::message::ReaderOptions::new()).unwrap()
}

fn our_reader(frame: &[u8]) -> our_message::Reader<capstan_message::serialize::OwnedSegments> {
    our_serialize::read_frame(frame.to_vec(), ReaderOptions::new()).unwrap()
}

fn frame(message: &OurMessage) -> Vec<u8> {
    our_serialize::write_message_to_vec(message).unwrap()
}

fn their_frame(message: &TheirMessage) -> Vec<u8> {
    capnp::serialize::write_message_to_words(message)
}

#[test]
fn random_messages_mean_the_same_to_both() {
    for number in 0..MESSAGES {
        let seed = SEED.wrapping_add(number);
        // From one object per segment to one segment.
        let segment_words = [1, 7, 40, 300, 100_000][(number % 5) as usize];
        let (mine, other) = (
            frame(&our_random_message(seed, segment_words, true)),
            their_frame(&their_random_message(seed, segment_words, true)),
        );
        let (we_ours, we_theirs) = (our_reader(&mine), our_reader(&other));
        let (they_ours, they_theirs) = (their_reader(&mine), their_reader(&other));

        let dump = our_dump(we_ours.get_root().unwrap());
        assert_eq!(
            dump,
            our_dump(we_theirs.get_root().unwrap()),
            "seed {seed:#x}"
        );
        assert_eq!(
            dump,
            their_dump(they_ours.get_root().unwrap()),
            "seed {seed:#x}"
        );
        assert_eq!(
            dump,
            their_dump(they_theirs.get_root().unwrap()),
            "seed {seed:#x}"
        );

        let size = |reader: our_schema::everything::Reader<'_>| {
            let size = reader.total_size().unwrap();
            (size.word_count, u64::from(size.cap_count))
        };
        let their_size = |reader: their_schema::everything::Reader<'_>| {
            let size = reader.total_size().unwrap();
            (size.word_count, u64::from(size.cap_count))
        };
        let words = size(we_ours.get_root().unwrap());
        assert_eq!(words, size(we_theirs.get_root().unwrap()), "seed {seed:#x}");
        assert_eq!(
            words,
            their_size(they_ours.get_root().unwrap()),
            "seed {seed:#x}"
        );
        assert_eq!(
            words,
            their_size(they_theirs.get_root().unwrap()),
            "seed {seed:#x}"
        );

        let canonical = we_ours.canonicalize().unwrap();
        assert_eq!(
            canonical,
            we_theirs.canonicalize().unwrap(),
            "seed {seed:#x}"
        );
        let theirs = they_ours.canonicalize().unwrap();
        assert_eq!(
            canonical,
            capnp::Word::words_to_bytes(&theirs),
            "seed {seed:#x}"
        );
        assert_eq!(
            we_ours.is_canonical().unwrap(),
            they_ours.is_canonical().unwrap(),
            "seed {seed:#x}"
        );
        let left = we_ours.get_root_any().unwrap();
        let right = we_theirs.get_root_any().unwrap();
        assert!(left.equals(&right).unwrap().is_equal(), "seed {seed:#x}");
        if number % 5 == 4 {
            // With room for everything in one segment, even the order is the same.
            assert_eq!(mine, other, "seed {seed:#x}");
        }
    }
}

#[test]
fn canonical_messages_are_canonical_to_both() {
    for number in 0..200 {
        let message = our_random_message(SEED.wrapping_add(number), 1000, true);
        let bytes = message.into_reader().canonicalize().unwrap();
        let segments = [&bytes[..]];
        let ours = our_message::Reader::new(
            our_message::SegmentArray::new(&segments),
            ReaderOptions::new(),
        );
        assert!(ours.is_canonical().unwrap());
        let theirs = capnp::message::Reader::new(
            capnp::message::SegmentArray::new(&segments),
            capnp::message::ReaderOptions::new(),
        );
        assert!(theirs.is_canonical().unwrap());
    }
}

#[test]
fn the_tool_decodes_ours_like_theirs_and_we_read_what_it_encodes() {
    let count = 150;
    let mut mine = Vec::new();
    let mut other = Vec::new();
    let mut dumps = Vec::new();
    for number in 0..count {
        let seed = SEED.wrapping_add(number);
        let message = our_random_message(seed, [1, 30, 10_000][(number % 3) as usize], false);
        dumps.push(our_dump(message.get_root_as_reader().unwrap()));
        mine.extend_from_slice(&frame(&message));
        other.extend_from_slice(&their_frame(&their_random_message(seed, 100, false)));
    }
    let text = tool::run(&["decode", "everything.capnp", "Everything"], &mine);
    let other = tool::run(&["decode", "everything.capnp", "Everything"], &other);
    assert_same_lines(&text, &other);
    let encoded = tool::run(&["encode", "everything.capnp", "Everything"], &text);
    let again = tool::run(&["decode", "everything.capnp", "Everything"], &encoded);
    assert_same_lines(&text, &again);
    let mut rest = &encoded[..];
    for expected in dumps {
        let message =
            our_serialize::read_message_from_flat_slice(&mut rest, ReaderOptions::new()).unwrap();
        assert_eq!(our_dump(message.get_root().unwrap()), expected);
    }
    assert!(rest.is_empty());
}

#[test]
fn what_the_tool_encodes_is_the_same_in_every_form() {
    let mut mine = Vec::new();
    let mut dumps = Vec::new();
    for number in 0..60 {
        let message = our_random_message(SEED.wrapping_add(1000 + number), 100, false);
        dumps.push(our_dump(message.get_root_as_reader().unwrap()));
        mine.extend_from_slice(&frame(&message));
    }
    let schema = ["everything.capnp", "Everything"];
    let text = tool::run(&["convert", "binary:text", schema[0], schema[1]], &mine);
    let mut options = ReaderOptions::new();
    options.segment_limit(100_000);
    for words in ["--segment-size=1", "--segment-size=7", "--segment-size=100"] {
        let framed = tool::run(&["encode", words, schema[0], schema[1]], &text);
        let packed = tool::run(&["encode", "--packed", words, schema[0], schema[1]], &text);
        let (mut framed, mut packed) = (&framed[..], &packed[..]);
        for expected in &dumps {
            let message =
                our_serialize::read_message_from_flat_slice(&mut framed, options).unwrap();
            assert_eq!(our_dump(message.get_root().unwrap()), *expected);
            let message =
                capstan_message::serialize_packed::read_message(&mut packed, options).unwrap();
            assert_eq!(our_dump(message.get_root().unwrap()), *expected);
        }
        assert!(framed.is_empty() && packed.is_empty());
    }
    // Without a table in front there is one message, of one segment.
    let mut rest = &mine[..];
    for expected in &dumps {
        let start = rest;
        our_serialize::read_message_from_flat_slice(&mut rest, options).unwrap();
        let one = &start[..start.len() - rest.len()];
        for form in ["binary:flat", "binary:canonical"] {
            let words = tool::run(&["convert", "--quiet", form, schema[0], schema[1]], one);
            let segments = [&words[..]];
            let message =
                our_message::Reader::new(our_message::SegmentArray::new(&segments), options);
            assert_eq!(our_dump(message.get_root().unwrap()), *expected, "{form}");
        }
    }
}

fn assert_same_lines(one: &[u8], other: &[u8]) {
    let (one, other) = (String::from_utf8_lossy(one), String::from_utf8_lossy(other));
    for (number, (line, other)) in one.lines().zip(other.lines()).enumerate() {
        assert_eq!(line, other, "line {number}");
    }
    assert_eq!(one.lines().count(), other.lines().count());
}

#[test]
fn the_tool_makes_the_same_canonical_bytes() {
    for number in 0..30 {
        let message = our_random_message(SEED.wrapping_add(number), 50, true);
        let canonical = tool::run(
            &[
                "convert",
                "binary:canonical",
                "everything.capnp",
                "Everything",
            ],
            &frame(&message),
        );
        assert_eq!(message.into_reader().canonicalize().unwrap(), canonical);
    }
}

#[test]
fn constants_are_what_the_tool_says() {
    macro_rules! check {
        ($($name:literal => $constant:expr),*) => {$({
            let expected = tool::run(&["eval", "--output=canonical", "everything.capnp", $name], &[]);
            let canonical = our_message::canonicalize($constant.get().unwrap()).unwrap();
            assert_eq!(canonical, expected, "{}", $name);
            let evaluated = tool::run(&["eval", "--output=binary", "everything.capnp", $name], &[]);
            assert_eq!(our_reader(&evaluated).canonicalize().unwrap(), expected, "{}", $name);
        })*};
    }
    // The tool writes binary only for structs.
    check!(
        "small" => our_schema::SMALL,
        "parcel" => our_schema::PARCEL,
        "defaults" => our_schema::DEFAULTS,
        "all" => our_schema::ALL
    );
    assert_eq!(
        our_dump(our_schema::ALL.get().unwrap()),
        their_dump(their_schema::ALL.get().unwrap())
    );
    macro_rules! lists {
        ($($($name:ident)::+),*) => {$(
            assert_eq!(
                format!("{:?}", our_schema::$($name)::+.get().unwrap().iter().collect::<Vec<_>>()),
                format!("{:?}", their_schema::$($name)::+.get().unwrap().iter().collect::<Vec<_>>()),
            );
        )*};
    }
    lists!(PRIMES, NAMES, holder::INSIDE);
    let ids = our_schema::SMALLS
        .get()
        .unwrap()
        .iter()
        .map(|small| small.get_id());
    assert_eq!(ids.collect::<Vec<_>>(), [1, 0, 3]);
    let grid = our_schema::GRID.get().unwrap();
    assert_eq!(grid.get(1).unwrap().iter().collect::<Vec<_>>(), [2, 3]);
    let colors = our_schema::COLORS.get().unwrap();
    assert_eq!(colors.get(1), Ok(our_schema::Color::Blue));
}

#[test]
fn older_and_newer_lists_are_read_alike() {
    for number in 0..300 {
        let seed = SEED.wrapping_add(number);
        let segment_words = [1, 9, 1000][(number % 3) as usize];
        let allocator = || {
            HeapAllocator::new()
                .first_segment_words(segment_words)
                .fixed_size()
        };

        let mut older = our_message::Builder::new(allocator());
        ours::content::fill_older(&mut Random::new(seed, false), older.init_root());
        let mut newer = our_message::Builder::new(allocator());
        ours::content::fill_newer(&mut Random::new(seed, false), newer.init_root());

        let mut their_older = capnp::message::Builder::new_default();
        theirs::content::fill_older(&mut Random::new(seed, false), their_older.init_root());
        let mut their_newer = capnp::message::Builder::new_default();
        theirs::content::fill_newer(&mut Random::new(seed, false), their_newer.init_root());

        for bytes in [
            frame(&older),
            frame(&newer),
            their_frame(&their_older),
            their_frame(&their_newer),
        ] {
            let (ours, theirs) = (our_reader(&bytes), their_reader(&bytes));
            assert_eq!(
                as_older(ours.get_root().unwrap()),
                their_as_older(theirs.get_root().unwrap())
            );
            assert_eq!(
                as_newer(ours.get_root().unwrap()),
                their_as_newer(theirs.get_root().unwrap())
            );
        }

        // A builder of the newer schema opens the older message and changes what was not there.
        let before = as_older(older.get_root_as_reader().unwrap());
        let mut root: our_schema::newer_lists::Builder<'_> = older.get_root().unwrap();
        let mut numbers = root.reborrow().get_numbers().unwrap();
        for index in 0..numbers.len() {
            numbers.reborrow().get(index).set_label("new");
        }
        let mut names = root.reborrow().get_names().unwrap();
        for index in 0..names.len() {
            names.reborrow().get(index).set_number(index);
        }
        let mut structs = root.reborrow().get_structs().unwrap();
        for index in 0..structs.len() {
            structs.reborrow().get(index).set_tail(b"tail");
        }
        root.get_one().unwrap().set_extra(5);
        let bytes = frame(&older);
        let (ours, theirs) = (our_reader(&bytes), their_reader(&bytes));
        assert_eq!(before, as_older(ours.get_root().unwrap()));
        assert_eq!(before, their_as_older(theirs.get_root().unwrap()));
        assert_eq!(
            as_newer(ours.get_root().unwrap()),
            their_as_newer(theirs.get_root().unwrap())
        );

        // Someone who knows only the older schema copies all of a newer message.
        let mut copy = our_message::Builder::new(allocator());
        copy.set_root::<our_schema::older_lists::Owned>(
            newer
                .get_root_as_reader::<our_schema::older_lists::Reader<'_>>()
                .unwrap(),
        )
        .unwrap();
        assert_eq!(
            as_newer(newer.get_root_as_reader().unwrap()),
            as_newer(copy.get_root_as_reader().unwrap())
        );
    }
}

fn as_older(reader: our_schema::older_lists::Reader<'_>) -> String {
    let mut text = String::new();
    ours::content::dump_older(reader, &mut text).unwrap();
    text
}

fn as_newer(reader: our_schema::newer_lists::Reader<'_>) -> String {
    let mut text = String::new();
    ours::content::dump_newer(reader, &mut text).unwrap();
    text
}

fn their_as_older(reader: their_schema::older_lists::Reader<'_>) -> String {
    let mut text = String::new();
    theirs::content::dump_older(reader, &mut text).unwrap();
    text
}

fn their_as_newer(reader: their_schema::newer_lists::Reader<'_>) -> String {
    let mut text = String::new();
    theirs::content::dump_newer(reader, &mut text).unwrap();
    text
}

#[test]
fn defaults_become_objects_when_they_are_changed() {
    let mut message = our_message::Builder::new_default();
    let mut root: our_schema::everything::Builder<'_> = message.init_root();
    let mut defaults = root.reborrow().init_defaults();
    assert_eq!(
        defaults.reborrow().get_text().unwrap().to_str().unwrap(),
        "foo"
    );
    defaults.reborrow().get_data().unwrap()[0] = b'B';
    defaults.reborrow().get_small().unwrap().set_id(8);
    defaults.reborrow().get_flags().unwrap().set(1, true);
    defaults.reborrow().get_int16s().unwrap().set(0, 100);
    defaults.reborrow().get_float64s().unwrap().set(0, 1.5);
    defaults.reborrow().get_texts().unwrap().set(1, "xyzzy");
    defaults.reborrow().get_datas().unwrap().set(0, b"new");
    defaults
        .reborrow()
        .get_colors()
        .unwrap()
        .set(0, our_schema::Color::Blue);
    defaults
        .reborrow()
        .get_smalls()
        .unwrap()
        .get(0)
        .set_note("one");
    defaults
        .reborrow()
        .get_matrix()
        .unwrap()
        .get(0)
        .unwrap()
        .set(1, 9);
    assert_eq!(defaults.reborrow().get_voids().unwrap().len(), 2);
    let bytes = frame(&message);
    let dump = our_dump(message.get_root_as_reader().unwrap());
    assert_eq!(dump, their_dump(their_reader(&bytes).get_root().unwrap()));
    for changed in ["Bar", "xyzzy", "new", "one"] {
        let bytes = format!("{:?}", changed.as_bytes());
        assert!(dump.contains(&bytes), "{changed} is missing from {dump}");
    }
}

#[test]
fn parts_move_within_a_message() {
    let mut message = our_message::Builder::new_default();
    let mut root: our_schema::everything::Builder<'_> = message.init_root();
    ours::content::fill(
        &mut Random::new(SEED, true),
        root.reborrow().init_child(),
        2,
    )
    .unwrap();
    root.reborrow().init_smalls(2).get(1).set_note("moved");
    root.set_name("a member");

    let child = root.disown_child();
    let smalls = root.disown_smalls();
    // A member of the union that is not there is not taken, although its pointer is in use.
    assert!(root.disown_small().is_null());
    let name = root.disown_name();
    assert!(!root.has_child() && !root.has_smalls() && !root.has_name());
    let mut parent = root.init_child();
    parent.adopt_child(child).unwrap();
    parent.adopt_smalls(smalls).unwrap();
    parent.adopt_name(name).unwrap();

    let bytes = frame(&message);
    let received = their_reader(&bytes);
    let root: their_schema::everything::Reader<'_> = received.get_root().unwrap();
    let parent = root.get_child().unwrap();
    assert_eq!(
        parent.get_smalls().unwrap().get(1).get_note().unwrap(),
        "moved"
    );
    let Ok(their_schema::everything::Which::Name(Ok(name))) = parent.which() else {
        panic!("the name is not there");
    };
    assert_eq!(name, "a member");
    let mut expected = our_message::Builder::new_default();
    ours::content::fill(&mut Random::new(SEED, true), expected.init_root(), 2).unwrap();
    assert_eq!(
        their_dump(parent.get_child().unwrap()),
        our_dump(expected.get_root_as_reader().unwrap())
    );
}

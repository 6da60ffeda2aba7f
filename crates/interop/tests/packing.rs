//! Packed messages, byte for byte against the `capnp` crate and the `capnp` tool.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::Write;
use std::process::{Command, Stdio};

use capstan_message::message::ReaderOptions;
use capstan_message::{serialize, serialize_packed};
use proptest::prelude::*;

/// A message that the `capnp` crate builds, to have segments where it puts them.
fn build(
    blobs: &[Vec<u8>],
    first_words: u32,
) -> capnp::message::Builder<capnp::message::HeapAllocator> {
    let allocator = capnp::message::HeapAllocator::new()
        .first_segment_words(first_words)
        .allocation_strategy(capnp::message::AllocationStrategy::FixedSize);
    let mut message = capnp::message::Builder::new(allocator);
    let mut list = message.initn_root::<capnp::data_list::Builder<'_>>(blobs.len() as u32);
    for (index, blob) in (0..).zip(blobs) {
        list.set(index, blob);
    }
    message
}

fn any_blobs() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let word = prop_oneof![
        4 => Just([0; 8]),
        2 => any::<[u8; 8]>(),
        2 => any::<[u8; 8]>().prop_map(|word| word.map(|byte| byte | 1)),
        4 => (any::<[u8; 8]>(), any::<u8>()).prop_map(|(mut word, tag)| {
            for (place, byte) in word.iter_mut().enumerate() {
                *byte = if tag >> place & 1 == 1 { *byte | 1 } else { 0 };
            }
            word
        }),
    ];
    let length = prop_oneof![9 => 1..6usize, 1 => 250..520usize];
    let blob = prop::collection::vec((word, length), 0..8).prop_map(|runs| {
        let words: Vec<u8> = runs
            .into_iter()
            .flat_map(|(word, length)| word.repeat(length))
            .collect();
        words
    });
    prop::collection::vec(blob, 1..6)
}

proptest! {
    #[test]
    fn the_crate_packs_to_the_same_bytes_and_reads_ours(blobs in any_blobs(), first_words in 1..200u32) {
        let message = build(&blobs, first_words);
        let frame = capnp::serialize::write_message_to_words(&message);
        let mut theirs = Vec::new();
        capnp::serialize_packed::write_message(&mut theirs, &message).unwrap();
        let options = ReaderOptions { segment_limit: 5000, ..ReaderOptions::new() };

        let mut ours = Vec::new();
        serialize_packed::pack_frame(&frame, options, &mut ours).unwrap();
        prop_assert!(ours == theirs, "not the same bytes");
        prop_assert!(serialize_packed::unpack_frame(&theirs, options).unwrap() == frame);

        let reader = serialize_packed::read_message(&theirs[..], options).unwrap();
        let root: capstan_message::data_list::Reader<'_> = reader.get_root().unwrap();
        prop_assert_eq!(root.len() as usize, blobs.len());
        for (index, blob) in (0..).zip(&blobs) {
            prop_assert!(root.get(index).unwrap() == blob);
        }
        let limits = *capnp::message::ReaderOptions::new().nesting_limit(64);
        prop_assert!(capnp::serialize_packed::read_message(&ours[..], limits).is_ok());
    }
}

/// Debian's tool, which is the C++ library, packs a message like ours and unpacks ours.
#[test]
fn the_tool_packs_to_the_same_bytes_and_reads_ours() {
    let text =
        "a run of literal words, then zeros: ".repeat(80) + &"\0".repeat(5000) + "and an end";
    let values = format!("(name = \"{}\", size = 12)", text.replace('\0', "\\x00"));
    let schema = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples-web/upload/files.capnp"
    );
    let capnp = |mode: &str, input: &[u8]| {
        let mut tool = Command::new("capnp")
            .args(["convert", mode, schema, "Files.Entry"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        tool.stdin.take().unwrap().write_all(input).unwrap();
        let output = tool.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    };
    let frame = capnp("text:binary", values.as_bytes());
    assert!(frame.len() > 7000);
    let theirs = capnp("binary:packed", &frame);
    let mut ours = Vec::new();
    serialize_packed::pack_frame(&frame, ReaderOptions::new(), &mut ours).unwrap();
    assert!(ours == theirs, "not the same bytes");
    let theirs = serialize_packed::unpack_frame(&theirs, ReaderOptions::new()).unwrap();
    assert!(theirs == frame, "not the same message");
    serialize::read_frame(theirs, ReaderOptions::new()).unwrap();
    assert!(
        capnp("packed:binary", &ours) == frame,
        "the tool reads something else"
    );
}

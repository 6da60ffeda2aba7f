//! Packed messages from and to slices and streams.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::io::{BufReader, Read};

use capstan_message::message::{Builder, HeapAllocator, ReaderOptions};
use capstan_message::serialize_packed::PackedFrameDecoder;
use capstan_message::{ErrorKind, any_pointer, packed, serialize, serialize_packed};
use common::{Value, any_value, build, read};
use proptest::prelude::*;

fn message(value: &Value, first_words: u32) -> Builder<HeapAllocator> {
    let allocator = HeapAllocator::new().first_segment_words(first_words);
    let mut message = Builder::new(allocator);
    build(
        message.init_root::<any_pointer::Builder<'_>>().builder,
        value,
    );
    message
}

/// Gives a byte at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let end = room.len().min(1);
        self.0.read(&mut room[..end])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two messages back to back: every way of reading finds both, and nothing more.
    #[test]
    fn any_tree_comes_back(first in any_value(), second in any_value(), words in 1..40u32, cut in 1..200usize) {
        let messages = [message(&first, words), message(&second, 64)];
        let mut stream = Vec::new();
        for message in &messages {
            let start = stream.len();
            serialize_packed::write_message(&mut stream, message).unwrap();
            let packed = serialize_packed::write_message_to_vec(message).unwrap();
            prop_assert_eq!(&stream[start..], &packed);
            let frame = serialize::write_message_to_vec(message).unwrap();
            let mut from_frame = Vec::new();
            serialize_packed::pack_frame(&frame, ReaderOptions::new(), &mut from_frame).unwrap();
            prop_assert_eq!(&from_frame, &packed);
            prop_assert_eq!(&serialize_packed::unpack_frame(&packed, ReaderOptions::new()).unwrap(), &frame);
        }
        let options = ReaderOptions::new();
        let mut slice = &stream[..];
        let mut unbuffered = &stream[..];
        let mut buffered = &stream[..];
        let mut small_buffer = BufReader::with_capacity(cut, &stream[..]);
        let mut trickle = BufReader::with_capacity(3, Trickle(&stream));
        for value in [&first, &second] {
            let all = [
                serialize_packed::read_message_from_flat_slice(&mut slice, options).unwrap(),
                serialize_packed::read_message_unbuffered(&mut unbuffered, options).unwrap(),
                serialize_packed::read_message(&mut buffered, options).unwrap(),
                serialize_packed::read_message(&mut small_buffer, options).unwrap(),
                serialize_packed::try_read_message(&mut trickle, options).unwrap().unwrap(),
            ];
            for message in all {
                prop_assert_eq!(&read(message.get_root_any().unwrap().reader).unwrap(), value);
            }
        }
        prop_assert!(slice.is_empty() && unbuffered.is_empty() && buffered.is_empty());
        prop_assert!(serialize_packed::try_read_message(&mut small_buffer, options).unwrap().is_none());
        prop_assert!(serialize_packed::try_read_message_unbuffered(&mut unbuffered, options).unwrap().is_none());

        let mut decoder = PackedFrameDecoder::new(options);
        let mut frames = Vec::new();
        for mut piece in stream.chunks(cut) {
            while !piece.is_empty() {
                let (read_bytes, frame) = decoder.decode(piece).unwrap();
                piece = &piece[read_bytes..];
                frames.extend(frame);
            }
        }
        decoder.finish().unwrap();
        prop_assert!(decoder.is_between_messages());
        let expected: Vec<_> = messages.iter().map(|message| serialize::write_message_to_vec(message).unwrap()).collect();
        prop_assert_eq!(frames, expected);
    }
}

/// A message that ends with a word without zeros has the length of a run behind it, which belongs to it.
#[test]
fn the_length_of_the_last_run_belongs_to_the_message() {
    let mut message = Builder::new_default();
    message
        .set_root::<capstan_message::data::Owned>([7; 8])
        .unwrap();
    let packed = serialize_packed::write_message_to_vec(&message).unwrap();
    assert_eq!(packed[packed.len() - 2..], [7, 0]);
    let twice = packed.repeat(2);
    let options = ReaderOptions::new();
    let mut slice = &twice[..];
    serialize_packed::read_message_from_flat_slice(&mut slice, options).unwrap();
    assert_eq!(slice, packed);
    let mut stream = &twice[..];
    serialize_packed::read_message_unbuffered(&mut stream, options).unwrap();
    assert_eq!(stream, packed);
    let mut stream = BufReader::with_capacity(1, &twice[..]);
    serialize_packed::read_message(&mut stream, options).unwrap();
    assert!(
        serialize_packed::try_read_message(&mut stream, options)
            .unwrap()
            .is_some()
    );

    let cut = &packed[..packed.len() - 1];
    assert_every_reader_fails(
        cut,
        options,
        ErrorKind::Truncated,
        "before the length of a run",
    );
    // A decoder of a stream gives the message out at once, and finds the cut at the end.
    let mut decoder = PackedFrameDecoder::new(options);
    assert!(decoder.decode(cut).unwrap().1.is_some());
    assert_eq!(decoder.finish().unwrap_err().kind(), ErrorKind::Truncated);
}

/// The reason is the same from every source.
fn assert_every_reader_fails(packed: &[u8], options: ReaderOptions, kind: ErrorKind, why: &str) {
    let errors = [
        serialize_packed::read_message_from_flat_slice(&mut &packed[..], options).map(drop),
        serialize_packed::unpack_frame(packed, options).map(drop),
        serialize_packed::read_message(packed, options).map(drop),
        serialize_packed::read_message(BufReader::with_capacity(1, packed), options).map(drop),
        serialize_packed::read_message_unbuffered(packed, options).map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn every_prefix_of_a_packed_message_is_truncated() {
    let value = Value::Scalars(
        capstan_message::layout::ElementSize::Byte,
        (0..100).map(|n| if n > 50 { 0 } else { n }).collect(),
    );
    let packed = serialize_packed::write_message_to_vec(&message(&value, 1)).unwrap();
    for end in 0..packed.len() {
        assert_every_reader_fails(
            &packed[..end],
            ReaderOptions::new(),
            ErrorKind::Truncated,
            "ends",
        );
    }
    assert!(serialize_packed::unpack_frame(&packed, ReaderOptions::new()).is_ok());
}

#[test]
fn absurd_tables_and_bombs_are_refused() {
    let options = ReaderOptions {
        traversal_limit_in_words: Some(1000),
        ..ReaderOptions::new()
    };
    let table = |words: &[u32]| {
        let mut table: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        table.resize(table.len().next_multiple_of(8), 0);
        packed::pack(&table).unwrap()
    };
    let mut bomb = table(&[0, 1001]);
    bomb.extend([0, 255].repeat(100));
    assert_every_reader_fails(
        &bomb,
        options,
        ErrorKind::TooLarge,
        "1001 words; the limit is 1000",
    );
    let sum = table(&[2, 500, 500, 1]);
    assert_every_reader_fails(&sum, options, ErrorKind::TooLarge, "1001 words");
    let segments = table(&[512, 0]);
    assert_every_reader_fails(
        &segments,
        options,
        ErrorKind::TooManySegments,
        "513 segments",
    );
    assert_every_reader_fails(&[0xff; 10], options, ErrorKind::TooManySegments, "segments");
}

#[test]
fn what_goes_on_behind_the_message_is_refused() {
    // One segment of one word, which is the first of a run of three.
    let options = ReaderOptions::new();
    let mut run = packed::pack(&[0, 0, 0, 0, 1, 0, 0, 0]).unwrap();
    run.extend([0, 2]);
    assert_every_reader_fails(
        &run,
        options,
        ErrorKind::TrailingBytes,
        "behind the end of the message",
    );
    let mut run = packed::pack(&[0, 0, 0, 0, 1, 0, 0, 0]).unwrap();
    run.extend([0xff, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    run.extend([9; 8]);
    assert_every_reader_fails(
        &run,
        options,
        ErrorKind::TrailingBytes,
        "behind the end of the message",
    );

    let mut trailing = packed::pack(&[0, 0, 0, 0, 1, 0, 0, 0]).unwrap();
    trailing.extend([0, 0, 1]);
    let error = serialize_packed::unpack_frame(&trailing, options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TrailingBytes);
    assert_eq!(
        error.to_string(),
        "the packed message ends after 4 bytes but there are 5"
    );
}

/// A run may cross from one segment to the next when we read, though we write none.
#[test]
fn runs_across_segments() {
    let table = packed::pack(&[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let mut crossing = table.clone();
    crossing.extend([0, 1]);
    let mut ours = table;
    ours.extend([0, 0, 0, 0]);
    let options = ReaderOptions::new();
    let frame = serialize_packed::unpack_frame(&crossing, options).unwrap();
    assert_eq!(
        frame,
        serialize_packed::unpack_frame(&ours, options).unwrap()
    );
    let mut packed = Vec::new();
    serialize_packed::pack_frame(&frame, options, &mut packed).unwrap();
    assert_eq!(packed, ours);
}

#[test]
fn large_messages_grow_as_they_come() {
    let bytes: Vec<u8> = (0..3_000_000u32)
        .map(|n| if n % 3 == 0 { 0 } else { n as u8 })
        .collect();
    let mut message = Builder::new_default();
    message
        .set_root::<capstan_message::data::Owned>(&bytes)
        .unwrap();
    let packed = serialize_packed::write_message_to_vec(&message).unwrap();
    let reader = serialize_packed::read_message(&packed[..], ReaderOptions::new()).unwrap();
    assert!(reader.get_root::<&[u8]>().unwrap() == bytes);
}

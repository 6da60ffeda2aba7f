//! Whatever is built is read back equal, whatever the segments and however the bytes travel.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use capstan_message::any_pointer;
use capstan_message::layout::PointerReader;
use capstan_message::message::{
    Allocator, Builder, FrameBuilder, HeapAllocator, Reader, ReaderOptions,
};
use capstan_message::serialize::{self, FrameDecoder};
use common::{Fields, Value, any_value};
use proptest::prelude::*;

fn built<A: Allocator>(allocator: A, value: &Value) -> Builder<A> {
    let mut message = Builder::new(allocator);
    common::build(message.get_root_any().builder, value);
    assert_eq!(message.error(), None);
    message
}

fn tiny_segments(words: u32) -> HeapAllocator {
    HeapAllocator::new().first_segment_words(words).fixed_size()
}

fn root<A: Allocator>(message: &Builder<A>) -> PointerReader<'_> {
    message
        .get_root_as_reader::<any_pointer::Reader<'_>>()
        .unwrap()
        .reader
}

fn from_frame(frame: Vec<u8>) -> Value {
    let options = ReaderOptions {
        segment_limit: u32::MAX,
        ..ReaderOptions::new()
    };
    let message = serialize::read_frame(frame, options).unwrap();
    common::read(message.get_root_any().unwrap().reader).unwrap()
}

/// The value as the canonical form leaves it.
fn trimmed(value: Value) -> Value {
    fn trim(mut fields: Fields, data: usize, pointers: usize) -> Fields {
        fields.data.truncate(data);
        fields.pointers.truncate(pointers);
        fields.pointers = fields.pointers.into_iter().map(trimmed).collect();
        fields
    }
    fn needed(fields: &Fields) -> (usize, usize) {
        (
            fields
                .data
                .iter()
                .rposition(|word| *word != 0)
                .map_or(0, |last| last + 1),
            fields
                .pointers
                .iter()
                .rposition(|value| *value != Value::Null)
                .map_or(0, |last| last + 1),
        )
    }
    match value {
        Value::Struct(fields) => {
            let (data, pointers) = needed(&fields);
            Value::Struct(trim(fields, data, pointers))
        }
        Value::Pointers(values) => Value::Pointers(values.into_iter().map(trimmed).collect()),
        Value::Structs(mut size, elements) => {
            let data = elements
                .iter()
                .map(|fields| needed(fields).0)
                .max()
                .unwrap_or(0);
            let pointers = elements
                .iter()
                .map(|fields| needed(fields).1)
                .max()
                .unwrap_or(0);
            size.data = data as u16;
            size.pointers = pointers as u16;
            Value::Structs(
                size,
                elements
                    .into_iter()
                    .map(|fields| trim(fields, data, pointers))
                    .collect(),
            )
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_segments_of_any_size(value in any_value(), words in 1..40u32) {
        let message = built(tiny_segments(words), &value);
        prop_assert_eq!(common::read(root(&message)).unwrap(), value.clone());
        prop_assert_eq!(from_frame(serialize::write_message_to_vec(&message).unwrap()), value);
    }

    #[test]
    fn in_one_growing_segment(value in any_value(), capacity in 0..20usize) {
        let mut message = FrameBuilder::with_capacity_words(capacity);
        common::build(message.get_root_any().builder, &value);
        let copied = serialize::write_message_to_vec(&message).unwrap();
        let size = message.frame_bytes();
        let frame = message.into_frame();
        prop_assert_eq!(&frame, &copied);
        prop_assert_eq!(frame.len(), size);
        prop_assert_eq!(from_frame(frame), value);
    }

    #[test]
    fn split_anywhere(values in prop::collection::vec(any_value(), 1..4), words in 1..10u32, cuts in prop::collection::vec(1..200usize, 1..50)) {
        let frames: Vec<_> = values
            .iter()
            .map(|value| serialize::write_message_to_vec(&built(tiny_segments(words), value)).unwrap())
            .collect();
        let stream = frames.concat();
        let options = ReaderOptions { segment_limit: u32::MAX, ..ReaderOptions::new() };
        let mut decoder = FrameDecoder::new(options);
        let mut decoded = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            rest = behind;
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame().unwrap() {
                decoded.push(frame);
            }
        }
        prop_assert!(decoder.is_between_messages());
        prop_assert_eq!(&decoded, &frames);

        let mut slice = &stream[..];
        let mut reader = &stream[..];
        for value in values {
            let message = serialize::read_message_from_flat_slice(&mut slice, options).unwrap();
            prop_assert_eq!(&common::read(message.get_root_any().unwrap().reader).unwrap(), &value);
            let message = serialize::read_message(&mut reader, options).unwrap();
            prop_assert_eq!(&common::read(message.get_root_any().unwrap().reader).unwrap(), &value);
        }
        prop_assert!(slice.is_empty());
        prop_assert!(serialize::try_read_message(reader, options).unwrap().is_none());
    }

    #[test]
    fn through_copies(value in any_value(), from in 1..20u32, to in 1..20u32) {
        let source = built(tiny_segments(from), &value);
        let mut copy = Builder::new(tiny_segments(to));
        copy.get_root_any().builder.copy_from(root(&source), false).unwrap();
        prop_assert_eq!(common::read(root(&copy)).unwrap(), value);
        prop_assert_eq!(root(&copy).total_size().unwrap(), root(&source).total_size().unwrap());
    }

    #[test]
    fn canonically(value in any_value(), from in 1..20u32) {
        let source = built(tiny_segments(from), &value);
        let canonical = |pointer: PointerReader<'_>| {
            let mut copy = FrameBuilder::with_capacity_words(1);
            copy.get_root_any().builder.copy_from(pointer, true).unwrap();
            copy
        };
        let first = canonical(root(&source));
        prop_assert_eq!(common::read(root(&first)).unwrap(), trimmed(value.clone()));
        // Canonical form depends on the value alone, not on how it was laid out.
        let second = canonical(root(&built(HeapAllocator::new(), &value)));
        prop_assert_eq!(first.segment_bytes(), second.segment_bytes());
        let third = canonical(root(&first));
        prop_assert_eq!(first.segment_bytes(), third.segment_bytes());
        // Nothing in it is unreachable.
        let words = root(&first).total_size().unwrap().word_count + 1;
        prop_assert_eq!(words, first.used_words() as u64);
    }

    #[test]
    fn overwritten(first in any_value(), second in any_value(), words in 1..20u32) {
        let mut message = built(tiny_segments(words), &first);
        let mut pointer = message.get_root_any().builder;
        pointer.clear();
        prop_assert!(pointer.is_null());
        common::build(pointer, &second);
        prop_assert_eq!(common::read(root(&message)).unwrap(), second);
        message.get_root_any().clear();
        let zero = message.get_segments_for_output().into_iter().flatten().all(|byte| *byte == 0);
        prop_assert!(zero, "words of a removed object are zeroed");
    }

    #[test]
    fn no_bytes_can_make_reading_panic(bytes in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..400)) {
        if let Ok(message) = serialize::read_message_from_flat_slice(&mut &bytes[..], ReaderOptions::new()) {
            exercise(&message);
        }
        let segments = [&bytes[..]];
        exercise(&Reader::new(capstan_message::message::SegmentArray::new(&segments), ReaderOptions::new()));
    }

    #[test]
    fn no_damage_can_make_reading_panic(
        value in any_value(),
        words in 1..20u32,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut frame = serialize::write_message_to_vec(&built(tiny_segments(words), &value)).unwrap();
        for (index, bits) in damage {
            let at = index.index(frame.len());
            frame[at] ^= bits;
        }
        let options = ReaderOptions { traversal_limit_in_words: Some(10_000), ..ReaderOptions::new() };
        if let Ok(message) = serialize::read_frame(frame, options) {
            exercise(&message);
        }
    }

    #[test]
    fn no_foreign_bytes_can_make_building_panic(
        content in prop::collection::vec(prop_oneof![Just(0u64), any::<u64>(), (0..64u64).prop_map(|word| word << 2), (0..64u64).prop_map(|word| word << 2 | 0x0001_0001_0000_0000), (0..64u64).prop_map(|word| word << 2 | 0x0000_0027_0000_0001)], 1..40),
        pointers in any::<[u64; 2]>(),
    ) {
        use capstan_message::layout::{ElementSize, StructSize};
        let mut message = FrameBuilder::with_capacity_words(1);
        let bytes = common::segment(&content);
        message.spare_words_mut(content.len())[..bytes.len()].copy_from_slice(&bytes);
        message.commit_words(content.len()).unwrap();
        message.segment_bytes_mut()[..8].copy_from_slice(&pointers[0].to_le_bytes());
        for size in [StructSize { data: 3, pointers: 3 }, StructSize::default()] {
            let _ = message.get_root_any().builder.get_struct(size, None);
            let _ = message.get_root_any().builder.get_struct_list(size, None);
            let _ = message.get_root_any().builder.get_list(ElementSize::FourBytes, None);
        }
        message.get_root_any().clear();
        message.segment_bytes_mut()[..8].copy_from_slice(&content[0].to_le_bytes());
        message.get_root_any().clear();
    }
}

/// Depth is bounded by memory, not by the stack, when no nesting limit bounds it.
#[test]
fn as_deep_as_memory_allows() {
    const DEPTH: u64 = 200_000;
    let size = capstan_message::layout::StructSize {
        data: 0,
        pointers: 1,
    };
    let mut message = FrameBuilder::with_capacity_words(1);
    let mut object = message.get_root_any().builder.init_struct(size);
    for _ in 1..DEPTH {
        object = object.get_pointer_field(0).init_struct(size);
    }
    assert_eq!(root(&message).total_size().unwrap().word_count, DEPTH);
    let mut copy = FrameBuilder::with_capacity_words(1);
    copy.get_root_any()
        .builder
        .copy_from(root(&message), true)
        .unwrap();
    assert_eq!(
        root(&copy).total_size().unwrap().word_count,
        DEPTH - 1,
        "the last is empty when canonical"
    );
    copy.get_root_any().clear();
    assert!(copy.segment_bytes().iter().all(|byte| *byte == 0));
}

/// Reads a message in every way; errors are fine.
fn exercise<S: capstan_message::message::ReaderSegments>(message: &Reader<S>) {
    let Ok(root) = message.get_root_any() else {
        return;
    };
    let _ = common::read(root.reader);
    let _ = root.target_size();
    for canonical in [false, true] {
        let mut copy = FrameBuilder::with_capacity_words(1);
        let _ = copy
            .get_root_any()
            .builder
            .copy_from(root.reader, canonical);
        // What could be copied must be sound.
        let words = root_words(&copy);
        assert!(words <= copy.used_words() as u64);
    }
}

fn root_words(message: &FrameBuilder) -> u64 {
    root(message).total_size().unwrap().word_count
}

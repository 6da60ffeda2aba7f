//! What a hostile message can do: each ends in an error that says where, with bounded work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use capstan_message::layout::{ElementSize, ListReader, PointerReader, StructReader};
use capstan_message::message::{FrameBuilder, Reader, ReaderOptions, SegmentArray};
use capstan_message::{Error, ErrorKind, Position, Result, data, text};
use common::{capability, far_pointer, list_pointer, struct_pointer};

const MAX_COUNT: u32 = (1 << 29) - 1;

/// Reads the root of a message of these words with `read`.
fn with_root<T>(segments: &[&[u64]], read: impl FnOnce(PointerReader<'_>) -> T) -> T {
    with_options(ReaderOptions::new(), segments, read)
}

fn with_options<T>(
    options: ReaderOptions,
    segments: &[&[u64]],
    read: impl FnOnce(PointerReader<'_>) -> T,
) -> T {
    let segments: Vec<Vec<u8>> = segments
        .iter()
        .map(|words| common::segment(words))
        .collect();
    let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    let message = Reader::new(SegmentArray::new(&segments), options);
    read(message.get_root_any().unwrap().reader)
}

#[track_caller]
fn expect(error: Error, kind: ErrorKind, segment: u32, word: u32) {
    assert_eq!(
        (error.kind(), error.position()),
        (kind, Some(Position { segment, word })),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.ends_with(&format!("(segment {segment}, word {word})")),
        "{text}"
    );
}

fn struct_error(segments: &[&[u64]]) -> Error {
    with_root(segments, |root| {
        root.get_struct(None).map(drop).unwrap_err()
    })
}

fn list_error(expected: ElementSize, segments: &[&[u64]]) -> Error {
    with_root(segments, |root| {
        root.get_list(expected, None).map(drop).unwrap_err()
    })
}

#[test]
fn struct_beyond_the_end() {
    expect(
        struct_error(&[&[struct_pointer(0, 1, 0)]]),
        ErrorKind::OutOfBounds,
        0,
        0,
    );
    expect(
        struct_error(&[&[struct_pointer(0, 1, 1), 0]]),
        ErrorKind::OutOfBounds,
        0,
        0,
    );
    expect(
        struct_error(&[&[struct_pointer(0, 65535, 65535), 0]]),
        ErrorKind::OutOfBounds,
        0,
        0,
    );
    expect(
        struct_error(&[&[struct_pointer((1 << 29) - 1, 1, 0), 0]]),
        ErrorKind::OutOfBounds,
        0,
        0,
    );
}

#[test]
fn struct_before_the_start() {
    expect(
        struct_error(&[&[struct_pointer(-2, 1, 0), 0]]),
        ErrorKind::OutOfBounds,
        0,
        0,
    );
    expect(
        struct_error(&[&[struct_pointer(-(1 << 29), 0, 0), 0]]),
        ErrorKind::OutOfBounds,
        0,
        0,
    );
}

#[test]
fn error_names_the_pointer_deep_inside() {
    let segments: &[&[u64]] = &[&[struct_pointer(0, 1, 2), 0, 0, struct_pointer(9, 1, 0)]];
    let error = with_root(segments, |root| {
        root.get_struct(None)
            .unwrap()
            .get_pointer_field(1)
            .get_struct(None)
            .map(drop)
            .unwrap_err()
    });
    expect(error, ErrorKind::OutOfBounds, 0, 3);
}

#[test]
fn lists_beyond_the_end() {
    for (size, count) in [
        (ElementSize::Bit, 65),
        (ElementSize::Byte, 9),
        (ElementSize::TwoBytes, 5),
        (ElementSize::FourBytes, 3),
        (ElementSize::EightBytes, 2),
        (ElementSize::Pointer, 2),
        (ElementSize::Bit, MAX_COUNT),
        (ElementSize::EightBytes, MAX_COUNT),
        (ElementSize::Pointer, MAX_COUNT),
    ] {
        let error = list_error(size, &[&[list_pointer(0, size, count), 0]]);
        expect(error, ErrorKind::OutOfBounds, 0, 0);
    }
    let error = list_error(
        ElementSize::InlineComposite,
        &[&[list_pointer(0, ElementSize::InlineComposite, 1), 0]],
    );
    expect(error, ErrorKind::OutOfBounds, 0, 0);
    let error = list_error(
        ElementSize::InlineComposite,
        &[&[list_pointer(0, ElementSize::InlineComposite, MAX_COUNT), 0]],
    );
    expect(error, ErrorKind::OutOfBounds, 0, 0);
}

#[test]
fn inline_composite_tags_that_lie() {
    let list = list_pointer(0, ElementSize::InlineComposite, 2);
    for tag in [
        // More elements, larger elements, or more than any product can be.
        struct_pointer(3, 1, 0),
        struct_pointer(1, 2, 1),
        struct_pointer((1 << 29) - 1, 65535, 65535),
        // The count's sign bit.
        struct_pointer(-1, 1, 0),
        // No struct tag.
        list_pointer(2, ElementSize::Byte, 1),
        far_pointer(false, 0, 0),
        capability(0),
    ] {
        let error = list_error(ElementSize::InlineComposite, &[&[list, tag, 0, 0]]);
        expect(error, ErrorKind::InvalidTag, 0, 1);
    }
}

#[test]
fn far_pointers_to_nowhere() {
    let no_segment = struct_error(&[&[far_pointer(false, 0, 1)]]);
    expect(no_segment, ErrorKind::UnknownSegment, 0, 0);
    let no_segment = struct_error(&[&[far_pointer(false, 0, u32::MAX)]]);
    expect(no_segment, ErrorKind::UnknownSegment, 0, 0);
    let no_pad = struct_error(&[&[far_pointer(false, 1, 1)], &[0]]);
    expect(no_pad, ErrorKind::OutOfBounds, 0, 0);
    let no_pad = struct_error(&[&[far_pointer(false, MAX_COUNT, 1)], &[0]]);
    expect(no_pad, ErrorKind::OutOfBounds, 0, 0);
    let half_a_pad = struct_error(&[&[far_pointer(true, 0, 1)], &[far_pointer(false, 0, 0)]]);
    expect(half_a_pad, ErrorKind::OutOfBounds, 0, 0);
    let no_object = struct_error(&[&[far_pointer(false, 0, 1)], &[struct_pointer(0, 1, 0)]]);
    expect(no_object, ErrorKind::OutOfBounds, 0, 0);
    let no_second_segment = struct_error(&[
        &[far_pointer(true, 0, 1)],
        &[far_pointer(false, 0, 7), struct_pointer(0, 0, 0)],
    ]);
    expect(no_second_segment, ErrorKind::UnknownSegment, 0, 0);
}

#[test]
fn landing_pads_that_are_none() {
    // A circle of far pointers must not be followed round and round.
    let circle = struct_error(&[&[far_pointer(false, 0, 0)]]);
    expect(circle, ErrorKind::InvalidLandingPad, 0, 0);
    let circle = struct_error(&[&[far_pointer(false, 0, 1)], &[far_pointer(false, 0, 1)]]);
    expect(circle, ErrorKind::InvalidLandingPad, 1, 0);
    let not_far = struct_error(&[&[far_pointer(true, 0, 1)], &[struct_pointer(0, 1, 0), 0]]);
    expect(not_far, ErrorKind::InvalidLandingPad, 1, 0);
    let three_hops = struct_error(&[&[far_pointer(true, 0, 1)], &[far_pointer(true, 0, 1), 0]]);
    expect(three_hops, ErrorKind::InvalidLandingPad, 1, 0);
    let far_tag = struct_error(&[
        &[far_pointer(true, 0, 1)],
        &[far_pointer(false, 0, 1), far_pointer(false, 0, 1)],
    ]);
    expect(far_tag, ErrorKind::InvalidLandingPad, 1, 0);
}

#[test]
fn pointers_of_the_wrong_kind() {
    let list = list_pointer(0, ElementSize::Byte, 1);
    expect(
        struct_error(&[&[list, 0]]),
        ErrorKind::WrongPointerKind,
        0,
        0,
    );
    expect(
        struct_error(&[&[capability(0)]]),
        ErrorKind::WrongPointerKind,
        0,
        0,
    );
    expect(struct_error(&[&[7]]), ErrorKind::WrongPointerKind, 0, 0);
    let object = &[&[struct_pointer(0, 1, 0), 0][..]];
    expect(
        list_error(ElementSize::Byte, object),
        ErrorKind::WrongPointerKind,
        0,
        0,
    );
    with_root(object, |root| {
        expect(
            root.get_text(None).map(drop).unwrap_err(),
            ErrorKind::WrongPointerKind,
            0,
            0,
        );
        expect(
            root.get_data(None).map(drop).unwrap_err(),
            ErrorKind::WrongPointerKind,
            0,
            0,
        );
        expect(
            root.get_capability().map(drop).unwrap_err(),
            ErrorKind::WrongPointerKind,
            0,
            0,
        );
    });
    with_root(&[&[7]], |root| {
        expect(
            root.kind().map(drop).unwrap_err(),
            ErrorKind::WrongPointerKind,
            0,
            0,
        );
    });
}

#[test]
fn capabilities_outside_the_table() {
    with_root(&[&[capability(3)]], |root| {
        expect(
            root.get_capability().map(drop).unwrap_err(),
            ErrorKind::UnknownCapability,
            0,
            0,
        );
        let mut copy = FrameBuilder::with_capacity_words(1);
        let error = copy
            .get_root_any()
            .builder
            .copy_from(root, false)
            .unwrap_err();
        expect(error, ErrorKind::UnknownCapability, 0, 0);
    });
}

#[test]
fn text_that_is_none() {
    let unterminated: &[&[u64]] = &[&[list_pointer(0, ElementSize::Byte, 3), 0x0063_6261]];
    with_root(unterminated, |root| {
        expect(
            root.get_text(None).map(drop).unwrap_err(),
            ErrorKind::TextNotTerminated,
            0,
            0,
        );
        assert_eq!(root.get_data(None).unwrap(), b"abc");
    });
    let no_room_for_nul: &[&[u64]] = &[&[list_pointer(0, ElementSize::Byte, 0)]];
    with_root(no_room_for_nul, |root| {
        expect(
            root.get_text(None).map(drop).unwrap_err(),
            ErrorKind::TextNotTerminated,
            0,
            0,
        );
    });
    let wide: &[&[u64]] = &[&[list_pointer(0, ElementSize::TwoBytes, 2), 0]];
    with_root(wide, |root| {
        expect(
            root.get_text(None).map(drop).unwrap_err(),
            ErrorKind::WrongElementSize,
            0,
            0,
        );
    });
    let not_utf8: &[&[u64]] = &[&[list_pointer(0, ElementSize::Byte, 3), 0x0000_feff]];
    with_root(not_utf8, |root| {
        let error = Error::from(root.get_text(None).unwrap().to_str().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::TextNotUtf8);
    });
}

#[test]
fn a_cycle_ends_at_the_traversal_limit() {
    // A struct whose only pointer leads to itself.
    let segments: &[&[u64]] = &[&[struct_pointer(0, 0, 1), struct_pointer(-1, 0, 1)]];
    let options = ReaderOptions {
        traversal_limit_in_words: Some(1000),
        nesting_limit: i32::MAX,
        ..ReaderOptions::new()
    };
    with_options(options, segments, |root| {
        let mut object = root.get_struct(None).unwrap();
        let mut steps = 0;
        let error = loop {
            match object.get_pointer_field(0).get_struct(None) {
                Ok(next) => object = next,
                Err(error) => break error,
            }
            steps += 1;
        };
        assert_eq!(steps, 999);
        expect(error, ErrorKind::TraversalLimitExceeded, 0, 1);
        // It stays exceeded.
        assert!(root.get_struct(None).is_err());
    });
    with_options(options, segments, |root| {
        expect(
            root.total_size().map(drop).unwrap_err(),
            ErrorKind::TraversalLimitExceeded,
            0,
            1,
        );
    });
    with_options(options, segments, |root| {
        let mut copy = FrameBuilder::with_capacity_words(1);
        let error = copy
            .get_root_any()
            .builder
            .copy_from(root, false)
            .unwrap_err();
        expect(error, ErrorKind::TraversalLimitExceeded, 0, 1);
        assert!(
            copy.used_words() <= 1001,
            "the copy is no larger than the limit"
        );
    });
}

#[test]
fn a_cycle_ends_at_the_nesting_limit() {
    let segments: &[&[u64]] = &[&[struct_pointer(0, 0, 1), struct_pointer(-1, 0, 1)]];
    with_root(segments, |root| {
        let mut object = root.get_struct(None).unwrap();
        for _ in 0..63 {
            object = object.get_pointer_field(0).get_struct(None).unwrap();
        }
        let error = object
            .get_pointer_field(0)
            .get_struct(None)
            .map(drop)
            .unwrap_err();
        expect(error, ErrorKind::NestingLimitExceeded, 0, 1);
    });
    // The same through a list of pointers that holds itself, and a list of structs.
    let segments: &[&[u64]] = &[&[
        list_pointer(0, ElementSize::Pointer, 1),
        list_pointer(-1, ElementSize::Pointer, 1),
    ]];
    let error = with_root(segments, |root| common::read(root).map(drop).unwrap_err());
    expect(error, ErrorKind::NestingLimitExceeded, 0, 1);
    let inner = list_pointer(-2, ElementSize::InlineComposite, 1);
    let segments: &[&[u64]] = &[&[
        list_pointer(0, ElementSize::InlineComposite, 1),
        struct_pointer(1, 0, 1),
        inner,
    ]];
    let error = with_root(segments, |root| common::read(root).map(drop).unwrap_err());
    expect(error, ErrorKind::NestingLimitExceeded, 0, 2);
}

#[test]
fn lists_of_nothing_are_charged_by_the_element() {
    let void: &[&[u64]] = &[&[list_pointer(0, ElementSize::Void, MAX_COUNT)]];
    let empty_structs: &[&[u64]] = &[&[
        list_pointer(0, ElementSize::InlineComposite, 0),
        struct_pointer((1 << 29) - 1, 0, 0),
    ]];
    for segments in [void, empty_structs] {
        let error = list_error(ElementSize::InlineComposite, segments);
        expect(error, ErrorKind::TraversalLimitExceeded, 0, 0);
    }
    let small: &[&[u64]] = &[&[list_pointer(0, ElementSize::Void, 1000)]];
    with_root(small, |root| {
        assert_eq!(root.get_list(ElementSize::Void, None).unwrap().len(), 1000);
    });
}

#[test]
fn overlapping_pointers_are_charged_each_time() {
    // 1000 pointers to the same 1001 words would unfold to a million words.
    let mut words = vec![list_pointer(0, ElementSize::Pointer, 1000)];
    words.extend((0..1000).map(|index| list_pointer(999 - index, ElementSize::EightBytes, 1000)));
    words.extend([1; 1000]);
    let options = ReaderOptions {
        traversal_limit_in_words: Some(100_000),
        ..ReaderOptions::new()
    };
    with_options(options, &[&words], |root| {
        let mut copy = FrameBuilder::with_capacity_words(1);
        let error = copy
            .get_root_any()
            .builder
            .copy_from(root, false)
            .unwrap_err();
        expect(error, ErrorKind::TraversalLimitExceeded, 0, 100);
        assert!(copy.used_words() <= 100_001);
    });
}

#[test]
fn incompatible_elements() {
    let found = |size, count| vec![list_pointer(0, size, count), 0];
    for (size, expected) in [
        (ElementSize::Bit, ElementSize::InlineComposite),
        (ElementSize::Bit, ElementSize::Byte),
        (ElementSize::Byte, ElementSize::TwoBytes),
        (ElementSize::EightBytes, ElementSize::Pointer),
        (ElementSize::Pointer, ElementSize::EightBytes),
        (ElementSize::Void, ElementSize::Byte),
    ] {
        let error = list_error(expected, &[&found(size, 1)]);
        expect(error, ErrorKind::WrongElementSize, 0, 0);
    }
    let structs = |data, pointers| {
        vec![
            list_pointer(0, ElementSize::InlineComposite, 1),
            struct_pointer(1, data, pointers),
            0,
        ]
    };
    for (data, pointers, expected) in [
        (1, 0, ElementSize::Bit),
        (1, 0, ElementSize::Pointer),
        (0, 1, ElementSize::Byte),
    ] {
        let error = list_error(expected, &[&structs(data, pointers)]);
        expect(error, ErrorKind::WrongElementSize, 0, 0);
    }
}

#[test]
fn messages_without_a_root() {
    let no_segments: &[&[u8]] = &[];
    let message = Reader::new(SegmentArray::new(no_segments), ReaderOptions::new());
    let error = message
        .get_root::<text::Reader<'_>>()
        .map(drop)
        .unwrap_err();
    expect(error, ErrorKind::EmptyMessage, 0, 0);
    let half_a_word: &[&[u8]] = &[&[0; 7]];
    let message = Reader::new(SegmentArray::new(half_a_word), ReaderOptions::new());
    let error = message
        .get_root::<data::Reader<'_>>()
        .map(drop)
        .unwrap_err();
    expect(error, ErrorKind::EmptyMessage, 0, 0);
}

#[test]
fn half_words_at_the_end_are_not_part_of_a_segment() {
    let mut bytes = common::segment(&[struct_pointer(0, 1, 0)]);
    bytes.extend([1; 7]);
    let segments = [&bytes[..]];
    let message = Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
    let error = message
        .get_root_any()
        .unwrap()
        .reader
        .get_struct(None)
        .map(drop)
        .unwrap_err();
    expect(error, ErrorKind::OutOfBounds, 0, 0);
}

#[test]
fn reading_past_sections_gives_defaults() {
    let object: StructReader<'_> = StructReader::new_default();
    assert_eq!(object.get_data_field::<u64>(usize::MAX), 0);
    assert_eq!(object.get_data_field::<u8>(usize::MAX), 0);
    assert!(!object.get_bool_field(usize::MAX));
    assert!(object.get_pointer_field(usize::MAX).is_null());
    let list: ListReader<'_> = ListReader::new_default();
    assert_eq!(list.get_element::<u32>(u32::MAX), 0);
    assert!(list.get_pointer_element(u32::MAX).is_null());
    assert_eq!(list.get_struct_element(u32::MAX).data_section(), []);
}

#[test]
fn a_default_that_is_damaged_is_an_error_too() -> Result<()> {
    let bad = [capstan_message::word(0, 0, 0, 0, 1, 0, 0, 0)];
    let error = PointerReader::new_default()
        .get_struct(Some(&bad))
        .map(drop)
        .unwrap_err();
    expect(error, ErrorKind::OutOfBounds, 0, 0);
    let mut message = FrameBuilder::with_capacity_words(1);
    let size = capstan_message::layout::StructSize {
        data: 1,
        pointers: 0,
    };
    let error = message
        .get_root_any()
        .builder
        .get_struct(size, Some(&bad))
        .map(drop)
        .unwrap_err();
    expect(error, ErrorKind::OutOfBounds, 0, 0);
    message.get_root_any().set_as::<text::Owned>("still usable")
}

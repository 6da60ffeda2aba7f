//! Frames: their tables, their limits, and the builder that makes them in place.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use capstan_message::layout::StructSize;
use capstan_message::message::{
    Allocator, Builder, FrameBuilder, GrowingSegment, HeapAllocator, ReaderOptions, ReaderSegments,
};
use capstan_message::serialize::{self, BufferSegments, FrameDecoder};
use capstan_message::{ErrorKind, data, text};

fn table(words: &[u32]) -> Vec<u8> {
    let mut bytes: Vec<u8> = std::iter::once(words.len() as u32 - 1)
        .chain(words.iter().copied())
        .flat_map(u32::to_le_bytes)
        .collect();
    bytes.resize(bytes.len().div_ceil(8) * 8, 0);
    bytes
}

#[track_caller]
fn frame_error(frame: &[u8]) -> ErrorKind {
    let options = ReaderOptions::new();
    let kind = serialize::read_frame(frame.to_vec(), options)
        .map(drop)
        .unwrap_err()
        .kind();
    assert_eq!(
        serialize::read_frame_from_slice(frame, options)
            .map(drop)
            .unwrap_err()
            .kind(),
        kind
    );
    if kind != ErrorKind::TrailingBytes {
        let flat = serialize::read_message_from_flat_slice(&mut &frame[..], options);
        assert_eq!(flat.map(drop).unwrap_err().kind(), kind);
        let stream = serialize::try_read_message(frame, options).map(|message| message.is_some());
        if !frame.is_empty() {
            assert_eq!(stream.unwrap_err().kind(), kind);
        }
        let mut decoder = FrameDecoder::new(options);
        decoder.push(frame);
        match decoder.next_frame() {
            Ok(None) => assert_eq!(kind, ErrorKind::Truncated),
            Ok(Some(_)) => panic!("a frame where there is none"),
            Err(error) => assert_eq!(error.kind(), kind),
        }
    }
    kind
}

#[test]
fn segments_lie_behind_the_table() {
    for segments in [1, 2, 3, 4, 511, 512] {
        let sizes: Vec<u32> = (0..segments).map(|id| id % 3).collect();
        let mut frame = table(&sizes);
        for (id, words) in (0..).zip(&sizes) {
            frame.resize(frame.len() + *words as usize * 8, id as u8);
        }
        let message = BufferSegments::new(&frame[..], ReaderOptions::new()).unwrap();
        assert_eq!(message.len(), segments as usize);
        assert_eq!(message.frame_bytes(), frame.len());
        for (id, words) in (0..).zip(&sizes) {
            let expected = vec![id as u8; *words as usize * 8];
            assert_eq!(message.get_segment(id), Some(&expected[..]));
        }
        assert_eq!(message.get_segment(segments), None);
        assert_eq!(message.get_segment(u32::MAX), None);
    }
}

#[test]
fn every_prefix_of_a_frame_is_truncated() {
    let allocator = HeapAllocator::new().first_segment_words(1).fixed_size();
    let mut message = Builder::new(allocator);
    message
        .set_root::<text::Owned>("a text in another segment")
        .unwrap();
    let frame = serialize::write_message_to_vec(&message).unwrap();
    for bytes in 0..frame.len() {
        assert_eq!(
            frame_error(&frame[..bytes]),
            ErrorKind::Truncated,
            "{bytes} bytes"
        );
    }
    let whole = serialize::read_frame(frame, ReaderOptions::new()).unwrap();
    assert_eq!(
        whole.get_root::<text::Reader<'_>>().unwrap(),
        "a text in another segment"
    );
}

#[test]
fn absurd_segment_tables() {
    assert_eq!(frame_error(&[0xff; 64]), ErrorKind::TooManySegments);
    assert_eq!(
        frame_error(&512u32.to_le_bytes()),
        ErrorKind::TooManySegments
    );
    assert_eq!(frame_error(&table(&[u32::MAX])), ErrorKind::TooLarge);
    assert_eq!(frame_error(&table(&[u32::MAX; 512])), ErrorKind::TooLarge);
    assert_eq!(
        frame_error(&table(&[8 * 1024 * 1024, 1])),
        ErrorKind::TooLarge
    );
    assert_eq!(
        frame_error(&table(&[8 * 1024 * 1024])),
        ErrorKind::Truncated
    );
}

#[test]
fn bytes_behind_the_message_are_an_error_in_a_frame() {
    let mut frame = FrameBuilder::with_capacity_words(1).into_frame();
    frame.push(0);
    assert_eq!(frame_error(&frame), ErrorKind::TrailingBytes);
    frame.extend([0; 7]);
    assert_eq!(frame_error(&frame), ErrorKind::TrailingBytes);
}

#[test]
fn a_lying_table_reserves_nothing() {
    // 64 MiB announced, one word sent. The reader must notice the end, and not before have made room.
    let mut stream = table(&[8 * 1024 * 1024]);
    stream.extend([0; 8]);
    let error = serialize::read_message(&stream[..], ReaderOptions::new())
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert!(error.detail().contains("ends after 16 bytes"), "{error}");
}

#[test]
fn a_stream_that_fails_is_reported() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
    }
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let read = serialize::read_message(Broken, ReaderOptions::new())
        .map(drop)
        .unwrap_err();
    let write = serialize::write_message(Broken, &Builder::new_default()).unwrap_err();
    for error in [read, write] {
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("unplugged"), "{error}");
    }
}

#[test]
fn messages_are_written_to_streams() {
    let mut first = Builder::new_default();
    first.set_root::<text::Owned>("one").unwrap();
    let mut second = FrameBuilder::default();
    second.set_root::<data::Owned>([2; 100]).unwrap();
    let mut stream = Vec::new();
    serialize::write_message(&mut stream, &first).unwrap();
    serialize::write_message(&mut stream, &second).unwrap();
    assert_eq!(
        stream.len(),
        serialize::compute_serialized_size_in_bytes(&first)
            + serialize::compute_serialized_size_in_bytes(&second)
    );
    let mut rest = &stream[..];
    let message = serialize::read_message(&mut rest, ReaderOptions::new()).unwrap();
    assert_eq!(message.get_root::<text::Reader<'_>>().unwrap(), "one");
    let message = serialize::read_message(&mut rest, ReaderOptions::new()).unwrap();
    assert_eq!(message.get_root::<data::Reader<'_>>().unwrap(), [2; 100]);
    assert!(rest.is_empty());
}

#[test]
fn the_frame_is_the_buffer_it_was_built_in() {
    let mut message = FrameBuilder::with_capacity_words(100);
    let before = message.segment_bytes().as_ptr() as usize;
    message.set_root::<data::Owned>([7; 512]).unwrap();
    assert_eq!(message.used_words(), 1 + 64);
    let frame = message.into_frame();
    assert_eq!(frame.as_ptr() as usize + 8, before, "no copy was made");
    assert_eq!(frame[..8], [0, 0, 0, 0, 65, 0, 0, 0]);

    let recycled = FrameBuilder::new(GrowingSegment::with_buffer(frame));
    assert_eq!(
        recycled.segment_bytes().as_ptr() as usize,
        before,
        "the buffer is used again"
    );
    assert_eq!(
        recycled.into_frame(),
        [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
}

#[test]
fn a_growing_segment_keeps_what_it_holds() {
    let mut message = FrameBuilder::with_capacity_words(0);
    let mut list = message.get_root_any().builder.init_struct_list(
        100,
        StructSize {
            data: 1,
            pointers: 1,
        },
    );
    for index in 0..100 {
        let mut element = list.reborrow().get_struct_element(index);
        element.set_data_field(0, index);
        element.get_pointer_field(0).set_data(&[index as u8; 100]);
    }
    let frame = message.into_frame();
    let message = serialize::read_frame(frame, ReaderOptions::new()).unwrap();
    let list = message
        .get_root_any()
        .unwrap()
        .reader
        .get_any_list(None)
        .unwrap();
    for index in 0..100 {
        let element = list.get_struct_element(index);
        assert_eq!(element.get_data_field::<u32>(0), index);
        assert_eq!(
            element.get_pointer_field(0).get_data(None).unwrap(),
            [index as u8; 100]
        );
    }
}

#[test]
fn a_foreign_encoder_writes_into_the_message() {
    let size = StructSize {
        data: 1,
        pointers: 1,
    };
    let mut message = FrameBuilder::with_capacity_words(2);
    let mut root = message.get_root_any().builder.init_struct(StructSize {
        data: 0,
        pointers: 1,
    });
    root.reborrow().get_pointer_field(0).set_data(&[1]);

    let start = message.used_words();
    let spare = message.spare_words_mut(10);
    assert_eq!(spare, [0; 80]);
    spare.copy_from_slice(&common::segment(&[
        99,
        common::list_pointer(0, capstan_message::layout::ElementSize::Byte, 3),
        0x0000_6968,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
    ]));
    message.commit_words(3).unwrap();
    assert_eq!(message.used_words(), start + 3);

    let mut root = message
        .get_root_any()
        .builder
        .get_struct(StructSize::default(), None)
        .unwrap();
    root.get_pointer_field_mut(0)
        .point_at_struct(start as u32, size)
        .unwrap();
    // What was not committed is gone: the next object is zero.
    assert_eq!(message.spare_words_mut(1), [0; 8]);
    message.commit_words(0).unwrap();

    let frame = message.into_frame();
    let message = serialize::read_frame(frame, ReaderOptions::new()).unwrap();
    let root = message
        .get_root_any()
        .unwrap()
        .reader
        .get_struct(None)
        .unwrap();
    let object = root.get_pointer_field(0).get_struct(None).unwrap();
    assert_eq!(object.size(), size);
    assert_eq!(object.get_data_field::<u64>(0), 99);
    assert_eq!(object.get_pointer_field(0).get_text(None).unwrap(), "hi");
}

#[test]
fn a_foreign_encoder_cannot_commit_more_than_it_got() {
    let mut message = FrameBuilder::with_capacity_words(2);
    assert_eq!(
        message.commit_words(1).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    message.spare_words_mut(4);
    assert_eq!(
        message.commit_words(5).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    message.spare_words_mut(4);
    assert_eq!(
        message.commit_words(usize::MAX).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    let error = message.get_root_any().builder.point_at_struct(
        1,
        StructSize {
            data: 1,
            pointers: 0,
        },
    );
    assert_eq!(error.unwrap_err().kind(), ErrorKind::OutOfBounds);
    assert!(message.spare_words_mut(usize::MAX).is_empty());
    assert_eq!(message.error().unwrap().kind(), ErrorKind::AllocationFailed);
}

/// Gives out one segment of four words and no more.
struct Stingy {
    segments: u32,
}

impl Allocator for Stingy {
    fn allocate_segment(&mut self, _minimum_words: u32) -> Vec<u8> {
        let segments = self.segments;
        self.segments = segments.saturating_sub(1);
        Vec::with_capacity(if segments > 0 { 32 } else { 0 })
    }
}

#[test]
fn no_memory_is_an_error_at_the_end_and_no_panic_before() {
    for segments in [0, 1] {
        let mut message = Builder::new(Stingy { segments });
        let mut root = message.get_root_any().builder;
        let mut list = root.reborrow().init_struct_list(
            1000,
            StructSize {
                data: 1,
                pointers: 2,
            },
        );
        assert_eq!(list.len(), 1000);
        let mut element = list.reborrow().get_struct_element(999);
        element.set_data_field(0, 1u64);
        element.get_pointer_field_mut(1).set_text(b"nowhere");
        let inner = element
            .get_pointer_field(0)
            .init_list(capstan_message::layout::ElementSize::Pointer, 3);
        inner
            .get_pointer_element(2)
            .init_struct(StructSize {
                data: 1,
                pointers: 0,
            })
            .set_data_field(0, 1u8);
        assert!(list.as_reader().is_empty());
        assert_eq!(root.reborrow().init_data(100).len(), 0);
        assert!(!root.reborrow().init_text(100).push_str("x"));
        assert_eq!(message.error().unwrap().kind(), ErrorKind::AllocationFailed);
        assert_eq!(
            serialize::write_message_to_vec(&message)
                .unwrap_err()
                .kind(),
            ErrorKind::AllocationFailed
        );
        assert!(
            message
                .set_root::<text::Owned>("a text that is too long for four words")
                .is_ok()
        );
        assert!(message.get_root_any().is_null());
    }
}

#[test]
fn lists_longer_than_the_format_allows() {
    let mut message = FrameBuilder::with_capacity_words(1);
    message.get_root_any().builder.init_struct_list(
        u32::MAX,
        StructSize {
            data: 1,
            pointers: 0,
        },
    );
    assert_eq!(message.error().unwrap().kind(), ErrorKind::TooLarge);
    let mut message = FrameBuilder::with_capacity_words(1);
    message
        .get_root_any()
        .builder
        .init_list(capstan_message::layout::ElementSize::Void, u32::MAX);
    assert_eq!(message.error().unwrap().kind(), ErrorKind::TooLarge);
    let mut message = FrameBuilder::with_capacity_words(1);
    let text: text::Builder<'_> = message.initn_root(u32::MAX);
    assert!(text.is_empty());
    assert_eq!(message.error().unwrap().kind(), ErrorKind::TooLarge);
}

#[test]
fn buffers_go_back_to_the_allocator() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    struct Counting(Arc<AtomicUsize>);
    impl Allocator for Counting {
        fn allocate_segment(&mut self, minimum_words: u32) -> Vec<u8> {
            self.0.fetch_add(1, SeqCst);
            Vec::with_capacity(minimum_words as usize * 8)
        }
        fn deallocate_segment(&mut self, _buffer: Vec<u8>) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let out = Arc::new(AtomicUsize::new(0));
    let mut message = Builder::new(Counting(out.clone()));
    message
        .set_root::<text::Owned>("needs a second segment")
        .unwrap();
    assert_eq!(out.load(SeqCst), 2);
    drop(message);
    assert_eq!(out.load(SeqCst), 0);
}

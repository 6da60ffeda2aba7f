//! The stated bound on work: whatever is done with a hostile message visits no more words than the
//! traversal limit, and copies write no more than twice as many.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use capstan_message::layout::{ElementSize, PointerKind, PointerReader};
use capstan_message::message::{
    Builder, HeapAllocator, Reader, ReaderOptions, SegmentArray, canonicalize,
};
use capstan_message::{ErrorKind, Result, any_pointer};
use common::{list_pointer, segment, struct_pointer};

/// Small messages that unfold into very large ones.
fn hostile_messages() -> Vec<(&'static str, Vec<u8>)> {
    let mut messages = Vec::new();

    // A list of pointers, all to one list.
    let fan = 1000;
    let mut words = vec![list_pointer(0, ElementSize::Pointer, fan)];
    for index in 0..fan as i32 {
        words.push(list_pointer(
            fan as i32 - 1 - index,
            ElementSize::EightBytes,
            1000,
        ));
    }
    words.extend(std::iter::repeat_n(7, 1000));
    messages.push(("a fan", segment(&words)));

    // Each struct points twice to the next: 2^40 paths.
    let mut words = vec![struct_pointer(0, 0, 2)];
    for _ in 0..40 {
        words.extend([struct_pointer(1, 0, 2), struct_pointer(0, 0, 2)]);
    }
    words.extend([0, 0]);
    messages.push(("doubling structs", segment(&words)));

    // The same with lists of one struct of two pointers.
    let list = |offset| list_pointer(offset, ElementSize::InlineComposite, 2);
    let mut words = vec![list(0)];
    for _ in 0..20 {
        words.extend([1 << 2 | 2 << 48, list(1), list(0)]);
    }
    words.extend([1 << 2 | 2 << 48, 0, 0]);
    messages.push(("doubling lists", segment(&words)));

    // Pointers to lists of elements that take no room at all.
    let mut words = vec![list_pointer(0, ElementSize::Pointer, fan)];
    for index in 0..fan as i32 {
        words.push(list_pointer(
            fan as i32 - 1 - index,
            ElementSize::Void,
            (1 << 29) - 1,
        ));
    }
    messages.push(("lists of Void", segment(&words)));

    // The same with structs without content, by way of one tag.
    let mut words = vec![list_pointer(0, ElementSize::Pointer, fan)];
    for index in 0..fan as i32 {
        words.push(list_pointer(
            fan as i32 - 1 - index,
            ElementSize::InlineComposite,
            0,
        ));
    }
    words.push(((1 << 29) - 1) << 2);
    messages.push(("lists of empty structs", segment(&words)));

    // A struct that is its own child.
    let words = [struct_pointer(0, 1, 1), 9, struct_pointer(-2, 1, 1)];
    messages.push(("a cycle", segment(&words)));
    messages
}

const LIMITS_WORDS: [usize; 3] = [100, 5_000, 100_000];

/// Does something with each message under each limit and expects it to be stopped by the limit.
fn stopped(mut act: impl FnMut(&'static str, PointerReader<'_>, usize) -> Result<()>) {
    for (name, bytes) in hostile_messages() {
        for limit in LIMITS_WORDS {
            let segments = [&bytes[..]];
            let mut options = ReaderOptions::new();
            options.traversal_limit_in_words(Some(limit));
            options.nesting_limit(i32::MAX);
            let message = Reader::new(SegmentArray::new(&segments), options);
            let root = message.get_root_any().unwrap().reader;
            let error = act(name, root, limit).expect_err(name);
            assert_eq!(
                error.kind(),
                ErrorKind::TraversalLimitExceeded,
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn reading() {
    /// Follows every pointer, counting the words of what they lead to.
    fn walk(pointer: PointerReader<'_>, words: &mut usize) -> Result<()> {
        let mut open = vec![pointer.kind().map(|_| vec![pointer].into_iter())?];
        while let Some(pointers) = open.last_mut() {
            let Some(pointer) = pointers.next() else {
                open.pop();
                continue;
            };
            let mut inner = Vec::new();
            match pointer.kind()? {
                PointerKind::Struct => {
                    let object = pointer.get_struct(None)?;
                    *words += object.size().total() as usize;
                    inner.extend(
                        (0..object.pointer_count())
                            .map(|index| object.get_pointer_field(index.into())),
                    );
                }
                PointerKind::List => {
                    let list = pointer.get_any_list(None)?;
                    *words += list.raw_bytes().len().div_ceil(8);
                    if list.step_bits() == 0 {
                        *words += list.len() as usize;
                    } else {
                        for index in 0..list.len() {
                            let element = list.get_struct_element(index);
                            inner.extend(
                                (0..element.pointer_count())
                                    .map(|index| element.get_pointer_field(index.into())),
                            );
                        }
                    }
                }
                PointerKind::Null | PointerKind::Capability => {}
            }
            open.push(inner.into_iter());
        }
        Ok(())
    }
    stopped(|name, root, limit| {
        let mut words = 0;
        let result = walk(root, &mut words);
        assert!(words <= limit, "{name}: {words} words of {limit}");
        result
    });
}

#[test]
fn copying() {
    // In one segment, and with every object in a segment of its own behind a landing pad.
    for allocator in [
        HeapAllocator::new(),
        HeapAllocator::new().first_segment_words(1).fixed_size(),
    ] {
        stopped(|name, root, limit| {
            let mut copy = Builder::new(allocator.clone());
            let result = copy.get_root_any().builder.copy_from(root, false);
            let words = copy.size_in_words();
            assert!(words <= 2 * limit + 1, "{name}: {words} words of {limit}");
            result
        });
    }
}

#[test]
fn canonicalizing() {
    stopped(|_, root, _| {
        canonicalize::<any_pointer::Owned>(any_pointer::Reader::new(root)).map(drop)
    });
    stopped(|name, root, limit| {
        let mut copy = Builder::new_default();
        let result = copy.get_root_any().builder.copy_from(root, true);
        let words = copy.size_in_words();
        assert!(words <= limit + 1, "{name}: {words} words of {limit}");
        result
    });
}

#[test]
fn measuring_and_comparing() {
    stopped(|_, root, _| root.total_size().map(drop));
    stopped(|_, root, _| root.equals(&root).map(drop));
}

#[test]
fn looking_for_canonical_form_ends_at_the_first_overlap() {
    for (name, bytes) in hostile_messages() {
        let segments = [&bytes[..]];
        let message = Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
        match message.is_canonical() {
            Ok(canonical) => assert!(!canonical, "{name}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TraversalLimitExceeded, "{name}"),
        }
    }
}

#[test]
fn writing_into_a_message_that_a_foreign_encoder_filled() {
    // Overlapping objects in a builder: clearing and growing them ends too, and zeroes each once.
    for (name, bytes) in hostile_messages() {
        let mut message = capstan_message::FrameBuilder::with_capacity_words(8);
        message
            .spare_words_mut(bytes.len() / 8 - 1)
            .copy_from_slice(&bytes[8..]);
        message.commit_words(bytes.len() / 8 - 1).unwrap();
        message.segment_bytes_mut()[..8].copy_from_slice(&bytes[..8]);
        let before = message.used_words();
        message.get_root_any().clear();
        assert_eq!(message.used_words(), before, "{name}");
        assert!(message.get_root_any().is_null(), "{name}");
    }
}

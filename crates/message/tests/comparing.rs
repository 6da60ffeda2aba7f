//! Equality, canonical form, dynamic views, constants and allocators.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;

use capstan_message::capability::Capability;
use capstan_message::layout::{ElementSize, Equality, PointerReader, StructSize};
use capstan_message::message::{
    Builder, FrameBuilder, HeapAllocator, Reader, ReaderOptions, ReaderSegments, ScratchSpace,
    SegmentArray, canonicalize,
};
use capstan_message::traits::{FromPointerBuilder, FromPointerReader};
use capstan_message::{
    ErrorKind, any_list, any_pointer, any_pointer_list, any_struct, constant, data, primitive_list,
    struct_list, text, text_list, word,
};
use common::person::person;
use common::{Value, any_value, build, list_pointer, read, struct_pointer};
use proptest::prelude::*;

fn built(value: &Value, words: u32) -> Builder<HeapAllocator> {
    let allocator = HeapAllocator::new().first_segment_words(words).fixed_size();
    let mut message = Builder::new(allocator);
    build(message.get_root_any().builder, value);
    message
}

fn root<A: capstan_message::message::Allocator>(message: &Builder<A>) -> PointerReader<'_> {
    message
        .get_root_as_reader::<any_pointer::Reader<'_>>()
        .unwrap()
        .reader
}

fn is_canonical(words: &[u64]) -> bool {
    let bytes = common::segment(words);
    let segments = [&bytes[..]];
    let reader = Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
    reader.is_canonical().unwrap()
}

proptest! {
    #[test]
    fn equal_means_canonical_bytes_are_equal(one in any_value(), other in any_value(), words in 1..20u32) {
        let (first, again, second) = (built(&one, 1024), built(&one, words), built(&other, words));
        prop_assert_eq!(root(&first).equals(&root(&again)).unwrap(), Equality::Equal);
        let canonical = |message: &Builder<HeapAllocator>| {
            canonicalize::<any_pointer::Owned>(any_pointer::Reader::new(root(message))).unwrap()
        };
        prop_assert_eq!(canonical(&first), canonical(&again));
        let same = canonical(&first) == canonical(&second);
        prop_assert_eq!(root(&first).equals(&root(&second)).unwrap().is_equal(), same);
        prop_assert_eq!(root(&second).equals(&root(&first)).unwrap().is_equal(), same);
    }

    #[test]
    fn canonical_form_is_recognized(value in any_value(), at in any::<prop::sample::Index>(), bit in 0..64u32) {
        let message = built(&value, 3);
        let reader = message.into_reader();
        let bytes = reader.canonicalize().unwrap();
        let mut words = common::words(&bytes);
        prop_assert!(is_canonical(&words));
        // Canonicalizing again changes nothing.
        let segments = [&bytes[..]];
        let again = Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
        prop_assert_eq!(again.canonicalize().unwrap(), bytes.clone());
        // Whatever is canonical after a change is its own canonical form.
        let at = at.index(words.len());
        words[at] ^= 1 << bit;
        let changed = common::segment(&words);
        let segments = [&changed[..]];
        // Each with a traversal limit of its own: a list of Void may have become a very long one.
        let reader = || Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
        if reader().is_canonical().unwrap_or(false) {
            prop_assert_eq!(reader().canonicalize().unwrap(), changed);
        } else if let Ok(canonical) = reader().canonicalize() {
            prop_assert_ne!(canonical, changed);
        }
    }
}

#[test]
fn what_canonical_form_forbids() {
    let text = [list_pointer(0, ElementSize::Byte, 3), 0x0000_0000_0000_4241];
    assert!(is_canonical(&text));
    assert!(is_canonical(&[0]));
    assert!(is_canonical(&[0xffff_fffc]));
    // Bits behind the last byte, words behind the last object, a gap, a struct of nothing elsewhere.
    assert!(!is_canonical(&[text[0], 0x0000_0000_0100_4241]));
    assert!(!is_canonical(&[text[0], text[1], 0]));
    assert!(!is_canonical(&[
        list_pointer(1, ElementSize::Byte, 3),
        0,
        text[1]
    ]));
    assert!(!is_canonical(&[struct_pointer(0, 0, 0)]) || struct_pointer(0, 0, 0) == 0);
    assert!(!is_canonical(&[struct_pointer(1, 0, 0), 0]));
    // A data section that ends in zero, a pointer section that ends in null.
    assert!(is_canonical(&[struct_pointer(0, 1, 0), 1]));
    assert!(!is_canonical(&[struct_pointer(0, 2, 0), 1, 0]));
    assert!(!is_canonical(&[struct_pointer(0, 1, 1), 1, 0]));
    // A list of structs none of which needs its last word; an empty one that has a size.
    let list = list_pointer(0, ElementSize::InlineComposite, 4);
    assert!(is_canonical(&[list, 2 << 2 | 2 << 32, 1, 0, 0, 1]));
    assert!(!is_canonical(&[list, 2 << 2 | 2 << 32, 1, 0, 1, 0]));
    assert!(!is_canonical(&[
        list_pointer(0, ElementSize::InlineComposite, 0),
        1 << 32
    ]));
    // A spare word behind the elements.
    assert!(!is_canonical(&[
        list_pointer(0, ElementSize::InlineComposite, 2),
        1 << 2 | 1 << 32,
        1,
        0
    ]));
    // Second object first.
    let pair = struct_pointer(0, 0, 2);
    let byte = |offset| list_pointer(offset, ElementSize::Byte, 1);
    assert!(is_canonical(&[pair, byte(1), byte(1), 1, 2]));
    assert!(!is_canonical(&[pair, byte(2), byte(0), 1, 2]));
    // Capabilities and far pointers.
    assert!(!is_canonical(&[common::capability(0)]));
    assert!(!is_canonical(&[
        common::far_pointer(false, 1, 0),
        byte(0),
        1
    ]));
    let empty: [&[u8]; 2] = [&common::segment(&[0]), &[]];
    let two = Reader::new(SegmentArray::new(&empty), ReaderOptions::new());
    assert!(!two.is_canonical().unwrap());
    let none = Reader::new(SegmentArray::new(&[]), ReaderOptions::new());
    assert!(!none.is_canonical().unwrap());
}

#[test]
fn capabilities_leave_equality_open() {
    struct Thing;
    impl Capability for Thing {}
    let build = |number: u64| {
        let mut message = Builder::new_default();
        let size = StructSize {
            data: 1,
            pointers: 1,
        };
        let mut root = message.get_root_any().builder.init_struct(size);
        root.set_data_field(0, number);
        root.get_pointer_field_mut(0)
            .set_capability(Arc::new(Thing));
        message
    };
    let (one, same, other) = (build(1), build(1), build(2));
    assert_eq!(
        root(&one).equals(&root(&same)).unwrap(),
        Equality::UnknownContainsCaps
    );
    assert_eq!(
        root(&one).equals(&root(&other)).unwrap(),
        Equality::NotEqual
    );
    assert!(!one.is_canonical().unwrap());
}

#[test]
fn a_newer_sender_is_equal_when_it_says_nothing_new() {
    let build = |data, pointers, last| {
        let mut message = Builder::new_default();
        let mut root = message
            .get_root_any()
            .builder
            .init_struct(StructSize { data, pointers });
        root.set_data_field(0, 5u64);
        root.set_data_field(data as usize - 1, last);
        message
    };
    let (older, newer, newest) = (build(1, 0, 5u64), build(3, 2, 0u64), build(3, 2, 1u64));
    assert_eq!(root(&older).equals(&root(&newer)).unwrap(), Equality::Equal);
    assert_eq!(
        root(&older).equals(&root(&newest)).unwrap(),
        Equality::NotEqual
    );
}

#[test]
fn any_struct_and_any_list() {
    let mut message = Builder::new_default();
    let mut someone: person::Builder<'_> = message.init_root();
    someone.set_name("Ada");
    let someone: person::Reader<'_> = message.get_root_as_reader().unwrap();

    let any: any_struct::Reader<'_> = message.get_root_as_reader().unwrap();
    let typed: person::Reader<'_> = any.get_as();
    assert_eq!(typed.get_name().unwrap(), "Ada");
    assert!(any.equals(&any).unwrap().is_equal());
    assert_eq!(
        any.total_size().unwrap(),
        root(&message).total_size().unwrap()
    );
    let texts = any
        .pointer_section()
        .filter(|pointer| matches!(pointer.get_as::<text::Reader<'_>>(), Ok(text) if text == "Ada"))
        .count();
    assert_eq!(texts, 1);

    // A struct of no size becomes one of the type it is taken for.
    let mut other = Builder::new_default();
    let empty: any_struct::Builder<'_> = other.init_root();
    let mut typed: person::Builder<'_> = empty.get_as().unwrap();
    typed.set_name("Grace");
    assert_eq!(
        other
            .get_root_as_reader::<person::Reader<'_>>()
            .unwrap()
            .get_name()
            .unwrap(),
        "Grace"
    );
    other.set_root::<any_struct::Owned>(any).unwrap();
    assert!(root(&other).equals(&root(&message)).unwrap().is_equal());
    let _: person::Reader<'_> = someone;

    let mut message = Builder::new_default();
    let mut numbers: primitive_list::Builder<'_, u16> = message.initn_root(2);
    numbers.set(1, 500);
    let list: any_list::Reader<'_> = message.get_root_as_reader().unwrap();
    assert_eq!(
        (list.len(), list.element_size()),
        (2, ElementSize::TwoBytes)
    );
    assert_eq!(
        list.get_as::<primitive_list::Reader<'_, u16>>()
            .unwrap()
            .get(1),
        500
    );
    assert_eq!(list.get_struct(1).data_section(), [244, 1]);
    assert!(list.get_pointer(1).is_null());
    assert_eq!(list.total_size().unwrap().word_count, 1);
    for wrong in [
        list.get_as::<text::Reader<'_>>().err(),
        list.get_as::<data::Reader<'_>>().err(),
        list.get_as::<text_list::Reader<'_>>().err(),
        list.get_as::<primitive_list::Reader<'_, u32>>().err(),
    ] {
        assert_eq!(wrong.unwrap().kind(), ErrorKind::WrongElementSize);
    }
    // Built as numbers, used as structs, and read as numbers again.
    let list: any_list::Builder<'_> = message.get_root().unwrap();
    let people: struct_list::Builder<'_, person::Owned> = list.get_as().unwrap();
    assert_eq!(people.len(), 2);
    let again: primitive_list::Reader<'_, u16> = message.get_root_as_reader().unwrap();
    assert_eq!(again.get(1), 500);

    message.set_root::<text::Owned>("hi").unwrap();
    let list: any_list::Reader<'_> = message.get_root_as_reader().unwrap();
    assert_eq!(list.get_as::<text::Reader<'_>>().unwrap(), "hi");
    assert_eq!(list.get_as::<data::Reader<'_>>().unwrap(), b"hi\0");
    let wrong = message.get_root::<any_struct::Builder<'_>>().err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::WrongPointerKind);
}

#[test]
fn constants_are_messages() {
    static NAME: constant::Reader<text::Owned> = constant::Reader::new(&[
        word(1, 0, 0, 0, 34, 0, 0, 0),
        word(b'A', b'd', b'a', 0, 0, 0, 0, 0),
    ]);
    static NOTHING: constant::Reader<text_list::Owned> = constant::Reader::new(&[]);
    assert_eq!(NAME.get().unwrap(), "Ada");
    assert!(NOTHING.get().unwrap().is_empty());
}

#[test]
fn scratch_space_is_used_again_and_again() {
    let buffer = Vec::with_capacity(64);
    let place = buffer.as_ptr();
    let mut message = Builder::new(ScratchSpace::fixed(buffer));
    for round in 0..3u8 {
        message.reset();
        message.set_root::<data::Owned>([round; 48]).unwrap();
        assert_eq!(message.get_segment(0).unwrap().as_ptr(), place);
        assert_eq!(message.get_segment(0).unwrap()[8..56], [round; 48]);
        let root: data::Reader<'_> = message.get_root_as_reader().unwrap();
        assert_eq!(root, [round; 48]);
        let smaller: data::Builder<'_> = message.initn_root(7);
        assert!(smaller.iter_mut().all(|byte| *byte == 0));
    }
    message.reset();
    message.initn_root::<data::Builder<'_>>(57);
    assert_eq!(message.error().unwrap().kind(), ErrorKind::AllocationFailed);
    message.reset();
    assert!(message.error().is_none());

    let mut message = Builder::new(ScratchSpace::then_heap(Vec::with_capacity(16)));
    message.set_root::<data::Owned>([7; 100]).unwrap();
    assert_eq!(message.len(), 2);
    assert_eq!(
        message.get_root_as_reader::<data::Reader<'_>>().unwrap(),
        [7; 100]
    );
    message.reset();
    assert_eq!(message.len(), 1);
}

#[test]
fn the_heap_and_frames_make_one_segment() {
    let mut heap = Builder::new_default();
    let mut frame = FrameBuilder::with_capacity_words(1);
    let words = vec!["a text of some length"; 10_000];
    heap.set_root::<text_list::Owned>(&words).unwrap();
    frame.set_root::<text_list::Owned>(&words).unwrap();
    assert_eq!((heap.len(), frame.len()), (1, 1));
    assert_eq!(heap.get_segment(0), frame.get_segment(0));
    assert_eq!(read(root(&heap)).unwrap(), read(root(&frame)).unwrap());
}

#[test]
fn lists_of_pointers_to_anything() {
    for words in [1, 1024] {
        let allocator = HeapAllocator::new().first_segment_words(words).fixed_size();
        let mut message = Builder::new(allocator);
        let mut list: any_pointer_list::Builder<'_> = message.initn_root(4);
        list.reborrow()
            .get(0)
            .set_as::<text::Owned>("text")
            .unwrap();
        let mut numbers: primitive_list::Builder<'_, u32> = list.reborrow().get(1).initn_as(2);
        numbers.set(1, 7);
        let mut someone: person::Builder<'_> = list.reborrow().get(2).init_as();
        someone.set_name("Ada");

        let list: any_pointer_list::Reader<'_> = message.get_root_as_reader().unwrap();
        let element = |index| list.get(index).unwrap();
        assert_eq!(element(0).get_as::<text::Reader<'_>>().unwrap(), "text");
        let numbers: primitive_list::Reader<'_, u32> = element(1).get_as().unwrap();
        assert_eq!(numbers.get(1), 7);
        let someone: person::Reader<'_> = element(2).get_as().unwrap();
        assert_eq!(someone.get_name().unwrap(), "Ada");
        assert!(element(3).is_null());
        assert_eq!(list.total_size().unwrap(), {
            let root = root(&message).total_size().unwrap();
            assert!(root.word_count > 4);
            root
        });

        let mut copy = Builder::new_default();
        copy.set_root::<any_pointer_list::Owned>(list).unwrap();
        assert!(root(&copy).equals(&root(&message)).unwrap().is_equal());
    }
}

#[test]
fn defaults_of_untyped_pointers() {
    static TEXT: [capstan_message::Word; 2] = [
        word(1, 0, 0, 0, 26, 0, 0, 0),
        word(b'h', b'i', 0, 0, 0, 0, 0, 0),
    ];
    static PAIR: [capstan_message::Word; 2] =
        [word(0, 0, 0, 0, 1, 0, 0, 0), word(5, 0, 0, 0, 0, 0, 0, 0)];
    let null = PointerReader::new_default();
    let any = any_pointer::Reader::get_from_pointer(&null, Some(&TEXT)).unwrap();
    assert_eq!(any.get_as::<text::Reader<'_>>().unwrap(), "hi");
    let list = any_list::Reader::get_from_pointer(&null, Some(&TEXT)).unwrap();
    assert_eq!(list.get_as::<data::Reader<'_>>().unwrap(), b"hi\0");
    let object = any_struct::Reader::get_from_pointer(&null, Some(&PAIR)).unwrap();
    assert_eq!(object.data_section()[0], 5);

    // A builder makes the default its own, so that it can be changed.
    let mut message = Builder::new_default();
    let root = message.get_root_any().builder;
    let list = any_list::Builder::get_from_pointer(root, Some(&TEXT)).unwrap();
    list.get_as::<text::Builder<'_>>().unwrap().as_bytes_mut()[0] = b'H';
    assert_eq!(
        message.get_root_as_reader::<text::Reader<'_>>().unwrap(),
        "Hi"
    );
    message.get_root_any().clear();
    let root = message.get_root_any().builder;
    let object = any_struct::Builder::get_from_pointer(root, Some(&PAIR)).unwrap();
    let size = StructSize {
        data: 2,
        pointers: 1,
    };
    let mut object = object.into_struct_builder(size).unwrap();
    assert_eq!((object.size(), object.get_data_field::<u64>(0)), (size, 5));
    object.set_data_field(1, 6u64);
    message.get_root_any().clear();
    let root = message.get_root_any().builder;
    let any = any_pointer::Builder::get_from_pointer(root, Some(&TEXT)).unwrap();
    assert_eq!(any.get_as::<text::Builder<'_>>().unwrap().as_bytes(), b"hi");
}

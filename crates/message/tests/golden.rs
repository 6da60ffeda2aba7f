//! The exact words of every kind of pointer, written down from the encoding specification.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;

use capstan_message::capability::{CapHandle, Capability};
use capstan_message::layout::{ElementSize, PointerBuilder, StructSize};
use capstan_message::message::{self, HeapAllocator, ReaderOptions, SegmentArray};
use capstan_message::{any_pointer, data, text};
use common::{Fields, Value};

/// Builds with `fill` and compares the words of all segments.
#[track_caller]
fn expect(fill: impl FnOnce(PointerBuilder<'_>), segments: &[&[u64]]) {
    expect_in(HeapAllocator::new(), fill, segments);
}

#[track_caller]
fn expect_in(allocator: HeapAllocator, fill: impl FnOnce(PointerBuilder<'_>), segments: &[&[u64]]) {
    let mut message = message::Builder::new(allocator);
    fill(message.get_root_any().builder);
    assert_eq!(message.error(), None);
    let built: Vec<Vec<u64>> = message
        .get_segments_for_output()
        .into_iter()
        .map(common::words)
        .collect();
    assert_eq!(built, segments, "{built:x?}");
}

#[test]
fn null() {
    expect(|_| {}, &[&[0]]);
}

#[test]
fn struct_with_both_sections() {
    expect(
        |root| {
            let mut object = root.init_struct(StructSize {
                data: 2,
                pointers: 1,
            });
            object.set_data_field::<u32>(1, 0xdead_beef);
            object.set_data_field::<u8>(8, 7);
            object.set_bool_field(127, true);
            object.get_pointer_field(0).set_text(b"hi");
        },
        &[&[
            0x0001_0002_0000_0000,
            0xdead_beef_0000_0000,
            0x8000_0000_0000_0007,
            // Offset 0, bytes, three with the NUL.
            0x0000_001a_0000_0001,
            0x0000_0000_0000_6968,
        ]],
    );
}

#[test]
fn struct_without_content() {
    expect(
        |root| {
            root.init_struct(StructSize::default());
        },
        &[&[0x0000_0000_ffff_fffc]],
    );
}

#[test]
fn second_object_lies_behind_the_first() {
    expect(
        |root| {
            let mut object = root.init_struct(StructSize {
                data: 0,
                pointers: 2,
            });
            object.get_pointer_field_mut(1).set_data(&[1]);
            object.get_pointer_field_mut(0).set_data(&[2]);
        },
        // From word 1 over word 2 and the first list: offset 2. From word 2: offset 0.
        &[&[
            0x0002_0000_0000_0000,
            0x0000_000a_0000_0009,
            0x0000_000a_0000_0001,
            1,
            2,
        ]],
    );
}

#[test]
fn lists_of_scalars() {
    expect(
        |root| {
            let mut list = root.init_list(ElementSize::Bit, 10);
            list.set_element(0, true);
            list.set_element(9, true);
        },
        &[&[0x0000_0051_0000_0001, 0x0201]],
    );
    expect(
        |root| {
            root.init_list(ElementSize::Void, 5);
        },
        &[&[0x0000_0028_0000_0001]],
    );
    expect(
        |root| {
            root.init_list(ElementSize::TwoBytes, 5)
                .set_element(4, 0xabcd_u16)
        },
        &[&[0x0000_002b_0000_0001, 0, 0xabcd]],
    );
    expect(
        |root| {
            root.init_list(ElementSize::FourBytes, 1)
                .set_element(0, -1_i32)
        },
        &[&[0x0000_000c_0000_0001, 0xffff_ffff]],
    );
    expect(
        |root| {
            root.init_list(ElementSize::EightBytes, 1)
                .set_element(0, 1.0_f64)
        },
        &[&[0x0000_000d_0000_0001, 0x3ff0_0000_0000_0000]],
    );
}

#[test]
fn list_of_pointers() {
    expect(
        |root| {
            let mut list = root.init_list(ElementSize::Pointer, 2);
            list.reborrow().get_pointer_element(1).set_text(b"");
        },
        &[&[0x0000_0016_0000_0001, 0, 0x0000_000a_0000_0001, 0]],
    );
}

#[test]
fn list_of_structs() {
    expect(
        |root| {
            let mut list = root.init_struct_list(
                2,
                StructSize {
                    data: 1,
                    pointers: 1,
                },
            );
            list.reborrow()
                .get_struct_element(0)
                .set_data_field::<u64>(0, 1);
            list.reborrow()
                .get_struct_element(1)
                .set_data_field::<u64>(0, 2);
        },
        // Four words of content; the tag holds the count where a pointer holds its offset.
        &[&[0x0000_0027_0000_0001, 0x0001_0001_0000_0008, 1, 0, 2, 0]],
    );
}

struct Nothing;
impl Capability for Nothing {}

#[test]
fn capability() {
    let cap: CapHandle = Arc::new(Nothing);
    expect(
        |root| {
            let mut list = root.init_list(ElementSize::Pointer, 2);
            list.reborrow()
                .get_pointer_element(0)
                .set_capability(cap.clone());
            list.reborrow().get_pointer_element(1).set_capability(cap);
        },
        &[&[0x0000_0016_0000_0001, 3, 0x0000_0001_0000_0003]],
    );
}

#[test]
fn far_pointer() {
    // The root pointer fills the first segment, so the struct goes into the second, behind a
    // landing pad.
    expect_in(
        HeapAllocator::new().first_segment_words(1).fixed_size(),
        |root| {
            root.init_struct(StructSize {
                data: 1,
                pointers: 0,
            })
            .set_data_field::<u64>(0, 5)
        },
        &[&[0x0000_0001_0000_0002], &[0x0000_0001_0000_0000, 5]],
    );
}

#[test]
fn double_far_pointer() {
    // The struct fills the first segment and so has no room for a landing pad beside it. When it
    // grows, its text stays where it is, and the new struct, elsewhere, reaches it by two hops.
    expect_in(
        HeapAllocator::new().first_segment_words(3).fixed_size(),
        |mut root| {
            let small = root.reborrow().init_struct(StructSize {
                data: 0,
                pointers: 1,
            });
            small.get_pointer_field(0).set_data(&[9]);
            let mut large = root
                .get_struct(
                    StructSize {
                        data: 1,
                        pointers: 1,
                    },
                    None,
                )
                .unwrap();
            large.set_data_field::<u64>(0, 5);
        },
        &[
            &[0x0000_0001_0000_0002, 0, 9],
            // A landing pad for the struct, the struct, and its pointer: double-far into segment 2.
            &[0x0001_0001_0000_0000, 5, 0x0000_0002_0000_0006],
            // Where the list is, then what it is.
            &[0x0000_0000_0000_0012, 0x0000_000a_0000_0001],
        ],
    );
}

#[test]
fn far_pointers_are_read() {
    let one_hop = [
        common::segment(&[common::far_pointer(false, 1, 1)]),
        common::segment(&[
            77,
            common::list_pointer(0, ElementSize::Byte, 3),
            0x0000_0000_0063_6261,
        ]),
    ];
    assert_eq!(read_data(&one_hop), b"abc");

    let two_hops = [
        common::segment(&[common::far_pointer(true, 1, 1)]),
        common::segment(&[
            77,
            common::far_pointer(false, 2, 2),
            common::list_pointer(0, ElementSize::Byte, 3),
        ]),
        common::segment(&[77, 77, 0x0000_0000_0063_6261]),
    ];
    assert_eq!(read_data(&two_hops), b"abc");

    // The tag's offset means nothing.
    let tag_with_offset = [
        common::segment(&[common::far_pointer(true, 0, 1)]),
        common::segment(&[
            common::far_pointer(false, 2, 1),
            common::list_pointer(-9, ElementSize::Byte, 3),
            0x0000_0000_0063_6261,
        ]),
    ];
    assert_eq!(read_data(&tag_with_offset), b"abc");

    // Nothing forbids a far pointer into its own segment.
    let home = [common::segment(&[
        common::far_pointer(false, 2, 0),
        0x0000_0000_0063_6261,
        common::list_pointer(-2, ElementSize::Byte, 3),
    ])];
    assert_eq!(read_data(&home), b"abc");
}

fn read_data(segments: &[Vec<u8>]) -> Vec<u8> {
    let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    let message = message::Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
    message.get_root::<data::Reader<'_>>().unwrap().to_vec()
}

#[test]
fn a_copy_lies_in_preorder() {
    // Built back to front, with an overwritten object in between.
    let mut source = message::Builder::new_default();
    let mut root = source.get_root_any().builder.init_struct(StructSize {
        data: 0,
        pointers: 2,
    });
    root.get_pointer_field_mut(1).set_data(&[1; 20]);
    root.get_pointer_field_mut(1).set_data(&[2]);
    root.get_pointer_field_mut(0).set_data(&[3]);
    let mut copy = message::Builder::new_default();
    copy.set_root::<any_pointer::Owned>(
        source
            .get_root_as_reader::<any_pointer::Reader<'_>>()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        common::words(copy.get_segments_for_output()[0]),
        [
            0x0002_0000_0000_0000,
            0x0000_000a_0000_0005,
            0x0000_000a_0000_0005,
            3,
            2
        ]
    );
}

#[test]
fn canonical_copies_cut_trailing_zeroes() {
    let value = Value::Struct(Fields {
        data: vec![1, 0],
        pointers: vec![
            Value::Structs(
                StructSize {
                    data: 2,
                    pointers: 1,
                },
                vec![
                    Fields {
                        data: vec![0, 0],
                        pointers: vec![Value::Null],
                    },
                    Fields {
                        data: vec![4, 0],
                        pointers: vec![Value::Null],
                    },
                ],
            ),
            Value::Struct(Fields {
                data: vec![0],
                pointers: vec![Value::Null],
            }),
            Value::Null,
        ],
    });
    let mut source = message::Builder::new_default();
    common::build(source.get_root_any().builder, &value);
    let mut canonical = message::Builder::new_default();
    let root: any_pointer::Reader<'_> = source.get_root_as_reader().unwrap();
    canonical
        .set_root_canonical::<any_pointer::Owned>(root)
        .unwrap();
    assert_eq!(
        common::words(canonical.get_segments_for_output()[0]),
        [
            common::struct_pointer(0, 1, 2),
            1,
            common::list_pointer(1, ElementSize::InlineComposite, 2),
            common::struct_pointer(-1, 0, 0),
            common::struct_pointer(2, 1, 0),
            0,
            4,
        ]
    );
}

#[test]
fn what_is_overwritten_leaves_no_trace() {
    let mut message =
        message::Builder::new(HeapAllocator::new().first_segment_words(4).fixed_size());
    let mut root = message.get_root_any().builder;
    common::build(
        root.reborrow(),
        &Value::Structs(
            StructSize {
                data: 1,
                pointers: 1,
            },
            vec![
                Fields {
                    data: vec![1],
                    pointers: vec![Value::Bools(vec![true; 9])]
                };
                3
            ],
        ),
    );
    root.reborrow().set_text(b"secret");
    root.clear();
    let rest: Vec<u64> = message
        .get_segments_for_output()
        .into_iter()
        .flat_map(common::words)
        .filter(|word| *word != 0)
        .collect();
    assert_eq!(rest, []);
    assert_eq!(
        message.get_root_as_reader::<text::Reader<'_>>().unwrap(),
        ""
    );
}

//! Old data read by new code and the other way round.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use capstan_message::ErrorKind;
use capstan_message::any_pointer;
use capstan_message::layout::{ElementSize, PointerReader, StructSize};
use capstan_message::message::{Builder, HeapAllocator};
use common::{Fields, Value};

/// Reads the value back from a message.
fn with(value: &Value, read: impl FnOnce(PointerReader<'_>)) {
    let mut message = Builder::new_default();
    common::build(message.get_root_any().builder, value);
    read(
        message
            .get_root_as_reader::<any_pointer::Reader<'_>>()
            .unwrap()
            .reader,
    );
}

fn scalars(size: ElementSize, values: &[u64]) -> Value {
    Value::Scalars(size, values.to_vec())
}

#[test]
fn scalars_are_read_as_structs() {
    for (size, value) in [
        (ElementSize::Byte, 0xf1),
        (ElementSize::TwoBytes, 0xf1f2),
        (ElementSize::FourBytes, 0xf1f2_f3f4),
        (ElementSize::EightBytes, 0xf1f2_f3f4_f5f6_f7f8),
    ] {
        with(&scalars(size, &[1, value, 3]), |root| {
            let list = root.get_list(ElementSize::InlineComposite, None).unwrap();
            assert_eq!(list.len(), 3);
            let element = list.get_struct_element(1);
            let bytes = size.data_bits() as usize / 8;
            assert_eq!(element.data_section(), &value.to_le_bytes()[..bytes]);
            assert_eq!(element.get_data_field::<u8>(0), value as u8);
            // A field that reaches beyond the element is absent, not read from the next one.
            let wide = if size == ElementSize::EightBytes {
                value
            } else {
                0
            };
            assert_eq!(element.get_data_field::<u64>(0), wide);
            assert_eq!(element.get_data_field::<u64>(1), 0);
            assert!(element.get_pointer_field(0).is_null());
        });
    }
}

#[test]
fn pointers_are_read_as_structs_and_back() {
    let text = scalars(ElementSize::Byte, &[b'a'.into(), 0]);
    with(&Value::Pointers(vec![Value::Null, text.clone()]), |root| {
        let list = root.get_list(ElementSize::InlineComposite, None).unwrap();
        let element = list.get_struct_element(1);
        assert_eq!(element.data_section(), []);
        assert_eq!(element.get_pointer_field(0).get_text(None).unwrap(), "a");
        assert!(element.get_pointer_field(1).is_null());
    });
    let element = Fields {
        data: vec![5],
        pointers: vec![text, Value::Null],
    };
    let structs = Value::Structs(
        StructSize {
            data: 1,
            pointers: 2,
        },
        vec![element.clone(), element],
    );
    with(&structs, |root| {
        let list = root.get_list(ElementSize::Pointer, None).unwrap();
        assert_eq!(list.get_pointer_element(1).get_text(None).unwrap(), "a");
        let list = root.get_list(ElementSize::FourBytes, None).unwrap();
        assert_eq!(list.get_element::<u32>(1), 5);
        assert_eq!(root.get_list(ElementSize::Void, None).unwrap().len(), 2);
    });
}

#[test]
fn bools_stay_bools() {
    with(&Value::Bools(vec![true; 3]), |root| {
        let error = root
            .get_list(ElementSize::InlineComposite, None)
            .map(drop)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongElementSize);
        // Reading it untyped does no harm either.
        let element = root.get_any_list(None).unwrap().get_struct_element(2);
        assert_eq!(element.data_section(), []);
    });
    let mut message = Builder::new_default();
    common::build(message.get_root_any().builder, &Value::Bools(vec![true; 3]));
    let error = message
        .get_root_any()
        .builder
        .get_struct_list(StructSize::default(), None);
    assert_eq!(
        error.map(drop).unwrap_err().kind(),
        ErrorKind::WrongElementSize
    );
}

/// Messages to grow things in: roomy ones, and ones whose every object is behind a far pointer.
fn messages() -> Vec<Builder<HeapAllocator>> {
    [1000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        .map(|words| Builder::new(HeapAllocator::new().first_segment_words(words).fixed_size()))
        .into()
}

fn inner() -> Vec<Value> {
    vec![
        Value::Struct(Fields {
            data: vec![3],
            pointers: vec![Value::Bools(vec![true])],
        }),
        scalars(ElementSize::Byte, &[1, 2]),
        Value::Pointers(vec![Value::Null, scalars(ElementSize::Byte, &[0])]),
        Value::Structs(
            StructSize {
                data: 1,
                pointers: 0,
            },
            vec![
                Fields {
                    data: vec![9],
                    pointers: vec![]
                };
                2
            ],
        ),
        Value::Struct(Fields::default()),
        Value::Null,
    ]
}

#[test]
fn structs_grow_with_all_they_hold() {
    for mut message in messages() {
        let old = Fields {
            data: vec![1, 2],
            pointers: inner(),
        };
        common::build(message.get_root_any().builder, &Value::Struct(old.clone()));
        for (data, pointers) in [(3, 6), (3, 8), (1, 1), (5, 9)] {
            let size = StructSize { data, pointers };
            message
                .get_root_any()
                .builder
                .get_struct(size, None)
                .unwrap();
        }
        assert_eq!(message.error(), None);
        let mut expected = old;
        expected.data.resize(5, 0);
        expected.pointers.resize(9, Value::Null);
        let root = message
            .get_root_as_reader::<any_pointer::Reader<'_>>()
            .unwrap()
            .reader;
        assert_eq!(common::read(root).unwrap(), Value::Struct(expected));
    }
}

#[test]
fn list_elements_grow_with_all_they_hold() {
    for mut message in messages() {
        let old = Fields {
            data: vec![7],
            pointers: inner(),
        };
        let value = Value::Structs(
            old.size(),
            vec![old.clone(), Fields::default_of(&old), old.clone()],
        );
        common::build(message.get_root_any().builder, &value);
        let size = StructSize {
            data: 2,
            pointers: 7,
        };
        let list = message
            .get_root_any()
            .builder
            .get_struct_list(size, None)
            .unwrap();
        assert_eq!(list.len(), 3);
        assert_eq!(message.error(), None);
        let grown = |mut fields: Fields| {
            fields.data.resize(2, 0);
            fields.pointers.resize(7, Value::Null);
            fields
        };
        let expected = Value::Structs(
            size,
            vec![
                grown(old.clone()),
                grown(Fields::default()),
                grown(old.clone()),
            ],
        );
        let root = message
            .get_root_as_reader::<any_pointer::Reader<'_>>()
            .unwrap()
            .reader;
        assert_eq!(common::read(root).unwrap(), expected);
    }
}

impl Fields {
    fn default_of(other: &Fields) -> Fields {
        Fields {
            data: vec![0; other.data.len()],
            pointers: vec![Value::Null; other.pointers.len()],
        }
    }
}

#[test]
fn scalar_and_pointer_lists_become_struct_lists() {
    let one = |data: &[u64], pointers: &[Value]| Fields {
        data: data.to_vec(),
        pointers: pointers.to_vec(),
    };
    let text = scalars(ElementSize::Byte, &[b'a'.into(), 0]);
    for (value, size, expected) in [
        (
            scalars(ElementSize::Byte, &[1, 255]),
            StructSize {
                data: 1,
                pointers: 1,
            },
            vec![one(&[1], &[Value::Null]), one(&[255], &[Value::Null])],
        ),
        (
            scalars(ElementSize::FourBytes, &[u32::MAX.into()]),
            StructSize {
                data: 2,
                pointers: 0,
            },
            vec![one(&[u32::MAX.into(), 0], &[])],
        ),
        (
            scalars(ElementSize::EightBytes, &[u64::MAX, 2]),
            StructSize {
                data: 1,
                pointers: 0,
            },
            vec![one(&[u64::MAX], &[]), one(&[2], &[])],
        ),
        (
            Value::Pointers(vec![text.clone(), Value::Null]),
            StructSize {
                data: 1,
                pointers: 1,
            },
            vec![
                one(&[0], std::slice::from_ref(&text)),
                one(&[0], &[Value::Null]),
            ],
        ),
        (
            scalars(ElementSize::Void, &[0, 0]),
            StructSize {
                data: 1,
                pointers: 0,
            },
            vec![one(&[0], &[]), one(&[0], &[])],
        ),
    ] {
        for mut message in messages() {
            common::build(message.get_root_any().builder, &value);
            message
                .get_root_any()
                .builder
                .get_struct_list(size, None)
                .unwrap();
            assert_eq!(message.error(), None);
            let root = message
                .get_root_as_reader::<any_pointer::Reader<'_>>()
                .unwrap()
                .reader;
            assert_eq!(
                common::read(root).unwrap(),
                Value::Structs(size, expected.clone())
            );
        }
    }
}

#[test]
fn larger_structs_are_left_as_they_are() {
    let fields = Fields {
        data: vec![1, 2],
        pointers: vec![Value::Null],
    };
    let mut message = Builder::new_default();
    common::build(
        message.get_root_any().builder,
        &Value::Struct(fields.clone()),
    );
    let words = message.size_in_words();
    let object = message
        .get_root_any()
        .builder
        .get_struct(
            StructSize {
                data: 1,
                pointers: 0,
            },
            None,
        )
        .unwrap();
    assert_eq!(object.size(), fields.size());
    assert_eq!(message.size_in_words(), words);
}

#[test]
fn a_primitive_list_in_a_struct_list_is_written_through() {
    let fields = Fields {
        data: vec![1, 2],
        pointers: vec![Value::Null],
    };
    let mut message = Builder::new_default();
    common::build(
        message.get_root_any().builder,
        &Value::Structs(fields.size(), vec![fields.clone(), fields]),
    );
    let mut list = message
        .get_root_any()
        .builder
        .get_list(ElementSize::TwoBytes, None)
        .unwrap();
    list.set_element(1, 0xffff_u16);
    assert_eq!(list.get_element::<u16>(1), 0xffff);
    let list = message
        .get_root_any()
        .builder
        .get_list(ElementSize::Pointer, None)
        .unwrap();
    list.get_pointer_element(0).set_data(&[4]);
    let root = message
        .get_root_as_reader::<any_pointer::Reader<'_>>()
        .unwrap()
        .reader;
    let size = StructSize {
        data: 2,
        pointers: 1,
    };
    let expected = vec![
        Fields {
            data: vec![1, 2],
            pointers: vec![scalars(ElementSize::Byte, &[4])],
        },
        Fields {
            data: vec![0xffff, 2],
            pointers: vec![Value::Null],
        },
    ];
    assert_eq!(common::read(root).unwrap(), Value::Structs(size, expected));
}

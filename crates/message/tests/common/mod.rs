//! A model of message content, to build from, read back and compare.
#![allow(dead_code, reason = "each test file uses a part of this")]

pub mod person;

use capstan_message::layout::{
    ElementSize, PointerBuilder, PointerKind, PointerReader, StructBuilder, StructReader,
    StructSize,
};
use capstan_message::{Result, WORD_BYTES};
use proptest::prelude::*;

/// Whatever a pointer can lead to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Struct(Fields),
    /// Lists of Void, UInt8, UInt16, UInt32 and UInt64, told apart by the size.
    Scalars(ElementSize, Vec<u64>),
    Bools(Vec<bool>),
    Pointers(Vec<Value>),
    Structs(StructSize, Vec<Fields>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    pub data: Vec<u64>,
    pub pointers: Vec<Value>,
}

impl Fields {
    pub fn size(&self) -> StructSize {
        StructSize {
            data: self.data.len() as u16,
            pointers: self.pointers.len() as u16,
        }
    }
}

pub fn build(pointer: PointerBuilder<'_>, value: &Value) {
    match value {
        Value::Null => {}
        Value::Struct(fields) => build_fields(pointer.init_struct(fields.size()), fields),
        Value::Scalars(size, values) => {
            let mut list = pointer.init_list(*size, values.len() as u32);
            for (index, value) in (0..).zip(values) {
                match size {
                    ElementSize::Void => {}
                    ElementSize::Byte => list.set_element(index, *value as u8),
                    ElementSize::TwoBytes => list.set_element(index, *value as u16),
                    ElementSize::FourBytes => list.set_element(index, *value as u32),
                    _ => list.set_element(index, *value),
                }
            }
        }
        Value::Bools(values) => {
            let mut list = pointer.init_list(ElementSize::Bit, values.len() as u32);
            for (index, value) in (0..).zip(values) {
                list.set_element(index, *value);
            }
        }
        Value::Pointers(values) => {
            let mut list = pointer.init_list(ElementSize::Pointer, values.len() as u32);
            for (index, value) in (0..).zip(values) {
                build(list.reborrow().get_pointer_element(index), value);
            }
        }
        Value::Structs(size, elements) => {
            let mut list = pointer.init_struct_list(elements.len() as u32, *size);
            for (index, fields) in (0..).zip(elements) {
                build_fields(list.reborrow().get_struct_element(index), fields);
            }
        }
    }
}

fn build_fields(mut builder: StructBuilder<'_>, fields: &Fields) {
    for (index, value) in fields.data.iter().enumerate() {
        builder.set_data_field(index, *value);
    }
    for (index, value) in fields.pointers.iter().enumerate() {
        build(builder.get_pointer_field_mut(index), value);
    }
}

pub fn read(pointer: PointerReader<'_>) -> Result<Value> {
    match pointer.kind()? {
        PointerKind::Null | PointerKind::Capability => Ok(Value::Null),
        PointerKind::Struct => Ok(Value::Struct(read_fields(pointer.get_struct(None)?)?)),
        PointerKind::List => {
            let list = pointer.get_any_list(None)?;
            let indexes = 0..list.len();
            Ok(match list.element_size() {
                ElementSize::Bit => {
                    Value::Bools(indexes.map(|index| list.get_element(index)).collect())
                }
                ElementSize::Pointer => Value::Pointers(
                    indexes
                        .map(|index| read(list.get_pointer_element(index)))
                        .collect::<Result<_>>()?,
                ),
                ElementSize::InlineComposite => Value::Structs(
                    list.struct_size(),
                    indexes
                        .map(|index| read_fields(list.get_struct_element(index)))
                        .collect::<Result<_>>()?,
                ),
                size => Value::Scalars(
                    size,
                    indexes
                        .map(|index| match size {
                            ElementSize::Void => 0,
                            ElementSize::Byte => list.get_element::<u8>(index).into(),
                            ElementSize::TwoBytes => list.get_element::<u16>(index).into(),
                            ElementSize::FourBytes => list.get_element::<u32>(index).into(),
                            _ => list.get_element(index),
                        })
                        .collect(),
                ),
            })
        }
    }
}

fn read_fields(reader: StructReader<'_>) -> Result<Fields> {
    let words = reader.data_section().len() / WORD_BYTES;
    Ok(Fields {
        data: (0..words)
            .map(|index| reader.get_data_field(index))
            .collect(),
        pointers: (0..reader.pointer_count())
            .map(|index| read(reader.get_pointer_field(index.into())))
            .collect::<Result<_>>()?,
    })
}

/// Any tree of moderate size.
pub fn any_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![Just(0), any::<u64>()];
    let flat = prop_oneof![
        Just(Value::Null),
        prop::collection::vec(word.clone(), 0..4).prop_map(|data| Value::Struct(Fields {
            data,
            pointers: Vec::new()
        })),
        prop::collection::vec(any::<bool>(), 0..70).prop_map(Value::Bools),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Scalars(
            ElementSize::Byte,
            bytes.into_iter().map(u64::from).collect()
        )),
        prop::collection::vec(any::<u16>(), 0..20).prop_map(|values| Value::Scalars(
            ElementSize::TwoBytes,
            values.into_iter().map(u64::from).collect()
        )),
        prop::collection::vec(any::<u32>(), 0..20).prop_map(|values| Value::Scalars(
            ElementSize::FourBytes,
            values.into_iter().map(u64::from).collect()
        )),
        prop::collection::vec(any::<u64>(), 0..10)
            .prop_map(|values| Value::Scalars(ElementSize::EightBytes, values)),
        (0..100usize).prop_map(|count| Value::Scalars(ElementSize::Void, vec![0; count])),
    ];
    flat.prop_recursive(6, 60, 6, move |inner| {
        let values = prop::collection::vec(inner, 0..6);
        let data = prop::collection::vec(word.clone(), 0..4);
        prop_oneof![
            (data, values.clone())
                .prop_map(|(data, pointers)| Value::Struct(Fields { data, pointers })),
            values.clone().prop_map(Value::Pointers),
            (
                0..4u16,
                0..4u16,
                values,
                prop::collection::vec(word.clone(), 0..12)
            )
                .prop_map(|(data_words, pointers, mut values, mut words)| {
                    let size = StructSize {
                        data: data_words,
                        pointers,
                    };
                    let mut elements = Vec::new();
                    while elements.len() < 4 && !(values.is_empty() && words.is_empty()) {
                        let mut fields = Fields::default();
                        fields
                            .data
                            .resize_with(data_words.into(), || words.pop().unwrap_or(0));
                        fields
                            .pointers
                            .resize_with(pointers.into(), || values.pop().unwrap_or(Value::Null));
                        elements.push(fields);
                        if size.total() == 0 {
                            break;
                        }
                    }
                    Value::Structs(size, elements)
                }),
        ]
    })
}

/// The words as the bytes of a segment.
pub fn segment(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The bytes of a segment as words.
pub fn words(segment: &[u8]) -> Vec<u64> {
    segment
        .chunks_exact(WORD_BYTES)
        .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
        .collect()
}

pub fn struct_pointer(offset: i32, data: u16, pointers: u16) -> u64 {
    ((offset << 2) as u32) as u64 | (data as u64) << 32 | (pointers as u64) << 48
}

pub fn list_pointer(offset: i32, size: ElementSize, count: u32) -> u64 {
    1 | ((offset << 2) as u32) as u64 | (size as u64) << 32 | (count as u64) << 35
}

pub fn far_pointer(double: bool, word: u32, segment: u32) -> u64 {
    2 | (double as u64) << 2 | (word as u64) << 3 | (segment as u64) << 32
}

pub fn capability(index: u32) -> u64 {
    3 | (index as u64) << 32
}

//! Reading.

use capstan_message::layout::{ElementSize, ListReader, PointerReader, StructReader};
use capstan_message::{Result, Word, any_pointer, text};

use super::{Capability, Schema, StructType};
use crate::node::{Brand, Field, FieldKind, NodeKind, Type, Value as Constant};

/// A value in a message. 64-bit numbers stand for the smaller ones too.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Nothing.
    Void,
    /// A boolean.
    Bool(bool),
    /// An integer with a sign, of any width.
    Int(i64),
    /// An integer without sign, of any width.
    UInt(u64),
    /// A floating-point number of 32 bits.
    Float32(f32),
    /// A floating-point number of 64 bits.
    Float64(f64),
    /// Text.
    Text(text::Reader<'a>),
    /// Bytes.
    Data(&'a [u8]),
    /// A value of an enum.
    Enum(Enum<'a>),
    /// A struct.
    Struct(Struct<'a>),
    /// A list.
    List(List<'a>),
    /// A capability, or none.
    Capability(Capability<'a>),
    /// What the schema does not tell the type of.
    AnyPointer(any_pointer::Reader<'a>),
}

/// An enumerant, perhaps one that the schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enum<'a> {
    /// Its number.
    pub ordinal: u16,
    /// Its name, if the schema has one for it.
    pub name: Option<&'a str>,
}

/// A struct, or a group of one.
#[derive(Clone, Debug)]
pub struct Struct<'a> {
    ty: StructType<'a>,
    reader: StructReader<'a>,
}

/// A list of any type.
#[derive(Clone, Debug)]
pub struct List<'a> {
    schema: &'a Schema,
    element: Type,
    reader: ListReader<'a>,
}

impl<'a> From<Struct<'a>> for Value<'a> {
    fn from(value: Struct<'a>) -> Self {
        Value::Struct(value)
    }
}

impl<'a> Value<'a> {
    /// What `pointer` leads to, read as `ty`.
    ///
    /// # Errors
    /// When the pointer is bad or leads to something else.
    pub fn read(schema: &'a Schema, ty: &Type, pointer: PointerReader<'a>) -> Result<Self> {
        read_pointer(schema, ty, pointer, None)
    }
}

impl<'a> Struct<'a> {
    pub(super) fn new(ty: StructType<'a>, reader: StructReader<'a>) -> Self {
        Struct { ty, reader }
    }

    /// Which struct it is.
    pub fn ty(&self) -> &StructType<'a> {
        &self.ty
    }

    /// The untyped view.
    pub fn reader(&self) -> StructReader<'a> {
        self.reader
    }

    /// The member that the unnamed union holds: its place among the fields and itself. `None`
    /// without a union, and when the schema does not know the member.
    pub fn which(&self) -> Option<(usize, &'a Field)> {
        if self.ty.layout.discriminant_count == 0 {
            return None;
        }
        let tag: u16 = self
            .reader
            .get_data_field(self.ty.layout.discriminant_offset as usize);
        let mut fields = self.ty.layout.fields.iter().enumerate();
        fields.find(|(_, field)| field.discriminant == Some(tag))
    }

    /// Whether the field at this place is there: not a null pointer, and not a member that the
    /// union does not hold.
    pub fn has(&self, at: usize) -> bool {
        let Some(field) = self.ty.layout.fields.get(at) else {
            return false;
        };
        if field.discriminant.is_some() && self.which().is_none_or(|(active, _)| active != at) {
            return false;
        }
        match &field.kind {
            FieldKind::Slot { offset, ty, .. } if ty.is_pointer() => {
                !self.reader.is_pointer_field_null(*offset as usize)
            }
            _ => true,
        }
    }

    /// The field at this place; of a member that the union does not hold, whatever is there.
    ///
    /// # Errors
    /// When its pointer is bad or leads to something else.
    pub fn get(&self, at: usize) -> Result<Value<'a>> {
        let schema = self.ty.schema;
        let Some(field) = self.ty.layout.fields.get(at) else {
            return Ok(Value::Void);
        };
        match &field.kind {
            FieldKind::Group { id } => Ok(match schema.struct_by_id(*id, self.ty.brand.clone()) {
                Some(ty) => Value::Struct(Struct::new(ty, self.reader)),
                None => Value::Void,
            }),
            FieldKind::Slot {
                offset,
                ty,
                default,
                ..
            } => {
                let offset = *offset as usize;
                match self.scalar(ty, offset, default) {
                    Some(value) => Ok(value),
                    None => read_pointer(
                        schema,
                        &ty.bound_by(&self.ty.brand),
                        self.reader.get_pointer_field(offset),
                        schema.default_of(self.ty.node.id, at),
                    ),
                }
            }
        }
    }

    /// The field of this name, as [`Struct::get`].
    ///
    /// # Errors
    /// As [`Struct::get`].
    pub fn get_named(&self, name: &str) -> Result<Option<Value<'a>>> {
        let found = self.ty.field(name);
        found.map(|(at, _)| self.get(at)).transpose()
    }

    fn scalar(&self, ty: &Type, offset: usize, default: &Constant) -> Option<Value<'a>> {
        let reader = &self.reader;
        Some(match (ty, default) {
            (Type::Void, _) => Value::Void,
            (Type::Bool, Constant::Bool(default)) => {
                Value::Bool(reader.get_bool_field_mask(offset, *default))
            }
            (Type::Int8, Constant::Int8(default)) => {
                Value::Int(reader.get_data_field_mask::<i8>(offset, *default).into())
            }
            (Type::Int16, Constant::Int16(default)) => {
                Value::Int(reader.get_data_field_mask::<i16>(offset, *default).into())
            }
            (Type::Int32, Constant::Int32(default)) => {
                Value::Int(reader.get_data_field_mask::<i32>(offset, *default).into())
            }
            (Type::Int64, Constant::Int64(default)) => {
                Value::Int(reader.get_data_field_mask::<i64>(offset, *default))
            }
            (Type::UInt8, Constant::UInt8(default)) => {
                Value::UInt(reader.get_data_field_mask::<u8>(offset, *default).into())
            }
            (Type::UInt16, Constant::UInt16(default)) => {
                Value::UInt(reader.get_data_field_mask::<u16>(offset, *default).into())
            }
            (Type::UInt32, Constant::UInt32(default)) => {
                Value::UInt(reader.get_data_field_mask::<u32>(offset, *default).into())
            }
            (Type::UInt64, Constant::UInt64(default)) => {
                Value::UInt(reader.get_data_field_mask::<u64>(offset, *default))
            }
            (Type::Float32, Constant::Float32(default)) => {
                Value::Float32(reader.get_data_field_mask::<f32>(offset, default.to_bits()))
            }
            (Type::Float64, Constant::Float64(default)) => {
                Value::Float64(reader.get_data_field_mask::<f64>(offset, default.to_bits()))
            }
            (Type::Enum { id, .. }, Constant::Enum(default)) => {
                let ordinal = reader.get_data_field_mask::<u16>(offset, *default);
                Value::Enum(enumerant(self.ty.schema, *id, ordinal))
            }
            _ => return None,
        })
    }
}

impl<'a> List<'a> {
    /// The type of the elements.
    pub fn element_type(&self) -> &Type {
        &self.element
    }

    /// How many elements there are.
    pub fn len(&self) -> u32 {
        self.reader.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    /// The untyped view.
    pub fn reader(&self) -> ListReader<'a> {
        self.reader
    }

    /// The element; beyond the end, the default of its type.
    ///
    /// # Errors
    /// When its pointer is bad or leads to something else.
    pub fn get(&self, at: u32) -> Result<Value<'a>> {
        let list = &self.reader;
        Ok(match &self.element {
            Type::Void => Value::Void,
            Type::Bool => Value::Bool(list.get_element(at)),
            Type::Int8 => Value::Int(list.get_element::<i8>(at).into()),
            Type::Int16 => Value::Int(list.get_element::<i16>(at).into()),
            Type::Int32 => Value::Int(list.get_element::<i32>(at).into()),
            Type::Int64 => Value::Int(list.get_element(at)),
            Type::UInt8 => Value::UInt(list.get_element::<u8>(at).into()),
            Type::UInt16 => Value::UInt(list.get_element::<u16>(at).into()),
            Type::UInt32 => Value::UInt(list.get_element::<u32>(at).into()),
            Type::UInt64 => Value::UInt(list.get_element(at)),
            Type::Float32 => Value::Float32(list.get_element(at)),
            Type::Float64 => Value::Float64(list.get_element(at)),
            Type::Enum { id, .. } => Value::Enum(enumerant(self.schema, *id, list.get_element(at))),
            Type::Struct { id, brand } => match self.schema.struct_by_id(*id, brand.clone()) {
                Some(ty) => Value::Struct(Struct::new(ty, list.get_struct_element(at))),
                None => Value::Void,
            },
            behind => read_pointer(self.schema, behind, list.get_pointer_element(at), None)?,
        })
    }

    /// All elements, as [`List::get`].
    pub fn iter(&self) -> impl Iterator<Item = Result<Value<'a>>> {
        (0..self.len()).map(|at| self.get(at))
    }
}

/// The value of a constant; `words` is what it points to.
pub(super) fn constant<'a>(
    schema: &'a Schema,
    ty: &Type,
    value: &'a Constant,
    words: &'a [Word],
) -> Result<Value<'a>> {
    Ok(match value {
        Constant::Void => Value::Void,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Int8(value) => Value::Int((*value).into()),
        Constant::Int16(value) => Value::Int((*value).into()),
        Constant::Int32(value) => Value::Int((*value).into()),
        Constant::Int64(value) => Value::Int(*value),
        Constant::UInt8(value) => Value::UInt((*value).into()),
        Constant::UInt16(value) => Value::UInt((*value).into()),
        Constant::UInt32(value) => Value::UInt((*value).into()),
        Constant::UInt64(value) => Value::UInt(*value),
        Constant::Float32(value) => Value::Float32(*value),
        Constant::Float64(value) => Value::Float64(*value),
        Constant::Text(text) => Value::Text(text.into()),
        Constant::Data(data) => Value::Data(data),
        Constant::Enum(ordinal) => match ty {
            Type::Enum { id, .. } => Value::Enum(enumerant(schema, *id, *ordinal)),
            _ => Value::UInt((*ordinal).into()),
        },
        Constant::Interface => read_pointer(schema, ty, PointerReader::default(), None)?,
        Constant::List(_) | Constant::Struct(_) | Constant::AnyPointer(_) => {
            read_pointer(schema, ty, PointerReader::from_words(words), None)?
        }
    })
}

fn enumerant(schema: &Schema, id: u64, ordinal: u16) -> Enum<'_> {
    let name = match schema.node(id).map(|node| &node.kind) {
        Some(NodeKind::Enum { enumerants }) => enumerants.get(usize::from(ordinal)),
        _ => None,
    };
    Enum {
        ordinal,
        name: name.map(|enumerant| enumerant.name.as_str()),
    }
}

fn read_pointer<'a>(
    schema: &'a Schema,
    ty: &Type,
    pointer: PointerReader<'a>,
    default: Option<&'a [Word]>,
) -> Result<Value<'a>> {
    Ok(match ty {
        Type::Text => Value::Text(pointer.get_text(default)?),
        Type::Data => Value::Data(pointer.get_data(default)?),
        Type::Struct { id, brand } => match schema.struct_by_id(*id, brand.clone()) {
            Some(ty) => Value::Struct(Struct::new(ty, pointer.get_struct(default)?)),
            None => Value::AnyPointer(any_pointer::Reader::new(pointer)),
        },
        Type::List(element) => Value::List(List {
            schema,
            element: element.as_ref().clone(),
            reader: pointer.get_list(element.list_element_size(), default)?,
        }),
        Type::Interface { id, brand } => {
            // Says now, rather than when somebody calls it, that something else is there.
            pointer.capability_index()?;
            let interface = schema.interface_by_id(*id, brand.clone());
            Value::Capability(Capability::new(interface, pointer))
        }
        _ => match default {
            Some(words) if pointer.is_null() => {
                Value::AnyPointer(any_pointer::Reader::new(PointerReader::from_words(words)))
            }
            _ => Value::AnyPointer(any_pointer::Reader::new(pointer)),
        },
    })
}

impl Type {
    /// How a list of these is laid out.
    pub fn list_element_size(&self) -> ElementSize {
        match self {
            Type::Void => ElementSize::Void,
            Type::Bool => ElementSize::Bit,
            Type::Int8 | Type::UInt8 => ElementSize::Byte,
            Type::Int16 | Type::UInt16 | Type::Enum { .. } => ElementSize::TwoBytes,
            Type::Int32 | Type::UInt32 | Type::Float32 => ElementSize::FourBytes,
            Type::Int64 | Type::UInt64 | Type::Float64 => ElementSize::EightBytes,
            Type::Struct { .. } => ElementSize::InlineComposite,
            _ => ElementSize::Pointer,
        }
    }

    /// The type with parameters replaced by what they are bound to.
    pub fn bound_by(&self, brand: &Brand) -> Type {
        if brand.scopes.is_empty() {
            self.clone()
        } else {
            crate::compile::apply_brand(self, brand)
        }
    }
}

impl Constant {
    /// A pointer value as the words of a message of one segment, root pointer first.
    pub(crate) fn to_words(&self) -> Option<Box<[Word]>> {
        match self {
            Constant::List(bytes) | Constant::Struct(bytes) | Constant::AnyPointer(bytes) => {
                let (words, _) = bytes.as_chunks();
                (!words.is_empty()).then(|| words.into())
            }
            Constant::Text(text) if !text.is_empty() => Some(blob(text.as_bytes(), 1)),
            Constant::Data(data) if !data.is_empty() => Some(blob(data, 0)),
            _ => None,
        }
    }
}

/// A message whose root is a list of these bytes and of so many zeros behind them.
fn blob(bytes: &[u8], zeros: usize) -> Box<[Word]> {
    let count = bytes.len() + zeros;
    let mut message = (1u64 | 2 << 32 | (count as u64) << 35)
        .to_le_bytes()
        .to_vec();
    message.extend_from_slice(bytes);
    message.resize(8 + count.next_multiple_of(8), 0);
    message.as_chunks().0.into()
}

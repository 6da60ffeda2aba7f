//! Building.

use std::fmt;

use capstan_message::capability::FromCapability;
use capstan_message::layout::{self, ElementSize, PointerBuilder, PrimitiveElement};

use super::{Schema, Struct, StructType, Value};
use crate::node::{AnyPointer, Field, FieldKind, NodeKind, StructNode, Type, Value as Constant};

/// A struct under construction, or a group of one.
#[derive(Debug)]
pub struct StructBuilder<'b> {
    ty: StructType<'b>,
    builder: layout::StructBuilder<'b>,
}

/// A list under construction.
#[derive(Debug)]
pub struct ListBuilder<'b> {
    schema: &'b Schema,
    element: Type,
    builder: layout::ListBuilder<'b>,
}

/// A place for one value: a field or an element of a list.
#[derive(Debug)]
pub struct Slot<'b> {
    schema: &'b Schema,
    ty: Type,
    place: Place<'b>,
}

#[derive(Debug)]
enum Place<'b> {
    Field {
        builder: layout::StructBuilder<'b>,
        offset: usize,
        default: &'b Constant,
    },
    Element {
        builder: layout::ListBuilder<'b>,
        index: u32,
    },
    Pointer(PointerBuilder<'b>),
    /// A group or an element of a list of structs: it is there already.
    Struct(StructBuilder<'b>),
}

/// Why a value cannot be put where it was meant to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// The struct named first has no field of the name that follows.
    NoSuchField {
        /// The struct.
        structure: String,
        /// The name that it does not have.
        field: String,
    },
    /// The type of the place, and what was offered.
    WrongType {
        /// What there should be.
        expected: String,
        /// What there is.
        found: String,
    },
    /// The number is too large or too small for the type named.
    OutOfRange {
        /// What there should be.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A list index beyond the end.
    NoSuchElement {
        /// The index that was asked for.
        index: u32,
        /// How many there are.
        count: u32,
    },
    /// A value being copied is damaged.
    Message(capstan_message::Error),
}

impl<'b> StructBuilder<'b> {
    pub(super) fn new(ty: StructType<'b>, builder: layout::StructBuilder<'b>) -> Self {
        StructBuilder { ty, builder }
    }

    /// Which struct it is.
    pub fn ty(&self) -> &StructType<'b> {
        &self.ty
    }

    /// The same builder for a shorter time.
    pub fn reborrow(&mut self) -> StructBuilder<'_> {
        StructBuilder {
            ty: self.ty.clone(),
            builder: self.builder.reborrow(),
        }
    }

    /// What was built until now.
    pub fn as_reader(&self) -> Struct<'_> {
        Struct::new(self.ty.clone(), self.builder.as_reader())
    }

    /// Sets the field of this name, and makes it the one that its union holds. A pointer field
    /// gets a copy of the value.
    ///
    /// # Errors
    /// When there is no such field or the value is not of its type; the field keeps its value.
    pub fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), SetError> {
        self.slot(name)?.set(value)
    }

    /// Lets the field of this name lead to an object, as [`Slot::set_capability`].
    ///
    /// # Errors
    /// When there is no such field or it is not for capabilities.
    pub fn set_capability<C: FromCapability>(
        &mut self,
        name: &str,
        cap: C,
    ) -> Result<(), SetError> {
        self.slot(name)?.set_capability(cap)
    }

    /// The place of the field of this name, which becomes the one that its union holds.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn slot(&mut self, name: &str) -> Result<Slot<'_>, SetError> {
        let Some((_, field)) = self.ty.field(name) else {
            return Err(SetError::NoSuchField {
                structure: self.ty.node.name().to_owned(),
                field: name.to_owned(),
            });
        };
        Ok(self.slot_of(field))
    }

    pub(crate) fn slot_of(&mut self, field: &'b Field) -> Slot<'_> {
        let schema = self.ty.schema;
        if let Some(tag) = field.discriminant {
            let offset = self.ty.layout.discriminant_offset as usize;
            if self.builder.get_data_field::<u16>(offset) != tag {
                self.builder.set_data_field::<u16>(offset, tag);
                // What another member left behind would be read as this one's.
                clear(schema, &mut self.builder, field);
            }
        }
        match &field.kind {
            FieldKind::Group { id } => {
                let ty = schema.struct_by_id(*id, self.ty.brand.clone());
                Slot {
                    schema,
                    ty: Type::Struct {
                        id: *id,
                        brand: self.ty.brand.clone(),
                    },
                    place: Place::Struct(StructBuilder {
                        ty: ty.unwrap_or_else(|| self.ty.clone()),
                        builder: self.builder.reborrow(),
                    }),
                }
            }
            FieldKind::Slot {
                offset,
                ty,
                default,
                ..
            } => {
                let offset = *offset as usize;
                Slot {
                    schema,
                    ty: ty.bound_by(&self.ty.brand),
                    place: if ty.is_pointer() {
                        Place::Pointer(self.builder.get_pointer_field_mut(offset))
                    } else {
                        Place::Field {
                            builder: self.builder.reborrow(),
                            offset,
                            default,
                        }
                    },
                }
            }
        }
    }
}

impl ListBuilder<'_> {
    /// How many elements there are.
    pub fn len(&self) -> u32 {
        self.builder.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.builder.is_empty()
    }

    /// Sets an element.
    ///
    /// # Errors
    /// When there is no such element or the value is not of its type.
    pub fn set(&mut self, index: u32, value: Value<'_>) -> Result<(), SetError> {
        self.slot(index)?.set(value)
    }

    /// The place of an element.
    ///
    /// # Errors
    /// When there is no such element.
    pub fn slot(&mut self, index: u32) -> Result<Slot<'_>, SetError> {
        let count = self.builder.len();
        if index >= count {
            return Err(SetError::NoSuchElement { index, count });
        }
        let builder = self.builder.reborrow();
        let place = match &self.element {
            Type::Struct { id, brand } => match self.schema.struct_by_id(*id, brand.clone()) {
                Some(ty) => Place::Struct(StructBuilder {
                    ty,
                    builder: builder.get_struct_element(index),
                }),
                None => Place::Element { builder, index },
            },
            element if element.is_pointer() => Place::Pointer(builder.get_pointer_element(index)),
            _ => Place::Element { builder, index },
        };
        Ok(Slot {
            schema: self.schema,
            ty: self.element.clone(),
            place,
        })
    }
}

impl<'b> Slot<'b> {
    /// The type of the elements.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The schema that the types are of.
    pub fn schema(&self) -> &'b Schema {
        self.schema
    }

    /// Puts the value here; structs, lists and AnyPointers are copied.
    ///
    /// # Errors
    /// When the value is not of the type of this place.
    pub fn set(self, value: Value<'_>) -> Result<(), SetError> {
        match (&self.ty, &value) {
            (Type::Void, Value::Void) => Ok(()),
            (Type::Bool, Value::Bool(value)) => {
                let default = matches!(self.default(), Some(Constant::Bool(true)));
                self.put(*value, default)
            }
            (Type::Int8, _) => self.put_integer::<i8>(&value, |default| match default {
                Constant::Int8(value) => Some(*value),
                _ => None,
            }),
            (Type::Int16, _) => self.put_integer::<i16>(&value, |default| match default {
                Constant::Int16(value) => Some(*value),
                _ => None,
            }),
            (Type::Int32, _) => self.put_integer::<i32>(&value, |default| match default {
                Constant::Int32(value) => Some(*value),
                _ => None,
            }),
            (Type::Int64, _) => self.put_integer::<i64>(&value, |default| match default {
                Constant::Int64(value) => Some(*value),
                _ => None,
            }),
            (Type::UInt8, _) => self.put_integer::<u8>(&value, |default| match default {
                Constant::UInt8(value) => Some(*value),
                _ => None,
            }),
            (Type::UInt16, _) => self.put_integer::<u16>(&value, |default| match default {
                Constant::UInt16(value) => Some(*value),
                _ => None,
            }),
            (Type::UInt32, _) => self.put_integer::<u32>(&value, |default| match default {
                Constant::UInt32(value) => Some(*value),
                _ => None,
            }),
            (Type::UInt64, _) => self.put_integer::<u64>(&value, |default| match default {
                Constant::UInt64(value) => Some(*value),
                _ => None,
            }),
            (Type::Float32, _) => {
                let found = float(&value).ok_or_else(|| self.wrong_type(&value))?;
                let default = match self.default() {
                    Some(Constant::Float32(default)) => default.to_bits(),
                    _ => 0,
                };
                self.put(found as f32, default)
            }
            (Type::Float64, _) => {
                let found = float(&value).ok_or_else(|| self.wrong_type(&value))?;
                let default = match self.default() {
                    Some(Constant::Float64(default)) => default.to_bits(),
                    _ => 0,
                };
                self.put(found, default)
            }
            (Type::Enum { .. }, Value::Enum(value)) => {
                let default = match self.default() {
                    Some(Constant::Enum(default)) => *default,
                    _ => 0,
                };
                self.put(value.ordinal, default)
            }
            (Type::Struct { .. }, Value::Struct(value)) => {
                if let Type::Struct { id, .. } = &self.ty
                    && *id != value.ty().node().id
                {
                    return Err(self.wrong_type(&Value::Struct(value.clone())));
                }
                let value = value.reader();
                match self.place {
                    Place::Pointer(pointer) => pointer.set_struct(&value, false)?,
                    Place::Struct(mut target) => target.copy_from(value)?,
                    Place::Field { .. } | Place::Element { .. } => {}
                }
                Ok(())
            }
            _ => self.set_pointer(value),
        }
    }

    /// Lets this place lead to an object. The message's table of capabilities gets an entry for it.
    ///
    /// # Errors
    /// When capabilities are not what this place is for.
    pub fn set_capability<C: FromCapability>(self, cap: C) -> Result<(), SetError> {
        let fits = match &self.ty {
            Type::Interface { .. } => true,
            Type::AnyPointer(kind) => !matches!(kind, AnyPointer::Struct | AnyPointer::List),
            _ => false,
        };
        match self.place {
            Place::Pointer(mut pointer) if fits => {
                match cap.into_cap() {
                    Some(cap) => pointer.set_capability(cap),
                    None => pointer.clear(),
                }
                Ok(())
            }
            _ => Err(SetError::WrongType {
                expected: self.schema.type_name(&self.ty),
                found: "a capability".to_owned(),
            }),
        }
    }

    fn set_pointer(self, value: Value<'_>) -> Result<(), SetError> {
        let error = self.wrong_type(&value);
        let Place::Pointer(pointer) = self.place else {
            return Err(error);
        };
        match (&self.ty, value) {
            (Type::Text, Value::Text(value)) => pointer.set_text(value.as_bytes()),
            (Type::Data, Value::Data(value)) => pointer.set_data(value),
            (Type::List(element), Value::List(value)) if **element == *value.element_type() => {
                pointer.set_list(&value.reader(), false)?;
            }
            (Type::Interface { .. } | Type::AnyPointer(_), Value::Capability(value)) => {
                pointer.copy_from(value.pointer, false)?;
            }
            (Type::AnyPointer(_), Value::AnyPointer(value)) => {
                pointer.copy_from(value.reader, false)?;
            }
            (Type::AnyPointer(_), Value::Struct(value)) => {
                pointer.set_struct(&value.reader(), false)?;
            }
            (Type::AnyPointer(_), Value::List(value)) => {
                pointer.set_list(&value.reader(), false)?;
            }
            (Type::AnyPointer(_), Value::Text(value)) => pointer.set_text(value.as_bytes()),
            (Type::AnyPointer(_), Value::Data(value)) => pointer.set_data(value),
            _ => return Err(error),
        }
        Ok(())
    }

    /// A new struct here, or the group or element that is here already.
    ///
    /// # Errors
    /// When structs are not what this place is for.
    pub fn init_struct(self) -> Result<StructBuilder<'b>, SetError> {
        let error = || SetError::WrongType {
            expected: self.schema.type_name(&self.ty),
            found: "a struct".to_owned(),
        };
        match (self.place, &self.ty) {
            (Place::Struct(builder), _) => Ok(builder),
            (Place::Pointer(pointer), Type::Struct { id, brand }) => {
                let ty = self.schema.struct_by_id(*id, brand.clone());
                let ty = ty.ok_or_else(error)?;
                let builder = pointer.init_struct(ty.size());
                Ok(StructBuilder { ty, builder })
            }
            _ => Err(error()),
        }
    }

    /// A new list here, all its elements with their default values.
    ///
    /// # Errors
    /// When lists are not what this place is for.
    pub fn init_list(self, count: u32) -> Result<ListBuilder<'b>, SetError> {
        let (Place::Pointer(pointer), Type::List(element)) = (self.place, &self.ty) else {
            return Err(SetError::WrongType {
                expected: self.schema.type_name(&self.ty),
                found: "a list".to_owned(),
            });
        };
        let structure = match element.as_ref() {
            Type::Struct { id, brand } => self.schema.struct_by_id(*id, brand.clone()),
            _ => None,
        };
        let builder = match (element.list_element_size(), structure) {
            (ElementSize::InlineComposite, Some(ty)) => pointer.init_struct_list(count, ty.size()),
            (size, _) => pointer.init_list(size, count),
        };
        Ok(ListBuilder {
            schema: self.schema,
            element: element.as_ref().clone(),
            builder,
        })
    }

    fn default(&self) -> Option<&Constant> {
        match &self.place {
            Place::Field { default, .. } => Some(default),
            _ => None,
        }
    }

    fn put<T: PrimitiveElement>(self, value: T, default: T::Mask) -> Result<(), SetError> {
        match self.place {
            Place::Field {
                mut builder,
                offset,
                ..
            } => builder.set_data_field_mask(offset, value, default),
            Place::Element { mut builder, index } => builder.set_element(index, value),
            Place::Pointer(_) | Place::Struct(_) => {}
        }
        Ok(())
    }

    fn put_integer<T>(
        self,
        value: &Value<'_>,
        default: fn(&Constant) -> Option<T>,
    ) -> Result<(), SetError>
    where
        T: PrimitiveElement<Mask = T> + TryFrom<i64> + TryFrom<u64>,
    {
        let found = match value {
            Value::Int(value) => T::try_from(*value).ok(),
            Value::UInt(value) => T::try_from(*value).ok(),
            _ => return Err(self.wrong_type(value)),
        };
        let Some(found) = found else {
            return Err(SetError::OutOfRange {
                expected: self.schema.type_name(&self.ty),
                found: describe(value),
            });
        };
        let default = self.default().and_then(default).unwrap_or_default();
        self.put(found, default)
    }

    fn wrong_type(&self, value: &Value<'_>) -> SetError {
        SetError::WrongType {
            expected: self.schema.type_name(&self.ty),
            found: describe(value),
        }
    }
}

impl StructBuilder<'_> {
    /// Takes over all of another struct; of a group, its own fields.
    fn copy_from(&mut self, source: layout::StructReader<'_>) -> Result<(), SetError> {
        if !self.ty.layout.is_group {
            return Ok(self.builder.copy_content_from(&source)?);
        }
        let ty = self.ty.clone();
        let source = Struct::new(ty.clone(), source);
        for (at, field) in ty.fields().iter().enumerate() {
            let held = source.which().is_none_or(|(active, _)| active == at);
            if field.discriminant.is_none() || held {
                self.slot_of(field).set(source.get(at)?)?;
            }
        }
        Ok(())
    }
}

/// Back to zero: a field, or all of a group.
fn clear(schema: &Schema, builder: &mut layout::StructBuilder<'_>, field: &Field) {
    match &field.kind {
        FieldKind::Group { id } => {
            let Some(NodeKind::Struct(group)) = schema.node(*id).map(|node| &node.kind) else {
                return;
            };
            clear_tag(builder, group);
            for field in &group.fields {
                clear(schema, builder, field);
            }
        }
        FieldKind::Slot { offset, ty, .. } => {
            let offset = *offset as usize;
            match ty.list_element_size() {
                _ if ty.is_pointer() => builder.get_pointer_field_mut(offset).clear(),
                ElementSize::Bit => builder.set_bool_field(offset, false),
                ElementSize::Byte => builder.set_data_field(offset, 0u8),
                ElementSize::TwoBytes => builder.set_data_field(offset, 0u16),
                ElementSize::FourBytes => builder.set_data_field(offset, 0u32),
                ElementSize::EightBytes => builder.set_data_field(offset, 0u64),
                _ => {}
            }
        }
    }
}

fn clear_tag(builder: &mut layout::StructBuilder<'_>, group: &StructNode) {
    if group.discriminant_count > 0 {
        builder.set_data_field(group.discriminant_offset as usize, 0u16);
    }
}

fn float(value: &Value<'_>) -> Option<f64> {
    Some(match value {
        Value::Float32(value) => f64::from(*value),
        Value::Float64(value) => *value,
        Value::Int(value) => *value as f64,
        Value::UInt(value) => *value as f64,
        _ => return None,
    })
}

fn describe(value: &Value<'_>) -> String {
    match value {
        Value::Void => "void".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::UInt(value) => value.to_string(),
        Value::Float32(value) => value.to_string(),
        Value::Float64(value) => value.to_string(),
        Value::Text(_) => "a Text".to_owned(),
        Value::Data(_) => "a Data".to_owned(),
        Value::Enum(value) => match value.name {
            Some(name) => name.to_owned(),
            None => format!("enumerant {}", value.ordinal),
        },
        Value::Struct(value) => value.ty().node().name().to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Capability(_) => "a capability".to_owned(),
        Value::AnyPointer(_) => "an AnyPointer".to_owned(),
    }
}

impl From<capstan_message::Error> for SetError {
    fn from(error: capstan_message::Error) -> Self {
        SetError::Message(error)
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::NoSuchField { structure, field } => {
                write!(f, "{structure} has no field '{field}'")
            }
            SetError::WrongType { expected, found } => {
                write!(f, "expected a value of type {expected}, found {found}")
            }
            SetError::OutOfRange { expected, found } => {
                write!(f, "{found} does not fit in {expected}")
            }
            SetError::NoSuchElement { index, count } => {
                write!(f, "there is no element {index} in a list of {count}")
            }
            SetError::Message(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SetError {}

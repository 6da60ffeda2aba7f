//! Structs, lists and AnyPointers of the schema (constants and defaults) as the expressions that
//! make what decoding them would.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use capstan_message::layout::{PointerReader, StructReader};
use capstan_message::{Word, any_pointer};
use capstan_schema::node::{AnyPointer, Field, FieldKind, StructNode, Type, Value};

use super::Error;
use super::names::{Names, in_code_order};
use super::values::{data, default_bits, enumerant, float, string};
use super::words::field_name;

/// An expression for a value, which is a message without segment table, empty for null.
///
/// `is_constant` marks the expression's parts as free of side effects.
///
/// # Errors
///
/// When the value is not what its type says.
pub(super) fn literal(
    names: &Names<'_>,
    ty: &Type,
    value: &[u8],
    is_constant: bool,
) -> Result<String, Error> {
    let literals = Literals {
        names,
        bindings: BTreeMap::new(),
        mark: if is_constant { "/* @__PURE__ */ " } else { "" },
        search: None,
    };
    literals.whole(ty, value)
}

impl Names<'_> {
    /// Whether a field has a default that is read where nothing was written: a struct, list or
    /// AnyPointer, unless it has no end.
    pub(super) fn stands_for_absent(&self, field: &Field) -> Result<bool, Error> {
        let FieldKind::Slot { ty, default, .. } = &field.kind else {
            return Ok(false);
        };
        match default {
            Value::List(value) | Value::Struct(value) | Value::AnyPointer(value) => {
                Ok(!value.is_empty() && !self.is_endless(ty, value)?)
            }
            _ => Ok(false),
        }
    }

    /// Whether a default contains, where it is read, the very field whose default it is.
    fn is_endless(&self, ty: &Type, value: &[u8]) -> Result<bool, Error> {
        let search = Search {
            wanted: value.as_ptr().addr(),
            seen: RefCell::default(),
            found: Cell::new(false),
        };
        let literals = Literals {
            names: self,
            bindings: BTreeMap::new(),
            mark: "",
            search: Some(&search),
        };
        literals.whole(ty, value)?;
        Ok(search.found.get())
    }
}

/// A walk through all defaults that a default leads to.
struct Search {
    /// Where it is in memory, which tells it from others that are equal.
    wanted: usize,
    seen: RefCell<BTreeSet<usize>>,
    found: Cell<bool>,
}

impl Search {
    /// Whether a default is yet to be looked into.
    fn enters(&self, value: &[u8]) -> bool {
        let address = value.as_ptr().addr();
        if address == self.wanted {
            self.found.set(true);
        }
        address != self.wanted && self.seen.borrow_mut().insert(address)
    }
}

struct Literals<'n, 's> {
    names: &'n Names<'s>,
    /// What the type parameters of the struct at hand stand for.
    bindings: BTreeMap<(u64, u16), Type>,
    mark: &'static str,
    /// Set where the expression is of no interest.
    search: Option<&'n Search>,
}

impl Literals<'_, '_> {
    fn whole(&self, ty: &Type, value: &[u8]) -> Result<String, Error> {
        self.behind(ty, PointerReader::from_words(&words_of(value)), None)
    }

    fn behind(
        &self,
        ty: &Type,
        pointer: PointerReader<'_>,
        default: Option<&Value>,
    ) -> Result<String, Error> {
        let ty = &self.bound(ty);
        if pointer.is_null() {
            return self.absent(ty, default);
        }
        Ok(match ty {
            Type::Text => {
                let text = pointer.get_text(None).map_err(damaged)?;
                string(text.to_str().map_err(damaged)?)
            }
            Type::Data => self.bytes(pointer.get_data(None).map_err(damaged)?),
            Type::Struct { id, brand } => {
                let found = pointer.get_struct(None).map_err(damaged)?;
                let inner = self.inside(*id, &self.names.arguments(*id, brand));
                inner.structure(self.names.structure(*id)?, &found)?
            }
            Type::List(element) => self.list(element, pointer)?,
            Type::Interface { .. } => "void 0".to_owned(),
            _ => format!(
                "{}new $.AnyPointer({})",
                self.mark,
                self.bytes(&copied(pointer)?)
            ),
        })
    }

    fn absent(&self, ty: &Type, default: Option<&Value>) -> Result<String, Error> {
        match default {
            Some(Value::Text(text)) => return Ok(string(text)),
            Some(Value::Data(bytes)) => return Ok(self.bytes(bytes)),
            Some(Value::List(value) | Value::Struct(value) | Value::AnyPointer(value))
                if !value.is_empty() =>
            {
                let is_read = match self.search {
                    None => !self.names.is_endless(ty, value)?,
                    Some(search) => search.enters(value),
                };
                if is_read {
                    return self.whole(ty, value);
                }
            }
            _ => {}
        }
        Ok(match ty {
            Type::Text => "\"\"".to_owned(),
            Type::Data => self.bytes(&[]),
            Type::List(_) => "[]".to_owned(),
            _ => "void 0".to_owned(),
        })
    }

    fn list(&self, element: &Type, pointer: PointerReader<'_>) -> Result<String, Error> {
        let size = element.list_element_size();
        let list = pointer.get_list(size, None).map_err(damaged)?;
        let mut elements = Vec::new();
        for at in 0..list.len() {
            elements.push(match element {
                Type::Struct { id, brand } => {
                    let inner = self.inside(*id, &self.names.arguments(*id, brand));
                    inner.structure(self.names.structure(*id)?, &list.get_struct_element(at))?
                }
                Type::Void => "void 0".to_owned(),
                Type::Bool => list.get_element::<bool>(at).to_string(),
                Type::Int8 | Type::UInt8 => {
                    self.scalar(element, list.get_element::<u8>(at).into())?
                }
                Type::Int16 | Type::UInt16 | Type::Enum { .. } => {
                    self.scalar(element, list.get_element::<u16>(at).into())?
                }
                Type::Int32 | Type::UInt32 | Type::Float32 => {
                    self.scalar(element, list.get_element::<u32>(at).into())?
                }
                Type::Int64 | Type::UInt64 | Type::Float64 => {
                    self.scalar(element, list.get_element::<u64>(at))?
                }
                behind => self.behind(behind, list.get_pointer_element(at), None)?,
            });
        }
        Ok(format!("[{}]", elements.join(", ")))
    }

    fn structure(&self, structure: &StructNode, found: &StructReader<'_>) -> Result<String, Error> {
        let fields = in_code_order(structure);
        let mut parts = Vec::new();
        for field in fields.iter().filter(|field| field.discriminant.is_none()) {
            parts.extend(self.property(structure, field, found)?);
        }
        if structure.discriminant_count > 0 {
            let tag: u16 = found.get_data_field(structure.discriminant_offset as usize);
            let member = fields.iter().find(|field| field.discriminant == Some(tag));
            match member {
                Some(field) => {
                    parts.push(format!("which: {:?}", field_name(&field.name, structure)));
                    parts.extend(self.property(structure, field, found)?);
                }
                None => parts.push(format!("which: {tag}")),
            }
        }
        Ok(if parts.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{ {} }}", parts.join(", "))
        })
    }

    /// `name: value`; nothing for Void.
    fn property(
        &self,
        structure: &StructNode,
        field: &Field,
        found: &StructReader<'_>,
    ) -> Result<Option<String>, Error> {
        let value = match &field.kind {
            FieldKind::Group { id } => self.structure(self.names.structure(*id)?, found)?,
            FieldKind::Slot {
                offset,
                ty,
                default,
                ..
            } => {
                let at = *offset as usize;
                let mask = default_bits(default);
                match ty {
                    Type::Void => return Ok(None),
                    Type::Bool => (found.get_bool_field(at) != (mask != 0)).to_string(),
                    Type::Int8 | Type::UInt8 => {
                        self.scalar(ty, u64::from(found.get_data_field::<u8>(at)) ^ mask)?
                    }
                    Type::Int16 | Type::UInt16 | Type::Enum { .. } => {
                        self.scalar(ty, u64::from(found.get_data_field::<u16>(at)) ^ mask)?
                    }
                    Type::Int32 | Type::UInt32 | Type::Float32 => {
                        self.scalar(ty, u64::from(found.get_data_field::<u32>(at)) ^ mask)?
                    }
                    Type::Int64 | Type::UInt64 | Type::Float64 => {
                        self.scalar(ty, found.get_data_field::<u64>(at) ^ mask)?
                    }
                    ty => self.behind(ty, found.get_pointer_field(at), Some(default))?,
                }
            }
        };
        let name = field_name(&field.name, structure);
        Ok(Some(format!("{name}: {value}")))
    }

    /// The value that these bits are.
    fn scalar(&self, ty: &Type, bits: u64) -> Result<String, Error> {
        Ok(match ty {
            Type::Int8 => (bits as i8).to_string(),
            Type::Int16 => (bits as i16).to_string(),
            Type::Int32 => (bits as i32).to_string(),
            Type::Int64 => format!("{}n", bits as i64),
            Type::UInt64 => format!("{bits}n"),
            Type::Float32 => float(f64::from(f32::from_bits(bits as u32))),
            Type::Float64 => float(f64::from_bits(bits)),
            Type::Enum { id, .. } => enumerant(self.names, *id, bits as u16)?,
            _ => bits.to_string(),
        })
    }

    /// The contents of a struct with these type arguments.
    fn inside(&self, id: u64, arguments: &[Type]) -> Self {
        let parameters = self.names.parameters(id).iter();
        let bindings = parameters
            .zip(arguments)
            .map(|(parameter, ty)| ((parameter.scope, parameter.index), self.bound(ty)))
            .collect();
        self.with(bindings)
    }

    fn with(&self, bindings: BTreeMap<(u64, u16), Type>) -> Self {
        Self {
            names: self.names,
            bindings,
            mark: self.mark,
            search: self.search,
        }
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        format!("{}{}", self.mark, data(bytes))
    }

    fn bound(&self, ty: &Type) -> Type {
        match ty {
            Type::AnyPointer(AnyPointer::Parameter { scope_id, index }) => self
                .bindings
                .get(&(*scope_id, *index))
                .cloned()
                .unwrap_or(Type::AnyPointer(AnyPointer::Any)),
            ty => ty.clone(),
        }
    }
}

/// What is behind a pointer, as a framed message.
fn copied(pointer: PointerReader<'_>) -> Result<Vec<u8>, Error> {
    let mut message = capstan_message::FrameBuilder::with_capacity_words(16);
    message
        .set_root::<any_pointer::Owned>(any_pointer::Reader::new(pointer))
        .map_err(damaged)?;
    Ok(message.into_frame())
}

fn words_of(bytes: &[u8]) -> Vec<Word> {
    let (words, _) = bytes.as_chunks();
    if words.is_empty() {
        vec![Word::default()]
    } else {
        words.to_vec()
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::new(format!("a value in the schema is damaged: {error}"))
}

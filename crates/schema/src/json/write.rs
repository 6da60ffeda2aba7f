//! Value to JSON.

use std::fmt;

use super::bytes::{to_base64, to_hex};
use super::names::{Bytes, Discriminator, FieldRules, enumerant_name};
use super::print::print;
use super::tree::Json;
use crate::dynamic::{Schema, Struct, Value};
use crate::floats;
use crate::node::{Field, FieldKind, Type};

/// Why a value cannot be written as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// JSON has nothing for capabilities and AnyPointers: the path of the field that holds one.
    NoJsonForm {
        /// Where, such as `people[3].name`.
        path: String,
    },
    /// JSON has no end here: the default of a union's first member, a struct, holds such a union.
    Endless {
        /// Where, such as `people[3].name`.
        path: String,
    },
    /// Text that is not UTF-8, at this path.
    NotUtf8 {
        /// Where, such as `people[3].name`.
        path: String,
    },
    /// The message is damaged.
    Message(capstan_message::Error),
}

/// The struct as a JSON object, on one line or, if `pretty`, on as many as are good to read.
///
/// # Errors
/// When the message is damaged or holds what JSON has no form for.
pub fn write(value: &Struct<'_>, pretty: bool) -> Result<String, WriteError> {
    let mut path = Path::default();
    Ok(print(&object(value, None, &mut path)?, pretty))
}

#[derive(Default)]
struct Path<'p> {
    names: Vec<&'p str>,
    /// How many of them are null: their JSON is that of their defaults.
    absent: usize,
}

/// As many as there may be pointers within each other in a message.
const MAX_ABSENT: usize = 64;

impl Path<'_> {
    fn text(&self) -> String {
        self.names.join(".")
    }
}

fn object<'a>(
    value: &Struct<'a>,
    field: Option<&Field>,
    path: &mut Path<'a>,
) -> Result<Json, WriteError> {
    let mut members = Vec::new();
    put_members(value, field, "", path, &mut members)?;
    Ok(Json::Object(members))
}

fn put_members<'a>(
    value: &Struct<'a>,
    field: Option<&Field>,
    prefix: &str,
    path: &mut Path<'a>,
    members: &mut Vec<(String, Json)>,
) -> Result<(), WriteError> {
    for (at, field) in value.ty().fields().iter().enumerate() {
        if field.discriminant.is_none() && value.has(at) {
            put_field(value, at, field, None, prefix, path, members)?;
        }
    }
    let Some((at, held)) = value.which() else {
        return Ok(());
    };
    let mut value_name = None;
    if let Some(discriminator) = Discriminator::of(&value.ty().node().annotations, field) {
        let rules = FieldRules::of(held);
        if let Some(name) = &discriminator.name {
            members.push((format!("{prefix}{name}"), Json::String(rules.name)));
        }
        value_name = discriminator.value_name;
        if let FieldKind::Slot { ty: Type::Void, .. } = held.kind
            && discriminator.name.is_some()
        {
            return Ok(());
        }
    }
    put_field(value, at, held, value_name, prefix, path, members)
}

fn put_field<'a>(
    parent: &Struct<'a>,
    at: usize,
    field: &'a Field,
    name: Option<String>,
    prefix: &str,
    path: &mut Path<'a>,
    members: &mut Vec<(String, Json)>,
) -> Result<(), WriteError> {
    let rules = FieldRules::of(field);
    path.names.push(&field.name);
    let is_absent = matches!(&field.kind, FieldKind::Slot { .. }) && !parent.has(at);
    path.absent += usize::from(is_absent);
    if path.absent > MAX_ABSENT {
        path.names.truncate(8);
        return Err(WriteError::Endless { path: path.text() });
    }
    let value = parent.get(at)?;
    // What is said of a group or a named union is said at its field.
    let group = matches!(field.kind, FieldKind::Group { .. }).then_some(field);
    match (&value, &rules.flatten, &field.kind) {
        (Value::Struct(value), Some(inner), _) => {
            put_members(value, group, &format!("{prefix}{inner}"), path, members)?;
        }
        (Value::Struct(value), None, FieldKind::Group { .. }) => {
            let json = object(value, group, path)?;
            members.push((format!("{prefix}{}", name.unwrap_or(rules.name)), json));
        }
        (value, _, FieldKind::Slot { ty, .. }) => {
            let json = element(parent.ty().schema(), value, ty, rules.bytes, path)?;
            members.push((format!("{prefix}{}", name.unwrap_or(rules.name)), json));
        }
        (_, _, FieldKind::Group { .. }) => {}
    }
    path.absent -= usize::from(is_absent);
    path.names.pop();
    Ok(())
}

fn element<'a>(
    schema: &Schema,
    value: &Value<'a>,
    ty: &Type,
    bytes: Bytes,
    path: &mut Path<'a>,
) -> Result<Json, WriteError> {
    // JavaScript's numbers cannot hold these.
    let wide = matches!(ty, Type::Int64 | Type::UInt64);
    let integer = |digits| match wide {
        true => Json::String(digits),
        false => Json::Number(digits),
    };
    Ok(match value {
        Value::Void => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => integer(value.to_string()),
        Value::UInt(value) => integer(value.to_string()),
        Value::Float32(value) => float(f64::from(*value)),
        Value::Float64(value) => float(*value),
        Value::Text(text) => match text.to_string() {
            Ok(text) => Json::String(text),
            Err(_) => {
                return Err(WriteError::NotUtf8 { path: path.text() });
            }
        },
        Value::Data(data) => match bytes {
            Bytes::Numbers => {
                let numbers = data.iter().map(|byte| Json::Number(byte.to_string()));
                Json::Array(numbers.collect())
            }
            Bytes::Base64 => Json::String(to_base64(data)),
            Bytes::Hex => Json::String(to_hex(data)),
        },
        Value::Enum(value) => match enumerant_name(schema.node_of(ty), value.ordinal) {
            Some(name) => Json::String(name),
            None => Json::Number(value.ordinal.to_string()),
        },
        Value::Struct(value) => object(value, None, path)?,
        Value::List(list) => {
            let element_type = list.element_type();
            let items = list
                .iter()
                .map(|item| element(schema, &item?, element_type, bytes, path));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Capability(_) | Value::AnyPointer(_) => {
            return Err(WriteError::NoJsonForm { path: path.text() });
        }
    })
}

fn float(value: f64) -> Json {
    match value {
        _ if value.is_nan() => Json::String("NaN".to_owned()),
        f64::INFINITY => Json::String("Infinity".to_owned()),
        f64::NEG_INFINITY => Json::String("-Infinity".to_owned()),
        _ => Json::Number(floats::from_f64(value)),
    }
}

impl From<capstan_message::Error> for WriteError {
    fn from(error: capstan_message::Error) -> Self {
        WriteError::Message(error)
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::NoJsonForm { path } => write!(
                f,
                "{path}: JSON has no form for capabilities and AnyPointers"
            ),
            WriteError::Endless { path } => write!(
                f,
                "{path}: the defaults of unions that are not set hold each other, so that their JSON has no end"
            ),
            WriteError::NotUtf8 { path } => write!(f, "{path}: the text is not UTF-8"),
            WriteError::Message(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WriteError {}

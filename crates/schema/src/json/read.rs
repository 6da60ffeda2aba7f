//! JSON to value.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::bytes::{from_base64, from_hex};
use super::names::{Bytes, Discriminator, FieldRules, enumerant_named};
use crate::dynamic::{Enum, SetError, Slot, StructBuilder, Value};
use crate::node::{Field, FieldKind, Type};

/// Why JSON does not become a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Such as `phones[2].number`; empty for the document as a whole.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// Puts the members of a JSON object into a struct. Members that the struct has no field for are
/// passed over, and `null` is the absence of a member.
///
/// # Errors
/// When the text is no JSON object or a member does not fit its field; the struct has some of the
/// values then.
pub fn read(text: &str, into: StructBuilder<'_>) -> Result<(), JsonError> {
    let json = serde_json::from_str(text).map_err(malformed)?;
    read_document(&Document(json), into)
}

/// A JSON document, not yet looked into.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Json);

/// The documents that stand one behind the other in a text.
pub fn documents(text: &str) -> impl Iterator<Item = Result<Document, JsonError>> {
    let documents = serde_json::Deserializer::from_str(text).into_iter();
    documents.map(|json| json.map(Document).map_err(malformed))
}

/// As [`read`], of a document that was parsed before.
///
/// # Errors
/// As [`read`].
pub fn read_document(document: &Document, mut into: StructBuilder<'_>) -> Result<(), JsonError> {
    let mut path = Vec::new();
    let result = match &document.0 {
        Json::Object(members) => fill(&mut into, None, "", members, &mut path),
        other => Err(expected("an object", other)),
    };
    result.map_err(|reason| JsonError {
        path: path.concat().trim_start_matches('.').to_owned(),
        reason,
    })
}

fn malformed(error: serde_json::Error) -> JsonError {
    JsonError {
        path: String::new(),
        reason: error.to_string(),
    }
}

/// On the way out of an error it stays as it was at the error.
type Path = Vec<String>;
type Outcome = Result<(), String>;

fn fill(
    into: &mut StructBuilder<'_>,
    field: Option<&Field>,
    prefix: &str,
    members: &Map<String, Json>,
    path: &mut Path,
) -> Outcome {
    let ty = into.ty().clone();
    let discriminator = Discriminator::of(&ty.node().annotations, field).unwrap_or_default();
    let tag = discriminator.name.map(|name| format!("{prefix}{name}"));
    let tag = tag.and_then(|name| members.get(&name)?.as_str());
    // A tag that names no member says nothing.
    let tag = tag.filter(|held| {
        let mut fields = ty.fields().iter();
        fields.any(|field| field.discriminant.is_some() && FieldRules::of(field).name == *held)
    });
    let mut held = None;
    for field in ty.fields() {
        let rules = FieldRules::of(field);
        let is_member = field.discriminant.is_some();
        let mut name = format!("{prefix}{}", rules.name);
        if is_member && tag.is_some_and(|held| held != rules.name) {
            continue;
        }
        if is_member && let Some(value_name) = &discriminator.value_name {
            // Under this name it is the one that the tag says, or none.
            if tag.is_none() {
                continue;
            }
            name = format!("{prefix}{value_name}");
        }
        let chosen = is_member && tag.is_some();
        if let Some(inner) = &rules.flatten {
            let inner = format!("{prefix}{inner}");
            if is_member && !chosen {
                continue;
            }
            if !any_member(into, field, &inner, members) && !chosen {
                continue;
            }
            path.push(format!(".{}", field.name));
            let group = matches!(field.kind, FieldKind::Group { .. }).then_some(field);
            let mut inside = into
                .slot_of(field)
                .init_struct()
                .map_err(|e| e.to_string())?;
            fill(&mut inside, group, &inner, members, path)?;
            path.pop();
            continue;
        }
        let found = members.get(&name).filter(|json| !json.is_null());
        // A Void member has nothing but its name to say that it is held.
        let is_said = is_member && is_void(field) && members.contains_key(&name);
        if found.is_none() && !chosen && !is_said {
            continue;
        }
        if is_member && let Some(other) = held.replace(name) {
            return Err(format!(
                "both '{other}' and '{}' are there, but a union has only one member",
                rules.name
            ));
        }
        let Some(json) = found else {
            into.slot_of(field);
            continue;
        };
        path.push(format!(".{}", field.name));
        put_field(into, field, &rules, json, path)?;
        path.pop();
    }
    Ok(())
}

/// Whether a flattened struct has any of its members there: a pointer stays null otherwise.
fn any_member(
    parent: &StructBuilder<'_>,
    field: &Field,
    prefix: &str,
    members: &Map<String, Json>,
) -> bool {
    match &field.kind {
        FieldKind::Group { .. } => true,
        FieldKind::Slot { ty, .. } => match ty {
            Type::Struct { id, .. } => {
                let structure = parent.ty().schema().struct_by_id(*id, Default::default());
                structure.is_some_and(|structure| {
                    let mut fields = structure.fields().iter();
                    fields.any(|field| {
                        let rules = FieldRules::of(field);
                        rules.flatten.is_some()
                            || members.contains_key(&format!("{prefix}{}", rules.name))
                    }) || Discriminator::of(&structure.node().annotations, None)
                        .and_then(|discriminator| discriminator.name)
                        .is_some_and(|name| members.contains_key(&format!("{prefix}{name}")))
                })
            }
            _ => false,
        },
    }
}

fn is_void(field: &Field) -> bool {
    matches!(&field.kind, FieldKind::Slot { ty: Type::Void, .. })
}

fn put_field<'b>(
    into: &mut StructBuilder<'b>,
    field: &'b Field,
    rules: &FieldRules,
    json: &Json,
    path: &mut Path,
) -> Outcome {
    match (&field.kind, json) {
        (FieldKind::Group { .. }, Json::Object(members)) => {
            let group = into.slot_of(field).init_struct();
            let mut group = group.map_err(|error| error.to_string())?;
            fill(&mut group, Some(field), "", members, path)
        }
        (FieldKind::Group { .. }, other) => Err(expected("an object", other)),
        (FieldKind::Slot { .. }, json) => put(into.slot_of(field), rules.bytes, json, path),
    }
}

fn put(slot: Slot<'_>, bytes: Bytes, json: &Json, path: &mut Path) -> Outcome {
    let plain = |result: Result<(), SetError>| result.map_err(|error| error.to_string());
    let ty = slot.ty().clone();
    let name = slot.schema().type_name(&ty);
    match (&ty, json) {
        (Type::Struct { .. }, Json::Object(members)) => {
            let mut structure = slot.init_struct().map_err(|error| error.to_string())?;
            fill(&mut structure, None, "", members, path)
        }
        (Type::List(_), Json::Array(items)) => {
            let count = u32::try_from(items.len()).map_err(|error| error.to_string())?;
            let mut list = slot.init_list(count).map_err(|error| error.to_string())?;
            for (item, at) in items.iter().zip(0..) {
                path.push(format!("[{at}]"));
                let element = list.slot(at).map_err(|error| error.to_string())?;
                if !item.is_null() || !element.ty().is_pointer() {
                    put(element, bytes, item, path)?;
                }
                path.pop();
            }
            Ok(())
        }
        (Type::Void, _) => plain(slot.set(Value::Void)),
        (Type::Bool, Json::Bool(value)) => plain(slot.set(Value::Bool(*value))),
        (Type::Text, Json::String(text)) => plain(slot.set(Value::Text(text.into()))),
        (Type::Data, json) => {
            let data = data(bytes, json)?;
            plain(slot.set(Value::Data(&data)))
        }
        (Type::Enum { .. }, Json::String(text)) => {
            let ordinal = enumerant_named(slot.schema().node_of(&ty), text);
            let ordinal = ordinal.ok_or_else(|| format!("{name} has no enumerant '{text}'"))?;
            let value = Enum {
                ordinal,
                name: None,
            };
            plain(slot.set(Value::Enum(value)))
        }
        (Type::Enum { .. }, Json::Number(number)) => {
            let ordinal = number.as_u64().and_then(|value| u16::try_from(value).ok());
            let ordinal = ordinal.ok_or_else(|| format!("{number} is no enumerant"))?;
            let value = Enum {
                ordinal,
                name: None,
            };
            plain(slot.set(Value::Enum(value)))
        }
        (Type::Float32 | Type::Float64, Json::String(text)) => {
            let value = match text.as_str() {
                "NaN" => f64::NAN,
                "Infinity" => f64::INFINITY,
                "-Infinity" => f64::NEG_INFINITY,
                text => text.parse().map_err(|_| format!("'{text}' is no number"))?,
            };
            plain(slot.set(Value::Float64(value)))
        }
        (Type::Float32 | Type::Float64, Json::Number(number)) => {
            plain(slot.set(Value::Float64(number.as_f64().unwrap_or(f64::NAN))))
        }
        (ty, json) if ty.is_integer() => match integer(json) {
            Some(value) => plain(slot.set(value)),
            None => Err(expected(&format!("a number for {name}"), json)),
        },
        (Type::Interface { .. } | Type::AnyPointer(_), _) => {
            Err("JSON has no form for capabilities and AnyPointers".to_owned())
        }
        (_, json) => Err(expected(&format!("a value of type {name}"), json)),
    }
}

fn integer(json: &Json) -> Option<Value<'static>> {
    let whole = |value: f64| {
        let inside = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
        inside.then_some(Value::Int(value as i64))
    };
    match json {
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => Some(Value::UInt(value)),
            (None, Some(value)) => Some(Value::Int(value)),
            (None, None) => whole(number.as_f64()?),
        },
        Json::String(text) => match (text.parse(), text.parse()) {
            (Ok(value), _) => Some(Value::UInt(value)),
            (_, Ok(value)) => Some(Value::Int(value)),
            _ => None,
        },
        _ => None,
    }
}

fn data(bytes: Bytes, json: &Json) -> Result<Vec<u8>, String> {
    match (bytes, json) {
        (Bytes::Numbers, Json::Array(items)) => {
            let byte = |item: &Json| {
                let value = item.as_u64().and_then(|value| u8::try_from(value).ok());
                value.ok_or_else(|| expected("a number from 0 to 255", item))
            };
            items.iter().map(byte).collect()
        }
        (Bytes::Numbers, other) => Err(expected("an array of bytes", other)),
        (Bytes::Base64, Json::String(text)) => {
            from_base64(text).ok_or_else(|| "this is no base64, with padding".to_owned())
        }
        (Bytes::Hex, Json::String(text)) => {
            from_hex(text).ok_or_else(|| "these are no pairs of hexadecimal digits".to_owned())
        }
        (_, other) => Err(expected("a string", other)),
    }
}

fn expected(what: &str, found: &Json) -> String {
    let found = match found {
        Json::Null => "null".to_owned(),
        Json::Array(_) => "an array".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        scalar => scalar.to_string(),
    };
    format!("expected {what}, found {found}")
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for JsonError {}

//! The tables of fields, from which the runtime derives all but the straight-line functions.

use capstan_schema::json::{Bytes, Discriminator, FieldRules};
use capstan_schema::node::{
    Annotation, AnyPointer, Field, FieldKind, Node, StructNode, Type, Value,
};

use super::Error;
use super::doc::indented;
use super::names::{Names, Site, in_code_order};
use super::values::{data, float, string};
use super::words::field_name;

/// The properties `fields` and `tagAt` of a struct or group; nothing for what has no fields.
pub(super) fn entries(
    names: &Names<'_>,
    structure: &StructNode,
    site: Site,
) -> Result<String, Error> {
    let mut out = String::new();
    let mut rows = String::new();
    for (place, field) in in_code_order(structure).into_iter().enumerate() {
        // The schema's own order is that of the ordinals.
        let nth = structure
            .fields
            .iter()
            .position(|each| std::ptr::eq(each, field));
        let nth = nth.filter(|nth| *nth != place);
        rows.push_str(&row(names, structure, field, nth, site)?);
    }
    if !rows.is_empty() {
        out.push_str(&format!("fields: () => [\n{}],\n", indented(&rows)));
    }
    if structure.discriminant_count > 0 {
        out.push_str(&format!("tagAt: {},\n", structure.discriminant_offset * 2));
    }
    Ok(out)
}

fn row(
    names: &Names<'_>,
    structure: &StructNode,
    field: &Field,
    nth: Option<usize>,
    site: Site,
) -> Result<String, Error> {
    let name = field_name(&field.name, structure);
    let mut parts = vec![format!("name: {name:?}")];
    if name != field.name {
        parts.push(format!("schemaName: {:?}", field.name));
    }
    let tag = field.discriminant.map(|tag| format!("tag: {tag}"));
    let json = json_of_field(field).into_iter();
    let extras: Vec<String> = nth
        .map(|nth| format!("nth: {nth}"))
        .into_iter()
        .chain(json)
        .collect();
    match &field.kind {
        FieldKind::Slot {
            offset,
            ty,
            default,
            ..
        } => {
            let (code, of) = element(names, ty, site)?;
            parts.push(code);
            parts.push(format!("at: {}", offset * width(ty)));
            parts.extend(tag);
            parts.extend(of);
            // A default without end stands for nothing: what reads by this table does as decoders do.
            let is_behind_pointer = matches!(
                default,
                Value::List(_) | Value::Struct(_) | Value::AnyPointer(_)
            );
            if !is_behind_pointer || names.stands_for_absent(field)? {
                parts.extend(default_value(default).map(|value| format!("or: {value}")));
            }
            parts.extend(extras);
            Ok(format!("{{ {} }},\n", parts.join(", ")))
        }
        FieldKind::Group { id } => {
            parts.extend(["type: $.GROUP".to_owned(), "at: 0".to_owned()]);
            parts.extend(tag);
            parts.extend(extras);
            let inner = entries(names, names.structure(*id)?, site)?;
            if inner.is_empty() {
                return Ok(format!("{{ {} }},\n", parts.join(", ")));
            }
            Ok(format!(
                "{{\n{}}},\n",
                indented(&format!("{},\n{inner}", parts.join(", ")))
            ))
        }
    }
}

/// The property `json` of a struct whose annotations have something to say about its union.
pub(super) fn json_of_struct(node: &Node) -> Option<String> {
    json(discriminator(&node.annotations, None))
}

/// The property `json` of a field whose annotations have something to say.
fn json_of_field(field: &Field) -> Option<String> {
    let rules = FieldRules::of(field);
    let mut parts = Vec::new();
    if rules.name != field.name {
        parts.push(format!("name: {}", string(&rules.name)));
    }
    if let Some(prefix) = &rules.flatten {
        parts.push(format!("flatten: {}", string(prefix)));
    }
    match rules.bytes {
        Bytes::Numbers => {}
        Bytes::Base64 => parts.push("bytes: \"base64\"".to_owned()),
        Bytes::Hex => parts.push("bytes: \"hex\"".to_owned()),
    }
    if matches!(field.kind, FieldKind::Group { .. }) {
        parts.extend(discriminator(&[], Some(field)));
    }
    json(parts)
}

fn discriminator(annotations: &[Annotation], field: Option<&Field>) -> Vec<String> {
    let found = Discriminator::of(annotations, field).unwrap_or_default();
    let which = found.name.map(|name| format!("which: {}", string(&name)));
    let value = found
        .value_name
        .map(|name| format!("value: {}", string(&name)));
    which.into_iter().chain(value).collect()
}

fn json(parts: Vec<String>) -> Option<String> {
    (!parts.is_empty()).then(|| format!("json: {{ {} }}", parts.join(", ")))
}

/// The `type` of a type, and its `of`.
fn element(names: &Names<'_>, ty: &Type, site: Site) -> Result<(String, Option<String>), Error> {
    let code = match ty {
        Type::Void => "VOID",
        Type::Bool => "BOOL",
        Type::Int8 => "I8",
        Type::Int16 => "I16",
        Type::Int32 => "I32",
        Type::Int64 => "I64",
        Type::UInt8 => "U8",
        Type::UInt16 => "U16",
        Type::UInt32 => "U32",
        Type::UInt64 => "U64",
        Type::Float32 => "F32",
        Type::Float64 => "F64",
        Type::Enum { .. } => "ENUM",
        Type::Text => "TEXT",
        Type::Data => "DATA",
        Type::Struct { .. } => "STRUCT",
        Type::List(_) => "LIST",
        Type::Interface { .. } | Type::AnyPointer(AnyPointer::Capability) => "CAP",
        Type::AnyPointer(_) => "ANY",
    };
    let of = match ty {
        _ if names.parameter_at(ty, site).is_some() => {
            return Ok((
                format!("...$.elementOf({})", names.descriptor(ty, site)?),
                None,
            ));
        }
        Type::Enum { .. } | Type::Struct { .. } | Type::Interface { .. } => {
            Some(names.descriptor(ty, site)?)
        }
        Type::AnyPointer(AnyPointer::Capability) => Some("$.Capability".to_owned()),
        Type::List(inner) => {
            let (code, of) = element(names, inner, site)?;
            let parts: Vec<String> = std::iter::once(code).chain(of).collect();
            Some(format!("{{ {} }}", parts.join(", ")))
        }
        _ => None,
    };
    Ok((format!("type: $.{code}"), of.map(|of| format!("of: {of}"))))
}

/// What an offset counts, in what the table's `at` counts: bytes, bits for Bool, pointers.
fn width(ty: &Type) -> u32 {
    match ty {
        Type::Int16 | Type::UInt16 | Type::Enum { .. } => 2,
        Type::Int32 | Type::UInt32 | Type::Float32 => 4,
        Type::Int64 | Type::UInt64 | Type::Float64 => 8,
        _ => 1,
    }
}

/// Nothing for zero and null.
fn default_value(value: &Value) -> Option<String> {
    let number = |number: i64| (number != 0).then(|| number.to_string());
    match value {
        Value::Bool(value) => value.then(|| "true".to_owned()),
        Value::Int8(value) => number((*value).into()),
        Value::Int16(value) => number((*value).into()),
        Value::Int32(value) => number((*value).into()),
        Value::UInt8(value) => number((*value).into()),
        Value::UInt16(value) | Value::Enum(value) => number((*value).into()),
        Value::UInt32(value) => number((*value).into()),
        Value::Int64(value) => (*value != 0).then(|| format!("{value}n")),
        Value::UInt64(value) => (*value != 0).then(|| format!("{value}n")),
        // Negative zero is not stored as zero.
        Value::Float32(value) => (value.to_bits() != 0).then(|| float(f64::from(*value))),
        Value::Float64(value) => (value.to_bits() != 0).then(|| float(*value)),
        Value::Text(text) => (!text.is_empty()).then(|| string(text)),
        Value::Data(bytes) => (!bytes.is_empty()).then(|| data(bytes)),
        Value::List(words) | Value::Struct(words) | Value::AnyPointer(words) => {
            (!words.is_empty()).then(|| data(&framed(words)))
        }
        Value::Void | Value::Interface => None,
    }
}

/// With a segment table in front.
fn framed(words: &[u8]) -> Vec<u8> {
    let count = u32::try_from(words.len() / 8).unwrap_or(u32::MAX);
    let mut out = vec![0; 4];
    out.extend(count.to_le_bytes());
    out.extend(words);
    out
}

//! Constants and defaults as JavaScript expressions.

use capstan_schema::node::{Type, Value};

use super::Error;
use super::literals::literal;
use super::names::{Names, Site};
use super::types::{Direction, value_type};

/// Type and value of a constant: what decoding it would give, and cannot be changed.
pub(super) fn constant(
    names: &Names<'_>,
    ty: &Type,
    value: &Value,
) -> Result<(String, String), Error> {
    let number = |text: String| ("number".to_owned(), text);
    Ok(match value {
        Value::Void => ("undefined".to_owned(), "void 0".to_owned()),
        Value::Bool(value) => ("boolean".to_owned(), value.to_string()),
        Value::Int8(value) => number(value.to_string()),
        Value::Int16(value) => number(value.to_string()),
        Value::Int32(value) => number(value.to_string()),
        Value::UInt8(value) => number(value.to_string()),
        Value::UInt16(value) => number(value.to_string()),
        Value::UInt32(value) => number(value.to_string()),
        Value::Int64(value) => ("bigint".to_owned(), format!("{value}n")),
        Value::UInt64(value) => ("bigint".to_owned(), format!("{value}n")),
        Value::Float32(value) => number(float(f64::from(*value))),
        Value::Float64(value) => number(float(*value)),
        Value::Text(value) => ("string".to_owned(), string(value)),
        Value::Enum(ordinal) => {
            let value = match ty {
                Type::Enum { id, .. } => enumerant(names, *id, *ordinal)?,
                _ => ordinal.to_string(),
            };
            (value_type(names, Site::TOP, ty, Direction::Out)?, value)
        }
        Value::Data(bytes) => (
            names.global("Uint8Array"),
            format!("/* @__PURE__ */ {}", data(bytes)),
        ),
        Value::List(words) | Value::Struct(words) | Value::AnyPointer(words)
            if !words.is_empty() =>
        {
            let value = literal(names, ty, words, true)?;
            (
                format!(
                    "$.Frozen<{}>",
                    value_type(names, Site::TOP, ty, Direction::Out)?
                ),
                format!("/* @__PURE__ */ $.freeze({value})"),
            )
        }
        Value::Interface | Value::List(_) | Value::Struct(_) | Value::AnyPointer(_) => {
            ("undefined".to_owned(), "void 0".to_owned())
        }
    })
}

/// An enumerant's name as a literal, or its number when it has none.
pub(super) fn enumerant(names: &Names<'_>, id: u64, ordinal: u16) -> Result<String, Error> {
    let capstan_schema::node::NodeKind::Enum { enumerants } = &names.node(id)?.kind else {
        return Ok(ordinal.to_string());
    };
    Ok(enumerants
        .get(usize::from(ordinal))
        .map_or_else(|| ordinal.to_string(), |each| string(&each.name)))
}

/// An expression that makes the bytes.
pub(super) fn data(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("$.bytes(\"{hex}\")")
}

/// A string literal.
pub(super) fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Line separators end a line in places where JavaScript does not expect it.
            '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Written so that no global name is needed, which a schema might have taken.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        "0 / 0".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 {
            "1 / 0".to_owned()
        } else {
            "-1 / 0".to_owned()
        }
    } else {
        format!("{value:?}")
    }
}

/// The bits that a scalar's stored value differs by from what it means; zero for most.
pub(super) fn default_bits(default: &Value) -> u64 {
    match default {
        Value::Bool(value) => u64::from(*value),
        Value::Int8(value) => u64::from(*value as u8),
        Value::Int16(value) => u64::from(*value as u16),
        Value::Int32(value) => u64::from(*value as u32),
        Value::Int64(value) => *value as u64,
        Value::UInt8(value) => u64::from(*value),
        Value::UInt16(value) => u64::from(*value),
        Value::UInt32(value) => u64::from(*value),
        Value::UInt64(value) => *value,
        Value::Float32(value) => u64::from(value.to_bits()),
        Value::Float64(value) => value.to_bits(),
        Value::Enum(ordinal) => u64::from(*ordinal),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_survive_what_they_contain() {
        assert_eq!(string("a\"b\\\n\u{2028}é"), "\"a\\\"b\\\\\\n\\u2028é\"");
        assert_eq!(data(&[0, 255]), "$.bytes(\"00ff\")");
        assert_eq!(float(f64::NEG_INFINITY), "-1 / 0");
        assert_eq!(float(1.0), "1.0");
        assert_eq!(float(1e300), "1e300");
    }
}

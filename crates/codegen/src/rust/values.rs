//! Default values and constants.

use capstan_schema::node::{Node, Type, Value};

use super::Error;
use super::types::Context;
use super::writer::{Writer, line};

/// The bits a data field is XORed with, as a Rust expression; `None` when they are zero.
pub(super) fn default_bits(default: &Value) -> Result<Option<String>, Error> {
    let bits = match *default {
        Value::Int8(value) => (value != 0).then(|| value.to_string()),
        Value::Int16(value) => (value != 0).then(|| value.to_string()),
        Value::Int32(value) => (value != 0).then(|| value.to_string()),
        Value::Int64(value) => (value != 0).then(|| value.to_string()),
        Value::UInt8(value) => (value != 0).then(|| value.to_string()),
        Value::UInt16(value) | Value::Enum(value) => (value != 0).then(|| value.to_string()),
        Value::UInt32(value) => (value != 0).then(|| value.to_string()),
        Value::UInt64(value) => (value != 0).then(|| value.to_string()),
        Value::Float32(value) => (value.to_bits() != 0).then(|| format!("{:#x}", value.to_bits())),
        Value::Float64(value) => (value.to_bits() != 0).then(|| format!("{:#x}", value.to_bits())),
        Value::Void => None,
        ref other => {
            return Err(Error::new(format!(
                "{other:?} is no default for a data field"
            )));
        }
    };
    Ok(bits)
}

/// A pointer field's default as a Rust expression of type `&'static [Word]`: a message without a
/// segment table; `None` when it is empty.
pub(super) fn default_pointer(default: &Value) -> Result<Option<String>, Error> {
    let message = match default {
        Value::Text(text) if text.is_empty() => return Ok(None),
        Value::Text(text) => byte_list(&[text.as_bytes(), b"\0"].concat())?,
        Value::Data(bytes) if bytes.is_empty() => return Ok(None),
        Value::Data(bytes) => byte_list(bytes)?,
        Value::List(bytes) | Value::Struct(bytes) | Value::AnyPointer(bytes) => bytes.clone(),
        Value::Void | Value::Interface => Vec::new(),
        other => {
            return Err(Error::new(format!(
                "{other:?} is no default for a pointer field"
            )));
        }
    };
    if message.is_empty() {
        return Ok(None);
    }
    let words: Vec<String> = message
        .chunks(WORD_BYTES)
        .map(|word| format!("{:?}", padded(word)))
        .collect();
    Ok(Some(format!("&[{}]", words.join(", "))))
}

pub(super) fn write_const(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    ty: &Type,
    value: &Value,
) -> Result<(), Error> {
    let name = cx.scopes.name(node.id)?;
    let (rust_type, expression) = match (ty, value) {
        (_, Value::Void) => ("()".to_string(), "()".to_string()),
        (_, Value::Bool(value)) => ("bool".to_string(), value.to_string()),
        (_, Value::Int8(value)) => ("i8".to_string(), value.to_string()),
        (_, Value::Int16(value)) => ("i16".to_string(), value.to_string()),
        (_, Value::Int32(value)) => ("i32".to_string(), value.to_string()),
        (_, Value::Int64(value)) => ("i64".to_string(), value.to_string()),
        (_, Value::UInt8(value)) => ("u8".to_string(), value.to_string()),
        (_, Value::UInt16(value)) => ("u16".to_string(), value.to_string()),
        (_, Value::UInt32(value)) => ("u32".to_string(), value.to_string()),
        (_, Value::UInt64(value)) => ("u64".to_string(), value.to_string()),
        (_, Value::Float32(value)) => (
            "f32".to_string(),
            format!("f32::from_bits({:#x})", value.to_bits()),
        ),
        (_, Value::Float64(value)) => (
            "f64".to_string(),
            format!("f64::from_bits({:#x})", value.to_bits()),
        ),
        (_, Value::Text(text)) => ("&str".to_string(), format!("{text:?}")),
        (_, Value::Data(bytes)) => ("&[u8]".to_string(), byte_string(bytes)),
        (Type::Enum { id, .. }, Value::Enum(value)) => {
            let path = cx.path(*id)?;
            let variant = super::enums::variant_of(cx.scopes.node(*id)?, *value)?;
            (path.clone(), format!("{path}::{variant}"))
        }
        (Type::List(_) | Type::Struct { .. } | Type::AnyPointer(_), _) => {
            let message = cx.message();
            let words = default_pointer(value)?.unwrap_or_else(|| "&[]".to_string());
            w.doc(node.doc_comment.as_deref());
            line!(
                w,
                "pub static {name}: {message}::constant::Reader<{}> = {message}::constant::Reader::new({words});",
                cx.owned(ty)?
            );
            return Ok(());
        }
        _ => {
            return Err(Error::new(format!(
                "{} is a constant of type {ty:?}, which Rust has no constants for",
                node.display_name
            )));
        }
    };
    w.doc(node.doc_comment.as_deref());
    line!(w, "pub const {name}: {rust_type} = {expression};");
    Ok(())
}

/// A message whose root is a list of these bytes.
fn byte_list(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if count >= 1 << 29 {
        return Err(Error::new(format!(
            "a default of {count} bytes is more than a list can hold"
        )));
    }
    // A list pointer at distance 0 to elements of one byte each.
    let pointer: u64 = 1 | (2 << 32) | (count << 35);
    let mut message = pointer.to_le_bytes().to_vec();
    message.extend_from_slice(bytes);
    Ok(message)
}

fn padded(bytes: &[u8]) -> [u8; WORD_BYTES] {
    let mut word = [0; WORD_BYTES];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    word
}

fn byte_string(bytes: &[u8]) -> String {
    format!("b\"{}\"", bytes.escape_ascii())
}

const WORD_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_defaults_end_in_a_zero_byte_and_fill_words() {
        let default = default_pointer(&Value::Text("12345678".to_string()));
        let expected = "&[[1, 0, 0, 0, 74, 0, 0, 0], [49, 50, 51, 52, 53, 54, 55, 56], [0, 0, 0, 0, 0, 0, 0, 0]]";
        assert_eq!(default, Ok(Some(expected.to_string())));
        assert_eq!(default_pointer(&Value::Text(String::new())), Ok(None));
    }

    #[test]
    fn floats_default_by_their_bits() {
        assert_eq!(
            default_bits(&Value::Float32(1.0)),
            Ok(Some("0x3f800000".to_string()))
        );
        assert_eq!(
            default_bits(&Value::Float64(-0.0)),
            Ok(Some("0x8000000000000000".to_string()))
        );
        assert_eq!(default_bits(&Value::Float64(0.0)), Ok(None));
    }
}

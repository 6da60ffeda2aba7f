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

/// A pointer field's default as a Rust expression of type `&'static [u8]`: a message without a
/// segment table for lists and structs, the plain bytes for Text and Data; `None` when it is empty.
pub(super) fn default_pointer(default: &Value) -> Result<Option<String>, Error> {
    let bytes = match default {
        Value::Text(text) => text.as_bytes(),
        Value::Data(bytes)
        | Value::List(bytes)
        | Value::Struct(bytes)
        | Value::AnyPointer(bytes) => bytes.as_slice(),
        Value::Void | Value::Interface => &[],
        other => {
            return Err(Error::new(format!(
                "{other:?} is no default for a pointer field"
            )));
        }
    };
    Ok((!bytes.is_empty()).then(|| byte_string(bytes)))
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
        (Type::Enum { id, brand }, Value::Enum(value)) => {
            let path = cx.path(*id, brand)?;
            let variant = super::enums::variant_of(cx.scopes.node(*id)?, *value)?;
            (path.clone(), format!("{path}::{variant}"))
        }
        _ => {
            return Err(Error::new(format!(
                "{} is a constant of a list or struct type, which the Rust generator does not support yet",
                node.display_name
            )));
        }
    };
    w.doc(node.doc_comment.as_deref());
    line!(w, "pub const {name}: {rust_type} = {expression};");
    Ok(())
}

fn byte_string(bytes: &[u8]) -> String {
    format!("b\"{}\"", bytes.escape_ascii())
}

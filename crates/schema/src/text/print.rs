//! Value to text.

use capstan_message::Result;

use crate::dynamic::{Struct, Value};
use crate::floats;

/// A line is broken where a value in it is longer than this…
const MAX_INLINE_VALUE: usize = 24;
/// …or the fields of a struct are together.
const MAX_INLINE_RECORD: usize = 64;

/// The value as a literal of the schema language, on one line or, if `pretty`, on as many as are
/// good to read. Fields that are null and union members that are not held are left out, as in the
/// output of the reference tool.
///
/// # Errors
/// When the message is damaged.
pub fn print(value: &Value<'_>, pretty: bool) -> Result<String> {
    print_value(value, usize::from(pretty), Place::OwnLine)
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    OwnLine,
    /// Behind `name = `.
    AfterName,
}

/// `indent` counts levels from 1; 0 stands for everything on one line.
fn print_value(value: &Value<'_>, indent: usize, place: Place) -> Result<String> {
    let deeper = if indent == 0 { 0 } else { indent + 1 };
    Ok(match value {
        Value::Void => "void".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::UInt(value) => value.to_string(),
        Value::Float32(value) => floats::from_f32(*value),
        Value::Float64(value) => floats::from_f64(*value),
        Value::Text(text) => quoted(text.as_bytes(), true),
        Value::Data(data) => quoted(data, false),
        Value::Enum(value) => match value.name {
            Some(name) => name.to_owned(),
            None => format!("({})", value.ordinal),
        },
        Value::List(list) => {
            let items = list
                .iter()
                .map(|item| print_value(&item?, deeper, Place::OwnLine));
            let items = items.collect::<Result<Vec<String>>>()?;
            let inline = items.iter().all(|item| fits(item));
            format!("[{}]", join(&items, indent, place, inline))
        }
        Value::Struct(value) => {
            let items = fields(value, deeper)?;
            let total: usize = items.iter().map(String::len).sum();
            let inline = items.iter().all(|item| fits(item)) && total <= MAX_INLINE_RECORD;
            format!("({})", join(&items, indent, place, inline))
        }
        Value::Capability(_) => "<external capability>".to_owned(),
        Value::AnyPointer(_) => "<opaque pointer>".to_owned(),
    })
}

fn fields(value: &Struct<'_>, indent: usize) -> Result<Vec<String>> {
    let mut items = Vec::new();
    for (at, field) in value.ty().fields().iter().enumerate() {
        let held = match field.discriminant {
            None => value.has(at),
            // The member with tag 0 is what an empty union holds: nothing to say while it is null.
            Some(0) => value.has(at),
            Some(_) => value.which().is_some_and(|(active, _)| active == at),
        };
        if held {
            let text = print_value(&value.get(at)?, indent, Place::AfterName)?;
            items.push(format!("{} = {text}", field.name));
        }
    }
    Ok(items)
}

fn fits(item: &str) -> bool {
    item.len() <= MAX_INLINE_VALUE && !item.contains('\n')
}

fn join(items: &[String], indent: usize, place: Place, inline: bool) -> String {
    if indent == 0 || inline {
        return items.join(", ");
    }
    let line = format!("\n{}", "  ".repeat(indent));
    let first = match place {
        Place::OwnLine => " ",
        Place::AfterName => &line,
    };
    format!("{first}{} ", items.join(&format!(",{line}")))
}

/// Between quotes, whatever is not printable escaped. Characters beyond ASCII are shown in text;
/// in data, and where text is no UTF-8, their bytes are escaped.
fn quoted(bytes: &[u8], is_text: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{b}' => out.push_str("\\v"),
                '"' => out.push_str("\\\""),
                '\'' => out.push_str("\\'"),
                '\\' => out.push_str("\\\\"),
                ' '..='~' => out.push(character),
                _ if is_text && !character.is_ascii() => out.push(character),
                _ => escape(&mut out, character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        escape(&mut out, chunk.invalid());
    }
    out.push('"');
    out
}

fn escape(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        out.push_str(&format!("\\{byte:03o}"));
    }
}

//! JSON documents as text.

use super::tree::Json;

/// A line is broken where a member is longer than this.
const MAX_INLINE: usize = 50;

/// On one line without spaces or, if `pretty`, on as many as are good to read.
pub(super) fn print(json: &Json, pretty: bool) -> String {
    let mut multiline = false;
    print_at(json, pretty, 0, &mut multiline, false)
}

/// Sets `multiline` when the result has several lines. `has_prefix`: something stands before it
/// in its line.
fn print_at(
    json: &Json,
    pretty: bool,
    indent: usize,
    multiline: &mut bool,
    has_prefix: bool,
) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(value) => value.clone(),
        Json::String(value) => quoted(value),
        Json::Array(items) => {
            let deeper = indent + usize::from(items.len() > 1);
            let mut inner = false;
            let items = items.iter();
            let items = items.map(|item| print_at(item, pretty, deeper, &mut inner, false));
            let items: Vec<String> = items.collect();
            let layout = Layout::of(&items, pretty, inner);
            *multiline |= layout == Layout::Lines;
            format!("[{}]", layout.join(&items, indent, has_prefix))
        }
        Json::Object(members) => {
            let deeper = indent + usize::from(members.len() > 1);
            let colon = if pretty { ": " } else { ":" };
            let mut inner = false;
            let items = members.iter().map(|(name, value)| {
                let value = print_at(value, pretty, deeper, &mut inner, true);
                format!("{}{colon}{value}", quoted(name))
            });
            let items: Vec<String> = items.collect();
            let layout = Layout::of(&items, pretty, inner);
            *multiline |= layout == Layout::Lines;
            format!("{{{}}}", layout.join(&items, indent, has_prefix))
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Tight,
    Line,
    Lines,
}

impl Layout {
    fn of(items: &[String], pretty: bool, inner: bool) -> Self {
        let long = || items.iter().any(|item| item.len() > MAX_INLINE);
        match pretty {
            false => Layout::Tight,
            true if items.len() > 1 && (inner || long()) => Layout::Lines,
            true => Layout::Line,
        }
    }

    fn join(self, items: &[String], indent: usize, has_prefix: bool) -> String {
        match self {
            Layout::Tight => items.join(","),
            Layout::Line => items.join(", "),
            Layout::Lines => {
                let line = format!("\n{}", "  ".repeat(indent + 1));
                let first = if has_prefix { &line } else { " " };
                format!("{first}{} ", items.join(&format!(",{line}")))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

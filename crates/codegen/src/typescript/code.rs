//! The functions that write structs into messages and build objects from messages.

use std::fmt::Write as _;

use capstan_schema::node::{Field, Node, NodeKind, StructNode};

use super::Error;
use super::doc::indented;
use super::fields::{at, decode_field, encode_field, function, is_void, list_name, needs_place};
use super::names::{Names, field_name, in_code_order};

/// The functions of a node and of everything inside it.
pub(super) fn define(
    names: &Names<'_>,
    node: &Node,
    ts: bool,
    out: &mut String,
) -> Result<(), Error> {
    if let NodeKind::Struct(structure) = &node.kind {
        out.push_str(&encoder(names, node, structure, ts)?);
        out.push_str(&decoder(names, node, structure, ts)?);
    }
    for nested in &node.nested_nodes {
        define(names, names.node(nested.id)?, ts, out)?;
    }
    for made in names.implicit_members(node)? {
        define(names, made, ts, out)?;
    }
    Ok(())
}

/// The functions for lists of structs that the code made so far calls.
pub(super) fn define_lists(names: &Names<'_>, ts: bool, out: &mut String) -> Result<(), Error> {
    for id in names.listed() {
        let structure = names.structure(id)?;
        let (list, ty) = (list_name(names, id)?, names.ty(id, None)?);
        let (encode, decode) = (
            function(names, "encode", id)?,
            function(names, "decode", id)?,
        );
        let (data_words, pointers) = (structure.data_words, structure.pointers);
        let step = (u32::from(data_words) + u32::from(pointers)) * 8;
        let input = names.extra(id, "Input")?;
        let (parameters, encoded) = if ts {
            (
                format!("w: $.Writer, p: number, x: readonly {ty}.{input}[], f: string"),
                ": void",
            )
        } else {
            ("w, p, x, f".to_owned(), "")
        };
        let (reader, decoded, list_type) = if ts {
            ("r: $.Reader", format!(": {ty}[]"), format!(": {ty}[]"))
        } else {
            ("r", String::new(), String::new())
        };
        let _ = write!(
            out,
            "function encodeList${list}({parameters}){encoded} {{
  let q = w.structs(p, {data_words}, {pointers}, x, f);
  for (let i = 0, n = w.count; i < n; i++, q += {step}) {encode}(w, q, w.group(x[i], f));
}}

function decodeList${list}({reader}){decoded} {{
  const list{list_type} = [];
  let n = r.list();
  let p = r.first;
  for (const step = r.step; n > 0; n--, p += step) list.push({decode}(r, p));
  return list;
}}

"
        );
    }
    Ok(())
}

fn encoder(
    names: &Names<'_>,
    node: &Node,
    structure: &StructNode,
    ts: bool,
) -> Result<String, Error> {
    let flat = names.flat(node.id)?;
    let fields = in_code_order(structure);
    let mut body = String::new();
    for field in fields.iter().filter(|field| field.discriminant.is_none()) {
        body.push_str(&encode_field(names, structure, field)?);
    }
    if structure.discriminant_count > 0 {
        body.push_str(&union_encoder(names, structure, &fields)?);
    }
    if body.contains("(x = ") {
        body.insert_str(0, "let x;\n");
    }
    let parameters = if ts {
        let ty = names.ty(node.id, None)?;
        // A struct without fields leaves its parameters unused, which `noUnusedParameters` minds.
        let [w, p, o] = parameter_names(&body, ["w", "p", "o"]);
        format!(
            "{w}: $.Writer, {p}: number, {o}: {ty}.{}",
            names.extra(node.id, "Input")?
        )
    } else {
        "w, p, o".to_owned()
    };
    let result = if ts { ": void" } else { "" };
    Ok(format!(
        "function encode${flat}({parameters}){result} {{\n{}}}\n\n",
        indented(&body)
    ))
}

fn union_encoder(
    names: &Names<'_>,
    structure: &StructNode,
    fields: &[&Field],
) -> Result<String, Error> {
    let tag_at = at(structure.discriminant_offset * 2);
    let valued: Vec<String> = fields
        .iter()
        .filter(|field| field.discriminant.is_some() && !is_void(field))
        .map(|field| format!("{:?}", field_name(&field.name, structure)))
        .collect();
    let mut out = String::from("switch (o.which) {\n  case void 0:\n");
    if !valued.is_empty() {
        // A member without its name would be lost without a word.
        let _ = writeln!(out, "    w.untagged(o, [{}]);", valued.join(", "));
    }
    out.push_str("    break;\n");
    for field in fields {
        let Some(tag) = field.discriminant else {
            continue;
        };
        let _ = writeln!(out, "  case {:?}:", field_name(&field.name, structure));
        if tag != 0 {
            let _ = writeln!(out, "    w.view.setUint16({tag_at}, {tag}, true);");
        }
        let write = encode_field(names, structure, field)?;
        if !write.is_empty() {
            let _ = write!(out, "    {write}");
        }
        out.push_str("    break;\n");
    }
    let _ = write!(
        out,
        "  default:\n    w.tag({tag_at}, o.which, \"which\");\n}}\n"
    );
    Ok(out)
}

fn decoder(
    names: &Names<'_>,
    node: &Node,
    structure: &StructNode,
    ts: bool,
) -> Result<String, Error> {
    let flat = names.flat(node.id)?;
    let fields = in_code_order(structure);
    let (members, common): (Vec<&Field>, Vec<&Field>) = fields
        .iter()
        .partition(|field| field.discriminant.is_some());
    let mut properties = String::new();
    for field in &common {
        properties.push_str(&property(names, structure, field)?);
    }
    let mut body = String::new();
    if fields.iter().any(|field| needs_place(field)) {
        body.push_str(if ts { "let q: number;\n" } else { "let q;\n" });
    }
    if structure.discriminant_count == 0 {
        if properties.is_empty() {
            body.push_str("return {};\n");
        } else {
            let _ = write!(body, "return {{\n{}}};\n", indented(&properties));
        }
    } else {
        body.push_str(&union_decoder(names, structure, &members, &properties)?);
    }
    let (parameters, result) = if ts {
        let [r, p] = parameter_names(&body, ["r", "p"]);
        (
            format!("{r}: $.Reader, {p}: number"),
            format!(": {}", names.ty(node.id, None)?),
        )
    } else {
        ("r, p".to_owned(), String::new())
    };
    Ok(format!(
        "function decode${flat}({parameters}){result} {{\n{}}}\n\n",
        indented(&body)
    ))
}

fn union_decoder(
    names: &Names<'_>,
    structure: &StructNode,
    members: &[&Field],
    common: &str,
) -> Result<String, Error> {
    let tag = format!(
        "r.view.getUint16({}, true)",
        at(structure.discriminant_offset * 2)
    );
    let mut out = String::new();
    if !common.is_empty() {
        // What is always there comes first in the table, so it is read first.
        let _ = write!(out, "const o = {{\n{}}};\n", indented(common));
    }
    let spread = if common.is_empty() { "" } else { "...o, " };
    let _ = write!(out, "const which = {tag};\nswitch (which) {{\n");
    for field in members {
        let Some(tag) = field.discriminant else {
            continue;
        };
        let name = field_name(&field.name, structure);
        let value = property(names, structure, field)?;
        let value = value.trim_end().trim_end_matches(',');
        let value = if value.is_empty() {
            String::new()
        } else {
            format!(", {value}")
        };
        let _ = write!(
            out,
            "  case {tag}:\n    return {{ {spread}which: {name:?}{value} }};\n"
        );
    }
    let _ = write!(out, "  default:\n    return {{ {spread}which }};\n}}\n");
    Ok(out)
}

/// `name: value,`; nothing for Void.
fn property(names: &Names<'_>, structure: &StructNode, field: &Field) -> Result<String, Error> {
    let value = decode_field(names, field)?;
    if value == "void 0" {
        return Ok(String::new());
    }
    Ok(format!(
        "{}: {value},\n",
        field_name(&field.name, structure)
    ))
}

/// `name` where `body` uses it, `_name` where it does not.
fn parameter_names<const N: usize>(body: &str, parameters: [&str; N]) -> [String; N] {
    parameters.map(|name| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let used = body.match_indices(name).any(|(at, _)| {
            let before = body.get(..at).and_then(|text| text.chars().next_back());
            let after = body
                .get(at + name.len()..)
                .and_then(|text| text.chars().next());
            !before.is_some_and(|c| is_word(c) || c == '"' || c == '.')
                && !after.is_some_and(|c| is_word(c) || c == '"' || c == ':')
        });
        if used {
            name.to_owned()
        } else {
            format!("_{name}")
        }
    })
}

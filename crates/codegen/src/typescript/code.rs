//! The functions that write structs into messages and build objects from messages.

use std::fmt::Write as _;

use capstan_schema::node::{Field, FieldKind, Node, NodeKind, StructNode, Value};

use super::Error;
use super::descriptors::source;
use super::doc::indented;
use super::fields::{at, decode_field, encode_field, function, is_void, list_name};
use super::literals::literal;
use super::names::{Names, Site, in_code_order};
use super::types::{Direction, value_type};
use super::words::field_name;

/// The functions of a node and of everything inside it.
pub(super) fn define(
    names: &Names<'_>,
    node: &Node,
    ts: bool,
    out: &mut String,
) -> Result<(), Error> {
    let is_generic = !names.parameters(node.id).is_empty();
    match &node.kind {
        NodeKind::Struct(structure) if is_generic => {
            // What was collected so far belongs to the module.
            let outside = names.swap_applied(Vec::new());
            let functions = functions(names, node, structure, ts)?;
            let applied = names.swap_applied(outside);
            out.push_str(&maker(names, node, &applied, &functions, ts)?);
        }
        NodeKind::Struct(structure) => out.push_str(&functions(names, node, structure, ts)?),
        NodeKind::Interface { .. } if is_generic => {
            out.push_str(&maker(names, node, &[], "", ts)?);
        }
        _ => {}
    }
    for nested in &node.nested_nodes {
        define(names, names.node(nested.id)?, ts, out)?;
    }
    if let NodeKind::Interface { .. } = node.kind {
        for made in names.implicit_members(node)? {
            define(names, made, ts, out)?;
        }
    }
    Ok(())
}

/// The functions of a struct and of its groups.
fn functions(
    names: &Names<'_>,
    node: &Node,
    structure: &StructNode,
    ts: bool,
) -> Result<String, Error> {
    let mut out = encoder(names, node, structure, ts)?;
    out.push_str(&decoder(names, node, structure, ts)?);
    for field in in_code_order(structure) {
        match &field.kind {
            FieldKind::Group { id } => {
                let group = names.node(*id)?;
                out.push_str(&functions(names, group, names.structure(*id)?, ts)?);
            }
            FieldKind::Slot { .. } => out.push_str(&fallback(names, node, field, ts)?),
        }
    }
    Ok(out)
}

/// The function that makes a generic type's descriptor of type arguments. Everything that depends
/// on those is inside it.
fn maker(
    names: &Names<'_>,
    node: &Node,
    applied: &[String],
    functions: &str,
    ts: bool,
) -> Result<String, Error> {
    let site = Site::beside(node.id);
    let parameters = names.parameters(node.id).iter();
    let arguments: Vec<String> = parameters
        .map(|parameter| {
            let name = &parameter.name;
            if ts {
                format!("{name}: {name}")
            } else {
                name.clone()
            }
        })
        .collect();
    let (declared, result) = if ts {
        let own = names.own_arguments(node.id);
        let names_only = names.declared_parameters(node.id).replace(DEFAULT, "");
        (
            names_only,
            format!(": {}", names.ty_of(node.id, &own, site, "Type")?),
        )
    } else {
        (String::new(), String::new())
    };
    let mut body = Names::applied_lines(applied);
    if !body.is_empty() {
        body.push('\n');
    }
    body.push_str(functions);
    let source = source(names, node)?;
    let _ = writeln!(body, "return {source};");
    let arguments = arguments.join(", ");
    Ok(format!(
        "function make${}{declared}({arguments}){result} {{\n{}}}\n\n",
        names.flat(node.id)?,
        indented(&body)
    ))
}

const DEFAULT: &str = " = $.Any";

/// The functions for lists of structs that the code made so far calls.
pub(super) fn define_lists(names: &Names<'_>, ts: bool, out: &mut String) -> Result<(), Error> {
    for id in names.listed() {
        let structure = names.structure(id)?;
        let (list, ty) = (list_name(names, id)?, names.ty(id, &[], Site::TOP)?);
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
        let (reader, decoded, element) = if ts {
            ("r: $.Reader", format!(": {ty}[]"), format!("<{ty}>"))
        } else {
            ("r", String::new(), String::new())
        };
        let array = names.global("Array");
        let _ = write!(
            out,
            "function encodeList${list}({parameters}){encoded} {{
  let q = w.structs(p, {data_words}, {pointers}, x, f);
  for (let i = 0, n = w.count; i < n; i++, q += {step}) {encode}(w, q, w.group(x[i], f));
}}

function decodeList${list}({reader}){decoded} {{
  const n = r.list();
  const list = new {array}{element}(n);
  let p = r.first;
  for (let i = 0, step = r.step; i < n; i++, p += step) list[i] = {decode}(r, p);
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
    let site = Site::beside(node.id);
    let fields = in_code_order(structure);
    let mut body = String::new();
    for field in fields.iter().filter(|field| field.discriminant.is_none()) {
        body.push_str(&encode_field(names, structure, field, site)?);
    }
    if structure.discriminant_count > 0 {
        body.push_str(&union_encoder(names, structure, &fields, site)?);
    }
    if body.contains("(x = ") {
        body.insert_str(0, "let x;\n");
    }
    let parameters = if ts {
        let input = names.ty_of(node.id, &names.own_arguments(node.id), site, "Input")?;
        // A struct without fields leaves its parameters unused, which `noUnusedParameters` minds.
        let [w, p, o] = parameter_names(&body, ["w", "p", "o"]);
        format!("{w}: $.Writer, {p}: number, {o}: {input}")
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
    site: Site,
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
        let write = encode_field(names, structure, field, site)?;
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
        properties.push_str(&property(names, node, structure, field)?);
    }
    let mut body = String::new();
    if structure.discriminant_count == 0 {
        if properties.is_empty() {
            body.push_str("return {};\n");
        } else {
            let _ = write!(body, "return {{\n{}}};\n", indented(&properties));
        }
    } else {
        body.push_str(&union_decoder(
            names,
            node,
            structure,
            &members,
            &properties,
        )?);
    }
    if body.contains("(q = ") {
        body.insert_str(0, if ts { "let q: number;\n" } else { "let q;\n" });
    }
    let (parameters, result) = if ts {
        let [r, p] = parameter_names(&body, ["r", "p"]);
        (
            format!("{r}: $.Reader, {p}: number"),
            format!(
                ": {}",
                names.ty(
                    node.id,
                    &names.own_arguments(node.id),
                    Site::beside(node.id)
                )?
            ),
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
    node: &Node,
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
        let value = property(names, node, structure, field)?;
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
fn property(
    names: &Names<'_>,
    node: &Node,
    structure: &StructNode,
    field: &Field,
) -> Result<String, Error> {
    let fallback = if names.stands_for_absent(field)? {
        Some(format!("{}()", fallback_name(names, node, field)?))
    } else {
        None
    };
    let value = decode_field(names, field, fallback.as_deref(), Site::beside(node.id))?;
    if value == "void 0" {
        return Ok(String::new());
    }
    Ok(format!(
        "{}: {value},\n",
        field_name(&field.name, structure)
    ))
}

/// The function that makes what stands for an absent struct, list or AnyPointer; nothing for most fields.
fn fallback(names: &Names<'_>, node: &Node, field: &Field, ts: bool) -> Result<String, Error> {
    let FieldKind::Slot { ty, default, .. } = &field.kind else {
        return Ok(String::new());
    };
    let (Value::List(words) | Value::Struct(words) | Value::AnyPointer(words)) = default else {
        return Ok(String::new());
    };
    if !names.stands_for_absent(field)? {
        return Ok(String::new());
    }
    let value = literal(names, ty, words, false)?;
    let result = if ts {
        let ty = value_type(names, Site::beside(node.id), ty, Direction::Out)?;
        format!(": {ty}")
    } else {
        String::new()
    };
    let name = fallback_name(names, node, field)?;
    Ok(format!(
        "function {name}(){result} {{\n  return {value};\n}}\n\n"
    ))
}

fn fallback_name(names: &Names<'_>, node: &Node, field: &Field) -> Result<String, Error> {
    Ok(format!("default${}${}", names.flat(node.id)?, field.name))
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

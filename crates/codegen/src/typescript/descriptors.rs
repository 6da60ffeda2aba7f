//! Descriptors: what generated modules export as values.

use std::fmt::Write as _;

use capstan_schema::node::{Enumerant, Method, Node, NodeKind, StructNode, Superclass};

use super::Error;
use super::doc::indented;
use super::names::{Names, member};
use super::table;
use super::values::constant;

/// `declare const` for the module's `.d.ts`.
pub(super) fn declare(names: &Names<'_>, node: &Node) -> Result<String, Error> {
    each(names, node, true, &mut |name, ty, _, exported| {
        let export = if exported { "export " } else { "" };
        format!("{export}declare const {name}: {ty};\n")
    })
}

/// The constants themselves, nested ones first since outer ones hold them.
pub(super) fn define(
    names: &Names<'_>,
    node: &Node,
    ts: bool,
    out: &mut String,
) -> Result<(), Error> {
    out.push_str(&each(
        names,
        node,
        true,
        &mut |name, ty, value, exported| {
            let export = if exported { "export " } else { "" };
            let annotation = if ts { format!(": {ty}") } else { String::new() };
            format!("{export}const {name}{annotation} = {value};\n\n")
        },
    )?);
    Ok(())
}

type Render<'r> = &'r mut dyn FnMut(&str, &str, &str, bool) -> String;

fn each(
    names: &Names<'_>,
    node: &Node,
    exported: bool,
    render: Render<'_>,
) -> Result<String, Error> {
    let mut out = String::new();
    for nested in &node.nested_nodes {
        out.push_str(&each(names, names.node(nested.id)?, false, render)?);
    }
    for made in names.implicit_members(node)? {
        out.push_str(&each(names, made, false, render)?);
    }
    if matches!(&node.kind, NodeKind::Struct(structure) if structure.is_group) {
        return Ok(out);
    }
    let name = names.flat(node.id)?;
    if let Some((ty, value)) = descriptor(names, node)? {
        out.push_str(&render(&name, &ty, &value, exported));
    }
    Ok(out)
}

/// Type and value; nothing for what has neither.
fn descriptor(names: &Names<'_>, node: &Node) -> Result<Option<(String, String)>, Error> {
    let name = names.ty(node.id, None);
    let (ty, call) = match &node.kind {
        NodeKind::Struct(structure) => {
            let name = name?;
            let ty = format!(
                "$.StructDescriptor<{name}, {name}.{}>",
                names.extra(node.id, "Input")?
            );
            (
                ty,
                format!("$.struct({}", struct_source(names, node, structure)?),
            )
        }
        NodeKind::Interface {
            methods,
            superclasses,
        } => {
            let name = name?;
            let ty = format!(
                "$.InterfaceDescriptor<{name}, {name}.{}>",
                names.extra(node.id, "Server")?
            );
            (
                ty,
                format!(
                    "$.iface({}",
                    interface_source(names, node, methods, superclasses)?
                ),
            )
        }
        NodeKind::Enum { enumerants } => {
            let (ty, value) = enumeration(node, enumerants);
            return Ok(Some((ty, value)));
        }
        NodeKind::Const { ty, value } => return constant(names, ty, value),
        NodeKind::Annotation { .. } | NodeKind::File => return Ok(None),
    };
    let mut members = String::new();
    let mut member_types = Vec::new();
    for nested in &node.nested_nodes {
        let inner = names.node(nested.id)?;
        if descriptor(names, inner)?.is_some() {
            let constant = names.flat(nested.id)?;
            let _ = write!(
                members,
                "{}{}: {constant}",
                if members.is_empty() { "" } else { ", " },
                nested.name
            );
            member_types.push(format!("readonly {}: typeof {constant}", nested.name));
        }
    }
    let ty = if member_types.is_empty() {
        ty
    } else {
        format!("{ty} & {{ {} }}", member_types.join("; "))
    };
    let members = if members.is_empty() {
        String::new()
    } else {
        format!(", {{ {members} }}")
    };
    Ok(Some((ty, format!("/* @__PURE__ */ {call}{members})"))))
}

fn enumeration(node: &Node, enumerants: &[Enumerant]) -> (String, String) {
    let literals: Vec<String> = enumerants
        .iter()
        .map(|each| format!("{:?}", each.name))
        .collect();
    let union = if literals.is_empty() {
        "never".to_owned()
    } else {
        literals.join(" | ")
    };
    let value = format!(
        "/* @__PURE__ */ $.enumeration({:#018x}n, {:?}, [{}])",
        node.id,
        node.display_name,
        literals.join(", ")
    );
    (format!("$.EnumDescriptor<{union}>"), value)
}

fn struct_source(names: &Names<'_>, node: &Node, structure: &StructNode) -> Result<String, Error> {
    let flat = names.flat(node.id)?;
    let mut body = format!(
        "id: {:#018x}n,\nname: {:?},\ndataWords: {},\npointers: {},\nencode: encode${flat},\ndecode: decode${flat},\n",
        node.id, node.display_name, structure.data_words, structure.pointers
    );
    body.push_str(&table::entries(names, structure)?);
    Ok(format!("{{\n{}}}", indented(&body)))
}

fn interface_source(
    names: &Names<'_>,
    node: &Node,
    methods: &[Method],
    superclasses: &[Superclass],
) -> Result<String, Error> {
    let mut body = format!("id: {:#018x}n,\nname: {:?},\n", node.id, node.display_name);
    if !superclasses.is_empty() {
        let bases: Result<Vec<String>, Error> = superclasses
            .iter()
            .map(|base| names.value(base.id))
            .collect();
        let _ = writeln!(body, "extends: () => [{}],", bases?.join(", "));
    }
    body.push_str("methods: [");
    for (ordinal, method) in methods.iter().enumerate() {
        let results = if method.is_streaming() {
            "undefined".to_owned()
        } else {
            format!("() => {}", descriptor_value(names, method.result_struct)?)
        };
        let _ = write!(
            body,
            "\n  {{ name: {:?}, schemaName: {:?}, ordinal: {ordinal}, streaming: {}, params: () => {}, results: {results} }},",
            member(&method.name),
            method.name,
            method.is_streaming(),
            descriptor_value(names, method.param_struct)?,
        );
    }
    body.push_str(if methods.is_empty() { "],\n" } else { "\n],\n" });
    Ok(format!("{{\n{}}}", indented(&body)))
}

fn descriptor_value(names: &Names<'_>, id: u64) -> Result<String, Error> {
    names.structure(id)?;
    names.value(id)
}

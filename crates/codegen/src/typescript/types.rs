//! The types of a module: what comes out of messages and what goes in.

use std::fmt::Write as _;

use capstan_schema::node::{
    AnyPointer, Enumerant, Field, FieldKind, Node, NodeKind, StructNode, Type,
};

use super::Error;
use super::builders::builder_type;
use super::descriptors::{descriptor_type, generic_type, has_views};
use super::doc::{doc, indented, inline_doc};
use super::interfaces::{client_type, server_type};
use super::names::{Names, Site, in_code_order};
use super::words::field_name;

/// Which way values go, and whether they are copies or parts of messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Out,
    In,
    View,
    Builder,
}

/// A top-level node's types, those inside it in a namespace.
pub(super) fn declare(names: &Names<'_>, node: &Node) -> Result<String, Error> {
    // A type parameter may be of no use, which only declarations get away with.
    let keyword = if names.parameters(node.id).is_empty() {
        "export "
    } else {
        "export declare "
    };
    let body = declarations(names, node, keyword, "export declare ")?;
    Ok(if body.is_empty() { body } else { body + "\n" })
}

/// `keyword` goes before a type, `namespace_keyword` before a namespace.
fn declarations(
    names: &Names<'_>,
    node: &Node,
    keyword: &str,
    namespace_keyword: &str,
) -> Result<String, Error> {
    let name = names.own(node.id)?;
    let parameters = names.declared_parameters(node.id);
    let comment = doc(node.doc_comment.as_deref(), "");
    let mut out = String::new();
    let mut inner = String::new();
    match &node.kind {
        NodeKind::Struct(structure) => {
            out.push_str(&comment);
            out.push_str(&struct_type(
                names,
                node,
                structure,
                Direction::Out,
                &format!("{keyword}%{name}{parameters}"),
            )?);
            let input = names.extra(node.id, "Input")?;
            inner.push_str(&struct_type(
                names,
                node,
                structure,
                Direction::In,
                &format!("%{input}{parameters}"),
            )?);
            if has_views(node) {
                let view = names.extra(node.id, "View")?;
                inner.push_str(&struct_type(
                    names,
                    node,
                    structure,
                    Direction::View,
                    &format!("%{view}{parameters}"),
                )?);
                inner.push_str(&builder_type(names, node, structure)?);
            }
            if names.has_capabilities(node.id, true) {
                inner.push_str(&pipeline_type(names, node, structure)?);
            }
        }
        NodeKind::Enum { enumerants } => {
            out.push_str(&enum_comment(node, enumerants));
            let literals: Vec<String> = enumerants
                .iter()
                .map(|each| format!("{:?}", each.name))
                .collect();
            let known = if literals.is_empty() {
                String::new()
            } else {
                format!("{} | ", literals.join(" | "))
            };
            // A number is an enumerant that this version of the schema does not know.
            let _ = writeln!(out, "{keyword}type {name} = {known}number;");
        }
        NodeKind::Interface {
            methods,
            superclasses,
        } => {
            out.push_str(&comment);
            out.push_str(&client_type(names, node, methods, superclasses, keyword)?);
            inner.push_str(&server_type(names, node, methods, superclasses)?);
        }
        NodeKind::Const { .. } | NodeKind::Annotation { .. } | NodeKind::File => return Ok(out),
    }
    let is_group = matches!(&node.kind, NodeKind::Struct(structure) if structure.is_group);
    if !parameters.is_empty() && !is_group {
        let _ = writeln!(
            inner,
            "type {}{parameters} = {};",
            names.extra(node.id, "Type")?,
            descriptor_type(names, node, Site::inside(node.id))?
        );
        let _ = writeln!(
            inner,
            "interface {} {}",
            names.extra(node.id, "Generic")?,
            generic_type(names, node)?
        );
    }
    for nested in &node.nested_nodes {
        inner.push_str(&declarations(names, names.node(nested.id)?, "", "")?);
    }
    for made in names.implicit_members(node)? {
        inner.push_str(&declarations(names, made, "", "")?);
    }
    if !inner.is_empty() {
        let _ = write!(
            out,
            "{namespace_keyword}namespace {name} {{\n{}}}\n",
            indented(&inner)
        );
    }
    Ok(out)
}

/// An enumerant is only a string in TypeScript, so what is said of it is said of the enum.
fn enum_comment(node: &Node, enumerants: &[Enumerant]) -> String {
    let mut text = node.doc_comment.clone().unwrap_or_default();
    let mut is_first = true;
    for enumerant in enumerants {
        let Some(comment) = enumerant.doc_comment.as_deref() else {
            continue;
        };
        if is_first && !text.is_empty() {
            text.push('\n');
        }
        is_first = false;
        let words: Vec<&str> = comment.split_whitespace().collect();
        let _ = writeln!(text, "- `{}`: {}", enumerant.name, words.join(" "));
    }
    doc((!text.is_empty()).then_some(text.as_str()), "")
}

/// `head` is what stands before the body, with `%` where `interface` or `type` goes.
fn struct_type(
    names: &Names<'_>,
    node: &Node,
    structure: &StructNode,
    direction: Direction,
    head: &str,
) -> Result<String, Error> {
    let fields = in_code_order(structure);
    let (members, common): (Vec<&Field>, Vec<&Field>) = fields
        .iter()
        .partition(|field| field.discriminant.is_some());
    let mut common_text = String::new();
    for field in &common {
        common_text.push_str(&property(names, node, structure, field, direction)?);
    }
    if structure.discriminant_count == 0 {
        return Ok(format!(
            "{}{{\n{common_text}}}\n",
            head.replace('%', "interface ") + " "
        ));
    }
    let mut variants = Vec::new();
    let which = if direction == Direction::View {
        "readonly which"
    } else {
        "which"
    };
    if direction == Direction::In {
        variants.push("{ which?: undefined }".to_owned());
    }
    for field in members {
        let which = format!("{which}: {:?}", field_name(&field.name, structure));
        let comment = inline_doc(field.doc_comment.as_deref());
        let value = property(names, node, structure, field, direction)?;
        let value = value.lines().last().unwrap_or_default().trim();
        variants.push(match value.trim_end_matches(';') {
            "" => format!("{{ {comment}{which} }}"),
            value => format!("{{ {which}; {comment}{value} }}"),
        });
    }
    // A number is a member that this version of the schema does not know.
    variants.push(format!("{{ {which}: number }}"));
    let mut out = format!("{} =", head.replace('%', "type "));
    let indent = if common_text.is_empty() {
        "  "
    } else {
        let _ = write!(out, " {{\n{common_text}}} & (");
        "    "
    };
    for variant in variants {
        let _ = write!(out, "\n{indent}| {variant}");
    }
    out.push_str(if common_text.is_empty() {
        ";\n"
    } else {
        "\n  );\n"
    });
    Ok(out)
}

/// One line, with its comment above; nothing for Void, which has nothing to say.
fn property(
    names: &Names<'_>,
    node: &Node,
    structure: &StructNode,
    field: &Field,
    direction: Direction,
) -> Result<String, Error> {
    if matches!(&field.kind, FieldKind::Slot { ty: Type::Void, .. }) {
        return Ok(String::new());
    }
    let ty = field_type(names, Site::inside(node.id), field, direction)?;
    let name = field_name(&field.name, structure);
    let comment = doc(field.doc_comment.as_deref(), "  ");
    Ok(match direction {
        Direction::In => format!("{comment}  {name}?: {ty} | undefined;\n"),
        Direction::View => format!("{comment}  readonly {name}: {ty};\n"),
        Direction::Out | Direction::Builder => format!("{comment}  {name}: {ty};\n"),
    })
}

/// The type of a field, which may be absent.
pub(super) fn field_type(
    names: &Names<'_>,
    site: Site,
    field: &Field,
    direction: Direction,
) -> Result<String, Error> {
    let ty = match &field.kind {
        FieldKind::Slot { ty, .. } => ty,
        FieldKind::Group { id } => {
            let arguments = names.own_arguments(*id);
            return struct_name(names, *id, &arguments, site, direction);
        }
    };
    let value = value_type(names, site, ty, direction)?;
    let may_be_null = match ty {
        Type::Struct { .. } | Type::Interface { .. } => true,
        Type::AnyPointer(_) => names.parameter_at(ty, site).is_none(),
        _ => false,
    };
    let has_default = direction != Direction::Builder && names.stands_for_absent(field)?;
    Ok(
        if may_be_null && direction != Direction::In && !has_default {
            format!("{value} | undefined")
        } else {
            value
        },
    )
}

/// What values of a struct are.
pub(super) fn struct_name(
    names: &Names<'_>,
    id: u64,
    arguments: &[Type],
    site: Site,
    direction: Direction,
) -> Result<String, Error> {
    match direction {
        Direction::Out => names.ty(id, arguments, site),
        Direction::In => names.ty_of(id, arguments, site, "Input"),
        Direction::View => names.ty_of(id, arguments, site, "View"),
        Direction::Builder => names.ty_of(id, arguments, site, "Builder"),
    }
}

/// The type of a value that is there.
pub(super) fn value_type(
    names: &Names<'_>,
    site: Site,
    ty: &Type,
    direction: Direction,
) -> Result<String, Error> {
    Ok(match ty {
        Type::Void => "undefined".to_owned(),
        Type::Bool => "boolean".to_owned(),
        Type::Int64 | Type::UInt64 if direction == Direction::In => "number | bigint".to_owned(),
        Type::Int64 | Type::UInt64 => "bigint".to_owned(),
        Type::Int8
        | Type::Int16
        | Type::Int32
        | Type::UInt8
        | Type::UInt16
        | Type::UInt32
        | Type::Float32
        | Type::Float64 => "number".to_owned(),
        Type::Text => "string".to_owned(),
        Type::Data => names.global("Uint8Array"),
        Type::List(element) => list_type(names, site, element, direction)?,
        Type::Enum { id, .. } => names.ty(*id, &[], site)?,
        Type::Interface { id, brand } => names.ty(*id, &names.arguments(*id, brand), site)?,
        Type::Struct { id, brand } => {
            struct_name(names, *id, &names.arguments(*id, brand), site, direction)?
        }
        Type::AnyPointer(AnyPointer::Capability) => "$.Client".to_owned(),
        Type::AnyPointer(_) => match (names.parameter_at(ty, site), direction) {
            (Some(parameter), Direction::Out) => format!("$.Out<{parameter}>"),
            (Some(parameter), Direction::In) => format!("$.In<{parameter}>"),
            (Some(parameter), Direction::View) => format!("$.ViewOf<{parameter}>"),
            (Some(parameter), Direction::Builder) => format!("$.BuilderOf<{parameter}>"),
            (None, Direction::Out) => "$.AnyPointer".to_owned(),
            (None, Direction::In) => "$.AnyPointerInput".to_owned(),
            (None, Direction::View) => "$.AnyPointerView".to_owned(),
            (None, Direction::Builder) => "$.AnyPointerBuilder".to_owned(),
        },
    })
}

fn list_type(
    names: &Names<'_>,
    site: Site,
    element: &Type,
    direction: Direction,
) -> Result<String, Error> {
    let of = element_type(names, site, element, direction)?;
    Ok(match direction {
        Direction::View => format!("$.ListView<{of}>"),
        Direction::Builder => {
            let input = element_type(names, site, element, Direction::In)?;
            if input == of {
                format!("$.ListBuilder<{of}>")
            } else {
                format!("$.ListBuilder<{of}, {input}>")
            }
        }
        Direction::Out if is_compound(&of) => format!("({of})[]"),
        Direction::Out => format!("{of}[]"),
        // Typed arrays will do.
        Direction::In if (element.is_integer() || element.is_float()) => {
            format!("{}<{of}>", names.global("ArrayLike"))
        }
        Direction::In if is_compound(&of) => format!("readonly ({of})[]"),
        Direction::In => format!("readonly {of}[]"),
    })
}

/// Whether a type needs parentheses before `[]`.
pub(super) fn is_compound(ty: &str) -> bool {
    let mut depth = 0;
    ty.starts_with("readonly ")
        || ty.bytes().any(|byte| {
            match byte {
                b'<' => depth += 1,
                b'>' => depth -= 1,
                _ => {}
            }
            byte == b'|' && depth == 0
        })
}

/// Clients and AnyPointers may be missing in a list.
pub(super) fn element_type(
    names: &Names<'_>,
    site: Site,
    element: &Type,
    direction: Direction,
) -> Result<String, Error> {
    let value = value_type(names, site, element, direction)?;
    Ok(match element {
        Type::Interface { .. } | Type::AnyPointer(_) => format!("{value} | undefined"),
        _ => value,
    })
}

fn pipeline_type(names: &Names<'_>, node: &Node, structure: &StructNode) -> Result<String, Error> {
    let site = Site::inside(node.id);
    let mut out = format!(
        "interface {}{} {{\n",
        names.extra(node.id, "Pipeline")?,
        names.declared_parameters(node.id)
    );
    for field in in_code_order(structure) {
        let ty = match &field.kind {
            FieldKind::Slot { ty, .. } => match ty {
                Type::Interface { .. } | Type::AnyPointer(AnyPointer::Capability) => {
                    value_type(names, site, ty, Direction::Out)?
                }
                Type::Struct { id, brand } if names.leads_to_clients(ty) => {
                    names.ty_of(*id, &names.arguments(*id, brand), site, "Pipeline")?
                }
                ty => match names.parameter_at(ty, site) {
                    Some(parameter) => format!("$.PipelineOf<{parameter}>"),
                    None => continue,
                },
            },
            FieldKind::Group { id } if names.has_capabilities(*id, true) => {
                names.ty_of(*id, &names.own_arguments(*id), site, "Pipeline")?
            }
            FieldKind::Group { .. } => continue,
        };
        let _ = writeln!(
            out,
            "  readonly {}: {ty};",
            field_name(&field.name, structure)
        );
    }
    out.push_str("}\n");
    Ok(out)
}

//! The types of a module: what comes out of messages, what goes in, clients and servers.

use std::fmt::Write as _;

use capstan_schema::node::{
    Field, FieldKind, Method, Node, NodeKind, StructNode, Superclass, Type,
};

use super::Error;
use super::doc::{doc, indented};
use super::names::{Names, field_name, in_code_order, member};

/// Which way values go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Out,
    In,
}

/// A top-level node's types, those inside it in a namespace.
pub(super) fn declare(names: &Names<'_>, node: &Node) -> Result<String, Error> {
    let body = declarations(names, node, "export ", "export declare ")?;
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
                &format!("{keyword}%{name}"),
            )?);
            let input = names.extra(node.id, "Input")?;
            inner.push_str(&struct_type(
                names,
                node,
                structure,
                Direction::In,
                &format!("%{input}"),
            )?);
            if names.has_capabilities(node.id) {
                inner.push_str(&pipeline_type(names, node, structure)?);
            }
        }
        NodeKind::Enum { enumerants } => {
            out.push_str(&comment);
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
    if direction == Direction::In {
        variants.push("{ which?: undefined }".to_owned());
    }
    for field in members {
        let which = format!("which: {:?}", field_name(&field.name, structure));
        let value = property(names, node, structure, field, direction)?;
        let value = value
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .trim_end_matches(';')
            .to_owned();
        variants.push(if value.is_empty() {
            format!("{{ {which} }}")
        } else {
            format!("{{ {which}; {value} }}")
        });
    }
    // A number is a member that this version of the schema does not know.
    variants.push("{ which: number }".to_owned());
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
    let ty = match &field.kind {
        FieldKind::Slot { ty: Type::Void, .. } => return Ok(String::new()),
        FieldKind::Slot { ty, .. } => field_type(names, node.id, ty, direction)?,
        FieldKind::Group { id } => {
            if direction == Direction::In {
                names.ty_of(*id, Some(node.id), "Input")?
            } else {
                names.ty(*id, Some(node.id))?
            }
        }
    };
    let name = field_name(&field.name, structure);
    let comment = doc(field.doc_comment.as_deref(), "  ");
    Ok(match direction {
        Direction::Out => format!("{comment}  {name}: {ty};\n"),
        Direction::In => format!("{comment}  {name}?: {ty} | undefined;\n"),
    })
}

fn field_type(
    names: &Names<'_>,
    scope: u64,
    ty: &Type,
    direction: Direction,
) -> Result<String, Error> {
    let value = value_type(names, scope, ty, direction)?;
    Ok(match ty {
        Type::Struct { .. } | Type::Interface { .. } | Type::AnyPointer(_)
            if direction == Direction::Out =>
        {
            format!("{value} | undefined")
        }
        _ => value,
    })
}

/// The type of a value that is there.
fn value_type(
    names: &Names<'_>,
    scope: u64,
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
        Type::List(element) => {
            let element_type = match (&**element, direction) {
                (Type::Interface { .. } | Type::AnyPointer(_), _) => {
                    format!(
                        "{} | undefined",
                        value_type(names, scope, element, direction)?
                    )
                }
                _ => value_type(names, scope, element, direction)?,
            };
            match (direction, is_number(element)) {
                (Direction::Out, _) if element_type.contains(' ') => format!("({element_type})[]"),
                (Direction::Out, _) => format!("{element_type}[]"),
                // Typed arrays will do.
                (Direction::In, true) => format!("{}<{element_type}>", names.global("ArrayLike")),
                (Direction::In, false) if element_type.contains(' ') => {
                    format!("readonly ({element_type})[]")
                }
                (Direction::In, false) => format!("readonly {element_type}[]"),
            }
        }
        Type::Enum { id, .. } | Type::Interface { id, .. } => names.ty(*id, Some(scope))?,
        Type::Struct { id, .. } if direction == Direction::Out => names.ty(*id, Some(scope))?,
        Type::Struct { id, .. } => names.ty_of(*id, Some(scope), "Input")?,
        Type::AnyPointer(_) if direction == Direction::Out => "$.AnyPointer".to_owned(),
        Type::AnyPointer(_) => "$.AnyPointerInput".to_owned(),
    })
}

fn is_number(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Int8
            | Type::Int16
            | Type::Int32
            | Type::Int64
            | Type::UInt8
            | Type::UInt16
            | Type::UInt32
            | Type::UInt64
            | Type::Float32
            | Type::Float64
    )
}

fn pipeline_type(names: &Names<'_>, node: &Node, structure: &StructNode) -> Result<String, Error> {
    let mut out = format!("interface {} {{\n", names.extra(node.id, "Pipeline")?);
    for field in in_code_order(structure) {
        let ty = match &field.kind {
            FieldKind::Slot {
                ty: Type::Interface { id, .. },
                ..
            } => names.ty(*id, Some(node.id))?,
            FieldKind::Slot {
                ty: Type::Struct { id, .. },
                ..
            }
            | FieldKind::Group { id }
                if names.has_capabilities(*id) =>
            {
                names.ty_of(*id, Some(node.id), "Pipeline")?
            }
            _ => continue,
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

fn client_type(
    names: &Names<'_>,
    node: &Node,
    methods: &[Method],
    superclasses: &[Superclass],
    keyword: &str,
) -> Result<String, Error> {
    let name = names.own(node.id)?;
    let extends = if superclasses.is_empty() {
        " extends $.Client".to_owned()
    } else {
        extended(names, node.id, superclasses, "")?
    };
    let mut out = format!("{keyword}interface {name}{extends} {{\n");
    let mut kinds = Vec::new();
    interface_names(names, node, &mut kinds)?;
    let marks: Vec<String> = kinds
        .iter()
        .map(|name| format!("readonly {name:?}: true"))
        .collect();
    let _ = writeln!(
        out,
        "  readonly [$.interfaces]: {{ {} }};",
        marks.join("; ")
    );
    for method in methods {
        out.push_str(&doc(method.doc_comment.as_deref(), "  "));
        let _ = write!(
            out,
            "  {}(params?: {}, options?: $.CallOptions): ",
            member(&method.name),
            input(names, node.id, method.param_struct)?
        );
        if method.is_streaming() {
            let _ = writeln!(out, "{}<void>;", names.global("Promise"));
            continue;
        }
        let results = names.ty(method.result_struct, Some(node.id))?;
        if names.has_capabilities(method.result_struct) {
            let pipeline = names.ty_of(method.result_struct, Some(node.id), "Pipeline")?;
            let _ = writeln!(out, "$.CallPromise<{results}, {pipeline}>;");
        } else {
            let _ = writeln!(out, "$.CallPromise<{results}>;");
        }
    }
    out.push_str("}\n");
    Ok(out)
}

fn server_type(
    names: &Names<'_>,
    node: &Node,
    methods: &[Method],
    superclasses: &[Superclass],
) -> Result<String, Error> {
    let server = names.extra(node.id, "Server")?;
    let extends = extended(names, node.id, superclasses, "Server")?;
    let mut out = format!(
        "/** What an object that is served as {} has. */\n",
        names.own(node.id)?
    );
    let _ = writeln!(out, "interface {server}{extends} {{");
    for method in methods {
        let params = names.ty(method.param_struct, Some(node.id))?;
        let results = if method.is_streaming() {
            "void".to_owned()
        } else {
            let results = input(names, node.id, method.result_struct)?;
            let is_empty = names.structure(method.result_struct)?.fields.is_empty();
            if is_empty {
                format!("{results} | void")
            } else {
                results
            }
        };
        let _ = writeln!(
            out,
            "  {}(params: {params}, context: $.CallContext): $.Awaitable<{results}>;",
            member(&method.name)
        );
    }
    out.push_str("}\n");
    Ok(out)
}

fn input(names: &Names<'_>, scope: u64, id: u64) -> Result<String, Error> {
    names.ty_of(id, Some(scope), "Input")
}

/// ` extends A, B`; with `.member` of each when one is given.
fn extended(
    names: &Names<'_>,
    scope: u64,
    superclasses: &[Superclass],
    member: &str,
) -> Result<String, Error> {
    let mut bases = Vec::new();
    for superclass in superclasses {
        bases.push(if member.is_empty() {
            names.ty(superclass.id, Some(scope))?
        } else {
            names.ty_of(superclass.id, Some(scope), member)?
        });
    }
    Ok(if bases.is_empty() {
        String::new()
    } else {
        format!(" extends {}", bases.join(", "))
    })
}

/// The names of an interface and of all it extends: what makes clients of different interfaces
/// different types, even of interfaces without methods.
fn interface_names(names: &Names<'_>, node: &Node, found: &mut Vec<String>) -> Result<(), Error> {
    if found.contains(&node.display_name) {
        return Ok(());
    }
    found.push(node.display_name.clone());
    if let NodeKind::Interface { superclasses, .. } = &node.kind {
        for superclass in superclasses {
            interface_names(names, names.node(superclass.id)?, found)?;
        }
    }
    Ok(())
}

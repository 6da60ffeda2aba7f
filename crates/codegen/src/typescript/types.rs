//! The types of a module: what comes out of messages, what goes in, clients and servers.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use capstan_schema::node::{
    AnyPointer, Brand, Enumerant, Field, FieldKind, Method, Node, NodeKind, StructNode, Superclass,
    Type,
};

use super::Error;
use super::builders::builder_type;
use super::descriptors::{descriptor_type, generic_type, has_views};
use super::doc::{doc, indented, inline_doc};
use super::names::{Names, Site, field_name, in_code_order, member};

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

fn client_type(
    names: &Names<'_>,
    node: &Node,
    methods: &[Method],
    superclasses: &[Superclass],
    keyword: &str,
) -> Result<String, Error> {
    let name = names.own(node.id)?;
    let site = Site::inside(node.id);
    let extends = if superclasses.is_empty() {
        " extends $.Client".to_owned()
    } else {
        extended(names, site, methods, superclasses, "")?
    };
    let mut out = format!(
        "{keyword}interface {name}{}{extends} {{\n",
        names.declared_parameters(node.id)
    );
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
            input(names, site, method.param_struct, &method.param_brand)?
        );
        if method.is_streaming() {
            let _ = writeln!(out, "{}<void>;", names.global("Promise"));
            continue;
        }
        let arguments = names.arguments(method.result_struct, &method.result_brand);
        let results = names.ty(method.result_struct, &arguments, site)?;
        let ty = Type::Struct {
            id: method.result_struct,
            brand: method.result_brand.clone(),
        };
        if names.leads_to_clients(&ty) {
            let pipeline = names.ty_of(method.result_struct, &arguments, site, "Pipeline")?;
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
    let site = Site::inside(node.id);
    let server = names.extra(node.id, "Server")?;
    let extends = extended(names, site, methods, superclasses, "Server")?;
    let mut out = format!(
        "/** What an object that is served as {} has. */\n",
        names.own(node.id)?
    );
    let _ = writeln!(
        out,
        "interface {server}{}{extends} {{",
        names.declared_parameters(node.id)
    );
    for method in methods {
        let arguments = names.arguments(method.param_struct, &method.param_brand);
        let params = names.ty(method.param_struct, &arguments, site)?;
        let results = if method.is_streaming() {
            "void".to_owned()
        } else {
            let results = input(names, site, method.result_struct, &method.result_brand)?;
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

fn input(names: &Names<'_>, site: Site, id: u64, brand: &Brand) -> Result<String, Error> {
    names.ty_of(id, &names.arguments(id, brand), site, "Input")
}

/// ` extends A, B`; with `.member` of each when one is given.
///
/// A method may have the name of an inherited one, and two inherited ones may have the same name:
/// the last hides the others, at run time too, for which TypeScript must be told.
fn extended(
    names: &Names<'_>,
    site: Site,
    methods: &[Method],
    superclasses: &[Superclass],
    member_type: &str,
) -> Result<String, Error> {
    let mut taken: Inherited = methods
        .iter()
        .map(|method| (method.name.clone(), None))
        .collect();
    let mut bases = Vec::new();
    for Superclass { id, brand } in superclasses.iter().rev() {
        let arguments = names.arguments(*id, brand);
        let base = if member_type.is_empty() {
            names.ty(*id, &arguments, site)?
        } else {
            names.ty_of(*id, &arguments, site, member_type)?
        };
        let mut inherited = Inherited::new();
        inherited_methods(names, *id, arguments, &mut HashSet::new(), &mut inherited)?;
        let mut hidden = Vec::new();
        for (name, from) in inherited {
            match taken.get(&name) {
                Some(other) if *other != from => hidden.push(format!("{:?}", member(&name))),
                _ => {
                    taken.insert(name, from);
                }
            }
        }
        bases.push(if hidden.is_empty() {
            base
        } else {
            format!("{}<{base}, {}>", names.global("Omit"), hidden.join(" | "))
        });
    }
    bases.reverse();
    Ok(if bases.is_empty() {
        String::new()
    } else {
        format!(" extends {}", bases.join(", "))
    })
}

/// Methods, each with the interface that has it and that interface's type arguments.
type Inherited = BTreeMap<String, Option<(u64, Vec<Type>)>>;

/// The methods of an interface and of all it extends, each of which is looked at once: however
/// often they extend each other, and even around in circles.
fn inherited_methods(
    names: &Names<'_>,
    id: u64,
    arguments: Vec<Type>,
    seen: &mut HashSet<u64>,
    found: &mut Inherited,
) -> Result<(), Error> {
    if !seen.insert(id) {
        return Ok(());
    }
    if let NodeKind::Interface {
        methods,
        superclasses,
    } = &names.node(id)?.kind
    {
        for superclass in superclasses {
            let inner = names.arguments(superclass.id, &superclass.brand);
            let inner = inner.iter().map(|ty| names.bound(ty, id, &arguments));
            inherited_methods(names, superclass.id, inner.collect(), seen, found)?;
        }
        for method in methods {
            found.insert(method.name.clone(), Some((id, arguments.clone())));
        }
    }
    Ok(())
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

//! Descriptors: what generated modules export as values.

use std::fmt::Write as _;

use capstan_schema::json::renamed;
use capstan_schema::node::{Brand, Enumerant, Method, Node, NodeKind, StructNode, Superclass};

use super::Error;
use super::doc::{doc, indented, inline_doc};
use super::generics::Parameter;
use super::names::{Names, Site};
use super::table;
use super::values::{constant, string};
use super::words::member;

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
        // Of types, the comment is with the type.
        if let NodeKind::Const { .. } = node.kind {
            out.push_str(&doc(node.doc_comment.as_deref(), ""));
        }
        out.push_str(&render(&name, &ty, &value, exported));
    }
    Ok(out)
}

/// Type and value; nothing for what has neither.
fn descriptor(names: &Names<'_>, node: &Node) -> Result<Option<(String, String)>, Error> {
    Ok(match &node.kind {
        NodeKind::Struct(_) | NodeKind::Interface { .. } => {
            if names.parameters(node.id).is_empty() {
                let ty = descriptor_type(names, node, Site::TOP)?;
                Some((ty, format!("/* @__PURE__ */ {}", source(names, node)?)))
            } else {
                Some(generic(names, node)?)
            }
        }
        NodeKind::Enum { enumerants } => Some(enumeration(node, enumerants)),
        NodeKind::Const { ty, value } => Some(constant(names, ty, value)?),
        NodeKind::Annotation { .. } | NodeKind::File => None,
    })
}

/// The type of a descriptor; of a generic one as seen with its own type parameters.
pub(super) fn descriptor_type(names: &Names<'_>, node: &Node, site: Site) -> Result<String, Error> {
    let arguments = names.own_arguments(node.id);
    let mut types = vec![names.ty(node.id, &arguments, site)?];
    let kind = if let NodeKind::Interface { .. } = node.kind {
        types.push(names.ty_of(node.id, &arguments, site, "Server")?);
        "Interface"
    } else {
        types.push(names.ty_of(node.id, &arguments, site, "Input")?);
        if has_views(node) {
            types.push(names.ty_of(node.id, &arguments, site, "View")?);
            types.push(names.ty_of(node.id, &arguments, site, "Builder")?);
        }
        "Struct"
    };
    let mut out = format!("$.{kind}Descriptor<{}>", types.join(", "));
    let members = members(names, node, !arguments.is_empty(), site)?;
    if !members.is_empty() {
        let types: Vec<String> = members.iter().map(Member::declared).collect();
        let _ = write!(out, " & {{ {} }}", types.join("; "));
    }
    Ok(out)
}

/// A call that makes the descriptor of a struct or interface, where its type parameters are known.
pub(super) fn source(names: &Names<'_>, node: &Node) -> Result<String, Error> {
    let site = Site::beside(node.id);
    let (function, source) = match &node.kind {
        NodeKind::Struct(structure) => ("struct", struct_source(names, node, structure)?),
        NodeKind::Interface {
            methods,
            superclasses,
        } => (
            "iface",
            interface_source(names, node, methods, superclasses)?,
        ),
        _ => return Err(Error::new(format!("{} is no type", node.display_name))),
    };
    let is_generic = !names.parameters(node.id).is_empty();
    let members = member_values(&members(names, node, is_generic, site)?);
    Ok(format!("$.{function}({source}{members})"))
}

/// The function that gives the descriptors of a generic type.
fn generic(names: &Names<'_>, node: &Node) -> Result<(String, String), Error> {
    let nested = members(names, node, false, Site::TOP)?;
    let ty = names.ty_of(node.id, &[], Site::TOP, "Generic")?;
    let value = format!(
        "/* @__PURE__ */ $.generic(make${}{})",
        names.flat(node.id)?,
        member_values(&nested)
    );
    Ok((ty, value))
}

/// The type of the function that gives the descriptors of a generic type.
pub(super) fn generic_type(names: &Names<'_>, node: &Node) -> Result<String, Error> {
    let site = Site::inside(node.id);
    let unbound = names.ty_of(node.id, &[], site, "Type")?;
    let call = call_signature(names, node, names.parameters(node.id), site)?;
    let mut out = format!("{{ {call} readonly $: {unbound}[\"$\"]");
    for member in members(names, node, false, site)? {
        let _ = write!(out, "; {}", member.declared());
    }
    out.push_str(" }");
    Ok(out)
}

/// `<T …>(T?: T): Box.Type<T>;`
fn call_signature(
    names: &Names<'_>,
    node: &Node,
    parameters: &[Parameter],
    site: Site,
) -> Result<String, Error> {
    let declared: Vec<String> = parameters.iter().map(Parameter::declared).collect();
    let passed: Vec<String> = parameters
        .iter()
        .map(|Parameter { name, .. }| format!("{name}?: {name}"))
        .collect();
    // Inside the signature, the node's own parameters are known whatever the site is.
    let site = site.knowing(node.id);
    let result = names.ty_of(node.id, &names.own_arguments(node.id), site, "Type")?;
    Ok(format!(
        "<{}>({}): {result};",
        declared.join(", "),
        passed.join(", ")
    ))
}

/// Something nested in a type, as a member of that type's descriptor.
struct Member {
    /// Of a constant; that of a type is with the type.
    comment: String,
    name: String,
    ty: String,
    value: String,
}

impl Member {
    fn declared(&self) -> String {
        let Self {
            comment, name, ty, ..
        } = self;
        format!("{comment}readonly {name}: {ty}")
    }
}

fn member_values(members: &[Member]) -> String {
    let values: Vec<String> = members
        .iter()
        .map(|Member { name, value, .. }| format!("{name}: {value}"))
        .collect();
    if values.is_empty() {
        String::new()
    } else {
        format!(", {{ {} }}", values.join(", "))
    }
}

/// `is_applied` asks for those of a generic type whose arguments are known: what is nested in it
/// has got them too.
fn members(
    names: &Names<'_>,
    node: &Node,
    is_applied: bool,
    site: Site,
) -> Result<Vec<Member>, Error> {
    let mut found = Vec::new();
    for nested in &node.nested_nodes {
        let inner = names.node(nested.id)?;
        if matches!(inner.kind, NodeKind::Annotation { .. } | NodeKind::File) {
            continue;
        }
        let constant = names.flat(nested.id)?;
        let outer = names.own_arguments(node.id);
        let all = names.parameters(nested.id);
        let (ty, value) = if !is_applied || all.is_empty() {
            (format!("typeof {constant}"), constant)
        } else if all.len() == outer.len() {
            (
                names.ty_of(nested.id, &outer, site, "Type")?,
                names.applied(nested.id, &outer, site)?,
            )
        } else {
            let own = all.get(outer.len()..).unwrap_or_default();
            let signature = call_signature(names, inner, own, site)?;
            let given: Vec<&str> = all
                .iter()
                .take(outer.len())
                .map(|parameter| parameter.name.as_str())
                .collect();
            (
                format!("{{ {signature} }}"),
                format!("$.partial({constant}, {})", given.join(", ")),
            )
        };
        let comment = match inner.kind {
            NodeKind::Const { .. } => inline_doc(inner.doc_comment.as_deref()),
            _ => String::new(),
        };
        found.push(Member {
            comment,
            name: nested.name.clone(),
            ty,
            value,
        });
    }
    Ok(found)
}

/// Whether the struct can be read and built in place: those that are made for methods are not
/// anything that one has by itself.
pub(super) fn has_views(node: &Node) -> bool {
    node.scope_id != 0
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
    let renamed = enumerants
        .iter()
        .map(|each| renamed(&each.annotations, &each.name));
    let renamed: Vec<String> = renamed.map(|name| string(&name)).collect();
    let json = if renamed == literals {
        String::new()
    } else {
        format!(", [{}]", renamed.join(", "))
    };
    let value = format!(
        "/* @__PURE__ */ $.enumeration({:#018x}n, {:?}, [{}]{json})",
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
    body.push_str(&applied_to(names, node));
    body.push_str(&table::entries(names, structure, Site::beside(node.id))?);
    if let Some(json) = table::json_of_struct(node) {
        let _ = writeln!(body, "{json},");
    }
    Ok(format!("{{\n{}}}", indented(&body)))
}

/// What a generic type is applied to, where its arguments are known.
fn applied_to(names: &Names<'_>, node: &Node) -> String {
    let arguments: Vec<&str> = names
        .parameters(node.id)
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    if arguments.is_empty() {
        String::new()
    } else {
        format!("applied: [{}],\n", arguments.join(", "))
    }
}

fn interface_source(
    names: &Names<'_>,
    node: &Node,
    methods: &[Method],
    superclasses: &[Superclass],
) -> Result<String, Error> {
    let site = Site::beside(node.id);
    let mut body = format!("id: {:#018x}n,\nname: {:?},\n", node.id, node.display_name);
    if !superclasses.is_empty() {
        let bases: Result<Vec<String>, Error> = superclasses
            .iter()
            .map(|base| names.applied(base.id, &names.arguments(base.id, &base.brand), site))
            .collect();
        let _ = writeln!(body, "extends: () => [{}],", bases?.join(", "));
    }
    body.push_str(&applied_to(names, node));
    body.push_str("methods: [");
    for (ordinal, method) in methods.iter().enumerate() {
        let own = names.method_parameters(node.id, ordinal);
        let site = site.in_method(ordinal);
        let params = struct_value(names, method.param_struct, &method.param_brand, site)?;
        let results = if method.is_streaming() {
            "undefined".to_owned()
        } else {
            let results = struct_value(names, method.result_struct, &method.result_brand, site)?;
            function_of(&own, &results)
        };
        let _ = write!(
            body,
            "\n  {{ name: {:?}, schemaName: {:?}, ordinal: {ordinal}, streaming: {}, params: {}, results: {results} }},",
            member(&method.name),
            method.name,
            method.is_streaming(),
            function_of(&own, &params),
        );
    }
    body.push_str(if methods.is_empty() { "],\n" } else { "\n],\n" });
    Ok(format!("{{\n{}}}", indented(&body)))
}

/// A function of a method's type parameters, which are anything where they are not said.
fn function_of(own: &[Parameter], value: &str) -> String {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '$';
    let declared: Vec<String> = own
        .iter()
        .map(|Parameter { name, .. }| {
            let is_used = value.split(|c| !is_part(c)).any(|word| word == name);
            let mark = if is_used { "" } else { "_" };
            format!("{mark}{name} = $.AnyPointer")
        })
        .collect();
    format!("({}) => {value}", declared.join(", "))
}

fn struct_value(names: &Names<'_>, id: u64, brand: &Brand, site: Site) -> Result<String, Error> {
    names.structure(id)?;
    names.applied(id, &names.method_arguments(id, brand), site)
}

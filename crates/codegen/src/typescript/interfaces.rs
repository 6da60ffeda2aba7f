//! The types of an interface: its clients, and objects that are served as it.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use capstan_schema::node::{Brand, Method, Node, NodeKind, Superclass, Type};

use super::Error;
use super::doc::doc;
use super::generics::{Parameter, angled};
use super::names::{Names, Site};
use super::words::member;

pub(super) fn client_type(
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
    for (ordinal, method) in methods.iter().enumerate() {
        out.push_str(&doc(method.doc_comment.as_deref(), "  "));
        let own = names.method_parameters(node.id, ordinal);
        let site = site.in_method(ordinal);
        let options = match own.as_slice() {
            [] => "$.CallOptions".to_owned(),
            own => {
                let types: Vec<&str> = own.iter().map(|own| own.name.as_str()).collect();
                format!("$.GenericCallOptions<[{}]>", types.join(", "))
            }
        };
        let _ = write!(
            out,
            "  {}{}(params?: {}, options?: {options}): ",
            member(&method.name),
            angled(own.iter().map(Parameter::declared)),
            input(names, site, method.param_struct, &method.param_brand)?
        );
        if method.is_streaming() {
            let _ = writeln!(out, "{}<void>;", names.global("Promise"));
            continue;
        }
        let arguments = names.method_arguments(method.result_struct, &method.result_brand);
        let results = names.ty(method.result_struct, &arguments, site)?;
        if names.struct_leads_to_clients(method.result_struct, &arguments) {
            let pipeline = names.ty_of(method.result_struct, &arguments, site, "Pipeline")?;
            let _ = writeln!(out, "$.CallPromise<{results}, {pipeline}>;");
        } else {
            let _ = writeln!(out, "$.CallPromise<{results}>;");
        }
    }
    out.push_str("}\n");
    Ok(out)
}

pub(super) fn server_type(
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
        // What a method's own type parameters stand for, only its callers know.
        let arguments = names.method_arguments(method.param_struct, &method.param_brand);
        let params = names.ty(method.param_struct, &arguments, site)?;
        let (results, context) = if method.is_streaming() {
            ("void".to_owned(), String::new())
        } else {
            let results = input(names, site, method.result_struct, &method.result_brand)?;
            let is_empty = names.structure(method.result_struct)?.fields.is_empty();
            if is_empty {
                (format!("{results} | void"), String::new())
            } else {
                let context = format!("<{results}>");
                (results, context)
            }
        };
        let _ = writeln!(
            out,
            "  {}(params: {params}, context: $.CallContext{context}): $.Awaitable<{results}>;",
            member(&method.name)
        );
    }
    out.push_str("}\n");
    Ok(out)
}

fn input(names: &Names<'_>, site: Site, id: u64, brand: &Brand) -> Result<String, Error> {
    names.ty_of(id, &names.method_arguments(id, brand), site, "Input")
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

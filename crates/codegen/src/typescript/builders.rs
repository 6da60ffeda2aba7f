//! The types of builders: structs in messages under construction.

use std::fmt::Write as _;

use capstan_schema::node::{Field, FieldKind, Node, StructNode, Type};

use super::Error;
use super::doc::doc;
use super::names::{Names, Site, in_code_order};
use super::types::{Direction, element_type, field_type, is_compound, struct_name, value_type};
use super::words::field_name;

/// The interface of a struct's or group's builders.
pub(super) fn builder_type(
    names: &Names<'_>,
    node: &Node,
    structure: &StructNode,
) -> Result<String, Error> {
    let mut out = format!(
        "interface {}{} {{\n",
        names.extra(node.id, "Builder")?,
        names.declared_parameters(node.id)
    );
    if structure.discriminant_count > 0 {
        let mut members: Vec<String> = in_code_order(structure)
            .iter()
            .filter(|field| field.discriminant.is_some())
            .map(|field| format!("{:?}", field_name(&field.name, structure)))
            .collect();
        members.push("number".to_owned());
        let _ = writeln!(out, "  readonly which: {};", members.join(" | "));
    }
    for field in in_code_order(structure) {
        out.push_str(&property(names, node, structure, field)?);
    }
    out.push_str("}\n");
    Ok(out)
}

fn property(
    names: &Names<'_>,
    node: &Node,
    structure: &StructNode,
    field: &Field,
) -> Result<String, Error> {
    let site = Site::inside(node.id);
    let name = field_name(&field.name, structure);
    let is_member = field.discriminant.is_some();
    let mut out = doc(field.doc_comment.as_deref(), "  ");
    let mut got = field_type(names, site, field, Direction::Builder)?;
    // Of a union only one member is there.
    if is_member && got != "undefined" && !got.ends_with("| undefined") {
        got.push_str(" | undefined");
    }
    let (taken, init) = match &field.kind {
        FieldKind::Group { id } => {
            let arguments = names.own_arguments(*id);
            let init = is_member.then(|| String::from("()"));
            (struct_inputs(names, *id, &arguments, site)?, init)
        }
        FieldKind::Slot { ty, .. } => match ty {
            Type::Void if is_member => ("undefined".to_owned(), None),
            // Outside a union it says nothing.
            Type::Void => return Ok(String::new()),
            Type::Struct { id, brand } => {
                let inputs = struct_inputs(names, *id, &names.arguments(*id, brand), site)?;
                (format!("{inputs} | undefined"), Some("()".to_owned()))
            }
            Type::List(element) => (
                list_inputs(names, site, element)?,
                Some("(count: number)".to_owned()),
            ),
            ty => match names.parameter_at(ty, site) {
                Some(parameter) => (
                    format!("$.Settable<{parameter}>"),
                    Some(format!("(...size: $.InitOf<{parameter}>)")),
                ),
                None if matches!(ty, Type::AnyPointer(_)) => {
                    let input = value_type(names, site, ty, Direction::In)?;
                    let view = value_type(names, site, ty, Direction::View)?;
                    let builder = value_type(names, site, ty, Direction::Builder)?;
                    let mut inputs = vec![input, view, builder, "undefined".to_owned()];
                    inputs.dedup();
                    (inputs.join(" | "), None)
                }
                None => {
                    let input = value_type(names, site, ty, Direction::In)?;
                    let null = if matches!(ty, Type::Interface { .. }) {
                        " | undefined"
                    } else {
                        ""
                    };
                    (format!("{input}{null}"), None)
                }
            },
        },
    };
    if got == taken {
        let _ = writeln!(out, "  {name}: {got};");
    } else {
        let _ = writeln!(out, "  get {name}(): {got};");
        let _ = writeln!(out, "  set {name}(value: {taken});");
    }
    if let Some(parameters) = init {
        let made = match &field.kind {
            FieldKind::Slot { ty, .. } => match names.parameter_at(ty, site) {
                Some(parameter) => format!("$.InitializedOf<{parameter}>"),
                None => value_type(names, site, ty, Direction::Builder)?,
            },
            FieldKind::Group { id } => {
                let arguments = names.own_arguments(*id);
                struct_name(names, *id, &arguments, site, Direction::Builder)?
            }
        };
        let _ = writeln!(
            out,
            "  {}{parameters}: {made};",
            init_name(&name, structure)
        );
    }
    Ok(out)
}

/// What a struct can be set to.
fn struct_inputs(
    names: &Names<'_>,
    id: u64,
    arguments: &[Type],
    site: Site,
) -> Result<String, Error> {
    let kinds = [Direction::In, Direction::View, Direction::Builder];
    let types: Result<Vec<String>, Error> = kinds
        .into_iter()
        .map(|kind| struct_name(names, id, arguments, site, kind))
        .collect();
    Ok(types?.join(" | "))
}

/// What a list can be set to: an array, or a list of another message.
fn list_inputs(names: &Names<'_>, site: Site, element: &Type) -> Result<String, Error> {
    let input = element_type(names, site, element, Direction::In)?;
    if element.is_integer() || element.is_float() {
        return Ok(format!("{}<{input}>", names.global("ArrayLike")));
    }
    let mut of = vec![
        element_type(names, site, element, Direction::View)?,
        element_type(names, site, element, Direction::Builder)?,
    ];
    of.dedup();
    let of = of.join(" | ");
    let array = if is_compound(&input) {
        format!("readonly ({input})[]")
    } else {
        format!("readonly {input}[]")
    };
    Ok(format!("{array} | $.ListView<{of}>"))
}

/// `initPoint` for `point`, with `_` behind it where a field has that name.
fn init_name(name: &str, structure: &StructNode) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    let mut init: String = "init".chars().chain(first).chain(chars).collect();
    if structure
        .fields
        .iter()
        .any(|field| field_name(&field.name, structure) == init)
    {
        init.push('_');
    }
    init
}

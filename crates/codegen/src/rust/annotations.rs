//! The annotations of `rust.capnp`, which schemas written for `capnpc` may carry. They are known by
//! their ids: each project has its own copy of that file.

use capstan_schema::node::{Annotation, CompiledSchema, Field, FieldKind, Node, NodeKind, Value};

use super::Error;
use crate::names::{pascal_case, snake_case};

/// What `$Rust.name` wants the thing to be called, spelled like the schema's own names; its own
/// name without it.
pub(super) fn name<'a>(annotations: &'a [Annotation], own: &'a str) -> &'a str {
    text(annotations, NAME).unwrap_or(own)
}

/// The field's name in the names of its accessors.
pub(super) fn accessor(field: &Field) -> String {
    snake_case(name(&field.annotations, &field.name))
}

/// The name of a union's member or of an enumerant, before keywords are escaped.
pub(super) fn variant(annotations: &[Annotation], own: &str) -> String {
    pascal_case(name(annotations, own))
}

/// Whether the field has `$Rust.option`: its getters tell null pointers from others.
pub(super) fn is_option(field: &Field) -> bool {
    field.annotations.iter().any(|each| each.id == OPTION)
}

/// The module below the root that a file's module is in, if it has `$Rust.parentModule`.
pub(super) fn parent_module(file: &Node) -> Option<&str> {
    text(&file.annotations, PARENT_MODULE)
}

/// Whether all names that annotations ask for can be names.
pub(super) fn check(schema: &CompiledSchema) -> Result<(), Error> {
    for node in &schema.nodes {
        check_name(node, &node.annotations)?;
        match &node.kind {
            NodeKind::Struct(structure) => {
                for field in &structure.fields {
                    check_name(node, &field.annotations)?;
                    if is_option(field) && !is_pointer(field) {
                        return Err(Error::new(format!(
                            "{}: the field '{}' is annotated as an option, but only pointers can be missing",
                            node.display_name, field.name
                        )));
                    }
                }
            }
            NodeKind::Enum { enumerants } => {
                for enumerant in enumerants {
                    check_name(node, &enumerant.annotations)?;
                }
            }
            _ => {}
        }
        let module = parent_module(node).unwrap_or("fits");
        if !module.split("::").all(is_identifier) {
            return Err(Error::new(format!(
                "{}: the parent module \"{module}\" is no path of a Rust module",
                node.display_name
            )));
        }
    }
    Ok(())
}

fn check_name(node: &Node, annotations: &[Annotation]) -> Result<(), Error> {
    let wish = name(annotations, "fits");
    if is_identifier(wish) {
        return Ok(());
    }
    Err(Error::new(format!(
        "{}: \"{wish}\" cannot be a name in Rust",
        node.display_name
    )))
}

/// Names that begin with an underscore are ours.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_pointer(field: &Field) -> bool {
    match &field.kind {
        FieldKind::Slot { ty, .. } => ty.is_pointer(),
        FieldKind::Group { .. } => false,
    }
}

fn text(annotations: &[Annotation], id: u64) -> Option<&str> {
    let found = annotations.iter().find(|each| each.id == id)?;
    match &found.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

const NAME: u64 = 0xc2fe_4c6d_1001_66d0;
const PARENT_MODULE: u64 = 0xabee_386c_d145_0364;
const OPTION: u64 = 0xabfe_f22c_4ee1_964e;

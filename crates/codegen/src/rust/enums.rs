//! A Rust enum for each schema enum.

use capstan_schema::node::{Enumerant, Node, NodeKind};

use super::types::Context;
use super::writer::{Writer, line, open};
use super::{Error, annotations, escape_keyword, introspection, write_allow};

pub(super) fn write_enum(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    enumerants: &[Enumerant],
) -> Result<(), Error> {
    let message = cx.message();
    let name = cx.scopes.name(node.id)?;
    w.doc(node.doc_comment.as_deref());
    if !enumerants.is_empty() {
        line!(w, "#[repr(u16)]");
    }
    line!(
        w,
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]"
    );
    open!(w, "pub enum {name} {{");
    for (value, enumerant) in enumerants.iter().enumerate() {
        w.doc(enumerant.doc_comment.as_deref());
        line!(w, "{} = {value},", variant(enumerant));
    }
    w.close("}");
    w.blank();
    write_allow(w, cx);
    open!(w, "impl ::core::convert::TryFrom<u16> for {name} {{");
    line!(w, "type Error = {message}::NotInSchema;");
    open!(
        w,
        "fn try_from(value: u16) -> ::core::result::Result<Self, {message}::NotInSchema> {{"
    );
    open!(w, "match value {{");
    for (value, enumerant) in enumerants.iter().enumerate() {
        line!(
            w,
            "{value} => ::core::result::Result::Ok(Self::{}),",
            variant(enumerant)
        );
    }
    line!(
        w,
        "other => ::core::result::Result::Err({message}::NotInSchema(other)),"
    );
    w.close("}");
    w.close("}");
    w.close("}");
    w.blank();
    write_allow(w, cx);
    open!(w, "impl ::core::convert::From<{name}> for u16 {{");
    open!(w, "fn from(value: {name}) -> u16 {{");
    if enumerants.is_empty() {
        line!(w, "match value {{}}");
    } else {
        line!(w, "value as u16");
    }
    w.close("}");
    w.close("}");
    w.blank();
    write_allow(w, cx);
    open!(w, "impl {message}::traits::HasTypeId for {name} {{");
    line!(w, "const TYPE_ID: u64 = {:#018x};", node.id);
    w.close("}");
    introspection::write_introspect(w, cx, node)
}

fn variant(enumerant: &Enumerant) -> String {
    escape_keyword(annotations::variant(
        &enumerant.annotations,
        &enumerant.name,
    ))
}

/// The variant with this value.
pub(super) fn variant_of(node: &Node, value: u16) -> Result<String, Error> {
    match &node.kind {
        NodeKind::Enum { enumerants } => match enumerants.get(usize::from(value)) {
            Some(enumerant) => Ok(variant(enumerant)),
            None => Err(Error::new(format!(
                "{} has no enumerant {value}",
                node.display_name
            ))),
        },
        _ => Err(Error::new(format!("{} is not an enum", node.display_name))),
    }
}

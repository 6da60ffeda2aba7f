//! Getters of fields that are annotated as optional.

use capstan_schema::node::{Field, FieldKind, Type};

use super::annotations::is_option;
use super::fields::is_untyped;
use super::writer::{Writer, line, open};

/// The type of the field's value.
pub(super) fn type_of(field: &Field, view: String) -> String {
    if is_option(field) {
        format!("::core::option::Option<{view}>")
    } else {
        view
    }
}

/// Before the expression that gets the field: what to do when nothing is there.
pub(super) fn open(w: &mut Writer, field: &Field, inner: &str, offset: u32) {
    if !is_option(field) {
        return;
    }
    open!(w, "if self.{inner}.is_pointer_field_null({offset}) {{");
    let none = "::core::option::Option::None";
    if is_fallible(field) {
        line!(w, "return ::core::result::Result::Ok({none});");
    } else {
        line!(w, "return {none};");
    }
    w.close("}");
    open!(w, "let value = {{");
}

/// After that expression.
pub(super) fn close(w: &mut Writer, field: &Field) {
    if !is_option(field) {
        return;
    }
    w.close("};");
    if is_fallible(field) {
        line!(w, "value.map(::core::option::Option::Some)");
    } else {
        line!(w, "::core::option::Option::Some(value)");
    }
}

/// Whether getting the field follows the pointer.
fn is_fallible(field: &Field) -> bool {
    match &field.kind {
        FieldKind::Slot {
            ty: Type::AnyPointer(kind),
            ..
        } => !is_untyped(kind),
        _ => true,
    }
}

//! `Debug` for what is read: every field that is there, under its name.

use capstan_schema::node::{Field, FieldKind, Node, StructNode, Type};

use super::Error;
use super::annotations::accessor;
use super::fields::variant;
use super::types::Context;
use super::writer::{Writer, line, open};

pub(super) fn write_debug(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    structure: &StructNode,
) -> Result<(), Error> {
    let message = cx.message();
    let generics = cx.generics;
    let bounds: Vec<String> = generics
        .names()
        .iter()
        .map(|name| {
            format!("for<'x> <{name} as {message}::traits::Owned>::Reader<'x>: ::core::fmt::Debug")
        })
        .collect();
    let bounds = match bounds.is_empty() {
        true => String::new(),
        false => format!(" where {}", bounds.join(", ")),
    };
    open!(
        w,
        "impl{} ::core::fmt::Debug for Reader{}{bounds} {{",
        generics.declaration(Some("'a")),
        generics.arguments(Some("'a"))
    );
    open!(
        w,
        "fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{"
    );
    line!(w, "let mut out = f.debug_struct({:?});", node.name());
    for field in &structure.fields {
        if field.discriminant.is_none() && !is_void(field) {
            let value = format!("self.get_{}()", accessor(field));
            line!(w, "{}", show(cx, field, &value));
        }
    }
    if structure.discriminant_count > 0 {
        open!(w, "match self.which() {{");
        for field in &structure.fields {
            if field.discriminant.is_some() {
                line!(
                    w,
                    "::core::result::Result::Ok(Which::{}(value)) => {{ {} }}",
                    variant(field),
                    show(cx, field, "value")
                );
            }
        }
        line!(
            w,
            "::core::result::Result::Err(error) => {{ out.field(\"which\", &error); }}"
        );
        w.close("}");
    }
    line!(w, "out.finish()");
    w.close("}");
    w.close("}");
    w.blank();
    Ok(())
}

/// The statement that shows a field. Null pointers are left out: what they read as may hold itself.
fn show(cx: Context<'_>, field: &Field, value: &str) -> String {
    let name = &field.name;
    let plain = format!("out.field({name:?}, &{value});");
    let FieldKind::Slot { ty, .. } = &field.kind else {
        return plain;
    };
    let result = format!(
        "out.field({name:?}, {}::traits::debug_result(&{value}));",
        cx.message()
    );
    let shown = match ty {
        Type::Enum { .. } => return result,
        Type::AnyPointer(kind) if super::fields::is_untyped(kind) => plain,
        ty if ty.is_pointer() => result,
        _ => return plain,
    };
    format!("if self.has_{}() {{ {shown} }}", accessor(field))
}

fn is_void(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Slot { ty: Type::Void, .. })
}

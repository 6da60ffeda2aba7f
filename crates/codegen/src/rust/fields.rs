//! The accessors of one field.

use capstan_schema::node::{AnyPointer, Field, FieldKind, StructNode, Type, Value};

use super::annotations::{self, accessor};
use super::types::Context;
use super::values::{default_bits, default_pointer};
use super::writer::{Writer, line, open};
use super::{Error, escape_keyword, groups, options};

/// The name of a union member in `Which`.
pub(super) fn variant(field: &Field) -> String {
    escape_keyword(annotations::variant(&field.annotations, &field.name))
}

/// What the field's getter returns in the `Reader` or `Builder`.
pub(super) fn getter_type(cx: Context<'_>, field: &Field, side: &str) -> Result<String, Error> {
    let message = cx.message();
    let ty = match &field.kind {
        FieldKind::Group { id } => {
            return cx.inherited(*id, side, Some("'a"));
        }
        FieldKind::Slot { ty, .. } => ty,
    };
    let view = if side == "Reader" {
        cx.reader(ty, "'a")?
    } else {
        cx.builder(ty, "'a")?
    };
    Ok(match ty {
        Type::Enum { .. } => format!("::core::result::Result<{view}, {message}::NotInSchema>"),
        Type::AnyPointer(kind) if is_untyped(kind) => options::type_of(field, view),
        ty if ty.is_pointer() => format!("{message}::Result<{}>", options::type_of(field, view)),
        _ => view,
    })
}

pub(super) fn write_reader_methods(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    field: &Field,
) -> Result<(), Error> {
    write_getter(w, cx, field, "Reader", "reader")?;
    if let FieldKind::Slot { offset, ty, .. } = &field.kind
        && ty.is_pointer()
    {
        w.blank();
        write_has(w, structure, field, "reader", *offset);
    }
    Ok(())
}

pub(super) fn write_builder_methods(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    field: &Field,
) -> Result<(), Error> {
    write_getter(w, cx, field, "Builder", "builder")?;
    match &field.kind {
        FieldKind::Group { id } => groups::write_group_init(w, cx, structure, field, *id)?,
        FieldKind::Slot {
            offset,
            ty,
            default,
            ..
        } => {
            if ty.is_pointer() {
                write_pointer_setters(w, cx, structure, field, *offset, ty)?;
                write_orphans(w, cx, structure, field, *offset, ty)?;
                w.blank();
                write_has(w, structure, field, "builder", *offset);
            } else {
                write_scalar_setter(w, cx, structure, field, *offset, ty, default)?;
            }
        }
    }
    Ok(())
}

/// `side` is the type that has the method, and `inner` what it keeps the struct in.
fn write_getter(
    w: &mut Writer,
    cx: Context<'_>,
    field: &Field,
    side: &str,
    inner: &str,
) -> Result<(), Error> {
    let name = accessor(field);
    let return_type = getter_type(cx, field, side)?;
    w.blank();
    w.doc(field.doc_comment.as_deref());
    line!(w, "#[inline]");
    open!(w, "pub fn get_{name}(self) -> {return_type} {{");
    match &field.kind {
        FieldKind::Group { .. } => line!(w, "self.{inner}.into()"),
        FieldKind::Slot {
            offset,
            ty,
            default,
            ..
        } => {
            options::open(w, field, inner, *offset);
            write_get(w, cx, inner, *offset, ty, default)?;
            options::close(w, field);
        }
    }
    w.close("}");
    Ok(())
}

fn write_get(
    w: &mut Writer,
    cx: Context<'_>,
    inner: &str,
    offset: u32,
    ty: &Type,
    default: &Value,
) -> Result<(), Error> {
    let message = cx.message();
    match ty {
        Type::Void => line!(w, "()"),
        Type::Bool => match default {
            Value::Bool(true) => line!(w, "self.{inner}.get_bool_field_mask({offset}, true)"),
            _ => line!(w, "self.{inner}.get_bool_field({offset})"),
        },
        Type::Enum { .. } => match default_bits(default)? {
            Some(bits) => line!(
                w,
                "::core::convert::TryFrom::try_from(self.{inner}.get_data_field_mask::<u16>({offset}, {bits}))"
            ),
            None => line!(
                w,
                "::core::convert::TryFrom::try_from(self.{inner}.get_data_field::<u16>({offset}))"
            ),
        },
        Type::Interface { .. } => {
            line!(
                w,
                "::core::result::Result::Ok({message}::capability::FromCapability::from_cap(self.{inner}.get_pointer_field({offset}).get_capability()?))"
            );
        }
        Type::AnyPointer(kind) if is_untyped(kind) => {
            let view = if inner == "reader" {
                "Reader"
            } else {
                "Builder"
            };
            let pointer = format!("self.{inner}.get_pointer_field({offset})");
            match default_pointer(default)? {
                Some(words) => line!(
                    w,
                    "{message}::any_pointer::{view}::with_default({pointer}, {words})"
                ),
                None => line!(w, "{message}::any_pointer::{view}::new({pointer})"),
            }
        }
        Type::Text | Type::Data | Type::List(_) | Type::Struct { .. } | Type::AnyPointer(_) => {
            let default = match default_pointer(default)? {
                Some(bytes) => format!("::core::option::Option::Some({bytes})"),
                None => "::core::option::Option::None".to_string(),
            };
            if inner == "reader" {
                line!(
                    w,
                    "{message}::traits::FromPointerReader::get_from_pointer(&self.reader.get_pointer_field({offset}), {default})"
                );
            } else {
                line!(
                    w,
                    "{message}::traits::FromPointerBuilder::get_from_pointer(self.builder.get_pointer_field({offset}), {default})"
                );
            }
        }
        _ => {
            let scalar = cx.scalar(ty)?;
            match default_bits(default)? {
                Some(bits) => line!(
                    w,
                    "self.{inner}.get_data_field_mask::<{scalar}>({offset}, {bits})"
                ),
                None => line!(w, "self.{inner}.get_data_field::<{scalar}>({offset})"),
            }
        }
    }
    Ok(())
}

fn write_has(w: &mut Writer, structure: &StructNode, field: &Field, inner: &str, offset: u32) {
    line!(w, "#[inline]");
    open!(w, "pub fn has_{}(&self) -> bool {{", accessor(field));
    if let Some(value) = field.discriminant {
        open!(
            w,
            "if self.{inner}.get_data_field::<u16>({}) != {value} {{",
            structure.discriminant_offset
        );
        line!(w, "return false;");
        w.close("}");
    }
    line!(w, "!self.{inner}.is_pointer_field_null({offset})");
    w.close("}");
}

fn write_scalar_setter(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    field: &Field,
    offset: u32,
    ty: &Type,
    default: &Value,
) -> Result<(), Error> {
    let name = accessor(field);
    let scalar = cx.scalar(ty)?;
    w.blank();
    w.doc(field.doc_comment.as_deref());
    let argument = if matches!(ty, Type::Void) {
        "_value"
    } else {
        "value"
    };
    line!(w, "#[inline]");
    open!(w, "pub fn set_{name}(&mut self, {argument}: {scalar}) {{");
    write_discriminant(w, structure, field);
    let (stored, value) = match ty {
        Type::Enum { .. } => ("u16".to_string(), "u16::from(value)"),
        _ => (scalar, "value"),
    };
    match ty {
        Type::Void => {}
        Type::Bool => match default {
            Value::Bool(true) => line!(
                w,
                "self.builder.set_bool_field_mask({offset}, value, true);"
            ),
            _ => line!(w, "self.builder.set_bool_field({offset}, value);"),
        },
        _ => match default_bits(default)? {
            Some(bits) => line!(
                w,
                "self.builder.set_data_field_mask::<{stored}>({offset}, {value}, {bits});"
            ),
            None => line!(
                w,
                "self.builder.set_data_field::<{stored}>({offset}, {value});"
            ),
        },
    }
    w.close("}");
    Ok(())
}

/// Taking the value out of the tree and putting one in, without copying.
fn write_orphans(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    field: &Field,
    offset: u32,
    ty: &Type,
) -> Result<(), Error> {
    let name = accessor(field);
    let orphan = format!("{}::orphan::Orphan", cx.message());
    let owned = cx.owned(ty)?;
    w.blank();
    open!(w, "pub fn disown_{name}(&mut self) -> {orphan}<{owned}> {{");
    if let Some(value) = field.discriminant {
        open!(
            w,
            "if self.builder.get_data_field::<u16>({}) != {value} {{",
            structure.discriminant_offset
        );
        line!(w, "return {orphan}::null();");
        w.close("}");
    }
    line!(w, "self.builder.get_pointer_field_mut({offset}).disown()");
    w.close("}");
    w.blank();
    open!(
        w,
        "pub fn adopt_{name}(&mut self, value: {orphan}<{owned}>) -> {}::Result<()> {{",
        cx.message()
    );
    write_discriminant(w, structure, field);
    line!(
        w,
        "self.builder.get_pointer_field_mut({offset}).adopt(value)"
    );
    w.close("}");
    Ok(())
}

fn write_pointer_setters(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    field: &Field,
    offset: u32,
    ty: &Type,
) -> Result<(), Error> {
    let message = cx.message();
    let name = accessor(field);
    let doc = field.doc_comment.as_deref();
    let builder = match ty {
        Type::AnyPointer(AnyPointer::Struct | AnyPointer::List) => {
            format!("{message}::any_pointer::Builder<'a>")
        }
        _ => cx.builder(ty, "'a")?,
    };
    let mutability = if field.discriminant.is_some() {
        "mut "
    } else {
        ""
    };
    let init = |w: &mut Writer, arguments: &str, body: String| {
        w.blank();
        w.doc(doc);
        open!(
            w,
            "pub fn init_{name}({mutability}self{arguments}) -> {builder} {{"
        );
        write_discriminant(w, structure, field);
        line!(w, "{body}");
        w.close("}");
    };
    let pointer = format!("self.builder.get_pointer_field({offset})");
    match ty {
        Type::Text | Type::Data | Type::List(_) => {
            init(
                w,
                ", size: u32",
                format!("{message}::traits::FromPointerBuilder::init_pointer({pointer}, size)"),
            );
        }
        Type::Struct { .. } => init(
            w,
            "",
            format!("{message}::traits::FromPointerBuilder::init_pointer({pointer}, 0)"),
        ),
        Type::AnyPointer(AnyPointer::Parameter { .. }) => {
            init(
                w,
                "",
                format!("{message}::traits::FromPointerBuilder::init_pointer({pointer}, 0)"),
            );
            w.blank();
            line!(
                w,
                "/// For a type with a length: elements of a list, bytes of text or data."
            );
            open!(
                w,
                "pub fn initn_{name}({mutability}self, length: u32) -> {builder} {{"
            );
            write_discriminant(w, structure, field);
            line!(
                w,
                "{message}::traits::FromPointerBuilder::init_pointer({pointer}, length)"
            );
            w.close("}");
        }
        Type::AnyPointer(AnyPointer::Capability) => {}
        // Null until the caller has said what it becomes.
        Type::AnyPointer(_) => init(
            w,
            "",
            format!(
                "let mut pointer = {message}::any_pointer::Builder::new({pointer});\npointer.clear();\npointer"
            ),
        ),
        _ => {}
    }
    let set = |w: &mut Writer, value: &str, result: &str, body: String| {
        let lifetime = if value.contains("'v") { "<'v>" } else { "" };
        w.blank();
        w.doc(doc);
        open!(
            w,
            "pub fn set_{name}{lifetime}(&mut self, value: {value}){result} {{"
        );
        write_discriminant(w, structure, field);
        line!(w, "{body}");
        w.close("}");
    };
    let pointer = format!("self.builder.reborrow().get_pointer_field({offset})");
    let through_input =
        format!("{message}::traits::SetterInput::set_pointer_builder({pointer}, value, false)");
    // Copying what is in memory already only fails for lack of room, which the message reports.
    let without_result =
        |owned: &str| format!("{message}::traits::set_or_fail::<{owned}, _>({pointer}, value);");
    match ty {
        Type::Text | Type::Data => {
            let owned = cx.owned(ty)?;
            set(
                w,
                &format!("impl {message}::traits::SetterInput<{owned}>"),
                "",
                without_result(&owned),
            );
        }
        Type::List(_) | Type::AnyPointer(AnyPointer::Parameter { .. }) => {
            let input = format!("impl {message}::traits::SetterInput<{}>", cx.owned(ty)?);
            set(
                w,
                &input,
                &format!(" -> {message}::Result<()>"),
                through_input,
            );
        }
        Type::Struct { .. } => {
            let through_input = format!(
                "<_ as {message}::traits::SetterInput<{}>>::set_pointer_builder({pointer}, value, false)",
                cx.owned(ty)?
            );
            set(
                w,
                &cx.reader(ty, "'_")?,
                &format!(" -> {message}::Result<()>"),
                through_input,
            );
        }
        Type::Interface { .. } | Type::AnyPointer(AnyPointer::Capability) => {
            set(w, &builder, "", without_result(&cx.owned(ty)?));
        }
        Type::AnyPointer(AnyPointer::Struct) => set(
            w,
            &format!("impl {message}::traits::IntoInternalStructReader<'v>"),
            &format!(" -> {message}::Result<()>"),
            format!(
                "{pointer}.set_struct(&{message}::traits::IntoInternalStructReader::into_internal_struct_reader(value), false)"
            ),
        ),
        Type::AnyPointer(AnyPointer::List) => set(
            w,
            &format!("impl {message}::traits::IntoInternalListReader<'v>"),
            &format!(" -> {message}::Result<()>"),
            format!(
                "{pointer}.set_list(&{message}::traits::IntoInternalListReader::into_internal_list_reader(value), false)"
            ),
        ),
        Type::AnyPointer(_) => set(
            w,
            &format!("{message}::any_pointer::Reader<'_>"),
            &format!(" -> {message}::Result<()>"),
            through_input,
        ),
        _ => {}
    }
    Ok(())
}

pub(super) fn write_discriminant(w: &mut Writer, structure: &StructNode, field: &Field) {
    if let Some(value) = field.discriminant {
        line!(
            w,
            "self.builder.set_data_field::<u16>({}, {value});",
            structure.discriminant_offset
        );
    }
}

/// Whether the pointer may lead to anything, so that getting the field does not follow it.
pub(super) fn is_untyped(kind: &AnyPointer) -> bool {
    matches!(
        kind,
        AnyPointer::Any | AnyPointer::ImplicitMethodParameter { .. }
    )
}

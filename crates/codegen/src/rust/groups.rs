//! Starting a group over.

use capstan_schema::node::{Field, FieldKind, NodeKind, StructNode, Type};

use super::Error;
use super::annotations::accessor;
use super::fields::write_discriminant;
use super::types::Context;
use super::writer::{Writer, line, open};

/// `init_group()` makes every field of the group default, and the group the union's active member.
pub(super) fn write_group_init(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    field: &Field,
    id: u64,
) -> Result<(), Error> {
    let builder = cx.inherited(id, "Builder", Some("'a"))?;
    let mut clears = Vec::new();
    collect_clears(cx, id, &mut clears, 0)?;
    clears.sort();
    clears.dedup();
    w.blank();
    w.doc(field.doc_comment.as_deref());
    let mutability = if field.discriminant.is_some() || !clears.is_empty() {
        "mut "
    } else {
        ""
    };
    open!(
        w,
        "pub fn init_{}({mutability}self) -> {builder} {{",
        accessor(field)
    );
    write_discriminant(w, structure, field);
    for clear in clears {
        line!(w, "{clear}");
    }
    line!(w, "self.builder.into()");
    w.close("}");
    Ok(())
}

fn collect_clears(
    cx: Context<'_>,
    group: u64,
    clears: &mut Vec<String>,
    depth: usize,
) -> Result<(), Error> {
    let node = cx.scopes.node(group)?;
    let NodeKind::Struct(structure) = &node.kind else {
        return Err(Error::new(format!(
            "{} is a group but no struct",
            node.display_name
        )));
    };
    if depth > 64 {
        return Err(Error::new(format!(
            "{} is a group inside itself",
            node.display_name
        )));
    }
    if structure.discriminant_count > 0 {
        clears.push(format!(
            "self.builder.set_data_field::<u16>({}, 0);",
            structure.discriminant_offset
        ));
    }
    for field in &structure.fields {
        match &field.kind {
            FieldKind::Group { id } => collect_clears(cx, *id, clears, depth + 1)?,
            FieldKind::Slot { ty: Type::Void, .. } => {}
            FieldKind::Slot {
                offset,
                ty: Type::Bool,
                ..
            } => clears.push(format!("self.builder.set_bool_field({offset}, false);")),
            FieldKind::Slot { offset, ty, .. } if ty.is_pointer() => {
                clears.push(format!(
                    "self.builder.reborrow().get_pointer_field({offset}).clear();"
                ));
            }
            FieldKind::Slot { offset, ty, .. } => {
                let scalar = if matches!(ty, Type::Enum { .. }) {
                    "u16".to_string()
                } else {
                    cx.scalar(ty)?
                };
                let zero = if matches!(ty, Type::Float32 | Type::Float64) {
                    "0.0"
                } else {
                    "0"
                };
                clears.push(format!(
                    "self.builder.set_data_field::<{scalar}>({offset}, {zero});"
                ));
            }
        }
    }
    Ok(())
}

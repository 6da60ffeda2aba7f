//! A module for each struct and group: its views, what they implement, and its union.

use capstan_schema::node::{Field, FieldKind, Node, NodeKind, StructNode, Type};

use super::fields::{self, variant};
use super::scope::groups;
use super::types::Context;
use super::writer::{Writer, line, open};
use super::{Error, write_nested};
use crate::names::snake_case;

pub(super) fn write_struct(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    structure: &StructNode,
) -> Result<(), Error> {
    w.doc(node.doc_comment.as_deref());
    open!(w, "pub mod {} {{", cx.scopes.name(node.id)?);
    let cx = cx.inside();
    write_owned(w, cx, node, structure);
    write_reader(w, cx, structure)?;
    write_builder(w, cx, structure)?;
    if !structure.is_group {
        write_setters(w, cx);
    }
    if cx.options.rpc_crate.is_some() {
        write_pipeline(w, cx, structure)?;
    }
    if structure.discriminant_count > 0 {
        write_union(w, cx, structure)?;
    }
    for (_, id) in groups(node) {
        let group = cx.scopes.node(id)?;
        match &group.kind {
            NodeKind::Struct(structure) => {
                w.blank();
                write_struct(w, cx, group, structure)?;
            }
            _ => {
                return Err(Error::new(format!(
                    "{} is a group of {} but no struct",
                    group.display_name, node.display_name
                )));
            }
        }
    }
    write_nested(w, cx, node)?;
    w.close("}");
    Ok(())
}

fn write_owned(w: &mut Writer, cx: Context<'_>, node: &Node, structure: &StructNode) {
    let message = cx.message();
    if !structure.is_group {
        line!(w, "#[derive(Clone, Copy, Debug)]");
        line!(w, "pub struct Owned(());");
        w.blank();
        open!(w, "impl {message}::traits::Owned for Owned {{");
        line!(w, "type Reader<'a> = Reader<'a>;");
        line!(w, "type Builder<'a> = Builder<'a>;");
        w.close("}");
        w.blank();
        open!(w, "impl {message}::traits::OwnedStruct for Owned {{");
        line!(w, "type Reader<'a> = Reader<'a>;");
        line!(w, "type Builder<'a> = Builder<'a>;");
        w.close("}");
        w.blank();
        for name in ["Owned", "Reader<'_>", "Builder<'_>"] {
            open!(w, "impl {message}::traits::HasTypeId for {name} {{");
            line!(w, "const TYPE_ID: u64 = {:#018x};", node.id);
            w.close("}");
            w.blank();
        }
        open!(
            w,
            "impl {message}::traits::HasStructSize for Builder<'_> {{"
        );
        line!(
            w,
            "const STRUCT_SIZE: {message}::layout::StructSize = {message}::layout::StructSize {{ data: {}, pointers: {} }};",
            structure.data_words,
            structure.pointers
        );
        w.close("}");
        w.blank();
    }
}

fn write_reader(w: &mut Writer, cx: Context<'_>, structure: &StructNode) -> Result<(), Error> {
    let message = cx.message();
    line!(w, "#[derive(Clone, Copy, Default)]");
    open!(w, "pub struct Reader<'a> {{");
    line!(w, "reader: {message}::layout::StructReader<'a>,");
    w.close("}");
    w.blank();
    open!(
        w,
        "impl<'a> ::core::convert::From<{message}::layout::StructReader<'a>> for Reader<'a> {{"
    );
    open!(
        w,
        "fn from(reader: {message}::layout::StructReader<'a>) -> Self {{"
    );
    line!(w, "Self {{ reader }}");
    w.close("}");
    w.close("}");
    w.blank();
    if !structure.is_group {
        open!(
            w,
            "impl<'a> {message}::traits::FromPointerReader<'a> for Reader<'a> {{"
        );
        open!(
            w,
            "fn get_from_pointer(reader: &{message}::layout::PointerReader<'a>, default: ::core::option::Option<&'a [{message}::Word]>) -> {message}::Result<Self> {{"
        );
        line!(
            w,
            "::core::result::Result::Ok(reader.get_struct(default)?.into())"
        );
        w.close("}");
        w.close("}");
        w.blank();
        open!(
            w,
            "impl<'a> {message}::traits::IntoInternalStructReader<'a> for Reader<'a> {{"
        );
        open!(
            w,
            "fn into_internal_struct_reader(self) -> {message}::layout::StructReader<'a> {{"
        );
        line!(w, "self.reader");
        w.close("}");
        w.close("}");
        w.blank();
    }
    open!(w, "impl<'a> Reader<'a> {{");
    open!(w, "pub fn reborrow(&self) -> Reader<'_> {{");
    line!(w, "Self {{ ..*self }}");
    w.close("}");
    if !structure.is_group {
        w.blank();
        open!(
            w,
            "pub fn total_size(&self) -> {message}::Result<{message}::MessageSize> {{"
        );
        line!(w, "self.reader.total_size()");
        w.close("}");
    }
    for field in &structure.fields {
        fields::write_reader_methods(w, cx, structure, field)?;
    }
    if structure.discriminant_count > 0 {
        write_which(w, cx, structure, "Reader", "reader")?;
    }
    w.close("}");
    w.blank();
    Ok(())
}

fn write_builder(w: &mut Writer, cx: Context<'_>, structure: &StructNode) -> Result<(), Error> {
    let message = cx.message();
    open!(w, "pub struct Builder<'a> {{");
    line!(w, "builder: {message}::layout::StructBuilder<'a>,");
    w.close("}");
    w.blank();
    open!(
        w,
        "impl<'a> ::core::convert::From<{message}::layout::StructBuilder<'a>> for Builder<'a> {{"
    );
    open!(
        w,
        "fn from(builder: {message}::layout::StructBuilder<'a>) -> Self {{"
    );
    line!(w, "Self {{ builder }}");
    w.close("}");
    w.close("}");
    w.blank();
    if !structure.is_group {
        open!(
            w,
            "impl<'a> {message}::traits::FromPointerBuilder<'a> for Builder<'a> {{"
        );
        open!(
            w,
            "fn init_pointer(builder: {message}::layout::PointerBuilder<'a>, _size: u32) -> Self {{"
        );
        line!(
            w,
            "builder.init_struct(<Self as {message}::traits::HasStructSize>::STRUCT_SIZE).into()"
        );
        w.close("}");
        open!(
            w,
            "fn get_from_pointer(builder: {message}::layout::PointerBuilder<'a>, default: ::core::option::Option<&'a [{message}::Word]>) -> {message}::Result<Self> {{"
        );
        line!(
            w,
            "::core::result::Result::Ok(builder.get_struct(<Self as {message}::traits::HasStructSize>::STRUCT_SIZE, default)?.into())"
        );
        w.close("}");
        w.close("}");
        w.blank();
    }
    open!(w, "impl<'a> Builder<'a> {{");
    open!(w, "pub fn into_reader(self) -> Reader<'a> {{");
    line!(w, "self.builder.into_reader().into()");
    w.close("}");
    w.blank();
    open!(w, "pub fn reborrow(&mut self) -> Builder<'_> {{");
    line!(w, "Builder {{ builder: self.builder.reborrow() }}");
    w.close("}");
    w.blank();
    open!(w, "pub fn reborrow_as_reader(&self) -> Reader<'_> {{");
    line!(w, "self.builder.as_reader().into()");
    w.close("}");
    for field in &structure.fields {
        fields::write_builder_methods(w, cx, structure, field)?;
    }
    if structure.discriminant_count > 0 {
        write_which(w, cx, structure, "Builder", "builder")?;
    }
    w.close("}");
    w.blank();
    Ok(())
}

fn write_setters(w: &mut Writer, cx: Context<'_>) {
    let message = cx.message();
    open!(
        w,
        "impl {message}::traits::SetterInput<Owned> for Reader<'_> {{"
    );
    open!(
        w,
        "fn set_pointer_builder(builder: {message}::layout::PointerBuilder<'_>, input: Self, canonicalize: bool) -> {message}::Result<()> {{"
    );
    line!(w, "builder.set_struct(&input.reader, canonicalize)");
    w.close("}");
    w.close("}");
    w.blank();
}

/// Accessors of the capabilities that results will hold, usable before the results are there.
fn write_pipeline(w: &mut Writer, cx: Context<'_>, structure: &StructNode) -> Result<(), Error> {
    let rpc = cx.rpc("a pipeline")?;
    line!(w, "#[derive(Clone)]");
    open!(w, "pub struct Pipeline {{");
    line!(w, "typeless: {rpc}::AnyPipeline,");
    w.close("}");
    w.blank();
    open!(w, "impl {rpc}::FromTypelessPipeline for Pipeline {{");
    open!(w, "fn new(typeless: {rpc}::AnyPipeline) -> Self {{");
    line!(w, "Self {{ typeless }}");
    w.close("}");
    w.close("}");
    w.blank();
    if !structure.is_group {
        open!(w, "impl {rpc}::Pipelined for Owned {{");
        line!(w, "type Pipeline = Pipeline;");
        w.close("}");
        w.blank();
    }
    // A union member may not be there when the results are: only fixed fields can be promised.
    let promised: Vec<&Field> = structure
        .fields
        .iter()
        .filter(|field| field.discriminant.is_none() && has_pipeline(field))
        .collect();
    if promised.is_empty() {
        return Ok(());
    }
    open!(w, "impl Pipeline {{");
    for field in promised {
        let name = snake_case(&field.name);
        match &field.kind {
            FieldKind::Group { id } => {
                let path = cx.scopes.path(*id, cx.file, cx.depth)?;
                open!(w, "pub fn get_{name}(&self) -> {path}::Pipeline {{");
                line!(w, "{rpc}::FromTypelessPipeline::new(self.typeless.clone())");
                w.close("}");
            }
            FieldKind::Slot {
                offset,
                ty: Type::Struct { id, brand },
                ..
            } => {
                let path = cx.path(*id, brand)?;
                open!(w, "pub fn get_{name}(&self) -> {path}::Pipeline {{");
                line!(
                    w,
                    "{rpc}::FromTypelessPipeline::new(self.typeless.get_pointer_field({offset}))"
                );
                w.close("}");
            }
            FieldKind::Slot {
                offset,
                ty: Type::Interface { id, brand },
                ..
            } => {
                let path = cx.path(*id, brand)?;
                open!(w, "pub fn get_{name}(&self) -> {path}::Client {{");
                line!(
                    w,
                    "{rpc}::FromClient::from_client(self.typeless.get_pointer_field({offset}).as_client())"
                );
                w.close("}");
            }
            FieldKind::Slot {
                offset,
                ty: Type::AnyPointer(_),
                ..
            } => {
                open!(w, "pub fn get_{name}(&self) -> {rpc}::AnyPipeline {{");
                line!(w, "self.typeless.get_pointer_field({offset})");
                w.close("}");
            }
            FieldKind::Slot { .. } => {}
        }
    }
    w.close("}");
    w.blank();
    Ok(())
}

fn has_pipeline(field: &Field) -> bool {
    match &field.kind {
        FieldKind::Group { .. } => true,
        FieldKind::Slot { ty, .. } => matches!(
            ty,
            Type::Struct { .. } | Type::Interface { .. } | Type::AnyPointer(_)
        ),
    }
}

/// `which()`: the union as a Rust enum.
fn write_which(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    view: &str,
    inner: &str,
) -> Result<(), Error> {
    let message = cx.message();
    let lifetime = if union_shape(cx, structure)?.parameters() > 0 {
        "<'a>"
    } else {
        ""
    };
    w.blank();
    let mutability = if view == "Builder" { "mut " } else { "" };
    open!(
        w,
        "pub fn which({mutability}self) -> ::core::result::Result<Which{view}{lifetime}, {message}::NotInSchema> {{"
    );
    open!(
        w,
        "match self.{inner}.get_data_field::<u16>({}) {{",
        structure.discriminant_offset
    );
    for (value, field) in union_members(structure) {
        line!(
            w,
            "{value} => ::core::result::Result::Ok(Which::{}(self.get_{}())),",
            variant(field),
            snake_case(&field.name)
        );
    }
    line!(
        w,
        "other => ::core::result::Result::Err({message}::NotInSchema(other)),"
    );
    w.close("}");
    w.close("}");
    Ok(())
}

/// The enum behind `which()`. What differs between reading and building is a type parameter.
fn write_union(w: &mut Writer, cx: Context<'_>, structure: &StructNode) -> Result<(), Error> {
    let shape = union_shape(cx, structure)?;
    let generics = |arguments: &[String]| {
        if arguments.is_empty() {
            String::new()
        } else {
            format!("<{}>", arguments.join(", "))
        }
    };
    let parameters: Vec<String> = (0..shape.parameters())
        .map(|position| format!("A{position}"))
        .collect();
    // A glob yields to whatever else has the name of a member.
    line!(w, "pub use self::Which::*;");
    w.blank();
    open!(w, "pub enum Which{} {{", generics(&parameters));
    for variant in &shape.variants {
        line!(w, "{variant}");
    }
    w.close("}");
    w.blank();
    let lifetime = if shape.parameters() > 0 { "<'a>" } else { "" };
    line!(
        w,
        "pub type WhichReader{lifetime} = Which{};",
        generics(&shape.reader_types)
    );
    line!(
        w,
        "pub type WhichBuilder{lifetime} = Which{};",
        generics(&shape.builder_types)
    );
    Ok(())
}

/// A union's variants, and what stands for their type parameters in reading and in building.
struct UnionShape {
    variants: Vec<String>,
    reader_types: Vec<String>,
    builder_types: Vec<String>,
}

impl UnionShape {
    /// Types only differ when they borrow, so a union with parameters is one with a lifetime.
    fn parameters(&self) -> usize {
        self.reader_types.len()
    }
}

fn union_shape(cx: Context<'_>, structure: &StructNode) -> Result<UnionShape, Error> {
    let mut shape = UnionShape {
        variants: Vec::new(),
        reader_types: Vec::new(),
        builder_types: Vec::new(),
    };
    for (_, field) in union_members(structure) {
        let reader = fields::getter_type(cx, field, "Reader")?;
        let builder = fields::getter_type(cx, field, "Builder")?;
        if reader == builder {
            shape
                .variants
                .push(format!("{}({reader}),", variant(field)));
        } else {
            shape.variants.push(format!(
                "{}(A{}),",
                variant(field),
                shape.reader_types.len()
            ));
            shape.reader_types.push(reader);
            shape.builder_types.push(builder);
        }
    }
    Ok(shape)
}

fn union_members(structure: &StructNode) -> impl Iterator<Item = (u16, &Field)> {
    structure
        .fields
        .iter()
        .filter_map(|field| Some((field.discriminant?, field)))
}

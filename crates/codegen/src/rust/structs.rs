//! A module for each struct and group: its views, what they implement, and its union.

use capstan_schema::node::{AnyPointer, Field, FieldKind, Node, NodeKind, StructNode, Type};

use super::annotations::accessor;
use super::fields::{self, variant};
use super::generics::{Generics, angle_brackets};
use super::scope::groups;
use super::types::Context;
use super::writer::{Template, Writer, line, open};
use super::{Error, debug, introspection, write_nested};

pub(super) fn write_struct(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    structure: &StructNode,
) -> Result<(), Error> {
    w.doc(node.doc_comment.as_deref());
    open!(w, "pub mod {} {{", cx.scopes.name(node.id)?);
    let generics = Generics::new(cx.scopes.type_parameters(node.id)?);
    let cx = cx.inside(node.id, &generics);
    cx.write_uses(w);
    let template = template(cx, node, structure);
    if !structure.is_group {
        w.template(STRUCT, &template);
    }
    w.template(VIEWS, &template);
    if !generics.is_empty() {
        w.template(GENERIC_READER, &template);
    }
    debug::write_debug(w, cx, node, structure)?;
    introspection::write_introspect(w, cx, node)?;
    write_reader(w, cx, structure, &template)?;
    write_builder(w, cx, structure, &template)?;
    if cx.options.rpc_crate.is_some() {
        write_pipeline(w, cx, structure, &template)?;
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

/// What every module of a struct has. See [`Template`] for the words with a `$`.
const VIEWS: &str = r"
$derive_reader
pub struct Reader$args_a {
    reader: $message::layout::StructReader<'a>,
    $phantom_field
}

impl$decl_a ::core::convert::From<$message::layout::StructReader<'a>> for Reader$args_a {
    #[inline]
    fn from(reader: $message::layout::StructReader<'a>) -> Self {
        Self { reader$phantom_value }
    }
}

pub struct Builder$args_a {
    builder: $message::layout::StructBuilder<'a>,
    $phantom_field
}

impl$decl_a ::core::convert::From<$message::layout::StructBuilder<'a>> for Builder$args_a {
    #[inline]
    fn from(builder: $message::layout::StructBuilder<'a>) -> Self {
        Self { builder$phantom_value }
    }
}
";

/// A derived `Clone` would ask the type parameters to be `Clone`.
const GENERIC_READER: &str = r"
impl$decl_a ::core::clone::Clone for Reader$args_a {
    fn clone(&self) -> Self {
        *self
    }
}

impl$decl_a ::core::marker::Copy for Reader$args_a {}

impl$decl_a ::core::default::Default for Reader$args_a {
    fn default() -> Self {
        Self::from($message::layout::StructReader::default())
    }
}
";

/// What structs have and groups, which are no types of their own, have not.
const STRUCT: &str = r"
#[derive(Clone, Copy, Debug)]
pub struct Owned$args($owned_content);

impl$decl $message::traits::Owned for Owned$args {
    type Reader<'a> = Reader$args_a;
    type Builder<'a> = Builder$args_a;
}

impl$decl $message::traits::OwnedStruct for Owned$args {
    type Reader<'a> = Reader$args_a;
    type Builder<'a> = Builder$args_a;
}

impl$decl $message::traits::HasTypeId for Owned$args {
    const TYPE_ID: u64 = $type_id;
}

impl$decl_a $message::traits::HasTypeId for Reader$args_a {
    const TYPE_ID: u64 = $type_id;
}

impl$decl_a $message::traits::HasTypeId for Builder$args_a {
    const TYPE_ID: u64 = $type_id;
}

impl$decl_a $message::traits::HasStructSize for Builder$args_a {
    const STRUCT_SIZE: $message::layout::StructSize = $message::layout::StructSize { data: $data_words, pointers: $pointers };
}

impl$decl_a $message::traits::FromPointerReader<'a> for Reader$args_a {
    #[inline]
    fn get_from_pointer(reader: &$message::layout::PointerReader<'a>, default: ::core::option::Option<&'a [$message::Word]>) -> $message::Result<Self> {
        ::core::result::Result::Ok(reader.get_struct(default)?.into())
    }
}

impl$decl_a $message::traits::IntoInternalStructReader<'a> for Reader$args_a {
    #[inline]
    fn into_internal_struct_reader(self) -> $message::layout::StructReader<'a> {
        self.reader
    }
}

impl$decl_a $message::traits::SetterInput<Owned$args> for Reader$args_a {
    fn set_pointer_builder(builder: $message::layout::PointerBuilder<'_>, input: Self, canonicalize: bool) -> $message::Result<()> {
        builder.set_struct(&input.reader, canonicalize)
    }
}

impl$decl_a $message::traits::FromPointerBuilder<'a> for Builder$args_a {
    #[inline]
    fn init_pointer(builder: $message::layout::PointerBuilder<'a>, _length: u32) -> Self {
        builder.init_struct(<Self as $message::traits::HasStructSize>::STRUCT_SIZE).into()
    }
    #[inline]
    fn get_from_pointer(builder: $message::layout::PointerBuilder<'a>, default: ::core::option::Option<&'a [$message::Word]>) -> $message::Result<Self> {
        ::core::result::Result::Ok(builder.get_struct(<Self as $message::traits::HasStructSize>::STRUCT_SIZE, default)?.into())
    }
}
";

const READER_METHODS: &str = r"
pub fn reborrow(&self) -> Reader$args_elided {
    *self
}
";

const STRUCT_READER_METHODS: &str = r"
pub fn total_size(&self) -> $message::Result<$message::MessageSize> {
    self.reader.total_size()
}
";

const BUILDER_METHODS: &str = r"
pub fn into_reader(self) -> Reader$args_a {
    self.builder.into_reader().into()
}

#[inline]
pub fn reborrow(&mut self) -> Builder$args_elided {
    self.builder.reborrow().into()
}

pub fn reborrow_as_reader(&self) -> Reader$args_elided {
    self.builder.as_reader().into()
}
";

const STRUCT_BUILDER_METHODS: &str = r"
pub fn total_size(&self) -> $message::Result<$message::MessageSize> {
    self.builder.as_reader().total_size()
}
";

const PIPELINE: &str = r"
$derive_pipeline
pub struct Pipeline$args {
    typeless: $rpc::AnyPipeline,
    $phantom_field
}

impl$decl $rpc::FromTypelessPipeline for Pipeline$args {
    fn new(typeless: $rpc::AnyPipeline) -> Self {
        Self { typeless$phantom_value }
    }
}
";

const GENERIC_PIPELINE: &str = r"
impl$decl ::core::clone::Clone for Pipeline$args {
    fn clone(&self) -> Self {
        <Self as $rpc::FromTypelessPipeline>::new(self.typeless.clone())
    }
}
";

const STRUCT_PIPELINE: &str = r"
impl$decl $rpc::Pipelined for Owned$args {
    type Pipeline = Pipeline$args;
}
";

/// What the words with a `$` in the texts above stand for.
fn template(cx: Context<'_>, node: &Node, structure: &StructNode) -> Template {
    let generics = cx.generics;
    let generic = !generics.is_empty();
    let when_generic = |text: String| if generic { text } else { String::new() };
    Template::new([
        ("$message", cx.message().to_string()),
        ("$rpc", cx.rpc("a pipeline").unwrap_or_default().to_string()),
        ("$decl_a", generics.declaration(Some("'a"))),
        ("$decl", generics.declaration(None)),
        ("$args_a", generics.arguments(Some("'a"))),
        ("$args_elided", generics.arguments(Some("'_"))),
        ("$args", generics.arguments(None)),
        (
            "$phantom_field",
            when_generic(format!("phantom: {},", generics.phantom_type())),
        ),
        (
            "$phantom_value",
            when_generic(", phantom: ::core::marker::PhantomData".to_string()),
        ),
        (
            "$owned_content",
            if generic {
                generics.phantom_type()
            } else {
                "()".to_string()
            },
        ),
        (
            "$derive_reader",
            if generic {
                String::new()
            } else {
                "#[derive(Clone, Copy, Default)]".to_string()
            },
        ),
        (
            "$derive_pipeline",
            if generic {
                String::new()
            } else {
                "#[derive(Clone)]".to_string()
            },
        ),
        ("$type_id", format!("{:#018x}", node.id)),
        ("$data_words", structure.data_words.to_string()),
        ("$pointers", structure.pointers.to_string()),
    ])
}

fn write_reader(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    template: &Template,
) -> Result<(), Error> {
    open!(
        w,
        "impl{} Reader{} {{",
        cx.generics.declaration(Some("'a")),
        cx.generics.arguments(Some("'a"))
    );
    w.template(READER_METHODS, template);
    if !structure.is_group {
        w.template(STRUCT_READER_METHODS, template);
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

fn write_builder(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    template: &Template,
) -> Result<(), Error> {
    open!(
        w,
        "impl{} Builder{} {{",
        cx.generics.declaration(Some("'a")),
        cx.generics.arguments(Some("'a"))
    );
    w.template(BUILDER_METHODS, template);
    if !structure.is_group {
        w.template(STRUCT_BUILDER_METHODS, template);
    }
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

/// Accessors of the capabilities that results will hold, usable before the results are there.
fn write_pipeline(
    w: &mut Writer,
    cx: Context<'_>,
    structure: &StructNode,
    template: &Template,
) -> Result<(), Error> {
    let rpc = cx.rpc("a pipeline")?;
    w.template(PIPELINE, template);
    if !cx.generics.is_empty() {
        w.template(GENERIC_PIPELINE, template);
    }
    if !structure.is_group {
        w.template(STRUCT_PIPELINE, template);
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
    let rpc_pipeline = format!("{rpc}::AnyPipeline");
    open!(
        w,
        "impl{} Pipeline{} {{",
        cx.generics.declaration(None),
        cx.generics.arguments(None)
    );
    for field in promised {
        let (return_type, value) = match &field.kind {
            FieldKind::Group { id } => (
                cx.inherited(*id, "Pipeline", None)?,
                format!("{rpc}::FromTypelessPipeline::new(self.typeless.clone())"),
            ),
            FieldKind::Slot { offset, ty, .. } => {
                let there = format!("self.typeless.get_pointer_field({offset})");
                match ty {
                    Type::Struct { id, brand } => (
                        cx.branded(*id, brand, "Pipeline", None)?,
                        format!("{rpc}::FromTypelessPipeline::new({there})"),
                    ),
                    Type::Interface { id, brand } => (
                        cx.branded(*id, brand, "Client", None)?,
                        format!("{rpc}::FromClient::from_client({there}.as_client())"),
                    ),
                    Type::AnyPointer(AnyPointer::Capability) => {
                        (format!("{rpc}::Client"), format!("{there}.as_client()"))
                    }
                    _ => (rpc_pipeline.clone(), there),
                }
            }
        };
        w.blank();
        open!(
            w,
            "pub fn get_{}(&self) -> {return_type} {{",
            accessor(field)
        );
        line!(w, "{value}");
        w.close("}");
    }
    w.close("}");
    w.blank();
    Ok(())
}

fn has_pipeline(field: &Field) -> bool {
    match &field.kind {
        FieldKind::Group { .. } => true,
        FieldKind::Slot { ty, .. } => match ty {
            Type::AnyPointer(kind) => *kind != AnyPointer::List,
            _ => matches!(ty, Type::Struct { .. } | Type::Interface { .. }),
        },
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
    let shape = union_shape(cx, structure)?;
    let types = if view == "Reader" {
        &shape.reader_types
    } else {
        &shape.builder_types
    };
    let arguments = alias_parameters(cx, types);
    w.blank();
    let mutability = if view == "Builder" { "mut " } else { "" };
    line!(w, "#[inline]");
    open!(
        w,
        "pub fn which({mutability}self) -> ::core::result::Result<Which{view}{arguments}, {message}::NotInSchema> {{"
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
            accessor(field)
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
    let parameters: Vec<String> = (0..shape.reader_types.len())
        .map(|position| format!("A{position}"))
        .collect();
    // A glob yields to whatever else has the name of a member.
    line!(w, "pub use self::Which::*;");
    w.blank();
    open!(w, "pub enum Which{} {{", angle_brackets(None, &parameters));
    for variant in &shape.variants {
        line!(w, "{variant}");
    }
    w.close("}");
    w.blank();
    for (view, types) in [
        ("Reader", &shape.reader_types),
        ("Builder", &shape.builder_types),
    ] {
        let parameters = alias_parameters(cx, types);
        line!(
            w,
            "pub type Which{view}{parameters} = Which{};",
            angle_brackets(None, types)
        );
    }
    Ok(())
}

/// The parameters that an alias of these types has: an alias must use all it has.
pub(super) fn alias_parameters(cx: Context<'_>, types: &[String]) -> String {
    let lifetime = types.iter().any(|ty| ty.contains("'a")).then_some("'a");
    let mut names = cx.generics.names();
    names.retain(|name| types.iter().any(|ty| mentions(ty, name)));
    angle_brackets(lifetime, &names)
}

/// Whether the name is a word of this Rust text.
fn mentions(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word == name)
}

/// A union's variants, and what stands for their type parameters in reading and in building.
struct UnionShape {
    variants: Vec<String>,
    reader_types: Vec<String>,
    builder_types: Vec<String>,
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
        let is_generic = cx
            .generics
            .names()
            .iter()
            .any(|name| mentions(&reader, name));
        if reader == builder && !is_generic {
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

//! What types tell about themselves at run time.

use std::collections::HashMap;

use capstan_message::message::{FrameBuilder, ReaderOptions};
use capstan_message::{any_list, any_pointer, any_struct, serialize, serialize_packed};
use capstan_schema::node::{
    AnyPointer, Binding, Brand, BrandBindings, CompiledSchema, FieldKind, Node, NodeKind,
    RequestedFile, Type,
};

use super::Error;
use super::generics::angle_brackets;
use super::types::Context;
use super::writer::{Writer, line, open};

/// `impl Introspect` for the type that stands for the node: `Owned`, a group's `Reader`, an enum.
pub(super) fn write_introspect(w: &mut Writer, cx: Context<'_>, node: &Node) -> Result<(), Error> {
    if !cx.options.introspection {
        return Ok(());
    }
    let message = cx.message();
    let declaration = cx.generics.declaration(None);
    let (declaration, implementor) = match &node.kind {
        NodeKind::Struct(structure) if structure.is_group => {
            let arguments = cx.generics.arguments(Some("'_"));
            (declaration, format!("Reader{arguments}"))
        }
        // An enum has no use for the type parameters of the types around it.
        NodeKind::Enum { .. } => (String::new(), cx.scopes.name(node.id)?.to_string()),
        _ => (declaration, format!("Owned{}", cx.generics.arguments(None))),
    };
    w.blank();
    super::write_allow(w, cx);
    open!(
        w,
        "impl{declaration} {message}::introspect::Introspect for {implementor} {{"
    );
    open!(w, "fn node() -> &'static {message}::introspect::Node {{");
    line!(
        w,
        "use {message}::introspect::{{Field, Introspect, Kind, Method, Node, Type}};"
    );
    open!(w, "static NODE: Node = Node {{");
    line!(w, "id: {:#018x},", node.id);
    line!(w, "display_name: {:?},", node.display_name);
    line!(w, "prefix_bytes: {},", node.display_name_prefix_bytes);
    write_kind(w, cx, node)?;
    line!(
        w,
        "packed: {},",
        byte_string(cx.scopes.packed_node(node.id)?)
    );
    w.close("};");
    line!(w, "&NODE");
    w.close("}");
    w.close("}");
    w.blank();
    Ok(())
}

fn write_kind(w: &mut Writer, cx: Context<'_>, node: &Node) -> Result<(), Error> {
    match &node.kind {
        NodeKind::Struct(structure) => {
            open!(w, "kind: Kind::Struct {{ fields: &[");
            for field in &structure.fields {
                let ty = match &field.kind {
                    FieldKind::Slot { ty, .. } => type_of(cx, ty)?,
                    FieldKind::Group { id } => {
                        format!(
                            "Type::Group({})",
                            node_ref(cx, *id, "Reader", Some("'static"))?
                        )
                    }
                };
                let discriminant = match field.discriminant {
                    Some(value) => format!("::core::option::Option::Some({value})"),
                    None => "::core::option::Option::None".to_string(),
                };
                line!(
                    w,
                    "Field {{ name: {:?}, discriminant: {discriminant}, ty: {ty} }},",
                    field.name
                );
            }
            w.close("] },");
        }
        NodeKind::Enum { enumerants } => {
            let names: Vec<&str> = enumerants.iter().map(|each| each.name.as_str()).collect();
            line!(w, "kind: Kind::Enum {{ enumerants: &{names:?} }},");
        }
        NodeKind::Interface {
            methods,
            superclasses,
        } => {
            open!(w, "kind: Kind::Interface {{ methods: &[");
            for method in methods {
                let results = if method.is_streaming() {
                    "::core::option::Option::None".to_string()
                } else {
                    let results = node_ref(cx, method.result_struct, "Owned", None)?;
                    format!("::core::option::Option::Some({results})")
                };
                line!(
                    w,
                    "Method {{ name: {:?}, params: {}, results: {results} }},",
                    method.name,
                    node_ref(cx, method.param_struct, "Owned", None)?
                );
            }
            let superclasses: Vec<String> = superclasses
                .iter()
                .map(|superclass| branded(cx, superclass.id, &superclass.brand))
                .collect::<Result<_, _>>()?;
            let superclasses: Vec<String> = superclasses
                .iter()
                .map(|each| format!("({each})"))
                .collect();
            w.close(&format!(
                "], superclasses: &[{}] }},",
                superclasses.join(", ")
            ));
        }
        NodeKind::File | NodeKind::Const { .. } | NodeKind::Annotation { .. } => {
            return Err(Error::new(format!("{} is no type", node.display_name)));
        }
    }
    Ok(())
}

/// The schema type as an expression of the type `introspect::Type`.
fn type_of(cx: Context<'_>, ty: &Type) -> Result<String, Error> {
    Ok(match ty {
        Type::List(element) => format!("Type::List(&{})", type_of(cx, element)?),
        Type::Enum { id, .. } => format!("Type::Enum(<{} as Introspect>::node)", cx.path(*id)?),
        Type::Struct { id, brand } => format!("Type::Struct({})", branded(cx, *id, brand)?),
        Type::Interface { id, brand } => format!("Type::Interface({})", branded(cx, *id, brand)?),
        Type::AnyPointer(kind) => match kind {
            AnyPointer::Struct => "Type::AnyStruct".to_string(),
            AnyPointer::List => "Type::AnyList".to_string(),
            AnyPointer::Capability => "Type::Capability".to_string(),
            AnyPointer::Parameter { scope_id, index } => parameter(*scope_id, *index),
            AnyPointer::Any | AnyPointer::ImplicitMethodParameter { .. } => {
                "Type::AnyPointer".to_string()
            }
        },
        // The others have the same names here and there.
        scalar => format!("Type::{scalar:?}"),
    })
}

fn parameter(scope_id: u64, index: u16) -> String {
    format!("Type::Parameter {{ scope_id: {scope_id:#018x}, index: {index} }}")
}

/// A reference to the node, and the types that stand for its type parameters.
fn branded(cx: Context<'_>, id: u64, brand: &Brand) -> Result<String, Error> {
    let mut arguments = Vec::new();
    for of in cx.scopes.type_parameters(id)? {
        let scope = brand
            .scopes
            .iter()
            .find(|scope| scope.scope_id == of.scope_id);
        arguments.push(match scope.map(|scope| &scope.bindings) {
            Some(BrandBindings::Inherit) => parameter(of.scope_id, of.index),
            Some(BrandBindings::Bind(bindings)) => match bindings.get(usize::from(of.index)) {
                Some(Binding::Type(ty)) => type_of(cx, ty)?,
                Some(Binding::Unbound) | None => "Type::AnyPointer".to_string(),
            },
            None => "Type::AnyPointer".to_string(),
        });
    }
    Ok(format!(
        "{}, &[{}]",
        node_ref(cx, id, "Owned", None)?,
        arguments.join(", ")
    ))
}

/// The function that gives the node. All bindings of a generic type share one node, and what
/// stands here cannot name our type parameters.
fn node_ref(cx: Context<'_>, id: u64, item: &str, lifetime: Option<&str>) -> Result<String, Error> {
    let any = format!("{}::any_pointer::Owned", cx.message());
    let arguments = vec![any; cx.scopes.type_parameters(id)?.len()];
    Ok(format!(
        "<{}::{item}{} as Introspect>::node",
        cx.path(id)?,
        angle_brackets(lifetime, &arguments)
    ))
}

/// Every node of the schema as a packed message of its own.
pub(super) fn packed_nodes(schema: &CompiledSchema) -> Result<HashMap<u64, Vec<u8>>, Error> {
    let files = schema
        .nodes
        .iter()
        .filter(|node| matches!(node.kind, NodeKind::File));
    // Of files that are not requested, a request holds no more than the others need.
    let all = CompiledSchema {
        requested_files: files
            .map(|file| RequestedFile {
                id: file.id,
                filename: file.display_name.clone(),
                imports: Vec::new(),
            })
            .collect(),
        nodes: schema.nodes.clone(),
    };
    let request =
        capstan_schema::write_request(&all).map_err(|error| Error::new(error.to_string()))?;
    split(&request).map_err(|error| Error::new(format!("a node cannot be written: {error}")))
}

fn split(request: &[u8]) -> capstan_message::Result<HashMap<u64, Vec<u8>>> {
    let options = ReaderOptions {
        traversal_limit_in_words: None,
        ..ReaderOptions::new()
    };
    let message = serialize::read_message_from_flat_slice(&mut &*request, options)?;
    let root: any_struct::Reader<'_> = message.get_root()?;
    let nodes: any_list::Reader<'_> =
        any_pointer::Reader::new(root.reader.get_pointer_field(0)).get_as()?;
    let mut packed = HashMap::new();
    for index in 0..nodes.len() {
        let node = nodes.get_struct(index);
        let mut alone = FrameBuilder::with_capacity_words(0);
        alone.set_root_canonical::<any_struct::Owned>(node)?;
        let bytes = serialize_packed::write_message_to_vec(&alone)?;
        packed.insert(node.reader.get_data_field::<u64>(0), bytes);
    }
    Ok(packed)
}

fn byte_string(bytes: &[u8]) -> String {
    let mut out = String::from("b\"");
    for byte in bytes {
        match byte {
            0 => out.push_str("\\0"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

//! Reads a `CodeGeneratorRequest` into the form that our compiler produces, with the `capnp` crate.

use capnp::any_pointer;
use capnp::message::{self, ReaderOptions};
use capnp::schema_capnp::{
    annotation, brand, code_generator_request, field, method, node, type_, value,
};
use capnp::serialize;
use capstan_schema::node::*;

pub fn read(bytes: &[u8]) -> CompiledSchema {
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(None);
    let message = serialize::read_message(bytes, options).unwrap();
    let request: code_generator_request::Reader = message.get_root().unwrap();
    let mut schema = CompiledSchema {
        nodes: request.get_nodes().unwrap().iter().map(read_node).collect(),
        requested_files: Vec::new(),
    };
    for file in request.get_requested_files().unwrap() {
        let imports = file.get_imports().unwrap().iter().map(|import| Import {
            id: import.get_id(),
            name: text(import.get_name()),
        });
        schema.requested_files.push(RequestedFile {
            id: file.get_id(),
            filename: text(file.get_filename()),
            imports: imports.collect(),
        });
    }
    for info in request.get_source_info().unwrap() {
        let Some(node) = schema.nodes.iter_mut().find(|n| n.id == info.get_id()) else {
            continue;
        };
        if info.has_doc_comment() {
            node.doc_comment = Some(text(info.get_doc_comment()));
        }
        for (index, member) in info.get_members().unwrap().iter().enumerate() {
            if !member.has_doc_comment() {
                continue;
            }
            let doc = Some(text(member.get_doc_comment()));
            match &mut node.kind {
                NodeKind::Struct(structure) => structure.fields[index].doc_comment = doc,
                NodeKind::Enum { enumerants } => enumerants[index].doc_comment = doc,
                NodeKind::Interface { methods, .. } => methods[index].doc_comment = doc,
                _ => panic!("{} has members", node.display_name),
            }
        }
    }
    schema
}

/// The node with its pointer values in canonical form, as `read` has them.
pub fn with_canonical_values(node: &Node) -> Node {
    let mut node = node.clone();
    let annotations = |list: &mut Vec<Annotation>| {
        list.iter_mut().for_each(|a| canonicalize(&mut a.value));
    };
    annotations(&mut node.annotations);
    match &mut node.kind {
        NodeKind::Struct(structure) => {
            for field in &mut structure.fields {
                annotations(&mut field.annotations);
                if let FieldKind::Slot { default, .. } = &mut field.kind {
                    canonicalize(default);
                }
            }
        }
        NodeKind::Enum { enumerants } => {
            enumerants
                .iter_mut()
                .for_each(|e| annotations(&mut e.annotations));
        }
        NodeKind::Interface { methods, .. } => {
            methods
                .iter_mut()
                .for_each(|m| annotations(&mut m.annotations));
        }
        NodeKind::Const { value, .. } => canonicalize(value),
        NodeKind::File | NodeKind::Annotation { .. } => {}
    }
    node
}

fn canonicalize(value: &mut Value) {
    if let Value::List(bytes) | Value::Struct(bytes) | Value::AnyPointer(bytes) = value {
        if bytes.is_empty() {
            return;
        }
        let segments: [&[u8]; 1] = [bytes];
        let segments = message::SegmentArray::new(&segments);
        let message = message::Reader::new(segments, ReaderOptions::new());
        let root: any_pointer::Reader = message.get_root().unwrap();
        *bytes = pointer_bytes(root);
    }
}

fn pointer_bytes(pointer: any_pointer::Reader) -> Vec<u8> {
    if pointer.is_null() {
        return Vec::new();
    }
    let mut message = message::Builder::new_default();
    message.set_root_canonical(pointer).unwrap();
    message.get_segments_for_output()[0].to_vec()
}

fn text(reader: capnp::Result<capnp::text::Reader>) -> String {
    reader.unwrap().to_string().unwrap()
}

fn read_node(node: node::Reader) -> Node {
    let kind = match node.which().unwrap() {
        node::File(()) => NodeKind::File,
        node::Struct(group) => NodeKind::Struct(StructNode {
            data_words: group.get_data_word_count(),
            pointers: group.get_pointer_count(),
            preferred_list_encoding: encoding(group.get_preferred_list_encoding().unwrap() as u16),
            is_group: group.get_is_group(),
            discriminant_count: group.get_discriminant_count(),
            discriminant_offset: group.get_discriminant_offset(),
            fields: group.get_fields().unwrap().iter().map(read_field).collect(),
        }),
        node::Enum(group) => NodeKind::Enum {
            enumerants: group
                .get_enumerants()
                .unwrap()
                .iter()
                .map(|enumerant| Enumerant {
                    name: text(enumerant.get_name()),
                    code_order: enumerant.get_code_order(),
                    annotations: read_annotations(enumerant.get_annotations().unwrap()),
                    doc_comment: None,
                })
                .collect(),
        },
        node::Interface(group) => NodeKind::Interface {
            methods: group
                .get_methods()
                .unwrap()
                .iter()
                .map(read_method)
                .collect(),
            superclasses: group
                .get_superclasses()
                .unwrap()
                .iter()
                .map(|superclass| Superclass {
                    id: superclass.get_id(),
                    brand: read_brand(superclass.get_brand().unwrap()),
                })
                .collect(),
        },
        node::Const(group) => NodeKind::Const {
            ty: read_type(group.get_type().unwrap()),
            value: read_value(group.get_value().unwrap()),
        },
        node::Annotation(group) => NodeKind::Annotation {
            ty: read_type(group.get_type().unwrap()),
            targets: AnnotationTargets {
                file: group.get_targets_file(),
                constant: group.get_targets_const(),
                enumeration: group.get_targets_enum(),
                enumerant: group.get_targets_enumerant(),
                structure: group.get_targets_struct(),
                field: group.get_targets_field(),
                union: group.get_targets_union(),
                group: group.get_targets_group(),
                interface: group.get_targets_interface(),
                method: group.get_targets_method(),
                param: group.get_targets_param(),
                annotation: group.get_targets_annotation(),
            },
        },
    };
    Node {
        id: node.get_id(),
        display_name: text(node.get_display_name()),
        display_name_prefix_bytes: node.get_display_name_prefix_length(),
        scope_id: node.get_scope_id(),
        parameters: node
            .get_parameters()
            .unwrap()
            .iter()
            .map(|parameter| text(parameter.get_name()))
            .collect(),
        is_generic: node.get_is_generic(),
        nested_nodes: node
            .get_nested_nodes()
            .unwrap()
            .iter()
            .map(|nested| NestedNode {
                name: text(nested.get_name()),
                id: nested.get_id(),
            })
            .collect(),
        annotations: read_annotations(node.get_annotations().unwrap()),
        doc_comment: None,
        kind,
    }
}

fn encoding(ordinal: u16) -> PreferredListEncoding {
    [
        PreferredListEncoding::Empty,
        PreferredListEncoding::Bit,
        PreferredListEncoding::Byte,
        PreferredListEncoding::TwoBytes,
        PreferredListEncoding::FourBytes,
        PreferredListEncoding::EightBytes,
        PreferredListEncoding::Pointer,
        PreferredListEncoding::InlineComposite,
    ][usize::from(ordinal)]
}

fn is_null(value: value::Reader) -> bool {
    match value.which().unwrap() {
        value::Text(_) => !value.has_text(),
        value::Data(_) => !value.has_data(),
        value::Interface(()) => true,
        value::List(pointer) | value::Struct(pointer) | value::AnyPointer(pointer) => {
            pointer.is_null()
        }
        _ => false,
    }
}

fn read_field(field: field::Reader) -> Field {
    let kind = match field.which().unwrap() {
        field::Slot(slot) => FieldKind::Slot {
            offset: slot.get_offset(),
            ty: read_type(slot.get_type().unwrap()),
            default: read_value(slot.get_default_value().unwrap()),
            written_default: match slot.get_had_explicit_default() {
                false => WrittenDefault::Nothing,
                true if is_null(slot.get_default_value().unwrap()) => WrittenDefault::Null,
                true => WrittenDefault::Value,
            },
        },
        field::Group(group) => FieldKind::Group {
            id: group.get_type_id(),
        },
    };
    let discriminant = field.get_discriminant_value();
    Field {
        name: text(field.get_name()),
        code_order: field.get_code_order(),
        annotations: read_annotations(field.get_annotations().unwrap()),
        discriminant: (discriminant != field::NO_DISCRIMINANT).then_some(discriminant),
        doc_comment: None,
        ordinal: match field.get_ordinal().which().unwrap() {
            field::ordinal::Implicit(()) => None,
            field::ordinal::Explicit(ordinal) => Some(ordinal),
        },
        kind,
    }
}

fn read_method(method: method::Reader) -> Method {
    Method {
        name: text(method.get_name()),
        code_order: method.get_code_order(),
        implicit_parameters: method
            .get_implicit_parameters()
            .unwrap()
            .iter()
            .map(|parameter| text(parameter.get_name()))
            .collect(),
        param_struct: method.get_param_struct_type(),
        param_brand: read_brand(method.get_param_brand().unwrap()),
        result_struct: method.get_result_struct_type(),
        result_brand: read_brand(method.get_result_brand().unwrap()),
        annotations: read_annotations(method.get_annotations().unwrap()),
        doc_comment: None,
    }
}

fn read_annotations(list: capnp::struct_list::Reader<annotation::Owned>) -> Vec<Annotation> {
    list.iter()
        .map(|annotation| Annotation {
            id: annotation.get_id(),
            brand: read_brand(annotation.get_brand().unwrap()),
            value: read_value(annotation.get_value().unwrap()),
        })
        .collect()
}

fn read_type(ty: type_::Reader) -> Type {
    use type_::any_pointer::unconstrained;
    match ty.which().unwrap() {
        type_::Void(()) => Type::Void,
        type_::Bool(()) => Type::Bool,
        type_::Int8(()) => Type::Int8,
        type_::Int16(()) => Type::Int16,
        type_::Int32(()) => Type::Int32,
        type_::Int64(()) => Type::Int64,
        type_::Uint8(()) => Type::UInt8,
        type_::Uint16(()) => Type::UInt16,
        type_::Uint32(()) => Type::UInt32,
        type_::Uint64(()) => Type::UInt64,
        type_::Float32(()) => Type::Float32,
        type_::Float64(()) => Type::Float64,
        type_::Text(()) => Type::Text,
        type_::Data(()) => Type::Data,
        type_::List(list) => Type::List(Box::new(read_type(list.get_element_type().unwrap()))),
        type_::Enum(group) => Type::Enum {
            id: group.get_type_id(),
            brand: read_brand(group.get_brand().unwrap()),
        },
        type_::Struct(group) => Type::Struct {
            id: group.get_type_id(),
            brand: read_brand(group.get_brand().unwrap()),
        },
        type_::Interface(group) => Type::Interface {
            id: group.get_type_id(),
            brand: read_brand(group.get_brand().unwrap()),
        },
        type_::AnyPointer(group) => Type::AnyPointer(match group.which().unwrap() {
            type_::any_pointer::Unconstrained(kind) => match kind.which().unwrap() {
                unconstrained::AnyKind(()) => AnyPointer::Any,
                unconstrained::Struct(()) => AnyPointer::Struct,
                unconstrained::List(()) => AnyPointer::List,
                unconstrained::Capability(()) => AnyPointer::Capability,
            },
            type_::any_pointer::Parameter(parameter) => AnyPointer::Parameter {
                scope_id: parameter.get_scope_id(),
                index: parameter.get_parameter_index(),
            },
            type_::any_pointer::ImplicitMethodParameter(parameter) => {
                AnyPointer::ImplicitMethodParameter {
                    index: parameter.get_parameter_index(),
                }
            }
        }),
    }
}

fn read_brand(brand: brand::Reader) -> Brand {
    let scopes = brand.get_scopes().unwrap().iter().map(|scope| BrandScope {
        scope_id: scope.get_scope_id(),
        bindings: match scope.which().unwrap() {
            brand::scope::Inherit(()) => BrandBindings::Inherit,
            brand::scope::Bind(bindings) => BrandBindings::Bind(
                bindings
                    .unwrap()
                    .iter()
                    .map(|binding| match binding.which().unwrap() {
                        brand::binding::Unbound(()) => Binding::Unbound,
                        brand::binding::Type(ty) => Binding::Type(read_type(ty.unwrap())),
                    })
                    .collect(),
            ),
        },
    });
    Brand {
        scopes: scopes.collect(),
    }
}

fn read_value(value: value::Reader) -> Value {
    match value.which().unwrap() {
        value::Void(()) => Value::Void,
        value::Bool(value) => Value::Bool(value),
        value::Int8(value) => Value::Int8(value),
        value::Int16(value) => Value::Int16(value),
        value::Int32(value) => Value::Int32(value),
        value::Int64(value) => Value::Int64(value),
        value::Uint8(value) => Value::UInt8(value),
        value::Uint16(value) => Value::UInt16(value),
        value::Uint32(value) => Value::UInt32(value),
        value::Uint64(value) => Value::UInt64(value),
        value::Float32(value) => Value::Float32(value),
        value::Float64(value) => Value::Float64(value),
        value::Text(value) => Value::Text(text(value)),
        value::Data(value) => Value::Data(value.unwrap().to_vec()),
        value::Enum(value) => Value::Enum(value),
        value::Interface(()) => Value::Interface,
        value::List(pointer) => Value::List(pointer_bytes(pointer)),
        value::Struct(pointer) => Value::Struct(pointer_bytes(pointer)),
        value::AnyPointer(pointer) => Value::AnyPointer(pointer_bytes(pointer)),
    }
}

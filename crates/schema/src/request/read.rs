//! From the message to plain values.

use std::collections::HashMap;

use capstan_message::{Error, Result, any_pointer, message, struct_list, text};

use crate::node::{
    Annotation, AnnotationTargets, AnyPointer, Binding, Brand, BrandBindings, BrandScope,
    CompiledSchema, Enumerant, Field, FieldKind, Import, Method, NestedNode, Node, NodeKind,
    PreferredListEncoding, RequestedFile, StructNode, Superclass, Type, Value, WrittenDefault,
};
use crate::schema_capnp as capnp;

pub(super) fn schema(request: capnp::code_generator_request::Reader<'_>) -> Result<CompiledSchema> {
    let mut schema = CompiledSchema::default();
    for found in request.get_nodes()? {
        schema.nodes.push(node(found)?);
    }
    for file in request.get_requested_files()? {
        let mut imports = Vec::new();
        for import in file.get_imports()? {
            imports.push(Import {
                id: import.get_id(),
                name: string(import.get_name()?)?,
            });
        }
        schema.requested_files.push(RequestedFile {
            id: file.get_id(),
            filename: string(file.get_filename()?)?,
            imports,
        });
    }
    let by_id: HashMap<u64, usize> = schema.nodes.iter().map(|n| n.id).zip(0..).collect();
    for info in request.get_source_info()? {
        let at = by_id.get(&info.get_id()).copied();
        if let Some(node) = at.and_then(|at| schema.nodes.get_mut(at)) {
            add_comments(node, info)?;
        }
    }
    Ok(schema)
}

fn add_comments(node: &mut Node, info: capnp::node::source_info::Reader<'_>) -> Result<()> {
    node.doc_comment = comment(info.get_doc_comment()?)?;
    for (index, member) in info.get_members()?.iter().enumerate() {
        let doc = comment(member.get_doc_comment()?)?;
        let slot = match &mut node.kind {
            NodeKind::Struct(structure) => {
                structure.fields.get_mut(index).map(|f| &mut f.doc_comment)
            }
            NodeKind::Enum { enumerants } => enumerants.get_mut(index).map(|e| &mut e.doc_comment),
            NodeKind::Interface { methods, .. } => {
                methods.get_mut(index).map(|m| &mut m.doc_comment)
            }
            _ => None,
        };
        if let Some(slot) = slot {
            *slot = doc;
        }
    }
    Ok(())
}

fn comment(text: text::Reader<'_>) -> Result<Option<String>> {
    Ok(Some(string(text)?).filter(|text| !text.is_empty()))
}

fn string(text: text::Reader<'_>) -> Result<String> {
    Ok(text.to_str().map_err(Error::from)?.to_owned())
}

fn node(node: capnp::node::Reader<'_>) -> Result<Node> {
    use capnp::node::Which;
    let kind = match node.which()? {
        Which::File(()) => NodeKind::File,
        Which::Struct(group) => {
            let mut fields = Vec::new();
            for found in group.get_fields()? {
                fields.push(field(found)?);
            }
            NodeKind::Struct(StructNode {
                data_words: group.get_data_word_count(),
                pointers: group.get_pointer_count(),
                preferred_list_encoding: encoding(group.get_preferred_list_encoding()?),
                is_group: group.get_is_group(),
                discriminant_count: group.get_discriminant_count(),
                discriminant_offset: group.get_discriminant_offset(),
                fields,
            })
        }
        Which::Enum(group) => {
            let mut enumerants = Vec::new();
            for enumerant in group.get_enumerants()? {
                enumerants.push(Enumerant {
                    name: string(enumerant.get_name()?)?,
                    code_order: enumerant.get_code_order(),
                    annotations: annotations(enumerant.get_annotations()?)?,
                    doc_comment: None,
                });
            }
            NodeKind::Enum { enumerants }
        }
        Which::Interface(group) => {
            let mut methods = Vec::new();
            for found in group.get_methods()? {
                methods.push(method(found)?);
            }
            let mut superclasses = Vec::new();
            for superclass in group.get_superclasses()? {
                superclasses.push(Superclass {
                    id: superclass.get_id(),
                    brand: brand(superclass.get_brand()?)?,
                });
            }
            NodeKind::Interface {
                methods,
                superclasses,
            }
        }
        Which::Const(group) => NodeKind::Const {
            ty: ty(group.get_type()?)?,
            value: value(group.get_value()?)?,
        },
        Which::Annotation(group) => NodeKind::Annotation {
            ty: ty(group.get_type()?)?,
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
    let mut nested_nodes = Vec::new();
    for nested in node.get_nested_nodes()? {
        nested_nodes.push(NestedNode {
            name: string(nested.get_name()?)?,
            id: nested.get_id(),
        });
    }
    Ok(Node {
        id: node.get_id(),
        display_name: string(node.get_display_name()?)?,
        display_name_prefix_bytes: node.get_display_name_prefix_length(),
        scope_id: node.get_scope_id(),
        parameters: parameters(node.get_parameters()?)?,
        is_generic: node.get_is_generic(),
        nested_nodes,
        annotations: annotations(node.get_annotations()?)?,
        doc_comment: None,
        kind,
    })
}

fn encoding(size: capnp::ElementSize) -> PreferredListEncoding {
    match size {
        capnp::ElementSize::Empty => PreferredListEncoding::Empty,
        capnp::ElementSize::Bit => PreferredListEncoding::Bit,
        capnp::ElementSize::Byte => PreferredListEncoding::Byte,
        capnp::ElementSize::TwoBytes => PreferredListEncoding::TwoBytes,
        capnp::ElementSize::FourBytes => PreferredListEncoding::FourBytes,
        capnp::ElementSize::EightBytes => PreferredListEncoding::EightBytes,
        capnp::ElementSize::Pointer => PreferredListEncoding::Pointer,
        capnp::ElementSize::InlineComposite => PreferredListEncoding::InlineComposite,
    }
}

fn is_null(value: capnp::value::Reader<'_>) -> Result<bool> {
    use capnp::value::Which;
    Ok(match value.which()? {
        Which::Text(_) => !value.has_text(),
        Which::Data(_) => !value.has_data(),
        Which::Interface(()) => true,
        Which::List(pointer) | Which::Struct(pointer) | Which::AnyPointer(pointer) => {
            pointer.is_null()
        }
        _ => false,
    })
}

fn field(field: capnp::field::Reader<'_>) -> Result<Field> {
    use capnp::field::{Which, ordinal};
    let kind = match field.which()? {
        Which::Slot(slot) => FieldKind::Slot {
            offset: slot.get_offset(),
            ty: ty(slot.get_type()?)?,
            default: value(slot.get_default_value()?)?,
            written_default: match slot.get_had_explicit_default() {
                false => WrittenDefault::Nothing,
                true if is_null(slot.get_default_value()?)? => WrittenDefault::Null,
                true => WrittenDefault::Value,
            },
        },
        Which::Group(group) => FieldKind::Group {
            id: group.get_type_id(),
        },
    };
    let discriminant = field.get_discriminant_value();
    Ok(Field {
        name: string(field.get_name()?)?,
        code_order: field.get_code_order(),
        annotations: annotations(field.get_annotations()?)?,
        discriminant: (discriminant != capnp::field::NO_DISCRIMINANT).then_some(discriminant),
        doc_comment: None,
        ordinal: match field.get_ordinal().which()? {
            ordinal::Which::Implicit(()) => None,
            ordinal::Which::Explicit(ordinal) => Some(ordinal),
        },
        kind,
    })
}

fn method(method: capnp::method::Reader<'_>) -> Result<Method> {
    Ok(Method {
        name: string(method.get_name()?)?,
        code_order: method.get_code_order(),
        implicit_parameters: parameters(method.get_implicit_parameters()?)?,
        param_struct: method.get_param_struct_type(),
        param_brand: brand(method.get_param_brand()?)?,
        result_struct: method.get_result_struct_type(),
        result_brand: brand(method.get_result_brand()?)?,
        annotations: annotations(method.get_annotations()?)?,
        doc_comment: None,
    })
}

fn parameters(list: struct_list::Reader<'_, capnp::node::parameter::Owned>) -> Result<Vec<String>> {
    list.iter().map(|p| string(p.get_name()?)).collect()
}

fn annotations(list: struct_list::Reader<'_, capnp::annotation::Owned>) -> Result<Vec<Annotation>> {
    let read = |annotation: capnp::annotation::Reader<'_>| {
        Ok(Annotation {
            id: annotation.get_id(),
            brand: brand(annotation.get_brand()?)?,
            value: value(annotation.get_value()?)?,
        })
    };
    list.iter().map(read).collect()
}

// The message's nesting limit bounds the recursion between types and brands.
fn ty(ty: capnp::type_::Reader<'_>) -> Result<Type> {
    use capnp::type_::{Which, any_pointer as any};
    Ok(match ty.which()? {
        Which::Void(()) => Type::Void,
        Which::Bool(()) => Type::Bool,
        Which::Int8(()) => Type::Int8,
        Which::Int16(()) => Type::Int16,
        Which::Int32(()) => Type::Int32,
        Which::Int64(()) => Type::Int64,
        Which::Uint8(()) => Type::UInt8,
        Which::Uint16(()) => Type::UInt16,
        Which::Uint32(()) => Type::UInt32,
        Which::Uint64(()) => Type::UInt64,
        Which::Float32(()) => Type::Float32,
        Which::Float64(()) => Type::Float64,
        Which::Text(()) => Type::Text,
        Which::Data(()) => Type::Data,
        Which::List(list) => Type::List(Box::new(self::ty(list.get_element_type()?)?)),
        Which::Enum(group) => Type::Enum {
            id: group.get_type_id(),
            brand: brand(group.get_brand()?)?,
        },
        Which::Struct(group) => Type::Struct {
            id: group.get_type_id(),
            brand: brand(group.get_brand()?)?,
        },
        Which::Interface(group) => Type::Interface {
            id: group.get_type_id(),
            brand: brand(group.get_brand()?)?,
        },
        Which::AnyPointer(pointer) => Type::AnyPointer(match pointer.which()? {
            any::Which::Unconstrained(kind) => match kind.which()? {
                any::unconstrained::Which::AnyKind(()) => AnyPointer::Any,
                any::unconstrained::Which::Struct(()) => AnyPointer::Struct,
                any::unconstrained::Which::List(()) => AnyPointer::List,
                any::unconstrained::Which::Capability(()) => AnyPointer::Capability,
            },
            any::Which::Parameter(parameter) => AnyPointer::Parameter {
                scope_id: parameter.get_scope_id(),
                index: parameter.get_parameter_index(),
            },
            any::Which::ImplicitMethodParameter(parameter) => AnyPointer::ImplicitMethodParameter {
                index: parameter.get_parameter_index(),
            },
        }),
    })
}

fn brand(brand: capnp::brand::Reader<'_>) -> Result<Brand> {
    use capnp::brand::{binding, scope};
    let mut scopes = Vec::new();
    for found in brand.get_scopes()? {
        let bindings = match found.which()? {
            scope::Which::Inherit(()) => BrandBindings::Inherit,
            scope::Which::Bind(list) => {
                let mut bindings = Vec::new();
                for bound in list? {
                    bindings.push(match bound.which()? {
                        binding::Which::Unbound(()) => Binding::Unbound,
                        binding::Which::Type(bound) => Binding::Type(ty(bound?)?),
                    });
                }
                BrandBindings::Bind(bindings)
            }
        };
        scopes.push(BrandScope {
            scope_id: found.get_scope_id(),
            bindings,
        });
    }
    Ok(Brand { scopes })
}

fn value(value: capnp::value::Reader<'_>) -> Result<Value> {
    use capnp::value::Which;
    Ok(match value.which()? {
        Which::Void(()) => Value::Void,
        Which::Bool(value) => Value::Bool(value),
        Which::Int8(value) => Value::Int8(value),
        Which::Int16(value) => Value::Int16(value),
        Which::Int32(value) => Value::Int32(value),
        Which::Int64(value) => Value::Int64(value),
        Which::Uint8(value) => Value::UInt8(value),
        Which::Uint16(value) => Value::UInt16(value),
        Which::Uint32(value) => Value::UInt32(value),
        Which::Uint64(value) => Value::UInt64(value),
        Which::Float32(value) => Value::Float32(value),
        Which::Float64(value) => Value::Float64(value),
        Which::Text(value) => Value::Text(string(value?)?),
        Which::Data(value) => Value::Data(value?.to_vec()),
        Which::Enum(value) => Value::Enum(value),
        Which::Interface(()) => Value::Interface,
        Which::List(pointer) => Value::List(message_of(pointer)?),
        Which::Struct(pointer) => Value::Struct(message_of(pointer)?),
        Which::AnyPointer(pointer) => Value::AnyPointer(message_of(pointer)?),
    })
}

/// What the pointer leads to as a message of its own; empty for null.
fn message_of(pointer: any_pointer::Reader<'_>) -> Result<Vec<u8>> {
    if pointer.is_null() {
        return Ok(Vec::new());
    }
    let mut message = message::Builder::new(message::GrowingSegment::default());
    message.set_root::<any_pointer::Owned>(pointer)?;
    Ok(message.segment_bytes().to_vec())
}

//! From plain values to the message.

use capstan_message::message::{FrameBuilder, Reader, ReaderOptions, SegmentArray};
use capstan_message::orphan::Orphan;
use capstan_message::{Result, any_pointer, struct_list};

use super::order::{Order, info_id, is_implied};
use crate::node::{
    Annotation, AnyPointer, Binding, Brand, BrandBindings, CompiledSchema, Field, FieldKind,
    Method, Node, NodeKind, PreferredListEncoding, StructNode, Superclass, Type, Value,
    WrittenDefault,
};
use crate::schema_capnp as capnp;

/// The release of the reference compiler whose requests ours equal. Generators look at it to tell
/// which of the message's fields a compiler knows to fill in.
const VERSION: (u16, u8, u8) = (0, 9, 2);

pub(super) fn request(schema: &CompiledSchema) -> Result<Vec<u8>> {
    let mut message = FrameBuilder::with_capacity_words(1024);
    let mut request: capnp::code_generator_request::Builder<'_> = message.init_root();
    let Order { nodes, infos } = Order::of(schema);
    let mut list = request.reborrow().init_nodes(count(nodes.len()));
    for (index, found) in (0..).zip(&nodes) {
        node(list.reborrow().get(index), found)?;
    }
    let mut version = request.reborrow().init_capnp_version();
    version.set_major(VERSION.0);
    version.set_minor(VERSION.1);
    version.set_micro(VERSION.2);
    let mut list = request.reborrow().init_source_info(count(infos.len()));
    for (index, found) in (0..).zip(&infos) {
        source_info(list.reborrow().get(index), found);
    }
    let files = &schema.requested_files;
    let mut list = request.init_requested_files(count(files.len()));
    for (index, found) in (0..).zip(files) {
        let mut file = list.reborrow().get(index);
        file.set_id(found.id);
        file.set_filename(&found.filename);
        let mut imports = file.init_imports(count(found.imports.len()));
        for (index, found) in (0..).zip(&found.imports) {
            let mut import = imports.reborrow().get(index);
            import.set_id(found.id);
            import.set_name(&found.name);
        }
    }
    match message.error() {
        Some(error) => Err(error.clone()),
        None => Ok(message.into_frame()),
    }
}

/// More than fit in 32 bits do not fit in a message either.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn node(mut out: capnp::node::Builder<'_>, node: &Node) -> Result<()> {
    out.set_id(node.id);
    out.set_display_name(&node.display_name);
    out.set_display_name_prefix_length(node.display_name_prefix_bytes);
    out.set_scope_id(node.scope_id);
    out.set_is_generic(node.is_generic);
    if !node.parameters.is_empty() {
        let list = out.reborrow().init_parameters(count(node.parameters.len()));
        parameters(list, &node.parameters);
    }
    // Null or empty is the same to a reader; here as elsewhere it is what the reference compiler
    // writes, so that requests can be compared as text.
    if !is_implied(node) {
        let mut nested = out
            .reborrow()
            .init_nested_nodes(count(node.nested_nodes.len()));
        for (index, found) in (0..).zip(&node.nested_nodes) {
            let mut entry = nested.reborrow().get(index);
            entry.set_name(&found.name);
            entry.set_id(found.id);
        }
    }
    if !node.annotations.is_empty() {
        let list = out
            .reborrow()
            .init_annotations(count(node.annotations.len()));
        annotations(list, &node.annotations)?;
    }
    match &node.kind {
        NodeKind::File => out.set_file(()),
        NodeKind::Struct(found) => structure(out.init_struct(), found)?,
        NodeKind::Enum { enumerants } => {
            let mut list = out.init_enum().init_enumerants(count(enumerants.len()));
            for (index, found) in (0..).zip(enumerants) {
                let mut entry = list.reborrow().get(index);
                entry.set_name(&found.name);
                entry.set_code_order(found.code_order);
                if !found.annotations.is_empty() {
                    let list = entry.init_annotations(count(found.annotations.len()));
                    annotations(list, &found.annotations)?;
                }
            }
        }
        NodeKind::Interface {
            methods,
            superclasses,
        } => interface(out.init_interface(), methods, superclasses)?,
        NodeKind::Const { ty, value } => {
            let mut group = out.init_const();
            self::ty(group.reborrow().init_type(), ty);
            self::value(group.init_value(), value)?;
        }
        NodeKind::Annotation { ty, targets } => {
            let mut group = out.init_annotation();
            self::ty(group.reborrow().init_type(), ty);
            group.set_targets_file(targets.file);
            group.set_targets_const(targets.constant);
            group.set_targets_enum(targets.enumeration);
            group.set_targets_enumerant(targets.enumerant);
            group.set_targets_struct(targets.structure);
            group.set_targets_field(targets.field);
            group.set_targets_union(targets.union);
            group.set_targets_group(targets.group);
            group.set_targets_interface(targets.interface);
            group.set_targets_method(targets.method);
            group.set_targets_param(targets.param);
            group.set_targets_annotation(targets.annotation);
        }
    }
    Ok(())
}

fn structure(mut out: capnp::node::struct_::Builder<'_>, found: &StructNode) -> Result<()> {
    out.set_data_word_count(found.data_words);
    out.set_pointer_count(found.pointers);
    out.set_preferred_list_encoding(encoding(found.preferred_list_encoding));
    out.set_is_group(found.is_group);
    out.set_discriminant_count(found.discriminant_count);
    out.set_discriminant_offset(found.discriminant_offset);
    if found.fields.is_empty() {
        return Ok(());
    }
    let mut list = out.init_fields(count(found.fields.len()));
    for (index, found) in (0..).zip(&found.fields) {
        field(list.reborrow().get(index), found)?;
    }
    Ok(())
}

fn encoding(encoding: PreferredListEncoding) -> capnp::ElementSize {
    match encoding {
        PreferredListEncoding::Empty => capnp::ElementSize::Empty,
        PreferredListEncoding::Bit => capnp::ElementSize::Bit,
        PreferredListEncoding::Byte => capnp::ElementSize::Byte,
        PreferredListEncoding::TwoBytes => capnp::ElementSize::TwoBytes,
        PreferredListEncoding::FourBytes => capnp::ElementSize::FourBytes,
        PreferredListEncoding::EightBytes => capnp::ElementSize::EightBytes,
        PreferredListEncoding::Pointer => capnp::ElementSize::Pointer,
        PreferredListEncoding::InlineComposite => capnp::ElementSize::InlineComposite,
    }
}

fn field(mut out: capnp::field::Builder<'_>, field: &Field) -> Result<()> {
    out.set_name(&field.name);
    out.set_code_order(field.code_order);
    if !field.annotations.is_empty() {
        let list = out
            .reborrow()
            .init_annotations(count(field.annotations.len()));
        annotations(list, &field.annotations)?;
    }
    let none = capnp::field::NO_DISCRIMINANT;
    out.set_discriminant_value(field.discriminant.unwrap_or(none));
    let mut ordinal = out.reborrow().init_ordinal();
    match field.ordinal {
        Some(number) => ordinal.set_explicit(number),
        None => ordinal.set_implicit(()),
    }
    match &field.kind {
        FieldKind::Slot {
            offset,
            ty,
            default,
            written_default,
        } => {
            let mut slot = out.init_slot();
            slot.set_offset(*offset);
            self::ty(slot.reborrow().init_type(), ty);
            let is_null = *written_default != WrittenDefault::Value;
            let mut written = slot.reborrow().init_default_value();
            match default {
                // Generators tell no default from an empty one by the pointer.
                Value::Text(_) if is_null => written.adopt_text(Orphan::null())?,
                Value::Data(_) if is_null => written.adopt_data(Orphan::null())?,
                default => value(written, default)?,
            }
            slot.set_had_explicit_default(*written_default != WrittenDefault::Nothing);
        }
        FieldKind::Group { id } => out.init_group().set_type_id(*id),
    }
    Ok(())
}

fn interface(
    mut out: capnp::node::interface::Builder<'_>,
    methods: &[Method],
    superclasses: &[Superclass],
) -> Result<()> {
    let mut list = out.reborrow().init_methods(count(methods.len()));
    for (index, found) in (0..).zip(methods) {
        let mut method = list.reborrow().get(index);
        method.set_name(&found.name);
        method.set_code_order(found.code_order);
        let implicit = &found.implicit_parameters;
        let list = method
            .reborrow()
            .init_implicit_parameters(count(implicit.len()));
        parameters(list, implicit);
        method.set_param_struct_type(found.param_struct);
        if !found.param_brand.scopes.is_empty() {
            brand(method.reborrow().init_param_brand(), &found.param_brand);
        }
        method.set_result_struct_type(found.result_struct);
        if !found.result_brand.scopes.is_empty() {
            brand(method.reborrow().init_result_brand(), &found.result_brand);
        }
        if !found.annotations.is_empty() {
            let list = method.init_annotations(count(found.annotations.len()));
            annotations(list, &found.annotations)?;
        }
    }
    let mut list = out.init_superclasses(count(superclasses.len()));
    for (index, found) in (0..).zip(superclasses) {
        let mut superclass = list.reborrow().get(index);
        superclass.set_id(found.id);
        if !found.brand.scopes.is_empty() {
            brand(superclass.init_brand(), &found.brand);
        }
    }
    Ok(())
}

fn parameters(mut list: struct_list::Builder<'_, capnp::node::parameter::Owned>, names: &[String]) {
    for (index, name) in (0..).zip(names) {
        list.reborrow().get(index).set_name(name);
    }
}

fn annotations(
    mut list: struct_list::Builder<'_, capnp::annotation::Owned>,
    annotations: &[Annotation],
) -> Result<()> {
    for (index, found) in (0..).zip(annotations) {
        let mut annotation = list.reborrow().get(index);
        annotation.set_id(found.id);
        brand(annotation.reborrow().init_brand(), &found.brand);
        value(annotation.init_value(), &found.value)?;
    }
    Ok(())
}

fn ty(mut out: capnp::type_::Builder<'_>, ty: &Type) {
    match ty {
        Type::Void => out.set_void(()),
        Type::Bool => out.set_bool(()),
        Type::Int8 => out.set_int8(()),
        Type::Int16 => out.set_int16(()),
        Type::Int32 => out.set_int32(()),
        Type::Int64 => out.set_int64(()),
        Type::UInt8 => out.set_uint8(()),
        Type::UInt16 => out.set_uint16(()),
        Type::UInt32 => out.set_uint32(()),
        Type::UInt64 => out.set_uint64(()),
        Type::Float32 => out.set_float32(()),
        Type::Float64 => out.set_float64(()),
        Type::Text => out.set_text(()),
        Type::Data => out.set_data(()),
        Type::List(element) => self::ty(out.init_list().init_element_type(), element),
        Type::Enum { id, brand } => {
            let mut group = out.init_enum();
            group.set_type_id(*id);
            if !brand.scopes.is_empty() {
                self::brand(group.init_brand(), brand);
            }
        }
        Type::Struct { id, brand } => {
            let mut group = out.init_struct();
            group.set_type_id(*id);
            if !brand.scopes.is_empty() {
                self::brand(group.init_brand(), brand);
            }
        }
        Type::Interface { id, brand } => {
            let mut group = out.init_interface();
            group.set_type_id(*id);
            if !brand.scopes.is_empty() {
                self::brand(group.init_brand(), brand);
            }
        }
        Type::AnyPointer(kind) => any_pointer_type(out.init_any_pointer(), kind),
    }
}

fn any_pointer_type(out: capnp::type_::any_pointer::Builder<'_>, kind: &AnyPointer) {
    match kind {
        AnyPointer::Any => out.init_unconstrained().set_any_kind(()),
        AnyPointer::Struct => out.init_unconstrained().set_struct(()),
        AnyPointer::List => out.init_unconstrained().set_list(()),
        AnyPointer::Capability => out.init_unconstrained().set_capability(()),
        AnyPointer::Parameter { scope_id, index } => {
            let mut parameter = out.init_parameter();
            parameter.set_scope_id(*scope_id);
            parameter.set_parameter_index(*index);
        }
        AnyPointer::ImplicitMethodParameter { index } => {
            out.init_implicit_method_parameter()
                .set_parameter_index(*index);
        }
    }
}

fn brand(out: capnp::brand::Builder<'_>, brand: &Brand) {
    if brand.scopes.is_empty() {
        return;
    }
    let mut scopes = out.init_scopes(count(brand.scopes.len()));
    for (index, found) in (0..).zip(&brand.scopes) {
        let mut scope = scopes.reborrow().get(index);
        scope.set_scope_id(found.scope_id);
        match &found.bindings {
            BrandBindings::Inherit => scope.set_inherit(()),
            BrandBindings::Bind(bindings) => {
                let mut list = scope.init_bind(count(bindings.len()));
                for (index, found) in (0..).zip(bindings) {
                    let mut binding = list.reborrow().get(index);
                    match found {
                        Binding::Unbound => binding.set_unbound(()),
                        Binding::Type(bound) => ty(binding.init_type(), bound),
                    }
                }
            }
        }
    }
}

fn value(mut out: capnp::value::Builder<'_>, value: &Value) -> Result<()> {
    match value {
        Value::Void => out.set_void(()),
        Value::Bool(value) => out.set_bool(*value),
        Value::Int8(value) => out.set_int8(*value),
        Value::Int16(value) => out.set_int16(*value),
        Value::Int32(value) => out.set_int32(*value),
        Value::Int64(value) => out.set_int64(*value),
        Value::UInt8(value) => out.set_uint8(*value),
        Value::UInt16(value) => out.set_uint16(*value),
        Value::UInt32(value) => out.set_uint32(*value),
        Value::UInt64(value) => out.set_uint64(*value),
        Value::Float32(value) => out.set_float32(*value),
        Value::Float64(value) => out.set_float64(*value),
        Value::Text(value) => out.set_text(value),
        Value::Data(value) => out.set_data(value),
        Value::Enum(value) => out.set_enum(*value),
        Value::Interface => out.set_interface(()),
        Value::List(bytes) => copy(out.init_list(), bytes)?,
        Value::Struct(bytes) => copy(out.init_struct(), bytes)?,
        Value::AnyPointer(bytes) => copy(out.init_any_pointer(), bytes)?,
    }
    Ok(())
}

/// Copies the root of the message in `bytes`, unless it is empty, which stands for null.
fn copy(mut out: any_pointer::Builder<'_>, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let options = ReaderOptions {
        traversal_limit_in_words: None,
        ..ReaderOptions::new()
    };
    let segments = [bytes];
    let message = Reader::new(SegmentArray::new(&segments), options);
    out.set_as::<any_pointer::Owned>(message.get_root_any()?)
}

fn source_info(mut out: capnp::node::source_info::Builder<'_>, node: &Node) {
    out.set_id(info_id(node));
    if let Some(doc) = &node.doc_comment {
        out.set_doc_comment(doc);
    }
    let members: Vec<Option<&str>> = match &node.kind {
        NodeKind::Struct(structure) => structure
            .fields
            .iter()
            .map(|f| f.doc_comment.as_deref())
            .collect(),
        NodeKind::Enum { enumerants } => enumerants
            .iter()
            .map(|e| e.doc_comment.as_deref())
            .collect(),
        NodeKind::Interface { methods, .. } => {
            methods.iter().map(|m| m.doc_comment.as_deref()).collect()
        }
        _ => return,
    };
    if members.is_empty() && matches!(node.kind, NodeKind::Struct(_)) {
        return;
    }
    let mut list = out.init_members(count(members.len()));
    for (index, doc) in (0..).zip(members) {
        if let Some(doc) = doc {
            list.reborrow().get(index).set_doc_comment(doc);
        }
    }
}

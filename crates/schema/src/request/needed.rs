//! What a code generator needs to know: everything in the requested files, and of the other files
//! only what that leads to.

use std::collections::{HashMap, HashSet};

use crate::node::{
    Annotation, Binding, Brand, BrandBindings, CompiledSchema, FieldKind, Node, NodeKind, Type,
};

/// The nodes that the requested files need, in the schema's order.
pub(super) fn needed_nodes(schema: &CompiledSchema) -> Vec<&Node> {
    let by_id: HashMap<u64, &Node> = schema.nodes.iter().map(|node| (node.id, node)).collect();
    let requested: HashSet<u64> = schema.requested_files.iter().map(|file| file.id).collect();
    let mut found = HashSet::new();
    // Each with whether all that is declared inside is needed too.
    let mut queue: Vec<(u64, bool)> = requested.iter().map(|id| (*id, true)).collect();
    let mut expanded = HashSet::new();
    while let Some((id, with_children)) = queue.pop() {
        let Some(node) = by_id.get(&id) else {
            continue;
        };
        if with_children && expanded.insert(id) {
            queue.extend(node.nested_nodes.iter().map(|nested| (nested.id, true)));
        }
        if found.insert(id) {
            queue.push((node.scope_id, false));
            dependencies(node, &mut |id| queue.push((id, false)));
        }
    }
    schema
        .nodes
        .iter()
        .filter(|node| found.contains(&node.id))
        .collect()
}

fn dependencies(node: &Node, visit: &mut dyn FnMut(u64)) {
    annotations(&node.annotations, visit);
    match &node.kind {
        NodeKind::File => {}
        NodeKind::Struct(structure) => {
            for field in &structure.fields {
                annotations(&field.annotations, visit);
                match &field.kind {
                    FieldKind::Slot { ty, .. } => types(ty, visit),
                    FieldKind::Group { id } => visit(*id),
                }
            }
        }
        NodeKind::Enum { enumerants } => {
            enumerants
                .iter()
                .for_each(|enumerant| annotations(&enumerant.annotations, visit));
        }
        NodeKind::Interface {
            methods,
            superclasses,
        } => {
            for superclass in superclasses {
                visit(superclass.id);
                brands(&superclass.brand, visit);
            }
            for method in methods {
                visit(method.param_struct);
                brands(&method.param_brand, visit);
                visit(method.result_struct);
                brands(&method.result_brand, visit);
                annotations(&method.annotations, visit);
            }
        }
        NodeKind::Const { ty, .. } | NodeKind::Annotation { ty, .. } => types(ty, visit),
    }
}

fn annotations(list: &[Annotation], visit: &mut dyn FnMut(u64)) {
    for annotation in list {
        visit(annotation.id);
        brands(&annotation.brand, visit);
    }
}

fn types(ty: &Type, visit: &mut dyn FnMut(u64)) {
    match ty {
        Type::List(element) => types(element, visit),
        Type::Enum { id, brand } | Type::Struct { id, brand } | Type::Interface { id, brand } => {
            visit(*id);
            brands(brand, visit);
        }
        _ => {}
    }
}

fn brands(brand: &Brand, visit: &mut dyn FnMut(u64)) {
    for scope in &brand.scopes {
        if let BrandBindings::Bind(bindings) = &scope.bindings {
            for binding in bindings {
                if let Binding::Type(ty) = binding {
                    types(ty, visit);
                }
            }
        }
    }
}

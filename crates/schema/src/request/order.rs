//! What a code generator needs to know, in the order in which the reference compiler puts it:
//! everything in the requested files, and of the other files only what that leads to.
//!
//! Readers find nodes by their ids and need no order. It is kept so that two requests are equal as
//! texts, which anyone can see with `diff`.

use std::collections::{HashMap, HashSet};

use crate::node::{
    Annotation, Binding, Brand, BrandBindings, CompiledSchema, FieldKind, Method, Node, NodeKind,
    Superclass, Type,
};

/// What goes into a request.
pub(super) struct Order<'a> {
    /// Each where it is mentioned first: a node is preceded by those that its fields and methods
    /// name, as far as those have not come up before.
    pub(super) nodes: Vec<&'a Node>,
    /// The nodes that have source information.
    pub(super) infos: Vec<&'a Node>,
}

impl<'a> Order<'a> {
    pub(super) fn of(schema: &'a CompiledSchema) -> Self {
        let mut walk = Walk::new(schema);
        for file in &schema.requested_files {
            walk.run(file.id);
        }
        let by_id = &walk.by_id;
        let found = |id: &u64| by_id.get(id).copied();
        Order {
            nodes: walk.listed.iter().filter_map(found).collect(),
            infos: hash_table_order(&walk.infos)
                .iter()
                .filter_map(|at| walk.info_nodes.get(*at).copied())
                .collect(),
        }
    }
}

/// Structs that are declared as part of something else: groups, parameters and results.
pub(super) fn is_implied(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Struct(found) => found.is_group || node.scope_id == 0,
        _ => false,
    }
}

/// The id that a node's source information goes by. Parameter and result structs have none of
/// their own there, and only the first of them is in the table.
pub(super) fn info_id(node: &Node) -> u64 {
    match &node.kind {
        NodeKind::Struct(found) if !found.is_group && node.scope_id == 0 => 0,
        _ => node.id,
    }
}

/// A way through the schema: each node, what it names, then (for names from elsewhere) what it is
/// declared in or (for what was requested) what is declared in it.
struct Walk<'a> {
    by_id: HashMap<u64, &'a Node>,
    /// The implied structs of structs and interfaces.
    implied: HashMap<u64, Vec<&'a Node>>,
    listed: Vec<u64>,
    is_listed: HashSet<u64>,
    infos: Vec<u64>,
    info_nodes: Vec<&'a Node>,
    has_info: HashSet<u64>,
    visited: HashSet<(u64, Reason)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Reason {
    /// The file was asked for.
    Requested,
    /// Something named it.
    Named,
}

enum Step<'a> {
    Visit(u64, Reason),
    Describe(&'a Node),
}

impl<'a> Walk<'a> {
    fn new(schema: &'a CompiledSchema) -> Self {
        let by_id: HashMap<u64, &Node> = schema.nodes.iter().map(|node| (node.id, node)).collect();
        let mut implied = HashMap::new();
        for node in schema.nodes.iter().filter(|node| !is_implied(node)) {
            implied.insert(node.id, implied_structs(node, &by_id));
        }
        Walk {
            by_id,
            implied,
            listed: Vec::new(),
            is_listed: HashSet::new(),
            infos: Vec::new(),
            info_nodes: Vec::new(),
            has_info: HashSet::new(),
            visited: HashSet::new(),
        }
    }

    fn run(&mut self, file: u64) {
        // Not recursive: what names what can be a long chain.
        let mut stack = vec![Step::Visit(file, Reason::Requested)];
        while let Some(step) = stack.pop() {
            match step {
                Step::Describe(node) => self.describe(node),
                Step::Visit(id, reason) => {
                    let Some(node) = self.by_id.get(&id).copied() else {
                        continue;
                    };
                    if is_implied(node) || !self.visited.insert((id, reason)) {
                        continue;
                    }
                    self.load(node);
                    let at = stack.len();
                    self.named_by(node, &mut |id| stack.push(Step::Visit(id, Reason::Named)));
                    stack.push(Step::Describe(node));
                    match reason {
                        Reason::Named => stack.push(Step::Visit(node.scope_id, Reason::Named)),
                        Reason::Requested => stack.extend(
                            node.nested_nodes
                                .iter()
                                .map(|nested| Step::Visit(nested.id, Reason::Requested)),
                        ),
                    }
                    // The first of them comes off the stack first.
                    if let Some(new) = stack.get_mut(at..) {
                        new.reverse();
                    }
                }
            }
        }
    }

    /// Lists a node, its implied structs before it, and before each the types that it mentions.
    fn load(&mut self, node: &'a Node) {
        let implied = self.implied.get(&node.id).cloned().unwrap_or_default();
        for node in implied.into_iter().chain([node]) {
            let (listed, is_listed) = (&mut self.listed, &mut self.is_listed);
            let mut list = |id| {
                if is_listed.insert(id) {
                    listed.push(id);
                }
            };
            mentioned_types(node, &mut list);
            list(node.id);
        }
    }

    /// Everything that a node and its implied structs name, annotations included.
    fn named_by(&self, node: &Node, visit: &mut dyn FnMut(u64)) {
        let implied = self.implied.get(&node.id).into_iter().flatten().copied();
        for node in std::iter::once(node).chain(implied) {
            dependencies(node, visit);
        }
    }

    fn describe(&mut self, node: &'a Node) {
        let implied = self.implied.get(&node.id).cloned().unwrap_or_default();
        for node in std::iter::once(node).chain(implied) {
            let id = info_id(node);
            if self.has_info.insert(id) {
                self.infos.push(id);
                self.info_nodes.push(node);
            }
        }
    }
}

/// The groups of a struct as the text has them, each before those in it; the parameter and result
/// structs of an interface.
fn implied_structs<'a>(node: &'a Node, by_id: &HashMap<u64, &'a Node>) -> Vec<&'a Node> {
    let mut found: Vec<&Node> = Vec::new();
    if let NodeKind::Interface { methods, .. } = &node.kind {
        let ids = methods
            .iter()
            .flat_map(|m| [m.param_struct, m.result_struct]);
        let nodes = ids.filter_map(|id| by_id.get(&id).copied());
        found.extend(nodes.filter(|node| is_implied(node)));
    }
    // A damaged request can have groups in a circle.
    let mut seen = HashSet::new();
    let mut stack = vec![node];
    while let Some(node) = stack.pop() {
        let NodeKind::Struct(structure) = &node.kind else {
            continue;
        };
        if structure.is_group {
            found.push(node);
        }
        let mut groups = Vec::new();
        for field in &structure.fields {
            if let FieldKind::Group { id } = &field.kind
                && let Some(group) = by_id.get(id).filter(|group| is_implied(group))
                && seen.insert(*id)
            {
                groups.push((field.code_order, *group));
            }
        }
        groups.sort_by_key(|(code_order, _)| *code_order);
        // The first of them comes off the stack first.
        stack.extend(groups.into_iter().rev().map(|(_, group)| group));
    }
    found
}

/// The types of a node's fields, constants and annotations, its superclasses and the structs of its
/// methods.
fn mentioned_types(node: &Node, visit: &mut dyn FnMut(u64)) {
    match &node.kind {
        NodeKind::File | NodeKind::Enum { .. } => {}
        NodeKind::Struct(structure) => {
            for field in &structure.fields {
                match &field.kind {
                    FieldKind::Slot { ty, .. } => types(ty, visit),
                    FieldKind::Group { id } => visit(*id),
                }
            }
            if structure.is_group {
                visit(node.scope_id);
            }
        }
        NodeKind::Interface {
            methods,
            superclasses,
        } => {
            ancestors(superclasses, visit);
            methods.iter().for_each(|method| signature(method, visit));
        }
        NodeKind::Const { ty, .. } | NodeKind::Annotation { ty, .. } => types(ty, visit),
    }
}

/// The same with annotations, and without groups.
fn dependencies(node: &Node, visit: &mut dyn FnMut(u64)) {
    match &node.kind {
        NodeKind::File => {}
        NodeKind::Struct(structure) => {
            for field in &structure.fields {
                if let FieldKind::Slot { ty, .. } = &field.kind {
                    types(ty, visit);
                }
                annotations(&field.annotations, visit);
            }
        }
        NodeKind::Enum { enumerants } => {
            for enumerant in enumerants {
                annotations(&enumerant.annotations, visit);
            }
        }
        NodeKind::Interface {
            methods,
            superclasses,
        } => {
            ancestors(superclasses, visit);
            for method in methods {
                signature(method, visit);
                annotations(&method.annotations, visit);
            }
        }
        NodeKind::Const { ty, .. } | NodeKind::Annotation { ty, .. } => types(ty, visit),
    }
    annotations(&node.annotations, visit);
}

fn ancestors(superclasses: &[Superclass], visit: &mut dyn FnMut(u64)) {
    for superclass in superclasses {
        visit(superclass.id);
        brands(&superclass.brand, visit);
    }
}

fn signature(method: &Method, visit: &mut dyn FnMut(u64)) {
    visit(method.param_struct);
    brands(&method.param_brand, visit);
    visit(method.result_struct);
    brands(&method.result_brand, visit);
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

/// The order in which a chained hash table with these keys is read: that of the C++ library that
/// the reference compiler of the Linux distributions uses. A table that grows is read out and
/// filled again; of a filled one the last bucket that came into use is read first, and in it the
/// last key. Returned are positions in `keys`.
fn hash_table_order(keys: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    for size in BUCKETS {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        order.extend(order.len()..keys.len().min(size));
        order = fill_and_read(&order, keys, size);
        if order.len() == keys.len() {
            break;
        }
    }
    order.extend(order.len()..keys.len());
    order
}

fn fill_and_read(order: &[usize], keys: &[u64], buckets: usize) -> Vec<usize> {
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut filled: Vec<Vec<usize>> = Vec::new();
    for at in order {
        let key = keys.get(*at).copied().unwrap_or(0) % buckets as u64;
        let place = *places.entry(key).or_insert(filled.len());
        if place == filled.len() {
            filled.push(Vec::new());
        }
        if let Some(bucket) = filled.get_mut(place) {
            bucket.push(*at);
        }
    }
    let read = filled.iter().rev().flat_map(|bucket| bucket.iter().rev());
    read.copied().collect()
}

/// The sizes that such a table grows through; it grows when it has as many keys as buckets.
const BUCKETS: [u32; 16] = [
    13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172_933, 351_061,
    712_697,
];

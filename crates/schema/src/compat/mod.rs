//! Whether messages and calls of two versions of a schema understand each other.
//!
//! What counts is the wire: names may change, numbers, types, defaults and places may not, save
//! for the few changes that the format allows.

mod places;
mod structs;
mod types;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::node::{CompiledSchema, Enumerant, Method, Node, NodeKind, Superclass};

/// A change that peers with the older version would notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incompatibility {
    /// The newer version's file, or the older one's when it is gone from there.
    pub file: String,
    /// What changed, from the file's scope on, such as `Person.age`.
    pub declaration: String,
    /// What it was and what it is.
    pub reason: String,
    /// What to do instead, where one can tell.
    pub hint: Option<String>,
}

impl Incompatibility {
    /// The message, in one line.
    pub fn message(&self) -> String {
        format!(
            "'{}' breaks wire compatibility: {}",
            self.declaration, self.reason
        )
    }
}

/// Every change from `old` to `new`, in the requested files and what they use, that breaks wire
/// compatibility. The first requested files of both are taken for versions of one file, and so on.
pub fn incompatibilities(old: &CompiledSchema, new: &CompiledSchema) -> Vec<Incompatibility> {
    let mut comparison = Comparison {
        old: Version::new(old),
        new: Version::new(new),
        renamed: HashMap::new(),
        pairs: VecDeque::new(),
        seen: HashSet::new(),
        scopes: HashSet::new(),
        found: Vec::new(),
    };
    for (old_file, new_file) in old.requested_files.iter().zip(&new.requested_files) {
        comparison.match_nested(old_file.id, new_file.id);
    }
    while let Some((old, new)) = comparison.pairs.pop_front() {
        comparison.compare(old, new);
    }
    comparison.found
}

/// One of the two schemas.
struct Version<'a> {
    nodes: HashMap<u64, &'a Node>,
}

impl<'a> Version<'a> {
    fn new(schema: &'a CompiledSchema) -> Self {
        let nodes = schema.nodes.iter().map(|node| (node.id, node)).collect();
        Version { nodes }
    }

    fn node(&self, id: u64) -> Option<&'a Node> {
        self.nodes.get(&id).copied()
    }
}

struct Comparison<'a> {
    old: Version<'a>,
    new: Version<'a>,
    /// Nodes that have one path in both versions, but another id in each.
    renamed: HashMap<u64, u64>,
    /// Nodes to be compared.
    pairs: VecDeque<(&'a Node, &'a Node)>,
    seen: HashSet<(u64, u64)>,
    /// Scopes of the older version whose content was matched.
    scopes: HashSet<u64>,
    found: Vec<Incompatibility>,
}

impl<'a> Comparison<'a> {
    /// Finds the newer version of everything declared in a scope: by id, or else by name.
    fn match_nested(&mut self, old_scope: u64, new_scope: u64) {
        let Some(old_scope) = self.old.node(old_scope) else {
            return;
        };
        if !self.scopes.insert(old_scope.id) {
            return;
        }
        let new_scope = self.new.node(new_scope);
        for nested in &old_scope.nested_nodes {
            let Some(old) = self.old.node(nested.id) else {
                continue;
            };
            let by_name = || {
                let mut children = new_scope?.nested_nodes.iter();
                self.new
                    .node(children.find(|new| new.name == nested.name)?.id)
            };
            let new = self.new.node(nested.id).or_else(by_name);
            if let Some(new) = new {
                if new.id != old.id {
                    self.renamed.insert(old.id, new.id);
                }
                self.pair(old, new);
                self.match_nested(old.id, new.id);
            } else {
                self.gone(old);
                self.match_moved(old);
            }
        }
    }

    /// What was declared in a node that is gone may have moved elsewhere, with its id.
    fn match_moved(&mut self, gone: &'a Node) {
        for nested in &gone.nested_nodes {
            let Some(old) = self.old.node(nested.id) else {
                continue;
            };
            match self.new.node(nested.id) {
                Some(new) => {
                    self.pair(old, new);
                    self.match_nested(old.id, new.id);
                }
                None if self.scopes.insert(old.id) => self.match_moved(old),
                None => {}
            }
        }
    }

    fn gone(&mut self, old: &Node) {
        let reason = match &old.kind {
            NodeKind::Struct(_) => "this struct is gone, and peers may still send it",
            NodeKind::Interface { .. } => "this interface is gone, and peers may still call it",
            // Others are not on the wire but in the fields that use them.
            _ => return,
        };
        self.report_hint(
            old,
            None,
            reason.to_owned(),
            "keep it, or, if it only moved, give it its old id",
        );
    }

    /// Has two nodes compared, unless they were already.
    fn pair(&mut self, old: &'a Node, new: &'a Node) {
        if self.seen.insert((old.id, new.id)) {
            self.pairs.push_back((old, new));
        }
    }

    fn compare(&mut self, old: &'a Node, new: &'a Node) {
        match (&old.kind, &new.kind) {
            (NodeKind::Struct(old_struct), NodeKind::Struct(new_struct)) => {
                self.compare_structs((old, old_struct), (new, new_struct));
            }
            (NodeKind::Enum { enumerants: before }, NodeKind::Enum { enumerants: after }) => {
                self.compare_enums(new, before, after);
            }
            (
                NodeKind::Interface {
                    methods: before,
                    superclasses,
                },
                NodeKind::Interface {
                    methods: after,
                    superclasses: new_superclasses,
                },
            ) => {
                if old.id != new.id {
                    let reason = format!(
                        "calls name the interface by its id, which was @{:#x} and is @{:#x}",
                        old.id, new.id
                    );
                    let hint = format!("write '{} @{:#x}'", new.name(), old.id);
                    self.report_hint(new, None, reason, &hint);
                }
                self.compare_superclasses(new, superclasses, new_superclasses);
                self.compare_methods(new, before, after);
            }
            // Constants and annotations are not on the wire.
            (NodeKind::Const { .. } | NodeKind::Annotation { .. } | NodeKind::File, _) => {}
            (before, after) => {
                let reason = format!("it was {} and is {}", kind(before), kind(after));
                self.report(new, None, reason);
            }
        }
    }

    fn compare_enums(&mut self, new: &Node, before: &[Enumerant], after: &[Enumerant]) {
        let names = |list: &'_ [Enumerant]| -> BTreeMap<String, usize> {
            list.iter().map(|e| e.name.clone()).zip(0..).collect()
        };
        self.compare_numbers(new, "enumerant", &names(before), &names(after));
    }

    fn compare_superclasses(&mut self, new: &Node, before: &[Superclass], after: &[Superclass]) {
        for superclass in before {
            let id = self.new_id(superclass.id);
            if !after.iter().any(|found| found.id == id) {
                let name = self.old.node(superclass.id).map_or("", |node| node.name());
                let reason = format!("it no longer extends '{name}', whose methods peers may call");
                self.report(new, None, reason);
            }
        }
    }

    fn compare_methods(&mut self, new: &'a Node, before: &[Method], after: &[Method]) {
        let names = |list: &'_ [Method]| -> BTreeMap<String, usize> {
            list.iter().map(|m| m.name.clone()).zip(0..).collect()
        };
        self.compare_numbers(new, "method", &names(before), &names(after));
        for (old_method, new_method) in before.iter().zip(after) {
            let structs = [
                (old_method.param_struct, new_method.param_struct),
                (old_method.result_struct, new_method.result_struct),
            ];
            for (old_struct, new_struct) in structs {
                let (old, new) = (self.old.node(old_struct), self.new.node(new_struct));
                if let (Some(old), Some(new)) = (old, new) {
                    self.pair(old, new);
                }
            }
        }
    }

    /// Members by name, with their numbers: none may be gone, or have changed its number.
    fn compare_numbers(
        &mut self,
        new: &Node,
        what: &str,
        before: &BTreeMap<String, usize>,
        after: &BTreeMap<String, usize>,
    ) {
        let count = after.len();
        let mut by_number: Vec<(&String, usize)> = before.iter().map(|(n, o)| (n, *o)).collect();
        by_number.sort_by_key(|(_, number)| *number);
        for (name, number) in by_number {
            match after.get(name) {
                Some(now) if *now != number => {
                    let reason = format!("its number was @{number} and is @{now}");
                    self.report(new, Some(name), reason);
                }
                // Its number stays, under another name.
                None if number < count => {}
                None => {
                    let reason = format!("this {what} is gone, and peers may still use @{number}");
                    let hint = format!("keep it; a name like 'obsolete{}' will do", capital(name));
                    self.report_hint(new, Some(name), reason, &hint);
                }
                Some(_) => {}
            }
        }
    }

    /// The newer version's id of a node of the older one.
    fn new_id(&self, old: u64) -> u64 {
        self.renamed.get(&old).copied().unwrap_or(old)
    }

    fn report(&mut self, node: &Node, member: Option<&str>, reason: String) {
        self.push(node, member, reason, None);
    }

    fn report_hint(&mut self, node: &Node, member: Option<&str>, reason: String, hint: &str) {
        self.push(node, member, reason, Some(hint.to_owned()));
    }

    fn push(&mut self, node: &Node, member: Option<&str>, reason: String, hint: Option<String>) {
        let (file, path) = match node.display_name.split_once(':') {
            Some((file, path)) => (file, path),
            None => (node.display_name.as_str(), ""),
        };
        let parts: Vec<&str> = [path].into_iter().chain(member).collect();
        let incompatibility = Incompatibility {
            file: file.to_owned(),
            declaration: parts.join("."),
            reason,
            hint,
        };
        if !self.found.contains(&incompatibility) {
            self.found.push(incompatibility);
        }
    }
}

fn kind(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::File => "a file",
        NodeKind::Struct(_) => "a struct",
        NodeKind::Enum { .. } => "an enum",
        NodeKind::Interface { .. } => "an interface",
        NodeKind::Const { .. } => "a constant",
        NodeKind::Annotation { .. } => "an annotation",
    }
}

/// `name` with a capital.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

//! Where every node lives in the generated code: which module, under which name.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};

use capstan_schema::node::{CompiledSchema, FieldKind, Node, NodeKind};

use super::generics::TypeParameter;
use super::introspection::packed_nodes;
use super::{Error, Options, annotations, escape_keyword, module_name};
use crate::names::{pascal_case, screaming_snake_case, snake_case};

pub(super) struct Scopes<'a> {
    schema: &'a CompiledSchema,
    /// Made when the first node is asked for.
    packed_nodes: OnceCell<HashMap<u64, Vec<u8>>>,
    nodes: HashMap<u64, &'a Node>,
    places: HashMap<u64, Place>,
    options: &'a Options,
    /// The other files that the code written so far refers to.
    other_files: RefCell<BTreeSet<u64>>,
}

/// What a node is called, and in which node's module that name stands.
struct Place {
    parent: u64,
    name: String,
}

/// Names that generated modules define themselves.
const RESERVED_NAMES: &[&str] = &[
    "Builder",
    "Client",
    "INTERFACE_ID",
    "Owned",
    "Pipeline",
    "Reader",
    "Self",
    "Server",
    "ServerDispatch",
    "Which",
    "WhichBuilder",
    "WhichReader",
];

impl<'a> Scopes<'a> {
    pub(super) fn new(schema: &'a CompiledSchema, options: &'a Options) -> Self {
        let nodes: HashMap<u64, &Node> = schema.nodes.iter().map(|node| (node.id, node)).collect();
        let mut places = HashMap::new();
        for node in &schema.nodes {
            if matches!(node.kind, NodeKind::File) {
                places.insert(
                    node.id,
                    Place {
                        parent: 0,
                        name: module_name(&node.display_name),
                    },
                );
            }
            name_children(node, &nodes, &mut places);
        }
        Self {
            schema,
            packed_nodes: OnceCell::new(),
            nodes,
            places,
            options,
            other_files: RefCell::default(),
        }
    }

    pub(super) fn options(&self) -> &'a Options {
        self.options
    }

    /// The files, other than the ones that the paths began in, that any path has led to.
    pub(super) fn other_files(&self) -> BTreeSet<u64> {
        self.other_files.borrow().clone()
    }

    pub(super) fn node(&self, id: u64) -> Result<&'a Node, Error> {
        self.nodes.get(&id).copied().ok_or_else(|| {
            Error::new(format!(
                "the schema refers to node {id:#018x}, which it does not contain"
            ))
        })
    }

    /// The node as a packed message.
    pub(super) fn packed_node(&self, id: u64) -> Result<&[u8], Error> {
        if self.packed_nodes.get().is_none() {
            // Only this call can have set it.
            let _ = self.packed_nodes.set(packed_nodes(self.schema)?);
        }
        let packed = self.packed_nodes.get().and_then(|nodes| nodes.get(&id));
        packed.map(Vec::as_slice).ok_or_else(|| {
            Error::new(format!(
                "node {id:#018x} belongs to no file, so it cannot be written"
            ))
        })
    }

    pub(super) fn implicit_structs(&self, node: &Node) -> Vec<(String, u64)> {
        implicit_structs(node, &self.nodes)
    }

    /// Whether the node is a method's list of parameters or results, not a struct with a name.
    pub(super) fn is_parameter_list(&self, id: u64) -> Result<bool, Error> {
        Ok(is_implicit_struct(self.node(id)?))
    }

    /// The node's name in its module: `foo_bar`, an enum's `FooBar` or a constant's `FOO_BAR`.
    pub(super) fn name(&self, id: u64) -> Result<&str, Error> {
        Ok(self.place(id)?.name.as_str())
    }

    /// How code in the module of the node `from` refers to the node `to`.
    pub(super) fn path(&self, to: u64, from: u64) -> Result<String, Error> {
        let (to, from) = (self.chain(to)?, self.chain(from)?);
        let Some((file, inner)) = to.split_first() else {
            return Ok(String::new());
        };
        let mut segments: Vec<&str> = Vec::new();
        let mut rest = inner;
        let module;
        if from.first() == Some(file) {
            let common = to
                .iter()
                .zip(&from)
                .take_while(|(to, from)| to == from)
                .count();
            segments.resize(from.len().saturating_sub(common), "super");
            rest = to.get(common..).unwrap_or_default();
            if segments.is_empty() {
                segments.push("self");
            }
        } else {
            module = self.module_of_file(*file)?;
            segments.push(&module);
        }
        for id in rest {
            segments.push(self.name(*id)?);
        }
        Ok(segments.join("::"))
    }

    /// The node and those around it, the file first.
    fn chain(&self, id: u64) -> Result<Vec<u64>, Error> {
        let mut chain = Vec::new();
        let mut at = id;
        while at != 0 {
            // A chain longer than there are nodes is a circle.
            if chain.len() > self.nodes.len() {
                return Err(Error::new(format!(
                    "the scopes of node {id:#018x} lead in a circle"
                )));
            }
            chain.push(at);
            at = self.place(at)?.parent;
        }
        chain.reverse();
        Ok(chain)
    }

    /// The type parameters of the node and of those around it, outermost first. A parameter that
    /// hides an outer one of the same name, or what the node's module defines, is renamed.
    pub(super) fn type_parameters(&self, id: u64) -> Result<Vec<TypeParameter>, Error> {
        let mut parameters: Vec<TypeParameter> = Vec::new();
        let aliases = alias_names(self.node(id)?);
        for id in self.chain(id)? {
            let node = self.node(id)?;
            for (index, name) in (0..).zip(&node.parameters) {
                let mut name = escape_keyword(pascal_case(name));
                while RESERVED_NAMES.contains(&name.as_str())
                    || aliases.contains(&name)
                    || parameters.iter().any(|parameter| parameter.name == name)
                {
                    name.push('_');
                }
                parameters.push(TypeParameter {
                    scope_id: node.id,
                    index,
                    name,
                });
            }
        }
        Ok(parameters)
    }

    fn module_of_file(&self, id: u64) -> Result<String, Error> {
        self.other_files.borrow_mut().insert(id);
        Ok(match self.options.file_modules.get(&id) {
            Some(module) => module.clone(),
            None => {
                let mut module = self.options.root_module.clone();
                if let Some(parent) = annotations::parent_module(self.node(id)?) {
                    module = format!("{module}::{parent}");
                }
                format!("{module}::{}", self.name(id)?)
            }
        })
    }

    fn place(&self, id: u64) -> Result<&Place, Error> {
        let node = self.node(id)?;
        self.places
            .get(&id)
            .ok_or_else(|| Error::new(format!("{} is in no scope", node.display_name)))
    }
}

/// The groups among a struct's fields: (field name, node id).
pub(super) fn groups(node: &Node) -> impl Iterator<Item = (&str, u64)> {
    let fields = match &node.kind {
        NodeKind::Struct(structure) => structure.fields.as_slice(),
        _ => &[],
    };
    fields.iter().filter_map(|field| match field.kind {
        FieldKind::Group { id } => Some((annotations::name(&field.annotations, &field.name), id)),
        FieldKind::Slot { .. } => None,
    })
}

/// The structs that an interface's parameter and result lists imply: (name, node id).
fn implicit_structs(node: &Node, nodes: &HashMap<u64, &Node>) -> Vec<(String, u64)> {
    let NodeKind::Interface { methods, .. } = &node.kind else {
        return Vec::new();
    };
    let mut structs = Vec::new();
    for method in methods {
        for (suffix, id) in [
            ("Params", method.param_struct),
            ("Results", method.result_struct),
        ] {
            if nodes.get(&id).is_some_and(|node| is_implicit_struct(node)) {
                structs.push((format!("{}{suffix}", method.name), id));
            }
        }
    }
    structs
}

/// Whether the node stands for a parameter or result list: such nodes belong to no scope.
fn is_implicit_struct(node: &Node) -> bool {
    node.scope_id == 0 && matches!(node.kind, NodeKind::Struct(_))
}

/// The aliases `WriteParams`, `EndResults` that stand in an interface's module beside nested enums.
fn alias_names(node: &Node) -> Vec<String> {
    let methods = match &node.kind {
        NodeKind::Interface { methods, .. } => methods.as_slice(),
        _ => &[],
    };
    let names = methods.iter().map(|method| pascal_case(&method.name));
    names
        .flat_map(|name| [format!("{name}Params"), format!("{name}Results")])
        .collect()
}

fn name_children(node: &Node, nodes: &HashMap<u64, &Node>, places: &mut HashMap<u64, Place>) {
    let mut taken = HashSet::new();
    if !matches!(node.kind, NodeKind::File) {
        taken.extend(RESERVED_NAMES.iter().map(|name| name.to_string()));
    }
    taken.extend(alias_names(node));
    let mut add = |id: u64, name: String| {
        let mut name = escape_keyword(name);
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        places.insert(
            id,
            Place {
                parent: node.id,
                name,
            },
        );
    };
    for nested in &node.nested_nodes {
        let node = nodes.get(&nested.id);
        let wish = match node {
            Some(node) => annotations::name(&node.annotations, &nested.name),
            None => &nested.name,
        };
        let name = match node.map(|node| &node.kind) {
            Some(NodeKind::Enum { .. }) => pascal_case(wish),
            Some(NodeKind::Const { .. }) => screaming_snake_case(wish),
            _ => snake_case(wish),
        };
        add(nested.id, name);
    }
    for (name, id) in groups(node) {
        add(id, snake_case(name));
    }
    for (name, id) in implicit_structs(node, nodes) {
        add(id, snake_case(&name));
    }
}

//! What everything is called, and how one place in a module refers to another.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use capstan_schema::node::{CompiledSchema, FieldKind, Node, NodeKind, StructNode, Type};

use super::Error;
use super::generics::{Parameter, with_capabilities, with_own_parameters};
use super::words::{group_name, type_name};

/// Types that come with a node, in its namespace.
const EXTRAS: &[&str] = &[
    "Builder", "Generic", "Input", "Pipeline", "Server", "Type", "View",
];

/// A node's file and its names from the outermost in.
#[derive(Debug)]
struct Place {
    file: u64,
    path: Vec<String>,
    /// Empty for what is no type of its own in TypeScript: enums, constants, annotations.
    parameters: Vec<Parameter>,
}

impl Place {
    /// The name of what is at the top level of this file.
    fn top_name(&self, file: u64) -> Option<&str> {
        match self.path.as_slice() {
            [name] if self.file == file => Some(name),
            _ => None,
        }
    }
}

/// From where something is referred to: which names mean what depends on that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    node: Option<u64>,
    /// The node whose type parameters are known.
    parameters: Option<u64>,
    /// The method of that node, an interface, whose own type parameters are known too.
    method: Option<usize>,
    is_nested: bool,
}

impl Site {
    /// At the top level of the module.
    pub(super) const TOP: Self = Self {
        node: None,
        parameters: None,
        method: None,
        is_nested: false,
    };

    /// In the declaration of a node's types, among the types of its namespace.
    pub(super) fn inside(node: u64) -> Self {
        Self {
            node: Some(node),
            parameters: Some(node),
            method: None,
            is_nested: true,
        }
    }

    /// In code at the top level of the module that has the node's type parameters.
    pub(super) fn beside(node: u64) -> Self {
        Self {
            node: Some(node),
            parameters: Some(node),
            method: None,
            is_nested: false,
        }
    }

    /// The same, where the parameters of another node are known instead.
    pub(super) fn knowing(self, node: u64) -> Self {
        Self {
            parameters: Some(node),
            method: None,
            ..self
        }
    }

    /// The same, where the type parameters of a method of the node are known too, by its ordinal.
    pub(super) fn in_method(self, ordinal: usize) -> Self {
        Self {
            method: Some(ordinal),
            ..self
        }
    }

    pub(super) fn parameters(self) -> Option<u64> {
        self.parameters
    }

    pub(super) fn method(self) -> Option<usize> {
        self.method
    }
}

pub(super) struct Names<'s> {
    nodes: HashMap<u64, &'s Node>,
    places: HashMap<u64, Place>,
    file: u64,
    /// Structs through which a capability can be reached.
    with_capabilities: BTreeSet<u64>,
    /// The same, if type parameters stand for interfaces.
    perhaps_with_capabilities: BTreeSet<u64>,
    /// Filled while code is made: files referred to, local types that need another name, structs
    /// that stand in lists.
    pub(super) imported: RefCell<BTreeSet<u64>>,
    aliased: RefCell<BTreeMap<String, String>>,
    listed: RefCell<BTreeSet<u64>>,
    /// Expressions for types with arguments that the code under way needs at run time.
    applied: RefCell<Vec<String>>,
}

impl<'s> Names<'s> {
    pub(super) fn new(schema: &'s CompiledSchema, file: u64) -> Result<Self, Error> {
        let nodes: HashMap<u64, &Node> = schema.nodes.iter().map(|node| (node.id, node)).collect();
        let mut names = Self {
            nodes,
            places: HashMap::new(),
            file,
            with_capabilities: with_capabilities(schema, false),
            perhaps_with_capabilities: with_capabilities(schema, true),
            imported: RefCell::default(),
            aliased: RefCell::default(),
            listed: RefCell::default(),
            applied: RefCell::default(),
        };
        for node in &schema.nodes {
            if matches!(node.kind, NodeKind::File) {
                for nested in &node.nested_nodes {
                    names.place(nested.id, node.id, (&[], &[]), type_name(&nested.name))?;
                }
            }
        }
        names.tell_parameters_apart();
        Ok(names)
    }

    /// A parameter that has the name of something at the top level of the module would hide it.
    fn tell_parameters_apart(&mut self) {
        let places = self.places.values();
        let top: BTreeSet<String> = places
            .filter_map(|place| place.top_name(self.file).map(str::to_owned))
            .collect();
        for place in self.places.values_mut() {
            for parameter in &mut place.parameters {
                if top.contains(&parameter.name) {
                    parameter.name.push('$');
                }
            }
        }
    }

    pub(super) fn node(&self, id: u64) -> Result<&'s Node, Error> {
        let node = self.nodes.get(&id).copied();
        node.ok_or_else(|| {
            Error::new(format!(
                "the schema refers to @{id:#018x}, which it does not contain"
            ))
        })
    }

    pub(super) fn structure(&self, id: u64) -> Result<&'s StructNode, Error> {
        let node = self.node(id)?;
        match &node.kind {
            NodeKind::Struct(structure) => Ok(structure),
            _ => Err(Error::new(format!("{} is not a struct", node.display_name))),
        }
    }

    /// `scope` is the path and the parameters of what the node is in.
    fn place(
        &mut self,
        id: u64,
        file: u64,
        scope: (&[String], &[Parameter]),
        name: String,
    ) -> Result<(), Error> {
        let node = self.node(id)?;
        let path: Vec<String> = scope.0.iter().cloned().chain([name]).collect();
        let parameters = match &node.kind {
            NodeKind::Struct(_) | NodeKind::Interface { .. } => {
                with_own_parameters(scope.1, node.id, &node.parameters)
            }
            _ => Vec::new(),
        };
        for nested in &node.nested_nodes {
            self.place(nested.id, file, (&path, &parameters), nested.name.clone())?;
        }
        match &node.kind {
            NodeKind::Struct(structure) => {
                for field in &structure.fields {
                    if let FieldKind::Group { id } = field.kind {
                        self.place(id, file, (&path, &parameters), group_name(&field.name))?;
                    }
                }
            }
            NodeKind::Interface { methods, .. } => {
                for method in methods {
                    for (id, suffix) in [
                        (method.param_struct, "Params"),
                        (method.result_struct, "Results"),
                    ] {
                        // Structs made for a method belong to no scope.
                        if self.node(id).is_ok_and(|made| made.scope_id == 0) {
                            let name = format!("{}${suffix}", method.name);
                            self.place(id, file, (&path, &parameters), name)?;
                        }
                    }
                }
            }
            _ => {}
        }
        let place = Place {
            file,
            path,
            parameters,
        };
        self.places.insert(id, place);
        Ok(())
    }

    fn get(&self, id: u64) -> Result<&Place, Error> {
        let place = self.places.get(&id);
        place.ok_or_else(|| {
            Error::new(format!(
                "the schema refers to @{id:#018x}, which is in none of its files"
            ))
        })
    }

    /// A node's type parameters, those of the nodes it is in first.
    pub(super) fn parameters(&self, id: u64) -> &[Parameter] {
        self.places
            .get(&id)
            .map_or(&[], |place| place.parameters.as_slice())
    }

    /// The type parameters of a method itself, as generated code calls them.
    pub(super) fn method_parameters(&self, interface: u64, ordinal: usize) -> Vec<Parameter> {
        let Ok(Node {
            kind: NodeKind::Interface { methods, .. },
            ..
        }) = self.node(interface)
        else {
            return Vec::new();
        };
        let own = methods
            .get(ordinal)
            .map_or(&[][..], |method| &method.implicit_parameters);
        let inherited = self.parameters(interface);
        let mut all = with_own_parameters(inherited, interface, own);
        let mut own = all.split_off(inherited.len());
        for parameter in &mut own {
            let mut places = self.places.values();
            if places.any(|place| place.top_name(self.file) == Some(&parameter.name)) {
                parameter.name.push('$');
            }
        }
        own
    }

    /// Groups and the structs made for the methods of an interface: scopes' contents besides nested nodes.
    pub(super) fn implicit_members(&self, node: &Node) -> Result<Vec<&'s Node>, Error> {
        let mut found = Vec::new();
        match &node.kind {
            NodeKind::Struct(structure) => {
                for field in in_code_order(structure) {
                    if let FieldKind::Group { id } = field.kind {
                        found.push(self.node(id)?);
                    }
                }
            }
            NodeKind::Interface { methods, .. } => {
                for method in methods {
                    for id in [method.param_struct, method.result_struct] {
                        let made = self.node(id);
                        if let Ok(made) = made
                            && made.scope_id == 0
                        {
                            found.push(made);
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(found)
    }

    /// The node's last name: what it is called inside its scope.
    pub(super) fn own(&self, id: u64) -> Result<&str, Error> {
        Ok(self.get(id)?.path.last().map_or("", String::as_str))
    }

    /// A name for functions and constants that belong to a node of this file.
    pub(super) fn flat(&self, id: u64) -> Result<String, Error> {
        Ok(self.get(id)?.path.join("$"))
    }

    pub(super) fn is_local(&self, id: u64) -> Result<bool, Error> {
        Ok(self.get(id)?.file == self.file)
    }

    /// The descriptor of a node, as an expression.
    pub(super) fn value(&self, id: u64) -> Result<String, Error> {
        if self.is_local(id)? {
            return self.flat(id);
        }
        let place = self.get(id)?;
        Ok(format!(
            "{}.{}",
            self.import(place.file)?,
            place.path.join(".")
        ))
    }

    /// The type that belongs to a node, with these type arguments.
    pub(super) fn ty(&self, id: u64, arguments: &[Type], site: Site) -> Result<String, Error> {
        self.qualified(id, arguments, site, None)
    }

    /// A type that comes with a node: one of `EXTRAS`.
    pub(super) fn ty_of(
        &self,
        id: u64,
        arguments: &[Type],
        site: Site,
        which: &str,
    ) -> Result<String, Error> {
        self.qualified(id, arguments, site, Some(&self.extra(id, which)?))
    }

    fn qualified(
        &self,
        id: u64,
        arguments: &[Type],
        site: Site,
        member: Option<&str>,
    ) -> Result<String, Error> {
        let place = self.get(id)?;
        let arguments = self.type_arguments(arguments, site)?;
        let path: Vec<&str> = place
            .path
            .iter()
            .map(String::as_str)
            .chain(member)
            .collect();
        let full = path.join(".");
        if place.file != self.file {
            return Ok(format!("{}.{full}{arguments}", self.import(place.file)?));
        }
        let first = path.first().copied().unwrap_or_default();
        if !self.is_shadowed(first, site)? {
            return Ok(full + &arguments);
        }
        let alias = format!("{}$", path.join("$"));
        let names: Vec<&str> = place
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        let (declared, passed) = if names.is_empty() {
            (String::new(), String::new())
        } else {
            (
                self.declared_parameters(id),
                format!("<{}>", names.join(", ")),
            )
        };
        self.aliased
            .borrow_mut()
            .insert(format!("{alias}{declared}"), full + &passed);
        Ok(alias + &arguments)
    }

    /// A type of the platform's, by a name that reaches it in spite of what the schema declares.
    pub(super) fn global(&self, name: &str) -> String {
        let declared = self
            .places
            .values()
            .filter(|place| place.file == self.file)
            .any(|place| {
                let mut parameters = place.parameters.iter();
                place.path.iter().any(|own| own == name)
                    || parameters.any(|parameter| parameter.name == name)
            });
        let is_of_a_method = self.nodes.values().any(|node| match &node.kind {
            NodeKind::Interface { methods, .. } => methods
                .iter()
                .any(|method| method.implicit_parameters.iter().any(|own| own == name)),
            _ => false,
        });
        if declared || is_of_a_method {
            format!("globalThis.{name}")
        } else {
            name.to_owned()
        }
    }

    /// `name`, or `name_` when the scope declares something of that name itself.
    pub(super) fn extra(&self, scope: u64, name: &str) -> Result<String, Error> {
        let taken = self
            .node(scope)?
            .nested_nodes
            .iter()
            .any(|nested| nested.name == name);
        Ok(if taken {
            format!("{name}_")
        } else {
            name.to_owned()
        })
    }

    /// Whether a scope on the way to the site has a member or a parameter of this name.
    fn is_shadowed(&self, name: &str, site: Site) -> Result<bool, Error> {
        let Some(from) = site.node else {
            return Ok(false);
        };
        let place = self.get(from)?;
        if !site.is_nested {
            return Ok(false);
        }
        let scopes = self
            .places
            .iter()
            .filter(|(_, scope)| scope.file == place.file && place.path.starts_with(&scope.path));
        for (&id, scope) in scopes {
            let has_member = self.places.values().any(|member| {
                member.file == scope.file
                    && member.path.len() == scope.path.len() + 1
                    && member.path.starts_with(&scope.path)
                    && member.path.last().is_some_and(|own| own == name)
            });
            let is_extra = EXTRAS.contains(&name) && self.extra(id, name)? == name;
            if has_member || is_extra {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Marks a struct as standing in a list somewhere; the functions for that are made last.
    pub(super) fn note_list(&self, id: u64) {
        self.listed.borrow_mut().insert(id);
    }

    pub(super) fn listed(&self) -> Vec<u64> {
        self.listed.borrow().iter().copied().collect()
    }

    /// A call that gives the descriptor of a type with arguments, applied to them only once.
    pub(super) fn once(&self, expression: String) -> String {
        let mut applied = self.applied.borrow_mut();
        let at = applied
            .iter()
            .position(|known| *known == expression)
            .unwrap_or_else(|| {
                applied.push(expression);
                applied.len() - 1
            });
        format!("$t{at}()")
    }

    /// Begins another collection of what `once` was asked for; returns the one so far.
    pub(super) fn swap_applied(&self, applied: Vec<String>) -> Vec<String> {
        self.applied.replace(applied)
    }

    /// The declarations of what `once` calls.
    pub(super) fn applied_lines(applied: &[String]) -> String {
        let lines = applied.iter().enumerate();
        lines
            .map(|(at, expression)| {
                format!("const $t{at} = /* @__PURE__ */ $.lazy(() => {expression});\n")
            })
            .collect()
    }

    pub(super) fn aliases(&self) -> String {
        let aliased = self.aliased.borrow();
        let mut out: String = aliased
            .iter()
            .map(|(alias, full)| format!("type {alias} = {full};\n"))
            .collect();
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }

    /// Whether a capability can be reached through this struct; with `perhaps`, if its type
    /// parameters stand for interfaces.
    pub(super) fn has_capabilities(&self, id: u64, perhaps: bool) -> bool {
        let found = if perhaps {
            &self.perhaps_with_capabilities
        } else {
            &self.with_capabilities
        };
        found.contains(&id)
    }
}

/// Fields as the schema's author ordered them.
pub(super) fn in_code_order(structure: &StructNode) -> Vec<&capstan_schema::node::Field> {
    let mut fields: Vec<_> = structure.fields.iter().collect();
    fields.sort_by_key(|field| field.code_order);
    fields
}

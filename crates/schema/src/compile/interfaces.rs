//! Interfaces: their methods and the structs that parameter and result lists stand for.

use std::collections::{HashMap, HashSet};

use super::brands::Entity;
use super::modules::STREAM_FILE;
use super::names::{Implicit, NO_IMPLICIT, ScopeId};
use super::nodes::{Target, prefix_bytes};
use super::{Compiler, ids};
use crate::diagnostic::Problem;
use crate::node::{Brand, Method, Node, NodeKind, STREAM_RESULT_ID, Superclass, Type};
use crate::parse::ast::{Decl, DeclKind, Expr, ParamList};

/// An interface has at most this many ancestors one above the other.
const MAX_INHERITANCE: usize = 64;

impl<'a> Compiler<'a> {
    pub(super) fn build_interface(
        &mut self,
        scope: ScopeId,
        node: Node,
        decl: &'a Decl,
        superclasses: &'a [Expr],
    ) {
        let superclasses = superclasses
            .iter()
            .filter_map(|expr| self.superclass(expr, scope))
            .collect();
        let mut members: Vec<(u16, usize, &'a Decl)> = decl
            .nested
            .iter()
            .filter(|member| matches!(member.kind, DeclKind::Method { .. }))
            .enumerate()
            .map(|(code_order, m)| (m.ordinal.as_ref().map_or(0, |o| o.value), code_order, m))
            .collect();
        members.sort_by_key(|(ordinal, ..)| *ordinal);
        self.check_ordinals(
            scope,
            members.iter().filter_map(|(.., m)| m.ordinal.as_ref()),
        );
        // The interface's node goes before those of its parameter structs.
        let at = self.nodes.len();
        self.push_node(node.clone());
        let mut methods = Vec::new();
        for (ordinal, code_order, member) in members {
            let DeclKind::Method { params, results } = &member.kind else {
                continue;
            };
            let list = |list, is_results| MethodList {
                method: member,
                ordinal,
                is_results,
                list,
            };
            let (param_struct, param_brand) =
                self.param_list(scope, &node, list(Some(params), false));
            let (result_struct, result_brand) =
                self.param_list(scope, &node, list(results.as_ref(), true));
            let index = methods.len();
            self.note_annotations(scope, Some(index), &member.annotations, Target::Method);
            methods.push(Method {
                name: member.name.value.clone(),
                code_order: u16::try_from(code_order).unwrap_or(u16::MAX),
                implicit_parameters: member.params.iter().map(|p| p.value.clone()).collect(),
                param_struct,
                param_brand,
                result_struct,
                result_brand,
                annotations: Vec::new(),
                doc_comment: member.doc.clone(),
            });
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.kind = NodeKind::Interface {
                methods,
                superclasses,
            };
        }
    }

    fn superclass(&self, expr: &Expr, scope: ScopeId) -> Option<Superclass> {
        let entity = self.resolve(expr, scope, NO_IMPLICIT)?;
        if let Entity::Declared { scope: found, .. } = &entity
            && self
                .scope(*found)
                .is_some_and(|s| matches!(s.decl.kind, DeclKind::Interface { .. }))
            && let Some(Type::Interface { id, brand }) = self.entity_to_type(&entity, expr, scope)
        {
            return Some(Superclass { id, brand });
        }
        let message = match entity {
            Entity::Parameter { .. } => {
                format!(
                    "'{}' is a type parameter; only interfaces can be extended",
                    expr.text()
                )
            }
            _ => format!("'{}' is not an interface", expr.text()),
        };
        self.complain_in(scope, Problem::new(expr.span, message));
        None
    }

    /// Reports interfaces that extend themselves, over however many others, and chains of interfaces
    /// that are too long for generators, which follow them recursively.
    pub(super) fn check_inheritance(&self) {
        let mut depths = HashMap::new();
        for node in &self.nodes {
            self.inheritance_depth(node.id, &mut HashSet::new(), &mut depths);
        }
    }

    /// `path` is where we come from; `depths` are those of interfaces seen before.
    fn inheritance_depth(
        &self,
        id: u64,
        path: &mut HashSet<u64>,
        depths: &mut HashMap<u64, usize>,
    ) -> usize {
        let node = self.node_index.get(&id).and_then(|at| self.nodes.get(*at));
        let Some(NodeKind::Interface { superclasses, .. }) = node.map(|node| &node.kind) else {
            return 0;
        };
        if let Some(depth) = depths.get(&id) {
            return *depth;
        }
        path.insert(id);
        let mut depth = 0;
        for superclass in superclasses {
            if path.contains(&superclass.id) {
                self.complain_about_ancestors(id, "extends itself");
            } else if path.len() <= MAX_INHERITANCE {
                depth = depth.max(1 + self.inheritance_depth(superclass.id, path, depths));
            } else {
                depth = MAX_INHERITANCE;
            }
        }
        if depth == MAX_INHERITANCE {
            self.complain_about_ancestors(id, "is at the end of too long a chain of interfaces");
        }
        path.remove(&id);
        depths.insert(id, depth);
        depth
    }

    fn complain_about_ancestors(&self, id: u64, what: &str) {
        if let Some(scope) = self.by_id.get(&id)
            && let Some(declared) = self.scope(*scope)
        {
            let name = &declared.decl.name;
            let message = format!("the interface '{}' {what}", name.value);
            self.complain_in(*scope, Problem::new(name.span, message));
        }
    }

    /// The id and brand of a method's parameter or result struct, which is built if need be.
    fn param_list(&mut self, scope: ScopeId, interface: &Node, of: MethodList<'a>) -> (u64, Brand) {
        let none = (0, Brand::default());
        let implicit = &of.method.params;
        let params = match of.list {
            Some(ParamList::Type(expr)) => {
                let names = Implicit {
                    node_id: None,
                    names: implicit,
                };
                let Some(ty) = self.resolve_type(expr, scope, names) else {
                    return none;
                };
                if let Type::Struct { id, brand } = ty {
                    return (id, brand);
                }
                let message = format!("'{}' is not a struct", expr.text());
                let problem = Problem::new(expr.span, message);
                let hint = match ty {
                    Type::Void => "write '()' for none".to_owned(),
                    _ => format!("write a list: '(name :{})'", expr.text()),
                };
                self.complain_in(scope, problem.hint(hint));
                return none;
            }
            Some(ParamList::Stream(span)) => {
                let known = self.by_id.get(&STREAM_RESULT_ID);
                if known.is_none() {
                    let message = format!(
                        "the '{STREAM_FILE}' that was found declares no StreamResult with its id"
                    );
                    self.complain_in(scope, Problem::new(*span, message));
                }
                return (STREAM_RESULT_ID, Brand::default());
            }
            Some(ParamList::Named(params)) => params.as_slice(),
            None => &[],
        };
        let id = ids::method_struct_id(interface.id, of.ordinal, of.is_results);
        let suffix = if of.is_results { "$Results" } else { "$Params" };
        let name = format!("{}{suffix}", of.method.name.value);
        let display_name = format!("{}.{name}", interface.display_name);
        let node = Node {
            id,
            display_name_prefix_bytes: prefix_bytes(&display_name, &name),
            display_name,
            scope_id: 0,
            parameters: implicit.iter().map(|p| p.value.clone()).collect(),
            is_generic: interface.is_generic || !implicit.is_empty(),
            nested_nodes: Vec::new(),
            annotations: Vec::new(),
            doc_comment: None,
            kind: NodeKind::File,
        };
        // Inside the struct the method's type parameters are its own.
        let names = Implicit {
            node_id: Some(id),
            names: implicit,
        };
        self.build_param_struct(scope, node, params, names);
        let Some(outer) = self.scope(scope) else {
            return none;
        };
        // The method's type parameters are left unbound, as the reference leaves them: the struct's
        // own parameters are the method's, one by one.
        let brand = outer.brand.push(id, implicit.len());
        let compiled = brand.compile(&mut |_| None);
        (id, compiled)
    }
}

/// One of the two lists of a method.
struct MethodList<'a> {
    method: &'a Decl,
    ordinal: u16,
    is_results: bool,
    /// `None` when the method declares no results.
    list: Option<&'a ParamList>,
}

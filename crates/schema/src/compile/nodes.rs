//! One node for each declaration, in two passes: what the pass over the declarations cannot know
//! yet (values, which need the layouts of all structs) is noted down for the second.

use std::collections::BTreeMap;

use super::Compiler;
use super::brands::BrandScope;
use super::names::{NO_IMPLICIT, ScopeId};
use crate::diagnostic::{Problem, Span};
use crate::node::{AnnotationTargets, Enumerant, NestedNode, Node, NodeKind, Type, Value};
use crate::parse::ast::{AnnotationUse, Decl, DeclKind, Expr, Located};

/// What the second pass has to fill in.
#[derive(Default)]
pub(super) struct Pending<'a> {
    pub(super) defaults: Vec<PendingDefault<'a>>,
    pub(super) constants: Vec<ScopeId>,
    pub(super) annotations: Vec<PendingAnnotations<'a>>,
}

pub(super) struct PendingDefault<'a> {
    pub(super) node: u64,
    pub(super) field: usize,
    pub(super) ty: Type,
    pub(super) expr: &'a Expr,
    /// Where the names in the expression are looked up.
    pub(super) scope: ScopeId,
    /// Of a method's parameter or result, not of a field.
    pub(super) of_parameter: bool,
}

pub(super) struct PendingAnnotations<'a> {
    pub(super) node: u64,
    /// The field, enumerant or method; `None` for the node itself.
    pub(super) member: Option<usize>,
    pub(super) uses: &'a [AnnotationUse],
    pub(super) target: Target,
    pub(super) scope: ScopeId,
}

/// The kind of declaration that an annotation is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    File,
    Const,
    Enum,
    Enumerant,
    Struct,
    Field,
    Union,
    Group,
    Interface,
    Method,
    Param,
    Annotation,
}

impl Target {
    pub(super) fn is_in(self, targets: &AnnotationTargets) -> bool {
        match self {
            Target::File => targets.file,
            Target::Const => targets.constant,
            Target::Enum => targets.enumeration,
            Target::Enumerant => targets.enumerant,
            Target::Struct => targets.structure,
            Target::Field => targets.field,
            Target::Union => targets.union,
            Target::Group => targets.group,
            Target::Interface => targets.interface,
            Target::Method => targets.method,
            Target::Param => targets.param,
            Target::Annotation => targets.annotation,
        }
    }

    /// As it is written in an annotation's list of targets.
    pub(super) fn name(self) -> &'static str {
        match self {
            Target::File => "file",
            Target::Const => "const",
            Target::Enum => "enum",
            Target::Enumerant => "enumerant",
            Target::Struct => "struct",
            Target::Field => "field",
            Target::Union => "union",
            Target::Group => "group",
            Target::Interface => "interface",
            Target::Method => "method",
            Target::Param => "param",
            Target::Annotation => "annotation",
        }
    }
}

impl<'a> Compiler<'a> {
    /// Builds the node of `scope` and, after it, those of everything nested in it.
    pub(super) fn build_nodes(&mut self, scope: ScopeId) {
        let Some(found) = self.scope(scope) else {
            return;
        };
        let (decl, children) = (found.decl, found.children.clone());
        let node = self.empty_node(scope);
        let target = match &decl.kind {
            DeclKind::Const { ty, .. } => {
                self.build_constant(scope, node, ty);
                Target::Const
            }
            DeclKind::Enum => {
                self.build_enum(scope, node, decl);
                Target::Enum
            }
            DeclKind::Struct => {
                self.build_struct(scope, node, decl);
                Target::Struct
            }
            DeclKind::Interface { superclasses } => {
                self.build_interface(scope, node, decl, superclasses);
                Target::Interface
            }
            DeclKind::Annotation { ty, targets } => {
                let ty = self.resolve_type(ty, scope, NO_IMPLICIT);
                let (ty, targets) = (ty.unwrap_or(Type::Void), *targets);
                self.push_node(Node {
                    kind: NodeKind::Annotation { ty, targets },
                    ..node
                });
                Target::Annotation
            }
            _ => {
                self.push_node(node);
                Target::File
            }
        };
        self.note_annotations(scope, None, &decl.annotations, target);
        for child in children {
            self.build_nodes(child);
        }
    }

    pub(super) fn push_node(&mut self, node: Node) {
        self.node_index.entry(node.id).or_insert(self.nodes.len());
        self.nodes.push(node);
    }

    pub(super) fn note_annotations(
        &mut self,
        scope: ScopeId,
        member: Option<usize>,
        uses: &'a [AnnotationUse],
        target: Target,
    ) {
        let Some(node) = self.scope(scope).map(|scope| scope.id) else {
            return;
        };
        self.note_annotations_on(node, scope, member, uses, target);
    }

    /// For nodes that are no scope: groups and the structs of methods.
    pub(super) fn note_annotations_on(
        &mut self,
        node: u64,
        scope: ScopeId,
        member: Option<usize>,
        uses: &'a [AnnotationUse],
        target: Target,
    ) {
        if !uses.is_empty() {
            self.pending.annotations.push(PendingAnnotations {
                node,
                member,
                uses,
                target,
                scope,
            });
        }
    }

    fn empty_node(&self, scope: ScopeId) -> Node {
        let mut node = Node {
            id: 0,
            display_name: String::new(),
            display_name_prefix_bytes: 0,
            scope_id: 0,
            parameters: Vec::new(),
            is_generic: false,
            nested_nodes: Vec::new(),
            annotations: Vec::new(),
            doc_comment: None,
            kind: NodeKind::File,
        };
        let Some(scope) = self.scope(scope) else {
            return node;
        };
        node.id = scope.id;
        node.display_name = scope.display_name.clone();
        node.display_name_prefix_bytes = match scope.parent {
            Some(_) => prefix_bytes(&scope.display_name, &scope.decl.name.value),
            // Odd for a file, whose name is then its extension, but what the reference does.
            None => {
                let dot = scope.display_name.rfind('.').map_or(0, |at| at + 1);
                u32::try_from(dot).unwrap_or(u32::MAX)
            }
        };
        node.scope_id = scope.parent.and_then(|p| self.scope(p)).map_or(0, |p| p.id);
        node.parameters = scope.decl.params.iter().map(|p| p.value.clone()).collect();
        node.is_generic = is_generic(&scope.brand);
        node.nested_nodes = scope
            .children
            .iter()
            .filter_map(|child| self.scope(*child))
            .map(|child| NestedNode {
                name: child.decl.name.value.clone(),
                id: child.id,
            })
            .collect();
        node.doc_comment = scope.decl.doc.clone();
        node
    }

    fn build_constant(&mut self, scope: ScopeId, node: Node, ty: &Expr) {
        let ty = self.resolve_type(ty, scope, NO_IMPLICIT);
        if ty.is_some() {
            self.pending.constants.push(scope);
        }
        let ty = ty.unwrap_or(Type::Void);
        let value = default_value(&ty);
        self.push_node(Node {
            kind: NodeKind::Const { ty, value },
            ..node
        });
    }

    fn build_enum(&mut self, scope: ScopeId, node: Node, decl: &'a Decl) {
        let mut members: Vec<(u16, usize, &'a Decl)> = decl
            .nested
            .iter()
            .filter(|member| matches!(member.kind, DeclKind::Enumerant))
            .enumerate()
            .map(|(code_order, m)| (m.ordinal.as_ref().map_or(0, |o| o.value), code_order, m))
            .collect();
        members.sort_by_key(|(ordinal, ..)| *ordinal);
        self.check_ordinals(
            scope,
            members.iter().filter_map(|(.., m)| m.ordinal.as_ref()),
        );
        let mut enumerants = Vec::new();
        for (index, (_, code_order, member)) in members.iter().enumerate() {
            self.note_annotations(scope, Some(index), &member.annotations, Target::Enumerant);
            enumerants.push(Enumerant {
                name: member.name.value.clone(),
                code_order: u16::try_from(*code_order).unwrap_or(u16::MAX),
                annotations: Vec::new(),
                doc_comment: member.doc.clone(),
            });
        }
        self.push_node(Node {
            kind: NodeKind::Enum { enumerants },
            ..node
        });
    }

    /// Numbers, sorted, must be 0, 1, 2, … with none missing and none twice.
    pub(super) fn check_ordinals<'b>(
        &self,
        scope: ScopeId,
        ordinals: impl Iterator<Item = &'b Located<u16>>,
    ) {
        let mut expected = 0u32;
        let mut used: BTreeMap<u16, Span> = BTreeMap::new();
        for ordinal in ordinals {
            let value = u32::from(ordinal.value);
            if let Some(first) = used.insert(ordinal.value, ordinal.span) {
                let problem =
                    Problem::new(ordinal.span, format!("the number @{value} is used twice"));
                let line = self.line_of(scope, first);
                self.complain_in(scope, problem.hint(format!("first used in line {line}")));
                continue;
            }
            if value > expected && !self.lossy {
                let message = format!("the number @{expected} is missing");
                let hint = "numbers start at @0 and leave no holes, so that nobody fills them";
                self.complain_in(scope, Problem::new(ordinal.span, message).hint(hint));
            }
            expected = value + 1;
        }
    }

    fn line_of(&self, scope: ScopeId, span: Span) -> usize {
        let module = self.scope(scope).and_then(|s| self.modules.get(s.module));
        module.map_or(1, |module| module.line_of(span))
    }
}

/// Whether a scope or one around it has type parameters.
fn is_generic(brand: &BrandScope) -> bool {
    brand.param_count > 0 || brand.parent.as_deref().is_some_and(is_generic)
}

pub(super) fn prefix_bytes(display_name: &str, name: &str) -> u32 {
    u32::try_from(display_name.len().saturating_sub(name.len())).unwrap_or(u32::MAX)
}

/// The value of a field or constant for which none is written.
pub(super) fn default_value(ty: &Type) -> Value {
    match ty {
        Type::Void => Value::Void,
        Type::Bool => Value::Bool(false),
        Type::Int8 => Value::Int8(0),
        Type::Int16 => Value::Int16(0),
        Type::Int32 => Value::Int32(0),
        Type::Int64 => Value::Int64(0),
        Type::UInt8 => Value::UInt8(0),
        Type::UInt16 => Value::UInt16(0),
        Type::UInt32 => Value::UInt32(0),
        Type::UInt64 => Value::UInt64(0),
        Type::Float32 => Value::Float32(0.0),
        Type::Float64 => Value::Float64(0.0),
        Type::Text => Value::Text(String::new()),
        Type::Data => Value::Data(Vec::new()),
        Type::Enum { .. } => Value::Enum(0),
        Type::Interface { .. } => Value::Interface,
        Type::List(_) => Value::List(Vec::new()),
        Type::Struct { .. } => Value::Struct(Vec::new()),
        Type::AnyPointer(_) => Value::AnyPointer(Vec::new()),
    }
}

//! Looking names up: scopes, aliases, imports, builtins, and types made of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::brands::{BrandScope, Entity, MAX_TYPE_SIZE};
use super::{Compiler, ids};
use crate::diagnostic::{Problem, Span};
use crate::node::{AnyPointer, Type};
use crate::parse::ast::{Argument, Decl, DeclKind, Expr, ExprKind, Located};

/// How far names may lead to other names; resolving them recurses, and stacks are finite.
const MAX_DEPTH: usize = 200;

/// How much all types together may amount to, written out.
const MAX_TYPES_SIZE: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ScopeId(pub(super) usize);

/// A declaration that becomes a node, and the names declared in it.
pub(super) struct Scope<'a> {
    pub(super) module: usize,
    pub(super) parent: Option<ScopeId>,
    pub(super) id: u64,
    pub(super) display_name: String,
    pub(super) decl: &'a Decl,
    pub(super) brand: Rc<BrandScope>,
    /// In the order of the text.
    pub(super) children: Vec<ScopeId>,
    pub(super) members: BTreeMap<&'a str, Member>,
}

#[derive(Clone, Copy)]
pub(super) enum Member {
    Scope(ScopeId),
    Alias(usize),
}

pub(super) struct Alias<'a> {
    scope: ScopeId,
    name: &'a Located<String>,
    target: &'a Expr,
    state: RefCell<AliasState>,
}

enum AliasState {
    New,
    InProgress,
    Done(Option<Entity>),
}

/// The type parameters of the method being compiled.
#[derive(Clone, Copy)]
pub(super) struct Implicit<'a> {
    /// The struct that stands for the parameter list, inside which the parameters are its own.
    pub(super) node_id: Option<u64>,
    pub(super) names: &'a [Located<String>],
}

pub(super) const NO_IMPLICIT: Implicit<'static> = Implicit {
    node_id: None,
    names: &[],
};

impl<'a> Compiler<'a> {
    /// Declares a file, struct, … and everything nested in it.
    pub(super) fn declare(
        &mut self,
        module: usize,
        parent: Option<ScopeId>,
        decl: &'a Decl,
        id: u64,
        display_name: String,
    ) -> ScopeId {
        let scope = ScopeId(self.scopes.len());
        let parent_brand = parent.and_then(|p| self.scope(p)).map(|p| p.brand.clone());
        self.scopes.push(Scope {
            module,
            parent,
            id,
            display_name,
            decl,
            brand: BrandScope::inside(parent_brand, id, decl.params.len()),
            children: Vec::new(),
            members: BTreeMap::new(),
        });
        if let Some(first) = self.by_id.insert(id, scope) {
            self.complain_about_duplicate_id(scope, first);
        }
        for nested in &decl.nested {
            let member = match &nested.kind {
                DeclKind::Using(target) => {
                    self.aliases.push(Alias {
                        scope,
                        name: &nested.name,
                        target,
                        state: RefCell::new(AliasState::New),
                    });
                    Member::Alias(self.aliases.len() - 1)
                }
                DeclKind::Const { .. }
                | DeclKind::Enum
                | DeclKind::Struct
                | DeclKind::Interface { .. }
                | DeclKind::Annotation { .. } => {
                    let name = &nested.name.value;
                    let uid = match &nested.uid {
                        Some(uid) => uid.value,
                        None => ids::child_id(id, name),
                    };
                    let display_name = match (self.scope(scope), parent) {
                        (Some(scope), None) => format!("{}:{name}", scope.display_name),
                        (Some(scope), Some(_)) => format!("{}.{name}", scope.display_name),
                        (None, _) => name.clone(),
                    };
                    let child = self.declare(module, Some(scope), nested, uid, display_name);
                    if let Some(scope) = self.scopes.get_mut(scope.0) {
                        scope.children.push(child);
                    }
                    Member::Scope(child)
                }
                _ => continue,
            };
            if let Some(scope) = self.scopes.get_mut(scope.0) {
                scope.members.entry(&nested.name.value).or_insert(member);
            }
        }
        scope
    }

    fn complain_about_duplicate_id(&self, second: ScopeId, first: ScopeId) {
        let (Some(second), Some(first)) = (self.scope(second), self.scope(first)) else {
            return;
        };
        let span = match (&second.decl.uid, &second.decl.kind) {
            (Some(uid), _) => uid.span,
            (None, DeclKind::File) => Span::default(),
            (None, _) => second.decl.name.span,
        };
        // Two declarations of one name have one derived id; the name is the error then.
        if second.display_name == first.display_name && second.module == first.module {
            return;
        }
        let problem = Problem::new(
            span,
            format!(
                "the id @0x{:x} already belongs to {}",
                second.id, first.display_name
            ),
        );
        self.complain(
            second.module,
            problem.hint("give each its own: generate one with 'capstan id'"),
        );
    }

    pub(super) fn scope(&self, id: ScopeId) -> Option<&Scope<'a>> {
        self.scopes.get(id.0)
    }

    pub(super) fn complain(&self, module: usize, problem: Problem) {
        self.problems.borrow_mut().push((module, problem));
    }

    pub(super) fn complain_in(&self, scope: ScopeId, problem: Problem) {
        if let Some(scope) = self.scope(scope) {
            self.complain(scope.module, problem);
        }
    }

    /// Compiles a type expression; `None` once the problem has been reported.
    pub(super) fn resolve_type(
        &self,
        expr: &Expr,
        scope: ScopeId,
        implicit: Implicit<'_>,
    ) -> Option<Type> {
        let entity = self.resolve(expr, scope, implicit)?;
        let total = self.types_size.get().saturating_add(entity.size());
        self.types_size.set(total);
        if total > MAX_TYPES_SIZE {
            // Once: what remains would only say it again.
            if total - entity.size() <= MAX_TYPES_SIZE {
                let message = "the types in these files are too big, written out";
                self.complain_in(scope, Problem::new(expr.span, message));
            }
            return None;
        }
        self.entity_to_type(&entity, expr, scope)
    }

    /// Finds out what a name expression means, as seen from `scope`; `None` once the problem has
    /// been reported.
    pub(super) fn resolve(
        &self,
        expr: &Expr,
        scope: ScopeId,
        implicit: Implicit<'_>,
    ) -> Option<Entity> {
        let entity = self.guarded(expr.span, scope, || self.find(expr, scope, implicit))?;
        if entity.size() > MAX_TYPE_SIZE {
            self.complain_in(scope, Problem::new(expr.span, "this type is too big"));
            return None;
        }
        Some(entity)
    }

    /// Runs something that may lead to itself, unless it has done so too often already.
    pub(super) fn guarded<T>(
        &self,
        span: Span,
        scope: ScopeId,
        run: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        if self.depth.get() >= MAX_DEPTH {
            let message = "too long a chain of names that stand for each other";
            self.complain_in(scope, Problem::new(span, message));
            return None;
        }
        self.depth.set(self.depth.get() + 1);
        let result = run();
        self.depth.set(self.depth.get() - 1);
        result
    }

    fn find(&self, expr: &Expr, scope: ScopeId, implicit: Implicit<'_>) -> Option<Entity> {
        let context = self.scope(scope)?.brand.clone();
        match &expr.kind {
            ExprKind::Name(name) => {
                if let Some(index) = implicit.names.iter().position(|n| n.value == *name) {
                    let index = u16::try_from(index).ok()?;
                    return Some(match implicit.node_id {
                        Some(node_id) => Entity::Parameter { node_id, index },
                        None => Entity::Implicit { index },
                    });
                }
                let found = self.lookup(name, scope, &context);
                if found.is_none() {
                    self.complain_undefined(name, expr.span, scope);
                }
                found?
            }
            ExprKind::Absolute(name) => {
                let mut top = scope;
                while let Some(parent) = self.scope(top)?.parent {
                    top = parent;
                }
                let found = self.member(top, &name.value, &context);
                if found.is_none() && !self.lossy {
                    let message = format!("'.{}' is not defined in this file", name.value);
                    self.complain_in(scope, Problem::new(name.span, message));
                }
                found?
            }
            ExprKind::Import(path) => {
                let module = self.scope(scope)?.module;
                let target = *self.modules.get(module)?.imports.get(&path.value)?;
                let root = *self.roots.get(target)?;
                let brand = self.scope(root)?.brand.clone();
                Some(Entity::Declared { scope: root, brand })
            }
            ExprKind::Apply(function, arguments) => {
                let generic = self.resolve(function, scope, implicit)?;
                self.apply(expr, generic, arguments, scope, implicit)
            }
            ExprKind::Member(parent, name) => {
                let entity = self.resolve(parent, scope, implicit)?;
                let found = match &entity {
                    Entity::Declared {
                        scope: inner,
                        brand,
                    } => self.member(*inner, &name.value, brand),
                    _ => None,
                };
                if found.is_none() && !self.lossy {
                    let message = format!("'{}' has no member '{}'", parent.text(), name.value);
                    self.complain_in(scope, Problem::new(name.span, message));
                }
                found?
            }
            _ => {
                let message = format!("expected a name, found the value {}", expr.text());
                let problem = Problem::new(expr.span, message);
                self.complain_in(
                    scope,
                    match &expr.kind {
                        ExprKind::List(items) if items.len() == 1 => {
                            let item = items.first().map(Expr::text).unwrap_or_default();
                            problem.hint(format!("write 'List({item})'"))
                        }
                        _ => problem,
                    },
                );
                None
            }
        }
    }

    /// A name as seen from `scope` outwards. The inner `None` is an alias that failed before.
    fn lookup(
        &self,
        name: &str,
        scope: ScopeId,
        context: &Rc<BrandScope>,
    ) -> Option<Option<Entity>> {
        let mut current = Some(scope);
        while let Some(id) = current {
            if let Some(found) = self.member(id, name, context) {
                return Some(found);
            }
            let scope = self.scope(id)?;
            if let Some(index) = scope.decl.params.iter().position(|p| p.value == name) {
                let index = u16::try_from(index).ok()?;
                let parameter = Entity::Parameter {
                    node_id: scope.id,
                    index,
                };
                return Some(Some(
                    context.parameter(scope.id, index).unwrap_or(parameter),
                ));
            }
            current = scope.parent;
        }
        builtin(name).map(Some)
    }

    fn member(
        &self,
        scope: ScopeId,
        name: &str,
        context: &Rc<BrandScope>,
    ) -> Option<Option<Entity>> {
        let outer = self.scope(scope)?;
        let context = context.pop(outer.id);
        match outer.members.get(name)? {
            Member::Scope(id) => {
                let found = self.scope(*id)?;
                let brand = context.push(found.id, found.decl.params.len());
                Some(Some(Entity::Declared { scope: *id, brand }))
            }
            Member::Alias(index) => {
                let target = self.resolve_alias(self.aliases.get(*index)?);
                Some(target.map(|entity| entity.substitute(&context)))
            }
        }
    }

    fn resolve_alias(&self, alias: &Alias<'a>) -> Option<Entity> {
        match &*alias.state.borrow() {
            AliasState::Done(entity) => return entity.clone(),
            AliasState::InProgress => {
                let message = format!("the alias '{}' is defined by itself", alias.name.value);
                self.complain_in(alias.scope, Problem::new(alias.name.span, message));
                return None;
            }
            AliasState::New => {}
        }
        *alias.state.borrow_mut() = AliasState::InProgress;
        let entity = self.resolve(alias.target, alias.scope, NO_IMPLICIT);
        *alias.state.borrow_mut() = AliasState::Done(entity.clone());
        entity
    }

    /// Resolves the aliases nobody uses too, so that their errors are found.
    pub(super) fn check_aliases(&self) {
        for alias in &self.aliases {
            self.resolve_alias(alias);
        }
    }

    fn apply(
        &self,
        expr: &Expr,
        generic: Entity,
        arguments: &[Argument],
        scope: ScopeId,
        implicit: Implicit<'_>,
    ) -> Option<Entity> {
        let mut params = Vec::new();
        for argument in arguments {
            if let Some(name) = &argument.name {
                let problem = Problem::new(name.span, "type arguments have no names");
                self.complain_in(scope, problem.hint("write only the type"));
            }
            let param = self.resolve(&argument.value, scope, implicit)?;
            // What is wrong with it is wrong here, not where all of this is used.
            self.entity_to_type(&param, &argument.value, scope)?;
            params.push((param, &argument.value));
        }
        let expected = match &generic {
            Entity::List(None) => 1,
            Entity::Declared { scope, .. } => self.scope(*scope)?.decl.params.len(),
            _ => 0,
        };
        let already = match &generic {
            Entity::List(element) => element.is_some(),
            Entity::Declared { brand, .. } => !brand.params.is_empty(),
            _ => false,
        };
        if already || params.len() != expected {
            let name = match &expr.kind {
                ExprKind::Apply(function, _) => function.text(),
                _ => expr.text(),
            };
            let message = match expected {
                _ if already => format!("'{name}' already has its type parameters"),
                0 => format!("'{name}' takes no type parameters"),
                1 => format!("'{name}' takes one type parameter, found {}", params.len()),
                _ => format!(
                    "'{name}' takes {expected} type parameters, found {}",
                    params.len()
                ),
            };
            self.complain_in(scope, Problem::new(expr.span, message));
            return None;
        }
        match generic {
            Entity::List(None) => {
                let (element, _) = params.pop()?;
                Some(Entity::List(Some(Box::new(element))))
            }
            Entity::Declared { scope: id, brand } => {
                for (param, written) in &params {
                    if !self.is_pointer(param) {
                        let message = format!(
                            "type parameters stand for pointer types, and '{}' is none",
                            written.text()
                        );
                        let problem = Problem::new(written.span, message);
                        self.complain_in(
                            scope,
                            problem.hint("wrap the value in a struct to pass it"),
                        );
                        return None;
                    }
                }
                let brand = brand.bind(params.into_iter().map(|(param, _)| param).collect());
                Some(Entity::Declared { scope: id, brand })
            }
            // Nothing was given to what takes nothing: `Text()`.
            plain => Some(plain),
        }
    }

    fn is_pointer(&self, entity: &Entity) -> bool {
        match entity {
            Entity::Declared { scope, .. } => self.scope(*scope).is_some_and(|scope| {
                matches!(
                    scope.decl.kind,
                    DeclKind::Struct | DeclKind::Interface { .. }
                )
            }),
            Entity::Builtin(ty) => matches!(ty, Type::Text | Type::Data | Type::AnyPointer(_)),
            Entity::List(_) | Entity::Parameter { .. } | Entity::Implicit { .. } => true,
        }
    }

    pub(super) fn entity_to_type(
        &self,
        entity: &Entity,
        expr: &Expr,
        scope: ScopeId,
    ) -> Option<Type> {
        match entity {
            Entity::Builtin(ty) => Some(ty.clone()),
            Entity::List(None) => {
                let problem = Problem::new(expr.span, "'List' needs the type of its elements");
                self.complain_in(scope, problem.hint("write 'List(Text)' or the like"));
                None
            }
            Entity::List(Some(element)) => {
                let element = self.entity_to_type(element, expr, scope)?;
                let unsupported = match element {
                    Type::AnyPointer(AnyPointer::List | AnyPointer::Capability) => None,
                    Type::AnyPointer(AnyPointer::Any) => Some("AnyPointer"),
                    Type::AnyPointer(AnyPointer::Struct) => Some("AnyStruct"),
                    Type::AnyPointer(_) => Some("a type parameter"),
                    _ => None,
                };
                if let Some(what) = unsupported {
                    let message = format!("lists of {what} are not supported");
                    let problem = Problem::new(expr.span, message);
                    self.complain_in(
                        scope,
                        problem.hint("use AnyPointer or AnyList for the whole list, or a list of structs that hold one"),
                    );
                    return None;
                }
                Some(Type::List(Box::new(element)))
            }
            Entity::Parameter { node_id, index } => Some(Type::AnyPointer(AnyPointer::Parameter {
                scope_id: *node_id,
                index: *index,
            })),
            Entity::Implicit { index } => {
                Some(Type::AnyPointer(AnyPointer::ImplicitMethodParameter {
                    index: *index,
                }))
            }
            Entity::Declared { scope: id, brand } => {
                let declared = self.scope(*id)?;
                let brand = brand.compile(&mut |param| self.entity_to_type(param, expr, scope));
                let id = declared.id;
                match &declared.decl.kind {
                    DeclKind::Struct => Some(Type::Struct { id, brand }),
                    DeclKind::Enum => Some(Type::Enum { id, brand }),
                    DeclKind::Interface { .. } => Some(Type::Interface { id, brand }),
                    _ => {
                        let message = format!("'{}' is not a type", expr.text());
                        self.complain_in(scope, Problem::new(expr.span, message));
                        None
                    }
                }
            }
        }
    }
}

pub(super) static BUILTINS: [(&str, Type); 18] = [
    ("Void", Type::Void),
    ("Bool", Type::Bool),
    ("Int8", Type::Int8),
    ("Int16", Type::Int16),
    ("Int32", Type::Int32),
    ("Int64", Type::Int64),
    ("UInt8", Type::UInt8),
    ("UInt16", Type::UInt16),
    ("UInt32", Type::UInt32),
    ("UInt64", Type::UInt64),
    ("Float32", Type::Float32),
    ("Float64", Type::Float64),
    ("Text", Type::Text),
    ("Data", Type::Data),
    ("AnyPointer", Type::AnyPointer(AnyPointer::Any)),
    ("AnyStruct", Type::AnyPointer(AnyPointer::Struct)),
    ("AnyList", Type::AnyPointer(AnyPointer::List)),
    ("Capability", Type::AnyPointer(AnyPointer::Capability)),
];

fn builtin(name: &str) -> Option<Entity> {
    if name == "List" {
        return Some(Entity::List(None));
    }
    BUILTINS
        .iter()
        .find(|(builtin, _)| *builtin == name)
        .map(|(_, ty)| Entity::Builtin(ty.clone()))
}

//! What a name stands for, and the type parameters bound on the way to it.

use std::rc::Rc;

use super::names::ScopeId;
use crate::node::{AnyPointer, Binding, Brand, BrandBindings, BrandScope as NodeBrandScope, Type};

/// What a name turned out to mean.
#[derive(Clone, Debug)]
pub(super) enum Entity {
    Declared {
        scope: ScopeId,
        brand: Rc<BrandScope>,
    },
    Builtin(Type),
    /// `List`, with its element once applied.
    List(Option<Box<Entity>>),
    /// A type parameter of a generic node.
    Parameter {
        node_id: u64,
        index: u16,
    },
    /// A type parameter of the method being compiled.
    Implicit {
        index: u16,
    },
}

/// The bindings in force in a scope, linked to those of the enclosing scope.
#[derive(Debug)]
pub(super) struct BrandScope {
    pub(super) parent: Option<Rc<BrandScope>>,
    pub(super) node_id: u64,
    pub(super) param_count: usize,
    /// The parameters are those of the scope we are compiling in, not yet known.
    pub(super) inherited: bool,
    /// Empty, or one for each parameter.
    pub(super) params: Vec<Entity>,
    /// How many scopes this one, those around it and all parameters amount to, written out.
    size: usize,
}

/// The most that a type may amount to. Aliases can double it with every line.
pub(super) const MAX_TYPE_SIZE: usize = 4096;

impl BrandScope {
    fn new(
        parent: Option<Rc<BrandScope>>,
        node_id: u64,
        param_count: usize,
        inherited: bool,
        params: Vec<Entity>,
    ) -> Rc<Self> {
        let around = parent.as_ref().map_or(0, |parent| parent.size);
        let inside = params.iter().map(Entity::size);
        let size = inside.fold(around + 1, usize::saturating_add);
        Rc::new(BrandScope {
            parent,
            node_id,
            param_count,
            inherited,
            params,
            size,
        })
    }

    /// The scope of a declaration as seen from inside it.
    pub(super) fn inside(
        parent: Option<Rc<BrandScope>>,
        node_id: u64,
        param_count: usize,
    ) -> Rc<Self> {
        BrandScope::new(parent, node_id, param_count, true, Vec::new())
    }

    /// The scope of a declaration named inside this one, nothing bound yet.
    pub(super) fn push(self: &Rc<Self>, node_id: u64, param_count: usize) -> Rc<Self> {
        BrandScope::new(Some(self.clone()), node_id, param_count, false, Vec::new())
    }

    /// This scope with its parameters bound.
    pub(super) fn bind(&self, params: Vec<Entity>) -> Rc<Self> {
        BrandScope::new(
            self.parent.clone(),
            self.node_id,
            self.param_count,
            false,
            params,
        )
    }

    /// This scope or the enclosing one that belongs to `node_id`.
    pub(super) fn pop(self: &Rc<Self>, node_id: u64) -> Rc<Self> {
        let mut scope = self;
        loop {
            if scope.node_id == node_id {
                return scope.clone();
            }
            match &scope.parent {
                Some(parent) => scope = parent,
                None => return BrandScope::new(None, node_id, 0, false, Vec::new()),
            }
        }
    }

    /// What parameter `index` of `node_id` is bound to; `None` when it stays a parameter.
    pub(super) fn parameter(&self, node_id: u64, index: u16) -> Option<Entity> {
        let mut scope = self;
        while scope.node_id != node_id {
            scope = scope.parent.as_deref()?;
        }
        match scope.params.get(usize::from(index)) {
            Some(bound) => Some(bound.clone()),
            None if scope.inherited => None,
            None => Some(Entity::Builtin(Type::AnyPointer(AnyPointer::Any))),
        }
    }

    /// The bindings of `self`, found in one scope, as seen from `context`.
    pub(super) fn substitute(self: &Rc<Self>, context: &Rc<Self>) -> Rc<Self> {
        let parent = self.parent.as_ref().map(|p| p.substitute(context));
        let mut inherited = false;
        let mut params: Vec<Entity> = self.params.iter().map(|p| p.substitute(context)).collect();
        if self.inherited && self.param_count > 0 {
            let mut outer = Some(context);
            while let Some(candidate) = outer {
                if candidate.node_id == self.node_id {
                    inherited = candidate.inherited;
                    params = candidate.params.clone();
                    break;
                }
                outer = candidate.parent.as_ref();
            }
        }
        BrandScope::new(parent, self.node_id, self.param_count, inherited, params)
    }

    /// As it appears in a compiled schema: innermost scope first, unbound ones left out.
    pub(super) fn compile(&self, compile: &mut dyn FnMut(&Entity) -> Option<Type>) -> Brand {
        let mut brand = Brand::default();
        let mut scope = Some(self);
        while let Some(level) = scope {
            if level.inherited && level.param_count > 0 {
                brand.scopes.push(NodeBrandScope {
                    scope_id: level.node_id,
                    bindings: BrandBindings::Inherit,
                });
            } else if !level.params.is_empty() {
                let bindings = level.params.iter().map(|param| match compile(param) {
                    Some(ty) => Binding::Type(ty),
                    None => Binding::Unbound,
                });
                brand.scopes.push(NodeBrandScope {
                    scope_id: level.node_id,
                    bindings: BrandBindings::Bind(bindings.collect()),
                });
            }
            scope = level.parent.as_deref();
        }
        brand
    }
}

impl Entity {
    pub(super) fn size(&self) -> usize {
        match self {
            Entity::Declared { brand, .. } => brand.size,
            Entity::List(Some(element)) => element.size().saturating_add(1),
            _ => 1,
        }
    }

    pub(super) fn substitute(&self, context: &Rc<BrandScope>) -> Entity {
        match self {
            Entity::Declared { scope, brand } => Entity::Declared {
                scope: *scope,
                brand: brand.substitute(context),
            },
            Entity::List(Some(element)) => {
                Entity::List(Some(Box::new(element.substitute(context))))
            }
            Entity::Parameter { node_id, index } => context
                .parameter(*node_id, *index)
                .unwrap_or_else(|| self.clone()),
            Entity::Builtin(_) | Entity::List(None) | Entity::Implicit { .. } => self.clone(),
        }
    }
}

/// `ty` with the type parameters that `brand` binds replaced.
pub(crate) fn apply_brand(ty: &Type, brand: &Brand) -> Type {
    match ty {
        Type::List(element) => Type::List(Box::new(apply_brand(element, brand))),
        Type::Struct { id, brand: inner } => Type::Struct {
            id: *id,
            brand: apply_to_brand(inner, brand),
        },
        Type::Interface { id, brand: inner } => Type::Interface {
            id: *id,
            brand: apply_to_brand(inner, brand),
        },
        Type::AnyPointer(AnyPointer::Parameter { scope_id, index }) => {
            let scope = brand.scopes.iter().find(|s| s.scope_id == *scope_id);
            match scope.map(|s| &s.bindings) {
                Some(BrandBindings::Bind(bindings)) => match bindings.get(usize::from(*index)) {
                    Some(Binding::Type(bound)) => bound.clone(),
                    _ => Type::AnyPointer(AnyPointer::Any),
                },
                _ => ty.clone(),
            }
        }
        _ => ty.clone(),
    }
}

/// A brand written inside a node, as it is when the node's own parameters are bound by `outer`.
pub(crate) fn apply_to_brand(inner: &Brand, outer: &Brand) -> Brand {
    let mut brand = inner.clone();
    for scope in &mut brand.scopes {
        match &mut scope.bindings {
            BrandBindings::Bind(bindings) => {
                for binding in bindings {
                    if let Binding::Type(ty) = binding {
                        *ty = apply_brand(ty, outer);
                    }
                }
            }
            BrandBindings::Inherit => {
                if let Some(found) = outer.scopes.iter().find(|s| s.scope_id == scope.scope_id) {
                    scope.bindings = found.bindings.clone();
                }
            }
        }
    }
    brand
}

//! Interfaces, their methods, and capabilities in messages.

use capstan_message::Result;
use capstan_message::capability::FromCapability;
use capstan_message::layout::PointerReader;

use super::Schema;
use crate::compile::apply_to_brand;
use crate::node::{
    Binding, Brand, BrandBindings, BrandScope, Method, Node, NodeKind, Superclass, Type,
};

/// An interface, its type parameters bound.
#[derive(Clone, Debug)]
pub struct InterfaceType<'s> {
    schema: &'s Schema,
    node: &'s Node,
    methods: &'s [Method],
    superclasses: &'s [Superclass],
    brand: Brand,
}

/// A method of an interface, the type parameters of the interface bound. What the method's own type
/// parameters stand for is up to each caller: to a schema they are AnyPointers.
#[derive(Clone, Debug)]
pub struct MethodType<'s> {
    interface: InterfaceType<'s>,
    ordinal: u16,
    method: &'s Method,
}

/// A capability pointer in a message.
#[derive(Clone, Debug)]
pub struct Capability<'a> {
    interface: Option<InterfaceType<'a>>,
    pub(super) pointer: PointerReader<'a>,
}

impl<'s> InterfaceType<'s> {
    pub(super) fn new(schema: &'s Schema, node: &'s Node, brand: Brand) -> Option<Self> {
        let NodeKind::Interface {
            methods,
            superclasses,
        } = &node.kind
        else {
            return None;
        };
        Some(InterfaceType {
            schema,
            node,
            methods,
            superclasses,
            brand,
        })
    }

    /// The schema that it is of.
    pub fn schema(&self) -> &'s Schema {
        self.schema
    }

    /// Its declaration.
    pub fn node(&self) -> &'s Node {
        self.node
    }

    /// What the type parameters around it stand for.
    pub fn brand(&self) -> &Brand {
        &self.brand
    }

    /// The interface with its own type parameters bound to these types, the first to the first.
    #[must_use]
    pub fn bind(mut self, arguments: impl IntoIterator<Item = Type>) -> Self {
        let scope_id = self.node.id;
        self.brand.scopes.retain(|scope| scope.scope_id != scope_id);
        self.brand.scopes.push(BrandScope {
            scope_id,
            bindings: BrandBindings::Bind(arguments.into_iter().map(Binding::Type).collect()),
        });
        self
    }

    /// This interface and all it inherits from, each once, the nearest first.
    pub fn with_ancestors(&self) -> Vec<InterfaceType<'s>> {
        let mut found = vec![self.clone()];
        let mut at = 0;
        while let Some(interface) = found.get(at).cloned() {
            at += 1;
            for superclass in interface.superclasses {
                if found.iter().any(|known| known.node.id == superclass.id) {
                    continue;
                }
                let brand = apply_to_brand(&superclass.brand, &interface.brand);
                found.extend(self.schema.interface_by_id(superclass.id, brand));
            }
        }
        found
    }

    /// The methods that this interface declares itself, in order of their ordinals.
    pub fn own_methods(&self) -> impl Iterator<Item = MethodType<'s>> + use<'s> {
        let interface = self.clone();
        (0..)
            .zip(self.methods)
            .map(move |(ordinal, method)| MethodType {
                interface: interface.clone(),
                ordinal,
                method,
            })
    }

    /// All methods: its own, then those it inherits.
    pub fn methods(&self) -> impl Iterator<Item = MethodType<'s>> + use<'s> {
        let interfaces = self.with_ancestors().into_iter();
        interfaces.flat_map(|interface| interface.own_methods())
    }

    /// The method of this name. Where several have it, an own method comes before inherited ones.
    pub fn method(&self, name: &str) -> Option<MethodType<'s>> {
        self.methods().find(|method| method.name() == name)
    }
}

impl<'s> MethodType<'s> {
    /// Its name in the schema.
    pub fn name(&self) -> &'s str {
        &self.method.name
    }

    /// Its place among the methods of the interface that declares it.
    pub fn ordinal(&self) -> u16 {
        self.ordinal
    }

    /// The interface that declares it.
    pub fn interface(&self) -> &InterfaceType<'s> {
        &self.interface
    }

    /// Whether it returns `-> stream`.
    pub fn is_streaming(&self) -> bool {
        self.method.is_streaming()
    }

    /// Id and bindings of the parameters' struct.
    pub fn params_type(&self) -> (u64, Brand) {
        self.bound(self.method.param_struct, &self.method.param_brand)
    }

    /// Id and bindings of the results' struct.
    pub fn results_type(&self) -> (u64, Brand) {
        self.bound(self.method.result_struct, &self.method.result_brand)
    }

    fn bound(&self, id: u64, brand: &Brand) -> (u64, Brand) {
        (id, apply_to_brand(brand, &self.interface.brand))
    }
}

impl<'a> Capability<'a> {
    pub(super) fn new(interface: Option<InterfaceType<'a>>, pointer: PointerReader<'a>) -> Self {
        Capability { interface, pointer }
    }

    /// The type of the field or element; `None` for `Capability`, and when the schema lacks the interface.
    pub fn interface(&self) -> Option<&InterfaceType<'a>> {
        self.interface.as_ref()
    }

    /// Whether there is none.
    pub fn is_null(&self) -> bool {
        self.pointer.is_null()
    }

    /// Its place in the message's table of capabilities, which not every message comes with.
    ///
    /// # Errors
    /// When the pointer is no capability.
    pub fn index(&self) -> Result<Option<u32>> {
        self.pointer.capability_index()
    }

    /// What the pointer leads to: a client of the RPC layer.
    ///
    /// # Errors
    /// When the message came without a table of capabilities, or has no such entry there.
    pub fn get_as<C: FromCapability>(&self) -> Result<C> {
        Ok(C::from_cap(self.pointer.get_capability()?))
    }
}

//! Type parameters: what stands for them in TypeScript's types and in the values at run time.
//!
//! A generic type is a function from descriptors to descriptors, and its types in TypeScript have
//! the types of those descriptors as their parameters: `Box(Person)` describes a
//! `Box<typeof Person>`. That way one parameter stands for what is decoded, what is encoded, views
//! and builders alike. A type inside a generic one has the outer one's parameters before its own.

use std::collections::BTreeSet;

use capstan_schema::node::{
    AnyPointer, Binding, BrandBindings, BrandScope, CompiledSchema, NodeKind, Type,
};
use capstan_schema::node::{Brand, FieldKind};

use super::Error;
use super::names::{Names, Site};
use super::words::type_name;

/// A type parameter of a node or of one it is nested in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) scope: u64,
    pub(super) index: u16,
    /// As generated code calls it.
    pub(super) name: String,
}

impl Parameter {
    /// As it stands in a declaration.
    pub(super) fn declared(&self) -> String {
        format!("{} extends $.PointerType = $.Any", self.name)
    }

    fn ty(&self) -> Type {
        Type::AnyPointer(AnyPointer::Parameter {
            scope_id: self.scope,
            index: self.index,
        })
    }
}

/// The parameters that a node, or a method of one, inherits, and those it adds.
pub(super) fn with_own_parameters(
    inherited: &[Parameter],
    scope: u64,
    own: &[String],
) -> Vec<Parameter> {
    let mut all = inherited.to_vec();
    for (index, own) in own.iter().enumerate() {
        let mut name = type_name(own);
        // Generated functions have short names of their own.
        if name.starts_with(|first: char| first.is_ascii_lowercase()) {
            name.push('$');
        }
        // Hidden, the outer one would still be part of the node's type.
        while all.iter().any(|outer| outer.name == name) {
            name.push('$');
        }
        all.push(Parameter {
            scope,
            index: u16::try_from(index).unwrap_or(u16::MAX),
            name,
        });
    }
    all
}

impl Names<'_> {
    /// The types that stand for a node's own parameters inside the node: those parameters.
    pub(super) fn own_arguments(&self, id: u64) -> Vec<Type> {
        self.parameters(id).iter().map(Parameter::ty).collect()
    }

    /// What a reference binds the parameters of a node to.
    pub(super) fn arguments(&self, id: u64, brand: &Brand) -> Vec<Type> {
        let bound = |parameter: &Parameter| {
            let scope = brand
                .scopes
                .iter()
                .find(|BrandScope { scope_id, .. }| *scope_id == parameter.scope)?;
            match &scope.bindings {
                BrandBindings::Inherit => Some(parameter.ty()),
                BrandBindings::Bind(bindings) => {
                    match bindings.get(usize::from(parameter.index))? {
                        Binding::Type(ty) => Some(ty.clone()),
                        Binding::Unbound => None,
                    }
                }
            }
        };
        self.parameters(id)
            .iter()
            .map(|parameter| bound(parameter).unwrap_or(Type::AnyPointer(AnyPointer::Any)))
            .collect()
    }

    /// What a method binds the parameters of its parameters or results to. Those of a struct that
    /// is made for it are the method's, one by one.
    pub(super) fn method_arguments(&self, id: u64, brand: &Brand) -> Vec<Type> {
        let is_made = self.node(id).is_ok_and(|node| node.scope_id == 0);
        let bound = self.arguments(id, brand).into_iter();
        bound
            .zip(self.parameters(id))
            .map(|(argument, &Parameter { scope, index, .. })| {
                if is_made && scope == id {
                    Type::AnyPointer(AnyPointer::ImplicitMethodParameter { index })
                } else {
                    argument
                }
            })
            .collect()
    }

    /// A type as it is where the parameters of `of` stand for these.
    pub(super) fn bound(&self, ty: &Type, of: u64, arguments: &[Type]) -> Type {
        let bind = |id: u64, brand: &Brand| {
            let bound = self.arguments(id, brand);
            let bound = bound.iter().map(|ty| self.bound(ty, of, arguments));
            let mut scopes: Vec<BrandScope> = Vec::new();
            for (parameter, ty) in self.parameters(id).iter().zip(bound) {
                let binding = Binding::Type(ty);
                match scopes.last_mut() {
                    Some(BrandScope {
                        scope_id,
                        bindings: BrandBindings::Bind(bindings),
                    }) if *scope_id == parameter.scope => bindings.push(binding),
                    _ => scopes.push(BrandScope {
                        scope_id: parameter.scope,
                        bindings: BrandBindings::Bind(vec![binding]),
                    }),
                }
            }
            Brand { scopes }
        };
        match ty {
            Type::List(element) => Type::List(Box::new(self.bound(element, of, arguments))),
            Type::Struct { id, brand } => Type::Struct {
                id: *id,
                brand: bind(*id, brand),
            },
            Type::Interface { id, brand } => Type::Interface {
                id: *id,
                brand: bind(*id, brand),
            },
            ty => {
                let mut pairs = self.parameters(of).iter().zip(arguments);
                let found = pairs.find(|(parameter, _)| parameter.ty() == *ty);
                found.map_or_else(|| ty.clone(), |(_, argument)| argument.clone())
            }
        }
    }

    /// `<T extends $.PointerType = $.Any>`; nothing for what has no parameters.
    pub(super) fn declared_parameters(&self, id: u64) -> String {
        angled(self.parameters(id).iter().map(Parameter::declared))
    }

    /// The name of the parameter that a type is, where there is such a parameter.
    pub(super) fn parameter_at(&self, ty: &Type, site: Site) -> Option<String> {
        let known = site.parameters()?;
        match ty {
            Type::AnyPointer(AnyPointer::Parameter { scope_id, index }) => self
                .parameters(known)
                .iter()
                .find(|parameter| parameter.scope == *scope_id && parameter.index == *index)
                .map(|parameter| parameter.name.clone()),
            Type::AnyPointer(AnyPointer::ImplicitMethodParameter { index }) => self
                .method_parameters(known, site.method()?)
                .get(usize::from(*index))
                .map(|parameter| parameter.name.clone()),
            _ => None,
        }
    }

    /// Whether a type is, or has, type arguments or a parameter: one that only the runtime can take apart.
    pub(super) fn is_open(&self, ty: &Type, site: Site) -> bool {
        match ty {
            Type::List(element) => self.is_open(element, site),
            Type::Struct { id, .. } | Type::Interface { id, .. } => {
                !self.parameters(*id).is_empty()
            }
            ty => self.parameter_at(ty, site).is_some(),
        }
    }

    /// The descriptor of a type, as an expression.
    pub(super) fn descriptor(&self, ty: &Type, site: Site) -> Result<String, Error> {
        Ok(match ty {
            Type::Enum { id, .. } => self.value(*id)?,
            Type::Struct { id, brand } | Type::Interface { id, brand } => {
                self.applied(*id, &self.arguments(*id, brand), site)?
            }
            Type::List(element) => format!("$.List({})", self.descriptor(element, site)?),
            ty => self
                .parameter_at(ty, site)
                .unwrap_or_else(|| plain(ty).to_owned()),
        })
    }

    /// The descriptor of a struct or interface with these arguments, as an expression.
    pub(super) fn applied(&self, id: u64, arguments: &[Type], site: Site) -> Result<String, Error> {
        let value = self.value(id)?;
        if arguments.is_empty() {
            return Ok(value);
        }
        let arguments: Result<Vec<String>, Error> = arguments
            .iter()
            .map(|argument| self.descriptor(argument, site))
            .collect();
        let mut arguments = arguments?;
        // That is what is understood where none is given.
        while arguments
            .last()
            .is_some_and(|argument| argument == "$.AnyPointer")
        {
            arguments.pop();
        }
        Ok(format!("{value}({})", arguments.join(", ")))
    }

    /// The type of a type's descriptor.
    pub(super) fn descriptor_type(&self, ty: &Type, site: Site) -> Result<String, Error> {
        Ok(match ty {
            Type::Struct { id, brand } | Type::Interface { id, brand } => {
                let arguments = self.arguments(*id, brand);
                if arguments.is_empty() {
                    format!("typeof {}", self.value(*id)?)
                } else {
                    self.ty_of(*id, &arguments, site, "Type")?
                }
            }
            Type::Enum { id, .. } => format!("typeof {}", self.value(*id)?),
            Type::List(element) => {
                format!("$.ListType<{}>", self.descriptor_type(element, site)?)
            }
            ty => self
                .parameter_at(ty, site)
                .unwrap_or_else(|| match plain(ty) {
                    "$.AnyPointer" => "$.Any".to_owned(),
                    plain => format!("typeof {plain}"),
                }),
        })
    }

    /// Whether pipelining through this type can lead to a capability.
    pub(super) fn leads_to_clients(&self, ty: &Type) -> bool {
        match ty {
            Type::Interface { .. }
            | Type::AnyPointer(
                AnyPointer::Capability
                | AnyPointer::Parameter { .. }
                | AnyPointer::ImplicitMethodParameter { .. },
            ) => true,
            Type::Struct { id, brand } => {
                self.struct_leads_to_clients(*id, &self.arguments(*id, brand))
            }
            _ => false,
        }
    }

    /// The same of a struct with these type arguments.
    pub(super) fn struct_leads_to_clients(&self, id: u64, arguments: &[Type]) -> bool {
        let mut arguments = arguments.iter();
        self.has_capabilities(id, false)
            || (self.has_capabilities(id, true)
                && arguments.any(|argument| self.leads_to_clients(argument)))
    }

    /// `<A, B>`; nothing for what has no parameters.
    pub(super) fn type_arguments(&self, arguments: &[Type], site: Site) -> Result<String, Error> {
        let arguments: Result<Vec<String>, Error> = arguments
            .iter()
            .map(|argument| self.descriptor_type(argument, site))
            .collect();
        Ok(angled(arguments?.into_iter()))
    }
}

pub(super) fn angled(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("<{}>", parts.join(", "))
    }
}

/// The descriptor of a type that no schema declares.
fn plain(ty: &Type) -> &'static str {
    match ty {
        Type::Void => "$.Void",
        Type::Bool => "$.Bool",
        Type::Int8 => "$.Int8",
        Type::Int16 => "$.Int16",
        Type::Int32 => "$.Int32",
        Type::Int64 => "$.Int64",
        Type::UInt8 => "$.UInt8",
        Type::UInt16 => "$.UInt16",
        Type::UInt32 => "$.UInt32",
        Type::UInt64 => "$.UInt64",
        Type::Float32 => "$.Float32",
        Type::Float64 => "$.Float64",
        Type::Text => "$.Text",
        Type::Data => "$.Data",
        Type::AnyPointer(AnyPointer::Capability) => "$.Capability",
        _ => "$.AnyPointer",
    }
}

/// Structs through which a capability can be reached, whatever their type parameters stand for, or
/// with `through_parameters`, if those stand for interfaces. Types may contain themselves, so this
/// goes on until nothing new is found.
pub(super) fn with_capabilities(
    schema: &CompiledSchema,
    through_parameters: bool,
) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    loop {
        let before = found.len();
        for node in &schema.nodes {
            let NodeKind::Struct(structure) = &node.kind else {
                continue;
            };
            let leads_there = structure.fields.iter().any(|field| match &field.kind {
                FieldKind::Group { id } => found.contains(id),
                FieldKind::Slot { ty, .. } => match ty {
                    Type::Struct { id, .. } => found.contains(id),
                    Type::Interface { .. } | Type::AnyPointer(AnyPointer::Capability) => true,
                    Type::AnyPointer(AnyPointer::Parameter { .. }) => through_parameters,
                    _ => false,
                },
            });
            // Parameters are never waited for, so nothing is pipelined through them.
            let is_params = node.scope_id == 0 && node.name().ends_with("$Params");
            if leads_there && !is_params {
                found.insert(node.id);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

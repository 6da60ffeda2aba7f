//! Types: which may take the place of which.

use super::Comparison;
use super::structs::bits_of;
use crate::node::{AnyPointer, Binding, Brand, BrandBindings, Type};

impl Comparison<'_> {
    /// Why values of type `old` cannot be read as values of type `new`, or the other way round.
    pub(super) fn type_change(&mut self, old: &Type, new: &Type) -> Option<String> {
        if self.fits(old, new) {
            return None;
        }
        let (old, new) = (name(&self.old, old), name(&self.new, new));
        Some(if old == new {
            format!("its type '{new}' is another one of that name")
        } else {
            format!("its type was {old} and is {new}")
        })
    }

    fn fits(&mut self, old: &Type, new: &Type) -> bool {
        match (old, new) {
            (
                Type::Struct { id, brand },
                Type::Struct {
                    id: new_id,
                    brand: new_brand,
                },
            ) => {
                // Another struct will do if it is like a newer version of the first.
                if let (Some(old), Some(new)) = (self.old.node(*id), self.new.node(*new_id)) {
                    self.pair(old, new);
                }
                self.brands_fit(brand, new_brand)
            }
            (
                Type::Interface { id, brand },
                Type::Interface {
                    id: new_id,
                    brand: new_brand,
                },
            ) => {
                let same = self.new_id(*id) == *new_id;
                if let (true, Some(old), Some(new)) =
                    (same, self.old.node(*id), self.new.node(*new_id))
                {
                    self.pair(old, new);
                }
                same && self.brands_fit(brand, new_brand)
            }
            (Type::Enum { id, .. }, Type::Enum { id: new_id, .. }) => {
                if let (Some(old), Some(new)) = (self.old.node(*id), self.new.node(*new_id)) {
                    self.pair(old, new);
                }
                true
            }
            (Type::List(old), Type::List(new)) => {
                if let (false, Type::Struct { id, .. }) =
                    (matches!(**old, Type::Struct { .. }), &**new)
                {
                    return self.is_first_field(old, *id);
                }
                self.fits(old, new)
            }
            // One and the same on the wire.
            (Type::Data, Type::List(element)) | (Type::List(element), Type::Data) => {
                matches!(**element, Type::UInt8 | Type::Int8)
            }
            (_, Type::AnyPointer(new)) => is_kind(old, new),
            // Whoever uses the type says what it stands for.
            (Type::AnyPointer(old), _) => is_parameter(old) && bits_of(new).is_none(),
            _ => old == new,
        }
    }

    /// Whether what type parameters are bound to has changed only as types may.
    fn brands_fit(&mut self, old: &Brand, new: &Brand) -> bool {
        for scope in &old.scopes {
            let BrandBindings::Bind(before) = &scope.bindings else {
                continue;
            };
            let id = self.new_id(scope.scope_id);
            let found = new.scopes.iter().find(|found| found.scope_id == id);
            let Some(BrandBindings::Bind(after)) = found.map(|found| &found.bindings) else {
                continue;
            };
            for (before, after) in before.iter().zip(after) {
                if let (Binding::Type(before), Binding::Type(after)) = (before, after)
                    && !self.fits(before, after)
                {
                    return false;
                }
            }
        }
        true
    }
}

fn is_parameter(ty: &AnyPointer) -> bool {
    matches!(
        ty,
        AnyPointer::Parameter { .. } | AnyPointer::ImplicitMethodParameter { .. }
    )
}

/// Whether every value of a type is also one of the less definite type.
fn is_kind(ty: &Type, kind: &AnyPointer) -> bool {
    match (ty, kind) {
        (_, AnyPointer::Any) => bits_of(ty).is_none(),
        (_, kind) if is_parameter(kind) => bits_of(ty).is_none(),
        (Type::AnyPointer(old), new) => old == new || is_parameter(old),
        (_, AnyPointer::Struct) => matches!(ty, Type::Struct { .. }),
        (_, AnyPointer::List) => matches!(ty, Type::List(_) | Type::Text | Type::Data),
        (_, AnyPointer::Capability) => matches!(ty, Type::Interface { .. }),
        _ => false,
    }
}

/// A type as one writes it.
fn name(version: &super::Version<'_>, ty: &Type) -> String {
    match ty {
        Type::List(element) => format!("List({})", name(version, element)),
        Type::Enum { id, .. } => version.name(*id),
        Type::Struct { id, brand } | Type::Interface { id, brand } => {
            let bound = brand.scopes.iter().find(|scope| scope.scope_id == *id);
            match bound.map(|scope| &scope.bindings) {
                Some(BrandBindings::Bind(bindings)) => {
                    let bindings: Vec<String> = bindings
                        .iter()
                        .map(|binding| match binding {
                            Binding::Type(ty) => name(version, ty),
                            Binding::Unbound => "AnyPointer".to_owned(),
                        })
                        .collect();
                    format!("{}({})", version.name(*id), bindings.join(", "))
                }
                _ => version.name(*id),
            }
        }
        Type::AnyPointer(AnyPointer::Struct) => "AnyStruct".to_owned(),
        Type::AnyPointer(AnyPointer::List) => "AnyList".to_owned(),
        Type::AnyPointer(AnyPointer::Capability) => "Capability".to_owned(),
        Type::AnyPointer(AnyPointer::Parameter { scope_id, index }) => {
            let node = version.node(*scope_id);
            let parameter = node.and_then(|node| node.parameters.get(usize::from(*index)));
            parameter
                .cloned()
                .unwrap_or_else(|| "AnyPointer".to_owned())
        }
        Type::AnyPointer(_) => "AnyPointer".to_owned(),
        plain => format!("{plain:?}"),
    }
}

impl super::Version<'_> {
    /// A node's path in its file.
    fn name(&self, id: u64) -> String {
        let path = self
            .node(id)
            .and_then(|node| node.display_name.split_once(':'));
        path.map_or_else(|| format!("@{id:#x}"), |(_, path)| path.to_owned())
    }
}

//! Structs: every field that holds a value, wherever groups and unions put it, by its number.

use std::collections::{BTreeMap, BTreeSet};

use super::{Comparison, Version, capital};
use crate::node::{FieldKind, Node, NodeKind, StructNode, Type, Value};

/// A field that is no group.
struct Leaf<'a> {
    /// From the struct on, such as `address.street`.
    path: String,
    name: &'a str,
    place: Place,
    ty: &'a Type,
    default: &'a Value,
    /// The tags that say whether it is set, outermost first.
    tags: Vec<Tag>,
}

/// Where a field is, in bits of the data section or in pointers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Data { bit: u64, bits: u64 },
    Pointer(u64),
}

/// One of the tags: where it is, in units of 16 bits, and its value for the field.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag {
    offset: u32,
    value: u16,
}

impl<'a> Comparison<'a> {
    pub(super) fn compare_structs(
        &mut self,
        (old, old_struct): (&'a Node, &'a StructNode),
        (new, new_struct): (&'a Node, &'a StructNode),
    ) {
        let before = leaves(&self.old, old, old_struct);
        let after = leaves(&self.new, new, new_struct);
        let numbers = |leaves: &BTreeMap<u16, Leaf<'_>>| -> BTreeMap<String, u16> {
            leaves
                .iter()
                .map(|(number, leaf)| (leaf.path.clone(), *number))
                .collect()
        };
        let (old_numbers, new_numbers) = (numbers(&before), numbers(&after));
        let known_tags: BTreeSet<u32> = before
            .values()
            .flat_map(|leaf| leaf.tags.iter().map(|tag| tag.offset))
            .collect();
        for (number, leaf) in &before {
            match new_numbers.get(&leaf.path) {
                Some(now) if now != number => {
                    let reason = format!("its number was @{number} and is @{now}");
                    self.report(new, Some(&leaf.path), reason);
                    continue;
                }
                _ => {}
            }
            let Some(found) = after.get(number) else {
                let reason = format!("this field is gone, and peers may still use @{number}");
                let name = capital(leaf.name);
                let hint = format!("keep it; a name like 'obsolete{name}' will do");
                self.report_hint(new, Some(&leaf.path), reason, &hint);
                continue;
            };
            // Another field has taken the number: its own place tells.
            if old_numbers.contains_key(&found.path) && found.path != leaf.path {
                continue;
            }
            self.compare_leaves(new, leaf, found, &known_tags);
        }
    }

    fn compare_leaves(
        &mut self,
        node: &'a Node,
        old: &Leaf<'a>,
        new: &Leaf<'a>,
        known_tags: &BTreeSet<u32>,
    ) {
        let member = Some(new.path.as_str());
        if let Some(reason) = self.type_change(old.ty, new.ty) {
            self.report(node, member, reason);
        } else if old.place != new.place {
            let reason = format!(
                "it was in {} and is in {}",
                old.place.name(),
                new.place.name()
            );
            self.report(node, member, reason);
        } else if !same_default(old.default, new.default) {
            self.report(
                node,
                member,
                "its default has changed, so that values not sent are read differently".to_owned(),
            );
        }
        let lost = old.tags.iter().find(|tag| !new.tags.contains(tag));
        if let Some(lost) = lost {
            let same_union = new.tags.iter().find(|tag| tag.offset == lost.offset);
            let reason = match same_union {
                Some(now) => format!(
                    "its place in the union was {} and is {}",
                    lost.value, now.value
                ),
                None => "it has left its union, whose other members shared its place".to_owned(),
            };
            self.report(node, member, reason);
            return;
        }
        for tag in new.tags.iter().filter(|tag| !old.tags.contains(tag)) {
            if known_tags.contains(&tag.offset) {
                let reason = "it has joined a union that was there before";
                let hint = "only a new union can take in a field, and only one";
                self.report_hint(node, member, reason.to_owned(), hint);
            } else if tag.value != 0 {
                // Messages from before leave the tag at zero, which means another member.
                let reason = "it has joined a union as other than its first member";
                let hint = "a union can take in one field, that with the lowest number in it";
                self.report_hint(node, member, reason.to_owned(), hint);
            }
        }
    }

    /// Whether elements of a list, that were of type `old`, are found in the first field of the
    /// structs that the elements are now.
    pub(super) fn is_first_field(&mut self, old: &Type, structure: u64) -> bool {
        // Lists of bits cannot be read as lists of structs.
        if *old == Type::Bool {
            return false;
        }
        let Some(node) = self.new.node(structure) else {
            return false;
        };
        let NodeKind::Struct(found) = &node.kind else {
            return false;
        };
        let leaves = leaves(&self.new, node, found);
        let first = leaves.into_values().find(|leaf| match leaf.place {
            Place::Nowhere => *old == Type::Void,
            Place::Data { bit, .. } => bit == 0,
            Place::Pointer(index) => index == 0 && bits_of(old).is_none(),
        });
        match first {
            Some(leaf) => leaf.tags.is_empty() && self.type_change(old, leaf.ty).is_none(),
            None => false,
        }
    }
}

/// Whether fields that are not set read the same.
fn same_default(old: &Value, new: &Value) -> bool {
    let nothing = |value: &Value| match value {
        Value::Text(text) => text.is_empty(),
        Value::Data(bytes)
        | Value::List(bytes)
        | Value::Struct(bytes)
        | Value::AnyPointer(bytes) => bytes.is_empty(),
        Value::Interface => true,
        _ => false,
    };
    old == new || (nothing(old) && nothing(new))
}

/// The fields of a struct and its groups by number.
fn leaves<'a>(
    version: &Version<'a>,
    node: &'a Node,
    structure: &'a StructNode,
) -> BTreeMap<u16, Leaf<'a>> {
    let mut found = BTreeMap::new();
    // Groups are nested in the schema's text, so there are finitely many, but a request from
    // elsewhere may say otherwise.
    let mut visited = BTreeSet::from([node.id]);
    let mut groups = vec![(structure, String::new(), Vec::new())];
    while let Some((structure, prefix, tags)) = groups.pop() {
        for field in &structure.fields {
            let mut tags = tags.clone();
            if let Some(value) = field.discriminant {
                tags.push(Tag {
                    offset: structure.discriminant_offset,
                    value,
                });
            }
            let path = format!("{prefix}{}", field.name);
            match &field.kind {
                FieldKind::Slot {
                    offset,
                    ty,
                    default,
                    ..
                } => {
                    let leaf = Leaf {
                        path,
                        name: &field.name,
                        place: Place::of(ty, *offset),
                        ty,
                        default,
                        tags,
                    };
                    found.insert(field.ordinal.unwrap_or(u16::MAX), leaf);
                }
                FieldKind::Group { id } => {
                    if let Some(group) = version.node(*id)
                        && let NodeKind::Struct(structure) = &group.kind
                        && visited.insert(*id)
                    {
                        groups.push((structure, format!("{path}."), tags));
                    }
                }
            }
        }
    }
    found
}

impl Place {
    fn of(ty: &Type, offset: u32) -> Self {
        match bits_of(ty) {
            Some(0) => Place::Nowhere,
            Some(bits) => Place::Data {
                bit: u64::from(offset) * bits,
                bits,
            },
            None => Place::Pointer(u64::from(offset)),
        }
    }

    fn name(self) -> String {
        match self {
            Place::Nowhere => "no place".to_owned(),
            Place::Data { bit, bits: 1 } => format!("bit {bit}"),
            Place::Data { bit, bits: 8 } => format!("byte {}", bit / 8),
            Place::Data { bit, bits } => {
                format!("bytes {} to {}", bit / 8, (bit + bits) / 8 - 1)
            }
            Place::Pointer(index) => format!("pointer {index}"),
        }
    }
}

/// The size of a value in the data section; `None` for pointers.
pub(super) fn bits_of(ty: &Type) -> Option<u64> {
    match ty {
        Type::Void => Some(0),
        Type::Bool => Some(1),
        Type::Int8 | Type::UInt8 => Some(8),
        Type::Int16 | Type::UInt16 | Type::Enum { .. } => Some(16),
        Type::Int32 | Type::UInt32 | Type::Float32 => Some(32),
        Type::Int64 | Type::UInt64 | Type::Float64 => Some(64),
        _ => None,
    }
}

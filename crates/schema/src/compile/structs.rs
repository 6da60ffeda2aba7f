//! Structs: the tree of their fields, groups and unions, walked once in the order of the text and
//! once in the order of the numbers.

use std::collections::BTreeSet;

use super::layout::{Layout, Scope, UnionId};
use super::names::{Implicit, NO_IMPLICIT, ScopeId};
use super::nodes::{PendingDefault, Target, default_value, prefix_bytes};
use super::{Compiler, ids};
use crate::diagnostic::{Problem, Span};
use crate::node::{
    Field, FieldKind, Node, NodeKind, PreferredListEncoding, StructNode, Type, WrittenDefault,
};
use crate::parse::ast::{AnnotationUse, Decl, DeclKind, Expr, Located, Param};

/// A field, group or named union; the first is the struct itself.
struct Entry<'a> {
    parent: Option<EntryId>,
    name: &'a str,
    code_order: usize,
    in_union: bool,
    annotations: &'a [AnnotationUse],
    doc: Option<&'a str>,
    /// For the struct, its groups and its named unions.
    display_name: String,
    /// The union that the direct children flagged `in_union` belong to.
    union: Option<UnionId>,
    kind: EntryKind<'a>,
    // The rest is known once the entry's first number has come up.
    placed: bool,
    /// Position among the parent's fields.
    index: usize,
    discriminant: Option<u16>,
    ordinal: Option<u16>,
    /// Children in the order of their numbers.
    children: Vec<EntryId>,
    union_members: u16,
}

type EntryId = usize;

enum EntryKind<'a> {
    Struct,
    Group(Target),
    Slot {
        scope: Scope,
        ty: &'a Expr,
        default: Option<&'a Expr>,
        target: Target,
        /// Once placed.
        offset: u32,
        resolved: Type,
    },
}

/// Something that happens when its number comes up.
#[derive(Clone, Copy)]
enum Step {
    Place(EntryId),
    /// The discriminant of a named union.
    Discriminate(UnionId, EntryId),
}

struct Plan<'a> {
    layout: Layout,
    entries: Vec<Entry<'a>>,
    steps: Vec<(u16, Option<&'a Located<u16>>, Step)>,
}

impl<'a> Compiler<'a> {
    pub(super) fn build_struct(&mut self, scope: ScopeId, node: Node, decl: &'a Decl) {
        let mut plan = Plan::new(&node.display_name);
        self.plan_members(&mut plan, scope, 0, &decl.nested, Scope::Top);
        self.finish_struct(plan, scope, node, NO_IMPLICIT);
    }

    /// The struct that a method's parameter or result list stands for.
    pub(super) fn build_param_struct(
        &mut self,
        scope: ScopeId,
        node: Node,
        params: &'a [Param],
        implicit: Implicit<'_>,
    ) {
        let mut plan = Plan::new(&node.display_name);
        for (index, param) in params.iter().enumerate() {
            let entry = Entry {
                annotations: &param.annotations,
                ..Entry::new(
                    &param.name.value,
                    0,
                    index,
                    EntryKind::Slot {
                        scope: Scope::Top,
                        ty: &param.ty,
                        default: param.default.as_ref(),
                        target: Target::Param,
                        offset: 0,
                        resolved: Type::Void,
                    },
                )
            };
            let id = plan.add(entry);
            let ordinal = u16::try_from(index).unwrap_or(u16::MAX);
            plan.steps.push((ordinal, None, Step::Place(id)));
        }
        self.check_param_names(scope, params);
        self.finish_struct(plan, scope, node, implicit);
    }

    fn check_param_names(&self, scope: ScopeId, params: &[Param]) {
        let mut names = BTreeSet::new();
        for param in params {
            let name = &param.name.value;
            if !names.insert(name) {
                let message = format!("there are two parameters called '{name}'");
                self.complain_in(scope, Problem::new(param.name.span, message));
            }
        }
    }

    /// The members of a struct or of a group outside of unions.
    fn plan_members(
        &self,
        plan: &mut Plan<'a>,
        scope: ScopeId,
        parent: EntryId,
        members: &'a [Decl],
        place: Scope,
    ) {
        let mut code_order = 0;
        for member in members {
            match &member.kind {
                DeclKind::Field { .. } => {
                    plan.add_slot(parent, &mut code_order, member, place, false);
                }
                DeclKind::Union => {
                    let union = plan.layout.add_union(place);
                    if member.name.value.is_empty() {
                        plan.set_union(parent, union);
                        self.plan_union(plan, scope, parent, member, union, &mut code_order);
                    } else {
                        let id = plan.add_group(parent, &mut code_order, member, Target::Union);
                        plan.set_union(id, union);
                        plan.add_step(member, Step::Discriminate(union, id));
                        self.plan_union(plan, scope, id, member, union, &mut 0);
                    }
                }
                DeclKind::Group => {
                    let id = plan.add_group(parent, &mut code_order, member, Target::Group);
                    self.check_group(scope, member);
                    self.plan_members(plan, scope, id, &member.nested, place);
                }
                _ => {}
            }
        }
    }

    fn plan_union(
        &self,
        plan: &mut Plan<'a>,
        scope: ScopeId,
        parent: EntryId,
        decl: &'a Decl,
        union: UnionId,
        code_order: &mut usize,
    ) {
        if decl.nested.len() < 2 && !self.lossy {
            let problem = Problem::new(decl.span, "a union has at least two members");
            self.complain_in(
                scope,
                problem.hint("a lone field can be made part of a union later: it keeps its place"),
            );
        }
        for member in &decl.nested {
            match &member.kind {
                DeclKind::Field { .. } => {
                    let place = plan.layout.add_member(union);
                    plan.add_slot(parent, code_order, member, place, true);
                }
                DeclKind::Union if member.name.value.is_empty() => {
                    let message = "a union cannot contain an unnamed union";
                    self.complain_in(
                        scope,
                        Problem::new(member.span, message)
                            .hint("give it a name: 'name :union { … }'"),
                    );
                }
                DeclKind::Union => {
                    let place = plan.layout.add_member(union);
                    let inner = plan.layout.add_union(place);
                    let id = plan.add_group(parent, code_order, member, Target::Union);
                    plan.set_in_union(id);
                    plan.set_union(id, inner);
                    plan.add_step(member, Step::Discriminate(inner, id));
                    self.plan_union(plan, scope, id, member, inner, &mut 0);
                }
                DeclKind::Group => {
                    let place = plan.layout.add_member(union);
                    let id = plan.add_group(parent, code_order, member, Target::Group);
                    plan.set_in_union(id);
                    self.check_group(scope, member);
                    self.plan_members(plan, scope, id, &member.nested, place);
                }
                _ => {}
            }
        }
    }

    fn check_group(&self, scope: ScopeId, decl: &Decl) {
        if decl.nested.is_empty() {
            let problem = Problem::new(decl.span, "a group has at least one member");
            self.complain_in(scope, problem);
        }
    }

    fn finish_struct(
        &mut self,
        mut plan: Plan<'a>,
        scope: ScopeId,
        node: Node,
        implicit: Implicit<'_>,
    ) {
        plan.steps.sort_by_key(|(ordinal, ..)| *ordinal);
        self.check_ordinals(
            scope,
            plan.steps.iter().filter_map(|(_, written, _)| *written),
        );
        for (ordinal, written, step) in std::mem::take(&mut plan.steps) {
            match step {
                Step::Place(id) => {
                    plan.place(id);
                    self.place_slot(&mut plan, id, scope, implicit);
                    plan.set_ordinal(id, ordinal);
                }
                Step::Discriminate(union, id) => {
                    plan.place(id);
                    plan.set_ordinal(id, ordinal);
                    if !plan.layout.add_discriminant(union) {
                        let span = written.map_or(Span::default(), |w| w.span);
                        let message = "a union's number must be greater than at most one of its \
                                       members' numbers";
                        self.complain_in(
                            scope,
                            Problem::new(span, message).hint(
                                "only one field can have existed before it became a union; \
                                 leave the number out to place the union by its members",
                            ),
                        );
                    }
                }
            }
        }
        // Unions whose members never forced a discriminant get it now, the struct's own first.
        for id in 0..plan.entries.len() {
            plan.place(id);
            if let Some(union) = plan.entries.get(id).and_then(|entry| entry.union) {
                plan.layout.add_discriminant(union);
            }
        }
        self.emit(plan, scope, node);
    }

    fn place_slot(&self, plan: &mut Plan<'a>, id: EntryId, scope: ScopeId, implicit: Implicit<'_>) {
        let Some(entry) = plan.entries.get_mut(id) else {
            return;
        };
        let EntryKind::Slot {
            scope: place,
            ty,
            offset,
            resolved,
            ..
        } = &mut entry.kind
        else {
            return;
        };
        *resolved = self.resolve_type(ty, scope, implicit).unwrap_or(Type::Void);
        *offset = match size_of(resolved) {
            Size::Nothing => {
                plan.layout.add_void(*place);
                0
            }
            Size::Pointer => plan.layout.add_pointer(*place),
            Size::Bits(lg_size) => plan.layout.add_data(*place, lg_size),
        };
    }

    /// Turns the finished plan into nodes.
    fn emit(&mut self, plan: Plan<'a>, scope: ScopeId, node: Node) {
        let (Ok(data_words), Ok(pointers)) = (
            u16::try_from(plan.layout.data_words),
            u16::try_from(plan.layout.pointers),
        ) else {
            let span = self
                .scope(scope)
                .map_or(Span::default(), |s| s.decl.name.span);
            let message = format!(
                "this struct is too big: {} data words and {} pointers, of which 65535 are allowed",
                plan.layout.data_words, plan.layout.pointers
            );
            self.complain_in(scope, Problem::new(span, message));
            return;
        };
        let common = StructNode {
            data_words,
            pointers,
            // Struct lists have been inline composite in every version that anyone still runs.
            preferred_list_encoding: PreferredListEncoding::InlineComposite,
            ..StructNode::default()
        };
        let mut group_ids = vec![node.id; plan.entries.len()];
        for (id, entry) in plan.entries.iter().enumerate() {
            let parent = entry
                .parent
                .and_then(|parent| group_ids.get(parent).copied());
            let index = u16::try_from(entry.index).unwrap_or(u16::MAX);
            if let (Some(parent), EntryKind::Group(_), Some(slot)) =
                (parent, &entry.kind, group_ids.get_mut(id))
            {
                *slot = ids::group_id(parent, index);
            }
        }
        for (id, entry) in plan.entries.iter().enumerate() {
            if matches!(entry.kind, EntryKind::Slot { .. }) {
                continue;
            }
            let node_id = group_ids.get(id).copied().unwrap_or(0);
            let mut structure = common.clone();
            structure.is_group = entry.parent.is_some();
            if let Some(union) = entry.union {
                structure.discriminant_count = entry.union_members;
                structure.discriminant_offset = plan.layout.discriminant(union).unwrap_or(0);
            }
            for (index, child) in entry.children.iter().enumerate() {
                let group_id = group_ids.get(*child).copied().unwrap_or(0);
                if let Some(child) = plan.entries.get(*child) {
                    structure.fields.push(child.field(group_id));
                    self.note_field(child, node_id, index, scope);
                }
            }
            let kind = NodeKind::Struct(structure);
            self.push_node(match entry.parent {
                None => Node {
                    kind,
                    ..node.clone()
                },
                Some(parent) => Node {
                    id: node_id,
                    display_name_prefix_bytes: prefix_bytes(&entry.display_name, entry.name),
                    display_name: entry.display_name.clone(),
                    scope_id: group_ids.get(parent).copied().unwrap_or(0),
                    parameters: Vec::new(),
                    is_generic: node.is_generic,
                    nested_nodes: Vec::new(),
                    annotations: Vec::new(),
                    doc_comment: entry.doc.map(str::to_owned),
                    kind,
                },
            });
        }
    }

    fn note_field(&mut self, entry: &Entry<'a>, node: u64, index: usize, scope: ScopeId) {
        let target = match &entry.kind {
            EntryKind::Struct => return,
            EntryKind::Group(target) | EntryKind::Slot { target, .. } => *target,
        };
        self.note_annotations_on(node, scope, Some(index), entry.annotations, target);
        if let EntryKind::Slot {
            default: Some(expr),
            resolved,
            target,
            ..
        } = &entry.kind
        {
            self.pending.defaults.push(PendingDefault {
                node,
                field: index,
                ty: resolved.clone(),
                expr,
                scope,
                of_parameter: *target == Target::Param,
            });
        }
    }
}

impl<'a> Plan<'a> {
    fn new(display_name: &str) -> Self {
        let mut root = Entry::new("", 0, 0, EntryKind::Struct);
        root.parent = None;
        root.placed = true;
        root.display_name = display_name.to_owned();
        Plan {
            layout: Layout::default(),
            entries: vec![root],
            steps: Vec::new(),
        }
    }

    fn add(&mut self, entry: Entry<'a>) -> EntryId {
        self.entries.push(entry);
        self.entries.len() - 1
    }

    fn add_slot(
        &mut self,
        parent: EntryId,
        code_order: &mut usize,
        decl: &'a Decl,
        scope: Scope,
        in_union: bool,
    ) {
        let DeclKind::Field { ty, default } = &decl.kind else {
            return;
        };
        let kind = EntryKind::Slot {
            scope,
            ty,
            default: default.as_ref(),
            target: Target::Field,
            offset: 0,
            resolved: Type::Void,
        };
        let id = self.add(Entry {
            in_union,
            ..Entry::of(decl, parent, *code_order, kind)
        });
        *code_order += 1;
        self.add_step(decl, Step::Place(id));
    }

    fn add_group(
        &mut self,
        parent: EntryId,
        code_order: &mut usize,
        decl: &'a Decl,
        target: Target,
    ) -> EntryId {
        let outer = self
            .entries
            .get(parent)
            .map_or("", |p| p.display_name.as_str());
        let display_name = format!("{outer}.{}", decl.name.value);
        let id = self.add(Entry {
            display_name,
            ..Entry::of(decl, parent, *code_order, EntryKind::Group(target))
        });
        *code_order += 1;
        id
    }

    fn add_step(&mut self, decl: &'a Decl, step: Step) {
        if let Some(ordinal) = &decl.ordinal {
            self.steps.push((ordinal.value, Some(ordinal), step));
        }
    }

    fn set_union(&mut self, id: EntryId, union: UnionId) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.union = Some(union);
        }
    }

    fn set_in_union(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.in_union = true;
        }
    }

    fn set_ordinal(&mut self, id: EntryId, ordinal: u16) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.ordinal = Some(ordinal);
        }
    }

    /// Gives an entry its position among its parent's fields and, in a union, its discriminant:
    /// both count in the order of the numbers. A group comes where its first field does.
    fn place(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let Some(parent) = entry.parent else {
            return;
        };
        if entry.placed {
            return;
        }
        let in_union = entry.in_union;
        self.place(parent);
        let Some(outer) = self.entries.get_mut(parent) else {
            return;
        };
        let index = outer.children.len();
        outer.children.push(id);
        let discriminant = in_union.then_some(outer.union_members);
        if in_union {
            outer.union_members += 1;
        }
        if let Some(entry) = self.entries.get_mut(id) {
            entry.placed = true;
            entry.index = index;
            entry.discriminant = discriminant;
        }
    }
}

impl<'a> Entry<'a> {
    fn new(name: &'a str, parent: EntryId, code_order: usize, kind: EntryKind<'a>) -> Self {
        Entry {
            parent: Some(parent),
            name,
            code_order,
            in_union: false,
            annotations: &[],
            doc: None,
            display_name: String::new(),
            union: None,
            kind,
            placed: false,
            index: 0,
            discriminant: None,
            ordinal: None,
            children: Vec::new(),
            union_members: 0,
        }
    }

    fn of(decl: &'a Decl, parent: EntryId, code_order: usize, kind: EntryKind<'a>) -> Self {
        Entry {
            annotations: &decl.annotations,
            doc: decl.doc.as_deref(),
            ..Entry::new(&decl.name.value, parent, code_order, kind)
        }
    }

    fn field(&self, group_id: u64) -> Field {
        let kind = match &self.kind {
            EntryKind::Slot {
                offset,
                resolved,
                default,
                ..
            } => FieldKind::Slot {
                offset: *offset,
                ty: resolved.clone(),
                default: default_value(resolved),
                written_default: match default {
                    Some(_) => WrittenDefault::Value,
                    None => WrittenDefault::Nothing,
                },
            },
            EntryKind::Struct | EntryKind::Group(_) => FieldKind::Group { id: group_id },
        };
        Field {
            name: self.name.to_owned(),
            code_order: u16::try_from(self.code_order).unwrap_or(u16::MAX),
            annotations: Vec::new(),
            discriminant: self.discriminant,
            doc_comment: self.doc.map(str::to_owned),
            ordinal: self.ordinal,
            kind,
        }
    }
}

pub(super) enum Size {
    Nothing,
    Pointer,
    /// log2 of the number of bits.
    Bits(u32),
}

pub(super) fn size_of(ty: &Type) -> Size {
    match ty {
        Type::Void => Size::Nothing,
        Type::Bool => Size::Bits(0),
        Type::Int8 | Type::UInt8 => Size::Bits(3),
        Type::Int16 | Type::UInt16 | Type::Enum { .. } => Size::Bits(4),
        Type::Int32 | Type::UInt32 | Type::Float32 => Size::Bits(5),
        Type::Int64 | Type::UInt64 | Type::Float64 => Size::Bits(6),
        Type::Text
        | Type::Data
        | Type::List(_)
        | Type::Struct { .. }
        | Type::Interface { .. }
        | Type::AnyPointer(_) => Size::Pointer,
    }
}

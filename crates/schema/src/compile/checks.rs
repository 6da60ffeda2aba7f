//! Rules about declarations as such: what may stand where, and under which name.

use std::collections::BTreeMap;

use super::Compiler;
use crate::diagnostic::{Problem, Span};
use crate::parse::ast::{Decl, DeclKind, Expr, ExprKind};
use crate::spelling;

impl<'a> Compiler<'a> {
    pub(super) fn check_declarations(&self) {
        for (index, module) in self.modules.iter().enumerate() {
            self.check_members(index, &module.decl, &mut BTreeMap::new());
        }
    }

    fn check_members(&self, module: usize, parent: &'a Decl, names: &mut BTreeMap<&'a str, Span>) {
        for decl in &parent.nested {
            if let Some(first) = names.insert(&decl.name.value, decl.name.span) {
                self.complain_about_clash(module, decl, first);
            }
            self.check_name(module, decl);
            self.check_place(module, decl, &parent.kind);
            if matches!(decl.kind, DeclKind::Union) && decl.name.value.is_empty() {
                // An unnamed union's members are names of the struct.
                self.check_members(module, decl, names);
            } else {
                let mut inner = BTreeMap::new();
                self.check_members(module, decl, &mut inner);
            }
        }
    }

    fn complain_about_clash(&self, module: usize, decl: &Decl, first: Span) {
        let line = self.modules.get(module).map_or(1, |m| m.line_of(first));
        let problem = if decl.name.value.is_empty() {
            Problem::new(decl.name.span, "a struct can have only one unnamed union")
                .hint("give one of them a name: 'name :union { … }'")
        } else {
            let message = format!("'{}' is already declared in this scope", decl.name.value);
            Problem::new(decl.name.span, message).hint(format!("first declared in line {line}"))
        };
        self.complain(module, problem);
    }

    fn check_name(&self, module: usize, decl: &Decl) {
        let name = &decl.name.value;
        let Some(first) = name.chars().next() else {
            return;
        };
        let is_type = match &decl.kind {
            DeclKind::Enum | DeclKind::Struct | DeclKind::Interface { .. } => true,
            // Aliases follow what they stand for: constants and annotations have aliases too.
            DeclKind::Using(target) => match target_name(target) {
                Some(target) => !target.starts_with(|c: char| c.is_ascii_lowercase()),
                None => true,
            },
            _ => false,
        };
        let rule = if is_type && !first.is_ascii_uppercase() {
            "names of types begin with a capital"
        } else if !is_type && !first.is_ascii_lowercase() {
            "names of members, constants and annotations begin with a small letter"
        } else if name.contains('_') {
            "names have no underscores"
        } else {
            return;
        };
        let better = if is_type {
            spelling::type_name(name)
        } else {
            spelling::member_name(name)
        };
        let problem = Problem::new(decl.name.span, rule);
        self.complain(
            module,
            if better.is_empty() || better == *name {
                problem
            } else {
                problem.hint(format!("write '{better}'"))
            },
        );
    }

    fn check_place(&self, module: usize, decl: &Decl, parent: &DeclKind) {
        let nests = matches!(
            parent,
            DeclKind::File | DeclKind::Struct | DeclKind::Interface { .. }
        );
        let allowed = match &decl.kind {
            DeclKind::Using(_)
            | DeclKind::Const { .. }
            | DeclKind::Enum
            | DeclKind::Struct
            | DeclKind::Interface { .. }
            | DeclKind::Annotation { .. } => nests,
            // The grammar has put all other kinds where they belong.
            _ => true,
        };
        if !allowed {
            let problem = Problem::new(
                decl.span,
                "only structs, interfaces and files can hold this kind of declaration",
            );
            self.complain(
                module,
                problem.hint("move it out of the enum, union or group"),
            );
        }
    }
}

/// The last part of the name that an alias stands for.
fn target_name(target: &Expr) -> Option<&str> {
    match &target.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Absolute(name) | ExprKind::Member(_, name) => Some(&name.value),
        ExprKind::Apply(function, _) => target_name(function),
        _ => None,
    }
}

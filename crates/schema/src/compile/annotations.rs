//! Annotations: which one, may it stand here, what is its value.

use super::Compiler;
use super::brands::{Entity, apply_brand};
use super::names::{NO_IMPLICIT, ScopeId};
use super::nodes::{PendingAnnotations, Target};
use crate::diagnostic::Problem;
use crate::node::{Annotation, Brand, Node, NodeKind, Type, Value};
use crate::parse::ast::{AnnotationUse, DeclKind};

impl Compiler<'_> {
    pub(super) fn fill_annotations(&mut self, pending: Vec<PendingAnnotations<'_>>) {
        for item in pending {
            let annotations: Vec<Annotation> = item
                .uses
                .iter()
                .filter_map(|used| self.annotation(used, item.target, item.scope))
                .collect();
            let at = self.node_index.get(&item.node).copied();
            if let Some(node) = at.and_then(|at| self.nodes.get_mut(at))
                && let Some(slot) = annotations_of(node, item.member)
            {
                *slot = annotations;
            }
        }
    }

    fn annotation(
        &self,
        used: &AnnotationUse,
        target: Target,
        scope: ScopeId,
    ) -> Option<Annotation> {
        let entity = self.resolve(&used.name, scope, NO_IMPLICIT)?;
        let span = used.name.span;
        let declared = match &entity {
            Entity::Declared { scope, brand } => Some((self.scope(*scope)?, brand)),
            _ => None,
        };
        let Some((declared, brand)) =
            declared.filter(|(d, _)| matches!(d.decl.kind, DeclKind::Annotation { .. }))
        else {
            let message = format!("'{}' is not an annotation", used.name.text());
            self.complain_in(scope, Problem::new(span, message));
            return None;
        };
        let id = declared.id;
        let brand: Brand =
            brand.compile(&mut |param| self.entity_to_type(param, &used.name, scope));
        let node = self.nodes.get(*self.node_index.get(&id)?)?;
        let NodeKind::Annotation { ty, targets } = &node.kind else {
            return None;
        };
        if !target.is_in(targets) {
            let target = target.name();
            let article = if target.starts_with(['a', 'e', 'i']) {
                "an"
            } else {
                "a"
            };
            let message = format!(
                "'{}' cannot be applied to {article} {target}",
                used.name.text()
            );
            self.complain_in(scope, Problem::new(span, message));
        }
        let ty = apply_brand(ty, &brand);
        let value = match &used.value {
            Some(expr) => self.evaluate_to_value(expr, &ty, scope)?,
            None if ty == Type::Void => Value::Void,
            None => {
                let message = format!("'{}' needs a value", used.name.text());
                let hint = format!(
                    "write '${}(…)' with a {}",
                    used.name.text(),
                    self.type_name(&ty)
                );
                self.complain_in(scope, Problem::new(span, message).hint(hint));
                return None;
            }
        };
        Some(Annotation { id, brand, value })
    }
}

fn annotations_of(node: &mut Node, member: Option<usize>) -> Option<&mut Vec<Annotation>> {
    let Some(index) = member else {
        return Some(&mut node.annotations);
    };
    match &mut node.kind {
        NodeKind::Struct(structure) => Some(&mut structure.fields.get_mut(index)?.annotations),
        NodeKind::Enum { enumerants } => Some(&mut enumerants.get_mut(index)?.annotations),
        NodeKind::Interface { methods, .. } => Some(&mut methods.get_mut(index)?.annotations),
        _ => None,
    }
}

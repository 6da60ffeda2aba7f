//! What someone who wrote an unknown name may have meant.

use super::Compiler;
use super::names::{BUILTINS, ScopeId};
use crate::diagnostic::{Problem, Span};
use crate::habits;
use crate::spelling::closest;

impl Compiler<'_> {
    /// Reports a name that is not defined, and what may have been meant.
    pub(super) fn complain_undefined(&self, name: &str, span: Span, scope: ScopeId) {
        if self.lossy {
            return;
        }
        let problem = Problem::new(span, format!("'{name}' is not defined"));
        let mut known: Vec<&str> = BUILTINS.iter().map(|(name, _)| *name).collect();
        known.push("List");
        let mut current = Some(scope);
        while let Some(scope) = current.and_then(|id| self.scope(id)) {
            known.extend(scope.members.keys());
            known.extend(scope.decl.params.iter().map(|p| p.value.as_str()));
            current = scope.parent;
        }
        let close = closest(name, known);
        let hint = match close {
            // A name of this very schema, but for capitals.
            Some((0, candidate)) => Some(did_you_mean(candidate)),
            _ => habits::our_name(name)
                .map(did_you_mean)
                .or_else(|| habits::instead_of(name).map(str::to_owned))
                .or(close.map(|(_, candidate)| did_you_mean(candidate))),
        };
        self.complain_in(
            scope,
            match hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            },
        );
    }
}

fn did_you_mean(candidate: &str) -> String {
    format!("did you mean '{candidate}'?")
}

//! Where in the text of the newer version a change is.

use super::Incompatibility;
use crate::diagnostic::{Diagnostic, Problem, Span};
use crate::files::SourceFile;
use crate::parse::ast::{Decl, DeclKind, ParamList};
use crate::parse::parse_file;

impl Incompatibility {
    /// The change as an error in `file`, marked at what is left of the declaration there.
    pub fn diagnostic(&self, file: &SourceFile) -> Diagnostic {
        let decl = parse_file(&file.text, &mut Vec::new());
        let span = place(&decl, self.declaration.split('.'));
        let mut problem = Problem::new(span, self.message());
        problem.hint = self.hint.clone();
        Diagnostic::new(&file.display_name, &file.text, &problem)
    }
}

/// The name of the declaration, or of the innermost one around it that there is.
fn place<'a>(file: &Decl, path: impl Iterator<Item = &'a str>) -> Span {
    let (mut decl, mut span) = (file, Span::default());
    for name in path {
        if let Some(found) = member(decl, name) {
            (decl, span) = (found, found.name.span);
            continue;
        }
        // The structs of parameter lists are called after their methods.
        let method = name
            .split_once('$')
            .and_then(|(name, _)| member(decl, name));
        if let Some(found) = method {
            (decl, span) = (found, found.name.span);
        } else if let Some(param) = parameter(decl, name) {
            span = param;
        }
    }
    span
}

/// A declaration in another, or in its unnamed union.
fn member<'a>(decl: &'a Decl, name: &str) -> Option<&'a Decl> {
    decl.nested.iter().find_map(|nested| {
        let unnamed = matches!(nested.kind, DeclKind::Union) && nested.name.value.is_empty();
        if unnamed {
            member(nested, name)
        } else {
            (nested.name.value == name).then_some(nested)
        }
    })
}

fn parameter(decl: &Decl, name: &str) -> Option<Span> {
    let DeclKind::Method { params, results } = &decl.kind else {
        return None;
    };
    let lists = [Some(params), results.as_ref()];
    lists.into_iter().flatten().find_map(|list| match list {
        ParamList::Named(params) => {
            let found = params.iter().find(|param| param.name.value == name)?;
            Some(found.name.span)
        }
        _ => None,
    })
}

//! What someone who wrote an unknown name may have meant.

use super::Compiler;
use super::names::{BUILTINS, ScopeId};
use crate::diagnostic::{Problem, Span};

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
        let close = known
            .into_iter()
            .map(|candidate| (edit_distance(name, candidate), candidate))
            .filter(|(distance, candidate)| *distance * 5 <= candidate.len().min(name.len()) * 2)
            .min()
            .map(|(_, candidate)| candidate);
        self.complain_in(
            scope,
            match foreign_name(name).or(close) {
                Some(candidate) => problem.hint(format!("did you mean '{candidate}'?")),
                None => problem,
            },
        );
    }
}

/// What other languages call our types.
fn foreign_name(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "string" | "str" => "Text",
        "bytes" | "blob" | "buffer" => "Data",
        "byte" | "u8" => "UInt8",
        "short" | "i16" => "Int16",
        "int" | "integer" | "i32" => "Int32",
        "long" | "i64" => "Int64",
        "u16" => "UInt16",
        "uint" | "u32" => "UInt32",
        "ulong" | "u64" => "UInt64",
        "float" | "f32" => "Float32",
        "double" | "number" | "f64" => "Float64",
        "boolean" => "Bool",
        "any" | "object" => "AnyPointer",
        "array" | "vec" | "vector" => "List",
        _ => return None,
    })
}

/// Levenshtein's distance, letters of either case alike.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, pair), left) in b.iter().zip(row.windows(2)).zip(0..) {
            let (diagonal, above) = match pair {
                [diagonal, above] => (*diagonal, *above),
                _ => (0, 0),
            };
            let before: usize = next.get(left).copied().unwrap_or(0);
            next.push(
                (diagonal + usize::from(x != *y))
                    .min(above + 1)
                    .min(before + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

//! What annotations can be applied to.

use super::ast::Located;
use super::parser::{Parsed, Parser};
use crate::diagnostic::Problem;
use crate::node::AnnotationTargets;

impl Parser<'_> {
    /// `(struct, field)` or `(*)`.
    pub(super) fn annotation_targets(&mut self) -> Parsed<AnnotationTargets> {
        self.mark('(', "before the annotation's targets")?;
        let mut targets = AnnotationTargets::default();
        let mut written: Vec<Located<String>> = Vec::new();
        while !self.at_mark(')') {
            if self.at_mark('*') {
                written.push(Located {
                    value: "*".to_owned(),
                    span: self.advance().span,
                });
            } else {
                written.push(self.identifier("a target or '*'", "in this list of targets")?);
            }
            if !self.take_mark(',') {
                break;
            }
        }
        self.mark(')', "after the annotation's targets")?;
        for (index, target) in written.iter().enumerate() {
            let name = &target.value;
            let others = written.iter().take(index);
            if others.into_iter().any(|earlier| earlier.value == *name) {
                let message = format!("the target '{name}' is named twice");
                self.report(Problem::new(target.span, message));
            } else if name == "*" {
                if written.len() > 1 {
                    let problem = Problem::new(target.span, "'*' means all targets");
                    self.report(problem.hint("leave it out, or the others"));
                }
                targets = all();
            } else if !add(&mut targets, name) {
                let message = format!("annotations cannot target '{name}'");
                self.report(Problem::new(target.span, message).hint(
                    "the targets are file, const, enum, enumerant, struct, field, union, group, \
                     interface, method, param, annotation and *",
                ));
            }
        }
        Ok(targets)
    }
}

fn add(targets: &mut AnnotationTargets, name: &str) -> bool {
    let flag = match name {
        "file" => &mut targets.file,
        "const" => &mut targets.constant,
        "enum" => &mut targets.enumeration,
        "enumerant" => &mut targets.enumerant,
        "struct" => &mut targets.structure,
        "field" => &mut targets.field,
        "union" => &mut targets.union,
        "group" => &mut targets.group,
        "interface" => &mut targets.interface,
        "method" => &mut targets.method,
        "param" => &mut targets.param,
        "annotation" => &mut targets.annotation,
        _ => return false,
    };
    *flag = true;
    true
}

fn all() -> AnnotationTargets {
    AnnotationTargets {
        file: true,
        constant: true,
        enumeration: true,
        enumerant: true,
        structure: true,
        field: true,
        union: true,
        group: true,
        interface: true,
        method: true,
        param: true,
        annotation: true,
    }
}

//! Interfaces and their methods.

use super::ast::{Decl, DeclKind, Param, ParamList};
use super::declarations::{Block, decl};
use super::hints::Member;
use super::lexer::TokenKind;
use super::parser::{Parsed, Parser};
use crate::diagnostic::Problem;

impl Parser<'_> {
    pub(super) fn interface(&mut self) -> Parsed<Decl> {
        self.advance();
        let name = self.identifier("a name", "after 'interface'")?;
        let mut superclasses = Vec::new();
        let mut decl = decl(name, DeclKind::Enum);
        self.uid_and_type_parameters(&mut decl)?;
        if self.at_word("extends") {
            self.advance();
            if !self.take_mark('(') {
                let hint = match self.peek() {
                    TokenKind::Identifier(base) => Some(format!("write 'extends({base})'")),
                    _ => None,
                };
                return Err(self.expected_instead("'('", "after 'extends'", hint));
            }
            while !self.at_mark(')') {
                superclasses.push(self.expression("in this list of interfaces")?);
                if !self.take_mark(',') {
                    break;
                }
            }
            self.mark(')', "after the inherited interfaces")?;
        }
        decl.kind = DeclKind::Interface { superclasses };
        decl.annotations = self.annotations()?;
        self.block(&mut decl, Block::Interface)?;
        Ok(self.finished(decl))
    }

    pub(super) fn method(&mut self) -> Parsed<Decl> {
        let name = self.member_name("a method", "in this interface")?;
        let ordinal = self.ordinal(&name, Member::Method)?;
        let mut implicit = Vec::new();
        if self.take_mark('[') {
            while !self.at_mark(']') {
                implicit.push(self.identifier("a type parameter", "between brackets")?);
                if !self.take_mark(',') {
                    break;
                }
            }
            self.mark(']', "after the type parameters")?;
        }
        let params = if self.at_word("stream") {
            let span = self.advance().span;
            let problem = Problem::new(span, "'stream' stands for results, not for parameters");
            self.report(problem.hint("write 'method @N (…) -> stream'"));
            ParamList::Named(Vec::new())
        } else if self.at_mark(':') {
            let hint = Some("an interface has methods; what has fields is a struct");
            return Err(self.expected_instead("'('", "before the method's parameters", hint));
        } else {
            self.param_list("as the method's parameters")?
        };
        let results = if matches!(self.peek(), TokenKind::Arrow) {
            self.advance();
            if self.at_word("stream") {
                Some(ParamList::Stream(self.advance().span))
            } else {
                Some(self.param_list("as the method's results")?)
            }
        } else {
            None
        };
        let mut decl = decl(name, DeclKind::Method { params, results });
        decl.ordinal = Some(ordinal);
        decl.params = implicit;
        decl.annotations = self.annotations()?;
        decl.doc = self.end_of_statement(&decl.kind)?;
        Ok(self.finished(decl))
    }

    fn param_list(&mut self, place: &str) -> Parsed<ParamList> {
        if !self.at_mark('(') {
            return Ok(ParamList::Type(self.expression(place)?));
        }
        self.advance();
        let mut params = Vec::new();
        while !self.at_mark(')') {
            let name = self.identifier("a parameter", place)?;
            if !self.take_mark(':') {
                let hint = match self.peek() {
                    TokenKind::Mark('@') => Some("parameters have no numbers: their order counts"),
                    TokenKind::Identifier(_) => Some("write 'name :Type'"),
                    _ => None,
                };
                return Err(self.expected_instead("':'", "before the parameter's type", hint));
            }
            let ty = self.expression("as the parameter's type")?;
            let default = self.optional_default()?;
            let annotations = self.annotations()?;
            params.push(Param {
                name,
                ty,
                default,
                annotations,
            });
            if self.at_mark(';') && (self.identifier_follows(1) || self.at_mark_after(1, ')')) {
                // What is meant is clear enough to go on.
                self.expected_instead("','", "after a parameter", Some("write ','"));
                self.advance();
            } else if !self.take_mark(',') {
                break;
            }
        }
        self.mark(')', "after the parameters")?;
        Ok(ParamList::Named(params))
    }
}

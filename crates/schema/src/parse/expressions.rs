//! Types and values: the language has one grammar for both.

use super::ast::{AnnotationUse, Argument, Expr, ExprKind, Located};
use super::lexer::{self, TokenKind};
use super::parser::{Parsed, Parser};
use crate::diagnostic::{Problem, Span};

/// Parses values that stand one behind the other, up to the first that is malformed.
pub(crate) fn parse_values(text: &str) -> (Vec<Expr>, Vec<Problem>) {
    let mut problems = Vec::new();
    let tokens = lexer::lex(text, &mut problems);
    let mut parser = Parser::new(&tokens, &mut problems);
    let mut values = Vec::new();
    while !parser.at_end() {
        match parser.primary("here") {
            Ok(value) => values.push(value),
            Err(_) => break,
        }
    }
    (values, problems)
}

impl Parser<'_> {
    pub(super) fn expression(&mut self, place: &str) -> Parsed<Expr> {
        self.nested(|parser| {
            let mut expr = parser.primary(place)?;
            let mut links = 0usize;
            loop {
                if parser.take_mark('.') {
                    let name = parser.identifier("a name", "after '.'")?;
                    let span = expr.span.to(name.span);
                    expr = Expr {
                        kind: ExprKind::Member(Box::new(expr), name),
                        span,
                    };
                } else if parser.at_mark('(') {
                    let arguments = parser.arguments()?;
                    let span = expr.span.to(parser.last_span());
                    expr = Expr {
                        kind: ExprKind::Apply(Box::new(expr), arguments),
                        span,
                    };
                } else {
                    return Ok(expr);
                }
                // Every link is a level of the tree that later stages recurse into.
                links += 1;
                if links > 32 {
                    let span = expr.span;
                    return Err(parser.report(Problem::new(span, "this name has too many parts")));
                }
            }
        })
    }

    fn primary(&mut self, place: &str) -> Parsed<Expr> {
        let mut start = self.span();
        let kind = match self.peek() {
            TokenKind::Integer(value) => {
                self.advance();
                ExprKind::PositiveInt(*value)
            }
            TokenKind::Float(value) => {
                self.advance();
                ExprKind::Float(*value)
            }
            TokenKind::Binary(bytes) => {
                self.advance();
                ExprKind::Binary(bytes.clone())
            }
            TokenKind::String(_) => {
                // Adjacent literals are one, so that long texts can be broken over lines.
                let mut value = Vec::new();
                while let TokenKind::String(bytes) = self.peek() {
                    self.advance();
                    value.extend_from_slice(bytes);
                }
                ExprKind::String(value)
            }
            TokenKind::Identifier(word) => {
                self.advance();
                match (word.as_str(), self.peek()) {
                    ("import", TokenKind::String(_)) => ExprKind::Import(self.path()?),
                    ("embed", TokenKind::String(_)) => ExprKind::Embed(self.path()?),
                    _ => ExprKind::Name(word.clone()),
                }
            }
            TokenKind::Mark('-') => {
                self.advance();
                let number = self.span();
                match self.peek() {
                    TokenKind::Integer(value) => {
                        self.advance();
                        start = number;
                        ExprKind::NegativeInt(*value)
                    }
                    TokenKind::Float(value) => {
                        self.advance();
                        start = number;
                        ExprKind::Float(-*value)
                    }
                    TokenKind::Identifier(word) if word == "inf" => {
                        self.advance();
                        ExprKind::Float(f64::NEG_INFINITY)
                    }
                    _ => return Err(self.expected("a number", "after '-'")),
                }
            }
            TokenKind::Mark('.') => {
                self.advance();
                ExprKind::Absolute(self.identifier("a name", "after '.'")?)
            }
            TokenKind::Mark('[') => {
                self.advance();
                let mut items = Vec::new();
                while !self.at_mark(']') {
                    items.push(self.expression("in this list")?);
                    if !self.take_mark(',') {
                        break;
                    }
                }
                self.mark(']', "at the end of this list")?;
                ExprKind::List(items)
            }
            TokenKind::Mark('(') => {
                let arguments = self.arguments()?;
                return Ok(tuple(arguments, start.to(self.last_span())));
            }
            _ => {
                let hint = self.instead_of_value();
                return Err(self.expected_instead("a type or a value", place, hint));
            }
        };
        Ok(Expr {
            kind,
            span: start.to(self.last_span()),
        })
    }

    fn path(&mut self) -> Parsed<Located<String>> {
        let span = self.span();
        if let TokenKind::String(bytes) = self.peek() {
            self.advance();
            if let Ok(value) = String::from_utf8(bytes.clone()) {
                return Ok(Located { value, span });
            }
        }
        Err(self.report(Problem::new(span, "a file's path is UTF-8 text")))
    }

    /// `(value, name = value, …)`
    fn arguments(&mut self) -> Parsed<Vec<Argument>> {
        self.mark('(', "before the arguments")?;
        let mut arguments = Vec::new();
        while !self.at_mark(')') {
            let name = if self.identifier_follows(0) && self.at_mark_after(1, '=') {
                let name = self.identifier("a name", "before '='")?;
                self.advance();
                Some(name)
            } else {
                None
            };
            let value = self.expression("between parentheses")?;
            arguments.push(Argument { name, value });
            if !self.take_mark(',') {
                break;
            }
        }
        if !self.take_mark(')') {
            let hint = self.at_mark(':').then_some("write '=' before a value");
            return Err(self.expected_instead("')'", "after the arguments", hint));
        }
        Ok(arguments)
    }

    /// `$name`, `$name(value)`, `$import "file".name(field = value)`, any number of them.
    pub(super) fn annotations(&mut self) -> Parsed<Vec<AnnotationUse>> {
        let mut annotations = Vec::new();
        while self.at_mark('$') {
            annotations.push(self.annotation()?);
        }
        Ok(annotations)
    }

    pub(super) fn annotation(&mut self) -> Parsed<AnnotationUse> {
        self.mark('$', "before an annotation")?;
        let expr = self.expression("after '$'")?;
        let span = expr.span;
        Ok(match expr.kind {
            ExprKind::Apply(name, arguments) => AnnotationUse {
                name: *name,
                value: Some(tuple(arguments, span)),
            },
            _ => AnnotationUse {
                name: expr,
                value: None,
            },
        })
    }
}

/// What is between parentheses: one value without a name is that value, anything else a struct.
fn tuple(mut arguments: Vec<Argument>, span: Span) -> Expr {
    match arguments.pop() {
        Some(Argument { name: None, value }) if arguments.is_empty() => value,
        last => {
            arguments.extend(last);
            Expr {
                kind: ExprKind::Tuple(arguments),
                span,
            }
        }
    }
}

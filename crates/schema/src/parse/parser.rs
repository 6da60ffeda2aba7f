//! What all grammar rules share: looking ahead, demanding a token, recovering after an error.

use super::ast::Located;
use super::lexer::{Token, TokenKind};
use crate::diagnostic::{Problem, Span};

/// Declarations and expressions may nest this deep; the parser recurses, and stacks are finite.
const MAX_DEPTH: usize = 64;

/// The problem was reported; the rule gives up.
#[derive(Debug)]
pub(super) struct Failed;

pub(super) type Parsed<T> = Result<T, Failed>;

pub(super) struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    /// An unclosed block was reported; those around it follow from that.
    pub(super) unclosed: bool,
    /// Something could not be parsed and is missing from the tree.
    pub(super) lossy: bool,
    problems: &'a mut Vec<Problem>,
}

static END: Token = Token {
    kind: TokenKind::End,
    span: Span { start: 0, end: 0 },
    starts_line: true,
    doc: None,
};

impl<'a> Parser<'a> {
    pub(super) fn new(tokens: &'a [Token], problems: &'a mut Vec<Problem>) -> Self {
        Parser {
            tokens,
            at: 0,
            depth: 0,
            unclosed: false,
            lossy: false,
            problems,
        }
    }

    pub(super) fn peek(&self) -> &'a TokenKind {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> &'a TokenKind {
        &self.token(ahead).kind
    }

    fn token(&self, ahead: usize) -> &'a Token {
        self.tokens
            .get(self.at + ahead)
            .or(self.tokens.last())
            .unwrap_or(&END)
    }

    /// Where the next token is.
    pub(super) fn span(&self) -> Span {
        self.token(0).span
    }

    pub(super) fn starts_line(&self) -> bool {
        self.token(0).starts_line
    }

    /// Where the last token taken was.
    pub(super) fn last_span(&self) -> Span {
        match self.at.checked_sub(1).and_then(|at| self.tokens.get(at)) {
            Some(token) => token.span,
            None => self.span(),
        }
    }

    pub(super) fn advance(&mut self) -> &'a Token {
        let token = self.token(0);
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    pub(super) fn at_end(&self) -> bool {
        matches!(self.peek(), TokenKind::End)
    }

    pub(super) fn at_mark(&self, mark: char) -> bool {
        self.at_mark_after(0, mark)
    }

    pub(super) fn at_mark_after(&self, ahead: usize, mark: char) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Mark(found) if *found == mark)
    }

    pub(super) fn take_mark(&mut self, mark: char) -> bool {
        let found = self.at_mark(mark);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Identifier(found) if found == word)
    }

    pub(super) fn identifier_follows(&self, ahead: usize) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Identifier(_))
    }

    pub(super) fn mark(&mut self, mark: char, place: &str) -> Parsed<Span> {
        if self.at_mark(mark) {
            return Ok(self.advance().span);
        }
        Err(self.expected(&format!("'{mark}'"), place))
    }

    pub(super) fn identifier(&mut self, what: &str, place: &str) -> Parsed<Located<String>> {
        if let TokenKind::Identifier(name) = self.peek() {
            let span = self.advance().span;
            return Ok(Located {
                value: name.clone(),
                span,
            });
        }
        Err(self.expected(what, place))
    }

    pub(super) fn integer(&mut self, what: &str, place: &str) -> Parsed<Located<u64>> {
        if let TokenKind::Integer(value) = self.peek() {
            let span = self.advance().span;
            return Ok(Located {
                value: *value,
                span,
            });
        }
        Err(self.expected(what, place))
    }

    /// Reports that the next token is not what the grammar wants here.
    pub(super) fn expected(&mut self, what: &str, place: &str) -> Failed {
        self.expected_instead(what, place, None::<String>)
    }

    /// The same, with what to write instead where one can tell.
    pub(super) fn expected_instead(
        &mut self,
        what: &str,
        place: &str,
        hint: Option<impl Into<String>>,
    ) -> Failed {
        let found = match self.peek() {
            TokenKind::Identifier(name) => format!("'{name}'"),
            TokenKind::Integer(_) | TokenKind::Float(_) => "a number".to_owned(),
            TokenKind::String(_) => "a text literal".to_owned(),
            TokenKind::Binary(_) => "a data literal".to_owned(),
            TokenKind::Arrow => "'->'".to_owned(),
            TokenKind::Mark(mark) => format!("'{mark}'"),
            TokenKind::End => "the end of the file".to_owned(),
        };
        let problem = Problem::new(
            self.span(),
            format!("expected {what} {place}, found {found}"),
        );
        self.report(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        })
    }

    pub(super) fn report(&mut self, problem: Problem) -> Failed {
        self.problems.push(problem);
        Failed
    }

    /// Runs a rule that may contain itself.
    pub(super) fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            let span = self.span();
            return Err(self.report(Problem::new(
                span,
                format!("nested more than {MAX_DEPTH} levels deep"),
            )));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// Skips what is left of a declaration: up to and with its `;` or its `{…}`, or up to the `}`
    /// of the enclosing block, or to a line that begins with the next one.
    pub(super) fn skip_declaration(&mut self) {
        let mut open = 0usize;
        let from = self.at;
        loop {
            if open == 0
                && self.at > from
                && self.starts_line()
                && self.identifier_follows(0)
                && self.at_mark_after(1, '@')
            {
                return;
            }
            match self.peek() {
                TokenKind::End => return,
                TokenKind::Mark('{') => open += 1,
                TokenKind::Mark('}') if open == 0 => return,
                TokenKind::Mark('}') => {
                    open -= 1;
                    if open == 0 {
                        self.advance();
                        self.take_mark(';');
                        return;
                    }
                }
                TokenKind::Mark(';') if open == 0 => {
                    self.advance();
                    return;
                }
                _ => {}
            }
            self.advance();
        }
    }

    /// Skips what is left of this line, or of a statement that ends in it.
    pub(super) fn skip_line(&mut self) {
        loop {
            self.advance();
            if self.at_end() || self.starts_line() || self.take_mark(';') {
                return;
            }
        }
    }

    /// Skips up to the `{` of a body that begins in this line, if there is one.
    pub(super) fn skip_to_body(&mut self) -> bool {
        let mut ahead = 0;
        while !self.at_mark_after(ahead, '{') {
            ahead += 1;
            let token = self.token(ahead);
            if token.starts_line || matches!(token.kind, TokenKind::Mark(';' | '}')) {
                return false;
            }
        }
        self.at += ahead;
        true
    }
}

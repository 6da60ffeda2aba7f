//! Declarations. Keywords are contextual: `struct`, `union`, `using` and the others are ordinary
//! names wherever a member's name can stand, so each rule looks at what follows the word.

use std::collections::HashSet;

use super::ast::{Decl, DeclKind, Expr, ExprKind, Located};
use super::hints::Member;
use super::lexer::{self, TokenKind};
use super::parser::{Failed, Parsed, Parser};
use crate::diagnostic::{Problem, Span};
use crate::habits;

/// Parses a whole file. What could be parsed is returned even when problems were found.
pub(crate) fn parse_file(text: &str, problems: &mut Vec<Problem>) -> Decl {
    let lexed = lexer::lex_file(text, problems);
    let mut file = Decl {
        name: Located {
            value: String::new(),
            span: Span::default(),
        },
        uid: None,
        ordinal: None,
        params: Vec::new(),
        annotations: Vec::new(),
        doc: None,
        nested: Vec::new(),
        kind: DeclKind::File,
        span: Span::new(0, text.len()),
        lossy: lexed.lossy,
    };
    let mut found = Vec::new();
    let mut parser = Parser::new(&lexed.tokens, &mut found);
    while !parser.at_end() {
        if let TokenKind::Mark(mark @ ('}' | ')' | ']')) = parser.peek() {
            let span = parser.advance().span;
            parser.report(Problem::new(span, format!("this '{mark}' closes nothing")));
            parser.lossy = true;
            continue;
        }
        parser.statement(&mut file, Block::File);
    }
    file.lossy |= parser.lossy;
    // What follows from a literal without an end is no error of its own, nor is it one that a
    // malformed token is none of those that could stand there.
    let broken = lexed.broken_lines;
    let malformed: HashSet<usize> = problems.iter().map(|problem| problem.span.start).collect();
    found.retain(|problem| {
        let start = problem.span.start;
        !(broken.start..broken.end).contains(&start) && !malformed.contains(&start)
    });
    problems.extend(found);
    file
}

/// What all declarations at the top of a file are.
const DECLARATION: &str = "a declaration (struct, enum, interface, const, annotation, using)";
const AT_THE_TOP: &str = "at the top of a file";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    File,
    Struct,
    Enum,
    Interface,
}

impl Parser<'_> {
    /// One declaration into `parent`, or an error and a skip to the next one.
    fn statement(&mut self, parent: &mut Decl, block: Block) {
        let start = self.span();
        match self.declaration(parent, block, start) {
            Ok(Some(mut decl)) => {
                decl.span = start.to(decl.span);
                parent.nested.push(decl);
            }
            Ok(None) => {}
            Err(Failed) => {
                self.lossy = true;
                self.skip_declaration();
            }
        }
    }

    fn declaration(
        &mut self,
        parent: &mut Decl,
        block: Block,
        start: Span,
    ) -> Parsed<Option<Decl>> {
        if block == Block::File && (self.at_mark('@') || self.at_mark('$')) {
            self.file_statement(parent)?;
            return Ok(None);
        }
        if self.take_mark(';') {
            self.report(Problem::new(start, "this ';' ends nothing").hint("remove it"));
            return Ok(None);
        }
        if block == Block::File {
            while let TokenKind::Identifier(word) = self.peek()
                && habits::is_modifier(word)
                && self.identifier_follows(1)
            {
                self.expected_instead(DECLARATION, AT_THE_TOP, Some("remove it"));
                self.advance();
            }
        }
        if let TokenKind::Identifier(word) = self.peek() {
            // At the top of a file there are no members that could have the word for a name.
            let named = block == Block::File || self.identifier_follows(1);
            let decl = match word.as_str() {
                "using" if named || self.at_mark_after(1, '.') => return self.using(),
                "const" if named => Some(self.constant()?),
                "annotation" if named => Some(self.annotation_declaration()?),
                "enum" if named => Some(self.enumeration()?),
                "struct" if named => Some(self.structure()?),
                "interface" if named => Some(self.interface()?),
                _ => None,
            };
            if decl.is_some() {
                return Ok(decl);
            }
        }
        if let Some(decl) = self.foreign_declaration(block)? {
            return Ok(Some(decl));
        }
        match block {
            Block::File => self.foreign_statement(parent),
            Block::Struct => self.struct_member().map(Some),
            Block::Enum => self.enumerant(),
            Block::Interface => self.method().map(Some),
        }
    }

    /// What another word, or a misspelt one, declares: reported, and taken for what was meant.
    fn foreign_declaration(&mut self, block: Block) -> Parsed<Option<Decl>> {
        let TokenKind::Identifier(word) = self.peek() else {
            return Ok(None);
        };
        let has_body = self.identifier_follows(1) && self.at_mark_after(2, '{');
        if block != Block::File && !has_body {
            return Ok(None);
        }
        if word == "oneof" && block == Block::Struct {
            let TokenKind::Identifier(name) = self.peek_at(1) else {
                return Ok(None);
            };
            let hint = format!("write '{name} :union {{'");
            self.expected_instead("a member", "in this struct", Some(hint));
            self.advance();
            let name = self.identifier("a name", "after 'oneof'")?;
            let mut decl = decl(name, DeclKind::Union);
            self.block(&mut decl, Block::Struct)?;
            return Ok(Some(self.finished(decl)));
        }
        let Some(keyword) = habits::our_keyword(word) else {
            return Ok(None);
        };
        let place = match block {
            Block::File => AT_THE_TOP,
            _ => "before a name and a body",
        };
        self.expected_instead(DECLARATION, place, Some(format!("write '{keyword}'")));
        match keyword {
            "struct" if self.identifier_follows(1) => self.structure().map(Some),
            "interface" if self.identifier_follows(1) => self.interface().map(Some),
            "enum" if self.identifier_follows(1) => self.enumeration().map(Some),
            _ => Err(Failed),
        }
    }

    /// What is at the top of a file and declares nothing.
    fn foreign_statement(&mut self, file: &mut Decl) -> Parsed<Option<Decl>> {
        match self.peek() {
            TokenKind::Identifier(word) => {
                let hint = habits::instead_of_statement(word);
                let failed = self.expected_instead(DECLARATION, AT_THE_TOP, hint);
                if hint.is_none() || self.at_mark_after(2, '{') {
                    return Err(failed);
                }
                self.lossy = true;
                self.skip_line();
                Ok(None)
            }
            TokenKind::Integer(id) if id >> 63 == 1 && file.uid.is_none() => {
                let hint = Some(format!("write '@{id:#x};'"));
                self.expected_instead("'@'", "before the file's id", hint);
                let span = self.advance().span;
                file.uid = Some(Located { value: *id, span });
                self.end_of_statement(&DeclKind::File)?;
                Ok(None)
            }
            _ => Err(self.expected(DECLARATION, AT_THE_TOP)),
        }
    }

    /// `@0x…;` and `$annotation;`
    fn file_statement(&mut self, file: &mut Decl) -> Parsed<()> {
        if self.at_mark('@') {
            let uid = self.uid()?;
            if file.uid.is_some() {
                self.report(Problem::new(uid.span, "the file already has an id"));
            }
            file.uid = Some(uid);
        } else {
            let annotation = self.annotation()?;
            file.annotations.push(annotation);
        }
        let doc = self.end_of_statement(&DeclKind::File)?;
        if doc.is_some() && file.doc.is_none() {
            file.doc = doc;
        }
        Ok(())
    }

    /// `None` for one that declares nothing.
    fn using(&mut self) -> Parsed<Option<Decl>> {
        self.advance();
        let name = if self.identifier_follows(0) && self.at_mark_after(1, '=') {
            let name = self.identifier("a name", "after 'using'")?;
            self.advance();
            Some(name)
        } else {
            None
        };
        let target = self.expression("in this 'using'")?;
        let name = match (name, &target.kind) {
            (Some(name), _) => name,
            (None, ExprKind::Member(_, member)) => member.clone(),
            (None, _) => {
                let problem = Problem::new(target.span, "this 'using' has no name to declare");
                let failed = self.report(match &target.kind {
                    ExprKind::Import(path) => {
                        problem.hint(format!("write 'using Name = import {:?}'", path.value))
                    }
                    _ => problem.hint(
                        "write 'using Name = …', or name a member of another scope: \
                         'using Outer.Inner'",
                    ),
                });
                return if self.take_mark(';') || self.starts_line() {
                    Ok(None)
                } else {
                    Err(failed)
                };
            }
        };
        let mut decl = decl(name, DeclKind::Using(target));
        decl.doc = self.end_of_statement(&decl.kind)?;
        Ok(Some(self.finished(decl)))
    }

    fn constant(&mut self) -> Parsed<Decl> {
        self.advance();
        let name = self.identifier("a name", "after 'const'")?;
        let uid = self.optional_uid()?;
        if !self.take_mark(':') {
            let hint = self.instead_of_constant(&name.value);
            return Err(self.expected_instead("':'", "before the constant's type", Some(hint)));
        }
        let ty = self.expression("as the constant's type")?;
        self.mark('=', "before the constant's value")?;
        let value = self.expression("as the constant's value")?;
        let mut decl = decl(name, DeclKind::Const { ty, value });
        decl.uid = uid;
        decl.annotations = self.annotations()?;
        decl.doc = self.end_of_statement(&decl.kind)?;
        Ok(self.finished(decl))
    }

    fn annotation_declaration(&mut self) -> Parsed<Decl> {
        self.advance();
        let name = self.identifier("a name", "after 'annotation'")?;
        let uid = self.optional_uid()?;
        if !self.at_mark('(') {
            let hint = format!("write 'annotation {}(field) :Type;', or '(*)'", name.value);
            let place = "before the annotation's targets";
            return Err(self.expected_instead("'('", place, Some(hint)));
        }
        let targets = self.annotation_targets()?;
        self.mark(':', "before the annotation's type")?;
        let ty = self.expression("as the annotation's type")?;
        let mut decl = decl(name, DeclKind::Annotation { ty, targets });
        decl.uid = uid;
        decl.annotations = self.annotations()?;
        decl.doc = self.end_of_statement(&decl.kind)?;
        Ok(self.finished(decl))
    }

    fn enumeration(&mut self) -> Parsed<Decl> {
        self.advance();
        let name = self.identifier("a name", "after 'enum'")?;
        let mut decl = decl(name, DeclKind::Enum);
        decl.uid = self.optional_uid()?;
        decl.annotations = self.annotations()?;
        self.block(&mut decl, Block::Enum)?;
        Ok(self.finished(decl))
    }

    fn enumerant(&mut self) -> Parsed<Option<Decl>> {
        let name = self.member_name("an enumerant", "in this enum")?;
        let bare = self.at_mark(',') || self.at_mark('}') || self.starts_line();
        let ordinal = match self.ordinal(&name, Member::Enumerant) {
            Err(Failed) if bare => {
                self.lossy = true;
                self.take_mark(',');
                return Ok(None);
            }
            ordinal => ordinal?,
        };
        let mut decl = decl(name, DeclKind::Enumerant);
        decl.ordinal = Some(ordinal);
        decl.annotations = self.annotations()?;
        decl.doc = self.end_of_statement(&decl.kind)?;
        Ok(Some(self.finished(decl)))
    }

    fn structure(&mut self) -> Parsed<Decl> {
        self.advance();
        let name = self.identifier("a name", "after 'struct'")?;
        let mut decl = decl(name, DeclKind::Struct);
        self.uid_and_type_parameters(&mut decl)?;
        decl.annotations = self.annotations()?;
        self.block(&mut decl, Block::Struct)?;
        Ok(self.finished(decl))
    }

    fn struct_member(&mut self) -> Parsed<Decl> {
        // `union {` and `union $a {`; but `union @2 :Text;` is a field.
        if self.at_word("union")
            && (self.at_mark_after(1, '{')
                || self.at_mark_after(1, '$')
                || (self.at_mark_after(1, '@') && !self.at_mark_after(3, ':')))
        {
            let span = self.advance().span;
            let name = Located {
                value: String::new(),
                span,
            };
            let mut decl = decl(name, DeclKind::Union);
            if self.at_mark('@') {
                let ordinal = self.ordinal(&decl.name, Member::Field)?;
                let problem = Problem::new(ordinal.span, "an unnamed union has no number");
                self.report(problem.hint("remove it, or name the union: 'name @N! :union {'"));
                self.lossy = true;
                self.take_mark('!');
            }
            if self.at_mark('$') {
                let problem = Problem::new(self.span(), "an unnamed union has no annotations");
                self.report(problem.hint("name the union: 'name :union $annotation {'"));
                self.annotations()?;
            }
            self.block(&mut decl, Block::Struct)?;
            return Ok(self.finished(decl));
        }
        let name = self.member_name("a member", "in this struct")?;
        let ordinal = if self.at_mark('@') {
            Some(self.ordinal(&name, Member::Field)?)
        } else {
            None
        };
        let mark = self.span();
        let insists = ordinal.is_some() && self.take_mark('!');
        if (self.at_word("union") || self.at_word("group")) && self.at_mark_after(1, '{') {
            // What is meant is clear enough to go on.
            self.report_missing_colon(&name);
        } else if !self.at_mark(':') {
            let place = format!("after '{}'", name.value);
            return Err(if ordinal.is_none() {
                let hint = self.instead_of_number(&name.value, Member::Field);
                self.expected_instead("'@' and the field's number", &place, hint)
            } else {
                let hint = self.instead_of_colon(&name.value);
                self.expected_instead("':' and a type", &place, hint)
            });
        } else {
            self.advance();
        }
        let block_follows = self.at_mark_after(1, '{') || self.at_mark_after(1, '$');
        let kind = match self.peek() {
            TokenKind::Identifier(word) if word == "union" && block_follows => {
                Some(DeclKind::Union)
            }
            TokenKind::Identifier(word) if word == "group" && block_follows => {
                Some(DeclKind::Group)
            }
            _ => None,
        };
        if let Some(kind) = kind {
            self.advance();
            let mut decl = decl(name, kind);
            match (&decl.kind, &ordinal) {
                (DeclKind::Group, Some(ordinal)) => {
                    let problem = Problem::new(ordinal.span, "groups have no number of their own");
                    self.report(problem.hint("remove it; the group's fields are numbered"));
                    self.lossy = true;
                }
                (_, Some(ordinal)) if !insists => {
                    let problem = Problem::new(ordinal.span, "unions need no number of their own");
                    self.report(problem.hint(format!(
                        "remove it, or, if the number is part of an old protocol, write '@{}!'",
                        ordinal.value
                    )));
                }
                _ => {}
            }
            decl.ordinal = ordinal;
            decl.annotations = self.annotations()?;
            self.block(&mut decl, Block::Struct)?;
            return Ok(self.finished(decl));
        }
        let Some(ordinal) = ordinal else {
            let problem = Problem::new(
                name.span,
                format!("the field '{}' has no number", name.value),
            );
            let name = &name.value;
            return Err(self.report(problem.hint(if self.at_mark('{') {
                format!("write '{name} :group {{', or ':union {{' if one of its fields is set")
            } else {
                format!("write '{name} @N :Type'")
            })));
        };
        if insists {
            let problem = Problem::new(mark, "only the numbers of unions have a '!' behind them");
            self.report(problem.hint("remove it"));
        }
        let ty = self.expression("as the field's type")?;
        let default = self.optional_default()?;
        let mut decl = decl(name, DeclKind::Field { ty, default });
        decl.ordinal = Some(ordinal);
        decl.annotations = self.annotations()?;
        decl.doc = self.end_of_statement(&decl.kind)?;
        Ok(self.finished(decl))
    }

    fn report_missing_colon(&mut self, name: &Located<String>) {
        let span = self.span();
        let problem = Problem::new(span, format!("a ':' is missing after '{}'", name.value));
        let word = if self.at_word("union") {
            "union"
        } else {
            "group"
        };
        self.report(problem.hint(format!("write '{} :{word} {{'", name.value)));
    }

    pub(super) fn optional_default(&mut self) -> Parsed<Option<Expr>> {
        if self.take_mark('=') {
            return self.expression("as the default value").map(Some);
        }
        Ok(None)
    }

    pub(super) fn uid_and_type_parameters(&mut self, decl: &mut Decl) -> Parsed<()> {
        decl.uid = self.optional_uid()?;
        let close = match self.peek() {
            TokenKind::Mark('(') => Some(')'),
            TokenKind::Mark('<') => {
                let hint = "type parameters stand between parentheses: 'Name(T)'";
                self.expected_instead("'{'", "to begin the body", Some(hint));
                Some('>')
            }
            _ => None,
        };
        if let Some(close) = close {
            self.advance();
            while !self.at_mark(close) {
                decl.params
                    .push(self.identifier("a type parameter", "between parentheses")?);
                if !self.take_mark(',') {
                    break;
                }
            }
            if !self.take_mark(close) {
                let hint = self
                    .at_mark('@')
                    .then_some("a body stands between '{' and '}'");
                let close = format!("'{close}'");
                return Err(self.expected_instead(&close, "after the type parameters", hint));
            }
        }
        if decl.uid.is_none() {
            decl.uid = self.optional_uid()?;
        }
        Ok(())
    }

    fn optional_uid(&mut self) -> Parsed<Option<Located<u64>>> {
        if self.at_mark('@') {
            return self.uid().map(Some);
        }
        Ok(None)
    }

    fn uid(&mut self) -> Parsed<Located<u64>> {
        self.mark('@', "before an id")?;
        let number = self.integer("a 64-bit id", "after '@'")?;
        if number.value >> 63 == 0 {
            let message = "this is not an id: its highest bit is not set";
            let problem = Problem::new(number.span, message);
            self.report(problem.hint("generate one with 'capstan id'"));
        }
        Ok(number)
    }

    pub(super) fn member_name(&mut self, what: &str, place: &str) -> Parsed<Located<String>> {
        if self.identifier_follows(0) {
            return self.identifier(what, place);
        }
        let hint = self.instead_of_member();
        Err(self.expected_instead(what, place, hint))
    }

    pub(super) fn ordinal(
        &mut self,
        name: &Located<String>,
        member: Member,
    ) -> Parsed<Located<u16>> {
        if !self.at_mark('@') {
            let place = format!("after '{}'", name.value);
            let hint = self.instead_of_number(&name.value, member);
            return Err(self.expected_instead("'@' and a number", &place, hint));
        }
        self.advance();
        let number = self.integer("a number", "after '@'")?;
        let span = number.span;
        match u16::try_from(number.value) {
            Ok(value) => Ok(Located { value, span }),
            Err(_) => Err(self.report(Problem::new(span, "the highest number allowed is @65535"))),
        }
    }

    /// `;`, with the comment that follows it. `kind` is what ends.
    pub(super) fn end_of_statement(&mut self, kind: &DeclKind) -> Parsed<Option<String>> {
        if self.at_mark(';') {
            return Ok(self.advance().doc.clone());
        }
        if !self.starts_line() && !self.at_mark('}') {
            let hint = self.instead_of_end(kind);
            let failed = self.expected_instead("';'", "at the end of this declaration", hint);
            // What is meant is clear enough to go on.
            return if self.take_mark(',') {
                Ok(None)
            } else {
                Err(failed)
            };
        }
        // The declaration itself is fine: point at its end, and go on with the next line.
        let end = self.last_span().end;
        let problem = Problem::new(Span::new(end, end + 1), "a ';' is missing here");
        self.report(problem);
        Ok(None)
    }

    /// `{ … }` into `decl`; the comment after `{` wins over the one after `}`.
    pub(super) fn block(&mut self, decl: &mut Decl, kind: Block) -> Parsed<()> {
        let open_span = self.span();
        if !self.at_mark('{') {
            let hint = self.instead_of_body(&decl.kind);
            let failed = self.expected_instead("'{'", "to begin the body", hint);
            // Between brackets there may be type parameters.
            self.lossy |= self.at_mark('[');
            if !self.skip_to_body() {
                return Err(failed);
            }
        }
        decl.doc = self.advance().doc.clone();
        self.nested(|parser| {
            while !parser.at_mark('}') {
                if parser.at_end() {
                    if !std::mem::replace(&mut parser.unclosed, true) {
                        parser.report(Problem::new(open_span, "this '{' is never closed"));
                    }
                    return Err(Failed);
                }
                parser.statement(decl, kind);
            }
            Ok(())
        })?;
        let close = self.advance();
        if decl.doc.is_none() {
            decl.doc = close.doc.clone();
        }
        Ok(())
    }

    pub(super) fn finished(&self, mut decl: Decl) -> Decl {
        decl.span = decl.name.span.to(self.last_span());
        decl
    }
}

pub(super) fn decl(name: Located<String>, kind: DeclKind) -> Decl {
    let span = name.span;
    Decl {
        name,
        uid: None,
        ordinal: None,
        params: Vec::new(),
        annotations: Vec::new(),
        doc: None,
        nested: Vec::new(),
        kind,
        span,
        lossy: false,
    }
}

//! Declarations. Keywords are contextual: `struct`, `union`, `using` and the others are ordinary
//! names wherever a member's name can stand, so each rule looks at what follows the word.

use super::ast::{Decl, DeclKind, Expr, ExprKind, Located, Param, ParamList};
use super::lexer::{self, TokenKind};
use super::parser::{Failed, Parsed, Parser};
use crate::diagnostic::{Problem, Span};

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
        lossy: !problems.is_empty(),
    };
    let mut found = Vec::new();
    let mut parser = Parser::new(&lexed.tokens, &mut found);
    while !parser.at_end() {
        if parser.at_mark('}') {
            let span = parser.advance().span;
            parser.report(Problem::new(span, "this '}' closes nothing"));
            parser.lossy = true;
            continue;
        }
        parser.statement(&mut file, Block::File);
    }
    file.lossy |= parser.lossy;
    // What follows from a literal without an end is no error of its own.
    let broken = lexed.broken_lines;
    found.retain(|problem| !(broken.start..broken.end).contains(&problem.span.start));
    problems.extend(found);
    file
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
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
            return Err(self.report(Problem::new(start, "this ';' ends nothing")));
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
        match block {
            Block::File => Err(self.expected(
                "a declaration (struct, enum, interface, const, annotation, using)",
                "at the top of a file",
            )),
            Block::Struct => self.struct_member().map(Some),
            Block::Enum => self.enumerant().map(Some),
            Block::Interface => self.method().map(Some),
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
        let doc = self.end_of_statement()?;
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
                self.report(problem.hint(
                    "write 'using Name = …', or name a member of another scope: 'using Outer.Inner'",
                ));
                self.end_of_statement()?;
                return Ok(None);
            }
        };
        let mut decl = decl(name, DeclKind::Using(target));
        decl.doc = self.end_of_statement()?;
        Ok(Some(self.finished(decl)))
    }

    fn constant(&mut self) -> Parsed<Decl> {
        self.advance();
        let name = self.identifier("a name", "after 'const'")?;
        let uid = self.optional_uid()?;
        self.mark(':', "before the constant's type")?;
        let ty = self.expression("as the constant's type")?;
        self.mark('=', "before the constant's value")?;
        let value = self.expression("as the constant's value")?;
        let mut decl = decl(name, DeclKind::Const { ty, value });
        decl.uid = uid;
        decl.annotations = self.annotations()?;
        decl.doc = self.end_of_statement()?;
        Ok(self.finished(decl))
    }

    fn annotation_declaration(&mut self) -> Parsed<Decl> {
        self.advance();
        let name = self.identifier("a name", "after 'annotation'")?;
        let uid = self.optional_uid()?;
        let targets = self.annotation_targets()?;
        self.mark(':', "before the annotation's type")?;
        let ty = self.expression("as the annotation's type")?;
        let mut decl = decl(name, DeclKind::Annotation { ty, targets });
        decl.uid = uid;
        decl.annotations = self.annotations()?;
        decl.doc = self.end_of_statement()?;
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

    fn enumerant(&mut self) -> Parsed<Decl> {
        let name = self.identifier("an enumerant", "in this enum")?;
        let mut decl = decl(name, DeclKind::Enumerant);
        decl.ordinal = Some(self.ordinal(&decl.name)?);
        decl.annotations = self.annotations()?;
        decl.doc = self.end_of_statement()?;
        Ok(self.finished(decl))
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
                let ordinal = self.ordinal(&decl.name)?;
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
        let name = self.identifier("a member", "in this struct")?;
        let ordinal = if self.at_mark('@') {
            Some(self.ordinal(&name)?)
        } else {
            None
        };
        let mark = self.span();
        let insists = ordinal.is_some() && self.take_mark('!');
        if (self.at_word("union") || self.at_word("group")) && self.at_mark_after(1, '{') {
            // What is meant is clear enough to go on.
            self.report_missing_colon(&name);
        } else if !self.at_mark(':') {
            return Err(if ordinal.is_none() {
                self.expected(
                    "'@' and the field's number",
                    &format!("after '{}'", name.value),
                )
            } else {
                self.expected("':' and a type", &format!("after '{}'", name.value))
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
            return Err(self.report(problem.hint(format!("write '{} @N :Type'", name.value))));
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
        decl.doc = self.end_of_statement()?;
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

    fn interface(&mut self) -> Parsed<Decl> {
        self.advance();
        let name = self.identifier("a name", "after 'interface'")?;
        let mut superclasses = Vec::new();
        let mut decl = decl(name, DeclKind::Enum);
        self.uid_and_type_parameters(&mut decl)?;
        if self.at_word("extends") {
            self.advance();
            self.mark('(', "after 'extends'")?;
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

    fn method(&mut self) -> Parsed<Decl> {
        let name = self.identifier("a method", "in this interface")?;
        let ordinal = self.ordinal(&name)?;
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
        decl.doc = self.end_of_statement()?;
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
            self.mark(':', "before the parameter's type")?;
            let ty = self.expression("as the parameter's type")?;
            let default = self.optional_default()?;
            let annotations = self.annotations()?;
            params.push(Param {
                name,
                ty,
                default,
                annotations,
            });
            if !self.take_mark(',') {
                break;
            }
        }
        self.mark(')', "after the parameters")?;
        Ok(ParamList::Named(params))
    }

    fn optional_default(&mut self) -> Parsed<Option<Expr>> {
        if self.take_mark('=') {
            return self.expression("as the default value").map(Some);
        }
        Ok(None)
    }

    fn uid_and_type_parameters(&mut self, decl: &mut Decl) -> Parsed<()> {
        decl.uid = self.optional_uid()?;
        if self.take_mark('(') {
            while !self.at_mark(')') {
                decl.params
                    .push(self.identifier("a type parameter", "between parentheses")?);
                if !self.take_mark(',') {
                    break;
                }
            }
            self.mark(')', "after the type parameters")?;
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

    fn ordinal(&mut self, name: &Located<String>) -> Parsed<Located<u16>> {
        if !self.at_mark('@') {
            let place = format!("after '{}'", name.value);
            return Err(self.expected("'@' and a number", &place));
        }
        self.advance();
        let number = self.integer("a number", "after '@'")?;
        let span = number.span;
        match u16::try_from(number.value) {
            Ok(value) => Ok(Located { value, span }),
            Err(_) => Err(self.report(Problem::new(span, "the highest number allowed is @65535"))),
        }
    }

    /// `;`, with the comment that follows it.
    fn end_of_statement(&mut self) -> Parsed<Option<String>> {
        if self.at_mark(';') {
            return Ok(self.advance().doc.clone());
        }
        if !self.starts_line() && !self.at_mark('}') {
            return Err(self.expected("';'", "at the end of this declaration"));
        }
        // The declaration itself is fine: point at its end, and go on with the next line.
        let end = self.last_span().end;
        let problem = Problem::new(Span::new(end, end + 1), "a ';' is missing here");
        self.report(problem);
        Ok(None)
    }

    /// `{ … }` into `decl`; the comment after `{` wins over the one after `}`.
    fn block(&mut self, decl: &mut Decl, kind: Block) -> Parsed<()> {
        let open_span = self.span();
        if !self.at_mark('{') {
            return Err(self.expected("'{'", "to begin the body"));
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

    fn finished(&self, mut decl: Decl) -> Decl {
        decl.span = decl.name.span.to(self.last_span());
        decl
    }
}

fn decl(name: Located<String>, kind: DeclKind) -> Decl {
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

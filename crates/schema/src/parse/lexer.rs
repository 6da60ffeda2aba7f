//! Text to tokens. Comments vanish, except the ones that document a declaration: they ride on the
//! `;`, `{` or `}` they follow.

use crate::diagnostic::{Problem, Span};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Identifier(String),
    Integer(u64),
    Float(f64),
    String(Vec<u8>),
    Binary(Vec<u8>),
    /// `->`
    Arrow,
    /// Any other mark: `; { } ( ) [ ] , . : = @ $ * -` and so on.
    Mark(char),
    /// After the last token.
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
    /// The first on its line.
    pub(crate) starts_line: bool,
    pub(crate) doc: Option<String>,
}

/// A file's tokens.
pub(crate) struct Lexed {
    /// The last is [`TokenKind::End`].
    pub(crate) tokens: Vec<Token>,
    /// The lines in which literals have no end, from the first such to the last. What the tokens
    /// there say is not what was meant.
    pub(crate) broken_lines: Span,
    /// Something is in none of the tokens.
    pub(crate) lossy: bool,
}

/// Splits `text` into tokens, the last of which is [`TokenKind::End`].
pub(crate) fn lex(text: &str, problems: &mut Vec<Problem>) -> Vec<Token> {
    lex_file(text, problems).tokens
}

/// Splits `text` into tokens, and says where they are not to be trusted.
pub(crate) fn lex_file(text: &str, problems: &mut Vec<Problem>) -> Lexed {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: 0,
        broken_lines: Span::default(),
        lossy: false,
        comments_end: true,
        problems,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next_token() {
        tokens.push(token);
    }
    tokens.push(Token {
        kind: TokenKind::End,
        span: Span::new(text.len(), text.len()),
        starts_line: true,
        doc: None,
    });
    Lexed {
        tokens,
        broken_lines: lexer.broken_lines,
        lossy: lexer.lossy,
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    broken_lines: Span,
    lossy: bool,
    /// Whether there may be a `*/` ahead: it is looked for in vain only once.
    comments_end: bool,
    problems: &'a mut Vec<Problem>,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Option<Token> {
        let mut starts_line = false;
        loop {
            let before = self.at;
            self.skip_blanks_and_comments();
            let start = self.at;
            starts_line |= self.text.get(before..start)?.contains('\n');
            let Some(kind) = self.kind(self.peek()?) else {
                continue;
            };
            let span = Span::new(start, self.at);
            let doc = match kind {
                TokenKind::Mark(';' | '{' | '}') => self.doc_comment(),
                _ => None,
            };
            return Some(Token {
                kind,
                span,
                starts_line,
                doc,
            });
        }
    }

    /// Takes a token that begins with `first`, or reports what is none.
    fn kind(&mut self, first: u8) -> Option<TokenKind> {
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                Some(TokenKind::Identifier(self.take_while(is_word).to_owned()))
            }
            b'0'..=b'9' => Some(self.number()),
            b'"' => Some(TokenKind::String(self.string())),
            b'-' if self.peek_at(1) == Some(b'>') => {
                self.at += 2;
                Some(TokenKind::Arrow)
            }
            b'/' if matches!(self.peek_at(1), Some(b'/' | b'*')) => {
                self.skip_foreign_comment();
                None
            }
            _ => self.mark(),
        }
    }

    fn mark(&mut self) -> Option<TokenKind> {
        let start = self.at;
        let mark = self.text.get(start..)?.chars().next()?;
        self.at += mark.len_utf8();
        if let Some(text) = self.quoted_otherwise(start, mark) {
            return Some(text);
        }
        if mark.is_ascii_graphic() && !matches!(mark, '\'' | '`' | '\\') {
            return Some(TokenKind::Mark(mark));
        }
        let message = format!("unexpected character {mark:?}");
        let problem = Problem::new(Span::new(start, self.at), message);
        self.problems.push(problem.hint(match mark {
            '\'' => "text literals are written in double quotes",
            _ => "outside of text literals and comments a schema is ASCII",
        }));
        self.lossy = true;
        if mark.is_alphabetic() {
            self.skip_word();
        }
        None
    }

    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &str {
        let start = self.at;
        while self.peek().is_some_and(&accept) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or("")
    }

    fn skip_blanks_and_comments(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => {
                    self.take_while(|byte| byte != b'\n');
                }
                b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => self.at += 1,
                // Byte order marks: editors leave them at the start, concatenation in the middle.
                0xef if self.bytes.get(self.at..self.at + 3) == Some(&[0xef, 0xbb, 0xbf]) => {
                    self.at += 3;
                }
                _ => break,
            }
        }
    }

    /// Comment lines that begin on this line or on the very next one.
    fn doc_comment(&mut self) -> Option<String> {
        let blank = |byte| matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c);
        let before = self.at;
        self.take_while(blank);
        if self.peek() == Some(b'\n') {
            self.at += 1;
        }
        let mut doc = String::new();
        loop {
            let line_start = self.at;
            self.take_while(blank);
            if self.peek() != Some(b'#') {
                self.at = line_start;
                break;
            }
            self.at += 1;
            if self.peek() == Some(b' ') {
                self.at += 1;
            }
            let line = self.take_while(|byte| byte != b'\n');
            // Carriage returns stay: generators take lines apart, and the reference keeps them.
            doc.push_str(line);
            doc.push('\n');
            self.at += 1;
        }
        self.at = self.at.min(self.bytes.len());
        if doc.is_empty() {
            self.at = before;
            return None;
        }
        Some(doc)
    }

    fn number(&mut self) -> TokenKind {
        let start = self.at;
        if self.peek() == Some(b'0') && matches!(self.peek_at(1), Some(b'x' | b'X')) {
            self.at += 2;
            if self.peek() == Some(b'"') {
                return TokenKind::Binary(self.binary());
            }
            let digits = self.take_while(|byte| byte.is_ascii_hexdigit()).to_owned();
            return self.integer(start, &digits, 16);
        }
        let digits = self.take_while(|byte| byte.is_ascii_digit()).to_owned();
        let fraction = self.peek() == Some(b'.');
        let exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if fraction || exponent {
            return self.float(start);
        }
        match digits.strip_prefix('0') {
            Some(octal) if !octal.is_empty() => self.integer(start, octal, 8),
            _ => self.integer(start, &digits, 10),
        }
    }

    fn integer(&mut self, start: usize, digits: &str, radix: u32) -> TokenKind {
        let stray = self.take_while(is_word).to_owned();
        let span = Span::new(start, self.at);
        if !stray.is_empty() || digits.is_empty() {
            self.problems.push(
                Problem::new(span, "this is not a number")
                    .hint("write decimal 42, hexadecimal 0x2a, octal 052 or a float 4.2e1"),
            );
            return TokenKind::Integer(0);
        }
        let value = u64::from_str_radix(digits, radix);
        if value.is_err() {
            let valid = digits.chars().all(|digit| digit.is_digit(radix));
            self.problems.push(if valid {
                Problem::new(span, "this number does not fit in 64 bits")
                    .hint("floats have a point or an exponent: '1e20'")
            } else {
                Problem::new(
                    span,
                    "a number that begins with 0 is octal and has digits 0 to 7",
                )
            });
        }
        TokenKind::Integer(value.unwrap_or(0))
    }

    fn float(&mut self, start: usize) -> TokenKind {
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.take_while(|byte| byte.is_ascii_digit());
        }
        self.take_while(is_word);
        let value = self.text.get(start..self.at).and_then(|s| s.parse().ok());
        if value.is_none() {
            self.problems.push(
                Problem::new(
                    Span::new(start, self.at),
                    "this is not a floating-point number",
                )
                .hint("write it like 1.5, 1e10 or 2.5e-3"),
            );
        }
        TokenKind::Float(value.unwrap_or(0.0))
    }

    fn string(&mut self) -> Vec<u8> {
        let start = self.at;
        self.at += 1;
        let mut value = Vec::new();
        loop {
            match self.peek() {
                None | Some(b'\n') => {
                    self.unterminated(
                        start,
                        "this text literal never ends",
                        "close it with \" on the same line; write a line break as \\n",
                    );
                    return value;
                }
                Some(b'"') => {
                    self.at += 1;
                    return value;
                }
                Some(b'\\') => self.escape(&mut value),
                Some(byte) => {
                    value.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// Reports text between quotes of another kind, and takes it for the literal that it was meant
    /// to be.
    fn quoted_otherwise(&mut self, start: usize, quote: char) -> Option<TokenKind> {
        let closing = match quote {
            '\'' | '`' => quote,
            '“' => '”',
            '‘' => '’',
            _ => return None,
        };
        let line = self.text.get(self.at..)?.lines().next()?;
        let inside = line.split_once(closing)?.0;
        self.at += inside.len() + closing.len_utf8();
        let span = Span::new(start, self.at);
        let problem = Problem::new(span, "text literals are written in double quotes");
        self.problems
            .push(problem.hint(format!("write \"{inside}\"")));
        Some(TokenKind::String(inside.as_bytes().to_vec()))
    }

    /// Reports `// …` or `/* … */`, and skips it.
    fn skip_foreign_comment(&mut self) {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or("");
        let line = rest.lines().next().unwrap_or("").len();
        let end = match rest.strip_prefix("/*") {
            Some(inside) if self.comments_end => {
                let end = inside.find("*/");
                self.comments_end = end.is_some();
                end
            }
            _ => None,
        };
        let whole = end.map_or(line, |end| end + 4);
        self.at += whole;
        let problem = Problem::new(
            Span::new(start, start + 2),
            format!(
                "comments do not begin with '{}'",
                rest.get(..2).unwrap_or("/")
            ),
        );
        self.problems
            .push(problem.hint("write '#': comments end with their line"));
    }

    /// Skips the rest of a word that has a letter which no name has.
    fn skip_word(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or("");
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        self.at += end.unwrap_or(rest.len());
    }

    /// Reports a literal that began at `start` and still goes on at the end of this line.
    fn unterminated(&mut self, start: usize, message: &str, hint: &str) {
        let problem = Problem::new(Span::new(start, self.at), message);
        self.problems.push(problem.hint(hint));
        self.lossy = true;
        if let Some(quote) = self.closing_quote_below() {
            self.at = quote + 1;
        }
        if self.broken_lines == Span::default() {
            let line_start = self.text.get(..start).and_then(|text| text.rfind('\n'));
            self.broken_lines.start = line_start.map_or(0, |at| at + 1);
        }
        self.broken_lines.end = self.at + 1;
    }

    /// Where a literal ends that was written over several lines: at a quote with only marks behind it.
    fn closing_quote_below(&self) -> Option<usize> {
        let rest = self.text.get(self.at..)?;
        let quote = rest.find('"')?;
        let behind = rest.get(quote + 1..)?.lines().next().unwrap_or("");
        let only_marks = behind
            .chars()
            .all(|c| c.is_ascii_whitespace() || ";,)]}".contains(c));
        only_marks.then_some(self.at + quote)
    }

    fn escape(&mut self, value: &mut Vec<u8>) {
        let start = self.at;
        self.at += 1;
        let Some(letter) = self.peek() else { return };
        let plain = match letter {
            b'a' => Some(0x07),
            b'b' => Some(0x08),
            b'f' => Some(0x0c),
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'v' => Some(0x0b),
            b'\'' | b'"' | b'\\' | b'?' => Some(letter),
            _ => None,
        };
        if let Some(byte) = plain {
            self.at += 1;
            value.push(byte);
            return;
        }
        let (digits, radix) = if letter == b'x' {
            self.at += 1;
            (self.take_at_most(2, |b| b.is_ascii_hexdigit()), 16)
        } else {
            (self.take_at_most(3, |b| matches!(b, b'0'..=b'7')), 8)
        };
        match u8::from_str_radix(&digits, radix) {
            Ok(byte) if radix == 8 || digits.len() == 2 => value.push(byte),
            _ => {
                if !matches!(self.peek(), None | Some(b'\n' | b'"')) {
                    self.at += 1;
                }
                let end = self.at;
                self.problems.push(
                    Problem::new(Span::new(start, end), "unknown escape in a text literal")
                        .hint("the escapes are \\n \\r \\t \\a \\b \\f \\v \\' \\\" \\\\ \\? \\xHH and \\OOO"),
                );
            }
        }
    }

    fn take_at_most(&mut self, limit: usize, accept: impl Fn(u8) -> bool) -> String {
        let mut taken = String::new();
        while taken.len() < limit {
            match self.peek() {
                Some(byte) if accept(byte) => taken.push(char::from(byte)),
                _ => break,
            }
            self.at += 1;
        }
        taken
    }

    /// `0x"…"`: pairs of hex digits, blanks and line breaks between the pairs.
    fn binary(&mut self) -> Vec<u8> {
        let start = self.at - 2;
        self.at += 1;
        let content = self
            .take_while(|byte| byte.is_ascii_hexdigit() || is_blank(byte))
            .to_owned();
        // What is no digit is shown to be wrong below, unless the line ends first.
        let content = content + self.take_while(|byte| byte != b'"' && byte != b'\n');
        if self.peek() == Some(b'"') {
            self.at += 1;
        } else {
            self.unterminated(start, "this data literal never ends", "close it with \"");
            return Vec::new();
        }
        let mut value = Vec::new();
        let mut high: Option<u8> = None;
        let mut good = true;
        for character in content.chars() {
            match (character.to_digit(16), high) {
                (Some(digit), None) => high = u8::try_from(digit).ok(),
                (Some(digit), Some(first)) => {
                    value.push(first << 4 | u8::try_from(digit).unwrap_or(0));
                    high = None;
                }
                (None, _) => good &= character.is_ascii_whitespace() && high.is_none(),
            }
        }
        if !good || high.is_some() {
            self.problems.push(
                Problem::new(
                    Span::new(start, self.at),
                    "a data literal holds pairs of hex digits",
                )
                .hint("like 0x\"00 ff 3b\""),
            );
        }
        value
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let mut problems = Vec::new();
        let tokens = lex(text, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        tokens.into_iter().map(|token| token.kind).collect()
    }

    fn complaint(text: &str) -> String {
        let mut problems = Vec::new();
        lex(text, &mut problems);
        problems
            .first()
            .map(|p| p.message.clone())
            .unwrap_or_default()
    }

    #[test]
    fn reads_every_kind_of_literal() {
        use TokenKind::*;
        assert_eq!(
            kinds("foo 12 0x1F 017 0 1.5 2e3 1.5e-3 \"a\\n\\x41\\101\\\"\" 0x\"00\n fF\" -> - ."),
            vec![
                Identifier("foo".into()),
                Integer(12),
                Integer(31),
                Integer(15),
                Integer(0),
                Float(1.5),
                Float(2000.0),
                Float(0.0015),
                String(b"a\nAA\"".to_vec()),
                Binary(vec![0, 255]),
                Arrow,
                Mark('-'),
                Mark('.'),
                End
            ]
        );
    }

    #[test]
    fn keeps_the_comment_that_follows_a_declaration() {
        let docs = |text: &str| {
            let mut problems = Vec::new();
            let tokens = lex(text, &mut problems);
            tokens.into_iter().find_map(|token| token.doc)
        };
        assert_eq!(
            docs("a; # one\n  # two\n# three"),
            Some("one\ntwo\nthree\n".into())
        );
        assert_eq!(
            docs("a;\n  #  one\r\n  #two\n\n# apart"),
            Some(" one\r\ntwo\n".into())
        );
        assert_eq!(docs("a;\n\n# apart"), None);
        assert_eq!(docs("a {} # late"), Some("late\n".into()));
    }

    #[test]
    fn skips_byte_order_marks_and_carriage_returns() {
        assert_eq!(
            kinds("\u{feff}a\r\n;\r\n").len(),
            3,
            "identifier, semicolon, end"
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_literal() {
        assert_eq!(complaint("\"abc"), "this text literal never ends");
        assert_eq!(complaint("\"abc\n\""), "this text literal never ends");
        assert_eq!(complaint("\"\\q\""), "unknown escape in a text literal");
        assert_eq!(
            complaint("0x\"0\""),
            "a data literal holds pairs of hex digits"
        );
        assert_eq!(complaint("0x\"00"), "this data literal never ends");
        assert_eq!(complaint("12ab"), "this is not a number");
        assert_eq!(complaint("1e"), "this is not a floating-point number");
        assert_eq!(
            complaint("18446744073709551616"),
            "this number does not fit in 64 bits"
        );
        assert_eq!(
            complaint("09"),
            "a number that begins with 0 is octal and has digits 0 to 7"
        );
        assert_eq!(complaint("'a"), "unexpected character '\\''");
        assert_eq!(
            complaint("'a'"),
            "text literals are written in double quotes"
        );
        assert_eq!(complaint("é"), "unexpected character 'é'");
    }
}

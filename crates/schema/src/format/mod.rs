//! Schema files in their canonical layout.
//!
//! Lines stay where their author broke them; what changes is the space inside and around them:
//! two columns more inside a block or bracket, four for the rest of a statement, one statement to
//! a line but for short blocks, one blank line at most. Comments stay with what they stand at, and
//! columns that were lined up stay lined up.

mod align;

use crate::diagnostic::Diagnostic;
use crate::parse::lexer::{TokenKind, lex};
use crate::parse::parse_file;
use align::{Mark, Stop, align};

/// The file in its canonical layout. What the file means does not change, and formatting the
/// result again changes nothing. `name` stands for the file in error messages.
///
/// # Errors
/// When the file has syntax errors.
pub fn format(name: &str, text: &str) -> Result<String, Vec<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Vec::new();
    parse_file(text, &mut problems);
    if !problems.is_empty() {
        let render = |problem| Diagnostic::new(name, text, problem);
        return Err(problems.iter().map(render).collect());
    }
    let mut layout = Layout::default();
    let pieces = pieces(text);
    let inline = inline_blocks(&pieces);
    for (at, piece) in pieces.iter().enumerate() {
        layout.put(piece, inline.contains(&at));
    }
    Ok(layout.finish())
}

/// A token or a comment.
struct Piece<'t> {
    text: &'t str,
    kind: Kind,
    /// Line breaks between this and what stands before it.
    breaks: usize,
    /// Characters before it in its line.
    column: usize,
    /// More than a blank stands between this and what stands before it in its line.
    is_padded: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Comment,
    Word,
    Number,
    String,
    Arrow,
    Mark(char),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut end = 0;
    for token in lex(text, &mut Vec::new()) {
        let gap = text.get(end..token.span.start).unwrap_or_default();
        let mut breaks = 0;
        let mut start = end;
        // The last line of the gap is the token's own.
        for (at, line) in gap.split('\n').enumerate() {
            breaks += usize::from(at > 0);
            let comment = line.trim();
            if !comment.is_empty() {
                let blanks = line.len() - line.trim_start().len();
                pieces.push(Piece {
                    text: comment,
                    kind: Kind::Comment,
                    breaks,
                    column: column(text, start + blanks),
                    is_padded: is_padding(line.get(..blanks).unwrap_or_default()),
                });
                breaks = 0;
            }
            start += line.len() + 1;
        }
        let kind = match token.kind {
            TokenKind::Identifier(_) => Kind::Word,
            TokenKind::Integer(_) | TokenKind::Float(_) => Kind::Number,
            TokenKind::String(_) | TokenKind::Binary(_) => Kind::String,
            TokenKind::Arrow => Kind::Arrow,
            TokenKind::Mark(mark) => Kind::Mark(mark),
            TokenKind::End => break,
        };
        pieces.push(Piece {
            text: text
                .get(token.span.start..token.span.end)
                .unwrap_or_default(),
            kind,
            breaks,
            column: column(text, token.span.start),
            is_padded: is_padding(gap.rsplit('\n').next().unwrap_or_default()),
        });
        end = token.span.end;
    }
    pieces
}

/// Characters between the start of the line and a place in it, tabs counted as on a terminal.
fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.chars().fold(0, |column, character| match character {
        '\t' => (column / 8 + 1) * 8,
        _ => column + 1,
    })
}

fn is_padding(blanks: &str) -> bool {
    blanks.len() > 1 || blanks == "\t"
}

/// The most bytes that a block on one line may have.
const MAX_INLINE_BLOCK: usize = 64;

/// The braces, by their places, of short blocks that stand on one line and have nothing but
/// statements in them.
fn inline_blocks(pieces: &[Piece<'_>]) -> std::collections::HashSet<usize> {
    let mut inline = std::collections::HashSet::new();
    let mut open: Option<usize> = None;
    for (at, piece) in pieces.iter().enumerate() {
        if piece.breaks > 0 || piece.kind == Kind::Comment {
            open = None;
        }
        match piece.kind {
            Kind::Mark('{') => open = Some(at),
            Kind::Mark('}') => {
                let start = open.take().unwrap_or(at);
                let block = pieces.get(start..at).unwrap_or_default();
                let bytes: usize = block.iter().map(|piece| piece.text.len() + 1).sum();
                if start < at && bytes <= MAX_INLINE_BLOCK {
                    inline.extend([start, at]);
                }
            }
            _ => {}
        }
    }
    inline
}

#[derive(Clone, Copy)]
struct Open {
    /// How far the line that it stands in is indented.
    indent: usize,
    is_block: bool,
}

#[derive(Default)]
struct Layout {
    out: String,
    /// The brackets that are open.
    open: Vec<Open>,
    /// How far the line being written is indented.
    indent: usize,
    before: Option<Kind>,
    /// A statement has begun and not ended.
    in_statement: bool,
    /// The block being written is on one line.
    in_line: bool,
    /// The next piece begins a line whatever the author did.
    must_break: bool,
    /// The line being written is the second or a later one of a statement.
    is_continued: bool,
    /// What may be lined up.
    marks: Vec<Mark>,
}

impl Layout {
    fn put(&mut self, piece: &Piece<'_>, inline: bool) {
        let block_ends = piece.kind == Kind::Mark('}') && !inline;
        let trailing = piece.kind == Kind::Comment && piece.breaks == 0;
        let closed = match piece.kind {
            Kind::Mark('}' | ')' | ']') => self.open.pop(),
            _ => None,
        };
        let breaks = (self.must_break && !trailing)
            || block_ends
            || (piece.breaks > 0 && !self.joins(piece.kind));
        match self.before {
            None => {}
            Some(_) if breaks => self.new_line(piece, closed),
            Some(before) if piece.kind == Kind::Comment || self.spaced(before, piece.kind) => {
                self.out.push(' ');
            }
            Some(_) => {}
        }
        self.mark(piece);
        self.out.push_str(piece.text);
        self.must_break = piece.kind == Kind::Comment;
        match piece.kind {
            Kind::Mark('{') => {
                self.open(true);
                self.in_line = inline;
                self.must_break = !inline;
                self.in_statement = false;
            }
            Kind::Mark('(' | '[') => self.open(false),
            Kind::Mark('}') => {
                self.in_line = false;
                self.must_break = true;
                self.in_statement = false;
            }
            Kind::Mark(';') => {
                self.must_break = !self.in_line;
                self.in_statement = false;
            }
            Kind::Comment => {}
            _ => self.in_statement = true,
        }
        self.before = Some(piece.kind);
    }

    fn mark(&mut self, piece: &Piece<'_>) {
        let in_brackets = self.open.last().is_some_and(|open| !open.is_block);
        let stop = match piece.kind {
            Kind::Comment => Stop::Comment,
            _ if self.in_line || self.is_continued || in_brackets => return,
            Kind::Mark('@') => Stop::Number,
            Kind::Mark(':') => Stop::Type,
            Kind::Mark('=') => Stop::Default,
            _ => return,
        };
        self.marks.push(Mark {
            stop,
            at: self.out.len(),
            column: piece.column,
            is_padded: piece.is_padded,
        });
    }

    fn open(&mut self, is_block: bool) {
        let indent = self.indent;
        self.open.push(Open { indent, is_block });
    }

    /// Whether a piece stays on the line of what stands before it, even if the author broke it.
    fn joins(&self, kind: Kind) -> bool {
        self.before != Some(Kind::Comment) && matches!(kind, Kind::Mark(';' | ',' | '{'))
    }

    fn new_line(&mut self, piece: &Piece<'_>, closed: Option<Open>) {
        let mut blank = piece.breaks > 1;
        // Behind an opening brace a comment would come to describe the block, but for the blank line.
        if piece.kind != Kind::Comment && self.before == Some(Kind::Mark('{'))
            || piece.kind == Kind::Mark('}') && self.before != Some(Kind::Comment)
        {
            blank = false;
        }
        self.is_continued = self.in_statement;
        self.out.push('\n');
        if blank {
            self.out.push('\n');
        }
        self.indent = match (closed, self.open.last()) {
            (Some(closed), _) => closed.indent,
            (None, Some(open)) if !open.is_block => open.indent + 2,
            (None, block) => {
                let rest = if self.in_statement { 4 } else { 0 };
                block.map_or(0, |block| block.indent + 2) + rest
            }
        };
        self.out.extend(std::iter::repeat_n(' ', self.indent));
    }

    /// Whether a space stands between two pieces in a line.
    fn spaced(&self, before: Kind, kind: Kind) -> bool {
        match (before, kind) {
            (_, Kind::Mark(',' | ';' | ')' | ']')) => false,
            (Kind::Word | Kind::String | Kind::Mark(')' | '(' | '['), Kind::Mark('.')) => false,
            // Other compilers take `:.` for a mark of its own.
            (_, Kind::Mark('.')) => true,
            (Kind::Mark('(' | '[' | '.' | '$' | '@' | ':'), _) => false,
            // A minus sign belongs to its number.
            (Kind::Mark('-'), _) => false,
            // Type parameters and arguments belong to their name, parameters of a method do not.
            (Kind::Word, Kind::Mark('(')) => false,
            (Kind::String, Kind::Mark('(')) => false,
            _ => true,
        }
    }

    fn finish(mut self) -> String {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        align(&self.out, self.marks)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let formatted = format("a.capnp", text).unwrap();
        assert_eq!(formatted, expected);
        assert_eq!(format("a.capnp", &formatted).unwrap(), expected);
    }

    #[test]
    fn space_is_put_in_order() {
        check(
            "@0xd4c9a1b7e6f20853 ;\r\nstruct A( T ){a@0:Text=\"x\"$foo ( 1 );\n\n\n b @1 :List( Map(Text,T) ) ;}",
            "@0xd4c9a1b7e6f20853;\nstruct A(T) {\n  a @0 :Text = \"x\" $foo(1);\n\n  b @1 :List(Map(Text, T));\n}\n",
        );
        check(
            "@0xd4c9a1b7e6f20853;interface I extends( J , K ){f@0[T](a:T,b:Int8=-5)->(c:.T.U);s @1()->stream;}",
            "@0xd4c9a1b7e6f20853;\ninterface I extends(J, K) {\n  f @0 [T] (a :T, b :Int8 = -5) -> (c : .T.U);\n  s @1 () -> stream;\n}\n",
        );
    }

    #[test]
    fn lines_stay_broken_where_they_were() {
        check(
            "@0xd4c9a1b7e6f20853;\nconst a :List(A) = [\n(x = 1),\n    (y = [\n1,2\n])\n];\n  const b :A =\n(x = 1, y =\n [3]);",
            "@0xd4c9a1b7e6f20853;\nconst a :List(A) = [\n  (x = 1),\n  (y = [\n    1, 2\n  ])\n];\nconst b :A =\n    (x = 1, y =\n      [3]);\n",
        );
        check(
            "@0xd4c9a1b7e6f20853;\nenum E { a @0 ; b@1; }\nenum F { a @0;\n b@1; }",
            "@0xd4c9a1b7e6f20853;\nenum E { a @0; b @1; }\nenum F {\n  a @0;\n  b @1;\n}\n",
        );
    }

    #[test]
    fn comments_stay_where_they_are() {
        check(
            "# File.\n\n@0xd4c9a1b7e6f20853;   # The id.\n# Of it.\n\n\n#Alone.\nstruct A { # Here.\n   # Below.\n\n  # Not of a.\n  a @0 :Text; #a  \n # End.\n}\n# Last.",
            "# File.\n\n@0xd4c9a1b7e6f20853; # The id.\n# Of it.\n\n#Alone.\nstruct A { # Here.\n  # Below.\n\n  # Not of a.\n  a @0 :Text; #a\n  # End.\n}\n# Last.\n",
        );
    }

    #[test]
    fn columns_stay_lined_up() {
        check(
            "@0xd4c9a1b7e6f20853;\nstruct A {\n  a        @0  :Text;     # One.\n  longer   @1  :Text=\"x\";  # Two.\n  \n  c @2 :Int8;    # Alone.\n  dd @3 :Int8; # Not meant.\n  e @4 :Int8;   # Nor this.\n}\n",
            "@0xd4c9a1b7e6f20853;\nstruct A {\n  a      @0 :Text; # One.\n  longer @1 :Text = \"x\"; # Two.\n\n  c @2 :Int8; # Alone.\n  dd @3 :Int8; # Not meant.\n  e @4 :Int8; # Nor this.\n}\n",
        );
        check(
            "@0xd4c9a1b7e6f20853;\nstruct A {\n a @0 :Text;      # One\n                  # goes on.\n bcd @1 :Text;    # Two.\n # Below.\n}\n",
            "@0xd4c9a1b7e6f20853;\nstruct A {\n  a @0 :Text;   # One\n                # goes on.\n  bcd @1 :Text; # Two.\n  # Below.\n}\n",
        );
        check(
            "@0xd4c9a1b7e6f20853;\nenum E {\n\ta\t\t@0;\t# A.\n\tlonger\t\t@1;\t# B.\n}\n",
            "@0xd4c9a1b7e6f20853;\nenum E {\n  a      @0; # A.\n  longer @1; # B.\n}\n",
        );
    }

    #[test]
    fn what_has_syntax_errors_is_refused() {
        let errors = format("a.capnp", "struct {").unwrap_err();
        assert_eq!(errors.first().map(|error| error.line), Some(1));
    }

    #[test]
    fn the_standard_files_keep_their_meaning() {
        for (path, text) in crate::STANDARD_FILES {
            let formatted = format(path, text).unwrap();
            assert_eq!(format(path, &formatted).unwrap(), formatted, "{path}");
            let tokens = |text: &str| {
                let tokens = lex(text, &mut Vec::new());
                tokens
                    .into_iter()
                    .map(|token| (token.kind, token.doc))
                    .collect::<Vec<_>>()
            };
            assert_eq!(tokens(&formatted), tokens(text), "{path}");
        }
    }
}

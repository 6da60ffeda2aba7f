//! What is wrong in a schema file, where, and what to write instead.

use std::fmt;

/// A stretch of a source file, in bytes from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }

    /// The smallest span that covers both.
    pub(crate) fn to(self, other: Span) -> Self {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// What a file without an id is told.
pub(crate) const NO_FILE_ID: &str = "this file has no id";

/// One error in a schema file. `Display` (and [`Diagnostic::render`]) show it with the source line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's display name.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// First marked column, counted from 1, in characters.
    pub column: u32,
    /// One past the last marked column; the mark never leaves its line. Equal to `column` when
    /// something is missing there.
    pub end_column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where one can tell.
    pub hint: Option<String>,
    /// The text of the line, without its line break.
    pub source_line: String,
}

/// Longer lines are shown in part.
const MAX_LINE: usize = 200;

impl Diagnostic {
    pub(crate) fn new(file: &str, text: &str, problem: &Problem) -> Self {
        let start = floor_boundary(text, problem.span.start);
        let end = floor_boundary(text, problem.span.end.max(start));
        let before = text.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(line_start..).unwrap_or("");
        let source_line = rest.split(['\n', '\r']).next().unwrap_or("");
        let line_end = line_start + source_line.len();
        let columns = |from: usize, to: usize| {
            u32::try_from(text.get(from..to).map_or(0, |s| s.chars().count())).unwrap_or(u32::MAX)
        };
        let column = columns(line_start, start.min(line_end)) + 1;
        let width = columns(start.min(line_end), end.min(line_end));
        let newlines = before.bytes().filter(|byte| *byte == b'\n').count();
        Diagnostic {
            file: file.to_owned(),
            line: u32::try_from(newlines).unwrap_or(u32::MAX - 1) + 1,
            column,
            end_column: column + width,
            message: problem.message.clone(),
            hint: problem.hint.clone(),
            source_line: source_line.to_owned(),
        }
    }

    /// Whether a file lacks its id, so that the caller, who has random numbers, may offer one.
    pub fn is_missing_file_id(&self) -> bool {
        self.message == NO_FILE_ID
    }

    /// `file:line:column-end: error: message`, the source line with the place marked, the hint.
    pub fn render(&self) -> String {
        let mut out = format!("{}:{}:{}", self.file, self.line, self.column);
        if self.end_column > self.column {
            out.push_str(&format!("-{}", self.end_column));
        }
        out.push_str(&format!(": error: {}\n", self.message));
        if !self.source_line.is_empty() {
            self.render_source(&mut out);
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("  help: {hint}\n"));
        }
        out
    }

    /// The source line, or what is around the place in one too long to be looked at, with the mark.
    fn render_source(&self, out: &mut String) {
        let place = self.column as usize - 1;
        let width = (self.end_column as usize).saturating_sub(place + 1);
        let mut shown: Vec<char> = self.source_line.chars().collect();
        let (mut from, to) = (0, shown.len());
        if to > MAX_LINE {
            from = place.saturating_sub(MAX_LINE / 4).min(to - MAX_LINE);
            shown.truncate(from + MAX_LINE);
            shown.drain(..from);
        }
        if from > 0 {
            shown.insert(0, '…');
            from -= 1;
        }
        out.extend(&shown);
        if from + shown.len() < to {
            out.push('…');
        }
        out.push('\n');
        // Tabs are repeated so that the mark stands under its text whatever their width.
        for character in shown.iter().take(place - from) {
            out.push(if *character == '\t' { '\t' } else { ' ' });
        }
        out.push('^');
        let room = shown.len().saturating_sub(place - from).max(1);
        for _ in 1..width.min(room) {
            out.push('~');
        }
        out.push('\n');
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render().trim_end())
    }
}

impl std::error::Error for Diagnostic {}

/// A diagnostic before its place has been turned into a line and columns.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Problem {
            span,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_the_place_in_its_line() {
        let text = "struct A {\n\tx @0 :Intt32;\n}\n";
        let at = text.find("Intt32").unwrap_or(0);
        let problem = Problem::new(Span::new(at, at + 6), "not defined: Intt32").hint("Int32?");
        let diagnostic = Diagnostic::new("a.capnp", text, &problem);
        assert_eq!(
            diagnostic.render(),
            "a.capnp:2:8-14: error: not defined: Intt32\n\tx @0 :Intt32;\n\t      ^~~~~~\n  help: Int32?\n"
        );
    }

    #[test]
    fn shows_the_part_of_a_long_line_that_matters() {
        let text = format!("{}Intt32;{}", "x ".repeat(500), " y".repeat(500));
        let problem = Problem::new(Span::new(1000, 1006), "not defined: Intt32");
        let rendered = Diagnostic::new("a.capnp", &text, &problem).render();
        let mut lines = rendered.lines();
        assert_eq!(
            lines.next(),
            Some("a.capnp:1:1001-1007: error: not defined: Intt32")
        );
        let source = lines.next().unwrap_or("");
        assert_eq!(source.chars().count(), MAX_LINE + 2);
        assert!(source.starts_with('…') && source.ends_with('…'));
        // The ellipsis before it is three bytes and one column.
        let marked = lines.next().and_then(|line| line.find("^~~~~~"));
        assert_eq!(source.find("Intt32").map(|at| at - 2), marked);
        for (from, to) in [(0, 3), (1990, 2006), (0, 2007), (2007, 2007), (300, 1900)] {
            let problem = Problem::new(Span::new(from, to), "late");
            let rendered = Diagnostic::new("a", &text, &problem).render();
            assert!(
                rendered
                    .lines()
                    .skip(1)
                    .all(|line| line.chars().count() <= MAX_LINE + 2)
            );
        }
    }

    #[test]
    fn survives_places_outside_the_text() {
        let problem = Problem::new(Span::new(90, 100), "late");
        assert_eq!(
            Diagnostic::new("a", "é", &problem).render(),
            "a:1:2: error: late\né\n ^\n"
        );
    }
}

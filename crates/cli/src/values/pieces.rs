//! Cuts text and JSON into messages as they come in.

/// Finds where messages end: behind the bracket that closes the first one. What is between two
/// messages belongs to the later one.
///
/// It understands only as much as that takes: brackets, strings and comments.
pub(super) struct Pieces {
    comments: bool,
    state: State,
    depth: usize,
    /// What has come in and not gone out.
    pending: Vec<u8>,
    /// How much of that has been looked at.
    seen_bytes: usize,
    /// Where `pending` begins.
    start: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    String,
    /// Behind a backslash in a string.
    Escape,
    Comment,
}

/// A place in the input: lines and bytes before it, and bytes before it on its line.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) lines: usize,
    pub(super) bytes: usize,
    pub(super) line_bytes: usize,
}

/// The text of one message, or what is left at the end.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) start: Place,
}

impl Pieces {
    /// `comments`: whether `#` begins one.
    pub(super) fn new(comments: bool) -> Self {
        Pieces {
            comments,
            state: State::Outside,
            depth: 0,
            pending: Vec::new(),
            seen_bytes: 0,
            start: Place::default(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next message, if all of it is there.
    pub(super) fn next(&mut self) -> Option<Piece> {
        let unseen = self.pending.get(self.seen_bytes..).unwrap_or_default();
        for (at, byte) in unseen.iter().enumerate() {
            self.state = match (self.state, byte) {
                (State::Outside, b'"') => State::String,
                (State::Outside, b'#') if self.comments => State::Comment,
                (State::Comment, b'\n') | (State::String, b'"') => State::Outside,
                (State::String, b'\\') => State::Escape,
                (State::Escape, _) => State::String,
                (state, _) => state,
            };
            if self.state != State::Outside {
                continue;
            }
            match byte {
                b'(' | b'[' | b'{' => self.depth += 1,
                b')' | b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        let end = self.seen_bytes + at + 1;
                        return Some(self.take(end));
                    }
                }
                _ => {}
            }
        }
        self.seen_bytes = self.pending.len();
        None
    }

    /// What is left at the end: blanks, comments, or a message that is not whole.
    pub(super) fn rest(&mut self) -> Piece {
        self.take(self.pending.len())
    }

    fn take(&mut self, end: usize) -> Piece {
        let rest = self.pending.split_off(end);
        let bytes = std::mem::replace(&mut self.pending, rest);
        self.seen_bytes = 0;
        let start = self.start;
        self.start.bytes += bytes.len();
        self.start.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.start.line_bytes = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => bytes.len() - at - 1,
            None => start.line_bytes + bytes.len(),
        };
        Piece { bytes, start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, comments: bool, step: usize) -> Vec<String> {
        let mut pieces = Pieces::new(comments);
        let mut found = Vec::new();
        for bytes in text.as_bytes().chunks(step) {
            pieces.push(bytes);
            while let Some(piece) = pieces.next() {
                found.push(String::from_utf8_lossy(&piece.bytes).into_owned());
            }
        }
        found.push(String::from_utf8_lossy(&pieces.rest().bytes).into_owned());
        found
    }

    #[test]
    fn messages_end_with_their_brackets_however_they_come_in() {
        for (text, comments, expected) in [
            (
                "(a = 1)(b = [(c = 2)]) ",
                true,
                &["(a = 1)", "(b = [(c = 2)])", " "][..],
            ),
            (
                r#"(a = ")\")(") ()"#,
                true,
                &[r#"(a = ")\")(")"#, " ()", ""],
            ),
            ("(a = # )\n 1)x", true, &["(a = # )\n 1)", "x"]),
            (r##"{"a": "#}"}{}"##, false, &[r##"{"a": "#}"}"##, "{}", ""]),
            (r#"{"a": "\\"}{"#, false, &[r#"{"a": "\\"}"#, "{"]),
            (")(a", true, &[")", "(a"]),
        ] {
            for step in [1, 2, 100] {
                assert_eq!(cut(text, comments, step), expected, "{text}, {step}");
            }
        }
    }

    #[test]
    fn pieces_say_where_they_begin() {
        let mut pieces = Pieces::new(true);
        pieces.push(b"(\n)()\n ()");
        let mut places = Vec::new();
        while let Some(Piece { start, .. }) = pieces.next() {
            places.push((start.lines, start.bytes, start.line_bytes));
        }
        assert_eq!(places, [(0, 0, 0), (1, 3, 1), (1, 5, 3)]);
    }
}

//! Columns that the author lined up stay lined up.
//!
//! Numbers, types, defaults and comments of neighbouring lines belong together when they stood in
//! one column and somebody had put in more than one blank to get them there. They then stand in
//! one column again, as far to the left as the longest line allows. Comments that go on in lines
//! of their own under a comment behind a statement stay under it.

/// What may be lined up in a line, from the left to the right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    Number,
    Type,
    Default,
    Comment,
}

const STOPS: [Stop; 4] = [Stop::Number, Stop::Type, Stop::Default, Stop::Comment];

/// Something in a line that others may be lined up with.
pub(super) struct Mark {
    pub(super) stop: Stop,
    /// Where it is in the formatted text, in bytes.
    pub(super) at: usize,
    /// Where it was in its line as the author wrote it, in characters.
    pub(super) column: usize,
    /// More than one blank stood before it.
    pub(super) is_padded: bool,
}

struct Line {
    text: String,
    /// At most one for each stop; `at` counts from the start of the line.
    marks: Vec<Mark>,
}

impl Line {
    fn mark(&self, stop: Stop) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.stop == stop)
    }

    fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with('#')
    }

    fn width_before(&self, mark: &Mark) -> usize {
        self.text.get(..mark.at).map_or(0, |s| s.chars().count())
    }

    fn pad(&mut self, stop: Stop, width: usize) {
        let Some(mark) = self.mark(stop) else {
            return;
        };
        let (at, blanks) = (mark.at, width.saturating_sub(self.width_before(mark)));
        self.text.insert_str(at, &" ".repeat(blanks));
        for mark in self.marks.iter_mut().filter(|mark| mark.at >= at) {
            mark.at += blanks;
        }
    }
}

/// Lines up what was lined up. `marks` are in the order of the text.
pub(super) fn align(text: &str, marks: Vec<Mark>) -> String {
    let mut lines = Vec::new();
    let mut marks = marks.into_iter().peekable();
    let mut start = 0;
    for text in text.split_inclusive('\n') {
        let end = start + text.len();
        let mut line = Line {
            text: text.to_owned(),
            marks: Vec::new(),
        };
        while let Some(mark) = marks.next_if(|mark| mark.at < end) {
            let at = mark.at - start;
            if line.mark(mark.stop).is_none() {
                line.marks.push(Mark { at, ..mark });
            }
        }
        lines.push(line);
        start = end;
    }
    for stop in STOPS {
        let mut rest = lines.as_mut_slice();
        while !rest.is_empty() {
            let (run, others) = rest.split_at_mut(run_length(rest, stop));
            align_run(run, stop);
            rest = others;
        }
    }
    lines.into_iter().map(|line| line.text).collect()
}

/// How many of the first lines belong together; at least one.
fn run_length(lines: &[Line], stop: Stop) -> usize {
    let column = |line: &Line| line.mark(stop).map(|mark| mark.column);
    let Some((first, rest)) = lines.split_first() else {
        return 0;
    };
    // A comment in a line of its own stands under another or with the statements.
    if column(first).is_none() || first.is_comment() {
        return 1;
    }
    let same = rest
        .iter()
        .take_while(|line| column(line) == column(first))
        .count();
    1 + same
}

fn align_run(lines: &mut [Line], stop: Stop) {
    let is_meant =
        |line: &Line| line.is_comment() || line.mark(stop).is_some_and(|mark| mark.is_padded);
    if lines.len() < 2 || !lines.iter().any(is_meant) {
        return;
    }
    let widths = lines
        .iter()
        .filter_map(|line| Some(line.width_before(line.mark(stop)?)));
    let width = widths.max().unwrap_or(0);
    for line in lines {
        line.pad(stop, width);
    }
}

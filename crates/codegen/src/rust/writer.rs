//! Text that knows how deep it is indented.

use std::fmt::{Arguments, Write};

#[derive(Default)]
pub(super) struct Writer {
    out: String,
    depth: usize,
}

impl Writer {
    /// One line at the current depth. A text of several lines is indented as a whole.
    pub(super) fn line(&mut self, text: Arguments<'_>) {
        let mut rendered = String::new();
        // Writing to a String cannot fail.
        let _ = rendered.write_fmt(text);
        for line in rendered.lines() {
            if !line.is_empty() {
                for _ in 0..self.depth {
                    self.out.push_str("    ");
                }
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    /// A line that opens a block: what follows is one deeper.
    pub(super) fn open(&mut self, text: Arguments<'_>) {
        self.line(text);
        self.depth += 1;
    }

    /// Ends the innermost block with this line.
    pub(super) fn close(&mut self, text: &str) {
        self.depth = self.depth.saturating_sub(1);
        if self.out.ends_with("\n\n") {
            self.out.pop();
        }
        if text == "}" && self.out.ends_with("{\n") {
            self.out.pop();
            self.out.push_str("}\n");
            return;
        }
        self.line(format_args!("{text}"));
    }

    /// A text with words for the template to replace, set off by blank lines. Lines that the
    /// template leaves empty in the middle of something are dropped.
    pub(super) fn template(&mut self, text: &str, template: &Template) {
        self.blank();
        for line in text.trim_start_matches('\n').lines() {
            let filled = template.fill(line);
            if !filled.trim().is_empty() {
                self.line(format_args!("{filled}"));
            } else if line.is_empty() {
                self.blank();
            }
        }
        self.blank();
    }

    pub(super) fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") && !self.out.ends_with("{\n") {
            self.out.push('\n');
        }
    }

    /// A schema's comment as a documentation comment. rustdoc would run indented lines and unnamed
    /// code blocks as Rust, so the former move to the left and the latter become text.
    pub(super) fn doc(&mut self, comment: Option<&str>) {
        let mut in_block = false;
        // Rust refuses a carriage return in a comment unless it ends a line.
        let comment: String = comment
            .unwrap_or_default()
            .replace("\r\n", "\n")
            .replace('\r', "\n")
            .chars()
            .map(|c| if c == '\n' { c } else { harmless(c) })
            .collect();
        for line in comment.lines() {
            let line = line.trim();
            if line.starts_with("```") {
                in_block = !in_block;
                self.line(format_args!(
                    "/// {}",
                    if in_block { "```text" } else { "```" }
                ));
            } else if line.is_empty() {
                self.line(format_args!("///"));
            } else {
                self.line(format_args!("/// {line}"));
            }
        }
        if in_block {
            self.line(format_args!("/// ```"));
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// The character, if a comment in Rust may hold it: controls make no sense there, and Rust refuses
/// those that turn the direction of text around, which can make code look like what it is not.
pub(super) fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// What words beginning with `$` stand for.
pub(super) struct Template {
    words: Vec<(&'static str, String)>,
}

impl Template {
    pub(super) fn new<const N: usize>(words: [(&'static str, String); N]) -> Self {
        let mut words = Vec::from(words);
        // `$args` must not be taken for the beginning of `$args_a`.
        words.sort_by_key(|(word, _)| core::cmp::Reverse(word.len()));
        Self { words }
    }

    pub(super) fn fill(&self, text: &str) -> String {
        self.words
            .iter()
            .fold(text.to_string(), |text, (word, meaning)| {
                text.replace(word, meaning)
            })
    }
}

/// `line!(w, "pub fn {name}()")`: a formatted line.
macro_rules! line {
    ($w:expr, $($arg:tt)*) => { $w.line(format_args!($($arg)*)) };
}

/// `open!(w, "impl {name} {{")`: a formatted line that opens a block.
macro_rules! open {
    ($w:expr, $($arg:tt)*) => { $w.open(format_args!($($arg)*)) };
}

pub(super) use {line, open};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_indent_what_is_in_them() {
        let mut w = Writer::default();
        open!(w, "mod a {{");
        line!(w, "const B: u8 = {};\n\nconst C: u8 = 1;", 0);
        w.close("}");
        assert_eq!(
            w.finish(),
            "mod a {\n    const B: u8 = 0;\n\n    const C: u8 = 1;\n}\n"
        );
    }

    #[test]
    fn comments_turn_no_text_around() {
        let mut w = Writer::default();
        w.doc(Some("\u{202e}über\u{0}\tit"));
        assert_eq!(w.finish(), "/// \u{fffd}über\u{fffd} it\n");
    }

    #[test]
    fn comments_hold_nothing_that_rustdoc_would_run() {
        let mut w = Writer::default();
        w.doc(Some("Text.\r\n\r    indented()\n```\nfenced()\n"));
        assert_eq!(
            w.finish(),
            "/// Text.\n///\n/// indented()\n/// ```text\n/// fenced()\n/// ```\n"
        );
    }
}

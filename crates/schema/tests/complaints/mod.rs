//! What the compiler says of a text, in the form in which tests expect it.

use capstan_schema::{Diagnostic, MemoryFiles, SourceFile, compile};

/// What is wrong with `text` (put after the file's id), one line each:
/// `marked text: message (hint)`.
pub fn complaints(text: &str) -> Vec<String> {
    let mut files = MemoryFiles::new();
    files.insert(
        "other.capnp",
        "@0xd4c9a1b7e6f20001; struct Other { x @0 :Text; }",
    );
    let text = format!("@0xd4c9a1b7e6f20000;\n{text}");
    match compile(&files, &[SourceFile::new("test.capnp", text)]) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(describe).collect(),
    }
}

pub fn describe(error: &Diagnostic) -> String {
    let (from, to) = (error.column as usize - 1, error.end_column as usize - 1);
    let marked: String = error.source_line.chars().take(to).skip(from).collect();
    let hint = error
        .hint
        .as_ref()
        .map_or(String::new(), |hint| format!(" ({hint})"));
    format!("{marked}: {}{hint}", error.message)
}

//! Any bytes as schema files. A line of dashes begins the next file: the first is compiled, and
//! imports `b.capnp`, `c.capnp` and so on.

use capstan_schema::{MemoryFiles, SourceFile, compile, format, read_request, write_request};

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut files = MemoryFiles::new();
    let mut texts = text.split("\n---\n");
    let first = texts.next().unwrap_or_default();
    for (name, text) in ('b'..='z').zip(texts) {
        files.insert(format!("{name}.capnp"), text);
    }
    if let Ok(formatted) = format("a.capnp", first) {
        let again = format("a.capnp", &formatted);
        assert!(
            again.as_ref() == Ok(&formatted),
            "formatted twice is not the same"
        );
    }
    match compile(&files, &[SourceFile::new("a.capnp", first)]) {
        Ok(schema) => {
            let request = write_request(&schema).expect("what was compiled can be written");
            let read = read_request(&request).expect("what was written can be read");
            let again = write_request(&read).expect("what was read can be written");
            assert!(request == again, "a request changes when it is read");
            let formatted = format("a.capnp", first).expect("what was compiled can be formatted");
            let file = SourceFile::new("a.capnp", formatted.as_str());
            let schema = compile(&files, &[file]).expect("what was formatted can be compiled");
            let again = write_request(&schema).expect("what was compiled can be written");
            // Carriage returns in comments are part of a request, and formatting drops them.
            let is_same = request == again || first.contains('\r');
            assert!(is_same, "a file means something else when formatted");
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            for diagnostic in diagnostics {
                assert!(diagnostic.line > 0 && diagnostic.column > 0);
                assert!(diagnostic.end_column >= diagnostic.column);
                assert!(!diagnostic.message.is_empty() && !diagnostic.render().is_empty());
            }
        }
    }
}

//! The modules that the page and the Node client import are what the generator makes of the schema.
//! `CAPSTAN_UPDATE=1 cargo test -p upload-server --test page_modules` rewrites them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use capstan_codegen::typescript::{Options, generate};
use capstan_schema::{NoFiles, SourceFile, compile};

#[test]
fn generated_modules_are_up_to_date() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(example.join("files.capnp")).unwrap();
    let schema = compile(&NoFiles, &[SourceFile::new("files.capnp", text)])
        .unwrap_or_else(|errors| panic!("{}", errors.first().unwrap().render()));
    let file = schema.requested_files.first().unwrap();
    let made = generate(&schema, file.id, &Options::default()).unwrap();
    for (path, text) in [
        // For the page, which Vite compiles.
        ("src/files.capnp.ts", &made.ts),
        // For the Node client, which runs as it is.
        ("files.capnp.js", &made.js),
        ("files.capnp.d.ts", &made.dts),
    ] {
        let path = example.join(path);
        if std::env::var_os("CAPSTAN_UPDATE").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == *text,
            "{} is not up to date; CAPSTAN_UPDATE=1 rewrites it",
            path.display()
        );
    }
}

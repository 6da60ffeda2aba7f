//! The modules that the pages and the servers in Node import are what the generator makes of the schemas.
//! `CAPSTAN_UPDATE=1 cargo test -p examples-server --test page_modules` rewrites them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use capstan_codegen::typescript::{Options, generate};
use capstan_schema::{NoFiles, SourceFile, compile};

#[test]
fn generated_modules_are_up_to_date() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (directory, name) in [
        ("pipeline", "cabinet.capnp"),
        ("chat", "chat.capnp"),
        ("log-viewer", "log.capnp"),
    ] {
        let text = std::fs::read_to_string(examples.join(directory).join(name)).unwrap();
        let schema = compile(&NoFiles, &[SourceFile::new(name, text)])
            .unwrap_or_else(|errors| panic!("{}", errors.first().unwrap().render()));
        let file = schema.requested_files.first().unwrap();
        let made = generate(&schema, file.id, &Options::default()).unwrap();
        for (ending, text) in [("js", &made.js), ("d.ts", &made.dts)] {
            let path = examples.join(directory).join(format!("{name}.{ending}"));
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
}

//! The modules that the JavaScript tests import are what the generator makes of their schemas.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use capstan_codegen::typescript::{Options, generate};
use capstan_schema::{MemoryFiles, NoFiles, STANDARD_FILES, SourceFile, compile};

#[test]
fn generated_modules_are_up_to_date() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../js/test");
    let mut files = MemoryFiles::default();
    let mut requested = Vec::new();
    let schemas = tests.join("schemas");
    let mut paths: Vec<PathBuf> = fs::read_dir(&schemas)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        files.insert(name.clone(), text.clone());
        requested.push(SourceFile::new(name, text));
    }
    // The schema of schemas has it all: unions of groups with names that JavaScript has taken.
    for (name, text) in STANDARD_FILES {
        if name == "/capnp/schema.capnp" {
            requested.push(SourceFile::new(name, text));
        }
    }
    let schema = compile(&files, &requested)
        .unwrap_or_else(|errors| panic!("{}", errors.first().expect("an error").render()));
    let mut stale = Vec::new();
    for file in &schema.requested_files {
        let made = generate(&schema, file.id, &Options::default()).unwrap();
        for (folder, extension, text) in [
            ("generated", "ts", &made.ts),
            ("generated/js", "js", &made.js),
            ("generated/js", "d.ts", &made.dts),
        ] {
            let path = tests.join(folder).join(format!(
                "{}.{extension}",
                file.filename.trim_start_matches('/')
            ));
            if fs::read_to_string(&path).is_ok_and(|found| found == *text) {
                continue;
            }
            if std::env::var_os("CAPSTAN_UPDATE").is_some() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, text).unwrap();
            } else {
                stale.push(path);
            }
        }
    }
    assert!(
        stale.is_empty(),
        "not up to date, run with CAPSTAN_UPDATE=1: {stale:?}"
    );
}

#[test]
fn standard_files_become_modules() {
    for (name, text) in STANDARD_FILES {
        let schema = compile(&NoFiles, &[SourceFile::new(name, text)])
            .unwrap_or_else(|errors| panic!("{}", errors.first().expect("an error").render()));
        let file = schema.requested_files.first().unwrap();
        let made = generate(&schema, file.id, &Options::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(made.ts.contains("export "), "{name} becomes no module");
    }
}

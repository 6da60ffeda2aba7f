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
    let mut wanted = Vec::new();
    for file in &schema.requested_files {
        let made = generate(&schema, file.id, &Options::default()).unwrap();
        let name = file.filename.trim_start_matches('/');
        wanted.push((tests.join(format!("generated/{name}.ts")), made.ts));
        wanted.push((tests.join(format!("generated/js/{name}.js")), made.js));
        wanted.push((tests.join(format!("generated/js/{name}.d.ts")), made.dts));
    }
    check(wanted);
}

#[test]
fn the_packages_modules_of_standard_files_are_up_to_date() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../js/src");
    let mut wanted = Vec::new();
    for (name, text) in STANDARD_FILES {
        let schema = compile(&NoFiles, &[SourceFile::new(name, text)])
            .unwrap_or_else(|errors| panic!("{}", errors.first().expect("an error").render()));
        let file = schema.requested_files.first().unwrap();
        // Inside the package, modules find each other by relative paths.
        let up = "../".repeat(name.matches('/').count() - 1);
        let modules = file.imports.iter().map(|import| {
            let path = import.name.trim_start_matches('/');
            (import.id, format!("{up}{path}.js"))
        });
        let options = Options {
            runtime: format!("{up}codegen/v1.js"),
            file_modules: modules.collect(),
            ..Options::default()
        };
        let made =
            generate(&schema, file.id, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let path = name.trim_start_matches('/');
        // Annotations alone leave nothing to import.
        if made.ts.contains("export const ") {
            wanted.push((sources.join(format!("{path}.ts")), made.ts));
        }
    }
    check(wanted);
}

/// That the files have these texts; with CAPSTAN_UPDATE=1, gives them these texts.
fn check(wanted: Vec<(PathBuf, String)>) {
    let mut stale = Vec::new();
    for (path, text) in wanted {
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        if std::env::var_os("CAPSTAN_UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        } else {
            stale.push(path);
        }
    }
    assert!(
        stale.is_empty(),
        "not up to date, run with CAPSTAN_UPDATE=1: {stale:?}"
    );
}

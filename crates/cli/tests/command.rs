//! The `capstan` binary as a user runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ID: &str = "@0xd4c9a1b7e6f20853;";

/// A new directory with these files in it.
fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("command")
        .join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    for (path, text) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn capstan(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capstan"));
    command.args(arguments).current_dir(directory);
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
    assert_eq!(stderr(output), "");
}

#[test]
fn writes_every_language() {
    let text = include_str!("../../../examples-web/upload/files.capnp");
    let dir = directory("languages", &[("sub/files.capnp", text)]);
    let arguments = ["-orust:gen", "-o", "js:gen", "-o", "ts"];
    assert_success(&capstan(
        &dir,
        &[&["compile"], &arguments[..], &["sub/files.capnp"]].concat(),
    ));
    for (path, part) in [
        ("gen/sub/files_capnp.rs", "pub mod byte_sink"),
        ("gen/sub/files.capnp.js", "ByteSink"),
        ("gen/sub/files.capnp.d.ts", "ByteSink"),
        ("sub/files.capnp.ts", "ByteSink"),
    ] {
        let code = fs::read_to_string(dir.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert!(code.contains(part), "{path}:\n{code}");
    }
}

#[test]
fn writes_typescript_unless_told_otherwise() {
    let text = format!("{ID} struct A {{ x @0 :Text; }}");
    let dir = directory("default", &[("src/a.capnp", &text)]);
    assert_success(&capstan(
        &dir,
        &["compile", "--src-prefix=src", "src/a.capnp"],
    ));
    assert!(dir.join("a.capnp.ts").exists());
}

#[test]
fn finds_imports_beside_the_file_and_in_import_directories() {
    let main = format!(
        "{ID} using B = import \"../b.capnp\"; using C = import \"/lib/c.capnp\"; \
         using Cxx = import \"/capnp/c++.capnp\"; $Cxx.namespace(\"x\"); \
         struct A {{ b @0 :B.B; c @1 :C.C; }}"
    );
    let files = [
        ("x/a.capnp", main.as_str()),
        ("b.capnp", "@0xd4c9a1b7e6f20854; struct B {}"),
        ("imports/lib/c.capnp", "@0xd4c9a1b7e6f20855; struct C {}"),
    ];
    let dir = directory("imports", &files);
    let output = capstan(&dir, &["compile", "-Iimports", "-orust", "x/a.capnp"]);
    assert_success(&output);
    let output = capstan(&dir, &["compile", "-orust", "x/a.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot find the file \"/lib/c.capnp\""));
}

#[test]
fn shows_errors_with_their_place() {
    let text = format!("{ID}\nstruct A {{\n  x @0 :Strin;\n  y @1 :Textt;\n}}\n");
    let dir = directory("errors", &[("a.capnp", &text)]);
    let output = capstan(&dir, &["compile", "a.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "a.capnp:3:9-14: error: 'Strin' is not defined\n  x @0 :Strin;\n        ^~~~~\n\
         a.capnp:4:9-14: error: 'Textt' is not defined\n  y @1 :Textt;\n        ^~~~~\n  \
         help: did you mean 'Text'?\n"
    );
    assert!(!dir.join("a.capnp.ts").exists());
}

#[test]
fn says_why_a_file_cannot_be_read() {
    let dir = directory("unreadable", &[("a.capnp", "")]);
    fs::write(dir.join("a.capnp"), b"@0xd4c9a1b7e6f20853;\n# \xff\n").unwrap();
    let output = capstan(&dir, &["compile", "missing.capnp", "a.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    let report = stderr(&output);
    assert!(
        report.contains("capstan: cannot read missing.capnp: "),
        "{report}"
    );
    assert!(
        report.contains("a.capnp:2:1: error: this line is not valid UTF-8"),
        "{report}"
    );
}

#[test]
fn makes_ids() {
    let output = capstan(Path::new("."), &["id"]);
    assert_success(&output);
    let id = String::from_utf8(output.stdout).unwrap();
    let text = format!("{};\nstruct A {{}}", id.trim_end());
    let dir = directory("id", &[("a.capnp", &text)]);
    assert_success(&capstan(&dir, &["compile", "a.capnp"]));
}

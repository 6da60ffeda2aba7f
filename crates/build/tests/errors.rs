//! What the author of a build script is told.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use capstan_build::CompilerCommand;

/// An empty directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn write(directory: &Path, path: &str, text: &str) -> PathBuf {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn error(command: &mut CompilerCommand) -> String {
    command.run().unwrap_err().to_string()
}

const A: &str = "@0xb1b2b3b4b5b6b7b8; struct A { x @0 :UInt8; }";
const B: &str = r#"@0xc1c2c3c4c5c6c7c8; using A = import "a.capnp".A; struct B { a @0 :A; }"#;

#[test]
fn missing_files_are_named_with_the_place_that_was_searched() {
    let out = directory("missing");
    let mut command = CompilerCommand::new();
    command.file("schema/nowhere.capnp").output_path(&out);
    let report = error(&mut command);
    assert!(
        report.starts_with("schema/nowhere.capnp: error: there is no such file in /"),
        "{report}"
    );
    assert!(report.contains("help: paths are relative to"), "{report}");
    let report = error(&mut CompilerCommand::new());
    assert_eq!(report, "there are no schemas to compile");
}

#[test]
fn all_errors_come_at_once_with_their_places() {
    let out = directory("errors");
    let first = write(
        &out,
        "first.capnp",
        "@0xb1b2b3b4b5b6b7b8; struct A { x @0 :Txet; }",
    );
    let second = write(
        &out,
        "second.capnp",
        "@0xc1c2c3c4c5c6c7c8; struct A { x @1 :Text; }",
    );
    let mut command = CompilerCommand::new();
    command.src_prefix(&out).file(&first).file(&second);
    command.file("nowhere.capnp").output_path(&out);
    let failure = command.run().unwrap_err();
    let report = failure.to_string();
    for part in [
        "nowhere.capnp: error",
        "first.capnp:1:39-43: error",
        "second.capnp:1:",
    ] {
        assert!(report.contains(part), "{report}");
    }
    assert_eq!(
        format!("{failure:?}"),
        format!("cannot compile the schemas\n\n{report}")
    );
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let out = directory("latin1");
    let path = out.join("latin1.capnp");
    fs::write(&path, b"# caf\xe9\n").unwrap();
    let report = error(CompilerCommand::new().file(&path).output_path(&out));
    assert!(
        report.contains("latin1.capnp: error: this is not UTF-8"),
        "{report}"
    );
}

#[test]
fn interfaces_need_rpc() {
    let out = directory("interfaces");
    let path = write(&out, "i.capnp", "@0xb1b2b3b4b5b6b7b8; interface I {}");
    let mut command = CompilerCommand::new();
    let report = error(command.file(&path).output_path(&out).messages_only());
    assert!(
        report.contains("an interface needs capstan-rpc"),
        "{report}"
    );
}

#[test]
fn modules_do_not_overwrite_each_other() {
    let out = directory("clash");
    let one = write(&out, "one/a.capnp", A);
    let two = write(&out, "two/a.capnp", "@0xc1c2c3c4c5c6c7c8; struct A {}");
    let code = out.join("code");
    let mut command = CompilerCommand::new();
    command.file(&one).file(&two).output_path(&code);
    let report = error(&mut command);
    assert!(
        report.contains("would both be written to") && report.contains("help: rename one"),
        "{report}"
    );
    assert!(!code.exists(), "nothing is written when something is wrong");
    // Below a prefix they stay apart.
    command.src_prefix(&out).run().unwrap();
    assert!(code.join("one/a_capnp.rs").is_file() && code.join("two/a_capnp.rs").is_file());
}

#[test]
fn imports_are_generated_unless_they_are_provided() {
    let out = directory("imports");
    write(&out, "a.capnp", A);
    let b = write(&out, "b.capnp", B);
    let code = out.join("code");
    let mut command = CompilerCommand::new();
    command.file(&b).output_path(&code).messages_only();
    command
        .default_parent_module(["outer", "inner"])
        .run()
        .unwrap();
    assert!(code.join("a_capnp.rs").is_file());
    let text = fs::read_to_string(code.join("b_capnp.rs")).unwrap();
    assert!(
        text.contains("crate::outer::inner::a_capnp::a::Reader<'a>"),
        "{text}"
    );

    let code = out.join("provided");
    command.output_path(&code);
    command
        .provided("::elsewhere::a_capnp", 0xb1b2_b3b4_b5b6_b7b8)
        .run()
        .unwrap();
    assert!(!code.join("a_capnp.rs").exists());
    let text = fs::read_to_string(code.join("b_capnp.rs")).unwrap();
    assert!(
        text.contains("::elsewhere::a_capnp::a::Reader<'a>"),
        "{text}"
    );
}

#[test]
fn imports_from_the_root_are_looked_for_in_the_import_paths() {
    let out = directory("paths");
    write(&out, "vendor/deep/a.capnp", A);
    let b = write(&out, "b.capnp", &B.replace("a.capnp", "/deep/a.capnp"));
    let mut command = CompilerCommand::new();
    command.file(&b).output_path(out.join("code"));
    let report = error(&mut command);
    assert!(
        report.contains("cannot find the file \"/deep/a.capnp\""),
        "{report}"
    );
    command.import_path(out.join("vendor")).run().unwrap();
    assert!(out.join("code/a_capnp.rs").is_file());
}

#[test]
fn files_that_stay_the_same_are_not_touched() {
    let out = directory("untouched");
    let a = write(&out, "a.capnp", A);
    let mut command = CompilerCommand::new();
    command.file(&a).output_path(&out).run().unwrap();
    let code = out.join("a_capnp.rs");
    let mut permissions = fs::metadata(&code).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&code, permissions).unwrap();
    let written = fs::metadata(&code).unwrap().modified().unwrap();
    command.run().unwrap();
    assert_eq!(fs::metadata(&code).unwrap().modified().unwrap(), written);
}

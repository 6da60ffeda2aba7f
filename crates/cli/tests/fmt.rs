//! `capstan fmt` as a process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const UNTIDY: &str = "@0xd4c9a1b7e6f20853;\nstruct A{ # What it is.\n a@0:Text; }\n";
const TIDY: &str = "@0xd4c9a1b7e6f20853;\nstruct A { # What it is.\n  a @0 :Text;\n}\n";

fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn capstan(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_capstan"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn files_are_rewritten_and_bad_ones_left_alone() {
    let directory = directory("fmt");
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    std::fs::write(directory.join("untidy.capnp"), UNTIDY).unwrap();
    std::fs::write(directory.join("bad.capnp"), "struct {").unwrap();

    let check = capstan(&directory, &["fmt", "--check", "untidy.capnp"], "");
    assert_eq!(check.status.code(), Some(1));
    let complaint = String::from_utf8(check.stderr).unwrap();
    assert_eq!(
        complaint,
        "capstan: untidy.capnp is not in the canonical layout\n"
    );
    assert_eq!(read("untidy.capnp"), UNTIDY);

    let format = capstan(&directory, &["fmt", "bad.capnp", "untidy.capnp"], "");
    assert_eq!(format.status.code(), Some(1));
    let complaint = String::from_utf8(format.stderr).unwrap();
    assert!(complaint.starts_with("bad.capnp:1:"), "{complaint}");
    assert_eq!(read("untidy.capnp"), TIDY);
    assert_eq!(read("bad.capnp"), "struct {");

    let check = capstan(&directory, &["fmt", "--check", "untidy.capnp"], "");
    assert!(check.status.success());
}

#[test]
fn a_dash_formats_the_input() {
    let run = capstan(&directory("fmt-dash"), &["fmt", "-"], UNTIDY);
    assert!(run.status.success());
    assert_eq!(String::from_utf8(run.stdout).unwrap(), TIDY);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let run = capstan(&directory("fmt-none"), &["fmt", "none.capnp"], "");
    let complaint = String::from_utf8(run.stderr).unwrap();
    assert_eq!(
        complaint,
        "capstan: none.capnp: there is no such file or directory\n"
    );
}

//! The reference tool, `capnp` of Debian's package `capnproto`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs it in the directory of the schemas and gives what it writes.
pub fn run(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let child = Command::new("capnp")
        .args(arguments)
        .current_dir(&directory)
        // Or it complains that this does not match.
        .env("PWD", &directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => panic!(
            "cannot run 'capnp': {error}. This test compares with the reference tool: \
             install it with 'apt-get install capnproto'."
        ),
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // It may refuse the input before reading all of it, and says why.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    assert!(
        output.status.success(),
        "capnp {arguments:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

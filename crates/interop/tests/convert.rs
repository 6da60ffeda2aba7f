//! `capstan convert`, `encode`, `decode` and `eval` against the reference tool's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "messages/tool.rs"]
mod tool;

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use capstan_cli::Host;

/// A process of the test's own: its input is given, its output kept.
#[derive(Default)]
struct Process {
    input: RefCell<Vec<u8>>,
    output: RefCell<Vec<u8>>,
    errors: RefCell<String>,
}

impl Host for Process {
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::canonicalize(schemas().join(path))
    }

    fn is_file(&self, path: &Path) -> bool {
        schemas().join(path).is_file()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(schemas().join(path))
    }

    fn write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn random(&self) -> u64 {
        1
    }

    fn print(&self, bytes: &[u8]) -> io::Result<()> {
        self.output.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn report(&self, text: &str) {
        self.errors.borrow_mut().push_str(text);
    }

    fn read_input(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut input = self.input.borrow_mut();
        // In small pieces: messages come in whole only by chance.
        let count = input.len().min(7).min(buffer.len());
        buffer[..count].copy_from_slice(&input[..count]);
        input.drain(..count);
        Ok(count)
    }

    fn run_plugin(&self, _: &Path, _: Option<&Path>, _: &[u8]) -> io::Result<Option<i32>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

/// What our command writes, or what it complains about.
fn capstan(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let process = Process {
        input: RefCell::new(input.to_vec()),
        ..Process::default()
    };
    let status = capstan_cli::run(arguments.iter().map(OsString::from), &process);
    let errors = process.errors.take();
    match (status, errors.as_str()) {
        (0, "") => Ok(process.output.take()),
        (1, _) => Err(errors),
        _ => panic!("capstan {arguments:?}: status {status}\n{errors}"),
    }
}

const MESSAGES: &str = r#"
(int8 = -5, uint64 = 18446744073709551615, float32 = 0.1, text = "he said \"no\"\n", color = blue)
(data = 0x"00 ff 61", child = (flag = true, child = (int64 = -9223372036854775808)), number = 7)
(smalls = [(id = 1), (id = 2, note = "two")], words = [["a", "b"], []], float64 = -inf)
()
"#;

#[test]
fn every_format_converts_to_every_other_as_with_the_tool() {
    const FORMATS: [&str; 7] = [
        "binary",
        "packed",
        "flat",
        "flat-packed",
        "canonical",
        "text",
        "json",
    ];
    let ty = ["everything.capnp", "Everything"];
    let from_text = |to: &str, text: &str| {
        tool::run(
            &["convert", &format!("text:{to}"), ty[0], ty[1]],
            text.as_bytes(),
        )
    };
    for from in FORMATS {
        // Flat messages say nowhere where they end: there is one to an input.
        let many = !matches!(from, "flat" | "flat-packed" | "canonical");
        let text = if many {
            MESSAGES
        } else {
            MESSAGES.trim().lines().next().unwrap()
        };
        let input = from_text(from, text);
        for to in FORMATS {
            let formats = format!("{from}:{to}");
            let arguments = ["convert", &formats, ty[0], ty[1]];
            let ours = capstan(&arguments, &input).unwrap();
            let theirs = tool::run(&arguments, &input);
            if matches!(to, "text" | "json" | "canonical") {
                assert!(ours == theirs, "{formats}");
            } else if many && to.starts_with("flat") {
                // Nobody can take these apart again.
                assert!(!ours.is_empty());
            } else {
                let back = format!("{to}:text");
                let arguments = ["convert", &back, ty[0], ty[1]];
                let ours = tool::run(&arguments, &ours);
                assert!(ours == tool::run(&arguments, &theirs), "{formats}");
            }
        }
    }
}

#[test]
fn encode_and_decode_are_the_tools() {
    for flags in [&[][..], &["--packed"], &["-p"]] {
        let arguments = |verb| {
            let mut arguments = vec![verb];
            arguments.extend_from_slice(flags);
            arguments.extend(["everything.capnp", "Everything"]);
            arguments
        };
        let encoded = capstan(&arguments("encode"), MESSAGES.as_bytes()).unwrap();
        let decoded = tool::run(&arguments("decode"), &encoded);
        assert!(capstan(&arguments("decode"), &encoded).unwrap() == decoded);
        assert!(
            tool::run(
                &arguments("decode"),
                &tool::run(&arguments("encode"), MESSAGES.as_bytes())
            ) == decoded
        );
    }
    let flat = ["encode", "--flat", "everything.capnp", "Everything"];
    let encoded = capstan(&flat, b"(int8 = 3)").unwrap();
    let decode = [
        "decode",
        "--flat",
        "--short",
        "everything.capnp",
        "Everything",
    ];
    assert!(capstan(&decode, &encoded).unwrap() == tool::run(&decode, &encoded));
}

#[test]
fn segments_are_as_small_as_asked() {
    let arguments = [
        "encode",
        "--segment-size=8",
        "everything.capnp",
        "Everything",
    ];
    let encoded = capstan(
        &arguments,
        b"(text = \"a long text that needs words of its own, many of them\", int8s = [1, 2, 3])",
    )
    .unwrap();
    let segments = u32::from_le_bytes(*encoded.first_chunk().unwrap()) + 1;
    assert!(segments > 1);
    let decode = ["decode", "everything.capnp", "Everything"];
    assert!(capstan(&decode, &encoded).unwrap() == tool::run(&decode, &encoded));
}

#[test]
fn eval_is_the_tools() {
    for name in [
        "answer",
        "Scope.inner",
        "origin",
        "origin.tags",
        "origin.tags[1]",
        "route",
        "route[1].x",
        "Point.x",
        "Point.tags",
        "greeting",
        "colour",
        "ratio",
        "ratios",
        "ratios[1]",
    ] {
        for flags in [&[][..], &["--short"]] {
            let mut arguments = vec!["eval"];
            arguments.extend_from_slice(flags);
            arguments.extend(["constants.capnp", name]);
            let ours = String::from_utf8(capstan(&arguments, b"").unwrap()).unwrap();
            let theirs = String::from_utf8(tool::run(&arguments, b"")).unwrap();
            assert_eq!(ours, theirs, "{name}");
        }
    }
    for format in ["json", "canonical"] {
        let output = format!("--output={format}");
        let arguments = ["eval", &output, "constants.capnp", "origin"];
        assert!(capstan(&arguments, b"").unwrap() == tool::run(&arguments, b""));
    }
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    for (arguments, input, expected) in [
        (
            &["convert", "binary:text"][..],
            "",
            "capstan convert: text and JSON need a schema",
        ),
        (&["convert", "binary:xml"], "", "'xml' is not one of binary"),
        (
            &["convert", "binary"],
            "",
            "write two formats with ':' between them",
        ),
        (
            &["decode", "everything.capnp", "Nothing"],
            "",
            "there is no 'Nothing' in everything.capnp\n  help: the structs there are ",
        ),
        (
            &["decode", "everything.capnp", "Color"],
            "",
            "'Color' is no struct",
        ),
        (
            &["decode", "everything.capnp", "Everything"],
            "\0\0\0\0\u{1}\0\0",
            "the input ends in the middle of a message",
        ),
        (
            &["decode", "everything.capnp", "Everything"],
            "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}",
            "capstan: the input is damaged",
        ),
        (
            &["encode", "everything.capnp", "Everything"],
            "(int8 = 300)",
            "<stdin>:1:9-12: error: 300 does not fit in Int8\n",
        ),
        (
            &["encode", "everything.capnp", "Everything"],
            "int8",
            "error: a message is a struct",
        ),
        (
            &["convert", "json:binary", "everything.capnp", "Everything"],
            "{\"smalls\":[{\"id\":-1}]}",
            "capstan: smalls[0].id: -1 does not fit in UInt32",
        ),
        (
            &["convert", "flat:binary"],
            "123",
            "whole words of 8 bytes, and the input has 3 bytes",
        ),
        (
            &["eval", "constants.capnp", "nothing"],
            "",
            "capstan: nothing: 'nothing' is not defined",
        ),
        (
            &["eval", "constants.capnp", "route[7]"],
            "",
            "there is no element 7 in a list of 2",
        ),
        (
            &["eval", "-b", "constants.capnp", "answer"],
            "",
            "answer is no struct",
        ),
        (&["eval", "constants.capnp", "Point"], "", "not a value"),
    ] {
        let error = capstan(arguments, input.as_bytes()).unwrap_err();
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

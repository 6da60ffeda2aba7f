//! Command lines that scripts could have, run with the reference tool and with `capstan`: the same
//! standard output, the same exit status, errors of the same shape. Where the two differ on
//! purpose, `DIFFERENCES` has the line, and docs/compiler.md the reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const BINARY: [&str; 5] = ["binary", "packed", "flat", "flat-packed", "canonical"];

#[derive(Debug, PartialEq)]
struct Outcome {
    status: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

/// A copy of the schemas, since some commands write beside them.
fn fixture() -> &'static Path {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    COPY.get_or_init(|| {
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drop_in");
        let _ = fs::remove_dir_all(&copy);
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drop_in");
        copy_directory(&original, &copy);
        copy
    })
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_directory(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

fn run(program: &str, arguments: &[&str], input: &[u8]) -> Outcome {
    let child = Command::new(program)
        .args(arguments)
        .current_dir(fixture())
        // Or the tool complains that this does not match.
        .env("PWD", fixture())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| {
        panic!(
            "cannot run '{program}': {error}. This test compares with the reference tool: install \
             it with 'apt-get install capnproto'."
        )
    });
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // Either may refuse the input before reading all of it.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    Outcome {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn tool(arguments: &[&str], input: &[u8]) -> Outcome {
    run("capnp", arguments, input)
}

fn capstan(arguments: &[&str], input: &[u8]) -> Outcome {
    run(env!("CARGO_BIN_EXE_capstan"), arguments, input)
}

/// What another program reads of errors.
#[derive(Debug, PartialEq)]
enum Shape {
    Nothing,
    /// `file:line`, of the first one.
    Schema(String),
    Other,
}

fn shape(stderr: &str) -> Shape {
    let Some(first) = stderr.lines().next() else {
        return Shape::Nothing;
    };
    match first.split_once(": error: ") {
        // The columns have tests of their own; the tool knows only where a syntax error ends.
        Some((place, _)) => Shape::Schema(place.rsplit_once(':').unwrap().0.to_owned()),
        None => Shape::Other,
    }
}

/// Words of a line; `''` is an empty one.
fn words(line: &str) -> Vec<&str> {
    let words = line.split(' ').filter(|word| !word.is_empty());
    words
        .map(|word| if word == "''" { "" } else { word })
        .collect()
}

#[track_caller]
fn expect_same(arguments: &[&str], input: &[u8]) {
    let ours = capstan(arguments, input);
    let theirs = tool(arguments, input);
    let of_input = String::from_utf8_lossy(&input[..input.len().min(60)]);
    let what = format!("{arguments:?} < {of_input:?}\nours: {ours:?}\ntheirs: {theirs:?}");
    assert_eq!(ours.status, theirs.status, "{what}");
    assert!(ours.stdout == theirs.stdout, "{what}");
    assert_eq!(shape(&ours.stderr), shape(&theirs.stderr), "{what}");
}

/// Messages in a format, as the tool writes them.
fn messages(format: &str, text: &str) -> Vec<u8> {
    let formats = format!("text:{format}");
    let made = tool(
        &["convert", &formats, "person.capnp", "Person"],
        text.as_bytes(),
    );
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    made.stdout
}

const ONE: &str = r#"(name = "Ada", age = 36, tags = ["x", "y"], friend = (name = "Bob"))"#;
const MANY: &str = r#"(name = "Ada", age = 36) (tags = []) # three
    (name = "\"B\"\n(", friend = (age = 255, tags = ["ä", ""]))"#;

/// Lines that need no input, apart from what the fixture holds.
const LINES: &str = "
frob
--frob
-Z
-- compile
-o- compile person.capnp
com person.capnp
help frob
id x
id --frob
compile
compile -Z person.capnp
compile --frob person.capnp
compile --outpu=- person.capnp
compile --no-standard-import=3 person.capnp
compile -o
compile --output
compile -o -o- person.capnp
compile person.capnp -o
compile -o- nowhere.capnp
compile -o- person.capnp nowhere.capnp
compile -o- -
compile -o- include
compile -o- -Inowhere person.capnp
compile -o- --import-path=nowhere person.capnp
compile -o- --import-path
compile -o- --src-prefix=nowhere person.capnp
compile -o- -Iperson.capnp person.capnp
compile -owhat person.capnp
compile -o./bin/fail person.capnp
compile -o./bin/count:nowhere person.capnp
compile -o./bin/count:person.capnp person.capnp
compile -o-:nowhere person.capnp
compile -owhat:nowhere person.capnp
compile -o- wrong.capnp
compile -o- syntax.capnp
compile -o- person.capnp wrong.capnp
compile -o- imports.capnp
compile --no-standard-import -Iinclude -o- imports.capnp
-Inowhere compile -o- person.capnp
decode
decode person.capnp
decode person.capnp Person extra
decode nowhere.capnp Person
decode person.capnp Nope
decode person.capnp Kind
decode person.capnp Service
decode person.capnp ada
decode person.capnp ''
decode person.capnp Outer.In.both
decode person.capnp Outer.Nope
decode -ps person.capnp Person
decode --packed=1 person.capnp Person
decode --segment-size=8 person.capnp Person
decode wrong.capnp Wrong
encode
encode person.capnp
encode person.capnp Nope
encode person.capnp Person extra
encode --segment-size=x person.capnp Person
encode --segment-size=-1x person.capnp Person
encode --segment-size
encode --short person.capnp Person
encode wrong.capnp Wrong
convert
convert binary
convert binary:
convert :binary
convert binary:frob
convert frob:binary
convert binary:text
convert text:binary person.capnp
convert json:binary person.capnp
convert binary:packed nowhere.capnp Person
convert binary:packed person.capnp Nope
convert binary:packed person.capnp Person extra
convert -p binary:text person.capnp Person
convert --frob binary:packed
eval
eval person.capnp
eval nowhere.capnp ada
eval wrong.capnp Wrong
eval -ofrob person.capnp ada
eval -bp person.capnp ada
eval -b --flat person.capnp ada
eval -b -p person.capnp ada
eval -o person.capnp
eval --frob person.capnp ada
eval person.capnp Person
eval person.capnp Kind
eval person.capnp Kind.first
eval person.capnp Service
eval person.capnp Service.call
eval person.capnp nope
eval person.capnp ada.nope
eval person.capnp ada.tags[5]
eval person.capnp ada.tags[0
eval person.capnp ada.tags[x]
eval person.capnp ada.tags[-1]
eval person.capnp ada.tags[]
eval person.capnp .ada
eval person.capnp ada.
eval person.capnp ada..name
eval person.capnp whole.x
eval person.capnp text[0]
eval person.capnp bytes[0]
eval person.capnp people.name
eval person.capnp ''
eval person.capnp Outer
eval person.capnp Outer.nope
";

#[test]
fn wrong_lines_fail_as_with_the_tool() {
    let lines: Vec<&str> = LINES.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 100);
    let mut wrong = String::new();
    for line in lines {
        let arguments = words(line);
        let (ours, theirs) = (capstan(&arguments, b""), tool(&arguments, b""));
        // Writing to a plugin that could not start, the tool may be ended by the broken pipe: then it has no status.
        let refused = theirs.status.is_none_or(|status| status == 1);
        let same = ours.status == Some(1)
            && refused
            && ours.stdout.is_empty()
            && shape(&ours.stderr) == shape(&theirs.stderr);
        if !same {
            wrong += &format!("{line}\nours: {ours:?}\ntheirs: {theirs:?}\n\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn help_is_where_it_is_with_the_tool() {
    for line in [
        "--help",
        "help",
        "compile --help",
        "help compile",
        "help compile decode",
        "convert --help",
        "help convert",
        "encode --help",
        "decode --help",
        "eval --help",
        "id --help",
        "compile --frob --help",
        "compile --help --frob",
        "decode person.capnp --help",
        "--version",
        "id --version",
        "compile --version",
    ] {
        let arguments = words(line);
        let (ours, theirs) = (capstan(&arguments, b""), tool(&arguments, b""));
        assert_eq!(ours.status, theirs.status, "{line}");
        assert_eq!(ours.stdout.is_empty(), theirs.stdout.is_empty(), "{line}");
        assert_eq!(shape(&ours.stderr), shape(&theirs.stderr), "{line}");
        // The flags that the tool names are all there.
        let text = String::from_utf8(theirs.stdout).unwrap();
        let ours = String::from_utf8(ours.stdout).unwrap();
        let flags = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        for flag in flags.filter(|word| word.starts_with("--") && *word != "--verbose") {
            assert!(ours.contains(flag), "{line}: {flag}\n{ours}");
        }
    }
}

#[test]
fn every_format_becomes_every_other() {
    for from in BINARY.into_iter().chain(["text", "json"]) {
        for to in BINARY.into_iter().chain(["text", "json"]) {
            let formats = format!("{from}:{to}");
            let one = messages(from, ONE);
            // The tool lays the values of text and JSON out in another order.
            let written = |format| matches!(format, "text" | "json" | "canonical");
            if !matches!(from, "text" | "json") || written(to) {
                expect_same(&["convert", &formats, "person.capnp", "Person"], &one);
                expect_same(
                    &["convert", "--short", &formats, "person.capnp", "Person"],
                    &one,
                );
            }
            if !matches!(from, "flat" | "flat-packed" | "canonical") && written(to) {
                let many = messages(from, MANY);
                expect_same(
                    &["convert", "--quiet", &formats, "person.capnp", "Person"],
                    &many,
                );
            }
            if [from, to].iter().all(|format| BINARY.contains(format)) {
                expect_same(&["convert", &formats], &one);
                expect_same(
                    &[
                        "convert",
                        "--short",
                        "--quiet",
                        "--",
                        &formats,
                        "person.capnp",
                    ],
                    &one,
                );
            }
        }
    }
}

#[test]
fn encode_and_decode_take_the_same_flags() {
    for (flags, format) in [
        ("", "binary"),
        ("--packed", "packed"),
        ("-p", "packed"),
        ("--flat", "flat"),
        ("--flat -p", "flat-packed"),
        ("-p --flat", "flat-packed"),
    ] {
        for other in [
            "",
            "--short",
            "--quiet",
            "-I. --short",
            "--no-standard-import",
            "--verbose",
        ] {
            for operands in ["person.capnp Person", "-- person.capnp Person"] {
                let line = format!("decode {flags} {other} {operands}");
                expect_same(&words(&line), &messages(format, ONE));
            }
        }
        let line = format!("-I include decode person.capnp {flags} Person --short");
        expect_same(&words(&line), &messages(format, ONE));
        for text in ["()", "(age = 3)", "(name = \"x\")", "# c\n(age = 1) # d"] {
            let line = format!("encode {flags} person.capnp Person");
            expect_same(&words(&line), text.as_bytes());
        }
    }
    for ty in ["Person", ".Person", "Outer.In"] {
        expect_same(&["decode", "person.capnp", ty], &messages("binary", MANY));
    }
}

#[test]
fn bad_input_fails() {
    let binary = messages("binary", ONE);
    let two = [&binary[..], &binary].concat();
    for (line, input) in [
        ("decode person.capnp Person", &b""[..]),
        ("decode -p person.capnp Person", b""),
        ("decode --flat person.capnp Person", b""),
        ("encode person.capnp Person", b""),
        ("encode person.capnp Person", b" "),
        ("encode person.capnp Person", b"# nothing\n"),
        ("convert canonical:text person.capnp Person", b""),
        ("convert flat-packed:text person.capnp Person", b""),
        ("convert json:text person.capnp Person", b""),
        ("convert json:text person.capnp Person", b" "),
        ("convert binary:packed", b""),
        // Another format.
        ("decode -p person.capnp Person", &binary),
        ("encode person.capnp Person", &binary),
        ("convert json:text person.capnp Person", &two),
        ("decode person.capnp Person", b"(age = 1)"),
        (
            "decode person.capnp Person",
            b"\x10\x05\x50\x01\x03\x00\x00\x00\x00",
        ),
        ("convert text:json person.capnp Person", b"{\"age\":1}"),
        ("convert json:text person.capnp Person", b"(age = 1)"),
        // No text.
        ("encode person.capnp Person", b"junk"),
        ("encode person.capnp Person", b")"),
        ("encode person.capnp Person", b"5"),
        ("encode person.capnp Person", b"[1]"),
        ("encode person.capnp Person", b"(age = 1"),
        ("encode person.capnp Person", b"(name = \"a"),
        ("convert json:text person.capnp Person", b"[]"),
        ("convert json:text person.capnp Person", b"null"),
        ("convert json:text person.capnp Person", b"{\"age\":1"),
    ] {
        let ours = capstan(&words(line), input);
        let theirs = tool(&words(line), input);
        let what = format!("{line} < {input:?}\nours: {ours:?}\ntheirs: {theirs:?}");
        assert_eq!((ours.status, theirs.status), (Some(1), Some(1)), "{what}");
        assert!(ours.stdout.is_empty() && theirs.stdout.is_empty(), "{what}");
        assert_ne!(shape(&ours.stderr), Shape::Nothing, "{what}");
    }
}

#[test]
fn eval_prints_the_same() {
    for name in [
        "ada",
        "people",
        "whole",
        "fraction",
        "large",
        "list",
        "kind",
        "text",
        "bytes",
        "nothing",
        "yes",
        "ada.name",
        "ada.age",
        "ada.tags",
        "ada.tags[0]",
        "ada.friend",
        "ada.friend.name",
        "ada.friend.tags",
        "people[1]",
        "people[1].tags[0]",
        "people[0].friend",
        "list[2]",
        "Person.name",
        "Person.age",
        "Person.tags",
        "Person.friend",
        "Outer.inner",
        "Outer.In.text",
        "Outer.In.either",
        "Outer.In.either.number",
        "Outer.In.both",
        "Outer.In.both.small",
    ] {
        for flags in ["", "--short", "-otext", "-I."] {
            expect_same(&words(&format!("eval {flags} person.capnp {name}")), b"");
        }
    }
    for flags in [
        "-b",
        "--binary",
        "-p",
        "--packed",
        "--flat",
        "-p --flat",
        "--flat -p",
        "-ojson",
        "-o json",
        "--output=json",
        "--output json",
        "-ojson --short",
        "-ocanonical",
        "-oflat",
        "-opacked",
        "-oflat-packed",
        "-obinary",
    ] {
        for name in ["whole", "list", "kind", "text", "people"] {
            expect_same(&words(&format!("eval {flags} person.capnp {name}")), b"");
        }
        // The words of a message stand in another order, but mean the same.
        let arguments = format!("eval {flags} person.capnp ada");
        let (ours, theirs) = (
            capstan(&words(&arguments), b""),
            tool(&words(&arguments), b""),
        );
        assert_eq!((ours.status, theirs.status), (Some(0), Some(0)), "{flags}");
        assert_eq!(ours.stdout.len(), theirs.stdout.len(), "{flags}");
    }
}

#[test]
fn compile_runs_plugins_the_same() {
    for line in [
        "compile -o./bin/count:include person.capnp",
        "compile -o ./bin/count:bin/ person.capnp",
        "compile person.capnp --output=./bin/count:include",
        "compile -obin/count:bin -- person.capnp",
    ] {
        // The requests differ in length only where documentation says so; here in the directory.
        let last = |outcome: Outcome| {
            let text = String::from_utf8(outcome.stdout).unwrap();
            (outcome.status, text.lines().last().map(str::to_owned))
        };
        let ours = last(capstan(&words(line), b""));
        assert_eq!(ours, last(tool(&words(line), b"")), "{line}");
        assert_eq!(ours.0, Some(0), "{line}");
    }
    for line in [
        "compile -o- person.capnp",
        "compile -o - person.capnp",
        "compile --output=- person.capnp",
        "compile -o-:bin person.capnp",
        "compile -o- person.capnp include/lib/elsewhere.capnp",
        "compile -o- --src-prefix=include include/lib/elsewhere.capnp",
        "compile -o- --src-prefix include include/lib/elsewhere.capnp",
        "compile -Iinclude -o- imports.capnp",
        "compile -I include -o- imports.capnp",
        "compile --import-path=include imports.capnp -o-",
        "-Iinclude compile imports.capnp -o-",
        "compile -o- --verbose person.capnp",
        "compile -o- -- person.capnp",
    ] {
        let (ours, theirs) = (capstan(&words(line), b""), tool(&words(line), b""));
        assert_eq!((ours.status, theirs.status), (Some(0), Some(0)), "{line}");
        // That the requests are equal is shown elsewhere, node by node; here that both are there.
        let same = ours.stdout.is_empty() == theirs.stdout.is_empty();
        assert!(same && ours.stderr.is_empty(), "{line}: {}", ours.stderr);
    }
}

/// Exit status and standard output.
type Answer = (i32, &'static str);

/// Lines where the two differ on purpose: the reason, which docs/compiler.md names in these words,
/// the line, its input, what we do and what the tool does.
const DIFFERENCES: &[(&str, &str, &[u8], Answer, Answer)] = &[
    (
        "without `-o`, `compile` writes TypeScript",
        "compile person.capnp",
        b"",
        (0, ""),
        (1, ""),
    ),
    (
        "`eval` takes one name",
        "eval person.capnp whole list",
        b"",
        (1, ""),
        (0, "7\n"),
    ),
    (
        "a union member that is not set",
        "eval person.capnp Outer.In.either.nothing",
        b"",
        (0, "void\n"),
        (1, ""),
    ),
    (
        "what is wrong with one message",
        "convert --short text:text person.capnp Person",
        b"(age = 1) (age = 300) (age = 2)",
        (1, "(age = 1)\n(age = 2)\n"),
        (1, "(age = 1)\n(age = 255)\n(age = 2)\n"),
    ),
    (
        "what is wrong with one message",
        "convert --short json:text person.capnp Person",
        b"{\"age\":300}{\"age\":2}",
        (1, "(age = 2)\n"),
        (1, "(age = 255)\n(age = 2)\n"),
    ),
    (
        "what is wrong with one message",
        "decode --short person.capnp Person",
        b"\0\0\0\0\x01\0\0\0\x10\0\0\0\x01\0\0\0",
        (1, ""),
        (1, "(age = 0)\n"),
    ),
    (
        "a message that is cut off",
        "decode --short person.capnp Person",
        b"\0\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\x05",
        (1, ""),
        (1, "(age = 5)\n"),
    ),
    (
        "messages before junk",
        "convert --short text:text person.capnp Person",
        b"(age = 1) junk",
        (1, "(age = 1)\n"),
        (1, ""),
    ),
    (
        "messages before junk",
        "convert --short json:text person.capnp Person",
        b"{\"age\":1} junk",
        (1, "(age = 1)\n"),
        (1, ""),
    ),
];

#[test]
fn differences_are_known_and_explained() {
    let docs = include_str!("../../../docs/compiler.md");
    for (reason, line, input, ours, theirs) in DIFFERENCES {
        let found = |outcome: Outcome| {
            let stdout = String::from_utf8_lossy(&outcome.stdout).into_owned();
            (outcome.status.unwrap(), stdout)
        };
        let expected = |(status, stdout): &Answer| (*status, (*stdout).to_owned());
        assert_eq!(
            found(capstan(&words(line), input)),
            expected(ours),
            "ours: {line}"
        );
        assert_eq!(
            found(tool(&words(line), input)),
            expected(theirs),
            "theirs: {line}"
        );
        assert!(docs.contains(reason), "docs/compiler.md lacks: {reason}");
    }
}

/// A stream that goes on is read as it comes, and a reader who leaves ends it.
#[test]
fn messages_go_out_as_they_come_in() {
    use std::io::{BufRead as _, BufReader};
    for (line, message) in [
        (
            "decode --short person.capnp Person",
            messages("binary", "(age = 1)"),
        ),
        (
            "decode --short -p person.capnp Person",
            messages("packed", "(age = 1)"),
        ),
        (
            "convert text:text --short person.capnp Person",
            b"(age = 1)".to_vec(),
        ),
        (
            "convert json:text --short person.capnp Person",
            b"{\"age\":1}".to_vec(),
        ),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_capstan"))
            .args(words(line))
            .current_dir(fixture())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        for _ in 0..3 {
            input.write_all(&message).unwrap();
            input.flush().unwrap();
            // The next message is written only when this one has been answered.
            let mut answer = String::new();
            output.read_line(&mut answer).unwrap();
            assert!(answer.ends_with("age = 1)\n"), "{line}: {answer}");
        }
        drop(output);
        while input.write_all(&message).is_ok() {}
        assert_eq!(child.wait().unwrap().code(), Some(141), "{line}");
    }
}

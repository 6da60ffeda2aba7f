//! The `capstan` binary as a user runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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
fn typescript_imports_end_as_asked() {
    let main = format!("{ID} using B = import \"b.capnp\"; struct A {{ b @0 :B.B; }}");
    let other = "@0xd4c9a1b7e6f20854; struct B {}";
    let dir = directory("extensions", &[("a.capnp", &main), ("b.capnp", other)]);
    for (extension, module) in [
        ("js", "./b.capnp.js"),
        ("ts", "./b.capnp.ts"),
        (".ts", "./b.capnp.ts"),
        ("none", "./b.capnp"),
    ] {
        let flag = format!("--import-extension={extension}");
        let arguments = ["compile", &flag, "-ots", "-ojs", "a.capnp"];
        assert_success(&capstan(&dir, &arguments));
        let ts = fs::read_to_string(dir.join("a.capnp.ts")).unwrap();
        assert!(ts.contains(&format!("from \"{module}\";")), "{ts}");
        // What is no TypeScript is loaded as it is.
        for path in ["a.capnp.js", "a.capnp.d.ts"] {
            let js = fs::read_to_string(dir.join(path)).unwrap();
            assert!(js.contains("from \"./b.capnp.js\";"), "{path}:\n{js}");
        }
    }
    let output = capstan(&dir, &["compile", "--import-extension=mjs", "a.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    let report = stderr(&output);
    assert!(report.contains("it is one of js, ts and none"), "{report}");
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
fn offers_an_id_to_files_without_one() {
    let dir = directory("no-id", &[("a.capnp", "struct A {}\n")]);
    let output = capstan(&dir, &["compile", "a.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    let report = stderr(&output);
    let (_, hint) = report
        .split_once("error: this file has no id\nstruct A {}\n^\n  help: ")
        .unwrap_or_else(|| panic!("{report}"));
    let line = hint.trim_end().strip_prefix("add this line at the top: ");
    let line = line.unwrap_or_else(|| panic!("{report}"));
    fs::write(dir.join("a.capnp"), format!("{line}\nstruct A {{}}\n")).unwrap();
    assert_success(&capstan(&dir, &["compile", "a.capnp"]));
}

#[test]
fn names_files_from_the_longest_prefix() {
    let text = format!("{ID} struct A {{}}");
    let files = [("x/y/z/a.capnp", text.as_str()), ("elsewhere/x", "")];
    let dir = directory("prefixes", &files);
    for (prefixes, expected) in [
        (&["--src-prefix=x"][..], "y/z/a.capnp.ts"),
        (&["--src-prefix=x/y/"], "z/a.capnp.ts"),
        (&["--src-prefix=x", "--src-prefix=./x/y/z"], "a.capnp.ts"),
        (&["--src-prefix=elsewhere"], "x/y/z/a.capnp.ts"),
        (&[], "x/y/z/a.capnp.ts"),
    ] {
        for path in ["x/y/z/a.capnp", "./x/../x/y/z/a.capnp"] {
            let _ = fs::remove_dir_all(dir.join("out"));
            let arguments = [&["compile", "-ots:out"], prefixes, &[path]].concat();
            assert_success(&capstan(&dir, &arguments));
            assert!(
                dir.join("out").join(expected).exists(),
                "{prefixes:?} {path}"
            );
        }
    }
}

#[test]
fn standard_files_can_be_left_out() {
    let text = format!("{ID} using Json = import \"/capnp/compat/json.capnp\"; struct A {{}}");
    let dir = directory("no-standard", &[("a.capnp", &text)]);
    assert_success(&capstan(&dir, &["compile", "a.capnp"]));
    let output = capstan(&dir, &["compile", "--no-standard-import", "a.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot find the file \"/capnp/compat/json.capnp\""));
}

/// The whole way: our request, handed to a plugin, which is ours too.
#[cfg(unix)]
#[test]
fn runs_plugins_and_is_one() {
    use std::os::unix::fs::PermissionsExt as _;

    let text = format!(
        "{ID} using B = import \"b.capnp\"; struct A {{ b @0 :B.B.Used; c @1 :Text = \"x\"; }}"
    );
    let imported = "@0xd4c9a1b7e6f20854; struct B { struct Used {} struct Unused {} }";
    let files = [("a.capnp", text.as_str()), ("b.capnp", imported)];
    let dir = directory("plugins", &files);
    let script = dir.join("bin/capnpc-through");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::create_dir_all(dir.join("out/deep")).unwrap();
    let own = env!("CARGO_BIN_EXE_capnpc-capstan-ts");
    fs::write(&script, format!("#!/bin/sh\nexec '{own}'\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [dir.join("bin")]
        .into_iter()
        .chain(std::env::split_paths(&path));
    let output = Command::new(env!("CARGO_BIN_EXE_capstan"))
        .args([
            "compile",
            "-othrough:out/deep",
            "-o./bin/capnpc-through",
            "-ots:own",
            "a.capnp",
        ])
        .env("PATH", std::env::join_paths(path).unwrap())
        .current_dir(&dir)
        .output()
        .unwrap();
    assert_success(&output);
    let own = fs::read_to_string(dir.join("own/a.capnp.ts")).unwrap();
    for path in ["out/deep/a.capnp.ts", "a.capnp.ts"] {
        assert_eq!(fs::read_to_string(dir.join(path)).unwrap(), own, "{path}");
    }

    let output = capstan(&dir, &["compile", "-onowhere", "a.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "capstan: there is no plugin 'nowhere': no program 'capnpc-nowhere' was found\n  help: \
         the languages rust, ts and js are built in; others need their plugin in PATH\n"
    );
    fs::write(&script, "#!/bin/sh\nexit 3\n").unwrap();
    let output = capstan(&dir, &["compile", "-o./bin/capnpc-through", "a.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "capstan: the plugin './bin/capnpc-through' failed: exit code 3\n"
    );
}

#[test]
fn plugins_say_what_is_wrong_with_their_input() {
    for (input, expected) in [
        (&b""[..], "nothing came in"),
        (b"not a request", "this is not a CodeGeneratorRequest"),
        (
            &[0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0, 0, 0, 4, 0, 4, 0],
            "this is not a CodeGeneratorRequest",
        ),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_capstan"))
            .args(["plugin", "ts"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn checks_files_and_their_changes() {
    let old = format!("{ID}\nstruct Person {{\n  name @0 :Text;\n  age @1 :UInt8;\n}}\n");
    let good = old
        .replace("age", "years")
        .replace("}", "  mail @2 :Text;\n}");
    let bad = old.replace("UInt8", "UInt16");
    let broken = old.replace("@1", "@2");
    let files = [
        ("old.capnp", old.as_str()),
        ("good.capnp", &good),
        ("bad.capnp", &bad),
        ("broken.capnp", &broken),
    ];
    let dir = directory("check", &files);
    assert_success(&capstan(&dir, &["check", "old.capnp"]));
    let output = capstan(&dir, &["check", "broken.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("broken.capnp:4:8-9: error: the number @1 is missing"));

    let output = capstan(&dir, &["check", "--against", "old.capnp", "good.capnp"]);
    assert_success(&output);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "good.capnp keeps wire compatibility with old.capnp.\n"
    );
    let output = capstan(&dir, &["check", "--against=old.capnp", "bad.capnp"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "bad.capnp:4:3-6: error: 'Person.age' breaks wire compatibility: its type was UInt8 and is \
         UInt16\n  age @1 :UInt16;\n  ^~~\n\
         bad.capnp: 1 change breaks wire compatibility with old.capnp.\n"
    );
    for (arguments, expected) in [
        (
            ["--against=nowhere.capnp", "bad.capnp"],
            "cannot read nowhere.capnp",
        ),
        (
            ["--against=broken.capnp", "bad.capnp"],
            "broken.capnp:4:8-9: error",
        ),
    ] {
        let output = capstan(&dir, &[&["check"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
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

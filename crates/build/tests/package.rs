//! A package whose build script is one line, built by Cargo as its author would.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MANIFEST: &str = r#"
[package]
name = "tiny"
version = "0.0.0"
edition = "2024"

[dependencies]
capstan-rpc = { path = "CRATES/rpc" }

[build-dependencies]
capstan-build = { path = "CRATES/build" }

[workspace]
"#;

const BUILD: &str = r#"
fn main() -> Result<(), capstan_build::Error> {
    capstan_build::compile(["schema/greeter.capnp"])
}
"#;

const GREETER: &str = r#"
@0xd6b1e2f3a4c58790;
using Words = import "common/words.capnp";
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("tiny");

interface Greeter {
  greet @0 (who :Words.Name) -> (greeting :Text);
}
struct Visit { name @0 :Words.Name; }
const hello :Text = embed "hello.txt";
"#;

const WORDS: &str = r#"
@0xe7c2f3a4b5d69801;
struct Name { first @0 :Text = "nobody"; }
"#;

const MAIN: &str = r#"
#![deny(warnings)]

capstan_rpc::generated_code!(mod greeter_capnp);
capstan_rpc::generated_code!(pub mod words_capnp);

use capstan_rpc::message::message::Builder;
use greeter_capnp::{HELLO, greeter, visit};

struct Polite;

impl greeter::Server for Polite {
    async fn greet(
        &self,
        params: greeter::GreetParams,
        mut results: greeter::GreetResults,
    ) -> Result<(), capstan_rpc::Error> {
        let name = params.get()?.get_who()?.get_first()?.to_str()?.to_owned();
        results.get().set_greeting(format!("{HELLO}, {name}"));
        Ok(())
    }
}

fn main() {
    let _: greeter::Client = capstan_rpc::new_client(Polite);
    let mut message = Builder::new_default();
    let visit = message.init_root::<visit::Builder<'_>>();
    let name = visit.get_name().unwrap().get_first().unwrap();
    println!("{HELLO}, {}", name.into_reader().to_str().unwrap());
}
"#;

#[test]
fn one_line_in_a_build_script() {
    let package = Package::new();
    let output = package.run();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "Welcome, nobody\n");

    // What a schema imports and embeds is watched as well as the schema itself.
    package.write("schema/common/words.capnp", &WORDS.replace("nobody", "Ada"));
    package.write("schema/hello.txt", "Good evening");
    let output = package.run();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "Good evening, Ada\n");

    package.write("schema/common/words.capnp", &WORDS.replace("Text", "Txet"));
    let output = package.run();
    assert!(!output.status.success());
    let report = stderr(&output);
    let place = report.find("schema/common/words.capnp:3:");
    let place = place.unwrap_or_else(|| panic!("no place in {report}"));
    let report = &report[place..];
    assert!(
        report.contains("error: ") && report.contains("^~~~"),
        "{report}"
    );
}

struct Package {
    directory: PathBuf,
}

impl Package {
    fn new() -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny");
        // What was compiled for an earlier run stays.
        let _ = fs::remove_dir_all(directory.join("schema"));
        let package = Self { directory };
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let lock = crates.parent().unwrap().join("Cargo.lock");
        package.write(
            "Cargo.toml",
            &MANIFEST.replace("CRATES", &crates.to_string_lossy()),
        );
        // The versions that are downloaded already.
        package.write("Cargo.lock", &fs::read_to_string(lock).unwrap());
        package.write("build.rs", BUILD);
        package.write("src/main.rs", MAIN);
        package.write("schema/greeter.capnp", GREETER);
        package.write("schema/hello.txt", "Welcome");
        package.write("schema/common/words.capnp", WORDS);
        package
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self) -> Output {
        Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--offline"])
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            // Cargo sets these for us, not for the package that we build.
            .env_remove("OUT_DIR")
            .env_remove("CARGO_MANIFEST_DIR")
            .output()
            .unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

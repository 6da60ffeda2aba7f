//! Generates code for the schemas of the tests and benches: with the `capnp` crates' generator, for
//! the peers, and with ours.

#![allow(
    clippy::panic,
    reason = "a build script has no other way to say what is missing"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use capstan_codegen::rust::{self, Options};
use capstan_schema::{NoFiles, SourceFile, compile};

/// Read by `tests/peers`.
const EXAMPLE_DIR: &str = "../../examples-web/upload";

/// Read by `tests/messages.rs`, `tests/hostile`, `tests/loose`, `benches/messages.rs`, `benches/rpc` and `benches/streams`, from both generators.
const SCHEMAS: [(&str, &str); 9] = [
    ("schemas", "calls"),
    ("schemas", "carsales"),
    ("schemas", "catrank"),
    ("schemas", "eval"),
    ("schemas", "everything"),
    ("schemas", LAB),
    ("schemas", "streams"),
    ("../../js/test/schemas", "hostile"),
    ("../../js/test/schemas", WITH_INTERFACES),
];

const WITH_INTERFACES: &str = "conformance";

/// Read by `tests/peers`; `cpp/lab.cpp` has the reference compiler's code.
const LAB: &str = "lab";

fn main() {
    println!("cargo::rerun-if-changed={EXAMPLE_DIR}/files.capnp");
    for (directory, name) in SCHEMAS {
        println!("cargo::rerun-if-changed={directory}/{name}.capnp");
    }
    if let Err(error) = Command::new("capnp").arg("--version").output() {
        panic!(
            "The interoperability tests need the reference schema compiler: running `capnp --version` failed ({error}). \
             Install it: apt-get install capnproto libcapnp-dev g++"
        );
    }
    if let Err(error) = capnpc::CompilerCommand::new()
        .src_prefix(EXAMPLE_DIR)
        .file(format!("{EXAMPLE_DIR}/files.capnp"))
        .run()
    {
        panic!("capnp could not compile {EXAMPLE_DIR}/files.capnp: {error}");
    }
    let out = std::env::var("OUT_DIR").unwrap_or_else(|error| panic!("OUT_DIR: {error}"));
    theirs(&Path::new(&out).join("theirs"));
    ours(&Path::new(&out).join("ours"));
    theirs_of(
        "../schema/capnp/compat",
        &["byte-stream", "http-over-capnp"],
        &Path::new(&out).join("theirs_http"),
    );
    theirs_of(
        "../schema/capstan",
        &["sinks"],
        &Path::new(&out).join("theirs_sinks"),
    );
}

/// Schemas of `crates/schema`, for tests in which the crate speaks them.
fn theirs_of(directory: &str, names: &[&str], out: &Path) {
    println!("cargo::rerun-if-changed={directory}");
    let mut command = capnpc::CompilerCommand::new();
    command
        .no_standard_import()
        .import_path("../schema")
        .src_prefix(directory)
        .output_path(out);
    for name in names {
        command.file(format!("{directory}/{name}.capnp"));
    }
    if let Err(error) = command.run() {
        panic!("capnp could not compile {names:?} of {directory}: {error}");
    }
}

fn theirs(out: &Path) {
    for (directory, name) in SCHEMAS {
        let path = format!("{directory}/{name}.capnp");
        if let Err(error) = capnpc::CompilerCommand::new()
            .src_prefix(directory)
            .output_path(out)
            .default_parent_module(vec!["theirs".to_string()])
            .file(&path)
            .run()
        {
            panic!("capnp could not compile {path}: {error}");
        }
    }
}

fn ours(out: &Path) {
    if let Err(error) = fs::create_dir_all(out) {
        panic!("cannot make {}: {error}", out.display());
    }
    for (directory, name) in SCHEMAS {
        let path = format!("{directory}/{name}.capnp");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let source = SourceFile::new(format!("{name}.capnp"), text);
        let schema = compile(&NoFiles, &[source]).unwrap_or_else(|errors| {
            let errors: Vec<String> = errors.iter().map(|error| error.render()).collect();
            panic!("{}", errors.join("\n"))
        });
        let Some(file) = schema.requested_files.first() else {
            panic!("{path}: no file came out of the compiler");
        };
        let options = match name {
            "calls" | "streams" | LAB | WITH_INTERFACES => Options::rpc(),
            _ => Options::messages_only(),
        };
        let code = rust::generate(&schema, file.id, &options)
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let target = out.join(format!("{name}_capnp.rs"));
        if let Err(error) = fs::write(&target, code) {
            panic!("{}: {error}", target.display());
        }
    }
}

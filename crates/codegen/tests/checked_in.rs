//! The generated files that are checked in are what the generator makes of their schemas today.
//! `BLESS=1 cargo test -p capstan-codegen --test checked_in` rewrites them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use capstan_codegen::rust::{self, Options};
use capstan_schema::{MemoryFiles, SourceFile, compile, standard_file};

#[test]
fn the_rpc_protocol() {
    let source = standard_file("/capnp/rpc.capnp").expect("the schema crate embeds rpc.capnp");
    check(
        source,
        &Options::messages_only(),
        "crates/rpc/src/rpc_capnp.rs",
    );
}

#[test]
fn sinks_and_sources() {
    let source = standard_file("/capstan/sinks.capnp").expect("the schema crate embeds it");
    let options = Options {
        message_crate: "crate::message".to_string(),
        rpc_crate: Some("crate".to_string()),
        ..Options::rpc()
    };
    check(source, &options, "crates/rpc/src/sinks_capnp.rs");
}

#[test]
fn the_tests_of_sinks_and_sources() {
    let text = fs::read_to_string(repository().join("js/test/schemas/depot.capnp")).unwrap();
    check(
        SourceFile::new("depot.capnp", text),
        &Options::rpc(),
        "crates/rpc/tests/generated/depot_capnp.rs",
    );
}

#[test]
fn the_example_of_the_message_crate() {
    let text =
        fs::read_to_string(repository().join("crates/message/doc/address_book.capnp")).unwrap();
    check(
        SourceFile::new("address_book.capnp", text),
        &Options::messages_only(),
        "crates/message/doc/address_book_capnp.rs",
    );
}

#[test]
fn the_example_server() {
    let path = repository().join("crates/net/examples/server/files.capnp");
    let text = fs::read_to_string(path).unwrap();
    check(
        SourceFile::new("files.capnp", text),
        &Options::rpc(),
        "crates/net/examples/server/files_capnp.rs",
    );
}

#[test]
fn compiled_schemas() {
    let source = standard_file("/capnp/schema.capnp").expect("the schema crate embeds it");
    check(
        source,
        &Options::messages_only(),
        "crates/schema/src/schema_capnp.rs",
    );
}

#[test]
fn the_tests_of_the_async_api() {
    let text =
        fs::read_to_string(repository().join("crates/rpc/tests/schemas/trial.capnp")).unwrap();
    check(
        SourceFile::new("trial.capnp", text),
        &Options::rpc(),
        "crates/rpc/tests/generated/trial_capnp.rs",
    );
}

#[test]
fn the_shapes_of_our_own_tests() {
    check(
        own_schema("shapes.capnp"),
        &Options::messages_only(),
        "crates/codegen/tests/generated/shapes_capnp.rs",
    );
}

#[test]
fn the_interfaces_of_our_own_tests() {
    check(
        own_schema("interfaces.capnp"),
        &Options::rpc(),
        "crates/rpc/tests/generated/interfaces_capnp.rs",
    );
}

#[test]
fn every_construct() {
    for (schema, path) in [
        ("everything.capnp", "everything_capnp.rs"),
        ("neighbour.capnp", "neighbour_capnp.rs"),
    ] {
        check(
            own_schema(schema),
            &Options::rpc(),
            &format!("crates/codegen/tests/generated/{path}"),
        );
    }
}

fn own_schema(name: &str) -> SourceFile {
    let path = repository().join("crates/codegen/tests/schemas").join(name);
    SourceFile::new(name, fs::read_to_string(path).unwrap())
}

fn check(source: SourceFile, options: &Options, path: &str) {
    let mut files = MemoryFiles::new();
    for neighbour in ["everything.capnp", "neighbour.capnp"] {
        files.insert(neighbour, own_schema(neighbour).text);
    }
    let schema = compile(&files, &[source]).unwrap_or_else(|errors| {
        panic!(
            "{}",
            errors
                .iter()
                .map(|error| error.render())
                .collect::<Vec<_>>()
                .join("\n")
        );
    });
    let file = schema.requested_files.first().unwrap();
    let expected = rust::generate(&schema, file.id, options).unwrap();
    let full_path = repository().join(path);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(full_path.parent().unwrap()).unwrap();
        fs::write(&full_path, &expected).unwrap();
    }
    let found = fs::read_to_string(&full_path).unwrap_or_default();
    if found != expected {
        let line = found
            .lines()
            .zip(expected.lines())
            .take_while(|(found, expected)| found == expected)
            .count()
            + 1;
        panic!("{path} differs from what is generated, from line {line} on; BLESS=1 rewrites it");
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

//! The generated modules are what the generator makes of the standard schemas today.
//! `BLESS=1 cargo test -p capstan-http --test generated` rewrites them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use capstan_codegen::rust::{self, Options};
use capstan_schema::{MemoryFiles, compile, standard_file};

#[test]
fn modules_are_current() {
    for (schema, module) in [
        ("/capnp/compat/byte-stream.capnp", "byte_stream_capnp"),
        (
            "/capnp/compat/http-over-capnp.capnp",
            "http_over_capnp_capnp",
        ),
    ] {
        let source = standard_file(schema).unwrap();
        let compiled = compile(&MemoryFiles::new(), &[source]).unwrap();
        let file = compiled.requested_files.first().unwrap().id;
        let expected = rust::generate(&compiled, file, &Options::rpc()).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/{module}.rs"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &expected).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{module}.rs is not what is generated; BLESS=1 rewrites it"
        );
    }
}

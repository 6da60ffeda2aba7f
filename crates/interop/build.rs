//! Generates the `capnp` crates' side of the example's schema, for the peer in `tests/peers`.

#![allow(
    clippy::panic,
    reason = "a build script has no other way to say what is missing"
)]

use std::process::Command;

const SCHEMA_DIR: &str = "../../examples-web/upload";

fn main() {
    println!("cargo::rerun-if-changed={SCHEMA_DIR}/files.capnp");
    if let Err(error) = Command::new("capnp").arg("--version").output() {
        panic!(
            "The interoperability tests need the reference schema compiler: running `capnp --version` failed ({error}). \
             Install it: apt-get install capnproto libcapnp-dev g++"
        );
    }
    if let Err(error) = capnpc::CompilerCommand::new()
        .src_prefix(SCHEMA_DIR)
        .file(format!("{SCHEMA_DIR}/files.capnp"))
        .run()
    {
        panic!("capnp could not compile {SCHEMA_DIR}/files.capnp: {error}");
    }
}

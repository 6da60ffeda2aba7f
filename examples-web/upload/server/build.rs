//! Generates the Rust side of `files.capnp`.

fn main() -> Result<(), capstan_build::Error> {
    capstan_build::compile(["../files.capnp"])
}

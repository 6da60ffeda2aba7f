//! Generates the Rust side of `probe.capnp`.

fn main() -> Result<(), capstan_build::Error> {
    capstan_build::compile(["../probe.capnp"])
}

//! Generates the Rust side of the examples' schemas.

fn main() -> Result<(), capstan_build::Error> {
    capstan_build::compile([
        "../pipeline/cabinet.capnp",
        "../chat/chat.capnp",
        "../log-viewer/log.capnp",
    ])
}

//! Generates the Rust side of `files.capnp`.

use std::path::Path;
use std::{env, error::Error, fs};

const SCHEMA: &str = "../files.capnp";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SCHEMA}");
    let source = capstan_schema::SourceFile::new("files.capnp", fs::read_to_string(SCHEMA)?);
    let schema =
        capstan_schema::compile(&capstan_schema::NoFiles, &[source]).map_err(|errors| {
            let rendered: Vec<_> = errors.iter().map(|error| error.render()).collect();
            rendered.join("\n")
        })?;
    let file = schema
        .requested_files
        .first()
        .ok_or("nothing was compiled")?;
    let options = capstan_codegen::rust::Options::rpc();
    let code = capstan_codegen::rust::generate(&schema, file.id, &options)?;
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("files_capnp.rs"),
        code,
    )?;
    Ok(())
}

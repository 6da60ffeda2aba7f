//! `capnp compile -o capstan-rust` runs this.

#![forbid(unsafe_code)]

#[path = "../system.rs"]
mod system;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = ["plugin", "rust"].map(Into::into);
    ExitCode::from(capstan_cli::run(arguments, &system::System))
}

//! `capnp compile -o capstan-ts` runs this.

#![forbid(unsafe_code)]

#[path = "../system.rs"]
mod system;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = ["plugin", "ts"].map(Into::into);
    ExitCode::from(capstan_cli::run(arguments, &system::System))
}

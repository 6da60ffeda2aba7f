//! The native `capstan` command.

#![forbid(unsafe_code)]

mod system;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    ExitCode::from(capstan_cli::run(arguments, &system::System))
}

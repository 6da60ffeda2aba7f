//! The `capstan` command without a process around it: the native binary and the one in the npm
//! package run this same code, each over a [`Host`] of its own.

#![forbid(unsafe_code)]

mod compile;
mod disk;
mod host;
mod id;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use host::Host;

/// Runs the command with what follows its name on the command line. Returns the exit status: 0, 1
/// when a schema or a file is at fault, 2 when the command line is.
pub fn run(arguments: impl IntoIterator<Item = OsString>, host: &dyn Host) -> u8 {
    let name = OsString::from("capstan");
    let command = match Cli::try_parse_from([name].into_iter().chain(arguments)) {
        Ok(cli) => cli.command,
        Err(answer) => return reply(&answer, host),
    };
    let result = match command {
        Command::Compile(arguments) => compile::run(&arguments, host),
        Command::Id => {
            host.print(&format!("{}\n", id::from_random(host.random())));
            Ok(())
        }
    };
    match result {
        Ok(()) => 0,
        Err(report) => {
            host.report(&format!("{}\n", report.trim_end()));
            1
        }
    }
}

/// Shows the help or the version that was asked for, or what is wrong with the command line.
fn reply(answer: &clap::Error, host: &dyn Host) -> u8 {
    let text = answer.render().to_string();
    if answer.use_stderr() {
        host.report(&text);
    } else {
        host.print(&text);
    }
    u8::try_from(answer.exit_code()).unwrap_or(2)
}

/// Cap'n Proto schemas: compile them, make ids for them.
#[derive(Parser)]
#[command(name = "capstan", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write Rust, TypeScript or JavaScript for schema files.
    Compile(compile::Arguments),
    /// Print a new random id for a schema file or a type.
    Id,
}

//! The `capstan` command without a process around it: the native binary and the one in the npm
//! package run this same code, each over a [`Host`] of its own.

#![forbid(unsafe_code)]

mod compile;
mod disk;
mod host;
mod id;
mod output;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use host::Host;

/// Runs the command with what follows its name on the command line. Returns the exit status: 0, or
/// 1 when a schema, a file or the command line is at fault.
pub fn run(arguments: impl IntoIterator<Item = OsString>, host: &dyn Host) -> u8 {
    let name = OsString::from("capstan");
    let command = match Cli::try_parse_from([name].into_iter().chain(arguments)) {
        Ok(cli) => cli.command,
        Err(answer) => return reply(&answer, host),
    };
    let result = match command {
        Command::Compile(arguments) => compile::run(&arguments, host),
        Command::Plugin(arguments) => compile::run_as_plugin(&arguments, host),
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
    // Scripts expect the status that the reference implementation's command gives.
    u8::from(answer.exit_code() != 0)
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
    /// Write Rust, TypeScript or JavaScript for schema files, or run other languages' plugins.
    Compile(compile::Arguments),
    /// Write code for the CodeGeneratorRequest on the standard input.
    ///
    /// Other compilers run this through the programs capnpc-capstan-ts, -js and -rust.
    Plugin(compile::PluginArguments),
    /// Print a new random id for a schema file or a type.
    Id,
}

//! The `capstan` command without a process around it: the native binary and the one in the npm
//! package run this same code, each over a [`Host`] of its own.

#![forbid(unsafe_code)]

mod check;
mod compile;
mod disk;
mod fmt;
#[cfg(not(target_arch = "wasm32"))]
mod gateway;
mod host;
mod id;
mod output;
mod values;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use host::Host;
use values::{convert, eval};

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
        Command::Check(arguments) => check::run(&arguments, host),
        Command::Plugin(arguments) => compile::run_as_plugin(&arguments, host),
        Command::Fmt(arguments) => fmt::run(&arguments, host),
        Command::Convert(arguments) => convert::run(&arguments, host),
        Command::Encode(arguments) => convert::encode(&arguments, host),
        Command::Decode(arguments) => convert::decode(&arguments, host),
        Command::Eval(arguments) => eval::run(&arguments, host),
        #[cfg(not(target_arch = "wasm32"))]
        Command::Gateway(arguments) => gateway::run(arguments, host),
        #[cfg(target_arch = "wasm32")]
        Command::Gateway { .. } => Err(
            "capstan: the gateway is in the native command: cargo install capstan-cli".to_owned(),
        ),
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

/// Cap'n Proto schemas and messages: compile them, format them, convert them.
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
    /// Say what is wrong with schema files, and which changes peers with an older version would notice.
    Check(check::Arguments),
    /// Write code for the CodeGeneratorRequest on the standard input.
    ///
    /// Other compilers run this through the programs capnpc-capstan-ts, -js and -rust.
    Plugin(compile::PluginArguments),
    /// Put schema files in the canonical layout; their comments stay.
    Fmt(fmt::Arguments),
    /// Convert messages between binary, packed, flat, canonical, text and JSON.
    ///
    /// Messages come in by the standard input and go out by the standard output, any number of them.
    Convert(convert::Arguments),
    /// Make binary messages of text, such as (name = "Ada", phones = [(number = "555")]).
    Encode(convert::EncodeArguments),
    /// Show binary messages as text.
    Decode(convert::DecodeArguments),
    /// Print the value of a constant or the default of a field.
    Eval(eval::Arguments),
    /// Let WebSocket clients, such as browsers, reach a server that speaks TCP.
    #[cfg(not(target_arch = "wasm32"))]
    Gateway(gateway::Arguments),
    /// Let WebSocket clients, such as browsers, reach a server that speaks TCP; the native command has it.
    #[cfg(target_arch = "wasm32")]
    #[command(disable_help_flag = true)]
    Gateway {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        _arguments: Vec<OsString>,
    },
    /// Print a new random id for a schema file or a type.
    Id,
}

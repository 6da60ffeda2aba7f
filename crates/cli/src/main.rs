//! The `capstan` command.

mod compile;
mod disk;
mod id;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Id => {
            println!("{}", id::generate());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            eprintln!("{}", report.trim_end());
            ExitCode::FAILURE
        }
    }
}

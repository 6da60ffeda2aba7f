//! The front door: `npm run demo`, `npm test`, `npm run bench` and everything they need come through here.
//!
//! It keeps to a handful of small dependencies, so that a fresh clone reaches the first useful line in seconds.

mod browser;
mod demo;
mod docs;
mod examples;
mod gauge;
mod package;
mod process;
mod release;
mod setup;
mod stamp;
mod steps;
mod tests;
mod tools;
mod vite;
mod wasm;
mod workspace;

use std::process::ExitCode;

use crate::process::Failure;

const USAGE: &str = "\
cargo xtask <command>

  setup                      install what is missing: wasm target, wasm tools, npm packages, browser
  wasm [--dev]               build crates/web with wasm-pack, then the npm package and its tarball
                             (--dev: no optimization, no package; the result is in js/wasm)
  test [--only STEP]... [--list]
                             set up and run every test; --only runs the named steps
  demo [FILE] [--open] [--client node|chromium]
                             send FILE (64 MiB of made-up bytes without one) from a browser page to the Rust server
  example NAME [--server rust|js] [--port N]
                             serve a page of examples-web: pipeline, chat, http, log-viewer or upload
  bench                      the page's speed next to bare WebSocket frames
  release check [--build]    what npm and crates.io would say; --build compiles what is packaged
  release version X.Y.Z      the version wherever it stands, and the changelog from changes/
  release repository URL     where the sources are, for all packages
  release publish            to both registries
  docs                       the guide and the reference of package and crates, in target/docs

CHROME_PATH names the browser to use; without it one is looked for, then installed.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    process::kill_children_on_ctrl_c();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // An interrupted run fails in whatever it was doing; that is no news to who interrupted it.
            if process::interrupted() {
                process::leave();
            }
            if !failure.is_told() {
                eprintln!("\nerror: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), Failure> {
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", args),
    };
    match command {
        "setup" => setup::everything(),
        "wasm" => match rest {
            [] => wasm::build_package(),
            [flag] if flag == "--dev" => wasm::build_dev(),
            _ => Err(Failure::new(
                "`wasm` takes nothing but --dev; `cargo xtask help` shows the commands",
            )),
        },
        "test" => tests::run(rest),
        "demo" => demo::run(rest),
        "example" => examples::run(rest),
        "bench" => demo::bench(rest),
        "docs" => docs::build(),
        "release" => release::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(Failure::new(format!(
            "there is no command {other:?}\n\n{USAGE}"
        ))),
    }
}

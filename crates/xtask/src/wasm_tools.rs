//! The wasm tools in one binary, chosen by the name it is called under.
//!
//! wasm-pack finds its helpers on `PATH` by name and asks them for their exact version. Linking them as
//! libraries lets `Cargo.lock` pin them, and symbolic links to this binary are the helpers, so nothing that
//! happens to be installed on the machine can take their place.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let called_as = args
        .first()
        .and_then(|name| Path::new(name).file_stem())
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let tool = if called_as == "wasm-tools" && args.len() > 1 {
        args.remove(0);
        args.first()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    } else {
        called_as
    };

    let outcome = match tool.as_str() {
        "wasm-bindgen" => {
            wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(args).map_err(|e| format!("{e:#}"))
        }
        "wasm-bindgen-test-runner" => {
            wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(args)
                .map_err(|e| format!("{e:#}"))
        }
        "wasm-pack" => run_wasm_pack(args),
        other => Err(format!(
            "{other:?} is none of wasm-pack, wasm-bindgen, wasm-bindgen-test-runner"
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{tool}: {message}");
            ExitCode::FAILURE
        }
    }
}

/// wasm-pack's own `main` also looks for a newer release over the network; a pinned tool has no use for that.
fn run_wasm_pack(args: Vec<OsString>) -> Result<(), String> {
    let cli = wasm_pack::Cli::parse_from(args);
    wasm_pack::PBAR.set_log_level(cli.log_level);
    wasm_pack::PBAR.set_quiet(cli.quiet);
    wasm_pack::command::run_wasm_pack(cli.cmd).map_err(|e| format!("{e:#}"))
}

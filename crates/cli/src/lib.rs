//! The `capstan` command without a process around it: the native binary and the one in the npm
//! package run this same code, each over a [`Host`] of its own.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arguments;
mod bench;
mod check;
mod compile;
#[cfg(not(target_arch = "wasm32"))]
mod daemon;
mod disk;
mod failure;
mod fmt;
mod gateway;
mod host;
mod http_proxy;
mod id;
mod output;
mod values;

use std::ffi::OsString;

use arguments::{Misuse, Request, Verb};
use failure::Failure;
pub use host::Host;
use values::{convert, eval};

const VERBS: &[Verb] = &[
    compile::VERB,
    check::VERB,
    compile::PLUGIN_VERB,
    fmt::VERB,
    convert::VERB,
    convert::ENCODE_VERB,
    convert::DECODE_VERB,
    eval::VERB,
    gateway::VERB,
    http_proxy::VERB,
    bench::VERB,
    id::VERB,
];

/// Runs the command with what follows its name on the command line. Returns the exit status: 0, or
/// 1 when a schema, a file or the command line is at fault, or 141 when nobody reads the output
/// any more, and 128 and its number for a signal that a command did not wait for: what shells make of the signals that
/// end other programs then.
pub fn run(arguments: impl IntoIterator<Item = OsString>, host: &dyn Host) -> u8 {
    let report = match attempt(arguments, host) {
        Ok(()) => return 0,
        Err(Failure::Unheard) => return 141,
        Err(Failure::Killed(signal)) => return signal.saturating_add(128),
        Err(Failure::Misuse(report) | Failure::Report(report)) => report,
    };
    if !report.is_empty() {
        host.report(&format!("{}\n", report.trim_end()));
    }
    1
}

fn attempt(arguments: impl IntoIterator<Item = OsString>, host: &dyn Host) -> Result<(), Failure> {
    let arguments = arguments.into_iter().map(OsString::into_string);
    let arguments: Result<Vec<String>, OsString> = arguments.collect();
    let arguments = arguments.map_err(|argument| {
        let argument = argument.display();
        format!("capstan: the argument '{argument}' is not Unicode")
    })?;
    match arguments::read(&arguments, VERBS, disk::IMPORT_FLAGS) {
        Ok(Request::Show(text)) => failure::print(host, text.as_bytes()),
        Ok(Request::Run(verb, given)) => {
            (verb.run)(&given, host).map_err(|failure| match failure {
                Failure::Misuse(problem) => misused(&format!("capstan {}", verb.name), &problem),
                other => other,
            })
        }
        Err(Misuse { command, problem }) => Err(misused(&command, &problem)),
    }
}

fn misused(command: &str, problem: &str) -> Failure {
    Failure::Misuse(format!(
        "{command}: {problem}\n  help: '{command} --help' shows what there is"
    ))
}

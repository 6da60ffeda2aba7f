//! `capstan fmt`.

use std::path::Path;

use clap::Args;

use crate::host::{Host, reason};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail and name the files that are not in the canonical layout.
    #[arg(long)]
    check: bool,

    /// The schema files; '-' formats the standard input to the standard output.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

/// Formats the files; those with errors stay as they are, the others are done all the same.
pub(crate) fn run(arguments: &Arguments, host: &dyn Host) -> Result<(), String> {
    let results = arguments.files.iter();
    let results = results.map(|file| format(file, arguments.check, host));
    let reports: Vec<String> = results.filter_map(Result::err).collect();
    match reports.is_empty() {
        true => Ok(()),
        false => Err(reports.join("\n")),
    }
}

fn format(file: &str, check: bool, host: &dyn Host) -> Result<(), String> {
    let from_input = file == "-";
    let bytes = match from_input {
        true => host.read_input(),
        false => host.read(Path::new(file)),
    };
    let name = if from_input { "<stdin>" } else { file };
    let failed = |error: std::io::Error| format!("capstan: {name}: {}", reason(&error));
    let text = String::from_utf8(bytes.map_err(failed)?)
        .map_err(|_| format!("capstan: {name}: it is not UTF-8"))?;
    let formatted = capstan_schema::format(name, &text).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(|error| error.render()).collect();
        errors.concat().trim_end().to_owned()
    })?;
    match (check, from_input) {
        (true, _) if formatted != text => {
            Err(format!("capstan: {name} is not in the canonical layout"))
        }
        (false, true) => {
            host.print_bytes(formatted.as_bytes());
            Ok(())
        }
        (false, false) if formatted != text => host
            .write(Path::new(file), formatted.as_bytes())
            .map_err(failed),
        _ => Ok(()),
    }
}

//! `capstan fmt`.

use std::path::Path;

use crate::arguments::{Flag, Given, Operands, Verb};
use crate::failure::{Failure, print, read_to_end};
use crate::host::{Host, reason};

pub(crate) const VERB: Verb = Verb {
    name: "fmt",
    about: "Put schema files in the canonical layout; their comments stay.",
    more: "The file '-' is the standard input, formatted to the standard output.",
    flags: &[&[Flag {
        short: None,
        long: "check",
        value: None,
        about: "Change nothing; fail and name the files that are not in the canonical layout.",
    }]],
    operands: Operands {
        names: &["file"],
        required: 1,
        repeated: true,
    },
    run,
};

/// Formats the files; those with errors stay as they are, the others are done all the same.
fn run(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let mut reports = Vec::new();
    for file in &given.operands {
        match format(file, given.has("check"), host) {
            Err(Failure::Report(report)) => reports.push(report),
            other => other?,
        }
    }
    match reports.is_empty() {
        true => Ok(()),
        false => Err(reports.join("\n").into()),
    }
}

fn format(file: &str, check: bool, host: &dyn Host) -> Result<(), Failure> {
    let from_input = file == "-";
    let bytes = match from_input {
        true => read_to_end(host),
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
            Err(format!("capstan: {name} is not in the canonical layout").into())
        }
        (false, true) => print(host, formatted.as_bytes()),
        (false, false) if formatted != text => Ok(host
            .write(Path::new(file), formatted.as_bytes())
            .map_err(failed)?),
        _ => Ok(()),
    }
}

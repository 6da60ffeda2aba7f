//! `capstan check`.

use crate::arguments::{Flag, Given, Operands, Verb};
use crate::disk::{SOURCE_FLAGS, Sources};
use crate::failure::{Failure, print};
use crate::host::Host;
use capstan_schema::compat::incompatibilities;

pub(crate) const VERB: Verb = Verb {
    name: "check",
    about: "Say what is wrong with schema files, or with changes to them.",
    more: "",
    flags: &[
        SOURCE_FLAGS,
        &[Flag {
            short: None,
            long: "against",
            value: Some("OLD"),
            about: "The older version of the file: name every change that breaks wire compatibility with it.",
        }],
    ],
    operands: Operands {
        names: &["file"],
        required: 1,
        repeated: true,
    },
    run,
};

/// Says what is wrong with the files, and what of their changes.
fn run(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let sources = Sources::given(given, host)?;
    let Some(old_path) = given.value("against") else {
        sources.compile(host, &given.operands)?;
        return Ok(());
    };
    let [new_path] = given.operands.as_slice() else {
        return Err(Failure::Misuse(
            "'--against' compares with one file; name one".to_owned(),
        ));
    };
    let old = sources.compile(host, &[old_path.to_owned()])?;
    let new = sources.compile(host, &given.operands)?;
    let found = incompatibilities(&old, &new);
    if found.is_empty() {
        let text = format!("{new_path} keeps wire compatibility with {old_path}.\n");
        return print(host, text.as_bytes());
    }
    let source = sources.read(host, new_path)?;
    let mut report = String::new();
    for incompatibility in &found {
        if incompatibility.file == source.display_name {
            report.push_str(&incompatibility.diagnostic(&source).render());
        } else {
            let file = &incompatibility.file;
            report.push_str(&format!("{file}: error: {}\n", incompatibility.message()));
        }
    }
    let changes = match found.len() {
        1 => "1 change breaks".to_owned(),
        count => format!("{count} changes break"),
    };
    report.push_str(&format!(
        "{new_path}: {changes} wire compatibility with {old_path}.\n"
    ));
    Err(report.into())
}

//! `capstan check`.

use capstan_schema::compat::incompatibilities;
use clap::Args;

use crate::disk::Sources;
use crate::host::Host;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    sources: Sources,

    /// The older version of the file: name every change that breaks wire compatibility with it.
    #[arg(long, value_name = "OLD")]
    against: Option<String>,

    /// The schema files; with '--against', one.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

/// Says what is wrong with the files, and what of their changes.
pub(crate) fn run(arguments: &Arguments, host: &dyn Host) -> Result<(), String> {
    let Some(old_path) = &arguments.against else {
        arguments.sources.compile(host, &arguments.files)?;
        return Ok(());
    };
    let [new_path] = arguments.files.as_slice() else {
        return Err("capstan: '--against' compares with one file; name one".to_owned());
    };
    let old = arguments
        .sources
        .compile(host, std::slice::from_ref(old_path))?;
    let new = arguments.sources.compile(host, &arguments.files)?;
    let found = incompatibilities(&old, &new);
    if found.is_empty() {
        host.print(&format!(
            "{new_path} keeps wire compatibility with {old_path}.\n"
        ));
        return Ok(());
    }
    let source = arguments.sources.read(host, new_path)?;
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
    Err(report)
}

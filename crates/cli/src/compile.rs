//! `capstan compile`, and `capstan plugin` behind another compiler.

use std::collections::HashSet;
use std::path::Path;

use capstan_schema::node::CompiledSchema;
use capstan_schema::{read_request, write_request};
use clap::Args;

use crate::disk::Sources;
use crate::host::{Host, reason};
use crate::output::{self, Language, Output};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    sources: Sources,

    /// What to write, and where: rust, ts or js, each into the current directory or into DIR; any
    /// other word runs the program 'capnpc-LANG' in DIR, and a path the program there, each with
    /// the CodeGeneratorRequest on its standard input; '-' prints that request.
    #[arg(
        short = 'o',
        long = "output",
        value_name = "LANG[:DIR]",
        default_value = "ts"
    )]
    outputs: Vec<Output>,

    /// The schema files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

#[derive(Args)]
pub(crate) struct PluginArguments {
    /// What to write into the current directory: rust, ts or js.
    #[arg(value_name = "LANG")]
    language: Language,
}

/// Compiles the files and writes the results; nothing is written unless everything worked.
pub(crate) fn run(arguments: &Arguments, host: &dyn Host) -> Result<(), String> {
    let schema = arguments.sources.compile(host, &arguments.files)?;
    let mut written = Vec::new();
    let mut request = None;
    for output in &arguments.outputs {
        match output {
            Output::Language {
                language,
                directory,
            } => written.extend(output::generate(&schema, *language, directory.as_deref())?),
            Output::Request | Output::Plugin { .. } => request = Some(request_of(&schema)?),
        }
    }
    for file in &written {
        output::write(host, file)?;
    }
    let request = request.unwrap_or_default();
    for output in &arguments.outputs {
        match output {
            Output::Language { .. } => {}
            Output::Request => host.print_bytes(&request),
            Output::Plugin { name, directory } => {
                output::run_plugin(host, name, directory.as_deref(), &request)?;
            }
        }
    }
    Ok(())
}

fn request_of(schema: &CompiledSchema) -> Result<Vec<u8>, String> {
    write_request(schema).map_err(|error| format!("capstan: {error}"))
}

/// Generates code for a schema that another compiler has compiled.
pub(crate) fn run_as_plugin(arguments: &PluginArguments, host: &dyn Host) -> Result<(), String> {
    let input = host.read_input().map_err(|error| {
        format!(
            "capstan: cannot read the standard input: {}",
            reason(&error)
        )
    })?;
    if input.is_empty() {
        return Err(
            "capstan: nothing came in; a compiler runs this command: capnp compile -o capstan-ts"
                .to_owned(),
        );
    }
    let mut schema = read_request(&input).map_err(|error| format!("capstan: {error}"))?;
    // Of imported files a request holds what is used; the rest is only mentioned.
    let known: HashSet<u64> = schema.nodes.iter().map(|node| node.id).collect();
    for node in &mut schema.nodes {
        node.nested_nodes
            .retain(|nested| known.contains(&nested.id));
    }
    for file in output::generate(&schema, arguments.language, Some(Path::new("")))? {
        output::write(host, &file)?;
    }
    Ok(())
}

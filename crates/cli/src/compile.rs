//! `capstan compile`, and `capstan plugin` behind another compiler.

use std::collections::HashSet;
use std::path::Path;

use crate::arguments::{Flag, Given, Operands, Verb};
use crate::disk::{SOURCE_FLAGS, Sources};
use crate::failure::{Failure, print, read_to_end};
use crate::host::{Host, reason};
use crate::output::{self, Language, Output};
use capstan_schema::node::CompiledSchema;
use capstan_schema::{read_request, write_request};

pub(crate) const VERB: Verb = Verb {
    name: "compile",
    about: "Write Rust, TypeScript or JavaScript for schema files, or run a plugin.",
    more: "",
    flags: &[
        SOURCE_FLAGS,
        &[
            Flag {
                short: Some('o'),
                long: "output",
                value: Some("LANG[:DIR]"),
                about: "What to write, and where: rust, ts or js, each beside its schema or into \
                        DIR; any other word runs the program 'capnpc-LANG' in DIR, and a path the \
                        program there, each with the CodeGeneratorRequest on its standard input; \
                        '-' prints that request. By default ts.",
            },
            Flag {
                short: None,
                long: "import-extension",
                value: Some("EXT"),
                about: "What the imports of one .ts module by another end with: js, which is the \
                        default, ts for what runs them as they are, such as Node, or none.",
            },
        ],
    ],
    operands: Operands {
        names: &["file"],
        required: 1,
        repeated: true,
    },
    run,
};

pub(crate) const PLUGIN_VERB: Verb = Verb {
    name: "plugin",
    about: "Write code for the CodeGeneratorRequest on the standard input.",
    more: "LANG is rust, ts or js; files go into the current directory. Other compilers run this \
           through the programs capnpc-capstan-ts, -js and -rust.",
    flags: &[],
    operands: Operands {
        names: &["LANG"],
        required: 1,
        repeated: false,
    },
    run: run_as_plugin,
};

/// What TypeScript itself and the tools around it understand.
const IMPORT_EXTENSION: &str = ".js";

/// Compiles the files and writes the results; nothing is written unless everything worked.
fn run(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let sources = Sources::given(given, host)?;
    let mut outputs = Vec::new();
    for text in given.values("output") {
        let output: Output = text.parse().map_err(Failure::Misuse)?;
        output.check(host).map_err(Failure::Misuse)?;
        outputs.push(output);
    }
    if outputs.is_empty() {
        outputs.push(Output::DEFAULT);
    }
    let import_extension = match given.value("import-extension") {
        Some(word) => output::import_extension(word).map_err(Failure::Misuse)?,
        None => IMPORT_EXTENSION,
    };
    let schema = sources.compile(host, &given.operands)?;
    let mut written = Vec::new();
    let mut request = None;
    for output in &outputs {
        match output {
            Output::Language {
                language,
                directory,
            } => written.extend(output::generate(
                &schema,
                *language,
                import_extension,
                directory.as_deref(),
            )?),
            Output::Request { .. } | Output::Plugin { .. } => request = Some(request_of(&schema)?),
        }
    }
    for file in &written {
        output::write(host, file)?;
    }
    let request = request.unwrap_or_default();
    for output in &outputs {
        match output {
            Output::Language { .. } => {}
            Output::Request { .. } => print(host, &request)?,
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
fn run_as_plugin(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let language: Language = given.operand(0).parse().map_err(Failure::Misuse)?;
    let input = read_to_end(host).map_err(|error| {
        format!(
            "capstan: cannot read the standard input: {}",
            reason(&error)
        )
    })?;
    if input.is_empty() {
        return Err(
            "capstan: nothing came in; a compiler runs this command: capnp compile -o capstan-ts"
                .to_owned()
                .into(),
        );
    }
    let mut schema = read_request(&input).map_err(|error| format!("capstan: {error}"))?;
    // Of imported files a request holds what is used; the rest is only mentioned.
    let known: HashSet<u64> = schema.nodes.iter().map(|node| node.id).collect();
    for node in &mut schema.nodes {
        node.nested_nodes
            .retain(|nested| known.contains(&nested.id));
    }
    let directory = Some(Path::new(""));
    for file in output::generate(&schema, language, IMPORT_EXTENSION, directory)? {
        output::write(host, &file)?;
    }
    Ok(())
}

//! `capstan compile`.

use std::path::{Component, Path, PathBuf};

use capstan_codegen::{rust, typescript};
use capstan_schema::node::{CompiledSchema, RequestedFile};
use clap::Args;

use crate::disk::Disk;
use crate::host::{Host, reason};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Look here for imports that begin with '/'. The standard files (/capnp/…) are built in.
    #[arg(short = 'I', long = "import-path", value_name = "DIR")]
    import_directories: Vec<PathBuf>,

    /// Take this off the names of the files when naming what is written.
    #[arg(long = "src-prefix", value_name = "PREFIX")]
    source_prefixes: Vec<String>,

    /// What to write, and where: rust, ts or js, each into the current directory or into DIR.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Rust,
    TypeScript,
    JavaScript,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Output {
    language: Language,
    directory: Option<PathBuf>,
}

impl std::str::FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (language, directory) = match text.split_once(':') {
            Some((language, directory)) => (language, Some(PathBuf::from(directory))),
            None => (text, None),
        };
        let language = match language {
            "rust" => Language::Rust,
            "ts" => Language::TypeScript,
            "js" => Language::JavaScript,
            _ => return Err(format!("'{language}' is not one of rust, ts and js")),
        };
        Ok(Output {
            language,
            directory,
        })
    }
}

/// Compiles the files and writes the results; nothing is written unless everything worked.
pub(crate) fn run(arguments: &Arguments, host: &dyn Host) -> Result<(), String> {
    let disk = Disk::new(
        host,
        arguments.import_directories.clone(),
        arguments.source_prefixes.clone(),
    );
    let mut requested = Vec::new();
    let mut reports = Vec::new();
    for path in &arguments.files {
        match disk.requested(path) {
            Ok(source) => requested.push(source),
            Err(report) => reports.push(report),
        }
    }
    let schema = capstan_schema::compile(&disk, &requested);
    reports.extend(disk.unreadable());
    let schema = match schema {
        Ok(schema) if reports.is_empty() => schema,
        Ok(_) => return Err(joined(&reports)),
        Err(diagnostics) => {
            reports.extend(diagnostics.iter().map(|diagnostic| diagnostic.render()));
            return Err(joined(&reports));
        }
    };
    let mut written = Vec::new();
    for output in &arguments.outputs {
        for file in &schema.requested_files {
            written.extend(generate(&schema, file, output)?);
        }
    }
    for (path, text) in written {
        write(host, &path, &text)?;
    }
    Ok(())
}

/// The reports one below the other, each ending its line.
fn joined(reports: &[String]) -> String {
    let lines = reports
        .iter()
        .map(|report| format!("{}\n", report.trim_end()));
    lines.collect()
}

/// The files that one schema file becomes.
fn generate(
    schema: &CompiledSchema,
    file: &RequestedFile,
    output: &Output,
) -> Result<Vec<(PathBuf, String)>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: error: {error}", file.filename);
    let beside = |name: &str| place(output.directory.as_deref(), &file.filename, name);
    let own_name = file.filename.rsplit('/').next().unwrap_or_default();
    Ok(match output.language {
        Language::Rust => {
            let code = rust::generate(schema, file.id, &rust::Options::rpc())
                .map_err(|error| failed(&error))?;
            vec![(
                beside(&format!("{}.rs", rust::module_name(&file.filename))),
                code,
            )]
        }
        Language::TypeScript | Language::JavaScript => {
            let options = typescript::Options::default();
            let code =
                typescript::generate(schema, file.id, &options).map_err(|error| failed(&error))?;
            if output.language == Language::TypeScript {
                vec![(beside(&format!("{own_name}.ts")), code.ts)]
            } else {
                vec![
                    (beside(&format!("{own_name}.js")), code.js),
                    (beside(&format!("{own_name}.d.ts")), code.dts),
                ]
            }
        }
    })
}

/// Where the output `name` of the schema file `filename` goes: as deep below `directory` as the
/// schema is below the current directory, or beside a schema that is not.
fn place(directory: Option<&Path>, filename: &str, name: &str) -> PathBuf {
    let parent = Path::new(filename).parent().unwrap_or(Path::new(""));
    let below = parent
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    match directory {
        Some(directory) if below => directory.join(parent).join(name),
        Some(directory) => directory.join(name),
        None => parent.join(name),
    }
}

fn write(host: &dyn Host, path: &Path, text: &str) -> Result<(), String> {
    // The parent of a plain file name is the empty path: the current directory, which exists.
    if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) {
        host.create_dir_all(parent).map_err(|error| {
            let directory = parent.display();
            let reason = reason(&error);
            format!("capstan: cannot create the directory {directory}: {reason}")
        })?;
    }
    host.write(path, text.as_bytes()).map_err(|error| {
        format!(
            "capstan: cannot write {}: {}",
            path.display(),
            reason(&error)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_go_where_their_schemas_are() {
        let out = Some(Path::new("out"));
        for (directory, filename, expected) in [
            (None, "a.capnp", "x"),
            (None, "b/a.capnp", "b/x"),
            (None, "../a.capnp", "../x"),
            (out, "a.capnp", "out/x"),
            (out, "b/a.capnp", "out/b/x"),
            (out, "../a.capnp", "out/x"),
            (out, "/b/a.capnp", "out/x"),
        ] {
            assert_eq!(
                place(directory, filename, "x"),
                Path::new(expected),
                "{filename}"
            );
        }
    }

    #[test]
    fn outputs_are_a_language_and_a_directory() {
        let output = "js:some/dir".parse();
        let directory = Some(PathBuf::from("some/dir"));
        let language = Language::JavaScript;
        assert_eq!(
            output,
            Ok(Output {
                language,
                directory
            })
        );
        assert_eq!(
            "go".parse::<Output>(),
            Err("'go' is not one of rust, ts and js".to_owned())
        );
    }
}

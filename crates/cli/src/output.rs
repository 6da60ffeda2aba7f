//! What `-o` asks for: a language that is built in, a plugin, or the request itself.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use capstan_codegen::{rust, typescript};
use capstan_schema::node::{CompiledSchema, RequestedFile};

use crate::host::{Host, reason};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    TypeScript,
    JavaScript,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// `-`: the `CodeGeneratorRequest`, on the standard output.
    Request {
        /// Changes nothing, but has to be there.
        directory: Option<PathBuf>,
    },
    Language {
        language: Language,
        directory: Option<PathBuf>,
    },
    Plugin {
        /// A word, or a path with a slash in it.
        name: String,
        directory: Option<PathBuf>,
    },
}

impl FromStr for Language {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "rust" => Ok(Language::Rust),
            "ts" => Ok(Language::TypeScript),
            "js" => Ok(Language::JavaScript),
            _ => Err(format!("'{name}' is not one of rust, ts and js")),
        }
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, directory) = match text.split_once(':') {
            // `C:\plugin`: the letter of a drive, not a name.
            Some((drive, _)) if drive.len() == 1 && text.contains('/') => (text, None),
            Some((name, directory)) => (name, Some(PathBuf::from(directory))),
            None => (text, None),
        };
        match name {
            "" => Err("there is no language before the ':'".to_owned()),
            "-" => Ok(Output::Request { directory }),
            _ => Ok(match name.parse() {
                Ok(language) => Output::Language {
                    language,
                    directory,
                },
                Err(_) => Output::Plugin {
                    name: name.to_owned(),
                    directory,
                },
            }),
        }
    }
}

impl Output {
    pub(crate) const DEFAULT: Output = Output::Language {
        language: Language::TypeScript,
        directory: None,
    };

    /// Programs run in directories that exist; for languages of our own they are made.
    pub(crate) fn check(&self, host: &dyn Host) -> Result<(), String> {
        let (Output::Request { directory } | Output::Plugin { directory, .. }) = self else {
            return Ok(());
        };
        let Some(directory) = directory.as_deref().filter(|path| *path != Path::new("")) else {
            return Ok(());
        };
        match host.canonicalize(directory) {
            Ok(full) if !host.is_file(&full) => Ok(()),
            _ => Err(format!("there is no directory {}", directory.display())),
        }
    }
}

/// What stands behind the names of imported `.ts` modules, by the word that asks for it.
pub(crate) fn import_extension(word: &str) -> Result<&'static str, String> {
    match word.trim_start_matches('.') {
        "js" => Ok(".js"),
        "ts" => Ok(".ts"),
        "none" => Ok(""),
        _ => Err(format!(
            "--import-extension={word}: it is one of js, ts and none"
        )),
    }
}

/// A file to be written.
pub(crate) struct Written {
    path: PathBuf,
    text: String,
}

/// What the requested files become in `language`. `import_extension` is what stands behind the
/// names of the modules that `.ts` files import.
pub(crate) fn generate(
    schema: &CompiledSchema,
    language: Language,
    import_extension: &str,
    directory: Option<&Path>,
) -> Result<Vec<Written>, String> {
    let mut written = Vec::new();
    for file in &schema.requested_files {
        written.extend(generate_file(
            schema,
            file,
            language,
            import_extension,
            directory,
        )?);
    }
    Ok(written)
}

fn generate_file(
    schema: &CompiledSchema,
    file: &RequestedFile,
    language: Language,
    import_extension: &str,
    directory: Option<&Path>,
) -> Result<Vec<Written>, String> {
    let failed = |error: &dyn fmt::Display| format!("{}: error: {error}", file.filename);
    let beside = |name: String, text| Written {
        path: place(directory, &file.filename, &name),
        text,
    };
    let own_name = file.filename.rsplit('/').next().unwrap_or_default();
    if language == Language::Rust {
        let code = rust::generate(schema, file.id, &rust::Options::rpc())
            .map_err(|error| failed(&error))?;
        let name = rust::module_name(&file.filename);
        return Ok(vec![beside(format!("{name}.rs"), code)]);
    }
    let mut options = typescript::Options::default();
    if language == Language::TypeScript {
        options.import_extension = format!(".capnp{import_extension}");
    }
    let code = typescript::generate(schema, file.id, &options).map_err(|error| failed(&error))?;
    Ok(if language == Language::TypeScript {
        vec![beside(format!("{own_name}.ts"), code.ts)]
    } else {
        vec![
            beside(format!("{own_name}.js"), code.js),
            beside(format!("{own_name}.d.ts"), code.dts),
        ]
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

pub(crate) fn write(host: &dyn Host, file: &Written) -> Result<(), String> {
    // The parent of a plain file name is the empty path: the current directory, which exists.
    if let Some(parent) = file.path.parent().filter(|p| *p != Path::new("")) {
        host.create_dir_all(parent).map_err(|error| {
            format!(
                "capstan: cannot create the directory {}: {}",
                parent.display(),
                reason(&error)
            )
        })?;
    }
    host.write(&file.path, file.text.as_bytes())
        .map_err(|error| {
            format!(
                "capstan: cannot write {}: {}",
                file.path.display(),
                reason(&error)
            )
        })
}

/// Hands the request to another compiler's code generator.
pub(crate) fn run_plugin(
    host: &dyn Host,
    name: &str,
    directory: Option<&Path>,
    request: &[u8],
) -> Result<(), String> {
    let program = if name.contains('/') {
        // Of the current directory, not of the one that the plugin runs in.
        host.canonicalize(Path::new(name))
            .map_err(|error| format!("capstan: cannot run {name}: {}", reason(&error)))?
    } else {
        PathBuf::from(format!("capnpc-{name}"))
    };
    match host.run_plugin(&program, directory, request) {
        Ok(Some(0)) => Ok(()),
        Ok(Some(code)) => Err(format!(
            "capstan: the plugin '{name}' failed: exit code {code}"
        )),
        Ok(None) => Err(format!("capstan: the plugin '{name}' was killed")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!(
            "capstan: there is no plugin '{name}': no program '{}' was found\n  \
             help: the languages rust, ts and js are built in; others need their plugin in PATH",
            program.display()
        )),
        Err(error) => Err(format!(
            "capstan: cannot run {}: {}",
            program.display(),
            reason(&error)
        )),
    }
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
    fn import_extensions_have_a_dot_or_none() {
        for (word, expected) in [("js", ".js"), (".ts", ".ts"), ("none", "")] {
            assert_eq!(import_extension(word), Ok(expected));
        }
        assert!(import_extension("mjs").is_err());
    }

    #[test]
    fn outputs_are_a_language_or_a_plugin_and_a_directory() {
        let directory = Some(PathBuf::from("some/dir"));
        assert_eq!(
            "js:some/dir".parse(),
            Ok(Output::Language {
                language: Language::JavaScript,
                directory: directory.clone()
            })
        );
        assert_eq!(
            "go:some/dir".parse(),
            Ok(Output::Plugin {
                name: "go".to_owned(),
                directory
            })
        );
        let request = Output::Request { directory: None };
        assert_eq!("-".parse(), Ok(request));
        assert!(":x".parse::<Output>().is_err());
    }
}

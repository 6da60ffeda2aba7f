//! Schema files on the disk.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::arguments::{Flag, Given};
use crate::failure::Failure;
use crate::host::{Host, reason};
use crate::id;
use capstan_schema::node::CompiledSchema;
use capstan_schema::{Diagnostic, Files, SourceFile, resolve_path, standard_file};

/// Where imports are found.
pub(crate) const IMPORT_FLAGS: &[Flag] = &[IMPORT_PATH, NO_STANDARD_IMPORT];

const IMPORT_PATH: Flag = Flag {
    short: Some('I'),
    long: "import-path",
    value: Some("DIR"),
    about: "Look here for imports that begin with '/'.",
};

const NO_STANDARD_IMPORT: Flag = Flag {
    short: None,
    long: "no-standard-import",
    value: None,
    about: "Look nowhere else for them: not among the standard files (/capnp/…), which are \
                built in, nor in /usr/local/include and /usr/include.",
};

/// The same, and what requested files are called.
pub(crate) const SOURCE_FLAGS: &[Flag] = &[
    IMPORT_PATH,
    NO_STANDARD_IMPORT,
    Flag {
        short: None,
        long: "src-prefix",
        value: Some("PREFIX"),
        about: "Name files from here on, in the schema and for what is written.",
    },
];

/// Where a command finds its schemas.
pub(crate) struct Sources {
    import_directories: Vec<PathBuf>,
    no_standard_import: bool,
    source_prefixes: Vec<PathBuf>,
}

/// Where else absolute imports lead.
const STANDARD_DIRECTORIES: [&str; 2] = ["/usr/local/include", "/usr/include"];

impl Sources {
    pub(crate) fn given(given: &Given, host: &dyn Host) -> Result<Self, Failure> {
        let directories = |flag: &str| -> Result<Vec<PathBuf>, Failure> {
            let directories = given.values(flag).map(|path| {
                let path = Path::new(path);
                match host.canonicalize(path) {
                    Ok(full) if !host.is_file(&full) => Ok(path.to_owned()),
                    _ => Err(Failure::Misuse(format!(
                        "--{flag}={}: there is no such directory",
                        path.display()
                    ))),
                }
            });
            directories.collect()
        };
        Ok(Sources {
            import_directories: directories("import-path")?,
            no_standard_import: given.has("no-standard-import"),
            source_prefixes: directories("src-prefix")?,
        })
    }

    /// Compiles the files, or says everything that is wrong with them.
    pub(crate) fn compile(
        &self,
        host: &dyn Host,
        files: &[String],
    ) -> Result<CompiledSchema, String> {
        let disk = Disk::new(host, self);
        let mut requested = Vec::new();
        let mut reports = Vec::new();
        for path in files {
            match disk.requested(path) {
                Ok(source) => requested.push(source),
                Err(report) => reports.push(report),
            }
        }
        let schema = capstan_schema::compile(&disk, &requested);
        reports.extend(disk.unreadable.take());
        match schema {
            Ok(schema) if reports.is_empty() => Ok(schema),
            Ok(_) => Err(joined(&reports)),
            Err(diagnostics) => {
                reports.extend(
                    diagnostics
                        .into_iter()
                        .map(|diagnostic| with_an_id_to_paste(diagnostic, host).render()),
                );
                Err(joined(&reports))
            }
        }
    }
}

impl Sources {
    /// The text of a schema file, by the name that errors give it.
    pub(crate) fn read(&self, host: &dyn Host, path: &str) -> Result<SourceFile, String> {
        Disk::new(host, self).requested(path)
    }
}

/// The reports one below the other, each ending its line.
fn joined(reports: &[String]) -> String {
    let lines = reports
        .iter()
        .map(|report| format!("{}\n", report.trim_end()));
    lines.collect()
}

/// Whoever forgot a file's id gets one.
fn with_an_id_to_paste(mut diagnostic: Diagnostic, host: &dyn Host) -> Diagnostic {
    if diagnostic.is_missing_file_id() {
        let id = id::from_random(host.random());
        diagnostic.hint = Some(format!("add this line at the top: {id};"));
    }
    diagnostic
}

/// Finds files beside their importers and in the import directories.
struct Disk<'a> {
    host: &'a dyn Host,
    sources: &'a Sources,
    /// The names of the files handed out, by key.
    names: RefCell<HashMap<String, String>>,
    /// Why files that exist could not be read.
    unreadable: RefCell<Vec<String>>,
}

impl<'a> Disk<'a> {
    fn new(host: &'a dyn Host, sources: &'a Sources) -> Self {
        Disk {
            host,
            sources,
            names: RefCell::default(),
            unreadable: RefCell::default(),
        }
    }

    /// A file named on the command line.
    fn requested(&self, path: &str) -> Result<SourceFile, String> {
        let full = self.host.canonicalize(Path::new(path)).map_err(|error| {
            let mut report = format!("capstan: cannot read {path}: {}", reason(&error));
            if !path.ends_with(".capnp") {
                report.push_str("\n  help: name schema files, such as person.capnp");
            }
            report
        })?;
        let name = self.name_of(Path::new(path));
        self.load(&full, name)
    }

    /// What a file named on the command line is called: its path from the longest prefix, or else
    /// from the current directory, or else from the root.
    fn name_of(&self, path: &Path) -> String {
        // Links on the way are followed, but a link to a file keeps its own name.
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let directory = self.host.canonicalize(directory).unwrap_or_default();
        let full = directory.join(path.file_name().unwrap_or_default());
        let prefixes = self.sources.source_prefixes.iter();
        let prefixes = prefixes.filter_map(|p| self.host.canonicalize(p).ok());
        let rest = prefixes
            .filter_map(|prefix| full.strip_prefix(prefix).ok())
            .min_by_key(|rest| rest.components().count());
        let rest = rest.or_else(|| {
            let current = self.host.canonicalize(Path::new(".")).ok()?;
            full.strip_prefix(current).ok()
        });
        let name = rest.unwrap_or(&full).to_string_lossy().into_owned();
        resolve_path("", name.trim_start_matches('/'))
    }

    fn load(&self, full: &Path, name: String) -> Result<SourceFile, String> {
        let bytes = self.host.read(full).map_err(|error| {
            format!(
                "capstan: cannot read {}: {}",
                full.display(),
                reason(&error)
            )
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..valid).unwrap_or(&[]);
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!(
                "{name}:{line}:1: error: this line is not valid UTF-8\n  help: save the file as UTF-8"
            )
        })?;
        let key = full.to_string_lossy().into_owned();
        let mut names = self.names.borrow_mut();
        let display_name = names.entry(key.clone()).or_insert(name).clone();
        Ok(SourceFile {
            key,
            display_name,
            text,
        })
    }

    /// Where an import leads, and the name of the file there.
    fn locate(&self, importer: &str, path: &str) -> Option<(PathBuf, String)> {
        if let Some(inside) = path.strip_prefix('/') {
            let in_directory = |directory: &Path| {
                let full = self.host.canonicalize(&directory.join(inside)).ok()?;
                self.host.is_file(&full).then_some(full)
            };
            let named = &self.sources.import_directories;
            let found = named.iter().find_map(|directory| in_directory(directory));
            let elsewhere = || {
                // The built-in copies are newer than what is likely to be installed.
                if self.sources.no_standard_import || standard_file(path).is_some() {
                    return None;
                }
                let mut directories = STANDARD_DIRECTORIES.iter();
                directories.find_map(|directory| in_directory(Path::new(directory)))
            };
            return Some((found.or_else(elsewhere)?, inside.to_owned()));
        }
        let full = self
            .host
            .canonicalize(&Path::new(importer).parent()?.join(path))
            .ok()?;
        let name = self
            .names
            .borrow()
            .get(importer)
            .cloned()
            .unwrap_or_default();
        self.host
            .is_file(&full)
            .then(|| (full, resolve_path(&name, path)))
    }
}

impl Files for Disk<'_> {
    fn import(&self, importer: &str, path: &str) -> Option<SourceFile> {
        let (full, name) = self.locate(importer, path)?;
        match self.load(&full, name) {
            Ok(source) => Some(source),
            Err(report) => {
                self.unreadable.borrow_mut().push(report);
                None
            }
        }
    }

    fn embed(&self, importer: &str, path: &str) -> Option<Vec<u8>> {
        let (full, _) = self.locate(importer, path)?;
        self.host.read(&full).ok()
    }

    fn standard(&self, path: &str) -> Option<SourceFile> {
        if self.sources.no_standard_import {
            return None;
        }
        standard_file(path)
    }
}

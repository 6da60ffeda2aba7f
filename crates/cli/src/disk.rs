//! Schema files on the disk.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use capstan_schema::{Files, SourceFile, resolve_path};

use crate::host::{Host, reason};

/// Finds files beside their importers and in the import directories.
pub(crate) struct Disk<'a> {
    host: &'a dyn Host,
    import_directories: Vec<PathBuf>,
    /// Taken off the paths of requested files to get their names.
    source_prefixes: Vec<String>,
    /// The names of the files handed out, by key.
    names: RefCell<HashMap<String, String>>,
    /// Why files that exist could not be read.
    unreadable: RefCell<Vec<String>>,
}

impl<'a> Disk<'a> {
    pub(crate) fn new(
        host: &'a dyn Host,
        import_directories: Vec<PathBuf>,
        source_prefixes: Vec<String>,
    ) -> Self {
        Disk {
            host,
            import_directories,
            source_prefixes,
            names: RefCell::default(),
            unreadable: RefCell::default(),
        }
    }

    /// A file named on the command line.
    pub(crate) fn requested(&self, path: &str) -> Result<SourceFile, String> {
        let full = self.host.canonicalize(Path::new(path)).map_err(|error| {
            let mut report = format!("capstan: cannot read {path}: {}", reason(&error));
            if !path.ends_with(".capnp") {
                report.push_str("\n  help: name schema files, such as person.capnp");
            }
            report
        })?;
        let stripped = self.source_prefixes.iter().find_map(|prefix| {
            let rest = path.strip_prefix(prefix.as_str())?;
            // `src` is a prefix of `src/a.capnp`, not of `src2/a.capnp`.
            let whole = prefix.is_empty() || prefix.ends_with('/') || rest.starts_with('/');
            whole.then_some(rest.trim_start_matches('/'))
        });
        let name = resolve_path("", stripped.unwrap_or(path));
        self.load(&full, name)
    }

    /// What was found but could not be read.
    pub(crate) fn unreadable(&self) -> Vec<String> {
        self.unreadable.borrow().clone()
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
            let found = self.import_directories.iter().find_map(|directory| {
                let full = self.host.canonicalize(&directory.join(inside)).ok()?;
                self.host.is_file(&full).then_some(full)
            })?;
            return Some((found, inside.to_owned()));
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
}

//! Schema files on the disk, and which of them were read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use capstan_schema::{Files, SourceFile, resolve_path};

/// Finds imports beside their importers and in the import directories.
pub(crate) struct Disk {
    import_directories: Vec<PathBuf>,
    /// Display names by key.
    names: RefCell<BTreeMap<String, String>>,
    /// Every file that had a part in the result.
    read: RefCell<BTreeSet<PathBuf>>,
    /// Why files that exist could not be used.
    problems: RefCell<Vec<String>>,
}

impl Disk {
    pub(crate) fn new(import_directories: Vec<PathBuf>) -> Self {
        Self {
            import_directories,
            names: RefCell::default(),
            read: RefCell::default(),
            problems: RefCell::default(),
        }
    }

    /// A file that was asked for, under the name it shall have in messages and nodes.
    pub(crate) fn requested(&self, path: &Path, name: &str) -> Option<SourceFile> {
        if !path.is_file() {
            // Cargo runs the script again once the file is there.
            self.read.borrow_mut().insert(path.to_path_buf());
            let place = std::env::current_dir().unwrap_or_default();
            self.problems.borrow_mut().push(format!(
                "{}: error: there is no such file in {}\n  help: paths are relative to the package's directory",
                path.display(),
                place.display()
            ));
            return None;
        }
        self.load(path, name)
    }

    /// The files that were read.
    pub(crate) fn read(&self) -> BTreeSet<PathBuf> {
        self.read.borrow().clone()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.borrow().clone()
    }

    fn load(&self, path: &Path, name: &str) -> Option<SourceFile> {
        self.read.borrow_mut().insert(path.to_path_buf());
        let problem = |what: String| {
            self.problems.borrow_mut().push(what);
            None
        };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return problem(format!("{}: error: {error}", path.display())),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return problem(format!(
                "{}: error: this is not UTF-8 text\n  help: save the file as UTF-8",
                path.display()
            ));
        };
        // One file, however one gets there.
        let key = match fs::canonicalize(path) {
            Ok(full) => full.to_string_lossy().into_owned(),
            Err(error) => return problem(format!("{}: error: {error}", path.display())),
        };
        let mut names = self.names.borrow_mut();
        let display_name = names
            .entry(key.clone())
            .or_insert_with(|| name.to_string())
            .clone();
        Some(SourceFile {
            key,
            display_name,
            text,
        })
    }

    /// Where an import leads, and the name of the file there.
    fn locate(&self, importer: &str, path: &str) -> Option<(PathBuf, String)> {
        if let Some(inside) = path.strip_prefix('/') {
            let mut candidates = self.import_directories.iter().map(|dir| dir.join(inside));
            let found = candidates.find(|candidate| candidate.is_file())?;
            return Some((found, inside.to_string()));
        }
        let found = Path::new(importer).parent()?.join(path);
        let name = self.names.borrow().get(importer).cloned();
        found
            .is_file()
            .then(|| (found, resolve_path(&name.unwrap_or_default(), path)))
    }
}

impl Files for Disk {
    fn import(&self, importer: &str, path: &str) -> Option<SourceFile> {
        let (found, name) = self.locate(importer, path)?;
        self.load(&found, &name)
    }

    fn embed(&self, importer: &str, path: &str) -> Option<Vec<u8>> {
        let (found, _) = self.locate(importer, path)?;
        self.read.borrow_mut().insert(found.clone());
        fs::read(found).ok()
    }
}

//! Skipping work whose inputs have not changed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use crate::process::Failure;
use crate::workspace;

/// A fingerprint of file contents and settings, compared with the one kept from the last successful run.
pub(crate) struct Stamp {
    file: PathBuf,
    hasher: DefaultHasher,
}

impl Stamp {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            file: workspace::generated("stamps").join(name),
            hasher: DefaultHasher::new(),
        }
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.hasher.write(text.as_bytes());
        self.hasher.write_u8(0xff);
        self
    }

    /// Every file below `path` (or the file itself), by name and content. A missing path counts as such.
    pub(crate) fn files(mut self, path: &Path) -> Result<Self, Failure> {
        let mut files = BTreeSet::new();
        collect(path, &mut files)?;
        for file in files {
            self.hasher.write(file.to_string_lossy().as_bytes());
            let bytes = std::fs::read(&file).map_err(|error| {
                Failure::new(format!("cannot read {}: {error}", file.display()))
            })?;
            self.hasher.write_usize(bytes.len());
            self.hasher.write(&bytes);
        }
        Ok(self)
    }

    pub(crate) fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|kept| kept == self.value())
    }

    pub(crate) fn keep(&self) -> Result<(), Failure> {
        workspace::write(&self.file, &self.value())
    }

    fn value(&self) -> String {
        format!("{:016x}", self.hasher.finish())
    }
}

fn collect(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), Failure> {
    if path.is_file() {
        files.insert(path.to_path_buf());
    } else if path.is_dir() {
        let failed = |error: std::io::Error| {
            Failure::new(format!("cannot list {}: {error}", path.display()))
        };
        for entry in std::fs::read_dir(path).map_err(failed)? {
            collect(&entry.map_err(failed)?.path(), files)?;
        }
    }
    Ok(())
}

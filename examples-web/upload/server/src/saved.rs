//! Uploads on disk, for `--save`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use capstan_rpc::Error;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

/// So many files of one name are told apart by a number.
const SAME_NAME_MAX: u32 = 1000;

/// A file that is being written. Until it is finished its name ends in `.part`.
#[derive(Debug)]
pub(crate) struct SavedFile {
    file: File,
    part_path: PathBuf,
    path: PathBuf,
}

impl SavedFile {
    /// Never writes outside `dir` and never over a file that is there, whatever the name.
    pub(crate) async fn create(dir: &Path, name: &str) -> Result<Self, Error> {
        let name = safe_name(name);
        for number in 0..SAME_NAME_MAX {
            let path = match number {
                0 => dir.join(&name),
                number => dir.join(format!("{number}-{name}")),
            };
            let part_path = path.with_added_extension("part");
            if fs::try_exists(&path).await? {
                continue;
            }
            match File::create_new(&part_path).await {
                Ok(file) => {
                    return Ok(Self {
                        file,
                        part_path,
                        path,
                    });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(Error::failed(format!(
                        "the server cannot create {}: {error}",
                        part_path.display()
                    )));
                }
            }
        }
        Err(Error::failed(format!(
            "the server has {SAME_NAME_MAX} files named {name:?} already"
        )))
    }

    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(piece).await;
        written.map_err(|error| self.failed(&error))
    }

    /// The whole file is there: gives it its name.
    pub(crate) async fn finish(mut self) -> Result<(), Error> {
        let flushed = self.file.flush().await;
        flushed.map_err(|error| self.failed(&error))?;
        let renamed = fs::rename(&self.part_path, &self.path).await;
        renamed.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::failed(format!(
            "the server cannot write {}: {error}",
            self.part_path.display()
        ))
    }
}

/// The last part of the path, without what a file system or a terminal might take amiss.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .map(|c| if c.is_control() || c == ':' { '_' } else { c })
        .take(100)
        .collect();
    match plain.trim_matches(['.', ' ']) {
        "" => "unnamed".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::safe_name;

    #[test]
    fn names_stay_within_the_directory() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("C:\\temp\\report.pdf"), "report.pdf");
        assert_eq!(safe_name(".."), "unnamed");
        assert_eq!(safe_name(""), "unnamed");
        assert_eq!(safe_name("a\nb"), "a_b");
        assert_eq!(safe_name("façade.png"), "façade.png");
    }
}

//! What the command needs of the machine it runs on.

use std::io;
use std::path::{Path, PathBuf};

/// Files, random numbers and a place to print to: the system's own in the native command,
/// functions of JavaScript in the one that npm installs. Paths that are not absolute begin at the
/// current directory.
pub trait Host {
    /// The absolute path of something that exists, without links, `.` and `..` in it.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;

    /// Whether there is a file, rather than a directory or nothing.
    fn is_file(&self, path: &Path) -> bool;

    /// All of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Makes or replaces a file in a directory that exists.
    fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()>;

    /// Makes a directory and those above it, where they are missing.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// A random number from the system.
    fn random(&self) -> u64;

    /// Puts bytes on the standard output, at once.
    fn print(&self, bytes: &[u8]) -> io::Result<()>;

    /// Puts text on the standard error output.
    fn report(&self, text: &str);

    /// Waits until something comes in by the standard input and puts what is there into `buffer`.
    /// Returns the count of bytes, 0 at the end.
    fn read_input(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Runs a program, by its path or by a name to be looked up in `PATH`, in `directory` (by
    /// default the current one) with `input` as its standard input, and waits for it. Returns its
    /// exit code, or `None` when it was killed.
    fn run_plugin(
        &self,
        program: &Path,
        directory: Option<&Path>,
        input: &[u8],
    ) -> io::Result<Option<i32>>;
}

/// What went wrong with a file, in the same words on every host.
pub(crate) fn reason(error: &io::Error) -> String {
    let known = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::IsADirectory => "it is a directory",
        io::ErrorKind::NotADirectory => "a part of its path is not a directory",
        io::ErrorKind::AlreadyExists => "a file has that name",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        io::ErrorKind::StorageFull => "the file system is full",
        io::ErrorKind::InvalidFilename => {
            "the name is too long or has a character no name may have"
        }
        _ => return error.to_string(),
    };
    known.to_owned()
}

//! The machine itself.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use capstan_cli::Host;

pub(crate) struct System;

impl Host for System {
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        fs::write(path, contents)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn random(&self) -> u64 {
        // The standard library keys its hashers from the system's random numbers: enough here, where
        // ids need to differ, not to be secret.
        RandomState::new().hash_one(std::process::id())
    }

    fn print(&self, bytes: &[u8]) -> io::Result<()> {
        let mut output = io::stdout().lock();
        output.write_all(bytes)?;
        output.flush()
    }

    fn report(&self, text: &str) {
        // There is nowhere left to tell of a failure here.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    fn read_input(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match io::stdin().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn run_plugin(
        &self,
        program: &Path,
        directory: Option<&Path>,
        input: &[u8],
    ) -> io::Result<Option<i32>> {
        let mut command = Command::new(program);
        command.stdin(Stdio::piped());
        if let Some(directory) = directory.filter(|directory| *directory != Path::new("")) {
            command.current_dir(directory);
        }
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A plugin that ends early has not failed for that.
            let _ = stdin.write_all(input);
        }
        Ok(child.wait()?.code())
    }
}

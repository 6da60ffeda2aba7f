//! A [`Host`] made of JavaScript functions.

use std::io;
use std::path::{Path, PathBuf};

use capstan_cli::Host;
use wasm_bindgen::prelude::{JsCast, JsValue, wasm_bindgen};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = "\
/** What the command needs of the machine. What throws, throws errors with the `code` of the system's error, such as `ENOENT`. */
export interface Host {
  canonicalize(path: string): string;
  isFile(path: string): boolean;
  read(path: string): Uint8Array;
  write(path: string, contents: Uint8Array): void;
  createDirectories(path: string): void;
  random(): bigint;
  /** Puts bytes on the standard output. They are in the compiler's memory: who keeps them, copies them. */
  print(bytes: Uint8Array): void;
  report(text: string): void;
  /** Waits until something comes in by the standard input, puts it into `buffer`, and returns the count of bytes: 0 at the end. */
  readInput(buffer: Uint8Array): number;
  /** Returns the exit code, or undefined when the program was killed. */
  runPlugin(program: string, directory: string | undefined, input: Uint8Array): number | undefined;
}
";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "Host")]
    pub type JsHost;

    #[wasm_bindgen(method, catch)]
    fn canonicalize(this: &JsHost, path: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(method, js_name = isFile)]
    fn is_file(this: &JsHost, path: &str) -> bool;
    #[wasm_bindgen(method, catch)]
    fn read(this: &JsHost, path: &str) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn write(this: &JsHost, path: &str, contents: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = createDirectories)]
    fn create_directories(this: &JsHost, path: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn random(this: &JsHost) -> u64;
    #[wasm_bindgen(method, catch)]
    fn print(this: &JsHost, bytes: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn report(this: &JsHost, text: &str);
    #[wasm_bindgen(method, catch, js_name = readInput)]
    fn read_input(this: &JsHost, buffer: &mut [u8]) -> Result<usize, JsValue>;
    #[wasm_bindgen(method, catch, js_name = runPlugin)]
    fn run_plugin(
        this: &JsHost,
        program: &str,
        directory: Option<&str>,
        input: &[u8],
    ) -> Result<Option<i32>, JsValue>;

    /// An error of the system as JavaScript throws it.
    type SystemError;
    #[wasm_bindgen(method, getter)]
    fn code(this: &SystemError) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn message(this: &SystemError) -> Option<String>;

    #[wasm_bindgen(js_namespace = console)]
    pub(crate) fn error(text: &str);
}

pub(crate) struct Outside<'a>(pub(crate) &'a JsHost);

impl Host for Outside<'_> {
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        let full = self.0.canonicalize(text(path)?).map_err(failure)?;
        Ok(PathBuf::from(full))
    }

    fn is_file(&self, path: &Path) -> bool {
        text(path).is_ok_and(|path| self.0.is_file(path))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.read(text(path)?).map_err(failure)
    }

    fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        self.0.write(text(path)?, contents).map_err(failure)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_directories(text(path)?).map_err(failure)
    }

    fn random(&self) -> u64 {
        self.0.random()
    }

    fn print(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.print(bytes).map_err(failure)
    }

    fn report(&self, text: &str) {
        self.0.report(text);
    }

    fn read_input(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_input(buffer).map_err(failure)
    }

    fn run_plugin(
        &self,
        program: &Path,
        directory: Option<&Path>,
        input: &[u8],
    ) -> io::Result<Option<i32>> {
        let directory = directory.map(text).transpose()?;
        let directory = directory.filter(|directory| !directory.is_empty());
        self.0
            .run_plugin(text(program)?, directory, input)
            .map_err(failure)
    }
}

/// Paths come from JavaScript strings and from schemas, so they are Unicode.
fn text(path: &Path) -> io::Result<&str> {
    path.to_str()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))
}

/// What was thrown, by the kinds that the command has words for.
fn failure(thrown: JsValue) -> io::Error {
    let error: &SystemError = thrown.unchecked_ref();
    let message = error.message().unwrap_or_default();
    let kind = match error.code().unwrap_or_default().as_str() {
        "ENOENT" => io::ErrorKind::NotFound,
        "EACCES" | "EPERM" => io::ErrorKind::PermissionDenied,
        "EISDIR" => io::ErrorKind::IsADirectory,
        "ENOTDIR" => io::ErrorKind::NotADirectory,
        "EEXIST" => io::ErrorKind::AlreadyExists,
        "EROFS" => io::ErrorKind::ReadOnlyFilesystem,
        "EPIPE" => io::ErrorKind::BrokenPipe,
        "ENOSPC" => io::ErrorKind::StorageFull,
        "ENAMETOOLONG" => io::ErrorKind::InvalidFilename,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, message)
}

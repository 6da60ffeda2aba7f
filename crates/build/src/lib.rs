//! Rust code from Cap'n Proto schemas when a package is built. Nothing needs to be installed: the
//! schema compiler and the code generator are part of this crate.
//!
//! Add it to the build dependencies (`cargo add --build capstan-build`) beside `capstan-rpc`, and
//! say in `build.rs` which schemas there are:
//!
//! ```no_run
//! fn main() -> Result<(), capstan_build::Error> {
//!     capstan_build::compile(["schema/files.capnp"])
//! }
//! ```
//!
//! Then, in `src/lib.rs` or `src/main.rs`, at the root of the crate:
//!
//! ```text
//! capstan_rpc::generated_code!(pub mod files_capnp);
//! ```
//!
//! That is all. Each schema becomes a module with its file's name. A schema that imports another
//! one from the same package brings it along: it needs a `generated_code!` line too, and none in
//! `build.rs`. Whenever one of the files changes, Cargo runs the script again.
//!
//! Schemas in error stop the build with what is wrong and where:
//!
//! ```text
//! schema/files.capnp:4:12-16: error: 'Txet' is not defined
//!   name @0 :Txet;
//!            ^~~~
//! ```
//!
//! [`CompilerCommand`] has the rest: import directories, a place other than `OUT_DIR`, modules
//! below the crate's root, types that another crate provides, packages that use `capstan-message`
//! without RPC.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod command;
mod disk;

use std::fmt;
use std::path::Path;

pub use command::CompilerCommand;

/// Compiles these schemas, and those they import, into `OUT_DIR`, for a crate that depends on
/// `capstan-rpc`. Paths are relative to the package's directory.
///
/// # Errors
/// When a file cannot be read or written, or is no valid schema.
pub fn compile<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> Result<(), Error> {
    let mut command = CompilerCommand::new();
    for file in files {
        command.file(file);
    }
    command.run()
}

/// Why there is no code. `Debug` says it as `Display` does, because that is how Rust reports an
/// error that `main` returns.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    report: String,
}

impl Error {
    fn new(report: impl Into<String>) -> Self {
        Self {
            report: report.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `main` prints this behind "Error: ", and the report's own lines begin with file names.
        write!(f, "cannot compile the schemas\n\n{}", self.report)
    }
}

impl std::error::Error for Error {}

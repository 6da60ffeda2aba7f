//! Source code from compiled Cap'n Proto schemas. No I/O: text comes out, the caller puts it where
//! it belongs.
//!
//! ```
//! use capstan_codegen::rust;
//! use capstan_schema::{NoFiles, SourceFile};
//!
//! let text = "@0xd4c9a1b7e6f20853; struct Person { name @0 :Text; age @1 :UInt8; }";
//! let source = SourceFile::new("person.capnp", text);
//! let schema = capstan_schema::compile(&NoFiles, &[source])
//!     .map_err(|errors| errors.iter().map(|error| error.render()).collect::<String>())?;
//! let [module] = rust::generate_modules(&schema, &rust::Options::rpc())?
//!     .try_into()
//!     .map_err(|_| "one file makes one module")?;
//! assert_eq!(module.name, "person_capnp");
//! assert!(module.code.contains("pub fn set_age(&mut self, value: u8)"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Whoever writes Rust wants `capstan-build` for their build script, or the command
//! `capstan compile -o rust`; both call [`rust::generate_modules`]. [`typescript`] has the other
//! language.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod names;
pub mod rust;
pub mod typescript;

use std::fmt;

/// Why no code was generated: the schema is inconsistent, or uses what the generator lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong and where.
    pub message: String,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

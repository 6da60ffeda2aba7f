//! The Cap'n Proto schema language: text in, compiled schema out. No I/O.
//!
//! ```
//! use capstan_schema::{NoFiles, SourceFile, compile};
//!
//! let file = SourceFile::new("a.capnp", "@0xd4c9a1b7e6f20853; struct A { x @0 :Text; }");
//! let schema = compile(&NoFiles, &[file]).map_err(|errors| errors[0].render()).unwrap();
//! assert_eq!(schema.nodes[1].name(), "A");
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod compat;
mod compile;
mod diagnostic;
pub mod dynamic;
mod files;
mod floats;
mod format;
mod habits;
pub mod json;
pub mod node;
mod parse;
mod request;
#[rustfmt::skip]
mod schema_capnp;
mod spelling;
pub mod text;

pub use compile::compile;
pub use diagnostic::{Diagnostic, Span};
pub use files::{
    Files, MemoryFiles, NoFiles, STANDARD_FILES, SourceFile, resolve_path, standard_file,
};
pub use format::format;
pub use node::CompiledSchema;
pub use request::{RequestError, read_request, write_request};

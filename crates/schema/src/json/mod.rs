//! Values as JSON, by the rules of the reference implementation: 64-bit integers and numbers that
//! JSON does not have are strings, Data is an array of bytes, enumerants are their names, null
//! pointers are left out. The annotations of `/capnp/compat/json.capnp` are honoured.

mod bytes;
mod names;
mod print;
mod read;
mod tree;
mod write;

pub use names::{Bytes, Discriminator, FieldRules, renamed};
pub use read::{Document, JsonError, documents, read, read_document};
pub use write::{WriteError, write};

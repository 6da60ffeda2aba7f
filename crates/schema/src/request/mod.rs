//! `CodeGeneratorRequest`: the message that a schema compiler sends to the code generators it
//! runs, written and read.

mod order;
mod read;
mod write;

use std::fmt;

use capstan_message::message::ReaderOptions;
use capstan_message::serialize;

use crate::node::CompiledSchema;
use crate::schema_capnp::code_generator_request;

/// Writes the request as a framed message: what `capnp compile -o-` prints. Of the imported files
/// it holds only what the requested files need.
///
/// # Errors
///
/// When the schema holds values that are no messages, which the compiler's own never do.
pub fn write_request(schema: &CompiledSchema) -> Result<Vec<u8>, RequestError> {
    write::request(schema).map_err(RequestError::new)
}

/// Reads a framed request, whichever compiler wrote it.
///
/// # Errors
///
/// When the message is damaged, or says things that this version does not know.
pub fn read_request(bytes: &[u8]) -> Result<CompiledSchema, RequestError> {
    let options = ReaderOptions {
        // Trusted as far as size goes: it came from a compiler on the same machine.
        traversal_limit_in_words: None,
        ..ReaderOptions::new()
    };
    let mut rest = bytes;
    let message =
        serialize::read_message_from_flat_slice(&mut rest, options).map_err(RequestError::new)?;
    let request: code_generator_request::Reader<'_> =
        message.get_root().map_err(RequestError::new)?;
    read::schema(request).map_err(RequestError::new)
}

/// Why a request could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    reason: String,
}

impl RequestError {
    fn new(error: capstan_message::Error) -> Self {
        RequestError {
            reason: error.to_string(),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is not a CodeGeneratorRequest: {}", self.reason)
    }
}

impl std::error::Error for RequestError {}

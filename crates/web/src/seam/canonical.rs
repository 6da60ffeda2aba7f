//! The canonical form of the message that JavaScript has put into the seam's room.

use capstan_message::message::Reader;
use capstan_message::serialize::{self, SliceSegments};
use wasm_bindgen::prelude::*;

use super::{SEAM, fail, options};

/// In place of a result: [`seam_failure`](super::seam_failure) tells why there is none.
pub const CANONICAL_FAILED: u32 = u32::MAX;

/// Puts the message in canonical form; returns how many bytes it has then. It has one segment and no table.
#[wasm_bindgen]
pub fn seam_canonicalize(traversal_limit_words: u32, nesting_limit: u32) -> u32 {
    let canonical = with_message(traversal_limit_words, nesting_limit, |message| {
        message.canonicalize()
    });
    match canonical {
        Ok(canonical) => {
            let bytes = canonical.len() as u32;
            SEAM.with_borrow_mut(|seam| seam.message = canonical);
            bytes
        }
        Err(reason) => {
            fail(reason);
            CANONICAL_FAILED
        }
    }
}

/// Whether the message is in canonical form, but for its table: 1 or 0.
#[wasm_bindgen]
pub fn seam_is_canonical(traversal_limit_words: u32, nesting_limit: u32) -> u32 {
    let answer = with_message(traversal_limit_words, nesting_limit, |message| {
        message.is_canonical()
    });
    match answer {
        Ok(answer) => u32::from(answer),
        Err(reason) => {
            fail(reason);
            CANONICAL_FAILED
        }
    }
}

fn with_message<T>(
    traversal_limit_words: u32,
    nesting_limit: u32,
    work: impl FnOnce(Reader<SliceSegments<'_>>) -> capstan_message::Result<T>,
) -> Result<T, String> {
    SEAM.with_borrow(|seam| {
        serialize::read_frame_from_slice(
            &seam.message,
            options(traversal_limit_words, nesting_limit),
        )
        .and_then(work)
        .map_err(|error| error.to_string())
    })
}

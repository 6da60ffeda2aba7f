//! The canonical form of the message that JavaScript has put into the seam's room.

use capstan_message::message::ReaderOptions;
use capstan_message::{Result, serialize};
use wasm_bindgen::prelude::*;

use super::{SEAM, fail, options};
use crate::shared::Lend;

/// In place of a result: the header tells why there is none.
pub const CANONICAL_FAILED: u32 = u32::MAX;

/// Asked whether the message is in canonical form, but for its table, answers 1 or 0. Else puts it in
/// canonical form, with one segment and no table, and returns how many bytes it has then.
#[wasm_bindgen]
pub fn seam_canonical(asks: u32, traversal_limit_words: u32, nesting_limit: u32) -> u32 {
    let limits = options(traversal_limit_words, nesting_limit);
    let answer = SEAM.lend(|seam| answer(&mut seam.message, asks != 0, limits));
    answer.unwrap_or_else(|error| {
        fail(error.to_text());
        CANONICAL_FAILED
    })
}

fn answer(message: &mut Vec<u8>, asks: bool, limits: ReaderOptions) -> Result<u32> {
    let reader = serialize::read_frame(std::mem::take(message), limits)?;
    if asks {
        let is_canonical = reader.is_canonical()?;
        *message = reader.into_segments().into_buffer();
        return Ok(u32::from(is_canonical));
    }
    *message = reader.canonicalize()?;
    Ok(message.len() as u32)
}

//! Packing: the standard compression of the zero bytes that messages are full of.
//!
//! Each word becomes a tag byte, in which bit *n* says that byte *n* is not zero, and those bytes.
//! Two tags have more behind them. After `0x00` stands the number of further words (at most 255)
//! that are zero as well. After `0xff` and its eight bytes stands the number of further words
//! (at most 255) that follow as they are: [`Packer`] ends such a run before the first word that
//! has two zero bytes or more, which is where packing pays again.
//!
//! [`Packer`] and [`Unpacker`] work on any pieces of input with any room for output, allocate
//! nothing, and give the same result however the bytes were cut. [`crate::serialize_packed`] and,
//! asynchronously, `futures::serialize_packed` read and write whole messages with them.

mod pack;
mod unpack;
mod words;

use alloc::vec::Vec;

pub use pack::{Flush, Packer};
pub use unpack::Unpacker;

use crate::{Error, ErrorKind, Result};

/// What a step of [`Packer`] or [`Unpacker`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes taken from the input.
    pub read_bytes: usize,
    /// Bytes put into the output.
    pub written_bytes: usize,
}

/// The most bytes that `bytes` bytes of whole words can take when packed in one go.
///
/// The worst case is words without zeros, one by one: every other word breaks the run with two
/// zero bytes, so that 16 bytes become 10 and 7.
#[must_use]
pub const fn max_packed_bytes(bytes: usize) -> usize {
    (bytes / 16).saturating_mul(17).saturating_add(10)
}

/// Packs whole words.
///
/// # Errors
/// When `words` is no whole number of words.
pub fn pack(words: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let mut packer = Packer::new();
    packer.pack_to_vec(words, &mut packed);
    packer.finish_to_vec(&mut packed)?;
    Ok(packed)
}

/// Unpacks to the words that were packed.
///
/// # Errors
/// When the input ends inside a word or a run, or unpacks to more than `limit_bytes`, before which
/// no more than that is allocated.
pub fn unpack(packed: &[u8], limit_bytes: usize) -> Result<Vec<u8>> {
    let mut unpacker = Unpacker::new();
    let mut words = Vec::new();
    let mut rest = packed;
    loop {
        let start = words.len();
        // Memory follows what was really unpacked, and a bomb is known one byte past the limit.
        let room = rest.len().max(start).max(FIRST_ROOM_BYTES);
        words.resize(start.saturating_add(room).min(limit_bytes), 0);
        let progress = unpacker.unpack(rest, words.get_mut(start..).unwrap_or_default());
        words.truncate(start + progress.written_bytes);
        rest = rest.get(progress.read_bytes..).unwrap_or_default();
        if rest.is_empty() && !unpacker.has_output() {
            unpacker.finish()?;
            return Ok(words);
        }
        if words.len() == limit_bytes {
            return Err(Error::new(
                ErrorKind::TooLarge,
                text!(
                    "the packed data unpacks to more than the limit of ",
                    limit_bytes,
                    " bytes (at packed byte ",
                    unpacker.read_bytes(),
                    ")"
                ),
            ));
        }
    }
}

/// Packs a part of a message to `end` of `packed`, which may have been longer, and says where it
/// ends then. No run goes on behind it.
pub(crate) fn pack_part(part: &[u8], packed: &mut Vec<u8>, end: usize) -> usize {
    pack::pack_part(part.as_chunks().0, packed, end)
}

const FIRST_ROOM_BYTES: usize = 256;

//! How values cross between JavaScript objects and messages in wasm memory.
//!
//! Out: a message under construction offers zeroed *room* behind its last word, generated
//! JavaScript writes the content there, pointers included, and commits it. In: a message is checked
//! here against the layout program of the type that JavaScript expects; what is found
//! goes into a table of positions, from which generated JavaScript builds the object,
//! reading scalars straight from memory. Either way a message costs a handful of calls, however
//! many fields, strings and lists it has.
//!
//! Addresses and sizes are told through a small block of cells, the *header*, since an integer read
//! from memory costs less than one returned from a call.

#[cfg(feature = "messages")]
mod canonical;
mod index;
mod near;
#[cfg(feature = "runtime")]
mod outgoing;
mod program;

use std::cell::Cell;

use capstan_message::any_pointer;
use capstan_message::message::ReaderOptions;
use capstan_message::serialize;
use wasm_bindgen::prelude::*;

use index::Index;
#[cfg(feature = "runtime")]
pub use outgoing::*;
use program::Programs;

use crate::shared::{Lend, Shared};

// Words of the header; the same numbers stand in js/src/seam/header.ts and, of what was found, in
// js/src/messages/codes.ts. The first three are those of messages under construction.
const TABLE_ADDRESS: usize = 4;
const TABLE_ENTRIES: usize = 5;
/// All text in ASCII of the message indexed last.
const POOL_ADDRESS: usize = 6;
const POOL_BYTES: usize = 7;
/// All text that is not ASCII.
const UNICODE_ADDRESS: usize = 8;
const UNICODE_BYTES: usize = 9;
/// Why the last thing failed that did.
const FAILURE_ADDRESS: usize = 10;
const FAILURE_BYTES: usize = 11;
// From 16 on: what was found in open messages, see there.
const HEADER_WORDS: usize = 24;

/// What is kept of a large message's memory for the next one.
const KEPT_BYTES: usize = 256 * 1024;

thread_local! {
    // Cells, because JavaScript reads them behind the compiler's back.
    static HEADER: [Cell<u32>; HEADER_WORDS] = const { [const { Cell::new(0) }; HEADER_WORDS] };
    static SEAM: Shared<Seam> = const { Shared::new(Seam::new()) };
}

struct Seam {
    programs: Programs,
    index: Index,
    /// A whole message that JavaScript has put here to be decoded.
    message: Vec<u8>,
    failure: String,
}

impl Seam {
    const fn new() -> Self {
        Self {
            programs: Programs::new(),
            index: Index::new(),
            message: Vec::new(),
            failure: String::new(),
        }
    }

    fn release(&mut self) {
        if self.message.capacity() > KEPT_BYTES {
            self.message = Vec::new();
        }
        self.index.shrink(KEPT_BYTES);
    }
}

/// Where the header is.
#[wasm_bindgen]
pub fn seam_header() -> u32 {
    HEADER.with(|header| header.as_ptr() as usize as u32)
}

/// Takes in layout programs, so many bytes of them, which JavaScript has put into the room for a
/// message; returns how many there are now. Numbers count from 1 in the order of arrival. 0 when
/// they are malformed: nothing is taken then.
#[wasm_bindgen]
pub fn seam_register(bytes: u32) -> u32 {
    SEAM.lend(|seam| {
        let Seam {
            programs, message, ..
        } = seam;
        let bytes = message.get(..bytes as usize).unwrap_or_default();
        let (words, _) = bytes.as_chunks();
        let items: Vec<u32> = words.iter().copied().map(u32::from_le_bytes).collect();
        programs.register(&items).unwrap_or(0)
    })
}

/// Room for a whole message of so many bytes; 0 when there is no memory for it.
#[wasm_bindgen]
pub fn seam_message_room(bytes: u32) -> u32 {
    let bytes = bytes as usize;
    SEAM.lend(|seam| {
        let more_bytes = bytes.saturating_sub(seam.message.len());
        if seam.message.try_reserve_exact(more_bytes).is_err() {
            return 0;
        }
        // What is there already is overwritten anyway: only what is new has to be zeroed.
        seam.message.resize(bytes, 0);
        address_of(&seam.message)
    })
}

/// Checks the message that JavaScript has put into the room it was given against a program and fills
/// the table; 0 when that went well, else the header tells why not.
#[wasm_bindgen]
pub fn seam_index_message(program: u32, traversal_limit_words: u32, nesting_limit: u32) -> u32 {
    let message = SEAM.lend(|seam| std::mem::take(&mut seam.message));
    let options = options(traversal_limit_words, nesting_limit);
    let result = serialize::read_frame(message, options).and_then(|reader| {
        let status = index_content(reader.get_root_any()?, program, 0);
        Ok((status, reader.into_segments().into_buffer()))
    });
    match result {
        // The table points into it: it stays where it is until the next message, unless there is no table.
        Ok((status, message)) => SEAM.lend(|seam| {
            seam.message = message;
            if status != 0 {
                seam.release();
            }
            status
        }),
        Err(error) => fail(error.to_text()),
    }
}

/// JavaScript has built its object. Memory of a large message is given back.
#[wasm_bindgen]
pub fn seam_release() {
    SEAM.lend(|seam| seam.release());
}

fn index_content(content: any_pointer::Reader<'_>, program: u32, caps: usize) -> u32 {
    let result = SEAM.lend(|seam| {
        let Seam {
            programs, index, ..
        } = seam;
        index.run(programs, program, content, caps)
    });
    match result {
        Ok(()) => {
            SEAM.lend(|seam| {
                set_header(TABLE_ADDRESS, seam.index.table().as_ptr() as usize as u32);
                set_header(TABLE_ENTRIES, seam.index.table().len() as u32);
                let (pool_address, pool_bytes) = seam.index.pool();
                set_header(POOL_ADDRESS, pool_address);
                set_header(POOL_BYTES, pool_bytes);
                set_header(UNICODE_ADDRESS, address_of(seam.index.unicode()));
                set_header(UNICODE_BYTES, seam.index.unicode().len() as u32);
            });
            0
        }
        Err(error) => {
            SEAM.lend(|seam| seam.index.shrink(KEPT_BYTES));
            fail(error.to_text())
        }
    }
}

pub(crate) fn options(traversal_limit_words: u32, nesting_limit: u32) -> ReaderOptions {
    ReaderOptions {
        traversal_limit_in_words: Some(traversal_limit_words as usize),
        nesting_limit: i32::try_from(nesting_limit).unwrap_or(i32::MAX),
        ..ReaderOptions::default()
    }
}

/// Keeps the reason where JavaScript finds it.
pub(crate) fn fail(reason: String) -> u32 {
    SEAM.lend(|seam| {
        set_header(FAILURE_ADDRESS, address_of(reason.as_bytes()));
        set_header(FAILURE_BYTES, reason.len() as u32);
        seam.failure = reason;
    });
    1
}

/// As JavaScript reads it.
#[cfg(test)]
pub(crate) fn failure() -> String {
    SEAM.lend(|seam| seam.failure.clone())
}

pub(crate) fn set_header(word: usize, value: u32) {
    HEADER.with(|header| {
        if let Some(cell) = header.get(word) {
            cell.set(value);
        }
    });
}

/// What is wrong with a Text.
#[cfg(feature = "messages")]
pub(crate) fn not_utf8(position: capstan_message::Position, valid_bytes: usize) -> String {
    index::IndexError::NotUtf8 {
        position,
        valid_bytes,
    }
    .to_text()
}

/// Where JavaScript finds these bytes.
pub(crate) fn address_of(bytes: &[u8]) -> u32 {
    bytes.as_ptr() as usize as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_taken_from_the_room() {
        let items: Vec<u8> = [1 << 16, 0]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect();
        seam_message_room(items.len() as u32);
        SEAM.lend(|seam| seam.message.copy_from_slice(&items));
        assert_eq!(seam_register(4), 0);
        assert_eq!(seam_register(items.len() as u32), 1);
    }

    #[test]
    fn a_large_message_that_is_refused_is_not_kept() {
        seam_message_room(10 << 20);
        let (no_program, limit) = (1, 1 << 20);
        assert_eq!(seam_index_message(no_program, limit, 64), 1);
        assert!(!failure().is_empty());
        SEAM.lend(|seam| assert!(seam.message.capacity() <= KEPT_BYTES));
    }
}

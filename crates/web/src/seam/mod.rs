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

mod canonical;
mod index;
mod near;
mod program;

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use capstan_message::any_pointer;
use capstan_message::message::ReaderOptions;
use capstan_message::serialize;
use capstan_rpc::vat::Outgoing;
use wasm_bindgen::prelude::*;

use crate::driver;
use index::Index;
use program::Programs;

/// Where the room for content starts.
const ROOM_ADDRESS: usize = 0;
const ROOM_WORDS: usize = 1;
/// Where the pointer to the content is to be written.
const SLOT_ADDRESS: usize = 2;
const TABLE_ADDRESS: usize = 4;
const TABLE_ENTRIES: usize = 5;
/// All text in ASCII of the message indexed last.
const POOL_ADDRESS: usize = 6;
const POOL_BYTES: usize = 7;
/// All text that is not ASCII.
const UNICODE_ADDRESS: usize = 8;
const UNICODE_BYTES: usize = 9;
/// What was found in an open message, or made in it.
pub(crate) const FOUND_ADDRESS: usize = 16;
/// Elements of a list, or bytes.
pub(crate) const FOUND_COUNT: usize = 17;
/// From one element of a list to the next.
pub(crate) const FOUND_STEP_BITS: usize = 18;
/// Of a struct, or of a list's element seen as one.
pub(crate) const FOUND_DATA_BYTES: usize = 19;
/// Of a struct, or of a list's element seen as one; the list's element size in the high half.
pub(crate) const FOUND_POINTERS: usize = 20;
const HEADER_WORDS: usize = 24;

/// What is kept of a large message's memory for the next one.
const KEPT_BYTES: usize = 256 * 1024;

thread_local! {
    // Cells, because JavaScript reads them behind the compiler's back.
    static HEADER: [Cell<u32>; HEADER_WORDS] = const { [const { Cell::new(0) }; HEADER_WORDS] };
    // Never dropped: see the driver's.
    static SEAM: RefCell<ManuallyDrop<Seam>> = RefCell::default();
}

#[derive(Default)]
struct Seam {
    programs: Programs,
    index: Index,
    /// A whole message that JavaScript has put here to be decoded.
    message: Vec<u8>,
    failure: String,
}

impl Seam {
    fn release(&mut self) {
        if self.message.capacity() > KEPT_BYTES {
            self.message = Vec::new();
        }
        self.index.shrink(KEPT_BYTES);
    }
}

/// Makes room for at least `min_words` words of content in a message under construction and says
/// in the header where it is.
pub(crate) fn publish_room(outgoing: &mut Outgoing, min_words: usize) {
    let slot_offset = outgoing.content_pointer_word() * capstan_message::WORD_BYTES;
    let frame = outgoing.frame_mut();
    let room = frame.spare_words_mut(min_words);
    let (room_address, room_words) = (address_of(room), room.len() / capstan_message::WORD_BYTES);
    let segment_address = address_of(frame.segment_bytes());
    set_header(ROOM_ADDRESS, room_address);
    set_header(ROOM_WORDS, room_words as u32);
    set_header(SLOT_ADDRESS, segment_address + slot_offset as u32);
}

/// Where the header is.
#[wasm_bindgen]
pub fn seam_header() -> u32 {
    HEADER.with(|header| header.as_ptr() as usize as u32)
}

/// Gives the message under construction more room. What was written is wiped: the encoder starts
/// over, since addresses have changed.
#[wasm_bindgen]
pub fn seam_grow(min_words: u32) {
    driver::with(|driver| {
        if let Some(outgoing) = driver.building() {
            publish_room(outgoing, min_words as usize);
        }
    });
}

/// The content is complete and took so many words of the room; 0 when that went well.
#[wasm_bindgen]
pub fn seam_commit(words: u32) -> u32 {
    driver::with(|driver| match driver.building() {
        Some(outgoing) => match outgoing.frame_mut().commit_words(words as usize) {
            Ok(()) => 0,
            Err(error) => fail(error.to_string()),
        },
        None => fail("no message is under construction".to_owned()),
    })
}

/// Takes in layout programs; returns how many there are now. Numbers count from 1 in the order of arrival.
/// 0 when `items` is malformed: nothing is taken then.
#[wasm_bindgen]
pub fn seam_register(items: &[u32]) -> u32 {
    SEAM.with_borrow_mut(|seam| seam.programs.register(items).unwrap_or(0))
}

/// Checks a message that arrived against a program and fills the table; 0 when that went well,
/// else [`seam_failure`] tells why not.
#[wasm_bindgen]
pub fn seam_index_payload(payload: u32, program: u32) -> u32 {
    driver::with(|driver| {
        let Some(payload) = driver.payload(payload) else {
            return fail("the message is gone: it was decoded or released before".to_owned());
        };
        let caps = payload.caps.len();
        match payload.content() {
            Ok(content) => index_content(content, program, caps),
            Err(error) => fail(error.to_string()),
        }
    })
}

/// Room for a whole message of so many bytes; 0 when there is no memory for it.
#[wasm_bindgen]
pub fn seam_message_room(bytes: u32) -> u32 {
    let bytes = bytes as usize;
    SEAM.with_borrow_mut(|seam| {
        let more_bytes = bytes.saturating_sub(seam.message.len());
        if seam.message.try_reserve_exact(more_bytes).is_err() {
            return 0;
        }
        // What is there already is overwritten anyway: only what is new has to be zeroed.
        seam.message.resize(bytes, 0);
        address_of(&seam.message)
    })
}

/// As [`seam_index_payload`], for the message that JavaScript has put into the room it was given.
#[wasm_bindgen]
pub fn seam_index_message(program: u32, traversal_limit_words: u32, nesting_limit: u32) -> u32 {
    let message = SEAM.with_borrow_mut(|seam| std::mem::take(&mut seam.message));
    let options = options(traversal_limit_words, nesting_limit);
    let status = match serialize::read_frame_from_slice(&message, options) {
        Ok(reader) => match reader.get_root::<any_pointer::Reader<'_>>() {
            Ok(content) => index_content(content, program, 0),
            Err(error) => fail(error.to_string()),
        },
        Err(error) => fail(error.to_string()),
    };
    // The table points into it: it stays where it is until the next message, unless there is no table.
    SEAM.with_borrow_mut(|seam| {
        seam.message = message;
        if status != 0 {
            seam.release();
        }
    });
    status
}

/// JavaScript has built its object. Memory of a large message is given back.
#[wasm_bindgen]
pub fn seam_release() {
    SEAM.with_borrow_mut(|seam| seam.release());
}

/// Why the last message could not be taken in.
#[wasm_bindgen]
pub fn seam_failure() -> String {
    SEAM.with_borrow_mut(|seam| std::mem::take(&mut seam.failure))
}

fn index_content(content: any_pointer::Reader<'_>, program: u32, caps: usize) -> u32 {
    let result = SEAM.with_borrow_mut(|seam| {
        let Seam {
            programs, index, ..
        } = &mut **seam;
        index.run(programs, program, content, caps)
    });
    match result {
        Ok(()) => {
            SEAM.with_borrow(|seam| {
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
            SEAM.with_borrow_mut(|seam| seam.index.shrink(KEPT_BYTES));
            fail(error.to_string())
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

pub(crate) fn fail(reason: String) -> u32 {
    SEAM.with_borrow_mut(|seam| seam.failure = reason);
    1
}

pub(crate) fn set_header(word: usize, value: u32) {
    HEADER.with(|header| {
        if let Some(cell) = header.get(word) {
            cell.set(value);
        }
    });
}

/// What is wrong with a Text.
pub(crate) fn not_utf8(position: capstan_message::Position, valid_bytes: usize) -> String {
    index::IndexError::NotUtf8 {
        position,
        valid_bytes,
    }
    .to_string()
}

/// Where JavaScript finds these bytes.
pub(crate) fn address_of(bytes: &[u8]) -> u32 {
    bytes.as_ptr() as usize as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_message_that_is_refused_is_not_kept() {
        seam_message_room(10 << 20);
        let (no_program, limit) = (1, 1 << 20);
        assert_eq!(seam_index_message(no_program, limit, 64), 1);
        assert!(!seam_failure().is_empty());
        SEAM.with_borrow(|seam| assert!(seam.message.capacity() <= KEPT_BYTES));
    }
}

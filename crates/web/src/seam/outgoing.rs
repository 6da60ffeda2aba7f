//! What crosses the seam with calls and returns: messages under construction, and payloads.

use capstan_rpc::vat::Outgoing;
use wasm_bindgen::prelude::*;

use super::{address_of, fail, index_content, set_header};
use crate::driver;

/// Where the room for content starts.
const ROOM_ADDRESS: usize = 0;
const ROOM_WORDS: usize = 1;
/// Where the pointer to the content is to be written.
const SLOT_ADDRESS: usize = 2;

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
            Err(error) => fail(error.to_text()),
        },
        None => fail("no message is under construction".to_owned()),
    })
}

/// As [`seam_index_message`](super::seam_index_message), for a message that arrived.
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

//! What JavaScript names when it says "this": a struct it has been shown, or what a pointer leads to.

use capstan_message::layout::{PointerReader, StructReader};
use capstan_message::message::StructPlace;
use wasm_bindgen::prelude::*;

use super::{FOUND_COUNT, FOUND_POINTERS};
use super::{Failure, MESSAGES, Messages, Open, status};
use crate::seam::set_header;
use crate::shared::Lend;

/// Instead of the bytes of a data section: the address is a pointer's.
pub(super) const BEHIND_POINTER: u32 = u32::MAX;

/// A place as it comes from JavaScript.
pub(super) struct Named {
    pub(super) message: u32,
    pub(super) address: u32,
    pub(super) nesting: i32,
    pub(super) data_bytes: u32,
    pub(super) pointers: u32,
}

pub(super) enum Source<'a> {
    Pointer(PointerReader<'a>),
    Struct(StructReader<'a>),
}

impl Named {
    pub(super) fn find<'a>(&self, messages: &'a Messages) -> Result<Source<'a>, Failure> {
        let open = messages.get(self.message)?;
        if self.data_bytes == BEHIND_POINTER {
            let position = open.pointer_position(self.address)?;
            return Ok(Source::Pointer(open.pointer(position, self.nesting)));
        }
        let (data_bytes, pointers) = (self.data_bytes as usize, self.pointers as u16);
        let bytes = data_bytes.saturating_add(usize::from(pointers) * capstan_message::WORD_BYTES);
        let (segment, start_byte) = open
            .locate(self.address, bytes)
            .ok_or(Failure::ForeignAddress)?;
        let place = StructPlace {
            segment,
            start_byte,
            data_bytes,
            pointers,
        };
        let found = match open {
            Open::Received(reader) => reader.struct_at(place, self.nesting),
            Open::Built(built) => built.message.struct_at(place),
        };
        Ok(Source::Struct(found.ok_or(Failure::ForeignAddress)?))
    }
}

/// Words and capabilities of a struct or of what is behind a pointer, into the header.
#[wasm_bindgen]
pub fn message_measure(
    message: u32,
    address: u32,
    nesting: i32,
    data_bytes: u32,
    pointers: u32,
) -> u32 {
    let named = Named {
        message,
        address,
        nesting,
        data_bytes,
        pointers,
    };
    MESSAGES.lend(|messages| {
        status((|| {
            let size = match named.find(messages)? {
                Source::Pointer(pointer) => pointer.total_size()?,
                Source::Struct(found) => found.total_size()?,
            };
            // More than memory has cannot be: nothing is counted that is not charged, unless limits are off.
            set_header(FOUND_COUNT, size.word_count.min(u64::from(u32::MAX)) as u32);
            set_header(FOUND_POINTERS, size.cap_count);
            Ok(())
        })())
    })
}

//! Deep copies into messages under construction, from other messages and from themselves.

use capstan_message::layout::PointerBuilder;
use capstan_message::message::{Builder, GrowingSegment};
use capstan_message::{Position, WORD_BYTES};
use wasm_bindgen::prelude::*;

use super::follow::struct_size;
use super::source::{BEHIND_POINTER, Named, Source};
use super::{Built, Failure, MESSAGES, Messages, NONE, Open, status};
use super::{FOUND_ADDRESS, FOUND_COUNT};
use crate::seam::{address_of, set_header};
use crate::shared::Lend;

/// Copies a struct, or what is behind a pointer. With `to_size` `NONE` the pointer at `to_address` is
/// made to lead to the copy; else the copy goes into the struct of that size at `to_address`, such as an
/// element of a list, as far as there is room for it.
#[wasm_bindgen]
#[allow(clippy::too_many_arguments)] // Integers are what crosses the boundary cheaply.
pub fn message_copy(
    to: u32,
    to_address: u32,
    to_size: u32,
    message: u32,
    address: u32,
    nesting: i32,
    data_bytes: u32,
    pointers: u32,
) -> u32 {
    let from = Named {
        message,
        address,
        nesting,
        data_bytes,
        pointers,
    };
    MESSAGES.lend(|messages| {
        status(if to == from.message {
            copy_within(messages, to_address, to_size, &from)
        } else {
            copy(messages, to, to_address, to_size, &from)
        })
    })
}

/// Copies a struct, or what is behind a pointer, as a framed message of one segment; where it is goes
/// into the header.
#[wasm_bindgen]
pub fn message_flatten(
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
            let buffer = std::mem::take(&mut messages.buffer);
            let mut flat = Builder::new(GrowingSegment::with_buffer(buffer));
            set_pointer(flat.get_root_any().builder, named.find(messages)?)?;
            let frame = flat.into_frame();
            set_header(FOUND_ADDRESS, address_of(&frame));
            set_header(FOUND_COUNT, frame.len() as u32);
            messages.buffer = frame;
            Ok(())
        })())
    })
}

/// By way of a message beside it: one that grows cannot be read at the same time.
fn copy_within(
    messages: &mut Messages,
    to_address: u32,
    to_size: u32,
    from: &Named,
) -> Result<(), Failure> {
    let mut aside = Built::new();
    set_pointer(aside.message.get_root_any().builder, from.find(messages)?)?;
    let aside = Open::Built(Box::new(aside));
    let address = aside.word_address(0, 0);
    let message = messages.open.insert(aside);
    let from_aside = Named {
        message,
        address,
        nesting: i32::MAX,
        data_bytes: BEHIND_POINTER,
        pointers: 0,
    };
    let result = copy(messages, from.message, to_address, to_size, &from_aside);
    messages.open.remove(message);
    result
}

fn copy(
    messages: &mut Messages,
    to: u32,
    to_address: u32,
    to_size: u32,
    from: &Named,
) -> Result<(), Failure> {
    let mut open = messages.open.remove(to).ok_or(Failure::Closed)?;
    let result = from
        .find(messages)
        .and_then(|source| write(&mut open, to_address, to_size, source));
    // The hole that was made last is filled first: it gets its number back.
    messages.open.insert(open);
    result
}

fn write(open: &mut Open, address: u32, size: u32, source: Source<'_>) -> Result<(), Failure> {
    if size == NONE {
        let position = open.pointer_position(address)?;
        let message = &mut open.built()?.message;
        let result = set_pointer(message.pointer_at_mut(position), source);
        if result.is_err() {
            // Half a copy is worse than none.
            message.pointer_at_mut(position).clear();
        }
        return result;
    }
    let size = struct_size(size);
    let (segment, at) = open
        .locate(address, size.total() as usize * WORD_BYTES)
        .ok_or(Failure::ForeignAddress)?;
    let position = Position {
        segment,
        word: (at / WORD_BYTES) as u32,
    };
    let found = match source {
        Source::Pointer(pointer) => pointer.get_struct(None)?,
        Source::Struct(found) => found,
    };
    let message = &mut open.built()?.message;
    Ok(message
        .struct_at_mut(position, size)
        .copy_content_from(&found)?)
}

fn set_pointer(to: PointerBuilder<'_>, source: Source<'_>) -> Result<(), Failure> {
    match source {
        Source::Pointer(pointer) => to.copy_from(pointer, false)?,
        Source::Struct(found) => to.set_struct(&found, false)?,
    }
    Ok(())
}

//! Deep copies into messages under construction, from other messages and from themselves.

use capstan_message::any_pointer;
use capstan_message::layout::{PointerBuilder, StructBuilder};
use capstan_message::message::{Builder, GrowingSegment, HeapAllocator};
use wasm_bindgen::prelude::*;

use super::follow::struct_size;
use super::source::{Named, Source};
use super::{Failure, MESSAGES, Messages, Open, status};
use crate::seam::{FOUND_ADDRESS, FOUND_COUNT, address_of, set_header};

/// Copies a struct, or what is behind a pointer, and points the pointer at `to_pointer` at the copy.
#[wasm_bindgen]
pub fn message_copy(
    to: u32,
    to_pointer: u32,
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
    let target = Target::Pointer(to_pointer);
    MESSAGES.with_borrow_mut(|messages| status(copy(messages, to, target, &named)))
}

/// Copies a struct's content into the struct of size `to_size` at `to_struct`, such as a list's element.
#[wasm_bindgen]
#[allow(clippy::too_many_arguments)] // Integers are what crosses the boundary cheaply.
pub fn message_fill(
    to: u32,
    to_struct: u32,
    to_size: u32,
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
    let target = Target::Struct(to_struct, to_size);
    MESSAGES.with_borrow_mut(|messages| status(copy(messages, to, target, &named)))
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
    MESSAGES.with_borrow_mut(|messages| {
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

enum Target {
    Pointer(u32),
    Struct(u32, u32),
}

fn copy(messages: &mut Messages, to: u32, target: Target, from: &Named) -> Result<(), Failure> {
    if to == from.message {
        // A message that grows cannot be read at the same time.
        let mut aside = Builder::new_default();
        set_pointer(aside.get_root_any().builder, from.find(messages)?)?;
        let built = messages.open.get_mut(to).ok_or(Failure::Closed)?;
        return write(built, target, |is_struct| aside_source(&aside, is_struct));
    }
    let mut built = messages.open.remove(to).ok_or(Failure::Closed)?;
    let result = write(&mut built, target, |_| from.find(messages));
    // The hole that was made last is filled first: it gets its number back.
    messages.open.insert(built);
    result
}

fn aside_source(aside: &Builder<HeapAllocator>, is_struct: bool) -> Result<Source<'_>, Failure> {
    let root = aside
        .get_root_as_reader::<any_pointer::Reader<'_>>()?
        .reader;
    Ok(if is_struct {
        Source::Struct(root.get_struct(None)?)
    } else {
        Source::Pointer(root)
    })
}

/// `source` is told whether a struct is asked for.
fn write<'a>(
    open: &mut Open,
    target: Target,
    source: impl FnOnce(bool) -> Result<Source<'a>, Failure>,
) -> Result<(), Failure> {
    match target {
        Target::Pointer(address) => {
            let position = open.pointer_position(address)?;
            let message = &mut open.built()?.message;
            let result = set_pointer(message.pointer_at_mut(position), source(false)?);
            if result.is_err() {
                // Half a copy is worse than none.
                message.pointer_at_mut(position).clear();
            }
            result
        }
        Target::Struct(address, size) => {
            let size = struct_size(size);
            let (segment, at) = open
                .locate(address, size.total() as usize * capstan_message::WORD_BYTES)
                .ok_or(Failure::ForeignAddress)?;
            let position = capstan_message::Position {
                segment,
                word: (at / capstan_message::WORD_BYTES) as u32,
            };
            let message = &mut open.built()?.message;
            fill_struct(message.struct_at_mut(position, size), source(true)?)
        }
    }
}

fn set_pointer(to: PointerBuilder<'_>, source: Source<'_>) -> Result<(), Failure> {
    match source {
        Source::Pointer(pointer) => to.copy_from(pointer, false)?,
        Source::Struct(found) => to.set_struct(&found, false)?,
    }
    Ok(())
}

fn fill_struct(mut to: StructBuilder<'_>, source: Source<'_>) -> Result<(), Failure> {
    let found = match source {
        Source::Pointer(pointer) => pointer.get_struct(None)?,
        Source::Struct(found) => found,
    };
    Ok(to.copy_content_from(&found)?)
}

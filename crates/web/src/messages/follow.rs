//! From a pointer to what it leads to, and new things behind pointers.

use capstan_message::layout::{
    ElementSize, ListReader, PointerKind, PointerReader, StructReader, StructSize,
};
use wasm_bindgen::prelude::*;

use super::{FOUND_ADDRESS, FOUND_COUNT, FOUND_DATA_BYTES, FOUND_POINTERS, FOUND_STEP_BITS};
use super::{Failure, MESSAGES, Open, status};
use crate::seam::{address_of, set_header};
use crate::shared::Lend;

// What may be behind a pointer. Up to 7: a list, by the size of its elements on the wire. The same
// numbers stand in js/src/messages/codes.ts.
const STRUCT_LIST: u32 = 7;
const ANY_LIST: u32 = 8;
const STRUCT: u32 = 9;
const TEXT: u32 = 10;
const DATA: u32 = 11;
const CAPABILITY: u32 = 12;
/// When following: only what kind of thing is there. When making: nothing, a null pointer.
const NOTHING: u32 = 13;

/// Follows the pointer at `pointer`, which is not null, to something of the kind `wanted`; where it
/// is goes into the header. In a message under construction structs, and elements of struct lists,
/// are made as large as `size` says, the words of data in its low half, the pointers in its high half.
#[wasm_bindgen]
pub fn message_follow(message: u32, pointer: u32, nesting: i32, wanted: u32, size: u32) -> u32 {
    MESSAGES.lend(|messages| {
        status((|| {
            let open = messages.open.get_mut(message).ok_or(Failure::Closed)?;
            let position = open.pointer_position(pointer)?;
            if let Open::Built(built) = open {
                let at = built.message.pointer_at_mut(position);
                match wanted {
                    STRUCT => {
                        at.get_struct(struct_size(size), None)?;
                    }
                    STRUCT_LIST => {
                        at.get_struct_list(struct_size(size), None)?;
                    }
                    _ => {}
                }
                if let Some(error) = built.message.error() {
                    return Err(error.clone().into());
                }
            }
            let open: &Open = open;
            publish(open, &open.pointer(position, nesting), wanted)
        })())
    })
}

/// Puts something new behind a pointer, all zero, in place of what was there; where it is goes into
/// the header. `count` is the number of a list's elements, the bytes of a Text or Data, or the index
/// of a capability.
#[wasm_bindgen]
pub fn message_init(message: u32, pointer: u32, what: u32, count: u32, size: u32) -> u32 {
    MESSAGES.lend(|messages| {
        status((|| {
            let open = messages.open.get_mut(message).ok_or(Failure::Closed)?;
            let position = open.pointer_position(pointer)?;
            let built = open.built()?;
            let mut at = built.message.pointer_at_mut(position);
            match what {
                STRUCT => {
                    at.init_struct(struct_size(size));
                }
                STRUCT_LIST => {
                    at.init_struct_list(count, struct_size(size));
                }
                TEXT => {
                    at.init_text(count);
                }
                DATA => {
                    at.init_data(count);
                }
                CAPABILITY => at.set_capability_index(count),
                _ => match element_size(what) {
                    Some(element) => {
                        at.init_list(element, count);
                    }
                    None => at.clear(),
                },
            }
            if let Some(error) = built.message.error() {
                return Err(error.clone().into());
            }
            if what == NOTHING {
                return Ok(());
            }
            let open: &Open = open;
            publish(open, &open.pointer(position, i32::MAX), what)
        })())
    })
}

fn publish(open: &Open, pointer: &PointerReader<'_>, wanted: u32) -> Result<(), Failure> {
    match wanted {
        STRUCT => publish_struct(open, &pointer.get_struct(None)?),
        TEXT => {
            let text = pointer.get_text(None)?;
            if let Err(error) = text.to_str() {
                return Err(Failure::NotUtf8 {
                    position: pointer.position(),
                    valid_bytes: error.valid_up_to(),
                });
            }
            publish_bytes(text.as_bytes());
        }
        DATA => publish_bytes(pointer.get_data(None)?),
        CAPABILITY => set_header(FOUND_COUNT, pointer.capability_index()?.unwrap_or_default()),
        ANY_LIST => publish_list(open, &pointer.get_any_list(None)?),
        _ => match element_size(wanted) {
            Some(element) => publish_list(open, &pointer.get_list(element, None)?),
            None => set_header(
                FOUND_COUNT,
                match pointer.kind()? {
                    PointerKind::Null => 0,
                    PointerKind::Struct => 1,
                    PointerKind::List => 2,
                    PointerKind::Capability => 3,
                },
            ),
        },
    }
    Ok(())
}

fn publish_struct(open: &Open, found: &StructReader<'_>) {
    let data = found.data_section();
    let address = if data.is_empty() {
        open.word_address(found.segment_id(), found.pointers_word())
    } else {
        address_of(data)
    };
    set_header(FOUND_ADDRESS, address);
    set_header(FOUND_DATA_BYTES, data.len() as u32);
    set_header(FOUND_POINTERS, u32::from(found.pointer_count()));
}

fn publish_list(open: &Open, found: &ListReader<'_>) {
    let size = found.struct_size();
    let element = found.element_size();
    let data_bytes = match element {
        ElementSize::InlineComposite => u32::from(size.data) * 8,
        flat => flat.data_bits() / 8,
    };
    set_header(
        FOUND_ADDRESS,
        open.word_address(found.segment_id(), found.start_word()),
    );
    set_header(FOUND_COUNT, found.len());
    set_header(FOUND_STEP_BITS, found.step_bits());
    set_header(FOUND_DATA_BYTES, data_bytes);
    set_header(
        FOUND_POINTERS,
        u32::from(size.pointers) | (element as u32) << 16,
    );
}

fn publish_bytes(found: &[u8]) {
    set_header(FOUND_ADDRESS, address_of(found));
    set_header(FOUND_COUNT, found.len() as u32);
}

pub(super) fn struct_size(size: u32) -> StructSize {
    StructSize {
        data: size as u16,
        pointers: (size >> 16) as u16,
    }
}

fn element_size(code: u32) -> Option<ElementSize> {
    Some(match code {
        0 => ElementSize::Void,
        1 => ElementSize::Bit,
        2 => ElementSize::Byte,
        3 => ElementSize::TwoBytes,
        4 => ElementSize::FourBytes,
        5 => ElementSize::EightBytes,
        6 => ElementSize::Pointer,
        7 => ElementSize::InlineComposite,
        _ => return None,
    })
}

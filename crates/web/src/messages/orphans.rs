//! Objects taken out of a message under construction, to be put back elsewhere in it.

use wasm_bindgen::prelude::*;

use super::{Failure, MESSAGES, NONE, status};

/// Takes what is behind a pointer out of its message, leaving null. Returns the number of the
/// orphan in this message, [`NONE`] when that failed.
#[wasm_bindgen]
pub fn message_disown(message: u32, pointer: u32) -> u32 {
    MESSAGES.with_borrow_mut(|messages| {
        let disowned = (|| {
            let position = messages.get(message)?.pointer_position(pointer)?;
            let built = messages.built(message)?;
            let orphan = built.message.pointer_at_mut(position).disown();
            match built.message.error() {
                Some(error) => Err(Failure::from(error.clone())),
                None => Ok(built.orphans.insert(orphan)),
            }
        })();
        disowned.unwrap_or_else(|failure| {
            failure.report();
            NONE
        })
    })
}

/// Puts an orphan of the message behind a pointer, in place of what was there.
#[wasm_bindgen]
pub fn message_adopt(message: u32, pointer: u32, orphan: u32) -> u32 {
    MESSAGES.with_borrow_mut(|messages| {
        status((|| {
            let position = messages.get(message)?.pointer_position(pointer)?;
            let built = messages.built(message)?;
            let orphan = built.orphans.remove(orphan).ok_or(Failure::NoOrphan)?;
            Ok(built.message.pointer_at_mut(position).adopt(orphan)?)
        })())
    })
}

/// Zeroes an orphan that nobody wants.
#[wasm_bindgen]
pub fn message_discard(message: u32, orphan: u32) -> u32 {
    MESSAGES.with_borrow_mut(|messages| {
        status((|| {
            let built = messages.built(message)?;
            let orphan = built.orphans.remove(orphan).ok_or(Failure::NoOrphan)?;
            Ok(orphan.discard(&mut built.message)?)
        })())
    })
}

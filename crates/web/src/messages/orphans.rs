//! Objects taken out of a message under construction, to be put back elsewhere in it.

use wasm_bindgen::prelude::*;

use super::{Failure, MESSAGES, Messages, NONE};
use crate::shared::Lend;

/// Without an `orphan` (`NONE`) takes what is behind the pointer out of its message, leaving null, and
/// returns the number that it has there as an orphan. Else puts that orphan behind the pointer, in place
/// of what was there, or zeroes it when the pointer is 0. `NONE` when that failed.
#[wasm_bindgen]
pub fn message_orphan(message: u32, pointer: u32, orphan: u32) -> u32 {
    MESSAGES.lend(|messages| {
        move_orphan(messages, message, pointer, orphan).unwrap_or_else(|failure| {
            failure.report();
            NONE
        })
    })
}

fn move_orphan(
    messages: &mut Messages,
    message: u32,
    pointer: u32,
    orphan: u32,
) -> Result<u32, Failure> {
    let open = messages.open.get_mut(message).ok_or(Failure::Closed)?;
    let position = match pointer {
        0 => None,
        address => Some(open.pointer_position(address)?),
    };
    let built = open.built()?;
    let found = match orphan {
        NONE => None,
        number => Some(built.orphans.remove(number).ok_or(Failure::NoOrphan)?),
    };
    match (position, found) {
        (Some(position), Some(orphan)) => built.message.pointer_at_mut(position).adopt(orphan)?,
        (None, Some(orphan)) => orphan.discard(&mut built.message)?,
        (Some(position), None) => {
            let orphan = built.message.pointer_at_mut(position).disown();
            return match built.message.error() {
                Some(error) => Err(error.clone().into()),
                None => Ok(built.orphans.insert(orphan)),
            };
        }
        (None, None) => return Err(Failure::ForeignAddress),
    }
    Ok(0)
}

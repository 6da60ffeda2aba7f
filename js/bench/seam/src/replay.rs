//! Commands of 8 bytes, code and argument as `u32`, some with bytes behind them.

use crate::frame::Frame;

const ROOT: u32 = 0;
const U64: u32 = 1;
const TEXT: u32 = 2;
const STRUCTS: u32 = 3;
const DATA: u32 = 4;
const NEXT: u32 = 5;

pub fn replay(frame: &mut Frame, mut commands: &[u8]) -> Option<()> {
    let (mut current, mut step) = (8usize, 0usize);
    while !commands.is_empty() {
        let code = take_u32(&mut commands)?;
        let argument = take_u32(&mut commands)?;
        let field = (code >> 8) as usize;
        match code & 255 {
            ROOT => frame.begin(argument & 0xffff, argument >> 16),
            U64 => frame.write(current + argument as usize, take(&mut commands, 8)?),
            TEXT | DATA => {
                let length = argument as usize;
                let padded = take(&mut commands, length.next_multiple_of(8))?;
                let is_text = usize::from(code & 255 == TEXT);
                let target = frame.init_bytes(current + field, length, is_text);
                frame.write(target, padded.get(..length)?);
            }
            STRUCTS => {
                let size = take_u32(&mut commands)?;
                take_u32(&mut commands)?;
                let (data_words, pointers) = (size & 0xffff, size >> 16);
                step = (data_words + pointers) as usize * 8;
                let first = frame.init_structs(current + field, argument, data_words, pointers);
                // The first NEXT leads to the first.
                current = first.wrapping_sub(step);
            }
            NEXT => current = current.wrapping_add(step),
            _ => return None,
        }
    }
    Some(())
}

fn take<'a>(commands: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, rest) = commands.split_at_checked(bytes)?;
    *commands = rest;
    Some(taken)
}

fn take_u32(commands: &mut &[u8]) -> Option<u32> {
    take(commands, 4)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

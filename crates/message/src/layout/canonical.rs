//! Whether a message is in canonical form.

use alloc::vec::Vec;

use super::copy::{trimmed, trimmed_elements};
use super::list_reader::ListReader;
use super::pointer_reader::PointerReader;
use super::runs::Run;
use super::wire::{EMPTY_STRUCT, ElementSize, WirePointer};
use crate::{Result, WORD_BYTES};

/// Whether everything reachable from `root`, which is the first word of its segment, lies there in
/// preorder without gaps, cut as short as it can be, and nothing else does.
pub(crate) fn is_canonical(root: PointerReader<'_>) -> Result<bool> {
    let segment_words = root.segment.bytes.len() / WORD_BYTES;
    let mut check = Check {
        next_word: 1,
        open: Vec::new(),
    };
    if !check.visit(root)? {
        return Ok(false);
    }
    while let Some(run) = check.open.last_mut() {
        match run.next() {
            Some((_, _, pointer)) => {
                if !check.visit(pointer)? {
                    return Ok(false);
                }
            }
            None => {
                check.open.pop();
            }
        }
    }
    Ok(check.next_word as usize == segment_words)
}

struct Check<'a> {
    /// Where the next object has to start.
    next_word: u32,
    /// Structs and lists entered and not yet left.
    open: Vec<Run<'a>>,
}

impl<'a> Check<'a> {
    fn visit(&mut self, pointer: PointerReader<'a>) -> Result<bool> {
        match WirePointer::decode(pointer.wire) {
            WirePointer::Null => Ok(true),
            WirePointer::Struct { size, .. } if size.total() == 0 => {
                Ok(pointer.wire == EMPTY_STRUCT)
            }
            WirePointer::Struct { size, .. } => {
                let object = pointer.get_struct(None)?;
                let start = object.pointers_word - u32::from(size.data);
                let fits = start == self.next_word && trimmed(&object) == size;
                self.next_word = start + size.total();
                self.open.push(Run::of_struct(&object));
                Ok(fits)
            }
            WirePointer::List {
                element_size,
                count: list_words,
                ..
            } => {
                let list = pointer.get_any_list(None)?;
                let (start, words, well_cut) = match element_size {
                    ElementSize::InlineComposite => {
                        let used = list.count * list.struct_size().total();
                        let well_cut =
                            used == list_words && trimmed_elements(&list) == list.struct_size();
                        // The tag comes first.
                        (list.start_word - 1, list_words + 1, well_cut)
                    }
                    _ => {
                        let words = list.content.len().div_ceil(WORD_BYTES) as u32;
                        (list.start_word, words, padding_is_zero(&list))
                    }
                };
                let fits = start == self.next_word && well_cut;
                self.next_word = start + words;
                self.open.push(Run::of_list(&list));
                Ok(fits)
            }
            WirePointer::Far { .. } | WirePointer::Capability { .. } | WirePointer::Reserved => {
                Ok(false)
            }
        }
    }
}

fn padding_is_zero(list: &ListReader<'_>) -> bool {
    let last_bits = list.count % 8;
    if list.element_size == ElementSize::Bit
        && last_bits > 0
        && list
            .content
            .last()
            .is_some_and(|byte| byte >> last_bits != 0)
    {
        return false;
    }
    let start = list.start_word as usize * WORD_BYTES + list.content.len();
    let end = start.next_multiple_of(WORD_BYTES);
    match list.segment.bytes.get(start..end) {
        Some(padding) => padding.iter().all(|byte| *byte == 0),
        None => true,
    }
}

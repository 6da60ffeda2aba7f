//! Making lists longer and shorter.

use super::built::Built;
use super::grow::{grow_list, move_list};
use super::list_builder::Shape;
use super::pointer_builder::{PointerBuilder, too_long};
use super::wire::{ElementSize, MAX_COUNT, StructSize, WirePointer, list_tag, struct_tag};
use crate::arena::{DynArena, Location};
use crate::{Error, ErrorKind, Result, WORD_BYTES};

impl PointerBuilder<'_> {
    /// Gives the list here `count` elements, of which the last `kept_zero` are and stay zero.
    pub(crate) fn resize_list(self, count: u32, kept_zero: u32) -> Result<()> {
        let (shape, words) = match self.arena.follow(self.at)? {
            Built::Flat {
                object,
                element_size,
                count,
            } => {
                let shape = Shape::flat(object, element_size, count);
                (shape, shape.content_bytes().div_ceil(WORD_BYTES))
            }
            Built::Composite {
                object,
                size,
                count,
                words,
            } => (Shape::composite(object, size, count), words as usize),
            _ => {
                return Err(Error::at(
                    ErrorKind::WrongPointerKind,
                    self.position(),
                    "only lists, text and data can be resized",
                ));
            }
        };
        let new = Shape { count, ..shape };
        let new_words = new.content_words();
        if count > MAX_COUNT || new_words > u64::from(MAX_COUNT) {
            return Err(too_long(u64::from(count), "elements"));
        }
        let new_words = new_words as usize;
        if count < shape.count {
            self.arena
                .clear_elements(&shape, count.saturating_sub(kept_zero));
        }
        let extra = new_words.saturating_sub(words);
        if extra == 0 || self.arena.extend(shape.object, words, extra) {
            self.arena.set_count(self.at, &new, new_words as u32);
            return Ok(());
        }
        let arena = self.arena;
        let moved = match shape.element_size {
            ElementSize::InlineComposite => {
                grow_list(arena, self.at, &shape, count, shape.struct_size())
            }
            size => {
                let to = arena.allocate_object(self.at, list_tag(size, count), new_words, &[]);
                if !to.is_nowhere() {
                    move_list(arena, to, &shape);
                }
                to
            }
        };
        match &arena.failure {
            Some(error) if moved.is_nowhere() => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

impl Shape {
    pub(crate) fn struct_size(&self) -> StructSize {
        StructSize {
            data: (self.struct_data_bits / 64) as u16,
            pointers: self.struct_pointers,
        }
    }

    fn content_words(&self) -> u64 {
        (u64::from(self.count) * u64::from(self.step_bits)).div_ceil(64)
    }
}

impl DynArena {
    /// Room directly behind an object's `words`, if it is the last in its segment.
    fn extend(&mut self, object: Location, words: usize, extra: usize) -> bool {
        let end = object.plus_words(words);
        let is_last = self
            .segments
            .buffers
            .get(end.segment as usize)
            .is_some_and(|buffer| buffer.used_end == end.at as usize);
        is_last && self.allocate_in(end.segment, extra, &[]).is_some()
    }

    /// Zeroes elements from `first` on, and everything they point to.
    fn clear_elements(&mut self, list: &Shape, first: u32) {
        for index in first..list.count {
            if list.struct_pointers > 0 {
                let step_words = (list.step_bits / 64) as usize;
                let pointers = list.object.plus_words(
                    index as usize * step_words + (list.struct_data_bits / 64) as usize,
                );
                for pointer in 0..list.struct_pointers as usize {
                    self.clear(pointers.plus_words(pointer));
                }
            }
        }
        let start_bits = u64::from(first) * u64::from(list.step_bits);
        let bytes = list.content_bytes();
        if let Some(content) = self.bytes_mut(list.object, bytes) {
            let mut start = (start_bits / 8) as usize;
            let bit = start_bits % 8;
            if bit > 0
                && let Some(byte) = content.get_mut(start)
            {
                *byte &= (1 << bit) - 1;
                start += 1;
            }
            if let Some(rest) = content.get_mut(start..) {
                rest.fill(0);
            }
        }
    }

    /// Writes a list's new length where its tag is: at the pointer, or at its landing pad.
    fn set_count(&mut self, pointer: Location, list: &Shape, words: u32) {
        let tag_at = match WirePointer::decode(self.word(pointer)) {
            WirePointer::Far {
                double,
                word,
                segment,
            } => self.location(segment, word).plus_words(usize::from(double)),
            _ => pointer,
        };
        let composite = list.element_size == ElementSize::InlineComposite;
        let counted = if composite { words } else { list.count };
        let offset = self.word(tag_at) & 0xffff_fffc;
        self.set_word(tag_at, list_tag(list.element_size, counted) | offset);
        if composite {
            let tag = Location {
                at: list.object.at.wrapping_sub(WORD_BYTES as u32),
                ..list.object
            };
            self.set_word(
                tag,
                struct_tag(list.struct_size()) | u64::from(list.count) << 2,
            );
        }
    }
}

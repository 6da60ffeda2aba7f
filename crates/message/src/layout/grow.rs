//! Moving structs and lists to larger places.

use super::list_builder::Shape;
use super::pointer_builder::new_struct_list;
use super::wire::{ElementSize, StructSize, struct_tag};
use crate::WORD_BYTES;
use crate::arena::{DynArena, Location};

/// Moves a struct to a larger place.
#[cold]
pub(super) fn grow_struct(
    arena: &mut DynArena,
    pointer: Location,
    old: Location,
    old_size: StructSize,
    size: StructSize,
) -> Location {
    let new = arena.allocate_object(pointer, struct_tag(size), size.total() as usize, &[]);
    if new.is_nowhere() {
        return new;
    }
    move_struct(arena, new, size, old, old_size);
    new
}

fn move_struct(
    arena: &mut DynArena,
    new: Location,
    new_size: StructSize,
    old: Location,
    old_size: StructSize,
) {
    for index in 0..old_size.data as usize {
        let value = arena.word(old.plus_words(index));
        arena.set_word(new.plus_words(index), value);
    }
    arena.zero(old, u32::from(old_size.data));
    for index in 0..old_size.pointers as usize {
        let to = new.plus_words(new_size.data as usize + index);
        arena.transfer(to, old.plus_words(old_size.data as usize + index));
    }
}

/// Moves a list to a place with `count` elements, each a struct of `size`.
#[cold]
pub(super) fn grow_list(
    arena: &mut DynArena,
    pointer: Location,
    old: &Shape,
    count: u32,
    size: StructSize,
) -> Location {
    // The old list stays where it is until it is moved.
    let new = new_struct_list(arena, count, size, |arena, tag, words, content| {
        arena.allocate_object(pointer, tag, words, content)
    });
    if new.is_nowhere() {
        return new;
    }
    for index in 0..old.count.min(count) as usize {
        let to = new.plus_words(index * size.total() as usize);
        match old.element_size {
            ElementSize::InlineComposite | ElementSize::Pointer | ElementSize::EightBytes => {
                let old_size = old.struct_size();
                let from = old.object.plus_words(index * old_size.total() as usize);
                move_struct(arena, to, size, from, old_size);
            }
            // One, two or four bytes, little-endian, become the start of the data section.
            flat => {
                let bytes = flat.data_bits() as usize / 8;
                let mut value = [0; WORD_BYTES];
                if let Some(from) = arena.bytes_mut(old.object.plus_bytes(index * bytes), bytes) {
                    for (value, from) in value.iter_mut().zip(from) {
                        *value = core::mem::take(from);
                    }
                }
                if bytes > 0 {
                    arena.set_word(to, u64::from_le_bytes(value));
                }
            }
        }
    }
    if old.element_size == ElementSize::InlineComposite {
        arena.zero(
            Location {
                segment: old.object.segment,
                at: old.object.at - WORD_BYTES as u32,
            },
            1,
        );
    }
    new
}

/// Moves the elements of a list of scalars or pointers to a place that has room for them.
pub(super) fn move_list(arena: &mut DynArena, new: Location, old: &Shape) {
    let words = old.content_bytes().div_ceil(WORD_BYTES);
    for index in 0..words {
        let (from, to) = (old.object.plus_words(index), new.plus_words(index));
        if old.element_size == ElementSize::Pointer {
            arena.transfer(to, from);
        } else {
            let value = arena.word(from);
            arena.set_word(to, value);
            arena.set_word(from, 0);
        }
    }
}

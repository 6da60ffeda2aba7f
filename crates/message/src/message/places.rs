//! Objects named by where they are, for callers that cannot keep a borrow of the message: they keep
//! places, and come back with them.
//!
//! Nothing about a place is trusted. One that is outside the message gives nothing; one that is
//! inside but wrong gives other words of the same message, checked like any.

use super::allocator::Allocator;
use super::build::Builder;
use super::read::{Reader, ReaderSegments};
use crate::arena::{DynArena, Location};
use crate::layout::{
    PointerBuilder, PointerReader, SegmentRef, StructBuilder, StructReader, StructSize,
    built_segment,
};
use crate::{Position, WORD_BYTES};

/// Where a struct is. In an element of a list of scalars that is seen as a struct the data section
/// may start and end inside a word; there are no pointers then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StructPlace {
    /// Index of the segment.
    pub segment: u32,
    /// Where the data section starts, in bytes from the segment's start.
    pub start_byte: usize,
    /// Bytes of the data section.
    pub data_bytes: usize,
    /// Pointers, which follow the data section.
    pub pointers: u16,
}

impl<S: ReaderSegments> Reader<S> {
    /// The pointer at `position`; null when the message has no such word. `nesting_limit` is how
    /// many structs and lists may still be entered from here.
    #[must_use]
    pub fn pointer_at(&self, position: Position, nesting_limit: i32) -> PointerReader<'_> {
        match self.segment_ref(position.segment, nesting_limit) {
            Some(segment) => segment.pointer(position.word),
            None => PointerReader::new_default(),
        }
    }

    /// The struct at `place`, if the message has all of its words. It was charged against the
    /// traversal limit when the way to it was found.
    #[must_use]
    pub fn struct_at(&self, place: StructPlace, nesting_limit: i32) -> Option<StructReader<'_>> {
        struct_in(self.segment_ref(place.segment, nesting_limit)?, place)
    }
}

impl<A: Allocator> Builder<A> {
    /// The pointer at `position`, to read; null when the message has no such word.
    #[must_use]
    pub fn pointer_at(&self, position: Position) -> PointerReader<'_> {
        built_segment(&self.arena as &DynArena, position.segment).pointer(position.word)
    }

    /// The pointer at `position`; one that stays null, whatever is written, when the message has no
    /// such word.
    pub fn pointer_at_mut(&mut self, position: Position) -> PointerBuilder<'_> {
        let at = self.located(position, WORD_BYTES);
        let arena: &mut DynArena = &mut self.arena;
        PointerBuilder { arena, at }
    }

    /// The struct at `place`, to read, if the message has all of its words.
    #[must_use]
    pub fn struct_at(&self, place: StructPlace) -> Option<StructReader<'_>> {
        struct_in(
            built_segment(&self.arena as &DynArena, place.segment),
            place,
        )
    }

    /// The struct at `position`; one without room when the message does not have all of its words.
    pub fn struct_at_mut(&mut self, position: Position, size: StructSize) -> StructBuilder<'_> {
        let object = self.located(position, size.total() as usize * WORD_BYTES);
        let arena: &mut DynArena = &mut self.arena;
        let size = if object.is_nowhere() {
            StructSize::default()
        } else {
            size
        };
        StructBuilder {
            arena,
            object,
            size,
        }
    }

    fn located(&self, position: Position, bytes: usize) -> Location {
        let at = self.arena.location(position.segment, position.word);
        if self.arena.contains(at, bytes) {
            at
        } else {
            Location::NOWHERE
        }
    }
}

fn struct_in(segment: SegmentRef<'_>, place: StructPlace) -> Option<StructReader<'_>> {
    let data_end = place.start_byte.checked_add(place.data_bytes)?;
    let end = data_end.checked_add(usize::from(place.pointers) * WORD_BYTES)?;
    let is_aligned = place.pointers == 0 || data_end % WORD_BYTES == 0;
    if !is_aligned || end > segment.bytes.len() {
        return None;
    }
    Some(StructReader {
        segment,
        data: segment.bytes.get(place.start_byte..data_end)?,
        pointers_word: u32::try_from(data_end / WORD_BYTES).ok()?,
        pointer_count: place.pointers,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::message::HeapAllocator;

    const SIZE: StructSize = StructSize {
        data: 1,
        pointers: 1,
    };

    fn message() -> Builder<HeapAllocator> {
        let mut message = Builder::new_default();
        let mut root = message.get_root_any().builder.init_struct(SIZE);
        root.set_data_field(0, 7u32);
        root.get_pointer_field_mut(0).set_text(b"Ada");
        message
    }

    fn position(word: u32) -> Position {
        Position { segment: 0, word }
    }

    fn place(start_byte: usize) -> StructPlace {
        StructPlace {
            segment: 0,
            start_byte,
            data_bytes: 8,
            pointers: 1,
        }
    }

    #[test]
    fn places_lead_back_to_what_was_there() {
        let mut message = message();
        let root = message.pointer_at(position(0)).get_struct(None).unwrap();
        assert_eq!(root.get_data_field::<u32>(0), 7);
        let found = message.struct_at(place(8)).unwrap();
        assert_eq!(found.get_pointer_field(0).get_text(None).unwrap(), "Ada");
        let mut found = message.struct_at_mut(position(1), SIZE);
        found.set_data_field(1, 9u32);
        assert_eq!(found.get_data_field::<u32>(0), 7);
        message.pointer_at_mut(position(2)).set_text(b"Grace");

        let reader = message.into_reader();
        assert_eq!(reader.nesting_limit(), i32::MAX);
        let found = reader.struct_at(place(8), 1).unwrap();
        assert_eq!(found.get_data_field::<u32>(1), 9);
        let text = reader.pointer_at(position(2), 1);
        assert_eq!(text.get_text(None).unwrap(), "Grace");
        assert!(reader.pointer_at(position(0), 0).get_struct(None).is_err());
    }

    #[test]
    fn places_outside_the_message_give_nothing() {
        let mut message = message();
        let nowhere = Position {
            segment: 3,
            word: 0,
        };
        for outside in [position(9), position(u32::MAX), nowhere] {
            assert!(message.pointer_at(outside).is_null());
            message.pointer_at_mut(outside).set_data(b"lost");
            assert!(message.pointer_at(outside).is_null());
            assert_eq!(message.struct_at_mut(outside, SIZE).size().total(), 0);
        }
        let halved = StructPlace {
            pointers: 1,
            ..place(12)
        };
        let elsewhere = StructPlace {
            segment: 1,
            ..place(0)
        };
        for outside in [place(24), place(usize::MAX), halved, elsewhere] {
            assert!(message.struct_at(outside).is_none());
        }
        let words = message.size_in_words();
        let reader = message.into_reader();
        assert_eq!(words, reader.size_in_words());
        assert!(reader.struct_at(place(24), 1).is_none());
        assert!(reader.struct_at(elsewhere, 1).is_none());
        assert!(reader.pointer_at(nowhere, 1).is_null());
    }
}

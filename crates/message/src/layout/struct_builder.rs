use super::copy;
use super::pointer_builder::PointerBuilder;
use super::primitive::PrimitiveElement;
use super::resolve::SegmentRef;
use super::struct_reader::StructReader;
use super::wire::{ElementSize, StructSize};
use crate::arena::{DynArena, Location};
use crate::{Result, WORD_BYTES};

/// A struct under construction.
///
/// Writing a field that the struct has no room for does nothing. Generated code asks for the size
/// it needs first, and structs grow when asked, so this happens only after an allocation failed.
pub struct StructBuilder<'a> {
    pub(crate) arena: &'a mut DynArena,
    pub(crate) object: Location,
    pub(crate) size: StructSize,
}

impl<'a> StructBuilder<'a> {
    /// Borrows again, for one more use of the same struct.
    #[inline]
    pub fn reborrow(&mut self) -> StructBuilder<'_> {
        StructBuilder {
            arena: self.arena,
            object: self.object,
            size: self.size,
        }
    }

    /// The struct as it stands.
    #[inline]
    #[must_use]
    pub fn as_reader(&self) -> StructReader<'_> {
        read(self.arena, self.object, self.size)
    }

    /// The struct as it stands, for as long as the message stays borrowed.
    #[inline]
    #[must_use]
    pub fn into_reader(self) -> StructReader<'a> {
        read(self.arena, self.object, self.size)
    }

    /// Writes the field at `offset`, counted in the field's own size.
    #[inline]
    pub fn set_data_field<T: PrimitiveElement>(&mut self, offset: usize, value: T) {
        self.set_field(offset, value);
    }

    /// Writes the field at `offset` whose default value is `mask`.
    #[inline]
    pub fn set_data_field_mask<T: PrimitiveElement>(
        &mut self,
        offset: usize,
        value: T,
        mask: T::Mask,
    ) {
        self.set_field(offset, value.mask(mask));
    }

    /// The field at `offset`.
    #[inline]
    #[must_use]
    pub fn get_data_field<T: PrimitiveElement>(&self, offset: usize) -> T {
        T::get_field(self.data_section(), offset)
    }

    /// The field at `offset` whose default value is `mask`.
    #[inline]
    #[must_use]
    pub fn get_data_field_mask<T: PrimitiveElement>(&self, offset: usize, mask: T::Mask) -> T {
        T::get_field(self.data_section(), offset).mask(mask)
    }

    /// Writes the Bool at bit `offset`.
    #[inline]
    pub fn set_bool_field(&mut self, offset: usize, value: bool) {
        self.set_field(offset, value);
    }

    /// Writes the Bool at bit `offset` whose default value is `mask`.
    #[inline]
    pub fn set_bool_field_mask(&mut self, offset: usize, value: bool, mask: bool) {
        self.set_field(offset, value ^ mask);
    }

    /// The Bool at bit `offset`.
    #[inline]
    #[must_use]
    pub fn get_bool_field(&self, offset: usize) -> bool {
        bool::get_field(self.data_section(), offset)
    }

    /// The Bool at bit `offset` whose default value is `mask`.
    #[inline]
    #[must_use]
    pub fn get_bool_field_mask(&self, offset: usize, mask: bool) -> bool {
        bool::get_field(self.data_section(), offset) ^ mask
    }

    /// The pointer at `index`. Beyond the end, a pointer that stays null whatever is written.
    #[inline]
    #[must_use]
    pub fn get_pointer_field(self, index: usize) -> PointerBuilder<'a> {
        let at = self.pointer(index);
        PointerBuilder {
            arena: self.arena,
            at,
        }
    }

    /// The same on a borrow: `reborrow` and `get_pointer_field` in one.
    #[inline]
    pub fn get_pointer_field_mut(&mut self, index: usize) -> PointerBuilder<'_> {
        let at = self.pointer(index);
        PointerBuilder {
            arena: self.arena,
            at,
        }
    }

    /// Whether the pointer at `index` is null.
    #[inline]
    #[must_use]
    pub fn is_pointer_field_null(&self, index: usize) -> bool {
        self.arena.word(self.pointer(index)) == 0
    }

    /// Copies all fields of `other` that this struct has room for; its other fields become zero.
    ///
    /// # Errors
    /// When a pointer in `other` is bad, one of its limits is exceeded, or there is no room.
    pub fn copy_content_from(&mut self, other: &StructReader<'_>) -> Result<()> {
        copy::copy_struct_content(self.arena, self.object, self.size, other)
    }

    /// The bytes of the data section.
    #[inline]
    #[must_use]
    pub fn data_section(&self) -> &[u8] {
        self.arena
            .bytes(self.object, self.size.data as usize * WORD_BYTES)
            .unwrap_or_default()
    }

    /// The section sizes, which may be larger than the schema in use asks for.
    #[inline]
    #[must_use]
    pub fn size(&self) -> StructSize {
        self.size
    }

    /// Segment, and first word in it, of the data section. The pointer section follows.
    #[must_use]
    pub fn position(&self) -> crate::Position {
        self.arena.position(self.object)
    }

    /// Finds the field itself and not, as for reading, the data section first: that takes one check
    /// less, and setters are what building a message consists of.
    #[inline(always)]
    fn set_field<T: PrimitiveElement>(&mut self, offset: usize, value: T) {
        let (start, offset, bytes) = match T::ELEMENT_SIZE {
            ElementSize::Bit => (offset / 8, offset % 8, 1),
            _ => (offset * size_of::<T>(), 0, size_of::<T>()),
        };
        if start + bytes <= self.size.data as usize * WORD_BYTES
            && let Some(field) = self.arena.bytes_behind_mut(self.object, start, bytes)
        {
            T::set_field(field, offset, value);
        }
    }

    #[inline]
    fn pointer(&self, index: usize) -> Location {
        if index < self.size.pointers as usize {
            self.object.plus_words(self.size.data as usize + index)
        } else {
            Location::NOWHERE
        }
    }
}

impl core::fmt::Debug for StructBuilder<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "StructBuilder({:?} at {:?})", self.size, self.position())
    }
}

fn read(arena: &DynArena, object: Location, size: StructSize) -> StructReader<'_> {
    if !arena.contains(object, size.total() as usize * WORD_BYTES) {
        return StructReader::new_default();
    }
    StructReader {
        segment: segment(arena, object.segment),
        data: arena
            .bytes(object, size.data as usize * WORD_BYTES)
            .unwrap_or_default(),
        pointers_word: arena.word_index(object) + u32::from(size.data),
        pointer_count: size.pointers,
    }
}

/// A segment under construction as readers see it; empty when there is none.
pub(crate) fn segment(arena: &DynArena, id: u32) -> SegmentRef<'_> {
    let bytes = match arena.segments.buffers.get(id as usize) {
        Some(buffer) => buffer.content(),
        None => &[],
    };
    SegmentRef {
        arena: &arena.segments,
        bytes,
        id,
        nesting_limit: i32::MAX,
    }
}

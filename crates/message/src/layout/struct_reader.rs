use super::equality::Equality;
use super::pointer_reader::PointerReader;
use super::primitive::PrimitiveElement;
use super::resolve::SegmentRef;
use super::wire::StructSize;
use crate::{MessageSize, Result, WORD_BYTES};

/// A struct in a message, of whatever version of the schema its sender had: fields beyond its end
/// read as their defaults.
#[derive(Clone, Copy)]
pub struct StructReader<'a> {
    pub(crate) segment: SegmentRef<'a>,
    /// Whole words, except in an element of a primitive list that is read as a struct.
    pub(crate) data: &'a [u8],
    pub(crate) pointers_word: u32,
    pub(crate) pointer_count: u16,
}

impl<'a> StructReader<'a> {
    /// A struct without content: every field has its default value.
    #[must_use]
    pub const fn new_default() -> Self {
        Self {
            segment: SegmentRef::EMPTY,
            data: &[],
            pointers_word: 0,
            pointer_count: 0,
        }
    }

    /// The field at `offset`, counted in the field's own size; the zero value beyond the end.
    #[inline]
    #[must_use]
    pub fn get_data_field<T: PrimitiveElement>(&self, offset: usize) -> T {
        T::get_field(self.data, offset)
    }

    /// The field at `offset` with the default value `mask`.
    #[inline]
    #[must_use]
    pub fn get_data_field_mask<T: PrimitiveElement>(&self, offset: usize, mask: T::Mask) -> T {
        T::get_field(self.data, offset).mask(mask)
    }

    /// The Bool at bit `offset`.
    #[inline]
    #[must_use]
    pub fn get_bool_field(&self, offset: usize) -> bool {
        bool::get_field(self.data, offset)
    }

    /// The Bool at bit `offset` with the default value `mask`.
    #[inline]
    #[must_use]
    pub fn get_bool_field_mask(&self, offset: usize, mask: bool) -> bool {
        bool::get_field(self.data, offset) ^ mask
    }

    /// The pointer at `index`; null beyond the end.
    #[inline]
    #[must_use]
    pub fn get_pointer_field(&self, index: usize) -> PointerReader<'a> {
        if index < self.pointer_count as usize {
            self.segment.pointer(self.pointers_word + index as u32)
        } else {
            self.segment.null_pointer()
        }
    }

    /// Whether the pointer at `index` is null.
    #[inline]
    #[must_use]
    pub fn is_pointer_field_null(&self, index: usize) -> bool {
        self.get_pointer_field(index).is_null()
    }

    /// The bytes of the data section, as long as the sender's version of the struct has it.
    #[inline]
    #[must_use]
    pub fn data_section(&self) -> &'a [u8] {
        self.data
    }

    /// Pointers in the pointer section.
    #[inline]
    #[must_use]
    pub fn pointer_count(&self) -> u16 {
        self.pointer_count
    }

    /// Index of the segment the struct lies in.
    #[inline]
    #[must_use]
    pub fn segment_id(&self) -> u32 {
        self.segment.id
    }

    /// Index, in its segment, of the pointer section's first word.
    #[inline]
    #[must_use]
    pub fn pointers_word(&self) -> u32 {
        self.pointers_word
    }

    /// The section sizes, the data section's rounded up to words.
    #[must_use]
    pub fn size(&self) -> StructSize {
        StructSize {
            data: self.data.len().div_ceil(WORD_BYTES) as u16,
            pointers: self.pointer_count,
        }
    }

    /// Size of the struct and everything it points to. Counts against the traversal limit.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn total_size(&self) -> Result<MessageSize> {
        super::runs::struct_total_size(self)
    }

    /// Whether two structs hold the same, capabilities aside. How they are stored does not matter,
    /// except that lists with elements of different sizes differ. Counts against both traversal
    /// limits.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn equals(&self, other: &StructReader<'_>) -> Result<Equality> {
        super::equality::structs(self, other)
    }
}

impl Default for StructReader<'_> {
    fn default() -> Self {
        Self::new_default()
    }
}

impl core::fmt::Debug for StructReader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StructReader")
            .field("segment", &self.segment.id)
            .field("data_bytes", &self.data.len())
            .field("pointer_count", &self.pointer_count)
            .finish()
    }
}

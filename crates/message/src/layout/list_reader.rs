use alloc::string::String;

use super::equality::Equality;
use super::pointer_reader::PointerReader;
use super::primitive::PrimitiveElement;
use super::resolve::SegmentRef;
use super::struct_reader::StructReader;
use super::wire::{ElementSize, StructSize};
use crate::{Error, ErrorKind, MessageSize, Position, Result, WORD_BYTES};

/// A list in a message. Elements can be read as anything the format lets them be upgraded to.
#[derive(Clone, Copy)]
pub struct ListReader<'a> {
    pub(crate) segment: SegmentRef<'a>,
    /// The elements, without an inline composite's tag and without padding.
    pub(crate) content: &'a [u8],
    /// Where `content` starts in its segment.
    pub(crate) start_word: u32,
    pub(crate) count: u32,
    pub(crate) step_bits: u32,
    pub(crate) element_size: ElementSize,
    /// Data in one element when it is seen as a struct.
    pub(crate) struct_data_bits: u32,
    pub(crate) struct_pointers: u16,
}

impl<'a> ListReader<'a> {
    /// A list without elements.
    #[must_use]
    pub const fn new_default() -> Self {
        Self {
            segment: SegmentRef::EMPTY,
            content: &[],
            start_word: 0,
            count: 0,
            step_bits: 0,
            element_size: ElementSize::Void,
            struct_data_bits: 0,
            struct_pointers: 0,
        }
    }

    /// Elements in the list.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are no elements.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How the sender laid the elements out.
    #[inline]
    #[must_use]
    pub fn element_size(&self) -> ElementSize {
        self.element_size
    }

    /// Bits from one element to the next.
    #[inline]
    #[must_use]
    pub fn step_bits(&self) -> u32 {
        self.step_bits
    }

    /// The elements as they stand in the message, without an inline composite's tag and without
    /// the padding behind the last.
    #[inline]
    #[must_use]
    pub fn raw_bytes(&self) -> &'a [u8] {
        self.content
    }

    /// Sections of one element seen as a struct, the data section rounded up to words.
    #[inline]
    #[must_use]
    pub fn struct_size(&self) -> StructSize {
        StructSize {
            data: self.struct_data_bits.div_ceil(64) as u16,
            pointers: self.struct_pointers,
        }
    }

    /// Index of the segment the list lies in.
    #[inline]
    #[must_use]
    pub fn segment_id(&self) -> u32 {
        self.segment.id
    }

    /// Index, in its segment, of the word where the elements start.
    #[inline]
    #[must_use]
    pub fn start_word(&self) -> u32 {
        self.start_word
    }

    /// Element `index` as a scalar: its first field when elements are structs. The zero value
    /// beyond the end.
    #[inline]
    #[must_use]
    pub fn get_element<T: PrimitiveElement>(&self, index: u32) -> T {
        T::get_element(self.content, index, self.step_bits)
    }

    /// Element `index` as a struct; an empty struct beyond the end.
    #[inline]
    #[must_use]
    pub fn get_struct_element(&self, index: u32) -> StructReader<'a> {
        if index >= self.count {
            return StructReader::new_default();
        }
        let at = index as usize * (self.step_bits as usize / 8);
        let data_bytes = self.struct_data_bits as usize / 8;
        // An inline composite's elements were checked to fit, so `at` and the pointers are inside.
        let data = self
            .content
            .get(at..)
            .and_then(|rest| rest.get(..data_bytes));
        StructReader {
            segment: self.segment.deeper(),
            data: data.unwrap_or_default(),
            pointers_word: self.start_word + ((at + data_bytes) / WORD_BYTES) as u32,
            pointer_count: self.struct_pointers,
        }
    }

    /// Element `index` as a pointer: its first pointer when elements are structs. Null beyond the
    /// end and in lists without pointers.
    #[inline]
    #[must_use]
    pub fn get_pointer_element(&self, index: u32) -> PointerReader<'a> {
        if index >= self.count || self.struct_pointers == 0 {
            return self.segment.null_pointer();
        }
        let step_words = self.step_bits / 64;
        let data_words = self.struct_data_bits / 64;
        self.segment
            .pointer(self.start_word + index * step_words + data_words)
    }

    /// Size of the list and everything it points to, an inline composite's tag included. Counts
    /// against the traversal limit.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn total_size(&self) -> Result<MessageSize> {
        super::runs::list_total_size(self)
    }

    /// Whether two lists hold the same, capabilities aside. How they are stored does not matter,
    /// except that lists with elements of different sizes differ. Counts against both traversal
    /// limits.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn equals(&self, other: &ListReader<'_>) -> Result<Equality> {
        super::equality::lists(self, other)
    }

    /// The same list, known to have elements that can be read as `expected`.
    pub(crate) fn elements_as(self, expected: ElementSize) -> Result<Self> {
        match self.check_elements(expected) {
            Ok(()) => Ok(self),
            Err(detail) => Err(Error::at(
                ErrorKind::WrongElementSize,
                self.position(),
                detail,
            )),
        }
    }

    /// Where the elements start.
    pub(crate) fn position(&self) -> Position {
        Position {
            segment: self.segment.id,
            word: self.start_word,
        }
    }

    /// Whether the elements can be read as `expected`; says why not.
    #[inline]
    pub(crate) fn check_elements(&self, expected: ElementSize) -> core::result::Result<(), String> {
        let found = self.element_size;
        let compatible = match (found, expected) {
            _ if found == expected => true,
            // Nothing is there to be read.
            _ if self.segment.bytes.is_empty() && self.count == 0 => true,
            // A bit has no address of its own, so it is never part of a struct, and bits are no
            // older version of anything, Void included.
            (ElementSize::Bit, _) => false,
            // Nothing is read.
            (_, ElementSize::Void) => true,
            (ElementSize::InlineComposite, ElementSize::Bit) => false,
            (_, ElementSize::InlineComposite) => true,
            (_, expected) => {
                expected.data_bits() <= self.struct_data_bits
                    && expected.pointers() <= self.struct_pointers
            }
        };
        if compatible {
            Ok(())
        } else {
            Err(self.incompatible(expected))
        }
    }

    #[cold]
    fn incompatible(&self, expected: ElementSize) -> String {
        match self.element_size {
            ElementSize::InlineComposite => text!(
                "expected a list of ",
                expected,
                " elements, found structs of ",
                self.struct_data_bits / 64,
                " data words and ",
                u32::from(self.struct_pointers),
                " pointers"
            ),
            found => text!(
                "expected a list of ",
                expected,
                " elements, found ",
                found,
                " elements"
            ),
        }
    }
}

impl Default for ListReader<'_> {
    fn default() -> Self {
        Self::new_default()
    }
}

impl core::fmt::Debug for ListReader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ListReader")
            .field("segment", &self.segment.id)
            .field("start_word", &self.start_word)
            .field("element_size", &self.element_size)
            .field("count", &self.count)
            .finish()
    }
}

use super::equality::Equality;
use super::list_reader::ListReader;
use super::resolve::SegmentRef;
use super::struct_reader::StructReader;
use super::wire::{ElementSize, StructSize, WirePointer};
use crate::arena::AnyArena;
use crate::capability::CapHandle;
use crate::{Error, ErrorKind, MessageSize, Position, Result, WORD_BYTES, Word};

/// A pointer in a message, not yet followed.
///
/// A field beyond the end of a struct's pointer section reads as a null pointer.
#[derive(Clone, Copy)]
pub struct PointerReader<'a> {
    pub(crate) segment: SegmentRef<'a>,
    /// Where the pointer stands. Only meaningful when it is not null.
    pub(crate) word: u32,
    /// The pointer's bits; zero is null.
    pub(crate) wire: u64,
}

/// What a pointer leads to, told apart without following it to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerKind {
    /// Nothing: the field has its default value.
    Null,
    /// A struct.
    Struct,
    /// A list, text or data.
    List,
    /// A capability.
    Capability,
}

impl<'a> PointerReader<'a> {
    /// A null pointer.
    #[must_use]
    pub const fn new_default() -> Self {
        Self {
            segment: SegmentRef::EMPTY,
            word: 0,
            wire: 0,
        }
    }

    /// The root of a message of one segment that needs no checking against limits: a pointer
    /// default in generated code.
    #[must_use]
    pub fn from_words(words: &'a [Word]) -> Self {
        let segment = SegmentRef {
            bytes: words.as_flattened(),
            ..SegmentRef::EMPTY
        };
        segment.pointer(0)
    }

    pub(crate) fn root(arena: &'a AnyArena<'a>, bytes: &'a [u8], nesting_limit: i32) -> Self {
        SegmentRef {
            arena,
            bytes,
            id: 0,
            nesting_limit,
        }
        .pointer(0)
    }

    /// Whether nothing is there and the field has its default value.
    #[inline]
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.wire == 0
    }

    /// Where the pointer stands. Meaningless for a null pointer, which may stand nowhere.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            segment: self.segment.id,
            word: self.word,
        }
    }

    /// The segment the pointer stands in.
    #[must_use]
    pub fn segment_bytes(&self) -> &'a [u8] {
        self.segment.bytes
    }

    /// Another segment of the message.
    #[must_use]
    pub fn other_segment_bytes(&self, id: u32) -> Option<&'a [u8]> {
        self.segment.arena.segment(id)
    }

    /// Structs and lists that may still be entered on this path.
    #[must_use]
    pub fn nesting_limit(&self) -> i32 {
        self.segment.nesting_limit
    }

    /// Words that may still be visited in the message, `usize::MAX` for any number.
    #[must_use]
    pub fn remaining_words(&self) -> usize {
        self.segment.arena.limiter.remaining()
    }

    /// Counts words visited by other means than readers.
    ///
    /// # Errors
    /// When the traversal limit is exceeded.
    pub fn charge_words(&self, words: usize) -> Result<()> {
        u32::try_from(words).map_or_else(
            |_| Err(self.traversal_exceeded()),
            |words| self.charge(words),
        )
    }

    /// The pointer's own eight bytes as a little-endian number.
    #[must_use]
    pub fn raw(&self) -> u64 {
        self.wire
    }

    /// What the pointer leads to.
    ///
    /// # Errors
    /// For far pointers into nowhere and reserved kinds.
    pub fn kind(&self) -> Result<PointerKind> {
        match WirePointer::decode(self.wire) {
            WirePointer::Null => Ok(PointerKind::Null),
            WirePointer::Struct { .. } => Ok(PointerKind::Struct),
            WirePointer::List { .. } => Ok(PointerKind::List),
            WirePointer::Capability { .. } => Ok(PointerKind::Capability),
            WirePointer::Far { .. } => self.through_far(Self::kind),
            WirePointer::Reserved => Err(self.wrong_kind("a struct, a list or a capability")),
        }
    }

    /// The struct, or what `default` holds when the pointer is null, or an empty struct.
    ///
    /// # Errors
    /// When the pointer is bad or a limit is exceeded.
    #[inline]
    pub fn get_struct(&self, default: Option<&'a [Word]>) -> Result<StructReader<'a>> {
        // Asked for one kind only, because telling all of them apart takes a jump table.
        match WirePointer::as_struct(self.wire) {
            Some((offset_words, size)) => self.near_struct(offset_words, size),
            None => self.get_other_struct(default),
        }
    }

    #[inline(never)]
    fn get_other_struct(&self, default: Option<&'a [Word]>) -> Result<StructReader<'a>> {
        match WirePointer::decode(self.wire) {
            WirePointer::Null => match default {
                Some(words) => self.default_value(words).get_struct(None),
                None => Ok(StructReader::new_default()),
            },
            WirePointer::Far { .. } => self.through_far(|near| near.get_struct(None)),
            _ => Err(self.wrong_kind("a struct")),
        }
    }

    #[inline]
    fn near_struct(&self, offset_words: i32, size: StructSize) -> Result<StructReader<'a>> {
        let (start_word, content) = self.object(self.near_target(offset_words), size.total())?;
        Ok(StructReader {
            segment: self.enter()?,
            data: content
                .get(..size.data as usize * WORD_BYTES)
                .unwrap_or_default(),
            pointers_word: start_word + u32::from(size.data),
            pointer_count: size.pointers,
        })
    }

    /// The list, or what `default` holds when the pointer is null, or an empty list. `expected` is
    /// how the schema would lay the elements out; other layouts are accepted where the format
    /// allows a list to be upgraded.
    ///
    /// # Errors
    /// When the pointer is bad, the elements are incompatible or a limit is exceeded.
    #[inline]
    pub fn get_list(
        &self,
        expected: ElementSize,
        default: Option<&'a [Word]>,
    ) -> Result<ListReader<'a>> {
        // The usual case apart, so that it is short enough to become part of every caller, which
        // usually knows `expected`: a list is large to return from a function.
        match WirePointer::as_list_of(self.wire, expected) {
            Some((offset_words, count)) if expected == ElementSize::InlineComposite => {
                self.near_composite(offset_words, count)
            }
            Some((offset_words, count)) => self.near_list(offset_words, expected, count),
            None => self.get_other_list(expected, default),
        }
    }

    #[inline(never)]
    fn get_other_list(
        &self,
        expected: ElementSize,
        default: Option<&'a [Word]>,
    ) -> Result<ListReader<'a>> {
        let list = self.get_any_list(default)?;
        match list.check_elements(expected) {
            Ok(()) => Ok(list),
            Err(detail) => Err(Error::at(
                ErrorKind::WrongElementSize,
                self.position(),
                detail,
            )),
        }
    }

    /// The list, whatever its elements are.
    ///
    /// # Errors
    /// When the pointer is bad or a limit is exceeded.
    #[inline]
    pub fn get_any_list(&self, default: Option<&'a [Word]>) -> Result<ListReader<'a>> {
        match WirePointer::decode(self.wire) {
            WirePointer::List {
                offset_words,
                element_size: ElementSize::InlineComposite,
                count,
            } => self.near_composite(offset_words, count),
            WirePointer::List {
                offset_words,
                element_size,
                count,
            } => self.near_list(offset_words, element_size, count),
            WirePointer::Null => match default {
                Some(words) => self.default_value(words).get_any_list(None),
                None => Ok(ListReader::new_default()),
            },
            WirePointer::Far { .. } => self.through_far(|near| near.get_any_list(None)),
            _ => Err(self.wrong_kind("a list")),
        }
    }

    #[inline]
    fn near_list(
        &self,
        offset_words: i32,
        element_size: ElementSize,
        count: u32,
    ) -> Result<ListReader<'a>> {
        let step_bits = element_size.step_bits();
        let bits = u64::from(count) * u64::from(step_bits);
        let (start_word, content) =
            self.object(self.near_target(offset_words), bits.div_ceil(64) as u32)?;
        if step_bits == 0 {
            self.charge(count)?;
        }
        Ok(ListReader {
            segment: self.enter()?,
            content: content.get(..bits.div_ceil(8) as usize).unwrap_or_default(),
            start_word,
            count,
            step_bits,
            element_size,
            struct_data_bits: element_size.data_bits(),
            struct_pointers: element_size.pointers(),
        })
    }

    #[inline]
    fn near_composite(&self, offset_words: i32, word_count: u32) -> Result<ListReader<'a>> {
        // The tag is not counted. 29 bits and one more word: no overflow.
        let (tag_word, content) = self.object(self.near_target(offset_words), word_count + 1)?;
        let (tag, content) = content.split_at_checked(WORD_BYTES).unwrap_or_default();
        let tag = tag
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        // The tag's offset field holds the element count.
        let count = tag as u32 >> 2;
        if tag & 3 != 0 {
            return Err(self.tag_of_no_struct(tag_word, tag));
        }
        let size = StructSize {
            data: (tag >> 32) as u16,
            pointers: (tag >> 48) as u16,
        };
        let step_words = size.total();
        if u64::from(count) * u64::from(step_words) > u64::from(word_count) {
            return Err(self.tag_too_large(tag_word, tag, word_count));
        }
        if step_words == 0 {
            self.charge(count)?;
        }
        Ok(ListReader {
            segment: self.enter()?,
            content: content
                .get(..count as usize * step_words as usize * WORD_BYTES)
                .unwrap_or_default(),
            start_word: tag_word + 1,
            count,
            step_bits: step_words * 64,
            element_size: ElementSize::InlineComposite,
            struct_data_bits: u32::from(size.data) * 64,
            struct_pointers: size.pointers,
        })
    }

    /// The bytes of a Text without the NUL, or of the default's, or none.
    ///
    /// # Errors
    /// When the pointer is bad, leads to no list of bytes, or the NUL is missing.
    #[inline]
    pub fn get_text(&self, default: Option<&'a [Word]>) -> Result<crate::text::Reader<'a>> {
        if self.wire == 0 {
            return match default {
                Some(words) => self.default_value(words).get_text(None),
                None => Ok(crate::text::Reader::from_bytes(&[])),
            };
        }
        match self.byte_list("text")?.split_last() {
            Some((0, text)) => Ok(crate::text::Reader::from_bytes(text)),
            _ => Err(Error::at(
                ErrorKind::TextNotTerminated,
                self.position(),
                "text does not end with a NUL byte",
            )),
        }
    }

    /// The bytes of a Data, or of the default's, or none.
    ///
    /// # Errors
    /// When the pointer is bad or leads to no list of bytes.
    #[inline]
    pub fn get_data(&self, default: Option<&'a [Word]>) -> Result<&'a [u8]> {
        if self.wire == 0 {
            return match default {
                Some(words) => self.default_value(words).get_data(None),
                None => Ok(&[]),
            };
        }
        self.byte_list("data")
    }

    #[inline]
    fn byte_list(&self, what: &'static str) -> Result<&'a [u8]> {
        match WirePointer::as_list_of(self.wire, ElementSize::Byte) {
            Some((offset_words, count)) => {
                let words = count.div_ceil(WORD_BYTES as u32);
                let (_, content) = self.object(self.near_target(offset_words), words)?;
                Ok(content.get(..count as usize).unwrap_or_default())
            }
            None => self.other_byte_list(what),
        }
    }

    #[cold]
    fn other_byte_list(&self, what: &'static str) -> Result<&'a [u8]> {
        match WirePointer::decode(self.wire) {
            WirePointer::Far { .. } => self.through_far(|near| near.byte_list(what)),
            WirePointer::List { element_size, .. } => Err(Error::at(
                ErrorKind::WrongElementSize,
                self.position(),
                text!(
                    "expected ",
                    what,
                    ", which is a list of bytes, found a list of ",
                    element_size,
                    " elements"
                ),
            )),
            _ => Err(self.wrong_kind(what)),
        }
    }

    /// The capability; `None` when the pointer is null or the table's entry is.
    ///
    /// # Errors
    /// When the pointer is no capability or names no entry of the message's table.
    pub fn get_capability(&self) -> Result<Option<CapHandle>> {
        match self.capability_index()? {
            None => Ok(None),
            Some(index) => match self.segment.arena.cap(index) {
                Some(cap) => Ok(cap.clone()),
                None => Err(Error::at(
                    ErrorKind::UnknownCapability,
                    self.position(),
                    text!(
                        "a pointer names capability ",
                        index,
                        ", which the message's table does not have"
                    ),
                )),
            },
        }
    }

    /// The index into the capability table; `None` when the pointer is null.
    ///
    /// # Errors
    /// When the pointer is no capability.
    pub fn capability_index(&self) -> Result<Option<u32>> {
        match WirePointer::decode(self.wire) {
            WirePointer::Null => Ok(None),
            WirePointer::Capability { index } => Ok(Some(index)),
            _ => Err(self.wrong_kind("a capability")),
        }
    }

    /// Size of what the pointer leads to, transitively. Counts against the traversal limit.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn total_size(&self) -> Result<MessageSize> {
        super::runs::total_size(*self)
    }

    /// Whether two pointers lead to values that are the same, capabilities aside. How they are stored does not matter,
    /// except that lists with elements of different sizes differ. Counts against both traversal
    /// limits.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn equals(&self, other: &PointerReader<'_>) -> Result<Equality> {
        super::equality::pointers(*self, *other)
    }

    fn default_value(&self, words: &'a [Word]) -> Self {
        let mut value = Self::from_words(words);
        value.segment.nesting_limit = self.segment.nesting_limit;
        value
    }

    #[cold]
    fn wrong_kind(&self, expected: &str) -> Error {
        let found = WirePointer::decode(self.wire).name();
        Error::at(
            ErrorKind::WrongPointerKind,
            self.position(),
            text!("expected ", expected, ", found ", found),
        )
    }

    #[cold]
    fn tag_of_no_struct(&self, word: u32, tag: u64) -> Error {
        let found = WirePointer::decode(tag).name();
        self.bad_tag(
            word,
            text!(
                "the tag of an inline composite list is ",
                found,
                ", not a struct tag"
            ),
        )
    }

    #[cold]
    fn tag_too_large(&self, word: u32, tag: u64, list_words: u32) -> Error {
        let count = tag as u32 >> 2;
        let step_words = (tag >> 32) as u16 as u32 + (tag >> 48) as u32;
        self.bad_tag(
            word,
            text!(
                "the tag claims ",
                count,
                " elements of ",
                step_words,
                " words in a list of ",
                list_words,
                " words"
            ),
        )
    }

    fn bad_tag(&self, word: u32, detail: alloc::string::String) -> Error {
        let position = Position {
            segment: self.segment.id,
            word,
        };
        Error::at(ErrorKind::InvalidTag, position, detail)
    }
}

impl Default for PointerReader<'_> {
    fn default() -> Self {
        Self::new_default()
    }
}

impl core::fmt::Debug for PointerReader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "PointerReader({:?} at {:?})",
            WirePointer::decode(self.wire),
            self.position()
        )
    }
}

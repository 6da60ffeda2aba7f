use super::built::Built;
use super::copy;
use super::grow::{grow_list, grow_struct};
use super::list_builder::{ListBuilder, Shape};
use super::list_reader::ListReader;
use super::pointer_reader::PointerReader;
use super::struct_builder::{StructBuilder, segment};
use super::struct_reader::StructReader;
use super::wire::{
    EMPTY_STRUCT, ElementSize, MAX_COUNT, StructSize, capability_pointer, list_tag, struct_tag,
};
use crate::arena::{DynArena, Location};
use crate::capability::CapHandle;
use crate::{Error, ErrorKind, Position, Result, WORD_BYTES, Word};

/// A pointer in a message under construction.
///
/// The `init_` and `set_` methods make a new object and forget the old one, whose words are zeroed.
/// They do not fail: when there is no room, the pointer stays null, what is written to the object
/// goes nowhere, and the message remembers the error (`message::Builder::error`).
pub struct PointerBuilder<'a> {
    pub(crate) arena: &'a mut DynArena,
    pub(crate) at: Location,
}

impl<'a> PointerBuilder<'a> {
    /// Borrows again, for one more use of the same pointer.
    #[inline]
    pub fn reborrow(&mut self) -> PointerBuilder<'_> {
        PointerBuilder {
            arena: self.arena,
            at: self.at,
        }
    }

    /// The pointer as it stands.
    #[inline]
    #[must_use]
    pub fn as_reader(&self) -> PointerReader<'_> {
        read(self.arena, self.at)
    }

    /// The pointer as it stands, for as long as the message stays borrowed.
    #[inline]
    #[must_use]
    pub fn into_reader(self) -> PointerReader<'a> {
        read(self.arena, self.at)
    }

    /// Whether nothing is there.
    #[inline]
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.arena.word(self.at) == 0
    }

    /// Makes the pointer null and zeroes what it led to.
    #[inline]
    pub fn clear(&mut self) {
        self.arena.clear(self.at);
    }

    /// Where the pointer stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.arena.position(self.at)
    }

    /// Keeps an error for whoever sends the message. For setters that cannot return one.
    pub fn fail(&mut self, error: Error) {
        self.arena.fail(error);
    }

    /// A new struct, all zero.
    #[inline]
    pub fn init_struct(self, size: StructSize) -> StructBuilder<'a> {
        let object = if size.total() == 0 {
            self.arena.clear(self.at);
            self.arena.set_word(self.at, EMPTY_STRUCT);
            self.at
        } else {
            self.arena
                .init_object(self.at, struct_tag(size), size.total() as usize, &[])
        };
        StructBuilder {
            arena: self.arena,
            object,
            size,
        }
    }

    /// The struct, at least as large as `size`; a copy of `default`, or a new one, when the pointer
    /// is null. A smaller struct is moved to a larger place, with everything it holds.
    ///
    /// # Errors
    /// When something else than a struct is there.
    #[inline]
    pub fn get_struct(
        mut self,
        size: StructSize,
        default: Option<&[Word]>,
    ) -> Result<StructBuilder<'a>> {
        if !self.or_default(default)? {
            return Ok(self.init_struct(size));
        }
        match self.arena.follow(self.at)? {
            Built::Struct {
                object,
                size: found,
            } => {
                if found.data >= size.data && found.pointers >= size.pointers {
                    return Ok(StructBuilder {
                        arena: self.arena,
                        object,
                        size: found,
                    });
                }
                let size = found.union(size);
                let object = grow_struct(self.arena, self.at, object, found, size);
                Ok(StructBuilder {
                    arena: self.arena,
                    object,
                    size,
                })
            }
            found => Err(self.wrong_kind("a struct", found)),
        }
    }

    /// A new list of scalars or pointers, all zero. Structs: [`Self::init_struct_list`].
    #[inline]
    pub fn init_list(self, element_size: ElementSize, count: u32) -> ListBuilder<'a> {
        let words = (u64::from(count) * u64::from(element_size.step_bits())).div_ceil(64);
        let object = if count > MAX_COUNT {
            self.arena.clear(self.at);
            self.arena.fail(too_long(u64::from(count), "elements"));
            Location::NOWHERE
        } else {
            self.arena
                .init_object(self.at, list_tag(element_size, count), words as usize, &[])
        };
        ListBuilder {
            arena: self.arena,
            shape: Shape::flat(object, element_size, count),
        }
    }

    /// The list, or a copy of `default`, or an empty list. Not for lists of structs.
    ///
    /// # Errors
    /// When something else is there, or a list whose elements cannot be seen as `element_size`.
    pub fn get_list(
        mut self,
        element_size: ElementSize,
        default: Option<&[Word]>,
    ) -> Result<ListBuilder<'a>> {
        if !self.or_default(default)? {
            return Ok(ListBuilder {
                arena: self.arena,
                shape: Shape::flat(Location::NOWHERE, element_size, 0),
            });
        }
        let shape = match self.arena.follow(self.at)? {
            Built::Flat {
                object,
                element_size,
                count,
            } => Shape::flat(object, element_size, count),
            Built::Composite {
                object,
                size,
                count,
                ..
            } => Shape::composite(object, size, count),
            found => return Err(self.wrong_kind("a list", found)),
        };
        let position = self.position();
        let list = ListBuilder {
            arena: self.arena,
            shape,
        };
        match list.as_reader().check_elements(element_size) {
            Ok(()) => Ok(list),
            Err(detail) => Err(Error::at(ErrorKind::WrongElementSize, position, detail)),
        }
    }

    /// A new list of structs, all zero.
    #[inline]
    pub fn init_struct_list(self, count: u32, size: StructSize) -> ListBuilder<'a> {
        let pointer = self.at;
        let object = new_struct_list(self.arena, count, size, |arena, tag, words, content| {
            arena.init_object(pointer, tag, words, content)
        });
        if object.is_nowhere() {
            self.arena.clear(pointer);
        }
        ListBuilder {
            arena: self.arena,
            shape: Shape::composite(object, size, count),
        }
    }

    /// The list of structs, each at least as large as `size`; a copy of `default`, or an empty
    /// list, when the pointer is null. Smaller elements are moved to a larger place.
    ///
    /// # Errors
    /// When something else is there, or a list of Bools, which cannot become structs.
    pub fn get_struct_list(
        mut self,
        size: StructSize,
        default: Option<&[Word]>,
    ) -> Result<ListBuilder<'a>> {
        if !self.or_default(default)? {
            return Ok(ListBuilder {
                arena: self.arena,
                shape: Shape::composite(Location::NOWHERE, size, 0),
            });
        }
        let shape = match self.arena.follow(self.at)? {
            Built::Composite {
                object,
                size: found,
                count,
                ..
            } if found.data >= size.data && found.pointers >= size.pointers => {
                Shape::composite(object, found, count)
            }
            Built::Composite {
                object,
                size: found,
                count,
                ..
            } => {
                let old = Shape::composite(object, found, count);
                let size = found.union(size);
                Shape::composite(
                    grow_list(self.arena, self.at, &old, count, size),
                    size,
                    count,
                )
            }
            Built::Flat {
                element_size: ElementSize::Bit,
                count,
                ..
            } if count > 0 => {
                return Err(Error::at(
                    ErrorKind::WrongElementSize,
                    self.position(),
                    "expected a list of structs, found a list of Bools, which cannot become one",
                ));
            }
            Built::Flat {
                object,
                element_size,
                count,
            } => {
                let old = Shape::flat(object, element_size, count);
                let found = StructSize {
                    data: element_size.data_bits().div_ceil(64) as u16,
                    pointers: element_size.pointers(),
                };
                let size = found.union(size);
                Shape::composite(
                    grow_list(self.arena, self.at, &old, count, size),
                    size,
                    count,
                )
            }
            found => return Err(self.wrong_kind("a list of structs", found)),
        };
        Ok(ListBuilder {
            arena: self.arena,
            shape,
        })
    }

    /// A new Text of `bytes` zero bytes, the NUL behind them not counted.
    pub fn init_text(self, bytes: u32) -> crate::text::Builder<'a> {
        let object = new_bytes(self.arena, self.at, &[], bytes as usize, 1);
        let content = self
            .arena
            .bytes_mut(object, bytes as usize)
            .unwrap_or_default();
        crate::text::Builder::new(content)
    }

    /// A new Text with this content, which should be UTF-8.
    #[inline]
    pub fn set_text(self, text: &[u8]) {
        new_bytes(self.arena, self.at, text, text.len(), 1);
    }

    /// The Text, or a copy of `default`, or an empty Text.
    ///
    /// # Errors
    /// When something else is there, or a list of bytes without a NUL at the end.
    pub fn get_text(mut self, default: Option<&[Word]>) -> Result<crate::text::Builder<'a>> {
        if !self.or_default(default)? {
            return Ok(crate::text::Builder::full(&mut []));
        }
        let position = self.position();
        let bytes = self.existing_bytes("text")?;
        match bytes.split_last_mut() {
            Some((0, text)) => Ok(crate::text::Builder::full(text)),
            _ => Err(Error::at(
                ErrorKind::TextNotTerminated,
                position,
                "text does not end with a NUL byte",
            )),
        }
    }

    /// A new Data of `bytes` zero bytes.
    pub fn init_data(self, bytes: u32) -> &'a mut [u8] {
        let object = new_bytes(self.arena, self.at, &[], bytes as usize, 0);
        self.arena
            .bytes_mut(object, bytes as usize)
            .unwrap_or_default()
    }

    /// A new Data with this content.
    #[inline]
    pub fn set_data(self, data: &[u8]) {
        new_bytes(self.arena, self.at, data, data.len(), 0);
    }

    /// The Data, or a copy of `default`, or an empty Data.
    ///
    /// # Errors
    /// When something else is there.
    pub fn get_data(mut self, default: Option<&[Word]>) -> Result<&'a mut [u8]> {
        if !self.or_default(default)? {
            return Ok(&mut []);
        }
        self.existing_bytes("data")
    }

    /// Appends the capability to the message's table and points to it.
    pub fn set_capability(self, cap: CapHandle) {
        let index = self.arena.segments.caps.len() as u32;
        self.arena.segments.caps.push(Some(cap));
        self.set_capability_index(index);
    }

    /// Points to an entry of a capability table that someone else keeps.
    pub fn set_capability_index(self, index: u32) {
        self.arena.clear(self.at);
        self.arena.set_word(self.at, capability_pointer(index));
    }

    /// The capability; `None` when the pointer is null or the table's entry is.
    ///
    /// # Errors
    /// When the pointer is no capability or names no entry of the message's table.
    pub fn get_capability(&self) -> Result<Option<CapHandle>> {
        self.as_reader().get_capability()
    }

    /// A deep copy of a struct, of all its sender put in.
    ///
    /// # Errors
    /// When a pointer in `value` is bad, one of its limits is exceeded, or there is no room.
    pub fn set_struct(self, value: &StructReader<'_>, canonicalize: bool) -> Result<()> {
        copy::copy_struct(self.arena, self.at, value, canonicalize)
    }

    /// A deep copy of a list.
    ///
    /// # Errors
    /// When a pointer in `value` is bad, one of its limits is exceeded, or there is no room.
    pub fn set_list(self, value: &ListReader<'_>, canonicalize: bool) -> Result<()> {
        copy::copy_list(self.arena, self.at, value, canonicalize)
    }

    /// A deep copy of whatever `value` points to, null included.
    ///
    /// # Errors
    /// When a pointer in `value` is bad, one of its limits is exceeded, or there is no room.
    pub fn copy_from(self, value: PointerReader<'_>, canonicalize: bool) -> Result<()> {
        copy::copy_pointer(self.arena, self.at, value, canonicalize)
    }

    /// Points at a struct that a foreign encoder has put at `word` of this pointer's own segment.
    ///
    /// # Errors
    /// When the struct would not lie in the words in use.
    pub fn point_at_struct(self, word: u32, size: StructSize) -> Result<()> {
        let object = self.arena.location(self.at.segment, word);
        if !self
            .arena
            .contains(object, size.total() as usize * WORD_BYTES)
        {
            return Err(Error::at(
                ErrorKind::OutOfBounds,
                self.position(),
                text!(
                    "a struct of ",
                    size.total(),
                    " words at word ",
                    word,
                    " lies outside the words in use"
                ),
            ));
        }
        self.arena.clear(self.at);
        self.arena.point(self.at, struct_tag(size), object);
        Ok(())
    }

    /// Gives a null pointer its default value; `false` when it still is null.
    #[inline]
    fn or_default(&mut self, default: Option<&[Word]>) -> Result<bool> {
        if let (true, Some(words)) = (self.is_null(), default) {
            copy::copy_pointer(self.arena, self.at, PointerReader::from_words(words), false)?;
        }
        Ok(!self.is_null())
    }

    fn existing_bytes(self, what: &'static str) -> Result<&'a mut [u8]> {
        match self.arena.follow(self.at)? {
            Built::Flat {
                object,
                element_size: ElementSize::Byte,
                count,
            } => Ok(self
                .arena
                .bytes_mut(object, count as usize)
                .unwrap_or_default()),
            found => Err(self.wrong_kind(what, found)),
        }
    }

    #[cold]
    fn wrong_kind(&self, expected: &str, found: Built) -> Error {
        let found = match found {
            Built::Null => "a null pointer",
            Built::Struct { .. } => "a struct",
            Built::Flat { element_size, .. } => match element_size {
                ElementSize::Pointer => "a list of pointers",
                _ => "a list of scalars",
            },
            Built::Composite { .. } => "a list of structs",
            Built::Capability { .. } => "a capability",
        };
        Error::at(
            ErrorKind::WrongPointerKind,
            self.position(),
            text!("expected ", expected, ", found ", found),
        )
    }
}

impl core::fmt::Debug for PointerBuilder<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PointerBuilder({:?})", self.as_reader())
    }
}

pub(crate) fn read(arena: &DynArena, at: Location) -> PointerReader<'_> {
    if arena.contains(at, WORD_BYTES) {
        segment(arena, at.segment).pointer(arena.word_index(at))
    } else {
        PointerReader::new_default()
    }
}

/// A new list of bytes: `content`, then zeroes up to `len`, then `extra` more that count too.
#[inline]
fn new_bytes(
    arena: &mut DynArena,
    pointer: Location,
    content: &[u8],
    len: usize,
    extra: usize,
) -> Location {
    let count = len.saturating_add(extra);
    if count > MAX_COUNT as usize {
        arena.clear(pointer);
        arena.fail(too_long(count as u64, "bytes"));
        return Location::NOWHERE;
    }
    let tag = list_tag(ElementSize::Byte, count as u32);
    arena.init_object(pointer, tag, count.div_ceil(WORD_BYTES), content)
}

/// Room for the elements of an inline composite list, which `allocate` finds for a list pointer, a
/// number of words and what they begin with.
#[inline]
pub(super) fn new_struct_list(
    arena: &mut DynArena,
    count: u32,
    size: StructSize,
    allocate: impl FnOnce(&mut DynArena, u64, usize, &[u8]) -> Location,
) -> Location {
    let words = u64::from(count) * u64::from(size.total());
    // The tag keeps the count in the offset's 30 signed bits.
    if words > u64::from(MAX_COUNT) || count > MAX_COUNT {
        arena.fail(too_long(words, "words"));
        return Location::NOWHERE;
    }
    let tag = list_tag(ElementSize::InlineComposite, words as u32);
    let element_tag = struct_tag(size) | u64::from(count) << 2;
    let tag_at = allocate(arena, tag, words as usize + 1, &element_tag.to_le_bytes());
    if tag_at.is_nowhere() {
        tag_at
    } else {
        tag_at.plus_words(1)
    }
}

#[cold]
pub(super) fn too_long(count: u64, unit: &str) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        text!(
            "a list of ",
            count,
            " ",
            unit,
            " is longer than the format allows (",
            MAX_COUNT,
            ")"
        ),
    )
}

//! UTF-8 text.

use core::fmt;
use core::str::Utf8Error;

use crate::layout::{PointerBuilder, PointerReader};
use crate::traits::{FromPointerBuilder, FromPointerReader, SetterInput};
use crate::{Result, Word};

/// The type `Text`.
#[derive(Clone, Copy, Debug)]
pub struct Owned;

impl crate::traits::Owned for Owned {
    type Reader<'a> = Reader<'a>;
    type Builder<'a> = Builder<'a>;
}

/// Text in a message. Its bytes ought to be UTF-8; that is checked when they are used as `str`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Text from bytes, without a NUL.
    #[inline]
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, without the NUL that ends them in the message.
    #[inline]
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Length in bytes.
    #[inline]
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn to_str(self) -> core::result::Result<&'a str, Utf8Error> {
        core::str::from_utf8(self.0)
    }

    /// The text, copied.
    ///
    /// # Errors
    /// When it is not UTF-8.
    #[allow(
        clippy::inherent_to_string,
        reason = "fallible, so no Display to clash with"
    )]
    pub fn to_string(self) -> core::result::Result<alloc::string::String, Utf8Error> {
        self.to_str().map(Into::into)
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_str() {
            Ok(text) => write!(f, "{text:?}"),
            Err(_) => write!(f, "<not UTF-8> {:?}", self.0),
        }
    }
}

impl<'a> From<&'a str> for Reader<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a alloc::string::String> for Reader<'a> {
    fn from(text: &'a alloc::string::String) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Reader<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> TryFrom<Reader<'a>> for &'a str {
    type Error = Utf8Error;

    fn try_from(text: Reader<'a>) -> core::result::Result<&'a str, Utf8Error> {
        text.to_str()
    }
}

impl PartialEq<str> for Reader<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Reader<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<Reader<'_>> for str {
    fn eq(&self, other: &Reader<'_>) -> bool {
        self.as_bytes() == other.0
    }
}

impl PartialEq<Reader<'_>> for &str {
    fn eq(&self, other: &Reader<'_>) -> bool {
        self.as_bytes() == other.0
    }
}

impl crate::orphan::Resizable for Owned {
    /// The NUL at the end.
    const HIDDEN_ELEMENTS: u32 = 1;
}

impl<'a> FromPointerReader<'a> for Reader<'a> {
    #[inline]
    fn get_from_pointer(reader: &PointerReader<'a>, default: Option<&'a [Word]>) -> Result<Self> {
        reader.get_text(default)
    }
}

/// Text under construction, of a length that is fixed when it is made.
pub struct Builder<'a> {
    /// Without the NUL.
    bytes: &'a mut [u8],
    /// Where `push_str` writes next.
    filled: usize,
}

impl<'a> Builder<'a> {
    /// Empty text with room for as many bytes as there are.
    #[must_use]
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, filled: 0 }
    }

    /// Finished text.
    pub(crate) fn full(bytes: &'a mut [u8]) -> Self {
        let filled = bytes.len();
        Self { bytes, filled }
    }

    /// Borrows again.
    pub fn reborrow(&mut self) -> Builder<'_> {
        Builder {
            bytes: self.bytes,
            filled: self.filled,
        }
    }

    /// Appends text as far as there is room, and says whether all of it fitted. What does not fit
    /// is dropped whole, so that no character is cut.
    pub fn push_str(&mut self, text: &str) -> bool {
        let room = self
            .bytes
            .get_mut(self.filled..)
            .and_then(|rest| rest.get_mut(..text.len()));
        match room {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                self.filled += text.len();
                true
            }
            None => false,
        }
    }

    /// Zeroes the text; `push_str` starts over.
    pub fn clear(&mut self) {
        self.bytes.fill(0);
        self.filled = 0;
    }

    /// Length in bytes, room that is not filled included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no room at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
    }

    /// All bytes, to write. The caller keeps them UTF-8.
    #[must_use]
    pub fn as_bytes_mut(self) -> &'a mut [u8] {
        self.bytes
    }

    /// The text as it stands.
    #[must_use]
    pub fn as_reader(&self) -> Reader<'_> {
        Reader(self.bytes)
    }

    /// The text as it stands, for as long as the message stays borrowed.
    #[must_use]
    pub fn into_reader(self) -> Reader<'a> {
        Reader(self.bytes)
    }

    /// The text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn to_str(&self) -> core::result::Result<&str, Utf8Error> {
        core::str::from_utf8(self.bytes)
    }
}

impl fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_reader().fmt(f)
    }
}

impl<'a> FromPointerBuilder<'a> for Builder<'a> {
    #[inline]
    fn init_pointer(builder: PointerBuilder<'a>, length: u32) -> Self {
        builder.init_text(length)
    }

    fn get_from_pointer(builder: PointerBuilder<'a>, default: Option<&'a [Word]>) -> Result<Self> {
        builder.get_text(default)
    }
}

impl SetterInput<Owned> for Reader<'_> {
    #[inline]
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        _canonicalize: bool,
    ) -> Result<()> {
        builder.set_text(input.0);
        Ok(())
    }
}

impl<T: AsRef<str>> SetterInput<Owned> for T {
    #[inline]
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        _canonicalize: bool,
    ) -> Result<()> {
        builder.set_text(input.as_ref().as_bytes());
        Ok(())
    }
}

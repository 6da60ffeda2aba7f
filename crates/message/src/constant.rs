//! Constants of struct and list types in generated code.

use core::marker::PhantomData;

use crate::layout::PointerReader;
use crate::traits::{FromPointerReader, Owned};
use crate::{Result, Word};

/// A constant of a schema that is a message of its own: `schema_capnp::DEFAULTS.get()?`.
pub struct Reader<T> {
    words: &'static [Word],
    marker: PhantomData<fn() -> T>,
}

impl<T> Reader<T> {
    /// From the words of a message of one segment, root pointer first; none for a value that is
    /// all defaults.
    #[must_use]
    pub const fn new(words: &'static [Word]) -> Self {
        Self {
            words,
            marker: PhantomData,
        }
    }

    /// The message's words, root pointer first.
    #[must_use]
    pub const fn words(&self) -> &'static [Word] {
        self.words
    }
}

impl<T: Owned> Reader<T> {
    /// The value.
    ///
    /// # Errors
    /// Never for what a schema compiler made; when the words are no such value, otherwise.
    pub fn get(&self) -> Result<T::Reader<'static>> {
        FromPointerReader::get_from_pointer(&PointerReader::from_words(self.words), None)
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Reader<T> {}

impl<T> core::fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "constant::Reader({} words)", self.words.len())
    }
}

//! Lists of any type.

use crate::layout::{ElementSize, Equality, ListReader, PointerBuilder, PointerReader};
use crate::traits::{
    FromListReader, FromPointerBuilder, FromPointerReader, IntoInternalListReader, SetterInput,
};
use crate::{Error, ErrorKind, MessageSize, Result, Word, any_pointer, any_struct};

/// The type `AnyList`.
#[derive(Clone, Copy, Debug)]
pub struct Owned;

impl crate::traits::Owned for Owned {
    type Reader<'a> = Reader<'a>;
    type Builder<'a> = Builder<'a>;
}

impl crate::orphan::Resizable for Owned {}

/// A list whose type is found out, or does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader<'a> {
    /// The untyped view.
    pub reader: ListReader<'a>,
}

impl<'a> Reader<'a> {
    /// From the untyped view.
    #[must_use]
    pub fn new(reader: ListReader<'a>) -> Self {
        Self { reader }
    }

    /// Elements in the list.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.reader.len()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    /// How the sender laid the elements out.
    #[must_use]
    pub fn element_size(&self) -> ElementSize {
        self.reader.element_size()
    }

    /// The list as a list type such as `text_list::Reader`.
    ///
    /// # Errors
    /// When its elements cannot be read as that type's.
    pub fn get_as<T: FromListReader<'a>>(self) -> Result<T> {
        T::from_list_reader(self.reader)
    }

    /// Element `index` as a struct; an empty struct beyond the end, and in a list of Bools.
    #[must_use]
    pub fn get_struct(&self, index: u32) -> any_struct::Reader<'a> {
        if self.element_size() == ElementSize::Bit {
            return any_struct::Reader::default();
        }
        any_struct::Reader::new(self.reader.get_struct_element(index))
    }

    /// Element `index` as a pointer; null beyond the end, and in a list without pointers.
    #[must_use]
    pub fn get_pointer(&self, index: u32) -> any_pointer::Reader<'a> {
        any_pointer::Reader::new(self.reader.get_pointer_element(index))
    }

    /// Size of the list and everything it points to. Counts against the traversal limit.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn total_size(&self) -> Result<MessageSize> {
        self.reader.total_size()
    }

    /// Whether both hold the same, capabilities aside; see [`ListReader::equals`].
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn equals(&self, other: &Reader<'_>) -> Result<Equality> {
        self.reader.equals(&other.reader)
    }
}

impl<'a> FromListReader<'a> for Reader<'a> {
    fn from_list_reader(reader: ListReader<'a>) -> Result<Self> {
        Ok(Self { reader })
    }
}

impl<'a> IntoInternalListReader<'a> for Reader<'a> {
    fn into_internal_list_reader(self) -> ListReader<'a> {
        self.reader
    }
}

impl<'a> FromPointerReader<'a> for Reader<'a> {
    fn get_from_pointer(reader: &PointerReader<'a>, default: Option<&'a [Word]>) -> Result<Self> {
        Ok(Self::new(reader.get_any_list(default)?))
    }
}

impl SetterInput<Owned> for Reader<'_> {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> Result<()> {
        builder.set_list(&input.reader, canonicalize)
    }
}

/// A list of any type under construction.
#[derive(Debug)]
pub struct Builder<'a> {
    /// To the list: seen as another type, it may have to move.
    pointer: PointerBuilder<'a>,
}

impl<'a> Builder<'a> {
    /// From a pointer that is null or leads to a list.
    pub(crate) fn new(pointer: PointerBuilder<'a>) -> Self {
        Self { pointer }
    }

    /// Borrows again, for one more use of the same list.
    pub fn reborrow(&mut self) -> Builder<'_> {
        Builder::new(self.pointer.reborrow())
    }

    /// The list as a list type such as `text_list::Builder`, with its elements grown to that
    /// type's.
    ///
    /// # Errors
    /// When its elements cannot be used as that type's.
    pub fn get_as<T: FromPointerBuilder<'a>>(self) -> Result<T> {
        T::get_from_pointer(self.pointer, None)
    }

    /// The list as it stands.
    ///
    /// # Errors
    /// When the message was damaged by a foreign encoder.
    pub fn as_reader(&self) -> Result<Reader<'_>> {
        self.pointer.as_reader().get_any_list(None).map(Reader::new)
    }

    /// The list as it stands, for as long as the message stays borrowed.
    ///
    /// # Errors
    /// When the message was damaged by a foreign encoder.
    pub fn into_reader(self) -> Result<Reader<'a>> {
        self.pointer
            .into_reader()
            .get_any_list(None)
            .map(Reader::new)
    }
}

impl<'a> FromPointerBuilder<'a> for Builder<'a> {
    /// A list of that many Voids; see [`any_pointer::Builder::init_as_any_list`].
    fn init_pointer(mut builder: PointerBuilder<'a>, length: u32) -> Self {
        builder.reborrow().init_list(ElementSize::Void, length);
        Self::new(builder)
    }

    fn get_from_pointer(
        mut builder: PointerBuilder<'a>,
        default: Option<&'a [Word]>,
    ) -> Result<Self> {
        // Every list can be seen as one of Voids.
        builder.reborrow().get_list(ElementSize::Void, default)?;
        Ok(Self::new(builder))
    }
}

impl<'a> FromListReader<'a> for crate::text::Reader<'a> {
    fn from_list_reader(reader: ListReader<'a>) -> Result<Self> {
        match bytes_of(reader, "text")?.split_last() {
            Some((0, text)) => Ok(Self::from_bytes(text)),
            _ => Err(Error::at(
                ErrorKind::TextNotTerminated,
                reader.position(),
                "text does not end with a NUL byte",
            )),
        }
    }
}

impl<'a> FromListReader<'a> for &'a [u8] {
    fn from_list_reader(reader: ListReader<'a>) -> Result<Self> {
        bytes_of(reader, "data")
    }
}

fn bytes_of<'a>(list: ListReader<'a>, what: &str) -> Result<&'a [u8]> {
    if list.element_size() == ElementSize::Byte {
        return Ok(list.raw_bytes());
    }
    Err(Error::at(
        ErrorKind::WrongElementSize,
        list.position(),
        alloc::format!(
            "expected {what}, which is a list of bytes, found a list of {:?} elements",
            list.element_size()
        ),
    ))
}

//! Structs of any type.

use crate::layout::{
    Equality, PointerBuilder, PointerReader, StructBuilder, StructReader, StructSize,
};
use crate::traits::{
    FromPointerBuilder, FromPointerReader, FromStructReader, IntoInternalStructReader, SetterInput,
};
use crate::{MessageSize, Result, Word, any_pointer};

/// The type `AnyStruct`.
#[derive(Clone, Copy, Debug)]
pub struct Owned;

impl crate::traits::Owned for Owned {
    type Reader<'a> = Reader<'a>;
    type Builder<'a> = Builder<'a>;
}

/// A struct whose type is found out, or does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader<'a> {
    /// The untyped view.
    pub reader: StructReader<'a>,
}

impl<'a> Reader<'a> {
    /// From the untyped view.
    #[must_use]
    pub fn new(reader: StructReader<'a>) -> Self {
        Self { reader }
    }

    /// The struct as one of type `T`. Every struct can be seen as any other.
    #[must_use]
    pub fn get_as<T: FromStructReader<'a>>(self) -> T {
        self.reader.into()
    }

    /// The bytes of the data section.
    #[must_use]
    pub fn data_section(&self) -> &'a [u8] {
        self.reader.data_section()
    }

    /// The pointers in order.
    pub fn pointer_section(&self) -> impl ExactSizeIterator<Item = any_pointer::Reader<'a>> {
        let reader = self.reader;
        (0..reader.pointer_count())
            .map(move |index| any_pointer::Reader::new(reader.get_pointer_field(index.into())))
    }

    /// Size of the struct and everything it points to. Counts against the traversal limit.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn total_size(&self) -> Result<MessageSize> {
        self.reader.total_size()
    }

    /// Whether both hold the same, capabilities aside; see [`StructReader::equals`].
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn equals(&self, other: &Reader<'_>) -> Result<Equality> {
        self.reader.equals(&other.reader)
    }
}

impl<'a> From<StructReader<'a>> for Reader<'a> {
    fn from(reader: StructReader<'a>) -> Self {
        Self { reader }
    }
}

impl<'a> IntoInternalStructReader<'a> for Reader<'a> {
    fn into_internal_struct_reader(self) -> StructReader<'a> {
        self.reader
    }
}

impl<'a> FromPointerReader<'a> for Reader<'a> {
    fn get_from_pointer(reader: &PointerReader<'a>, default: Option<&'a [Word]>) -> Result<Self> {
        Ok(Self::new(reader.get_struct(default)?))
    }
}

impl SetterInput<Owned> for Reader<'_> {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> Result<()> {
        builder.set_struct(&input.reader, canonicalize)
    }
}

/// A struct of any type under construction.
#[derive(Debug)]
pub struct Builder<'a> {
    /// To the struct: seen as a larger type, it may have to move.
    pointer: PointerBuilder<'a>,
}

impl<'a> Builder<'a> {
    /// From a pointer that is null or leads to a struct.
    pub(crate) fn new(pointer: PointerBuilder<'a>) -> Self {
        Self { pointer }
    }

    /// Borrows again, for one more use of the same struct.
    pub fn reborrow(&mut self) -> Builder<'_> {
        Builder::new(self.pointer.reborrow())
    }

    /// The struct as one of type `T`, grown to that type's size.
    ///
    /// # Errors
    /// When the message was damaged by a foreign encoder.
    pub fn get_as<T: FromPointerBuilder<'a>>(self) -> Result<T> {
        T::get_from_pointer(self.pointer, None)
    }

    /// The untyped view, at least as large as `size`.
    ///
    /// # Errors
    /// When the message was damaged by a foreign encoder.
    pub fn into_struct_builder(self, size: StructSize) -> Result<StructBuilder<'a>> {
        self.pointer.get_struct(size, None)
    }

    /// The struct as it stands.
    ///
    /// # Errors
    /// When the message was damaged by a foreign encoder.
    pub fn as_reader(&self) -> Result<Reader<'_>> {
        self.pointer.as_reader().get_struct(None).map(Reader::new)
    }

    /// The struct as it stands, for as long as the message stays borrowed.
    ///
    /// # Errors
    /// When the message was damaged by a foreign encoder.
    pub fn into_reader(self) -> Result<Reader<'a>> {
        self.pointer.into_reader().get_struct(None).map(Reader::new)
    }
}

impl<'a> FromPointerBuilder<'a> for Builder<'a> {
    /// A struct without content; see [`any_pointer::Builder::init_as_any_struct`].
    fn init_pointer(mut builder: PointerBuilder<'a>, _length: u32) -> Self {
        builder.reborrow().init_struct(StructSize::default());
        Self::new(builder)
    }

    fn get_from_pointer(
        mut builder: PointerBuilder<'a>,
        default: Option<&'a [Word]>,
    ) -> Result<Self> {
        // Fails when something else is there; makes the default when nothing is.
        builder
            .reborrow()
            .get_struct(StructSize::default(), default)?;
        Ok(Self::new(builder))
    }
}

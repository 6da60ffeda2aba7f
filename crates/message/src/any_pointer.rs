//! Pointers to anything.

use crate::capability::{CapHandle, FromCapability};
use crate::layout::{
    ElementSize, Equality, PointerBuilder, PointerKind, PointerReader, StructSize,
};
use crate::orphan::Orphan;
use crate::traits::{FromPointerBuilder, FromPointerReader, SetterInput};
use crate::{MessageSize, Result, Word, any_list, any_struct};

/// The type `AnyPointer`, and whatever an unbound type parameter stands for.
#[derive(Clone, Copy, Debug)]
pub struct Owned;

impl crate::traits::Owned for Owned {
    type Reader<'a> = Reader<'a>;
    type Builder<'a> = Builder<'a>;
}

/// A pointer to something that the reader knows the type of, or passes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader<'a> {
    /// The untyped view.
    pub reader: PointerReader<'a>,
}

impl<'a> Reader<'a> {
    /// From the untyped view.
    #[inline]
    #[must_use]
    pub fn new(reader: PointerReader<'a>) -> Self {
        Self { reader }
    }

    /// From the untyped view; null reads as what the words hold. For generated code.
    #[must_use]
    pub fn with_default(reader: PointerReader<'a>, default: &'a [Word]) -> Self {
        Self::new(if reader.is_null() {
            PointerReader::from_words(default)
        } else {
            reader
        })
    }

    /// Whether nothing is there.
    #[inline]
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.reader.is_null()
    }

    /// What is there.
    ///
    /// # Errors
    /// When the pointer is bad.
    pub fn kind(&self) -> Result<PointerKind> {
        self.reader.kind()
    }

    /// Size of what is there, transitively. Counts against the traversal limit.
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn target_size(&self) -> Result<MessageSize> {
        self.reader.total_size()
    }

    /// Whether both hold the same, capabilities aside; see [`PointerReader::equals`].
    ///
    /// # Errors
    /// When a pointer on the way is bad or a limit is exceeded.
    pub fn equals(&self, other: &Reader<'_>) -> Result<Equality> {
        self.reader.equals(&other.reader)
    }

    /// The value as a struct, list, text, data or client.
    ///
    /// # Errors
    /// When it is something else, bad, or past a limit.
    #[inline]
    pub fn get_as<T: FromPointerReader<'a>>(&self) -> Result<T> {
        T::get_from_pointer(&self.reader, None)
    }

    /// The value as a client.
    ///
    /// # Errors
    /// When it is no capability of this message.
    pub fn get_as_capability<T: FromCapability>(&self) -> Result<T> {
        Ok(T::from_cap(self.reader.get_capability()?))
    }

    /// Pointer `index` of the struct that this points to: one step of a promised answer's transform.
    ///
    /// # Errors
    /// When no struct is there.
    pub fn get_pointer_field(&self, index: u16) -> Result<Reader<'a>> {
        let object = self.reader.get_struct(None)?;
        Ok(Self::new(object.get_pointer_field(index.into())))
    }
}

impl<'a> FromPointerReader<'a> for Reader<'a> {
    #[inline]
    fn get_from_pointer(reader: &PointerReader<'a>, default: Option<&'a [Word]>) -> Result<Self> {
        Ok(match default {
            Some(words) => Self::with_default(*reader, words),
            None => Self::new(*reader),
        })
    }
}

impl SetterInput<Owned> for Reader<'_> {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> Result<()> {
        builder.copy_from(input.reader, canonicalize)
    }
}

/// A pointer under construction, to be set to anything.
#[derive(Debug)]
pub struct Builder<'a> {
    /// The untyped view.
    pub builder: PointerBuilder<'a>,
}

impl<'a> Builder<'a> {
    /// From the untyped view.
    #[inline]
    #[must_use]
    pub fn new(builder: PointerBuilder<'a>) -> Self {
        Self { builder }
    }

    /// From the untyped view; null becomes a copy of what the words hold. For generated code: if
    /// there is no room for the copy, the message keeps the error (see
    /// [`Builder::error`](crate::message::Builder::error)).
    #[must_use]
    pub fn with_default(mut builder: PointerBuilder<'a>, default: &[Word]) -> Self {
        if builder.is_null()
            && let Err(error) = builder
                .reborrow()
                .copy_from(PointerReader::from_words(default), false)
        {
            builder.fail(error);
        }
        Self::new(builder)
    }

    /// Borrows again, for one more use of the same pointer.
    #[inline]
    pub fn reborrow(&mut self) -> Builder<'_> {
        Builder {
            builder: self.builder.reborrow(),
        }
    }

    /// Whether nothing is there.
    #[inline]
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.builder.is_null()
    }

    /// Size of what is there, transitively.
    ///
    /// # Errors
    /// When a pointer on the way is bad.
    pub fn target_size(&self) -> Result<MessageSize> {
        self.builder.as_reader().total_size()
    }

    /// What is there as a struct, list, text, data or client.
    ///
    /// # Errors
    /// When it is something else.
    #[inline]
    pub fn get_as<T: FromPointerBuilder<'a>>(self) -> Result<T> {
        T::get_from_pointer(self.builder, None)
    }

    /// A new value: a struct, or a list, text or data of no length.
    #[inline]
    pub fn init_as<T: FromPointerBuilder<'a>>(self) -> T {
        T::init_pointer(self.builder, 0)
    }

    /// A new list, text or data of `length` elements or bytes.
    #[inline]
    pub fn initn_as<T: FromPointerBuilder<'a>>(self, length: u32) -> T {
        T::init_pointer(self.builder, length)
    }

    /// Copies a value in, as the type `T`: `set_as::<text::Owned>("Ada")`.
    ///
    /// # Errors
    /// When the value is a message with a bad pointer or past its limits, or there is no room.
    pub fn set_as<T: crate::traits::Owned>(&mut self, value: impl SetterInput<T>) -> Result<()> {
        SetterInput::set_pointer_builder(self.builder.reborrow(), value, false)
    }

    /// Sets the pointer to a capability.
    pub fn set_as_capability(&mut self, cap: CapHandle) {
        self.builder.reborrow().set_capability(cap);
    }

    /// Takes what is here out of the tree, leaving a null pointer.
    pub fn disown<T>(self) -> Orphan<T> {
        self.builder.disown()
    }

    /// Puts an orphan of the same message here.
    ///
    /// # Errors
    /// When it came from another message.
    pub fn adopt<T>(self, orphan: Orphan<T>) -> Result<()> {
        self.builder.adopt(orphan)
    }

    /// A new struct of any size, all zero.
    pub fn init_as_any_struct(mut self, size: StructSize) -> any_struct::Builder<'a> {
        self.builder.reborrow().init_struct(size);
        any_struct::Builder::new(self.builder)
    }

    /// A new list of scalars or pointers, all zero.
    pub fn init_as_any_list(
        mut self,
        element_size: ElementSize,
        count: u32,
    ) -> any_list::Builder<'a> {
        self.builder.reborrow().init_list(element_size, count);
        any_list::Builder::new(self.builder)
    }

    /// Makes the pointer null.
    pub fn clear(&mut self) {
        self.builder.clear();
    }

    /// The pointer as it stands.
    #[must_use]
    pub fn as_reader(&self) -> Reader<'_> {
        Reader::new(self.builder.as_reader())
    }

    /// The pointer as it stands, for as long as the message stays borrowed.
    #[must_use]
    pub fn into_reader(self) -> Reader<'a> {
        Reader::new(self.builder.into_reader())
    }
}

impl<'a> FromPointerBuilder<'a> for Builder<'a> {
    #[inline]
    fn init_pointer(mut builder: PointerBuilder<'a>, _length: u32) -> Self {
        builder.clear();
        Self::new(builder)
    }

    fn get_from_pointer(
        mut builder: PointerBuilder<'a>,
        default: Option<&'a [Word]>,
    ) -> Result<Self> {
        if let (true, Some(words)) = (builder.is_null(), default) {
            builder
                .reborrow()
                .copy_from(PointerReader::from_words(words), false)?;
        }
        Ok(Self::new(builder))
    }
}

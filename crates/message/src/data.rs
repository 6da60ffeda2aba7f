//! Bytes.

use crate::layout::{PointerBuilder, PointerReader};
use crate::traits::{FromPointerBuilder, FromPointerReader, SetterInput};
use crate::{Result, Word};

/// The type `Data`.
#[derive(Clone, Copy, Debug)]
pub struct Owned;

impl crate::traits::Owned for Owned {
    type Reader<'a> = Reader<'a>;
    type Builder<'a> = Builder<'a>;
}

impl crate::orphan::Resizable for Owned {}

/// Bytes in a message.
pub type Reader<'a> = &'a [u8];

/// Bytes under construction, of a length that is fixed when they are made.
pub type Builder<'a> = &'a mut [u8];

impl<'a> FromPointerReader<'a> for &'a [u8] {
    #[inline]
    fn get_from_pointer(reader: &PointerReader<'a>, default: Option<&'a [Word]>) -> Result<Self> {
        reader.get_data(default)
    }
}

impl<'a> FromPointerBuilder<'a> for &'a mut [u8] {
    #[inline]
    fn init_pointer(builder: PointerBuilder<'a>, length: u32) -> Self {
        builder.init_data(length)
    }

    fn get_from_pointer(builder: PointerBuilder<'a>, default: Option<&'a [Word]>) -> Result<Self> {
        builder.get_data(default)
    }
}

impl<T: AsRef<[u8]>> SetterInput<Owned> for T {
    #[inline]
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        _canonicalize: bool,
    ) -> Result<()> {
        builder.set_data(input.as_ref());
        Ok(())
    }
}

//! Lists of text.

use crate::layout::{ElementSize, PointerBuilder};
use crate::list_macro::flat_list_type;
use crate::traits::{SetterInput, check_index, set_or_fail};
use crate::{Result, text};

flat_list_type! {
    "The type `List(Text)`.",
    <'a>,
    found as ElementSize::Pointer,
    element |list, index| -> Result<text::Reader<'a>> { list.get_pointer_element(index).get_text(None) }
}

impl<'a> Builder<'a> {
    /// Element `index`. Consumes the view: `reborrow` first to come back for another.
    ///
    /// # Errors
    /// When the element is no text.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn get(self, index: u32) -> Result<text::Builder<'a>> {
        check_index(index, self.len());
        self.builder.get_pointer_element(index).get_text(None)
    }

    /// Writes element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[inline]
    #[track_caller]
    pub fn set(&mut self, index: u32, value: impl SetterInput<text::Owned>) {
        check_index(index, self.len());
        set_or_fail(self.builder.reborrow().get_pointer_element(index), value);
    }

    /// New text of `bytes` bytes as element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn init(self, index: u32, bytes: u32) -> text::Builder<'a> {
        check_index(index, self.len());
        self.builder.get_pointer_element(index).init_text(bytes)
    }
}

impl<S: AsRef<str>> SetterInput<Owned> for &[S] {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        _canonicalize: bool,
    ) -> Result<()> {
        let count = u32::try_from(input.len()).unwrap_or(u32::MAX);
        let mut list = builder.init_list(ElementSize::Pointer, count);
        for (index, value) in (0..count).zip(input) {
            list.reborrow()
                .get_pointer_element(index)
                .set_text(value.as_ref().as_bytes());
        }
        Ok(())
    }
}

impl<S: AsRef<str>, const N: usize> SetterInput<Owned> for &[S; N] {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> Result<()> {
        SetterInput::<Owned>::set_pointer_builder(builder, input.as_slice(), canonicalize)
    }
}

impl<S: AsRef<str>> SetterInput<Owned> for &alloc::vec::Vec<S> {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> Result<()> {
        SetterInput::<Owned>::set_pointer_builder(builder, input.as_slice(), canonicalize)
    }
}

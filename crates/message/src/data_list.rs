//! Lists of data.

use crate::layout::{ElementSize, PointerBuilder};
use crate::list_macro::flat_list_type;
use crate::traits::{SetterInput, check_index, set_or_fail};
use crate::{Result, data};

flat_list_type! {
    "The type `List(Data)`.",
    <'a>,
    found as ElementSize::Pointer,
    element |list, index| -> Result<data::Reader<'a>> { list.get_pointer_element(index).get_data(None) }
}

impl<'a> Builder<'a> {
    /// Element `index`. Consumes the view: `reborrow` first to come back for another.
    ///
    /// # Errors
    /// When the element is no data.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn get(self, index: u32) -> Result<data::Builder<'a>> {
        check_index(index, self.len());
        self.builder.get_pointer_element(index).get_data(None)
    }

    /// Writes element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[inline]
    #[track_caller]
    pub fn set(&mut self, index: u32, value: impl SetterInput<data::Owned>) {
        check_index(index, self.len());
        set_or_fail(self.builder.reborrow().get_pointer_element(index), value);
    }

    /// New data of `bytes` bytes as element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn init(self, index: u32, bytes: u32) -> data::Builder<'a> {
        check_index(index, self.len());
        self.builder.get_pointer_element(index).init_data(bytes)
    }
}

impl<S: AsRef<[u8]>> SetterInput<Owned> for &[S] {
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
                .set_data(value.as_ref());
        }
        Ok(())
    }
}

impl<S: AsRef<[u8]>, const N: usize> SetterInput<Owned> for &[S; N] {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> Result<()> {
        SetterInput::<Owned>::set_pointer_builder(builder, input.as_slice(), canonicalize)
    }
}

impl<S: AsRef<[u8]>> SetterInput<Owned> for &alloc::vec::Vec<S> {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> Result<()> {
        SetterInput::<Owned>::set_pointer_builder(builder, input.as_slice(), canonicalize)
    }
}

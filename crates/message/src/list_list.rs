//! Lists of lists.

use crate::Result;
use crate::layout::ElementSize;
use crate::list_macro::flat_list_type;
use crate::traits::{FromPointerBuilder, FromPointerReader, SetterInput, check_index};

flat_list_type! {
    "The type `List(T)` for a list type `T`.",
    <'a, T: crate::traits::Owned>,
    found as ElementSize::Pointer,
    element |list, index| -> Result<T::Reader<'a>> {
        FromPointerReader::get_from_pointer(&list.get_pointer_element(index), None)
    }
}

impl<'a, T: crate::traits::Owned> Builder<'a, T> {
    /// A new list of `length` elements as element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn init(self, index: u32, length: u32) -> T::Builder<'a> {
        check_index(index, self.len());
        FromPointerBuilder::init_pointer(self.builder.get_pointer_element(index), length)
    }

    /// Element `index`. Consumes the view: `reborrow` first to come back for another.
    ///
    /// # Errors
    /// When the element is something else.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn get(self, index: u32) -> Result<T::Builder<'a>> {
        check_index(index, self.len());
        FromPointerBuilder::get_from_pointer(self.builder.get_pointer_element(index), None)
    }

    /// Copies a list into element `index`.
    ///
    /// # Errors
    /// When a pointer in `value` is bad, one of its limits is exceeded, or there is no room.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn set(&mut self, index: u32, value: impl SetterInput<T>) -> Result<()> {
        check_index(index, self.len());
        let pointer = self.builder.reborrow().get_pointer_element(index);
        SetterInput::set_pointer_builder(pointer, value, false)
    }
}

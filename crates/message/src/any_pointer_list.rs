//! Lists of pointers to anything.

use crate::Result;
use crate::any_pointer;
use crate::layout::ElementSize;
use crate::list_macro::flat_list_type;
use crate::traits::check_index;

flat_list_type! {
    "The type `List(AnyPointer)`.",
    <'a>,
    found as ElementSize::Pointer,
    element |list, index| -> Result<any_pointer::Reader<'a>> {
        Ok(any_pointer::Reader::new(list.get_pointer_element(index)))
    }
}

impl<'a> Builder<'a> {
    /// Element `index`. Consumes the view: `reborrow` first to come back for another.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    #[must_use]
    pub fn get(self, index: u32) -> any_pointer::Builder<'a> {
        check_index(index, self.len());
        any_pointer::Builder::new(self.builder.get_pointer_element(index))
    }
}

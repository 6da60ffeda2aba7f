//! Lists of structs.

use crate::Result;
use crate::layout::ElementSize;
use crate::list_macro::list_type;
use crate::traits::{HasStructSize, IntoInternalStructReader, OwnedStruct, check_index};

list_type! {
    "The type `List(T)` for a struct `T`.",
    <'a, T: OwnedStruct>,
    found as ElementSize::InlineComposite,
    element |list, index| -> T::Reader<'a> { list.get_struct_element(index).into() },
    init |builder, count| { builder.init_struct_list(count, <T::Builder<'a> as HasStructSize>::STRUCT_SIZE) },
    existing |builder, default| {
        builder.get_struct_list(<T::Builder<'a> as HasStructSize>::STRUCT_SIZE, default)
    }
}

impl<'a, T: OwnedStruct> Builder<'a, T> {
    /// Element `index`. Consumes the view: `reborrow` first to come back for another.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn get(self, index: u32) -> T::Builder<'a> {
        check_index(index, self.len());
        self.builder.get_struct_element(index).into()
    }

    /// Element `index`; `None` beyond the end.
    #[inline]
    #[must_use]
    pub fn try_get(self, index: u32) -> Option<T::Builder<'a>> {
        (index < self.len()).then(|| self.builder.get_struct_element(index).into())
    }

    /// Copies a struct into element `index`. Elements of a list are all of one size, so what this
    /// version of the schema does not know of `value` may be lost: that is the caveat.
    ///
    /// # Errors
    /// When a pointer in `value` is bad, one of its limits is exceeded, or there is no room.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn set_with_caveats<'b>(&mut self, index: u32, value: T::Reader<'b>) -> Result<()> {
        check_index(index, self.len());
        let source = value.into_internal_struct_reader();
        self.builder
            .reborrow()
            .get_struct_element(index)
            .copy_content_from(&source)
    }
}

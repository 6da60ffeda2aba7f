//! Lists of capabilities.

use crate::Result;
use crate::capability::FromCapability;
use crate::layout::ElementSize;
use crate::list_macro::flat_list_type;
use crate::traits::check_index;

flat_list_type! {
    "The type `List(T)` for an interface with the client `T`.",
    <'a, T: FromCapability>,
    found as ElementSize::Pointer,
    element |list, index| -> Result<T> {
        Ok(T::from_cap(list.get_pointer_element(index).get_capability()?))
    }
}

impl<T: FromCapability> Builder<'_, T> {
    /// Element `index`.
    ///
    /// # Errors
    /// When the element is no capability of this message.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn get(&self, index: u32) -> Result<T> {
        self.as_reader().get(index)
    }

    /// Writes element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn set(&mut self, index: u32, value: T) {
        check_index(index, self.len());
        let mut pointer = self.builder.reborrow().get_pointer_element(index);
        match value.into_cap() {
            Some(cap) => pointer.set_capability(cap),
            None => pointer.clear(),
        }
    }
}

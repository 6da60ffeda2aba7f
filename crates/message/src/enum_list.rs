//! Lists of enums.

use crate::NotInSchema;
use crate::layout::ElementSize;
use crate::list_macro::flat_list_type;
use crate::traits::check_index;

/// A generated enum.
pub trait EnumElement: TryFrom<u16, Error = NotInSchema> + Into<u16> + 'static {}
impl<T: TryFrom<u16, Error = NotInSchema> + Into<u16> + 'static> EnumElement for T {}

flat_list_type! {
    "The type `List(T)` for an enum `T`.",
    <'a, T: EnumElement>,
    found as ElementSize::TwoBytes,
    element |list, index| -> Result<T, NotInSchema> { T::try_from(list.get_element::<u16>(index)) }
}

impl<T: EnumElement> Builder<'_, T> {
    /// Element `index`.
    ///
    /// # Errors
    /// When the schema in use does not know the value.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn get(&self, index: u32) -> Result<T, NotInSchema> {
        check_index(index, self.len());
        T::try_from(self.builder.get_element::<u16>(index))
    }

    /// Writes element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[track_caller]
    pub fn set(&mut self, index: u32, value: T) {
        check_index(index, self.len());
        self.builder.set_element::<u16>(index, value.into());
    }
}

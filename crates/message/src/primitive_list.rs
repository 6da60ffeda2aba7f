//! Lists of `Void`, `Bool`, integers and floats.

use crate::Result;
use crate::layout::{PointerBuilder, PrimitiveElement};
use crate::list_macro::flat_list_type;
use crate::traits::{SetterInput, check_index};

flat_list_type! {
    "The type `List(T)` for a scalar `T`.",
    <'a, T: PrimitiveElement>,
    found as T::ELEMENT_SIZE,
    element |list, index| -> T { list.get_element(index) }
}

impl<T: PrimitiveElement> Builder<'_, T> {
    /// Element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn get(&self, index: u32) -> T {
        check_index(index, self.len());
        self.builder.get_element(index)
    }

    /// Writes element `index`.
    ///
    /// # Panics
    /// When `index` is not less than [`Self::len`].
    #[inline]
    #[track_caller]
    pub fn set(&mut self, index: u32, value: T) {
        check_index(index, self.len());
        self.builder.set_element(index, value);
    }
}

impl<T: PrimitiveElement, V: AsRef<[T]>> SetterInput<Owned<T>> for V {
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        _canonicalize: bool,
    ) -> Result<()> {
        let values = input.as_ref();
        // A length beyond 32 bits saturates, which is reported as too long.
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let mut list = builder.init_list(T::ELEMENT_SIZE, count);
        let step_bits = T::ELEMENT_SIZE.step_bits();
        let content = list.raw_bytes_mut();
        for (index, value) in (0..count).zip(values) {
            T::set_element(content, index, step_bits, *value);
        }
        Ok(())
    }
}

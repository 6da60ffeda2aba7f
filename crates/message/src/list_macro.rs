//! What all typed lists share. Each list module adds how elements are built.

/// Declares `Owned`, `Reader` and `Builder` of a list type, with everything that does not depend on
/// how elements are written.
macro_rules! list_type {
    (
        $owned_doc:literal,
        <$a:lifetime $(, $t:ident: $bound:path)?>,
        found as $element_size:expr,
        element |$list:ident, $index:ident| -> $element:ty $get:block,
        init |$init_builder:ident, $init_count:ident| $init:block,
        existing |$old_builder:ident, $old_default:ident| $old:block
    ) => {
        #[doc = $owned_doc]
        pub struct Owned$(<$t>)?($(core::marker::PhantomData<fn() -> $t>)?);

        impl$(<$t: $bound>)? crate::traits::Owned for Owned$(<$t>)? {
            type Reader<$a> = Reader<$a $(, $t)?>;
            type Builder<$a> = Builder<$a $(, $t)?>;
        }

        impl$(<$t: $bound>)? crate::orphan::Resizable for Owned$(<$t>)? {}

        /// The list in a message.
        pub struct Reader<$a $(, $t)?> {
            pub(crate) reader: crate::layout::ListReader<$a>,
            marker: core::marker::PhantomData<fn() -> ($($t,)?)>,
        }

        impl<$a $(, $t)?> Clone for Reader<$a $(, $t)?> {
            #[inline]
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$a $(, $t)?> Copy for Reader<$a $(, $t)?> {}

        impl<$a $(, $t)?> Default for Reader<$a $(, $t)?> {
            fn default() -> Self {
                Self::new(crate::layout::ListReader::new_default())
            }
        }

        impl<$a $(, $t)?> Reader<$a $(, $t)?> {
            /// A typed view of a list whose elements are known to fit.
            #[inline]
            #[must_use]
            pub fn new(reader: crate::layout::ListReader<$a>) -> Self {
                Self { reader, marker: core::marker::PhantomData }
            }

            /// Elements in the list.
            #[inline]
            #[must_use]
            pub fn len(&self) -> u32 {
                self.reader.len()
            }

            /// Whether there are no elements.
            #[inline]
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.reader.is_empty()
            }

            /// Size of the list and everything it points to. Counts against the traversal limit.
            ///
            /// # Errors
            /// When a pointer on the way is bad or a limit is exceeded.
            pub fn total_size(&self) -> crate::Result<crate::MessageSize> {
                self.reader.total_size()
            }
        }

        impl<$a $(, $t: $bound)?> Reader<$a $(, $t)?> {
            /// Element `index`.
            ///
            /// # Panics
            /// When `index` is not less than [`Self::len`], as indexing a slice does.
            #[inline]
            #[track_caller]
            pub fn get(self, index: u32) -> $element {
                crate::traits::check_index(index, self.len());
                crate::traits::IndexedList::element(&self, index)
            }

            /// Element `index`; `None` beyond the end.
            #[inline]
            pub fn try_get(self, index: u32) -> Option<$element> {
                (index < self.len()).then(|| crate::traits::IndexedList::element(&self, index))
            }

            /// All elements in order.
            #[inline]
            pub fn iter(self) -> crate::traits::ListIter<Self> {
                crate::traits::ListIter::new(self)
            }
        }

        impl<$a $(, $t: $bound)?> crate::traits::IndexedList for Reader<$a $(, $t)?> {
            type Element = $element;

            #[inline]
            fn element_count(&self) -> u32 {
                self.reader.len()
            }

            #[inline]
            fn element(&self, $index: u32) -> $element {
                let $list = &self.reader;
                $get
            }
        }

        impl<$a $(, $t: $bound)?> IntoIterator for Reader<$a $(, $t)?> {
            type Item = $element;
            type IntoIter = crate::traits::ListIter<Self>;

            #[inline]
            fn into_iter(self) -> Self::IntoIter {
                self.iter()
            }
        }

        impl<$a $(, $t: $bound)?> core::fmt::Debug for Reader<$a $(, $t)?>
        where
            $element: core::fmt::Debug,
        {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_list().entries(self.iter()).finish()
            }
        }

        impl<$a $(, $t: $bound)?> crate::traits::FromPointerReader<$a> for Reader<$a $(, $t)?> {
            #[inline]
            fn get_from_pointer(
                reader: &crate::layout::PointerReader<$a>,
                default: Option<&$a [crate::Word]>,
            ) -> crate::Result<Self> {
                Ok(Self::new(reader.get_list($element_size, default)?))
            }
        }

        impl<$a $(, $t: $bound)?> crate::traits::FromListReader<$a> for Reader<$a $(, $t)?> {
            fn from_list_reader(reader: crate::layout::ListReader<$a>) -> crate::Result<Self> {
                Ok(Self::new(reader.elements_as($element_size)?))
            }
        }

        impl<$a $(, $t)?> crate::traits::IntoInternalListReader<$a> for Reader<$a $(, $t)?> {
            #[inline]
            fn into_internal_list_reader(self) -> crate::layout::ListReader<$a> {
                self.reader
            }
        }

        impl<$a $(, $t: $bound)?> crate::traits::SetterInput<Owned$(<$t>)?> for Reader<$a $(, $t)?> {
            #[inline]
            fn set_pointer_builder(
                builder: crate::layout::PointerBuilder<'_>,
                input: Self,
                canonicalize: bool,
            ) -> crate::Result<()> {
                builder.set_list(&input.reader, canonicalize)
            }
        }

        /// The list under construction, of a length that is fixed when it is made.
        pub struct Builder<$a $(, $t)?> {
            pub(crate) builder: crate::layout::ListBuilder<$a>,
            marker: core::marker::PhantomData<fn() -> ($($t,)?)>,
        }

        impl<$a $(, $t)?> Builder<$a $(, $t)?> {
            /// A typed view of a list whose elements are known to fit.
            #[inline]
            #[must_use]
            pub fn new(builder: crate::layout::ListBuilder<$a>) -> Self {
                Self { builder, marker: core::marker::PhantomData }
            }

            /// Elements in the list.
            #[inline]
            #[must_use]
            pub fn len(&self) -> u32 {
                self.builder.len()
            }

            /// Whether there are no elements.
            #[inline]
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.builder.is_empty()
            }

            /// Borrows again, for one more use of the same list.
            #[inline]
            pub fn reborrow(&mut self) -> Builder<'_ $(, $t)?> {
                Builder::new(self.builder.reborrow())
            }

            /// The list as it stands.
            #[inline]
            #[must_use]
            pub fn as_reader(&self) -> Reader<'_ $(, $t)?> {
                Reader::new(self.builder.as_reader())
            }

            /// The list as it stands, for as long as the message stays borrowed.
            #[inline]
            #[must_use]
            pub fn into_reader(self) -> Reader<$a $(, $t)?> {
                Reader::new(self.builder.into_reader())
            }
        }

        impl<$a $(, $t: $bound)?> crate::traits::FromPointerBuilder<$a> for Builder<$a $(, $t)?> {
            #[inline]
            fn init_pointer($init_builder: crate::layout::PointerBuilder<$a>, $init_count: u32) -> Self {
                Self::new($init)
            }

            #[inline]
            fn get_from_pointer(
                $old_builder: crate::layout::PointerBuilder<$a>,
                $old_default: Option<&$a [crate::Word]>,
            ) -> crate::Result<Self> {
                Ok(Self::new($old?))
            }
        }
    };
}

/// A list of scalars or pointers: made and found by the size of its elements alone.
macro_rules! flat_list_type {
    (
        $owned_doc:literal,
        <$a:lifetime $(, $t:ident: $bound:path)?>,
        found as $element_size:expr,
        element |$list:ident, $index:ident| -> $element:ty $get:block
    ) => {
        crate::list_macro::list_type! {
            $owned_doc,
            <$a $(, $t: $bound)?>,
            found as $element_size,
            element |$list, $index| -> $element $get,
            init |builder, count| { builder.init_list($element_size, count) },
            existing |builder, default| { builder.get_list($element_size, default) }
        }
    };
}

pub(crate) use {flat_list_type, list_type};

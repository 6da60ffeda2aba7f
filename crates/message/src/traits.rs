//! What typed views have in common. Generated code implements most of these; users meet
//! [`Owned`], to write code over any type of a schema.

use core::fmt;

pub use crate::capability::{FromCapability, MaybeSend, MaybeSync};
use crate::layout::{
    ListReader, PointerBuilder, PointerReader, StructBuilder, StructReader, StructSize,
};
use crate::{Result, Word};

/// The other name of [`FromCapability`].
pub use crate::capability::FromCapability as FromClientHook;

/// A type of a schema, independent of where a value lies and of whether it is read or built. The
/// implementors are markers and have no values of interest.
///
/// ```
/// use core::marker::PhantomData;
/// use capstan_message::{Result, data, message, text, traits::Owned};
///
/// /// A message that is either read or changed, of any type.
/// struct MessageContainer<T>
/// where
///     T: Owned,
/// {
///     message: message::Builder<message::HeapAllocator>,
///     marker: PhantomData<T>,
/// }
///
/// impl<T> MessageContainer<T>
/// where
///     T: Owned,
/// {
///     fn new() -> Self {
///         Self { message: message::Builder::new_default(), marker: PhantomData }
///     }
///     fn get(&self) -> Result<T::Reader<'_>> {
///         self.message.get_root_as_reader()
///     }
///     fn get_mut(&mut self) -> Result<T::Builder<'_>> {
///         self.message.get_root()
///     }
///     fn set(&mut self, value: T::Reader<'_>) -> Result<()> {
///         self.message.set_root::<T>(value)
///     }
/// }
///
/// let mut name = MessageContainer::<text::Owned>::new();
/// assert_eq!(name.get()?, "");
/// name.set("Ada".into())?;
/// assert_eq!(name.get()?, "Ada");
///
/// let mut bytes = MessageContainer::<data::Owned>::new();
/// bytes.set(&[1, 2, 3])?;
/// bytes.get_mut()?[1] = 7;
/// assert_eq!(bytes.get()?, [1, 7, 3]);
/// # Ok::<(), capstan_message::Error>(())
/// ```
pub trait Owned: Sized + 'static {
    /// A value that is read: like `&'a T`.
    type Reader<'a>: FromPointerReader<'a> + SetterInput<Self>;
    /// A value that is built: like `&'a mut T`.
    type Builder<'a>: FromPointerBuilder<'a>;
}

/// A struct type of a schema.
pub trait OwnedStruct: Sized + 'static {
    /// A struct that is read.
    type Reader<'a>: FromStructReader<'a> + IntoInternalStructReader<'a> + SetterInput<Self>;
    /// A struct that is built.
    type Builder<'a>: FromStructBuilder<'a> + HasStructSize;
}

/// The room a struct of this version of the schema needs.
pub trait HasStructSize {
    /// Its sections.
    const STRUCT_SIZE: StructSize;
}

/// A type with an id of its own in the schema.
pub trait HasTypeId {
    /// The id.
    const TYPE_ID: u64;
}

/// A typed view of a struct: `From<StructReader>` under a name that says so.
pub trait FromStructReader<'a>: From<StructReader<'a>> {}
impl<'a, T: From<StructReader<'a>>> FromStructReader<'a> for T {}

/// A typed view of a struct under construction: `From<StructBuilder>` under a name that says so.
pub trait FromStructBuilder<'a>: From<StructBuilder<'a>> {}
impl<'a, T: From<StructBuilder<'a>>> FromStructBuilder<'a> for T {}

/// A value that a pointer leads to.
pub trait FromPointerReader<'a>: Sized {
    /// The value; the one in `default`, or else the type's own default, when the pointer is null.
    ///
    /// # Errors
    /// When the pointer is bad, leads to something else, or a limit is exceeded.
    fn get_from_pointer(reader: &PointerReader<'a>, default: Option<&'a [Word]>) -> Result<Self>;
}

/// A value that a pointer leads to, under construction.
pub trait FromPointerBuilder<'a>: Sized {
    /// A new value in place of the old. `length` counts elements, or bytes of Text and Data, and
    /// means nothing to structs.
    fn init_pointer(builder: PointerBuilder<'a>, length: u32) -> Self;

    /// The value; a copy of the one in `default`, or else the type's own default, when the pointer
    /// is null.
    ///
    /// # Errors
    /// When something else is there.
    fn get_from_pointer(builder: PointerBuilder<'a>, default: Option<&'a [Word]>) -> Result<Self>;
}

/// What a pointer to a `Receiver` can be set to: its reader, and plain Rust values of the same
/// meaning.
pub trait SetterInput<Receiver> {
    /// Copies the value into the message and points to it.
    ///
    /// # Errors
    /// When the input is a message with a bad pointer or past its limits, or there is no room.
    fn set_pointer_builder(
        builder: PointerBuilder<'_>,
        input: Self,
        canonicalize: bool,
    ) -> Result<()>;
}

/// Sets a pointer when the caller has no way to return an error. The message keeps it instead;
/// see [`Builder::error`](crate::message::Builder::error). Generated setters of Text and Data use
/// this: their input is in memory already, so the only error is a lack of room.
#[inline]
pub fn set_or_fail<R, V: SetterInput<R>>(mut builder: PointerBuilder<'_>, value: V) {
    if let Err(error) = V::set_pointer_builder(builder.reborrow(), value, false) {
        builder.fail(error);
    }
}

/// What a getter returned, as `Debug` shows it: the value itself when there is one. For generated
/// code.
pub fn debug_result<T: fmt::Debug, E: fmt::Debug>(
    result: &core::result::Result<T, E>,
) -> &dyn fmt::Debug {
    match result {
        Ok(value) => value,
        Err(error) => error,
    }
}

/// The way back from a typed struct reader.
pub trait IntoInternalStructReader<'a> {
    /// The untyped view of the same struct.
    fn into_internal_struct_reader(self) -> StructReader<'a>;
}

/// The way back from a typed list reader.
pub trait IntoInternalListReader<'a> {
    /// The untyped view of the same list.
    fn into_internal_list_reader(self) -> ListReader<'a>;
}

/// A typed view of a list whose elements are not known to fit.
pub trait FromListReader<'a>: Sized {
    /// The typed view.
    ///
    /// # Errors
    /// When the elements cannot be read as the type's.
    fn from_list_reader(reader: ListReader<'a>) -> Result<Self>;
}

/// A list whose elements are made on demand.
pub trait IndexedList {
    /// What an element is read as.
    type Element;
    /// Elements in the list.
    fn element_count(&self) -> u32;
    /// Element `index`, which is in the list.
    fn element(&self, index: u32) -> Self::Element;
}

/// Iterates over a list.
#[derive(Clone, Copy, Debug)]
pub struct ListIter<L> {
    list: L,
    next: u32,
    end: u32,
}

impl<L: IndexedList> ListIter<L> {
    /// From the first element to the last.
    #[inline]
    pub fn new(list: L) -> Self {
        let end = list.element_count();
        Self { list, next: 0, end }
    }
}

impl<L: IndexedList> Iterator for ListIter<L> {
    type Item = L::Element;

    #[inline]
    fn next(&mut self) -> Option<L::Element> {
        if self.next >= self.end {
            return None;
        }
        let element = self.list.element(self.next);
        self.next += 1;
        Some(element)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next) as usize;
        (left, Some(left))
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<L::Element> {
        let skip = u32::try_from(n).unwrap_or(u32::MAX);
        self.next = self.next.saturating_add(skip).min(self.end);
        self.next()
    }
}

impl<L: IndexedList> ExactSizeIterator for ListIter<L> {}

impl<L: IndexedList> DoubleEndedIterator for ListIter<L> {
    #[inline]
    fn next_back(&mut self) -> Option<L::Element> {
        if self.next >= self.end {
            return None;
        }
        self.end -= 1;
        Some(self.list.element(self.end))
    }
}

/// The check behind every list's `get`, which promises the same panic as a slice's index.
#[inline]
#[track_caller]
pub(crate) fn check_index(index: u32, len: u32) {
    assert!(
        index < len,
        "index {index} is out of range: the list has {len} elements"
    );
}

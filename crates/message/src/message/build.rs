use alloc::vec::Vec;
use core::marker::PhantomData;

use super::allocator::{Allocator, BareSegment, HeapAllocator};
use super::read::{Reader, ReaderOptions, ReaderSegments};
use crate::arena::{BuilderArena, DynArena, SegmentBuffer};
use crate::capability::CapHandle;
use crate::layout::PointerBuilder;
use crate::traits::{FromPointerBuilder, FromPointerReader, Owned, SetterInput};
use crate::{Error, Result, WORD_BYTES, any_pointer};

/// A message under construction.
///
/// Setters do not fail. When memory or the format's limits end, what is written further goes
/// nowhere, the message stays readable, and [`Self::error`] says what happened: check it before
/// sending, as the functions in [`serialize`](crate::serialize) do.
///
/// ```
/// use capstan_message::{message, text};
///
/// let mut message = message::Builder::new_default();
/// message.set_root::<text::Owned>("hello")?;
/// assert_eq!(message.get_root_as_reader::<text::Reader<'_>>()?, "hello");
/// # Ok::<(), capstan_message::Error>(())
/// ```
pub struct Builder<A: Allocator> {
    pub(crate) arena: BuilderArena<A>,
}

impl Builder<HeapAllocator> {
    /// A message on the heap.
    #[must_use]
    pub fn new_default() -> Self {
        Self::new(HeapAllocator::new())
    }
}

impl<A: Allocator + Default> Default for Builder<A> {
    fn default() -> Self {
        Self::new(A::default())
    }
}

impl<A: Allocator> Builder<A> {
    /// A message whose segments come from `allocator`.
    pub fn new(allocator: A) -> Self {
        Self {
            arena: BuilderArena::new(allocator),
        }
    }

    fn root(&mut self) -> PointerBuilder<'_> {
        let at = self.arena.root();
        let arena: &mut DynArena = &mut self.arena;
        PointerBuilder { arena, at }
    }

    /// A new root value. Its type is known from the assignment: `let mut p: person::Builder = m.init_root();`.
    pub fn init_root<'a, T: FromPointerBuilder<'a>>(&'a mut self) -> T {
        T::init_pointer(self.root(), 0)
    }

    /// A new root list, text or data of `length` elements or bytes.
    pub fn initn_root<'a, T: FromPointerBuilder<'a>>(&'a mut self, length: u32) -> T {
        T::init_pointer(self.root(), length)
    }

    /// The root value, or its type's default when there is none.
    ///
    /// # Errors
    /// When the root is something else.
    pub fn get_root<'a, T: FromPointerBuilder<'a>>(&'a mut self) -> Result<T> {
        T::get_from_pointer(self.root(), None)
    }

    /// The root value, to read.
    ///
    /// # Errors
    /// When the root is something else.
    pub fn get_root_as_reader<'a, T: FromPointerReader<'a>>(&'a self) -> Result<T> {
        let bytes = self.get_segment(0).unwrap_or_default();
        let root = crate::layout::PointerReader::root(&self.arena.segments, bytes, i32::MAX);
        T::get_from_pointer(&root, None)
    }

    /// Copies a value in as the root: `message.set_root::<text::Owned>("Ada")`.
    ///
    /// # Errors
    /// When the value is a message with a bad pointer or past its limits, or there is no room.
    pub fn set_root<T: Owned>(&mut self, value: impl SetterInput<T>) -> Result<()> {
        SetterInput::set_pointer_builder(self.root(), value, false)
    }

    /// Copies a value in as the root, in canonical form. The message must hold nothing yet, and
    /// its first segment must be large enough for all of the value.
    ///
    /// # Errors
    /// When the value holds capabilities, a bad pointer, or is past its limits, or there is no room.
    pub fn set_root_canonical<T: Owned>(&mut self, value: impl SetterInput<T>) -> Result<()> {
        SetterInput::set_pointer_builder(self.root(), value, true)
    }

    /// The root pointer, to set to anything.
    pub fn get_root_any(&mut self) -> any_pointer::Builder<'_> {
        any_pointer::Builder::new(self.root())
    }

    /// Starts a new message in the buffer of this one: what was built is forgotten, and nothing is
    /// allocated until the new message outgrows the old one's first segment.
    pub fn reset(&mut self) {
        self.arena
            .reset(|allocator, buffer| allocator.deallocate_segment(buffer));
    }

    /// The first thing that went wrong while building, if any. A message with an error is
    /// incomplete and should not be sent.
    pub fn error(&self) -> Option<&Error> {
        self.arena.failure.as_ref()
    }

    /// The capability table, in the order of the indexes in the message's pointers. `None` where a
    /// capability was overwritten.
    pub fn caps(&self) -> &[Option<CapHandle>] {
        &self.arena.segments.caps
    }

    /// Takes the capability table out, to send it beside the message.
    pub fn take_caps(&mut self) -> Vec<Option<CapHandle>> {
        core::mem::take(&mut self.arena.segments.caps)
    }

    /// Replaces the capability table, for indexes that were set by hand.
    pub fn set_caps(&mut self, caps: Vec<Option<CapHandle>>) {
        self.arena.segments.caps = caps;
    }

    /// The segments in order.
    pub fn get_segments_for_output(&self) -> Vec<&[u8]> {
        let buffers = &self.arena.segments.buffers;
        let mut segments = Vec::with_capacity(buffers.len());
        segments.extend(buffers.iter().map(SegmentBuffer::content));
        segments
    }

    /// Words in use in all segments.
    pub fn size_in_words(&self) -> usize {
        let words = |buffer: &SegmentBuffer| buffer.content().len() / WORD_BYTES;
        self.arena.segments.buffers.iter().map(words).sum()
    }

    /// Whether the message is in canonical form; see [`Reader::is_canonical`].
    ///
    /// # Errors
    /// When a foreign encoder has damaged the message.
    pub fn is_canonical(&self) -> Result<bool> {
        match self.arena.segments.buffers.first() {
            Some(only) if ReaderSegments::len(self) == 1 => crate::layout::is_canonical(
                crate::layout::PointerReader::root(&self.arena.segments, only.content(), i32::MAX),
            ),
            _ => Ok(false),
        }
    }

    /// The finished message, to read without limits.
    pub fn into_reader(mut self) -> Reader<Self> {
        let caps = self.take_caps();
        let options = ReaderOptions {
            traversal_limit_in_words: None,
            nesting_limit: i32::MAX,
            segment_limit: u32::MAX,
        };
        let mut reader = Reader::new(self, options);
        reader.set_caps(caps);
        reader
    }

    /// The same message with the type of its root.
    pub fn into_typed<T: Owned>(self) -> TypedBuilder<T, A> {
        TypedBuilder {
            message: self,
            marker: PhantomData,
        }
    }
}

/// A value as a message in canonical form: the bytes of one segment, without a segment table. Two
/// values of a type are equal if and only if these bytes are, whatever version of the schema each
/// was made with.
///
/// ```
/// use capstan_message::{message::canonicalize, text};
///
/// let bytes = canonicalize::<text::Owned>("Ada")?;
/// assert_eq!(bytes.len(), 16);
/// # Ok::<(), capstan_message::Error>(())
/// ```
///
/// # Errors
/// When the value holds capabilities or a bad pointer, or a limit is exceeded.
pub fn canonicalize<T: Owned>(value: impl SetterInput<T>) -> Result<Vec<u8>> {
    let mut message = Builder::new(BareSegment { first_words: 64 });
    message.set_root_canonical(value)?;
    // Without a segment, setting the root has failed.
    let segment = message.arena.segments.buffers.take_first();
    Ok(segment.map_or_else(Vec::new, |mut segment| {
        segment.bytes.truncate(segment.used_end);
        segment.bytes
    }))
}

impl<A: Allocator> Drop for Builder<A> {
    fn drop(&mut self) {
        let buffers = &mut self.arena.segments.buffers;
        if let Some(first) = buffers.first_mut() {
            let bytes = core::mem::take(&mut first.bytes);
            self.arena.allocator.deallocate_segment(bytes);
        }
        for buffer in buffers.take_more() {
            self.arena.allocator.deallocate_segment(buffer.bytes);
        }
    }
}

impl<A: Allocator> ReaderSegments for Builder<A> {
    fn get_segment(&self, id: u32) -> Option<&[u8]> {
        self.arena
            .segments
            .buffers
            .get(id as usize)
            .map(SegmentBuffer::content)
    }

    fn len(&self) -> usize {
        self.arena.segments.buffers.len()
    }
}

impl<A: Allocator> core::fmt::Debug for Builder<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Builder")
            .field("segments", &ReaderSegments::len(self))
            .field("words", &self.size_in_words())
            .field("caps", &self.arena.segments.caps.len())
            .field("error", &self.error())
            .finish()
    }
}

/// A message under construction with the type of its root.
#[derive(Debug)]
pub struct TypedBuilder<T, A: Allocator = HeapAllocator> {
    message: Builder<A>,
    marker: PhantomData<fn() -> T>,
}

impl<T: Owned> TypedBuilder<T, HeapAllocator> {
    /// A message on the heap.
    #[must_use]
    pub fn new_default() -> Self {
        Builder::new_default().into_typed()
    }
}

impl<T: Owned, A: Allocator> TypedBuilder<T, A> {
    /// A message whose segments come from `allocator`.
    pub fn new(allocator: A) -> Self {
        Builder::new(allocator).into_typed()
    }

    /// A new root struct.
    pub fn init_root(&mut self) -> T::Builder<'_> {
        self.message.init_root()
    }

    /// A new root list, text or data of `length` elements or bytes.
    pub fn initn_root(&mut self, length: u32) -> T::Builder<'_> {
        self.message.initn_root(length)
    }

    /// The root, or its type's default when there is none.
    ///
    /// # Errors
    /// When the root is something else.
    pub fn get_root(&mut self) -> Result<T::Builder<'_>> {
        self.message.get_root()
    }

    /// The root, to read.
    ///
    /// # Errors
    /// When the root is something else.
    pub fn get_root_as_reader(&self) -> Result<T::Reader<'_>> {
        self.message.get_root_as_reader()
    }

    /// Copies a value in as the root.
    ///
    /// # Errors
    /// When the value is a message with a bad pointer or past its limits, or there is no room.
    pub fn set_root(&mut self, value: T::Reader<'_>) -> Result<()> {
        self.message.set_root::<T>(value)
    }

    /// The message without the type.
    pub fn borrow_inner(&self) -> &Builder<A> {
        &self.message
    }

    /// The message without the type.
    pub fn into_inner(self) -> Builder<A> {
        self.message
    }
}

impl<T: Owned, A: Allocator> From<Builder<A>> for TypedBuilder<T, A> {
    fn from(message: Builder<A>) -> Self {
        message.into_typed()
    }
}

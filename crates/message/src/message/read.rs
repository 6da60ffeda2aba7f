use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::arena::{Limited, ReadLimiter, ReaderArena};
use crate::capability::{CapHandle, MaybeSend, MaybeSync};
use crate::layout::{self, PointerReader, SegmentRef};
use crate::traits::{FromPointerReader, Owned};
use crate::{Error, ErrorKind, Position, Result, WORD_BYTES, any_pointer};

/// What a message may cost its reader. Messages from outside should never be read without limits.
///
/// With a traversal limit of `T` words, everything that is read, copied, canonicalized, measured or
/// compared through one [`Reader`] together visits at most `T` words, however its pointers overlap;
/// a list whose elements have no size counts a word for each. A copy writes at most `2 T + 1` words
/// (every object may need a landing pad), a canonical copy at most `T + 1`, and besides that takes
/// memory only for as many open structs and lists as the message is deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderOptions {
    /// Words that may be visited, counting those visited twice twice: the bound on what cycles and
    /// overlapping pointers can cost. Also the largest message that is accepted from a stream.
    /// `None` lifts it. 8 Mi words (64 MiB) by default.
    pub traversal_limit_in_words: Option<usize>,
    /// Structs and lists that may be nested in each other. 64 by default.
    pub nesting_limit: i32,
    /// Segments that a framed message may have. 512 by default.
    pub segment_limit: u32,
}

impl ReaderOptions {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            traversal_limit_in_words: Some(8 * 1024 * 1024),
            nesting_limit: 64,
            segment_limit: 512,
        }
    }

    /// Changes the traversal limit.
    pub fn traversal_limit_in_words(&mut self, limit: Option<usize>) -> &mut Self {
        self.traversal_limit_in_words = limit;
        self
    }

    /// Changes the nesting limit.
    pub fn nesting_limit(&mut self, limit: i32) -> &mut Self {
        self.nesting_limit = limit;
        self
    }

    /// Changes the segment limit.
    pub fn segment_limit(&mut self, limit: u32) -> &mut Self {
        self.segment_limit = limit;
        self
    }
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The segments of a message, wherever they are. Bytes beyond the last whole word are not part of
/// a segment.
pub trait ReaderSegments: MaybeSend + MaybeSync {
    /// Segment `id`; `None` when there is no such segment.
    fn get_segment(&self, id: u32) -> Option<&[u8]>;

    /// Segments there are.
    fn len(&self) -> usize;

    /// Whether there are no segments.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<S: ReaderSegments + ?Sized> ReaderSegments for &S {
    fn get_segment(&self, id: u32) -> Option<&[u8]> {
        (**self).get_segment(id)
    }

    fn len(&self) -> usize {
        (**self).len()
    }
}

/// Segments that lie in memory one by one.
#[derive(Clone, Copy, Debug)]
pub struct SegmentArray<'a> {
    segments: &'a [&'a [u8]],
}

impl<'a> SegmentArray<'a> {
    /// From the segments in order.
    #[must_use]
    pub fn new(segments: &'a [&'a [u8]]) -> Self {
        Self { segments }
    }
}

impl ReaderSegments for SegmentArray<'_> {
    fn get_segment(&self, id: u32) -> Option<&[u8]> {
        self.segments.get(id as usize).copied()
    }

    fn len(&self) -> usize {
        self.segments.len()
    }
}

/// A message that can be read.
///
/// Readers borrowed from it share its traversal limit. They can be copied and used on several
/// threads at once.
pub struct Reader<S> {
    arena: Limited<SegmentsArena<S>>,
    nesting_limit: i32,
}

struct SegmentsArena<S> {
    segments: S,
    caps: Vec<Option<CapHandle>>,
}

impl<S: ReaderSegments> ReaderArena for SegmentsArena<S> {
    fn segment(&self, id: u32) -> Option<&[u8]> {
        self.segments.get_segment(id)
    }

    fn cap(&self, index: u32) -> Option<&Option<CapHandle>> {
        self.caps.get(index as usize)
    }
}

impl<S: ReaderSegments> Reader<S> {
    /// A message from its segments.
    pub fn new(segments: S, options: ReaderOptions) -> Self {
        Self {
            arena: Limited {
                limiter: ReadLimiter::new(options.traversal_limit_in_words),
                arena: SegmentsArena {
                    segments,
                    caps: Vec::new(),
                },
            },
            nesting_limit: options.nesting_limit,
        }
    }

    /// The root value.
    ///
    /// # Errors
    /// When the message has no root pointer, or a bad one, or one to something else.
    pub fn get_root<'a, T: FromPointerReader<'a>>(&'a self) -> Result<T> {
        T::get_from_pointer(&self.root_pointer()?, None)
    }

    /// The root pointer, to read as anything.
    ///
    /// # Errors
    /// When the message has no root pointer.
    pub fn get_root_any(&self) -> Result<any_pointer::Reader<'_>> {
        Ok(any_pointer::Reader::new(self.root_pointer()?))
    }

    fn root_pointer(&self) -> Result<PointerReader<'_>> {
        match self.arena.segments.get_segment(0) {
            Some(bytes) if bytes.len() >= WORD_BYTES => {
                Ok(PointerReader::root(&self.arena, bytes, self.nesting_limit))
            }
            _ => Err(Error::at(
                ErrorKind::EmptyMessage,
                Position {
                    segment: 0,
                    word: 0,
                },
                "the message has no root pointer: its first segment is missing or empty",
            )),
        }
    }

    pub(super) fn segment_ref(&self, id: u32, nesting_limit: i32) -> Option<SegmentRef<'_>> {
        Some(SegmentRef {
            arena: &self.arena,
            bytes: self.arena.segments.get_segment(id)?,
            id,
            nesting_limit,
        })
    }

    /// Structs and lists that may be nested in each other, as the options said.
    #[must_use]
    pub fn nesting_limit(&self) -> i32 {
        self.nesting_limit
    }

    /// Whether the message is in canonical form: one segment with everything in preorder, no gaps,
    /// cut as short as it can be. Counts against the traversal limit.
    ///
    /// # Errors
    /// When the message has no root pointer, a pointer in it is bad or a limit is exceeded.
    pub fn is_canonical(&self) -> Result<bool> {
        if self.arena.segments.len() != 1 {
            return Ok(false);
        }
        layout::is_canonical(self.root_pointer()?)
    }

    /// The message in canonical form: the bytes of one segment, without a segment table. Counts
    /// against the traversal limit.
    ///
    /// # Errors
    /// When the message holds capabilities or a bad pointer, or a limit is exceeded.
    pub fn canonicalize(&self) -> Result<Vec<u8>> {
        super::build::canonicalize::<any_pointer::Owned>(any_pointer::Reader::new(
            self.root_pointer()?,
        ))
    }

    /// Gives the message its capability table, in the order of the indexes in its pointers.
    pub fn set_caps(&mut self, caps: Vec<Option<CapHandle>>) {
        self.arena.caps = caps;
    }

    /// The capability table.
    pub fn caps(&self) -> &[Option<CapHandle>] {
        &self.arena.caps
    }

    /// Takes the capability table out.
    pub fn take_caps(&mut self) -> Vec<Option<CapHandle>> {
        core::mem::take(&mut self.arena.caps)
    }

    /// The segments.
    pub fn segments(&self) -> &S {
        &self.arena.segments
    }

    /// The segments, back from the message.
    pub fn into_segments(self) -> S {
        self.arena.arena.segments
    }

    /// Words in all segments.
    pub fn size_in_words(&self) -> usize {
        (0..self.arena.segments.len() as u32)
            .filter_map(|id| self.arena.segments.get_segment(id))
            .map(|bytes| bytes.len() / WORD_BYTES)
            .sum()
    }

    /// The same message with the type of its root.
    pub fn into_typed<T: Owned>(self) -> TypedReader<S, T> {
        TypedReader {
            message: self,
            marker: PhantomData,
        }
    }
}

impl<S> core::fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reader")
            .field("caps", &self.arena.caps.len())
            .finish_non_exhaustive()
    }
}

/// A message with the type of its root.
#[derive(Debug)]
pub struct TypedReader<S, T> {
    message: Reader<S>,
    marker: PhantomData<fn() -> T>,
}

impl<S: ReaderSegments, T: Owned> TypedReader<S, T> {
    /// The root.
    ///
    /// # Errors
    /// When the message has no root pointer, or a bad one, or one to something else.
    pub fn get(&self) -> Result<T::Reader<'_>> {
        self.message.get_root()
    }

    /// The message without the type.
    pub fn into_inner(self) -> Reader<S> {
        self.message
    }
}

impl<S: ReaderSegments, T: Owned> From<Reader<S>> for TypedReader<S, T> {
    fn from(message: Reader<S>) -> Self {
        message.into_typed()
    }
}

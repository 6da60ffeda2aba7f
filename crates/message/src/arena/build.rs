use alloc::vec::Vec;

use super::buffers::{Buffers, SegmentBuffer};
use super::read::{Limited, ReadLimiter, ReaderArena};
use crate::capability::CapHandle;
use crate::layout::wire::{MAX_COUNT, far_pointer, with_offset};
use crate::message::Allocator;
use crate::{Error, ErrorKind, WORD_BYTES};

/// Far pointers count words in 29 bits; one less leaves room for the header in front of the
/// segment in 32 bits of bytes.
pub(crate) const MAX_SEGMENT_WORDS: u32 = MAX_COUNT - 1;

/// A message under construction.
///
/// Everything is addressed by [`Location`]s, never by reference, so a segment's buffer can move
/// when it grows. All access is checked; a location that does not exist reads as zero and swallows
/// writes. That makes allocation failure bearable for infallible setters: the failed object is at
/// [`Location::NOWHERE`], and the first error is kept for whoever sends the message.
pub(crate) struct BuilderArena<A: ?Sized> {
    pub(crate) segments: Limited<Segments>,
    pub(crate) failure: Option<Error>,
    /// Tells this message from others that orphans may come from; zero while it has none.
    pub(crate) identity: usize,
    /// Pointers that orphans have left behind, for the next orphans.
    pub(crate) free_cells: Vec<Location>,
    /// Last, so that `&mut BuilderArena<A>` becomes `&mut DynArena`.
    pub(crate) allocator: A,
}

/// What layout builders borrow.
pub(crate) type DynArena = BuilderArena<dyn Allocator>;

/// The part of the arena that finished content lives in, readable as a message of its own.
pub(crate) struct Segments {
    pub(crate) buffers: Buffers,
    pub(crate) caps: Vec<Option<CapHandle>>,
}

/// A byte position in a segment's buffer, front matter counted.
///
/// Half a word each, which [`MAX_SEGMENT_WORDS`] allows: builders stay small, and where addresses
/// are larger than that, adding to a position needs no check for overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) at: u32,
}

impl Location {
    pub(crate) const NOWHERE: Self = Self {
        segment: u32::MAX,
        at: u32::MAX >> 1,
    };

    #[inline]
    pub(crate) fn is_nowhere(self) -> bool {
        self.segment == Self::NOWHERE.segment
    }

    #[inline]
    pub(crate) fn plus_bytes(self, bytes: usize) -> Self {
        Self {
            segment: self.segment,
            at: u32::try_from(bytes).map_or(u32::MAX, |bytes| self.at.saturating_add(bytes)),
        }
    }

    #[inline]
    pub(crate) fn plus_words(self, words: usize) -> Self {
        self.plus_bytes(words.saturating_mul(WORD_BYTES))
    }

    /// The object a near pointer at this place points to.
    #[inline]
    pub(crate) fn target(self, offset_words: i32) -> Self {
        let at = i64::from(self.at) + (i64::from(offset_words) + 1) * WORD_BYTES as i64;
        match u32::try_from(at) {
            Ok(at) => Self {
                segment: self.segment,
                at,
            },
            Err(_) => Self::NOWHERE,
        }
    }
}

impl<A: Allocator> BuilderArena<A> {
    /// An arena whose first segment exists and holds nothing but the root pointer.
    pub(crate) fn new(allocator: A) -> Self {
        let segments = Limited {
            limiter: ReadLimiter::new(None),
            arena: Segments {
                buffers: Buffers::new(),
                caps: Vec::new(),
            },
        };
        let mut arena = Self {
            segments,
            failure: None,
            identity: 0,
            free_cells: Vec::new(),
            allocator,
        };
        let all: &mut DynArena = &mut arena;
        all.allocate(1, &[]);
        arena
    }

    /// Starts over in the first segment's buffer; the others are handed to `give_back`.
    pub(crate) fn reset(&mut self, mut give_back: impl FnMut(&mut A, Vec<u8>)) {
        for buffer in self.segments.buffers.take_more() {
            give_back(&mut self.allocator, buffer.bytes);
        }
        if let Some(first) = self.segments.buffers.first_mut() {
            first.restart();
        }
        self.segments.caps.clear();
        self.failure = None;
        self.identity = 0;
        self.free_cells.clear();
        let all: &mut DynArena = self;
        all.allocate(1, &[]);
    }
}

impl<A: ?Sized> BuilderArena<A> {
    pub(crate) const ROOT_SEGMENT: u32 = 0;

    pub(crate) fn root(&self) -> Location {
        match self.segments.buffers.first() {
            Some(first) => Location {
                segment: Self::ROOT_SEGMENT,
                at: first.front_bytes as u32,
            },
            None => Location::NOWHERE,
        }
    }

    #[inline]
    pub(crate) fn bytes(&self, from: Location, len: usize) -> Option<&[u8]> {
        let buffer = self.segments.buffers.get(from.segment as usize)?;
        let at = from.at as usize;
        buffer.bytes.get(at..at.checked_add(len)?)
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self, from: Location, len: usize) -> Option<&mut [u8]> {
        self.bytes_behind_mut(from, 0, len)
    }

    /// The bytes that start `start` bytes behind `from`.
    #[inline]
    pub(crate) fn bytes_behind_mut(
        &mut self,
        from: Location,
        start: usize,
        len: usize,
    ) -> Option<&mut [u8]> {
        let buffer = self.segments.buffers.get_mut(from.segment as usize)?;
        let at = (from.at as usize).checked_add(start)?;
        buffer.bytes.get_mut(at..at.checked_add(len)?)
    }

    #[inline]
    pub(crate) fn word(&self, at: Location) -> u64 {
        match self
            .bytes(at, WORD_BYTES)
            .and_then(|bytes| bytes.first_chunk())
        {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => 0,
        }
    }

    #[inline]
    pub(crate) fn set_word(&mut self, at: Location, value: u64) {
        if let Some(bytes) = self.bytes_mut(at, WORD_BYTES) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// Whether `bytes` from `from` on are words in use.
    pub(crate) fn contains(&self, from: Location, bytes: usize) -> bool {
        self.segments
            .buffers
            .get(from.segment as usize)
            .is_some_and(|buffer| {
                let at = from.at as usize;
                at >= buffer.front_bytes
                    && at
                        .checked_add(bytes)
                        .is_some_and(|end| end <= buffer.used_end)
            })
    }

    /// Index of the word in its segment, as far pointers and errors count it.
    pub(crate) fn word_index(&self, at: Location) -> u32 {
        let front = match self.segments.buffers.get(at.segment as usize) {
            Some(buffer) => buffer.front_bytes,
            None => 0,
        };
        ((at.at as usize).saturating_sub(front) / WORD_BYTES) as u32
    }

    /// The other way round; nowhere when there is no such segment.
    pub(crate) fn location(&self, segment: u32, word: u32) -> Location {
        match self.segments.buffers.get(segment as usize) {
            Some(buffer) => Location {
                segment,
                at: buffer.front_bytes as u32,
            }
            .plus_words(word as usize),
            None => Location::NOWHERE,
        }
    }

    #[cold]
    pub(crate) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// Room in one particular segment.
    #[inline]
    pub(crate) fn allocate_in(
        &mut self,
        segment: u32,
        words: usize,
        content: &[u8],
    ) -> Option<Location> {
        let at = self
            .segments
            .buffers
            .get_mut(segment as usize)?
            .append(words, content)?;
        Some(Location {
            segment,
            at: at as u32,
        })
    }

    /// Room for an object behind the words in use, with a pointer to it at `pointer`: `None` unless
    /// the pointer is null and the room is there, which it nearly always is.
    #[inline]
    pub(crate) fn append_object(
        &mut self,
        pointer: Location,
        tag: u64,
        words: usize,
        content: &[u8],
    ) -> Option<Location> {
        let at = self
            .segments
            .buffers
            .get_mut(pointer.segment as usize)?
            .append_object(pointer.at as usize, tag, words, content)?;
        Some(Location {
            segment: pointer.segment,
            at: at as u32,
        })
    }
}

impl DynArena {
    /// Room in the newest segment, or in a new one.
    pub(crate) fn allocate(&mut self, words: usize, content: &[u8]) -> Location {
        let newest = self.segments.buffers.len().checked_sub(1);
        if let Some(location) = newest.and_then(|id| self.allocate_in(id as u32, words, content)) {
            return location;
        }
        self.allocate_in_new_segment(words, content)
    }

    #[cold]
    fn allocate_in_new_segment(&mut self, words: usize, content: &[u8]) -> Location {
        let id = self.segments.buffers.len() as u32;
        let grows = self.allocator.grows_in_place();
        let is_last = id > 0 && self.allocator.is_single_segment();
        let found = if words > MAX_SEGMENT_WORDS as usize || is_last {
            None
        } else {
            let front = if id == 0 {
                self.allocator.front_bytes()
            } else {
                0
            };
            let buffer = self.allocator.allocate_segment(words as u32);
            self.segments
                .buffers
                .push(SegmentBuffer::new(buffer, front, grows));
            self.allocate_in(id, words, content)
        };
        found.unwrap_or_else(|| {
            let detail = text!(
                "there is no room for an object of ",
                words,
                " words in this message"
            );
            self.fail(Error::new(ErrorKind::AllocationFailed, detail));
            Location::NOWHERE
        })
    }

    /// A new object in place of whatever is at `pointer`. `tag` is the pointer without its offset.
    #[inline]
    pub(crate) fn init_object(
        &mut self,
        pointer: Location,
        tag: u64,
        words: usize,
        content: &[u8],
    ) -> Location {
        match self.append_object(pointer, tag, words, content) {
            Some(object) => object,
            None => self.replace_object(pointer, tag, words, content),
        }
    }

    #[inline(never)]
    fn replace_object(
        &mut self,
        pointer: Location,
        tag: u64,
        words: usize,
        content: &[u8],
    ) -> Location {
        self.clear(pointer);
        self.allocate_object(pointer, tag, words, content)
    }

    /// Room for an object, with the pointer at `pointer` leading to it: near where possible, by way
    /// of a landing pad otherwise. `tag` is the pointer without its offset.
    pub(crate) fn allocate_object(
        &mut self,
        pointer: Location,
        tag: u64,
        words: usize,
        content: &[u8],
    ) -> Location {
        match self.allocate_in(pointer.segment, words, content) {
            Some(object) => {
                self.set_word(pointer, near_pointer(tag, pointer, object));
                object
            }
            None => self.allocate_far(pointer, tag, words, content),
        }
    }

    #[cold]
    fn allocate_far(
        &mut self,
        pointer: Location,
        tag: u64,
        words: usize,
        content: &[u8],
    ) -> Location {
        if pointer.is_nowhere() {
            return Location::NOWHERE;
        }
        // One word more, for the landing pad. The content goes in afterwards.
        let pad = self.allocate(words.saturating_add(1), &[]);
        if pad.is_nowhere() {
            return pad;
        }
        let object = pad.plus_words(1);
        self.set_word(pad, with_offset(tag, 0));
        self.set_word(
            pointer,
            far_pointer(false, self.word_index(pad), pad.segment),
        );
        if let Some(bytes) = self.bytes_mut(object, content.len()) {
            bytes.copy_from_slice(content);
        }
        object
    }
}

/// The pointer at `pointer` to an object in the same segment.
#[inline]
pub(crate) fn near_pointer(tag: u64, pointer: Location, object: Location) -> u64 {
    with_offset(tag, words_between(pointer.at as usize, object.at as usize))
}

/// From the word behind one position to another: a pointer's offset.
#[inline]
pub(super) fn words_between(pointer_at: usize, object_at: usize) -> i32 {
    // Both are whole words from the start of the same buffer, so that nothing is shifted out.
    ((object_at as i64 - pointer_at as i64) >> 3) as i32 - 1
}

impl ReaderArena for Segments {
    fn segment(&self, id: u32) -> Option<&[u8]> {
        self.buffers.get(id as usize).map(SegmentBuffer::content)
    }

    fn cap(&self, index: u32) -> Option<&Option<CapHandle>> {
        self.caps.get(index as usize)
    }
}

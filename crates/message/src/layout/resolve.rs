//! From a pointer to the words it leads to: far pointers, bounds and limits.

use super::pointer_reader::PointerReader;
use super::wire::{EMPTY_STRUCT, WirePointer, with_offset};
use crate::arena::{AnyArena, NO_ARENA};
use crate::{Error, ErrorKind, Position, Result, WORD_BYTES};

/// A place in a message: one of its segments, the way to the others, and how deep it is.
///
/// Readers are copied more often than anything else is done with them, so this has no gaps.
#[derive(Clone, Copy)]
pub(crate) struct SegmentRef<'a> {
    pub(crate) arena: &'a AnyArena<'a>,
    pub(crate) bytes: &'a [u8],
    pub(crate) id: u32,
    /// Structs and lists that may still be entered on the way from here.
    pub(crate) nesting_limit: i32,
}

impl<'a> SegmentRef<'a> {
    pub(crate) const EMPTY: Self = Self {
        arena: &NO_ARENA,
        bytes: &[],
        id: 0,
        nesting_limit: i32::MAX,
    };

    /// The pointer at `word`; null when there is no such word.
    #[inline]
    pub(crate) fn pointer(self, word: u32) -> PointerReader<'a> {
        let found = (word as usize)
            .checked_mul(WORD_BYTES)
            .and_then(|at| self.bytes.get(at..at.checked_add(WORD_BYTES)?))
            .and_then(|pointer| pointer.first_chunk());
        let wire = match found {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => 0,
        };
        PointerReader {
            segment: self,
            word,
            wire,
        }
    }

    /// A pointer that this version of a struct or list does not have.
    #[inline]
    pub(crate) fn null_pointer(self) -> PointerReader<'a> {
        PointerReader {
            segment: self,
            word: 0,
            wire: 0,
        }
    }

    /// One struct further down. The list it is an element of was entered before, so that there is
    /// a level left to take.
    #[inline]
    pub(crate) fn deeper(self) -> Self {
        Self {
            nesting_limit: self.nesting_limit - 1,
            ..self
        }
    }
}

impl<'a> PointerReader<'a> {
    /// Reads what a far pointer leads to, with `read` given a near pointer to the same object.
    ///
    /// Far pointers take this way round, so that near ones, which are nearly all, need no struct in
    /// between to describe where they lead: building it would cost more than the reading.
    #[cold]
    #[inline(never)]
    pub(super) fn through_far<T>(
        &self,
        read: impl FnOnce(&PointerReader<'a>) -> Result<T>,
    ) -> Result<T> {
        let near = self.follow_far()?;
        // The pointer made up for a double-far object stands nowhere: what is wrong with it is
        // wrong with the one the reader can find.
        read(&near).map_err(|error| error.relocated(near.position(), self.position()))
    }

    /// A near pointer to what this far pointer leads to.
    fn follow_far(&self) -> Result<PointerReader<'a>> {
        let WirePointer::Far {
            double,
            word: pad_word,
            segment: segment_id,
        } = WirePointer::decode(self.wire)
        else {
            return Ok(*self);
        };
        let segment = self.other_segment(segment_id)?;
        let pad = PointerReader { segment, ..*self };
        let pad_words = if double { 2 } else { 1 };
        pad.object(i64::from(pad_word), pad_words)
            .map_err(|error| error.relocated(pad.position(), self.position()))?;

        let bad_pad = |detail| {
            let position = Position {
                segment: segment_id,
                word: pad_word,
            };
            Err(Error::at(ErrorKind::InvalidLandingPad, position, detail))
        };
        let first = segment.pointer(pad_word);
        if !double {
            return match WirePointer::decode(first.wire) {
                WirePointer::Far { .. } => {
                    bad_pad("a far pointer's landing pad is another far pointer")
                }
                // A landing pad that is all zero is not null but a struct without content.
                WirePointer::Null => Ok(PointerReader {
                    wire: EMPTY_STRUCT,
                    ..first
                }),
                _ => Ok(first),
            };
        }
        let WirePointer::Far {
            double: false,
            word,
            segment: object_segment,
        } = WirePointer::decode(first.wire)
        else {
            return bad_pad("a double-far landing pad does not start with a far pointer");
        };
        let tag = segment.pointer(pad_word + 1).wire;
        if tag & 2 != 0 {
            return bad_pad("a double-far landing pad's tag is no struct or list tag");
        }
        // As if the pointer stood where the object starts, one word before: the tag's own offset
        // ought to be zero and, like other readers, we do not look.
        let wire = with_offset(tag & !OFFSET_MASK, -1);
        let segment = self.other_segment(object_segment)?;
        Ok(PointerReader {
            segment,
            word,
            wire,
        })
    }

    fn other_segment(&self, id: u32) -> Result<SegmentRef<'a>> {
        match self.segment.arena.segment(id) {
            Some(bytes) => Ok(SegmentRef {
                bytes,
                id,
                ..self.segment
            }),
            None => Err(Error::at(
                ErrorKind::UnknownSegment,
                self.position(),
                text!(
                    "a far pointer leads to segment ",
                    id,
                    ", which the message does not have"
                ),
            )),
        }
    }

    /// The words of an object in this pointer's segment, charged and known to lie in it.
    #[inline]
    pub(super) fn object(&self, start_word: i64, words: u32) -> Result<(u32, &'a [u8])> {
        // A negative word becomes a number far beyond any segment's length.
        let start = usize::try_from((start_word as u64).wrapping_mul(WORD_BYTES as u64));
        let content = match (start, (words as usize).checked_mul(WORD_BYTES)) {
            (Ok(start), Some(len)) => self
                .segment
                .bytes
                .get(start..)
                .and_then(|rest| rest.get(..len)),
            _ => None,
        };
        let Some(content) = content else {
            return Err(self.out_of_bounds(start_word, words));
        };
        self.charge(words)?;
        Ok((start_word as u32, content))
    }

    /// Where a near pointer leads to: a word of its segment, or not if it is damaged.
    #[inline]
    pub(super) fn near_target(&self, offset_words: i32) -> i64 {
        i64::from(self.word) + 1 + i64::from(offset_words)
    }

    #[inline]
    pub(super) fn charge(&self, words: u32) -> Result<()> {
        if self.segment.arena.limiter.charge(words as usize) {
            Ok(())
        } else {
            Err(self.traversal_exceeded())
        }
    }

    #[inline]
    pub(super) fn enter(&self) -> Result<SegmentRef<'a>> {
        if self.segment.nesting_limit > 0 {
            Ok(self.segment.deeper())
        } else {
            Err(self.too_deep())
        }
    }

    #[cold]
    fn out_of_bounds(&self, start_word: i64, words: u32) -> Error {
        let segment_words = self.segment.bytes.len() / WORD_BYTES;
        Error::at(
            ErrorKind::OutOfBounds,
            self.position(),
            text!(
                "a pointer leads to ",
                words,
                " words from word ",
                start_word,
                " on of segment ",
                self.segment.id,
                ", which has ",
                segment_words,
                " words"
            ),
        )
    }

    #[cold]
    pub(super) fn traversal_exceeded(&self) -> Error {
        Error::at(
            ErrorKind::TraversalLimitExceeded,
            self.position(),
            "reading this message visits more words than the traversal limit allows; \
             raise traversal_limit_in_words if the message is trusted",
        )
    }

    #[cold]
    fn too_deep(&self) -> Error {
        Error::at(
            ErrorKind::NestingLimitExceeded,
            self.position(),
            "the message is nested deeper than the nesting limit allows; \
             raise nesting_limit if the message is trusted",
        )
    }
}

/// The offset in the low half of a struct or list pointer.
const OFFSET_MASK: u64 = 0xffff_fffc;

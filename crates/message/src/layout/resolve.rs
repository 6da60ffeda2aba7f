//! From a pointer to the words it leads to: far pointers, bounds and limits.

use alloc::format;

use super::pointer_reader::PointerReader;
use super::wire::{StructSize, WirePointer};
use crate::arena::{NO_ARENA, ReaderArena};
use crate::{Error, ErrorKind, Position, Result, WORD_BYTES};

/// One segment of a message, and the way to the others.
#[derive(Clone, Copy)]
pub(crate) struct SegmentRef<'a> {
    pub(crate) arena: &'a dyn ReaderArena,
    pub(crate) bytes: &'a [u8],
    pub(crate) id: u32,
}

/// An object found at the end of near, far or double-far pointers. Not bounds-checked yet.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) segment: SegmentRef<'a>,
    pub(crate) start_word: i64,
    pub(crate) wire: WirePointer,
}

impl<'a> SegmentRef<'a> {
    pub(crate) const EMPTY: Self = Self {
        arena: &NO_ARENA,
        bytes: &[],
        id: 0,
    };

    /// The pointer at `word`; null when there is no such word.
    #[inline]
    pub(crate) fn pointer(self, word: u32, nesting_limit: i32) -> PointerReader<'a> {
        let found = (word as usize)
            .checked_mul(WORD_BYTES)
            .and_then(|at| self.bytes.get(at..))
            .and_then(|rest| rest.first_chunk());
        let wire = match found {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => 0,
        };
        PointerReader {
            segment: self,
            word,
            wire,
            nesting_limit,
        }
    }
}

impl<'a> PointerReader<'a> {
    /// Follows far pointers. The offset inside `wire` is already applied to `start_word`.
    #[inline]
    pub(crate) fn resolve(&self) -> Result<Target<'a>> {
        match WirePointer::decode(self.wire) {
            WirePointer::Far {
                double,
                word,
                segment,
            } => self.follow_far(double, word, segment),
            wire => Ok(Target {
                segment: self.segment,
                start_word: near_target(self.word, wire),
                wire,
            }),
        }
    }

    #[cold]
    fn follow_far(&self, double: bool, pad_word: u32, segment_id: u32) -> Result<Target<'a>> {
        let segment = self.other_segment(segment_id)?;
        let pad_words = if double { 2 } else { 1 };
        let pad = Target {
            segment,
            start_word: i64::from(pad_word),
            wire: WirePointer::Null,
        };
        self.object(&pad, pad_words)?;

        let bad_pad = |detail| {
            let position = Position {
                segment: segment_id,
                word: pad_word,
            };
            Err(Error::at(ErrorKind::InvalidLandingPad, position, detail))
        };
        let first = WirePointer::decode(segment.pointer(pad_word, 0).wire);
        if !double {
            return match first {
                WirePointer::Far { .. } => {
                    bad_pad("a far pointer's landing pad is another far pointer")
                }
                WirePointer::Null => Ok(empty_struct(segment, pad_word)),
                wire => Ok(Target {
                    segment,
                    start_word: near_target(pad_word, wire),
                    wire,
                }),
            };
        }
        let WirePointer::Far {
            double: false,
            word,
            segment: object_segment,
        } = first
        else {
            return bad_pad("a double-far landing pad does not start with a far pointer");
        };
        match WirePointer::decode(segment.pointer(pad_word + 1, 0).wire).without_offset() {
            tag @ (WirePointer::Struct { .. } | WirePointer::List { .. }) => Ok(Target {
                segment: self.other_segment(object_segment)?,
                start_word: i64::from(word),
                wire: tag,
            }),
            WirePointer::Null => Ok(empty_struct(self.other_segment(object_segment)?, word)),
            _ => bad_pad("a double-far landing pad's tag is no struct or list tag"),
        }
    }

    fn other_segment(&self, id: u32) -> Result<SegmentRef<'a>> {
        match self.segment.arena.segment(id) {
            Some(bytes) => Ok(SegmentRef {
                arena: self.segment.arena,
                bytes,
                id,
            }),
            None => Err(Error::at(
                ErrorKind::UnknownSegment,
                self.position(),
                format!("a far pointer leads to segment {id}, which the message does not have"),
            )),
        }
    }

    /// The words of an object, charged and known to lie in their segment.
    #[inline]
    pub(super) fn object(&self, target: &Target<'a>, words: u32) -> Result<(u32, &'a [u8])> {
        let bytes = target.segment.bytes;
        let segment_words = (bytes.len() / WORD_BYTES) as i64;
        let end_word = target.start_word + i64::from(words);
        if target.start_word < 0 || end_word > segment_words {
            return Err(self.out_of_bounds(target, words));
        }
        let start = target.start_word as usize;
        // Both below the segment's length in bytes.
        let content = bytes.get(start * WORD_BYTES..end_word as usize * WORD_BYTES);
        self.charge(words)?;
        Ok((start as u32, content.unwrap_or_default()))
    }

    #[inline]
    pub(super) fn charge(&self, words: u32) -> Result<()> {
        if self.segment.arena.charge(words as usize) {
            Ok(())
        } else {
            Err(self.traversal_exceeded())
        }
    }

    #[inline]
    pub(super) fn enter(&self) -> Result<i32> {
        if self.nesting_limit > 0 {
            Ok(self.nesting_limit - 1)
        } else {
            Err(self.too_deep())
        }
    }

    #[cold]
    fn out_of_bounds(&self, target: &Target<'_>, words: u32) -> Error {
        let segment_words = target.segment.bytes.len() / WORD_BYTES;
        Error::at(
            ErrorKind::OutOfBounds,
            self.position(),
            format!(
                "a pointer leads to {words} words from word {} on of segment {}, which has {segment_words} words",
                target.start_word, target.segment.id
            ),
        )
    }

    #[cold]
    fn traversal_exceeded(&self) -> Error {
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

/// An all-zero landing pad is not a null pointer but a struct without content.
fn empty_struct(segment: SegmentRef<'_>, word: u32) -> Target<'_> {
    let wire = WirePointer::Struct {
        offset_words: 0,
        size: StructSize::default(),
    };
    Target {
        segment,
        start_word: i64::from(word),
        wire,
    }
}

#[inline]
fn near_target(pointer_word: u32, wire: WirePointer) -> i64 {
    match wire {
        WirePointer::Struct { offset_words, .. } | WirePointer::List { offset_words, .. } => {
            i64::from(pointer_word) + 1 + i64::from(offset_words)
        }
        _ => 0,
    }
}

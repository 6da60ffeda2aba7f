use alloc::vec::Vec;

use super::allocator::GrowingSegment;
use super::build::Builder;
use crate::arena::SegmentBuffer;
use crate::{Error, ErrorKind, Result, WORD_BYTES};

/// Builds a framed message in the buffer it will be sent from: one segment that grows, with its
/// segment table reserved in front.
pub type FrameBuilder = Builder<GrowingSegment>;

impl Builder<GrowingSegment> {
    /// Starts with room for `words`.
    #[must_use]
    pub fn with_capacity_words(words: usize) -> Self {
        Self::new(GrowingSegment::with_capacity_words(
            u32::try_from(words).unwrap_or(u32::MAX),
        ))
    }

    /// The finished frame: segment table, then the segment, in the buffer they were built in.
    ///
    /// A message with an [`error`](Self::error) gives a frame that can be read but lacks what did
    /// not fit.
    #[must_use]
    pub fn into_frame(mut self) -> Vec<u8> {
        let words = self.used_words() as u32;
        let Some(mut buffer) = self.arena.segments.buffers.take_first() else {
            // Not even the root fitted: a message of one empty segment.
            return alloc::vec![0; WORD_BYTES];
        };
        buffer.bytes.truncate(buffer.used_end);
        if let Some(table) = buffer.bytes.get_mut(..WORD_BYTES) {
            // Segments less one, in the low half; the words of the first in the high half.
            table.copy_from_slice(&(u64::from(words) << 32).to_le_bytes());
        }
        buffer.bytes
    }

    /// Words in use in the segment, root pointer included.
    #[must_use]
    pub fn used_words(&self) -> usize {
        self.segment_bytes().len() / WORD_BYTES
    }

    /// Bytes of the finished frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.segment_bytes().len() + WORD_BYTES
    }

    /// The words in use.
    #[must_use]
    pub fn segment_bytes(&self) -> &[u8] {
        self.arena
            .segments
            .buffers
            .first()
            .map_or(&[], SegmentBuffer::content)
    }

    /// The words in use, to write. Pointers written here are checked when they are followed.
    pub fn segment_bytes_mut(&mut self) -> &mut [u8] {
        match self.arena.segments.buffers.first_mut() {
            Some(buffer) => buffer.content_mut(),
            None => &mut [],
        }
    }

    /// Zeroed room of `min_words` behind the words in use, for an encoder that is not this crate.
    /// It becomes part of the message with [`Self::commit_words`]; whatever else is done first
    /// takes it back. Empty when there is no memory, which is an [`error`](Self::error) too.
    pub fn spare_words_mut(&mut self, min_words: usize) -> &mut [u8] {
        let bytes = min_words.saturating_mul(WORD_BYTES);
        let Some(buffer) = self.arena.segments.buffers.first_mut() else {
            return &mut [];
        };
        if buffer.spare(bytes).is_none() {
            let detail = text!(
                "there is no room for ",
                min_words,
                " more words in this message"
            );
            self.arena
                .failure
                .get_or_insert(Error::new(ErrorKind::AllocationFailed, detail));
            return &mut [];
        }
        // Asked twice because a borrow that may be returned cannot also be given up.
        self.arena
            .segments
            .buffers
            .first_mut()
            .and_then(SegmentBuffer::spare_mut)
            .unwrap_or_default()
    }

    /// Makes the first `words` of the spare room part of the message, and gives back the rest.
    ///
    /// # Errors
    /// When that is more than [`Self::spare_words_mut`] gave.
    pub fn commit_words(&mut self, words: usize) -> Result<()> {
        let bytes = words.saturating_mul(WORD_BYTES);
        let committed = self
            .arena
            .segments
            .buffers
            .first_mut()
            .is_some_and(|buffer| buffer.commit(bytes));
        if committed {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::TooLarge,
            text!(words, " words were committed, more than were handed out"),
        ))
    }
}

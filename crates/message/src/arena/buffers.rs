use alloc::vec::Vec;

use super::build::{MAX_SEGMENT_WORDS, words_between};
use crate::WORD_BYTES;
use crate::layout::wire::with_offset;

/// The segments of a message under construction, in order.
///
/// Nearly every message has one, and every field that is written has to find it: so it lies here
/// and not behind another pointer.
pub(crate) struct Buffers {
    /// Meaningless, and empty, until there is one.
    first: SegmentBuffer,
    has_first: bool,
    more: Vec<SegmentBuffer>,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self {
            first: SegmentBuffer::new(Vec::new(), 0, false),
            has_first: false,
            more: Vec::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self, id: usize) -> Option<&SegmentBuffer> {
        match id {
            0 => Some(&self.first),
            id => self.more.get(id - 1),
        }
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, id: usize) -> Option<&mut SegmentBuffer> {
        match id {
            0 => Some(&mut self.first),
            id => self.more.get_mut(id - 1),
        }
    }

    pub(crate) fn first(&self) -> Option<&SegmentBuffer> {
        self.has_first.then_some(&self.first)
    }

    pub(crate) fn first_mut(&mut self) -> Option<&mut SegmentBuffer> {
        self.has_first.then_some(&mut self.first)
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.has_first) + self.more.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &SegmentBuffer> {
        self.first().into_iter().chain(&self.more)
    }

    pub(crate) fn push(&mut self, buffer: SegmentBuffer) {
        if self.has_first {
            self.more.push(buffer);
        } else {
            self.first = buffer;
            self.has_first = true;
        }
    }

    /// Takes the first segment out.
    pub(crate) fn take_first(&mut self) -> Option<SegmentBuffer> {
        let has_first = core::mem::take(&mut self.has_first);
        let nothing = SegmentBuffer::new(Vec::new(), 0, false);
        let first = core::mem::replace(&mut self.first, nothing);
        has_first.then_some(first)
    }

    /// Takes all segments but the first out.
    pub(crate) fn take_more(&mut self) -> Vec<SegmentBuffer> {
        core::mem::take(&mut self.more)
    }
}

pub(crate) struct SegmentBuffer {
    /// Front matter, then the words in use, then zeroes, or the spare room of a foreign encoder.
    pub(crate) bytes: Vec<u8>,
    /// Bytes in front of the segment's first word.
    pub(crate) front_bytes: usize,
    /// End of the words in use, counted like `bytes`.
    pub(crate) used_end: usize,
    /// `used_end` never passes this.
    limit_end: usize,
    /// Whether someone else may have written behind the words in use.
    spare_is_out: bool,
}

impl SegmentBuffer {
    pub(crate) fn new(mut bytes: Vec<u8>, front_bytes: usize, grows: bool) -> Self {
        bytes.clear();
        let room = if grows { usize::MAX } else { bytes.capacity() };
        bytes.resize(front_bytes, 0);
        let words = (room.saturating_sub(front_bytes) / WORD_BYTES).min(MAX_SEGMENT_WORDS as usize);
        Self {
            bytes,
            front_bytes,
            used_end: front_bytes,
            limit_end: words.saturating_mul(WORD_BYTES).saturating_add(front_bytes),
            spare_is_out: false,
        }
    }

    /// Forgets all words, as if the segment were new.
    pub(super) fn restart(&mut self) {
        self.bytes.truncate(self.front_bytes);
        self.used_end = self.front_bytes;
        self.spare_is_out = false;
    }

    /// The words in use.
    pub(crate) fn content(&self) -> &[u8] {
        self.bytes
            .get(self.front_bytes..self.used_end)
            .unwrap_or_default()
    }

    pub(crate) fn content_mut(&mut self) -> &mut [u8] {
        self.bytes
            .get_mut(self.front_bytes..self.used_end)
            .unwrap_or_default()
    }

    /// Appends `content` and zeroes up to `words`; the position, or `None` when there is no room.
    #[inline]
    pub(super) fn append(&mut self, words: usize, content: &[u8]) -> Option<usize> {
        let at = self.used_end;
        let end = words.checked_mul(WORD_BYTES)?.checked_add(at)?;
        if end > self.bytes.len() || self.spare_is_out {
            return self.append_slowly(at, end, content);
        }
        // Zero already.
        if !content.is_empty() {
            self.bytes
                .get_mut(at..at.checked_add(content.len())?)?
                .copy_from_slice(content);
        }
        self.used_end = end;
        Some(at)
    }

    /// Appends an object and makes the pointer at `pointer_at` lead to it, all on one look at the
    /// buffer: building consists of this. `None`, and nothing done, when the pointer is not null or
    /// there is no zeroed room.
    #[inline]
    pub(super) fn append_object(
        &mut self,
        pointer_at: usize,
        tag: u64,
        words: usize,
        content: &[u8],
    ) -> Option<usize> {
        let at = self.used_end;
        let end = words.checked_mul(WORD_BYTES)?.checked_add(at)?;
        if end > self.bytes.len() || self.spare_is_out {
            return None;
        }
        let pointer: &mut [u8; WORD_BYTES] = self
            .bytes
            .get_mut(pointer_at..pointer_at.checked_add(WORD_BYTES)?)?
            .first_chunk_mut()?;
        if *pointer != [0; WORD_BYTES] {
            return None;
        }
        *pointer = with_offset(tag, words_between(pointer_at, at)).to_le_bytes();
        if !content.is_empty()
            && let Some(place) = self.bytes.get_mut(at..end)
            && let Some(place) = place.get_mut(..content.len())
        {
            place.copy_from_slice(content);
        }
        self.used_end = end;
        Some(at)
    }

    #[inline(never)]
    fn append_slowly(&mut self, at: usize, end: usize, content: &[u8]) -> Option<usize> {
        if end > self.limit_end {
            return None;
        }
        self.take_spare_back();
        if end > self.bytes.capacity() {
            self.bytes.try_reserve(end - self.bytes.len()).ok()?;
        }
        // What is copied in need not be zeroed first.
        self.bytes.truncate(at);
        self.bytes.extend_from_slice(content);
        let ahead = end
            .saturating_add(end.clamp(LEAST_ZEROED_AHEAD_BYTES, MOST_ZEROED_AHEAD_BYTES))
            .min(self.bytes.capacity())
            .min(self.limit_end);
        self.bytes.resize(ahead.max(end), 0);
        self.used_end = end;
        Some(at)
    }

    fn take_spare_back(&mut self) {
        if self.spare_is_out {
            self.bytes.truncate(self.used_end);
            self.spare_is_out = false;
        }
    }

    /// Makes zeroed room behind the words in use.
    pub(crate) fn spare(&mut self, bytes: usize) -> Option<()> {
        let end = self.used_end.checked_add(bytes)?;
        if end > self.limit_end {
            return None;
        }
        self.take_spare_back();
        if end > self.bytes.capacity() {
            self.bytes.try_reserve(end - self.bytes.len()).ok()?;
        }
        self.bytes.resize(end, 0);
        self.spare_is_out = true;
        Some(())
    }

    /// The room that `spare` made.
    pub(crate) fn spare_mut(&mut self) -> Option<&mut [u8]> {
        self.bytes.get_mut(self.used_end..)
    }

    /// Makes the first `bytes` of the spare room part of the segment.
    pub(crate) fn commit(&mut self, bytes: usize) -> bool {
        let end = self.used_end.saturating_add(bytes);
        let fits = bytes == 0 || (self.spare_is_out && end <= self.bytes.len());
        if fits {
            self.used_end = end;
        }
        self.take_spare_back();
        fits
    }
}

/// Zeroing a little more than is asked for makes most allocations free of it. More for messages
/// that are large already, but no more than the processor's nearest cache keeps.
const LEAST_ZEROED_AHEAD_BYTES: usize = 512;
const MOST_ZEROED_AHEAD_BYTES: usize = 8192;

use alloc::vec::Vec;

use crate::WORD_BYTES;

/// Where a message under construction gets its memory.
pub trait Allocator: Send + Sync + 'static {
    /// A buffer for a new segment. What it holds is discarded; its capacity is the segment's size,
    /// at least `minimum_words` and what [`Self::front_bytes`] asks for. Less means there is no
    /// memory.
    fn allocate_segment(&mut self, minimum_words: u32) -> Vec<u8>;

    /// Takes a segment's buffer back when the message is done.
    fn deallocate_segment(&mut self, buffer: Vec<u8>) {
        drop(buffer);
    }

    /// Whether the message is one segment that grows by reallocation, instead of several of fixed
    /// size.
    fn grows_in_place(&self) -> bool {
        false
    }

    /// Bytes to keep free in front of the first segment.
    fn front_bytes(&self) -> usize {
        0
    }
}

/// Segments on the heap, each as large as all before it together, so that a message of any size
/// has few.
#[derive(Clone, Debug)]
pub struct HeapAllocator {
    next_words: u32,
    grows: bool,
}

/// Words in the first segment unless asked for otherwise.
const FIRST_SEGMENT_WORDS: u32 = 1024;

/// Segments grow no larger on their own: 64 MiB.
const LARGEST_STEP_WORDS: u32 = 1 << 23;

impl HeapAllocator {
    /// Starts with a segment of 8 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            next_words: FIRST_SEGMENT_WORDS,
            grows: true,
        }
    }

    /// Starts with a segment of `words`.
    #[must_use]
    pub fn first_segment_words(mut self, words: u32) -> Self {
        self.next_words = words.max(1);
        self
    }

    /// Makes all segments as large as the first, except for objects that need more.
    #[must_use]
    pub fn fixed_size(mut self) -> Self {
        self.grows = false;
        self
    }
}

impl Default for HeapAllocator {
    fn default() -> Self {
        Self::new()
    }
}

impl Allocator for HeapAllocator {
    fn allocate_segment(&mut self, minimum_words: u32) -> Vec<u8> {
        let words = self.next_words.max(minimum_words);
        if self.grows {
            self.next_words = self
                .next_words
                .saturating_add(words)
                .min(LARGEST_STEP_WORDS);
        }
        reserve(words as usize, 0)
    }
}

/// One segment that grows in place, with room in front for the segment table of a framed message,
/// so that the finished message can be sent without copying it.
#[derive(Debug)]
pub struct GrowingSegment {
    first_words: u32,
    recycled: Option<Vec<u8>>,
}

impl GrowingSegment {
    /// Starts with room for `words`.
    #[must_use]
    pub fn with_capacity_words(words: u32) -> Self {
        Self {
            first_words: words.max(1),
            recycled: None,
        }
    }

    /// Builds in a buffer that was used before, such as an earlier frame.
    #[must_use]
    pub fn with_buffer(buffer: Vec<u8>) -> Self {
        Self {
            first_words: FIRST_SEGMENT_WORDS,
            recycled: Some(buffer),
        }
    }
}

impl Default for GrowingSegment {
    fn default() -> Self {
        Self::with_capacity_words(FIRST_SEGMENT_WORDS)
    }
}

impl Allocator for GrowingSegment {
    fn allocate_segment(&mut self, minimum_words: u32) -> Vec<u8> {
        match self.recycled.take() {
            Some(buffer) => buffer,
            None => reserve(
                self.first_words.max(minimum_words) as usize,
                self.front_bytes(),
            ),
        }
    }

    fn grows_in_place(&self) -> bool {
        true
    }

    /// A segment table with one entry: the number of segments less one, and the segment's words.
    fn front_bytes(&self) -> usize {
        WORD_BYTES
    }
}

/// An empty buffer if there is no memory, which the arena reports.
fn reserve(words: usize, front_bytes: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    if let Some(bytes) = words
        .checked_mul(WORD_BYTES)
        .and_then(|bytes| bytes.checked_add(front_bytes))
    {
        // On failure the buffer stays empty.
        let _ = buffer.try_reserve_exact(bytes);
    }
    buffer
}

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

    /// Whether segments grow by reallocation, as far as the format allows, before another is asked
    /// for. Otherwise they are of fixed size.
    fn grows_in_place(&self) -> bool {
        false
    }

    /// Whether the message may have no more than one segment.
    fn is_single_segment(&self) -> bool {
        false
    }

    /// Bytes to keep free in front of the first segment.
    fn front_bytes(&self) -> usize {
        0
    }
}

/// Segments on the heap. The first grows as the message does, so that nearly every message has one
/// segment and no far pointers; another follows only when the format's limit of 4 GiB is reached or
/// there is no memory left in one piece.
#[derive(Clone, Debug)]
pub struct HeapAllocator {
    first_words: u32,
    grows: bool,
}

/// Words in the first segment unless asked for otherwise.
const FIRST_SEGMENT_WORDS: u32 = 1024;

impl HeapAllocator {
    /// Starts with a segment of 8 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            first_words: FIRST_SEGMENT_WORDS,
            grows: true,
        }
    }

    /// Starts with a segment of `words`.
    #[must_use]
    pub fn first_segment_words(mut self, words: u32) -> Self {
        self.first_words = words.max(1);
        self
    }

    /// Makes all segments as large as the first, except for objects that need more, and lets none
    /// grow.
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
        reserve(self.first_words.max(minimum_words) as usize, 0)
    }

    fn grows_in_place(&self) -> bool {
        self.grows
    }
}

/// One buffer that is there already, for messages of a known size: nothing is allocated.
///
/// With [`Builder::reset`](super::Builder::reset) one buffer serves any number of messages.
///
/// ```
/// use capstan_message::{message::{Builder, ScratchSpace}, text};
///
/// let mut message = Builder::new(ScratchSpace::fixed(Vec::with_capacity(4096)));
/// for name in ["Ada", "Grace"] {
///     message.reset();
///     message.set_root::<text::Owned>(name)?;
///     // … send it …
/// }
/// # Ok::<(), capstan_message::Error>(())
/// ```
#[derive(Debug)]
pub struct ScratchSpace {
    buffer: Option<Vec<u8>>,
    beyond: Option<HeapAllocator>,
}

impl ScratchSpace {
    /// Messages that do not fit into the buffer's capacity, whole words of it, are an error
    /// (`AllocationFailed`). What the buffer holds is discarded.
    #[must_use]
    pub fn fixed(buffer: Vec<u8>) -> Self {
        Self {
            buffer: Some(buffer),
            beyond: None,
        }
    }

    /// Messages that do not fit go on in segments on the heap.
    #[must_use]
    pub fn then_heap(buffer: Vec<u8>) -> Self {
        Self {
            buffer: Some(buffer),
            beyond: Some(HeapAllocator::new()),
        }
    }
}

impl Allocator for ScratchSpace {
    fn allocate_segment(&mut self, minimum_words: u32) -> Vec<u8> {
        if let Some(buffer) = self.buffer.take() {
            return buffer;
        }
        match &mut self.beyond {
            Some(heap) => heap.allocate_segment(minimum_words),
            None => Vec::new(),
        }
    }

    fn is_single_segment(&self) -> bool {
        self.beyond.is_none()
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

    fn is_single_segment(&self) -> bool {
        true
    }

    /// A segment table with one entry: the number of segments less one, and the segment's words.
    fn front_bytes(&self) -> usize {
        WORD_BYTES
    }
}

/// One segment that grows in place and nothing in front of it.
#[derive(Debug)]
pub(crate) struct BareSegment {
    pub(crate) first_words: u32,
}

impl Allocator for BareSegment {
    fn allocate_segment(&mut self, minimum_words: u32) -> Vec<u8> {
        reserve(self.first_words.max(minimum_words) as usize, 0)
    }

    fn grows_in_place(&self) -> bool {
        true
    }

    fn is_single_segment(&self) -> bool {
        true
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

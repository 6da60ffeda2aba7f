use alloc::vec::Vec;

use super::{parse_table, segment_count, table_bytes, truncated};
use crate::message::ReaderOptions;
use crate::{ErrorKind, Result, WORD_BYTES};

/// Puts one framed message together from whatever pieces come. It asks for no byte that is not
/// the message's, and its memory follows what really came: a table that lies costs no more than
/// [`FIRST_ROOM_BYTES`].
#[derive(Debug)]
pub(crate) struct Assembler {
    options: ReaderOptions,
    /// The first word. The buffer is made when it is known how large it must be.
    first: [u8; WORD_BYTES],
    /// Zeroed as far as it goes.
    frame: Vec<u8>,
    filled_bytes: usize,
    /// The message has at least so many bytes.
    goal_bytes: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    FirstWord,
    Table,
    Segments,
    Whole,
}

impl Assembler {
    pub(crate) fn new(options: ReaderOptions) -> Self {
        Self {
            options,
            first: [0; WORD_BYTES],
            frame: Vec::new(),
            filled_bytes: 0,
            goal_bytes: WORD_BYTES,
            stage: Stage::FirstWord,
        }
    }

    /// Where the next bytes belong: not empty unless the message is whole.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.stage == Stage::FirstWord {
            return self.first.get_mut(self.filled_bytes..).unwrap_or_default();
        }
        if self.filled_bytes == self.frame.len() && self.filled_bytes < self.goal_bytes {
            if self.filled_bytes == self.frame.capacity() {
                let room_bytes = (2 * self.filled_bytes)
                    .max(FIRST_ROOM_BYTES)
                    .min(self.goal_bytes);
                self.frame.reserve_exact(room_bytes - self.filled_bytes);
            }
            self.zero_ahead();
        }
        let end_bytes = self.frame.len().min(self.goal_bytes);
        self.frame
            .get_mut(self.filled_bytes..end_bytes)
            .unwrap_or_default()
    }

    /// So many bytes were put into the room.
    ///
    /// # Errors
    /// When they are a segment table beyond the limits.
    pub(crate) fn advance(&mut self, bytes: usize) -> Result<()> {
        self.filled_bytes += bytes;
        while self.filled_bytes == self.goal_bytes {
            match self.stage {
                Stage::FirstWord => {
                    let segments = segment_count(&self.first, &self.options)?;
                    self.goal_bytes = table_bytes(segments);
                    self.stage = Stage::Table;
                    if segments > 1 {
                        self.start_frame();
                    }
                }
                Stage::Table => {
                    let table = if self.frame.is_empty() {
                        &self.first
                    } else {
                        self.frame.as_slice()
                    };
                    self.goal_bytes = parse_table(table, &self.options)?.frame_bytes;
                    self.stage = Stage::Segments;
                    if self.frame.is_empty() {
                        self.start_frame();
                    }
                }
                Stage::Segments => self.stage = Stage::Whole,
                Stage::Whole => break,
            }
        }
        Ok(())
    }

    fn start_frame(&mut self) {
        self.frame = Vec::with_capacity(self.goal_bytes.min(FIRST_ROOM_BYTES));
        self.zero_ahead();
        if let Some(place) = self.frame.first_chunk_mut() {
            *place = self.first;
        }
    }

    /// Zeroes some of the buffer: no more than stays in the cache until it is written.
    fn zero_ahead(&mut self) {
        let end_bytes = self.frame.len().saturating_add(ZEROED_AHEAD_BYTES);
        let end_bytes = end_bytes.min(self.frame.capacity()).min(self.goal_bytes);
        self.frame.resize(end_bytes, 0);
    }

    /// Bytes that are missing, as far as is known.
    #[cfg(feature = "std")]
    pub(crate) fn missing_bytes(&self) -> usize {
        self.goal_bytes - self.filled_bytes
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.filled_bytes > 0
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.stage == Stage::Whole
    }

    /// The frame, if it is whole; then the next can be put together.
    pub(crate) fn take_frame(&mut self) -> Option<Vec<u8>> {
        if !self.is_whole() {
            return None;
        }
        let options = self.options;
        Some(core::mem::replace(self, Self::new(options)).frame)
    }

    /// For when no more bytes come. Absurd counts of segments are the better reason, if half a word
    /// came and says so.
    #[cold]
    pub(crate) fn truncated(&self) -> crate::Error {
        if self.stage == Stage::FirstWord
            && let Some(first) = self.first.get(..self.filled_bytes)
            && let Err(error) = segment_count(first, &self.options)
            && error.kind() != ErrorKind::Truncated
        {
            return error;
        }
        truncated(self.filled_bytes, self.goal_bytes)
    }
}

#[cfg(feature = "std")]
impl Assembler {
    /// The message, if it is whole.
    pub(crate) fn into_message(mut self) -> Result<crate::message::Reader<super::OwnedSegments>> {
        match self.take_frame() {
            Some(frame) => {
                let segments = super::BufferSegments::new(frame, self.options)?;
                Ok(crate::message::Reader::new(segments, self.options))
            }
            None => Err(self.truncated()),
        }
    }
}

/// So much is allocated at once when a segment table claims it; more when that is full.
const FIRST_ROOM_BYTES: usize = 1 << 20;

/// As much as a stream usually gives at a time.
const ZEROED_AHEAD_BYTES: usize = 32 * 1024;

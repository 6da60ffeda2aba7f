//! Framing: a segment table, then the segments. The standard way to store a message or send it
//! through a stream.
//!
//! The table is little-endian `u32`s: the number of segments less one, the words of each segment,
//! and padding to a whole word.

mod assemble;

use alloc::vec::Vec;
use core::ops::Range;

pub(crate) use assemble::Assembler;

use crate::capability::{MaybeSend, MaybeSync};
use crate::message::{Allocator, Builder, Reader, ReaderOptions, ReaderSegments};
use crate::{Error, ErrorKind, Result, WORD_BYTES};

/// A framed message in one buffer, read in place.
#[derive(Clone, Debug)]
pub struct BufferSegments<T> {
    buffer: T,
    table: Table,
}

/// A framed message that owns its buffer.
pub type OwnedSegments = BufferSegments<Vec<u8>>;

/// A framed message in someone else's buffer.
pub type SliceSegments<'a> = BufferSegments<&'a [u8]>;

/// Where the segments lie in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    /// The first segment has a place of its own because most messages have no other.
    first: Range<usize>,
    others: Vec<Range<usize>>,
    frame_bytes: usize,
}

impl<T: AsRef<[u8]>> BufferSegments<T> {
    /// Reads the segment table of the message at the start of `buffer`. Bytes behind the message
    /// are ignored; [`Self::frame_bytes`] tells where they begin.
    ///
    /// # Errors
    /// When the buffer ends before the message does, or the table exceeds the limits.
    pub fn new(buffer: T, options: ReaderOptions) -> Result<Self> {
        let bytes = buffer.as_ref();
        let table = parse_table(bytes, &options)?;
        if table.frame_bytes > bytes.len() {
            return Err(truncated(bytes.len(), table.frame_bytes));
        }
        Ok(Self { buffer, table })
    }

    /// Bytes of the message, segment table included.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.table.frame_bytes
    }

    /// The buffer.
    pub fn buffer(&self) -> &T {
        &self.buffer
    }

    /// The buffer, back from the message.
    pub fn into_buffer(self) -> T {
        self.buffer
    }
}

impl<T: AsRef<[u8]> + MaybeSend + MaybeSync> ReaderSegments for BufferSegments<T> {
    #[inline]
    fn get_segment(&self, id: u32) -> Option<&[u8]> {
        let range = match id {
            0 => &self.table.first,
            _ => self.table.others.get(id as usize - 1)?,
        };
        self.buffer.as_ref().get(range.clone())
    }

    fn len(&self) -> usize {
        1 + self.table.others.len()
    }
}

/// A message that is exactly `frame`: no bytes are missing and none follow.
///
/// # Errors
/// When the frame is not one whole message, or exceeds the limits.
pub fn read_frame(frame: Vec<u8>, options: ReaderOptions) -> Result<Reader<OwnedSegments>> {
    let segments = BufferSegments::new(frame, options)?;
    reject_trailing(segments.buffer.len(), segments.frame_bytes())?;
    Ok(Reader::new(segments, options))
}

/// A message that is exactly `frame`, read in place.
///
/// # Errors
/// When the frame is not one whole message, or exceeds the limits.
pub fn read_frame_from_slice(
    frame: &[u8],
    options: ReaderOptions,
) -> Result<Reader<SliceSegments<'_>>> {
    let segments = BufferSegments::new(frame, options)?;
    reject_trailing(frame.len(), segments.frame_bytes())?;
    Ok(Reader::new(segments, options))
}

/// The message at the start of `slice`, read in place. `slice` is left behind the message.
///
/// # Errors
/// When the slice ends before the message does, or the message exceeds the limits.
pub fn read_message_from_flat_slice<'a>(
    slice: &mut &'a [u8],
    options: ReaderOptions,
) -> Result<Reader<SliceSegments<'a>>> {
    let segments = BufferSegments::new(*slice, options)?;
    *slice = slice.get(segments.frame_bytes()..).unwrap_or_default();
    Ok(Reader::new(segments, options))
}

/// Bytes of the framed message.
#[must_use]
pub fn compute_serialized_size_in_bytes<A: Allocator>(message: &Builder<A>) -> usize {
    let segments = message.len().max(1);
    table_bytes(segments) + message.size_in_words() * WORD_BYTES
}

/// The framed message.
///
/// # Errors
/// When building the message failed ([`Builder::error`]).
pub fn write_message_to_vec<A: Allocator>(message: &Builder<A>) -> Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(compute_serialized_size_in_bytes(message));
    if let Some((table, segment)) = lone_segment(message) {
        frame.extend_from_slice(&table);
        frame.extend_from_slice(segment);
        return Ok(frame);
    }
    let segments = checked_segments(message)?;
    write_table(&segments, &mut frame);
    for segment in segments {
        frame.extend_from_slice(segment);
    }
    Ok(frame)
}

/// Cuts a stream of bytes into framed messages. It does not matter how the bytes are split.
///
/// Take all frames out after each push: then no more is held than one message within the limits
/// and the last piece.
#[derive(Debug)]
pub struct FrameDecoder {
    options: ReaderOptions,
    pending: Vec<u8>,
    /// Bytes of `pending` that were handed out already. Removing them for each small message would
    /// move the same bytes again and again.
    done_bytes: usize,
}

impl FrameDecoder {
    /// A decoder at the start of a message.
    #[must_use]
    pub fn new(options: ReaderOptions) -> Self {
        Self {
            options,
            pending: Vec::new(),
            done_bytes: 0,
        }
    }

    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.done_bytes);
        self.done_bytes = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The next message's frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// When the stream is no sequence of messages within the limits. Nothing can be read after that.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>> {
        let rest = self.pending.get(self.done_bytes..).unwrap_or_default();
        let frame_bytes = match parse_table(rest, &self.options) {
            Ok(table) => table.frame_bytes,
            Err(error) if error.kind() == ErrorKind::Truncated => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(frame) = rest.get(..frame_bytes).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.done_bytes += frame_bytes;
        Ok(Some(frame))
    }

    /// Whether the stream may end here: no message has begun.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.done_bytes == self.pending.len()
    }
}

#[cfg(feature = "std")]
pub use self::io::{read_message, try_read_message, write_message};

#[cfg(feature = "std")]
mod io {
    use std::io::{Read, Write};

    use super::{
        Allocator, Assembler, Builder, OwnedSegments, Reader, ReaderOptions, Result, Vec,
        checked_segments, lone_segment, truncated, write_table,
    };
    use crate::WORD_BYTES;

    /// Reads one message.
    ///
    /// # Errors
    /// When the stream fails or ends before the message does, or the message exceeds the limits.
    pub fn read_message(read: impl Read, options: ReaderOptions) -> Result<Reader<OwnedSegments>> {
        match try_read_message(read, options)? {
            Some(message) => Ok(message),
            None => Err(truncated(0, WORD_BYTES)),
        }
    }

    /// Reads one message, or `None` when the stream ends before it begins.
    ///
    /// # Errors
    /// When the stream fails or ends inside the message, or the message exceeds the limits.
    pub fn try_read_message(
        mut read: impl Read,
        options: ReaderOptions,
    ) -> Result<Option<Reader<OwnedSegments>>> {
        let mut assembler = Assembler::new(options);
        while !assembler.is_whole() {
            match read.read(assembler.room()) {
                Ok(0) if !assembler.has_begun() => return Ok(None),
                Ok(0) => return Err(assembler.truncated()),
                Ok(bytes) => assembler.advance(bytes)?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        assembler.into_message().map(Some)
    }

    /// Writes one message.
    ///
    /// # Errors
    /// When the stream fails, or building the message had failed ([`Builder::error`]).
    pub fn write_message<A: Allocator>(mut write: impl Write, message: &Builder<A>) -> Result<()> {
        if let Some((table, segment)) = lone_segment(message) {
            write.write_all(&table)?;
            write.write_all(segment)?;
            return Ok(write.flush()?);
        }
        let segments = checked_segments(message)?;
        let mut table = Vec::new();
        write_table(&segments, &mut table);
        write.write_all(&table)?;
        for segment in segments {
            write.write_all(segment)?;
        }
        Ok(write.flush()?)
    }
}

/// The table and the segment of a message that has one and no error, as nearly all do: nothing need
/// be allocated to list them.
pub(crate) fn lone_segment<A: Allocator>(
    message: &Builder<A>,
) -> Option<([u8; WORD_BYTES], &[u8])> {
    if message.error().is_some() || message.len() != 1 {
        return None;
    }
    let segment = message.get_segment(0)?;
    let words = (segment.len() / WORD_BYTES) as u64;
    // Segments less one, in the low half.
    Some(((words << 32).to_le_bytes(), segment))
}

pub(crate) fn checked_segments<A: Allocator>(message: &Builder<A>) -> Result<Vec<&[u8]>> {
    match message.error() {
        Some(error) => Err(error.clone()),
        None => Ok(message.get_segments_for_output()),
    }
}

pub(crate) fn write_table(segments: &[&[u8]], out: &mut Vec<u8>) {
    let count = segments.len();
    out.extend_from_slice(&(count.saturating_sub(1) as u32).to_le_bytes());
    for segment in segments {
        out.extend_from_slice(&((segment.len() / WORD_BYTES) as u32).to_le_bytes());
    }
    out.resize(table_bytes(count.max(1)), 0);
}

/// The count and one size for each segment, four bytes each, in whole words.
fn table_bytes(segments: usize) -> usize {
    (segments / 2 + 1).saturating_mul(WORD_BYTES)
}

/// The number of segments, within the limit.
fn segment_count(bytes: &[u8], options: &ReaderOptions) -> Result<usize> {
    let Some(less_one) = word32(bytes, 0) else {
        return Err(truncated(bytes.len(), WORD_BYTES));
    };
    if less_one >= options.segment_limit {
        return Err(Error::new(
            ErrorKind::TooManySegments,
            text!(
                "the segment table claims ",
                u64::from(less_one) + 1,
                " segments; the limit is ",
                options.segment_limit
            ),
        ));
    }
    // At most `segment_limit`, and the table must be there before anything is made from it.
    Ok(less_one as usize + 1)
}

/// Finds the segments. The table itself must be there, the segments need not.
fn parse_table(bytes: &[u8], options: &ReaderOptions) -> Result<Table> {
    let count = segment_count(bytes, options)?;
    let header_bytes = table_bytes(count);
    if bytes.len() < header_bytes {
        return Err(truncated(bytes.len(), header_bytes));
    }
    let mut total_words: u64 = 0;
    let mut next = |index: usize| {
        let words = u64::from(word32(bytes, 4 + 4 * index).unwrap_or(0));
        let start = total_words;
        total_words += words;
        (start, total_words)
    };
    let first = next(0);
    let others: Vec<_> = (1..count).map(next).collect();

    let limit = options
        .traversal_limit_in_words
        .map_or(u64::MAX, |words| words as u64);
    // Positions must fit in the address space as well, which matters on 32-bit machines.
    let addressable = (isize::MAX as u64 - header_bytes as u64) / WORD_BYTES as u64;
    if total_words > limit.min(addressable) {
        return Err(Error::new(
            ErrorKind::TooLarge,
            text!(
                "the segment table claims a message of ",
                total_words,
                " words; the limit is ",
                limit.min(addressable)
            ),
        ));
    }
    let range = |(start, end): (u64, u64)| {
        header_bytes + start as usize * WORD_BYTES..header_bytes + end as usize * WORD_BYTES
    };
    Ok(Table {
        first: range(first),
        others: others.into_iter().map(range).collect(),
        frame_bytes: header_bytes + total_words as usize * WORD_BYTES,
    })
}

/// The segment table and the segments of a frame that is exactly one message.
pub(crate) fn frame_parts(frame: &[u8], options: ReaderOptions) -> Result<Vec<&[u8]>> {
    let table = parse_table(frame, &options)?;
    if table.frame_bytes > frame.len() {
        return Err(truncated(frame.len(), table.frame_bytes));
    }
    reject_trailing(frame.len(), table.frame_bytes)?;
    let ranges = [0..table.first.start, table.first.clone()];
    let parts = ranges.into_iter().chain(table.others);
    Ok(parts.filter_map(|range| frame.get(range)).collect())
}

fn word32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

fn reject_trailing(found_bytes: usize, frame_bytes: usize) -> Result<()> {
    if found_bytes == frame_bytes {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TrailingBytes,
        text!(
            "the message ends after ",
            frame_bytes,
            " bytes but the frame has ",
            found_bytes
        ),
    ))
}

#[cold]
pub(crate) fn truncated(found_bytes: usize, needed_bytes: usize) -> Error {
    Error::new(
        ErrorKind::Truncated,
        text!(
            "the message ends after ",
            found_bytes,
            " bytes; it needs at least ",
            needed_bytes
        ),
    )
}

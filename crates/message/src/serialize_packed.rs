//! Framed messages in packed form: see [`packed`](crate::packed) for the encoding. The segment
//! table is packed too.
//!
//! Packed messages can follow each other. A reader takes no byte that is behind its message.

#[cfg(feature = "std")]
mod stream;

use alloc::format;
use alloc::vec::Vec;

use crate::message::{Allocator, Builder, Reader, ReaderOptions};
use crate::packed::{Unpacker, pack_part};
use crate::serialize::{
    Assembler, BufferSegments, OwnedSegments, checked_segments, frame_parts, lone_segment,
    write_table,
};
use crate::{Error, ErrorKind, Result};

#[cfg(feature = "async")]
pub(crate) use self::stream::{LoneMessage, PackedPieces};
#[cfg(feature = "std")]
pub use self::stream::{
    read_message, read_message_unbuffered, try_read_message, try_read_message_unbuffered,
    write_message,
};
/// The packed message.
///
/// # Errors
/// When building the message failed ([`Builder::error`]).
pub fn write_message_to_vec<A: Allocator>(message: &Builder<A>) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    append_message(message, &mut packed)?;
    Ok(packed)
}

/// Packs a message, appending to `packed`.
///
/// # Errors
/// When building the message failed ([`Builder::error`]); then nothing was appended.
pub fn append_message<A: Allocator>(message: &Builder<A>, packed: &mut Vec<u8>) -> Result<()> {
    if let Some((table, segment)) = lone_segment(message) {
        pack_parts([table.as_slice(), segment].into_iter(), packed);
        return Ok(());
    }
    let segments = checked_segments(message)?;
    let mut table = Vec::new();
    write_table(&segments, &mut table);
    pack_parts(core::iter::once(table.as_slice()).chain(segments), packed);
    Ok(())
}

/// Packs a framed message, appending to `packed`.
///
/// # Errors
/// When `frame` is not one whole message, or exceeds the limits.
pub fn pack_frame(frame: &[u8], options: ReaderOptions, packed: &mut Vec<u8>) -> Result<()> {
    let parts = frame_parts(frame, options)?;
    pack_parts(parts.into_iter(), packed);
    Ok(())
}

/// The frame of the message that is exactly `packed`.
///
/// # Errors
/// When the packed message is not whole, something follows it, or it exceeds the limits: then no
/// more was allocated than they allow.
pub fn unpack_frame(packed: &[u8], options: ReaderOptions) -> Result<Vec<u8>> {
    let mut rest = packed;
    let frame = take_frame(&mut rest, options)?;
    if !rest.is_empty() {
        return Err(Error::new(
            ErrorKind::TrailingBytes,
            format!(
                "the packed message ends after {} bytes but there are {}",
                packed.len() - rest.len(),
                packed.len()
            ),
        ));
    }
    Ok(frame)
}

/// The packed message at the start of `slice`, which is left behind it.
///
/// # Errors
/// When the slice ends before the message does, or the message exceeds the limits.
pub fn read_message_from_flat_slice(
    slice: &mut &[u8],
    options: ReaderOptions,
) -> Result<Reader<OwnedSegments>> {
    let frame = take_frame(slice, options)?;
    Ok(Reader::new(BufferSegments::new(frame, options)?, options))
}

/// Cuts a stream of packed bytes into framed messages. It does not matter how the bytes are split,
/// nor where the runs of the packing end.
///
/// It holds the message that has begun, within the limits, and nothing else.
#[derive(Debug)]
pub struct PackedFrameDecoder {
    unpacker: Unpacker,
    assembler: Assembler,
}

impl PackedFrameDecoder {
    /// A decoder at the start of a message.
    #[must_use]
    pub fn new(options: ReaderOptions) -> Self {
        Self {
            unpacker: Unpacker::new(),
            assembler: Assembler::new(options),
        }
    }

    /// Reads from `input` up to the end of a message, whose frame it returns, or to the end of the
    /// input. Also says how many bytes were read; the others are to be given again.
    ///
    /// # Errors
    /// When the stream is no sequence of messages within the limits. Nothing can be read after that.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Vec<u8>>)> {
        let mut read_bytes = 0;
        loop {
            let rest = input.get(read_bytes..).unwrap_or_default();
            let progress = self.unpacker.unpack(rest, self.assembler.room());
            read_bytes += progress.read_bytes;
            self.assembler.advance(progress.written_bytes)?;
            if let Some(frame) = self.assembler.take_frame() {
                return Ok((read_bytes, Some(frame)));
            }
            if progress.written_bytes == 0 {
                return Ok((read_bytes, None));
            }
        }
    }

    /// Whether the stream may end here: no message has begun, and no run goes on.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        !self.assembler.has_begun() && self.unpacker.is_finished()
    }

    /// For a stream that ends.
    ///
    /// # Errors
    /// When that is in the middle of a message.
    pub fn finish(&self) -> Result<()> {
        self.unpacker.finish()?;
        if self.assembler.has_begun() {
            return Err(self.assembler.truncated());
        }
        Ok(())
    }

    /// Reads what belongs to the last word of a message that was alone. Whether that is all.
    ///
    /// # Errors
    /// When a run goes on behind the message.
    pub(crate) fn end_message(&mut self, input: &[u8]) -> Result<(usize, bool)> {
        if self.unpacker.is_finished() {
            return Ok((0, true));
        }
        let read_bytes = self.unpacker.unpack(input, &mut []).read_bytes;
        if self.unpacker.is_finished()
            || (read_bytes == 0 && input.is_empty() && !self.unpacker.has_output())
        {
            return Ok((read_bytes, self.unpacker.is_finished()));
        }
        Err(Error::new(
            ErrorKind::TrailingBytes,
            format!(
                "a run of packed words goes on behind the end of the message (at packed byte {})",
                self.unpacker.read_bytes()
            ),
        ))
    }

    /// Bytes that must come before the message that has begun is whole, and are all its own.
    #[cfg(feature = "std")]
    pub(crate) fn missing_bytes(&self) -> usize {
        self.unpacker.missing_bytes(self.assembler.missing_bytes())
    }
}

/// Packs the table and each segment by themselves, as every other implementation does: there are
/// readers that refuse runs which cross from one to the next.
fn pack_parts<'a>(parts: impl Iterator<Item = &'a [u8]>, packed: &mut Vec<u8>) {
    let mut end = packed.len();
    for part in parts {
        end = pack_part(part, packed, end);
    }
    packed.truncate(end);
}

fn take_frame(slice: &mut &[u8], options: ReaderOptions) -> Result<Vec<u8>> {
    let mut decoder = PackedFrameDecoder::new(options);
    let (read_bytes, frame) = decoder.decode(slice)?;
    let Some(frame) = frame else {
        decoder.finish()?;
        return Err(nothing_there());
    };
    let rest = slice.get(read_bytes..).unwrap_or_default();
    let (more, ended) = decoder.end_message(rest)?;
    if !ended {
        decoder.finish()?;
    }
    *slice = rest.get(more..).unwrap_or_default();
    Ok(frame)
}

#[cold]
pub(crate) fn nothing_there() -> Error {
    Error::new(
        ErrorKind::Truncated,
        "there is no packed message: the input ends before it begins",
    )
}

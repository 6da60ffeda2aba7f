//! Framed messages in packed form: see [`packed`](crate::packed) for the encoding. The segment
//! table is packed too.
//!
//! Packed messages can follow each other. A reader takes no byte that is behind its message.

use alloc::format;
use alloc::vec::Vec;

use crate::message::{Allocator, Builder, Reader, ReaderOptions};
use crate::packed::{Packer, Unpacker, max_packed_bytes};
use crate::serialize::{
    Assembler, BufferSegments, OwnedSegments, checked_segments, compute_serialized_size_in_bytes,
    frame_parts, write_table,
};
use crate::{Error, ErrorKind, Result};

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

#[cfg(feature = "std")]
pub use self::io::{
    read_message, read_message_unbuffered, try_read_message, try_read_message_unbuffered,
    write_message,
};

#[cfg(feature = "std")]
mod io {
    use std::io::{self, BufRead, Read, Write};

    use super::*;

    /// Reads one message.
    ///
    /// # Errors
    /// When the stream fails or ends before the message does, or the message exceeds the limits.
    pub fn read_message(
        read: impl BufRead,
        options: ReaderOptions,
    ) -> Result<Reader<OwnedSegments>> {
        try_read_message(read, options)?.ok_or_else(nothing_there)
    }

    /// Reads one message, or `None` when the stream ends before it begins.
    ///
    /// # Errors
    /// When the stream fails or ends inside the message, or the message exceeds the limits.
    pub fn try_read_message(
        mut read: impl BufRead,
        options: ReaderOptions,
    ) -> Result<Option<Reader<OwnedSegments>>> {
        let mut lone = LoneMessage::new(options);
        loop {
            let input = match read.fill_buf() {
                Ok(input) => input,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if input.is_empty() {
                return lone.end_of_stream();
            }
            let read_bytes = lone.take_in(input)?;
            read.consume(read_bytes);
            if lone.is_whole() {
                return lone.into_message().map(Some);
            }
        }
    }

    /// As [`read_message`], from a stream without a buffer. It asks for few bytes at a time, because
    /// it must get none that are behind the message: give it a buffer where you can.
    ///
    /// # Errors
    /// As [`read_message`].
    pub fn read_message_unbuffered(
        read: impl Read,
        options: ReaderOptions,
    ) -> Result<Reader<OwnedSegments>> {
        try_read_message_unbuffered(read, options)?.ok_or_else(nothing_there)
    }

    /// As [`try_read_message`], from a stream without a buffer, like [`read_message_unbuffered`].
    ///
    /// # Errors
    /// As [`try_read_message`].
    pub fn try_read_message_unbuffered(
        mut read: impl Read,
        options: ReaderOptions,
    ) -> Result<Option<Reader<OwnedSegments>>> {
        let mut lone = LoneMessage::new(options);
        let mut piece = [0; PIECE_BYTES];
        while !lone.is_whole() {
            let wanted = lone.missing_bytes().min(PIECE_BYTES);
            match read.read(piece.get_mut(..wanted).unwrap_or_default()) {
                Ok(0) => return lone.end_of_stream(),
                Ok(bytes) => lone.take_in_all(piece.get(..bytes).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        lone.into_message().map(Some)
    }

    /// Writes one message. What the stream gets at a time is at most 16 KiB, so it needs no buffer
    /// of its own unless messages are small.
    ///
    /// # Errors
    /// When the stream fails, or building the message had failed ([`Builder::error`]).
    pub fn write_message<A: Allocator>(mut write: impl Write, message: &Builder<A>) -> Result<()> {
        let mut pieces = PackedPieces::new(message)?;
        while let Some(piece) = pieces.next_piece() {
            write.write_all(piece)?;
        }
        Ok(write.flush()?)
    }

    const PIECE_BYTES: usize = 4096;
}

/// One message from a stream, to its very end and no further.
#[cfg(feature = "std")]
pub(crate) struct LoneMessage {
    options: ReaderOptions,
    decoder: PackedFrameDecoder,
    frame: Option<Vec<u8>>,
    ended: bool,
}

#[cfg(feature = "std")]
impl LoneMessage {
    pub(crate) fn new(options: ReaderOptions) -> Self {
        Self {
            options,
            decoder: PackedFrameDecoder::new(options),
            frame: None,
            ended: false,
        }
    }

    pub(crate) fn take_in(&mut self, input: &[u8]) -> Result<usize> {
        let mut read_bytes = 0;
        if self.frame.is_none() {
            (read_bytes, self.frame) = self.decoder.decode(input)?;
        }
        if self.frame.is_some() {
            let rest = input.get(read_bytes..).unwrap_or_default();
            let (more, ended) = self.decoder.end_message(rest)?;
            read_bytes += more;
            self.ended = ended;
        }
        Ok(read_bytes)
    }

    /// Takes in bytes that were counted to be the message's.
    pub(crate) fn take_in_all(&mut self, input: &[u8]) -> Result<()> {
        let read_bytes = self.take_in(input)?;
        debug_assert_eq!(read_bytes, input.len());
        Ok(())
    }

    pub(crate) fn missing_bytes(&self) -> usize {
        match &self.frame {
            None => self.decoder.missing_bytes(),
            // The length of the run that the last word began.
            Some(_) => usize::from(!self.ended),
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.ended
    }

    pub(crate) fn into_message(self) -> Result<Reader<OwnedSegments>> {
        match self.frame {
            Some(frame) => {
                let segments = BufferSegments::new(frame, self.options)?;
                Ok(Reader::new(segments, self.options))
            }
            None => Err(self.decoder.assembler.truncated()),
        }
    }

    /// No message, if none has begun.
    pub(crate) fn end_of_stream(self) -> Result<Option<Reader<OwnedSegments>>> {
        self.decoder.finish().map(|()| None)
    }
}

/// A message's packed bytes, piece by piece.
#[cfg(feature = "std")]
pub(crate) struct PackedPieces<'a> {
    table: Vec<u8>,
    segments: Vec<&'a [u8]>,
    /// The table is part 0, the segments follow.
    part: usize,
    /// Bytes of the part that were packed.
    packed_bytes: usize,
    packer: Packer,
    buffer: Vec<u8>,
}

#[cfg(feature = "std")]
impl<'a> PackedPieces<'a> {
    pub(crate) fn new<A: Allocator>(message: &'a Builder<A>) -> Result<Self> {
        let segments = checked_segments(message)?;
        let mut table = Vec::new();
        write_table(&segments, &mut table);
        let bytes = max_packed_bytes(compute_serialized_size_in_bytes(message));
        Ok(Self {
            table,
            segments,
            part: 0,
            packed_bytes: 0,
            packer: Packer::new(),
            buffer: alloc::vec![0; bytes.min(MAX_PIECE_BYTES)],
        })
    }

    pub(crate) fn next_piece(&mut self) -> Option<&[u8]> {
        let mut used = 0;
        while used < self.buffer.len() {
            let part = match self.part {
                0 => self.table.as_slice(),
                part => match self.segments.get(part - 1) {
                    Some(segment) => segment,
                    None => break,
                },
            };
            let rest = part.get(self.packed_bytes..).unwrap_or_default();
            let room = self.buffer.get_mut(used..).unwrap_or_default();
            if rest.is_empty() {
                let flush = self.packer.flush(room);
                used += flush.written_bytes;
                if flush.done {
                    self.part += 1;
                    self.packed_bytes = 0;
                }
            } else {
                let progress = self.packer.pack(rest, room);
                self.packed_bytes += progress.read_bytes;
                used += progress.written_bytes;
            }
        }
        self.buffer.get(..used).filter(|piece| !piece.is_empty())
    }
}

/// Packs the table and each segment by themselves, as every other implementation does: there are
/// readers that refuse runs which cross from one to the next.
fn pack_parts<'a>(parts: impl Iterator<Item = &'a [u8]>, packed: &mut Vec<u8>) {
    let mut packer = Packer::new();
    for part in parts {
        packer.pack_to_vec(part, packed);
        packer.flush_to_vec(packed);
    }
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

#[cfg(feature = "std")]
const MAX_PIECE_BYTES: usize = 16 * 1024;

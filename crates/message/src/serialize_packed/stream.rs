use std::io::{self, BufRead, Read, Write};
use std::vec::Vec;

use super::{PackedFrameDecoder, nothing_there, write_message_to_vec};
use crate::Result;
use crate::message::{Allocator, Builder, Reader, ReaderOptions};
use crate::packed::{Packer, max_packed_bytes};
use crate::serialize::{
    BufferSegments, OwnedSegments, checked_segments, compute_serialized_size_in_bytes, write_table,
};

/// Reads one message.
///
/// # Errors
/// When the stream fails or ends before the message does, or the message exceeds the limits.
pub fn read_message(read: impl BufRead, options: ReaderOptions) -> Result<Reader<OwnedSegments>> {
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
    if compute_serialized_size_in_bytes(message) <= MAX_PIECE_BYTES {
        write.write_all(&write_message_to_vec(message)?)?;
        return Ok(write.flush()?);
    }
    let mut pieces = PackedPieces::new(message)?;
    while let Some(piece) = pieces.next_piece() {
        write.write_all(piece)?;
    }
    Ok(write.flush()?)
}

/// One message from a stream, to its very end and no further.
pub(crate) struct LoneMessage {
    options: ReaderOptions,
    decoder: PackedFrameDecoder,
    frame: Option<Vec<u8>>,
    ended: bool,
}

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
            buffer: std::vec![0; bytes.min(MAX_PIECE_BYTES)],
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

const PIECE_BYTES: usize = 4096;

/// What is written at a time.
const MAX_PIECE_BYTES: usize = 16 * 1024;

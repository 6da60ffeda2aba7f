//! Packing and unpacking for JavaScript, any number of streams at a time.
//!
//! JavaScript puts a piece of input into one block of memory, takes a step, and finds a piece of
//! output in another. All streams share the two blocks: between steps a stream holds nothing here
//! but the state of its codec.

mod cuts;

use capstan_message::packed::{Packer, Progress, Unpacker};
use capstan_message::text;
use wasm_bindgen::prelude::*;

use self::cuts::Cuts;
use crate::seam::fail;
use crate::shared::{Lend, Shared};
use crate::slots::Slots;

/// [`codec_step`]: all input was taken and all output given.
pub const CODEC_HUNGRY: u32 = 0;
/// [`codec_step`]: there was more input, or there is more output, than one block of output holds.
pub const CODEC_FULL: u32 = 1;
/// [`codec_step`]: the input ended too early, the seam's header tells where.
pub const CODEC_FAILED: u32 = 2;

const INPUT_BYTES: usize = 64 * 1024;
/// A block of input fits in packed form, whatever is in it and whatever the packer held before.
const OUTPUT_BYTES: usize = 72 * 1024;

thread_local! {
    static CODECS: Shared<Codecs> = const { Shared::new(Codecs::new()) };
}

/// Opens a codec that packs, or one that unpacks; hands back its id.
#[wasm_bindgen]
pub fn codec_open(unpacks: u32) -> u32 {
    let codec = match unpacks {
        0 => Codec::Pack(Box::default()),
        _ => Codec::Unpack(Unpacker::new()),
    };
    CODECS.lend(|codecs| {
        codecs.open += 1;
        // When there is the first one, and never again.
        codecs.input.resize(INPUT_BYTES, 0);
        codecs.output.resize(OUTPUT_BYTES, 0);
        codecs.slots.insert(codec)
    })
}

#[wasm_bindgen]
pub fn codec_close(id: u32) {
    CODECS.lend(|codecs| {
        if codecs.slots.remove(id).is_some() {
            codecs.open -= 1;
        }
    });
}

/// Codecs that are open.
#[wasm_bindgen]
pub fn codec_count() -> u32 {
    CODECS.lend(|codecs| codecs.open)
}

/// Where input goes, up to 64 KiB of it. Stays the same once a codec was opened.
#[wasm_bindgen]
pub fn codec_input() -> u32 {
    CODECS.lend(|codecs| codecs.input.as_ptr() as usize as u32)
}

/// Where output is found. Stays the same once a codec was opened.
#[wasm_bindgen]
pub fn codec_output() -> u32 {
    CODECS.lend(|codecs| codecs.output.as_ptr() as usize as u32)
}

/// Takes `input_bytes` of input, the last there are if `ends` is not 0. Returns how many bytes of
/// output there are, times four, plus one of the codes above. When that is [`CODEC_FULL`],
/// [`codec_read_bytes`] tells how much of the input was taken; the rest is to be given again.
///
/// Behind its end, or a failure, a codec starts anew.
#[wasm_bindgen]
pub fn codec_step(id: u32, input_bytes: u32, ends: u32) -> u32 {
    CODECS.lend(|codecs| {
        let Codecs {
            slots,
            input,
            output,
            read_bytes,
            ..
        } = codecs;
        let input = input.get(..input_bytes as usize).unwrap_or(input);
        let result = match slots.get_mut(id) {
            Some(codec) => codec.step(input, output, ends != 0),
            None => Err("the codec was closed".to_owned()),
        };
        match result {
            Ok((progress, code)) => {
                *read_bytes = progress.read_bytes as u32;
                (progress.written_bytes as u32) << 2 | code
            }
            Err(reason) => {
                fail(reason);
                CODEC_FAILED
            }
        }
    })
}

/// Bytes of input that the last step took.
#[wasm_bindgen]
pub fn codec_read_bytes() -> u32 {
    CODECS.lend(|codecs| codecs.read_bytes)
}

struct Codecs {
    slots: Slots<Codec>,
    open: u32,
    input: Vec<u8>,
    output: Vec<u8>,
    read_bytes: u32,
}

impl Codecs {
    const fn new() -> Self {
        Self {
            slots: Slots::new(),
            open: 0,
            input: Vec::new(),
            output: Vec::new(),
            read_bytes: 0,
        }
    }
}

enum Codec {
    /// In a box, because it holds a run of 2 KiB.
    Pack(Box<MessagePacker>),
    Unpack(Unpacker),
}

impl Codec {
    fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        ends: bool,
    ) -> Result<(Progress, u32), String> {
        let (progress, is_full) = match self {
            Self::Pack(packer) => packer.pack(input, output),
            Self::Unpack(unpacker) => {
                let progress = unpacker.unpack(input, output);
                let is_full = progress.read_bytes < input.len() || unpacker.has_output();
                (progress, is_full)
            }
        };
        if is_full || !ends {
            return Ok((progress, u32::from(is_full)));
        }
        self.finish(progress, output)
    }

    fn finish(
        &mut self,
        mut progress: Progress,
        output: &mut [u8],
    ) -> Result<(Progress, u32), String> {
        match self {
            Self::Pack(packer) => {
                let room = output.get_mut(progress.written_bytes..).unwrap_or_default();
                let result = packer.packer.finish(room);
                if let Ok(flush) = result {
                    progress.written_bytes += flush.written_bytes;
                    if !flush.done {
                        return Ok((progress, CODEC_FULL));
                    }
                }
                let taken = std::mem::take(&mut **packer).read_bytes;
                match result {
                    Ok(_) => Ok((progress, CODEC_HUNGRY)),
                    Err(error) => Err(text!(
                        error.to_text().as_str(),
                        " (after ",
                        taken,
                        " bytes)"
                    )),
                }
            }
            Self::Unpack(unpacker) => match std::mem::take(unpacker).finish() {
                Ok(()) => Ok((progress, CODEC_HUNGRY)),
                Err(error) => Err(error.to_text()),
            },
        }
    }
}

/// Packs a stream of messages so that every implementation can read it.
#[derive(Default)]
struct MessagePacker {
    packer: Packer,
    cuts: Cuts,
    read_bytes: u64,
    /// The run that is open must end before more comes.
    must_flush: bool,
}

impl MessagePacker {
    /// Also says whether there is, or may be, more output than there was room for.
    fn pack(&mut self, input: &[u8], output: &mut [u8]) -> (Progress, bool) {
        let mut done = Progress::default();
        loop {
            let room = output.get_mut(done.written_bytes..).unwrap_or_default();
            if self.must_flush {
                let flush = self.packer.flush(room);
                done.written_bytes += flush.written_bytes;
                if !flush.done {
                    return (done, true);
                }
                self.must_flush = false;
                continue;
            }
            let rest = input.get(done.read_bytes..).unwrap_or_default();
            let piece = self.cuts.up_to_next(rest);
            let progress = self.packer.pack(piece, room);
            done.read_bytes += progress.read_bytes;
            self.read_bytes += progress.read_bytes as u64;
            done.written_bytes += progress.written_bytes;
            let taken = piece.get(..progress.read_bytes).unwrap_or(piece);
            self.must_flush = self.cuts.advance(taken);
            if done.written_bytes == output.len() {
                return (done, true);
            }
            if done.read_bytes == input.len() && !self.must_flush {
                return (done, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use capstan_message::packed;

    /// Everything that comes out of a codec for `input` in pieces, with so much room at a time.
    fn run(codec: &mut Codec, input: &[u8], piece: usize, room: usize) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let mut room = vec![0; room];
        let mut pieces = input.chunks(piece).peekable();
        loop {
            let mut rest = pieces.next().unwrap_or_default();
            let ends = pieces.peek().is_none();
            loop {
                let (progress, code) = codec.step(rest, &mut room, ends)?;
                out.extend_from_slice(&room[..progress.written_bytes]);
                rest = &rest[progress.read_bytes..];
                if code == CODEC_HUNGRY {
                    break;
                }
            }
            assert!(rest.is_empty());
            if ends {
                return Ok(out);
            }
        }
    }

    fn packer() -> Codec {
        Codec::Pack(Box::default())
    }

    fn words(values: &[u64]) -> Vec<u8> {
        values.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn any_pieces_and_any_room_give_the_same() {
        let literal = 0x0102_0304_0506_0708;
        let mut values = vec![0, 5, literal];
        values.extend([literal; 300]);
        values.extend([0; 300]);
        values.extend([7, literal, 0]);
        let input = words(&values);
        let expected = packed::pack(&input).unwrap();
        for (piece, room) in [
            (1, 1),
            (3, 2),
            (7, 100),
            (64, 9),
            (10_000, 1),
            (10_000, 10_000),
        ] {
            assert_eq!(run(&mut packer(), &input, piece, room).unwrap(), expected);
            let mut unpacker = Codec::Unpack(Unpacker::new());
            assert_eq!(run(&mut unpacker, &expected, piece, room).unwrap(), input);
        }
    }

    #[test]
    fn runs_end_with_their_segment() {
        // Three segments of two words; zeros at the end of one and the beginning of the next.
        let table = [(2 << 32) | 2, (2 << 32) | 2];
        let input = words(&[table[0], table[1], 9, 0, 0, 0, 0, 9]);
        let expected = [0x11, 2, 2, 0x11, 2, 2, 1, 9, 0, 0, 0, 1, 0, 0, 1, 9];
        for (piece, room) in [(1, 1), (5, 3), (100, 100)] {
            let packed = run(&mut packer(), &input, piece, room).unwrap();
            assert_eq!(packed, expected);
            assert_eq!(packed::unpack(&packed, 1000).unwrap(), input);
        }
    }

    #[test]
    fn a_codec_starts_anew_behind_an_end_and_behind_a_failure() {
        let mut unpacker = Codec::Unpack(Unpacker::new());
        let reason = run(&mut unpacker, &[0x24, 12], 9, 9).unwrap_err();
        assert!(reason.contains("after 2 packed bytes"), "{reason}");
        for _ in 0..2 {
            let unpacked = run(&mut unpacker, &[0, 1], 9, 9).unwrap();
            assert_eq!(unpacked, [0; 16]);
        }
        let mut packer = packer();
        assert!(run(&mut packer, &[0; 13], 9, 9).is_err());
        for _ in 0..2 {
            assert_eq!(run(&mut packer, &[0; 16], 9, 9).unwrap(), [0, 1]);
        }
    }

    #[test]
    fn the_worst_block_of_input_fits_into_the_output() {
        let worst = packed::max_packed_bytes(INPUT_BYTES + 256 * 8) + 8;
        assert!(worst <= OUTPUT_BYTES);
    }

    #[test]
    fn closed_codecs_are_not_counted() {
        let before = codec_count();
        let ids = [codec_open(0), codec_open(1)];
        assert_eq!(codec_count(), before + 2);
        for id in ids {
            codec_close(id);
            codec_close(id);
        }
        assert_eq!(codec_count(), before);
        assert_eq!(codec_step(ids[0], 0, 1), CODEC_FAILED);
        assert_eq!(crate::seam::failure(), "the codec was closed");
    }
}

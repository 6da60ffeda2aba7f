//! Packing one word, with a few operations on all of its bytes at once.
//!
//! Moving the non-zero bytes of a word together is compressing a bit vector, on bytes (Warren,
//! *Hacker's Delight*, 7-4): a byte that has to move `d` places moves by the binary digits of `d`,
//! one digit for all bytes at a time. Which bytes move in which step follows from the tag, so the
//! masks are in a table. Half a word is done at a time, both halves in the same operations: that
//! takes one step more, but 1 KiB of table instead of 8, which WebAssembly would have to download.

use crate::{WORD_BYTES, Word};

/// Bit *n* is set when byte *n* of the word is not zero.
#[inline(always)]
pub(super) fn tag_of(word: u64) -> u8 {
    // Brings bit 8n + 7 to bit 56 + n. No two of the sum's terms meet, so nothing carries.
    ((nonzero_bytes(word) & HIGH_BITS).wrapping_mul(0x0002_0408_1020_4081) >> 56) as u8
}

/// The bytes that the tag names, moved together to the low end. The other bytes must be zero.
#[inline(always)]
pub(super) fn gather(word: u64, tag: u8) -> u64 {
    let Masks {
        by_one,
        by_two,
        low_bits,
        ..
    } = masks_of(tag);
    let moving = word & by_one;
    let word = (word ^ moving) | (moving >> 8);
    let moving = word & by_two;
    let word = (word ^ moving) | (moving >> 16);
    (word & LOW_HALF) | (word >> 32 << low_bits)
}

/// The reverse: the low bytes, moved to the places that the tag names. Those past the last are ignored.
#[inline(always)]
pub(super) fn scatter(bytes: u64, tag: u8) -> u64 {
    let Masks {
        by_one,
        by_two,
        nonzero,
        low_bits,
    } = masks_of(tag);
    let bytes = (bytes & LOW_HALF) | (bytes >> low_bits << 32);
    let bytes = bytes ^ ((bytes ^ (bytes << 16)) & by_two);
    let bytes = bytes ^ ((bytes ^ (bytes << 8)) & by_one);
    bytes & nonzero
}

/// Bytes of the tag, of the bytes it names, and of the length of its run if it has one.
#[inline(always)]
pub(super) fn packed_bytes(tag: u8) -> usize {
    PACKED_BYTES
        .get(usize::from(tag))
        .map_or(1, |bytes| usize::from(*bytes))
}

/// Whether the tag begins a run.
#[inline(always)]
pub(super) fn begins_run(tag: u8) -> bool {
    tag.wrapping_add(1) < 2
}

/// Whether the tag begins a run to which a word belongs that would have the tag `next`.
#[inline(always)]
pub(super) fn run_goes_on(tag: u8, next: u8) -> bool {
    let begins = RUNS.get(usize::from(tag)).copied().unwrap_or(0) >> 2;
    let extends = RUNS.get(usize::from(next)).copied().unwrap_or(0);
    begins & extends != 0
}

/// The length of a run, which is the last byte that belongs to a tag, if the tag begins one: without
/// a branch, because that cannot be foretold and most runs have no length.
#[inline(always)]
pub(super) fn if_run(tag: u8, last: u8) -> u8 {
    last & RUN_LENGTHS.get(usize::from(tag)).copied().unwrap_or(0)
}

/// How many words at the start are zero, at most `limit`.
#[inline]
pub(super) fn leading_zero_words(words: &[Word], limit: usize) -> usize {
    let words = words.get(..limit).unwrap_or(words);
    let (blocks, rest) = words.as_chunks::<4>();
    let mut count = 0;
    for block in blocks {
        let [a, b, c, d] = block.map(u64::from_le_bytes);
        if a | b | c | d != 0 {
            // Without branches, because where in the block the run ends cannot be foretold.
            let zeros = [a == 0, a | b == 0, a | b | c == 0];
            return count + zeros.into_iter().map(usize::from).sum::<usize>();
        }
        count += 4;
    }
    count
        + rest
            .iter()
            .take_while(|word| **word == [0; WORD_BYTES])
            .count()
}

/// How many words at the start have at most one zero byte, at most `limit`.
#[inline]
pub(super) fn leading_literal_words(words: &[Word], limit: usize) -> usize {
    let words = words.get(..limit).unwrap_or(words);
    let (blocks, rest) = words.as_chunks::<4>();
    let mut count = 0;
    for block in blocks {
        // Most blocks have no zero at all, which takes few operations on all of their bytes.
        if has_zero(block)
            && let Some(end) = block.iter().position(|word| ends_literals(*word))
        {
            return count + end;
        }
        count += 4;
    }
    count
        + rest
            .iter()
            .take_while(|word| !ends_literals(**word))
            .count()
}

/// Whether any byte is zero.
#[inline(always)]
fn has_zero(block: &[Word; 4]) -> bool {
    if cfg!(target_arch = "wasm32") {
        // Without vectors, words are the widest there is.
        let [a, b, c, d] = block.map(|word| nonzero_bytes(u64::from_le_bytes(word)));
        return a & b & c & d & HIGH_BITS != HIGH_BITS;
    }
    let bytes = block.as_flattened().iter();
    bytes.fold(0, |any, byte| any | u8::from(*byte == 0)) != 0
}

/// Whether the word has two zero bytes or more.
#[inline(always)]
fn ends_literals(word: Word) -> bool {
    let zeros = !nonzero_bytes(u64::from_le_bytes(word)) & HIGH_BITS;
    zeros & zeros.wrapping_sub(1) != 0
}

/// The high bit of each byte tells whether the byte is not zero; the other bits mean nothing.
#[inline(always)]
fn nonzero_bytes(word: u64) -> u64 {
    // The sum overflows into the high bit if any of the seven lower ones is set, and never beyond.
    ((word & !HIGH_BITS) + !HIGH_BITS) | word
}

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// A table with an entry for each tag, which starts as the entry for tag 0.
macro_rules! by_tag {
    ($entry:ty, |$tag:ident| $value:expr) => {{
        let $tag = 0usize;
        let mut table: [$entry; 256] = [$value; 256];
        let mut $tag = 0usize;
        while $tag < 256 {
            #[allow(clippy::indexing_slicing, reason = "evaluated when compiling")]
            {
                table[$tag] = $value;
            }
            $tag += 1;
        }
        table
    }};
}

const LOW_HALF: u64 = 0xffff_ffff;

#[derive(Clone, Copy)]
struct Masks {
    /// Where bytes are that move by one place, at the end of the move that is further up.
    by_one: u64,
    /// The same for two places.
    by_two: u64,
    /// All places that are not zero.
    nonzero: u64,
    /// Bits of the bytes in the low half that are not zero.
    low_bits: u64,
}

#[inline(always)]
fn masks_of(tag: u8) -> Masks {
    let of = |half: &[Masks; 16], tag: u8| half.get(usize::from(tag)).copied().unwrap_or(NONE);
    let (low, high) = (of(&LOW_MASKS, tag & 15), of(&HIGH_MASKS, tag >> 4));
    Masks {
        by_one: low.by_one | high.by_one,
        by_two: low.by_two | high.by_two,
        nonzero: low.nonzero | high.nonzero,
        low_bits: low.low_bits,
    }
}

/// The bits of a run's length that count.
static RUN_LENGTHS: [u8; 256] = by_tag!(u8, |tag| match tag.count_ones() {
    0 | 8 => u8::MAX,
    _ => 0,
});

static PACKED_BYTES: [u8; 256] = by_tag!(u8, |tag| match tag.count_ones() as u8 {
    0 => 2,
    8 => 10,
    bytes => 1 + bytes,
});

/// Runs of zeros are of words that are all zero, and runs of literals begin with a word without
/// zeros and go on with words that have at most one. Two bits for the runs that words with this
/// tag belong to, and further up two for those they begin.
static RUNS: [u8; 256] = by_tag!(u8, |tag| match tag.count_ones() {
    0 => 0b0101,
    7 => 0b0010,
    8 => 0b1010,
    _ => 0,
});

const NONE: Masks = Masks {
    by_one: 0,
    by_two: 0,
    nonzero: 0,
    low_bits: 0,
};
static LOW_MASKS: [Masks; 16] = make_masks(0);
static HIGH_MASKS: [Masks; 16] = make_masks(WORD_BYTES / 2);

/// For each half of a tag, the masks of the half word that begins at a place.
const fn make_masks(first_place: usize) -> [Masks; 16] {
    let mut table = [NONE; 16];
    let mut tag = 0;
    while tag < 16 {
        let mut masks = NONE;
        let mut packed_at = 0;
        let mut place = 0;
        while place < WORD_BYTES / 2 {
            if tag >> place & 1 == 1 {
                let distance = place - packed_at;
                // Gathering starts with the smaller step and scattering with the larger. At the upper
                // end of the larger one, the smaller is gone in the first case and to come in the
                // second: the same place.
                masks.by_one |= byte_mask(first_place + place, distance & 1);
                masks.by_two |= byte_mask(first_place + packed_at + (distance & 2), distance >> 1);
                masks.nonzero |= byte_mask(first_place + place, 1);
                packed_at += 1;
            }
            place += 1;
        }
        masks.low_bits = 8 * packed_at as u64;
        #[allow(clippy::indexing_slicing, reason = "evaluated when compiling")]
        {
            table[tag] = masks;
        }
        tag += 1;
    }
    table
}

/// All ones at a place, or nothing.
const fn byte_mask(place: usize, is_set: usize) -> u64 {
    (0xff * is_set as u64) << (8 * place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_gathers_and_scatters() {
        for tag in 0..=255u8 {
            let places: Vec<u32> = (0..8).filter(|place| tag >> place & 1 == 1).collect();
            for fill in [0x01, 0x80, 0xff, 0x7f] {
                let mut word = 0;
                let mut packed = 0;
                for (index, place) in (0u32..).zip(&places) {
                    let byte = if fill == 0x01 {
                        u64::from(*place) + 1
                    } else {
                        fill
                    };
                    word |= byte << (8 * place);
                    packed |= byte << (8 * index);
                }
                assert_eq!(tag_of(word), tag, "{word:#x}");
                let run = usize::from(tag == 0 || tag == 0xff);
                assert_eq!(packed_bytes(tag), 1 + places.len() + run);
                assert_eq!(begins_run(tag), run == 1);
                assert_eq!(gather(word, tag), packed, "{word:#x}");
                let behind = u64::MAX.checked_shl(8 * places.len() as u32).unwrap_or(0);
                assert_eq!(scatter(packed | behind, tag), word, "{word:#x}");
            }
        }
    }

    #[test]
    fn runs_end_where_they_should() {
        for length in 0..40 {
            let mut bytes = vec![0; 8 * length];
            assert_eq!(leading_zero_words(bytes.as_chunks().0, 255), length);
            assert_eq!(leading_zero_words(bytes.as_chunks().0, 7), length.min(7));
            bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
            assert_eq!(leading_zero_words(bytes.as_chunks().0, 255), length);

            let mut bytes = [1, 0, 0xff, 0x80, 5, 6, 7, 8].repeat(length);
            assert_eq!(leading_literal_words(bytes.as_chunks().0, 255), length);
            assert_eq!(leading_literal_words(bytes.as_chunks().0, 7), length.min(7));
            bytes.extend([1, 0, 3, 4, 5, 6, 7, 0]);
            assert_eq!(leading_literal_words(bytes.as_chunks().0, 255), length);
        }
    }
}

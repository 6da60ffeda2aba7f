//! Packing one word, with a few operations on all of its bytes at once.
//!
//! Moving the non-zero bytes of a word together is compressing a bit vector, on bytes (Warren,
//! *Hacker's Delight*, 7-4): a byte that has to move `d` places moves by the binary digits of `d`,
//! one digit for all bytes at a time. Which bytes move in which step follows from the tag, so the
//! masks are in a table.

use crate::WORD_BYTES;

/// Bit *n* is set when byte *n* of the word is not zero.
#[inline(always)]
pub(super) fn tag_of(word: u64) -> u8 {
    let ones = (nonzero_bytes(word) >> 7) & LOW_BITS;
    // Brings bit 8n to bit 56 + n. No two of the sum's terms meet, so nothing carries.
    (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The bytes that the tag names, moved together to the low end. The other bytes must be zero.
#[inline(always)]
pub(super) fn gather(word: u64, tag: u8) -> u64 {
    let masks = masks(tag);
    let [by_one, by_two, by_four] = masks.gather;
    let moving = word & by_one;
    let word = (word ^ moving) | (moving >> 8);
    let moving = word & by_two;
    let word = (word ^ moving) | (moving >> 16);
    let moving = word & by_four;
    (word ^ moving) | (moving >> 32)
}

/// The reverse: the low bytes, moved to the places that the tag names. Those past the last are ignored.
#[inline(always)]
pub(super) fn scatter(bytes: u64, tag: u8) -> u64 {
    let masks = masks(tag);
    let [by_one, by_two, by_four] = masks.scatter;
    let bytes = bytes ^ ((bytes ^ (bytes << 32)) & by_four);
    let bytes = bytes ^ ((bytes ^ (bytes << 16)) & by_two);
    let bytes = bytes ^ ((bytes ^ (bytes << 8)) & by_one);
    bytes & masks.nonzero
}

/// How many bytes follow the tag.
#[inline(always)]
pub(super) fn tagged_bytes(tag: u8) -> usize {
    LENGTHS.get(usize::from(tag)).copied().unwrap_or(0).into()
}

/// How many words at the start of `bytes` are zero, at most `limit`.
pub(super) fn leading_zero_words(bytes: &[u8], limit: usize) -> usize {
    let (words, _) = bytes.as_chunks::<WORD_BYTES>();
    let words = words.get(..limit).unwrap_or(words);
    let mut count = 0;
    for block in words.chunks_exact(8) {
        if block
            .iter()
            .fold(0, |any, word| any | u64::from_le_bytes(*word))
            != 0
        {
            break;
        }
        count += 8;
    }
    let rest = words.get(count..).unwrap_or_default();
    count
        + rest
            .iter()
            .take_while(|word| **word == [0; WORD_BYTES])
            .count()
}

/// How many words at the start of `bytes` have at most one zero byte, at most `limit`.
pub(super) fn leading_literal_words(bytes: &[u8], limit: usize) -> usize {
    let (words, _) = bytes.as_chunks::<WORD_BYTES>();
    let words = words.get(..limit).unwrap_or(words);
    words
        .iter()
        .position(|word| {
            let zeros = !nonzero_bytes(u64::from_le_bytes(*word)) & HIGH_BITS;
            zeros & zeros.wrapping_sub(1) != 0
        })
        .unwrap_or(words.len())
}

/// The high bit of each byte tells whether the byte is not zero; the other bits mean nothing.
#[inline(always)]
fn nonzero_bytes(word: u64) -> u64 {
    // The sum overflows into the high bit if any of the seven lower ones is set, and never beyond.
    ((word & !HIGH_BITS) + !HIGH_BITS) | word
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

#[derive(Clone, Copy)]
struct Masks {
    /// The bytes that move down by one, by two, by four places.
    gather: [u64; 3],
    /// The places that bytes reach by moving up by one, by two, by four.
    scatter: [u64; 3],
    nonzero: u64,
}

#[inline(always)]
fn masks(tag: u8) -> &'static Masks {
    const NONE: Masks = masks_of(0);
    MASKS.get(usize::from(tag)).unwrap_or(&NONE)
}

static MASKS: [Masks; 256] = {
    let mut table = [masks_of(0); 256];
    let mut tag = 0;
    while tag < 256 {
        #[allow(clippy::indexing_slicing, reason = "evaluated when compiling")]
        {
            table[tag] = masks_of(tag);
        }
        tag += 1;
    }
    table
};

static LENGTHS: [u8; 256] = {
    let mut table = [0; 256];
    let mut tag = 0;
    while tag < 256 {
        #[allow(clippy::indexing_slicing, reason = "evaluated when compiling")]
        {
            table[tag] = tag.count_ones() as u8;
        }
        tag += 1;
    }
    table
};

const fn masks_of(tag: usize) -> Masks {
    let mut gather = [0; 3];
    let mut scatter = [0; 3];
    let mut nonzero = 0;
    let mut packed_at = 0;
    let mut place = 0;
    while place < WORD_BYTES {
        if tag >> place & 1 == 1 {
            let distance = place - packed_at;
            let mut digit = 0;
            while digit < 3 {
                if distance >> digit & 1 == 1 {
                    // Gathering starts with the smallest step, scattering with the largest: in both
                    // the smaller digits are gone, or not there yet, at the upper end of this one's move.
                    let upper = packed_at + (distance >> digit << digit);
                    #[allow(clippy::indexing_slicing, reason = "evaluated when compiling")]
                    {
                        gather[digit] |= byte_mask(upper);
                        scatter[digit] |= byte_mask(upper);
                    }
                }
                digit += 1;
            }
            nonzero |= byte_mask(place);
            packed_at += 1;
        }
        place += 1;
    }
    Masks {
        gather,
        scatter,
        nonzero,
    }
}

const fn byte_mask(place: usize) -> u64 {
    0xff << (8 * place)
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
                assert_eq!(tagged_bytes(tag), places.len());
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
            assert_eq!(leading_zero_words(&bytes, 255), length);
            assert_eq!(leading_zero_words(&bytes, 7), length.min(7));
            bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
            assert_eq!(leading_zero_words(&bytes, 255), length);

            let mut bytes = [1, 0, 0xff, 0x80, 5, 6, 7, 8].repeat(length);
            assert_eq!(leading_literal_words(&bytes, 255), length);
            assert_eq!(leading_literal_words(&bytes, 7), length.min(7));
            bytes.extend([1, 0, 3, 4, 5, 6, 7, 0]);
            assert_eq!(leading_literal_words(&bytes, 255), length);
        }
    }
}

//! Damage.

use crate::random::Random;

/// One of the seeds with some bytes and words changed, moved or cut off.
pub fn mutate(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len() as u32) as usize].clone();
    for _ in 0..=random.below(4) {
        let length = bytes.len();
        let at = random.below(length as u32 + 1) as usize;
        let word = at / 8 * 8;
        match random.below(9) {
            0 => bytes.truncate(at),
            1 if at < length => bytes[at] = random.byte(),
            2 => {
                // Words of another message, from anywhere in it to anywhere in this one.
                let other = &seeds[random.below(seeds.len() as u32) as usize];
                let from = random.below(other.len() as u32 / 8 + 1) as usize * 8;
                let count = (8 * (1 + random.below(4)) as usize)
                    .min(length - word)
                    .min(other.len().saturating_sub(from));
                if count > 0 {
                    bytes[word..word + count].copy_from_slice(&other[from..from + count]);
                }
            }
            3 if word + 8 <= length => {
                let value = if random.one_in(2) { 0 } else { 0xff };
                bytes[word..word + 8].fill(value);
            }
            4 | 5 if word + 8 <= length => {
                // Offsets and counts just beyond the right ones.
                let half = word + 4 * random.below(2) as usize;
                let value = u32::from_le_bytes(bytes[half..half + 4].try_into().unwrap());
                let by = [1, -1, 4, -4, 8, -8, 1 << 16, 1 << 29][random.below(8) as usize];
                bytes[half..half + 4].copy_from_slice(&value.wrapping_add_signed(by).to_le_bytes());
            }
            6 if length >= 40 => {
                // The frame stays right, so that what is behind it is looked at.
                let words = length / 8 - 1 - random.below(3) as usize;
                bytes.truncate(8 + 8 * words);
                bytes[4..8].copy_from_slice(&(words as u32).to_le_bytes());
            }
            _ if at < length => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    bytes
}

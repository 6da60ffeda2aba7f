//! Sending back a message that this vat cannot handle, word for word.

use capstan_message::WORD_BYTES;
use capstan_message::message::{self, ReaderSegments};

use super::payload::FrameSegments;

/// A frame that says `unimplemented` about `message`.
///
/// A copy would have to follow pointers, which may overlap and make much of little, and to number
/// capabilities anew. So the segments stay as they are, but for the root pointer: it leads to one
/// more segment, in which a `Message` stands whose one pointer leads to the original. `None` when
/// the original has no root struct or as many segments as a message can have.
pub(super) fn unimplemented(message: &message::Reader<FrameSegments>) -> Option<Vec<u8>> {
    let segments = message.segments();
    let count = u32::try_from(segments.len()).ok()?;
    if count >= MAX_SEGMENTS {
        return None;
    }
    let originals: Vec<&[u8]> = (0..count)
        .map(|id| segments.get_segment(id))
        .collect::<Option<_>>()?;
    let (root, after_root) = originals.first()?.split_first_chunk::<WORD_BYTES>()?;
    let around = around(u64::from_le_bytes(*root), count)?;

    let mut frame = Vec::new();
    frame.extend_from_slice(&count.to_le_bytes());
    for segment in &originals {
        let words = u32::try_from(segment.len() / WORD_BYTES).ok()?;
        frame.extend_from_slice(&words.to_le_bytes());
    }
    frame.extend_from_slice(&(AROUND_WORDS as u32).to_le_bytes());
    frame.resize(frame.len().next_multiple_of(WORD_BYTES), 0);

    frame.extend_from_slice(&far(count, 0).to_le_bytes());
    frame.extend_from_slice(after_root);
    for segment in originals.iter().skip(1) {
        frame.extend_from_slice(segment);
    }
    for word in around {
        frame.extend_from_slice(&word.to_le_bytes());
    }
    Some(frame)
}

/// The words of the segment `id` that is added: where the root's far pointer lands, the data word
/// of a `Message` (whose discriminant for `unimplemented` is 0), its pointer, and where that lands.
fn around(root: u64, id: u32) -> Option<[u64; AROUND_WORDS]> {
    let message = 1 << 32 | 1 << 48;
    match root & 3 {
        // Far pointers say where they lead from wherever they stand.
        FAR => Some([message, 0, root, 0, 0]),
        // A struct, so many words behind the root pointer. A double far pointer names any place.
        0 => {
            let words = i64::from(root as u32 as i32 >> 2) + 1;
            let place = far(0, u32::try_from(words).ok()?);
            let size = root >> 32 << 32;
            Some([message, 0, far(id, 3) | DOUBLE, place, size])
        }
        _ => None,
    }
}

fn far(segment: u32, word: u32) -> u64 {
    u64::from(segment) << 32 | u64::from(word) << 3 | FAR
}

const FAR: u64 = 2;
const DOUBLE: u64 = 4;
const AROUND_WORDS: usize = 5;
/// What readers commonly accept.
const MAX_SEGMENTS: u32 = 512;

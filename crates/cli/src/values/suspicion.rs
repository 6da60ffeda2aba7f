//! Input that is likely to be of another format than was said.

use super::formats::{Format, OPTIONS};

/// The format that input which begins so seems to have, when it cannot be of the one named.
pub(super) fn other_format(named: Format, start: &[u8]) -> Option<Format> {
    // Some text would do for packed bytes, but those soon have bytes that no text has.
    let written = matches!(named, Format::Text | Format::Json);
    if could_be(named, start) != Some(false) && (written || !is_text(start)) {
        return None;
    }
    let others = [Format::Text, Format::Json, Format::Binary, Format::Packed];
    others
        .into_iter()
        .find(|format| could_be(*format, start) == Some(true))
}

/// `None` where that cannot be told.
fn could_be(format: Format, start: &[u8]) -> Option<bool> {
    match format {
        Format::Text => first_character(start).map(|first| matches!(first, b'(' | b'#')),
        Format::Json => first_character(start).map(|first| first == b'{'),
        Format::Binary => start.first_chunk().map(begins_with_a_table),
        Format::Packed => first_unpacked(start).as_ref().map(begins_with_a_table),
        // They begin with a pointer, and almost any word can be one.
        Format::Flat | Format::FlatPacked | Format::Canonical => None,
    }
}

/// Whether the word can begin a segment table: not too many segments, and something in the first.
fn begins_with_a_table(word: &[u8; 8]) -> bool {
    let word = u64::from_le_bytes(*word);
    let (segments, words) = (word & 0xffff_ffff, word >> 32);
    segments < u64::from(OPTIONS.segment_limit) && (1..1 << 28).contains(&words)
}

/// The first word of packed input, if all of it is there.
fn first_unpacked(start: &[u8]) -> Option<[u8; 8]> {
    let (tag, mut rest) = start.split_first()?;
    let mut word = [0; 8];
    for (bit, byte) in word.iter_mut().enumerate() {
        if tag >> bit & 1 == 1 {
            (*byte, rest) = rest.split_first().map(|(first, rest)| (*first, rest))?;
        }
    }
    Some(word)
}

fn is_text(start: &[u8]) -> bool {
    let shown = |byte: &u8| *byte >= b' ' || byte.is_ascii_whitespace();
    matches!(first_character(start), Some(b'(' | b'{')) && start.iter().take(64).all(shown)
}

fn first_character(start: &[u8]) -> Option<u8> {
    let start = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
    start
        .iter()
        .copied()
        .find(|byte| !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: &[u8] = &[0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 0];
    const PACKED: &[u8] = &[0x10, 5, 0x50, 1, 3, 1, 3, 0, 0];

    #[test]
    fn what_is_of_another_format_is_noticed() {
        use Format::*;
        for (start, format) in [
            (BINARY, Binary),
            (PACKED, Packed),
            (b" (a = 1)", Text),
            (b"\xef\xbb\xbf# first\n(a = 1)", Text),
            (b"\n{\"a\": 1}", Json),
        ] {
            for named in [Binary, Packed, Text, Json] {
                let expected = (named != format).then_some(format);
                assert_eq!(other_format(named, start), expected, "{named:?} {start:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_told_is_believed() {
        for format in [
            Format::Binary,
            Format::Packed,
            Format::Flat,
            Format::Text,
            Format::Json,
        ] {
            for start in [&b""[..], b" ", b"junk", b"junk and more of it"] {
                assert_eq!(other_format(format, start), None, "{format:?}");
            }
        }
        assert_eq!(other_format(Format::Flat, BINARY), None);
    }
}

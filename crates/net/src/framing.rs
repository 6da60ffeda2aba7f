//! Where messages begin and end: the segment table.

use std::fmt;

/// The most segments that are read; a table longer than this is no honest message.
pub(crate) const MAX_SEGMENTS: usize = 512;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FramingError {
    TooManySegments { segments: u64 },
    TooLong { bytes: u64, limit: usize },
    Truncated { bytes: usize, expected: Option<u64> },
    TrailingBytes { bytes: usize, expected: u64 },
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManySegments { segments } => {
                write!(
                    f,
                    "a message claims to have {segments} segments, more than the {MAX_SEGMENTS} allowed"
                )
            }
            Self::TooLong { bytes, limit } => {
                write!(
                    f,
                    "a message of {bytes} bytes is longer than the {limit} allowed here"
                )
            }
            Self::Truncated {
                bytes,
                expected: Some(expected),
            } => {
                write!(f, "a message of {expected} bytes ends after {bytes}")
            }
            Self::Truncated {
                bytes,
                expected: None,
            } => {
                write!(
                    f,
                    "{bytes} bytes are too few for a message: its segment table is cut off"
                )
            }
            Self::TrailingBytes { bytes, expected } => {
                write!(
                    f,
                    "a message of {expected} bytes is followed by {} more",
                    (*bytes as u64).saturating_sub(*expected)
                )
            }
        }
    }
}

/// The length in bytes, table included, of the message that starts here; none while the table is
/// incomplete.
pub(crate) fn message_bytes(start: &[u8], limit: usize) -> Result<Option<usize>, FramingError> {
    match table(start)? {
        Some(bytes) => match usize::try_from(bytes) {
            Ok(bytes) if bytes <= limit => Ok(Some(bytes)),
            _ => Err(FramingError::TooLong { bytes, limit }),
        },
        None => Ok(None),
    }
}

/// Whether these bytes are one message, no more and no less.
pub(crate) fn check_whole(frame: &[u8]) -> Result<(), FramingError> {
    let expected = table(frame)?;
    match expected {
        Some(length) if length == frame.len() as u64 => Ok(()),
        Some(length) if length < frame.len() as u64 => Err(FramingError::TrailingBytes {
            bytes: frame.len(),
            expected: length,
        }),
        _ => Err(FramingError::Truncated {
            bytes: frame.len(),
            expected,
        }),
    }
}

fn table(start: &[u8]) -> Result<Option<u64>, FramingError> {
    let Some(last_segment) = u32_at(start, 0) else {
        return Ok(None);
    };
    let segments = u64::from(last_segment) + 1;
    if segments > MAX_SEGMENTS as u64 {
        return Err(FramingError::TooManySegments { segments });
    }
    // One u32 for the count, one per segment, padded to whole words.
    let mut bytes = (segments / 2 + 1) * 8;
    for segment in 0..segments as usize {
        let Some(words) = u32_at(start, 4 + 4 * segment) else {
            return Ok(None);
        };
        bytes += u64::from(words) * 8;
    }
    Ok(Some(bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    const ONE_SEGMENT_OF_TWO_WORDS: [u8; 24] = [
        0, 0, 0, 0, 2, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2,
    ];

    #[test]
    fn a_whole_message_is_accepted() {
        assert_eq!(check_whole(&ONE_SEGMENT_OF_TWO_WORDS), Ok(()));
        assert_eq!(message_bytes(&ONE_SEGMENT_OF_TWO_WORDS, 24), Ok(Some(24)));
    }

    #[test]
    fn the_table_is_padded_to_whole_words() {
        let two_segments = [1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(message_bytes(&two_segments, 1000), Ok(Some(16 + 32)));
        assert_eq!(message_bytes(&two_segments[..11], 1000), Ok(None));
    }

    #[test]
    fn cut_off_messages_are_refused() {
        for length in 0..ONE_SEGMENT_OF_TWO_WORDS.len() {
            assert!(matches!(
                check_whole(&ONE_SEGMENT_OF_TWO_WORDS[..length]),
                Err(FramingError::Truncated { bytes, .. }) if bytes == length
            ));
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut long = ONE_SEGMENT_OF_TWO_WORDS.to_vec();
        long.push(0);
        assert_eq!(
            check_whole(&long),
            Err(FramingError::TrailingBytes {
                bytes: 25,
                expected: 24
            })
        );
    }

    #[test]
    fn absurd_tables_are_refused_before_anything_is_reserved() {
        assert_eq!(
            message_bytes(&[0xff; 64], 1 << 20),
            Err(FramingError::TooManySegments {
                segments: u64::from(u32::MAX) + 1
            })
        );
        let huge = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert!(matches!(
            message_bytes(&huge, 1 << 20),
            Err(FramingError::TooLong {
                limit: 1_048_576,
                ..
            })
        ));
    }
}

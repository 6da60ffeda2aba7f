//! Where messages begin and end, as their segment tables say: for networks, which have to cut up what
//! they receive before a [`ConnectionHandle`](crate::ConnectionHandle) gets it.

use std::fmt;

/// The most segments that are read; a table longer than this is no honest message.
pub const MAX_SEGMENTS: usize = 512;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// The segment table names more segments than are taken.
    TooManySegments {
        /// How many it names.
        segments: u64,
    },
    /// The message is longer than is allowed.
    TooLong {
        /// Its length.
        bytes: u64,
        /// The most that is taken.
        limit: usize,
    },
    /// `expected` is missing when the end comes within the segment table.
    Truncated {
        /// The length of the frame.
        bytes: usize,
        /// What the segment table says, if all of it is there.
        expected: Option<u64>,
    },
    /// Something follows the message.
    TrailingBytes {
        /// The length of the frame.
        bytes: usize,
        /// The length of the message.
        expected: u64,
    },
    /// The batch is longer than was offered.
    BatchTooLong {
        /// Its length.
        bytes: usize,
        /// What was offered.
        limit: usize,
    },
    /// So many good messages precede the one that is none, `before_bytes` in all.
    InBatch {
        /// How many messages were read before.
        before: usize,
        /// Their length.
        before_bytes: usize,
        /// What is wrong with the one behind them.
        error: Box<FramingError>,
    },
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
            Self::BatchTooLong { bytes, limit } => {
                write!(
                    f,
                    "a frame of several messages has {bytes} bytes, and the limit is {limit}"
                )
            }
            Self::InBatch {
                before,
                before_bytes,
                error,
            } => {
                write!(
                    f,
                    "behind {before} messages, at byte {before_bytes} of the frame: {error}"
                )
            }
        }
    }
}

/// The length in bytes, table included, of the message that starts here; none while the table is
/// incomplete.
pub fn message_bytes(start: &[u8], limit: usize) -> Result<Option<usize>, FramingError> {
    match table(start)? {
        Some(bytes) => match usize::try_from(bytes) {
            Ok(bytes) if bytes <= limit => Ok(Some(bytes)),
            _ => Err(FramingError::TooLong { bytes, limit }),
        },
        None => Ok(None),
    }
}

/// The messages of a frame: one, or several back to back if they are at most `batch_bytes` together.
/// Nothing of a frame is taken that is not messages from end to end.
pub fn messages(frame: Vec<u8>, batch_bytes: usize) -> Result<Messages, FramingError> {
    let first_bytes = first_message(&frame)?;
    if first_bytes < frame.len() {
        if batch_bytes == 0 {
            return Err(FramingError::TrailingBytes {
                bytes: frame.len(),
                expected: first_bytes as u64,
            });
        }
        if frame.len() > batch_bytes {
            return Err(FramingError::BatchTooLong {
                bytes: frame.len(),
                limit: batch_bytes,
            });
        }
        check_batch(&frame)?;
    }
    Ok(Messages { frame, at: 0 })
}

/// See [`messages`].
#[derive(Debug, Default)]
pub struct Messages {
    frame: Vec<u8>,
    at: usize,
}

impl Iterator for Messages {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let rest = self.frame.get(self.at..)?;
        let bytes = first_message(rest).ok()?;
        if bytes == self.frame.len() {
            return Some(core::mem::take(&mut self.frame));
        }
        let message = rest.get(..bytes)?.to_vec();
        self.at += bytes;
        Some(message)
    }
}

fn check_batch(frame: &[u8]) -> Result<(), FramingError> {
    let mut rest = frame;
    let mut before = 0;
    while !rest.is_empty() {
        let bytes = first_message(rest).map_err(|error| FramingError::InBatch {
            before,
            before_bytes: frame.len() - rest.len(),
            error: Box::new(error),
        })?;
        rest = rest.get(bytes..).unwrap_or_default();
        before += 1;
    }
    Ok(())
}

/// The length of the message that these bytes begin with.
fn first_message(frame: &[u8]) -> Result<usize, FramingError> {
    let expected = table(frame)?;
    match expected.map(usize::try_from) {
        Some(Ok(bytes)) if bytes <= frame.len() => Ok(bytes),
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
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    const ONE_SEGMENT_OF_TWO_WORDS: [u8; 24] = [
        0, 0, 0, 0, 2, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2,
    ];

    #[test]
    fn a_whole_message_is_accepted() {
        let only = ONE_SEGMENT_OF_TWO_WORDS.to_vec();
        for batch_bytes in [0, 100] {
            let messages: Vec<_> = messages(only.clone(), batch_bytes).unwrap().collect();
            assert_eq!(messages, std::slice::from_ref(&only));
        }
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
            let cut_off = ONE_SEGMENT_OF_TWO_WORDS[..length].to_vec();
            assert!(matches!(
                messages(cut_off.clone(), 100),
                Err(FramingError::Truncated { bytes, .. }) if bytes == length
            ));
            if length > 0 {
                let behind = [ONE_SEGMENT_OF_TWO_WORDS.to_vec(), cut_off].concat();
                let error = messages(behind, 100).unwrap_err();
                assert!(matches!(
                    &error,
                    FramingError::InBatch { before: 1, before_bytes: 24, error }
                        if matches!(**error, FramingError::Truncated { bytes, .. } if bytes == length)
                ));
                assert!(error.to_string().contains("behind 1 messages, at byte 24"));
            }
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut long = ONE_SEGMENT_OF_TWO_WORDS.to_vec();
        long.push(0);
        assert_eq!(
            messages(long, 0).unwrap_err(),
            FramingError::TrailingBytes {
                bytes: 25,
                expected: 24
            }
        );
    }

    #[test]
    fn batches_come_apart() {
        let empty = [0; 8];
        let batch = [
            &ONE_SEGMENT_OF_TWO_WORDS[..],
            &empty,
            &ONE_SEGMENT_OF_TWO_WORDS,
        ]
        .concat();
        let apart: Vec<_> = messages(batch.clone(), 56).unwrap().collect();
        assert_eq!(
            apart,
            [
                &ONE_SEGMENT_OF_TWO_WORDS[..],
                &empty,
                &ONE_SEGMENT_OF_TWO_WORDS
            ]
        );
        assert_eq!(
            messages(batch, 55).unwrap_err(),
            FramingError::BatchTooLong {
                bytes: 56,
                limit: 55
            }
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

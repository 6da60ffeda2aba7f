use super::Progress;
use super::words::{if_run, packed_bytes, scatter};
use crate::{Error, ErrorKind, Result, WORD_BYTES};

/// Unpacks a sequence of bytes that comes in any pieces into any room there is.
///
/// Any bytes are packed words; the only mistake that there can be is to end too early.
///
/// ```
/// use capstan_message::packed::Unpacker;
///
/// let mut unpacker = Unpacker::new();
/// let mut words = [1; 24];
/// let progress = unpacker.unpack(&[0x24, 12, 34, 0, 1], &mut words);
/// assert_eq!((progress.read_bytes, progress.written_bytes), (5, 24));
/// assert_eq!(words[..8], [0, 0, 12, 0, 0, 34, 0, 0]);
/// assert_eq!(words[8..], [0; 16]);
/// unpacker.finish()?;
/// # Ok::<(), capstan_message::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Unpacker {
    state: State,
    /// A word that did not fit the room, and how many of its last bytes are still to be put out.
    held: [u8; WORD_BYTES],
    held_bytes: usize,
    read_bytes: u64,
    written_bytes: u64,
}

/// What comes next in the input.
#[derive(Clone, Copy, Debug)]
enum State {
    Tag,
    /// The bytes of a word from the given place on.
    Word {
        tag: u8,
        place: usize,
        word: [u8; WORD_BYTES],
    },
    ZeroCount,
    /// Nothing before so many bytes have been put out.
    Zeros(usize),
    LiteralCount,
    /// So many bytes that go out as they are.
    Literals(usize),
}

impl Unpacker {
    /// An unpacker at the start of a word.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Tag,
            held: [0; WORD_BYTES],
            held_bytes: 0,
            read_bytes: 0,
            written_bytes: 0,
        }
    }

    /// Unpacks `input` into `output` until one of them ends. It reads nothing that belongs behind
    /// what fits, so after a message of known size the input goes on with the next. Output behind
    /// what was written may have been overwritten.
    pub fn unpack(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let mut source = input;
        let mut room = Room { output, used: 0 };
        while self.step(&mut source, &mut room) {}
        let progress = Progress {
            read_bytes: input.len() - source.len(),
            written_bytes: room.used,
        };
        self.read_bytes += progress.read_bytes as u64;
        self.written_bytes += progress.written_bytes as u64;
        progress
    }

    /// Whether more can be put out without more input.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.held_bytes > 0 || matches!(self.state, State::Zeros(_))
    }

    /// Whether the input may end here: no word and no run has begun.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Tag) && self.held_bytes == 0
    }

    /// For the end of the input.
    ///
    /// # Errors
    /// When a word or a run is not complete.
    pub fn finish(&self) -> Result<()> {
        let what = match self.state {
            State::Tag if self.held_bytes == 0 => return Ok(()),
            State::Word { .. } => "in the middle of a word",
            State::ZeroCount => "before the length of a run of zeros",
            State::LiteralCount => "before the length of a run of words that are not packed",
            State::Literals(_) => "in the middle of a run of words that are not packed",
            State::Tag | State::Zeros(_) => "with output that was not taken",
        };
        Err(Error::new(
            ErrorKind::Truncated,
            text!(
                "the packed data ends ",
                what,
                ", after ",
                self.read_bytes,
                " packed bytes and ",
                self.written_bytes,
                " unpacked"
            ),
        ))
    }

    /// Bytes read from the input so far.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Bytes put out so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Input bytes that must come before `wanted_bytes` more are out and their last run is read to
    /// its end: never more than there are, so that a reader can ask for them and get no others.
    #[cfg(feature = "std")]
    pub(crate) fn missing_bytes(&self, wanted_bytes: usize) -> usize {
        let (now, out) = match self.state {
            State::Tag => (0, self.held_bytes),
            State::Word { tag, place, .. } => {
                let bytes = tag.checked_shr(place as u32).unwrap_or(0).count_ones();
                (bytes as usize + usize::from(tag == 0xff), WORD_BYTES)
            }
            State::ZeroCount => (1, LONGEST_RUN_BYTES),
            State::Zeros(bytes) => (0, bytes),
            State::LiteralCount => (1, self.held_bytes),
            State::Literals(bytes) => (bytes.min(wanted_bytes), bytes),
        };
        // At the best, all the rest is zeros.
        now + 2 * wanted_bytes.saturating_sub(out).div_ceil(LONGEST_RUN_BYTES)
    }

    /// One step on the way; whether there is a next.
    fn step(&mut self, source: &mut &[u8], room: &mut Room<'_>) -> bool {
        if self.held_bytes > 0 {
            let held = self.held.get(WORD_BYTES - self.held_bytes..);
            self.held_bytes -= room.put_some(held.unwrap_or_default());
            return self.held_bytes == 0;
        }
        // The length of a run belongs to the word before it, which may be the last that is wanted.
        if room.is_full() && !matches!(self.state, State::LiteralCount) {
            return false;
        }
        match self.state {
            State::Tag => {
                self.unpack_words(source, room);
                // What is left is too short for the fast path, and what made it stop may be a run.
                if let (State::Tag, false) = (self.state, room.is_full()) {
                    let Some((tag, rest)) = source.split_first() else {
                        return false;
                    };
                    *source = rest;
                    self.state = match tag {
                        0 => State::ZeroCount,
                        tag => State::Word {
                            tag: *tag,
                            place: 0,
                            word: [0; WORD_BYTES],
                        },
                    };
                }
                true
            }
            State::Word { tag, place, word } => self.unpack_one_word(tag, place, word, source),
            State::ZeroCount => {
                let Some((count, rest)) = source.split_first() else {
                    return false;
                };
                *source = rest;
                self.state = State::Zeros((usize::from(*count) + 1) * WORD_BYTES);
                true
            }
            State::Zeros(bytes) => {
                let left = bytes - room.put_zeros(bytes);
                self.state = if left == 0 {
                    State::Tag
                } else {
                    State::Zeros(left)
                };
                left == 0
            }
            State::LiteralCount => {
                let Some((count, rest)) = source.split_first() else {
                    return false;
                };
                *source = rest;
                self.state = match count {
                    0 => State::Tag,
                    count => State::Literals(usize::from(*count) * WORD_BYTES),
                };
                true
            }
            State::Literals(bytes) => {
                let there = source.get(..bytes).unwrap_or(source);
                let count = room.put_some(there);
                *source = source.get(count..).unwrap_or_default();
                let left = bytes - count;
                self.state = if left == 0 {
                    State::Tag
                } else {
                    State::Literals(left)
                };
                left == 0
            }
        }
    }

    /// Unpacks while all of a tag's bytes are there, and a word of room.
    ///
    /// Runs of one word are unpacked like any other word: only longer ones are worth a branch.
    #[inline]
    fn unpack_words(&mut self, source: &mut &[u8], room: &mut Room<'_>) {
        // Local, so that they stay in registers.
        let output = room.rest();
        let mut used = 0;
        let mut input = *source;
        while let Some(place) = space_for_word(output, used) {
            let end;
            let window = match input.first_chunk::<TAGGED_BYTES>() {
                Some(window) => window,
                None => {
                    end = last_window(source, input.len());
                    &end
                }
            };
            let [tag, bytes @ .., _] = *window;
            let packed_bytes = packed_bytes(tag);
            let Some(behind) = input.get(packed_bytes..) else {
                break;
            };
            *place = scatter(u64::from_le_bytes(bytes), tag).to_le_bytes();
            used += WORD_BYTES;
            input = behind;
            let last = window.get(packed_bytes - 1).copied().unwrap_or(0);
            let more_words = if_run(tag, last);
            if more_words != 0 {
                let bytes = usize::from(more_words) * WORD_BYTES;
                let rest = output.get_mut(used..).unwrap_or_default();
                if tag == 0 {
                    if !put_zeros(rest, bytes) {
                        self.state = State::Zeros(bytes);
                        break;
                    }
                } else {
                    if !put_literals(rest, bytes, input) {
                        self.state = State::Literals(bytes);
                        break;
                    }
                    input = input.get(bytes..).unwrap_or_default();
                }
                used += bytes;
            }
        }
        room.used += used;
        *source = input;
    }

    /// Unpacks a word byte by byte.
    #[cold]
    fn unpack_one_word(
        &mut self,
        tag: u8,
        mut place: usize,
        mut word: [u8; WORD_BYTES],
        source: &mut &[u8],
    ) -> bool {
        while let Some(byte) = word.get_mut(place) {
            if tag >> place & 1 == 1 {
                let Some((next, rest)) = source.split_first() else {
                    self.state = State::Word { tag, place, word };
                    return false;
                };
                *byte = *next;
                *source = rest;
            }
            place += 1;
        }
        self.held = word;
        self.held_bytes = WORD_BYTES;
        self.state = match tag {
            0xff => State::LiteralCount,
            _ => State::Tag,
        };
        true
    }
}

/// The last few bytes of the input, and zeros behind them.
///
/// How many bytes are left is different each time, so this takes the same steps for any number.
#[inline(never)]
fn last_window(input: &[u8], bytes_left: usize) -> [u8; TAGGED_BYTES] {
    let mut last = [0; 16];
    match input.last_chunk::<16>() {
        Some(bytes) => last = *bytes,
        None => {
            for (place, byte) in last.iter_mut().rev().zip(input.iter().rev()) {
                *place = *byte;
            }
        }
    }
    let unwanted_bits = 8 * last.len().saturating_sub(bytes_left) as u32;
    let window = u128::from_le_bytes(last).checked_shr(unwanted_bits);
    let [window @ .., _, _, _, _, _, _] = window.unwrap_or(0).to_le_bytes();
    window
}

impl Default for Unpacker {
    fn default() -> Self {
        Self::new()
    }
}

/// The output and how much of it is in use.
struct Room<'a> {
    output: &'a mut [u8],
    used: usize,
}

impl Room<'_> {
    fn is_full(&self) -> bool {
        self.used == self.output.len()
    }

    fn rest(&mut self) -> &mut [u8] {
        self.output.get_mut(self.used..).unwrap_or_default()
    }

    fn put_some(&mut self, bytes: &[u8]) -> usize {
        let rest = self.rest();
        let count = bytes.len().min(rest.len());
        if let (Some(place), Some(bytes)) = (rest.get_mut(..count), bytes.get(..count)) {
            place.copy_from_slice(bytes);
        }
        self.used += count;
        count
    }

    fn put_zeros(&mut self, bytes: usize) -> usize {
        let rest = self.rest();
        let count = bytes.min(rest.len());
        if let Some(place) = rest.get_mut(..count) {
            place.fill(0);
        }
        self.used += count;
        count
    }
}

#[inline(always)]
fn space_for_word(output: &mut [u8], used: usize) -> Option<&mut [u8; WORD_BYTES]> {
    output.get_mut(used..)?.first_chunk_mut()
}

/// Puts a run out if all of it fits. Most are short, and shorter than calling `memset`.
#[inline(always)]
fn put_zeros(rest: &mut [u8], bytes: usize) -> bool {
    if bytes <= SHORT_RUN_BYTES
        && let Some(place) = rest.first_chunk_mut::<SHORT_RUN_BYTES>()
    {
        *place = [0; SHORT_RUN_BYTES];
    } else if let Some(place) = rest.get_mut(..bytes) {
        place.fill(0);
    } else {
        return false;
    }
    true
}

/// Puts a run out if all of it is there and fits. Most are short, and shorter than calling `memcpy`.
#[inline(always)]
fn put_literals(rest: &mut [u8], bytes: usize, source: &[u8]) -> bool {
    if bytes <= SHORT_RUN_BYTES
        && let (Some(place), Some(literals)) = (
            rest.first_chunk_mut::<SHORT_RUN_BYTES>(),
            source.first_chunk::<SHORT_RUN_BYTES>(),
        )
    {
        *place = *literals;
    } else if let (Some(place), Some(literals)) = (rest.get_mut(..bytes), source.get(..bytes)) {
        place.copy_from_slice(literals);
    } else {
        return false;
    }
    true
}

/// The most bytes that a tag can have with it, its own and the length of its run included.
const TAGGED_BYTES: usize = 2 + WORD_BYTES;

#[cfg(feature = "std")]
const LONGEST_RUN_BYTES: usize = 256 * WORD_BYTES;

const SHORT_RUN_BYTES: usize = 32;

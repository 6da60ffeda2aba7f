use alloc::vec::Vec;

use super::words::{
    begins_run, gather, leading_literal_words, leading_zero_words, packed_bytes, run_goes_on,
    tag_of,
};
use super::{Progress, max_packed_bytes};
use crate::{Error, ErrorKind, Result, WORD_BYTES, Word};

/// Packs a sequence of bytes that comes in any pieces into any room there is.
///
/// What it holds is bounded (some 2 KiB, inside): a run of words without zeros has its length in
/// front, so it can only leave when it is over.
///
/// ```
/// use capstan_message::packed::Packer;
///
/// let mut packer = Packer::new();
/// let mut packed = Vec::new();
/// packer.pack_to_vec(&[0, 0, 12, 0, 0], &mut packed);
/// packer.pack_to_vec(&[34, 0, 0], &mut packed);
/// packer.finish_to_vec(&mut packed)?;
/// assert_eq!(packed, [0x24, 12, 34]);
/// # Ok::<(), capstan_message::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Packer {
    run: Run,
    /// The start of a word whose other bytes have not come.
    partial: [u8; WORD_BYTES],
    partial_bytes: usize,
    /// Either the words of an open run, from byte 1 on, or output that waits for room: `ready`.
    held: [u8; HELD_BYTES],
    ready_from: usize,
    ready_to: usize,
}

/// What the tag before last began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    None,
    /// A zero word was written but not how many more there are.
    Zeros(usize),
    /// A word without zeros was written; so many more are held.
    Literals(usize),
}

/// What [`Packer::flush`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// Bytes put into the output.
    pub written_bytes: usize,
    /// Whether that was all. If not, there was too little room.
    pub done: bool,
}

impl Packer {
    /// A packer at the start of a word.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            run: Run::None,
            partial: [0; WORD_BYTES],
            partial_bytes: 0,
            held: [0; HELD_BYTES],
            ready_from: 0,
            ready_to: 0,
        }
    }

    /// Packs `input` into `output` until one of them ends. If all input was read, the packer may
    /// still hold some of it, and wants [`Self::finish`] after the last piece. Output behind what
    /// was written may have been overwritten.
    pub fn pack(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let mut words = input;
        let mut room = Room::new(output);
        while self.drain(&mut room) {
            if self.partial_bytes > 0 {
                self.fill_partial(&mut words);
                if self.partial_bytes < WORD_BYTES {
                    break;
                }
                let word = self.partial;
                let mut one = word.as_slice();
                self.advance(&mut one, &mut room);
                if one.is_empty() {
                    self.partial_bytes = 0;
                }
            } else if words.len() >= WORD_BYTES {
                self.advance(&mut words, &mut room);
            } else if words.is_empty() {
                break;
            } else {
                self.fill_partial(&mut words);
                break;
            }
        }
        Progress {
            read_bytes: input.len() - words.len(),
            written_bytes: room.used,
        }
    }

    /// Ends the run that is open, if any, and hands out all whole words: where a reader must get all
    /// that was packed so far, and between the segments of a message, because there are readers
    /// that refuse runs which cross from one to the next.
    pub fn flush(&mut self, output: &mut [u8]) -> Flush {
        let mut written_bytes = self.pack(&[], output).written_bytes;
        if !self.has_output() {
            self.end_run();
            let rest = output.get_mut(written_bytes..).unwrap_or_default();
            written_bytes += self.drain_to(rest);
        }
        Flush {
            written_bytes,
            done: !self.has_output() && self.run == Run::None,
        }
    }

    /// [`Self::flush`] for the end of the input.
    ///
    /// # Errors
    /// When the input ended inside a word.
    pub fn finish(&mut self, output: &mut [u8]) -> Result<Flush> {
        let flush = self.flush(output);
        if flush.done && self.partial_bytes > 0 {
            return Err(Error::new(
                ErrorKind::TrailingBytes,
                text!(
                    "only whole words can be packed, but the last has ",
                    self.partial_bytes,
                    " bytes"
                ),
            ));
        }
        Ok(flush)
    }

    /// Whether everything that was read has been written: nothing is held, no run is open.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.run == Run::None && self.partial_bytes == 0 && !self.has_output()
    }

    /// Packs all of `input`, appending to `output`.
    pub fn pack_to_vec(&mut self, input: &[u8], output: &mut Vec<u8>) {
        let mut rest = input;
        let mut end = output.len();
        output.reserve(max_packed_bytes(input.len()) / 2);
        while !rest.is_empty() || self.has_output() {
            // As much as is sure to be enough, or a piece that stays in the cache while it is written.
            let worst =
                max_packed_bytes(rest.len()).saturating_add(self.held_bytes() + BLOCK_BYTES);
            if output.len() < end + worst.min(LEAST_ROOM_BYTES) {
                output.resize(end + worst.min(ROOM_BYTES), 0);
            }
            let progress = self.pack(rest, output.get_mut(end..).unwrap_or_default());
            rest = rest.get(progress.read_bytes..).unwrap_or_default();
            end += progress.written_bytes;
        }
        output.truncate(end);
    }

    /// As [`Self::flush`], appending to `output`.
    pub fn flush_to_vec(&mut self, output: &mut Vec<u8>) {
        self.pack_to_vec(&[], output);
        self.end_run();
        output.extend_from_slice(self.held.get(self.ready_from..self.ready_to).unwrap_or(&[]));
        (self.ready_from, self.ready_to) = (0, 0);
    }

    /// As [`Self::finish`], appending to `output`.
    ///
    /// # Errors
    /// When the input ended inside a word.
    pub fn finish_to_vec(&mut self, output: &mut Vec<u8>) -> Result<()> {
        self.flush_to_vec(output);
        self.finish(&mut []).map(drop)
    }

    fn has_output(&self) -> bool {
        self.ready_from < self.ready_to
    }

    /// The most that may have to leave before or behind what comes in next.
    fn held_bytes(&self) -> usize {
        let open = match self.run {
            Run::Literals(count) => 1 + count * WORD_BYTES,
            Run::Zeros(_) => 1,
            Run::None => 0,
        };
        self.ready_to - self.ready_from + open + self.partial_bytes
    }

    /// Packs at least one whole word, or ends a run and holds it ready. Nothing is ready before.
    fn advance(&mut self, words: &mut &[u8], room: &mut Room<'_>) {
        match self.run {
            Run::None => self.pack_words(words, room),
            Run::Zeros(count) => {
                let more = leading_zero_words(words.as_chunks().0, MAX_RUN_WORDS - count);
                *words = words.get(more * WORD_BYTES..).unwrap_or_default();
                self.run = Run::Zeros(count + more);
                self.end_run_unless_open(words);
            }
            Run::Literals(count) => {
                let more = leading_literal_words(words.as_chunks().0, MAX_RUN_WORDS - count);
                let (run, rest) = words
                    .split_at_checked(more * WORD_BYTES)
                    .unwrap_or((words, &[]));
                let start = 1 + count * WORD_BYTES;
                if let Some(held) = self.held.get_mut(start..start + run.len()) {
                    held.copy_from_slice(run);
                }
                *words = rest;
                self.run = Run::Literals(count + more);
                self.end_run_unless_open(words);
            }
        }
    }

    /// Packs words until there is no more room, or a run is open at the end of the input.
    fn pack_words(&mut self, words: &mut &[u8], room: &mut Room<'_>) {
        let (whole, tail) = words.as_chunks();
        let step = pack_words(whole, room.rest());
        room.used += step.written_bytes;
        let mut rest = step.rest;
        match step.end {
            End::OfInput => {}
            End::InRun(run) => self.run = run,
            End::OfRoom => {
                if let [next, behind @ ..] = rest {
                    self.pack_one_word(u64::from_le_bytes(*next));
                    rest = behind;
                }
            }
        }
        let read_bytes = words.len() - tail.len() - rest.len() * WORD_BYTES;
        *words = words.get(read_bytes..).unwrap_or_default();
    }

    /// For a word that does not fit the room.
    #[cold]
    fn pack_one_word(&mut self, word: u64) {
        let mut bytes = [0; 1 + WORD_BYTES];
        let [tag_byte, behind @ ..] = &mut bytes;
        let tag = tag_of(word);
        *tag_byte = tag;
        *behind = gather(word, tag).to_le_bytes();
        let length = packed_bytes(tag) - usize::from(begins_run(tag));
        self.hold(bytes.get(..length).unwrap_or_default());
        self.run = match tag {
            0x00 => Run::Zeros(0),
            0xff => Run::Literals(0),
            _ => Run::None,
        };
    }

    /// The run is over when another word follows it, or it can be no longer.
    fn end_run_unless_open(&mut self, words: &[u8]) {
        let (Run::Zeros(count) | Run::Literals(count)) = self.run else {
            return;
        };
        if words.len() >= WORD_BYTES || count == MAX_RUN_WORDS {
            self.end_run();
        }
    }

    fn end_run(&mut self) {
        match self.run {
            Run::None => return,
            Run::Zeros(count) => self.hold(&[count as u8]),
            Run::Literals(count) => {
                self.held[0] = count as u8;
                (self.ready_from, self.ready_to) = (0, 1 + count * WORD_BYTES);
            }
        }
        self.run = Run::None;
    }

    fn hold(&mut self, bytes: &[u8]) {
        if let Some(held) = self.held.get_mut(..bytes.len()) {
            held.copy_from_slice(bytes);
            (self.ready_from, self.ready_to) = (0, bytes.len());
        }
    }

    /// Hands out what is ready. Whether that was all.
    #[inline]
    fn drain(&mut self, room: &mut Room<'_>) -> bool {
        if self.has_output() {
            room.used += self.drain_to(room.rest());
        }
        !self.has_output()
    }

    fn drain_to(&mut self, output: &mut [u8]) -> usize {
        let ready = self
            .held
            .get(self.ready_from..self.ready_to)
            .unwrap_or_default();
        let count = ready.len().min(output.len());
        if let (Some(place), Some(ready)) = (output.get_mut(..count), ready.get(..count)) {
            place.copy_from_slice(ready);
        }
        self.ready_from += count;
        count
    }

    fn fill_partial(&mut self, words: &mut &[u8]) {
        let missing = WORD_BYTES - self.partial_bytes;
        let (piece, rest) = words.split_at_checked(missing).unwrap_or((words, &[]));
        if let Some(place) = self
            .partial
            .get_mut(self.partial_bytes..self.partial_bytes + piece.len())
        {
            place.copy_from_slice(piece);
        }
        self.partial_bytes += piece.len();
        *words = rest;
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}

/// The output and how much of it is in use.
struct Room<'a> {
    output: &'a mut [u8],
    used: usize,
}

impl<'a> Room<'a> {
    fn new(output: &'a mut [u8]) -> Self {
        Self { output, used: 0 }
    }

    fn rest(&mut self) -> &mut [u8] {
        self.output.get_mut(self.used..).unwrap_or_default()
    }
}

/// Room for the most that a word takes, the length of its run included.
#[inline(always)]
fn space_for_word(output: &mut [u8], used: usize) -> Option<&mut [u8; 2 + WORD_BYTES]> {
    output.get_mut(used..)?.first_chunk_mut()
}

/// Packs whole words and ends the last run, from `end` of the output on: for a part of a message
/// that is all there, which needs no packer to remember anything. Where the output ends then; it
/// may be longer.
pub(super) fn pack_part(words: &[Word], output: &mut Vec<u8>, mut end: usize) -> usize {
    let mut rest = words;
    let likely = end + max_packed_bytes(rest.len() * WORD_BYTES) / 2;
    output.reserve(likely.saturating_sub(output.len()));
    while !rest.is_empty() {
        // As much as is sure to be enough, or a piece that stays in the cache while it is written.
        let worst = max_packed_bytes(rest.len() * WORD_BYTES).saturating_add(BLOCK_BYTES);
        if output.len() < end + worst.min(LEAST_ROOM_BYTES) {
            output.resize(end + worst.min(ROOM_BYTES), 0);
        }
        let step = pack_words(rest, output.get_mut(end..).unwrap_or_default());
        rest = step.rest;
        end += step.written_bytes;
        match step.end {
            End::OfInput | End::OfRoom => {}
            End::InRun(Run::Zeros(count)) => {
                output.truncate(end);
                output.push(count as u8);
                end += 1;
            }
            End::InRun(_) => {
                let run = leading_literal_words(rest, MAX_RUN_WORDS);
                let (run_words, behind) = rest.split_at_checked(run).unwrap_or((rest, &[]));
                output.truncate(end);
                output.push(run as u8);
                output.extend_from_slice(run_words.as_flattened());
                end = output.len();
                rest = behind;
            }
        }
    }
    end
}

/// How far [`pack_words`] came.
struct Step<'a> {
    rest: &'a [Word],
    written_bytes: usize,
    end: End,
}

/// What ended there.
enum End {
    OfInput,
    OfRoom,
    /// The last word begins or goes on with a run whose length is not written yet. That is the end
    /// of the input too, except for a run of literals for which there is too little room.
    InRun(Run),
}

/// Packs words until there is no more room, or a run is open at the end of the input.
fn pack_words<'a>(words: &'a [Word], output: &mut [u8]) -> Step<'a> {
    let mut rest = words;
    let mut used = 0;
    let end = loop {
        if let Some(block) = room_for_block(output, used) {
            let (behind, block_bytes) = pack_block(rest, block);
            rest = behind;
            used += block_bytes;
        }
        let [next, behind @ ..] = rest else {
            break End::OfInput;
        };
        let word = u64::from_le_bytes(*next);
        let tag = tag_of(word);
        let Some([tag_byte, bytes @ .., count_byte]) = space_for_word(output, used) else {
            break End::OfRoom;
        };
        *tag_byte = tag;
        *bytes = gather(word, tag).to_le_bytes();
        *count_byte = 0;
        used += packed_bytes(tag);
        rest = behind;
        match tag {
            0 => {
                let run = leading_zero_words(rest, MAX_RUN_WORDS);
                rest = rest.get(run..).unwrap_or_default();
                if rest.is_empty() && run < MAX_RUN_WORDS {
                    used -= 1;
                    break End::InRun(Run::Zeros(run));
                }
                if let Some(count) = output.get_mut(used - 1) {
                    *count = run as u8;
                }
            }
            0xff => match pack_literals(rest, output, used) {
                Some((run_bytes, behind)) => {
                    used += run_bytes;
                    rest = behind;
                }
                None => {
                    used -= 1;
                    break End::InRun(Run::Literals(0));
                }
            },
            _ => {}
        }
    };
    Step {
        rest,
        written_bytes: used,
        end,
    }
}

/// Packs words into a block of output, whose room need not be asked for at every word. It leaves
/// the last word of the input, and those that begin longer runs. What is left of the input, and
/// how much of the block is in use then.
///
/// A run of one word is packed like any other word, its length being the byte behind it: only
/// longer ones are worth a branch, which costs more than a word when it is not foreseen.
#[inline(always)]
fn pack_block<'a>(mut rest: &'a [Word], block: &mut [u8; BLOCK_BYTES]) -> (&'a [Word], usize) {
    let mut used = 0;
    let Some(first) = rest.first() else {
        return (rest, used);
    };
    let mut word = u64::from_le_bytes(*first);
    let mut tag = tag_of(word);
    while let [_, behind @ ..] = rest
        && let [next, ..] = behind
        && used <= BLOCK_BYTES - LONGEST_WORD_BYTES
    {
        let next_word = u64::from_le_bytes(*next);
        let next_tag = tag_of(next_word);
        if run_goes_on(tag, next_tag) {
            let Some(run) = short_zero_run(tag, behind) else {
                break;
            };
            put_word(block, used, 0, run as u64);
            used += 2;
            rest = behind.get(run..).unwrap_or_default();
            let Some(next) = rest.first() else {
                break;
            };
            word = u64::from_le_bytes(*next);
            tag = tag_of(word);
            continue;
        }
        put_word(block, used, tag, gather(word, tag));
        used += packed_bytes(tag);
        rest = behind;
        word = next_word;
        tag = next_tag;
    }
    (rest, used)
}

#[inline(always)]
fn put_word(block: &mut [u8; BLOCK_BYTES], at: usize, tag: u8, packed: u64) {
    if let Some(place) = block.get_mut(at..at + LONGEST_WORD_BYTES)
        && let [tag_byte, bytes @ .., count_byte] = place
    {
        *tag_byte = tag;
        bytes.copy_from_slice(&packed.to_le_bytes());
        *count_byte = 0;
    }
}

#[inline(always)]
fn room_for_block(output: &mut [u8], used: usize) -> Option<&mut [u8; BLOCK_BYTES]> {
    output.get_mut(used..)?.first_chunk_mut()
}

/// The most bytes that a word can take, the length of its run included.
const LONGEST_WORD_BYTES: usize = 2 + WORD_BYTES;

const BLOCK_BYTES: usize = 1024;

/// The length of a run of zeros behind its first word that is over within four words.
#[inline(always)]
fn short_zero_run(tag: u8, rest: &[Word]) -> Option<usize> {
    let [a, b, c, d] = rest.first_chunk::<4>()?.map(u64::from_le_bytes);
    // Without branches, because where the run ends cannot be foretold.
    let zeros = [a == 0, a | b == 0, a | b | c == 0];
    (tag == 0 && a | b | c | d != 0).then(|| zeros.into_iter().map(usize::from).sum())
}

/// Packs the words of a run behind its first, whose length is the last byte used so far. How many
/// bytes that took, and the input behind the run; nothing if it may go on behind the input, or
/// there is too little room.
#[inline(never)]
fn pack_literals<'a>(
    rest: &'a [Word],
    output: &mut [u8],
    used: usize,
) -> Option<(usize, &'a [Word])> {
    let run = leading_literal_words(rest, MAX_RUN_WORDS);
    let (words, behind) = rest.split_at_checked(run)?;
    if run < MAX_RUN_WORDS && behind.is_empty() {
        return None;
    }
    let run_bytes = run * WORD_BYTES;
    output
        .get_mut(used..used + run_bytes)?
        .copy_from_slice(words.as_flattened());
    *output.get_mut(used - 1)? = run as u8;
    Some((run_bytes, behind))
}

/// Words that a run may have behind its first.
const MAX_RUN_WORDS: usize = 255;

/// The length and the words of the longest run.
const HELD_BYTES: usize = 1 + MAX_RUN_WORDS * WORD_BYTES;

/// Vectors grow by so much at a time, and when they have less room than the other.
const ROOM_BYTES: usize = 16 * 1024;
const LEAST_ROOM_BYTES: usize = 4 * 1024;

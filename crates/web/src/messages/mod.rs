//! Messages that JavaScript reads and builds a field at a time.
//!
//! An open message is named by an integer. JavaScript keeps the address of each struct and list it
//! has been shown and reads and writes scalars there by itself; for whatever is behind a pointer it
//! asks here, with the pointer's address. What is received stays where it was copied to, and the
//! segments of what is built never move, so addresses stay good until the message is closed.
//!
//! Addresses are not trusted: one that is not in the message is an error. Each pointer that is
//! followed is checked and charged against the message's traversal limit; how deep a pointer is
//! nested is carried along by JavaScript.

mod copy;
mod follow;
mod orphans;
mod source;
#[cfg(test)]
mod tests;

use capstan_message::layout::PointerReader;
use capstan_message::message::{Allocator, Builder, Reader, ReaderOptions, ReaderSegments};
use capstan_message::orphan::Orphan;
use capstan_message::serialize::{self, OwnedSegments};
use capstan_message::{Position, WORD_BYTES, any_pointer};
use wasm_bindgen::prelude::*;

use crate::seam::{address_of, fail, set_header};
use crate::shared::{Lend, Shared};
use crate::slots::Slots;

// Words of the seam's header.
/// What was found in an open message, or made in it.
const FOUND_ADDRESS: usize = 16;
/// Elements of a list, or bytes.
const FOUND_COUNT: usize = 17;
/// From one element of a list to the next.
const FOUND_STEP_BITS: usize = 18;
/// Of a struct, or of a list's element seen as one.
const FOUND_DATA_BYTES: usize = 19;
/// Of a struct, or of a list's element seen as one; the list's element size in the high half.
const FOUND_POINTERS: usize = 20;

/// What is kept of a closed message's memory for the next one.
const KEPT_BYTES: usize = 2 << 20;
const FIRST_SEGMENT_WORDS: usize = 1024;
const LARGEST_SEGMENT_WORDS: usize = 128 * 1024;

/// Instead of the number of a message or an orphan.
const NONE: u32 = u32::MAX;

thread_local! {
    static MESSAGES: Shared<Messages> = const {
        Shared::new(Messages {
            open: Slots::new(),
            buffer: Vec::new(),
            segments: Vec::new(),
        })
    };
}

struct Messages {
    open: Slots<Open>,
    /// Where the next message is put, or room for it.
    buffer: Vec<u8>,
    /// Address and bytes of each segment of the message asked about last.
    segments: Vec<u32>,
}

enum Open {
    Received(Reader<OwnedSegments>),
    Built(Box<Built>),
}

struct Built {
    message: Builder<FixedSegments>,
    orphans: Slots<Orphan<any_pointer::Owned>>,
}

impl Built {
    fn new() -> Self {
        Self {
            message: Builder::new(FixedSegments {
                words: FIRST_SEGMENT_WORDS,
            }),
            orphans: Slots::new(),
        }
    }
}

impl Open {
    fn built(&mut self) -> Result<&mut Built, Failure> {
        match self {
            Self::Built(built) => Ok(built),
            Self::Received(_) => Err(Failure::ReadOnly),
        }
    }

    fn segments(&self) -> &dyn ReaderSegments {
        match self {
            Self::Received(reader) => reader.segments(),
            Self::Built(built) => &built.message,
        }
    }

    // Not inlined: all functions here need it, and none is hot enough to be worth its own copy.
    /// Segment, and byte in it, of an address with `bytes` of the segment behind it.
    #[inline(never)]
    fn locate(&self, address: u32, bytes: usize) -> Option<(u32, usize)> {
        let segments = self.segments();
        (0..segments.len() as u32).find_map(|id| {
            let segment = segments.get_segment(id)?;
            let at = address.checked_sub(address_of(segment))? as usize;
            (at.checked_add(bytes)? <= segment.len()).then_some((id, at))
        })
    }

    #[inline(never)]
    fn pointer_position(&self, address: u32) -> Result<Position, Failure> {
        match self.locate(address, WORD_BYTES) {
            Some((segment, at)) if at % WORD_BYTES == 0 => Ok(Position {
                segment,
                word: (at / WORD_BYTES) as u32,
            }),
            _ => Err(Failure::ForeignAddress),
        }
    }

    fn pointer(&self, position: Position, nesting: i32) -> PointerReader<'_> {
        match self {
            Self::Received(reader) => reader.pointer_at(position, nesting),
            Self::Built(built) => built.message.pointer_at(position),
        }
    }

    fn word_address(&self, segment: u32, word: u32) -> u32 {
        let bytes = self.segments().get_segment(segment).unwrap_or_default();
        address_of(bytes).wrapping_add(word.wrapping_mul(WORD_BYTES as u32))
    }
}

impl Messages {
    fn get(&self, message: u32) -> Result<&Open, Failure> {
        self.open.get(message).ok_or(Failure::Closed)
    }

    /// Keeps a buffer for the next message, the larger of two if it is not too large.
    fn keep(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT_BYTES && buffer.capacity() > self.buffer.capacity() {
            self.buffer = buffer;
        }
    }
}

/// Why JavaScript gets no answer.
#[derive(Debug)]
enum Failure {
    Message(capstan_message::Error),
    NotUtf8 {
        position: Position,
        valid_bytes: usize,
    },
    ForeignAddress,
    Closed,
    ReadOnly,
    NoOrphan,
}

impl From<capstan_message::Error> for Failure {
    fn from(error: capstan_message::Error) -> Self {
        Self::Message(error)
    }
}

impl Failure {
    #[cold]
    fn report(self) -> u32 {
        let reason = match self {
            Self::Message(error) => return fail(error.to_text()),
            Self::NotUtf8 {
                position,
                valid_bytes,
            } => return fail(crate::seam::not_utf8(position, valid_bytes)),
            Self::ForeignAddress => "the address is not in this message",
            Self::Closed => "the message is closed",
            Self::ReadOnly => "the message can only be read",
            Self::NoOrphan => "the orphan is not in this message any more",
        };
        fail(reason.to_owned())
    }
}

/// 0 when that went well; else what is wrong can be asked for.
fn status(result: Result<(), Failure>) -> u32 {
    result.map_or_else(Failure::report, |()| 0)
}

/// Segments on the heap that never move, each as large as those before it together.
struct FixedSegments {
    words: usize,
}

impl Allocator for FixedSegments {
    fn allocate_segment(&mut self, minimum_words: u32) -> Vec<u8> {
        let words = self.words.max(minimum_words as usize);
        self.words = (self.words * 2).min(LARGEST_SEGMENT_WORDS);
        let mut buffer = Vec::new();
        // On failure the buffer stays empty, which the message reports.
        let _ = buffer.try_reserve_exact(words.saturating_mul(WORD_BYTES));
        buffer
    }
}

/// Room for a whole message of so many bytes; 0 when there is no memory for it.
#[wasm_bindgen]
pub fn message_room(bytes: u32) -> u32 {
    let bytes = bytes as usize;
    MESSAGES.lend(|messages| {
        let kept = messages.buffer.capacity();
        if kept < bytes || kept / 8 > bytes.max(1024) {
            let mut buffer = Vec::new();
            if buffer.try_reserve_exact(bytes.max(8)).is_err() {
                return 0;
            }
            messages.buffer = buffer;
        }
        // What is there already is overwritten anyway: only what is new has to be zeroed.
        messages.buffer.resize(bytes, 0);
        address_of(&messages.buffer)
    })
}

/// Opens the message that is in the room; where its root pointer is goes into the header. `NONE`
/// when it is no message.
#[wasm_bindgen]
pub fn message_open(traversal_limit_words: u32, nesting_limit: u32) -> u32 {
    MESSAGES.lend(|messages| {
        let is_limited = traversal_limit_words != u32::MAX;
        let options = ReaderOptions {
            traversal_limit_in_words: is_limited.then_some(traversal_limit_words as usize),
            nesting_limit: i32::try_from(nesting_limit).unwrap_or(i32::MAX),
            ..ReaderOptions::default()
        };
        let frame = std::mem::take(&mut messages.buffer);
        let opened = serialize::read_frame(frame, options).and_then(|reader| {
            reader.get_root_any()?;
            Ok(Open::Received(reader))
        });
        match opened {
            Ok(open) => {
                set_header(FOUND_ADDRESS, open.word_address(0, 0));
                messages.open.insert(open)
            }
            Err(error) => {
                fail(error.to_text());
                NONE
            }
        }
    })
}

/// Begins a message; where its root pointer is goes into the header. `NONE` when there is no memory.
#[wasm_bindgen]
pub fn message_build() -> u32 {
    MESSAGES.lend(|messages| {
        let built = Built::new();
        if let Some(error) = built.message.error() {
            fail(error.to_text());
            return NONE;
        }
        let built = Open::Built(Box::new(built));
        set_header(FOUND_ADDRESS, built.word_address(0, 0));
        messages.open.insert(built)
    })
}

/// Forgets a message. Its addresses mean nothing any more.
#[wasm_bindgen]
pub fn message_close(message: u32) {
    MESSAGES.lend(|messages| {
        if let Some(Open::Received(reader)) = messages.open.remove(message) {
            messages.keep(reader.into_segments().into_buffer());
        }
    });
}

/// Puts the address and the bytes of each segment into a table, whose address and number of
/// segments go into the header. 0 when the message is complete.
#[wasm_bindgen]
pub fn message_segments(message: u32) -> u32 {
    MESSAGES.lend(|messages| {
        let Messages { open, segments, .. } = messages;
        status((|| {
            let found = open.get(message).ok_or(Failure::Closed)?;
            if let Open::Built(built) = found
                && let Some(error) = built.message.error()
            {
                return Err(error.clone().into());
            }
            let content = found.segments();
            segments.clear();
            for bytes in (0..content.len() as u32).filter_map(|id| content.get_segment(id)) {
                segments.extend([address_of(bytes), bytes.len() as u32]);
            }
            set_header(FOUND_ADDRESS, segments.as_ptr() as usize as u32);
            set_header(FOUND_COUNT, (segments.len() / 2) as u32);
            Ok(())
        })())
    })
}

//! The quick way to index a message: what nearly every message is made of, and nothing else.
//!
//! Structs and lists as large as the schema at hand has them, behind near pointers and simple far ones. [`run`] gives up at anything else, damage included, and the message is walked again by [the
//! way](super::index) that knows every rule and what to say about each that is broken. So this way has to be right only
//! about what it accepts, and it is charged as the other is.

use capstan_message::WORD_BYTES;
use capstan_message::layout::{ElementSize, PointerReader};

use super::index::{ABSENT, EMPTY_STRUCT_WORK, Index, WORK_LIMIT};
use super::program::{Element, ListElement, Op, Programs, StructProgram};

/// A message that is not for this way.
struct Unusual;

/// Fills the index with the struct behind `root`; `false` when the message has to be walked the other way.
pub(super) fn run(
    index: &mut Index,
    programs: &Programs,
    program: &StructProgram,
    root: PointerReader<'_>,
    caps: usize,
) -> bool {
    attempt(index, programs, program, root, caps)
        .is_ok_and(|words| root.charge_words(words).is_ok())
}

/// Returns the words visited.
fn attempt<'w>(
    index: &'w mut Index,
    programs: &'w Programs,
    program: &'w StructProgram,
    root: PointerReader<'w>,
    caps: usize,
) -> Result<usize, Unusual> {
    let segment = root.segment_bytes();
    let (words, _) = segment.as_chunks();
    let limit_words = root.remaining_words();
    let mut walk = Near {
        words,
        segment_address: super::address_of(segment),
        root,
        left_words: limit_words,
        programs,
        index,
        caps,
        work: 0,
        run_start: 0,
        run_end: 0,
    };
    let nesting = usize::try_from(root.nesting_limit()).unwrap_or(0);
    walk.put_struct(root.raw(), root.position().word as usize, program, nesting)?;
    walk.check_work()?;
    walk.end_texts();
    Ok(limit_words - walk.left_words)
}

struct Near<'w> {
    /// The segment that the walk is in.
    words: &'w [[u8; WORD_BYTES]],
    segment_address: u32,
    /// Knows the other segments.
    root: PointerReader<'w>,
    /// Of the traversal limit.
    left_words: usize,
    programs: &'w Programs,
    index: &'w mut Index,
    /// Entries in the message's capability table.
    caps: usize,
    /// Besides entries of the table.
    work: u64,
    /// The piece of the pool that may still grow, in words of the segment. Texts in ASCII get into the pool with what
    /// stands between them, so that those that lie one behind the other are one piece.
    run_start: usize,
    run_end: usize,
}

/// The words of an object, by their numbers in the segment.
#[derive(Clone, Copy)]
struct Object {
    word: usize,
    words: usize,
}

/// A struct's sections.
#[derive(Clone, Copy)]
struct Struct {
    data_word: usize,
    data_words: usize,
    pointers: usize,
    /// Structs and lists that may still be entered from here.
    nesting: usize,
}

impl<'w> Near<'w> {
    #[inline(always)]
    fn put_struct(
        &mut self,
        wire: u64,
        word: usize,
        program: &StructProgram,
        nesting: usize,
    ) -> Result<(), Unusual> {
        // Null has bits of a struct without content, which is as large as expected only when nothing is.
        if wire as u32 & 3 != STRUCT || wire == 0 {
            return Err(Unusual);
        }
        let data_words = (wire >> 32) as u16 as usize;
        let pointers = (wire >> 48) as usize;
        let Object { word, .. } = self.object(wire, word, data_words + pointers)?;
        let found = Struct {
            data_word: word,
            data_words,
            pointers,
            nesting: nesting.checked_sub(1).ok_or(Unusual)?,
        };
        if data_words * WORD_BYTES < program.data_bytes {
            return Err(Unusual);
        }
        self.put_address(word);
        self.put_content(&found, &program.ops)
    }

    fn put_content(&mut self, found: &Struct, ops: &[Op]) -> Result<(), Unusual> {
        for op in ops {
            match op {
                Op::Pointer { index, element } => {
                    let (wire, word) = self.pointer(found, *index);
                    self.put_element(wire, word, element, found.nesting)?;
                }
                Op::Optional { index, element } => {
                    let (wire, word) = self.pointer(found, *index);
                    if wire != 0 {
                        self.put_element(wire, word, element, found.nesting)?;
                    } else {
                        self.index.put(ABSENT);
                        if let Element::Text = element {
                            self.index.put(ABSENT);
                        }
                    }
                }
                Op::Union { tag_offset, cases } => {
                    let tag = self.tag(found, *tag_offset);
                    match cases.get(tag) {
                        Some(ops) if !ops.is_empty() => self.put_content(found, ops)?,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn put_element(
        &mut self,
        wire: u64,
        word: usize,
        element: &Element,
        nesting: usize,
    ) -> Result<(), Unusual> {
        if wire as u32 & 3 == FAR {
            return self.put_far(wire, element, nesting);
        }
        match element {
            Element::Text => return self.put_text(wire, word),
            Element::Struct(_) if wire == 0 => self.index.put(0),
            Element::Struct(position) => {
                let program = self.programs.at(*position).ok_or(Unusual)?;
                return self.put_struct(wire, word, program, nesting);
            }
            Element::List(element) => return self.put_list(wire, word, element, nesting),
            Element::Data if wire == 0 => {
                self.index.put(0);
                self.index.put(0);
            }
            Element::Data => {
                let (object, bytes) = self.byte_list(wire, word)?;
                self.put_address(object.word);
                self.index.put(bytes as u32);
            }
            Element::Capability if wire == 0 => self.index.put(0),
            Element::Capability => {
                let capability = (wire >> 32) as u32;
                if wire as u32 != CAPABILITY || capability as usize >= self.caps {
                    return Err(Unusual);
                }
                self.index.put(capability + 1);
            }
            Element::Any if wire == 0 => {
                self.index.put(0);
                self.index.put(0);
            }
            Element::Any => return Err(Unusual),
        }
        Ok(())
    }

    /// A far pointer leads to a near one in another segment, whose target is near that.
    #[inline(never)]
    fn put_far(&mut self, wire: u64, element: &Element, nesting: usize) -> Result<(), Unusual> {
        let is_double = wire as u32 & 4 != 0;
        let segment = self.root.other_segment_bytes((wire >> 32) as u32);
        let (false, Some(segment)) = (is_double, segment) else {
            return Err(Unusual);
        };
        let pad = (wire as u32 >> 3) as usize;
        let (words, _) = segment.as_chunks();
        let here = (self.words, self.segment_address);
        self.leave(words, super::address_of(segment));
        self.charge(1)?;
        let near = self.read(pad);
        // Null, as damage has it, means an empty struct here.
        if near == 0 || near as u32 & 3 == FAR {
            return Err(Unusual);
        }
        self.put_element_apart(near, pad, element, nesting)?;
        self.leave(here.0, here.1);
        Ok(())
    }

    /// For another segment.
    fn leave(&mut self, words: &'w [[u8; WORD_BYTES]], segment_address: u32) {
        self.end_run();
        (self.run_start, self.run_end) = (0, 0);
        (self.words, self.segment_address) = (words, segment_address);
    }

    /// Not part of its callers.
    #[inline(never)]
    fn put_element_apart(
        &mut self,
        wire: u64,
        word: usize,
        element: &Element,
        nesting: usize,
    ) -> Result<(), Unusual> {
        self.put_element(wire, word, element, nesting)
    }

    fn put_text(&mut self, wire: u64, word: usize) -> Result<(), Unusual> {
        if wire == 0 {
            self.index.put(0);
            self.index.put(0);
            return Ok(());
        }
        let (Object { word, words }, bytes) = self.byte_list(wire, word)?;
        let padded = self.words.get(word..word + words).ok_or(Unusual)?;
        // Padding and all, which ought to be zero: by words it costs a fraction of what it does by bytes.
        let is_ascii = all_ascii(padded);
        let padded = padded.as_flattened();
        let (Some(text), Some(0)) = (
            padded.get(..bytes.wrapping_sub(1)),
            padded.get(bytes.wrapping_sub(1)),
        ) else {
            return Err(Unusual);
        };
        if !is_ascii {
            let text = std::str::from_utf8(text).map_err(|_| Unusual)?;
            let (start, end) = self.index.add_unicode(text);
            self.index.put(start);
            self.index.put(end);
            return Ok(());
        }
        if word != self.run_end {
            self.end_run();
            self.run_start = word;
        }
        self.run_end = word + words;
        let offset = (self.index.pool.len() + (word - self.run_start) * WORD_BYTES) as u32;
        self.index.put(offset);
        self.index.put(offset + text.len() as u32);
        Ok(())
    }

    fn put_list(
        &mut self,
        wire: u64,
        word: usize,
        element: &ListElement,
        nesting: usize,
    ) -> Result<(), Unusual> {
        if let ListElement::Behind(Element::Struct(position)) = element {
            return self.put_structs(wire, word, *position, nesting);
        }
        let size = match element {
            ListElement::Void => ElementSize::Void,
            ListElement::Bit => ElementSize::Bit,
            ListElement::Byte => ElementSize::Byte,
            ListElement::TwoBytes => ElementSize::TwoBytes,
            ListElement::FourBytes => ElementSize::FourBytes,
            ListElement::EightBytes => ElementSize::EightBytes,
            ListElement::Behind(_) => ElementSize::Pointer,
        };
        let step_bits = size.step_bits();
        if wire == 0 {
            self.index.put(0);
            if !matches!(size, ElementSize::Void | ElementSize::Pointer) {
                self.index.put(0);
                self.index.put(step_bits / 8);
            }
            return Ok(());
        }
        if wire as u32 & 3 != LIST || (wire >> 32) as u32 & 7 != size as u32 {
            return Err(Unusual);
        }
        let count = (wire >> 35) as u32;
        let words = (u64::from(count) * u64::from(step_bits)).div_ceil(64) as usize;
        let found = self.object(wire, word, words)?;
        let nesting = nesting.checked_sub(1).ok_or(Unusual)?;
        self.work += u64::from(count / 8);
        self.index.put(count);
        match element {
            ListElement::Void => self.charge(count as usize)?,
            ListElement::Behind(element) => {
                for at in found.word..found.word + words {
                    self.put_element_apart(self.read(at), at, element, nesting)?;
                }
            }
            _ => {
                self.put_address(found.word);
                self.index.put(step_bits / 8);
            }
        }
        self.check_work()
    }

    fn put_structs(
        &mut self,
        wire: u64,
        word: usize,
        position: usize,
        nesting: usize,
    ) -> Result<(), Unusual> {
        let program = self.programs.at(position).ok_or(Unusual)?;
        if wire == 0 {
            for entry in [0, 0, 0] {
                self.index.put(entry);
            }
            return Ok(());
        }
        if wire as u32 & 3 != LIST || (wire >> 32) as u32 & 7 != ElementSize::InlineComposite as u32
        {
            return Err(Unusual);
        }
        let list_words = (wire >> 35) as usize;
        // The tag stands in front and is not counted.
        let Object { word, .. } = self.object(wire, word, list_words + 1)?;
        let tag = self.read(word);
        let count = tag as u32 >> 2;
        let data_words = (tag >> 32) as u16 as usize;
        let pointers = (tag >> 48) as usize;
        let step_words = data_words + pointers;
        let fits = u64::from(count) * step_words as u64 <= list_words as u64;
        if tag as u32 & 3 != STRUCT || !fits || data_words * WORD_BYTES < program.data_bytes {
            return Err(Unusual);
        }
        if step_words == 0 {
            self.charge(count as usize)?;
            // An object in JavaScript for each, out of nothing.
            self.work += u64::from(count) * EMPTY_STRUCT_WORK;
        }
        let nesting = nesting.checked_sub(1).ok_or(Unusual)?;
        self.work += u64::from(count / 8);
        self.index.put(count);
        self.put_address(word + 1);
        self.index.put((step_words * WORD_BYTES) as u32);
        self.check_work()?;
        if program.ops.is_empty() {
            return Ok(());
        }
        let mut element = Struct {
            data_word: word + 1,
            data_words,
            pointers,
            nesting: nesting.saturating_sub(1),
        };
        for _ in 0..count {
            self.put_content(&element, &program.ops)?;
            element.data_word += step_words;
            self.check_work()?;
        }
        Ok(())
    }

    /// A list of bytes, and how many they are.
    #[inline]
    fn byte_list(&mut self, wire: u64, word: usize) -> Result<(Object, usize), Unusual> {
        if wire as u32 & 3 != LIST || (wire >> 32) as u32 & 7 != ElementSize::Byte as u32 {
            return Err(Unusual);
        }
        let bytes = (wire >> 35) as usize;
        let object = self.object(wire, word, bytes.div_ceil(WORD_BYTES))?;
        Ok((object, bytes))
    }

    /// What the pointer `wire`, which stands at `word`, leads to: charged, and known to lie in the segment.
    #[inline]
    fn object(&mut self, wire: u64, word: usize, words: usize) -> Result<Object, Unusual> {
        // Words of a segment and offsets have 29 bits and a sign: no overflow.
        let target = (word as i32).wrapping_add(1).wrapping_add(wire as i32 >> 2);
        let Ok(word) = usize::try_from(target) else {
            return Err(Unusual);
        };
        match self.words.len().checked_sub(word) {
            Some(behind) if behind >= words => {}
            _ => return Err(Unusual),
        }
        self.charge(words)?;
        Ok(Object { word, words })
    }

    #[inline]
    fn pointer(&self, found: &Struct, index: usize) -> (u64, usize) {
        if index >= found.pointers {
            return (0, 0);
        }
        let word = found.data_word + found.data_words + index;
        (self.read(word), word)
    }

    #[inline]
    fn tag(&self, found: &Struct, offset: usize) -> usize {
        if offset / 4 >= found.data_words {
            return 0;
        }
        let word = self.read(found.data_word + offset / 4);
        usize::from((word >> (offset % 4 * 16)) as u16)
    }

    /// The word there; none is 0.
    #[inline]
    fn read(&self, word: usize) -> u64 {
        match self.words.get(word) {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => 0,
        }
    }

    /// Never 0, which is null, since the segment is somewhere.
    #[inline]
    fn put_address(&mut self, word: usize) {
        self.index
            .put(self.segment_address + (word * WORD_BYTES) as u32);
    }

    #[inline]
    fn charge(&mut self, words: usize) -> Result<(), Unusual> {
        match self.left_words.checked_sub(words) {
            Some(left) => {
                self.left_words = left;
                Ok(())
            }
            None => Err(Unusual),
        }
    }

    #[inline]
    fn check_work(&self) -> Result<(), Unusual> {
        if self.index.table.len() as u64 + self.work <= WORK_LIMIT {
            Ok(())
        } else {
            Err(Unusual)
        }
    }

    fn end_run(&mut self) {
        let run = self.words.get(self.run_start..self.run_end);
        self.index
            .pool
            .extend_from_slice(run.unwrap_or_default().as_flattened());
    }

    fn end_texts(&mut self) {
        if self.index.pool.is_empty() {
            // All in one piece, which can stay where it is.
            let bytes = (self.run_end - self.run_start) * WORD_BYTES;
            let address = self.segment_address + (self.run_start * WORD_BYTES) as u32;
            self.index.pool_elsewhere = Some((address, bytes as u32));
        } else {
            self.end_run();
        }
    }
}

#[inline]
fn all_ascii(words: &[[u8; WORD_BYTES]]) -> bool {
    let bits = words
        .iter()
        .fold(0, |bits, word| bits | u64::from_le_bytes(*word));
    bits & 0x8080_8080_8080_8080 == 0
}

// Kinds of pointers.
const STRUCT: u32 = 0;
const LIST: u32 = 1;
const FAR: u32 = 2;
const CAPABILITY: u32 = 3;

#[cfg(test)]
mod tests;

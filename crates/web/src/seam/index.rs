//! Checks a message against a layout program and writes down where everything is.
//!
//! The walk here knows everything that a message may be. [`near`](super::near) comes before it, which
//! knows what nearly every message is, and is several times as fast.
//!
//! The table holds, in the order of the program, per thing behind a pointer:
//!
//! | thing | entries |
//! |---|---|
//! | struct | address of its data section, 0 for null; then what the struct's own program asks for |
//! | text | where it starts and where it ends: bytes of the pool, or [`IN_UNICODE`] and UTF-16 units of the other pool |
//! | text with a default | the same, `0xffff_ffff` twice for null |
//! | data | address, bytes; address 0 for null |
//! | capability | index in the capability table + 1, 0 for null |
//! | anything | address of a framed copy, bytes; address 0 for null |
//! | list of scalars | count, address of the first, bytes from one to the next |
//! | list of Void | count |
//! | list of structs | count, address of the first data section, bytes to the next; then per element what its program asks for |
//! | list of pointers | count, then the elements' entries |
//!
//! Behind every struct address stand as many bytes as the program's data section has: where the
//! sender's version of the struct is smaller, a copy extended with zeros is given out instead.

use capstan_message::layout::{ElementSize, ListReader, PointerReader, StructReader};
use capstan_message::{FrameBuilder, any_pointer, text};

use super::near;
use super::program::{Element, ListElement, Op, Programs, StructProgram};

/// Table entries and words of copies that one message may cost. A message within the default
/// traversal limit stays below it unless it is built to grow when it is read.
pub(super) const WORK_LIMIT: u64 = 8 << 20;

/// What an element that takes no room costs: the object that JavaScript makes of it.
pub(super) const EMPTY_STRUCT_WORK: u64 = 3;
pub(super) const ABSENT: u32 = u32::MAX;
/// Set in the entries of a text that is not ASCII.
const IN_UNICODE: u32 = 1 << 31;

/// The table of the message indexed last, and what it points to besides the message itself.
pub(super) struct Index {
    pub(super) table: Vec<u32>,
    /// All text in ASCII. One decode and many slices is what JavaScript does best.
    pub(super) pool: Vec<u8>,
    /// Address and bytes of the pool where it is a piece of the message.
    pub(super) pool_elsewhere: Option<(u32, u32)>,
    /// All other text, checked to be UTF-8.
    pub(super) unicode: Vec<u8>,
    unicode_utf16_units: u32,
    /// Structs extended with zeros, and copies of untyped content.
    copies: Vec<u8>,
    /// Table entries that hold offsets in `copies`, which moves while it grows.
    in_copies: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum IndexError {
    Message(capstan_message::Error),
    UnknownProgram,
    NotUtf8 {
        position: capstan_message::Position,
        valid_bytes: usize,
    },
    UnknownCapability {
        position: capstan_message::Position,
        index: u32,
    },
    UntypedCapability {
        position: capstan_message::Position,
    },
    /// At the innermost pointer that was being followed.
    TooMuchWork {
        position: Option<capstan_message::Position>,
    },
}

impl Index {
    pub(super) const fn new() -> Self {
        Self {
            table: Vec::new(),
            pool: Vec::new(),
            pool_elsewhere: None,
            unicode: Vec::new(),
            unicode_utf16_units: 0,
            copies: Vec::new(),
            in_copies: Vec::new(),
        }
    }

    pub(super) fn table(&self) -> &[u32] {
        &self.table
    }

    /// Address and bytes of all text in ASCII.
    pub(super) fn pool(&self) -> (u32, u32) {
        self.pool_elsewhere
            .unwrap_or((super::address_of(&self.pool), self.pool.len() as u32))
    }

    pub(super) fn unicode(&self) -> &[u8] {
        &self.unicode
    }

    /// Indexes the struct behind `content`; a null one reads as all defaults. The first entry is its address.
    pub(super) fn run(
        &mut self,
        programs: &Programs,
        program: u32,
        content: any_pointer::Reader<'_>,
        caps: usize,
    ) -> Result<(), IndexError> {
        self.clear();
        let program = programs.get(program).ok_or(IndexError::UnknownProgram)?;
        if near::run(self, programs, program, content.reader, caps) {
            return Ok(());
        }
        self.clear();
        self.walk(programs, program, content, caps)
    }

    pub(super) fn walk(
        &mut self,
        programs: &Programs,
        program: &StructProgram,
        content: any_pointer::Reader<'_>,
        caps: usize,
    ) -> Result<(), IndexError> {
        let root = content.reader.get_struct(None)?;
        let mut walk = Walk {
            programs,
            index: self,
            caps,
            work: 0,
        };
        walk.put_struct(&root, program)?;
        self.settle_copies();
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.pool.clear();
        self.copies.clear();
        self.in_copies.clear();
        self.pool_elsewhere = None;
        self.unicode.clear();
        self.unicode_utf16_units = 0;
    }

    pub(super) fn shrink(&mut self, kept_bytes: usize) {
        self.clear();
        self.table.shrink_to(kept_bytes / 4);
        self.pool.shrink_to(kept_bytes);
        self.unicode.shrink_to(kept_bytes);
        self.copies.shrink_to(kept_bytes);
    }

    #[inline]
    pub(super) fn put(&mut self, entry: u32) {
        self.table.push(entry);
    }

    /// Adds to the pool of text that is not ASCII; returns the entries of the text.
    pub(super) fn add_unicode(&mut self, text: &str) -> (u32, u32) {
        self.unicode.extend_from_slice(text.as_bytes());
        let start = self.unicode_utf16_units;
        self.unicode_utf16_units += utf16_units(text.as_bytes());
        (start | IN_UNICODE, self.unicode_utf16_units | IN_UNICODE)
    }

    /// Offsets become addresses, now that nothing moves any more.
    fn settle_copies(&mut self) {
        let base = super::address_of(&self.copies);
        for &entry in &self.in_copies {
            if let Some(entry) = self.table.get_mut(entry) {
                *entry += base;
            }
        }
    }
}

struct Walk<'w> {
    programs: &'w Programs,
    index: &'w mut Index,
    /// Entries in the message's capability table.
    caps: usize,
    work: u64,
}

impl Walk<'_> {
    fn put_struct(
        &mut self,
        found: &StructReader<'_>,
        program: &StructProgram,
    ) -> Result<(), IndexError> {
        let data = found.data_section();
        if data.len() >= program.data_bytes {
            // An empty section may be anywhere, but null is taken.
            self.put(super::address_of(data).max(1))?;
        } else {
            let copy = self.copy_extended(data, program.data_bytes)?;
            self.put_copy(copy)?;
        }
        self.put_content(found, &program.ops)
    }

    fn put_content(&mut self, found: &StructReader<'_>, ops: &[Op]) -> Result<(), IndexError> {
        for op in ops {
            match op {
                Op::Pointer { index, element } => {
                    self.put_element(found.get_pointer_field(*index), element)?
                }
                Op::Optional { index, element } => {
                    let pointer = found.get_pointer_field(*index);
                    if pointer.is_null() {
                        self.put(ABSENT)?;
                        if let Element::Text = element {
                            self.put(ABSENT)?;
                        }
                    } else {
                        self.put_element(pointer, element)?
                    }
                }
                Op::Union { tag_offset, cases } => {
                    let tag: u16 = found.get_data_field(*tag_offset);
                    if let Some(ops) = cases.get(usize::from(tag)) {
                        self.put_content(found, ops)?;
                    }
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn put_element(
        &mut self,
        pointer: PointerReader<'_>,
        element: &Element,
    ) -> Result<(), IndexError> {
        self.put_target(pointer, element)
            .map_err(|error| error.found_behind(pointer))
    }

    fn put_target(
        &mut self,
        pointer: PointerReader<'_>,
        element: &Element,
    ) -> Result<(), IndexError> {
        match element {
            Element::Text => self.put_text(pointer),
            Element::Data => {
                let data = pointer.get_data(None)?;
                self.put(if pointer.is_null() {
                    0
                } else {
                    super::address_of(data).max(1)
                })?;
                self.put(data.len() as u32)
            }
            Element::Capability => self.put_capability(pointer),
            Element::Any => self.put_any(pointer),
            Element::Struct(_) if pointer.is_null() => self.put(0),
            Element::Struct(position) => {
                let program = self
                    .programs
                    .at(*position)
                    .ok_or(IndexError::UnknownProgram)?;
                self.put_struct(&pointer.get_struct(None)?, program)
            }
            Element::List(element) => self.put_list(pointer, element),
        }
    }

    fn put_text(&mut self, pointer: PointerReader<'_>) -> Result<(), IndexError> {
        let text = pointer.get_text(None)?;
        let bytes = text.as_bytes();
        let (start, end) = if bytes.is_ascii() {
            let start = self.index.pool.len();
            self.index.pool.extend_from_slice(bytes);
            (start as u32, self.index.pool.len() as u32)
        } else {
            let text = std::str::from_utf8(bytes).map_err(|error| IndexError::NotUtf8 {
                position: pointer.position(),
                valid_bytes: error.valid_up_to(),
            })?;
            self.index.add_unicode(text)
        };
        self.put(start)?;
        self.put(end)
    }

    fn put_capability(&mut self, pointer: PointerReader<'_>) -> Result<(), IndexError> {
        match pointer.capability_index()? {
            None => self.put(0),
            Some(index) if (index as usize) < self.caps => self.put(index + 1),
            Some(index) => Err(IndexError::UnknownCapability {
                position: pointer.position(),
                index,
            }),
        }
    }

    /// Untyped content goes out as a message of its own.
    fn put_any(&mut self, pointer: PointerReader<'_>) -> Result<(), IndexError> {
        if pointer.is_null() {
            self.put(0)?;
            return self.put(0);
        }
        let mut copy = FrameBuilder::with_capacity_words(64);
        copy.set_root::<any_pointer::Owned>(any_pointer::Reader::new(pointer))
            .map_err(untyped_error)?;
        if let Some(error) = copy.error() {
            return Err(untyped_error(error.clone()));
        }
        let framed = copy.into_frame();
        let words = framed.len() / capstan_message::WORD_BYTES;
        self.charge(words as u64)?;
        let offset = self.index.copies.len();
        self.index.copies.extend_from_slice(&framed);
        self.put_copy(offset)?;
        self.put(framed.len() as u32)
    }

    fn put_list(
        &mut self,
        pointer: PointerReader<'_>,
        element: &ListElement,
    ) -> Result<(), IndexError> {
        let size = match element {
            ListElement::Void => ElementSize::Void,
            ListElement::Bit => ElementSize::Bit,
            ListElement::Byte => ElementSize::Byte,
            ListElement::TwoBytes => ElementSize::TwoBytes,
            ListElement::FourBytes => ElementSize::FourBytes,
            ListElement::EightBytes => ElementSize::EightBytes,
            ListElement::Behind(Element::Struct(position)) => {
                return self.put_structs(pointer, *position);
            }
            ListElement::Behind(element) => {
                let list = pointer.get_list(ElementSize::Pointer, None)?;
                self.put(list.len())?;
                for at in 0..list.len() {
                    self.put_element(list.get_pointer_element(at), element)?;
                }
                return Ok(());
            }
        };
        let list = pointer.get_list(size, None)?;
        // JavaScript spends a word on what may be a bit here.
        self.charge(u64::from(list.len() / 8))?;
        self.put(list.len())?;
        if size != ElementSize::Void {
            self.put(super::address_of(list.raw_bytes()))?;
            self.put(list.step_bits() / 8)?;
        }
        Ok(())
    }

    fn put_structs(
        &mut self,
        pointer: PointerReader<'_>,
        position: usize,
    ) -> Result<(), IndexError> {
        let program = self
            .programs
            .at(position)
            .ok_or(IndexError::UnknownProgram)?;
        let list = pointer.get_list(ElementSize::InlineComposite, None)?;
        self.charge(match list.step_bits() {
            0 => u64::from(list.len()) * EMPTY_STRUCT_WORK,
            _ => u64::from(list.len() / 8),
        })?;
        self.put(list.len())?;
        self.put_struct_places(&list, program)?;
        if !program.ops.is_empty() {
            for at in 0..list.len() {
                self.put_content(&list.get_struct_element(at), &program.ops)?;
            }
        }
        Ok(())
    }

    /// Where the elements' data sections are: in the message when they are as large as expected.
    fn put_struct_places(
        &mut self,
        list: &ListReader<'_>,
        program: &StructProgram,
    ) -> Result<(), IndexError> {
        let data_bytes = program.data_bytes;
        let mut found_bytes = list.get_struct_element(0).data_section().len();
        if found_bytes >= data_bytes || list.is_empty() {
            self.put(super::address_of(list.raw_bytes()))?;
            return self.put(list.step_bits() / 8);
        }
        // Else JavaScript would take a part of a union's tag for the tag, where this does not.
        if found_bytes < program.first_bytes {
            found_bytes = 0;
        }
        if found_bytes == 0 {
            // All defaults: one struct of zeros stands for every element. JavaScript makes an object
            // of each all the same, out of next to nothing in the message.
            self.charge(u64::from(list.len()) * (data_bytes as u64 / 8))?;
            let zeros = self.copy_extended(&[], data_bytes)?;
            self.put_copy(zeros)?;
            return self.put(0);
        }
        let first = self.index.copies.len();
        for at in 0..list.len() {
            self.copy_extended(list.get_struct_element(at).data_section(), data_bytes)?;
        }
        self.put_copy(first)?;
        self.put(data_bytes as u32)
    }

    /// Returns the copy's offset in `copies`.
    fn copy_extended(&mut self, data: &[u8], data_bytes: usize) -> Result<usize, IndexError> {
        self.charge(data_bytes as u64 / 8)?;
        let copies = &mut self.index.copies;
        let offset = copies.len();
        copies.extend_from_slice(data);
        copies.resize(offset + data_bytes, 0);
        Ok(offset)
    }

    fn put_copy(&mut self, offset: usize) -> Result<(), IndexError> {
        self.index.in_copies.push(self.index.table.len());
        self.put(offset as u32)
    }

    // Not inlined: half of what is not the fast way is this.
    #[inline(never)]
    fn put(&mut self, entry: u32) -> Result<(), IndexError> {
        self.charge(1)?;
        self.index.put(entry);
        Ok(())
    }

    #[inline]
    fn charge(&mut self, work: u64) -> Result<(), IndexError> {
        self.work += work;
        if self.work > WORK_LIMIT {
            Err(IndexError::TooMuchWork { position: None })
        } else {
            Ok(())
        }
    }
}

/// Of bytes known to be UTF-8: one unit per character, two for those beyond the basic plane. Eight bytes at a time.
fn utf16_units(bytes: &[u8]) -> u32 {
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    if let Some(last) = last.get_mut(..rest.len()) {
        last.copy_from_slice(rest);
    }
    let units = |bytes: [u8; 8]| {
        let word = u64::from_le_bytes(bytes);
        // The tops of bytes within characters, 10xx_xxxx, and of those that begin one of four bytes, 1111_xxxx.
        let within = word & !(word << 1) & TOPS;
        let long = word & (word << 1) & (word << 2) & (word << 3) & TOPS;
        8 - within.count_ones() + long.count_ones()
    };
    let units_of_words: u32 = words.iter().map(|word| units(*word)).sum();
    units_of_words + units(last) - (8 - rest.len() as u32)
}

/// The copy has no table of capabilities, so the first capability in it is where copying ends.
fn untyped_error(error: capstan_message::Error) -> IndexError {
    match (error.kind(), error.position()) {
        (capstan_message::ErrorKind::UnknownCapability, Some(position)) => {
            IndexError::UntypedCapability { position }
        }
        _ => IndexError::Message(error),
    }
}

impl IndexError {
    #[cold]
    fn found_behind(self, pointer: PointerReader<'_>) -> Self {
        match self {
            Self::TooMuchWork { position: None } => Self::TooMuchWork {
                position: Some(pointer.position()),
            },
            error => error,
        }
    }
}

impl From<capstan_message::Error> for IndexError {
    fn from(error: capstan_message::Error) -> Self {
        Self::Message(error)
    }
}

impl IndexError {
    pub(super) fn to_text(&self) -> String {
        match *self {
            Self::Message(ref error) => error.to_text(),
            Self::UnknownProgram => {
                text!(
                    "the type is not known here: is there a second copy of the package in this page?"
                )
            }
            Self::NotUtf8 {
                position,
                valid_bytes,
            } => text!("text is not UTF-8 from byte ", valid_bytes, " on", position),
            Self::UnknownCapability { position, index } => text!(
                "a pointer names capability ",
                index,
                ", which the message's table does not have",
                position
            ),
            Self::UntypedCapability { position } => text!(
                "an AnyPointer leads to a capability, which needs a type to become a client",
                position
            ),
            Self::TooMuchWork { position } => {
                const REFUSED: &str = "the message is small but reads as something huge: it was refused after 64 MiB of work";
                match position {
                    Some(position) => text!(REFUSED, position),
                    None => text!(REFUSED),
                }
            }
        }
    }
}

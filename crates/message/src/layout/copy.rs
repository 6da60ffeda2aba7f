//! Deep copies from one message into another.

use alloc::vec::Vec;

use super::list_reader::ListReader;
use super::pointer_reader::{PointerKind, PointerReader};
use super::runs::Run;
use super::struct_reader::StructReader;
use super::wire::{
    EMPTY_STRUCT, ElementSize, StructSize, capability_pointer, list_tag, struct_tag,
};
use crate::arena::{DynArena, Location};
use crate::{Error, ErrorKind, Result, WORD_BYTES};

/// Copies everything reachable from `source`, including what the schema in use does not know, and
/// points `to` at it. Objects come out in the order of a depth-first walk.
///
/// `canonical` cuts trailing zeroes off structs as the canonical form demands. The source's limits
/// bound the work: each word read is charged.
pub(crate) fn copy_pointer(
    arena: &mut DynArena,
    to: Location,
    source: PointerReader<'_>,
    canonical: bool,
) -> Result<()> {
    arena.clear(to);
    let mut copy = Copy {
        arena,
        canonical,
        open: Vec::new(),
    };
    copy.pointer(to, source)?;
    copy.finish()
}

pub(crate) fn copy_struct(
    arena: &mut DynArena,
    to: Location,
    source: &StructReader<'_>,
    canonical: bool,
) -> Result<()> {
    arena.clear(to);
    let mut copy = Copy {
        arena,
        canonical,
        open: Vec::new(),
    };
    copy.structure(to, source);
    copy.finish()
}

pub(crate) fn copy_list(
    arena: &mut DynArena,
    to: Location,
    source: &ListReader<'_>,
    canonical: bool,
) -> Result<()> {
    arena.clear(to);
    let mut copy = Copy {
        arena,
        canonical,
        open: Vec::new(),
    };
    copy.list(to, source);
    copy.finish()
}

/// Copies into a struct that exists, such as an element of a list. Fields it has no room for are
/// dropped; fields the source lacks become zero.
pub(crate) fn copy_struct_content(
    arena: &mut DynArena,
    object: Location,
    size: StructSize,
    source: &StructReader<'_>,
) -> Result<()> {
    let pointers = object.plus_words(size.data as usize);
    for index in 0..size.pointers as usize {
        arena.clear(pointers.plus_words(index));
    }
    arena.zero(object, u32::from(size.data));
    let mut copy = Copy {
        arena,
        canonical: false,
        open: Vec::new(),
    };
    copy.struct_data(object, size, source);
    copy.enter(
        Run::of_struct(source).truncated(u32::from(size.pointers)),
        pointers,
        0,
    );
    copy.finish()
}

struct Copy<'b, 'a> {
    arena: &'b mut DynArena,
    canonical: bool,
    /// Structs and lists whose own words are copied and whose pointers are being followed.
    open: Vec<Open<'a>>,
}

struct Open<'a> {
    source: Run<'a>,
    /// Where the first element's first pointer goes.
    to: Location,
    stride_bytes: usize,
}

impl<'a> Copy<'_, 'a> {
    fn finish(mut self) -> Result<()> {
        while let Some(open) = self.open.last_mut() {
            match open.source.next() {
                Some((element, index, pointer)) => {
                    let offset = element as usize * open.stride_bytes + index as usize * WORD_BYTES;
                    let to = open.to.plus_bytes(offset);
                    self.pointer(to, pointer)?;
                }
                None => {
                    self.open.pop();
                }
            }
        }
        match &self.arena.failure {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn enter(&mut self, source: Run<'a>, to: Location, stride_bytes: usize) {
        if source.per_element > 0 && source.elements > 0 {
            self.open.push(Open {
                source,
                to,
                stride_bytes,
            });
        }
    }

    fn pointer(&mut self, to: Location, source: PointerReader<'a>) -> Result<()> {
        if source.is_null() {
            return Ok(());
        }
        match source.kind()? {
            PointerKind::Null => {}
            PointerKind::Struct => self.structure(to, &source.get_struct(None)?),
            PointerKind::List => self.list(to, &source.get_any_list(None)?),
            PointerKind::Capability if self.canonical => {
                return Err(Error::at(
                    ErrorKind::WrongPointerKind,
                    source.position(),
                    "a message with capabilities has no canonical form",
                ));
            }
            PointerKind::Capability => {
                if let Some(cap) = source.get_capability()? {
                    let index = self.arena.segments.caps.len() as u32;
                    self.arena.segments.caps.push(Some(cap));
                    self.arena.set_word(to, capability_pointer(index));
                }
            }
        }
        Ok(())
    }

    fn structure(&mut self, to: Location, source: &StructReader<'a>) {
        let size = if self.canonical {
            trimmed(source)
        } else {
            source.size()
        };
        if size.total() == 0 {
            self.arena.set_word(to, EMPTY_STRUCT);
            return;
        }
        let object = self
            .arena
            .allocate_object(to, struct_tag(size), size.total() as usize, &[]);
        self.struct_data(object, size, source);
        let run = Run::of_struct(source).truncated(u32::from(size.pointers));
        self.enter(run, object.plus_words(size.data as usize), 0);
    }

    /// Copies as much of the data section as `size` has room for.
    fn struct_data(&mut self, object: Location, size: StructSize, source: &StructReader<'a>) {
        let room_bytes = size.data as usize * WORD_BYTES;
        let data = source.data.get(..room_bytes).unwrap_or(source.data);
        if let Some(bytes) = self.arena.bytes_mut(object, data.len()) {
            bytes.copy_from_slice(data);
        }
    }

    fn list(&mut self, to: Location, source: &ListReader<'a>) {
        match source.element_size {
            ElementSize::InlineComposite => self.composite(to, source),
            ElementSize::Pointer => {
                let tag = list_tag(ElementSize::Pointer, source.count);
                let object = self
                    .arena
                    .allocate_object(to, tag, source.count as usize, &[]);
                self.enter(Run::of_list(source), object, WORD_BYTES);
            }
            flat => {
                let words = source.content.len().div_ceil(WORD_BYTES);
                let tag = list_tag(flat, source.count);
                let object = self.arena.allocate_object(to, tag, words, source.content);
                self.clear_padding_bits(object, source);
            }
        }
    }

    /// The bits behind the last Bool belong to nobody and must not be copied.
    fn clear_padding_bits(&mut self, object: Location, source: &ListReader<'a>) {
        let last_bits = source.count % 8;
        if source.element_size != ElementSize::Bit || last_bits == 0 {
            return;
        }
        let last = object.plus_bytes(source.content.len().saturating_sub(1));
        if let Some([byte]) = self.arena.bytes_mut(last, 1) {
            *byte &= (1 << last_bits) - 1;
        }
    }

    fn composite(&mut self, to: Location, source: &ListReader<'a>) {
        let size = if self.canonical {
            trimmed_elements(source)
        } else {
            source.struct_size()
        };
        let step_words = size.total() as usize;
        // No more than the source has, so it fits 29 bits like the source.
        let words = source.count as usize * step_words;
        let element_tag = struct_tag(size) | u64::from(source.count) << 2;
        let tag = list_tag(ElementSize::InlineComposite, words as u32);
        let tag_at = self
            .arena
            .allocate_object(to, tag, words + 1, &element_tag.to_le_bytes());
        let first = tag_at.plus_words(1);
        if size.data > 0 {
            for index in 0..source.count {
                let element = source.get_struct_element(index);
                self.struct_data(
                    first.plus_words(index as usize * step_words),
                    size,
                    &element,
                );
            }
        }
        let run = Run::of_list(source).truncated(u32::from(size.pointers));
        self.enter(
            run,
            first.plus_words(size.data as usize),
            step_words * WORD_BYTES,
        );
    }
}

/// The struct's sections without trailing zero words and null pointers.
pub(super) fn trimmed(source: &StructReader<'_>) -> StructSize {
    let (mut words, part) = source.data.as_chunks::<WORD_BYTES>();
    let data = if part.iter().any(|byte| *byte != 0) {
        words.len() + 1
    } else {
        while let [before @ .., last] = words
            && u64::from_le_bytes(*last) == 0
        {
            words = before;
        }
        words.len()
    };
    let mut pointers = source.pointer_count;
    while pointers > 0 && source.is_pointer_field_null(pointers as usize - 1) {
        pointers -= 1;
    }
    StructSize {
        data: data as u16,
        pointers,
    }
}

/// The smallest sections that every element fits into.
pub(super) fn trimmed_elements(source: &ListReader<'_>) -> StructSize {
    if source.step_bits == 0 {
        return StructSize::default();
    }
    (0..source.count).fold(StructSize::default(), |size, index| {
        size.union(trimmed(&source.get_struct_element(index)))
    })
}

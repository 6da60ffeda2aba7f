//! Objects in a message under construction: finding, clearing and moving them.
//!
//! What is found is checked although we built it: a foreign encoder may have written it, and a
//! mistake there must not become a panic here.

use alloc::vec::Vec;

use super::wire::{
    EMPTY_STRUCT, ElementSize, StructSize, WirePointer, far_pointer, list_tag, struct_tag,
    with_offset,
};
use crate::arena::{DynArena, Location, near_pointer};
use crate::{Error, ErrorKind, Position, Result, WORD_BYTES};

/// What a pointer leads to, with all of it known to lie in its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Built {
    Null,
    Struct {
        object: Location,
        size: StructSize,
    },
    /// Any list but an inline composite.
    Flat {
        object: Location,
        element_size: ElementSize,
        count: u32,
    },
    /// `object` is the first element, behind the tag.
    Composite {
        object: Location,
        size: StructSize,
        count: u32,
        words: u32,
    },
    Capability {
        index: u32,
    },
}

impl DynArena {
    pub(crate) fn follow(&self, pointer: Location) -> Result<Built> {
        let wire = WirePointer::decode(self.word(pointer));
        match wire {
            WirePointer::Far {
                double: false,
                word,
                segment,
            } => {
                let pad = self.location(segment, word);
                match WirePointer::decode(self.word(pad)) {
                    WirePointer::Far { .. } => Err(self.bad(pointer)),
                    pad_wire => self.examine(pointer, pad, pad_wire),
                }
            }
            WirePointer::Far {
                double: true,
                word,
                segment,
            } => {
                let pad = self.location(segment, word);
                let WirePointer::Far {
                    double: false,
                    word,
                    segment,
                } = WirePointer::decode(self.word(pad))
                else {
                    return Err(self.bad(pointer));
                };
                let tag = WirePointer::decode(self.word(pad.plus_words(1))).without_offset();
                // `examine` expects the place of the pointer, one word before an offset of zero.
                let object = self.location(segment, word);
                let virtual_pointer = Location {
                    segment: object.segment,
                    at: object.at.wrapping_sub(WORD_BYTES as u32),
                };
                self.examine(pointer, virtual_pointer, tag)
            }
            wire => self.examine(pointer, pointer, wire),
        }
    }

    fn examine(&self, pointer: Location, near: Location, wire: WirePointer) -> Result<Built> {
        match wire {
            WirePointer::Null => Ok(Built::Null),
            WirePointer::Capability { index } => Ok(Built::Capability { index }),
            WirePointer::Struct { offset_words, size } => {
                let object = near.target(offset_words);
                self.require(pointer, object, size.total())?;
                Ok(Built::Struct { object, size })
            }
            WirePointer::List {
                offset_words,
                element_size: ElementSize::InlineComposite,
                count: words,
            } => {
                let tag_at = near.target(offset_words);
                self.require(pointer, tag_at, words + 1)?;
                let tag = self.word(tag_at);
                let size = StructSize {
                    data: (tag >> 32) as u16,
                    pointers: (tag >> 48) as u16,
                };
                let count = tag as u32 >> 2;
                if tag & 3 != 0 || u64::from(count) * u64::from(size.total()) > u64::from(words) {
                    return Err(self.bad(pointer));
                }
                Ok(Built::Composite {
                    object: tag_at.plus_words(1),
                    size,
                    count,
                    words,
                })
            }
            WirePointer::List {
                offset_words,
                element_size,
                count,
            } => {
                let object = near.target(offset_words);
                let words =
                    (u64::from(count) * u64::from(element_size.step_bits())).div_ceil(64) as u32;
                self.require(pointer, object, words)?;
                Ok(Built::Flat {
                    object,
                    element_size,
                    count,
                })
            }
            WirePointer::Far { .. } | WirePointer::Reserved => Err(self.bad(pointer)),
        }
    }

    fn require(&self, pointer: Location, object: Location, words: u32) -> Result<()> {
        if self.contains(object, (words as usize).saturating_mul(WORD_BYTES)) {
            return Ok(());
        }
        Err(Error::at(
            ErrorKind::OutOfBounds,
            self.position(pointer),
            text!(
                "a pointer in the message under construction leads to ",
                words,
                " words outside its segment"
            ),
        ))
    }

    #[cold]
    fn bad(&self, pointer: Location) -> Error {
        Error::at(
            ErrorKind::InvalidLandingPad,
            self.position(pointer),
            "a pointer in the message under construction leads to no object",
        )
    }

    pub(crate) fn position(&self, at: Location) -> Position {
        Position {
            segment: at.segment,
            word: self.word_index(at),
        }
    }

    /// Points `pointer` at `object`, wherever both are.
    pub(crate) fn point(&mut self, pointer: Location, tag: u64, object: Location) {
        if tag == struct_tag(StructSize::default()) {
            self.set_word(pointer, EMPTY_STRUCT);
        } else if pointer.segment == object.segment {
            self.set_word(pointer, near_pointer(tag, pointer, object));
        } else if let Some(pad) = self.allocate_in(object.segment, 1, &[]) {
            self.set_word(pad, near_pointer(tag, pad, object));
            self.set_word(
                pointer,
                far_pointer(false, self.word_index(pad), pad.segment),
            );
        } else {
            let pad = self.allocate(2, &[]);
            self.set_word(
                pad,
                far_pointer(false, self.word_index(object), object.segment),
            );
            self.set_word(pad.plus_words(1), with_offset(tag, 0));
            self.set_word(
                pointer,
                far_pointer(true, self.word_index(pad), pad.segment),
            );
        }
    }

    /// Moves what `from` points to over to `to`, which is null, and makes `from` null.
    pub(crate) fn transfer(&mut self, to: Location, from: Location) {
        let wire = self.word(from);
        match self.follow(from) {
            // Offsets count from the pointer, so near pointers change; others are position-free.
            Ok(Built::Struct { object, size }) if wire & 3 == 0 => {
                self.point(to, struct_tag(size), object)
            }
            Ok(Built::Flat {
                object,
                element_size,
                count,
            }) if wire & 3 == 1 => {
                self.point(to, list_tag(element_size, count), object);
            }
            Ok(Built::Composite { object, words, .. }) if wire & 3 == 1 => {
                let tag_at = Location {
                    segment: object.segment,
                    at: object.at - WORD_BYTES as u32,
                };
                self.point(to, list_tag(ElementSize::InlineComposite, words), tag_at);
            }
            Ok(_) => self.set_word(to, wire),
            // Unreadable where it stands; it would not become better by being moved.
            Err(error) => self.fail(error),
        }
        self.set_word(from, 0);
    }

    /// Makes `pointer` null and zeroes everything it led to: what was overwritten must not leave
    /// with the message, and zeroes pack well. The words themselves are not used again.
    #[inline]
    pub(crate) fn clear(&mut self, pointer: Location) {
        if self.word(pointer) != 0 {
            self.clear_object(pointer);
        }
    }

    #[cold]
    fn clear_object(&mut self, pointer: Location) {
        // Pointers still to clear, as runs: a struct's or list's, so the stack is as deep as the tree.
        let mut open = Vec::new();
        self.detach(pointer, &mut open);
        while let Some(run) = open.last_mut() {
            match run.next() {
                Some(inner) => self.detach(inner, &mut open),
                None => {
                    open.pop();
                }
            }
        }
    }

    /// Zeroes a pointer, its landing pad and the data of its object. Each pointer is zero before
    /// its object is visited, so even a cycle ends.
    fn detach(&mut self, pointer: Location, open: &mut Vec<PointerRun>) {
        let wire = WirePointer::decode(self.word(pointer));
        if wire == WirePointer::Null {
            return;
        }
        let found = self.follow(pointer);
        self.set_word(pointer, 0);
        if let WirePointer::Far {
            double,
            word,
            segment,
        } = wire
        {
            let pad = self.location(segment, word);
            self.zero(pad, if double { 2 } else { 1 });
        }
        match found {
            Ok(Built::Struct { object, size }) => {
                self.zero(object, u32::from(size.data));
                let first = object.plus_words(size.data as usize);
                open.push(PointerRun::new(first, 1, 0, u32::from(size.pointers)));
            }
            Ok(Built::Flat {
                object,
                element_size: ElementSize::Pointer,
                count,
            }) => {
                open.push(PointerRun::new(object, count, 1, 1));
            }
            Ok(Built::Flat {
                object,
                element_size,
                count,
            }) => {
                let bits = u64::from(count) * u64::from(element_size.step_bits());
                self.zero(object, bits.div_ceil(64) as u32);
            }
            Ok(Built::Composite {
                object,
                size,
                count,
                ..
            }) => {
                self.set_word(
                    Location {
                        segment: object.segment,
                        at: object.at - WORD_BYTES as u32,
                    },
                    0,
                );
                if size.total() > 0 {
                    for index in 0..count as usize {
                        self.zero(
                            object.plus_words(index * size.total() as usize),
                            u32::from(size.data),
                        );
                    }
                    let first = object.plus_words(size.data as usize);
                    open.push(PointerRun::new(
                        first,
                        count,
                        size.total(),
                        u32::from(size.pointers),
                    ));
                }
            }
            Ok(Built::Capability { index }) => {
                if let Some(cap) = self.segments.caps.get_mut(index as usize) {
                    *cap = None;
                }
            }
            Ok(Built::Null) | Err(_) => {}
        }
    }

    pub(crate) fn zero(&mut self, from: Location, words: u32) {
        if let Some(bytes) = self.bytes_mut(from, words as usize * WORD_BYTES) {
            bytes.fill(0);
        }
    }
}

/// Places of pointers in a message under construction.
struct PointerRun {
    first: Location,
    elements: u32,
    stride_words: u32,
    per_element: u32,
    next_element: u32,
    next_pointer: u32,
}

impl PointerRun {
    fn new(first: Location, elements: u32, stride_words: u32, per_element: u32) -> Self {
        Self {
            first,
            elements,
            stride_words,
            per_element,
            next_element: 0,
            next_pointer: 0,
        }
    }

    fn next(&mut self) -> Option<Location> {
        if self.per_element == 0 {
            return None;
        }
        if self.next_pointer == self.per_element {
            self.next_pointer = 0;
            self.next_element += 1;
        }
        if self.next_element >= self.elements {
            return None;
        }
        let words =
            self.next_element as usize * self.stride_words as usize + self.next_pointer as usize;
        self.next_pointer += 1;
        Some(self.first.plus_words(words))
    }
}

//! Walking everything reachable from a pointer, with a stack of our own: a message may be nested
//! deeper than the thread's stack when its reader has lifted the nesting limit.

use alloc::vec::Vec;

use super::list_reader::ListReader;
use super::pointer_reader::{PointerKind, PointerReader};
use super::resolve::SegmentRef;
use super::struct_reader::StructReader;
use super::wire::ElementSize;
use crate::{MessageSize, Result};

/// The pointers of one struct or list, in order.
pub(crate) struct Run<'a> {
    segment: SegmentRef<'a>,
    first_word: u32,
    stride_words: u32,
    pub(crate) elements: u32,
    pub(crate) per_element: u32,
    next_element: u32,
    next_pointer: u32,
}

impl<'a> Run<'a> {
    pub(crate) fn of_struct(reader: &StructReader<'a>) -> Self {
        Self {
            segment: reader.segment,
            first_word: reader.pointers_word,
            stride_words: 0,
            elements: 1,
            per_element: u32::from(reader.pointer_count),
            next_element: 0,
            next_pointer: 0,
        }
    }

    pub(crate) fn of_list(reader: &ListReader<'a>) -> Self {
        let composite = reader.element_size == ElementSize::InlineComposite;
        Self {
            segment: if composite {
                reader.segment.deeper()
            } else {
                reader.segment
            },
            first_word: reader.start_word + reader.struct_data_bits / 64,
            stride_words: reader.step_bits / 64,
            elements: reader.count,
            per_element: u32::from(reader.struct_pointers),
            next_element: 0,
            next_pointer: 0,
        }
    }

    /// Visits fewer pointers per element than there are.
    pub(crate) fn truncated(mut self, per_element: u32) -> Self {
        self.per_element = self.per_element.min(per_element);
        self
    }

    /// The next pointer with its element and its index in the element's pointer section.
    pub(crate) fn next(&mut self) -> Option<(u32, u32, PointerReader<'a>)> {
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
        let (element, index) = (self.next_element, self.next_pointer);
        self.next_pointer += 1;
        let word = self.first_word + element * self.stride_words + index;
        Some((element, index, self.segment.pointer(word)))
    }
}

pub(crate) fn total_size(root: PointerReader<'_>) -> Result<MessageSize> {
    let mut walk = Walk::default();
    walk.visit(root)?;
    walk.finish()
}

pub(crate) fn struct_total_size(root: &StructReader<'_>) -> Result<MessageSize> {
    let mut walk = Walk::default();
    walk.size.word_count = u64::from(root.size().total());
    walk.open.push(Run::of_struct(root));
    walk.finish()
}

pub(crate) fn list_total_size(root: &ListReader<'_>) -> Result<MessageSize> {
    let mut walk = Walk::default();
    walk.list(root);
    walk.finish()
}

#[derive(Default)]
struct Walk<'a> {
    size: MessageSize,
    /// Structs and lists entered and not yet left: as many as the message is deep.
    open: Vec<Run<'a>>,
}

impl<'a> Walk<'a> {
    fn finish(mut self) -> Result<MessageSize> {
        while let Some(run) = self.open.last_mut() {
            match run.next() {
                Some((_, _, pointer)) => self.visit(pointer)?,
                None => {
                    self.open.pop();
                }
            }
        }
        Ok(self.size)
    }

    fn visit(&mut self, pointer: PointerReader<'a>) -> Result<()> {
        match pointer.kind()? {
            PointerKind::Null => {}
            PointerKind::Capability => self.size.cap_count += 1,
            PointerKind::Struct => {
                let reader = pointer.get_struct(None)?;
                self.size.word_count += u64::from(reader.size().total());
                self.open.push(Run::of_struct(&reader));
            }
            PointerKind::List => {
                self.list(&pointer.get_any_list(None)?);
            }
        }
        Ok(())
    }

    fn list(&mut self, reader: &ListReader<'a>) {
        let tag = u64::from(reader.element_size == ElementSize::InlineComposite);
        self.size.word_count += (reader.content.len() as u64).div_ceil(8) + tag;
        self.open.push(Run::of_list(reader));
    }
}

//! Whether two values are the same, wherever and however they are stored.

use alloc::vec::Vec;

use super::copy::trimmed;
use super::list_reader::ListReader;
use super::pointer_reader::{PointerKind, PointerReader};
use super::runs::Run;
use super::struct_reader::StructReader;
use super::wire::ElementSize;
use crate::Result;

/// What comparing two values can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Equality {
    /// They differ.
    NotEqual,
    /// They are the same.
    Equal,
    /// They are the same as far as a message can tell, but hold capabilities, of which it cannot.
    UnknownContainsCaps,
}

impl Equality {
    /// Whether the values are certainly the same.
    #[must_use]
    pub fn is_equal(self) -> bool {
        self == Self::Equal
    }
}

pub(crate) fn pointers(left: PointerReader<'_>, right: PointerReader<'_>) -> Result<Equality> {
    let mut comparison = Comparison::default();
    if !comparison.pointers(left, right)? {
        return Ok(Equality::NotEqual);
    }
    comparison.finish()
}

pub(crate) fn structs(left: &StructReader<'_>, right: &StructReader<'_>) -> Result<Equality> {
    let mut comparison = Comparison::default();
    if !comparison.structs(left, right) {
        return Ok(Equality::NotEqual);
    }
    comparison.finish()
}

pub(crate) fn lists(left: &ListReader<'_>, right: &ListReader<'_>) -> Result<Equality> {
    let mut comparison = Comparison::default();
    if !comparison.lists(left, right) {
        return Ok(Equality::NotEqual);
    }
    comparison.finish()
}

#[derive(Default)]
struct Comparison<'l, 'r> {
    has_caps: bool,
    /// Structs and lists whose own words are the same and whose pointers are being compared: as
    /// many as the values are deep.
    open: Vec<(Run<'l>, Run<'r>)>,
}

impl<'l, 'r> Comparison<'l, 'r> {
    fn finish(mut self) -> Result<Equality> {
        while let Some((left, right)) = self.open.last_mut() {
            match (left.next(), right.next()) {
                (Some((_, _, left)), Some((_, _, right))) => {
                    if !self.pointers(left, right)? {
                        return Ok(Equality::NotEqual);
                    }
                }
                _ => {
                    self.open.pop();
                }
            }
        }
        Ok(if self.has_caps {
            Equality::UnknownContainsCaps
        } else {
            Equality::Equal
        })
    }

    /// Compares what the pointers lead to, except for what that points to, which is left open.
    fn pointers(&mut self, left: PointerReader<'l>, right: PointerReader<'r>) -> Result<bool> {
        Ok(match (left.kind()?, right.kind()?) {
            (PointerKind::Null, PointerKind::Null) => true,
            (PointerKind::Struct, PointerKind::Struct) => {
                self.structs(&left.get_struct(None)?, &right.get_struct(None)?)
            }
            (PointerKind::List, PointerKind::List) => {
                self.lists(&left.get_any_list(None)?, &right.get_any_list(None)?)
            }
            (PointerKind::Capability, PointerKind::Capability) => {
                self.has_caps = true;
                true
            }
            _ => false,
        })
    }

    fn structs(&mut self, left: &StructReader<'l>, right: &StructReader<'r>) -> bool {
        let same = same_words(left, right);
        if same {
            self.enter(Run::of_struct(left), Run::of_struct(right));
        }
        same
    }

    fn lists(&mut self, left: &ListReader<'l>, right: &ListReader<'r>) -> bool {
        if left.count != right.count || left.element_size != right.element_size {
            return false;
        }
        let same = match left.element_size {
            ElementSize::Pointer => true,
            ElementSize::InlineComposite if left.step_bits == 0 && right.step_bits == 0 => true,
            ElementSize::InlineComposite => (0..left.count).all(|index| {
                same_words(
                    &left.get_struct_element(index),
                    &right.get_struct_element(index),
                )
            }),
            ElementSize::Bit => same_bits(left, right),
            _ => left.content == right.content,
        };
        if same {
            self.enter(Run::of_list(left), Run::of_list(right));
        }
        same
    }

    /// Where one side has more pointers than the other, they are null.
    fn enter(&mut self, left: Run<'l>, right: Run<'r>) {
        let common = left.per_element.min(right.per_element);
        if common > 0 && left.elements > 0 {
            self.open
                .push((left.truncated(common), right.truncated(common)));
        }
    }
}

/// Whether the data is the same, and the last pointer that is not null at the same place.
fn same_words(left: &StructReader<'_>, right: &StructReader<'_>) -> bool {
    fn data<'a>(reader: &StructReader<'a>) -> &'a [u8] {
        let end = reader.data.iter().rposition(|byte| *byte != 0);
        reader
            .data
            .get(..end.map_or(0, |last| last + 1))
            .unwrap_or_default()
    }
    data(left) == data(right) && trimmed(left).pointers == trimmed(right).pointers
}

/// Whether the bits are the same; those behind the last element belong to nobody.
fn same_bits(left: &ListReader<'_>, right: &ListReader<'_>) -> bool {
    let whole = (left.count / 8) as usize;
    let last_bits = left.count % 8;
    let last = |list: &ListReader<'_>| {
        let byte = list.content.get(whole).copied().unwrap_or(0);
        byte & ((1 << last_bits) - 1)
    };
    left.content.get(..whole) == right.content.get(..whole) && last(left) == last(right)
}

//! The bits of pointers.

/// How the elements of a list are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ElementSize {
    /// No bits at all: only the count matters.
    Void = 0,
    /// One bit, eight elements to a byte, the lowest bit first.
    Bit = 1,
    /// One byte.
    Byte = 2,
    /// Two bytes.
    TwoBytes = 3,
    /// Four bytes.
    FourBytes = 4,
    /// Eight bytes of data.
    EightBytes = 5,
    /// One pointer.
    Pointer = 6,
    /// Structs of equal size back to back, described by a tag word in front of the first.
    InlineComposite = 7,
}

impl crate::wording::Part for ElementSize {
    fn add_to(self, text: &mut crate::wording::Text) {
        let name = match self {
            Self::Void => "Void",
            Self::Bit => "Bit",
            Self::Byte => "Byte",
            Self::TwoBytes => "TwoBytes",
            Self::FourBytes => "FourBytes",
            Self::EightBytes => "EightBytes",
            Self::Pointer => "Pointer",
            Self::InlineComposite => "InlineComposite",
        };
        name.add_to(text);
    }
}

impl ElementSize {
    /// Bits of data in one element; zero for pointers and inline composites.
    #[inline]
    #[must_use]
    pub const fn data_bits(self) -> u32 {
        match self {
            Self::Void | Self::Pointer | Self::InlineComposite => 0,
            Self::Bit => 1,
            Self::Byte => 8,
            Self::TwoBytes => 16,
            Self::FourBytes => 32,
            Self::EightBytes => 64,
        }
    }

    /// Pointers in one element: one for lists of pointers, else zero.
    #[inline]
    #[must_use]
    pub const fn pointers(self) -> u16 {
        matches!(self, Self::Pointer) as u16
    }

    /// Bits from one element to the next; zero for inline composites, whose tag says it.
    #[inline]
    #[must_use]
    pub const fn step_bits(self) -> u32 {
        self.data_bits() + self.pointers() as u32 * 64
    }

    #[inline]
    const fn from_low_bits(bits: u32) -> Self {
        match bits & 7 {
            0 => Self::Void,
            1 => Self::Bit,
            2 => Self::Byte,
            3 => Self::TwoBytes,
            4 => Self::FourBytes,
            5 => Self::EightBytes,
            6 => Self::Pointer,
            _ => Self::InlineComposite,
        }
    }
}

/// The two sections of a struct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StructSize {
    /// Words in the data section.
    pub data: u16,
    /// Pointers in the pointer section, one word each.
    pub pointers: u16,
}

impl StructSize {
    /// Words in both sections together.
    #[inline]
    #[must_use]
    pub const fn total(self) -> u32 {
        self.data as u32 + self.pointers as u32
    }

    /// Large enough for both.
    #[must_use]
    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            data: self.data.max(other.data),
            pointers: self.pointers.max(other.pointers),
        }
    }
}

/// A pointer as it stands in a message.
///
/// Offsets are in words, relative to the word after the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WirePointer {
    /// All bits zero: the default value.
    Null,
    Struct {
        offset_words: i32,
        size: StructSize,
    },
    /// For inline composites `count` is in words, tag not included; else in elements.
    List {
        offset_words: i32,
        element_size: ElementSize,
        count: u32,
    },
    /// A landing pad of one word (two when `double`) lies at `word` of `segment`.
    Far {
        double: bool,
        word: u32,
        segment: u32,
    },
    Capability {
        index: u32,
    },
    /// A kind that the format reserves for later.
    Reserved,
}

impl WirePointer {
    #[inline]
    pub(crate) const fn decode(wire: u64) -> Self {
        let low = wire as u32;
        let high = (wire >> 32) as u32;
        match low & 3 {
            0 if wire == 0 => Self::Null,
            0 => Self::Struct {
                offset_words: (low as i32) >> 2,
                size: StructSize {
                    data: high as u16,
                    pointers: (high >> 16) as u16,
                },
            },
            1 => Self::List {
                offset_words: (low as i32) >> 2,
                element_size: ElementSize::from_low_bits(high),
                count: high >> 3,
            },
            2 => Self::Far {
                double: low & 4 != 0,
                word: low >> 3,
                segment: high,
            },
            _ if low == 3 => Self::Capability { index: high },
            _ => Self::Reserved,
        }
    }

    /// A struct pointer's offset and size.
    #[inline]
    pub(crate) const fn as_struct(wire: u64) -> Option<(i32, StructSize)> {
        if wire & 3 != 0 || wire == 0 {
            return None;
        }
        let size = StructSize {
            data: (wire >> 32) as u16,
            pointers: (wire >> 48) as u16,
        };
        Some(((wire as i32) >> 2, size))
    }

    /// A list pointer's offset and count, if that is how its elements are laid out.
    #[inline]
    pub(crate) const fn as_list_of(wire: u64, expected: ElementSize) -> Option<(i32, u32)> {
        let kind = 3 | 7 << 32;
        if wire & kind != list_tag(expected, 0) {
            return None;
        }
        Some(((wire as i32) >> 2, (wire >> 35) as u32))
    }

    /// What the second word of a double-far landing pad means: its offset ought to be zero and,
    /// like other implementations, we do not look.
    pub(crate) const fn without_offset(self) -> Self {
        match self {
            Self::Struct { size, .. } => Self::Struct {
                offset_words: 0,
                size,
            },
            Self::List {
                element_size,
                count,
                ..
            } => Self::List {
                offset_words: 0,
                element_size,
                count,
            },
            other => other,
        }
    }

    /// The name used in error messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null => "a null pointer",
            Self::Struct { .. } => "a struct pointer",
            Self::List { .. } => "a list pointer",
            Self::Far { .. } => "a far pointer",
            Self::Capability { .. } => "a capability pointer",
            Self::Reserved => "a pointer of a reserved kind",
        }
    }
}

/// Struct pointer or tag without its offset.
#[inline]
pub(crate) const fn struct_tag(size: StructSize) -> u64 {
    (size.data as u64) << 32 | (size.pointers as u64) << 48
}

/// A struct without content points at the word before the one it would start at, which is the
/// pointer itself: offset zero would make it null.
pub(crate) const EMPTY_STRUCT: u64 = 0xffff_fffc;

/// List pointer without its offset.
#[inline]
pub(crate) const fn list_tag(element_size: ElementSize, count: u32) -> u64 {
    1 | (element_size as u64) << 32 | (count as u64) << 35
}

#[inline]
pub(crate) const fn far_pointer(double: bool, word: u32, segment: u32) -> u64 {
    2 | (double as u64) << 2 | (word as u64 & FAR_WORD_MASK) << 3 | (segment as u64) << 32
}

#[inline]
pub(crate) const fn capability_pointer(index: u32) -> u64 {
    3 | (index as u64) << 32
}

/// Puts an offset into a struct or list pointer that has none yet.
#[inline]
pub(crate) const fn with_offset(tag: u64, offset_words: i32) -> u64 {
    tag | ((offset_words << 2) as u32) as u64
}

const FAR_WORD_MASK: u64 = (1 << 29) - 1;

/// Words a segment, elements or words a list may have: counts are 29 bits wide.
pub(crate) const MAX_COUNT: u32 = (1 << 29) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_survive_encoding() {
        let size = StructSize {
            data: 3,
            pointers: 65535,
        };
        assert_eq!(
            WirePointer::decode(with_offset(struct_tag(size), -7)),
            WirePointer::Struct {
                offset_words: -7,
                size
            }
        );
        assert_eq!(
            WirePointer::decode(with_offset(
                list_tag(ElementSize::FourBytes, MAX_COUNT),
                (1 << 29) - 1
            )),
            WirePointer::List {
                offset_words: (1 << 29) - 1,
                element_size: ElementSize::FourBytes,
                count: MAX_COUNT
            }
        );
        assert_eq!(
            WirePointer::decode(far_pointer(true, MAX_COUNT, u32::MAX)),
            WirePointer::Far {
                double: true,
                word: MAX_COUNT,
                segment: u32::MAX
            }
        );
        assert_eq!(
            WirePointer::decode(capability_pointer(9)),
            WirePointer::Capability { index: 9 }
        );
        assert_eq!(
            WirePointer::decode(EMPTY_STRUCT),
            WirePointer::Struct {
                offset_words: -1,
                size: StructSize::default()
            }
        );
        assert_eq!(WirePointer::decode(0), WirePointer::Null);
        assert_eq!(WirePointer::decode(7), WirePointer::Reserved);
    }
}

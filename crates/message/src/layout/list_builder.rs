use super::list_reader::ListReader;
use super::pointer_builder::PointerBuilder;
use super::primitive::PrimitiveElement;
use super::struct_builder::{StructBuilder, segment};
use super::wire::{ElementSize, StructSize};
use crate::arena::{DynArena, Location};

/// A list under construction. Writing beyond its end does nothing.
pub struct ListBuilder<'a> {
    pub(crate) arena: &'a mut DynArena,
    pub(crate) shape: Shape,
}

/// Where a list lies and how its elements look.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// The first element.
    pub(crate) object: Location,
    pub(crate) count: u32,
    pub(crate) step_bits: u32,
    pub(crate) element_size: ElementSize,
    /// Data in one element when it is seen as a struct.
    pub(crate) struct_data_bits: u32,
    pub(crate) struct_pointers: u16,
}

impl Shape {
    pub(crate) fn flat(object: Location, element_size: ElementSize, count: u32) -> Self {
        Self {
            object,
            count,
            step_bits: element_size.step_bits(),
            element_size,
            struct_data_bits: element_size.data_bits(),
            struct_pointers: element_size.pointers(),
        }
    }

    pub(crate) fn composite(object: Location, size: StructSize, count: u32) -> Self {
        Self {
            object,
            count,
            step_bits: size.total() * 64,
            element_size: ElementSize::InlineComposite,
            struct_data_bits: u32::from(size.data) * 64,
            struct_pointers: size.pointers,
        }
    }

    #[inline]
    pub(crate) fn content_bytes(&self) -> usize {
        (u64::from(self.count) * u64::from(self.step_bits)).div_ceil(8) as usize
    }
}

impl<'a> ListBuilder<'a> {
    /// Borrows again, for one more use of the same list.
    #[inline]
    pub fn reborrow(&mut self) -> ListBuilder<'_> {
        ListBuilder {
            arena: self.arena,
            shape: self.shape,
        }
    }

    /// The list as it stands.
    #[inline]
    #[must_use]
    pub fn as_reader(&self) -> ListReader<'_> {
        read(self.arena, &self.shape)
    }

    /// The list as it stands, for as long as the message stays borrowed.
    #[inline]
    #[must_use]
    pub fn into_reader(self) -> ListReader<'a> {
        read(self.arena, &self.shape)
    }

    /// Elements in the list.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        self.shape.count
    }

    /// Whether there are no elements.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shape.count == 0
    }

    /// How the elements are laid out.
    #[inline]
    #[must_use]
    pub fn element_size(&self) -> ElementSize {
        self.shape.element_size
    }

    /// The elements' bytes, padding not included.
    #[inline]
    #[must_use]
    pub fn raw_bytes(&self) -> &[u8] {
        self.arena
            .bytes(self.shape.object, self.shape.content_bytes())
            .unwrap_or_default()
    }

    /// The elements' bytes, to write.
    #[inline]
    pub fn raw_bytes_mut(&mut self) -> &mut [u8] {
        let bytes = self.shape.content_bytes();
        self.arena
            .bytes_mut(self.shape.object, bytes)
            .unwrap_or_default()
    }

    /// Element `index` as a scalar.
    #[inline]
    #[must_use]
    pub fn get_element<T: PrimitiveElement>(&self, index: u32) -> T {
        T::get_element(self.raw_bytes(), index, self.shape.step_bits)
    }

    /// Writes element `index` as a scalar.
    #[inline]
    pub fn set_element<T: PrimitiveElement>(&mut self, index: u32, value: T) {
        let step_bits = self.shape.step_bits;
        T::set_element(self.raw_bytes_mut(), index, step_bits, value);
    }

    /// Element `index` of an inline composite list; beyond the end, a struct without room.
    #[inline]
    #[must_use]
    pub fn get_struct_element(self, index: u32) -> StructBuilder<'a> {
        let size = StructSize {
            data: (self.shape.struct_data_bits / 64) as u16,
            pointers: self.shape.struct_pointers,
        };
        let in_list =
            index < self.shape.count && self.shape.element_size == ElementSize::InlineComposite;
        if in_list {
            let object = self
                .shape
                .object
                .plus_words(index as usize * size.total() as usize);
            StructBuilder {
                arena: self.arena,
                object,
                size,
            }
        } else {
            StructBuilder {
                arena: self.arena,
                object: Location::NOWHERE,
                size: StructSize::default(),
            }
        }
    }

    /// Element `index` as a pointer: an inline composite's first. Beyond the end and in lists
    /// without pointers, a pointer that stays null whatever is written.
    #[inline]
    #[must_use]
    pub fn get_pointer_element(self, index: u32) -> PointerBuilder<'a> {
        let at = if index < self.shape.count && self.shape.struct_pointers > 0 {
            let words = index as usize * (self.shape.step_bits / 64) as usize
                + (self.shape.struct_data_bits / 64) as usize;
            self.shape.object.plus_words(words)
        } else {
            Location::NOWHERE
        };
        PointerBuilder {
            arena: self.arena,
            at,
        }
    }

    /// Segment, and word in it, of the first element.
    #[must_use]
    pub fn position(&self) -> crate::Position {
        self.arena.position(self.shape.object)
    }
}

impl core::fmt::Debug for ListBuilder<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "ListBuilder({} {:?} elements at {:?})",
            self.shape.count,
            self.shape.element_size,
            self.position()
        )
    }
}

fn read<'a>(arena: &'a DynArena, shape: &Shape) -> ListReader<'a> {
    let Some(content) = arena.bytes(shape.object, shape.content_bytes()) else {
        return ListReader::new_default();
    };
    ListReader {
        segment: segment(arena, shape.object.segment),
        content,
        start_word: arena.word_index(shape.object),
        count: shape.count,
        step_bits: shape.step_bits,
        element_size: shape.element_size,
        struct_data_bits: shape.struct_data_bits,
        struct_pointers: shape.struct_pointers,
    }
}

use super::wire::ElementSize;

/// A scalar that struct fields and list elements can hold: `()`, `bool`, the integers and floats.
///
/// Sealed: the format knows no others.
pub trait PrimitiveElement:
    Copy + Default + PartialEq + core::fmt::Debug + Send + Sync + Sealed + 'static
{
    /// What generated code combines with the stored bits to give a field its default value:
    /// the type itself for integers, the bits of the default for floats.
    type Mask: Copy;

    /// How a list of these is laid out.
    const ELEMENT_SIZE: ElementSize;

    /// The field at `offset`, counted in its own size from the start of the data section.
    /// The default value when the section ends before it.
    fn get_field(data: &[u8], offset: usize) -> Self;

    /// Writes the field; `false` when the section ends before it.
    fn set_field(data: &mut [u8], offset: usize, value: Self) -> bool;

    /// List element `index` of elements `step_bits` apart. The default value beyond the end.
    fn get_element(content: &[u8], index: u32, step_bits: u32) -> Self;

    /// Writes a list element; `false` beyond the end.
    fn set_element(content: &mut [u8], index: u32, step_bits: u32, value: Self) -> bool;

    /// Turns stored bits into the value and back.
    fn mask(self, mask: Self::Mask) -> Self;
}

pub trait Sealed {}

/// Position of an element, if it can be expressed at all.
#[inline]
fn element_byte(index: u32, step_bits: u32) -> Option<usize> {
    (index as usize).checked_mul(step_bits as usize / 8)
}

macro_rules! number {
    ($type:ty, $mask:ty, $size:ident, |$value:ident, $m:ident| $masked:expr) => {
        impl Sealed for $type {}

        impl PrimitiveElement for $type {
            type Mask = $mask;
            const ELEMENT_SIZE: ElementSize = ElementSize::$size;

            #[inline]
            fn get_field(data: &[u8], offset: usize) -> Self {
                // With a constant offset, one comparison with the section's length.
                let found = offset
                    .checked_mul(size_of::<$type>())
                    .and_then(|at| data.get(at..at.checked_add(size_of::<$type>())?));
                match found.and_then(|field| field.first_chunk()) {
                    Some(bytes) => <$type>::from_le_bytes(*bytes),
                    None => <$type>::default(),
                }
            }

            #[inline]
            fn set_field(data: &mut [u8], offset: usize, value: Self) -> bool {
                let found = offset
                    .checked_mul(size_of::<$type>())
                    .and_then(|at| data.get_mut(at..at.checked_add(size_of::<$type>())?));
                match found.and_then(|field| field.first_chunk_mut()) {
                    Some(bytes) => {
                        *bytes = value.to_le_bytes();
                        true
                    }
                    None => false,
                }
            }

            #[inline]
            fn get_element(content: &[u8], index: u32, step_bits: u32) -> Self {
                match element_byte(index, step_bits).and_then(|at| content.get(at..)) {
                    Some(element) => Self::get_field(element, 0),
                    None => <$type>::default(),
                }
            }

            #[inline]
            fn set_element(content: &mut [u8], index: u32, step_bits: u32, value: Self) -> bool {
                match element_byte(index, step_bits).and_then(|at| content.get_mut(at..)) {
                    Some(element) => Self::set_field(element, 0, value),
                    None => false,
                }
            }

            #[inline]
            fn mask(self, $m: Self::Mask) -> Self {
                let $value = self;
                $masked
            }
        }
    };
}

number!(i8, i8, Byte, |value, mask| value ^ mask);
number!(i16, i16, TwoBytes, |value, mask| value ^ mask);
number!(i32, i32, FourBytes, |value, mask| value ^ mask);
number!(i64, i64, EightBytes, |value, mask| value ^ mask);
number!(u8, u8, Byte, |value, mask| value ^ mask);
number!(u16, u16, TwoBytes, |value, mask| value ^ mask);
number!(u32, u32, FourBytes, |value, mask| value ^ mask);
number!(u64, u64, EightBytes, |value, mask| value ^ mask);
number!(f32, u32, FourBytes, |value, mask| f32::from_bits(
    value.to_bits() ^ mask
));
number!(f64, u64, EightBytes, |value, mask| f64::from_bits(
    value.to_bits() ^ mask
));

impl Sealed for bool {}

impl PrimitiveElement for bool {
    type Mask = bool;
    const ELEMENT_SIZE: ElementSize = ElementSize::Bit;

    #[inline]
    fn get_field(data: &[u8], offset: usize) -> Self {
        data.get(offset / 8)
            .is_some_and(|byte| byte & (1 << (offset % 8)) != 0)
    }

    #[inline]
    fn set_field(data: &mut [u8], offset: usize, value: Self) -> bool {
        match data.get_mut(offset / 8) {
            Some(byte) => {
                let bit = offset % 8;
                *byte = *byte & !(1 << bit) | u8::from(value) << bit;
                true
            }
            None => false,
        }
    }

    // Lists of other sizes cannot be upgraded from or to lists of bits: whatever they were meant to
    // be, their bits are read one after the other, as other implementations do.
    #[inline]
    fn get_element(content: &[u8], index: u32, _step_bits: u32) -> Self {
        Self::get_field(content, index as usize)
    }

    #[inline]
    fn set_element(content: &mut [u8], index: u32, _step_bits: u32, value: Self) -> bool {
        Self::set_field(content, index as usize, value)
    }

    #[inline]
    fn mask(self, mask: Self::Mask) -> Self {
        self ^ mask
    }
}

impl Sealed for () {}

impl PrimitiveElement for () {
    type Mask = ();
    const ELEMENT_SIZE: ElementSize = ElementSize::Void;

    #[inline]
    fn get_field(_data: &[u8], _offset: usize) -> Self {}

    #[inline]
    fn set_field(_data: &mut [u8], _offset: usize, _value: Self) -> bool {
        true
    }

    #[inline]
    fn get_element(_content: &[u8], _index: u32, _step_bits: u32) -> Self {}

    #[inline]
    fn set_element(_content: &mut [u8], _index: u32, _step_bits: u32, _value: Self) -> bool {
        true
    }

    #[inline]
    fn mask(self, _mask: Self::Mask) -> Self {}
}

//! What generated code looks like, written by hand: a struct with one field of every kind.
//!
//! ```capnp
//! struct Person {
//!   id @0 :UInt32;                    # bits 0..32
//!   age @1 :UInt8 = 42;               # bits 32..40
//!   alive @2 :Bool = true;            # bit 40
//!   color @3 :Color;                  # bits 48..64
//!   height @4 :Float64 = 1.75;        # word 1
//!   name @5 :Text;                    # pointer 0
//!   greeting @6 :Text = "hi";         # pointer 1
//!   photo @7 :Data;                   # pointer 2
//!   phones @8 :List(Phone);           # pointer 3
//!   friend @9 :Person;                # pointer 4
//!   scores @10 :List(UInt16);         # pointer 5
//!   tags @11 :List(Text);             # pointer 6
//!   matrix @12 :List(List(UInt8));    # pointer 7
//!   extra @13 :AnyPointer;            # pointer 8
//!   home @14 :Phone = (number = 7, kind = green);   # pointer 9
//!   colors @15 :List(Color);          # pointer 10
//! }
//! struct Phone { number @0 :UInt32; kind @1 :Color; }
//! enum Color { red @0; green @1; }
//! ```

use capstan_message::layout::{
    PointerBuilder, PointerReader, StructBuilder, StructReader, StructSize,
};
use capstan_message::traits::{
    self, FromPointerBuilder, FromPointerReader, HasStructSize, SetterInput, set_or_fail,
};
use capstan_message::{
    NotInSchema, Result, Word, any_pointer, data, enum_list, list_list, primitive_list,
    struct_list, text, text_list, word,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Color {
    Red = 0,
    Green = 1,
}

impl TryFrom<u16> for Color {
    type Error = NotInSchema;

    fn try_from(value: u16) -> std::result::Result<Self, NotInSchema> {
        match value {
            0 => Ok(Self::Red),
            1 => Ok(Self::Green),
            other => Err(NotInSchema(other)),
        }
    }
}

impl From<Color> for u16 {
    fn from(value: Color) -> Self {
        value as u16
    }
}

macro_rules! struct_type {
    ($module:ident, data: $data:literal, pointers: $pointers:literal) => {
        pub mod $module {
            use super::*;

            #[derive(Clone, Copy)]
            pub struct Owned;

            impl traits::Owned for Owned {
                type Reader<'a> = Reader<'a>;
                type Builder<'a> = Builder<'a>;
            }

            impl traits::OwnedStruct for Owned {
                type Reader<'a> = Reader<'a>;
                type Builder<'a> = Builder<'a>;
            }

            #[derive(Clone, Copy, Default)]
            pub struct Reader<'a> {
                pub(super) reader: StructReader<'a>,
            }

            impl<'a> From<StructReader<'a>> for Reader<'a> {
                fn from(reader: StructReader<'a>) -> Self {
                    Self { reader }
                }
            }

            impl<'a> FromPointerReader<'a> for Reader<'a> {
                fn get_from_pointer(
                    reader: &PointerReader<'a>,
                    default: Option<&'a [Word]>,
                ) -> Result<Self> {
                    Ok(reader.get_struct(default)?.into())
                }
            }

            impl<'a> traits::IntoInternalStructReader<'a> for Reader<'a> {
                fn into_internal_struct_reader(self) -> StructReader<'a> {
                    self.reader
                }
            }

            impl SetterInput<Owned> for Reader<'_> {
                fn set_pointer_builder(
                    builder: PointerBuilder<'_>,
                    input: Self,
                    canonicalize: bool,
                ) -> Result<()> {
                    builder.set_struct(&input.reader, canonicalize)
                }
            }

            pub struct Builder<'a> {
                pub(super) builder: StructBuilder<'a>,
            }

            impl HasStructSize for Builder<'_> {
                const STRUCT_SIZE: StructSize = StructSize {
                    data: $data,
                    pointers: $pointers,
                };
            }

            impl<'a> From<StructBuilder<'a>> for Builder<'a> {
                fn from(builder: StructBuilder<'a>) -> Self {
                    Self { builder }
                }
            }

            impl<'a> FromPointerBuilder<'a> for Builder<'a> {
                fn init_pointer(builder: PointerBuilder<'a>, _length: u32) -> Self {
                    builder.init_struct(Self::STRUCT_SIZE).into()
                }

                fn get_from_pointer(
                    builder: PointerBuilder<'a>,
                    default: Option<&'a [Word]>,
                ) -> Result<Self> {
                    Ok(builder.get_struct(Self::STRUCT_SIZE, default)?.into())
                }
            }

            impl<'a> Builder<'a> {
                pub fn reborrow(&mut self) -> Builder<'_> {
                    Builder {
                        builder: self.builder.reborrow(),
                    }
                }

                pub fn into_reader(self) -> Reader<'a> {
                    self.builder.into_reader().into()
                }
            }
        }
    };
}

struct_type!(person, data: 2, pointers: 11);
struct_type!(phone, data: 1, pointers: 0);

static GREETING: [Word; 2] = [
    word(1, 0, 0, 0, 26, 0, 0, 0),
    word(b'h', b'i', 0, 0, 0, 0, 0, 0),
];
static HOME: [Word; 2] = [word(0, 0, 0, 0, 1, 0, 0, 0), word(7, 0, 0, 0, 1, 0, 0, 0)];

impl<'a> phone::Reader<'a> {
    pub fn get_number(self) -> u32 {
        self.reader.get_data_field(0)
    }

    pub fn get_kind(self) -> std::result::Result<Color, NotInSchema> {
        self.reader.get_data_field::<u16>(2).try_into()
    }
}

impl<'a> phone::Builder<'a> {
    pub fn set_number(&mut self, value: u32) {
        self.builder.set_data_field(0, value);
    }

    pub fn set_kind(&mut self, value: Color) {
        self.builder.set_data_field(2, value as u16);
    }
}

impl<'a> person::Reader<'a> {
    pub fn get_id(self) -> u32 {
        self.reader.get_data_field(0)
    }

    pub fn get_age(self) -> u8 {
        self.reader.get_data_field_mask(4, 42)
    }

    pub fn get_alive(self) -> bool {
        self.reader.get_bool_field_mask(40, true)
    }

    pub fn get_color(self) -> std::result::Result<Color, NotInSchema> {
        self.reader.get_data_field::<u16>(3).try_into()
    }

    pub fn get_height(self) -> f64 {
        self.reader.get_data_field_mask(1, 1.75f64.to_bits())
    }

    pub fn get_name(self) -> Result<text::Reader<'a>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(0), None)
    }

    pub fn has_name(&self) -> bool {
        !self.reader.is_pointer_field_null(0)
    }

    pub fn get_greeting(self) -> Result<text::Reader<'a>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(1), Some(&GREETING))
    }

    pub fn get_photo(self) -> Result<data::Reader<'a>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(2), None)
    }

    pub fn get_phones(self) -> Result<struct_list::Reader<'a, phone::Owned>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(3), None)
    }

    pub fn get_friend(self) -> Result<person::Reader<'a>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(4), None)
    }

    pub fn get_scores(self) -> Result<primitive_list::Reader<'a, u16>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(5), None)
    }

    pub fn get_tags(self) -> Result<text_list::Reader<'a>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(6), None)
    }

    pub fn get_matrix(self) -> Result<list_list::Reader<'a, primitive_list::Owned<u8>>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(7), None)
    }

    pub fn get_extra(self) -> any_pointer::Reader<'a> {
        any_pointer::Reader::new(self.reader.get_pointer_field(8))
    }

    pub fn get_home(self) -> Result<phone::Reader<'a>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(9), Some(&HOME))
    }

    pub fn get_colors(self) -> Result<enum_list::Reader<'a, Color>> {
        FromPointerReader::get_from_pointer(&self.reader.get_pointer_field(10), None)
    }
}

impl<'a> person::Builder<'a> {
    pub fn set_id(&mut self, value: u32) {
        self.builder.set_data_field(0, value);
    }

    pub fn set_age(&mut self, value: u8) {
        self.builder.set_data_field_mask(4, value, 42);
    }

    pub fn set_alive(&mut self, value: bool) {
        self.builder.set_bool_field_mask(40, value, true);
    }

    pub fn set_color(&mut self, value: Color) {
        self.builder.set_data_field(3, value as u16);
    }

    pub fn set_height(&mut self, value: f64) {
        self.builder
            .set_data_field_mask(1, value, 1.75f64.to_bits());
    }

    pub fn set_name(&mut self, value: impl SetterInput<text::Owned>) {
        set_or_fail::<text::Owned, _>(self.builder.get_pointer_field_mut(0), value);
    }

    pub fn set_photo(&mut self, value: impl SetterInput<data::Owned>) {
        set_or_fail::<data::Owned, _>(self.builder.get_pointer_field_mut(2), value);
    }

    pub fn init_phones(self, length: u32) -> struct_list::Builder<'a, phone::Owned> {
        FromPointerBuilder::init_pointer(self.builder.get_pointer_field(3), length)
    }

    pub fn get_phones(self) -> Result<struct_list::Builder<'a, phone::Owned>> {
        FromPointerBuilder::get_from_pointer(self.builder.get_pointer_field(3), None)
    }

    pub fn get_friend(self) -> Result<person::Builder<'a>> {
        FromPointerBuilder::get_from_pointer(self.builder.get_pointer_field(4), None)
    }

    pub fn set_friend(&mut self, value: person::Reader<'_>) -> Result<()> {
        SetterInput::<person::Owned>::set_pointer_builder(
            self.builder.get_pointer_field_mut(4),
            value,
            false,
        )
    }

    pub fn set_scores(
        &mut self,
        value: impl SetterInput<primitive_list::Owned<u16>>,
    ) -> Result<()> {
        SetterInput::set_pointer_builder(self.builder.get_pointer_field_mut(5), value, false)
    }

    pub fn set_tags(&mut self, value: impl SetterInput<text_list::Owned>) -> Result<()> {
        SetterInput::set_pointer_builder(self.builder.get_pointer_field_mut(6), value, false)
    }

    pub fn init_matrix(self, length: u32) -> list_list::Builder<'a, primitive_list::Owned<u8>> {
        FromPointerBuilder::init_pointer(self.builder.get_pointer_field(7), length)
    }

    pub fn get_extra(self) -> any_pointer::Builder<'a> {
        any_pointer::Builder::new(self.builder.get_pointer_field(8))
    }

    pub fn get_home(self) -> Result<phone::Builder<'a>> {
        FromPointerBuilder::get_from_pointer(self.builder.get_pointer_field(9), Some(&HOME))
    }

    pub fn init_colors(self, length: u32) -> enum_list::Builder<'a, Color> {
        FromPointerBuilder::init_pointer(self.builder.get_pointer_field(10), length)
    }
}

//! Cap'n Proto messages: zero-copy readers, builders in place, framing, and limits on what a
//! hostile message can cost.
//!
//! Types come from a schema, such as
//!
//! ```capnp
//! struct Person {
//!   name @0 :Text;
//!   phones @1 :List(Phone);
//!   employment :union {
//!     unemployed @2 :Void;
//!     employer @3 :Text;
//!   }
//!
//!   struct Phone {
//!     number @0 :Text;
//!     kind @1 :Kind = mobile;
//!     enum Kind { mobile @0; home @1; work @2; }
//!   }
//! }
//! ```
//!
//! from which `capstan-build` (in a build script) or `capstan compile -o rust` make a module
//! `address_book_capnp`. A message is then built in place, written, and read without copying:
//!
//! ```
//! # mod address_book_capnp {
//! #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/address_book_capnp.rs"));
//! # }
//! use address_book_capnp::person;
//! use capstan_message::message::{Builder, ReaderOptions};
//! use capstan_message::serialize;
//!
//! let mut message = Builder::new_default();
//! let mut ada = message.init_root::<person::Builder<'_>>();
//! ada.set_name("Ada");
//! ada.reborrow().get_employment().set_employer("Analytical Engines");
//! let mut phones = ada.init_phones(2);
//! phones.reborrow().get(0).set_number("555-0100");
//! phones.reborrow().get(1).set_kind(person::phone::Kind::Work);
//! let bytes = serialize::write_message_to_vec(&message)?;
//!
//! let message = serialize::read_message_from_flat_slice(&mut &bytes[..], ReaderOptions::new())?;
//! let ada: person::Reader<'_> = message.get_root()?;
//! assert_eq!(ada.get_name()?, "Ada");
//! for phone in ada.get_phones()? {
//!     println!("{:?}: {}", phone.get_kind()?, phone.get_number()?.to_str()?);
//! }
//! match ada.get_employment().which()? {
//!     person::employment::Unemployed(()) => println!("looking for work"),
//!     person::employment::Employer(name) => println!("works for {}", name?.to_str()?),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a program meets
//!
//! - [`message`]: [`message::Reader`] and [`message::Builder`], the latter over the allocator of
//!   one's choice, and [`message::ReaderOptions`], the limits on hostile input.
//! - [`serialize`] and [`serialize_packed`]: messages as bytes, in slices and streams; `futures`
//!   has the same for asynchronous streams (feature `async`, on by default).
//! - [`text`], [`data`] and the modules named after lists: what fields of those types are. Scalars
//!   are Rust's; enums are generated.
//! - [`any_pointer`], [`any_struct`], [`any_list`]: values whose type is found out.
//! - [`traits::Owned`]: code over any type of any schema.
//! - [`orphan`]: values taken out of a message, to be put back elsewhere without copying.
//! - [`introspect`]: what a generated type's schema says.
//! - [`layout`]: the untyped views below all of these, for generated code.
//!
//! # Bad input
//!
//! Nothing in a message is trusted: every pointer is checked when it is followed, and a bad one is
//! an [`Error`] that names the segment and the word where it was found. How much a reader follows,
//! and how deep, is limited by [`message::ReaderOptions`]. Getters of scalars cannot fail: what a
//! message lacks reads as the default. Getters of pointers return a [`Result`]; getters of enums
//! and unions return a `Result` with [`NotInSchema`], since newer programs may know more values.
//!
//! # Features
//!
//! `std` (default): `std::io`. Without it, the crate needs only `alloc`. `async` (default): the
//! module `futures`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

// First, for its macro.
#[doc(hidden)]
#[macro_use]
pub mod wording;

pub mod any_list;
pub mod any_pointer;
pub mod any_pointer_list;
pub mod any_struct;
pub mod capability;
pub mod capability_list;
pub mod constant;
pub mod data;
pub mod data_list;
pub mod enum_list;
#[cfg(feature = "async")]
pub mod futures;
pub mod introspect;
pub mod layout;
pub mod list_list;
pub mod message;
pub mod orphan;
pub mod packed;
pub mod primitive_list;
pub mod serialize;
pub mod serialize_packed;
pub mod struct_list;
pub mod text;
pub mod text_list;
pub mod traits;

mod arena;
mod error;
mod list_macro;

pub use error::{Error, ErrorKind, NotInSchema, Position, Result};
pub use message::FrameBuilder;

/// Bytes in a word, the unit in which Cap'n Proto counts everything.
pub const WORD_BYTES: usize = 8;

/// One word of a message, bytes in wire order. Generated code holds pointer defaults as slices of
/// words. A plain array, so that a slice of words is a slice of bytes without any conversion.
pub type Word = [u8; WORD_BYTES];

/// A word from its eight bytes, for constants in generated code.
#[allow(clippy::too_many_arguments)]
#[must_use]
pub const fn word(b0: u8, b1: u8, b2: u8, b3: u8, b4: u8, b5: u8, b6: u8, b7: u8) -> Word {
    [b0, b1, b2, b3, b4, b5, b6, b7]
}

/// Size of an object and everything it points to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageSize {
    /// Words of data and pointers, landing pads not included.
    pub word_count: u64,
    /// Capability pointers found on the way.
    pub cap_count: u32,
}

/// A module whose code a build script has generated: `generated_code!(pub mod files_capnp);`
/// includes `files_capnp.rs` from `OUT_DIR`. A second argument is the path there, if it is another:
/// `generated_code!(mod files_capnp, "v1/files_capnp.rs");`.
#[macro_export]
macro_rules! generated_code {
    ($(#[$attribute:meta])* $visibility:vis mod $module:ident $(;)?) => {
        $crate::generated_code!($(#[$attribute])* $visibility mod $module, concat!(stringify!($module), ".rs"));
    };
    ($(#[$attribute:meta])* $visibility:vis mod $module:ident, $path:expr $(;)?) => {
        $(#[$attribute])*
        $visibility mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $path));
        }
    };
}

//! Cap'n Proto messages: zero-copy readers, builders in place, framing, and limits on what a
//! hostile message can cost.
//!
//! A message is one or more *segments* of 8-byte words. [`message::Reader`] reads one without
//! copying or aligning it; [`message::Builder`] makes one. Both hand out typed views, usually
//! generated from a schema, over the untyped ones in [`layout`].
//!
//! Nothing in a message is trusted: every pointer is checked when it is followed, and a bad one
//! is an [`Error`] that names the segment and the word where it was found.
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

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

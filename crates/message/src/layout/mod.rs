//! Untyped views of a message: pointers, structs and lists by offset. Generated code wraps these;
//! code that walks messages by run-time schema uses them directly.
//!
//! Readers are small, `Copy`, and can be sent to other threads. Builders borrow the whole message
//! exclusively, so `reborrow` before taking a part and coming back for another.

mod built;
mod canonical;
mod copy;
mod equality;
mod grow;
mod list_builder;
mod list_reader;
mod pointer_builder;
mod pointer_reader;
mod primitive;
mod resize;
mod resolve;
mod runs;
mod struct_builder;
mod struct_reader;
pub(crate) mod wire;

pub(crate) use canonical::is_canonical;
pub use equality::Equality;
pub use list_builder::ListBuilder;
pub use list_reader::ListReader;
pub use pointer_builder::PointerBuilder;
pub(crate) use pointer_builder::read as read_pointer;
pub use pointer_reader::{PointerKind, PointerReader};
pub use primitive::PrimitiveElement;
pub(crate) use resolve::SegmentRef;
pub use struct_builder::StructBuilder;
pub(crate) use struct_builder::segment as built_segment;
pub use struct_reader::StructReader;
pub use wire::{ElementSize, StructSize};

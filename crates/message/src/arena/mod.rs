//! Where segments live while a message is read or built.

mod buffers;
mod build;
mod read;

pub(crate) use buffers::SegmentBuffer;
pub(crate) use build::{BuilderArena, DynArena, Location, near_pointer};
pub(crate) use read::{AnyArena, Limited, NO_ARENA, ReadLimiter, ReaderArena};

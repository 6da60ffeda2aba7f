//! Where segments live while a message is read or built.

mod build;
mod read;

pub(crate) use build::{BuilderArena, DynArena, Location, SegmentBuffer, near_pointer};
pub(crate) use read::{NO_ARENA, ReadLimiter, ReaderArena, UNLIMITED};

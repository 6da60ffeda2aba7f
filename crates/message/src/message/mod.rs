//! Messages as a whole: a [`Reader`] over segments, a [`Builder`] that makes them.

mod allocator;
mod build;
mod frame;
mod places;
mod read;

pub use allocator::{Allocator, GrowingSegment, HeapAllocator, ScratchSpace};
pub use build::{Builder, TypedBuilder, canonicalize};
pub use frame::FrameBuilder;
pub use places::StructPlace;
pub use read::{Reader, ReaderOptions, ReaderSegments, SegmentArray, TypedReader};

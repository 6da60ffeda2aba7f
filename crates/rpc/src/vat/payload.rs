//! Capability-bearing messages that arrived.

use std::sync::Arc;

use capstan_message::any_pointer;
use capstan_message::capability::{CapHandle, Capability};
use capstan_message::layout::PointerKind;
use capstan_message::message::{self, ReaderOptions};
use capstan_message::serialize;

use super::wire::PayloadPlace;
use super::{CapId, Outgoing, PipelineOp};
use crate::rpc_capnp;

/// The segments of a frame that was received.
pub type FrameSegments = serialize::OwnedSegments;

/// The params of a call that arrived, or the results of one.
pub struct Payload {
    message: message::Reader<FrameSegments>,
    place: PayloadPlace,
    /// What the capability pointers in the content index; each is one reference that belongs to
    /// whoever has the payload. `None` for a null capability.
    pub caps: Vec<Option<CapId>>,
}

impl Payload {
    pub(super) fn new(
        message: message::Reader<FrameSegments>,
        place: PayloadPlace,
        caps: Vec<Option<CapId>>,
    ) -> Self {
        Self {
            message,
            place,
            caps,
        }
    }

    /// The params of a call that never left this vat.
    pub(super) fn of_call(frame: Vec<u8>) -> crate::Result<Self> {
        Ok(Self::new(
            parse_own_frame(frame)?,
            PayloadPlace::Params,
            Vec::new(),
        ))
    }

    /// The results in a frame of our own making.
    pub(super) fn of_return(frame: Vec<u8>) -> crate::Result<Self> {
        Ok(Self::new(
            parse_own_frame(frame)?,
            PayloadPlace::Results,
            Vec::new(),
        ))
    }

    /// The same results for someone else, who needs references of their own.
    pub(super) fn duplicate(&self) -> Self {
        let segments = self.message.segments().clone();
        let message = message::Reader::new(segments, own_options());
        Self::new(message, self.place, self.caps.clone())
    }

    /// The params or results struct.
    pub fn content(&self) -> crate::Result<any_pointer::Reader<'_>> {
        self.place
            .content(self.message.get_root::<rpc_capnp::message::Reader<'_>>()?)
    }

    /// The message it came in, so that a typed layer can attach its own cap table.
    pub fn message_mut(&mut self) -> &mut message::Reader<FrameSegments> {
        &mut self.message
    }

    /// Which of [`caps`](Self::caps) the pointer at `path` leads to; `None` where there is no capability.
    pub fn cap_at(&self, path: &[PipelineOp]) -> Option<CapId> {
        *self.caps.get(self.cap_index_at(path)?)?
    }

    pub(super) fn cap_index_at(&self, path: &[PipelineOp]) -> Option<usize> {
        let mut at = self.content().ok()?;
        for op in path {
            if let PipelineOp::GetPointerField(index) = op {
                at = at.get_pointer_field(*index).ok()?;
            }
        }
        if at.kind().ok()? != PointerKind::Capability {
            return None;
        }
        Some(at.reader.capability_index().ok()?? as usize)
    }

    /// Copies the content into a message of our own, which may number the capabilities anew: the
    /// list says which they are. References stay as they are.
    pub(super) fn copy_into(self, outgoing: &mut Outgoing) -> crate::Result<Vec<Option<CapId>>> {
        let mut message = read_once(self.message);
        let marked = self
            .caps
            .iter()
            .map(|cap| cap.map(|cap| Arc::new(Marker(cap)) as CapHandle));
        message.set_caps(marked.collect());
        let content = self
            .place
            .content(message.get_root::<rpc_capnp::message::Reader<'_>>()?)?;
        outgoing.content()?.set_as::<any_pointer::Owned>(content)?;
        let copied = outgoing.frame_mut().take_caps();
        Ok(copied
            .into_iter()
            .map(|cap| cap?.downcast_ref::<Marker>().map(|marker| marker.0))
            .collect())
    }

    /// About how much room a copy of the content takes.
    pub(super) fn size_words(&self) -> usize {
        self.message.size_in_words()
    }
}

/// Stands for a capability while the pointers to it are copied.
#[derive(Debug)]
struct Marker(CapId);

impl Capability for Marker {}

pub(super) fn parse_frame(frame: Vec<u8>) -> crate::Result<message::Reader<FrameSegments>> {
    Ok(serialize::read_frame(frame, ReaderOptions::default())?)
}

/// A frame of our own making, which may be looked into any number of times.
fn parse_own_frame(frame: Vec<u8>) -> crate::Result<message::Reader<FrameSegments>> {
    Ok(serialize::read_frame(frame, own_options())?)
}

fn own_options() -> ReaderOptions {
    ReaderOptions {
        traversal_limit_in_words: None,
        ..ReaderOptions::default()
    }
}

/// The same message with just enough of a budget to copy it once. Pointers that overlap would make
/// the copy of a small message large.
pub(super) fn read_once(message: message::Reader<FrameSegments>) -> message::Reader<FrameSegments> {
    let words = message.size_in_words();
    let options = ReaderOptions {
        traversal_limit_in_words: Some(words.saturating_mul(2).saturating_add(1024)),
        ..ReaderOptions::default()
    };
    message::Reader::new(message.into_segments(), options)
}

impl core::fmt::Debug for Payload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Payload")
            .field("place", &self.place)
            .field("caps", &self.caps)
            .finish_non_exhaustive()
    }
}

//! Framed messages to output of any format.

use capstan_message::message::{self, HeapAllocator};
use capstan_message::packed::pack;
use capstan_message::serialize;
use capstan_message::serialize_packed;
use capstan_message::{any_pointer, serialize::read_frame_from_slice};
use capstan_schema::dynamic::StructType;
use capstan_schema::{json, text};

use super::formats::{Format, OPTIONS};

/// How output is to look.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) format: Format,
    /// Text and JSON on one line.
    pub(super) short: bool,
    /// Words in a segment of a message that is copied into new segments.
    pub(super) segment_words: Option<u32>,
}

/// The message in `frame`, as it goes out.
pub(super) fn write(
    style: Style,
    ty: Option<&StructType<'_>>,
    frame: &[u8],
) -> Result<Vec<u8>, String> {
    let damaged =
        |error: capstan_message::Error| format!("capstan: the message is damaged: {error}");
    let reader = read_frame_from_slice(frame, OPTIONS).map_err(damaged)?;
    match style.format {
        Format::Binary | Format::Packed => {
            let resized = match style.segment_words {
                Some(words) => Some(copied(&reader, words).map_err(damaged)?),
                None => None,
            };
            let frame = resized.as_deref().unwrap_or(frame);
            if style.format == Format::Binary {
                return Ok(frame.to_vec());
            }
            let mut packed = Vec::new();
            serialize_packed::pack_frame(frame, OPTIONS, &mut packed).map_err(damaged)?;
            Ok(packed)
        }
        Format::Flat | Format::FlatPacked => {
            let words = u32::try_from(frame.len() / 8).unwrap_or(u32::MAX);
            let segments = reader.segments();
            let whole = message::ReaderSegments::len(segments) == 1;
            let segment = match message::ReaderSegments::get_segment(segments, 0) {
                Some(segment) if whole => segment.to_vec(),
                _ => {
                    let copy = copied(&reader, words).map_err(damaged)?;
                    copy.get(8..).unwrap_or_default().to_vec()
                }
            };
            match style.format {
                Format::Flat => Ok(segment),
                _ => pack(&segment).map_err(damaged),
            }
        }
        Format::Canonical => reader.canonicalize().map_err(damaged),
        Format::Text | Format::Json => {
            let Some(ty) = ty else {
                return Err("capstan: name the schema and the type of the messages".to_owned());
            };
            let root: any_pointer::Reader<'_> = reader.get_root().map_err(damaged)?;
            let value = ty.read_root(root).map_err(damaged)?;
            let mut out = match style.format {
                Format::Text => text::print(&value.into(), !style.short).map_err(damaged)?,
                _ => json::write(&value, !style.short)
                    .map_err(|error| format!("capstan: {error}"))?,
            };
            out.push('\n');
            Ok(out.into_bytes())
        }
    }
}

/// The message again, in segments of so many words.
fn copied<S: message::ReaderSegments>(
    reader: &message::Reader<S>,
    segment_words: u32,
) -> capstan_message::Result<Vec<u8>> {
    let allocator = HeapAllocator::new()
        .first_segment_words(segment_words)
        .fixed_size();
    let mut copy = message::Builder::new(allocator);
    copy.set_root::<any_pointer::Owned>(reader.get_root::<any_pointer::Reader<'_>>()?)?;
    serialize::write_message_to_vec(&copy)
}

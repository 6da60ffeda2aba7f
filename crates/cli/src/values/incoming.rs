//! Input of any format to framed messages.

use capstan_message::message::{self, HeapAllocator};
use capstan_message::packed::unpack;
use capstan_message::serialize::{self, FrameDecoder};
use capstan_message::serialize_packed::PackedFrameDecoder;
use capstan_schema::dynamic::StructType;
use capstan_schema::{json, text};

use super::formats::{Format, OPTIONS};

/// The messages of an input, one behind the other. `each` is called with the frame of each, before
/// the next one is looked at.
pub(super) fn read(
    format: Format,
    ty: Option<&StructType<'_>>,
    input: &[u8],
    each: &mut dyn FnMut(Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    let damaged = |error: capstan_message::Error| format!("capstan: the input is damaged: {error}");
    match (format, ty) {
        (Format::Binary, _) => {
            let mut decoder = FrameDecoder::new(OPTIONS);
            decoder.push(input);
            while let Some(frame) = decoder.next_frame().map_err(damaged)? {
                each(frame)?;
            }
            match decoder.is_between_messages() {
                true => Ok(()),
                false => Err("capstan: the input ends in the middle of a message".to_owned()),
            }
        }
        (Format::Packed, _) => {
            let mut decoder = PackedFrameDecoder::new(OPTIONS);
            let mut rest = input;
            loop {
                let (read_bytes, frame) = decoder.decode(rest).map_err(damaged)?;
                rest = rest.get(read_bytes..).unwrap_or_default();
                match frame {
                    Some(frame) => each(frame)?,
                    None => return decoder.finish().map_err(damaged),
                }
            }
        }
        (Format::Flat | Format::Canonical, _) => each(framed(input)?),
        (Format::FlatPacked, _) => each(framed(&unpack(input, usize::MAX).map_err(damaged)?)?),
        (Format::Text, Some(ty)) => {
            let input = utf8(input)?;
            let rendered = |errors: Vec<capstan_schema::Diagnostic>| {
                let errors: Vec<String> = errors.iter().map(|error| error.render()).collect();
                errors.concat()
            };
            let literals = text::parse("<stdin>", input).map_err(rendered)?;
            for at in 0..literals.len() {
                let mut message = message_builder();
                let root = ty.init_root(&mut message);
                literals.read(at, root).map_err(rendered)?;
                each(serialize::write_message_to_vec(&message).map_err(damaged)?)?;
            }
            Ok(())
        }
        (Format::Json, Some(ty)) => {
            for document in json::documents(utf8(input)?) {
                let mut message = message_builder();
                let document = document.map_err(|error| format!("capstan: {error}"))?;
                json::read_document(&document, ty.init_root(&mut message))
                    .map_err(|error| format!("capstan: {error}"))?;
                each(serialize::write_message_to_vec(&message).map_err(damaged)?)?;
            }
            Ok(())
        }
        (Format::Text | Format::Json, None) => {
            Err("capstan: name the schema and the type of the messages".to_owned())
        }
    }
}

fn message_builder() -> message::Builder<HeapAllocator> {
    message::Builder::new_default()
}

fn utf8(input: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(input).map_err(|error| {
        format!(
            "capstan: the input is not text: it is not UTF-8 from byte {} on",
            error.valid_up_to()
        )
    })
}

/// A message of one segment with a table in front.
fn framed(segment: &[u8]) -> Result<Vec<u8>, String> {
    let (words, rest) = segment.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(format!(
            "capstan: a flat message consists of whole words of 8 bytes, and the input has {} bytes",
            segment.len()
        ));
    }
    let count = u32::try_from(words.len()).map_err(|_| "capstan: the input is too large")?;
    let mut frame = Vec::with_capacity(segment.len() + 8);
    frame.extend_from_slice(&0u32.to_le_bytes());
    frame.extend_from_slice(&count.to_le_bytes());
    frame.extend_from_slice(segment);
    Ok(frame)
}

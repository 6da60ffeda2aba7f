//! The standard input, in any format, to framed messages.

use capstan_message::message::{self, HeapAllocator};
use capstan_message::packed::unpack;
use capstan_message::serialize::{self, FrameDecoder};
use capstan_message::serialize_packed::PackedFrameDecoder;
use capstan_schema::dynamic::StructType;
use capstan_schema::{Diagnostic, json, text};

use super::formats::{Format, OPTIONS};
use super::pieces::{Piece, Pieces, Place};
use super::suspicion;
use crate::failure::{Failure, Output, read_to_end};
use crate::host::reason;

/// Takes the frame of a message, or what is wrong with it where the next one can be read all the
/// same.
pub(super) type Each<'e> = dyn FnMut(Result<Vec<u8>, String>) -> Result<(), Failure> + 'e;

/// Calls `each` with every message of the standard input, as soon as all of it is there, and empties
/// `output` before it waits for more. `trusting` does not look whether the input could be of the
/// format.
pub(super) fn read(
    format: Format,
    ty: Option<&StructType<'_>>,
    output: &Output<'_>,
    trusting: bool,
    each: &mut Each<'_>,
) -> Result<(), Failure> {
    let mut input = Input::open(output)?;
    if !trusting && let Some(likely) = suspicion::other_format(format, input.new_bytes()) {
        return Err(Failure::Report(format!(
            "capstan: the input is not in the format '{format}', it looks like '{likely}'\n  \
             help: name that, or '--quiet' to have it read as '{format}'"
        )));
    }
    match (format, ty) {
        (Format::Binary, _) => {
            let mut decoder = FrameDecoder::new(OPTIONS);
            loop {
                decoder.push(input.new_bytes());
                while let Some(frame) = decoder.next_frame().map_err(damaged)? {
                    each(Ok(frame))?;
                }
                if !input.read_more()? {
                    break;
                }
            }
            match decoder.is_between_messages() {
                true => Ok(()),
                false => Err("capstan: the input ends in the middle of a message"
                    .to_owned()
                    .into()),
            }
        }
        (Format::Packed, _) => {
            let mut decoder = PackedFrameDecoder::new(OPTIONS);
            loop {
                let mut rest = input.new_bytes();
                loop {
                    let (read_bytes, frame) = decoder.decode(rest).map_err(damaged)?;
                    rest = rest.get(read_bytes..).unwrap_or_default();
                    match frame {
                        Some(frame) => each(Ok(frame))?,
                        None => break,
                    }
                }
                if !input.read_more()? {
                    return Ok(decoder.finish().map_err(damaged)?);
                }
            }
        }
        (Format::Flat | Format::Canonical, _) => each(Ok(framed(&input.whole()?)?)),
        (Format::FlatPacked, _) => {
            let segment = unpack(&input.whole()?, usize::MAX).map_err(damaged)?;
            each(Ok(framed(&segment)?))
        }
        (Format::Text, Some(ty)) => {
            in_pieces(input, true, &mut |piece| read_text(ty, &piece, each))
        }
        (Format::Json, Some(ty)) => {
            in_pieces(input, false, &mut |piece| read_json(ty, &piece, each))
        }
        (Format::Text | Format::Json, None) => {
            Err("capstan: name the schema and the type of the messages"
                .to_owned()
                .into())
        }
    }
}

/// The standard input, of which there is something.
struct Input<'o> {
    output: &'o Output<'o>,
    buffer: Vec<u8>,
    count: usize,
}

impl<'o> Input<'o> {
    fn open(output: &'o Output<'_>) -> Result<Self, Failure> {
        let mut input = Input {
            output,
            buffer: vec![0; 1 << 16],
            count: 0,
        };
        match input.read_more()? {
            true => Ok(input),
            false => Err("capstan: the input is empty".to_owned().into()),
        }
    }

    /// What the last read has brought.
    fn new_bytes(&self) -> &[u8] {
        self.buffer.get(..self.count).unwrap_or_default()
    }

    /// Waits for more. Returns false at the end.
    fn read_more(&mut self) -> Result<bool, Failure> {
        self.output.flush()?;
        let host = self.output.host;
        self.count = host.read_input(&mut self.buffer).map_err(unreadable)?;
        Ok(self.count > 0)
    }

    fn whole(self) -> Result<Vec<u8>, Failure> {
        let mut whole = self.new_bytes().to_vec();
        whole.extend(read_to_end(self.output.host).map_err(unreadable)?);
        Ok(whole)
    }
}

fn in_pieces(
    mut input: Input<'_>,
    comments: bool,
    read: &mut dyn FnMut(Piece) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut pieces = Pieces::new(comments);
    loop {
        pieces.push(input.new_bytes());
        while let Some(piece) = pieces.next() {
            read(piece)?;
        }
        if !input.read_more()? {
            return read(pieces.rest());
        }
    }
}

fn read_text(ty: &StructType<'_>, piece: &Piece, each: &mut Each<'_>) -> Result<(), Failure> {
    let rendered = |errors: Vec<Diagnostic>| {
        let errors = errors.iter().map(|error| render(error, piece.start));
        errors.collect::<String>()
    };
    let literals = text::parse("<stdin>", utf8(piece)?).map_err(rendered)?;
    for at in 0..literals.len() {
        let mut message = message_builder();
        let root = ty.init_root(&mut message);
        each(match literals.read(at, root) {
            Ok(()) => Ok(serialize::write_message_to_vec(&message).map_err(damaged)?),
            Err(errors) => Err(rendered(errors)),
        })?;
    }
    Ok(())
}

fn read_json(ty: &StructType<'_>, piece: &Piece, each: &mut Each<'_>) -> Result<(), Failure> {
    let fault = |error: json::JsonError| match piece.start.lines {
        0 => format!("capstan: {error}"),
        lines => format!("capstan: behind line {lines} of the input: {error}"),
    };
    for document in json::documents(utf8(piece)?) {
        let mut message = message_builder();
        let document = document.map_err(fault)?;
        each(
            match json::read_document(&document, ty.init_root(&mut message)) {
                Ok(()) => Ok(serialize::write_message_to_vec(&message).map_err(damaged)?),
                Err(error) => Err(fault(error)),
            },
        )?;
    }
    Ok(())
}

/// An error in a piece, with its place in the whole input.
fn render(error: &Diagnostic, start: Place) -> String {
    let text = error.render();
    let below = text.split_once('\n').map_or("", |(_, below)| below);
    let line = error.line as usize + start.lines;
    let before = if error.line == 1 { start.line_bytes } else { 0 };
    let column = error.column as usize + before;
    let end = match error.end_column > error.column {
        true => format!("-{}", error.end_column as usize + before),
        false => String::new(),
    };
    let (file, message) = (&error.file, &error.message);
    format!("{file}:{line}:{column}{end}: error: {message}\n{below}")
}

fn message_builder() -> message::Builder<HeapAllocator> {
    message::Builder::new_default()
}

fn damaged(error: capstan_message::Error) -> String {
    format!("capstan: the input is damaged: {error}")
}

fn unreadable(error: std::io::Error) -> Failure {
    let reason = reason(&error);
    Failure::Report(format!("capstan: cannot read the standard input: {reason}"))
}

fn utf8(piece: &Piece) -> Result<&str, String> {
    std::str::from_utf8(&piece.bytes).map_err(|error| {
        format!(
            "capstan: the input is not text: it is not UTF-8 from byte {} on",
            piece.start.bytes + error.valid_up_to()
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

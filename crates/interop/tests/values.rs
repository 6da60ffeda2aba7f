//! Values at run time against the reference tool: the same messages as text and as JSON, and back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "messages/random.rs"]
#[allow(dead_code)]
mod random;

#[path = "messages/tool.rs"]
mod tool;

#[allow(clippy::unit_arg, clippy::let_unit_value)]
mod ours {
    #[allow(dead_code, clippy::all, reason = "generated")]
    pub mod everything_capnp {
        include!(concat!(env!("OUT_DIR"), "/ours/everything_capnp.rs"));
    }
    #[allow(dead_code)]
    pub mod content {
        use super::everything_capnp;
        use crate::random::Random;
        use ::capstan_message as api;
        include!("messages/content.rs");
    }
}

use capstan_message::message::{self, ReaderOptions};
use capstan_message::{any_pointer, serialize};
use capstan_schema::dynamic::{Schema, StructType};
use capstan_schema::{NoFiles, SourceFile, compile, json, text};
use random::Random;

const MESSAGES: u64 = 150;

fn schema(name: &str) -> Schema {
    let path = format!("{}/schemas/{name}", env!("CARGO_MANIFEST_DIR"));
    let source = SourceFile::new(name, std::fs::read_to_string(path).unwrap());
    Schema::new(compile(&NoFiles, &[source]).unwrap())
}

/// The frames of random messages, without what has no text.
fn everything() -> Vec<Vec<u8>> {
    let frame = |seed| {
        let mut message = message::Builder::new_default();
        let mut random = Random::new(seed, false);
        ours::content::fill(&mut random, message.init_root(), 2).unwrap();
        serialize::write_message_to_vec(&message).unwrap()
    };
    (0..MESSAGES).map(frame).collect()
}

fn canonical(frame: &[u8]) -> Vec<u8> {
    let reader = serialize::read_frame_from_slice(frame, ReaderOptions::default()).unwrap();
    reader.canonicalize().unwrap()
}

/// Calls `show` on the root of each frame; a line break goes behind each result.
fn shown(
    ty: &StructType<'_>,
    frames: &[Vec<u8>],
    mut show: impl FnMut(capstan_schema::dynamic::Struct<'_>) -> String,
) -> String {
    let mut out = String::new();
    for frame in frames {
        let reader = serialize::read_frame_from_slice(frame, ReaderOptions::default()).unwrap();
        let root: any_pointer::Reader<'_> = reader.get_root().unwrap();
        out.push_str(&show(ty.read_root(root).unwrap()));
        out.push('\n');
    }
    out
}

fn tool(arguments: &[&str], input: &[u8]) -> String {
    String::from_utf8(tool::run(arguments, input)).unwrap()
}

#[track_caller]
fn assert_same(ours: &str, theirs: &str) {
    let lines = ours.lines().zip(theirs.lines()).enumerate();
    for (number, (ours, theirs)) in lines {
        assert_eq!(ours, theirs, "line {number}");
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn text_is_the_tools_text() {
    let (schema, frames) = (schema("everything.capnp"), everything());
    let ty = schema.struct_type("Everything").unwrap();
    let input = frames.concat();
    for pretty in [true, false] {
        let mut arguments = vec!["convert", "binary:text", "everything.capnp", "Everything"];
        if !pretty {
            arguments.insert(1, "--short");
        }
        let ours = shown(&ty, &frames, |value| {
            text::print(&value.into(), pretty).unwrap()
        });
        assert_same(&ours, &tool(&arguments, &input));
    }
}

#[test]
fn text_reads_back_as_the_same_messages() {
    let (schema, frames) = (schema("everything.capnp"), everything());
    let ty = schema.struct_type("Everything").unwrap();
    let printed = shown(&ty, &frames, |value| {
        text::print(&value.into(), true).unwrap()
    });
    let literals = text::parse("input", &printed).unwrap();
    assert_eq!(literals.len(), frames.len());
    for (at, frame) in frames.iter().enumerate() {
        let mut message = message::Builder::new_default();
        literals.read(at, ty.init_root(&mut message)).unwrap();
        let read = serialize::write_message_to_vec(&message).unwrap();
        assert!(canonical(&read) == canonical(frame), "message {at}");
    }
}

#[test]
fn json_is_the_tools_json() {
    let (schema, frames) = (schema("everything.capnp"), everything());
    let ty = schema.struct_type("Everything").unwrap();
    let input = frames.concat();
    for pretty in [true, false] {
        let mut arguments = vec!["convert", "binary:json", "everything.capnp", "Everything"];
        if !pretty {
            arguments.insert(1, "--short");
        }
        let ours = shown(&ty, &frames, |value| json::write(&value, pretty).unwrap());
        assert_same(&ours, &tool(&arguments, &input));
    }
}

#[test]
fn json_reads_back_as_the_same_messages() {
    let (schema, frames) = (schema("everything.capnp"), everything());
    let ty = schema.struct_type("Everything").unwrap();
    for frame in &frames {
        let one = std::slice::from_ref(frame);
        let written = shown(&ty, one, |value| json::write(&value, false).unwrap());
        let mut message = message::Builder::new_default();
        json::read(&written, ty.init_root(&mut message)).unwrap();
        let read = serialize::write_message_to_vec(&message).unwrap();
        assert!(canonical(&read) == canonical(frame), "{written}");
    }
}

#[test]
fn annotations_for_json_are_honoured() {
    let schema = schema("json.capnp");
    let ty = schema.struct_type("Shape").unwrap();
    let literals = [
        "()",
        "(firstName = \"Ada\", mood = veryHappy, moods = [calm, veryHappy], some = \"x\")",
        "(blob = \"abc\\xff\", digest = 0x\"00 ff 7a\", raw = \"az\", none = void)",
        "(point = (x = -5, flat = void), inline = (x = 7, height = 1.5), list = [(label = \"l\")])",
        "(inline = (label = \"here\"), group = (a = 18446744073709551615, b = \"b\"))",
        "(named = (number = 3), spread = (two = [1, 2.5]))",
        "(named = (deep = (p = 1, q = -2.5)), spread = (three = void))",
        "(named = (empty = void), spread = (one = true))",
    ];
    for literal in literals {
        let mut message = message::Builder::new_default();
        let parsed = text::parse("input", literal).unwrap();
        parsed.read(0, ty.init_root(&mut message)).unwrap();
        let frame = serialize::write_message_to_vec(&message).unwrap();

        let one = std::slice::from_ref(&frame);
        let written = shown(&ty, one, |value| json::write(&value, false).unwrap());
        let arguments = ["convert", "--short", "binary:json", "json.capnp", "Shape"];
        assert_eq!(written, tool(&arguments, &frame), "{literal}");

        let mut message = message::Builder::new_default();
        json::read(&written, ty.init_root(&mut message)).unwrap();
        let read = serialize::write_message_to_vec(&message).unwrap();
        let again = shown(&ty, &[read], |value| json::write(&value, false).unwrap());
        assert_eq!(again, written);
    }
}

#[test]
fn what_json_says_of_a_union_is_what_the_tool_takes_it_for() {
    let schema = schema("json.capnp");
    let ty = schema.struct_type("Shape").unwrap();
    for document in [
        r#"{"named":{"sort":"number"}}"#,
        // Under `valueName` it is the one that the discriminator says, or none.
        r#"{"named":{"number":5}}"#,
        r#"{"named":{"value":5}}"#,
        r#"{"named":{"sort":"nonsense","value":5}}"#,
        r#"{"spread":"two"}"#,
        r#"{"two":[1]}"#,
        r#"{"spread":"nonsense","two":[1]}"#,
        r#"{"at-tag":"x"}"#,
        r#"{"at-flat":null}"#,
    ] {
        let mut message = message::Builder::new_default();
        json::read(document, ty.init_root(&mut message)).unwrap();
        let read = serialize::write_message_to_vec(&message).unwrap();
        let again = shown(&ty, &[read], |value| json::write(&value, false).unwrap());
        let arguments = ["convert", "--short", "json:json", "json.capnp", "Shape"];
        assert_eq!(again, tool(&arguments, document.as_bytes()), "{document}");
    }
}

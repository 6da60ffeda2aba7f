//! What no text can say, in messages that the C++ library makes: content of any type, lists of
//! pointers to anything, and capabilities. And what a reader makes of members that it does not know.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "../cpp/mod.rs"]
mod cpp;

#[allow(dead_code, unreachable_pub, clippy::all, reason = "generated")]
mod conformance_capnp {
    include!(concat!(env!("OUT_DIR"), "/ours/conformance_capnp.rs"));
}

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use capstan_message::layout::PointerKind;
use capstan_message::message::{FrameBuilder, Reader, ReaderOptions};
use capstan_message::serialize::{self, SliceSegments};
use capstan_message::{
    ErrorKind, NotInSchema, any_pointer, any_pointer_list, data, list_list, primitive_list,
    struct_list, text, text_list,
};
use conformance_capnp::{
    Color, OlderColor, choice, empty, loose, newer_enums, older_choice, older_enums, small,
};
use cpp::Program;

/// For the tests in JavaScript as well, which have no compiler for C++ at hand.
const MESSAGES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../js/test/conformance/loose.bin"
);

/// What the C++ library writes, in one segment per message or with segments of so many words.
fn theirs(segment_words: u32) -> Vec<u8> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let program = Program {
            name: "loose",
            headers: &[],
            schema: "../../js/test/schemas/conformance.capnp",
        };
        program.path()
    });
    cpp::run(Command::new(program).arg(segment_words.to_string()))
}

#[test]
fn the_messages_for_javascript_are_what_the_library_writes() {
    let bytes = [theirs(0), theirs(1)].concat();
    if std::env::var_os("CAPSTAN_UPDATE").is_some() {
        std::fs::write(MESSAGES, &bytes).unwrap();
    }
    assert!(
        std::fs::read(MESSAGES).is_ok_and(|found| found == bytes),
        "{MESSAGES} is not up to date: run with CAPSTAN_UPDATE=1"
    );
}

/// One of the messages, built as the C++ program builds it.
type Fill = fn(loose::Builder<'_>);

const FILLS: [(&str, Fill); 5] = [
    ("structs", |mut to| {
        fill_small(to.reborrow().init_struct().init_as(), 1, "one");
        fill_small(to.init_anything().init_as(), 2, "two");
    }),
    ("lists", |mut to| {
        let mut list: primitive_list::Builder<'_, u32> = to.reborrow().init_list().initn_as(3);
        list.set(2, 7);
        let mut texts: text_list::Builder<'_> = to.init_anything().initn_as(2);
        texts.set(0, "a");
        texts.set(1, "b");
    }),
    ("lists of structs", |mut to| {
        let mut list: struct_list::Builder<'_, small::Owned> =
            to.reborrow().init_list().initn_as(2);
        fill_small(list.reborrow().get(0), 1, "one");
        fill_small(list.get(1), 2, "two");
        let mut lists: list_list::Builder<'_, primitive_list::Owned<bool>> =
            to.init_anything().initn_as(2);
        lists.reborrow().init(0, 0);
        lists.init(1, 70).set(69, true);
    }),
    ("blobs", |mut to| {
        to.reborrow()
            .init_anything()
            .set_as::<text::Owned>("text")
            .unwrap();
        let _: primitive_list::Builder<'_, ()> = to.init_list().initn_as(1000);
    }),
    ("anything", |to| {
        let mut list: any_pointer_list::Builder<'_> = to.init_anything().initn_as(4);
        fill_small(list.reborrow().get(0).init_as(), 3, "three");
        list.reborrow()
            .get(1)
            .set_as::<data::Owned>(b"data")
            .unwrap();
        let inner: any_pointer_list::Builder<'_> = list.get(3).initn_as(1);
        let _: empty::Builder<'_> = inner.get(0).init_as();
    }),
];

fn fill_small(mut small: small::Builder<'_>, id: u32, note: &str) {
    small.set_id(id);
    small.set_on(true);
    small.set_note(note);
}

fn ours(label: &str, fill: Fill) -> Vec<u8> {
    let mut message = FrameBuilder::with_capacity_words(64);
    let mut root: loose::Builder<'_> = message.init_root();
    root.set_label(label);
    fill(root);
    assert!(message.error().is_none());
    message.into_frame()
}

fn open(bytes: &[u8]) -> Vec<Reader<SliceSegments<'_>>> {
    let mut rest = bytes;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        messages.push(
            serialize::read_message_from_flat_slice(&mut rest, ReaderOptions::new()).unwrap(),
        );
    }
    messages
}

#[test]
fn ours_are_the_same_bytes() {
    let theirs = theirs(0);
    let mut rest = &theirs[..];
    for (label, fill) in FILLS {
        let frame = ours(label, fill);
        assert_eq!(frame, rest[..frame.len()], "{label}");
        rest = &rest[frame.len()..];
    }
}

#[test]
fn what_the_library_writes_is_equal_in_any_segments() {
    let (whole, scattered) = (theirs(0), theirs(1));
    let (whole, scattered) = (open(&whole), open(&scattered));
    for (index, (label, fill)) in FILLS.into_iter().enumerate() {
        let frame = ours(label, fill);
        let mine = open(&frame).remove(0);
        let canonical = mine.canonicalize().unwrap();
        for other in [&whole[index], &scattered[index]] {
            let (left, right) = (mine.get_root_any().unwrap(), other.get_root_any().unwrap());
            assert!(left.equals(&right).unwrap().is_equal(), "{label}");
            assert_eq!(other.canonicalize().unwrap(), canonical, "{label}");
            let mut copy = FrameBuilder::with_capacity_words(0);
            copy.set_root::<any_pointer::Owned>(other.get_root_any().unwrap())
                .unwrap();
            let copy = copy.into_frame();
            assert_eq!(open(&copy)[0].canonicalize().unwrap(), canonical, "{label}");
            let root: loose::Reader<'_> = other.get_root().unwrap();
            assert_eq!(root.get_label().unwrap(), label);
        }
    }
    let root: loose::Reader<'_> = scattered[4].get_root().unwrap();
    let list: any_pointer_list::Reader<'_> = root.get_anything().get_as().unwrap();
    assert_eq!(list.len(), 4);
    let small: small::Reader<'_> = list.get(0).unwrap().get_as().unwrap();
    assert_eq!(
        (small.get_id(), small.get_note().unwrap().to_str()),
        (3, Ok("three"))
    );
    assert_eq!(
        list.get(1).unwrap().get_as::<data::Reader<'_>>().unwrap(),
        b"data"
    );
    assert!(list.get(2).unwrap().is_null());
    let inner: any_pointer_list::Reader<'_> = list.get(3).unwrap().get_as().unwrap();
    assert_eq!(inner.get(0).unwrap().kind().unwrap(), PointerKind::Struct);
}

#[test]
fn capabilities_are_numbers_in_a_table_that_is_elsewhere() {
    for bytes in [theirs(0), theirs(1)] {
        let messages = open(&bytes);
        let message = messages.last().unwrap();
        let root = message.get_root_any().unwrap().reader;
        let fields = root.get_struct(None).unwrap();
        let index = |field| fields.get_pointer_field(field).capability_index();
        assert_eq!(
            [index(3), index(4), index(2)],
            [Ok(Some(0)), Ok(Some(1)), Ok(Some(4))]
        );
        let list = fields.get_pointer_field(5).get_any_list(None).unwrap();
        let index = |element| list.get_pointer_element(element).capability_index();
        assert_eq!(
            [index(0), index(1), index(2)],
            [Ok(Some(2)), Ok(None), Ok(Some(3))]
        );

        // Nobody gave this reader a table.
        let typed: loose::Reader<'_> = message.get_root().unwrap();
        assert!(typed.has_named());
        let error = typed.get_named().map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownCapability);
        assert!(error.position().is_some());
        let error = message.canonicalize().unwrap_err();
        assert!(error.position().is_some(), "{error}");
    }
}

#[test]
fn what_only_newer_schemas_know_is_a_number_and_survives_a_copy() {
    let encode = |name: &str, value: &str| {
        let mut tool = Command::new("capnp")
            .args(["convert", "text:binary", "conformance.capnp", name])
            .current_dir(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../js/test/schemas"
            ))
            .env_remove("PWD")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        tool.stdin
            .take()
            .unwrap()
            .write_all(value.as_bytes())
            .unwrap();
        tool.wait_with_output().unwrap().stdout
    };

    let bytes = encode("Choice", "(data = \"newer\", second = (right = \"kept\"))");
    let message = open(&bytes).remove(0);
    let known: older_choice::Reader<'_> = message.get_root().unwrap();
    assert_eq!(known.which().map(drop), Err(NotInSchema(6)));
    let mut copy = FrameBuilder::with_capacity_words(0);
    copy.set_root::<older_choice::Owned>(known).unwrap();
    let whole: choice::Reader<'_> = copy.get_root_as_reader().unwrap();
    assert!(matches!(
        whole.which(),
        Ok(choice::Which::Data(Ok(b"newer")))
    ));
    let Ok(choice::second::Which::Right(Ok(kept))) = whole.get_second().which() else {
        panic!("the named union is not what it was");
    };
    assert_eq!(kept, "kept");

    let bytes = encode("NewerEnums", "(one = violet, many = [red, blue, green])");
    let message = open(&bytes).remove(0);
    let known: older_enums::Reader<'_> = message.get_root().unwrap();
    assert_eq!(known.get_one(), Err(NotInSchema(3)));
    let many: Vec<_> = known.get_many().unwrap().iter().collect();
    assert_eq!(
        many,
        [
            Ok(OlderColor::Red),
            Err(NotInSchema(2)),
            Ok(OlderColor::Green)
        ]
    );
    let mut copy = FrameBuilder::with_capacity_words(0);
    copy.set_root::<older_enums::Owned>(known).unwrap();
    let whole: newer_enums::Reader<'_> = copy.get_root_as_reader().unwrap();
    assert_eq!(whole.get_one(), Ok(Color::Violet));
    assert_eq!(whole.get_many().unwrap().get(1), Ok(Color::Blue));
}

//! The typed layer, as generated code and its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use capstan_message::message::{self, HeapAllocator, ReaderOptions, SegmentArray, TypedBuilder};
use capstan_message::{ErrorKind, NotInSchema, primitive_list, serialize, text, traits::Owned};
use common::person::{Color, person, phone};

fn fill(mut ada: person::Builder<'_>) {
    ada.set_id(7);
    ada.set_age(36);
    ada.set_alive(false);
    ada.set_color(Color::Green);
    ada.set_height(1.5);
    ada.set_name("Ada");
    ada.set_photo([1, 2, 3]);
    let mut phones = ada.reborrow().init_phones(2);
    phones.reborrow().get(0).set_number(555);
    phones.get(1).set_kind(Color::Green);
    ada.reborrow()
        .get_friend()
        .unwrap()
        .set_name(String::from("Charles"));
    ada.set_scores([10, 20, 65535]).unwrap();
    ada.set_tags(&["analyst", "poet"]).unwrap();
    let mut matrix = ada.reborrow().init_matrix(2);
    matrix.reborrow().init(0, 3).set(2, 9);
    matrix.set(1, [4, 5]).unwrap();
    ada.reborrow()
        .get_extra()
        .set_as::<text::Owned>("anything")
        .unwrap();
    ada.reborrow().get_home().unwrap().set_number(8);
    ada.init_colors(1).set(0, Color::Green);
}

fn check(ada: person::Reader<'_>) {
    assert_eq!(ada.get_id(), 7);
    assert_eq!(ada.get_age(), 36);
    assert!(!ada.get_alive());
    assert_eq!(ada.get_color(), Ok(Color::Green));
    assert_eq!(ada.get_height(), 1.5);
    assert_eq!(ada.get_name().unwrap(), "Ada");
    assert_eq!(ada.get_photo().unwrap(), [1, 2, 3]);
    let phones = ada.get_phones().unwrap();
    assert_eq!(
        phones
            .iter()
            .map(phone::Reader::get_number)
            .collect::<Vec<_>>(),
        [555, 0]
    );
    assert_eq!(phones.get(1).get_kind(), Ok(Color::Green));
    assert!(phones.try_get(2).is_none());
    let friend = ada.get_friend().unwrap();
    assert_eq!(friend.get_name().unwrap(), "Charles");
    assert_eq!(friend.get_age(), 42);
    assert_eq!(
        ada.get_scores().unwrap().iter().rev().collect::<Vec<_>>(),
        [65535, 20, 10]
    );
    let tags: Vec<_> = ada
        .get_tags()
        .unwrap()
        .iter()
        .map(|tag| tag.unwrap().to_string().unwrap())
        .collect();
    assert_eq!(tags, ["analyst", "poet"]);
    let matrix: Vec<Vec<u8>> = ada
        .get_matrix()
        .unwrap()
        .iter()
        .map(|row| row.unwrap().iter().collect())
        .collect();
    assert_eq!(matrix, [vec![0, 0, 9], vec![4, 5]]);
    assert_eq!(
        ada.get_extra().get_as::<text::Reader<'_>>().unwrap(),
        "anything"
    );
    let home = ada.get_home().unwrap();
    assert_eq!((home.get_number(), home.get_kind()), (8, Ok(Color::Green)));
    assert_eq!(ada.get_colors().unwrap().get(0), Ok(Color::Green));
}

#[test]
fn every_kind_of_field_is_read_back() {
    let mut message = TypedBuilder::<person::Owned>::new_default();
    fill(message.init_root());
    check(message.get_root_as_reader().unwrap());

    let frame = serialize::write_message_to_vec(message.borrow_inner()).unwrap();
    let reader = serialize::read_frame(frame, ReaderOptions::new()).unwrap();
    check(reader.get_root().unwrap());
}

#[test]
fn a_message_of_many_tiny_segments_is_the_same_message() {
    let allocator = HeapAllocator::new().first_segment_words(1).fixed_size();
    let mut message = message::Builder::new(allocator);
    fill(message.init_root());
    assert_eq!(message.error(), None);
    assert!(message.get_segments_for_output().len() > 10);
    check(message.get_root_as_reader().unwrap());
    let frame = serialize::write_message_to_vec(&message).unwrap();
    check(
        serialize::read_frame(frame, ReaderOptions::new())
            .unwrap()
            .get_root()
            .unwrap(),
    );
}

#[test]
fn absent_fields_read_as_their_defaults() {
    let empty = person::Reader::default();
    assert_eq!(empty.get_id(), 0);
    assert_eq!(empty.get_age(), 42);
    assert!(empty.get_alive());
    assert_eq!(empty.get_height(), 1.75);
    assert!(!empty.has_name());
    assert_eq!(empty.get_name().unwrap(), "");
    assert_eq!(empty.get_greeting().unwrap(), "hi");
    assert_eq!(empty.get_photo().unwrap(), []);
    assert!(empty.get_phones().unwrap().is_empty());
    assert_eq!(empty.get_friend().unwrap().get_greeting().unwrap(), "hi");
    assert!(empty.get_scores().unwrap().is_empty());
    assert!(empty.get_extra().is_null());
    let home = empty.get_home().unwrap();
    assert_eq!((home.get_number(), home.get_kind()), (7, Ok(Color::Green)));
}

#[test]
fn defaults_cost_no_bits() {
    let mut message = message::Builder::new_default();
    let mut root: person::Builder<'_> = message.init_root();
    root.set_age(42);
    root.set_alive(true);
    root.set_height(1.75);
    let words = common::words(message.get_segments_for_output()[0]);
    assert_eq!(words[1..3], [0, 0]);
}

#[test]
fn a_struct_copied_between_messages_keeps_everything() {
    let mut source = message::Builder::new_default();
    fill(source.init_root());
    let mut target = message::FrameBuilder::default();
    target
        .set_root::<person::Owned>(source.get_root_as_reader::<person::Reader<'_>>().unwrap())
        .unwrap();
    check(target.get_root_as_reader().unwrap());

    let mut outer = message::Builder::new_default();
    outer
        .init_root::<person::Builder<'_>>()
        .set_friend(target.get_root_as_reader().unwrap())
        .unwrap();
    check(
        outer
            .get_root_as_reader::<person::Reader<'_>>()
            .unwrap()
            .get_friend()
            .unwrap(),
    );
}

#[test]
fn elements_are_copied_into_lists() {
    let mut source = message::Builder::new_default();
    let mut number: phone::Builder<'_> = source.init_root();
    number.set_number(12);
    let mut message = message::Builder::new_default();
    let mut phones = message.init_root::<person::Builder<'_>>().init_phones(2);
    phones
        .set_with_caveats(1, source.get_root_as_reader().unwrap())
        .unwrap();
    assert_eq!(phones.as_reader().get(1).get_number(), 12);
    phones
        .set_with_caveats(1, phone::Reader::default())
        .unwrap();
    assert_eq!(phones.as_reader().get(1).get_number(), 0);
}

#[test]
fn unknown_enum_values_are_reported_not_lost() {
    let segment = common::segment(&[common::struct_pointer(0, 1, 0), 9 << 48]);
    let segments = [&segment[..]];
    let message = message::Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
    let person: person::Reader<'_> = message.get_root().unwrap();
    assert_eq!(person.get_color(), Err(NotInSchema(9)));
}

#[test]
fn text_is_checked_when_it_is_used() {
    let mut message = message::Builder::new_default();
    message
        .init_root::<person::Builder<'_>>()
        .set_name(text::Reader::from_bytes(&[0xff, 0xfe]));
    let name = message
        .get_root_as_reader::<person::Reader<'_>>()
        .unwrap()
        .get_name()
        .unwrap();
    assert_eq!(name.as_bytes(), [0xff, 0xfe]);
    let error = capstan_message::Error::from(name.to_str().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::TextNotUtf8);
}

#[test]
fn text_is_filled_piece_by_piece() {
    let mut message = message::Builder::new_default();
    let mut text: text::Builder<'_> = message.initn_root(5);
    assert!(text.push_str("abc"));
    assert!(
        !text.push_str("def"),
        "a piece that does not fit is not cut"
    );
    assert!(text.push_str("de"));
    assert_eq!(
        message.get_root_as_reader::<text::Reader<'_>>().unwrap(),
        "abcde"
    );
}

#[test]
fn an_index_past_the_end_panics_like_a_slice() {
    assert!(std::panic::catch_unwind(|| primitive_list::Reader::<u8>::default().get(0)).is_err());
    assert_eq!(primitive_list::Reader::<u8>::default().try_get(0), None);
}

#[test]
fn readers_are_shared_between_threads() {
    fn shareable<T: Copy + Send + Sync>(_: &T) {}
    let mut builder = message::Builder::new_default();
    fill(builder.init_root());
    let message = builder.into_reader();
    let root: person::Reader<'_> = message.get_root().unwrap();
    shareable(&root);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| check(root));
        }
    });
}

#[test]
fn generic_code_works_over_any_type() {
    fn copy<T: Owned>(from: T::Reader<'_>) -> message::Builder<HeapAllocator> {
        let mut message = message::Builder::new_default();
        message.set_root::<T>(from).unwrap();
        message
    }
    let copied = copy::<text::Owned>("x".into());
    assert_eq!(
        copied.get_root_as_reader::<text::Reader<'_>>().unwrap(),
        "x"
    );
    let mut source = message::Builder::new_default();
    fill(source.init_root());
    check(
        copy::<person::Owned>(source.get_root_as_reader().unwrap())
            .get_root_as_reader()
            .unwrap(),
    );
}

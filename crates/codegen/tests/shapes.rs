//! What generated structs do: the module is checked in, made from `schemas/shapes.capnp`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[rustfmt::skip]
#[path = "generated/shapes_capnp.rs"]
mod shapes_capnp;

use std::sync::Arc;

use capstan_message::capability::{CapHandle, Capability};
use capstan_message::message::{Builder, HeapAllocator, Reader, ReaderOptions};
use capstan_message::{NotInSchema, Result, serialize, text};
use shapes_capnp::{
    Colour, all_void, anys, bound, box_, defaults, empty, lists, map, pointers, renamed, return_,
    scalars,
};

/// Builds a message and reads it back from its bytes.
fn round_trip<B>(
    build: impl FnOnce(&mut Builder<HeapAllocator>) -> B,
    check: impl FnOnce(&Reader<serialize::OwnedSegments>),
) {
    let mut message = Builder::new_default();
    build(&mut message);
    let bytes = serialize::write_message_to_vec(&message).unwrap();
    let reader = serialize::read_frame(bytes, ReaderOptions::new()).unwrap();
    check(&reader);
}

#[test]
fn scalars_come_back() {
    round_trip(
        |message| {
            let mut root = message.init_root::<scalars::Builder<'_>>();
            root.set_void(());
            root.set_bool(true);
            root.set_int8(i8::MIN);
            root.set_int16(-300);
            root.set_int32(i32::MAX);
            root.set_int64(i64::MIN);
            root.set_u_int8(200);
            root.set_u_int16(60_000);
            root.set_u_int32(u32::MAX);
            root.set_u_int64(u64::MAX);
            root.set_float32(1.25);
            root.set_float64(-1e300);
            root.set_colour(Colour::Self_);
            assert!(root.reborrow().get_bool());
            assert_eq!(root.reborrow_as_reader().get_int8(), i8::MIN);
        },
        |message| {
            let root = message.get_root::<scalars::Reader<'_>>().unwrap();
            root.get_void();
            assert!(root.get_bool());
            assert_eq!(
                (
                    root.get_int8(),
                    root.get_int16(),
                    root.get_int32(),
                    root.get_int64()
                ),
                (i8::MIN, -300, i32::MAX, i64::MIN)
            );
            assert_eq!(
                (
                    root.get_u_int8(),
                    root.get_u_int16(),
                    root.get_u_int32(),
                    root.get_u_int64()
                ),
                (200, 60_000, u32::MAX, u64::MAX)
            );
            assert_eq!((root.get_float32(), root.get_float64()), (1.25, -1e300));
            assert_eq!(root.get_colour(), Ok(Colour::Self_));
        },
    );
}

#[test]
fn defaults_read_from_nothing_and_are_what_zero_means() {
    round_trip(
        |message| {
            message.init_root::<defaults::Builder<'_>>();
        },
        |message| {
            let root = message.get_root::<defaults::Reader<'_>>().unwrap();
            assert!(root.get_bool());
            assert_eq!(
                (
                    root.get_int8(),
                    root.get_int16(),
                    root.get_int32(),
                    root.get_int64()
                ),
                (-128, -2, i32::MIN, i64::MIN)
            );
            assert_eq!((root.get_u_int8(), root.get_u_int64()), (255, u64::MAX));
            assert_eq!((root.get_float32(), root.get_float64()), (1.5, -0.25));
            assert_eq!(root.get_colour(), Ok(Colour::Green));
            assert_eq!(root.get_text().unwrap(), "twelve bytes");
            assert!(!root.has_text());
            assert_eq!(root.get_data().unwrap(), [1, 2, 255]);
        },
    );
    round_trip(
        |message| {
            let mut root = message.init_root::<defaults::Builder<'_>>();
            root.set_bool(false);
            root.set_int64(5);
            root.set_float64(8.0);
            root.set_colour(Colour::Red);
            root.set_text("other");
            assert_eq!(root.reborrow().get_data().unwrap(), [1, 2, 255]);
        },
        |message| {
            let root = message.get_root::<defaults::Reader<'_>>().unwrap();
            assert!(!root.get_bool());
            assert_eq!(
                (root.get_int64(), root.get_float64(), root.get_colour()),
                (5, 8.0, Ok(Colour::Red))
            );
            assert_eq!(root.get_text().unwrap(), "other");
        },
    );
}

#[test]
fn pointers_of_every_kind_come_back() {
    round_trip(
        |message| {
            let mut source = Builder::new_default();
            source.init_root::<scalars::Builder<'_>>().set_int32(17);
            let mut root = message.init_root::<pointers::Builder<'_>>();
            assert!(!root.has_text() && !root.has_inner() && !root.has_any());
            root.set_text(String::from("Ada"));
            root.set_data([1, 2, 3]);
            root.set_inner(source.get_root_as_reader().unwrap())
                .unwrap();
            root.reborrow()
                .init_any()
                .set_as::<text::Owned>("anything")
                .unwrap();
            root.reborrow().init_self().init_data(4)[3] = 9;
            assert_eq!(root.reborrow().get_inner().unwrap().get_int32(), 17);
        },
        |message| {
            let root = message.get_root::<pointers::Reader<'_>>().unwrap();
            assert!(root.has_text() && root.has_inner() && root.has_any() && root.has_self());
            assert_eq!(root.get_text().unwrap(), "Ada");
            assert_eq!(root.get_data().unwrap(), [1, 2, 3]);
            assert_eq!(root.get_inner().unwrap().get_int32(), 17);
            assert_eq!(
                root.get_any().get_as::<text::Reader<'_>>().unwrap(),
                "anything"
            );
            assert_eq!(root.get_self().unwrap().get_data().unwrap(), [0, 0, 0, 9]);
            assert!(!root.get_self().unwrap().has_text());
            assert_eq!(root.get_self().unwrap().get_text().unwrap(), "");
        },
    );
}

struct Object;
impl Capability for Object {}

#[test]
fn without_rpc_capabilities_are_handles() {
    let handle: CapHandle = Arc::new(Object);
    let mut message = Builder::new_default();
    let mut root = message.init_root::<anys::Builder<'_>>();
    root.set_capability(Some(handle.clone()));
    root.reborrow()
        .init_capabilities(2)
        .set(1, Some(handle.clone()));
    root.reborrow()
        .init_either()
        .set_a(Some(handle.clone()))
        .unwrap();
    let mut inner = root
        .reborrow()
        .init_structure()
        .init_as::<scalars::Builder<'_>>();
    inner.set_int8(3);
    let root = root.into_reader();
    let found = root.get_capability().unwrap().unwrap();
    assert!(found.downcast_ref::<Object>().is_some());
    let list = root.get_capabilities().unwrap();
    assert!(list.get(0).unwrap().is_none() && list.get(1).unwrap().is_some());
    assert!(root.get_either().unwrap().get_a().unwrap().is_some());
    let inner: scalars::Reader<'_> = root.get_structure().unwrap().get_as();
    assert_eq!(inner.get_int8(), 3);
}

#[test]
fn lists_of_every_kind_come_back() {
    round_trip(
        |message| {
            let mut root = message.init_root::<lists::Builder<'_>>();
            root.reborrow().init_voids(3);
            root.reborrow().init_bools(9).set(8, true);
            root.set_int32s(&[1, -2, 3][..]).unwrap();
            root.reborrow().init_float64s(1).set(0, 0.5);
            root.reborrow().init_colours(2).set(1, Colour::Green);
            root.reborrow().init_texts(2).set(0, "zero");
            root.reborrow().init_datas(1).set(0, [7]);
            let mut structs = root.reborrow().init_structs(2);
            structs.reborrow().get(1).set_u_int64(11);
            root.reborrow().init_lists(2).init(1, 2).set(0, 5);
            root.reborrow()
                .init_deep(1)
                .init(0, 1)
                .init(0, 1)
                .set(0, "deep");
        },
        |message| {
            let root = message.get_root::<lists::Reader<'_>>().unwrap();
            assert_eq!(root.get_voids().unwrap().len(), 3);
            assert!(root.get_bools().unwrap().get(8) && !root.get_bools().unwrap().get(0));
            assert_eq!(
                root.get_int32s().unwrap().iter().collect::<Vec<_>>(),
                [1, -2, 3]
            );
            assert_eq!(root.get_float64s().unwrap().get(0), 0.5);
            assert_eq!(
                root.get_colours().unwrap().iter().collect::<Vec<_>>(),
                [Ok(Colour::Red), Ok(Colour::Green)]
            );
            assert_eq!(root.get_texts().unwrap().get(0).unwrap(), "zero");
            assert_eq!(root.get_datas().unwrap().get(0).unwrap(), [7]);
            assert_eq!(
                root.get_structs()
                    .unwrap()
                    .iter()
                    .map(|element| element.get_u_int64())
                    .collect::<Vec<_>>(),
                [0, 11]
            );
            assert_eq!(root.get_lists().unwrap().get(1).unwrap().get(0), 5);
            assert_eq!(
                root.get_deep()
                    .unwrap()
                    .get(0)
                    .unwrap()
                    .get(0)
                    .unwrap()
                    .get(0)
                    .unwrap(),
                "deep"
            );
        },
    );
}

#[test]
fn unions_hold_what_was_set_last() {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<return_::Builder<'_>>();
    assert!(matches!(root.reborrow().which(), Ok(return_::None(()))));
    root.set_some("thing");
    assert!(root.has_some() && !root.has_err());
    assert!(
        matches!(root.reborrow_as_reader().which(), Ok(return_::Some(Ok(text))) if text == "thing")
    );
    root.set_ok(3);
    assert!(
        !root.has_some(),
        "an inactive member is not there, whatever its pointer is"
    );
    assert!(matches!(root.reborrow().which(), Ok(return_::Ok(3))));
    root.set_colour(Colour::Green);
    assert!(matches!(
        root.reborrow().which(),
        Ok(return_::Colour(Ok(Colour::Green)))
    ));
    root.reborrow()
        .init_nested()
        .set_kind(return_::nested::FAVOURITE);
    match root.reborrow_as_reader().which() {
        Ok(return_::WhichReader::Nested(nested)) => {
            let nested = nested.unwrap();
            assert_eq!(
                (nested.get_value(), nested.get_kind()),
                (7, Ok(return_::nested::Kind::Fancy))
            );
        }
        _ => panic!("the nested struct is active"),
    }
}

#[test]
fn groups_start_over_when_initialized() {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<return_::Builder<'_>>();
    root.set_always(5);
    let mut group = root.reborrow().init_type();
    group.set_fn(9);
    group.set_impl("text");
    group.reborrow().get_which().set_right(&[1][..]);
    assert!(matches!(
        group.get_which().which(),
        Ok(return_::type_::which::Right(Ok([1])))
    ));
    let group = root.reborrow().init_type();
    let reader = group.into_reader();
    assert_eq!((reader.get_fn(), reader.has_impl()), (0, false));
    assert!(matches!(
        reader.get_which().which(),
        Ok(return_::type_::which::Left(false))
    ));
    assert!(matches!(
        root.reborrow_as_reader().which(),
        Ok(return_::Type(_))
    ));
    assert_eq!(root.get_always(), 5);
}

#[test]
fn unknown_tags_and_enumerants_say_so() {
    round_trip(
        |message| {
            // Another schema's view of the same bytes: scalars' Int8 and Int16 where the tag is.
            let mut root = message.init_root::<scalars::Builder<'_>>();
            root.set_int8(-1);
            root.set_int16(-1);
        },
        |message| {
            let tags = message.get_root::<all_void::Reader<'_>>().unwrap();
            match tags.which() {
                Err(NotInSchema(tag)) => assert!(tag > 1),
                Ok(_) => panic!("the schema has two members only"),
            }
        },
    );
    assert_eq!(Colour::try_from(3), Err(NotInSchema(3)));
    assert_eq!(u16::from(Colour::Self_), 2);
}

#[test]
fn constants_are_rust_constants() {
    const ANSWER: u32 = shapes_capnp::ANSWER;
    assert_eq!(ANSWER, 42);
    assert_eq!(shapes_capnp::GREETING, "hello \"you\"");
    assert_eq!(shapes_capnp::BYTES, [0, 255]);
    assert_eq!(shapes_capnp::HALF, 0.5);
}

#[test]
fn owned_types_stand_for_structs_in_generic_code() {
    fn sizes<T: capstan_message::traits::OwnedStruct>() -> (u16, u16)
    where
        for<'a> T::Builder<'a>: capstan_message::traits::HasStructSize,
    {
        let size = <T::Builder<'static> as capstan_message::traits::HasStructSize>::STRUCT_SIZE;
        (size.data, size.pointers)
    }
    assert_eq!(sizes::<empty::Owned>(), (0, 0));
    assert_eq!(sizes::<pointers::Owned>(), (0, 5));

    fn copy<T: capstan_message::traits::Owned>(
        from: T::Reader<'_>,
    ) -> Result<Builder<HeapAllocator>> {
        let mut message = Builder::new_default();
        message.set_root::<T>(from)?;
        Ok(message)
    }
    let mut message = Builder::new_default();
    message
        .init_root::<pointers::Builder<'_>>()
        .set_text("copied");
    let copy = copy::<pointers::Owned>(message.get_root_as_reader().unwrap()).unwrap();
    assert_eq!(
        copy.get_root_as_reader::<pointers::Reader<'_>>()
            .unwrap()
            .get_text()
            .unwrap(),
        "copied"
    );
}

#[test]
fn type_parameters_become_rust_ones() {
    round_trip(
        |message| {
            let mut root = message.init_root::<bound::Builder<'_>>();
            let mut ages = root.reborrow().init_ages().init_entries(1);
            ages.reborrow().get(0).set_key("Ada").unwrap();
            ages.get(0).init_value().set_u_int8(36);
            let entries = root.reborrow().init_bytes().init_entries(1);
            let mut entry = entries.get(0);
            entry.set_key([1, 2]).unwrap();
            entry.initn_value(2).set(1, 9);
            root.reborrow()
                .init_deep()
                .init_value()
                .set_value("inside")
                .unwrap();
        },
        |message| {
            let root = message.get_root::<bound::Reader<'_>>().unwrap();
            let ages: map::Reader<'_, text::Owned, scalars::Owned> = root.get_ages().unwrap();
            let entry = ages.get_entries().unwrap().get(0);
            assert_eq!(entry.get_key().unwrap(), "Ada");
            assert_eq!(entry.get_value().unwrap().get_u_int8(), 36);
            let entry = root.get_bytes().unwrap().get_entries().unwrap().get(0);
            assert_eq!(entry.get_key().unwrap(), [1, 2]);
            assert_eq!(
                entry.get_value().unwrap().iter().collect::<Vec<_>>(),
                [0, 9]
            );
            assert!(
                !root.has_unbound()
                    && root
                        .get_unbound()
                        .unwrap()
                        .get_entries()
                        .unwrap()
                        .is_empty()
            );
            match root.get_deep().unwrap().which() {
                Ok(box_::Value(Ok(inner))) => match inner.which() {
                    Ok(box_::Value(Ok(text))) => assert_eq!(text, "inside"),
                    _ => panic!("the inner box holds a value"),
                },
                _ => panic!("the outer box holds a value"),
            }
        },
    );
}

/// Works for a box of anything, as code over generic types has to.
fn left_of<'a, T: capstan_message::traits::Owned>(
    boxed: box_::Reader<'a, T>,
) -> Option<T::Reader<'a>> {
    match boxed.which().ok()? {
        box_::Pair(pair) => pair.get_left().ok(),
        box_::Empty(()) | box_::Value(_) | box_::Text(_) => None,
    }
}

#[test]
fn generic_groups_and_nested_types_share_the_parameters() {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<box_::Builder<'_, text::Owned>>();
    root.set_kind(box_::Kind::B);
    root.reborrow().init_inner().set_u("own").unwrap();
    root.reborrow().get_inner().unwrap().set_t([7]).unwrap();
    let mut pair = root.reborrow().init_pair();
    pair.set_left("left").unwrap();
    pair.set_count(2);
    let root = root.into_reader();
    assert_eq!(root.get_inner().unwrap().get_t().unwrap(), [7]);
    assert_eq!(root.get_inner().unwrap().get_u().unwrap(), "own");
    assert_eq!(left_of(root).unwrap(), "left");
}

#[test]
fn annotations_rename_and_make_options() {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<renamed::Builder<'_>>();
    assert_eq!(root.reborrow().get_new_name().unwrap().map(|_| ()), None);
    assert!(matches!(
        root.reborrow().which(),
        Ok(renamed::First(Ok(None)))
    ));
    let group = root.reborrow_as_reader().get_new();
    assert!(group.get_list().unwrap().is_none() && group.get_any().is_none());
    root.set_new_name("set");
    root.reborrow().init_first().set_int8(4);
    let mut group = root.reborrow().init_new();
    group.reborrow().init_list(1).set(0, "item");
    group.init_any().set_as::<text::Owned>("any").unwrap();
    let reader = root.reborrow_as_reader();
    assert_eq!(reader.get_new_name().unwrap().unwrap(), "set");
    match reader.which() {
        Ok(renamed::First(Ok(Some(first)))) => assert_eq!(first.get_int8(), 4),
        _ => panic!("the struct is there"),
    }
    let group = reader.get_new();
    assert_eq!(group.get_list().unwrap().unwrap().len(), 1);
    assert!(group.get_any().is_some());
    root.set_second(renamed::New::Eins);
    assert!(matches!(
        root.reborrow_as_reader().which(),
        Ok(renamed::Second(Ok(renamed::New::Eins)))
    ));
    let shown = format!("{:?}", root.into_reader());
    assert!(
        shown.starts_with(
            r#"Awkward { oldName: Some("set"), old: old { list: Some([Ok("item")]), any: Some("#
        ) && shown.ends_with(" }, b: Eins }"),
        "{shown}"
    );
}

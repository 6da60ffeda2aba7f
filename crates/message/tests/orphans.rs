//! Objects taken out of a message's tree, resized, and put back in elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use capstan_message::layout::{ElementSize, StructSize};
use capstan_message::message::{Builder, HeapAllocator, ReaderSegments, ScratchSpace};
use capstan_message::orphan::Orphan;
use capstan_message::{ErrorKind, any_pointer, any_struct, data, list_list, primitive_list, text};
use common::{Value, any_value, build, read};
use proptest::prelude::*;

const TWO_POINTERS: StructSize = StructSize {
    data: 0,
    pointers: 2,
};

/// Messages whose objects lie together, far apart, and in between.
fn messages() -> Vec<Builder<HeapAllocator>> {
    [1, 2, 3, 5, 8, 1024]
        .map(|words| Builder::new(HeapAllocator::new().first_segment_words(words).fixed_size()))
        .into()
}

proptest! {
    #[test]
    fn a_tree_moves_to_another_place(value in any_value(), other in any_value()) {
        for mut message in messages() {
            let mut root = message.get_root_any().builder.init_struct(TWO_POINTERS);
            build(root.get_pointer_field_mut(0), &value);
            build(root.get_pointer_field_mut(1), &other);
            let orphan: Orphan<any_pointer::Owned> = root.get_pointer_field_mut(0).disown();
            prop_assert!(root.is_pointer_field_null(0));
            prop_assert_eq!(read(orphan.get_reader(&message).unwrap().reader).unwrap(), value.clone());

            let mut root = message.get_root_any().builder.get_struct(TWO_POINTERS, None).unwrap();
            root.get_pointer_field_mut(1).adopt(orphan).unwrap();
            prop_assert_eq!(read(root.as_reader().get_pointer_field(1)).unwrap(), value.clone());
            prop_assert!(message.error().is_none());
            // What was there before is gone without a trace: only reachable words are not zero.
            let reachable = message.get_root_any().target_size().unwrap().word_count as usize + 1;
            let filled: usize = (0..message.len() as u32)
                .map(|id| common::words(message.get_segment(id).unwrap()))
                .map(|words| words.into_iter().filter(|word| *word != 0).count())
                .sum();
            prop_assert!(filled <= 4 * reachable, "{} words of {} are left", filled, reachable);
        }
    }

    #[test]
    fn resized_lists_keep_what_fits(value in any_value(), length in 0..12u32) {
        let list = match &value {
            Value::Null | Value::Struct(_) => return Ok(()),
            list => list,
        };
        for mut message in messages() {
            build(message.get_root_any().builder, list);
            let mut orphan: Orphan<capstan_message::any_list::Owned> = message.get_root_any().disown();
            orphan.resize(&mut message, length).unwrap();
            let resized = orphan.get_reader(&message).unwrap();
            prop_assert_eq!(resized.len(), length);
            let before = list.clone();
            message.get_root_any().adopt(orphan).unwrap();
            let after = read(message.get_root_any().as_reader().reader).unwrap();
            let keep = length as usize;
            match (before, after) {
                (Value::Bools(before), Value::Bools(after)) => check(&before, &after, keep, &false),
                (Value::Scalars(_, before), Value::Scalars(_, after)) => check(&before, &after, keep, &0),
                (Value::Pointers(before), Value::Pointers(after)) => {
                    check(&before, &after, keep, &Value::Null);
                }
                (Value::Structs(size, before), Value::Structs(_, after)) => {
                    let mut empty = common::Fields::default();
                    empty.data.resize(size.data.into(), 0);
                    empty.pointers.resize(size.pointers.into(), Value::Null);
                    check(&before, &after, keep, &empty);
                }
                (before, after) => panic!("{before:?} became {after:?}"),
            }
            prop_assert!(message.error().is_none());
        }
    }
}

fn check<T: PartialEq + std::fmt::Debug>(before: &[T], after: &[T], length: usize, zero: &T) {
    assert_eq!(after.len(), length);
    let kept = before.len().min(length);
    assert_eq!(before[..kept], after[..kept]);
    assert!(after[kept..].iter().all(|element| element == zero));
}

#[test]
fn shrinking_and_growing_leaves_zeroes() {
    for mut message in messages() {
        let mut orphan: Orphan<primitive_list::Owned<bool>> = Orphan::null();
        let mut list = orphan.initn(&mut message, 70).unwrap();
        for index in 0..70 {
            list.set(index, true);
        }
        orphan.resize(&mut message, 3).unwrap();
        orphan.resize(&mut message, 70).unwrap();
        let list = orphan.get_reader(&message).unwrap();
        assert!(list.iter().take(3).all(|bit| bit));
        assert!(list.iter().skip(3).all(|bit| !bit));
    }
}

#[test]
fn text_keeps_its_nul() {
    for mut message in messages() {
        let mut orphan: Orphan<text::Owned> = Orphan::null();
        orphan.set(&mut message, "a longer name").unwrap();
        orphan.resize(&mut message, 8).unwrap();
        assert_eq!(orphan.get_reader(&message).unwrap(), "a longer");
        orphan.resize(&mut message, 10).unwrap();
        assert_eq!(orphan.get_reader(&message).unwrap(), "a longer\0\0");
        orphan.resize(&mut message, 0).unwrap();
        assert_eq!(orphan.get_reader(&message).unwrap(), "");
    }
}

#[test]
fn the_last_object_grows_in_place() {
    let mut message = Builder::new_default();
    let mut orphan: Orphan<data::Owned> = Orphan::null();
    orphan.set(&mut message, [1; 8]).unwrap();
    let before = message.size_in_words();
    orphan.resize(&mut message, 80).unwrap();
    assert_eq!(message.size_in_words(), before + 9);
    orphan.get(&mut message).unwrap()[79] = 7;
    let bytes = orphan.get_reader(&message).unwrap();
    assert_eq!((bytes[0], bytes[8], bytes[79]), (1, 0, 7));
}

#[test]
fn orphans_stay_in_their_message() {
    let mut one = Builder::new_default();
    let mut other = Builder::new_default();
    one.set_root::<text::Owned>("here").unwrap();
    let mut orphan: Orphan<text::Owned> = one.get_root_any().disown();
    assert!(one.get_root_any().is_null());
    let wrong = orphan.get(&mut other).err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::ForeignOrphan);
    // The other message gives out an orphan of its own and still knows the difference.
    other.set_root::<text::Owned>("there").unwrap();
    let theirs: Orphan<text::Owned> = other.get_root_any().disown();
    let wrong = one.get_root_any().adopt(theirs).err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::ForeignOrphan);
    let wrong = orphan.resize(&mut other, 2).err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::ForeignOrphan);
    one.get_root_any().adopt(orphan).unwrap();
    assert_eq!(
        one.get_root_as_reader::<text::Reader<'_>>().unwrap(),
        "here"
    );
    // A message that starts over has forgotten its orphans.
    let orphan: Orphan<text::Owned> = one.get_root_any().disown();
    one.reset();
    let wrong = one.get_root_any().adopt(orphan).err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::ForeignOrphan);
}

#[test]
fn a_null_pointer_is_adopted_anywhere() {
    let mut message = Builder::new_default();
    message.set_root::<text::Owned>("gone").unwrap();
    message
        .get_root_any()
        .adopt(Orphan::<text::Owned>::null())
        .unwrap();
    assert!(message.get_root_any().is_null());
    let nothing: Orphan<text::Owned> = message.get_root_any().disown();
    assert!(nothing.is_null());
    assert_eq!(nothing.get_reader(&message).unwrap(), "");
}

#[test]
fn what_is_discarded_is_zeroed_and_its_pointer_used_again() {
    let mut message = Builder::new_default();
    for _ in 0..2 {
        message.set_root::<text::Owned>("secret!").unwrap();
        let orphan: Orphan<text::Owned> = message.get_root_any().disown();
        orphan.discard(&mut message).unwrap();
    }
    // The root, one orphan's pointer, and the two texts, all zero.
    assert_eq!(message.size_in_words(), 4);
    assert!(
        message
            .get_segment(0)
            .unwrap()
            .iter()
            .all(|byte| *byte == 0)
    );
}

#[test]
fn only_lists_are_resized() {
    let mut message = Builder::new_default();
    message.get_root_any().init_as_any_struct(TWO_POINTERS);
    let mut orphan: Orphan<any_struct::Owned> = message.get_root_any().disown();
    orphan.get(&mut message).unwrap();
    let mut list = orphan.cast::<data::Owned>();
    let wrong = list.resize(&mut message, 1).err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::WrongPointerKind);
    let wrong = list.get(&mut message).err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::WrongPointerKind);
    let mut list = list.cast::<list_list::Owned<data::Owned>>();
    list.initn(&mut message, 1).unwrap();
    let wrong = list.resize(&mut message, 1 << 29).err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::TooLarge);
    assert_eq!(list.get_reader(&message).unwrap().len(), 1);
}

#[test]
fn no_room_for_an_orphan_is_an_error() {
    let mut message = Builder::new(ScratchSpace::fixed(Vec::with_capacity(24)));
    message
        .get_root_any()
        .init_as_any_list(ElementSize::Byte, 16);
    let orphan: Orphan<data::Owned> = message.get_root_any().disown();
    assert!(orphan.is_null());
    assert_eq!(message.error().unwrap().kind(), ErrorKind::AllocationFailed);
}

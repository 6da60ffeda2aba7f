//! Capability tables beside messages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use capstan_message::capability::{CapHandle, Capability, FromCapability};
use capstan_message::layout::{ElementSize, StructSize};
use capstan_message::message::{Builder, FrameBuilder, ReaderOptions};
use capstan_message::{ErrorKind, any_pointer, capability_list, serialize};

struct Named(&'static str);
impl Capability for Named {}

fn cap(name: &'static str) -> CapHandle {
    Arc::new(Named(name))
}

fn name(cap: Option<CapHandle>) -> Option<&'static str> {
    cap.map(|cap| cap.downcast_ref::<Named>().unwrap().0)
}

/// As generated clients are.
struct Client(Option<CapHandle>);

impl FromCapability for Client {
    fn from_cap(cap: Option<CapHandle>) -> Self {
        Self(cap)
    }

    fn into_cap(self) -> Option<CapHandle> {
        self.0
    }
}

#[test]
fn caps_travel_beside_the_frame() {
    let mut message = FrameBuilder::default();
    let mut root = message.get_root_any().builder.init_struct(StructSize {
        data: 0,
        pointers: 3,
    });
    root.get_pointer_field_mut(0).set_capability(cap("a"));
    root.get_pointer_field_mut(2).set_capability(cap("b"));
    assert_eq!(
        name(root.get_pointer_field_mut(2).get_capability().unwrap()),
        Some("b")
    );
    let caps = message.take_caps();
    assert_eq!(caps.len(), 2);
    let frame = message.into_frame();

    let mut reader = serialize::read_frame(frame, ReaderOptions::new()).unwrap();
    reader.set_caps(caps);
    let root = reader.get_root_any().unwrap();
    assert_eq!(
        name(
            root.reader
                .get_struct(None)
                .unwrap()
                .get_pointer_field(0)
                .get_capability()
                .unwrap()
        ),
        Some("a")
    );
    assert_eq!(
        name(
            root.get_pointer_field(1)
                .unwrap()
                .reader
                .get_capability()
                .unwrap()
        ),
        None
    );
    let second: Client = root
        .get_pointer_field(2)
        .unwrap()
        .get_as_capability()
        .unwrap();
    assert_eq!(name(second.0), Some("b"));
    assert_eq!(root.target_size().unwrap().cap_count, 2);
}

#[test]
fn copies_carry_caps_into_the_new_table() {
    let mut source = Builder::new_default();
    let mut list: capability_list::Builder<'_, Client> = source.initn_root(3);
    list.set(0, Client(Some(cap("a"))));
    list.set(2, Client(Some(cap("c"))));
    list.set(1, Client(None));
    let source = source.into_reader();

    let mut target = Builder::new_default();
    let mut outer = target
        .get_root_any()
        .builder
        .init_list(ElementSize::Pointer, 2);
    outer
        .reborrow()
        .get_pointer_element(0)
        .set_capability(cap("x"));
    outer
        .get_pointer_element(1)
        .copy_from(source.get_root_any().unwrap().reader, false)
        .unwrap();
    assert_eq!(
        target.caps().iter().cloned().map(name).collect::<Vec<_>>(),
        [Some("x"), Some("a"), Some("c")]
    );
    let root = target
        .get_root_as_reader::<any_pointer::Reader<'_>>()
        .unwrap();
    let outer = root.reader.get_list(ElementSize::Pointer, None).unwrap();
    let inner = any_pointer::Reader::new(outer.get_pointer_element(1));
    let inner: capability_list::Reader<'_, Client> = inner.get_as().unwrap();
    let names: Vec<_> = inner.iter().map(|client| name(client.unwrap().0)).collect();
    assert_eq!(names, [Some("a"), None, Some("c")]);
}

#[test]
fn overwritten_caps_are_let_go() {
    let handle = cap("a");
    let mut message = Builder::new_default();
    message.get_root_any().set_as_capability(handle.clone());
    assert_eq!(Arc::strong_count(&handle), 2);
    message.get_root_any().clear();
    assert_eq!(Arc::strong_count(&handle), 1);
    assert_eq!(
        message.caps().len(),
        1,
        "the indexes of the others stay what they are"
    );
}

#[test]
fn entries_may_be_null_and_indexes_set_by_hand() {
    let mut message = Builder::new_default();
    message.get_root_any().builder.set_capability_index(1);
    assert_eq!(
        message
            .get_root_any()
            .builder
            .get_capability()
            .map(drop)
            .unwrap_err()
            .kind(),
        ErrorKind::UnknownCapability
    );
    message.set_caps(vec![Some(cap("a")), None]);
    assert!(
        message
            .get_root_any()
            .builder
            .get_capability()
            .unwrap()
            .is_none()
    );
    message.set_caps(vec![None, Some(cap("b"))]);
    assert_eq!(
        name(message.get_root_any().builder.get_capability().unwrap()),
        Some("b")
    );
    let mut reader = message.into_reader();
    assert_eq!(reader.caps().len(), 2);
    assert_eq!(
        reader
            .get_root_any()
            .unwrap()
            .reader
            .capability_index()
            .unwrap(),
        Some(1)
    );
    assert_eq!(reader.take_caps().len(), 2);
}

#[test]
fn a_message_with_caps_has_no_canonical_form() {
    let mut source = Builder::new_default();
    source.get_root_any().set_as_capability(cap("a"));
    let mut target = Builder::new_default();
    let root = source
        .get_root_as_reader::<any_pointer::Reader<'_>>()
        .unwrap();
    let error = target
        .set_root_canonical::<any_pointer::Owned>(root)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongPointerKind);
}

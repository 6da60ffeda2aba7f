//! What is generated for a schema with every construct of the language compiles, warns about
//! nothing, and works.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[rustfmt::skip]
#[path = "generated/everything_capnp.rs"]
mod everything_capnp;
#[rustfmt::skip]
#[path = "generated/neighbour_capnp.rs"]
mod neighbour_capnp;

use std::sync::Arc;

use capstan_rpc::message::capability::{CapHandle, Capability};
use capstan_rpc::message::introspect::{Introspect, Kind, Type};
use capstan_rpc::message::layout::{ElementSize, StructSize};
use capstan_rpc::message::message::{Builder, HeapAllocator, Reader, ReaderOptions, SegmentArray};
use capstan_rpc::message::traits::HasTypeId;
use capstan_rpc::message::{any_list, any_struct, data, primitive_list, text, text_list};
use capstan_schema::node::Value;
use everything_capnp::{
    Void2, clashes, everything, generic, keywords, methods, outer, prelude, shadow,
};
use neighbour_capnp::near;

fn message() -> Builder<HeapAllocator> {
    Builder::new_default()
}

#[test]
fn defaults_of_every_kind_read_from_an_empty_struct() {
    let message = message();
    let root: everything::Reader<'_> = message.get_root_as_reader().unwrap();
    root.get_void();
    assert!(root.get_bool());
    assert_eq!(
        (root.get_int8(), root.get_int16(), root.get_int32()),
        (i8::MIN, i16::MIN, i32::MIN)
    );
    assert_eq!(
        (root.get_int64(), root.get_u_int8(), root.get_u_int16()),
        (i64::MIN, u8::MAX, u16::MAX)
    );
    assert_eq!(
        (root.get_u_int32(), root.get_u_int64()),
        (u32::MAX, u64::MAX)
    );
    assert_eq!((root.get_float32(), root.get_float64()), (-1.5e30, 1e-300));
    assert_eq!(root.get_text().unwrap(), "q\"uo\\te\n\u{1} ünï\u{202e}rtl");
    assert_eq!(root.get_data().unwrap(), b"\x00\xff\"\\");
    assert_eq!(root.get_enumeration(), Ok(Void2::ABC));
    let structure = root.get_structure().unwrap();
    assert!(!structure.get_bool());
    assert_eq!(structure.get_text().unwrap(), "inner");
    assert_eq!(structure.get_structure().unwrap().get_int8(), 5);
    let lists = structure.get_lists().unwrap();
    let lists: Vec<Vec<u8>> = lists
        .iter()
        .map(|list| list.unwrap().iter().collect())
        .collect();
    assert_eq!(lists, [vec![1], vec![], vec![2, 3]]);
    assert_eq!(root.get_voids().unwrap().len(), 2);
    assert_eq!(
        root.get_bools().unwrap().iter().collect::<Vec<_>>(),
        [true, false, true]
    );
    assert_eq!(
        root.get_float32s().unwrap().iter().collect::<Vec<_>>(),
        [f32::INFINITY, f32::NEG_INFINITY, 0.5]
    );
    assert_eq!(root.get_texts().unwrap().get(2).unwrap(), "three");
    assert_eq!(root.get_datas().unwrap().get(1).unwrap(), b"two");
    assert_eq!(root.get_enums().unwrap().get(0), Ok(Void2::Self_));
    assert_eq!(root.get_structs().unwrap().get(0).get_u_int8(), 1);
    assert_eq!(root.get_lists().unwrap().get(0).unwrap().get(1), 2);
    assert!(root.get_interfaces().unwrap().is_empty());
    let generic = root.get_generic().unwrap();
    assert!(matches!(generic.which(), Ok(generic::Both(both)) if both.get_left().unwrap() == "l"));
    assert!(!root.get_imported().unwrap().get_far().unwrap().get_bool());
    assert!(!root.has_structure() && !root.has_lists() && !root.has_any_pointer());
}

#[test]
fn pointers_of_any_kind_have_defaults_too() {
    let mut message = message();
    let root: everything::Reader<'_> = message.get_root_as_reader().unwrap();
    let list = root.get_any_pointer().get_as::<any_list::Reader<'_>>();
    let list = list.unwrap();
    assert_eq!(list.len(), 2);
    let second: keywords::crate_::Reader<'_> = list.get_struct(1).get_as();
    assert_eq!(second.get_in(), 2);
    let structure: everything::Reader<'_> = root.get_any_struct().unwrap().get_as();
    assert_eq!(structure.get_text().unwrap(), "constant");
    let numbers = root.get_any_list().unwrap();
    let numbers: primitive_list::Reader<'_, i16> = numbers.get_as().unwrap();
    assert_eq!(numbers.iter().collect::<Vec<_>>(), [1, -1]);

    // A builder gets a copy that can be changed.
    let mut root = message.init_root::<everything::Builder<'_>>();
    let list = root.reborrow().get_any_list().unwrap();
    let mut list: primitive_list::Builder<'_, i16> = list.get_as().unwrap();
    list.set(0, 7);
    let pointer = root.reborrow().get_any_pointer();
    assert!(!pointer.is_null());
    let root = root.into_reader();
    let list = root.get_any_list().unwrap();
    let list: primitive_list::Reader<'_, i16> = list.get_as().unwrap();
    assert_eq!(list.iter().collect::<Vec<_>>(), [7, -1]);
}

struct Object(u32);
impl Capability for Object {}

#[test]
fn fields_of_any_struct_list_and_capability_have_types_of_their_own() {
    let mut source = message();
    let mut crate_ = source.init_root::<keywords::crate_::Builder<'_>>();
    crate_.set_in(17);
    let mut message = message();
    let mut root = message.init_root::<everything::Builder<'_>>();
    root.set_any_struct(crate_.into_reader()).unwrap();
    let pointer = root.reborrow().init_any_list();
    assert!(pointer.is_null());
    let mut texts: text_list::Builder<'_> = pointer.initn_as(2);
    texts.set(1, "one");
    let handle: CapHandle = Arc::new(Object(3));
    root.set_capability(capstan_rpc::Client::from_cap(Some(handle.clone())));
    let mut lists = root.reborrow().init_any_lists(1);
    lists.set(0, any_list::Reader::default()).unwrap();
    let mut capabilities = root.reborrow().init_capabilities(1);
    capabilities.set(0, capstan_rpc::Client::from_cap(Some(handle)));
    let orphan = root.disown_any_struct();
    assert!(!root.has_any_struct());
    root.adopt_any_struct(orphan).unwrap();
    let any: any_struct::Builder<'_> =
        root.reborrow()
            .init_any_pointer()
            .init_as_any_struct(StructSize {
                data: 1,
                pointers: 0,
            });
    assert_eq!(any.as_reader().unwrap().data_section().len(), 8);
    let root = root.into_reader();
    let structure: keywords::crate_::Reader<'_> = root.get_any_struct().unwrap().get_as();
    assert_eq!(structure.get_in(), 17);
    let list = root.get_any_list().unwrap();
    assert_eq!(list.element_size(), ElementSize::Pointer);
    let list: text_list::Reader<'_> = list.get_as().unwrap();
    assert_eq!(list.get(1).unwrap(), "one");
    for client in [
        root.get_capability().unwrap(),
        root.get_capabilities().unwrap().get(0).unwrap(),
    ] {
        let handle = client.into_cap().unwrap();
        assert_eq!(handle.downcast_ref::<Object>().unwrap().0, 3);
    }
    assert_eq!(root.get_any_lists().unwrap().len(), 1);
}

#[test]
fn constants_of_every_kind() {
    use everything_capnp as file;
    assert_eq!((file::VOID, file::BOOL, file::INT8), ((), true, i8::MIN));
    assert_eq!((file::INT16, file::INT32), (i16::MIN, i32::MIN));
    assert_eq!((file::INT64, file::U_INT8), (i64::MIN, u8::MAX));
    assert_eq!((file::U_INT16, file::U_INT32), (u16::MAX, u32::MAX));
    assert_eq!(
        (file::U_INT64, file::FLOAT64),
        (u64::MAX, f64::NEG_INFINITY)
    );
    assert!(file::FLOAT32.is_nan());
    assert_eq!(file::TEXT, "tab\tquote\" back\\slash {} ünï \u{7f}");
    assert_eq!(file::DATA, b"bytes\x00\xff\"");
    assert_eq!(file::ENUMERATION, Void2::Self_);
    assert_eq!(file::SELF, "keyword");
    let structure = file::STRUCTURE.get().unwrap();
    assert_eq!(structure.get_text().unwrap(), "constant");
    let imported: near::Reader<'_> = structure.get_imported().unwrap();
    assert_eq!(imported.get_enum(), Ok(Void2::Err));
    assert_eq!(file::FROM_AFAR.get().unwrap().get_enum(), Ok(Void2::Err));
    let generic: generic::Reader<'_, text::Owned, data::Owned> = file::GENERIC.get().unwrap();
    assert!(matches!(generic.which(), Ok(generic::B(Ok([1, 2])))));
    assert_eq!(file::LIST_OF_VOID.get().unwrap().len(), 3);
    assert!(file::LIST_OF_BOOL.get().unwrap().get(0));
    assert_eq!(file::LIST_OF_INT16.get().unwrap().get(1), -1);
    let texts = file::LIST_OF_TEXT.get().unwrap();
    assert_eq!(texts.get(1).unwrap(), file::TEXT);
    let datas = file::LIST_OF_DATA.get().unwrap();
    assert_eq!(datas.get(0).unwrap(), file::DATA);
    assert_eq!(file::LIST_OF_ENUM.get().unwrap().get(1), Ok(Void2::ABC));
    assert_eq!(file::LIST_OF_STRUCTS.get().unwrap().get(1).get_in(), 2);
    let lists = file::LIST_OF_LISTS.get().unwrap();
    assert_eq!(lists.get(0).unwrap().get(0).unwrap(), "x");
    assert!(file::EMPTY_STRUCT.get().unwrap().get_bool());
    assert!(file::EMPTY_LIST.get().unwrap().is_empty());
    let any = file::ANY_POINTER.get().unwrap();
    assert_eq!(any.get_as::<any_list::Reader<'_>>().unwrap().len(), 2);
    let any: everything::Reader<'_> = file::ANY_STRUCT.get().unwrap().get_as();
    assert_eq!(any.get_text().unwrap(), "constant");
    assert_eq!(file::ANY_LIST.get().unwrap().len(), 2);
    assert_eq!(neighbour_capnp::TEXT, file::TEXT);
    assert_eq!(generic::UNIT, generic::Kind::B);
    assert_eq!(
        (clashes::INTERFACE_ID_, clashes::WHICH_BUILDER),
        (5, "constant")
    );
    const { assert!(methods::INTERFACE_ID_) };
}

#[test]
fn members_may_be_called_what_the_prelude_has() {
    let mut message = message();
    let mut root = message.init_root::<prelude::Builder<'_>>();
    root.set_ok("fine");
    assert!(matches!(root.reborrow().which(), Ok(prelude::Ok(Ok(_)))));
    let mut result = root.reborrow().init_result();
    result.set_option(prelude::Option::Ok);
    let unnamed = result.reborrow().get_unnamed();
    assert!(unnamed.reborrow_as_reader().get_copy());
    assert_eq!(result.reborrow().get_default(), Ok(prelude::Option::Second));
    match root.into_reader().which() {
        Ok(prelude::Which::Result(result)) => match result.get_unnamed().which() {
            Ok(prelude::result::unnamed::Send(send)) => assert_eq!(send, -1),
            _ => panic!("the first member is active"),
        },
        _ => panic!("the group was initialized"),
    }
    assert_eq!(prelude::Option::try_from(1), Ok(prelude::Option::Second));
    assert_eq!(prelude::WHICH, prelude::Which_::Ok);
    assert_eq!(
        prelude::BOXED.get().unwrap().get_result(),
        Ok(prelude::Result::Ok)
    );
}

#[test]
fn members_may_be_keywords() {
    let mut message = message();
    let mut root = message.init_root::<keywords::Builder<'_>>();
    assert_eq!(root.reborrow().get_continue(), Ok(Void2::Super));
    assert_eq!(root.reborrow().get_dyn().get_else(), f32::INFINITY);
    root.reborrow().get_extern().init_match().set_mod(4);
    let matched = root.reborrow_as_reader().get_extern().which();
    match matched {
        Ok(keywords::extern_::Match(group)) => {
            assert_eq!((group.get_mod(), group.get_move()), (4, u64::MAX));
        }
        _ => panic!("the group was initialized"),
    }
    root.reborrow()
        .get_extern()
        .set_super(keywords::Super::Crate);
    assert!(matches!(
        root.reborrow_as_reader().get_extern().which(),
        Ok(keywords::extern_::Super(Ok(keywords::Super::Crate)))
    ));
}

#[test]
fn types_may_be_called_what_generated_modules_define() {
    let mut message = message();
    let mut root = message.init_root::<clashes::Builder<'_>>();
    root.set_owned(clashes::Owned_::A);
    root.set_reader(clashes::Reader_::A);
    root.set_a0("a0");
    root.set_self("self");
    root.reborrow().init_init_self(1);
    assert!(matches!(
        root.reborrow_as_reader().which(),
        Ok(clashes::A0(Ok(text))) if text == "a0"
    ));
    root.set_which_reader(clashes::WhichReader_::A);
    assert!(matches!(
        root.into_reader().which(),
        Ok(clashes::WhichReader(Ok(clashes::WhichReader_::A)))
    ));

    type Bound<'a> =
        shadow::Builder<'a, text::Owned, text::Owned, data::Owned, near::Owned, text::Owned>;
    let mut message = Builder::new_default();
    let mut root = message.init_root::<Bound<'_>>();
    root.set_reader("reader").unwrap();
    root.set_owned([1, 2]).unwrap();
    assert!(matches!(
        root.reborrow_as_reader().which(),
        Ok(shadow::Which::Owned(Ok([1, 2])))
    ));
    root.reborrow().init_which().set_enum(Void2::Box);
    assert_eq!(root.get_reader().unwrap().to_str().unwrap(), "reader");
}

#[test]
fn brands_bind_the_scopes_around_a_type() {
    let mut message = message();
    let mut root = message.init_root::<outer::Builder<'_>>();
    let mut plain = root.reborrow().init_middle();
    plain.set_t("middle").unwrap();
    plain.reborrow().init_i().set_t("innermost").unwrap();
    root.reborrow().init_alias().set_b([9]).unwrap();
    let half = root.reborrow().init_half();
    half.init_t().set_as::<text::Owned>("unbound").unwrap();
    let root = root.into_reader();
    let plain: outer::middle::plain::Reader<'_, text::Owned> = root.get_middle().unwrap();
    assert_eq!(plain.get_t().unwrap(), "middle");
    assert_eq!(plain.get_i().unwrap().get_t().unwrap(), "innermost");
    let unbound = root.get_half().unwrap().get_t().unwrap();
    assert_eq!(unbound.get_as::<text::Reader<'_>>().unwrap(), "unbound");
    assert_eq!(root.get_enum(), Ok(outer::middle::Enum::One));
}

#[test]
fn readers_show_what_is_there() {
    let mut message = message();
    let mut root = message.init_root::<prelude::Builder<'_>>();
    root.set_ok("fine");
    let shown = format!("{:?}", root.reborrow_as_reader());
    assert_eq!(shown, r#"Prelude { ok: "fine" }"#);
    let mut result = root.reborrow().init_result();
    result.reborrow().init_vec(1).set(0, prelude::Option::Ok);
    assert_eq!(
        format!("{:?}", root.into_reader()),
        "Prelude { result: result { option: First, vec: [Ok(Ok)], default: Second, \
         unnamed: unnamed { copy: true, send: -1 } } }"
    );

    type Bound<'a> = generic::Builder<'a, text::Owned, near::Owned>;
    let mut message = Builder::new_default();
    let mut root = message.init_root::<Bound<'_>>();
    root.reborrow().init_both().set_left("leaf").unwrap();
    root.reborrow().init_self();
    assert_eq!(
        format!("{:?}", root.reborrow_as_reader()),
        "Generic { self: Generic, both: both { left: \"leaf\" } }"
    );
    let size = root.reborrow_as_reader().total_size().unwrap();
    assert_eq!(root.total_size().unwrap(), size);

    // A null pointer to a struct of the same type is left out, so this ends.
    let empty: outer::Reader<'_> = Default::default();
    assert_eq!(format!("{empty:?}"), "Outer { enum: One }");
    let everything = everything_capnp::EMPTY_STRUCT.get().unwrap();
    assert!(format!("{everything:?}").starts_with("Everything { bool: true, int8: -128, "));
}

/// What the schema compiler says of everything in the file and its neighbour.
fn compiled() -> capstan_schema::CompiledSchema {
    let mut files = capstan_schema::MemoryFiles::new();
    files.insert("everything.capnp", include_str!("schemas/everything.capnp"));
    files.insert("neighbour.capnp", include_str!("schemas/neighbour.capnp"));
    let requested = [files.get("everything.capnp").unwrap()];
    capstan_schema::compile(&files, &requested).unwrap()
}

#[test]
fn types_tell_their_schema() {
    let node = everything::Owned::node();
    assert_eq!(
        (node.name(), node.display_name),
        ("Everything", "everything.capnp:Everything")
    );
    assert_eq!(node.id, everything::Owned::TYPE_ID);
    let Kind::Struct { fields } = node.kind else {
        panic!("{node:?} is a struct");
    };
    let types: Vec<String> = fields
        .iter()
        .map(|field| format!("{} :{:?}", field.name, field.ty))
        .collect();
    assert_eq!(types[0], "void :Void");
    assert_eq!(
        types[14..20].join(" "),
        "enumeration :Void2 structure :Everything anyPointer :AnyPointer anyStruct :AnyStruct anyList :AnyList capability :Capability"
    );
    assert_eq!(types[29], "lists :List(List(UInt8))");
    assert_eq!(types[33], "generic :Generic(Text, List(Everything))");

    let Kind::Struct { fields } = prelude::Owned::node().kind else {
        panic!("a struct");
    };
    let tags: Vec<Option<u16>> = fields.iter().map(|field| field.discriminant).collect();
    assert_eq!(tags, [Some(0), Some(1), Some(2), Some(3), Some(4)]);
    let Type::Group(result) = fields[4].ty else {
        panic!("{:?} is a group", fields[4]);
    };
    assert_eq!(result().id, prelude::result::Reader::node().id);

    let Kind::Enum { enumerants } = Void2::node().kind else {
        panic!("an enum");
    };
    assert_eq!(enumerants[..3], ["none", "some", "ok"]);

    let Kind::Interface {
        methods,
        superclasses,
    } = methods::Owned::node().kind
    else {
        panic!("an interface");
    };
    assert_eq!(
        (methods[2].name, methods[2].results.is_none()),
        ("new", true)
    );
    assert_eq!((methods[6].params)().name(), "Near");
    let (base, arguments) = superclasses[0];
    assert_eq!(format!("{}{arguments:?}", base().name()), "Base[Text]");
    let generic = generic::Owned::<text::Owned, data::Owned>::node();
    let Kind::Struct { fields } = generic.kind else {
        panic!("a struct");
    };
    let parameter = format!("a :parameter 0 of {:#018x}", generic.id);
    assert_eq!(format!("{} :{:?}", fields[0].name, fields[0].ty), parameter);
}

#[test]
fn nodes_at_run_time_are_those_of_the_compiler() {
    let reachable = methods::Owned::node().reachable();
    let request = methods::Owned::node().request().unwrap();
    let schema = capstan_schema::read_request(&request).unwrap();
    assert_eq!(schema.nodes.len(), reachable.len());
    assert!(reachable.len() > 40, "{}", reachable.len());
    let compiled = compiled();
    for mut node in schema.nodes.clone() {
        let mut expected = compiled
            .nodes
            .iter()
            .find(|each| each.id == node.id)
            .unwrap()
            .clone();
        normalize(&mut expected);
        normalize(&mut node);
        // A float that is not a number equals nothing.
        assert_eq!(format!("{node:?}"), format!("{expected:?}"));
    }
    for (one, reached) in schema.nodes.iter().zip(&reachable) {
        assert_eq!((one.id, one.name()), (reached.id, reached.name()));
    }
}

/// Comments are no part of nodes, and values may be laid out in several ways.
fn normalize(node: &mut capstan_schema::node::Node) {
    use capstan_schema::node::{FieldKind, NodeKind};
    node.doc_comment = None;
    match &mut node.kind {
        NodeKind::Struct(structure) => {
            for field in &mut structure.fields {
                field.doc_comment = None;
                if let FieldKind::Slot { default, .. } = &mut field.kind {
                    canonicalize(default);
                }
            }
        }
        NodeKind::Enum { enumerants } => {
            for enumerant in enumerants {
                enumerant.doc_comment = None;
            }
        }
        NodeKind::Interface { methods, .. } => {
            for method in methods {
                method.doc_comment = None;
            }
        }
        _ => {}
    }
}

fn canonicalize(value: &mut Value) {
    let (Value::List(bytes) | Value::Struct(bytes) | Value::AnyPointer(bytes)) = value else {
        return;
    };
    if !bytes.is_empty() {
        let segments = [bytes.as_slice()];
        let segments = SegmentArray::new(&segments);
        *bytes = Reader::new(segments, ReaderOptions::new())
            .canonicalize()
            .unwrap();
    }
}

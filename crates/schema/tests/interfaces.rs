//! Interfaces at run time: what they inherit, what their type parameters stand for, and capabilities
//! in values.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use capstan_message::capability::{CapHandle, Capability};
use capstan_message::message;
use capstan_schema::dynamic::{InterfaceType, Schema, Value};
use capstan_schema::node::{FieldKind, Type};
use capstan_schema::{NoFiles, SourceFile, compile};

const SCHEMA: &str = "@0xd4c9a1b7e6f20853;
interface Named { name @0 () -> (name :Text); }
interface Store(T) extends(Named) {
  put @0 (value :T) -> stream;
  swap @1 Pair(T) -> (old :T, store :Store(T));
  name @2 () -> (own :Bool);
}
struct Pair(S) { first @0 :S; store @1 :Store(S); }
interface Shelf(A, B) extends(Store(B), Named) { both @0 (a :A, b :B); }
struct Holder {
  named @0 :Named;
  union {
    none @1 :Void;
    many :group { list @2 :List(Named); any @3 :AnyPointer; }
  }
  text @4 :Text;
}";

fn schema() -> Schema {
    Schema::new(compile(&NoFiles, &[SourceFile::new("store.capnp", SCHEMA)]).unwrap())
}

fn names(interface: &InterfaceType<'_>) -> Vec<String> {
    let methods = interface.methods();
    methods
        .map(|method| format!("{}.{}", method.interface().node().name(), method.name()))
        .collect()
}

#[test]
fn own_methods_come_before_inherited_ones_and_each_once() {
    let schema = schema();
    let shelf = schema.interface_type("Shelf").unwrap();
    assert_eq!(
        names(&shelf),
        [
            "Shelf.both",
            "Store.put",
            "Store.swap",
            "Store.name",
            "Named.name"
        ]
    );
    let name = shelf.method("name").unwrap();
    assert_eq!(
        (name.interface().node().name(), name.ordinal()),
        ("Store", 2)
    );
    assert!(shelf.method("put").unwrap().is_streaming());
    assert!(shelf.method("pit").is_none() && schema.interface_type("Pair").is_none());
}

/// The type of a field of a method's parameters or results.
fn field_type(
    (id, brand): (u64, capstan_schema::node::Brand),
    schema: &Schema,
    name: &str,
) -> Type {
    let structure = schema.struct_by_id(id, brand.clone()).unwrap();
    match &structure.field(name).unwrap().1.kind {
        FieldKind::Slot { ty, .. } => ty.bound_by(&brand),
        FieldKind::Group { .. } => panic!("{name} is a group"),
    }
}

#[test]
fn type_arguments_reach_what_is_inherited_and_what_is_nested() {
    let schema = schema();
    let shelf = schema.interface_type("Shelf").unwrap();
    let shelf = shelf.bind([Type::Data, Type::Text]);
    let put = shelf.method("put").unwrap();
    assert_eq!(field_type(put.params_type(), &schema, "value"), Type::Text);
    let both = shelf.method("both").unwrap().params_type();
    assert_eq!(field_type(both.clone(), &schema, "a"), Type::Data);
    assert_eq!(field_type(both, &schema, "b"), Type::Text);

    // Through a struct with a parameter of its own, and the interface in it.
    let swap = shelf.method("swap").unwrap();
    assert_eq!(field_type(swap.params_type(), &schema, "first"), Type::Text);
    for found in [
        field_type(swap.params_type(), &schema, "store"),
        field_type(swap.results_type(), &schema, "store"),
    ] {
        let Type::Interface { id, brand } = found else {
            panic!("{found:?}");
        };
        let store = schema.interface_by_id(id, brand).unwrap();
        let put = store.method("put").unwrap();
        assert_eq!(field_type(put.params_type(), &schema, "value"), Type::Text);
    }
}

struct Object;

impl Capability for Object {}

#[test]
fn capabilities_are_set_read_and_copied() {
    let schema = schema();
    let holder = schema.struct_type("Holder").unwrap();
    let object: CapHandle = Arc::new(Object);
    let mut message = message::Builder::new_default();
    let mut built = holder.init_root(&mut message);
    built.set_capability("named", Some(object.clone())).unwrap();
    let mut many = built.slot("many").unwrap().init_struct().unwrap();
    many.set_capability("any", Some(object.clone())).unwrap();
    let mut list = many.slot("list").unwrap().init_list(2).unwrap();
    let first = list.slot(0).unwrap();
    first.set_capability(Some(object.clone())).unwrap();
    let refused = built.set_capability("text", Some(object.clone()));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "expected a value of type Text, found a capability"
    );

    // A group is copied field by field, into a message with a table of its own.
    let mut copy = message::Builder::new_default();
    let mut copied = holder.init_root(&mut copy);
    let source = built.as_reader();
    for name in ["named", "many"] {
        let value = source.get_named(name).unwrap().unwrap();
        copied.set(name, value).unwrap();
    }
    let copied = copied.as_reader();
    let same = |value: Value<'_>| match value {
        Value::Capability(found) => {
            let interface = found.interface().unwrap().node().name();
            assert_eq!(interface, "Named");
            let found: Option<CapHandle> = found.get_as().unwrap();
            found.map(|found| Arc::ptr_eq(&found, &object))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        same(copied.get_named("named").unwrap().unwrap()),
        Some(true)
    );
    let Some(Value::Struct(many)) = copied.get_named("many").unwrap() else {
        panic!("a group is a struct");
    };
    let Some(Value::List(list)) = many.get_named("list").unwrap() else {
        panic!("a list is a list");
    };
    assert_eq!(same(list.get(0).unwrap()), Some(true));
    assert_eq!(same(list.get(1).unwrap()), None);
    let Some(Value::AnyPointer(any)) = many.get_named("any").unwrap() else {
        panic!("an AnyPointer is one");
    };
    let any: Option<CapHandle> = any.get_as_capability().unwrap();
    assert!(Arc::ptr_eq(&any.unwrap(), &object));
}

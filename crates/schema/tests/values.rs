//! Values at run time: what is refused, and how that is said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use capstan_message::message;
use capstan_schema::dynamic::{Schema, SetError, Value};
use capstan_schema::{NoFiles, SourceFile, compile, json, text};
use serde::de::DeserializeSeed;

const SCHEMA: &str = "@0xd4c9a1b7e6f20853;
enum Color { red @0; green @1; }
struct Point { x @0 :Int8; y @1 :Int8 = 7; }
struct Box(T) { content @0 :T; }
struct Shape {
  name @0 :Text;
  color @1 :Color = green;
  points @2 :List(Point);
  boxed @3 :Box(Point);
  data @4 :Data;
  union {
    none @5 :Void;
    radius @6 :Float64;
    size :group { w @7 :UInt16; h @8 :UInt16; }
  }
}";

fn schema() -> Schema {
    Schema::new(compile(&NoFiles, &[SourceFile::new("shape.capnp", SCHEMA)]).unwrap())
}

/// What the text reads as, or the errors.
fn through(literal: &str) -> Result<String, String> {
    let schema = schema();
    let ty = schema.struct_type("Shape").unwrap();
    let mut message = message::Builder::new_default();
    let rendered = |errors: Vec<capstan_schema::Diagnostic>| {
        let errors: Vec<String> = errors.iter().map(|error| error.render()).collect();
        errors.concat()
    };
    let literals = text::parse("in", literal).map_err(rendered)?;
    literals
        .read(0, ty.init_root(&mut message))
        .map_err(rendered)?;
    let root = ty.read_root(message.get_root_as_reader().unwrap()).unwrap();
    Ok(text::print(&root.into(), false).unwrap())
}

fn from_json(document: &str) -> Result<String, String> {
    let schema = schema();
    let ty = schema.struct_type("Shape").unwrap();
    let mut message = message::Builder::new_default();
    json::read(document, ty.init_root(&mut message)).map_err(|error| error.to_string())?;
    let root = ty.read_root(message.get_root_as_reader().unwrap()).unwrap();
    Ok(text::print(&root.into(), false).unwrap())
}

#[test]
fn type_parameters_are_bound() {
    let literal = "(color = red, boxed = (content = (x = 1, y = 2)), none = void)";
    assert_eq!(through(literal).unwrap(), literal);
}

#[test]
fn a_union_member_that_is_set_leaves_nothing_of_the_others() {
    let schema = schema();
    let ty = schema.struct_type("Shape").unwrap();
    let mut message = message::Builder::new_default();
    let mut shape = ty.init_root(&mut message);
    shape.set("radius", Value::Float64(-1.5)).unwrap();
    let mut size = shape.slot("size").unwrap().init_struct().unwrap();
    size.set("w", Value::UInt(3)).unwrap();
    let text = text::print(&shape.as_reader().into(), false).unwrap();
    assert_eq!(text, "(color = green, size = (w = 3, h = 0))");
}

#[test]
fn values_that_do_not_fit_are_refused_and_change_nothing() {
    let schema = schema();
    let ty = schema.struct_type("Shape").unwrap();
    let mut message = message::Builder::new_default();
    let mut shape = ty.init_root(&mut message);
    let mut points = shape.slot("points").unwrap().init_list(1).unwrap();
    let mut point = points.slot(0).unwrap().init_struct().unwrap();
    for (value, message) in [
        (Value::Int(128), "128 does not fit in Int8"),
        (
            Value::UInt(u64::MAX),
            "18446744073709551615 does not fit in Int8",
        ),
        (
            Value::Float64(1.0),
            "expected a value of type Int8, found 1",
        ),
        (
            Value::Text("x".into()),
            "expected a value of type Int8, found a Text",
        ),
    ] {
        assert_eq!(point.set("y", value).unwrap_err().to_string(), message);
    }
    let error = point.set("z", Value::Void).unwrap_err();
    assert_eq!(error.to_string(), "Point has no field 'z'");
    let error = points.slot(1).unwrap_err();
    assert_eq!(error, SetError::NoSuchElement { index: 1, count: 1 });
    let text = text::print(&shape.as_reader().into(), false).unwrap();
    assert_eq!(
        text,
        "(color = green, points = [(x = 0, y = 7)], none = void)"
    );
}

#[test]
fn errors_in_text_show_the_place() {
    assert_eq!(
        through("(name = \"a\",\n  colour = red, points = [(x = 200)], size = 5)").unwrap_err(),
        "in:2:3-9: error: Shape has no field 'colour'\n  colour = red, points = [(x = 200)], size = 5)\n  ^~~~~~\n\
         in:2:32-35: error: 200 does not fit in Int8\n  colour = red, points = [(x = 200)], size = 5)\n                               ^~~\n\
         in:2:46-47: error: expected a value of type size, found 5\n  colour = red, points = [(x = 200)], size = 5)\n                                             ^\n"
    );
    let error = through("(name = other.name)").unwrap_err();
    assert!(error.contains("help: only literal values"), "{error}");
    let error = through("(name = ").unwrap_err();
    assert!(error.starts_with("in:1:9: error: "), "{error}");
}

#[test]
fn errors_in_json_name_the_path() {
    for (document, error) in [
        ("[]", "expected an object, found an array"),
        (
            r#"{"points": [{"x": 1}, {"x": 200}]}"#,
            "points[1].x: 200 does not fit in Int8",
        ),
        (
            r#"{"boxed": {"content": {"y": "no"}}}"#,
            "boxed.content.y: expected a number for Int8, found \"no\"",
        ),
        (
            r#"{"color": "blue"}"#,
            "color: Color has no enumerant 'blue'",
        ),
        (
            r#"{"data": [1, 256]}"#,
            "data: expected a number from 0 to 255, found 256",
        ),
        (r#"{"size": 1}"#, "size: expected an object, found 1"),
        (
            r#"{"boxed": {"content": {"x": 1}}, "none": null, "size": {"w": 1}}"#,
            "both 'none' and 'size' are there, but a union has only one member",
        ),
    ] {
        assert_eq!(from_json(document).unwrap_err(), error, "{document}");
    }
    assert!(from_json("{").unwrap_err().contains("line 1 column 1"));
}

#[test]
fn json_without_a_member_or_with_null_leaves_the_default() {
    let read = from_json(r#"{"color": null, "name": null, "unknown": [1], "radius": "-Infinity"}"#);
    assert_eq!(read.unwrap(), "(color = green, radius = -inf)");
}

/// Calls `check` with a struct that the text fills in.
fn with_shape(literal: &str, check: impl FnOnce(&capstan_schema::dynamic::Struct<'_>)) {
    let schema = schema();
    let ty = schema.struct_type("Shape").unwrap();
    let mut message = message::Builder::new_default();
    let parsed = text::parse("in", literal).unwrap();
    parsed.read(0, ty.init_root(&mut message)).unwrap();
    let root = message.get_root_as_reader().unwrap();
    check(&ty.read_root(root).unwrap());
}

const SHAPE: &str = r#"(name = "s", color = red, points = [(x = -1, y = 2), (x = 3, y = 7)], boxed = (content = (x = 0, y = 1)), data = "\001\377", size = (w = 1, h = 65535))"#;

#[test]
fn serde_takes_values_to_json_and_back() {
    with_shape(SHAPE, |shape| {
        let written = serde_json::to_string(shape).unwrap();
        assert_eq!(
            written,
            r#"{"name":"s","color":"red","points":[{"x":-1,"y":2},{"x":3,"y":7}],"boxed":{"content":{"x":0,"y":1}},"data":[1,255],"size":{"w":1,"h":65535}}"#
        );
        let mut message = message::Builder::new_default();
        let builder = shape.ty().init_root(&mut message);
        let mut reader = serde_json::Deserializer::from_str(&written);
        builder.deserialize(&mut reader).unwrap();
        let root = message.get_root_as_reader().unwrap();
        let again = shape.ty().read_root(root).unwrap();
        assert_eq!(text::print(&again.into(), false).unwrap(), SHAPE);
    });
}

#[test]
fn serde_takes_values_to_a_binary_format_and_back() {
    with_shape(SHAPE, |shape| {
        let written = rmp_serde::to_vec_named(shape).unwrap();
        let mut message = message::Builder::new_default();
        let builder = shape.ty().init_root(&mut message);
        let mut reader = rmp_serde::Deserializer::new(&written[..]);
        builder.deserialize(&mut reader).unwrap();
        let root = message.get_root_as_reader().unwrap();
        let again = shape.ty().read_root(root).unwrap();
        assert_eq!(text::print(&again.into(), false).unwrap(), SHAPE);
    });
}

#[test]
fn serde_errors_say_what_does_not_fit() {
    let schema = schema();
    let ty = schema.struct_type("Shape").unwrap();
    for (document, error) in [
        (r#"{"points": [{"x": 200}]}"#, "200 does not fit in Int8"),
        (r#"{"colour": "red"}"#, "Shape has no field 'colour'"),
        (
            r#"{"color": "blue"}"#,
            "expected a value of type Color, found \"blue\"",
        ),
        (r#"{"name": 1}"#, "expected a value of type Text, found 1"),
        (
            r#"{"data": [256]}"#,
            "Data is made of numbers from 0 to 255",
        ),
        ("[]", "expected a Shape by the names of its fields"),
    ] {
        let mut message = message::Builder::new_default();
        let mut reader = serde_json::Deserializer::from_str(document);
        let found = ty.init_root(&mut message).deserialize(&mut reader);
        let found = found.unwrap_err().to_string();
        assert!(found.contains(error), "{document}: {found}");
    }
}

#[test]
fn defaults_that_hold_each_other_without_end_have_no_json() {
    let text = "@0xd4c9a1b7e6f20854; struct Loop { union { loop @0 :Loop; end @1 :Void; } }";
    let compiled = compile(&NoFiles, &[SourceFile::new("loop.capnp", text)]).unwrap();
    let schema = Schema::new(compiled);
    let ty = schema.struct_type("Loop").unwrap();
    let written = |document: &str| {
        let mut message = message::Builder::new_default();
        json::read(document, ty.init_root(&mut message)).unwrap();
        let root = ty.read_root(message.get_root_as_reader().unwrap()).unwrap();
        json::write(&root, false)
    };
    let finite = r#"{"loop":{"loop":{"end":null}}}"#;
    assert_eq!(written(finite).unwrap(), finite);
    for endless in ["{}", r#"{"loop":{}}"#] {
        let error = written(endless).unwrap_err();
        assert!(matches!(error, json::WriteError::Endless { .. }), "{error}");
        assert!(error.to_string().starts_with("loop.loop.loop"), "{error}");
    }
}

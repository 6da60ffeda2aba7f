//! Schemas made by hand: what the generator refuses, and how it names things. That its output
//! compiles and works is for the tests that use it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use capstan_schema::node::*;

use super::*;

const FILE: u64 = 0x8000_0000_0000_0001;

fn node(id: u64, scope_id: u64, name: &str, kind: NodeKind) -> Node {
    let prefix = if matches!(kind, NodeKind::File) {
        ""
    } else {
        "dir/things.capnp:"
    };
    Node {
        id,
        display_name: format!("{prefix}{name}"),
        display_name_prefix_bytes: prefix.len() as u32,
        scope_id,
        parameters: Vec::new(),
        is_generic: false,
        nested_nodes: Vec::new(),
        annotations: Vec::new(),
        doc_comment: None,
        kind,
    }
}

/// A file that contains these nodes.
fn schema(mut children: Vec<Node>) -> CompiledSchema {
    let mut file = node(FILE, 0, "dir/things.capnp", NodeKind::File);
    for child in children.iter().filter(|child| child.scope_id == FILE) {
        file.nested_nodes.push(NestedNode {
            name: child.name().to_string(),
            id: child.id,
        });
    }
    children.insert(0, file);
    CompiledSchema {
        nodes: children,
        requested_files: Vec::new(),
    }
}

fn slot(name: &str, offset: u32, ty: Type, default: Value) -> Field {
    Field {
        name: name.to_string(),
        code_order: 0,
        annotations: Vec::new(),
        discriminant: None,
        doc_comment: None,
        ordinal: Some(0),
        kind: FieldKind::Slot {
            offset,
            ty,
            default,
            written_default: WrittenDefault::Nothing,
        },
    }
}

fn structure(fields: Vec<Field>) -> NodeKind {
    NodeKind::Struct(StructNode {
        data_words: 1,
        pointers: 1,
        fields,
        ..StructNode::default()
    })
}

#[test]
fn interfaces_need_the_rpc_crate() {
    let interface = node(
        2,
        FILE,
        "Sink",
        NodeKind::Interface {
            methods: Vec::new(),
            superclasses: Vec::new(),
        },
    );
    let schema = schema(vec![interface]);
    let error = generate(&schema, FILE, &Options::messages_only()).unwrap_err();
    assert!(
        error.message.contains("an interface needs capstan-rpc"),
        "{error}"
    );
    let code = generate(&schema, FILE, &Options::rpc()).unwrap();
    assert!(code.contains("use ::capstan_rpc as _rpc;"), "{code}");
}

#[test]
fn dangling_ids_are_errors() {
    let field = slot(
        "other",
        0,
        Type::Struct {
            id: 0xdead,
            brand: Brand::default(),
        },
        Value::Struct(Vec::new()),
    );
    let error = generate(
        &schema(vec![node(2, FILE, "Holder", structure(vec![field]))]),
        FILE,
        &Options::messages_only(),
    )
    .unwrap_err();
    assert!(error.message.contains("0x000000000000dead"), "{error}");
}

#[test]
fn a_group_makes_way_for_a_nested_type_of_its_name() {
    let mut outer = node(2, FILE, "Outer", structure(vec![]));
    outer.nested_nodes.push(NestedNode {
        name: "Inner".to_string(),
        id: 3,
    });
    outer.nested_nodes.push(NestedNode {
        name: "Reader".to_string(),
        id: 5,
    });
    if let NodeKind::Struct(outer) = &mut outer.kind {
        let mut field = slot("inner", 0, Type::Void, Value::Void);
        field.kind = FieldKind::Group { id: 4 };
        outer.fields.push(field);
    }
    let inner = node(3, 2, "Inner", structure(Vec::new()));
    let mut group = node(4, 2, "inner", structure(Vec::new()));
    if let NodeKind::Struct(group) = &mut group.kind {
        group.is_group = true;
    }
    let enumeration = node(
        5,
        2,
        "Reader",
        NodeKind::Enum {
            enumerants: Vec::new(),
        },
    );
    let code = generate(
        &schema(vec![outer, inner, group, enumeration]),
        FILE,
        &Options::messages_only(),
    )
    .unwrap();
    assert!(
        code.contains("pub mod inner {")
            && code.contains("pub mod inner_ {")
            && code.contains("pub enum Reader_ {"),
        "{code}"
    );
}

#[test]
fn references_within_a_file_are_relative_and_between_files_go_by_the_options() {
    let other_file = node(9, 0, "/lib/other.capnp", NodeKind::File);
    let other = node(10, 9, "Other", structure(Vec::new()));
    let fields = vec![
        slot(
            "near",
            0,
            Type::Struct {
                id: 3,
                brand: Brand::default(),
            },
            Value::Struct(Vec::new()),
        ),
        slot(
            "far",
            1,
            Type::Struct {
                id: 10,
                brand: Brand::default(),
            },
            Value::Struct(Vec::new()),
        ),
    ];
    let mut schema = schema(vec![
        node(2, FILE, "Holder", structure(fields)),
        node(3, FILE, "Near", structure(Vec::new())),
        other_file,
        other,
    ]);
    schema.nodes[3].nested_nodes.push(NestedNode {
        name: "Other".to_string(),
        id: 10,
    });
    let mut options = Options::messages_only();
    let code = generate(&schema, FILE, &options).unwrap();
    assert!(
        code.contains("super::near::Reader<'a>")
            && code.contains("crate::other_capnp::other::Reader<'a>"),
        "{code}"
    );
    options.file_modules.insert(9, "::elsewhere".to_string());
    let code = generate(&schema, FILE, &options).unwrap();
    assert!(code.contains("::elsewhere::other::Reader<'a>"), "{code}");
}

#[test]
fn modules_are_named_after_files() {
    assert_eq!(module_name("dir/files.capnp"), "files_capnp");
    assert_eq!(module_name("/capnp/c++.capnp"), "c_capnp");
    assert_eq!(
        module_name("http-over-capnp.capnp"),
        "http_over_capnp_capnp"
    );
}

/// What becomes of a field or file with this annotation of `rust.capnp`.
fn annotated(text: &str) -> Result<String, Error> {
    let text = format!(
        "@0xb1b2b3b4b5b6b7b8;
        annotation name @0xc2fe4c6d100166d0 (*) :Text;
        annotation parentModule @0xabee386cd1450364 (*) :Text;
        annotation option @0xabfef22c4ee1964e (*) :Void;
        {text}"
    );
    let mut files = capstan_schema::MemoryFiles::new();
    files.insert("a.capnp", text);
    let text = "@0xc1c2c3c4c5c6c7c8; struct B { a @0 :import \"a.capnp\".A; }";
    let source = capstan_schema::SourceFile::new("b.capnp", text);
    let schema = capstan_schema::compile(&files, &[source]).unwrap();
    generate(&schema, 0xc1c2_c3c4_c5c6_c7c8, &Options::messages_only())
}

#[test]
fn files_may_say_which_module_they_are_in() {
    let code = annotated("$parentModule(\"outer::inner\"); struct A {}").unwrap();
    assert!(
        code.contains("crate::outer::inner::a_capnp::a::Reader<'a>"),
        "{code}"
    );
}

#[test]
fn annotations_that_rust_cannot_heed_are_errors() {
    for (text, expected) in [
        (
            "$parentModule(\"outer/inner\"); struct A {}",
            "the parent module \"outer/inner\" is no path",
        ),
        (
            "struct A { x @0 :Text $name(\"a-b\"); }",
            "a.capnp:A: \"a-b\" cannot be a name",
        ),
        (
            "struct A { x @0 :Bool $option; }",
            "the field 'x' is annotated as an option, but only pointers",
        ),
        (
            "struct A $name(\"_capnp\") {}",
            "\"_capnp\" cannot be a name",
        ),
    ] {
        let error = annotated(text).unwrap_err();
        assert!(error.message.contains(expected), "{error}");
    }
}

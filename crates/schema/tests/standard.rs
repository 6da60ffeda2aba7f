//! The files that come with the crate compile, to what their readers rely on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use capstan_schema::node::{
    CompiledSchema, FieldKind, Node, NodeKind, STREAM_RESULT_ID, Value, WrittenDefault,
};
use capstan_schema::{NoFiles, STANDARD_FILES, SourceFile, compile, standard_file};

fn compile_or_panic(files: &[SourceFile]) -> CompiledSchema {
    compile(&NoFiles, files).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(|error| error.render()).collect();
        panic!("\n{}", errors.join("\n"))
    })
}

fn node<'a>(schema: &'a CompiledSchema, name: &str) -> &'a Node {
    let found = schema.nodes.iter().find(|node| node.display_name == name);
    found.unwrap_or_else(|| panic!("no node {name}"))
}

#[test]
fn every_standard_file_compiles() {
    let files: Vec<SourceFile> = STANDARD_FILES
        .iter()
        .map(|(path, _)| standard_file(path).unwrap())
        .collect();
    let schema = compile_or_panic(&files);
    assert_eq!(schema.requested_files.len(), files.len());
    let mut files = schema.requested_files.iter();
    let rpc = files.find(|file| file.filename == "capnp/rpc.capnp");
    assert_eq!(rpc.unwrap().imports[0].id, 0xbdf8_7d7b_b830_4e81);
}

/// Ids that other programs rely on, and that the files' own texts derive rather than state.
#[test]
fn declarations_have_their_published_ids() {
    let files: Vec<SourceFile> = STANDARD_FILES
        .iter()
        .map(|(path, _)| standard_file(path).unwrap())
        .collect();
    let schema = compile_or_panic(&files);
    for (name, id) in [
        ("capnp/c++.capnp:namespace", 0xb9c6_f99e_bf80_5f2c_u64),
        ("capnp/c++.capnp:name", 0xf264_a779_fef1_91ce),
        ("capnp/persistent.capnp:Persistent", 0xc8cb_212f_cd9f_5691),
        ("capnp/persistent.capnp:persistent", 0xf622_5950_91ca_fb67),
        ("capnp/compat/json.capnp:name", 0xfa5b_1fd6_1c2e_7c3d),
        ("capnp/compat/json.capnp:Value", 0xa3fa_7845_f919_dd83),
        (
            "capnp/compat/http-over-capnp.capnp:commonText",
            0x8577_4513_1db6_fc83,
        ),
    ] {
        assert_eq!(node(&schema, name).id, id, "{name}");
    }
}

#[test]
fn the_protocol_has_its_published_layout() {
    let schema = compile_or_panic(&[standard_file("/capnp/rpc.capnp").unwrap()]);
    let sizes = [
        ("Message", 1, 1),
        ("Call", 3, 3),
        ("Return", 2, 1),
        ("Finish", 1, 0),
        ("Disembargo", 1, 2),
        ("Accept", 1, 2),
        ("ThirdPartyAnswer", 1, 1),
        ("CapDescriptor", 1, 1),
        ("PromisedAnswer", 1, 1),
        ("Exception", 1, 3),
        ("Exception.Detail", 1, 1),
    ];
    for (name, data, pointers) in sizes {
        let node = node(&schema, &format!("capnp/rpc.capnp:{name}"));
        let NodeKind::Struct(structure) = &node.kind else {
            panic!("{name} is no struct");
        };
        assert_eq!(
            (structure.data_words, structure.pointers),
            (data, pointers),
            "{name}"
        );
    }
    assert_eq!(
        node(&schema, "capnp/rpc.capnp:Message").id,
        0x91b7_9f1f_808d_b032
    );
    assert_eq!(
        node(&schema, "capnp/rpc.capnp:ThirdPartyAnswer").id,
        13_137_313_365_505_402_252
    );
    assert_eq!(
        node(&schema, "capnp/rpc.capnp:Exception.Detail").id,
        15_474_736_733_840_799_965
    );
    let NodeKind::Struct(call) = &node(&schema, "capnp/rpc.capnp:Call").kind else {
        panic!("Call is no struct");
    };
    let only = call.fields.iter().find(|f| f.name == "onlyPromisePipeline");
    let FieldKind::Slot { offset, .. } = &only.unwrap().kind else {
        panic!("onlyPromisePipeline is a group");
    };
    assert_eq!(*offset, 130, "bit 2 of byte 16");
    let NodeKind::Struct(descriptor) = &node(&schema, "capnp/rpc.capnp:CapDescriptor").kind else {
        panic!("CapDescriptor is no struct");
    };
    let fd = descriptor.fields.iter().find(|f| f.name == "attachedFd");
    assert!(matches!(
        &fd.unwrap().kind,
        FieldKind::Slot {
            default: Value::UInt8(0xff),
            written_default: WrittenDefault::Value,
            ..
        }
    ));
}

/// Newer than the reference compiler that we compare with: a literal for a struct's first field.
#[test]
fn a_literal_stands_for_a_struct() {
    let text = "@0xd4c9a1b7e6f20853; struct S { t @0 :Text; u :union { a @1 :Void; b @2 :Text; } } \
                const short :List(S) = [\"x\", \"y\"]; const long :List(S) = [(t = \"x\"), (t = \"y\")]; \
                struct D { s @0 :S = \"x\"; }";
    let schema = compile_or_panic(&[SourceFile::new("a.capnp", text)]);
    let value = |name: &str| match &node(&schema, name).kind {
        NodeKind::Const { value, .. } => value.clone(),
        _ => panic!("{name} is no constant"),
    };
    assert_eq!(value("a.capnp:short"), value("a.capnp:long"));
}

#[test]
fn the_example_streams() {
    let text = include_str!("../../../examples-web/upload/files.capnp");
    let schema = compile_or_panic(&[SourceFile::new("files.capnp", text)]);
    let NodeKind::Interface { methods, .. } = &node(&schema, "files.capnp:ByteSink").kind else {
        panic!("ByteSink is no interface");
    };
    assert!(methods[0].is_streaming());
    assert!(!methods[1].is_streaming());
    assert_eq!(
        node(&schema, "capnp/stream.capnp:StreamResult").id,
        STREAM_RESULT_ID
    );
    let params = node(&schema, "files.capnp:ByteSink.write$Params");
    assert_eq!((params.name(), params.scope_id), ("write$Params", 0));
    let handle = node(&schema, "files.capnp:Files.Handle");
    assert_eq!(
        handle.doc_comment.as_deref(),
        Some("Stands for one file; only the server that made it can tell which.\n")
    );
}

//! Which changes of a schema peers with an older version notice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use capstan_schema::compat::{Incompatibility, incompatibilities};
use capstan_schema::{CompiledSchema, NoFiles, SourceFile, compile};

fn schema(text: &str) -> CompiledSchema {
    let text = format!("@0xd4c9a1b7e6f20000;\n{text}");
    compile(&NoFiles, &[SourceFile::new("a.capnp", text)]).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(|error| error.render()).collect();
        panic!("\n{}", errors.join("\n"))
    })
}

/// `declaration: reason` of each incompatible change.
fn changes(old: &str, new: &str) -> Vec<String> {
    let found = incompatibilities(&schema(old), &schema(new));
    let line = |found: Incompatibility| format!("{}: {}", found.declaration, found.reason);
    found.into_iter().map(line).collect()
}

#[track_caller]
fn check(old: &str, new: &str, expected: &[&str]) {
    assert_eq!(changes(old, new), expected, "{old}\n{new}");
    assert_eq!(changes(new, new), [""; 0], "{new}");
}

#[test]
fn fields_may_be_added_renamed_and_reordered() {
    let old = "struct A { a @0 :UInt8; b @1 :Text; g :group { c @2 :Bool; } }";
    check(
        old,
        "struct A { d @3 :UInt64; g :group { c @2 :Bool; e @4 :Text; } b @1 :Text; a @0 :UInt8; }",
        &[],
    );
    check(
        old,
        "struct A { obsoleteA @0 :UInt8; b @1 :Text; h :group { x @2 :Bool; } }",
        &[],
    );
    // Groups have no place of their own.
    check(
        old,
        "struct A { a @0 :UInt8; b @1 :Text; c @2 :Bool; }",
        &[],
    );
    check(
        old,
        "struct A { g :group { a @0 :UInt8; b @1 :Text; } c @2 :Bool; } struct B {}",
        &[],
    );
}

#[test]
fn fields_may_not_go_or_change() {
    check(
        "struct A { a @0 :UInt8; b @1 :Text; c @2 :Bool; }",
        "struct A { a @0 :UInt8; }",
        &[
            "A.b: this field is gone, and peers may still use @1",
            "A.c: this field is gone, and peers may still use @2",
        ],
    );
    check(
        "struct A { a @0 :UInt8; b @1 :UInt8; c @2 :UInt8; }",
        "struct A { a @1 :UInt8; b @0 :UInt8; c @2 :UInt8; }",
        &[
            "A.a: its number was @0 and is @1",
            "A.b: its number was @1 and is @0",
        ],
    );
    check(
        "struct A { a @0 :UInt8; b @1 :Text; c @2 :List(UInt8); d @3 :Float32; e @4 :E; } \
         enum E { x @0; }",
        "struct A { a @0 :Int8; b @1 :Data; c @2 :List(UInt16); d @3 :UInt32; e @4 :UInt16; } \
         enum E { x @0; }",
        &[
            "A.a: its type was UInt8 and is Int8",
            "A.b: its type was Text and is Data",
            "A.c: its type was List(UInt8) and is List(UInt16)",
            "A.d: its type was Float32 and is UInt32",
            "A.e: its type was E and is UInt16",
        ],
    );
    check(
        "struct A { a @0 :UInt8 = 1; b @1 :Text = \"x\"; c @2 :Float64; d @3 :List(Int8) = [1]; }",
        "struct A { a @0 :UInt8 = 2; b @1 :Text; c @2 :Float64 = 0; d @3 :List(Int8) = [1]; }",
        &[
            "A.a: its default has changed, so that values not sent are read differently",
            "A.b: its default has changed, so that values not sent are read differently",
        ],
    );
    check(
        "struct A { a @0 :Void; g :group { b @1 :Text; c @2 :UInt8; } }",
        "struct A { a @0 :Void; g :group { b @1 :Text; c @2 :UInt16; } }",
        &["A.g.c: its type was UInt8 and is UInt16"],
    );
}

#[test]
fn a_new_union_may_take_in_one_field() {
    let old = "struct A { a @0 :UInt8; b @1 :Text; c @2 :Void; }";
    check(
        old,
        "struct A { u :union { a @0 :UInt8; d @3 :Bool; } b @1 :Text; c @2 :Void; }",
        &[],
    );
    check(
        old,
        "struct A { a @0 :UInt8; union { b @1 :Text; d @3 :Data; } c @2 :Void; }",
        &[],
    );
    check(
        old,
        "struct A { a @0 :UInt8; union { b @1 :Text; c @2 :Void; } }",
        &["A.c: it has joined a union as other than its first member"],
    );
    check(
        "struct A { a @0 :UInt8; b @1 :UInt8; }",
        "struct A { union { a @0 :UInt8; b @1 :UInt8; } }",
        &[
            "A.b: it was in byte 1 and is in byte 0",
            "A.b: it has joined a union as other than its first member",
        ],
    );
    check(
        "struct A { a @0 :Void; union { b @1 :Void; c @2 :Void; } }",
        "struct A { union { a @0 :Void; b @1 :Void; c @2 :Void; } }",
        &[
            "A.a: it has joined a union that was there before",
            "A.b: its place in the union was 0 and is 1",
            "A.c: its place in the union was 1 and is 2",
        ],
    );
    check(
        "struct A { union { a @0 :Void; b @1 :Void; c @2 :Void; } }",
        "struct A { union { a @0 :Void; b @1 :Void; } c @2 :Void; }",
        &["A.c: it has left its union, whose other members shared its place"],
    );
    // A tag is a tag, in whichever group.
    check(
        "struct A { union { a @0 :Text; b @1 :Void; } }",
        "struct A { u :union { a @0 :Text; b @1 :Void; c @2 :UInt8; } }",
        &[],
    );
}

#[test]
fn lists_may_become_lists_of_structs() {
    let old =
        "struct A { a @0 :List(UInt16); b @1 :List(Text); c @2 :List(Bool); d @3 :List(Void); }";
    let good = "struct U { x @0 :UInt16; y @1 :Text; } struct T { x @0 :Text; y @1 :UInt8; }";
    check(
        old,
        &format!(
            "struct A {{ a @0 :List(U); b @1 :List(T); c @2 :List(Bool); d @3 :List(Void); }} {good}"
        ),
        &[],
    );
    check(
        old,
        "struct A { a @0 :List(U); b @1 :List(U); c @2 :List(U); d @3 :List(Void); } \
         struct U { x @0 :Bool; y @1 :UInt16; z @2 :Data; }",
        &[
            "A.a: its type was List(UInt16) and is List(U)",
            "A.b: its type was List(Text) and is List(U)",
            "A.c: its type was List(Bool) and is List(U)",
        ],
    );
    check(
        "struct A { a @0 :List(S); b @1 :Data; } struct S { x @0 :UInt8; }",
        "struct A { a @0 :List(UInt8); b @1 :List(UInt8); } struct S { x @0 :UInt8; }",
        &["A.a: its type was List(S) and is List(UInt8)"],
    );
}

#[test]
fn pointers_may_become_less_definite() {
    let old = "struct A { a @0 :Text; b @1 :B; c @2 :List(B); d @3 :I; e @4 :UInt8; } \
               struct B { x @0 :UInt8; } interface I {}";
    check(
        old,
        "struct A { a @0 :AnyPointer; b @1 :AnyStruct; c @2 :AnyList; d @3 :Capability; \
         e @4 :UInt8; } struct B { x @0 :UInt8; } interface I {}",
        &[],
    );
    check(
        old,
        "struct A(T, U) { a @0 :T; b @1 :U; c @2 :List(B); d @3 :I; e @4 :UInt8; } \
         struct B { x @0 :UInt8; } interface I {}",
        &[],
    );
    check(
        "struct A { a @0 :AnyPointer; b @1 :AnyPointer; }",
        "struct A { a @0 :Text; b @1 :AnyStruct; }",
        &[
            "A.a: its type was AnyPointer and is Text",
            "A.b: its type was AnyPointer and is AnyStruct",
        ],
    );
    check(
        "struct A { a @0 :G(Text); b @1 :G(B); } struct G(T) { t @0 :T; } struct B {}",
        "struct A { a @0 :G(Data); b @1 :G(AnyPointer); } struct G(T) { t @0 :T; } struct B {}",
        &["A.a: its type was G(Text) and is G(Data)"],
    );
}

#[test]
fn structs_may_be_renamed_or_replaced_by_their_like() {
    let old = "struct A { b @0 :B; } struct B { x @0 :UInt8; y @1 :C; struct C { z @0 :Text; } }";
    check(
        old,
        "struct A { b @0 :B2; } struct B2 { x @0 :UInt8; y @1 :C; w @2 :Bool; \
         struct C { z @0 :Text; } } struct B { x @0 :UInt8; y @1 :C; struct C { z @0 :Text; } }",
        &[],
    );
    check(
        old,
        "struct A { b @0 :B; } struct B { x @0 :UInt8; y @1 :C; } struct C { z @0 :Data; }",
        &[
            "B.C: this struct is gone, and peers may still send it",
            "C.z: its type was Text and is Data",
        ],
    );
    check(
        "struct A @0xf000000000000001 { x @0 :Text; } struct B { a @0 :A; }",
        "struct B { a @0 :New; struct New @0xf000000000000001 { x @0 :Text; } }",
        &[],
    );
    check(
        "struct A { struct B { struct C @0xf000000000000001 { x @0 :Text; } } }",
        "struct C @0xf000000000000001 { x @0 :Data; }",
        &[
            "A: this struct is gone, and peers may still send it",
            "C.x: its type was Text and is Data",
        ],
    );
    check(
        "struct A {} interface I {} enum E { x @0; } const c :UInt8 = 1;",
        "",
        &[
            "A: this struct is gone, and peers may still send it",
            "I: this interface is gone, and peers may still call it",
        ],
    );
    check(
        "struct A {}",
        "enum A { x @0; }",
        &["A: it was a struct and is an enum"],
    );
}

#[test]
fn enumerants() {
    let old = "enum E { a @0; b @1; c @2; } struct S { e @0 :E; }";
    let same = "struct S { e @0 :E; }";
    check(
        old,
        &format!("enum E {{ a @0; renamed @1; c @2; d @3; }} {same}"),
        &[],
    );
    check(
        old,
        &format!("enum E {{ a @1; b @0; }} {same}"),
        &[
            "E.a: its number was @0 and is @1",
            "E.b: its number was @1 and is @0",
            "E.c: this enumerant is gone, and peers may still use @2",
        ],
    );
    check(
        "struct S { e @0 :E; } enum E { a @0; b @1; }",
        "struct S { e @0 :F; } enum F { b @0; a @1; } enum E { a @0; b @1; }",
        &[
            "F.a: its number was @0 and is @1",
            "F.b: its number was @1 and is @0",
        ],
    );
}

#[test]
fn interfaces() {
    let old = "interface I extends(J) { a @0 (x :Text) -> (y :UInt8); b @1 S -> S; } \
               interface J {} struct S { s @0 :Text; }";
    let same = "interface J {} interface K {} struct S { s @0 :Text; }";
    check(
        old,
        &format!(
            "interface I extends(K, J) {{ a @0 (x :Text, z :Bool) -> P; b @1 (s :Text) -> S; \
             c @2 () -> stream; }} struct P {{ y @0 :UInt8; }} {same}"
        ),
        &[],
    );
    check(
        old,
        &format!("interface I {{ a @0 (x :Data) -> (); }} {same}"),
        &[
            "I: it no longer extends 'J', whose methods peers may call",
            "I.b: this method is gone, and peers may still use @1",
            "I.a$Params.x: its type was Text and is Data",
            "I.a$Results.y: this field is gone, and peers may still use @0",
        ],
    );
    let renumbered = "interface I @0xf000000000000001 { a @0 (); } struct S { i @0 :I; }";
    check(
        "interface I { a @0 (); } struct S { i @0 :I; }",
        renumbered,
        &[
            "I: calls name the interface by its id, which was @0xdf384831cdbec8e5 and is \
           @0xf000000000000001",
        ],
    );
    check(
        "interface I { a @0 (); } interface J {} struct S { i @0 :I; }",
        "interface I { a @0 (); } interface J {} struct S { i @0 :J; }",
        &["S.i: its type was I and is J"],
    );
}

#[test]
fn changes_are_marked_in_the_newer_text() {
    let old = "struct A { g :group { x @0 :UInt8; } y @1 :Text; }\ninterface I { m @0 (p :Text); }";
    let new = "struct A { g :group { x @0 :UInt16; } }\ninterface I { m @0 (p :Data); }";
    let text = format!("@0xd4c9a1b7e6f20000;\n{new}");
    let found = incompatibilities(&schema(old), &schema(new));
    let source = SourceFile::new("a.capnp", text);
    let rendered: Vec<String> = found
        .iter()
        .map(|found| found.diagnostic(&source).render())
        .collect();
    assert_eq!(
        rendered,
        [
            "a.capnp:2:23-24: error: 'A.g.x' breaks wire compatibility: its type was UInt8 and is \
             UInt16\nstruct A { g :group { x @0 :UInt16; } }\n                      ^\n",
            "a.capnp:2:8-9: error: 'A.y' breaks wire compatibility: this field is gone, and peers \
             may still use @1\nstruct A { g :group { x @0 :UInt16; } }\n       ^\n  help: keep it; \
             a name like 'obsoleteY' will do\n",
            "a.capnp:3:21-22: error: 'I.m$Params.p' breaks wire compatibility: its type was Text \
             and is Data\ninterface I { m @0 (p :Data); }\n                    ^\n",
        ]
    );
}

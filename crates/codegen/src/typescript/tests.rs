#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use capstan_schema::node::{Brand, CompiledSchema, NodeKind, Superclass};
use capstan_schema::{MemoryFiles, NoFiles, SourceFile, compile};

use super::{Generated, Options, generate};

fn compiled(text: &str) -> CompiledSchema {
    let file = SourceFile::new("test.capnp", format!("@0xd4c9a1b7e6f20853;\n{text}"));
    compile(&NoFiles, &[file]).unwrap_or_else(|errors| panic!("{}", errors[0].render()))
}

fn generated(text: &str) -> Generated {
    generate(&compiled(text), 0xd4c9_a1b7_e6f2_0853, &Options::default()).unwrap()
}

#[test]
fn scalars_are_read_and_written_in_place() {
    let made = generated(
        "struct P { a @0 :UInt16 = 3; b @1 :Bool; c @2 :Float32 = 1.5; d @3 :Int64 = -2; t @4 :Text; }",
    );
    for line in [
        "if ((x = o.a) != null) { w.u16(p, x, \"a\"); w.xor16(p, 3); }",
        "if ((x = o.b) != null) w.bool(p + 2, 1, x, \"b\");",
        "if ((x = o.c) != null) { w.f32(p + 4, x, \"c\"); w.xor32(p + 4, 1069547520); }",
        "if ((x = o.d) != null) { w.i64(p + 8, x, \"d\"); w.xor64(p + 8, -2, -1); }",
        "if ((x = o.t) != null) w.text(p + 16, x, \"t\");",
        "a: r.view.getUint16(p, true) ^ 3,",
        "b: (r.view.getUint8(p + 2) & 1) !== 0,",
        "c: r.f32x(p + 4, 1069547520),",
        "d: r.view.getBigInt64(p + 8, true) ^ -2n,",
        "{ name: \"a\", type: $.U16, at: 0, or: 3 },",
        "{ name: \"b\", type: $.BOOL, at: 16 },",
        "{ name: \"t\", type: $.TEXT, at: 0 },",
    ] {
        assert!(made.ts.contains(line), "no `{line}` in\n{}", made.ts);
        assert!(made.js.contains(line), "no `{line}` in\n{}", made.js);
    }
}

#[test]
fn taken_names_give_way() {
    let made = generated(
        "struct Map { then @0 :Text; constructor @1 :Text; } struct Uint8Array { d @0 :Data; union { which @1 :Void; b @2 :Void; } }
         interface Promise { then @0 () -> stream; catch @1 () -> (finally :Promise); } const default :Int8 = 4;",
    );
    for part in [
        "then_: string;",
        "constructor_?: string | undefined;",
        "d: globalThis.Uint8Array;",
        "which: \"which_\"",
        "then_(params?: Promise.then$Params.Input, options?: $.CallOptions): globalThis.Promise<void>;",
        "$.CallPromise<Promise.catch$Results, Promise.catch$Results.Pipeline>",
        "readonly finally_: Promise;",
        "{ name: \"then_\", schemaName: \"then\", ordinal: 0, streaming: true, params: () => Promise$then$Params, results: undefined },",
        "export const default_: number = 4;",
    ] {
        assert!(made.ts.contains(part), "no `{part}` in\n{}", made.ts);
    }
}

#[test]
fn shadowed_types_are_reached_by_an_alias() {
    let made = generated(
        "struct A { x @0 :B; struct A { y @0 :Int8; } outer @1 :List(B); } struct B { a @0 :A; struct Input {} }",
    );
    assert!(made.ts.contains("x?: B.Input_ | undefined;"), "{}", made.ts);
    assert!(
        made.ts
            .contains("interface Input_ {\n    a?: A.Input | undefined;"),
        "{}",
        made.ts
    );
    let inner = generated("struct A { struct A { y @0 :Int8; } struct C { a @0 :.A; } }");
    assert!(
        inner.ts.contains("type A$ = A;") && inner.ts.contains("a: A$ | undefined;"),
        "{}",
        inner.ts
    );
}

#[test]
fn other_files_are_imported_when_they_are_used() {
    let mut files = MemoryFiles::default();
    files.insert(
        "dir/other.capnp",
        "@0xa1b2c3d4e5f60718; struct O { struct P { x @0 :Int8; } cap @0 :I; } interface I {}",
    );
    files.insert("dir/unused.capnp", "@0xa1b2c3d4e5f60719; struct U {}");
    let main = SourceFile::new(
        "dir/main.capnp",
        "@0xd4c9a1b7e6f20853; using O = import \"other.capnp\"; using U = import \"unused.capnp\";
         struct M { o @0 :O.O; ps @1 :List(O.O.P); }",
    );
    let schema = compile(&files, &[main]).unwrap_or_else(|errors| panic!("{}", errors[0].render()));
    let made = generate(&schema, 0xd4c9_a1b7_e6f2_0853, &Options::default()).unwrap();
    for part in [
        "import * as $other_718 from \"./other.capnp.js\";",
        "ps: $other_718.O.P[];",
        "decodeList$$other_718$O$P(r)",
        "$other_718.O.$.decode(r, q)",
        "{ name: \"o\", type: $.STRUCT, at: 0, of: $other_718.O },",
        "{ name: \"ps\", type: $.LIST, at: 1, of: { type: $.STRUCT, of: $other_718.O.P } },",
    ] {
        assert!(made.ts.contains(part), "no `{part}` in\n{}", made.ts);
    }
    assert!(!made.ts.contains("unused"), "{}", made.ts);
}

#[test]
fn type_parameters_become_functions_and_types() {
    let made = generated(
        "struct Box(T) { value @0 :T; next @1 :Box(T); struct In(U) { t @0 :T; u @1 :U; } }
         struct Pair(Map, B) { a @0 :Box(Map); b @1 :Box(Box(B)); c @2 :Box(Map).In(List(UInt8)); d @3 :Data; }
         interface Store(T) { get @0 (box :Box(T)) -> (value :T); } struct S { s @0 :Store(S); open @1 :Box; }",
    );
    for part in [
        "export declare interface Box<T extends $.PointerType = $.Any> {\n  value: $.Out<T>;\n  next: Box<T> | undefined;",
        "interface Input<T extends $.PointerType = $.Any> {\n    value?: $.In<T> | undefined;",
        "interface In<T extends $.PointerType = $.Any, U extends $.PointerType = $.Any> {",
        "b: Box<Box.Type<B>> | undefined;",
        "c: Box.In<Map, $.ListType<typeof $.UInt8>> | undefined;",
        "const Box$In: Box.In.Generic = /* @__PURE__ */ $.generic(make$Box$In);",
        "export const Box: Box.Generic = /* @__PURE__ */ $.generic(make$Box, { In: Box$In });",
        "function make$Box<T extends $.PointerType>(T: T): Box.Type<T> {\n  const $t0 = /* @__PURE__ */ $.lazy(() => Box(T));",
        "if ((x = o.value) != null) $.put(w, p, x, T, \"value\");",
        "value: $.take(r, T),",
        "next: $.take(r, $t0()),",
        "{ name: \"value\", ...$.elementOf(T), at: 0 },",
        "{ In: $.partial(Box$In, T) }",
        "params: () => Store$get$Params(T)",
        "{ name: \"s\", type: $.CAP, at: 0, of: Store(S) },",
        "{ name: \"open\", type: $.STRUCT, at: 1, of: Box() },",
        "s: Store<typeof S> | undefined;",
    ] {
        assert!(made.ts.contains(part), "no `{part}` in\n{}", made.ts);
    }
    // A parameter may have the name of a type of the platform's or of the module's.
    let shadowed = generated(
        "struct A(Uint8Array, B) { d @0 :Data; b @1 :B; c @2 :C; e @3 :.B; f @4 :A(B, .B); } struct B {} struct C { b @0 :B; a @1 :A(B, Text); }",
    );
    for part in [
        "d: globalThis.Uint8Array;",
        "b: $.Out<B$>;",
        "e: B | undefined;",
        "f: A<B$, typeof B> | undefined;",
        "{ name: \"e\", type: $.STRUCT, at: 3, of: B },",
        "{ name: \"f\", type: $.STRUCT, at: 4, of: A(B$, B) },",
    ] {
        assert!(
            shadowed.ts.contains(part),
            "no `{part}` in\n{}",
            shadowed.ts
        );
    }
}

#[test]
fn defaults_behind_pointers_are_made_where_nothing_was_written() {
    let made = generated(
        "struct P { x @0 :Int8 = 2; } struct D { l @0 :List(Int8) = [1, -2]; p @1 :P = (x = 5); q @2 :D = (); u @3 :AnyPointer = .p; }
         const p :P = (); const ps :List(P) = [(x = 7)]; const d :List(Data) = [0x\"01\"];",
    );
    let endless = generated(
        "struct A { b @0 :B = (x = 1); p @1 :P = (); } struct B { a @0 :A = (); x @1 :Int8; p @2 :P = (y = 3); } struct P { y @0 :Int8; }
         const a :A = (b = (x = 2));",
    );
    for part in [
        "b: B | undefined;\n  p: P;",
        "a: A | undefined;\n  x: number;\n  p: P;",
        "$.freeze({ b: { a: void 0, x: 2, p: { y: 3 } }, p: { y: 0 } });",
    ] {
        assert!(endless.ts.contains(part), "no `{part}` in\n{}", endless.ts);
    }
    for part in [
        "l: r.absent() ? default$D$l() : r.i8s(),",
        "p: (q = r.next()) === 0 ? default$D$p() : decode$P(r, q),",
        "q: (q = r.next()) === 0 ? void 0 : decode$D(r, q),",
        "u: $.decodeAny(r) ?? default$D$u(),",
        "p: P;\n  q: D | undefined;\n  u: $.AnyPointer;",
        "function default$D$l(): number[] {\n  return [1, -2];\n}",
        "function default$D$p(): P {\n  return { x: 5 };\n}",
        "export const p: $.Frozen<P> = /* @__PURE__ */ $.freeze({ x: 2 });",
        "export const ps: $.Frozen<P[]> = /* @__PURE__ */ $.freeze([{ x: 7 }]);",
        "= /* @__PURE__ */ $.freeze([/* @__PURE__ */ $.bytes(\"01\")]);",
    ] {
        assert!(made.ts.contains(part), "no `{part}` in\n{}", made.ts);
    }
}

#[test]
fn views_and_builders_have_types() {
    let made = generated(
        "struct P { n @0 :Text; initN @1 :Bool; u @2 :UInt64; ps @3 :List(P); d @4 :Data; any @5 :AnyPointer;
           union { a @6 :Void; b @7 :P; c :group { x @8 :List(Text); } } }",
    );
    for part in [
        "type View = {\n    readonly n: string;\n    readonly initN: boolean;\n    readonly u: bigint;\n    readonly ps: $.ListView<P.View>;",
        "| { readonly which: \"b\"; readonly b: P.View | undefined }",
        "readonly which: \"a\" | \"b\" | \"c\" | number;",
        "n: string;",
        "get u(): bigint;\n    set u(value: number | bigint);",
        "get ps(): $.ListBuilder<P.Builder, P.Input>;\n    set ps(value: readonly P.Input[] | $.ListView<P.View | P.Builder>);\n    initPs(count: number): $.ListBuilder<P.Builder, P.Input>;",
        "get any(): $.AnyPointerBuilder | undefined;\n    set any(value: $.AnyPointerInput | $.AnyPointerView | $.AnyPointerBuilder | undefined);",
        "    a: undefined;",
        "get b(): P.Builder | undefined;\n    set b(value: P.Input | P.View | P.Builder | undefined);\n    initB(): P.Builder;",
        "get c(): P.c.Builder | undefined;\n    set c(value: P.c.Input | P.c.View | P.c.Builder);\n    initC(): P.c.Builder;",
        "$.StructDescriptor<P, P.Input, P.View, P.Builder>",
    ] {
        assert!(made.ts.contains(part), "no `{part}` in\n{}", made.ts);
        assert!(made.dts.contains(part), "no `{part}` in\n{}", made.dts);
    }
}

#[test]
fn inherited_methods_of_one_name_hide_each_other() {
    let made = generated(
        "interface A(T) { m @0 (t :T) -> (); n @1 (); } interface B { m @0 () -> (x :Int8); }
         interface C extends(A(Text), B) {} interface D extends(A(Data)) { n @0 (x :Int8); }
         interface E extends(A(Text)) {} interface F extends(E, A(Text)) {} interface G extends(E, A(Data)) {}",
    );
    for part in [
        "interface C extends Omit<A<typeof $.Text>, \"m\">, B {",
        "interface Server extends Omit<A.Server<typeof $.Text>, \"m\">, B.Server {",
        "interface D extends Omit<A<typeof $.Data>, \"n\"> {",
        "interface F extends E, A<typeof $.Text> {",
        "interface G extends Omit<E, \"m\" | \"n\">, A<typeof $.Data> {",
    ] {
        assert!(made.ts.contains(part), "no `{part}` in\n{}", made.ts);
    }
}

/// Circles are errors in schemas, but a request may come from another compiler.
#[test]
fn interfaces_in_circles_come_to_an_end() {
    let mut schema = compiled("interface A { m @0 (); } interface B extends(A) {}");
    let find = |schema: &CompiledSchema, name: &str| {
        let mut nodes = schema.nodes.iter();
        nodes.position(|node| node.name() == name).unwrap()
    };
    let (a, b) = (find(&schema, "A"), find(&schema, "B"));
    let id = schema.nodes[b].id;
    if let NodeKind::Interface { superclasses, .. } = &mut schema.nodes[a].kind {
        superclasses.push(Superclass {
            id,
            brand: Brand::default(),
        });
    }
    let made = generate(&schema, 0xd4c9_a1b7_e6f2_0853, &Options::default()).unwrap();
    assert!(
        made.ts.contains("interface A extends Omit<B, \"m\"> {"),
        "{}",
        made.ts
    );
}

#[test]
fn lists_may_be_of_any_lists_and_capabilities() {
    let made =
        generated("struct S(T) { l @0 :List(S(T)); a @1 :List(AnyList); c @2 :List(Capability); }");
    for part in [
        "w.caps(p + 16, x, $.Capability, \"c\")",
        "c: ($.Client | undefined)[];",
        "l: S<T>[];",
    ] {
        assert!(made.ts.contains(part), "no `{part}` in\n{}", made.ts);
    }
}

#[test]
fn comments_are_carried_over() {
    let made = generated(
        "enum E { # An enum.\n  a @0; # The first.\n  b @1; }\n
         struct S { # A struct.\n  x @0 :Int8; # A field.\n union { m @1 :Void; # Nothing.\n n @2 :Text; # A\n # member.\n }
           const d :Int8 = 2; # A nested\n # constant.\n }
         const c :Int8 = 1; # A constant.\n interface I { # An interface.\n f @0 (p :Int8); # A method.\n }",
    );
    for part in [
        "/**\n * An enum.\n *\n * - `a`: The first.\n */\nexport type E",
        "/** A struct. */\nexport type S",
        "  /** A field. */\n  x: number;",
        "| { /** Nothing. */ which: \"m\" }",
        "| { which: \"n\"; /** A member. */ n: string }",
        "/** An interface. */\nexport interface I",
        "  /** A method. */\n  f(",
        "& { /** A nested constant. */ readonly d: typeof S$d }",
    ] {
        assert!(made.ts.contains(part), "no `{part}` in\n{}", made.ts);
        assert!(made.dts.contains(part), "no `{part}` in\n{}", made.dts);
    }
    assert!(
        made.js.contains("/** A constant. */\nexport const c = 1;"),
        "{}",
        made.js
    );
}

#[test]
fn javascript_and_declarations_share_what_typescript_has_in_one() {
    let made = generated(
        "# Files.\nenum Color { red @0; green @1; }\nstruct S { c @0 :Color; struct N { x @0 :Int8; } }",
    );
    assert!(
        made.dts.contains(
            "export declare const S: $.StructDescriptor<S, S.Input, S.View, S.Builder> & { readonly N: typeof S$N };"
        ),
        "{}",
        made.dts
    );
    assert!(made.dts.contains("\ndeclare const S$N:"), "{}", made.dts);
    assert!(
        made.dts
            .contains("export type Color = \"red\" | \"green\" | number;"),
        "{}",
        made.dts
    );
    assert!(
        !made.js.contains("interface") && !made.js.contains(": $.Struct"),
        "{}",
        made.js
    );
    assert!(
        made.js
            .contains("export const S = /* @__PURE__ */ $.struct({"),
        "{}",
        made.js
    );
}

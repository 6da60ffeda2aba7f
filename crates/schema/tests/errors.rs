//! Each thing that can be wrong with a schema: the message, the place, and that nothing else is
//! reported along with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod complaints;

use capstan_schema::{MemoryFiles, SourceFile, compile};
use complaints::{complaints, describe};

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(complaints(text), expected, "{text}");
}

#[test]
fn numbers_of_fields() {
    check(
        "struct A { a @0 :Text;\nb @0 :Text; }",
        &["0: the number @0 is used twice (first used in line 2)"],
    );
    check(
        "struct A { a @0 :Text; b @2 :Text; }",
        &[
            "2: the number @1 is missing (numbers start at @0 and leave no holes, so that nobody \
           fills them)",
        ],
    );
    check(
        "enum A { a @1; }",
        &[
            "1: the number @0 is missing (numbers start at @0 and leave no holes, so that nobody \
           fills them)",
        ],
    );
    check(
        "interface A { a @0 (); b @0 (); }",
        &["0: the number @0 is used twice (first used in line 2)"],
    );
    check(
        "struct A { a @65536 :Text; }",
        &["65536: the highest number allowed is @65535"],
    );
    check(
        "struct A { a :Text; }",
        &["a: the field 'a' has no number (write 'a @N :Type')"],
    );
    check(
        "struct A { a @0 Text; }",
        &["Text: expected ':' and a type after 'a', found 'Text' (write 'a @N :Text')"],
    );
}

#[test]
fn ids() {
    let errors = compile(
        &MemoryFiles::new(),
        &[SourceFile::new("a.capnp", "struct A {}")],
    );
    assert_eq!(
        errors.unwrap_err().iter().map(describe).collect::<Vec<_>>(),
        [
            ": this file has no id (run 'capstan id' and put what it prints, \
          followed by ';', at the top)"
        ]
    );
    check(
        "struct A @0x123 {}",
        &["0x123: this is not an id: its highest bit is not set (generate one with 'capstan id')"],
    );
    check(
        "struct A @0xf000000000000000 {} struct B @0xf000000000000000 {}",
        &[
            "0xf000000000000000: the id @0xf000000000000000 already belongs to test.capnp:A (give \
           each its own: generate one with 'capstan id')",
        ],
    );
    check(
        "@0xd4c9a1b7e6f20009;",
        &["0xd4c9a1b7e6f20009: the file already has an id"],
    );
}

#[test]
fn undefined_names() {
    check(
        "struct A { a @0 :Strng; d @1 :string; b @2 :Int322; c @3 :Zzz; }",
        &[
            "Strng: 'Strng' is not defined",
            "string: 'string' is not defined (did you mean 'Text'?)",
            "Int322: 'Int322' is not defined (did you mean 'Int32'?)",
            "Zzz: 'Zzz' is not defined",
        ],
    );
    check(
        "struct Person {} struct A { a @0 :Persn; b @1 :.Persn; c @2 :Person.Age; }",
        &[
            "Persn: 'Persn' is not defined (did you mean 'Person'?)",
            "Persn: '.Persn' is not defined in this file",
            "Age: 'Person' has no member 'Age'",
        ],
    );
    check(
        "using A = import \"nowhere.capnp\"; using B = import \"/nowhere.capnp\";",
        &[
            "\"nowhere.capnp\": cannot find the file \"nowhere.capnp\" (the path is relative to \
             this file; a leading / means the import directories (-I))",
            "\"/nowhere.capnp\": cannot find the file \"/nowhere.capnp\" (paths that begin with / \
             are looked for in the import directories (-I))",
        ],
    );
    check(
        "using O = import \"other.capnp\"; struct A { a @0 :O.Othr; b @1 :O; }",
        &["Othr: 'O' has no member 'Othr'", "O: 'O' is not a type"],
    );
    check(
        "using A = B; using B = A;",
        &["A: the alias 'A' is defined by itself"],
    );
    check(
        "using Text;",
        &[
            "Text: this 'using' has no name to declare (write 'using Name = …', or name a member of \
           another scope: 'using Outer.Inner')",
        ],
    );
}

#[test]
fn names_that_clash_or_are_badly_formed() {
    check(
        "struct A { a @0 :Text; a @1 :Text; }",
        &["a: 'a' is already declared in this scope (first declared in line 2)"],
    );
    check(
        "struct A { a @0 :Text; union { a @1 :Text; b @2 :Text; } }",
        &["a: 'a' is already declared in this scope (first declared in line 2)"],
    );
    check(
        "struct A {}\nstruct A {}",
        &["A: 'A' is already declared in this scope (first declared in line 2)"],
    );
    check(
        "struct a { X @0 :Text; my_field @1 :Text; }",
        &[
            "a: names of types begin with a capital (write 'A')",
            "X: names of members, constants and annotations begin with a small letter (write 'x')",
            "my_field: names have no underscores (write 'myField')",
        ],
    );
    check(
        "interface A { a @0 (x :Text, x :Text); }",
        &["x: there are two parameters called 'x'"],
    );
    check(
        "struct A { union { a @0 :Text; b @1 :Text; } union { c @2 :Text; d @3 :Text; } }",
        &[
            "union: a struct can have only one unnamed union (give one of them a name: \
           'name :union { … }')",
        ],
    );
}

#[test]
fn unions_and_groups() {
    check(
        "struct A { a :union { b @0 :Text; } }",
        &[
            "a :union { b @0 :Text; }: a union has at least two members (a lone field can be made part of a union later: \
           it keeps its place)",
        ],
    );
    check(
        "struct A { a :group {} }",
        &["a :group {}: a group has at least one member"],
    );
    check(
        "struct A { a :union { b @0 :Text; union { c @1 :Text; d @2 :Text; } } }",
        &[
            "union { c @1 :Text; d @2 :Text; }: a union cannot contain an unnamed union (give it a name: 'name :union { … }')",
        ],
    );
    check(
        "struct A { a @0 :union { b @1 :Text; c @2 :Text; } }",
        &[
            "0: unions need no number of their own (remove it, or, if the number is part of an \
           old protocol, write '@0!')",
        ],
    );
    check(
        "struct A { a @0 :group { b @1 :Text; } }",
        &["0: groups have no number of their own (remove it; the group's fields are numbered)"],
    );
    check(
        "struct A { a @2! :union { b @0 :Text; c @1 :Text; } }",
        &[
            "2: a union's number must be greater than at most one of its members' numbers (only \
           one field can have existed before it became a union; leave the number out to place \
           the union by its members)",
        ],
    );
    check(
        "struct A { a :union { b @0 :Text; c @1 :Text; struct B {} } }",
        &[
            "struct B {}: only structs, interfaces and files can hold this kind of declaration (move it out \
           of the enum, union or group)",
        ],
    );
}

#[test]
fn types_and_their_parameters() {
    check(
        "struct B(T) {} struct A { a @0 :List; b @1 :List(Text, Data); c @2 :Text(Data); \
         d @3 :B(Text, Text); e @4 :B(Int32); f @5 :B(T = Text); g @6 :B(Text)(Text); }",
        &[
            "List: 'List' needs the type of its elements (write 'List(Text)' or the like)",
            "List(Text, Data): 'List' takes one type parameter, found 2",
            "Text(Data): 'Text' takes no type parameters",
            "B(Text, Text): 'B' takes one type parameter, found 2",
            "Int32: type parameters stand for pointer types, and 'Int32' is none (wrap the value \
             in a struct to pass it)",
            "T: type arguments have no names (write only the type)",
            "B(Text)(Text): 'B(Text)' already has its type parameters",
        ],
    );
    check(
        "struct A { a @0 :List(AnyPointer); b @1 :5; }",
        &[
            "List(AnyPointer): lists of AnyPointer are not supported (use AnyPointer or AnyList \
             for the whole list, or a list of structs that hold one)",
            "5: expected a name, found the value 5",
        ],
    );
    check(
        "struct A(T) {} interface B extends(A) { a @0 Text; b @1 [T] T; }",
        &[
            "A: 'A' is not an interface",
            "Text: 'Text' is not a struct (write a list: '(name :Text)')",
            "T: 'T' is not a struct (write a list: '(name :T)')",
        ],
    );
}

#[test]
fn values() {
    check(
        "struct A { a @0 :UInt8 = 256; b @1 :Int8 = -129; c @2 :Text = 5; d @3 :Bool = 1; \
         e @4 :Int8 = \"x\"; f @5 :Void = true; g @6 :UInt8 = 1.5; h @7 :List(Int8) = 3; \
         i @8 :Text = 0x\"00\"; }",
        &[
            "256: 256 does not fit in UInt8",
            "129: -129 does not fit in Int8",
            "5: expected a value of type Text",
            "1: expected a value of type Bool",
            "\"x\": expected a value of type Int8",
            "true: expected a value of type Void",
            "1.5: expected a value of type UInt8",
            "3: expected a value of type List(Int8)",
            "0x\"00\": expected a value of type Text",
        ],
    );
    check(
        "enum E { a @0; } const x :E = b; const y :UInt8 = c; const z :UInt8 = .E; \
         const t :Text = \"\\xff\";",
        &[
            "b: 'b' is not defined",
            "c: 'c' is not defined",
            ".E: '.E' is not a constant",
            "\"\\xff\": this text is not valid UTF-8 (use the type Data for other bytes)",
        ],
    );
    check(
        "const x :UInt8 = y; const y :UInt8 = 1; const z :UInt8 = .z; const w :Text = .y;",
        &[
            "y: a constant is named together with its scope (write '.y')",
            "z: the constant 'z' is defined by itself",
            ".y: expected a value of type Text, but '.y' is of type UInt8",
        ],
    );
    check(
        "struct S { a @0 :Text; g :group { b @1 :Text; } } \
         const s :S = (c = 1, a = 2, \"x\", g = 5); const t :Text = (a = 1);",
        &[
            "c: S has no field 'c'",
            "2: expected a value of type Text",
            "\"x\": this value names no field (write '(field = value)')",
            "5: expected a group's value (write '(field = value, …)')",
            "(a = 1): expected a value of type Text",
        ],
    );
}

/// A literal may stand for a struct whose first field it is the value of.
#[test]
fn values_of_first_fields() {
    let types = "struct S { t @0 :Text; n @1 :Int8; } struct N { n @0 :Int8; } struct G { g \
                 :group { t @0 :Text; } }";
    check(
        &format!("{types} const s :S = \"x\"; const l :List(N) = [1, (n = 2), -3];"),
        &[],
    );
    check(
        &format!(
            "{types} const s :S = 5; const n :N = 300; const m :N = \"x\"; const g :G = \"x\";"
        ),
        &[
            "5: expected a value of type S",
            "300: 300 does not fit in Int8",
            "\"x\": expected a value of type N",
            "\"x\": expected a value of type G",
        ],
    );
}

#[test]
fn annotations() {
    check(
        "annotation a(struct) :Text; struct S $a { x @0 :Text $a(\"\"); y @1 :Text $S; } \
         annotation b(here) :Text; struct T $a(5) {}",
        &[
            "a: 'a' needs a value (write '$a(…)' with a Text)",
            "a: 'a' cannot be applied to a field",
            "S: 'S' is not an annotation",
            "here: annotations cannot target 'here' (the targets are file, const, enum, \
           enumerant, struct, field, union, group, interface, method, param, annotation and *)",
            "5: expected a value of type Text",
        ],
    );
}

#[test]
fn syntax() {
    check("struct A { a @0 :Text }", &[" : a ';' is missing here"]);
    check("struct A {", &["{: this '{' is never closed"]);
    check("}", &["}: this '}' closes nothing"]);
    check("struct A {} ;", &[";: this ';' ends nothing (remove it)"]);
    check(
        "struct { a @0 :Text; }",
        &["{: expected a name after 'struct', found '{'"],
    );
    check(
        "interface A { a (); b @0 x; c @1 (y); d @2 (y :Text) - (z :Text); }",
        &[
            "(: expected '@' and a number after 'a', found '(' (write 'a @N (…) -> (…)')",
            "): expected ':' before the parameter's type, found ')'",
            "-: expected ';' at the end of this declaration, found '-'",
        ],
    );
    check(
        "const a :Text \"x\"; const b :Int8 = -x; const c :List(Int8) = [1, 2;",
        &[
            "\"x\": expected '=' before the constant's value, found a text literal",
            "x: expected a number after '-', found 'x'",
            ";: expected ']' at the end of this list, found ';'",
        ],
    );
    check(
        "struct A { union @0! { a @1 :Text; b @2 :Text; } }",
        &["0: an unnamed union has no number (remove it, or name the union: 'name @N! :union {')"],
    );
    check(
        "struct A { a @0! :Text; }",
        &["!: only the numbers of unions have a '!' behind them (remove it)"],
    );
    check(
        "struct A { a @0 :Text(); b @1 :List(List); c @2 :Int8 = (\"x\"); }",
        &[
            "List: 'List' needs the type of its elements (write 'List(Text)' or the like)",
            "\"x\": expected a value of type Int8",
        ],
    );
    check(
        "struct A { union $note(\"x\") { a @0 :Text; b @1 :Text; } } annotation note(*) :Text;",
        &["$: an unnamed union has no annotations (name the union: 'name :union $annotation {')"],
    );
}

#[test]
fn literals_without_an_end() {
    check(
        "const a :Text = \"abc;\nconst b :Int8 = 300;",
        &[
            "\"abc;: this text literal never ends (close it with \" on the same line; write a line \
           break as \\n)",
            "300: 300 does not fit in Int8",
        ],
    );
    // Over several lines it is one error, not one in each.
    check(
        "const a :Text = \"one\ntwo three\nfour\";\nstruct A { a @0 Text; }",
        &[
            "\"one: this text literal never ends (close it with \" on the same line; write a line \
           break as \\n)",
            "Text: expected ':' and a type after 'a', found 'Text' (write 'a @N :Text')",
        ],
    );
    check(
        "const a :Data = 0x\"00 01\n;\nconst b :Data = 0x\"0g\"; const c :Data = 0x\"012\";",
        &[
            "0x\"00 01: this data literal never ends (close it with \")",
            "0x\"0g\": a data literal holds pairs of hex digits (like 0x\"00 ff 3b\")",
            "0x\"012\": a data literal holds pairs of hex digits (like 0x\"00 ff 3b\")",
        ],
    );
    check(
        "const a :Int8 = 099; const b :Int8 = 12ab; const c :Float64 = 1e; const d :UInt64 = \
         18446744073709551616; const e :Text = \"\\q\";",
        &[
            "099: a number that begins with 0 is octal and has digits 0 to 7",
            "12ab: this is not a number (write decimal 42, hexadecimal 0x2a, octal 052 or a float \
             4.2e1)",
            "1e: this is not a floating-point number (write it like 1.5, 1e10 or 2.5e-3)",
            "18446744073709551616: this number does not fit in 64 bits (floats have a point or an exponent: '1e20')",
            "\\q: unknown escape in a text literal (the escapes are \\n \\r \\t \\a \\b \\f \\v \\' \\\" \
             \\\\ \\? \\xHH and \\OOO)",
        ],
    );
}

#[test]
fn targets_of_annotations() {
    check(
        "annotation a(struct, struct) :Void; annotation b(*, struct) :Void; \
         annotation c(struct :Void; annotation d :Void;",
        &[
            "struct: the target 'struct' is named twice",
            "*: '*' means all targets (leave it out, or the others)",
            ":: expected ')' after the annotation's targets, found ':'",
            ":: expected '(' before the annotation's targets, found ':' (write 'annotation d(field) \
             :Type;', or '(*)')",
        ],
    );
    let targets = [
        ("file", "$a;"),
        ("const", "const c :Int8 = 1 $a;"),
        ("enum", "enum E $a { x @0; }"),
        ("enumerant", "enum E { x @0 $a; }"),
        ("struct", "struct S $a {}"),
        ("field", "struct S { x @0 :Int8 $a; }"),
        (
            "union",
            "struct S { u :union $a { x @0 :Int8; y @1 :Int8; } }",
        ),
        ("group", "struct S { g :group $a { x @0 :Int8; } }"),
        ("interface", "interface I $a {}"),
        ("method", "interface I { m @0 () $a; }"),
        ("param", "interface I { m @0 (x :Int8 $a); }"),
        ("annotation", "annotation b(file) :Void $a;"),
    ];
    for (target, used) in targets {
        check(&format!("annotation a({target}) :Void; {used}"), &[]);
        check(&format!("annotation a(*) :Void; {used}"), &[]);
        let other = if target == "file" { "struct" } else { "file" };
        let article = match target {
            "annotation" | "enum" | "enumerant" | "interface" => "an",
            _ => "a",
        };
        check(
            &format!("annotation a({other}) :Void; {used}"),
            &[&format!("a: 'a' cannot be applied to {article} {target}")],
        );
    }
}

/// Files may import each other, but what they mean must end somewhere.
#[test]
fn cycles_between_files() {
    let mut files = MemoryFiles::new();
    let with = |files: &mut MemoryFiles, text: &str| {
        files.insert("b.capnp", format!("@0xd4c9a1b7e6f20001;\n{text}"));
        let text = "@0xd4c9a1b7e6f20000;\nusing B = import \"b.capnp\".B;\nstruct A { b @0 :B; }\n\
                    const c :Int8 = import \"b.capnp\".c;";
        files.insert("a.capnp", text);
        let errors = compile(files, &[files.get("a.capnp").unwrap()]).err();
        errors
            .unwrap_or_default()
            .iter()
            .map(describe)
            .collect::<Vec<_>>()
    };
    let text = "struct B { a @0 :import \"a.capnp\".A; } const c :Int8 = 3;";
    assert_eq!(with(&mut files, text), [""; 0]);
    let text = "using B = import \"a.capnp\".B; const c :Int8 = import \"a.capnp\".c;";
    assert_eq!(
        with(&mut files, text),
        [
            "B: the alias 'B' is defined by itself",
            "c: the constant 'c' is defined by itself",
        ]
    );
    check(
        "using Self = import \"test.capnp\"; struct A { a @0 :Self.A; }",
        &[
            "\"test.capnp\": cannot find the file \"test.capnp\" (the path is relative to this \
             file; a leading / means the import directories (-I))",
        ],
    );
}

#[test]
fn files_that_are_embedded() {
    let mut files = MemoryFiles::new();
    files.insert("x", "eight by");
    let text = "@0xd4c9a1b7e6f20000; struct S { a @0 :Text = embed \"x\"; b @1 :Data = embed \"x\"; \
                c @2 :S = embed \"x\"; d @3 :List(S) = embed \"x\"; e @4 :Int8 = embed \"x\"; \
                f @5 :Text = embed \"y\"; g @6 :Text = embed /; }";
    let errors = |text: &str| {
        let errors = compile(&files, &[SourceFile::new("a.capnp", text)]).unwrap_err();
        errors.iter().map(describe).collect::<Vec<_>>()
    };
    assert_eq!(
        errors(text),
        [
            "embed \"x\": this file holds no binary message: the segment table claims 1751607654 \
             segments; the limit is 512",
            "embed \"x\": 'embed' makes values of type Text or Data, or structs",
            "embed \"x\": 'embed' makes values of type Text or Data, or structs",
            "\"y\": cannot find the file \"y\" (the path is relative to this file; a leading / means \
             the import directories (-I))",
            "/: expected ';' at the end of this declaration, found '/'",
        ]
    );
}

#[test]
fn streaming_needs_its_result_type() {
    check(
        "interface I { m @0 stream; n @1 stream -> (x :Nope); }",
        &[
            "stream: 'stream' stands for results, not for parameters (write 'method @N (…) -> stream')",
            "stream: 'stream' stands for results, not for parameters (write 'method @N (…) -> stream')",
            "Nope: 'Nope' is not defined",
        ],
    );
    let mut files = MemoryFiles::new();
    files.insert(
        "capnp/stream.capnp",
        "@0xd4c9a1b7e6f20001; struct StreamResult {}",
    );
    let text = "@0xd4c9a1b7e6f20000; interface I { m @0 () -> stream; }";
    let errors = compile(&files, &[SourceFile::new("a.capnp", text)]).unwrap_err();
    assert_eq!(
        errors.iter().map(describe).collect::<Vec<_>>(),
        ["stream: the '/capnp/stream.capnp' that was found declares no StreamResult with its id"]
    );
}

/// Errors of all kinds in one file are all found, each where it is.
#[test]
fn several_errors_in_one_run() {
    check(
        "struct A { a @0 :Nope; b @0 :List; c @3 :Int8 = 300; }\n\
         enum E { x @0; x @1; } const e :E = z; const f :A = (d = 1);\n\
         interface I extends(A) { m @0 (t :Int8(Text)) $n; }",
        &[
            "Nope: 'Nope' is not defined",
            "0: the number @0 is used twice (first used in line 2)",
            "List: 'List' needs the type of its elements (write 'List(Text)' or the like)",
            "3: the number @1 is missing (numbers start at @0 and leave no holes, so that nobody \
             fills them)",
            "300: 300 does not fit in Int8",
            "x: 'x' is already declared in this scope (first declared in line 3)",
            "z: 'z' is not defined",
            "d: A has no field 'd'",
            "A: 'A' is not an interface",
            "Int8(Text): 'Int8' takes no type parameters",
            "n: 'n' is not defined",
        ],
    );
}

/// What the parser gives up on hides no other error, and brings none that follow from it.
#[test]
fn errors_of_syntax_and_meaning_in_one_run() {
    check(
        "using Nothing; struct A { u @0 union { a @1 :Text; b @2 :Nope; } g group { c @4 :Int8 = 128; } }\n\
         const k :Text = embed \"nowhere\"; struct B { x @0 :import \"nowhere.capnp\".X; y @0 :Text; }",
        &[
            "Nothing: this 'using' has no name to declare (write 'using Name = …', or name a member of \
             another scope: 'using Outer.Inner')",
            "0: unions need no number of their own (remove it, or, if the number is part of an old \
             protocol, write '@0!')",
            "union: a ':' is missing after 'u' (write 'u :union {')",
            "Nope: 'Nope' is not defined",
            "group: a ':' is missing after 'g' (write 'g :group {')",
            "4: the number @3 is missing (numbers start at @0 and leave no holes, so that nobody \
             fills them)",
            "128: 128 does not fit in Int8",
            "\"nowhere\": cannot find the file \"nowhere\" (the path is relative to this file; a leading \
             / means the import directories (-I))",
            "\"nowhere.capnp\": cannot find the file \"nowhere.capnp\" (the path is relative to this \
             file; a leading / means the import directories (-I))",
            "0: the number @0 is used twice (first used in line 3)",
        ],
    );
    check(
        "struct A { a @0 Text; b @1 :Nope; c @2 :Int8 = 300; } struct 5 {} const k :A = (a = \"\");\n\
         enum E { x; y @1; } struct C { u :union { a @0 :E = x; b Text; } s @2 :List(Int8, Text); }",
        &[
            "Text: expected ':' and a type after 'a', found 'Text' (write 'a @N :Text')",
            "300: 300 does not fit in Int8",
            "5: expected a name after 'struct', found a number",
            ";: expected '@' and a number after 'x', found ';' (write 'x @N')",
            "Text: expected '@' and the field's number after 'b', found 'Text' (write 'text @N :B')",
            "List(Int8, Text): 'List' takes one type parameter, found 2",
        ],
    );
}

#[test]
fn interfaces_that_extend_themselves() {
    check(
        "interface A extends(A) {}\ninterface B extends(C, D) {} interface C extends(B) {}\n\
         interface D {} interface E extends(D, F) {} interface F extends(D) {}",
        &[
            "A: the interface 'A' extends itself",
            "C: the interface 'C' extends itself",
        ],
    );
    let chain = |order: &mut dyn Iterator<Item = usize>| {
        let mut text = String::from("interface I0 {}");
        for n in order {
            let base = n - 1;
            text.push_str(&format!("\ninterface I{n} extends(I{base}) {{}}"));
        }
        complaints(&text)
    };
    assert!(chain(&mut (1..64)).is_empty());
    assert!(!chain(&mut (1..5000)).is_empty());
    assert!(!chain(&mut (1..5000).rev()).is_empty());
}

/// `null` says that a parameter may be left out; it is no value, and no default of a field.
#[test]
fn null_is_for_parameters() {
    check(
        "interface I { m @0 [T] (a :Text = null, b :I = null, c :List(Int8) = null, d :AnyPointer = \
         null, e :Data = null, f :S = null, g :T = null) -> (h :Text = null); }\n\
         struct S { t @0 :Text; }",
        &[],
    );
    check(
        "interface I { m @0 (a :Int32 = null, b :S = (t = null), c :E = null); }\n\
         struct S { t @0 :Text = null; } enum E { null @0; }",
        &[
            "null: only parameters of pointer types can be 'null', and this one's is Int32",
            "null: 'null' is not defined (leave it out: what is not set has its default)",
            "null: only parameters of pointer types can be 'null', and this one's is E",
            "null: 'null' is not defined (leave it out: what is not set has its default)",
        ],
    );
}

#[test]
fn values_of_type_parameters() {
    check(
        "struct G(T) { a @0 :T = .k; b @1 :T = \"x\"; c @2 :B(T) = (v = .k); d @3 :B(S) = (v = .k); \
         e @4 :AnyPointer = .k; }\n\
         struct B(T) { v @0 :T; } struct S {} const k :S = ();",
        &[
            ".k: the type of this value is a type parameter, so there is no telling what the value \
             means",
            "\"x\": the type of this value is a type parameter, so there is no telling what the value \
             means",
            ".k: the type of this value is a type parameter, so there is no telling what the value \
             means",
        ],
    );
}

#[test]
fn a_missing_semicolon_is_marked_where_it_belongs() {
    let text = "@0xd4c9a1b7e6f20000;\nstruct A {\n  a @0 :Text\n  b @1 :Text;\n}\n";
    let errors = compile(&MemoryFiles::new(), &[SourceFile::new("a.capnp", text)]).unwrap_err();
    assert_eq!(
        errors[0].render(),
        "a.capnp:3:13: error: a ';' is missing here\n  a @0 :Text\n            ^\n"
    );
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn the_limits_of_structs() {
    // Numbers run out before words do.
    let mut text = String::from("struct A { union { v @0 :Void; w @1 :Void; }");
    for index in 2..65_535 {
        text.push_str(&format!("f{index} @{index} :UInt64;"));
    }
    check(&format!("{text}}}"), &[]);
    let deep = format!("struct B {{ {}", "g :group { ".repeat(100));
    let complaints = complaints(&deep);
    assert!(complaints.contains(&"g: nested more than 64 levels deep".to_owned()));
}

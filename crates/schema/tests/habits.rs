//! What beginners write who know other languages: each mistake is one error, which says what to write
//! instead, and the next one is found too.
#![allow(clippy::unwrap_used)]

mod complaints;

use capstan_schema::{MemoryFiles, SourceFile, compile};
use complaints::{complaints, describe};

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(complaints(text), expected, "{text}");
}

#[test]
fn comments_and_literals() {
    check(
        "// Doc.\nstruct A { // Doc.\n a @0 :Text; /* It's\n not. */ b @1 :Nope; }",
        &[
            "//: comments do not begin with '//' (write '#': comments end with their line)",
            "//: comments do not begin with '//' (write '#': comments end with their line)",
            "/*: comments do not begin with '/*' (write '#': comments end with their line)",
            "Nope: 'Nope' is not defined",
        ],
    );
    check(
        "const a :Text = 'x'; const b :Text = “y”; const c :Text = `z`;",
        &[
            "'x': text literals are written in double quotes (write \"x\")",
            "“y”: text literals are written in double quotes (write \"y\")",
            "`z`: text literals are written in double quotes (write \"z\")",
        ],
    );
    check(
        "struct A { naïve @0 :Text; é @1 :Text; 3d @2 :Text; }",
        &[
            "ï: unexpected character 'ï' (outside of text literals and comments a schema is ASCII)",
            "é: unexpected character 'é' (outside of text literals and comments a schema is ASCII)",
            "@: expected a member in this struct, found '@' (annotations stand behind what they are \
             about: 'name @N :Type $annotation;')",
            "3d: this is not a number (write decimal 42, hexadecimal 0x2a, octal 052 or a float 4.2e1)",
        ],
    );
}

const AT_THE_TOP: &str = "expected a declaration (struct, enum, interface, const, annotation, \
                          using) at the top of a file, found";

#[test]
fn declarations_of_other_languages() {
    check(
        "message A { a @0 :Nope; class B { b @0 :Text; } }\nservice C { c @0 (); }\n\
         export Enum D { d @0; }\nstrcut E { e @0 :A.B; }\ntype F = { f @0 :C; };",
        &[
            &format!("message: {AT_THE_TOP} 'message' (write 'struct')"),
            "Nope: 'Nope' is not defined",
            "class: expected a declaration (struct, enum, interface, const, annotation, using) \
             before a name and a body, found 'class' (write 'struct')",
            &format!("service: {AT_THE_TOP} 'service' (write 'interface')"),
            &format!("export: {AT_THE_TOP} 'export' (remove it)"),
            &format!("Enum: {AT_THE_TOP} 'Enum' (write 'enum')"),
            &format!("strcut: {AT_THE_TOP} 'strcut' (write 'struct')"),
            &format!("type: {AT_THE_TOP} 'type' (write 'struct')"),
            "=: expected '{' to begin the body, found '=' (remove it)",
            ";: this ';' ends nothing (remove it)",
        ],
    );
    check(
        "syntax = \"proto3\";\nimport { A } from \"./a.capnp\"\npackage b;\noption c = 1;\nfrob d;",
        &[
            &format!(
                "syntax: {AT_THE_TOP} 'syntax' (remove it: there is one version of the language)"
            ),
            &format!("import: {AT_THE_TOP} 'import' (write 'using Name = import \"file.capnp\";')"),
            &format!(
                "package: {AT_THE_TOP} 'package' (remove it: every file has names of its own, and \
                 those that import it name the file)"
            ),
            &format!(
                "option: {AT_THE_TOP} 'option' (what code generators are told is an annotation: \
                 '$name(value);')"
            ),
            &format!("frob: {AT_THE_TOP} 'frob'"),
        ],
    );
    let errors = compile(
        &MemoryFiles::new(),
        &[SourceFile::new(
            "a.capnp",
            "0xd4c9a1b7e6f20853;\nstruct A { a @0 :Nope; }",
        )],
    );
    assert_eq!(
        errors.unwrap_err().iter().map(describe).collect::<Vec<_>>(),
        [
            "0xd4c9a1b7e6f20853: expected '@' before the file's id, found a number (write \
             '@0xd4c9a1b7e6f20853;')",
            "Nope: 'Nope' is not defined",
        ]
    );
    check(
        "struct A extends B { a @0 :Int8 = 300; }\ninterface C : D {}\ninterface D extends C {}\n\
         struct E<T> { e @0 :T; }\nstruct F (\n f @0 :Text;\n)\nusing import \"other.capnp\";",
        &[
            "extends: expected '{' to begin the body, found 'extends' (structs do not inherit: give \
             it a field of the other type)",
            "300: 300 does not fit in Int8",
            ":: expected '{' to begin the body, found ':' (write 'extends(D)')",
            "C: expected '(' after 'extends', found 'C' (write 'extends(C)')",
            "<: expected '{' to begin the body, found '<' (type parameters stand between \
             parentheses: 'Name(T)')",
            "@: expected ')' after the type parameters, found '@' (a body stands between '{' and '}')",
            "): this ')' closes nothing",
            "import \"other.capnp\": this 'using' has no name to declare (write 'using Name = import \
             \"other.capnp\"')",
        ],
    );
}

#[test]
fn members_of_other_languages() {
    let number = "expected '@' and the field's number after";
    check(
        "struct A {\n string name = 1;\n repeated int32 ids = 2;\n optional a @0 :Text;\n Text b @1;\n \
         c = 2 :Text;\n d? @3 :Text;\n e-f @4 :Text;\n reserved 5, 6;\n List(Text) g @7;\n h :{ }\n \
         \"i\" @8 :Text;\n @9 j :Text;\n oneof k { l @10 :Text; m @11 :Int8 = 300; }\n}",
        &[
            &format!("name: {number} 'string', found 'name' (write 'name @N :Text')"),
            &format!("int32: {number} 'repeated', found 'int32' (write 'ids @N :List(Int32)')"),
            &format!("a: {number} 'optional', found 'a' (remove 'optional')"),
            &format!("b: {number} 'Text', found 'b' (write 'b @N :Text')"),
            &format!("=: {number} 'c', found '=' (write 'c @N :Type'; numbers start at @0)"),
            &format!("?: {number} 'd', found '?' (remove it: any field can be left out)"),
            &format!("-: {number} 'e', found '-' (write 'eF')"),
            &format!(
                "5: {number} 'reserved', found a number (keep what had these numbers, under any \
                 name: numbers leave no holes)"
            ),
            &format!("(: {number} 'List', found '(' (the name comes first: 'name @N :Type')"),
            "h: the field 'h' has no number (write 'h :group {', or ':union {' if one of its fields \
             is set)",
            "\"i\": expected a member in this struct, found a text literal (names have no quotes)",
            "@: expected a member in this struct, found '@' (annotations stand behind what they are \
             about: 'name @N :Type $annotation;')",
            "oneof: expected a member in this struct, found 'oneof' (write 'k :union {')",
            "300: 300 does not fit in Int8",
        ],
    );
    let end = "expected ';' at the end of this declaration, found";
    check(
        "struct A {\n a @0 :Text,\n b @1 :Int8 = 300,\n c @2 :Text?;\n d @3 :Text[];\n e @4 \
         :List<Text>;\n f @5 :Text [deprecated = true];\n g @6 :Text | Int32;\n h @7 :struct { x @0 \
         :Text; };\n i @8 :B::C;\n}",
        &[
            &format!(",: {end} ',' (write ';')"),
            "300: 300 does not fit in Int8",
            &format!(",: {end} ',' (write ';')"),
            &format!("?: {end} '?' (remove it: any field can be left out)"),
            &format!("[: {end} '[' (a list is written 'List(Type)')"),
            &format!("<: {end} '<' (type parameters stand between parentheses: 'List(Text)')"),
            &format!("[: {end} '[' (annotations are written '$name(value)')"),
            &format!("|: {end} '|' (fields of which one is set are a union: 'union {{ … }}')"),
            &format!(
                "{{: {end} '{{' (declare the type by itself, 'struct Name {{ … }}', and write its \
                 name here)"
            ),
            &format!(":: {end} ':' (names are joined with a '.')"),
        ],
    );
    check(
        "struct A { a @0 :[Text]; }",
        &["[Text]: expected a name, found the value […] (write 'List(Text)')"],
    );
    check(
        "enum A { RED = 0; GREEN, blue }\nenum B { a @0 :Text; }\nconst int X = 5; const z Int32 = 5; \
         const y = 5;",
        &[
            "=: expected '@' and a number after 'RED', found '=' (write 'red @N'; numbers start at @0)",
            ",: expected '@' and a number after 'GREEN', found ',' (write 'green @N')",
            "}: expected '@' and a number after 'blue', found '}' (write 'blue @N')",
            &format!(":: {end} ':' (an enumerant has a name and a number only)"),
            "X: expected ':' before the constant's type, found 'X' (write 'const x :Int32 = …')",
            "Int32: expected ':' before the constant's type, found 'Int32' (write 'const z :Int32 = …')",
            "=: expected ':' before the constant's type, found '=' (write 'const y :Type = …')",
        ],
    );
    check(
        "interface A {\n rpc Get (B) returns (C);\n async put @0 ();\n name: string;\n a @1 (x Text) -> ();\n \
         b @2 (x @0 :Text);\n c @3 (x :Text): Text;\n d @4 () stream;\n}",
        &[
            "Get: expected '@' and a number after 'rpc', found 'Get' (write 'get @N (…) -> (…)')",
            "put: expected '@' and a number after 'async', found 'put' (remove 'async')",
            ":: expected '@' and a number after 'name', found ':' (an interface has methods, 'name @N \
             (…) -> (…)'; what has fields is a struct)",
            "Text: expected ':' before the parameter's type, found 'Text' (write 'name :Type')",
            "@: expected ':' before the parameter's type, found '@' (parameters have no numbers: \
             their order counts)",
            &format!(":: {end} ':' (results stand between parentheses: '-> (name :Type)')"),
            &format!("stream: {end} 'stream' (write '-> stream')"),
        ],
    );
}

#[test]
fn types_and_names_of_other_languages() {
    check(
        "struct A { a @0 :Map(Text, Text); b @1 :Optional(Text); c @2 :Timestamp; d @3 :Bool = True; \
         e @4 :Text = None; f @5 :object; object @6 :Object; }\n\
         interface I { a @0 () -> Stream; b @1 () -> Promise(Text); c @2 () -> Void; } struct OBJECT {}",
        &[
            "Map: 'Map' is not defined (write a list of structs that have a key and a value)",
            "Optional: 'Optional' is not defined (write the type alone: any field can be left out)",
            "Timestamp: 'Timestamp' is not defined (a time is a number: write 'Int64', and its unit \
             in the name)",
            "True: 'True' is not defined (did you mean 'true'?)",
            "None: 'None' is not defined (leave it out: what is not set has its default)",
            "object: 'object' is not defined (did you mean 'OBJECT'?)",
            "Object: 'Object' is not defined (did you mean 'OBJECT'?)",
            "Stream: 'Stream' is not defined (did you mean 'stream'?)",
            "Promise: 'Promise' is not defined (write the results alone: '(name :Type)')",
            "Void: 'Void' is not a struct (write '()' for none)",
        ],
    );
    check(
        "struct my_struct { DARK_GREEN @0 :Text; } const MAX_SIZE :Int8 = 1;",
        &[
            "my_struct: names of types begin with a capital (write 'MyStruct')",
            "DARK_GREEN: names of members, constants and annotations begin with a small letter (write \
             'darkGreen')",
            "MAX_SIZE: names of members, constants and annotations begin with a small letter (write \
             'maxSize')",
        ],
    );
}

#[test]
fn single_quotes() {
    check(
        "const a :Text = 'one two'; const b :Int8 = 'x'; const c :Text = 'it;",
        &[
            "'one two': text literals are written in double quotes (write \"one two\")",
            "'x': text literals are written in double quotes (write \"x\")",
            "'x': expected a value of type Int8",
            "': unexpected character '\\'' (text literals are written in double quotes)",
        ],
    );
}

#[test]
fn values_and_methods_of_other_languages() {
    let end = "expected ';' at the end of this declaration, found";
    let value = "a list is written '[a, b]' and a struct's value '(x = 1)'; a type is declared by \
                 itself, 'struct Name { … }'";
    check(
        "struct A {\n a @0 :List Text;\n b @1 :Text default \"x\";\n c() -> ();\n fn d @2 () -> ();\n \
         e @3 :List(Int8) = {1};\n f @4 :A = (a: 1);\n}\nenum B : UInt8 { a @0; }",
        &[
            &format!(
                "Text: {end} 'Text' (the type of the elements stands between parentheses: \
                 'List(Text)')"
            ),
            &format!("default: {end} 'default' (write '=': 'name @N :Type = value')"),
            "(: expected '@' and the field's number after 'c', found '(' (a struct has fields; what \
             has methods is an interface)",
            "d: expected '@' and the field's number after 'fn', found 'd' (a struct has fields; what \
             has methods is an interface)",
            &format!("{{: expected a type or a value as the default value, found '{{' ({value})"),
            ":: expected ')' after the arguments, found ':' (write '=' before a value)",
            ":: expected '{' to begin the body, found ':' (remove it: an enum always takes 16 bits)",
        ],
    );
    check(
        "interface A {\n a @0 (x :Text; y :Nope;) -> ();\n b @1 () -> () throws C;\n c @2 :Text;\n}",
        &[
            ";: expected ',' after a parameter, found ';' (write ',')",
            ";: expected ',' after a parameter, found ';' (write ',')",
            &format!("throws: {end} 'throws' (remove it: any method may fail)"),
            ":: expected '(' before the method's parameters, found ':' (an interface has methods; \
             what has fields is a struct)",
        ],
    );
}

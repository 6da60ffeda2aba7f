//! Texts that are no schemas, and small ones that mean something huge: errors, soon.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod complaints;

use capstan_schema::{Diagnostic, MemoryFiles, SourceFile, compile};
use complaints::complaints;

/// Nothing that can be typed makes the compiler panic or hang.
#[test]
fn survives_broken_text() {
    let schema = include_str!("../capnp/schema.capnp");
    let mut state = 7u32;
    let mut random = |limit: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % limit
    };
    for _ in 0..400 {
        let mut bytes = schema.as_bytes().to_vec();
        let start = random(bytes.len() - 600);
        bytes = bytes[start..start + 600].to_vec();
        for _ in 0..1 + random(6) {
            let at = random(bytes.len());
            match random(3) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, b"{}();:@$.,=[]\"0-\\#a\n"[random(20)]),
                _ => bytes[at] = b"{}();:@$.,=[]\"0-\\#a\n"[random(20)],
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for error in complaints_raw(&text) {
            assert!(!error.render().is_empty());
        }
    }
    for deep in ["{", "(", "[", "struct A {", "a :group {", "const a :A = [["] {
        let text = deep.repeat(20_000);
        assert!(!complaints_raw(&text).is_empty());
        assert!(!complaints_raw(&format!("struct A {{ x @0 :{text}")).is_empty());
    }
    // What is reported and skipped is not looked through again for each of its neighbours.
    for skipped in [
        "/* x\n",
        "// x\n",
        "export ",
        "é ",
        "“",
        "struct a b;",
        "3d ",
    ] {
        assert!(!complaints_raw(&skipped.repeat(30_000)).is_empty());
    }
    let long = format!("const a :A{} = 1;", ".B".repeat(50_000));
    assert!(!complaints_raw(&long).is_empty());
}

/// Small texts that mean something huge, or something without end.
#[test]
fn survives_malice() {
    let chain: String = (0..1_000)
        .map(|i| format!("using A{i} = A{};", i + 1))
        .collect();
    assert!(
        complaints(&chain)
            .iter()
            .any(|c| c.contains("too long a chain"))
    );
    let chain: String = (0..1_000)
        .map(|i| format!("const a{i} :Int8 = .a{};", i + 1))
        .collect();
    assert!(
        complaints(&chain)
            .iter()
            .any(|c| c.contains("too long a chain"))
    );
    let mut doubling = String::from("struct P(A, B) { using D = P(P(A, B), P(B, A)); } ");
    doubling.push_str("using X0 = P(Text, Text);");
    for i in 0..30 {
        doubling.push_str(&format!("using X{} = P(X{i}, X{i});", i + 1));
    }
    assert!(complaints(&doubling).iter().any(|c| c.contains("too big")));
    let members = format!(
        "struct P(A, B) {{ using D = P(P(A, B), P(B, A)); }} struct Q {{ a @0 :P(Text, Text){}; }}",
        ".D".repeat(30)
    );
    assert!(complaints(&members).iter().any(|c| c.contains("too big")));
    let mut lists = String::from("const a0 :List(List(Text)) = [[\"x\"]];");
    lists.push_str("struct S { a @0 :List(S); } const b0 :S = (a = [(), ()]);");
    for i in 0..30 {
        lists.push_str(&format!("const b{} :S = (a = [.b{i}, .b{i}]);", i + 1));
    }
    assert!(complaints(&lists).iter().any(|c| c.contains("too big")));
    // Each of many fields may be of a type that is only just small enough.
    let mut fields = String::from("struct P(A, B) {} using X0 = P(Text, Text);");
    for i in 0..8 {
        fields.push_str(&format!("using X{} = P(X{i}, X{i});", i + 1));
    }
    fields.push_str("struct S {");
    for i in 0..1_500 {
        fields.push_str(&format!("f{i} @{i} :X8;"));
    }
    fields.push('}');
    let all = complaints(&fields);
    assert_eq!(
        all,
        ["X8: the types in these files are too big, written out"]
    );
}

fn complaints_raw(text: &str) -> Vec<Diagnostic> {
    let file = SourceFile::new("test.capnp", text);
    compile(&MemoryFiles::new(), &[file])
        .err()
        .unwrap_or_default()
}

//! Lists, text and data, and what they may be read as.

use super::Cases;
use super::Outcome::{BadPointer, Good};
use super::words::*;

pub fn lists(cases: &mut Cases) {
    let kinds = [
        ("Void", VOIDS, VOID),
        ("Bool", BOOLS, BIT),
        ("UInt8", BYTES, BYTE),
        ("Kind", KINDS, TWO_BYTES),
        ("UInt64", LONGS, EIGHT_BYTES),
        ("Text", TEXTS, POINTER),
    ];
    for (name, index, size) in kinds {
        cases.one(
            format!("2^29 - 1 of {name}"),
            BadPointer,
            node(index, |at| list_pointer(at, size, MOST), &[0]),
        );
        cases.one(
            format!("List({name}) before the start"),
            BadPointer,
            node(index, |at| list_pointer(at - HEAP - 1, size, 1), &[0]),
        );
        cases.one(
            format!("List({name}) behind the end"),
            BadPointer,
            node(index, |at| list_pointer(at + 2, size, 1), &[0]),
        );
        cases.one(
            format!("List({name}) far before the start"),
            BadPointer,
            node(index, |_| list_pointer(-(1 << 29), size, 1), &[0]),
        );
        cases.one(
            format!("List({name}) without elements at the end"),
            Good,
            node(index, |at| list_pointer(at + 1, size, 0), &[0]),
        );
    }
    for (name, index, size, most) in [
        ("Bool", BOOLS, BIT, 64),
        ("UInt8", BYTES, BYTE, 8),
        ("Kind", KINDS, TWO_BYTES, 4),
        ("UInt64", LONGS, EIGHT_BYTES, 1),
        ("Text", TEXTS, POINTER, 1),
    ] {
        cases.one(
            format!("as many of {name} as fit"),
            Good,
            node(index, |at| list_pointer(at, size, most), &[0]),
        );
        cases.one(
            format!("one of {name} too many"),
            BadPointer,
            node(index, |at| list_pointer(at, size, most + 1), &[0]),
        );
    }
    cases.one(
        "a list of lists with one bad pointer",
        BadPointer,
        node(
            NESTED,
            |at| list_pointer(at, POINTER, 3),
            &[0, list_pointer(1, POINTER, 1), 0, list_pointer(1, BYTE, 1)],
        ),
    );
    cases.one(
        "a bad pointer behind an AnyPointer",
        BadPointer,
        node(
            ANY,
            |at| struct_pointer(at, 0, 1),
            &[struct_pointer(5, 1, 0)],
        ),
    );
    cases.one(
        "a list of 2^29 - 1 behind an AnyPointer",
        BadPointer,
        node(ANY, |at| list_pointer(at, VOID, MOST), &[]),
    );
    cases.one(
        "a reserved kind behind an AnyPointer",
        BadPointer,
        node(ANY, |_| 7 | 1 << 32, &[]),
    );
    cases.one(
        "a capability behind an AnyPointer",
        BadPointer,
        node(ANY, |_| capability(0), &[]),
    );
    cases.one(
        "capability 2^32 - 1 behind an AnyPointer",
        BadPointer,
        node(ANY, |_| capability(u32::MAX), &[]),
    );
}

pub fn tags(cases: &mut Cases) {
    let nodes = |words: u32, appended: &[u64]| {
        node(NODES, |at| list_pointer(at, COMPOSITE, words), appended)
    };
    cases.one("no elements", Good, nodes(0, &[tag(0, 2, 19)]));
    cases.one("no elements and no tag", BadPointer, nodes(0, &[]));
    cases.one("one element", Good, nodes(2, &[tag(1, 2, 0), 1, 0]));
    cases.one(
        "words behind the elements",
        Good,
        nodes(3, &[tag(1, 2, 0), 1, 0, 9]),
    );
    cases.one(
        "an element too many",
        BadPointer,
        nodes(3, &[tag(2, 2, 0), 1, 0, 9]),
    );
    cases.one(
        "a tag of -1 elements",
        BadPointer,
        nodes(2, &[tag(u32::MAX, 2, 0), 1, 0]),
    );
    cases.one(
        "a tag of 2^29 - 1 elements",
        BadPointer,
        nodes(2, &[tag(MOST, 2, 0), 1, 0]),
    );
    cases.one(
        "a tag of -2^29 elements",
        BadPointer,
        nodes(2, &[tag(1 << 29, 2, 0), 1, 0]),
    );
    cases.one(
        "a tag whose product overflows",
        BadPointer,
        nodes(2, &[tag(MOST, u16::MAX, u16::MAX), 1, 0]),
    );
    cases.one(
        "words that end behind the end",
        BadPointer,
        nodes(3, &[tag(1, 2, 0), 1, 0]),
    );
    cases.one(
        "2^29 - 1 words",
        BadPointer,
        nodes(MOST, &[tag(1, 2, 0), 1, 0]),
    );
    cases.one(
        "a tag that is a list",
        BadPointer,
        nodes(2, &[list_pointer(1, BYTE, 1), 1, 0]),
    );
    cases.one(
        "a tag that is a far pointer",
        BadPointer,
        nodes(2, &[far_pointer(0, 0), 1, 0]),
    );
    cases.one(
        "a tag that is a capability",
        BadPointer,
        nodes(2, &[capability(0), 1, 0]),
    );
    cases.one(
        "2^29 - 1 elements of no size",
        BadPointer,
        nodes(0, &[tag(MOST, 0, 0)]),
    );
    cases.one(
        "2^29 - 1 empty structs",
        BadPointer,
        node(
            EMPTIES,
            |at| list_pointer(at, COMPOSITE, 0),
            &[tag(MOST, 0, 0)],
        ),
    );
    cases.one(
        "2^29 - 1 empty structs as Void",
        BadPointer,
        node(EMPTIES, |at| list_pointer(at, VOID, MOST), &[]),
    );
    cases.one(
        "a thousand empty structs",
        Good,
        node(
            EMPTIES,
            |at| list_pointer(at, COMPOSITE, 0),
            &[tag(1000, 0, 0)],
        ),
    );
    cases.one(
        "a bad pointer in the last element",
        BadPointer,
        nodes(4, &[tag(2, 1, 1), 1, 0, 2, struct_pointer(3, 0, 1)]),
    );
}

pub fn upgrades(cases: &mut Cases) {
    for (name, size) in [
        ("UInt8", BYTE),
        ("UInt16", TWO_BYTES),
        ("UInt32", FOUR_BYTES),
        ("UInt64", EIGHT_BYTES),
        ("Void", VOID),
    ] {
        cases.one(
            format!("List({name}) as List(Node)"),
            Good,
            node(NODES, |at| list_pointer(at, size, 1), &[5]),
        );
        cases.one(
            format!("List({name}) as List(Wide)"),
            Good,
            node(WIDES, |at| list_pointer(at, size, 1), &[5]),
        );
        cases.one(
            format!("List({name}) as List(Empty)"),
            Good,
            node(EMPTIES, |at| list_pointer(at, size, 1), &[5]),
        );
    }
    // The tag of a union is wider than the smallest of these.
    for (name, size) in [
        ("UInt8", BYTE),
        ("UInt16", TWO_BYTES),
        ("UInt64", EIGHT_BYTES),
    ] {
        for member in 0..4 {
            cases.one(
                format!("List({name}) as structs that begin with the tag {member}"),
                Good,
                node(
                    TAGGED,
                    |at| list_pointer(at, size, 1),
                    &[0x5a5a_5a5a_5a5a_0000 | member],
                ),
            );
        }
    }
    cases.one(
        "List(Text) as List(Node)",
        Good,
        node(
            NODES,
            |at| list_pointer(at, POINTER, 1),
            &[list_pointer(0, BYTE, 2), 0x61],
        ),
    );
    cases.one(
        "List(List(UInt8)) without NUL as List(Node)",
        BadPointer,
        node(
            NODES,
            |at| list_pointer(at, POINTER, 1),
            &[list_pointer(0, BYTE, 2), 0x6161],
        ),
    );
    cases.one(
        "structs as List(UInt64)",
        Good,
        node(
            LONGS,
            |at| list_pointer(at, COMPOSITE, 4),
            &[tag(2, 1, 1), 1, 0, 2, 0],
        ),
    );
    cases.one(
        "structs as List(Text)",
        Good,
        node(
            TEXTS,
            |at| list_pointer(at, COMPOSITE, 2),
            &[tag(1, 1, 1), 1, 0],
        ),
    );
    cases.one(
        "structs as List(Void)",
        Good,
        node(
            VOIDS,
            |at| list_pointer(at, COMPOSITE, 2),
            &[tag(1, 1, 1), 1, 0],
        ),
    );
    cases.one(
        "2^29 - 1 Void as List(Node)",
        BadPointer,
        node(NODES, |at| list_pointer(at, VOID, MOST), &[]),
    );
    cases.one(
        "2^29 - 1 Void as List(Wide)",
        BadPointer,
        node(WIDES, |at| list_pointer(at, VOID, MOST), &[]),
    );
    cases.one(
        "a small Node",
        Good,
        node(NODE, |at| struct_pointer(at, 1, 1), &[5, 0]),
    );
    cases.one(
        "a large Node",
        Good,
        node(NODE, |at| struct_pointer(at, 3, 20), &[0; 23]),
    );
}

pub fn wrong_kinds(cases: &mut Cases) {
    for (name, index) in [
        ("Text", TEXT),
        ("Data", DATA),
        ("List(UInt64)", LONGS),
        ("List(Node)", NODES),
        ("List(Void)", VOIDS),
    ] {
        cases.one(
            format!("a struct as {name}"),
            BadPointer,
            node(index, |at| struct_pointer(at, 1, 0), &[0]),
        );
        cases.one(
            format!("a capability as {name}"),
            BadPointer,
            node(index, |_| capability(0), &[]),
        );
    }
    cases.one(
        "a list as Node",
        BadPointer,
        node(NODE, |at| list_pointer(at, EIGHT_BYTES, 1), &[0]),
    );
    cases.one(
        "a list as Wide",
        BadPointer,
        node(
            WIDE,
            |at| list_pointer(at, COMPOSITE, 1),
            &[tag(1, 1, 0), 0],
        ),
    );
    cases.one(
        "a capability as Node",
        BadPointer,
        node(NODE, |_| capability(0), &[]),
    );
    cases.one(
        "a struct in List(Text)",
        BadPointer,
        node(
            TEXTS,
            |at| list_pointer(at, POINTER, 1),
            &[struct_pointer(0, 1, 0), 0],
        ),
    );
    for (name, index, size) in [
        ("List(Bool) as List(Node)", NODES, BIT),
        ("List(Bool) as List(UInt64)", LONGS, BIT),
        ("List(Bool) as List(Void)", VOIDS, BIT),
        ("List(UInt32) as List(UInt64)", LONGS, FOUR_BYTES),
        ("List(Text) as List(UInt64)", LONGS, POINTER),
        ("List(UInt64) as List(Text)", TEXTS, EIGHT_BYTES),
        ("List(Void) as List(UInt8)", BYTES, VOID),
    ] {
        cases.one(
            name,
            BadPointer,
            node(index, |at| list_pointer(at, size, 1), &[0]),
        );
    }
    let structs = |index, data_words, pointers, words: &[u64]| {
        let mut appended = vec![tag(1, data_words, pointers)];
        appended.extend(words);
        node(
            index,
            |at| list_pointer(at, COMPOSITE, words.len() as u32),
            &appended,
        )
    };
    cases.one(
        "structs as List(Bool)",
        BadPointer,
        structs(BOOLS, 1, 0, &[1]),
    );
    cases.one(
        "structs of pointers as List(UInt64)",
        BadPointer,
        structs(LONGS, 0, 1, &[0]),
    );
    cases.one(
        "structs of data as List(Text)",
        BadPointer,
        structs(TEXTS, 1, 0, &[1]),
    );
    cases.one("structs as Text", BadPointer, structs(TEXT, 1, 0, &[1]));
}

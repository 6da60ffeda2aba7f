//! What is deep, endless, or becomes large when it is read.

use super::Cases;
use super::Outcome::{BadPointer, Good};
use super::words::*;
use std::iter::repeat_n;

pub fn depth(cases: &mut Cases) {
    // The root is the first.
    for (name, levels, outcome) in [
        ("64", 64, Good),
        ("65", 65, BadPointer),
        ("1,000", 1000, BadPointer),
    ] {
        let mut words = vec![struct_pointer(0, 0, 3)];
        for level in 1..=levels {
            words.extend([
                0,
                0,
                if level < levels {
                    struct_pointer(0, 0, 3)
                } else {
                    0
                },
            ]);
        }
        cases.one(format!("structs {name} deep"), outcome, words);
        // A root, which has it behind its AnyPointer.
        let mut words = node(ANY, |at| list_pointer(at, POINTER, 1), &[]);
        for level in 2..=levels {
            words.push(if level < levels {
                list_pointer(0, POINTER, 1)
            } else {
                0
            });
        }
        cases.one(format!("lists {name} deep"), outcome, words);
    }
    cases.one(
        "a struct that holds itself",
        BadPointer,
        node(NODE, |at| struct_pointer(at - HEAP + 1, 2, 19), &[]),
    );
    cases.one(
        "a list that holds itself",
        BadPointer,
        node(
            NODES,
            |at| list_pointer(at, COMPOSITE, 4),
            &[tag(1, 0, 4), 0, 0, 0, list_pointer(-5, COMPOSITE, 4)],
        ),
    );
    cases.one(
        "an AnyPointer that holds itself",
        BadPointer,
        node(ANY, |at| struct_pointer(at - HEAP + 1, 2, 19), &[]),
    );
    cases.one(
        "an AnyPointer to a list that holds itself",
        BadPointer,
        node(
            ANY,
            |at| list_pointer(at, POINTER, 1),
            &[list_pointer(-1, POINTER, 1)],
        ),
    );
    cases.segments(
        "a struct that holds itself by way of another segment",
        BadPointer,
        &[
            node(NODE, |_| far_pointer(1, 0), &[]),
            vec![double_far_pointer(2, 0)],
            vec![far_pointer(0, 1), struct_pointer(0, 2, 19)],
        ],
    );
    cases.segments(
        "a struct that holds itself by way of a pad",
        BadPointer,
        &[
            node(NODE, |_| double_far_pointer(1, 0), &[]),
            vec![far_pointer(0, 1), struct_pointer(0, 2, 19)],
        ],
    );
}

pub fn amplification(cases: &mut Cases) {
    // A list of pointers, all to the same.
    let fan = |index: usize, count: i32, target: &dyn Fn(i32) -> u64, content: &[u64]| {
        let mut words: Vec<u64> = (0..count).map(|at| target(count - 1 - at)).collect();
        words.extend(content);
        node(index, |at| list_pointer(at, POINTER, count as u32), &words)
    };
    let words = 100_000;
    let letters: Vec<u64> = repeat_n(0x6161_6161_6161_6161, words - 1)
        .chain([0x0061_6161_6161_6161])
        .collect();
    let to_letters = |at| list_pointer(at, BYTE, words as u32 * 8);
    cases.one(
        "100 pointers to one text of 800,000 bytes",
        BadPointer,
        fan(TEXTS, 100, &to_letters, &letters),
    );
    cases.one(
        "100 pointers to the same 800,000 bytes of data",
        BadPointer,
        fan(DATAS, 100, &to_letters, &letters),
    );
    cases.one(
        "100 pointers to one list of 100,000 null pointers",
        BadPointer,
        fan(
            ANY,
            100,
            &|at| list_pointer(at, POINTER, words as u32),
            &vec![0; words],
        ),
    );
    cases.one(
        "20 pointers to 2^29 - 1 Void",
        BadPointer,
        fan(ANY, 20, &|at| list_pointer(at, VOID, MOST), &[]),
    );
    cases.one(
        "20 pointers to 500,000 structs of no size",
        BadPointer,
        fan(
            ANY,
            20,
            &|at| list_pointer(at, COMPOSITE, 0),
            &[tag(500_000, 0, 0)],
        ),
    );
    cases.one(
        "200 pointers to 65,535 lists that take no room",
        BadPointer,
        fan(
            NESTED,
            200,
            &|at| list_pointer(at, COMPOSITE, 0),
            &[tag(65_535, 0, 0)],
        ),
    );
    cases.one(
        "a few pointers to the same text",
        Good,
        fan(TEXTS, 9, &|at| list_pointer(at, BYTE, 3), &[0x6161]),
    );

    let doubling = |index: usize| {
        let mut words = node(index, |at| struct_pointer(at, 0, 19), &[]);
        for level in 0..40 {
            let mut pointers = [0; 19];
            for at in [NODE, ANY] {
                pointers[at] = if level < 39 {
                    struct_pointer(18 - at as i32, 0, 19)
                } else {
                    0
                };
            }
            words.extend(pointers);
        }
        words
    };
    cases.one("2^40 ways through structs", BadPointer, doubling(NODE));
    cases.one(
        "2^40 ways through structs behind an AnyPointer",
        BadPointer,
        doubling(ANY),
    );
    let mut words = node(NESTED, |at| list_pointer(at, POINTER, 256), &[]);
    for _ in 0..2 {
        words.extend((0..256).map(|at| list_pointer(255 - at, POINTER, 256)));
    }
    words.extend((0..256).map(|at| list_pointer(255 - at, BYTE, 8)));
    words.push(0);
    cases.one("a list of lists, 256 ways at each level", BadPointer, words);

    // Elements that the reader's schema makes much larger than they are.
    cases.one(
        "9,000,000 Void as List(Wide)",
        BadPointer,
        node(WIDES, |at| list_pointer(at, VOID, 9_000_000), &[]),
    );
    cases.one(
        "9,000,000 Void as List(Node)",
        BadPointer,
        node(
            NODES,
            |at| list_pointer(at, COMPOSITE, 0),
            &[tag(9_000_000, 0, 0)],
        ),
    );
    cases.one(
        "9,000,000 Void",
        BadPointer,
        node(VOIDS, |at| list_pointer(at, VOID, 9_000_000), &[]),
    );
    cases.one(
        "100,000 Void",
        Good,
        node(VOIDS, |at| list_pointer(at, VOID, 100_000), &[]),
    );
    cases.one(
        "1,000 Void as List(Wide)",
        Good,
        node(WIDES, |at| list_pointer(at, VOID, 1000), &[]),
    );
    let mut words = node(
        NODES,
        |at| list_pointer(at, COMPOSITE, 200 * 12),
        &[tag(200, 0, 12)],
    );
    for _ in 0..200 {
        words.extend([0; 11]);
        words.push(0);
        let at = words.len() as i32;
        let end = HEAP + 1 + 200 * 12;
        if let Some(last) = words.last_mut() {
            *last = list_pointer(end - at, VOID, 50_000);
        }
    }
    cases.one("200 lists of 50,000 Void as List(Wide)", BadPointer, words);
}

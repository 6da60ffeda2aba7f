//! Pointers to structs, near and far.

use super::Cases;
use super::Outcome::{BadPointer, Good};
use super::words::*;

pub fn roots(cases: &mut Cases) {
    cases.one("a null root", Good, vec![0]);
    cases.one("an empty root", Good, vec![struct_pointer(-1, 0, 0)]);
    cases.one(
        "a list as root",
        BadPointer,
        vec![list_pointer(0, BYTE, 8), 0],
    );
    cases.one("a capability as root", BadPointer, vec![capability(0)]);
    cases.one("a reserved kind of pointer as root", BadPointer, vec![7]);
    cases.one(
        "a root that is its own struct",
        BadPointer,
        vec![struct_pointer(-1, 1, 19)],
    );
    cases.one("all ones", BadPointer, vec![u64::MAX; 4]);
}

pub fn structs(cases: &mut Cases) {
    cases.one(
        "a root behind the end",
        BadPointer,
        vec![struct_pointer(1, 1, 0), 0],
    );
    cases.one(
        "a root that ends behind the end",
        BadPointer,
        vec![struct_pointer(0, 1, 1), 0],
    );
    cases.one(
        "a root of 2^17 - 2 words",
        BadPointer,
        vec![struct_pointer(0, u16::MAX, u16::MAX), 0],
    );
    cases.one(
        "a root at +2^29 - 1",
        BadPointer,
        vec![struct_pointer(MOST as i32, 1, 1), 0],
    );
    cases.one(
        "a root at -2^29",
        BadPointer,
        vec![struct_pointer(-(1 << 29), 1, 1), 0],
    );
    cases.one(
        "a root before the start",
        BadPointer,
        vec![struct_pointer(-2, 1, 0), 0],
    );
    cases.one(
        "an empty root behind the end",
        BadPointer,
        vec![struct_pointer(7, 0, 0), 0],
    );
    let inner = |make: fn(i32) -> u64| node(NODE, make, &[1, 0]);
    cases.one(
        "a struct at the end",
        Good,
        inner(|at| struct_pointer(at, 2, 0)),
    );
    cases.one(
        "a struct across the end",
        BadPointer,
        inner(|at| struct_pointer(at + 1, 2, 0)),
    );
    cases.one(
        "pointers across the end",
        BadPointer,
        inner(|at| struct_pointer(at, 2, 1)),
    );
    cases.one(
        "a struct before the start",
        BadPointer,
        inner(|at| struct_pointer(at - HEAP - 1, 2, 0)),
    );
    cases.one(
        "a struct far behind the end",
        BadPointer,
        inner(|_| struct_pointer(MOST as i32, 2, 0)),
    );
    cases.one(
        "a struct far before the start",
        BadPointer,
        inner(|_| struct_pointer(-(1 << 29), 2, 0)),
    );
    cases.one(
        "a struct over its parent",
        Good,
        inner(|at| struct_pointer(at - HEAP + 1, 2, 0)),
    );
    cases.one(
        "the largest struct without words",
        BadPointer,
        inner(|at| struct_pointer(at, u16::MAX, u16::MAX)),
    );
    cases.one("an unknown member of the union", Good, {
        let mut words = node(OTHER, |at| struct_pointer(at, 2, 0), &[1, 0]);
        words[2] = 0xffff << 16;
        words
    });
    cases.one("an unknown enumerant", Good, {
        let mut words = node(TEXT, |_| 0, &[]);
        words[2] = 0xfffe;
        words
    });
    // A member's pointer is not looked at while another member is set.
    cases.one(
        "a bad pointer of a member that is not set",
        Good,
        node(OTHER, |_| struct_pointer(99, 1, 1), &[]),
    );
    for (name, index, member) in [("other", OTHER, 1), ("right", RIGHT, 2)] {
        let mut words = node(index, |_| struct_pointer(99, 1, 1), &[]);
        words[2] = member << 16;
        cases.one(
            format!("a bad pointer of the member {name}"),
            BadPointer,
            words,
        );
    }
}

pub fn far_pointers(cases: &mut Cases) {
    let to = |pointer: u64, others: &[Vec<u64>]| {
        let mut segments = vec![node(NODE, |_| pointer, &[])];
        segments.extend_from_slice(others);
        segments
    };
    cases.segments(
        "a far pointer",
        Good,
        &to(far_pointer(1, 0), &[vec![struct_pointer(0, 2, 0), 1, 0]]),
    );
    cases.segments(
        "a far root",
        Good,
        &[vec![far_pointer(1, 0)], vec![struct_pointer(0, 2, 0), 1, 0]],
    );
    cases.segments(
        "a far pointer to its own segment",
        Good,
        &[node(
            NODE,
            |_| far_pointer(0, HEAP as u32),
            &[struct_pointer(0, 2, 0), 1, 0],
        )],
    );
    cases.segments(
        "a far pointer to a null pointer",
        Good,
        &to(far_pointer(1, 0), &[vec![0]]),
    );
    cases.segments(
        "a far pointer to no segment",
        BadPointer,
        &to(far_pointer(1, 0), &[]),
    );
    cases.segments(
        "a far pointer to segment 2^32 - 1",
        BadPointer,
        &to(far_pointer(u32::MAX, 0), &[vec![0]]),
    );
    cases.segments(
        "a far pointer behind the end",
        BadPointer,
        &to(far_pointer(1, 1), &[vec![0]]),
    );
    cases.segments(
        "a far pointer to word 2^29 - 1",
        BadPointer,
        &to(far_pointer(1, MOST), &[vec![0]]),
    );
    cases.segments(
        "a far pointer to an empty segment",
        BadPointer,
        &to(far_pointer(1, 0), &[vec![]]),
    );
    cases.segments(
        "a far pointer to a struct behind the end",
        BadPointer,
        &to(far_pointer(1, 0), &[vec![struct_pointer(0, 2, 0), 1]]),
    );
    cases.segments(
        "a far pointer to a struct before the start",
        BadPointer,
        &to(far_pointer(1, 0), &[vec![struct_pointer(-3, 2, 0), 1]]),
    );
    cases.segments(
        "a far pointer to a list",
        BadPointer,
        &to(far_pointer(1, 0), &[vec![list_pointer(0, BYTE, 1), 1]]),
    );
    cases.segments(
        "a far pointer to itself",
        BadPointer,
        &[node(NODE, |_| far_pointer(0, 3 + NODE as u32), &[])],
    );
    cases.segments(
        "far pointers in a circle",
        BadPointer,
        &to(
            far_pointer(1, 0),
            &[vec![far_pointer(2, 0)], vec![far_pointer(1, 0)]],
        ),
    );
    cases.segments(
        "a far root to itself",
        BadPointer,
        &[vec![far_pointer(0, 0)]],
    );
    cases.segments(
        "a far pointer to a double far pointer",
        BadPointer,
        &to(
            far_pointer(1, 0),
            &[
                vec![double_far_pointer(2, 0)],
                vec![far_pointer(1, 0), struct_pointer(0, 2, 0)],
            ],
        ),
    );
    let double = |pad: &[u64]| to(double_far_pointer(1, 0), &[pad.to_vec(), vec![1, 0]]);
    cases.segments(
        "a double far pointer",
        Good,
        &double(&[far_pointer(2, 0), struct_pointer(0, 2, 0)]),
    );
    cases.segments(
        "a pad of one word",
        BadPointer,
        &double(&[far_pointer(2, 0)]),
    );
    cases.segments(
        "a pad that is no far pointer",
        BadPointer,
        &double(&[struct_pointer(1, 2, 0), struct_pointer(0, 2, 0)]),
    );
    cases.segments(
        "a pad that is double far",
        BadPointer,
        &double(&[double_far_pointer(2, 0), struct_pointer(0, 2, 0)]),
    );
    cases.segments("a pad of two null pointers", BadPointer, &double(&[0, 0]));
    cases.segments(
        "a pad to no segment",
        BadPointer,
        &double(&[far_pointer(3, 0), struct_pointer(0, 2, 0)]),
    );
    cases.segments(
        "a pad to words behind the end",
        BadPointer,
        &double(&[far_pointer(2, 1), struct_pointer(0, 2, 0)]),
    );
    cases.segments(
        "a pad to word 2^29 - 1",
        BadPointer,
        &double(&[far_pointer(2, MOST), struct_pointer(0, 2, 0)]),
    );
    cases.segments(
        "a pad whose tag is far",
        BadPointer,
        &double(&[far_pointer(2, 0), far_pointer(2, 0)]),
    );
    cases.segments(
        "a pad whose tag is a list",
        BadPointer,
        &double(&[far_pointer(2, 0), list_pointer(0, BYTE, 1)]),
    );
    cases.segments(
        "a pad whose tag is too large",
        BadPointer,
        &double(&[far_pointer(2, 0), struct_pointer(0, 2, 1)]),
    );
    cases.segments(
        "a double far pointer to no segment",
        BadPointer,
        &to(double_far_pointer(9, 0), &[]),
    );
    cases.segments(
        "a double far list of structs",
        Good,
        &[
            node(NODES, |_| double_far_pointer(1, 0), &[]),
            vec![far_pointer(2, 0), list_pointer(0, COMPOSITE, 2)],
            vec![tag(1, 2, 0), 1, 0],
        ],
    );
    cases.segments(
        "a double far list with a bad tag",
        BadPointer,
        &[
            node(NODES, |_| double_far_pointer(1, 0), &[]),
            vec![far_pointer(2, 0), list_pointer(0, COMPOSITE, 2)],
            vec![tag(2, 2, 0), 1, 0],
        ],
    );
    cases.segments(
        "a double far pad across the end of the list",
        BadPointer,
        &[
            node(NODES, |_| double_far_pointer(1, 0), &[]),
            vec![far_pointer(2, 0), list_pointer(0, COMPOSITE, 3)],
            vec![tag(1, 2, 0), 1, 0],
        ],
    );
}

//! Text and data.

use super::Cases;
use super::Outcome::{BadPointer, Good};
use super::words::*;

pub fn blobs(cases: &mut Cases) {
    cases.one("text", Good, blob(TEXT, "grüße 🜁\0".as_bytes()));
    cases.one("empty text", Good, blob(TEXT, b"\0"));
    cases.one("text with a NUL inside", Good, blob(TEXT, b"a\0b\0"));
    for (name, bytes) in [
        ("text of no bytes", &b""[..]),
        ("text without NUL", b"abc"),
        ("text that fills its words without NUL", b"abcdefgh"),
    ] {
        for (field, index) in [("", TEXT), (" where there is a default", BY_DEFAULT)] {
            cases.one(format!("{name}{field}"), BadPointer, blob(index, bytes));
        }
    }
    for (name, bytes) in [
        ("a lone continuation byte", &b"ab\x80\0"[..]),
        ("a character cut off", b"ab\xe2\x82\0"),
        ("an overlong NUL", b"\xc0\x80\0"),
        ("an overlong slash", b"\xe0\x80\xaf\0"),
        ("a surrogate", b"\xed\xa0\x80\0"),
        ("a character beyond the last plane", b"\xf4\x90\x80\x80\0"),
        ("0xff", b"\xff\0"),
        ("Latin-1", b"gr\xfc\xdfe\0"),
    ] {
        cases.one(format!("text with {name}"), BadPointer, blob(TEXT, bytes));
        cases.one(
            format!("default text with {name}"),
            BadPointer,
            blob(BY_DEFAULT, bytes),
        );
        cases.one(format!("data with {name}"), Good, blob(DATA, bytes));
    }
    for (name, index) in [("text", TEXT), ("data", DATA)] {
        for (kind, size) in [
            ("Void", VOID),
            ("Bool", BIT),
            ("UInt16", TWO_BYTES),
            ("UInt64", EIGHT_BYTES),
            ("Text", POINTER),
        ] {
            cases.one(
                format!("{name} as List({kind})"),
                BadPointer,
                node(index, |at| list_pointer(at, size, 1), &[0]),
            );
        }
        cases.one(
            format!("{name} of 2^29 - 1 bytes"),
            BadPointer,
            node(index, |at| list_pointer(at, BYTE, MOST), &[0]),
        );
        cases.one(
            format!("{name} one byte too long"),
            BadPointer,
            node(index, |at| list_pointer(at, BYTE, 9), &[0]),
        );
    }
    cases.one(
        "one bad text in a list",
        BadPointer,
        node(
            TEXTS,
            |at| list_pointer(at, POINTER, 2),
            &[
                list_pointer(1, BYTE, 1),
                list_pointer(1, BYTE, 2),
                0,
                0x6161,
            ],
        ),
    );
    cases.one(
        "one bad data in a list",
        BadPointer,
        node(
            DATAS,
            |at| list_pointer(at, POINTER, 2),
            &[
                list_pointer(1, BYTE, 1),
                list_pointer(1, BYTE, 9),
                0,
                0x6161,
            ],
        ),
    );
}

/// A list of bytes and its words.
fn blob(index: usize, bytes: &[u8]) -> Vec<u64> {
    let words: Vec<u64> = bytes
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        })
        .collect();
    node(
        index,
        |at| list_pointer(at, BYTE, bytes.len() as u32),
        &words,
    )
}

//! Segment tables and packing.

use super::Cases;
use super::Outcome::{BadFrame, BadPointer, Good};
use super::words::*;
use std::iter::repeat_n;

pub fn frames(cases: &mut Cases) {
    cases.push("no bytes", BadFrame, Vec::new());
    for length in [1, 3, 4, 7] {
        cases.push(format!("{length} bytes"), BadFrame, vec![0; length]);
    }
    cases.push("a segment without words", BadPointer, table(&[0, 0]));
    cases.push(
        "two segments without words",
        BadPointer,
        table(&[1, 0, 0, 0]),
    );
    cases.push("2^32 segments", BadFrame, table(&[u32::MAX, 0]));
    cases.push("2^32 - 1 segments", BadFrame, table(&[u32::MAX - 1, 0]));
    cases.push("513 segments", BadFrame, {
        let mut words = vec![512];
        words.extend([0; 513]);
        table(&words)
    });
    cases.push("512 segments", Good, {
        let mut words = vec![511, 1];
        words.extend([0; 512]);
        let mut bytes = table(&words);
        bytes.truncate(4 + 512 * 4);
        bytes.resize(bytes.len().next_multiple_of(8) + 8, 0);
        bytes
    });
    cases.push("half a table", BadFrame, table(&[3, 1, 1]));
    cases.push(
        "a segment of 2^32 - 1 words",
        BadFrame,
        table(&[0, u32::MAX]),
    );
    cases.push(
        "sizes that overflow 32 bits",
        BadFrame,
        table(&[2, 1 << 31, 1 << 31, 1]),
    );
    cases.push("half a word", BadFrame, {
        let mut bytes = frame(&[vec![0]]);
        bytes.truncate(12);
        bytes
    });
    cases.push("the last byte is missing", BadFrame, {
        let mut bytes = frame(&[node(TEXT, |_| 0, &[])]);
        bytes.pop();
        bytes
    });
    cases.push("the last word is missing", BadFrame, {
        let mut bytes = frame(&[vec![struct_pointer(0, 1, 0), 5], vec![7]]);
        bytes.truncate(bytes.len() - 8);
        bytes
    });
    cases.push("a byte too many", BadFrame, {
        let mut bytes = frame(&[vec![0]]);
        bytes.push(0);
        bytes
    });
    cases.push("a word too many", BadFrame, {
        let mut bytes = frame(&[vec![0]]);
        bytes.extend([0; 8]);
        bytes
    });
    cases.push(
        "an empty first segment",
        BadPointer,
        frame(&[vec![], vec![0]]),
    );
    cases.push("an empty last segment", Good, frame(&[vec![0], vec![]]));
}

pub fn packing(cases: &mut Cases) {
    let root = |words: &[u64]| words.to_vec();
    // The frame of a null root.
    cases.packed("a null root, packed", Good, vec![0x10, 1, 0, 0]);
    cases.packed(
        "an empty root, packed",
        Good,
        vec![0x10, 1, 0x0f, 0xfc, 0xff, 0xff, 0xff],
    );
    cases.packed("no packed bytes", BadFrame, vec![]);
    cases.packed("a tag and nothing else", BadFrame, vec![0x10]);
    cases.packed("a packed table and no words", BadFrame, vec![0x10, 1]);
    cases.packed("zeros without their count", BadFrame, vec![0x10, 1, 0]);
    cases.packed(
        "a literal word cut off",
        BadFrame,
        vec![0x10, 2, 0, 0, 0xff, 1, 2, 3],
    );
    cases.packed(
        "a literal word without its count",
        BadFrame,
        vec![0x10, 2, 0, 0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8],
    );
    cases.packed("literal words cut off", BadFrame, {
        let mut bytes = vec![0x10, 100, 0, 0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 98];
        bytes.extend([1; 97 * 8 + 3]);
        bytes
    });
    cases.packed(
        "a run of zeros behind the message",
        BadFrame,
        vec![0x10, 2, 0, 200],
    );
    cases.packed("a run of literals behind the message", BadFrame, {
        let mut bytes = vec![0x10, 3, 0, 0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 4];
        bytes.extend([1; 32]);
        bytes
    });
    cases.packed(
        "bytes behind a packed message",
        BadFrame,
        vec![0x10, 1, 0, 0, 0x01, 5],
    );
    cases.packed(
        "2^32 packed segments",
        BadFrame,
        vec![0x0f, 0xff, 0xff, 0xff, 0xff, 0, 255, 0, 255],
    );
    cases.packed(
        "a packed segment of 2^32 - 1 words",
        BadFrame,
        vec![0xf0, 0xff, 0xff, 0xff, 0xff, 0, 255, 0, 255],
    );
    // 64 MiB of zeros and a few words more, from 64 KiB.
    let mut bomb = vec![0xf0, 1, 0, 0x80, 0];
    for _ in 0..(8 << 20) / 256 + 1 {
        bomb.extend([0, 255]);
    }
    cases.packed("a bomb of 64 MiB", BadFrame, bomb);
    let mut bomb = vec![0xf0, 0xff, 0xff, 0xff, 0x7f];
    bomb.extend(repeat_n([0, 255], 1 << 16).flatten());
    cases.packed("a bomb that claims 16 GiB", BadFrame, bomb);
    // What unpacks well may still be bad.
    cases.packed(
        "a packed message with a bad pointer",
        BadPointer,
        vec![0x10, 1, 0x1f, 0xfc, 0xff, 0xff, 0xff, 9],
    );
    cases.packed("a packed list of 2^29 - 1 Void", BadPointer, {
        let words = root(&node(VOIDS, |at| list_pointer(at, VOID, MOST), &[]));
        pack(&frame(&[words]))
    });
    cases.packed("a message packed wastefully", Good, {
        // Every word by itself, tags with zero bytes included.
        let mut bytes = Vec::new();
        for word in frame(&[node(TEXT, |at| list_pointer(at, BYTE, 3), &[0x6161])]).chunks(8) {
            bytes.push(0xff);
            bytes.extend(word);
            bytes.push(0);
        }
        bytes
    });
}

fn table(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Without runs of literals.
fn pack(frame: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in frame.chunks(8) {
        let tag: u8 = (0..8).map(|at| u8::from(word[at] != 0) << at).sum();
        out.push(tag);
        out.extend(word.iter().filter(|byte| **byte != 0));
        if matches!(tag, 0 | 0xff) {
            out.push(0);
        }
    }
    out
}

//! The cases as text, for the tests in JavaScript: a line per case with its name, `framed` or
//! `packed`, what comes of it, and its bytes. Those are words of eight bytes in hexadecimal, the last
//! possibly shorter; `*7` repeats the word before 7 times more, and `*7@3` the three words before.

use std::fmt::Write as _;

use crate::cases::{Case, Outcome};

pub fn export(cases: &[Case]) -> String {
    let mut out = String::new();
    for case in cases {
        let packed = if case.packed { "packed" } else { "framed" };
        let outcome = match case.outcome {
            Outcome::Good => "good",
            Outcome::BadPointer => "pointer",
            Outcome::BadFrame => "frame",
        };
        let bytes = compact(&case.bytes);
        writeln!(out, "{}|{packed}|{outcome}|{bytes}", case.name).unwrap();
    }
    out
}

fn compact(bytes: &[u8]) -> String {
    let words: Vec<&[u8]> = bytes.chunks(8).collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let (period, times) = (1..=at.min(24))
            .map(|period| (period, repeats(&words, at, period)))
            .max_by_key(|(period, times)| period * times)
            .unwrap_or_default();
        if period * times > 1 {
            out.push(match period {
                1 => format!("*{times}"),
                _ => format!("*{times}@{period}"),
            });
            at += period * times;
        } else {
            out.push(words[at].iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").unwrap();
                text
            }));
            at += 1;
        }
    }
    out.join(" ")
}

/// How often the `period` words before `at` come again from there.
fn repeats(words: &[&[u8]], at: usize, period: usize) -> usize {
    let pattern = &words[at - period..at];
    words[at..]
        .chunks_exact(period)
        .take_while(|chunk| *chunk == pattern)
        .count()
}

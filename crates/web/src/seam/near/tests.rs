#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use std::fmt::Write as _;

use super::*;
use capstan_message::message::{ReaderOptions, SegmentArray};
use capstan_message::{any_pointer, message};

/// A message of one segment, its root pointer first.
fn segment(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Puts a struct of so many words behind the pointer at `at`; returns where it is.
fn structure(words: &mut Vec<u64>, at: usize, data: u64, pointers: u64) -> usize {
    let target = words.len();
    words[at] = ((target - at - 1) as u64) << 2 | data << 32 | pointers << 48;
    words.resize(target + (data + pointers) as usize, 0);
    target
}

/// The same for a list of so many elements with these words.
fn list(words: &mut Vec<u64>, at: usize, size: ElementSize, count: u64, content: &[u64]) -> usize {
    let target = words.len();
    words[at] = ((target - at - 1) as u64) << 2 | 1 | (size as u64) << 32 | count << 35;
    words.extend(content);
    target
}

fn text(words: &mut Vec<u64>, at: usize, text: &str) {
    let mut bytes = [text.as_bytes(), &[0]].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let content: Vec<u64> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|word| u64::from_le_bytes(*word))
        .collect();
    let count = text.len() as u64 + 1;
    list(words, at, ElementSize::Byte, count, &content);
}

/// A node with a union of nothing and a node, in JavaScript's order: two texts, data, a list of nodes, a list of
/// numbers, a list of lists of bytes, a capability, and the union.
fn node_program() -> Programs {
    let [text, data, strukt, cap, list, union] = [1, 2, 3, 4, 6, 7];
    let [bytes, four_bytes] = [12, 14];
    let ops = [
        &[
            text, 0, text, 1, data, 2, list, 3, strukt, 1, list, 4, four_bytes,
        ][..],
        &[
            list, 5, list, bytes, cap, 6, union, 0, 1, 1, 3, strukt, 7, 1,
        ],
    ]
    .concat();
    let mut programs = Programs::new();
    let program = [&[1, ops.len() as u32][..], &ops].concat();
    assert_eq!(programs.register(&program), Some(1));
    programs
}

/// A node with something behind each of its pointers.
fn node(first_text: &str) -> Vec<u64> {
    let mut words = vec![0];
    let root = structure(&mut words, 0, 1, 8);
    words[root] = 1;
    let pointers = root + 1;
    text(&mut words, pointers, first_text);
    text(&mut words, pointers + 1, "");
    list(&mut words, pointers + 2, ElementSize::Byte, 3, &[0x030201]);
    let tag = 2 << 2 | 1 << 32 | 8 << 48;
    let nodes = list(
        &mut words,
        pointers + 3,
        ElementSize::InlineComposite,
        18,
        &[[tag].as_slice(), &[0; 18]].concat(),
    );
    text(&mut words, nodes + 2, "in the first");
    text(&mut words, nodes + 12, "in the second");
    list(&mut words, pointers + 4, ElementSize::FourBytes, 3, &[1, 2]);
    let lists = list(&mut words, pointers + 5, ElementSize::Pointer, 2, &[0, 0]);
    list(&mut words, lists, ElementSize::Byte, 2, &[9]);
    words[pointers + 6] = 3;
    let last = structure(&mut words, pointers + 7, 2, 9);
    text(&mut words, last + 2, "of a newer version");
    words
}

/// A node in two segments, the second of which is in words from the number returned on.
fn spread_node(first_text: &str) -> (Vec<u64>, usize) {
    let mut words = node(first_text);
    let pointers = 2;
    let back = words.len();
    words.push(0);
    text(&mut words, back, "back in the first segment");
    let split = words.len();
    let far = |segment: u64, word: usize| 2 | (word as u64) << 3 | segment << 32;
    words[pointers] = far(1, 0);
    words.push(0);
    text(&mut words, split, first_text);
    let pad = words.len();
    words[pointers + 7] = far(1, pad - split);
    words.push(0);
    let last = structure(&mut words, pad, 1, 8);
    text(&mut words, last + 1, "in the second segment");
    words[last + 2] = far(0, back);
    (words, split)
}

/// What a walk found, as JavaScript would read it.
#[derive(Debug, PartialEq)]
struct Found {
    told: String,
    remaining_words: usize,
}

/// Goes through the entries as a decoder does.
struct Teller<'t> {
    index: &'t Index,
    segment: &'t [u8],
    programs: &'t Programs,
    at: usize,
    told: String,
}

impl Teller<'_> {
    fn next(&mut self) -> u32 {
        self.at += 1;
        self.index.table[self.at - 1]
    }

    fn place(&mut self) -> u32 {
        match self.next() {
            0 => 0,
            address => address.wrapping_sub(super::super::address_of(self.segment)) + 1,
        }
    }

    fn pool(&self) -> &[u8] {
        match self.index.pool_elsewhere {
            Some((address, bytes)) => {
                let start = address.wrapping_sub(super::super::address_of(self.segment));
                &self.segment[start as usize..][..bytes as usize]
            }
            None => &self.index.pool[..],
        }
    }

    fn text(&mut self) -> String {
        let (start, end) = (self.next() as usize, self.next() as usize);
        let top = 1 << 31;
        if start < top {
            return String::from_utf8(self.pool()[start..end].to_vec()).unwrap();
        }
        let unicode = str::from_utf8(self.index.unicode()).unwrap();
        let units: Vec<u16> = unicode.encode_utf16().collect();
        String::from_utf16(&units[start - top..end - top]).unwrap()
    }

    fn content(&mut self, place: u32, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Pointer { element, .. } | Op::Optional { element, .. } => self.element(element),
                Op::Union { tag_offset, cases } => {
                    let at = place as usize - 1 + tag_offset * 2;
                    let tag = u16::from_le_bytes([self.segment[at], self.segment[at + 1]]);
                    if let Some(ops) = cases.get(usize::from(tag)) {
                        self.content(place, ops);
                    }
                }
            }
        }
    }

    fn structure(&mut self, position: usize) {
        let place = self.place();
        write!(self.told, "{place}{{").unwrap();
        if place != 0 {
            self.content(place, &self.programs.at(position).unwrap().ops);
        }
        self.told.push('}');
    }

    fn element(&mut self, element: &Element) {
        match element {
            Element::Text => {
                let text = self.text();
                write!(self.told, "{text:?}").unwrap();
            }
            Element::Data => {
                let (place, bytes) = (self.place(), self.next());
                write!(self.told, "{place}+{bytes} ").unwrap();
            }
            Element::Capability => {
                let number = self.next();
                write!(self.told, "#{number}").unwrap();
            }
            Element::Struct(position) => self.structure(*position),
            Element::List(list) => {
                let count = self.next();
                write!(self.told, "{count}[").unwrap();
                match &**list {
                    ListElement::Behind(Element::Struct(position)) => {
                        let (place, step) = (self.place(), self.next());
                        for i in 0..count {
                            let ops = &self.programs.at(*position).unwrap().ops;
                            self.content(place + i * step, ops);
                        }
                    }
                    ListElement::Behind(element) => {
                        (0..count).for_each(|_| self.element(element));
                    }
                    _ => {
                        let (place, step) = (self.place(), self.next());
                        if count > 0 {
                            write!(self.told, "{place}/{step}").unwrap();
                        }
                    }
                }
                self.told.push(']');
            }
            Element::Any => {}
        }
    }
}

/// By this way or by the other; nothing when it gives up or finds something wrong. The second of two segments begins at
/// word `split`.
fn walk(segment: &[u8], split: usize, options: ReaderOptions, is_near: bool) -> Option<Found> {
    let programs = node_program();
    let (first, second) = segment.split_at((split * WORD_BYTES).min(segment.len()));
    let segments = [first, second];
    let message = message::Reader::new(SegmentArray::new(&segments), options);
    let root = message.get_root::<any_pointer::Reader<'_>>().ok()?;
    let program = programs.get(1).unwrap();
    let mut index = Index::new();
    let done = if is_near {
        run(&mut index, &programs, program, root.reader, 1)
    } else {
        index.walk(&programs, program, root, 1).is_ok()
    };
    if !done {
        return None;
    }
    let mut teller = Teller {
        index: &index,
        segment,
        programs: &programs,
        at: 0,
        told: String::new(),
    };
    teller.structure(0);
    assert_eq!(teller.at, index.table().len());
    Some(Found {
        told: teller.told,
        remaining_words: root.reader.remaining_words(),
    })
}

#[test]
fn usual_messages_are_accepted_and_read_as_the_other_way_does() {
    let options = ReaderOptions::default();
    for first_text in ["hello", "h\u{e9}llo \u{20ac}\u{1f600}"] {
        for (words, split) in [(node(first_text), usize::MAX / 8), spread_node(first_text)] {
            let segment = segment(&words);
            let near = walk(&segment, split, options, true);
            assert!(near.is_some());
            assert_eq!(near, walk(&segment, split, options, false));
        }
    }
}

#[test]
fn limits_are_those_of_the_other_way() {
    let (words, split) = spread_node("hello");
    let segment = segment(&words);
    let same = |options| {
        assert_eq!(
            walk(&segment, split, options, true),
            walk(&segment, split, options, false)
        );
    };
    for limit in 0..160 {
        let mut options = ReaderOptions::default();
        options.traversal_limit_in_words(Some(limit));
        same(options);
        let mut options = ReaderOptions::default();
        options.nesting_limit(limit as i32);
        same(options);
    }
}

/// Whatever is done to a message: what this way accepts, the other reads the same.
#[test]
fn damaged_messages_are_accepted_only_when_the_other_way_reads_the_same() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let (words, split) = match below(2) {
            0 => (node("hello"), usize::MAX / 8),
            _ => spread_node("hello"),
        };
        let mut bytes = segment(&words);
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            bytes[at] = match below(3) {
                0 => bytes[at].wrapping_add(1),
                1 => bytes[at].wrapping_sub(1),
                _ => below(256) as u8,
            };
        }
        bytes.truncate(bytes.len() - 8 * (below(8) / 7));
        let mut options = ReaderOptions::default();
        options.traversal_limit_in_words(Some(1000));
        match walk(&bytes, split, options, true) {
            None => refused += 1,
            near => {
                accepted += 1;
                assert_eq!(near, walk(&bytes, split, options, false), "{bytes:x?}");
            }
        }
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} {refused}");
}

#[test]
fn text_is_measured_in_utf16_units() {
    let characters = ["a", "\u{e9}", "\u{20ac}", "\u{1f600}", "\u{ffff}", "\0"];
    let mut index = Index::new();
    let mut end = 0;
    for length in 0..20 {
        for first in 0..characters.len() {
            let text: String = (0..length)
                .map(|i| characters[(first + i * i) % characters.len()])
                .collect();
            let (start, new_end) = index.add_unicode(&text);
            assert_eq!(start & !(1 << 31), end);
            end = new_end & !(1 << 31);
            let units = text.encode_utf16().count() as u32;
            assert_eq!(end, (start & !(1 << 31)) + units, "{text:?}");
        }
    }
}

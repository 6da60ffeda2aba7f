//! Layout programs: for each struct type, which pointer fields a decoder will ask for, in its order.
//!
//! JavaScript sends programs as integers, once per type. They are taken apart here into a form that
//! cannot be wrong, so that walking a message has nothing left to check but the message.

/// The programs of all types that JavaScript has shown so far.
pub(super) struct Programs(Vec<StructProgram>);

#[derive(Debug, PartialEq)]
pub(super) struct StructProgram {
    /// Bytes that a decoder may read at a struct's address.
    pub(super) data_bytes: usize,
    /// Bytes of the widest scalar that starts the data section, the tag of a union included. An
    /// element of a list of smaller scalars does not have it: there it reads as zero.
    pub(super) first_bytes: usize,
    pub(super) ops: Vec<Op>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Op {
    /// The thing behind the pointer at this index.
    Pointer { index: usize, element: Element },
    /// Like `Pointer`, but an absent Text or list is told apart from an empty one.
    Optional { index: usize, element: Element },
    /// What follows depends on the tag that stands at this 16-bit offset.
    Union {
        tag_offset: usize,
        cases: Vec<Vec<Op>>,
    },
}

/// A thing behind a pointer.
#[derive(Debug, PartialEq)]
pub(super) enum Element {
    Text,
    Data,
    Capability,
    Any,
    /// The program's position in [`Programs`].
    Struct(usize),
    List(Box<ListElement>),
}

#[derive(Debug, PartialEq)]
pub(super) enum ListElement {
    Void,
    Bit,
    Byte,
    TwoBytes,
    FourBytes,
    EightBytes,
    Behind(Element),
}

// The same numbers stand in js/src/seam/operations.ts.
const TEXT: u32 = 1;
const DATA: u32 = 2;
const STRUCT: u32 = 3;
const CAPABILITY: u32 = 4;
const ANY: u32 = 5;
const LIST: u32 = 6;
const UNION: u32 = 7;
const OPTIONAL_TEXT: u32 = 8;
const OPTIONAL_LIST: u32 = 9;
const VOID: u32 = 10;
const BIT: u32 = 11;
const BYTE: u32 = 12;
const TWO_BYTES: u32 = 13;
const FOUR_BYTES: u32 = 14;
const EIGHT_BYTES: u32 = 15;

/// Lists of lists of lists…: deeper ones than any schema has are refused, not followed.
const MAX_LIST_DEPTH: u32 = 64;

impl Programs {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn get(&self, number: u32) -> Option<&StructProgram> {
        self.at((number as usize).checked_sub(1)?)
    }

    pub(super) fn at(&self, position: usize) -> Option<&StructProgram> {
        self.0.get(position)
    }

    /// Takes programs in, each as its data words (and in the upper half the bytes of its first
    /// scalar), its length and its items. Returns how many programs there are now, or nothing when one is malformed or refers to one that is not there.
    pub(super) fn register(&mut self, items: &[u32]) -> Option<u32> {
        let mut fresh = Vec::new();
        let mut rest = items;
        while let Some((&sizes, more)) = rest.split_first() {
            let (&length, more) = more.split_first()?;
            let (body, more) = more.split_at_checked(length as usize)?;
            let first_bytes = (sizes >> 16) as usize;
            if first_bytes > capstan_message::WORD_BYTES {
                return None;
            }
            fresh.push(StructProgram {
                data_bytes: usize::from(sizes as u16) * 8,
                first_bytes,
                ops: Parser(body).ops(0)?,
            });
            rest = more;
        }
        let total = self.0.len() + fresh.len();
        if !fresh
            .iter()
            .all(|program| refers_below(&program.ops, total))
        {
            return None;
        }
        self.0.append(&mut fresh);
        u32::try_from(total).ok()
    }
}

struct Parser<'a>(&'a [u32]);

impl Parser<'_> {
    fn next(&mut self) -> Option<u32> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn ops(mut self, depth: u32) -> Option<Vec<Op>> {
        let mut ops = Vec::new();
        while let Some(code) = self.next() {
            ops.push(self.op(code, depth)?);
        }
        Some(ops)
    }

    fn op(&mut self, code: u32, depth: u32) -> Option<Op> {
        if code == UNION {
            return self.union(depth);
        }
        let index = usize::from(u16::try_from(self.next()?).ok()?);
        if code == OPTIONAL_TEXT || code == OPTIONAL_LIST {
            let code = if code == OPTIONAL_TEXT { TEXT } else { LIST };
            return Some(Op::Optional {
                index,
                element: self.element(code, depth)?,
            });
        }
        Some(Op::Pointer {
            index,
            element: self.element(code, depth)?,
        })
    }

    fn element(&mut self, code: u32, depth: u32) -> Option<Element> {
        match code {
            TEXT => Some(Element::Text),
            DATA => Some(Element::Data),
            CAPABILITY => Some(Element::Capability),
            ANY => Some(Element::Any),
            STRUCT => Some(Element::Struct((self.next()? as usize).checked_sub(1)?)),
            LIST if depth < MAX_LIST_DEPTH => {
                let code = self.next()?;
                Some(Element::List(Box::new(self.list_element(code, depth + 1)?)))
            }
            _ => None,
        }
    }

    fn list_element(&mut self, code: u32, depth: u32) -> Option<ListElement> {
        match code {
            VOID => Some(ListElement::Void),
            BIT => Some(ListElement::Bit),
            BYTE => Some(ListElement::Byte),
            TWO_BYTES => Some(ListElement::TwoBytes),
            FOUR_BYTES => Some(ListElement::FourBytes),
            EIGHT_BYTES => Some(ListElement::EightBytes),
            _ => Some(ListElement::Behind(self.element(code, depth)?)),
        }
    }

    /// The tag's offset, the number of cases that have pointers, and each of those as tag, length and items.
    fn union(&mut self, depth: u32) -> Option<Op> {
        if depth >= MAX_LIST_DEPTH {
            return None;
        }
        let tag_offset = self.next()? as usize;
        let mut cases: Vec<Vec<Op>> = Vec::new();
        for _ in 0..self.next()? {
            let tag = usize::from(u16::try_from(self.next()?).ok()?);
            let length = self.next()? as usize;
            let (body, rest) = self.0.split_at_checked(length)?;
            self.0 = rest;
            if cases.len() <= tag {
                cases.resize_with(tag + 1, Vec::default);
            }
            *cases.get_mut(tag)? = Parser(body).ops(depth + 1)?;
        }
        Some(Op::Union { tag_offset, cases })
    }
}

fn refers_below(ops: &[Op], total: usize) -> bool {
    ops.iter().all(|op| match op {
        Op::Pointer { element, .. } | Op::Optional { element, .. } => {
            element_refers_below(element, total)
        }
        Op::Union { cases, .. } => cases.iter().all(|ops| refers_below(ops, total)),
    })
}

fn element_refers_below(element: &Element, total: usize) -> bool {
    match element {
        Element::Struct(position) => *position < total,
        Element::List(list) => match &**list {
            ListElement::Behind(inner) => element_refers_below(inner, total),
            _ => true,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn programs_are_taken_apart_and_numbered_from_one() {
        let mut programs = Programs::new();
        let entry = [1, 2, TEXT, 0];
        let list = [0, 4, LIST, 0, STRUCT, 1];
        assert_eq!(
            programs.register(&[&entry[..], &list[..]].concat()),
            Some(2)
        );
        assert_eq!(programs.register(&[0, 3, STRUCT, 7, 3]), Some(3));
        let expected = Op::Pointer {
            index: 0,
            element: Element::List(Box::new(ListElement::Behind(Element::Struct(0)))),
        };
        assert_eq!(*programs.get(2).unwrap().ops, [expected]);
        assert!(programs.get(0).is_none() && programs.get(4).is_none());
    }

    #[test]
    fn union_cases_without_pointers_are_empty() {
        let mut programs = Programs::new();
        assert_eq!(
            programs.register(&[1, 7, UNION, 2, 1, 3, 2, DATA, 1]),
            Some(1)
        );
        let [
            Op::Union {
                tag_offset: 2,
                cases,
            },
        ] = &*programs.get(1).unwrap().ops
        else {
            unreachable!("one union")
        };
        assert_eq!(
            cases.iter().map(|ops| ops.len()).collect::<Vec<_>>(),
            [0, 0, 0, 1]
        );
    }

    #[test]
    fn malformed_programs_are_refused_whole() {
        let mut programs = Programs::new();
        let malformed: [&[u32]; 8] = [
            &[0],
            &[0, 2, TEXT],
            &[0, 1, TEXT],
            &[0, 2, 99, 0],
            &[0, 2, STRUCT, 0],
            &[0, 3, STRUCT, 0, 3],
            &[0x9_0000, 0],
            &[0, 3, UNION, 0, 1],
        ];
        for items in malformed {
            assert_eq!(
                programs.register(&[&[0, 0], items].concat()),
                None,
                "{items:?}"
            );
        }
        assert_eq!(programs.register(&[0, 0]), Some(1));
    }
}

//! Random but valid structs: fields of all sizes, groups and unions nested in each other, numbers
//! dealt out in any order.

use std::fmt::Write as _;

pub struct Structs {
    state: u64,
    /// The struct being made has a numbered union; one is enough.
    numbered: bool,
}

enum Member {
    Field(&'static str),
    Group(Vec<Member>),
    Union(Vec<Member>),
    /// With a number of its own.
    NumberedUnion(Vec<Member>),
    UnnamedUnion(Vec<Member>),
}

const TYPES: [&str; 14] = [
    "Void",
    "Bool",
    "Bool",
    "Bool",
    "Int8",
    "UInt8",
    "Int16",
    "UInt16",
    "UInt32",
    "Float32",
    "UInt64",
    "Float64",
    "Text",
    "List(Bool)",
];

impl Structs {
    pub fn new(seed: u64) -> Self {
        Structs {
            state: seed,
            numbered: false,
        }
    }

    pub fn write_struct(&mut self, index: usize, out: &mut String) {
        self.numbered = false;
        let count = 1 + self.below(10);
        let mut members = self.members(count, 3);
        if self.below(3) == 0 {
            let count = 2 + self.below(4);
            let at = self.below(members.len() + 1);
            let union = Member::UnnamedUnion(self.members(count, 2));
            members.insert(at, union);
        }
        let mut ordinals: Vec<usize> = (0..count_numbers(&members)).collect();
        // Mostly in order, as people write them, with a few swaps.
        for _ in 0..self.below(ordinals.len() + 1) {
            let (a, b) = (self.below(ordinals.len()), self.below(ordinals.len()));
            ordinals.swap(a, b);
        }
        settle_union_numbers(&members, &mut ordinals, &mut 0);
        writeln!(out, "struct S{index} {{").unwrap();
        write_members(&members, &ordinals, &mut 0, &mut 0, out);
        writeln!(out, "}}").unwrap();
    }

    fn members(&mut self, count: usize, depth: usize) -> Vec<Member> {
        (0..count).map(|_| self.member(depth)).collect()
    }

    fn member(&mut self, depth: usize) -> Member {
        let kind = if depth == 0 { 9 } else { self.below(10) };
        match kind {
            0 => {
                let count = 1 + self.below(4);
                Member::Group(self.members(count, depth - 1))
            }
            1 | 2 => {
                let count = 2 + self.below(4);
                let members = self.members(count, depth - 1);
                let plain = members.iter().all(|m| matches!(m, Member::Field(_)));
                if plain && !self.numbered && self.below(2) == 0 {
                    self.numbered = true;
                    Member::NumberedUnion(members)
                } else {
                    Member::Union(members)
                }
            }
            _ => Member::Field(TYPES[self.below(TYPES.len())]),
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let mixed = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % limit
    }
}

fn count_numbers(members: &[Member]) -> usize {
    let count = |member: &Member| match member {
        Member::Field(_) => 1,
        Member::Group(inner) | Member::Union(inner) | Member::UnnamedUnion(inner) => {
            count_numbers(inner)
        }
        Member::NumberedUnion(inner) => 1 + count_numbers(inner),
    };
    members.iter().map(count).sum()
}

/// A union's own number must be greater than at most one of its members', and the reference wants
/// nothing between the two: gives it the one after the smallest of its members'.
fn settle_union_numbers(members: &[Member], ordinals: &mut [usize], next: &mut usize) {
    for member in members {
        match member {
            Member::Field(_) => *next += 1,
            Member::Group(inner) | Member::Union(inner) | Member::UnnamedUnion(inner) => {
                settle_union_numbers(inner, ordinals, next);
            }
            Member::NumberedUnion(inner) => {
                let end = *next + 1 + inner.len();
                let smallest = *ordinals[*next..end].iter().min().unwrap();
                if ordinals[*next] == smallest {
                    ordinals.swap(*next, *next + 1);
                }
                let after = ordinals.iter().position(|o| *o == smallest + 1).unwrap();
                ordinals.swap(*next, after);
                *next = end;
            }
        }
    }
}

fn write_members(
    members: &[Member],
    ordinals: &[usize],
    next: &mut usize,
    names: &mut usize,
    out: &mut String,
) {
    for member in members {
        *names += 1;
        let name = format!("m{names}");
        let (head, inner) = match member {
            Member::Field(ty) => {
                writeln!(out, "{name} @{} :{ty};", ordinals[*next]).unwrap();
                *next += 1;
                continue;
            }
            Member::Group(inner) => (format!("{name} :group"), inner),
            Member::Union(inner) => (format!("{name} :union"), inner),
            Member::NumberedUnion(inner) => {
                *next += 1;
                (format!("{name} @{}! :union", ordinals[*next - 1]), inner)
            }
            Member::UnnamedUnion(inner) => ("union".to_owned(), inner),
        };
        writeln!(out, "{head} {{").unwrap();
        write_members(inner, ordinals, next, names, out);
        writeln!(out, "}}").unwrap();
    }
}

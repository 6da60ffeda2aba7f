//! Words of messages.

// Indexes of pointers in a `Node`.
pub const TEXT: usize = 0;
pub const DATA: usize = 1;
pub const NODE: usize = 2;
pub const NODES: usize = 3;
pub const ANY: usize = 4;
pub const VOIDS: usize = 5;
pub const BOOLS: usize = 6;
pub const LONGS: usize = 7;
pub const TEXTS: usize = 8;
pub const NESTED: usize = 9;
pub const EMPTIES: usize = 10;
pub const WIDES: usize = 11;
pub const BY_DEFAULT: usize = 12;
pub const OTHER: usize = 13;
pub const RIGHT: usize = 14;
pub const BYTES: usize = 15;
pub const WIDE: usize = 16;
pub const DATAS: usize = 17;
pub const KINDS: usize = 18;
pub const TAGGED: usize = 19;
pub const POINTERS: u16 = 20;
pub const DATA_WORDS: u16 = 2;
/// Where the words behind the root struct begin.
pub const HEAP: i32 = 1 + DATA_WORDS as i32 + POINTERS as i32;

// Sizes of list elements.
pub const VOID: u32 = 0;
pub const BIT: u32 = 1;
pub const BYTE: u32 = 2;
pub const TWO_BYTES: u32 = 3;
pub const FOUR_BYTES: u32 = 4;
pub const EIGHT_BYTES: u32 = 5;
pub const POINTER: u32 = 6;
pub const COMPOSITE: u32 = 7;

pub const MOST: u32 = (1 << 29) - 1;

pub fn struct_pointer(offset: i32, data_words: u16, pointers: u16) -> u64 {
    u64::from((offset << 2) as u32) | u64::from(data_words) << 32 | u64::from(pointers) << 48
}

pub fn list_pointer(offset: i32, size: u32, count: u32) -> u64 {
    u64::from((offset << 2) as u32 | 1) | u64::from(count << 3 | size) << 32
}

pub fn far_pointer(segment: u32, word: u32) -> u64 {
    u64::from(word << 3 | 2) | u64::from(segment) << 32
}

pub fn double_far_pointer(segment: u32, word: u32) -> u64 {
    far_pointer(segment, word) | 4
}

pub fn capability(index: u32) -> u64 {
    3 | u64::from(index) << 32
}

pub fn tag(count: u32, data_words: u16, pointers: u16) -> u64 {
    struct_pointer(count as i32, data_words, pointers)
}

/// A segment with a root `Node` whose pointer number `index` leads to what is appended, so the
/// offset of the first appended word counts as 0. `make` gets the offset from that pointer.
pub fn node(index: usize, make: impl FnOnce(i32) -> u64, appended: &[u64]) -> Vec<u64> {
    let mut words = vec![0; HEAP as usize];
    words[0] = struct_pointer(0, DATA_WORDS, POINTERS);
    let at = 1 + usize::from(DATA_WORDS) + index;
    words[at] = make(HEAP - at as i32 - 1);
    words.extend(appended);
    words
}

pub fn frame(segments: &[Vec<u64>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((segments.len() as u32 - 1).to_le_bytes());
    for segment in segments {
        bytes.extend((segment.len() as u32).to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    for word in segments.iter().flatten() {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

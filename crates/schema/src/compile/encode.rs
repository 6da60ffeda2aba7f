//! Pointer values as the messages they are stored as.

use std::rc::Rc;

use super::Compiler;
use crate::node::{Type, Value};

/// An evaluated value, before it is laid out.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// Numbers, enumerants, text and data.
    Scalar(Value),
    List {
        element: Type,
        items: Vec<Tree>,
    },
    Struct {
        id: u64,
        fields: Vec<Assignment>,
    },
    /// A struct that was embedded: the words of a message in canonical form.
    Message(Rc<[u64]>),
}

impl Tree {
    /// How many bytes of memory it takes, roughly.
    pub(super) fn size_bytes(&self) -> usize {
        NODE_BYTES
            + match self {
                Tree::Scalar(Value::Text(text)) => text.len(),
                Tree::Scalar(Value::Data(bytes)) => bytes.len(),
                Tree::Scalar(_) => 0,
                Tree::Message(words) => words.len() * 8,
                Tree::List { items, .. } => items.iter().map(Tree::size_bytes).sum(),
                Tree::Struct { fields, .. } => {
                    let sizes = fields.iter().map(|field| match field {
                        Assignment::Slot { tree, .. } => NODE_BYTES + tree.size_bytes(),
                        Assignment::Discriminant { .. } => NODE_BYTES,
                    });
                    sizes.sum()
                }
            }
    }
}

/// What each value and each field takes for itself.
const NODE_BYTES: usize = 64;

/// One thing to be written into a struct.
#[derive(Clone, Debug)]
pub(super) enum Assignment {
    Slot {
        /// In units of the field's size.
        offset: u32,
        default: Value,
        tree: Tree,
    },
    Discriminant {
        /// In units of 16 bits.
        offset: u32,
        value: u16,
    },
}

impl Compiler<'_> {
    /// The value as a node holds it: scalars as they are, anything else as a message.
    pub(super) fn tree_to_value(&self, tree: &Tree, ty: &Type) -> Option<Value> {
        if let (Tree::Scalar(value), false) = (tree, matches!(ty, Type::AnyPointer(_))) {
            return Some(value.clone());
        }
        let mut message = Message { words: vec![0] };
        self.write_pointer(&mut message, 0, tree)?;
        let bytes = message.words.iter().flat_map(|word| word.to_le_bytes());
        let bytes: Vec<u8> = bytes.collect();
        Some(match ty {
            Type::List(_) => Value::List(bytes),
            Type::Struct { .. } => Value::Struct(bytes),
            _ => Value::AnyPointer(bytes),
        })
    }

    fn write_pointer(&self, message: &mut Message, at: usize, tree: &Tree) -> Option<()> {
        match tree {
            Tree::Scalar(Value::Text(text)) => {
                let mut bytes = text.clone().into_bytes();
                bytes.push(0);
                message.write_bytes(at, &bytes)
            }
            Tree::Scalar(Value::Data(bytes)) => message.write_bytes(at, bytes),
            Tree::Scalar(_) => Some(()),
            Tree::Message(words) => message.write_message(at, words),
            Tree::Struct { id, fields } => {
                let structure = self.struct_node(*id)?;
                let (data, pointers) = (structure.data_words, structure.pointers);
                let start = message.allocate(usize::from(data) + usize::from(pointers));
                let size = u64::from(data) << 32 | u64::from(pointers) << 48;
                // A struct without any words points at its own pointer, so as not to be null.
                let target = if size == 0 { at } else { start };
                message.set(at, pointer_to(at, target)? | size)?;
                self.write_struct(message, start, data, fields)
            }
            Tree::List { element, items } => self.write_list(message, at, element, items),
        }
    }

    fn write_struct(
        &self,
        message: &mut Message,
        start: usize,
        data_words: u16,
        fields: &[Assignment],
    ) -> Option<()> {
        for field in fields {
            match field {
                Assignment::Discriminant { offset, value } => {
                    let (current, bit) = (message.bits(start, *offset, 4)?, u64::from(*value));
                    message.xor(start, *offset, 4, current ^ bit)?;
                }
                Assignment::Slot {
                    offset,
                    default,
                    tree,
                } => match tree {
                    Tree::Scalar(value) if !matches!(value, Value::Text(_) | Value::Data(_)) => {
                        if let Some((bits, lg_size)) = raw_bits(value) {
                            let default = raw_bits(default).map_or(0, |(bits, _)| bits);
                            let current = message.bits(start, *offset, lg_size)?;
                            message.xor(start, *offset, lg_size, current ^ bits ^ default)?;
                        }
                    }
                    _ => {
                        let at = start + usize::from(data_words) + usize::try_from(*offset).ok()?;
                        self.write_pointer(message, at, tree)?;
                    }
                },
            }
        }
        Some(())
    }

    fn write_list(
        &self,
        message: &mut Message,
        at: usize,
        element: &Type,
        items: &[Tree],
    ) -> Option<()> {
        let count = u64::try_from(items.len()).ok()?;
        if let Type::Struct { id, .. } = element {
            let structure = self.struct_node(*id)?;
            let (data, pointers) = (structure.data_words, structure.pointers);
            let words = usize::from(data) + usize::from(pointers);
            let start = message.allocate(1 + words * items.len());
            let body = u64::try_from(words * items.len()).ok()?;
            message.set(at, pointer_to(at, start)? | 1 | 7 << 32 | body << 35)?;
            let size = u64::from(data) << 32 | u64::from(pointers) << 48;
            message.set(start, count << 2 | size)?;
            for (index, item) in items.iter().enumerate() {
                let start = start + 1 + index * words;
                match item {
                    Tree::Struct { fields, .. } => {
                        self.write_struct(message, start, data, fields)?;
                    }
                    Tree::Message(words) => {
                        message.write_message_inline(start, data, pointers, words)?;
                    }
                    _ => {}
                }
            }
            return Some(());
        }
        let Some(lg_size) = lg_element_size(element) else {
            let start = message.allocate(items.len());
            let size = if matches!(element, Type::Void) { 0 } else { 6 };
            message.set(at, pointer_to(at, start)? | 1 | size << 32 | count << 35)?;
            for (index, item) in items.iter().enumerate().filter(|_| size == 6) {
                self.write_pointer(message, start + index, item)?;
            }
            return Some(());
        };
        let start = message.allocate((items.len() << lg_size).div_ceil(64));
        let size = if lg_size == 0 {
            1
        } else {
            u64::from(lg_size) - 1
        };
        message.set(at, pointer_to(at, start)? | 1 | size << 32 | count << 35)?;
        for (index, item) in items.iter().enumerate() {
            if let Tree::Scalar(value) = item
                && let Some((bits, lg_size)) = raw_bits(value)
            {
                message.xor(start, u32::try_from(index).ok()?, lg_size, bits)?;
            }
        }
        Some(())
    }
}

/// A single-segment message that grows at its end.
struct Message {
    words: Vec<u64>,
}

impl Message {
    fn allocate(&mut self, words: usize) -> usize {
        let start = self.words.len();
        self.words.resize(start + words, 0);
        start
    }

    fn set(&mut self, at: usize, word: u64) -> Option<()> {
        *self.words.get_mut(at)? = word;
        Some(())
    }

    /// The 2^`lg_size` bits at `offset` (in units of that size) from word `start`.
    fn bits(&self, start: usize, offset: u32, lg_size: u32) -> Option<u64> {
        let (word, shift, mask) = locate(start, offset, lg_size)?;
        Some(self.words.get(word)? >> shift & mask)
    }

    fn xor(&mut self, start: usize, offset: u32, lg_size: u32, bits: u64) -> Option<()> {
        let (word, shift, mask) = locate(start, offset, lg_size)?;
        *self.words.get_mut(word)? ^= (bits & mask) << shift;
        Some(())
    }

    fn write_bytes(&mut self, at: usize, bytes: &[u8]) -> Option<()> {
        let start = self.allocate(bytes.len().div_ceil(8));
        let count = u64::try_from(bytes.len()).ok()?;
        self.set(at, pointer_to(at, start)? | 1 | 2 << 32 | count << 35)?;
        for (index, byte) in bytes.iter().enumerate() {
            self.xor(start, u32::try_from(index).ok()?, 3, u64::from(*byte))?;
        }
        Some(())
    }
}

/// Canonical messages have everything in one piece, so that it can be copied as it is.
impl Message {
    /// Points word `at` at a copy of the message's root struct.
    fn write_message(&mut self, at: usize, words: &[u64]) -> Option<()> {
        let (root, body) = words.split_first()?;
        if *root == 0 || body.is_empty() {
            // Null, or a struct of no words, which points at its own pointer.
            return self.set(at, *root);
        }
        let start = self.allocate(body.len());
        self.words.get_mut(start..)?.copy_from_slice(body);
        self.set(at, pointer_to(at, start)? | (*root & SIZES))
    }

    /// Copies the message's root struct to `start`, where there is room for these sections.
    fn write_message_inline(
        &mut self,
        start: usize,
        data_words: u16,
        pointers: u16,
        words: &[u64],
    ) -> Option<()> {
        let root = *words.first()?;
        let found_data = usize::try_from(root >> 32 & 0xffff).ok()?;
        let found_pointers = usize::try_from(root >> 48).ok()?;
        let (data_words, pointers) = (usize::from(data_words), usize::from(pointers));
        for index in 0..found_data.min(data_words) {
            self.set(start + index, *words.get(1 + index)?)?;
        }
        // What the pointers lead to follows the struct.
        let body = 1 + found_data + found_pointers;
        let rest = words.get(body..)?;
        let tail = self.allocate(rest.len());
        self.words.get_mut(tail..)?.copy_from_slice(rest);
        for index in 0..found_pointers.min(pointers) {
            let source = 1 + found_data + index;
            let pointer = *words.get(source)?;
            let at = start + data_words + index;
            // Pointers count from the word behind them.
            let offset = i64::from((pointer as u32).cast_signed() >> 2);
            let target = i64::try_from(source).ok()? + 1 + offset;
            let moved = match usize::try_from(target).ok()?.checked_sub(body) {
                Some(distance) if pointer != 0 => {
                    pointer_to(at, tail + distance)? | (pointer & KIND_AND_SIZES)
                }
                _ => pointer,
            };
            self.set(at, moved)?;
        }
        Some(())
    }
}

/// The sizes in a struct pointer.
const SIZES: u64 = 0xffff_ffff_0000_0000;

/// All of a pointer but its offset.
const KIND_AND_SIZES: u64 = SIZES | 3;

fn locate(start: usize, offset: u32, lg_size: u32) -> Option<(usize, u32, u64)> {
    let bit = u64::from(offset) << lg_size;
    let word = start + usize::try_from(bit / 64).ok()?;
    let mask = u64::MAX >> (64 - (1u32 << lg_size));
    Some((word, u32::try_from(bit % 64).ok()?, mask))
}

/// The offset part of a pointer in word `at` to word `target`.
fn pointer_to(at: usize, target: usize) -> Option<u64> {
    let distance = i32::try_from(target).ok()? - i32::try_from(at).ok()? - 1;
    Some(u64::from(distance.cast_unsigned() << 2))
}

/// log2 of the bits of a list's elements; `None` for Void and pointers.
fn lg_element_size(ty: &Type) -> Option<u32> {
    match ty {
        Type::Bool => Some(0),
        Type::Int8 | Type::UInt8 => Some(3),
        Type::Int16 | Type::UInt16 | Type::Enum { .. } => Some(4),
        Type::Int32 | Type::UInt32 | Type::Float32 => Some(5),
        Type::Int64 | Type::UInt64 | Type::Float64 => Some(6),
        _ => None,
    }
}

fn raw_bits(value: &Value) -> Option<(u64, u32)> {
    Some(match value {
        Value::Bool(value) => (u64::from(*value), 0),
        Value::Int8(value) => (u64::from(value.cast_unsigned()), 3),
        Value::Int16(value) => (u64::from(value.cast_unsigned()), 4),
        Value::Int32(value) => (u64::from(value.cast_unsigned()), 5),
        Value::Int64(value) => (value.cast_unsigned(), 6),
        Value::UInt8(value) => (u64::from(*value), 3),
        Value::UInt16(value) | Value::Enum(value) => (u64::from(*value), 4),
        Value::UInt32(value) => (u64::from(*value), 5),
        Value::UInt64(value) => (*value, 6),
        Value::Float32(value) => (u64::from(value.to_bits()), 5),
        Value::Float64(value) => (value.to_bits(), 6),
        _ => return None,
    })
}

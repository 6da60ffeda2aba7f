//! A table whose keys go stale: a key names one occupant and never its successor, so an id that
//! outlived its thing is noticed and not mistaken for another.

use std::collections::VecDeque;

/// Keys are `generation << INDEX_BITS | index`. Generations wrap, so a stale key is caught unless
/// its place was taken 256 times since; places are taken in turn, which makes that thousands of
/// things ago.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: VecDeque<u32>,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: VecDeque::new(),
        }
    }
}

impl<T> Slots<T> {
    /// When all 16 million places are taken the value is dropped, and the key names nothing.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if self.free.len() > RESTING
            && let Some(index) = self.free.pop_front()
            && let Some(entry) = self.entries.get_mut(index as usize)
        {
            entry.value = Some(value);
            return key(entry.generation, index);
        }
        match u32::try_from(self.entries.len()) {
            Ok(index) if index < INDEX_MASK => {
                self.entries.push(Entry {
                    generation: 0,
                    value: Some(value),
                });
                key(0, index)
            }
            _ => INDEX_MASK,
        }
    }

    pub(crate) fn get(&self, key: u32) -> Option<&T> {
        let entry = self.entries.get((key & INDEX_MASK) as usize)?;
        (entry.generation == key >> INDEX_BITS).then_some(())?;
        entry.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        let entry = self.entries.get_mut((key & INDEX_MASK) as usize)?;
        (entry.generation == key >> INDEX_BITS).then_some(())?;
        entry.value.as_mut()
    }

    pub(crate) fn remove(&mut self, key: u32) -> Option<T> {
        let index = key & INDEX_MASK;
        let entry = self.entries.get_mut(index as usize)?;
        (entry.generation == key >> INDEX_BITS).then_some(())?;
        let value = entry.value.take()?;
        entry.generation = (entry.generation + 1) & GENERATION_MASK;
        self.free.push_back(index);
        Some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries
            .iter()
            .zip(0..)
            .filter(|(entry, _)| entry.value.is_some())
            .map(|(entry, index)| key(entry.generation, index))
    }
}

fn key(generation: u32, index: u32) -> u32 {
    generation << INDEX_BITS | index
}

/// How many places stay free before one is taken again.
const RESTING: usize = 64;
const INDEX_BITS: u32 = 24;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u32 = (1 << (32 - INDEX_BITS)) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_does_not_name_the_next_occupant() {
        let mut slots = Slots::default();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        for _ in 0..1000 * GENERATION_MASK {
            let passing = slots.insert("passing");
            assert_eq!(slots.remove(passing), Some("passing"));
            if passing & INDEX_MASK == first & INDEX_MASK {
                assert_ne!(passing, first);
                break;
            }
        }
        assert_ne!(first, second);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.values().count(), 1);
        assert_eq!(slots.keys().collect::<Vec<_>>(), [second]);
    }
}

//! A map whose keys come mostly in order and leave mostly in order, like turns in a queue, or are
//! few, like the pipelined capabilities of one call.
//!
//! A sorted deque serves both as well as a tree does, and is a fraction of a tree's code in what
//! browsers have to load.

use std::borrow::Borrow;
use std::collections::{VecDeque, vec_deque};

#[derive(Clone, Debug)]
pub(super) struct Ordered<K, V> {
    /// By ascending key, each once.
    entries: VecDeque<(K, V)>,
}

impl<K: Ord, V> Ordered<K, V> {
    pub(super) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// Replaces the value that was there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(place) => {
                if let Some(entry) = self.entries.get_mut(place) {
                    entry.1 = value;
                }
            }
            Err(place) => self.entries.insert(place, (key, value)),
        }
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Ok(place) = self.find(key) {
            self.entries.remove(place);
        }
    }

    pub(super) fn pop_first(&mut self) -> Option<(K, V)> {
        self.entries.pop_front()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    pub(super) fn last_key(&self) -> Option<&K> {
        self.entries.back().map(|(key, _)| key)
    }

    /// The place of the key, or else where it belongs.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        match self.entries.back() {
            Some((last, _)) if last.borrow() < key => Err(self.entries.len()),
            _ => self
                .entries
                .binary_search_by(|(known, _)| known.borrow().cmp(key)),
        }
    }
}

impl<K: Ord, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> IntoIterator for Ordered<K, V> {
    type Item = (K, V);
    type IntoIter = vec_deque::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_in_order_however_they_went_in() {
        let mut map = Ordered::new();
        for key in [5, 1, 9, 3, 7, 3] {
            map.insert(key, 10 * key);
        }
        assert_eq!(map.last_key(), Some(&9));
        map.remove(&5);
        map.remove(&6);
        if let Some(value) = map.get_mut(&7) {
            *value += 1;
        }
        assert_eq!((map.get(&7), map.get(&5)), (Some(&71), None));
        assert_eq!(map.pop_first(), Some((1, 10)));
        let rest: Vec<_> = map.into_iter().collect();
        assert_eq!(rest, [(3, 30), (7, 71), (9, 90)]);
    }

    #[test]
    fn paths_are_found_by_slices() {
        let mut map: Ordered<Box<[u16]>, char> = Ordered::default();
        map.insert([2, 1].into(), 'b');
        map.insert([].into(), 'a');
        assert_eq!(map.get([2, 1].as_slice()), Some(&'b'));
        assert_eq!(map.get([2].as_slice()), None);
        assert!(!map.is_empty());
    }
}

//! Values named by small integers, so that JavaScript can hold them.

/// A vector with holes that are filled again, newest hole first.
pub(crate) struct Slots<T> {
    values: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self {
            values: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(id) = self.free.pop() {
            if let Some(slot) = self.values.get_mut(id as usize) {
                *slot = Some(value);
            }
            return id;
        }
        let id = self.values.len() as u32;
        self.values.push(Some(value));
        id
    }

    #[cfg(feature = "messages")]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.values.get(id as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.values.get_mut(id as usize)?.as_mut()
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<T> {
        let value = self.values.get_mut(id as usize)?.take()?;
        self.free.push(id);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn a_removed_id_is_given_out_again_and_means_the_new_value() {
        let mut slots = Slots::new();
        assert_eq!((slots.insert('a'), slots.insert('b')), (0, 1));
        assert_eq!(slots.remove(0), Some('a'));
        assert_eq!(slots.remove(0), None);
        assert_eq!(slots.insert('c'), 0);
        assert_eq!(slots.get_mut(0), Some(&mut 'c'));
        assert_eq!(slots.get_mut(7), None);
    }
}

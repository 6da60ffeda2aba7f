//! The files that can be read back, within a budget of memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many complete files are listed; the oldest is forgotten first.
const LISTED: usize = 100;

/// All files, oldest first.
#[derive(Debug)]
pub struct Store {
    budget_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held_bytes: u64,
    complete: std::collections::VecDeque<Arc<File>>,
}

/// One file: what a handle stands for.
#[derive(Debug)]
pub struct File {
    pub name: String,
    pub size_bytes: u64,
    content: Mutex<Content>,
}

#[derive(Clone, Debug)]
enum Content {
    Incomplete,
    Complete(Arc<Vec<u8>>),
    /// Larger than the budget, or dropped for newer files.
    NotKept,
}

/// Room for one upload; given back when dropped.
#[derive(Debug)]
pub struct Room {
    store: Arc<Store>,
    size_bytes: u64,
    bytes: Vec<u8>,
}

impl Store {
    pub fn new(budget_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            budget_bytes,
            state: Mutex::default(),
        })
    }

    /// Sets room aside for a file, dropping older ones for it. `None` when it cannot be kept.
    pub fn reserve(self: &Arc<Self>, size_bytes: u64) -> Option<Room> {
        let mut state = self.lock();
        if size_bytes > self.budget_bytes {
            return None;
        }
        let room_bytes = self.budget_bytes - size_bytes;
        for file in state.complete.clone() {
            if state.held_bytes <= room_bytes {
                break;
            }
            state.held_bytes -= file.forget();
        }
        if state.held_bytes > room_bytes {
            return None;
        }
        state.held_bytes += size_bytes;
        Some(Room {
            store: self.clone(),
            size_bytes,
            bytes: Vec::new(),
        })
    }

    /// A complete file, with its bytes if there was room for them.
    pub fn complete(&self, file: Arc<File>, room: Option<Room>) {
        let content = match room {
            None => Content::NotKept,
            Some(mut room) => {
                // The file holds the budget from now on.
                room.size_bytes = 0;
                Content::Complete(Arc::new(std::mem::take(&mut room.bytes)))
            }
        };
        *file.lock() = content;
        let mut state = self.lock();
        state.complete.push_back(file);
        if state.complete.len() > LISTED
            && let Some(oldest) = state.complete.pop_front()
        {
            state.held_bytes -= oldest.forget();
        }
    }

    /// The complete files, oldest first.
    pub fn list(&self) -> Vec<Arc<File>> {
        self.lock().complete.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    pub fn new(name: String, size_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            name,
            size_bytes,
            content: Mutex::new(Content::Incomplete),
        })
    }

    /// The bytes, or why there are none.
    pub fn bytes(&self) -> Result<Arc<Vec<u8>>, String> {
        match &*self.lock() {
            Content::Complete(bytes) => Ok(bytes.clone()),
            Content::Incomplete => Err(format!(
                "the upload of {:?} has not ended, so it cannot be read yet",
                self.name
            )),
            Content::NotKept => Err(format!(
                "{:?} ({} bytes) is no longer kept: this server only holds the latest files, see its option --keep",
                self.name, self.size_bytes
            )),
        }
    }

    /// Returns how many bytes that frees.
    fn forget(&self) -> u64 {
        match std::mem::replace(&mut *self.lock(), Content::NotKept) {
            Content::Complete(_) => self.size_bytes,
            Content::Incomplete | Content::NotKept => 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Adds a piece. The caller has checked that no more than announced arrive.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.store.lock().held_bytes -= self.size_bytes;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn keep(store: &Arc<Store>, name: &str, bytes: &[u8]) -> Arc<File> {
        let file = File::new(name.to_owned(), bytes.len() as u64);
        let mut room = store.reserve(bytes.len() as u64);
        if let Some(room) = &mut room {
            room.push(bytes);
        }
        store.complete(file.clone(), room);
        file
    }

    #[test]
    fn newer_files_push_out_older_ones() {
        let store = Store::new(10);
        let first = keep(&store, "first", b"123456");
        assert_eq!(*first.bytes().unwrap(), b"123456");
        let second = keep(&store, "second", b"1234");
        assert!(first.bytes().is_ok());
        let third = keep(&store, "third", b"12");
        assert!(first.bytes().unwrap_err().contains("no longer kept"));
        assert!(second.bytes().is_ok() && third.bytes().is_ok());
        assert_eq!(store.list().len(), 3);
    }

    #[test]
    fn a_file_beyond_the_budget_is_complete_but_not_kept() {
        let store = Store::new(3);
        let file = keep(&store, "large", b"1234");
        assert!(file.bytes().unwrap_err().contains("no longer kept"));
        assert_eq!(store.list().len(), 1);
    }

    #[test]
    fn uploads_in_progress_hold_their_room() {
        let store = Store::new(10);
        let room = store.reserve(8);
        assert!(room.is_some());
        assert!(store.reserve(8).is_none());
        drop(room);
        assert!(store.reserve(8).is_some());
    }

    #[test]
    fn reading_before_the_end_says_so() {
        let file = File::new("early".to_owned(), 4);
        assert!(file.bytes().unwrap_err().contains("has not ended"));
    }

    #[test]
    fn the_oldest_entries_leave_the_list_and_free_their_room() {
        let store = Store::new(1000);
        let files: Vec<_> = (0..=LISTED).map(|_| keep(&store, "f", b"12")).collect();
        assert_eq!(store.list().len(), LISTED);
        assert!(files.first().unwrap().bytes().is_err());
        assert_eq!(store.lock().held_bytes, 2 * LISTED as u64);
    }
}

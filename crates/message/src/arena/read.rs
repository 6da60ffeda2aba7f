use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::capability::{CapHandle, MaybeSend, MaybeSync};

/// What readers need to know of the message they point into.
pub(crate) trait ReaderArena: MaybeSend + MaybeSync {
    fn segment(&self, id: u32) -> Option<&[u8]>;

    /// `None` when the table has no such entry.
    fn cap(&self, index: u32) -> Option<&Option<CapHandle>>;
}

/// The arena of pointer defaults in generated code and of empty readers: trusted, and complete in
/// the one segment the reader already holds.
pub(crate) struct NoArena;

pub(crate) static NO_ARENA: NoArena = NoArena;

impl ReaderArena for NoArena {
    fn segment(&self, _id: u32) -> Option<&[u8]> {
        None
    }

    fn cap(&self, _index: u32) -> Option<&Option<CapHandle>> {
        None
    }
}

/// The words that may still be visited.
///
/// Load and store instead of one atomic subtraction, which would cost more than everything else in
/// following a pointer. Threads that race may each pay only once for what both visit, so `n`
/// threads visit at most `n` times the limit: still bounded, which is all the limit is for.
pub(crate) struct ReadLimiter {
    /// `usize::MAX` means unlimited.
    remaining_words: AtomicUsize,
}

/// For what we built ourselves.
pub(crate) static UNLIMITED: ReadLimiter = ReadLimiter {
    remaining_words: AtomicUsize::new(usize::MAX),
};

impl ReadLimiter {
    pub(crate) fn new(limit_in_words: Option<usize>) -> Self {
        Self {
            remaining_words: AtomicUsize::new(limit_in_words.unwrap_or(usize::MAX)),
        }
    }

    /// Counts `words` against the limit; `false` when it is exceeded.
    #[inline]
    pub(crate) fn charge(&self, words: usize) -> bool {
        let remaining = self.remaining_words.load(Relaxed);
        if remaining == usize::MAX {
            return true;
        }
        match remaining.checked_sub(words) {
            Some(rest) => {
                self.remaining_words.store(rest, Relaxed);
                true
            }
            None => {
                // Stays exceeded: otherwise a message could go on being read in smaller bites.
                self.remaining_words.store(0, Relaxed);
                false
            }
        }
    }
}

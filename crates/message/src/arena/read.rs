use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::capability::{CapHandle, MaybeSend, MaybeSync};

/// An arena and what may still be read of it.
///
/// Together, so that one reference leads to both: the limit lies in front, where it is found
/// without asking which arena this is, since every pointer that is followed is charged.
pub(crate) struct Limited<A: ?Sized> {
    pub(crate) limiter: ReadLimiter,
    pub(crate) arena: A,
}

impl<A: ?Sized> core::ops::Deref for Limited<A> {
    type Target = A;

    #[inline]
    fn deref(&self) -> &A {
        &self.arena
    }
}

impl<A: ?Sized> core::ops::DerefMut for Limited<A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut A {
        &mut self.arena
    }
}

/// What readers hold.
pub(crate) type AnyArena<'a> = Limited<dyn ReaderArena + 'a>;

/// What readers need to know of the message they point into.
pub(crate) trait ReaderArena: MaybeSend + MaybeSync {
    fn segment(&self, id: u32) -> Option<&[u8]>;

    /// `None` when the table has no such entry.
    fn cap(&self, index: u32) -> Option<&Option<CapHandle>>;
}

/// The arena of pointer defaults in generated code and of empty readers: trusted, and complete in
/// the one segment the reader already holds.
pub(crate) struct NoArena;

pub(crate) static NO_ARENA: Limited<NoArena> = Limited {
    limiter: ReadLimiter::new(None),
    arena: NoArena,
};

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

impl ReadLimiter {
    /// Without a limit for what we built ourselves.
    pub(crate) const fn new(limit_in_words: Option<usize>) -> Self {
        let words = match limit_in_words {
            Some(words) => words,
            None => usize::MAX,
        };
        Self {
            remaining_words: AtomicUsize::new(words),
        }
    }

    /// `usize::MAX` means unlimited.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining_words.load(Relaxed)
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
            None => self.exceed(),
        }
    }

    /// Stays exceeded: otherwise a message could go on being read in smaller bites.
    #[cold]
    fn exceed(&self) -> bool {
        self.remaining_words.store(0, Relaxed);
        false
    }
}

//! What is kept between calls from JavaScript.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::thread::LocalKey;

/// A value that a thread has one of, borrowed by one call at a time.
///
/// Never dropped: see the driver's. What `RefCell` says by itself of a second borrower would bring the standard
/// library's formatting into the module for messages.
pub(crate) struct Shared<T>(RefCell<ManuallyDrop<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(ManuallyDrop::new(value)))
    }
}

/// The way to it.
pub(crate) trait Lend<T> {
    /// Lends it for as long as `action` takes, which must not ask for it again.
    fn lend<R>(&'static self, action: impl FnOnce(&mut T) -> R) -> R;
}

impl<T> Lend<T> for LocalKey<Shared<T>> {
    #[inline]
    fn lend<R>(&'static self, action: impl FnOnce(&mut T) -> R) -> R {
        self.with(|shared| match shared.0.try_borrow_mut() {
            Ok(mut value) => action(&mut value),
            // Nothing here calls JavaScript while it has something lent.
            Err(_) => std::process::abort(),
        })
    }
}

//! Objects that belong to a message but to no place in it.
//!
//! [`disown`](PointerBuilder::disown) takes an object out of the tree without copying it,
//! [`adopt`](PointerBuilder::adopt) puts it in elsewhere in the same message.
//!
//! ```
//! use capstan_message::{message, orphan::Orphan, text, text_list};
//!
//! let mut message = message::Builder::new_default();
//! let mut names: text_list::Builder<'_> = message.initn_root(1);
//! names.set(0, "Ada");
//!
//! let mut list: Orphan<text_list::Owned> = message.get_root_any().disown();
//! list.resize(&mut message, 2)?;
//! list.get(&mut message)?.set(1, "Grace");
//! message.get_root_any().adopt(list)?;
//!
//! let names: text_list::Reader<'_> = message.get_root_as_reader()?;
//! assert_eq!(names.get(1)?, "Grace");
//! # Ok::<(), capstan_message::Error>(())
//! ```

use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::arena::{DynArena, Location};
use crate::layout::PointerBuilder;
use crate::message::{Allocator, Builder};
use crate::traits::{FromPointerBuilder, FromPointerReader, Owned, SetterInput};
use crate::{Error, ErrorKind, Result};

/// An object of type `T` in a message, or a null pointer, that nothing in the message points to.
///
/// It can only be adopted by the message it came from. One that is dropped stays in that message
/// as words that nobody reads, and leaves with it: [`Self::discard`] zeroes it instead.
#[must_use = "an orphan that is dropped leaves its words in the message; `discard` zeroes them"]
pub struct Orphan<T> {
    /// A pointer outside the tree that leads to the object. Nowhere when there is no object.
    cell: Location,
    /// The identity of the message, zero when there is no object.
    message: usize,
    marker: PhantomData<fn() -> T>,
}

impl<T> Orphan<T> {
    /// A null pointer, which every message adopts.
    pub const fn null() -> Self {
        Self {
            cell: Location::NOWHERE,
            message: 0,
            marker: PhantomData,
        }
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.cell.is_nowhere()
    }

    /// The same object as another type; nothing is checked before it is used.
    pub fn cast<U>(self) -> Orphan<U> {
        Orphan {
            cell: self.cell,
            message: self.message,
            marker: PhantomData,
        }
    }

    /// Zeroes the object and everything it points to.
    ///
    /// # Errors
    /// When the object is in another message.
    pub fn discard<A: Allocator>(self, message: &mut Builder<A>) -> Result<()> {
        let arena: &mut DynArena = &mut message.arena;
        self.check(arena)?;
        if !self.is_null() {
            arena.clear(self.cell);
            arena.free_cells.push(self.cell);
        }
        Ok(())
    }

    fn check(&self, arena: &DynArena) -> Result<()> {
        if self.is_null() || self.message == arena.identity {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ForeignOrphan,
            "an orphan can be used only with the message it came from; copy it into others",
        ))
    }

    /// The pointer that leads to the object, made if need be.
    fn pointer<'a, A: Allocator>(
        &mut self,
        message: &'a mut Builder<A>,
    ) -> Result<PointerBuilder<'a>> {
        let arena: &mut DynArena = &mut message.arena;
        self.check(arena)?;
        if self.is_null() {
            self.cell = arena.new_cell(DynArena::ROOT_SEGMENT);
            self.message = arena.identity;
        }
        Ok(PointerBuilder {
            arena,
            at: self.cell,
        })
    }
}

impl<T: Owned> Orphan<T> {
    /// The object; the type's default when there is none.
    ///
    /// # Errors
    /// When it is something else, or in another message.
    pub fn get<'a, A: Allocator>(
        &'a mut self,
        message: &'a mut Builder<A>,
    ) -> Result<T::Builder<'a>> {
        FromPointerBuilder::get_from_pointer(self.pointer(message)?, None)
    }

    /// The object, to read; the type's default when there is none.
    ///
    /// # Errors
    /// When it is something else, or in another message.
    pub fn get_reader<'a, A: Allocator>(
        &'a self,
        message: &'a Builder<A>,
    ) -> Result<T::Reader<'a>> {
        let arena: &DynArena = &message.arena;
        self.check(arena)?;
        let pointer = crate::layout::read_pointer(arena, self.cell);
        FromPointerReader::get_from_pointer(&pointer, None)
    }

    /// A new object in place of the old.
    ///
    /// # Errors
    /// When the old is in another message.
    pub fn init<'a, A: Allocator>(
        &'a mut self,
        message: &'a mut Builder<A>,
    ) -> Result<T::Builder<'a>> {
        self.initn(message, 0)
    }

    /// A new list, text or data of `length` elements or bytes in place of the old.
    ///
    /// # Errors
    /// When the old is in another message.
    pub fn initn<'a, A: Allocator>(
        &'a mut self,
        message: &'a mut Builder<A>,
        length: u32,
    ) -> Result<T::Builder<'a>> {
        let pointer = self.pointer(message)?;
        Ok(FromPointerBuilder::init_pointer(pointer, length))
    }

    /// Copies a value in, in place of the old.
    ///
    /// # Errors
    /// When the old is in another message, `value` has a bad pointer or is past its limits, or there
    /// is no room.
    pub fn set<A: Allocator>(
        &mut self,
        message: &mut Builder<A>,
        value: impl SetterInput<T>,
    ) -> Result<()> {
        SetterInput::set_pointer_builder(self.pointer(message)?, value, false)
    }
}

/// A type whose values have a length: lists, text and data.
pub trait Resizable: Owned {
    /// Elements that the schema's user does not see: the NUL of text.
    const HIDDEN_ELEMENTS: u32 = 0;
}

impl<T: Resizable> Orphan<T> {
    /// Makes the list, text or data longer, with zeroes at the end, or shorter. Happens in place
    /// where it can: when it gets shorter, and when nothing was built after it.
    ///
    /// # Errors
    /// When it is something else, or in another message, or longer than the format allows, or there
    /// is no room.
    pub fn resize<A: Allocator>(&mut self, message: &mut Builder<A>, length: u32) -> Result<()> {
        let pointer = self.pointer(message)?;
        if pointer.is_null() {
            drop::<T::Builder<'_>>(FromPointerBuilder::init_pointer(pointer, length));
            return message.error().cloned().map_or(Ok(()), Err);
        }
        pointer.resize_list(
            length.saturating_add(T::HIDDEN_ELEMENTS),
            T::HIDDEN_ELEMENTS,
        )
    }
}

impl PointerBuilder<'_> {
    /// Takes what is here out of the tree, leaving a null pointer.
    pub fn disown<T>(self) -> Orphan<T> {
        if self.is_null() {
            return Orphan::null();
        }
        let cell = self.arena.new_cell(self.at.segment);
        if cell.is_nowhere() {
            // The message has an error already; what is here may as well stay.
            return Orphan::null();
        }
        self.arena.transfer(cell, self.at);
        Orphan {
            cell,
            message: self.arena.identity,
            marker: PhantomData,
        }
    }

    /// Puts an orphan here, in place of the old value.
    ///
    /// # Errors
    /// When it came from another message.
    pub fn adopt<T>(self, orphan: Orphan<T>) -> Result<()> {
        orphan.check(self.arena)?;
        self.arena.clear(self.at);
        if !orphan.is_null() {
            self.arena.transfer(self.at, orphan.cell);
            self.arena.free_cells.push(orphan.cell);
        }
        Ok(())
    }
}

impl DynArena {
    /// A null pointer that no object holds, in `segment` if there is room.
    fn new_cell(&mut self, segment: u32) -> Location {
        if self.identity == 0 {
            self.identity = NEXT_IDENTITY.fetch_add(1, Relaxed);
        }
        if let Some(cell) = self.free_cells.pop() {
            return cell;
        }
        match self.allocate_in(segment, 1, &[]) {
            Some(cell) => cell,
            None => self.allocate(1, &[]),
        }
    }
}

/// Wraps around after as many messages with orphans as there are numbers: a mistake may then go
/// unnoticed, with a wrong object but still a checked one.
static NEXT_IDENTITY: AtomicUsize = AtomicUsize::new(1);

impl<T> core::fmt::Debug for Orphan<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.is_null() {
            "Orphan(null)"
        } else {
            "Orphan"
        })
    }
}

//! Where the fields of a struct go.
//!
//! Fields are placed in the order of their numbers, each where an older version of the schema (with
//! fewer fields) would have placed it too. The rules, which every implementation must share bit for
//! bit:
//!
//! - A data field of 2^n bits goes into the smallest free hole that fits, else into a new word.
//!   The rest of the hole or word stays behind as holes, at most one of each size.
//! - The members of a union share *locations*, stretches of the enclosing scope. A member uses the
//!   smallest suitable free part of an existing location; else a location is widened into the hole
//!   that follows it; else the union asks the enclosing scope for a new location.
//! - The discriminant (16 bits) is placed when the second member of the union gets its first field,
//!   or when the union's own number comes up: a lone field can thus become a union later.
#![allow(
    clippy::indexing_slicing,
    reason = "every index here was handed out by this module, none comes from outside"
)]

/// Holes of 1, 2, 4, 8, 16 and 32 bits; each entry is the hole's position in units of its own size.
/// No hole can be at 0, since the first field always is, so 0 stands for none.
#[derive(Clone, Default)]
struct Holes([u32; 6]);

/// log2 of the bits in a word.
const LG_WORD: u32 = 6;
const LG_DISCRIMINANT: u32 = 4;

impl Holes {
    fn take(&mut self, lg_size: u32) -> Option<u32> {
        let slot = *self.0.get(lg_size as usize)?;
        if slot != 0 {
            self.0[lg_size as usize] = 0;
            return Some(slot);
        }
        // Split a bigger hole: the first half is ours, the second stays.
        let half = self.take(lg_size + 1)? * 2;
        self.0[lg_size as usize] = half + 1;
        Some(half)
    }

    /// Frees everything from `offset` (in units of `lg_size`) up to the next multiple of
    /// `limit_lg_size`.
    fn add_tail(&mut self, lg_size: u32, offset: u32, limit_lg_size: u32) {
        let mut offset = offset;
        for size in lg_size..limit_lg_size {
            self.0[size as usize] = offset;
            offset = offset.div_ceil(2);
        }
    }

    /// Makes the space at `offset` 2^`doublings` times as big if only holes follow it.
    fn widen(&mut self, lg_size: u32, offset: u32, doublings: u32) -> bool {
        if doublings == 0 {
            return true;
        }
        if self.0.get(lg_size as usize).copied() != Some(offset + 1) {
            return false;
        }
        let widened = self.widen(lg_size + 1, offset >> 1, doublings - 1);
        if widened {
            self.0[lg_size as usize] = 0;
        }
        widened
    }

    fn smallest_at_least(&self, lg_size: u32) -> Option<u32> {
        (lg_size..LG_WORD).find(|size| self.0[*size as usize] != 0)
    }
}

/// Something fields can be put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The struct itself, and groups that are not in a union.
    Top,
    /// One member of a union.
    Member(MemberId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemberId(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnionId(usize);

#[derive(Default)]
pub(super) struct Layout {
    pub(super) data_words: u32,
    pub(super) pointers: u32,
    holes: Holes,
    unions: Vec<Union>,
    members: Vec<Member>,
}

struct Union {
    parent: Scope,
    members_in_use: u32,
    discriminant: Option<u32>,
    locations: Vec<Location>,
    pointers: Vec<u32>,
}

/// A stretch of the data section that the members of a union share.
#[derive(Clone, Copy)]
struct Location {
    lg_size: u32,
    /// In units of its size.
    offset: u32,
}

struct Member {
    parent: UnionId,
    /// One for each location of the union that this member has looked at.
    usages: Vec<Usage>,
    pointers_used: usize,
    in_use: bool,
}

/// How much of a location a member uses.
#[derive(Clone, Default)]
struct Usage {
    /// log2 of the used bits at the location's start; `None` while nothing is used.
    lg_used: Option<u32>,
    /// Free places within the used part, relative to the location's start.
    holes: Holes,
}

impl Layout {
    pub(super) fn add_union(&mut self, parent: Scope) -> UnionId {
        self.unions.push(Union {
            parent,
            members_in_use: 0,
            discriminant: None,
            locations: Vec::new(),
            pointers: Vec::new(),
        });
        UnionId(self.unions.len() - 1)
    }

    pub(super) fn add_member(&mut self, parent: UnionId) -> Scope {
        self.members.push(Member {
            parent,
            usages: Vec::new(),
            pointers_used: 0,
            in_use: false,
        });
        Scope::Member(MemberId(self.members.len() - 1))
    }

    /// Notes a field without size. It tells the unions all the way out that another of their
    /// members is in use, which is what their discriminants wait for.
    pub(super) fn add_void(&mut self, scope: Scope) {
        let mut scope = scope;
        while let Scope::Member(id) = scope {
            self.mark_in_use(id);
            scope = self.unions[self.members[id.0].parent.0].parent;
        }
    }

    fn mark_in_use(&mut self, MemberId(member): MemberId) {
        if self.members[member].in_use {
            return;
        }
        self.members[member].in_use = true;
        let union = self.members[member].parent;
        self.unions[union.0].members_in_use += 1;
        if self.unions[union.0].members_in_use == 2 {
            self.add_discriminant(union);
        }
    }

    /// Places 2^`lg_size` bits; the position is in units of that size.
    pub(super) fn add_data(&mut self, scope: Scope, lg_size: u32) -> u32 {
        match scope {
            Scope::Top => match self.holes.take(lg_size) {
                Some(offset) => offset,
                None => {
                    let offset = self.data_words << (LG_WORD - lg_size);
                    self.data_words += 1;
                    self.holes.add_tail(lg_size, offset + 1, LG_WORD);
                    offset
                }
            },
            Scope::Member(id) => {
                self.mark_in_use(id);
                self.add_member_data(id, lg_size)
            }
        }
    }

    pub(super) fn add_pointer(&mut self, scope: Scope) -> u32 {
        let Scope::Member(id) = scope else {
            self.pointers += 1;
            return self.pointers - 1;
        };
        self.mark_in_use(id);
        let MemberId(member) = id;
        let UnionId(union) = self.members[member].parent;
        let used = self.members[member].pointers_used;
        self.members[member].pointers_used += 1;
        if let Some(pointer) = self.unions[union].pointers.get(used) {
            return *pointer;
        }
        let pointer = self.add_pointer(self.unions[union].parent);
        self.unions[union].pointers.push(pointer);
        pointer
    }

    /// Places the discriminant; false if it already has a place.
    pub(super) fn add_discriminant(&mut self, UnionId(union): UnionId) -> bool {
        if self.unions[union].discriminant.is_some() {
            return false;
        }
        let offset = self.add_data(self.unions[union].parent, LG_DISCRIMINANT);
        self.unions[union].discriminant = Some(offset);
        true
    }

    /// In units of 16 bits.
    pub(super) fn discriminant(&self, UnionId(union): UnionId) -> Option<u32> {
        self.unions[union].discriminant
    }

    fn add_member_data(&mut self, MemberId(member): MemberId, lg_size: u32) -> u32 {
        let UnionId(union) = self.members[member].parent;
        let locations = self.unions[union].locations.len();
        self.members[member]
            .usages
            .resize_with(locations, Usage::default);

        let mut best: Option<(u32, usize)> = None;
        for index in 0..locations {
            let location = self.unions[union].locations[index];
            let hole = self.members[member].usages[index].smallest_hole(location, lg_size);
            if let Some(hole) = hole
                && best.is_none_or(|(size, _)| hole < size)
            {
                best = Some((hole, index));
            }
        }
        if let Some((_, index)) = best {
            let location = self.unions[union].locations[index];
            return self.members[member].usages[index].allocate(location, lg_size);
        }
        for index in 0..locations {
            if let Some(offset) = self.allocate_by_widening(member, union, index, lg_size) {
                return offset;
            }
        }
        let offset = self.add_data(self.unions[union].parent, lg_size);
        self.unions[union]
            .locations
            .push(Location { lg_size, offset });
        self.members[member].usages.push(Usage {
            lg_used: Some(lg_size),
            holes: Holes::default(),
        });
        offset
    }

    fn allocate_by_widening(
        &mut self,
        member: usize,
        union: usize,
        index: usize,
        lg_size: u32,
    ) -> Option<u32> {
        let local = match self.members[member].usages[index].lg_used {
            None => {
                if !self.widen_location(union, index, lg_size) {
                    return None;
                }
                self.members[member].usages[index].lg_used = Some(lg_size);
                0
            }
            Some(lg_used) => {
                let wanted = lg_used.max(lg_size) + 1;
                if !self.widen_usage(member, union, index, wanted, true) {
                    return None;
                }
                self.members[member].usages[index].holes.take(lg_size)?
            }
        };
        let location = self.unions[union].locations[index];
        Some((location.offset << (location.lg_size - lg_size)) + local)
    }

    fn widen_location(&mut self, union: usize, index: usize, new_lg_size: u32) -> bool {
        let Location { lg_size, offset } = self.unions[union].locations[index];
        if new_lg_size <= lg_size {
            return true;
        }
        let doublings = new_lg_size - lg_size;
        if !self.widen_data(self.unions[union].parent, lg_size, offset, doublings) {
            return false;
        }
        self.unions[union].locations[index] = Location {
            lg_size: new_lg_size,
            offset: offset >> doublings,
        };
        true
    }

    /// Lets a member use 2^`wanted` bits of a location. The new part becomes holes, unless it is
    /// taken at once by the union that asked for it.
    fn widen_usage(
        &mut self,
        member: usize,
        union: usize,
        index: usize,
        wanted: u32,
        leaves_holes: bool,
    ) -> bool {
        if wanted > self.unions[union].locations[index].lg_size
            && !self.widen_location(union, index, wanted)
        {
            return false;
        }
        let usage = &mut self.members[member].usages[index];
        if let (Some(lg_used), true) = (usage.lg_used, leaves_holes) {
            usage.holes.add_tail(lg_used, 1, wanted);
        }
        usage.lg_used = Some(wanted);
        true
    }

    /// Makes space that was given out 2^`doublings` times as big, if what follows it is free.
    fn widen_data(&mut self, scope: Scope, lg_size: u32, offset: u32, doublings: u32) -> bool {
        let Scope::Member(MemberId(member)) = scope else {
            return self.holes.widen(lg_size, offset, doublings);
        };
        // Too large, or not at a multiple of the new size.
        if lg_size + doublings > LG_WORD || offset & ((1 << doublings) - 1) != 0 {
            return false;
        }
        let UnionId(union) = self.members[member].parent;
        for index in 0..self.members[member].usages.len() {
            let location = self.unions[union].locations[index];
            let contains = location.lg_size >= lg_size
                && offset >> (location.lg_size - lg_size) == location.offset;
            if !contains {
                continue;
            }
            let local = offset - (location.offset << (location.lg_size - lg_size));
            let usage = &mut self.members[member].usages[index];
            if local == 0 && usage.lg_used == Some(lg_size) {
                return self.widen_usage(member, union, index, lg_size + doublings, false);
            }
            return usage.holes.widen(lg_size, local, doublings);
        }
        false
    }
}

impl Usage {
    /// log2 of the smallest free place that holds 2^`lg_size` bits.
    fn smallest_hole(&self, location: Location, lg_size: u32) -> Option<u32> {
        let Some(lg_used) = self.lg_used else {
            return (lg_size <= location.lg_size).then_some(location.lg_size);
        };
        if lg_size >= lg_used {
            // Only by doubling what is used, and then the new half is just this big.
            return (lg_size < location.lg_size).then_some(lg_size);
        }
        let by_doubling = (lg_used < location.lg_size).then_some(lg_used);
        self.holes.smallest_at_least(lg_size).or(by_doubling)
    }

    /// Takes the place that `smallest_hole` found.
    fn allocate(&mut self, location: Location, lg_size: u32) -> u32 {
        let local = match self.lg_used {
            None => {
                self.lg_used = Some(lg_size);
                0
            }
            Some(lg_used) if lg_size >= lg_used => {
                self.holes.add_tail(lg_used, 1, lg_size);
                self.lg_used = Some(lg_size + 1);
                1
            }
            Some(lg_used) => match self.holes.take(lg_size) {
                Some(hole) => hole,
                None => {
                    let offset = 1 << (lg_used - lg_size);
                    self.holes.add_tail(lg_size, offset + 1, lg_used);
                    self.lg_used = Some(lg_used + 1);
                    offset
                }
            },
        };
        (location.offset << (location.lg_size - lg_size)) + local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIT: u32 = 0;
    const BYTE: u32 = 3;
    const SHORT: u32 = 4;
    const INT: u32 = 5;
    const LONG: u32 = 6;

    #[test]
    fn fills_the_smallest_hole_first() {
        let mut layout = Layout::default();
        assert_eq!(layout.add_data(Scope::Top, BIT), 0);
        assert_eq!(layout.add_data(Scope::Top, INT), 1);
        assert_eq!(layout.add_data(Scope::Top, LONG), 1);
        assert_eq!(layout.add_data(Scope::Top, BYTE), 1);
        assert_eq!(layout.add_data(Scope::Top, SHORT), 1);
        assert_eq!(layout.add_data(Scope::Top, BIT), 1);
        assert_eq!(layout.data_words, 2);
    }

    #[test]
    fn places_the_discriminant_when_the_second_member_appears() {
        let mut layout = Layout::default();
        let union = layout.add_union(Scope::Top);
        let (a, b, c) = (
            layout.add_member(union),
            layout.add_member(union),
            layout.add_member(union),
        );
        assert_eq!(layout.add_data(a, INT), 0);
        assert_eq!(layout.discriminant(union), None);
        layout.add_void(b);
        assert_eq!(layout.discriminant(union), Some(2));
        assert_eq!(layout.add_data(c, SHORT), 0);
        assert_eq!(layout.add_data(c, SHORT), 1);
        assert!(!layout.add_discriminant(union));
        assert_eq!(layout.data_words, 1);
    }

    #[test]
    fn shares_pointers_and_data_between_members() {
        let mut layout = Layout::default();
        let union = layout.add_union(Scope::Top);
        let (a, b) = (layout.add_member(union), layout.add_member(union));
        assert_eq!((layout.add_pointer(a), layout.add_pointer(a)), (0, 1));
        assert_eq!((layout.add_pointer(b), layout.add_data(b, LONG)), (0, 1));
        assert_eq!(layout.add_data(a, BYTE), 8);
        assert_eq!((layout.pointers, layout.data_words), (2, 2));
    }

    #[test]
    fn widens_a_location_into_the_hole_behind_it() {
        let mut layout = Layout::default();
        let union = layout.add_union(Scope::Top);
        let (a, b) = (layout.add_member(union), layout.add_member(union));
        assert_eq!(layout.add_data(a, BYTE), 0);
        // The discriminant takes the second half of the first 32 bits, so only 8 bits can be won.
        assert_eq!(layout.add_data(b, SHORT), 0);
        assert_eq!(layout.discriminant(union), Some(1));
    }
}

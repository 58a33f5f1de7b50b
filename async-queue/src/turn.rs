//! The changes that can be made while the mutex is held. The invariants are in `raw`.

use crate::{
    raw::{Cargo, Guard, JOINERS, PUTTERS, Phase, RELEASED},
    store::{Parcel, Store},
};
use std::ops::{Deref, DerefMut};

/// Why an item or a reservation has no place.
pub(crate) enum Refusal {
    Full,
    Closed,
}

/// The time in which the mutex is held: the changes that can be made in it.
pub(crate) struct Turn<'t, 'q, S: Store>(pub(crate) &'t mut Guard<'q, S>);

impl<'q, T, S: Store<Item = T>> Deref for Turn<'_, 'q, S> {
    type Target = Guard<'q, S>;
    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl<T, S: Store<Item = T>> DerefMut for Turn<'_, '_, S> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0
    }
}

impl<T, S: Store<Item = T>> Turn<'_, '_, S> {
    /// Whether there is no item and will be none.
    pub(crate) fn is_drained(&self) -> bool {
        self.phase != Phase::Open && self.slots == 0 && self.store.len() == 0
    }

    /// Whether a newcomer has to wait for an item.
    pub(crate) fn is_dry(&self) -> bool {
        self.store.len() == 0 && !self.is_drained()
    }

    /// Whether a newcomer may take a place now.
    #[inline(always)]
    pub(crate) fn admit(&mut self) -> Result<(), Refusal> {
        if self.phase != Phase::Open {
            Err(Refusal::Closed)
        } else if self.room > 0 && self.front(PUTTERS).is_none() {
            Ok(())
        } else {
            Err(Refusal::Full)
        }
    }

    /// Lets an item in for which there is room. If its comparison with others panics, there still is.
    #[inline(always)]
    pub(crate) fn put_at_once(&mut self, item: &mut Option<T>) {
        let order = self.order;
        self.store.push(order, item);
        self.order = order + 1;
        self.room -= 1;
    }

    /// A newcomer's put. Takes the item out of its place if it succeeds.
    #[inline(always)]
    pub(crate) fn put(&mut self, item: &mut Option<T>) -> Result<(), Refusal> {
        self.admit()?;
        self.put_at_once(item);
        Ok(())
    }

    /// A newcomer's reservation.
    pub(crate) fn reserve(&mut self) -> Result<(), Refusal> {
        self.admit()?;
        self.room -= 1;
        self.slots += 1;
        Ok(())
    }

    /// Gives the place up that was granted to a waiting put or reserve. If that is void, it does not matter (Q4).
    pub(crate) fn return_grant(&mut self) {
        self.room += 1;
    }

    /// Gives a held slot up, unless it is void (Q4).
    pub(crate) fn return_slot(&mut self) {
        if self.phase != Phase::Revoked {
            self.slots -= 1;
            self.room += 1;
        }
    }

    /// Puts the item of a waiting put that was granted its slot; `false` if that is void (Q4).
    #[inline(always)]
    pub(crate) fn put_granted(&mut self, item: &mut Option<T>) -> bool {
        let valid = self.phase == Phase::Open;
        if valid {
            self.room += 1;
            self.put_at_once(item);
        }
        valid
    }

    /// Makes the grant of a waiting reserve a held slot; `false` if it is void (Q4).
    pub(crate) fn hold_granted(&mut self) -> bool {
        let valid = self.phase == Phase::Open;
        if valid {
            self.slots += 1;
        }
        valid
    }

    /// Puts into a held slot; `false` if it is void (Q4).
    pub(crate) fn put_into_slot(&mut self, item: &mut Option<T>) -> bool {
        let valid = self.phase != Phase::Revoked;
        if valid {
            self.return_slot();
            self.put_at_once(item);
        }
        valid
    }

    /// Takes the item whose turn it is. A newcomer that finds one passes nobody, by Q1.
    ///
    /// An `Option`, and in what follows too: a `Result` whose error has a niche of its own is copied in odd pieces, which
    /// cost 9 ns for an item of 64 bytes.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Option<Parcel<T>> {
        let entered = self.order;
        let parcel = self.store.pop(entered)?;
        self.out += 1;
        self.room += 1;
        if self.store.allocated() > self.kept {
            shrink(&mut self.store);
        }
        Some(parcel)
    }

    /// Takes an item back that was handed to a get which was dropped before it saw it. As [`Store::put_back`].
    pub(crate) fn give_back(&mut self, cargo: &mut Cargo<T>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
        self.store.put_back(cargo.order, &mut cargo.item, spare)?;
        self.out -= 1;
        self.room -= 1;
        Ok(())
    }

    /// Whether this is a change.
    pub(crate) fn close(&mut self, phase: Phase) -> bool {
        let was_open = self.phase == Phase::Open;
        if was_open || phase == Phase::Revoked {
            self.phase = phase;
        }
        was_open
    }

    /// The number of unfinished items.
    pub(crate) fn unfinished(&self) -> usize {
        self.store.len().wrapping_add_signed(self.out)
    }

    /// Finishes an item; `false` if there is none.
    pub(crate) fn finish(&mut self) -> bool {
        if self.unfinished() == 0 {
            return false;
        }
        self.out -= 1;
        self.release_joiners();
        true
    }

    pub(crate) fn release_joiners(&mut self) {
        if self.unfinished() == 0 {
            self.splice(JOINERS, RELEASED);
        }
    }
}

/// Gives half of the memory back when three quarters are not in use, so that a burst is paid for by its own items only.
#[cold]
fn shrink<S: Store>(store: &mut S) {
    let allocated = store.allocated();
    if store.len() < allocated / 4 {
        store.shrink(allocated / 2);
    }
}

//! [`SideList`]: a list of waiters beside a queue's own lists, under the same mutex. The invariants are in the parent
//! module.

use super::{List, Locked, Protocol, list::Node};
use crate::sync::{UnsafeCell, atomic::AtomicUsize, atomic::Ordering};
use crate::{const_unless_loom, diagnostics::Origin};
use std::{fmt, ptr, slice};

/// The owner of an empty side list: no queue has this address.
const NO_QUEUE: usize = 0;

/// A list beside a queue's own lists. The mutex of the queue whose waiters it holds, its owner, guards it.
///
/// It is for waiters that wait for something else before they join the queue itself. A condition's waiters wait in such
/// a list for a notification, and then in the lock's queue for the lock. An empty list has no owner; the next waiter to
/// enter it makes its own queue the owner.
pub struct SideList<P: Protocol> {
    /// The address of the queue whose mutex guards `list`; `NO_QUEUE` while the list is empty. Written under that
    /// mutex.
    owner: AtomicUsize,
    list: UnsafeCell<List<P::Data>>,
    /// The number of waiters in the list, which may be read without any mutex.
    len: AtomicUsize,
    origin: Origin,
}

// SAFETY: as for `WaitQueue`: it holds addresses of waiters, whose data move between threads.
unsafe impl<P: Protocol<Data: Send>> Send for SideList<P> {}
// SAFETY: the list is reached only under the mutex of the queue whose address is in `owner` (see `with`).
unsafe impl<P: Protocol<Data: Send>> Sync for SideList<P> {}

/// The error of a call on a [`SideList`] that holds waiters of another queue than the one whose mutex is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignQueue {
    /// The address of the queue whose waiters are in the list.
    pub owner: usize,
    /// The address of the queue whose mutex is held.
    pub caller: usize,
}

impl<P: Protocol> SideList<P> {
    const_unless_loom! {
        /// An empty list without an owner.
        #[inline]
        #[track_caller]
        pub const fn new() -> Self {
            SideList {
                owner: AtomicUsize::new(NO_QUEUE),
                list: UnsafeCell::new(List::EMPTY),
                len: AtomicUsize::new(0),
                origin: Origin::new("primitive"),
            }
        }
    }

    /// The address of the queue whose waiters are in the list, if there are any.
    ///
    /// Exact while no waiter can enter or leave the list, and otherwise a hint.
    #[inline]
    pub fn owner(&self) -> Option<usize> {
        // Ordering: Relaxed; a caller that relies on it holds the mutex of that queue, under which it was written.
        Some(self.owner.load(Ordering::Relaxed)).filter(|owner| *owner != NO_QUEUE)
    }

    /// Sets the name of the list in reports.
    #[inline]
    pub const fn set_kind(&mut self, kind: &'static str) {
        self.origin.set_kind(kind);
    }

    /// Sets the label that the user gave the list, for reports.
    #[inline]
    pub const fn set_label(&mut self, label: &'static str) {
        self.origin.set_label(label);
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The number of waiters in the list now.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether the list has no waiter now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Links a node at the end of the list. `locked`'s queue owns the list from then on, until it is empty again.
    ///
    /// # Safety
    ///
    /// `node` is alive, pinned, in no list, and leaves this one before it is freed. After a success its stage must be
    /// this list's id before the mutex is released.
    pub(super) unsafe fn push_back(
        &self,
        locked: &Locked<'_, P>,
        node: *const Node<P::Data>,
    ) -> Result<(), ForeignQueue> {
        let caller = locked.queue.id();
        // Ordering: Acquire pairs with the Release in `with_list`, by which the last owner gave the empty list up.
        match self.owner.compare_exchange(NO_QUEUE, caller, Ordering::Acquire, Ordering::Relaxed) {
            Err(owner) if owner != caller => return Err(ForeignQueue { owner, caller }),
            _ => {}
        }
        // SAFETY: we hold the owner's mutex (I1); the node is as required, by the caller's word.
        unsafe {
            self.with_list(|list| (list.push_back(node), 1));
        }
        Ok(())
    }

    /// Moves up to `n` waiters, longest waiting first, to the end of the queue's list `TO`, and wakes none. Returns how
    /// many were moved.
    #[inline]
    pub fn transfer<const TO: usize>(&self, locked: &mut Locked<'_, P>, n: usize) -> Result<usize, ForeignQueue> {
        if n == 0 || !self.is_owned_by(locked)? {
            return Ok(0);
        }
        let id = locked.queue.id();
        // SAFETY: I1: the mutex that we hold guards both lists. The nodes leave one list and enter the other before it
        // is released.
        // Ordering: Relaxed, by I2; the owner of a waiter only compares the stage.
        unsafe {
            let (mut chain, moved) = self.with_list(|list| {
                let (chain, moved) = list.take_front(n, |node| {
                    node.stage.store(id, Ordering::Relaxed);
                    node.body.with_mut(|body| (*body).wait.moved_to(locked.origin()));
                });
                ((chain, moved), -(moved as isize))
            });
            locked.with_list::<TO, _>(|list, len| {
                list.append(&mut chain);
                *len += moved as u32;
            });
            Ok(moved)
        }
    }

    /// Unlinks a waiter that is dropped while it is in this list.
    ///
    /// # Safety
    ///
    /// `node` is linked in this list, and the mutex of the list's owner is held.
    pub(super) unsafe fn remove(&self, node: *const Node<P::Data>) {
        // SAFETY: by the caller's word.
        unsafe { self.with_list(|list| (List::remove(slice::from_mut(list), node), -1)) }
    }

    /// Whether the list has waiters, all of them of `locked`'s queue.
    fn is_owned_by(&self, locked: &Locked<'_, P>) -> Result<bool, ForeignQueue> {
        match (self.owner(), locked.queue.id()) {
            (None, _) => Ok(false),
            (Some(owner), caller) if owner == caller => Ok(true),
            (Some(owner), caller) => Err(ForeignQueue { owner, caller }),
        }
    }

    /// Runs `f` on the list. `f` returns the change of the length; if the list is empty afterwards, it has no owner any
    /// more.
    ///
    /// # Safety
    ///
    /// The mutex of the list's owner is held.
    unsafe fn with_list<R>(&self, f: impl FnOnce(&mut List<P::Data>) -> (R, isize)) -> R {
        // SAFETY: I1, by the caller's word.
        let (result, change) = self.list.with_mut(|list| unsafe { f(&mut *list) });
        // No atomic exchange: only the holder of the owner's mutex writes the length.
        let len = self.len().wrapping_add_signed(change);
        self.len.store(len, Ordering::Relaxed);
        if len == 0 {
            // Ordering: Release pairs with the Acquire in `push_back`: the next owner may have another mutex.
            self.owner.store(NO_QUEUE, Ordering::Release);
        }
        result
    }

    /// Odd, as no queue's id is (I5).
    pub(super) fn id(&self) -> usize {
        ptr::from_ref(self).addr() | 1
    }
}

impl<P: Protocol> Default for SideList<P> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Protocol> fmt::Debug for SideList<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideList").field("waiters", &self.len()).finish()
    }
}

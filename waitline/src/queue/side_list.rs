//! A list of waiters beside a queue's own ones, under the same mutex.

use super::{List, Locked, Protocol, list::Node};
use crate::sync::{UnsafeCell, atomic::AtomicUsize, atomic::Ordering};
use crate::{const_unless_loom, diagnostics::Origin};
use std::{fmt, ptr, slice};

/// No queue's address.
const NOBODY: usize = 0;

/// A list beside the queue's own ones that is guarded by the mutex of whichever queue first put a waiter into it.
///
/// For waiters that wait for something else before they join the queue itself, as a condition's do for a lock's.
pub struct SideList<P: Protocol> {
    /// The address of the queue whose mutex guards `list`; `NOBODY` while the list is empty. Written under that mutex.
    owner: AtomicUsize,
    list: UnsafeCell<List<P::Data>>,
    /// How many are in it: for the curious, who need not hold any mutex.
    len: AtomicUsize,
    origin: Origin,
}

// SAFETY: as for `WaitQueue`: it holds addresses of waiters, whose data it hands over between threads.
unsafe impl<P: Protocol<Data: Send>> Send for SideList<P> {}
// SAFETY: the list is reached only under the mutex of the queue whose address is in `owner` (see `with`).
unsafe impl<P: Protocol<Data: Send>> Sync for SideList<P> {}

/// A [`SideList`] holds waiters of another queue than the one whose mutex is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignQueue {
    /// The address of the queue that the list's waiters belong to.
    pub owner: usize,
    /// The address of the queue whose mutex is held.
    pub caller: usize,
}

impl<P: Protocol> SideList<P> {
    const_unless_loom! {
        /// An empty list that belongs to no queue yet.
        #[inline]
        #[track_caller]
        pub const fn new() -> Self {
            SideList {
                owner: AtomicUsize::new(NOBODY),
                list: UnsafeCell::new(List::EMPTY),
                len: AtomicUsize::new(0),
                origin: Origin::new("primitive"),
            }
        }
    }

    /// The address of the queue whose waiters are in the list, if there are any.
    ///
    /// Exact for whoever knows that nobody can enter or leave now, a hint for others.
    #[inline]
    pub fn owner(&self) -> Option<usize> {
        // Ordering: Relaxed; whoever acts on it holds the mutex of that queue, under which it was written.
        Some(self.owner.load(Ordering::Relaxed)).filter(|owner| *owner != NOBODY)
    }

    /// Sets what the list is called in reports.
    #[inline]
    pub const fn set_kind(&mut self, kind: &'static str) {
        self.origin.set_kind(kind);
    }

    /// Sets what the user calls it in reports.
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

    /// Whether nobody is in the list now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Links a node at the end of the list, which from then on belongs to `locked`'s queue until it is empty again.
    ///
    /// # Safety
    ///
    /// `node` is alive, pinned, in no list, and leaves this one before it is freed. If all goes well its stage must be
    /// this list's id before the mutex is released.
    pub(super) unsafe fn push_back(
        &self,
        locked: &Locked<'_, P>,
        node: *const Node<P::Data>,
    ) -> Result<(), ForeignQueue> {
        let caller = locked.queue.id();
        // Ordering: Acquire pairs with the Release in `with_list`, by which the last owner let the empty list go.
        match self.owner.compare_exchange(NOBODY, caller, Ordering::Acquire, Ordering::Relaxed) {
            Err(owner) if owner != caller => return Err(ForeignQueue { owner, caller }),
            _ => {}
        }
        // SAFETY: we hold the owner's mutex (I1); the node is fit by the caller's word.
        unsafe {
            self.with_list(|list| (list.push_back(node), 1));
        }
        Ok(())
    }

    /// Moves up to `n` waiters, longest waiting first, to the end of the queue's list `TO`. Nobody is woken.
    ///
    /// Returns how many were moved.
    #[inline]
    pub fn transfer<const TO: usize>(&self, locked: &mut Locked<'_, P>, n: usize) -> Result<usize, ForeignQueue> {
        if n == 0 || !self.is_owned_by(locked)? {
            return Ok(0);
        }
        let id = locked.queue.id();
        // SAFETY: I1: both lists are guarded by the mutex that we hold. The nodes leave one list and enter the other before
        // anybody can look.
        // Ordering: Relaxed, by I2; the owner of a waiter only compares.
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

    /// Whether the list has waiters, and `locked` is the mutex that guards them.
    fn is_owned_by(&self, locked: &Locked<'_, P>) -> Result<bool, ForeignQueue> {
        match (self.owner(), locked.queue.id()) {
            (None, _) => Ok(false),
            (Some(owner), caller) if owner == caller => Ok(true),
            (Some(owner), caller) => Err(ForeignQueue { owner, caller }),
        }
    }

    /// Runs `f` on the list, which tells how its length has changed, and lets go of the list when it is empty afterwards.
    ///
    /// # Safety
    ///
    /// The mutex of the list's owner is held.
    unsafe fn with_list<R>(&self, f: impl FnOnce(&mut List<P::Data>) -> (R, isize)) -> R {
        // SAFETY: I1, by the caller's word.
        let (result, change) = self.list.with_mut(|list| unsafe { f(&mut *list) });
        // No exchange: only the holder of the owner's mutex writes it.
        let len = self.len().wrapping_add_signed(change);
        self.len.store(len, Ordering::Relaxed);
        if len == 0 {
            // Ordering: Release pairs with the Acquire in `push_back`: the next owner may have another mutex.
            self.owner.store(NOBODY, Ordering::Release);
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

//! A list of waiters beside a queue's own ones, under the same mutex.

use super::{
    Handle, List, Lists, Locked, Protocol, Waiter,
    list::{IDLE, Node},
};
use crate::const_unless_loom;
use crate::sync::{UnsafeCell, atomic::AtomicUsize, atomic::Ordering};
use std::{fmt, pin::Pin, ptr, slice, task::Waker};

/// A list beside the queue's own ones that is guarded by the mutex of whichever queue first put a waiter into it.
///
/// For waiters that wait for something else before they join the queue itself, as a condition's do for a lock's.
pub struct SideList<P: Protocol> {
    /// The address of the queue whose mutex guards `list`; `IDLE` while the list is empty. Written under that mutex.
    owner: AtomicUsize,
    list: UnsafeCell<(List<P::Data>, u32)>,
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
        pub const fn new() -> Self {
            SideList { owner: AtomicUsize::new(IDLE), list: UnsafeCell::new((List::EMPTY, 0)) }
        }
    }

    /// The number of waiters in the list, as seen by the holder of the mutex; [`ForeignQueue`] if that is another
    /// queue's mutex.
    pub fn len(&self, locked: &mut Locked<'_, P>) -> Result<usize, ForeignQueue> {
        self.with(locked, |_, len| *len as usize)
    }

    /// The address of the queue whose waiters are in the list, if there are any.
    pub fn owner(&self) -> Option<usize> {
        // Ordering: Relaxed; a hint, which the caller checks again under the mutex.
        Some(self.owner.load(Ordering::Relaxed)).filter(|owner| *owner != IDLE)
    }

    /// Links `waiter` at the end of the list, which from then on belongs to `locked`'s queue until it is empty again.
    ///
    /// # Panics
    ///
    /// As [`Locked::push_back`].
    pub fn push_back<H: Handle<Protocol = P>>(
        &self,
        locked: &mut Locked<'_, P>,
        waiter: Pin<&mut Waiter<H>>,
        waker: Waker,
    ) -> Result<(), ForeignQueue> {
        waiter.check_may_enter(locked.queue);
        assert!(
            waiter.handle().side_list().is_some_and(|side| ptr::eq(side, self)),
            "SideList::push_back: the waiter's handle leads to another side list"
        );
        self.with(locked, |list, len| {
            // SAFETY: I1 by `with`. The node is idle (checked), pinned, and its drop unlinks it (I4).
            unsafe { list.push_back(waiter.arm(waker, self.home())) };
            *len += 1;
        })
    }

    /// Moves up to `n` waiters, longest waiting first, to the end of the queue's list number `to`. Nobody is woken.
    ///
    /// Returns how many were moved.
    pub fn transfer(&self, locked: &mut Locked<'_, P>, n: usize, to: usize) -> Result<usize, ForeignQueue> {
        let mut moved = 0;
        while moved < n {
            let node = self.with(locked, |list, len| {
                let node = list.head();
                if !node.is_null() {
                    // SAFETY: I1 by `with`; the head is linked.
                    unsafe { List::remove(slice::from_mut(list), node) };
                    *len -= 1;
                }
                node
            })?;
            if node.is_null() {
                break;
            }
            let home = locked.queue.home();
            // SAFETY: I1: both homes are guarded by the mutex that we hold; the node stays linked but for a moment in
            // which nobody else can look, hence alive (I4). Ordering: Relaxed, by I2; the owner only compares.
            locked.with_lists(|lists, len| unsafe {
                (*node).stage.store(home, Ordering::Relaxed);
                lists.all()[to].push_back(node);
                *len += 1;
            });
            moved += 1;
        }
        Ok(moved)
    }

    /// Unlinks a waiter that is dropped while it is in this list.
    ///
    /// # Safety
    ///
    /// `node` is linked in this list.
    pub(super) unsafe fn remove(
        &self,
        locked: &mut Locked<'_, P>,
        node: *const Node<P::Data>,
    ) -> Result<(), ForeignQueue> {
        self.with(locked, |list, len| {
            // SAFETY: I1 by `with`; linked here by the caller's word.
            unsafe { List::remove(slice::from_mut(list), node) };
            *len -= 1;
        })
    }

    /// Runs `f` on the list if `locked` is the mutex that guards it, or takes an empty list into its guard.
    fn with<R>(
        &self,
        locked: &mut Locked<'_, P>,
        f: impl FnOnce(&mut List<P::Data>, &mut u32) -> R,
    ) -> Result<R, ForeignQueue> {
        let caller = locked.queue.home();
        // Ordering: Acquire pairs with the Release below, by which the last owner let the empty list go.
        if let Err(owner) = self.owner.compare_exchange(IDLE, caller, Ordering::Acquire, Ordering::Relaxed)
            && owner != caller
        {
            return Err(ForeignQueue { owner, caller });
        }
        // SAFETY: `owner` is our queue, whose mutex we hold, and no other queue can change that: I1 holds.
        let (result, empty) = self.list.with_mut(|list| unsafe {
            let (list, len) = &mut *list;
            (f(list, len), list.head().is_null())
        });
        if empty {
            // Ordering: Release, see above.
            self.owner.store(IDLE, Ordering::Release);
        }
        Ok(result)
    }

    pub(super) fn home(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

impl<P: Protocol> Default for SideList<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Protocol> fmt::Debug for SideList<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideList").field("in_use", &self.owner().is_some()).finish()
    }
}

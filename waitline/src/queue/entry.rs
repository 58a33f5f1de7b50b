//! [`Entry`]: the section in which a waiter decides whether to wait. The invariants are in the parent module.

use super::{
    ForeignQueue, Handle, Lists, Locked, Protocol, Waiter,
    list::{GRANTED, Node},
};
use crate::{diagnostics::Current, foreign, sync::atomic::Ordering};
use std::{
    fmt,
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
    task::Waker,
};

/// The section in which a waiter decides, once, whether it must wait. Derefs to the queue's state.
///
/// [`Waiter::poll_wait`] creates the entry and passes it to its closure, which returns [`ready`](Self::ready) or
/// [`wait_in`](Self::wait_in). If a panic drops the entry, the waiter stays as it was.
pub struct Entry<'w, H: Handle> {
    // The fields are dropped in this order, which I7 needs.
    locked: Locked<'w, H::Protocol>,
    prepared: Prepared<'w, H>,
}

/// The decision of the closure of [`Waiter::poll_wait`]: ready, or waiting in a list.
#[must_use = "the decision is what the closure returns"]
pub struct Decision<'w, H: Handle> {
    pub(super) is_ready: bool,
    /// Makes the lifetime invariant, so that the decision of another entry does not compile.
    entry: PhantomData<fn(Entry<'w, H>) -> Entry<'w, H>>,
}

impl<H: Handle> Decision<'_, H> {
    fn new(is_ready: bool) -> Self {
        Decision { is_ready, entry: PhantomData }
    }
}

impl<'w, H: Handle> Entry<'w, H> {
    /// Takes the mutex for `waiter`, which is new and owned by the caller, with `waker` cloned before.
    #[inline(always)]
    pub(super) fn new(waiter: &'w Waiter<H>, waker: &Waker) -> Self {
        // I7: foreign code, before the mutex is taken. A clone that panics leaves the waiter as it was.
        let waker = waker.clone();
        let task = Current::get();
        // Written in place: moving it there later, by way of the stack, costs a stalled load.
        // SAFETY: not linked, so the node belongs to its owner (the table), which is the caller. It has no waker yet
        // (I8).
        waiter.node.body.with_mut(|body| unsafe { _ = (*body).waker.write(waker) });
        let prepared = Prepared { waiter, task };
        Entry { locked: waiter.handle().queue().lock(), prepared }
    }

    /// The waiter's handle.
    #[inline(always)]
    pub fn handle(&self) -> &'w H {
        self.prepared.waiter.handle()
    }

    /// The queue's atomic word.
    #[inline(always)]
    pub fn word(&self) -> &'w <H::Protocol as Protocol>::Word {
        self.locked.word()
    }

    /// Whether a waiter is queued in this list.
    #[inline(always)]
    pub fn has_waiters<const LIST: usize>(&self) -> bool {
        self.locked.has_waiters::<LIST>()
    }

    /// The waiter's data: what it requests, and, if it is [ready](Self::ready), what it was granted.
    #[inline(always)]
    pub fn data(&mut self) -> &mut <H::Protocol as Protocol>::Data {
        self.parts().1
    }

    /// The queue's state, and the waiter's data.
    #[inline(always)]
    pub fn parts(&mut self) -> (&mut <H::Protocol as Protocol>::State, &mut <H::Protocol as Protocol>::Data) {
        // SAFETY: not linked, so the node belongs to the owner (the table), whose exclusive borrow made this entry.
        let data = self.prepared.waiter.node.body.with_mut(|body| unsafe { &mut *(*body).data });
        (&mut self.locked, data)
    }

    /// Decides that the waiter need not wait, because its data hold what it waits for. Releases the mutex.
    ///
    /// The waiter counts as granted from here on: if the drop of its unused waker panics, nothing is lost.
    #[inline(always)]
    pub fn ready(self) -> Decision<'w, H> {
        self.ready_then(drop)
    }

    /// Decides as [`ready`](Self::ready), and passes the section on to `then`, which may grant other waiters. `then`
    /// releases the mutex by dropping its argument.
    #[inline(always)]
    pub fn ready_then(self, then: impl FnOnce(Locked<'w, H::Protocol>)) -> Decision<'w, H> {
        // In this order, so that the mutex is free before the waker is dropped, whatever panics (I7).
        let Entry { prepared, locked } = self;
        // Ordering: Relaxed; its owner grants it, and no other thread looks at an unlinked waiter (I2).
        prepared.waiter.node.stage.store(GRANTED, Ordering::Relaxed);
        then(locked);
        Decision::new(true)
        // `prepared` is dropped here, and with it the waker.
    }

    /// Decides to wait: links the waiter at the end of this list of the queue, and releases the mutex.
    #[inline(always)]
    pub fn wait_in<const LIST: usize>(self) -> Decision<'w, H> {
        const {
            let len = <<H::Protocol as Protocol>::Lists as Lists<<H::Protocol as Protocol>::Data>>::LEN;
            assert!(LIST < len, "Entry::wait_in: the queue has no list of this number");
        }
        let Entry { prepared, mut locked } = self;
        let (id, origin) = (locked.queue.id(), locked.origin());
        let waiter = prepared.begin(id, origin);
        locked.with_list::<LIST, _>(|list, len| {
            // SAFETY: I1 (we hold the mutex). The node was new, is pinned, and its drop unlinks it (I4).
            unsafe { list.push_back(&waiter.node) };
            *len += 1;
        });
        Decision::new(false)
    }

    /// Decides to wait: links the waiter at the end of the handle's side list. `then` gets the section and may grant
    /// other waiters. It releases the mutex by dropping its argument.
    ///
    /// # Errors
    ///
    /// [`ForeignQueue`] if the side list has waiters of another queue. The waiter stays as it was, and the mutex is
    /// released.
    ///
    /// # Panics
    ///
    /// If the handle has no side list: a bug of the primitive.
    pub fn wait_in_side_list(
        self,
        then: impl FnOnce(Locked<'w, H::Protocol>),
    ) -> Result<Decision<'w, H>, ForeignQueue> {
        // In this order, so that the mutex is free before the waker is dropped, whatever panics (I7).
        let Entry { prepared, locked } = self;
        let Some(side) = prepared.waiter.handle().side_list() else {
            drop(locked);
            panic!("Entry::wait_in_side_list: the handle has no side list");
        };
        // SAFETY: the node is new, is pinned, and its drop unlinks it (I4); `begin` follows at once.
        if let Err(foreign) = unsafe { side.push_back(&locked, &prepared.waiter.node) } {
            drop(locked);
            return Err(foreign);
        }
        prepared.begin(side.id(), side.origin());
        then(locked);
        Ok(Decision::new(false))
    }
}

impl<H: Handle> Deref for Entry<'_, H> {
    type Target = <H::Protocol as Protocol>::State;
    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.locked
    }
}

impl<H: Handle> DerefMut for Entry<'_, H> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.locked
    }
}

impl<H: Handle> fmt::Debug for Entry<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}

impl<H: Handle> fmt::Debug for Decision<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision").field("is_ready", &self.is_ready).finish()
    }
}

/// A new waiter that has a waker and may enter one list. Its drop takes the waker out again (I8).
struct Prepared<'w, H: Handle> {
    waiter: &'w Waiter<H>,
    /// The task that waits, found before the mutex was taken (I7).
    task: Current,
}

impl<'w, H: Handle> Prepared<'w, H> {
    /// Makes the waiter queued in the list with this id, whose mutex is held.
    #[inline(always)]
    fn begin(mut self, id: usize, origin: &crate::diagnostics::Origin) -> &'w Waiter<H> {
        let (waiter, task) = (self.waiter, mem::take(&mut self.task));
        // SAFETY: we hold the mutex of the list that it enters.
        waiter.node.body.with_mut(|body| unsafe {
            (*body).wait.for_primitive(task, origin, H::CALL, waiter.location());
        });
        // Ordering: Relaxed, by I2: we hold the mutex.
        waiter.node.stage.store(id, Ordering::Relaxed);
        // The waker stays (I8).
        mem::forget(self);
        waiter
    }
}

impl<H: Handle> Drop for Prepared<'_, H> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: not linked, so the waker is there (I8) and ours.
        let waker = unsafe { Node::take_waker(&self.waiter.node) };
        foreign(|| drop(waker));
    }
}

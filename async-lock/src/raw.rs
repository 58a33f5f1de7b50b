//! [`RawLock`], a lock without a value: one atomic byte decides the free and the uncontended case, the wait queue the
//! rest.
//!
//! | byte | the lock is | waiters | may be changed by |
//! |---|---|---|---|
//! | `FREE` | free | none | any thread, to `LOCKED` |
//! | `LOCKED` | held | none | the holder, to `FREE`; any thread under the mutex, to `LOCKED \| WAITERS` |
//! | `LOCKED \| WAITERS` | held | in the queue, or cancelled | only under the mutex |
//! | `WAITERS` alone | impossible | | |
//!
//! - **L1** `WAITERS` is set while the queue is not empty (as seen under the mutex). If the last waiter is cancelled,
//!   the bit may stay set; the next unlock then finds no waiter, and frees the lock.
//! - **L2** `WAITERS` implies `LOCKED`: a release with waiters hands the lock to the first one and never frees it. So
//!   a newcomer cannot barge: it finds `FREE` only if there are no waiters.
//! - **L3** While `WAITERS` is set, the byte changes only under the mutex.

use crate::lock::Lock;
use std::{sync::Arc, task::Waker};
use waitline::{
    List, Locked, Protocol, WaitQueue, const_unless_loom,
    diagnostics::Caller,
    sync::atomic::{AtomicU8, Ordering},
};

const FREE: u8 = 0;
const LOCKED: u8 = 1;
const WAITERS: u8 = 2;

/// The number of the only list of a lock's queue.
pub(crate) const QUEUE: usize = 0;

#[derive(Debug)]
pub(crate) enum LockProtocol {}

impl Protocol for LockProtocol {
    const NAME: &'static str = "Lock";
    type Word = AtomicU8;
    type State = ();
    type Data = ();
    type Lists = [List<()>; 1];
}

#[derive(Debug)]
pub struct RawLock(WaitQueue<LockProtocol>);

impl RawLock {
    const_unless_loom! {
        #[inline]
        #[track_caller]
        pub(crate) const fn new() -> Self {
            RawLock(WaitQueue::new(AtomicU8::new(FREE), ()))
        }
    }

    /// Sets the label that the user gave the lock, for reports.
    #[inline]
    pub(crate) const fn set_label(&mut self, label: &'static str) {
        self.0.set_label(label);
    }

    /// Records, for reports, that the calling task holds the lock, which was taken at `location`.
    #[inline(always)]
    pub(crate) fn note_holder(&self, location: Caller) {
        self.0.origin().hold_alone(location);
    }

    pub(crate) fn queue(&self) -> &WaitQueue<LockProtocol> {
        &self.0
    }

    #[inline(always)]
    pub(crate) fn try_lock(&self) -> bool {
        // The load saves a failing exchange if the caller will have to wait.
        // Ordering: Acquire pairs with the Release in `unlock` and `release`.
        self.0.word.load(Ordering::Relaxed) == FREE
            && self.0.word.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.0.word.load(Ordering::Relaxed) != FREE
    }

    /// Releases a held lock: hands it to the first waiter, or frees it.
    #[inline(always)]
    pub(crate) fn unlock(&self) {
        self.0.origin().release();
        // Ordering: Release pairs with the Acquire in `try_lock`.
        if self.0.word.load(Ordering::Relaxed) != LOCKED
            || self.0.word.compare_exchange(LOCKED, FREE, Ordering::Release, Ordering::Relaxed).is_err()
        {
            self.unlock_contended();
        }
    }

    #[cold]
    fn unlock_contended(&self) {
        let mut queue = self.0.lock();
        let next = release(&mut queue);
        queue.unlock_and_wake(next);
    }
}

/// Takes a free lock, or makes sure that its holder will look at the queue. The queue's mutex is held.
///
/// If it returns `false`, the caller must enter the queue before it releases the mutex (L1).
pub(crate) fn try_lock_or_announce(word: &AtomicU8) -> bool {
    // Ordering: Relaxed; the value is used only as the expected one of the exchanges below.
    let mut seen = word.load(Ordering::Relaxed);
    loop {
        let (to, success) = match seen {
            // Ordering: Acquire as in `try_lock`.
            FREE => (LOCKED, Ordering::Acquire),
            // Ordering: Relaxed; the holder finds our waiter under the mutex.
            LOCKED => (LOCKED | WAITERS, Ordering::Relaxed),
            _ => return false,
        };
        match word.compare_exchange(seen, to, success, Ordering::Relaxed) {
            Ok(_) => return to == LOCKED,
            Err(now) => seen = now,
        }
    }
}

/// Announces waiters that have just entered the queue of a lock that the caller holds. The mutex is held.
pub(crate) fn announce(queue: &mut Locked<'_, LockProtocol>) {
    // Ordering: Relaxed; only the holder (we, or a waiter that we grant the lock) leaves this state, under the mutex.
    queue.word().store(LOCKED | WAITERS, Ordering::Relaxed);
}

/// Releases a held lock under the mutex. Returns the waker to be woken after the mutex is released.
pub(crate) fn release(queue: &mut Locked<'_, LockProtocol>) -> Option<Waker> {
    queue.origin().release();
    if queue.len() == 1 {
        // The last waiter is about to be granted: its own unlock may take the fast path again.
        // Ordering: Relaxed, and a plain store by L3. LOCKED is set before and after; the grant makes our writes
        // visible to the next holder.
        queue.word().store(LOCKED, Ordering::Relaxed);
    }
    match queue.front::<QUEUE>() {
        // L2: the lock stays LOCKED. The waiter holds it from here on, polled or not.
        Some(first) => Some(first.grant()),
        None => {
            // Ordering: Release as in `unlock`. No exchange: while we hold both the lock and the mutex, no other thread
            // may change the byte.
            queue.word().store(FREE, Ordering::Release);
            None
        }
    }
}

/// A reference to a lock or an `Arc` of it, as guards and futures hold one.
pub trait LockRef {
    fn raw(&self) -> &RawLock;
}

impl LockRef for &RawLock {
    #[inline(always)]
    fn raw(&self) -> &RawLock {
        self
    }
}

impl<T: ?Sized> LockRef for &Lock<T> {
    #[inline(always)]
    fn raw(&self) -> &RawLock {
        Lock::raw(self)
    }
}

impl<T: ?Sized> LockRef for Arc<Lock<T>> {
    #[inline(always)]
    fn raw(&self) -> &RawLock {
        Lock::raw(self)
    }
}

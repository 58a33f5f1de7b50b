//! The lock without its value: one atomic byte for the free and the uncontended case, the wait queue for the rest.
//!
//! | byte | the lock is | waiters | who may change the byte |
//! |---|---|---|---|
//! | `FREE` | free | none | anybody, to `LOCKED` |
//! | `LOCKED` | held | none | the holder, to `FREE`; under the mutex, to `LOCKED \| WAITERS` |
//! | `LOCKED \| WAITERS` | held | in the queue, or cancelled | only under the mutex |
//! | `WAITERS` alone | impossible | | |
//!
//! - **L1** `WAITERS` is set while the queue is not empty (as seen under the mutex). It may outlive the last waiter if that
//!   is cancelled; the next unlock then finds nobody, and frees the lock.
//! - **L2** `WAITERS` implies `LOCKED`: a release with waiters hands the lock to the first one and never frees it. So
//!   no newcomer can barge: it finds `FREE` only when nobody waits.
//! - **L3** While `WAITERS` is set the byte changes only under the mutex.

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

    /// Sets what the user calls the lock in reports.
    #[inline]
    pub(crate) const fn set_label(&mut self, label: &'static str) {
        self.0.set_label(label);
    }

    /// Notes that whoever calls has got the lock.
    #[inline(always)]
    pub(crate) fn note_holder(&self, place: Caller) {
        self.0.origin().hold_alone(place);
    }

    pub(crate) fn queue(&self) -> &WaitQueue<LockProtocol> {
        &self.0
    }

    #[inline(always)]
    pub(crate) fn try_lock(&self) -> bool {
        // The load spares those who will have to wait a failing exchange.
        // Ordering: Acquire pairs with the Release of whoever freed the lock.
        self.0.word.load(Ordering::Relaxed) == FREE
            && self.0.word.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.0.word.load(Ordering::Relaxed) != FREE
    }

    /// Releases a held lock: hands it to the first waiter, or frees it.
    #[inline(always)]
    pub(crate) fn unlock(&self) {
        self.0.origin().let_go();
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

/// Takes a free lock, or makes sure that its holder will look at the queue. With the queue's mutex held.
///
/// `false`: the caller must enter the queue before it lets go of the mutex (L1).
pub(crate) fn try_lock_or_announce(word: &AtomicU8) -> bool {
    // Ordering: Relaxed; what is seen is used only as the expectation of the exchanges below.
    let mut seen = word.load(Ordering::Relaxed);
    loop {
        let (to, success) = match seen {
            // Ordering: Acquire as in `try_lock`.
            FREE => (LOCKED, Ordering::Acquire),
            // Ordering: Relaxed; the holder finds our waiter by way of the mutex.
            LOCKED => (LOCKED | WAITERS, Ordering::Relaxed),
            _ => return false,
        };
        match word.compare_exchange(seen, to, success, Ordering::Relaxed) {
            Ok(_) => return to == LOCKED,
            Err(now) => seen = now,
        }
    }
}

/// Announces waiters that have just entered the queue of a lock that the caller holds. With the mutex held.
pub(crate) fn announce(queue: &mut Locked<'_, LockProtocol>) {
    // Ordering: Relaxed; only the holder (us, or somebody who waits for us to unlock) leaves this state, by way of
    // the mutex.
    queue.word().store(LOCKED | WAITERS, Ordering::Relaxed);
}

/// Releases a held lock under the mutex. The waker is to be woken after it.
pub(crate) fn release(queue: &mut Locked<'_, LockProtocol>) -> Option<Waker> {
    queue.origin().let_go();
    if queue.len() == 1 {
        // The last waiter is about to leave: its own unlock may be a fast one again.
        // Ordering: Relaxed, and a plain store by L3. The byte says LOCKED before and after; what the next holder must see
        // comes with the grant.
        queue.word().store(LOCKED, Ordering::Relaxed);
    }
    match queue.front::<QUEUE>() {
        // L2: the lock stays LOCKED, and is the waiter's from here on, polled or not.
        Some(first) => Some(first.grant()),
        None => {
            // Ordering: Release as in `unlock`. No exchange: while we hold both the lock and the mutex nobody else may
            // change the byte.
            queue.word().store(FREE, Ordering::Release);
            None
        }
    }
}

/// A way to a raw lock, which guards and futures hold: a reference or an `Arc`.
pub trait ToRaw {
    fn raw(&self) -> &RawLock;
}

impl ToRaw for &RawLock {
    #[inline(always)]
    fn raw(&self) -> &RawLock {
        self
    }
}

impl<T: ?Sized> ToRaw for &Lock<T> {
    #[inline(always)]
    fn raw(&self) -> &RawLock {
        Lock::raw(self)
    }
}

impl<T: ?Sized> ToRaw for Arc<Lock<T>> {
    #[inline(always)]
    fn raw(&self) -> &RawLock {
        Lock::raw(self)
    }
}

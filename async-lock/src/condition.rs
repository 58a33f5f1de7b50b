//! [`Condition`]: a task waits for a notification, with a lock released meanwhile.
//!
//! A condition is a side list of its lock's wait queue, under the same mutex. The phases of a wait:
//!
//! | phase | the lock | the waiter is | dropping the wait |
//! |---|---|---|---|
//! | unpolled | held by the wait | new | releases the lock |
//! | waiting | released | in the condition's side list | leaves the list |
//! | notified | held by another | in the lock's queue | leaves the queue, and passes the notification to the next waiter in the side list |
//! | granted | held by the wait | granted | passes the notification on likewise, and releases the lock |
//!
//! - **C1** A waiter enters the side list before the lock is released, in one section of the mutex. So a notification
//!   under the lock cannot fall between the two steps.
//! - **C2** A notification moves a waiter from the side list to the lock's queue (wait morphing) and wakes no task: the
//!   notifier holds the lock, so a woken task could only queue for it. The notifier's unlock hands the lock to the
//!   waiter.
//! - **C3** Only a wait that completes uses its notification up.

use crate::{
    raw::{LockProtocol, QUEUE, announce},
    wait::{AnyGuard, Guard, Wait, WaitWhile},
};
use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
};
use waitline::{ForeignQueue, SideList, const_unless_loom};

/// A condition variable: tasks wait for a change of the value that a [`Lock`](crate::Lock) protects.
///
/// Like `asyncio.Condition`. It belongs to no particular lock: the guards that its methods take determine the lock.
/// Several conditions may share a lock (see the example), but a condition must not be used with two locks at the same
/// time.
///
/// A notification takes a guard, so that asyncio's "cannot notify on un-acquired lock" is a compile error here:
///
/// ```compile_fail
/// # use waitline_lock::{Condition, Lock};
/// Condition::new().notify_one();
/// ```
///
/// # Fairness
///
/// Waiters are notified in the order in which they began to wait, and then queue for the lock behind the waiters that
/// are queued already. A notified waiter is moved to the lock's own queue and woken only when it holds the lock, so
/// [`notify_all`](Self::notify_all) causes no thundering herd.
///
/// # Cancel safety
///
/// A wait that is dropped leaves the condition, and the lock stays released. If the wait was notified before, the
/// notification goes to the next waiter (as in CPython since 3.13): none is lost.
///
/// # Why to wait in a loop
///
/// Use [`wait_while`](Self::wait_while), or wait in a loop, for two reasons. A task that held the lock in between may
/// have undone the change that was notified. And a notified waiter that is dropped passes its notification to the
/// waiter that has waited longest by then, even if that one began to wait after the notification (as in CPython). No
/// waiter completes without a notification.
///
/// # A leaked wait
///
/// A wait that is leaked (`std::mem::forget` of its box) while it waits stays in the condition for ever. The condition
/// stays bound to the lock of that wait: every use with another lock panics. When a notification reaches the leaked
/// wait, it is granted the lock and never releases it, like any leaked future that waits for a lock. None of this is
/// unsound.
///
/// # Examples
///
/// A bounded buffer with two conditions on one lock:
///
/// ```
/// use waitline_lock::{Condition, Lock};
///
/// struct Buffer {
///     items: Lock<Vec<u32>>,
///     not_full: Condition,
///     not_empty: Condition,
/// }
///
/// impl Buffer {
///     async fn put(&self, item: u32) {
///         let guard = self.items.lock().await;
///         let mut items = self.not_full.wait_while(guard, |items| items.len() == 2).await;
///         items.push(item);
///         self.not_empty.notify_one(&items);
///     }
///
///     async fn get(&self) -> u32 {
///         let guard = self.items.lock().await;
///         let mut items = self.not_empty.wait_while(guard, |items| items.is_empty()).await;
///         self.not_full.notify_one(&items);
///         items.remove(0)
///     }
/// }
///
/// # futures_lite::future::block_on(async {
/// let buffer =
///     Buffer { items: Lock::new(Vec::new()), not_full: Condition::new(), not_empty: Condition::new() };
/// let producer = async {
///     for item in 0..5 {
///         buffer.put(item).await;
///     }
/// };
/// let consumer = async {
///     for expected in 0..5 {
///         assert_eq!(buffer.get().await, expected);
///     }
/// };
/// futures_lite::future::zip(producer, consumer).await;
/// # });
/// ```
#[doc(alias = "Condvar")]
pub struct Condition {
    pub(crate) waiters: SideList<LockProtocol>,
}

// No panic leaves a half-made change: a wait either is in the list or is not.
impl UnwindSafe for Condition {}
impl RefUnwindSafe for Condition {}

impl Condition {
    const_unless_loom! {
        /// A condition without waiters. `const`, except under loom.
        ///
        /// ```
        /// static READY: waitline_lock::Condition = waitline_lock::Condition::new();
        /// assert_eq!(READY.waiters(), 0);
        /// ```
        #[inline]
        #[track_caller]
        pub const fn new() -> Self {
            let mut waiters = SideList::new();
            waiters.set_kind("Condition");
            Condition { waiters }
        }
    }

    const_unless_loom! {
        /// Sets the condition's name in reports, with the feature `diagnostics`. Does nothing without it.
        ///
        /// ```
        /// static READY: waitline_lock::Condition = waitline_lock::Condition::new().with_label("ready");
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.waiters.set_label(label);
            self
        }
    }

    /// Releases the lock, waits for a notification, and takes the lock again. Like `asyncio.Condition.wait`.
    ///
    /// The future's first poll begins the wait and releases the lock. Until then the future holds the lock.
    ///
    /// ```
    /// # use waitline_lock::{Condition, Lock};
    /// # futures_lite::future::block_on(async {
    /// let (door, opened) = (Lock::new(false), Condition::new());
    /// let enter = async {
    ///     let mut open = door.lock().await;
    ///     while !*open {
    ///         open = opened.wait(open).await;
    ///     }
    /// };
    /// let unlock = async {
    ///     let mut open = door.lock().await;
    ///     *open = true;
    ///     opened.notify_all(&open);
    /// };
    /// futures_lite::future::zip(enter, unlock).await;
    /// # });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the lock released. If it has been notified, it passes its notification on.
    ///
    /// # Panics
    ///
    /// If the condition has waiters with another lock at the first poll, the future panics and releases its lock.
    #[track_caller]
    pub fn wait<G: Guard>(&self, guard: G) -> Wait<'_, G> {
        Wait::new(self, guard)
    }

    /// Waits while `condition` is true for the value that the lock protects. Like `asyncio.Condition.wait_for`, with
    /// the opposite predicate, as in std.
    ///
    /// `condition` is called with the lock held, at the first poll and after each notification. A waiter for which it
    /// is still true waits behind all other waiters of the condition.
    ///
    /// ```
    /// # use waitline_lock::{Condition, Lock};
    /// # futures_lite::future::block_on(async {
    /// let (list, filled) = (Lock::new(vec![1]), Condition::new());
    /// let guard = list.lock().await;
    /// let list = filled.wait_while(guard, |list| list.is_empty()).await;
    /// assert_eq!(list[0], 1);
    /// # });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait); and if `condition` panics, which releases the lock.
    #[doc(alias = "wait_for")]
    #[track_caller]
    pub fn wait_while<G, F>(&self, guard: G, condition: F) -> WaitWhile<'_, G, F>
    where
        G: Guard,
        F: FnMut(&mut G::Target) -> bool,
    {
        WaitWhile::new(self.wait(guard), condition)
    }

    /// Notifies up to `n` waiters, longest waiting first, and returns their number. Like `asyncio.Condition.notify`.
    ///
    /// The notified waiters are granted the lock one after the other, after `guard` is dropped and the waiters that are
    /// queued for the lock already have released it. A mapped guard of the lock will do, too.
    ///
    /// ```
    /// # use waitline_lock::{Condition, Lock, LockGuard};
    /// let (lock, condition) = (Lock::new((1, 2)), Condition::new());
    /// assert_eq!(condition.notify(&lock.try_lock().unwrap(), 2), 0);
    /// let part = LockGuard::map(lock.try_lock().unwrap(), |pair| &mut pair.0);
    /// assert_eq!(condition.notify(&part, 2), 0);
    /// ```
    ///
    /// # Panics
    ///
    /// If the condition has waiters with another lock.
    pub fn notify<G: AnyGuard>(&self, guard: &G, n: usize) -> usize {
        // Exact: every waiter with this lock entered while it held the lock (C1), which the caller holds now.
        if self.waiters.owner().is_none() {
            return 0;
        }
        let mut queue = guard.raw().queue().lock();
        let moved = self.waiters.transfer::<QUEUE>(&mut queue, n);
        if moved.is_ok_and(|moved| moved > 0) {
            announce(&mut queue);
        }
        drop(queue);
        moved.unwrap_or_else(|foreign| two_locks("notify", foreign))
    }

    /// Notifies the waiter that has waited longest, and returns whether there was one.
    ///
    /// ```
    /// # use waitline_lock::{Condition, Lock};
    /// let (lock, condition) = (Lock::new(()), Condition::new());
    /// assert!(!condition.notify_one(&lock.try_lock().unwrap()));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`notify`](Self::notify).
    #[doc(alias = "signal")]
    pub fn notify_one<G: AnyGuard>(&self, guard: &G) -> bool {
        self.notify(guard, 1) == 1
    }

    /// Notifies all waiters, and returns their number. Like `asyncio.Condition.notify_all`.
    ///
    /// ```
    /// # use waitline_lock::{Condition, Lock};
    /// let (lock, condition) = (Lock::new(()), Condition::new());
    /// assert_eq!(condition.notify_all(&lock.try_lock().unwrap()), 0);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`notify`](Self::notify).
    #[doc(alias = "broadcast")]
    pub fn notify_all<G: AnyGuard>(&self, guard: &G) -> usize {
        self.notify(guard, usize::MAX)
    }

    /// The number of futures that wait for a notification now. Notified waiters count as waiters of the lock.
    ///
    /// ```
    /// assert_eq!(waitline_lock::Condition::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.waiters.len()
    }
}

#[cold]
pub(crate) fn two_locks(method: &str, ForeignQueue { owner, caller }: ForeignQueue) -> ! {
    panic!(
        "Condition::{method}: called with the lock at {caller:#x} while there are waiters with the lock at {owner:#x}; \
         a condition works with one lock at a time"
    )
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// `Condition { waiters: 2 }`. Never blocks.
impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("waiters", &self.waiters()).finish()
    }
}

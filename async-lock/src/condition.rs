//! [`Condition`]: waiting, with a lock released meanwhile, until somebody notifies.
//!
//! A condition is a side list of its lock's wait queue, under the same mutex. The life of a wait:
//!
//! | phase | the lock | the waiter is | dropping the wait |
//! |---|---|---|---|
//! | unpolled | held by the wait | new | releases the lock |
//! | waiting | released | in the condition's side list | leaves the list |
//! | notified | another's | in the lock's queue | leaves it, and the notification goes to the next in the side list |
//! | granted | held by the wait | granted | the same, and releases the lock |
//!
//! - **C1** A waiter enters the side list before the lock is released, in one section of the mutex: a notification
//!   under the lock cannot fall between the two.
//! - **C2** A notification moves a waiter from the side list to the lock's queue (wait morphing) and wakes nobody: the
//!   notifier holds the lock, so all that a woken task could do is queue for it. The unlock hands the lock over.
//! - **C3** A notification is used up only by a wait that completes.

use crate::{
    guard::{LockGuard, OwnedLockGuard},
    lock::Lock,
    raw::{LockProtocol, QUEUE, RawLock, ToRaw, announce, release},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    ops::DerefMut,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use waitline::{ForeignQueue, Handle, Locked, SideList, WaitQueue, Waiter, const_unless_loom, diagnostics::Caller};

/// A condition variable: wait for a change of what a [`Lock`] protects.
///
/// The meaning is that of Python's `asyncio.Condition`. It belongs to no lock in particular: the guards that it is given
/// say which one. Several conditions may share a lock (see the example), but a condition must not be used with
/// two locks at the same time.
///
/// Notifying takes a guard, so that asyncio's "cannot notify on un-acquired lock" is an error of the compiler here:
///
/// ```compile_fail
/// # use waitline_lock::{Condition, Lock};
/// Condition::new().notify_one();
/// ```
///
/// # Fairness
///
/// Waiters are notified in the order in which they began to wait, and then queue for the lock behind those who were
/// queued already. A notified waiter is moved to the lock's own queue and woken only when it holds the lock, so that
/// [`notify_all`](Self::notify_all) causes no stampede.
///
/// # Cancel safety
///
/// A wait that is dropped loses its place, and leaves the lock released. If it was notified before, the notification
/// goes to the next waiter (as in CPython since 3.13): none is lost.
///
/// # Spurious wake-ups
///
/// There are none, but what was notified may have been undone by whoever had the lock in between: use
/// [`wait_while`](Self::wait_while), or wait in a loop.
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
pub struct Condition {
    waiters: SideList<LockProtocol>,
}

impl Condition {
    const_unless_loom! {
        /// A condition that nobody waits for. `const`, except under loom.
        ///
        /// ```
        /// static READY: waitline_lock::Condition = waitline_lock::Condition::new();
        /// assert_eq!(READY.waiters(), 0);
        /// ```
        #[inline]
        #[track_caller]
        pub const fn new() -> Self {
            let mut waiters = SideList::new();
            waiters.origin_mut().set_kind("Condition");
            Condition { waiters }
        }
    }

    const_unless_loom! {
        /// Gives the condition a name for reports, with the feature `diagnostics`; without it this does nothing.
        ///
        /// ```
        /// static READY: waitline_lock::Condition = waitline_lock::Condition::new().with_label("ready");
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.waiters.origin_mut().set_label(label);
            self
        }
    }

    /// Releases the lock, waits for a notification, and takes the lock again. The meaning of `asyncio.Condition.wait`.
    ///
    /// The wait begins, and the lock is released, at the future's first poll; until then the future holds the lock.
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
    /// Dropping the future leaves the lock released, and passes a notification on that it may have had.
    ///
    /// # Panics
    ///
    /// The future panics, and releases the lock, if the condition has waiters with another lock at that time.
    #[track_caller]
    pub fn wait<G: Guard>(&self, guard: G) -> Wait<'_, G> {
        let handle = Waiting { condition: self, lock: guard.into_way() };
        Wait { waiter: Waiter::new(handle, ()), holds: true }
    }

    /// Waits until `condition` is false for what the lock protects: `true` means to go on waiting.
    ///
    /// The meaning of `asyncio.Condition.wait_for`, with std's sense of the predicate. It is called with the lock held:
    /// at the first poll, and after each notification. A waiter that finds it still true goes to the end of the line.
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
    #[track_caller]
    pub fn wait_while<G, F>(&self, guard: G, condition: F) -> WaitWhile<'_, G, F>
    where
        G: Guard,
        F: FnMut(&mut G::Target) -> bool,
    {
        WaitWhile { wait: self.wait(guard), condition }
    }

    /// Notifies up to `n` waiters, those first who have waited longest; returns how many. The meaning of
    /// `asyncio.Condition.notify`.
    ///
    /// They get the lock, one after the other, once `guard` and those already queued for the lock are through.
    ///
    /// ```
    /// # use waitline_lock::{Condition, Lock};
    /// let (lock, condition) = (Lock::new(()), Condition::new());
    /// assert_eq!(condition.notify(&lock.try_lock().unwrap(), 2), 0);
    /// ```
    ///
    /// # Panics
    ///
    /// If the condition has waiters with another lock.
    pub fn notify<G: Guard>(&self, guard: &G, n: usize) -> usize {
        // Exact: who waits with this lock entered under it (C1), and leaves only under its queue's mutex.
        if self.waiters.owner().is_none() {
            return 0;
        }
        let mut queue = guard.raw().queue().lock();
        let moved = self.waiters.transfer(&mut queue, n, QUEUE);
        if moved.is_ok_and(|moved| moved > 0) {
            announce(&mut queue);
        }
        drop(queue);
        moved.unwrap_or_else(|foreign| two_locks("notify", foreign))
    }

    /// Notifies the waiter that has waited longest; returns whether there was one.
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
    pub fn notify_one<G: Guard>(&self, guard: &G) -> bool {
        self.notify(guard, 1) == 1
    }

    /// Notifies all waiters; returns how many. The meaning of `asyncio.Condition.notify_all`.
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
    pub fn notify_all<G: Guard>(&self, guard: &G) -> usize {
        self.notify(guard, usize::MAX)
    }

    /// How many wait for a notification now. Notified waiters count as the lock's.
    ///
    /// ```
    /// assert_eq!(waitline_lock::Condition::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.waiters.len()
    }
}

#[cold]
fn two_locks(method: &str, ForeignQueue { owner, caller }: ForeignQueue) -> ! {
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

/// The guards that a [`Condition`] takes: [`LockGuard`] and [`OwnedLockGuard`]. Sealed.
///
/// ```
/// use std::ops::DerefMut;
/// use waitline_lock::{Condition, Guard, Lock};
///
/// /// For borrowed and owned guards of a number.
/// async fn until_positive<G: Guard + DerefMut<Target = i32>>(changed: &Condition, guard: G) -> G {
///     changed.wait_while(guard, |number| *number <= 0).await
/// }
///
/// # futures_lite::future::block_on(async {
/// let (number, changed) = (Lock::new(7), Condition::new());
/// assert_eq!(*until_positive(&changed, number.lock().await).await, 7);
/// # });
/// ```
pub trait Guard: DerefMut + sealed::Guard {}

impl<T: ?Sized> Guard for LockGuard<'_, T> {}
impl<T: ?Sized> Guard for OwnedLockGuard<T> {}

pub(crate) mod sealed {
    use super::{Arc, Caller, Lock, LockGuard, OwnedLockGuard, RawLock, ToRaw};

    pub trait Guard: Sized {
        /// What is left of the guard without the lock.
        type Way: ToRaw + Clone;

        #[doc(hidden)]
        fn raw(&self) -> &RawLock;

        /// The way to a lock that stays held.
        #[doc(hidden)]
        fn into_way(self) -> Self::Way;

        /// # Safety
        ///
        /// The caller holds the lock, and gives it to the guard. It was taken at `place`.
        #[doc(hidden)]
        unsafe fn from_way(way: Self::Way, place: Caller) -> Self;
    }

    impl<'a, T: ?Sized> Guard for LockGuard<'a, T> {
        type Way = &'a Lock<T>;
        fn raw(&self) -> &RawLock {
            LockGuard::lock(self).raw()
        }
        fn into_way(self) -> Self::Way {
            LockGuard::into_held(self)
        }
        unsafe fn from_way(way: Self::Way, place: Caller) -> Self {
            // SAFETY: by the caller's word.
            unsafe { LockGuard::new(way, place) }
        }
    }

    impl<T: ?Sized> Guard for OwnedLockGuard<T> {
        type Way = Arc<Lock<T>>;
        fn raw(&self) -> &RawLock {
            OwnedLockGuard::lock(self).raw()
        }
        fn into_way(self) -> Self::Way {
            OwnedLockGuard::into_held(self)
        }
        unsafe fn from_way(way: Self::Way, place: Caller) -> Self {
            // SAFETY: by the caller's word.
            unsafe { OwnedLockGuard::new(way, place) }
        }
    }
}

/// The handle of a wait for a condition.
struct Waiting<'c, W> {
    condition: &'c Condition,
    lock: W,
}

impl<W: ToRaw> Waiting<'_, W> {
    /// Gives a notification that will not be used to the next waiter (C3).
    fn pass_on(&self, queue: &mut Locked<'_, LockProtocol>) {
        // No need to announce: a cancelled wait leaves `WAITERS` set if it was queued, and releases next if it was granted.
        // An error means that the list is in its next life, with another lock: nobody is left who could be notified.
        _ = self.condition.waiters.transfer(queue, 1, QUEUE);
    }
}

impl<W: ToRaw> Handle for Waiting<'_, W> {
    type Protocol = LockProtocol;

    fn queue(&self) -> &WaitQueue<LockProtocol> {
        self.lock.raw().queue()
    }

    fn side_list(&self) -> Option<&SideList<LockProtocol>> {
        Some(&self.condition.waiters)
    }

    fn cancel_queued(&self, mut queue: Locked<'_, LockProtocol>, (): &mut ()) {
        self.pass_on(&mut queue);
    }

    fn cancel_granted(&self, (): &mut ()) {
        let mut queue = self.queue().lock();
        self.pass_on(&mut queue);
        let next = release(&mut queue);
        drop(queue);
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

pin_project! {
    /// The future of [`Condition::wait`].
    ///
    /// ```
    /// use waitline_lock::{Condition, Lock, LockGuard, Wait};
    /// let (lock, condition) = (Lock::new(1), Condition::new());
    /// let wait: Wait<'_, LockGuard<'_, i32>> = condition.wait(lock.try_lock().unwrap());
    /// drop(wait);
    /// assert!(!lock.is_locked());
    /// ```
    #[must_use = "futures do nothing unless polled; dropping this one releases the lock"]
    pub struct Wait<'c, G: Guard> {
        #[pin]
        waiter: Waiter<Waiting<'c, G::Way>>,
        // Whether the lock is held by this future: until the first poll, and from the grant on.
        holds: bool,
    }

    impl<G: Guard> PinnedDrop for Wait<'_, G> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.holds {
                this.waiter.handle().lock.raw().unlock();
            }
        }
    }
}

impl<G: Guard> Wait<'_, G> {
    /// Polls until the lock is held again (`holds`).
    fn poll_relock(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if !*this.holds {
            ready!(this.waiter.poll_grant(cx));
            *this.holds = true;
            return Poll::Ready(());
        }
        // C1: into the side list, then out of the lock, in one section of the mutex.
        let mut entry = this.waiter.entry(cx.waker());
        if let Err(foreign) = entry.wait_in_side_list() {
            drop(entry);
            two_locks("wait", foreign);
        }
        *this.holds = false;
        let next = release(&mut entry);
        drop(entry);
        if let Some(waker) = next {
            waker.wake();
        }
        Poll::Pending
    }

    /// The guard of the lock that is held.
    fn take_guard(self: Pin<&mut Self>) -> G {
        let this = self.project();
        assert!(std::mem::take(this.holds), "Condition::wait: the future was polled after it was ready");
        // SAFETY: the lock was held by this future, and is not any more.
        unsafe { G::from_way(this.waiter.handle().lock.clone(), this.waiter.place()) }
    }

    /// The reverse: the guard's lock is held by this future again.
    fn put_back(self: Pin<&mut Self>, guard: G) {
        drop(guard.into_way());
        *self.project().holds = true;
    }
}

impl<G: Guard> Future for Wait<'_, G> {
    type Output = G;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        ready!(self.as_mut().poll_relock(cx));
        Poll::Ready(self.take_guard())
    }
}

impl<G: Guard> fmt::Debug for Wait<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("waiter", &self.waiter).field("holds_the_lock", &self.holds).finish()
    }
}

pin_project! {
    /// The future of [`Condition::wait_while`].
    ///
    /// ```
    /// use waitline_lock::{Condition, Lock, LockGuard, WaitWhile};
    /// let (lock, condition) = (Lock::new(1), Condition::new());
    /// let wait: WaitWhile<'_, LockGuard<'_, i32>, fn(&mut i32) -> bool> =
    ///     condition.wait_while(lock.try_lock().unwrap(), |number| *number == 0);
    /// assert_eq!(*futures_lite::future::block_on(wait), 1);
    /// ```
    #[must_use = "futures do nothing unless polled; dropping this one releases the lock"]
    pub struct WaitWhile<'c, G: Guard, F> {
        #[pin]
        wait: Wait<'c, G>,
        condition: F,
    }
}

impl<G, F> Future for WaitWhile<'_, G, F>
where
    G: Guard,
    F: FnMut(&mut G::Target) -> bool,
{
    type Output = G;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let mut this = self.project();
        loop {
            if this.wait.holds {
                // While the condition runs, the guard sees to it that a panic releases the lock.
                let mut guard = this.wait.as_mut().take_guard();
                if !(this.condition)(&mut *guard) {
                    return Poll::Ready(guard);
                }
                this.wait.as_mut().put_back(guard);
            }
            ready!(this.wait.as_mut().poll_relock(cx));
        }
    }
}

impl<G: Guard, F> fmt::Debug for WaitWhile<'_, G, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitWhile").field("wait", &self.wait).finish_non_exhaustive()
    }
}

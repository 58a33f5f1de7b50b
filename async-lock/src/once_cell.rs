//! [`OnceCell`]: a value that is set once.
//!
//! | the word | `initializing` | the cell is | who waits |
//! |---|---|---|---|
//! | false | no | empty | waiters in `WAITERS` |
//! | false | yes | empty; one call initializes it, or has been granted the right to | in both lists |
//! | true | any | set | nobody; between two rounds of wake-ups, those that are yet to be granted |
//!
//! - **O1** The value is written once, under the mutex and before the word becomes true (Release). After that it is only
//!   read, by those that have seen the word (Acquire). Only `&mut` or the drop takes it out again.
//! - **O2** `initializing` is true exactly while a [`Right`] to initialize exists, or a waiter has been granted one.
//!   There is at most one. Its drop hands it to the front waiter in `INITIALIZERS`, so that a newcomer cannot pass.
//! - **O3** A waiter enters a list only while the word is false, as seen under the mutex. So the section that makes it
//!   true finds all waiters, and its rounds grant them; nobody comes behind them.
//! - **O4** The data of a waiter say what it is granted: true for a right to initialize, false if the cell is set.

mod init;

pub use init::{GetOrInit, GetOrTryInit};

use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem::MaybeUninit,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{
    Handle, List, Protocol, WaitQueue, Waiter, const_unless_loom,
    diagnostics::{Caller, Hold},
    sync::{
        UnsafeCell,
        atomic::{AtomicBool, Ordering},
        block_on,
    },
};

/// The number of the list of calls that would initialize the cell.
const INITIALIZERS: usize = 0;
/// The number of the list of those that only wait.
const WAITERS: usize = 1;

/// How many waiters are woken in one round. Under loom one, so that models see what happens between rounds.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 1 } else { 32 };

#[derive(Debug)]
struct State {
    initializing: bool,
}

enum CellProtocol {}

impl Protocol for CellProtocol {
    const NAME: &'static str = "OnceCell";
    type Word = AtomicBool;
    type State = State;
    type Data = bool;
    type Lists = [List<bool>; 2];
}

/// A value that is set once: by [`set`](Self::set), or by the first call of [`get_or_init`](Self::get_or_init), while
/// the other calls wait.
///
/// Use it for what a program needs at most once and may have to wait for, such as a connection. [`get`](Self::get) of a
/// cell that is set costs one atomic load. If initializing does not await, use `std::sync::OnceLock`. It works under any
/// executor, and with threads through the `…_blocking` methods.
///
/// # Fairness
///
/// One call initializes at a time. If it fails, is dropped or panics, the call that has waited longest takes over. When
/// the cell is set, all waiters complete.
///
/// # Cancel safety
///
/// A dropped call loses its position in the queue; one that was initializing is dropped with its closure's future, and
/// another call begins anew. Nothing else is lost.
///
/// # A cell inside its own initialization
///
/// An initialization that waits for its own cell waits for ever. With the feature `diagnostics`, reports show its task as
/// waiting for itself.
///
/// # Memory ordering
///
/// Everything before the cell is set happens before everything after it is seen to be set.
///
/// # Examples
///
/// ```
/// use waitline_lock::OnceCell;
///
/// static CONFIG: OnceCell<String> = OnceCell::new();
///
/// async fn config() -> &'static str {
///     CONFIG.get_or_init(async || "read from a file".to_owned()).await
/// }
///
/// # futures_lite::future::block_on(async {
/// assert_eq!(config().await, "read from a file");
/// assert_eq!(CONFIG.get().unwrap(), config().await);
/// # });
/// ```
#[doc(alias("OnceLock", "SetOnce"))]
pub struct OnceCell<T> {
    queue: WaitQueue<CellProtocol>,
    /// Initialized once the word is true (O1).
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the cell owns its value.
unsafe impl<T: Send> Send for OnceCell<T> {}
// SAFETY: a shared cell gives `&T` to several threads, and one thread sets a value that another one drops.
unsafe impl<T: Send + Sync> Sync for OnceCell<T> {}

// As std's `OnceLock`: a panic leaves the cell empty or set.
impl<T: UnwindSafe> UnwindSafe for OnceCell<T> {}
impl<T: UnwindSafe + RefUnwindSafe> RefUnwindSafe for OnceCell<T> {}

impl<T> OnceCell<T> {
    const_unless_loom! {
        /// An empty cell. `const`, except under loom.
        ///
        /// ```
        /// static CELL: waitline_lock::OnceCell<u8> = waitline_lock::OnceCell::new();
        /// assert!(CELL.get().is_none());
        /// ```
        #[inline]
        #[track_caller]
        pub const fn new() -> Self {
            OnceCell {
                queue: WaitQueue::new(AtomicBool::new(false), State { initializing: false }),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            }
        }
    }

    const_unless_loom! {
        /// Sets the cell's name in reports, with the feature `diagnostics`. Does nothing without it.
        ///
        /// ```
        /// static POOL: waitline_lock::OnceCell<u8> = waitline_lock::OnceCell::new().with_label("pool");
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.queue.set_label(label);
            self
        }
    }

    /// The value, if the cell is set.
    ///
    /// ```
    /// let cell = waitline_lock::OnceCell::new();
    /// assert_eq!(cell.get(), None);
    /// cell.set(7).unwrap();
    /// assert_eq!(cell.get(), Some(&7));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: O1.
        self.is_set().then(|| self.value.with(|value| unsafe { (*value).assume_init_ref() }))
    }

    #[inline(always)]
    fn is_set(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `fill` (O1).
        self.queue.word.load(Ordering::Acquire)
    }

    /// The value of a cell that is not shared, if it is set.
    ///
    /// ```
    /// let mut cell = waitline_lock::OnceCell::from(1);
    /// *cell.get_mut().unwrap() += 1;
    /// assert_eq!(cell.into_inner(), Some(2));
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: O1, and `&mut self` makes this the only reference.
        self.is_set().then(|| self.value.with_mut(|value| unsafe { (*value).assume_init_mut() }))
    }

    /// Takes the value out of a cell that is not shared, and leaves it empty.
    ///
    /// ```
    /// let mut cell = waitline_lock::OnceCell::from("old");
    /// assert_eq!(cell.take(), Some("old"));
    /// cell.set("new").unwrap();
    /// assert_eq!(cell.take(), Some("new"));
    /// assert_eq!(cell.take(), None);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        if !self.is_set() {
            return None;
        }
        // Ordering: Relaxed, because `&mut self` is exclusive.
        self.queue.word.store(false, Ordering::Relaxed);
        // SAFETY: the value was there (O1), and is read once: the word is false now.
        Some(self.value.with_mut(|value| unsafe { (*value).assume_init_read() }))
    }

    /// The value of the cell, if it is set.
    ///
    /// ```
    /// assert_eq!(waitline_lock::OnceCell::from(7).into_inner(), Some(7));
    /// ```
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// Sets an empty cell, and completes all that wait for it.
    ///
    /// It does not wait, even while a call initializes the cell: that call returns this value, too, and drops its own.
    ///
    /// ```
    /// let cell = waitline_lock::OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(2));
    /// ```
    ///
    /// # Errors
    ///
    /// The given value, if the cell is set already.
    ///
    /// # Panics
    ///
    /// If a waker panics. The cell is set, and all other waiters are woken first.
    pub fn set(&self, value: T) -> Result<(), T> {
        if self.is_set() { Err(value) } else { self.fill(value) }
    }

    #[cold]
    fn fill(&self, value: T) -> Result<(), T> {
        let queue = self.queue.lock();
        if self.is_set() {
            return Err(value);
        }
        // SAFETY: the word is false, and becomes true only under the mutex, which we hold: there is no other access.
        self.value.with_mut(|place| unsafe { _ = (*place).write(value) });
        // Ordering: Release pairs with the Acquire in `is_set` (O1).
        self.queue.word.store(true, Ordering::Release);
        // O3, O4: their data are false already.
        queue.wake_in_rounds::<ROUND>(|mut queue, wakers| {
            queue.grant_front::<INITIALIZERS, ROUND>(ROUND, wakers);
            if !wakers.is_full() {
                queue.grant_front::<WAITERS, ROUND>(ROUND, wakers);
            }
            !queue.is_empty()
        });
        Ok(())
    }

    /// The value. If the cell is empty, `init` is called to make it, and its future is awaited; other calls wait
    /// meanwhile. Async closures fit.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let cell = waitline_lock::OnceCell::new();
    /// assert_eq!(*cell.get_or_init(async || 7).await, 7);
    /// assert_eq!(*cell.get_or_init(async || unreachable!()).await, 7);
    /// # });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops that of `init`. The call that has waited longest takes over.
    ///
    /// # Panics
    ///
    /// If `init` or its future does. The call that has waited longest takes over.
    #[inline]
    #[track_caller]
    pub fn get_or_init<F, Fut>(&self, init: F) -> GetOrInit<'_, T, F, Fut>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        GetOrInit::new(self, init)
    }

    /// The value, made by `init` as in [`get_or_init`](Self::get_or_init) unless that fails.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let cell = waitline_lock::OnceCell::new();
    /// assert_eq!(cell.get_or_try_init(async || Err("not yet")).await, Err("not yet"));
    /// assert_eq!(cell.get_or_try_init(async || Ok::<_, ()>(7)).await, Ok(&7));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// That of `init`. The cell stays empty, and the call that has waited longest takes over.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_init`](Self::get_or_init).
    ///
    /// # Panics
    ///
    /// As [`get_or_init`](Self::get_or_init).
    #[inline]
    #[track_caller]
    pub fn get_or_try_init<E, F, Fut>(&self, init: F) -> GetOrTryInit<'_, T, F, Fut>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        GetOrTryInit::new(self, init)
    }

    /// The value, made by `init` if the cell is empty, with the calling thread parked while another call initializes it.
    ///
    /// Threads and futures wait in one queue. Do not call it inside a future: it blocks the executor's thread, which
    /// the call that initializes may need to run.
    ///
    /// ```
    /// let cell = waitline_lock::OnceCell::new();
    /// assert_eq!(*cell.get_or_init_blocking(|| 7), 7);
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` does. The call that has waited longest takes over.
    #[track_caller]
    pub fn get_or_init_blocking(&self, init: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(value) => value,
            None => block_on(self.get_or_init(|| std::future::ready(init()))),
        }
    }

    /// Waits until the cell is set, and initializes nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let cell = waitline_lock::OnceCell::new();
    /// let (value, ()) = futures_lite::future::zip(cell.wait(), async { cell.set(7).unwrap() }).await;
    /// assert_eq!(*value, 7);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn wait(&self) -> WaitSet<'_, T> {
        WaitSet { waiter: Waiter::new(CellHandle(self), false) }
    }

    /// Waits until the cell is set, with the calling thread parked.
    ///
    /// ```
    /// let cell = waitline_lock::OnceCell::new();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert_eq!(*cell.wait_blocking(), 7));
    ///     cell.set(7).unwrap();
    /// });
    /// ```
    #[track_caller]
    pub fn wait_blocking(&self) -> &T {
        match self.get() {
            Some(value) => value,
            None => block_on(self.wait()),
        }
    }

    /// The number of calls that wait now. The one that initializes the cell does not count.
    ///
    /// ```
    /// assert_eq!(waitline_lock::OnceCell::<u8>::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.lock().len()
    }

    /// The value, after a grant or a look has told that there is one.
    #[inline(always)]
    fn value(&self) -> &T {
        self.get().expect("O1: the cell is set")
    }

    /// Takes back the right to initialize: to the next call, or to none (O2).
    #[cold]
    fn pass_on(&self) {
        let mut queue = self.queue.lock();
        if self.is_set() {
            // Those that may still be queued are about to be granted the value.
            queue.initializing = false;
            return;
        }
        match queue.front::<INITIALIZERS>() {
            Some(mut next) => {
                *next.data() = true;
                let next = next.grant();
                queue.unlock_and_wake(next);
            }
            None => queue.initializing = false,
        }
    }
}

impl<T> Drop for OnceCell<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// A cell that is set.
impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let cell = Self::new();
        _ = cell.fill(value);
        cell
    }
}

/// `OnceCell(7)`, or `OnceCell(<empty>)`. Never blocks.
impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_tuple("OnceCell");
        match self.get() {
            Some(value) => out.field(value),
            None => out.field(&format_args!("<empty>")),
        };
        out.finish()
    }
}

/// The handle of a future that waits for the value or, if it would initialize the cell, for the right to do so.
struct CellHandle<'a, T, const INITIALIZES: bool>(&'a OnceCell<T>);

impl<T, const INITIALIZES: bool> Handle for CellHandle<'_, T, INITIALIZES> {
    const CALL: &'static str = if INITIALIZES { "get_or_init" } else { "wait" };

    type Protocol = CellProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<CellProtocol> {
        &self.0.queue
    }

    fn cancel_granted(&self, has_right: &mut bool) {
        if *has_right {
            self.0.pass_on();
        }
    }
}

/// The right to initialize a cell (O2). Its drop passes it on.
struct Right<'a, T> {
    cell: &'a OnceCell<T>,
    /// The record in the reports.
    _hold: Hold,
}

impl<'a, T> Right<'a, T> {
    /// The caller has been granted the right, or has set `initializing`.
    fn new(cell: &'a OnceCell<T>, location: Caller) -> Self {
        Right { cell, _hold: cell.queue.origin().hold(location) }
    }

    /// Sets the cell, unless [`OnceCell::set`] was faster.
    fn complete(self, value: T) -> &'a T {
        drop(self.cell.fill(value));
        self.cell.value()
    }
}

impl<T> Drop for Right<'_, T> {
    fn drop(&mut self) {
        self.cell.pass_on();
    }
}

pin_project! {
    /// The future of [`OnceCell::wait`].
    ///
    /// ```
    /// use waitline_lock::{OnceCell, WaitSet};
    /// let cell = OnceCell::from(1);
    /// let wait: WaitSet<'_, i32> = cell.wait();
    /// assert_eq!(*futures_lite::future::block_on(wait), 1);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitSet<'a, T> {
        #[pin]
        waiter: Waiter<CellHandle<'a, T, false>>,
    }
}

impl<'a, T> Future for WaitSet<'a, T> {
    type Output = &'a T;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'a T> {
        let mut waiter = self.project().waiter;
        let (CellHandle(cell), _) = match waiter.as_mut().finish_if(|handle, _| handle.0.is_set()) {
            Some(set) => set,
            None => std::task::ready!(waiter.poll_wait(cx, |entry| {
                if entry.handle().0.is_set() { entry.ready() } else { entry.wait_in::<WAITERS>() }
            })),
        };
        Poll::Ready(cell.value())
    }
}

impl<T> fmt::Debug for WaitSet<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitSet").field(&self.waiter).finish()
    }
}

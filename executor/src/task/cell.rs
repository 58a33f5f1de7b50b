//! Tasks: the cell around a spawned future, with its cancellation, its panics and its wakes.

use super::{
    JoinError, JoinHandle, registry,
    runtime::{self, Runtime},
};
use async_task::{Builder, Runnable};
use pin_project_lite::pin_project;
use std::{
    borrow::Cow,
    fmt,
    future::Future,
    mem::{self, ManuallyDrop},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    task::{self, Poll, ready},
};
use waitline::diagnostics::{self, Announced, TaskKey};

/// A task's name. Boxed, because most tasks have none.
pub(crate) type Name = Option<Box<Cow<'static, str>>>;

/// The id of a task: a number that is unique within the process. A [simulation](crate::sim) numbers its tasks from 1.
///
/// ```
/// use waitline_executor::{run, spawn};
/// run(async {
///     let (one, other) = (spawn(async {}), spawn(async {}));
///     assert_ne!(one.id(), other.id());
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u64);

impl TaskId {
    /// The future that was given to `run`.
    pub(crate) const MAIN: Self = Self(0);

    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The handle has not returned the outcome.
pub(crate) const PENDING: u8 = 0;
/// The handle has returned the outcome.
pub(crate) const TAKEN: u8 = 1;
/// The future was dropped before it was done, and there is no outcome.
pub(crate) const ABANDONED: u8 = 2;

/// The metadata of a task, in its cell beside the future.
pub(crate) struct Info {
    id: AtomicU64,
    pub(crate) name: Name,
    /// Its key in the map of its runtime.
    key: AtomicU64,
    cancelled: AtomicBool,
    /// State of the handle, kept here so that the handle is small.
    pub(crate) cancel_on_drop: AtomicBool,
    /// [`PENDING`], [`TAKEN`] or [`ABANDONED`].
    pub(crate) outcome: AtomicU8,
    runtime: Arc<dyn Runtime>,
}

impl Info {
    /// The metadata of a task that `runtime` will adopt.
    #[inline]
    pub(crate) fn new(name: Name, runtime: Arc<dyn Runtime>) -> Self {
        let [id, key] = [0; 2].map(AtomicU64::new);
        let [cancelled, cancel_on_drop] = [false; 2].map(AtomicBool::new);
        Self { id, name, key, cancelled, cancel_on_drop, outcome: AtomicU8::new(PENDING), runtime }
    }

    /// Gives the task its id, and its key in the map of its runtime. Called once, by the runtime that adopts it.
    #[inline]
    pub(crate) fn enrol(&self, id: TaskId, key: u64) {
        // Ordering: Relaxed. No other thread has seen the task.
        self.id.store(id.0, Ordering::Relaxed);
        self.key.store(key, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn id(&self) -> TaskId {
        TaskId(self.id.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn key(&self) -> u64 {
        self.key.load(Ordering::Relaxed)
    }

    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// The address of the runtime, only for comparison.
    #[inline]
    pub(crate) fn address(&self) -> *const () {
        Arc::as_ptr(&self.runtime).cast()
    }

    #[inline]
    fn is_cancelled(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `cancel`. Destructors see everything before the cancellation.
        self.cancelled.load(Ordering::Acquire) || self.runtime.is_closing()
    }

    /// Marks the task as cancelled and wakes it. Returns whether it was not marked before.
    pub(crate) fn cancel(&self) -> bool {
        // Ordering: see `is_cancelled`.
        if self.cancelled.swap(true, Ordering::Release) {
            return false;
        }
        self.runtime.end_cancelled(self);
        true
    }

    /// Records that the runnable is about to be dropped instead of run.
    pub(crate) fn abandon(&self) {
        // Ordering: Release pairs with the Acquire in the poll of the handle, which the drop wakes.
        self.outcome.store(ABANDONED, Ordering::Release);
    }

    /// The key of the task in the registry of all tasks.
    pub(crate) fn key_in_reports(&self) -> TaskKey {
        (self.address().addr(), self.id().0)
    }

    /// Attributes all waits and holds to this task, until the guard is dropped.
    #[inline(always)]
    pub(crate) fn announce(&self) -> Announced {
        diagnostics::enter(|| diagnostics::Task { key: self.key_in_reports(), describe: registry::describe })
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info").field("id", &self.id()).field("name", &self.name).finish_non_exhaustive()
    }
}

/// The final contents of a task's cell.
pub(crate) type Outcome<T> = Result<Quiet<T>, JoinError>;

/// Makes the cell of a task that may run anywhere.
pub(crate) fn build<F>(info: Info, future: F) -> (Runnable<Info>, JoinHandle<F::Output>)
where
    F: Future<Output: Send> + Send + 'static,
{
    // SAFETY: the future and its output may be used and dropped anywhere, at any time.
    unsafe { build_unchecked(info, |info| Body::new(info, future)) }
}

/// Makes the cell of a task, with one allocation. The body may borrow the info, which will live beside it.
///
/// # Safety
///
/// The runnable must be run and dropped only where the body may be, and only while everything that the body borrows,
/// other than the info, is alive.
pub(crate) unsafe fn build_unchecked<'a, B, T>(
    info: Info,
    make_body: impl FnOnce(&'a Info) -> B,
) -> (Runnable<Info>, JoinHandle<T>)
where
    B: Future<Output = Outcome<T>> + 'a,
{
    // SAFETY: the info is in the same cell as the body, and outlives it. The schedule function is Send, Sync and
    // 'static. The rest is the caller's promise; the handle is only as `Send` as the output. `Body` catches every
    // panic, also of destructors, so the cell is never torn down half way.
    let (runnable, task) = unsafe {
        Builder::new().metadata(info).spawn_unchecked(make_body, |runnable| runtime::schedule(runnable, false))
    };
    (runnable, JoinHandle::new(task))
}

pin_project! {
    /// A task's future, which turns its cancellation and its panics into outcomes.
    pub(crate) struct Body<'a, F: Future> {
        info: &'a Info,
        // None once it is finished.
        #[pin]
        future: Option<F>,
    }

    impl<F: Future> PinnedDrop for Body<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut future = this.future;
            swallow(|| future.set(None));
            this.info.runtime.forget(this.info);
        }
    }
}

impl<'a, F: Future> Body<'a, F> {
    pub(crate) fn new(info: &'a Info, future: F) -> Self {
        Self { info, future: Some(future) }
    }
}

impl<F: Future> Future for Body<'_, F> {
    type Output = Outcome<F::Output>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (info, mut future) = (*this.info, this.future);
        let _announced = info.announce();
        runtime::set_own_waker(cx.waker().data());
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if info.is_cancelled() {
                future.set(None);
                return Poll::Ready(Err(JoinError::cancelled(info.id())));
            }
            let Some(running) = future.as_mut().as_pin_mut() else {
                unreachable!("a finished task is not polled");
            };
            let output = Quiet::new(ready!(running.poll(cx)));
            // In here, because its destructor may panic.
            future.set(None);
            Poll::Ready(Ok(output))
        }));
        runtime::set_own_waker(ptr::null());
        polled.unwrap_or_else(|panic| {
            swallow(|| future.set(None));
            Poll::Ready(Err(JoinError::panicked(info, panic)))
        })
    }
}

/// The panic of a future of this crate that is polled after it was ready.
#[cold]
pub(crate) fn polled_after_ready() -> ! {
    panic!("a waiting future was polled after it was ready")
}

/// Calls `f` and stops a panic: the panic hook has reported it, and no caller could handle it.
pub(crate) fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        // Leaked, because its own destructor may panic.
        mem::forget(payload);
    }
}

/// A value whose destructor does not unwind into the executor.
pub(crate) struct Quiet<T>(ManuallyDrop<T>);

impl<T> Quiet<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }

    pub(crate) fn get(&self) -> &T {
        &self.0
    }

    pub(crate) fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the value is taken once.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T> Drop for Quiet<T> {
    fn drop(&mut self) {
        // SAFETY: only here and in `into_inner`, which forgets `self`.
        swallow(|| unsafe { ManuallyDrop::drop(&mut self.0) });
    }
}

//! Tasks: the cell around a spawned future, and the handle to join or cancel it.

use crate::{context::Job, local::EventLoop, registry, workers::Workers};
use async_task::{Builder, Runnable, Task};
use pin_project_lite::pin_project;
use std::{
    any::Any,
    borrow::Cow,
    fmt,
    future::Future,
    mem::{self, ManuallyDrop},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    ptr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{self, Poll, ready},
};
use waitline::diagnostics::{self, Announced, TaskKey, Wait};

/// A task's name. Boxed, because most tasks have none.
pub(crate) type Name = Option<Box<Cow<'static, str>>>;

/// The number of a task, unique within the process. A [simulation](crate::sim) numbers its tasks from 1.
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
    /// Stands for the future that a runtime was given to run.
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

/// Where a task is run.
pub(crate) enum Home {
    /// By the thread of an event loop.
    Loop(Arc<EventLoop>),
    /// By the workers of an executor.
    Workers(Arc<Workers>),
    /// Once, by a thread of a blocking pool. Nothing ever wakes it.
    Blocking,
}

/// What is known about a task; a part of its cell, beside the future.
pub(crate) struct Info {
    id: TaskId,
    name: Name,
    /// Its place in the registry of its home.
    key: usize,
    cancelled: AtomicBool,
    home: Home,
}

impl Info {
    pub(crate) fn new(id: TaskId, name: Name, key: usize, home: Home) -> Self {
        Self { id, name, key, cancelled: AtomicBool::new(false), home }
    }

    pub(crate) fn id(&self) -> TaskId {
        self.id
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    #[inline]
    fn is_cancelled(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `cancel`; destructors see what the canceller did before.
        self.cancelled.load(Ordering::Acquire)
            || match &self.home {
                Home::Loop(this) => this.is_closing(),
                Home::Workers(this) => this.is_closing(),
                Home::Blocking => false,
            }
    }

    /// Marks the task as cancelled and has it polled. Whether it was not marked before.
    pub(crate) fn cancel(&self) -> bool {
        // Ordering: see `is_cancelled`.
        if self.cancelled.swap(true, Ordering::Release) {
            return false;
        }
        match &self.home {
            Home::Loop(this) => this.wake_task(self.key),
            Home::Workers(this) => this.wake_task(self.key),
            // Its thread sees the mark when the job's turn comes.
            Home::Blocking => {}
        }
        true
    }

    /// The name of the task in the list of all tasks.
    fn key_in_reports(&self) -> TaskKey {
        let home = match &self.home {
            Home::Loop(this) => this.address(),
            Home::Workers(this) => this.address(),
            Home::Blocking => ptr::null(),
        };
        (home.addr(), self.id.0)
    }

    /// Has everything recorded as this task's doing, until the guard is dropped.
    #[inline(always)]
    pub(crate) fn announce(&self) -> Announced {
        diagnostics::enter(|| diagnostics::Task { key: self.key_in_reports(), describe: registry::describe })
    }

    fn schedule(runnable: Runnable<Info>) {
        match &runnable.metadata().home {
            Home::Loop(this) if this.is_here() => EventLoop::push(Job::Task(runnable)),
            Home::Loop(this) => {
                // The cell may be gone, and its share of the loop with it, as soon as another thread can see the runnable.
                let this = this.clone();
                this.inject(Job::Task(runnable));
            }
            Home::Workers(_) => Workers::schedule(runnable),
            Home::Blocking => unreachable!("a blocking job is scheduled once, by its pool"),
        }
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a task's cell holds in the end.
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
/// The runnable must be run and dropped only where the body may be, and while all that it borrows beside the info is alive.
pub(crate) unsafe fn build_unchecked<'a, B, T>(
    info: Info,
    make_body: impl FnOnce(&'a Info) -> B,
) -> (Runnable<Info>, JoinHandle<T>)
where
    B: Future<Output = Outcome<T>> + 'a,
{
    // SAFETY: the info is in the same cell as the body, and outlives it. The schedule function is Send, Sync and 'static.
    // The rest is the caller's promise; the handle is only as `Send` as the output. `Body` catches every panic, also of
    // destructors, so the cell is never torn down half way.
    let (runnable, task) = unsafe { Builder::new().metadata(info).spawn_unchecked(make_body, Info::schedule) };
    (runnable, JoinHandle { task: Some(task), cancel_on_drop: false, wait: Wait::new() })
}

pin_project! {
    /// A task's future, with its cancellation and its panics turned into outcomes.
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
            match &this.info.home {
                Home::Loop(home) => home.forget_task(this.info.key, this.info.id),
                Home::Workers(home) => home.forget_task(this.info.key, this.info.id),
                Home::Blocking if registry::ALWAYS => registry::remove(ptr::null(), this.info.id),
                Home::Blocking => {}
            }
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
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if info.is_cancelled() {
                future.set(None);
                return Poll::Ready(Err(JoinError::cancelled(info.id)));
            }
            let Some(running) = future.as_mut().as_pin_mut() else {
                unreachable!("a finished task is not polled");
            };
            let output = Quiet::new(ready!(running.poll(cx)));
            // In here, because its destructor may panic.
            future.set(None);
            Poll::Ready(Ok(output))
        }));
        polled.unwrap_or_else(|panic| {
            swallow(|| future.set(None));
            Poll::Ready(Err(JoinError::panicked(info, panic)))
        })
    }
}

/// Calls `f`, and stops a panic there: the panic hook has reported it, and there is nobody left to tell.
pub(crate) fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        // Leaked, because its own destructor may panic.
        mem::forget(payload);
    }
}

/// An output whose destructor does not unwind into the executor when nobody has taken it.
pub(crate) struct Quiet<T>(ManuallyDrop<T>);

impl<T> Quiet<T> {
    fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }

    fn into_inner(self) -> T {
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

/// The handle of a spawned task: a future for its outcome.
///
/// Dropping the handle detaches the task, which then goes on by itself; see [`cancel_on_drop`](Self::cancel_on_drop).
///
/// # Cancel safety
///
/// Dropping a future that borrows the handle (`(&mut handle).await`, as in a select or a timeout) loses nothing.
///
/// # Panics
///
/// If it is polled again after it was ready.
///
/// A waker that panics when the finished task wakes it aborts the process. None of this crate's do; only a foreign executor
/// that polls the handle could bring one.
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, spawn};
///
/// run(async {
///     let never = spawn(std::future::pending::<()>());
///     assert!(never.cancel());
///     assert!(never.await.unwrap_err().is_cancelled());
///
///     let panics = spawn(async { panic!("oh no") });
///     assert!(panics.await.unwrap_err().is_panic());
/// });
/// ```
#[must_use = "dropping the handle detaches the task; use `drop(handle)` to say so, or `.await` it"]
pub struct JoinHandle<T> {
    /// None only during the drop.
    task: Option<Task<Outcome<T>, Info>>,
    cancel_on_drop: bool,
    wait: Wait,
}

impl<T> JoinHandle<T> {
    fn task(&self) -> &Task<Outcome<T>, Info> {
        self.task.as_ref().expect("only the drop takes it")
    }

    /// Requests that the task be cancelled; says whether this call did, `false` if it is finished or cancelled already.
    ///
    /// At its next turn the task's future is dropped at the `.await` where it is, its destructors run, and the handle gives
    /// a [`JoinError`] with [`is_cancelled`](JoinError::is_cancelled). A task that completes in the turn that it is in
    /// keeps its output. A job on a blocking pool is not interrupted: it is skipped if it has not begun.
    ///
    /// As asyncio's `Task.cancel`, except that the task cannot refuse.
    ///
    /// # Examples
    ///
    /// ```
    /// use waitline_executor::{run, spawn};
    ///
    /// run(async {
    ///     let task = spawn(std::future::pending::<()>());
    ///     assert!(task.cancel());
    ///     assert!(!task.cancel());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        !self.is_finished() && self.task().metadata().cancel()
    }

    /// Whether the outcome is there: awaiting the handle would not wait.
    ///
    /// ```
    /// use waitline_executor::{run, spawn, yield_now};
    /// run(async {
    ///     let task = spawn(async {});
    ///     assert!(!task.is_finished());
    ///     yield_now().await;
    ///     assert!(task.is_finished());
    /// });
    /// ```
    pub fn is_finished(&self) -> bool {
        self.task().is_finished()
    }

    /// The number of the task.
    ///
    /// ```
    /// use waitline_executor::{run, spawn};
    /// run(async {
    ///     let (one, other) = (spawn(async {}), spawn(async {}));
    ///     assert_ne!(one.id(), other.id());
    /// });
    /// ```
    pub fn id(&self) -> TaskId {
        self.task().metadata().id
    }

    /// The place of the task in the registry of its home.
    pub(crate) fn key(&self) -> usize {
        self.task().metadata().key
    }

    /// The name of the task, if it was spawned with one.
    ///
    /// ```
    /// use waitline_executor::{run, spawn_named};
    /// run(async {
    ///     assert_eq!(spawn_named("reader", async {}).name(), Some("reader"));
    /// });
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.task().metadata().name.as_deref().map(|name| &**name)
    }

    /// Makes this a handle whose drop cancels the task instead of detaching it.
    ///
    /// The drop does not wait for the task's destructors: they run at its next turn.
    ///
    /// # Examples
    ///
    /// ```
    /// use waitline_executor::{run, spawn, yield_now};
    /// use std::sync::Arc;
    ///
    /// run(async {
    ///     let resource = Arc::new(());
    ///     let held = resource.clone();
    ///     let task = spawn(async move {
    ///         let _held = held;
    ///         std::future::pending::<()>().await
    ///     });
    ///     drop(task.cancel_on_drop());
    ///     yield_now().await;
    ///     assert_eq!(Arc::strong_count(&resource), 1);
    /// });
    /// ```
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancel_on_drop = true;
        self
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let task = this.task.as_mut().expect("only the drop takes it");
        match Pin::new(&mut *task).poll(cx) {
            Poll::Ready(outcome) => {
                this.wait.end();
                Poll::Ready(outcome.map(Quiet::into_inner))
            }
            Poll::Pending => {
                this.wait.for_task(|| task.metadata().key_in_reports());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            if self.cancel_on_drop && !task.is_finished() {
                task.metadata().cancel();
            }
            task.detach();
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// Why a task has no output: it was cancelled, or it panicked.
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, spawn};
///
/// let error = run(async { spawn(async { panic!("oh no") }).await.unwrap_err() });
/// assert!(error.is_panic());
/// assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "oh no");
/// ```
pub struct JoinError {
    task: TaskId,
    /// Boxed, because the cell of every task has room for it.
    panic: Option<Box<Panicked>>,
}

struct Panicked {
    /// In a mutex because payloads need not be `Sync`, and errors should be.
    payload: Mutex<Payload>,
    /// The name of the task.
    name: Option<String>,
}

type Payload = Quiet<Box<dyn Any + Send>>;

impl JoinError {
    pub(crate) fn cancelled(task: TaskId) -> Self {
        Self { task, panic: None }
    }

    pub(crate) fn panicked(task: &Info, payload: Box<dyn Any + Send>) -> Self {
        let (payload, name) = (Mutex::new(Quiet::new(payload)), task.name.as_deref().map(|name| name.to_string()));
        Self { task: task.id, panic: Some(Box::new(Panicked { payload, name })) }
    }

    /// The task that this is about.
    ///
    /// ```
    /// use waitline_executor::{run, spawn};
    /// run(async {
    ///     let task = spawn(std::future::pending::<()>());
    ///     let id = task.id();
    ///     task.cancel();
    ///     assert_eq!(task.await.unwrap_err().id(), id);
    /// });
    /// ```
    pub fn id(&self) -> TaskId {
        self.task
    }

    /// Whether the task was cancelled, by its handle or by the end of its event loop.
    ///
    /// ```
    /// use waitline_executor::{run, spawn};
    /// let error = run(async {
    ///     let task = spawn(std::future::pending::<()>());
    ///     task.cancel();
    ///     task.await.unwrap_err()
    /// });
    /// assert!(error.is_cancelled() && !error.is_panic());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// Whether the task panicked.
    ///
    /// ```
    /// use waitline_executor::{run, spawn};
    /// let error = run(async { spawn(async { panic!("oh no") }).await.unwrap_err() });
    /// assert!(error.is_panic());
    /// ```
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// The payload of the panic, for [`resume_unwind`](std::panic::resume_unwind) or to downcast.
    ///
    /// # Panics
    ///
    /// If the task was cancelled instead.
    ///
    /// ```
    /// use waitline_executor::{run, spawn};
    /// let error = run(async { spawn(async { panic!("oh no") }).await.unwrap_err() });
    /// assert_eq!(error.into_panic().downcast_ref(), Some(&"oh no"));
    /// ```
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.panic {
            Some(panic) => panic.payload.into_inner().expect("nothing panics while it is locked").into_inner(),
            None => panic!("`JoinError::into_panic` on task {}, which was cancelled and did not panic", self.task),
        }
    }

    /// Calls `f` with the message of the panic.
    fn with_message<R>(&self, f: impl FnOnce(Option<&str>) -> R) -> R {
        let Some(panic) = &self.panic else { return f(None) };
        let payload = panic.payload.lock().expect("nothing panics while it is locked");
        let payload = &**payload.0;
        f(payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str)))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            return write!(f, "task {} was cancelled", self.task);
        }
        write!(f, "task {}", self.task)?;
        if let Some(name) = self.panic.as_ref().and_then(|panic| panic.name.as_ref()) {
            write!(f, " \"{name}\"")?;
        }
        f.write_str(" panicked")?;
        self.with_message(|message| message.map_or(Ok(()), |message| write!(f, ": {message}")))
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

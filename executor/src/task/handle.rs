//! The handle of a task, and the error of a task without output.

use super::{ABANDONED, Info, Outcome, PENDING, Quiet, TAKEN, TaskId, polled_after_ready, runtime, swallow};
use async_task::Task;
use std::{
    any::Any,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, atomic::Ordering},
    task::{self, Poll, Wake, Waker},
};
use waitline::diagnostics::Wait;

/// The handle of a spawned task: a future for its outcome.
///
/// Dropping the handle detaches the task, which then continues on its own; see
/// [`cancel_on_drop`](Self::cancel_on_drop).
///
/// # Cancel safety
///
/// Dropping a future that borrows the handle (`(&mut handle).await`, as in a select or a timeout) loses nothing.
///
/// # Panics
///
/// If it is polled again after it was ready.
///
/// If a waker of a foreign executor panics when the finished task wakes it, the panic hook reports the panic, and it
/// goes no further.
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
#[doc(alias = "Task")]
#[must_use = "dropping the handle detaches the task; use `drop(handle)` to say so, or `.await` it"]
pub struct JoinHandle<T> {
    /// None only during the drop.
    task: Option<Task<Outcome<T>, Info>>,
    /// Around a foreign waker that waits for the task.
    shield: Option<Arc<Shield>>,
    wait: Wait,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(task: Task<Outcome<T>, Info>) -> Self {
        Self { task: Some(task), shield: None, wait: Wait::new() }
    }

    fn task(&self) -> &Task<Outcome<T>, Info> {
        self.task.as_ref().expect("only the drop takes it")
    }

    /// Requests that the task be cancelled. Returns whether this call did it: `false` if the task is already finished
    /// or cancelled.
    ///
    /// Like `asyncio.Task.cancel`, except that the task cannot refuse. At its next turn the task's future is dropped at
    /// its current `.await`, its destructors run, and the handle returns a [`JoinError`] with
    /// [`is_cancelled`](JoinError::is_cancelled). A task that completes in its current turn keeps its output. A running
    /// job on a blocking pool is not interrupted; if the job has not begun, this call drops its closure.
    ///
    /// The call does not wait for the destructors; awaiting the handle does.
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
    #[doc(alias = "abort")]
    pub fn cancel(&self) -> bool {
        !self.is_finished() && self.task().metadata().cancel()
    }

    /// Whether the task is finished, so that awaiting the handle would not wait. Like `asyncio.Task.done`.
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
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.task().is_finished()
    }

    /// The task's id.
    ///
    /// ```
    /// use waitline_executor::{run, spawn};
    /// run(async {
    ///     let (one, other) = (spawn(async {}), spawn(async {}));
    ///     assert_ne!(one.id(), other.id());
    /// });
    /// ```
    pub fn id(&self) -> TaskId {
        self.task().metadata().id()
    }

    /// The key of the task in the map of its runtime.
    #[cfg(feature = "sim")]
    pub(crate) fn key(&self) -> u64 {
        self.task().metadata().key()
    }

    /// The name of the task, if it was spawned with one. Like `asyncio.Task.get_name`.
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

    /// Turns this into a handle whose drop cancels the task instead of detaching it.
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
    #[doc(alias = "AbortOnDrop")]
    pub fn cancel_on_drop(self) -> Self {
        self.task().metadata().cancel_on_drop.store(true, Ordering::Relaxed);
        self
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let task = this.task.as_mut().expect("only the drop takes it");
        let is_own = runtime::is_own_waker(cx.waker());
        // Before the load of `outcome`, which then shows why the task is finished.
        let needs_no_waker = !is_own && task.is_finished();
        // Ordering: Acquire pairs with the Release in `abandon`.
        match task.metadata().outcome.load(Ordering::Acquire) {
            PENDING => {}
            ABANDONED => {
                task.metadata().outcome.store(TAKEN, Ordering::Relaxed);
                this.wait.end();
                return Poll::Ready(Err(JoinError::cancelled(task.metadata().id())));
            }
            _ => polled_after_ready(),
        }
        let shielded;
        let waker = if is_own {
            cx.waker()
        } else if needs_no_waker {
            Waker::noop()
        } else {
            shielded = Shield::around(cx.waker(), &mut this.shield);
            &shielded
        };
        match Pin::new(&mut *task).poll(&mut task::Context::from_waker(waker)) {
            Poll::Ready(outcome) => {
                task.metadata().outcome.store(TAKEN, Ordering::Relaxed);
                this.shield = None;
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

/// A waker around a foreign one. It does not panic when it is cloned, woken or dropped. Inside the cell of a task, such
/// a panic would abort the process.
struct Shield {
    waker: Quiet<Waker>,
}

impl Shield {
    /// The shield in `kept`, if it is around `waker`. Otherwise a new one, which is stored there.
    #[cold]
    fn around(waker: &Waker, kept: &mut Option<Arc<Self>>) -> Waker {
        match kept {
            Some(shield) if shield.waker.get().will_wake(waker) => shield.clone().into(),
            _ => kept.insert(Arc::new(Self { waker: Quiet::new(waker.clone()) })).clone().into(),
        }
    }
}

impl Wake for Shield {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        swallow(|| self.waker.get().wake_by_ref());
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            if task.metadata().cancel_on_drop.load(Ordering::Relaxed) && !task.is_finished() {
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
        Self { task: task.id(), panic: Some(Box::new(Panicked { payload, name })) }
    }

    /// The id of the task.
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

    /// The message of the panic, if it has one. A copy: the code that it is written to is foreign, so no mutex is held then.
    fn message(&self) -> Option<String> {
        let payload = self.panic.as_ref()?.payload.lock().expect("nothing panics while it is locked");
        let payload = &**payload.get();
        payload
            .downcast_ref::<&str>()
            .map(|text| text.to_string())
            .or_else(|| payload.downcast_ref::<String>().cloned())
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
        self.message().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

//! Spawning tasks.

use super::{
    Body, Info, JoinError, JoinHandle, Name, Outcome, build, build_unchecked,
    runtime::{self, with_runtime},
    swallow,
};
use pin_project_lite::pin_project;
use std::{
    borrow::Cow,
    future::Future,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    pin::Pin,
    ptr,
    task::{self, Poll, ready},
};

/// Spawns `future` as a task of the running event loop, and returns the handle to wait for it or cancel it.
///
/// Like `asyncio.create_task`, which however keeps only a weak reference to the task, so that a program must keep the
/// task alive; here the loop owns its tasks. The task starts at the end of the run queue, whether or not the handle is
/// awaited. Dropping the handle detaches the task: it continues until it is done or the loop ends.
///
/// The future and its output must be `Send`; for others there is [`spawn_local`].
///
/// # Panics
///
/// Outside of an event loop.
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, spawn, yield_now};
///
/// run(async {
///     let task = spawn(async {
///         yield_now().await;
///         "done"
///     });
///     assert_eq!(task.await.unwrap(), "done");
/// });
/// ```
#[doc(alias("create_task", "ensure_future"))]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    spawn_by("spawn", None, future)
}

/// Like [`spawn`], for a task with a name, which [`JoinHandle::name`] and the `Debug` of its handle show.
///
/// Like `asyncio.create_task` with the argument `name`.
///
/// # Panics
///
/// Outside of an event loop.
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, spawn_named};
///
/// run(async {
///     let task = spawn_named("adder", async { 1 + 1 });
///     assert_eq!(task.name(), Some("adder"));
///     assert_eq!(task.await.unwrap(), 2);
/// });
/// ```
#[track_caller]
pub fn spawn_named<F>(name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    spawn_by("spawn_named", Some(Box::new(name.into())), future)
}

/// Like [`spawn`], for a future that is not `Send`, for example because it holds an `Rc` across an `.await`.
///
/// # Panics
///
/// Outside of [`run`](crate::run), whose loop stays on its thread.
///
/// # Examples
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use waitline_executor::{run, spawn_local};
///
/// run(async {
///     let count = Rc::new(Cell::new(0));
///     let task = spawn_local({
///         let count = count.clone();
///         async move { count.set(count.get() + 1) }
///     });
///     task.await.unwrap();
///     assert_eq!(count.get(), 1);
/// });
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    spawn_local_by("spawn_local", future)
}

#[track_caller]
pub(crate) fn spawn_local_by<F>(caller: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    #[track_caller]
    fn spawn_small<F: Future + 'static>(caller: &str, future: F) -> JoinHandle<F::Output> {
        let location = Location::caller();
        let handle = with_runtime(caller, |runtime| {
            runtime.is_local().then(|| {
                let info = Info::new(None, runtime.clone());
                // SAFETY: the runtime is the event loop of this thread, which runs and drops its tasks here.
                let (runnable, handle) = unsafe { build_unchecked(info, |info| Body::new(info, future)) };
                runtime.adopt(runnable, location);
                handle
            })
        });
        match handle {
            Some(handle) => handle,
            None => panic!(
                "`{caller}` in an `Executor`, whose tasks move between threads: use `spawn`, or give the future to \
                 `waitline_executor::run` on a thread of its own"
            ),
        }
    }
    if is_large::<F>() { spawn_small(caller, Box::pin(future)) } else { spawn_small(caller, future) }
}

/// Like [`spawn`], for work with an asynchronous cleanup: when `body` is done, is cancelled or has panicked, `cleanup`
/// runs to its end, whatever happens.
///
/// The handle returns the outcome of `body`, after the cleanup. A cancellation drops `body` at its `.await`, but does
/// not affect `cleanup`, and the end of [`run`](crate::run) waits for `cleanup` as well; only an end with a limit in time
/// ([`run_with_limit`](crate::run_with_limit)) drops it. A panic in `cleanup` becomes the outcome. Share what both need, for example in an `Arc`.
///
/// It replaces a `try … finally` in an asyncio task, whose `finally` may await.
///
/// # Panics
///
/// Outside of an event loop.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waitline_executor::{run, sleep, spawn_with_cleanup, yield_now};
///
/// let (send, receive) = std::sync::mpsc::channel();
/// run(async {
///     let task = spawn_with_cleanup(std::future::pending::<()>(), async move {
///         sleep(Duration::from_millis(1)).await;
///         send.send("said goodbye").unwrap();
///     });
///     yield_now().await;
///     task.cancel();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// assert_eq!(receive.recv(), Ok("said goodbye"));
/// ```
#[doc(alias = "finally")]
#[track_caller]
pub fn spawn_with_cleanup<F, C>(body: F, cleanup: C) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
    C: Future<Output = ()> + Send + 'static,
{
    #[track_caller]
    fn spawn_small<F, C>(body: F, cleanup: C) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        let location = Location::caller();
        with_runtime("spawn_with_cleanup", |runtime| {
            let info = Info::new(None, runtime.clone());
            // SAFETY: the futures and the output may be used and dropped anywhere, at any time.
            let (runnable, handle) = unsafe { build_unchecked(info, |info| CleanedBody::new(info, body, cleanup)) };
            runtime.adopt(runnable, location);
            handle
        })
    }
    if is_large::<F>() || is_large::<C>() {
        spawn_small(Box::pin(body), Box::pin(cleanup))
    } else {
        spawn_small(body, cleanup)
    }
}

pin_project! {
    /// A body and its cleanup.
    struct CleanedBody<'a, F: Future, C> {
        #[pin]
        body: Body<'a, F>,
        // None once it is done.
        #[pin]
        cleanup: Option<C>,
        // Some as soon as the body is done.
        outcome: Option<Outcome<F::Output>>,
        info: &'a Info,
    }

    impl<F: Future, C> PinnedDrop for CleanedBody<'_, F, C> {
        fn drop(this: Pin<&mut Self>) {
            let mut cleanup = this.project().cleanup;
            swallow(|| cleanup.set(None));
        }
    }
}

impl<'a, F: Future, C> CleanedBody<'a, F, C> {
    fn new(info: &'a Info, body: F, cleanup: C) -> Self {
        Self { body: Body::new(info, body), cleanup: Some(cleanup), outcome: None, info }
    }
}

impl<F: Future, C: Future<Output = ()>> Future for CleanedBody<'_, F, C> {
    type Output = Outcome<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.outcome.is_none() {
            *this.outcome = Some(ready!(this.body.poll(cx)));
        }
        let _announced = this.info.announce();
        runtime::set_own_waker(cx.waker().data());
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(cleanup) = this.cleanup.as_mut().as_pin_mut() {
                ready!(cleanup.poll(cx));
            }
            this.cleanup.set(None);
            Poll::Ready(())
        }));
        runtime::set_own_waker(ptr::null());
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(panic) => *this.outcome = Some(Err(JoinError::panicked(this.info, panic))),
        }
        Poll::Ready(this.outcome.take().expect("the body is done"))
    }
}

/// Whether to box a future before it is spawned. The cell would box it from about this size on. A future that is boxed
/// early is not moved through a dozen stack frames, which can overflow the stack of a debug build.
pub(crate) const fn is_large<F>() -> bool {
    size_of::<F>() > 1920
}

#[track_caller]
pub(crate) fn spawn_by<F>(caller: &str, name: Name, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    #[track_caller]
    fn spawn_small<F>(caller: &str, name: Name, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let location = Location::caller();
        with_runtime(caller, |runtime| {
            let (runnable, handle) = build(Info::new(name, runtime.clone()), future);
            runtime.adopt(runnable, location);
            handle
        })
    }
    if is_large::<F>() { spawn_small(caller, name, Box::pin(future)) } else { spawn_small(caller, name, future) }
}

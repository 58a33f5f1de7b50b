//! Waiting for several futures.

use super::children::Children;
use crate::task::{JoinError, JoinHandle, TaskId, polled_after_ready};
use futures_lite::Stream;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Runs all futures concurrently within this task, and returns their outputs in the order of the futures.
///
/// Like `asyncio.gather`, which however makes each argument a task. The futures need not be `'static` or `Send`, and
/// each is polled only after it was woken. Works on any executor.
///
/// To gather tasks, for example to use several threads, gather their handles: `gather((0..4).map(|n| spawn(work(n))))`.
/// A panic in one of the futures is a panic of the gathering task. Handles return a `Result` each, as with asyncio's
/// `return_exceptions=True`.
///
/// # Cancel safety
///
/// Dropping it drops all the futures. Outputs of finished futures are lost.
///
/// # Examples
///
/// ```
/// use waitline_executor::{gather, run, sleep};
/// use std::time::Duration;
///
/// let squares = run(gather((0..4_u64).map(|n| async move {
///     sleep(Duration::from_millis(4 - n)).await;
///     n * n
/// })));
/// assert_eq!(squares, [0, 1, 4, 9]);
/// ```
#[doc(alias = "join_all")]
pub fn gather<I>(futures: I) -> Gather<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let children = collect(futures);
    let outputs = Some((0..children.len()).map(|_| None).collect());
    Gather { children, outputs }
}

fn collect<I>(futures: I) -> Children<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let mut children = Children::new();
    futures.into_iter().for_each(|future| children.push(future));
    children
}

/// The future of [`gather`].
///
/// ```
/// use std::future::Ready;
/// use waitline_executor::{Gather, gather, run};
/// let both: Gather<Ready<u8>> = gather([std::future::ready(1), std::future::ready(2)]);
/// assert_eq!(run(both), [1, 2]);
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct Gather<F: Future> {
    children: Children<F>,
    /// By index; None once it was ready.
    outputs: Option<Vec<Option<F::Output>>>,
}

// Nothing in it is pinned but the futures, which are in boxes.
impl<F: Future> Unpin for Gather<F> {}

impl<F: Future> Future for Gather<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(outputs) = &mut this.outputs else { polled_after_ready() };
        while let Some((index, output)) = ready!(this.children.poll_next(cx)) {
            outputs[index as usize] = Some(output);
        }
        Poll::Ready(this.outputs.take().into_iter().flatten().flatten().collect())
    }
}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gather").field(&self.children).finish()
    }
}

/// [`gather`] for futures that can fail: ends with the first error, and drops the futures that are not done.
///
/// Like `asyncio.gather` without `return_exceptions`, which however leaves the others running.
///
/// # Errors
///
/// The first error in time.
///
/// # Cancel safety
///
/// Dropping it drops all the futures.
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, try_gather};
///
/// let numbers = run(try_gather(["1", "2", "3"].map(|text| async move { text.parse::<i32>() })));
/// assert_eq!(numbers, Ok(vec![1, 2, 3]));
/// let failed = run(try_gather(["1", "two", "3"].map(|text| async move { text.parse::<i32>() })));
/// assert!(failed.is_err());
/// ```
#[doc(alias = "try_join_all")]
pub fn try_gather<I, T, E>(futures: I) -> TryGather<I::Item, T>
where
    I: IntoIterator<Item: Future<Output = Result<T, E>>>,
{
    let children = collect(futures);
    let outputs = Some((0..children.len()).map(|_| None).collect());
    TryGather { children, outputs }
}

/// The future of [`try_gather`].
///
/// ```
/// use std::future::{Ready, ready};
/// use waitline_executor::{TryGather, run, try_gather};
/// let both: TryGather<Ready<Result<u8, &str>>, u8> = try_gather([ready(Ok(1)), ready(Err("no"))]);
/// assert_eq!(run(both), Err("no"));
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct TryGather<F, T> {
    children: Children<F>,
    /// By index; None once it was ready.
    outputs: Option<Vec<Option<T>>>,
}

impl<F, T> Unpin for TryGather<F, T> {}

impl<F, T, E> Future for TryGather<F, T>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(outputs) = &mut this.outputs else { polled_after_ready() };
        while let Some((index, output)) = ready!(this.children.poll_next(cx)) {
            match output {
                Ok(output) => outputs[index as usize] = Some(output),
                Err(error) => {
                    this.outputs = None;
                    this.children = Children::new();
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(this.outputs.take().into_iter().flatten().flatten().collect()))
    }
}

impl<F, T> fmt::Debug for TryGather<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryGather").field(&self.children).finish()
    }
}

/// Runs all futures concurrently within this task, and yields their outputs as they finish.
///
/// Like `asyncio.as_completed`.
///
/// # Cancel safety
///
/// Dropping the stream drops the futures that are not done. Dropping the wait for its next item loses nothing.
///
/// # Examples
///
/// ```
/// use futures_lite::StreamExt;
/// use std::time::Duration;
/// use waitline_executor::{as_completed, run, sleep};
///
/// let order = run(as_completed([30_u64, 1, 15].map(|delay| async move {
///     sleep(Duration::from_millis(delay)).await;
///     delay
/// }))
/// .collect::<Vec<_>>());
/// assert_eq!(order, [1, 15, 30]);
/// ```
#[doc(alias = "FuturesUnordered")]
pub fn as_completed<I>(futures: I) -> AsCompleted<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    AsCompleted { children: collect(futures) }
}

/// The stream of [`as_completed`].
///
/// ```
/// use std::future::{Ready, ready};
/// use waitline_executor::{AsCompleted, as_completed, run};
/// let both: AsCompleted<Ready<u8>> = as_completed([ready(1), ready(2)]);
/// # drop(both);
/// ```
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct AsCompleted<F> {
    children: Children<F>,
}

impl<F: Future> Stream for AsCompleted<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        self.children.poll_next(cx).map(|done| done.map(|(_, output)| output))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.children.len(), Some(self.children.len()))
    }
}

/// What [`wait`] waits for.
///
/// ```
/// use std::future::pending;
/// use waitline_executor::{ReturnWhen, run, spawn, wait};
///
/// let (done, left) = run(async {
///     let tasks = [spawn(async { 1 }), spawn(pending())];
///     wait(tasks, ReturnWhen::FirstCompleted).await
/// });
/// assert_eq!((done.len(), left.len()), (1, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// At least one task is done. Like `asyncio.FIRST_COMPLETED`.
    FirstCompleted,
    /// A task panicked or was cancelled, or all are done. Like `asyncio.FIRST_EXCEPTION`.
    FirstError,
    /// All tasks are done. Like `asyncio.ALL_COMPLETED`.
    AllCompleted,
}

/// Waits for tasks until `return_when` is met. Returns the outcomes so far, in the order in which the tasks finished,
/// and the handles of the other tasks, in their original order.
///
/// Like `asyncio.wait`. No task is cancelled. Without any handles it returns at once. For a time limit, use
/// [`timeout`](crate::timeout).
///
/// # Cancel safety
///
/// Dropping it drops the handles, which detaches the tasks. Outcomes of finished tasks are lost.
///
/// # Examples
///
/// ```
/// use waitline_executor::{ReturnWhen, run, spawn, wait};
///
/// run(async {
///     let (fast, never) = (spawn(async { 1 }), spawn(std::future::pending()));
///     let (fast_id, never_id) = (fast.id(), never.id());
///     let (done, pending) = wait([never, fast], ReturnWhen::FirstCompleted).await;
///     assert_eq!((done[0].0, done[0].1.as_ref().unwrap()), (fast_id, &1));
///     assert_eq!(pending[0].id(), never_id);
/// });
/// ```
pub fn wait<T>(handles: impl IntoIterator<Item = JoinHandle<T>>, return_when: ReturnWhen) -> Wait<T> {
    let mut children = Children::of_handles();
    handles.into_iter().for_each(|handle| children.push(WithId { handle: Some(handle) }));
    Wait { children, done: Some(Vec::new()), return_when }
}

/// A handle that returns its task's id with the outcome.
struct WithId<T> {
    /// None once it is done.
    handle: Option<JoinHandle<T>>,
}

impl<T> Future for WithId<T> {
    type Output = (TaskId, Result<T, JoinError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(handle) = &mut self.handle else { polled_after_ready() };
        let outcome = ready!(Pin::new(&mut *handle).poll(cx));
        let id = handle.id();
        self.handle = None;
        Poll::Ready((id, outcome))
    }
}

/// The future of [`wait`].
///
/// ```
/// use waitline_executor::{ReturnWhen, Wait, run, spawn, wait};
/// run(async {
///     let waiting: Wait<u8> = wait([spawn(async { 1 })], ReturnWhen::AllCompleted);
///     let (done, left) = waiting.await;
///     assert_eq!((done.len(), left.len()), (1, 0));
/// });
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct Wait<T> {
    children: Children<WithId<T>>,
    /// None once it was ready.
    done: Option<Vec<(TaskId, Result<T, JoinError>)>>,
    return_when: ReturnWhen,
}

impl<T> Unpin for Wait<T> {}

impl<T> Future for Wait<T> {
    type Output = (Vec<(TaskId, Result<T, JoinError>)>, Vec<JoinHandle<T>>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(done) = &mut this.done else { polled_after_ready() };
        // Takes every outcome that is ready by now, as asyncio does.
        while let Poll::Ready(Some((_, outcome))) = this.children.poll_next(cx) {
            done.push(outcome);
        }
        let is_enough = this.children.len() == 0
            || match this.return_when {
                ReturnWhen::FirstCompleted => !done.is_empty(),
                ReturnWhen::FirstError => done.iter().any(|(_, outcome)| outcome.is_err()),
                ReturnWhen::AllCompleted => false,
            };
        if !is_enough {
            return Poll::Pending;
        }
        let pending = this.children.drain().filter_map(|mut child| child.handle.take()).collect();
        Poll::Ready((this.done.take().unwrap_or_default(), pending))
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("pending", &self.children.len())
            .field("done", &self.done.as_ref().map_or(0, Vec::len))
            .finish()
    }
}

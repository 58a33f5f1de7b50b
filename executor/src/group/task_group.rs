//! Tasks that belong together.

use super::children::Children;
use crate::task::{
    JoinError, JoinHandle, TaskId, polled_after_ready,
    spawn::{spawn_by, spawn_local_by},
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A group of tasks that are joined together, and cancelled together if one of them fails.
///
/// Like `asyncio.TaskGroup`. [`join_all`](Self::join_all) corresponds to leaving the `async with` block, and dropping
/// the group, for example by `?`, to an exception in the block. A destructor cannot wait, so a drop cancels the
/// members, and their destructors run at their next turns. To be sure that they have run, call
/// [`cancel_all`](Self::cancel_all) and then join. They have all run when [`run`](crate::run) returns.
///
/// # Examples
///
/// ```
/// use waitline_executor::{TaskGroup, run};
///
/// let squares = run(async {
///     let mut group = TaskGroup::new();
///     for n in 0..4 {
///         group.spawn(async move { n * n });
///     }
///     group.join_all().await
/// });
/// assert_eq!(squares.unwrap(), [0, 1, 4, 9]);
/// ```
///
/// If a member fails, the others are cancelled:
///
/// ```
/// use waitline_executor::{TaskGroup, run};
///
/// let error = run(async {
///     let mut group = TaskGroup::new();
///     group.spawn(std::future::pending::<()>());
///     group.spawn(async { panic!("oh no") });
///     group.join_all().await.unwrap_err()
/// });
/// assert!(error.is_panic());
/// ```
#[doc(alias("JoinSet", "Nursery"))]
#[must_use = "dropping a group cancels its members"]
pub struct TaskGroup<T> {
    members: Children<Member<T>>,
    spawned: usize,
}

struct Member<T> {
    /// The number of members that were spawned before.
    serial: usize,
    handle: JoinHandle<T>,
}

impl<T> Future for Member<T> {
    type Output = (usize, Result<T, JoinError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.handle).poll(cx));
        Poll::Ready((self.serial, outcome))
    }
}

impl<T> TaskGroup<T> {
    /// A group without members.
    ///
    /// ```
    /// let group = waitline_executor::TaskGroup::<()>::new();
    /// assert!(group.is_empty());
    /// ```
    pub fn new() -> Self {
        Self { members: Children::of_handles(), spawned: 0 }
    }

    /// Spawns a member, as [`spawn`](crate::spawn()) does. Like `asyncio.TaskGroup.create_task`.
    ///
    /// # Panics
    ///
    /// Outside of an event loop.
    ///
    /// ```
    /// use waitline_executor::{TaskGroup, run};
    /// let results = run(async {
    ///     let mut group = TaskGroup::new();
    ///     group.spawn(async { 1 });
    ///     group.spawn(async { 2 });
    ///     group.join_all().await
    /// });
    /// assert_eq!(results.unwrap(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> TaskId
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.push(spawn_by("TaskGroup::spawn", None, future))
    }

    /// Spawns a member that is not `Send`, as [`spawn_local`](crate::spawn_local) does.
    ///
    /// # Panics
    ///
    /// Outside of [`run`](crate::run).
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use waitline_executor::{TaskGroup, run};
    /// let count = Rc::new(Cell::new(0));
    /// run(async {
    ///     let mut group = TaskGroup::new();
    ///     for _ in 0..3 {
    ///         let count = count.clone();
    ///         group.spawn_local(async move { count.set(count.get() + 1) });
    ///     }
    ///     group.join_all().await.unwrap();
    /// });
    /// assert_eq!(count.get(), 3);
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> TaskId
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.push(spawn_local_by("TaskGroup::spawn_local", future))
    }

    fn push(&mut self, handle: JoinHandle<T>) -> TaskId {
        let id = handle.id();
        self.members.push(Member { serial: self.spawned, handle: handle.cancel_on_drop() });
        self.spawned += 1;
        id
    }

    /// The number of members that have not been joined.
    ///
    /// ```
    /// use waitline_executor::{TaskGroup, run};
    /// run(async {
    ///     let mut group = TaskGroup::new();
    ///     group.spawn(async {});
    ///     assert_eq!(group.len(), 1);
    ///     group.join_next().await;
    ///     assert_eq!(group.len(), 0);
    /// });
    /// ```
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether all members have been joined.
    ///
    /// ```
    /// use waitline_executor::{TaskGroup, run};
    /// run(async {
    ///     let mut group = TaskGroup::new();
    ///     group.spawn(async {});
    ///     assert!(!group.is_empty());
    /// });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cancels every member that is not finished. The members still have to be joined.
    ///
    /// ```
    /// use waitline_executor::{TaskGroup, run};
    /// run(async {
    ///     let mut group = TaskGroup::new();
    ///     group.spawn(std::future::pending::<()>());
    ///     group.cancel_all();
    ///     while group.join_next().await.is_some() {}
    /// });
    /// ```
    #[doc(alias = "abort_all")]
    pub fn cancel_all(&mut self) {
        for member in self.members.iter() {
            member.handle.cancel();
        }
    }

    /// Waits for the next member to finish, and removes it from the group. None if there is no member.
    ///
    /// A failed member does not affect the others here; [`join_all`](Self::join_all) cancels them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no outcome.
    ///
    /// # Examples
    ///
    /// ```
    /// use waitline_executor::{TaskGroup, run, sleep};
    /// use std::time::Duration;
    ///
    /// run(async {
    ///     let mut group = TaskGroup::new();
    ///     for delay in [9, 1] {
    ///         group.spawn(async move {
    ///             sleep(Duration::from_millis(delay)).await;
    ///             delay
    ///         });
    ///     }
    ///     assert_eq!(group.join_next().await.unwrap().unwrap(), 1);
    ///     assert_eq!(group.join_next().await.unwrap().unwrap(), 9);
    ///     assert!(group.join_next().await.is_none());
    /// });
    /// ```
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext { group: Some(self) }
    }

    /// Waits for all members, and returns their outputs in the order in which they were spawned. If a member fails, the
    /// others are cancelled, and it still waits for them.
    ///
    /// # Errors
    ///
    /// The first failure in time: a panic, or a cancellation that did not come from this call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the group, which cancels the members.
    ///
    /// ```
    /// use waitline_executor::{TaskGroup, run};
    /// let results = run(async {
    ///     let mut group = TaskGroup::new();
    ///     (0..3).for_each(|n| _ = group.spawn(async move { 10 * n }));
    ///     group.join_all().await
    /// });
    /// assert_eq!(results.unwrap(), [0, 10, 20]);
    /// ```
    pub fn join_all(self) -> JoinAll<T> {
        JoinAll { group: self, outputs: Some(Vec::new()), error: None }
    }
}

impl<T> Default for TaskGroup<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup").field("members", &self.len()).finish()
    }
}

/// The future of [`TaskGroup::join_next`].
///
/// ```
/// use waitline_executor::{JoinNext, TaskGroup, run};
/// run(async {
///     let mut group = TaskGroup::<()>::new();
///     let next: JoinNext<'_, ()> = group.join_next();
///     assert!(next.await.is_none());
/// });
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct JoinNext<'a, T> {
    /// None once it was ready.
    group: Option<&'a mut TaskGroup<T>>,
}

impl<T> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(group) = &mut self.group else { polled_after_ready() };
        let done = ready!(group.members.poll_next(cx));
        self.group = None;
        Poll::Ready(done.map(|(_, (_, outcome))| outcome))
    }
}

/// The future of [`TaskGroup::join_all`].
///
/// ```
/// use waitline_executor::{JoinAll, TaskGroup, run};
/// run(async {
///     let all: JoinAll<()> = TaskGroup::new().join_all();
///     assert!(all.await.unwrap().is_empty());
/// });
/// ```
#[must_use = "dropping it cancels the members of the group"]
pub struct JoinAll<T> {
    group: TaskGroup<T>,
    /// The outputs of the members that are done, with their serial numbers. None once it was ready.
    outputs: Option<Vec<(usize, T)>>,
    error: Option<JoinError>,
}

impl<T> Unpin for JoinAll<T> {}

impl<T> Future for JoinAll<T> {
    type Output = Result<Vec<T>, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(outputs) = &mut this.outputs else { polled_after_ready() };
        while let Some((_, (serial, outcome))) = ready!(this.group.members.poll_next(cx)) {
            match outcome {
                Ok(output) => outputs.push((serial, output)),
                Err(_) if this.error.is_some() => {}
                Err(error) => {
                    this.error = Some(error);
                    this.group.cancel_all();
                }
            }
        }
        let mut outputs = this.outputs.take().unwrap_or_default();
        Poll::Ready(match this.error.take() {
            Some(error) => Err(error),
            None => {
                outputs.sort_unstable_by_key(|(serial, _)| *serial);
                Ok(outputs.into_iter().map(|(_, output)| output).collect())
            }
        })
    }
}

impl<T> fmt::Debug for JoinAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinAll").field(&self.group).finish()
    }
}

//! Tasks that belong together.

use crate::{
    children::Children,
    spawn::{spawn, spawn_local},
    task::{JoinError, JoinHandle, TaskId},
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Tasks that are joined together, and cancelled together when one of them fails.
///
/// As asyncio's `TaskGroup`: leaving its `async with` block is [`join_all`](Self::join_all) here, and an exception in the
/// block is the drop of the group, for instance by `?`. A destructor cannot wait, so a drop cancels the members, and their
/// destructors run at their next turns; to be sure that they have run, [`cancel_all`](Self::cancel_all) and then join. In
/// any case they have when [`run`](crate::run) returns.
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
/// A member that fails takes the others with it:
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
#[must_use = "dropping a group cancels its members"]
pub struct TaskGroup<T> {
    members: Children<Member<T>>,
    spawned: usize,
}

struct Member<T> {
    /// How many members were spawned before.
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
    pub fn new() -> Self {
        Self { members: Children::new(), spawned: 0 }
    }

    /// Spawns a member, as [`spawn`](crate::spawn()) does.
    ///
    /// # Panics
    ///
    /// Outside of an event loop.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> TaskId
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.push(spawn(future))
    }

    /// Spawns a member that is not `Send`, as [`spawn_local`](crate::spawn_local) does.
    ///
    /// # Panics
    ///
    /// Outside of [`run`](crate::run).
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> TaskId
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.push(spawn_local(future))
    }

    fn push(&mut self, handle: JoinHandle<T>) -> TaskId {
        let id = handle.id();
        self.members.push(Member { serial: self.spawned, handle: handle.cancel_on_drop() });
        self.spawned += 1;
        id
    }

    /// How many members have not been joined.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether all members have been joined.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Requests that every member be cancelled that is not finished. They still have to be joined.
    pub fn cancel_all(&mut self) {
        for member in self.members.iter() {
            member.handle.cancel();
        }
    }

    /// Waits for the next member to finish, and takes it out of the group. None if there is no member.
    ///
    /// A member that fails leaves the others alone here; [`join_all`](Self::join_all) cancels them.
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
        JoinNext { group: self }
    }

    /// Waits for all members, and returns their outputs in the order in which they were spawned. If a member fails, the others are
    /// cancelled, and waited for all the same.
    ///
    /// # Errors
    ///
    /// The first failure in time: a panic, or a cancellation that did not come from this call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the group, which cancels the members.
    pub fn join_all(self) -> JoinAll<T> {
        let outputs = (0..self.spawned).map(|_| None).collect();
        JoinAll { group: self, outputs, error: None }
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
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct JoinNext<'a, T> {
    group: &'a mut TaskGroup<T>,
}

impl<T> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.group.members.poll_next(cx).map(|done| done.map(|(_, (_, outcome))| outcome))
    }
}

/// The future of [`TaskGroup::join_all`].
#[must_use = "dropping it cancels the members of the group"]
pub struct JoinAll<T> {
    group: TaskGroup<T>,
    /// By serial number; None for members that are not done, or were joined before.
    outputs: Vec<Option<T>>,
    error: Option<JoinError>,
}

impl<T> Unpin for JoinAll<T> {}

impl<T> Future for JoinAll<T> {
    type Output = Result<Vec<T>, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some((_, (serial, outcome))) = ready!(this.group.members.poll_next(cx)) {
            match outcome {
                Ok(output) => this.outputs[serial] = Some(output),
                Err(_) if this.error.is_some() => {}
                Err(error) => {
                    this.error = Some(error);
                    this.group.cancel_all();
                }
            }
        }
        Poll::Ready(match this.error.take() {
            Some(error) => Err(error),
            None => Ok(this.outputs.drain(..).flatten().collect()),
        })
    }
}

impl<T> fmt::Debug for JoinAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinAll").field(&self.group).finish()
    }
}

//! Asking any number of tasks to stop.

use parking_lot::Mutex;
use pin_project_lite::pin_project;
use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};
use waitline::FirstPanic;
use waitline_event::{Event, Wait};

/// A request to stop, which tasks share and check at points of their own choice.
///
/// Clones are the same token. A [`child`](Self::child) is cancelled with its parent, but not the other way round. Works
/// on any executor.
///
/// asyncio has only `Task.cancel`, which interrupts at the next `await`. A token is the cooperative way, for work that
/// has to finish cleanly. To combine both: after [`cancel`](Self::cancel), await `timeout(grace, task)`, then call
/// [`JoinHandle::cancel`](crate::JoinHandle::cancel).
///
/// # Examples
///
/// ```
/// use waitline_executor::{CancelToken, run, spawn, yield_now};
///
/// run(async {
///     let token = CancelToken::new();
///     let worker = spawn({
///         let token = token.clone();
///         async move {
///             let mut rounds = 0;
///             while !token.is_cancelled() {
///                 rounds += 1;
///                 yield_now().await;
///             }
///             rounds
///         }
///     });
///     yield_now().await;
///     token.cancel();
///     assert_eq!(worker.await.unwrap(), 1);
/// });
/// ```
#[doc(alias = "CancellationToken")]
#[derive(Clone)]
pub struct CancelToken {
    node: Arc<Node>,
}

/// Invariant CT1: a child whose parent is not cancelled yet is in the parent's `children`. `child` checks the event and
/// adds the child in one section, and `cancel` sets the event before it enters its own section.
///
/// CT2: every node in `children` is alive or is being dropped, because a node removes itself. So the memory of a token
/// is proportional to the number of its live children.
struct Node {
    cancelled: Event,
    /// By number.
    children: Mutex<Children>,
    /// Keeps the path from an ancestor to this node.
    parent: Option<Arc<Node>>,
    /// Its number among the children of the parent.
    number: u64,
}

#[derive(Default)]
struct Children {
    next_number: u64,
    nodes: BTreeMap<u64, Weak<Node>>,
}

impl Node {
    #[track_caller]
    fn new(parent: Option<Arc<Node>>, number: u64) -> Arc<Self> {
        let cancelled = Event::new().with_label("CancelToken");
        Arc::new(Self { cancelled, children: Mutex::default(), parent, number })
    }

    /// The children that are not cancelled yet, as far as they are alive.
    fn take_children(&self) -> Vec<Arc<Node>> {
        let children = mem::take(&mut self.children.lock().nodes);
        children.into_values().filter_map(|child| child.upgrade()).collect()
    }

    /// Leaves the parent, and returns it.
    fn leave(&mut self) -> Option<Arc<Node>> {
        let parent = self.parent.take()?;
        parent.children.lock().nodes.remove(&self.number);
        Some(parent)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // In a loop, because a recursion over a long chain of descendants would overflow the stack.
        let mut parent = self.leave();
        while let Some(mut node) = parent.and_then(Arc::into_inner) {
            parent = node.leave();
        }
    }
}

impl CancelToken {
    /// A token that is not cancelled.
    ///
    /// ```
    /// assert!(!waitline_executor::CancelToken::new().is_cancelled());
    /// ```
    #[track_caller]
    pub fn new() -> Self {
        Self { node: Node::new(None, 0) }
    }

    /// A token that is cancelled when this one is, and that can be cancelled alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use waitline_executor::CancelToken;
    ///
    /// let parent = CancelToken::new();
    /// let (one, two) = (parent.child(), parent.child());
    /// one.cancel();
    /// assert!(one.is_cancelled() && !parent.is_cancelled() && !two.is_cancelled());
    /// parent.cancel();
    /// assert!(two.is_cancelled() && parent.child().is_cancelled());
    /// ```
    #[doc(alias = "child_token")]
    #[track_caller]
    pub fn child(&self) -> Self {
        let mut children = self.node.children.lock();
        let number = children.next_number;
        children.next_number += 1;
        let node = Node::new(Some(self.node.clone()), number);
        if self.node.cancelled.is_set() {
            drop(children);
            node.cancelled.set();
        } else {
            children.nodes.insert(number, Arc::downgrade(&node));
        }
        Self { node }
    }

    /// Cancels this token and all its descendants. Returns whether this call did it: `false` if the token was cancelled
    /// before.
    ///
    /// # Panics
    ///
    /// If a waker panics. All tokens are cancelled first. During another panic it does not panic.
    ///
    /// ```
    /// let token = waitline_executor::CancelToken::new();
    /// let child = token.child();
    /// token.cancel();
    /// assert!(child.is_cancelled());
    /// ```
    pub fn cancel(&self) -> bool {
        // Only a call that sets an event wakes tasks, and so sees a panic of their wakers.
        let (mut is_first, mut panic) = (true, FirstPanic::new());
        panic.catch(|| is_first = self.node.cancelled.set());
        let mut nodes = self.node.take_children();
        while let Some(node) = nodes.pop() {
            panic.catch(|| _ = node.cancelled.set());
            nodes.append(&mut node.take_children());
        }
        panic.resume();
        is_first
    }

    /// Whether this token or one of its ancestors was cancelled.
    ///
    /// ```
    /// let token = waitline_executor::CancelToken::new();
    /// token.child().cancel();
    /// assert!(!token.is_cancelled(), "a child does not cancel its parent");
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.node.cancelled.is_set()
    }

    /// Waits until the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::or;
    /// use waitline_executor::{CancelToken, run, spawn};
    ///
    /// run(async {
    ///     let token = CancelToken::new();
    ///     let there = token.clone();
    ///     let task = spawn(async move {
    ///         or(async { there.cancelled().await; "stopped" }, std::future::pending()).await
    ///     });
    ///     token.cancel();
    ///     assert_eq!(task.await.unwrap(), "stopped");
    /// });
    /// ```
    #[track_caller]
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled { wait: self.node.cancelled.wait() }
    }
}

impl Default for CancelToken {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("cancelled", &self.is_cancelled()).finish()
    }
}

pin_project! {
    /// The future of [`CancelToken::cancelled`].
    ///
    /// ```
    /// use waitline_executor::{CancelToken, Cancelled, run};
    /// let token = CancelToken::new();
    /// let cancelled: Cancelled<'_> = token.cancelled();
    /// token.cancel();
    /// run(cancelled);
    /// ```
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Cancelled<'a> {
        #[pin]
        wait: Wait<'a>,
    }
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().wait.poll(cx)
    }
}

impl fmt::Debug for Cancelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cancelled")
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn short_lived_children_do_not_accumulate() {
        let parent = CancelToken::new();
        let kept: Vec<_> = (0..10).map(|_| parent.child()).collect();
        for _ in 0..100_000 {
            drop(parent.child());
            assert_eq!(parent.node.children.lock().nodes.len(), kept.len());
        }
        parent.cancel();
        assert!(kept.iter().all(CancelToken::is_cancelled));
    }
}

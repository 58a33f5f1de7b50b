//! Several futures inside one. Each has its own waker, so that only those that were woken are polled.

use crate::{
    key_map::{KeyMap, trim},
    task::{Quiet, runtime, swallow},
};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Futures that run concurrently within one task.
///
/// Invariants:
///
/// - CH1: a child is in `ready` while its `queued` is set, and `queued` is cleared just before the poll that takes it
///   from there. So no wake is lost, and a child is listed once. A waker that outlives its child may list the next
///   child with the same key a second time, which costs one extra poll.
/// - CH2: wakers are cloned, woken and dropped outside of the mutex.
pub(crate) struct Children<F> {
    children: KeyMap<(Pin<Box<F>>, Arc<Child>)>,
    is_quiet: bool,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    ready: VecDeque<u64>,
    /// The waker of the task that polls the group. The first wake after each poll takes it. The drop of the last
    /// child's waker may drop it.
    parent: Option<Quiet<Waker>>,
    /// Whether a panic of `parent` is stopped here.
    is_quiet: bool,
}

struct Child {
    index: u64,
    queued: AtomicBool,
    shared: Arc<Mutex<Shared>>,
}

impl Wake for Child {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: AcqRel pairs with the swap in `poll_next`, so that a wake which finds the child queued still
        // happens before the poll.
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let parent = {
            let mut shared = self.shared.lock();
            shared.ready.push_back(self.index);
            (shared.parent.take(), shared.is_quiet)
        };
        match parent {
            (Some(parent), true) => swallow(|| parent.into_inner().wake()),
            (Some(parent), false) => parent.into_inner().wake(),
            (None, _) => {}
        }
    }
}

impl<F: Future> Children<F> {
    pub(crate) fn new() -> Self {
        Self::with_quiet(false)
    }

    /// A group of handles only. Their tasks wake them, and must not see a panic of the group's waker.
    pub(crate) fn of_handles() -> Self {
        Self::with_quiet(true)
    }

    fn with_quiet(is_quiet: bool) -> Self {
        let shared = Shared { ready: VecDeque::new(), parent: None, is_quiet };
        Self { children: KeyMap::new(), is_quiet, shared: Arc::new(Mutex::new(shared)) }
    }

    /// Adds a child, which the next [`poll_next`](Self::poll_next) polls. In a group in which no child has finished
    /// yet, the indices count from 0.
    pub(crate) fn push(&mut self, future: F) {
        let (index, entry) = self.children.vacant_entry();
        let child = Child { index, queued: AtomicBool::new(true), shared: self.shared.clone() };
        entry.insert((Box::pin(future), Arc::new(child)));
        self.shared.lock().ready.push_back(index);
    }

    /// The number of children that are not done.
    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// The children that are not done, by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &F> {
        self.children.values().map(|(future, _)| &**future)
    }

    /// Removes the children that are not done, by index.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Pin<Box<F>>> {
        mem::take(&mut self.children).into_values().map(|(future, _)| future)
    }

    /// The next child to finish, with its output. None when all have finished.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(u64, F::Output)>> {
        if self.children.is_empty() {
            return Poll::Ready(None);
        }
        let mut parent = Some(Quiet::new(cx.waker().clone()));
        let polls = {
            let mut shared = self.shared.lock();
            mem::swap(&mut shared.parent, &mut parent);
            trim(&mut shared.ready);
            shared.ready.len()
        };
        drop(parent);
        for _ in 0..polls {
            let Some(index) = self.shared.lock().ready.pop_front() else { break };
            // A child that is done may still be woken.
            let Some((future, child)) = self.children.get_mut(index) else { continue };
            // Ordering: see `wake_by_ref`.
            child.queued.swap(false, Ordering::AcqRel);
            let waker = Waker::from(child.clone());
            let mut cx = Context::from_waker(&waker);
            // A handle does not panic, unless it is polled again.
            let own_waker = self.is_quiet.then(|| runtime::set_own_waker(waker.data()));
            let polled = future.as_mut().poll(&mut cx);
            own_waker.map(runtime::set_own_waker);
            if let Poll::Ready(output) = polled {
                drop(self.children.remove(index));
                return Poll::Ready(Some((index, output)));
            }
        }
        // Children that became ready meanwhile wait until the other tasks have had their turns. Their wake has woken
        // the parent.
        Poll::Pending
    }
}

impl<F> Unpin for Children<F> {}

impl<F> fmt::Debug for Children<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children").field("left", &self.children.len()).finish()
    }
}

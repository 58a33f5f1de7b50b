//! Several futures inside one: each has a waker of its own, so that only those are polled that have something to do.

use parking_lot::Mutex;
use slab::Slab;
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
/// - C1: a child is in `ready` while its `queued` is set, and `queued` is cleared just before the poll that takes it from
///   there. So no wake is lost, and a child is listed once. A waker that outlives its child may list the next child at the
///   same place a second time, which costs a poll and nothing else.
/// - C2: wakers are cloned, woken and dropped outside of the mutex.
pub(crate) struct Children<F> {
    children: Slab<(Pin<Box<F>>, Arc<Child>)>,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    ready: VecDeque<usize>,
    /// Who polls the group; taken by the first wake after each poll.
    parent: Option<Waker>,
}

struct Child {
    index: usize,
    queued: AtomicBool,
    shared: Arc<Mutex<Shared>>,
}

impl Wake for Child {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: AcqRel pairs with the swap in `poll_next`, so that a wake which finds the child queued still happens
        // before the poll.
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let parent = {
            let mut shared = self.shared.lock();
            shared.ready.push_back(self.index);
            shared.parent.take()
        };
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

impl<F: Future> Children<F> {
    pub(crate) fn new() -> Self {
        let shared = Shared { ready: VecDeque::new(), parent: None };
        Self { children: Slab::new(), shared: Arc::new(Mutex::new(shared)) }
    }

    /// Adds a child, to be polled by the next [`poll_next`](Self::poll_next). In a group that never had another child finish, the
    /// indices count from 0.
    pub(crate) fn push(&mut self, future: F) {
        let entry = self.children.vacant_entry();
        let index = entry.key();
        let child = Child { index, queued: AtomicBool::new(true), shared: self.shared.clone() };
        entry.insert((Box::pin(future), Arc::new(child)));
        self.shared.lock().ready.push_back(index);
    }

    /// How many children are not done.
    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// The children that are not done, by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &F> {
        self.children.iter().map(|(_, (future, _))| &**future)
    }

    /// Takes out the children that are not done, by index.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Pin<Box<F>>> {
        self.children.drain().map(|(future, _)| future)
    }

    /// The next child to finish, with its output; None when all have.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, F::Output)>> {
        if self.children.is_empty() {
            return Poll::Ready(None);
        }
        let mut parent = Some(cx.waker().clone());
        let turns = {
            let mut shared = self.shared.lock();
            mem::swap(&mut shared.parent, &mut parent);
            shared.ready.len()
        };
        drop(parent);
        for _ in 0..turns {
            let Some(index) = self.shared.lock().ready.pop_front() else { break };
            // A child that is done may still be woken.
            let Some((future, child)) = self.children.get_mut(index) else { continue };
            // Ordering: see `wake_by_ref`.
            child.queued.swap(false, Ordering::AcqRel);
            let waker = Waker::from(child.clone());
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                drop(self.children.remove(index));
                return Poll::Ready(Some((index, output)));
            }
        }
        // Children that became ready meanwhile wait until the other tasks had their turn; their wake took the parent.
        Poll::Pending
    }
}

impl<F> Unpin for Children<F> {}

impl<F> fmt::Debug for Children<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children").field("left", &self.children.len()).finish()
    }
}

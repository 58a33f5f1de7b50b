//! Several futures inside one: each has a waker of its own, so that only those are polled that have something to do.

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

use parking_lot::Mutex;

/// Futures that run concurrently within one task.
///
/// Invariant C1: a child is in `ready` exactly once while its `queued` is set, and `queued` is cleared just before it is
/// polled. So a wake is never lost, and no child is listed twice.
pub(crate) struct Children<F> {
    /// None where a child is done. Boxed one by one: children are pinned, and there may be any number.
    futures: Vec<Option<Pin<Box<F>>>>,
    wakers: Vec<Arc<Child>>,
    shared: Arc<Mutex<Shared>>,
    left: usize,
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
    pub(crate) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        let futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
        let left = futures.len();
        let shared = Arc::new(Mutex::new(Shared { ready: (0..left).collect(), parent: None }));
        let wakers = (0..left)
            .map(|index| Arc::new(Child { index, queued: AtomicBool::new(true), shared: shared.clone() }))
            .collect();
        Self { futures, wakers, shared, left }
    }

    /// How many children there were in the beginning.
    pub(crate) fn len(&self) -> usize {
        self.futures.len()
    }

    /// The next child to finish, with its output; None when all have.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, F::Output)>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut parent = Some(cx.waker().clone());
        let mut turns = {
            let mut shared = self.shared.lock();
            mem::swap(&mut shared.parent, &mut parent);
            shared.ready.len()
        };
        drop(parent);
        loop {
            if turns == 0 {
                break;
            }
            turns -= 1;
            let Some(index) = self.shared.lock().ready.pop_front() else { break };
            let child = &self.wakers[index];
            // Ordering: see `wake_by_ref`.
            child.queued.swap(false, Ordering::AcqRel);
            // A child that is done may still be woken.
            let Some(future) = &mut self.futures[index] else { continue };
            let waker = Waker::from(child.clone());
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.left -= 1;
                self.futures[index] = None;
                return Poll::Ready(Some((index, output)));
            }
        }
        // Children that became ready meanwhile wait until the other tasks had their turn; their wake took the parent.
        Poll::Pending
    }
}

impl<F> fmt::Debug for Children<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children").field("left", &self.left).field("of", &self.futures.len()).finish()
    }
}

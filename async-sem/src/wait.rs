//! The waiter's side: how a future enters the queue, is granted permits, or is cancelled.

use crate::raw::{
    CLOSED, Entering, MAX_PERMITS, OPEN, PastMax, QUEUE, Raw, SemProtocol, owned_permits, set_owned_word,
    try_acquire_after_close, try_acquire_or_announce,
};
use std::{
    ops::Deref,
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{Handle, Locked, WaitQueue, Waiter};

/// A future's handle of its semaphore: a reference or an `Arc`.
pub(crate) struct SemaphoreHandle<R>(pub(crate) R);

impl<R: Deref<Target: Raw>> Handle for SemaphoreHandle<R> {
    const CALL: &'static str = "acquire";

    type Protocol = SemProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<SemProtocol> {
        &self.0.raw().0
    }

    fn cancel_queued(&self, queue: Locked<'_, SemProtocol>, _wanted: &mut usize) {
        let free = owned_permits(queue.word());
        if queue.is_empty() {
            // It was the last waiter: S1.
            set_owned_word(queue.word(), free, queue.closed);
        } else {
            // It may have been the front waiter, and there may be enough permits for those behind it. (Not if the
            // semaphore is closed: S7.)
            self.0.raw().distribute(queue, free);
        }
    }

    fn cancel_granted(&self, granted: &mut usize) {
        if *granted <= MAX_PERMITS {
            // Saturated releases are never refused.
            _ = self.0.raw().release(*granted, PastMax::Saturate);
        }
    }
}

/// Polls a wait for permits. Ready with the semaphore's reference and the permits, which the caller owns from then on,
/// or with [`CLOSED`].
#[inline(always)]
pub(crate) fn poll_acquire<R>(
    mut waiter: Pin<&mut Waiter<SemaphoreHandle<R>>>,
    cx: &mut Context<'_>,
) -> Poll<(R, usize)>
where
    R: Deref<Target: Raw>,
{
    if let Some((SemaphoreHandle(from), n)) = waiter.as_mut().finish_if(|handle, n| handle.0.raw().try_acquire(*n)) {
        return Poll::Ready((from, n));
    }
    let wait = waiter.poll_wait(cx, |mut entry| {
        let (wanted, closed) = (*entry.data(), entry.closed);
        match try_acquire_or_announce(entry.word(), wanted, closed) {
            Entering::Taken => entry.ready(),
            Entering::Announced => entry.wait_in::<QUEUE>(),
            Entering::Closed => {
                *entry.data() = CLOSED;
                entry.ready()
            }
        }
    });
    wait.map(|(SemaphoreHandle(from), n)| (from, n))
}

/// Polls a wait for permits of a closed semaphore. As [`poll_acquire`], or ready with [`OPEN`].
pub(crate) fn poll_after_close<R>(
    waiter: Pin<&mut Waiter<SemaphoreHandle<R>>>,
    cx: &mut Context<'_>,
) -> Poll<(R, usize)>
where
    R: Deref<Target: Raw>,
{
    let wait = waiter.poll_wait(cx, |mut entry| {
        let (wanted, has_waiters) = (*entry.data(), entry.has_waiters::<QUEUE>());
        if !entry.closed {
            *entry.data() = OPEN;
            entry.ready()
        } else if try_acquire_after_close(entry.word(), wanted, has_waiters) {
            entry.ready()
        } else {
            entry.wait_in::<QUEUE>()
        }
    });
    wait.map(|(SemaphoreHandle(from), n)| (from, n))
}

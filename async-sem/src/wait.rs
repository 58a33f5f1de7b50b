//! The side of those who wait: how a future enters the queue, learns its outcome, or gives up.

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

/// A way to a semaphore, in a future: a reference or an `Arc`.
pub(crate) struct Via<R>(pub(crate) R);

impl<R: Deref<Target: Raw>> Handle for Via<R> {
    const CALL: &'static str = "acquire";

    type Protocol = SemProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<SemProtocol> {
        &self.0.raw().0
    }

    fn cancel_queued(&self, queue: Locked<'_, SemProtocol>, _wanted: &mut usize) {
        let free = owned_permits(queue.word());
        if queue.is_empty() {
            // We have been the last: S1.
            set_owned_word(queue.word(), free, queue.closed);
        } else {
            // We may have been the first, and have held back others who fit. (None does if it is closed: S7.)
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

/// Polls a wait for permits; ready with the way to the semaphore and with the permits, which are the caller's from there
/// on, or [`CLOSED`].
#[inline(always)]
pub(crate) fn poll_acquire<R>(mut waiter: Pin<&mut Waiter<Via<R>>>, cx: &mut Context<'_>) -> Poll<(R, usize)>
where
    R: Deref<Target: Raw>,
{
    if let Some((Via(from), n)) = waiter.as_mut().finish_if(|via, n| via.0.raw().try_acquire(*n)) {
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
    wait.map(|(Via(from), n)| (from, n))
}

/// Polls a wait for permits of a closed semaphore; as [`poll_acquire`], or ready with [`OPEN`].
pub(crate) fn poll_after_close<R>(waiter: Pin<&mut Waiter<Via<R>>>, cx: &mut Context<'_>) -> Poll<(R, usize)>
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
    wait.map(|(Via(from), n)| (from, n))
}

//! The side of those who wait: how a future enters the queue, learns its outcome, or gives up.

use crate::raw::{
    CLOSED, Entering, PastMax, QUEUE, Raw, RawSemaphore, SemProtocol, owned_permits, set_owned_word,
    try_acquire_after_close, try_acquire_or_announce,
};
use std::{
    mem,
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
        let free = owned_permits(&queue);
        if queue.is_empty() {
            // We have been the last: S1.
            set_owned_word(&queue, free, queue.closed);
        } else {
            // We may have been the first, and have held back others who fit. (None does if it is closed: S7.)
            self.0.raw().distribute(queue, free);
        }
    }

    fn cancel_granted(&self, granted: &mut usize) {
        if *granted != CLOSED {
            // Saturated releases are never refused.
            _ = self.0.raw().release(*granted, PastMax::Saturate);
        }
    }
}

/// Polls a wait for permits; ready with their number when they are ours, or with [`CLOSED`].
#[inline(always)]
pub(crate) fn poll_acquire<R>(mut waiter: Pin<&mut Waiter<Via<R>>>, cx: &mut Context<'_>) -> Poll<usize>
where
    R: Deref<Target: Raw>,
{
    let Some(wanted) = waiter.as_mut().fresh().copied() else {
        return waiter.as_mut().poll_grant(cx).map(|()| *waiter.data());
    };
    if waiter.handle().0.raw().try_acquire(wanted) { Poll::Ready(wanted) } else { enter(waiter, cx, wanted) }
}

#[cold]
fn enter<R>(waiter: Pin<&mut Waiter<Via<R>>>, cx: &mut Context<'_>, wanted: usize) -> Poll<usize>
where
    R: Deref<Target: Raw>,
{
    let mut entry = waiter.entry(cx.waker());
    match try_acquire_or_announce(&entry, wanted) {
        Entering::Taken => {
            // The entry's waker is foreign code: if its drop panics, the permits are not lost.
            let taken = Taken { raw: entry.handle().0.raw(), permits: wanted };
            drop(entry);
            mem::forget(taken);
            Poll::Ready(wanted)
        }
        Entering::Announced => {
            entry.wait_in(QUEUE);
            Poll::Pending
        }
        Entering::Closed => Poll::Ready(CLOSED),
    }
}

/// Polls a wait for permits of a closed semaphore; `Err` if it is open.
pub(crate) fn poll_after_close<R>(
    mut waiter: Pin<&mut Waiter<Via<R>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<usize, Open>>
where
    R: Deref<Target: Raw>,
{
    if waiter.has_begun() {
        return waiter.as_mut().poll_grant(cx).map(|()| Ok(*waiter.data()));
    }
    let wanted = *waiter.as_mut().data();
    let mut entry = waiter.entry(cx.waker());
    if !entry.closed {
        return Poll::Ready(Err(Open));
    }
    if try_acquire_after_close(&entry, wanted) {
        // As in `enter`.
        let taken = Taken { raw: entry.handle().0.raw(), permits: wanted };
        drop(entry);
        mem::forget(taken);
        return Poll::Ready(Ok(wanted));
    }
    entry.wait_in(QUEUE);
    Poll::Pending
}

/// The semaphore is not closed.
pub(crate) struct Open;

/// Permits that were taken and that nobody owns yet: a panic in between gives them back.
struct Taken<'a> {
    raw: &'a RawSemaphore,
    permits: usize,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Saturated releases are never refused.
        _ = self.raw.release(self.permits, PastMax::Saturate);
    }
}

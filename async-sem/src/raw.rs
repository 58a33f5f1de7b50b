//! The engine under both semaphores: one atomic word for what needs no waiting, the wait queue for the rest.
//!
//! The word is `permits << 1 | HAS_WAITERS`, where `permits` are the free ones.
//!
//! | word | free permits | waiters | who may change the word |
//! |---|---|---|---|
//! | `p << 1` | p | none | anybody, by a compare-and-exchange; under the mutex, to set the bit |
//! | `p << 1 \| HAS_WAITERS` | p, fewer than the first waiter wants (S3) | in the queue | only under the mutex |
//!
//! - **S1** `HAS_WAITERS` is set exactly while the queue is not empty (as seen by others under the mutex).
//! - **S2** While `HAS_WAITERS` is set, the word changes only under the mutex, and no fast path works: acquire and
//!   release alike take the mutex. So a newcomer cannot pass a waiter, and whoever holds the mutex owns the word.
//! - **S3** Whoever adds permits or removes a waiter, while there are waiters, [distributes](RawSemaphore::distribute):
//!   when that is over, the first waiter wants more than there is. (Between two rounds of wake-ups the first waiter may
//!   fit; the distributor then comes back for it, and nobody else can take the permits: see S2 and
//!   [`take_up_to`](RawSemaphore::take_up_to).)
//! - **S4** A permit is at any time in exactly one place: free in the word, or held by a [`Held`](crate::permit), a
//!   granted waiter among them. It leaves the word before its waiter learns of the grant.
//! - **S5** No request and no holding is larger than [`MAX_PERMITS`], so that all of them can be shifted.
//! - **S6** Whoever acquires permits sees what was done before they were released. The word carries this: releases store
//!   with Release, takers read with Acquire, and what is in between is a read-modify-write (which keeps the chain) or
//!   reads with Acquire itself.

use std::{
    fmt, mem,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use waitline::{
    FirstPanic, Handle, List, Locked, Protocol, WaitQueue, Waiter, Wakers, const_unless_loom,
    diagnostics::{Caller, Hold, Origin},
    sync::atomic::{AtomicUsize, Ordering},
};

/// The number of free permits that the word has room for.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> 1;

const HAS_WAITERS: usize = 1;

/// How many waiters are woken in one round. Under loom one, so that models see what happens between rounds.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 1 } else { 32 };

/// The number of the only list of a semaphore's queue.
const QUEUE: usize = 0;

#[inline(always)]
fn pack(permits: usize, has_waiters: bool) -> usize {
    permits << 1 | if has_waiters { HAS_WAITERS } else { 0 }
}

#[inline(always)]
fn permits(word: usize) -> usize {
    word >> 1
}

#[inline(always)]
fn has_waiters(word: usize) -> bool {
    word & HAS_WAITERS != 0
}

/// What a release does that would leave more than [`MAX_PERMITS`] free permits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PastMax {
    /// Stop at `MAX_PERMITS`: for drops, which must not panic.
    Saturate,
    /// Change nothing.
    Refuse,
}

/// A release was refused: there were already this many free permits.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) free: usize,
}

/// `word`, in which nobody waits, after the release of `n` permits.
#[inline(always)]
fn plus(word: usize, n: usize, past_max: PastMax) -> Result<usize, Refused> {
    // Exact by S5: the sum of the words overflows if and only if the sum of the permits is past MAX_PERMITS.
    match (word.checked_add(n << 1), past_max) {
        (Some(sum), _) => Ok(sum),
        (None, PastMax::Saturate) => Ok(pack(MAX_PERMITS, false)),
        (None, PastMax::Refuse) => Err(Refused { free: permits(word) }),
    }
}

/// The types in the wait queue of a semaphore. A waiter's data is the number of permits that it wants.
#[derive(Debug)]
pub(crate) enum SemProtocol {}

impl Protocol for SemProtocol {
    const NAME: &'static str = "Semaphore";

    type Word = AtomicUsize;
    type State = ();
    type Data = usize;
    type Lists = [List<usize>; 1];
}

/// A semaphore without a name or a limit.
#[derive(Debug)]
pub struct RawSemaphore(WaitQueue<SemProtocol>);

impl RawSemaphore {
    const_unless_loom! {
        /// `permits` is at most [`MAX_PERMITS`].
        #[inline]
        #[track_caller]
        pub(crate) const fn new(permits: usize) -> Self {
            RawSemaphore(WaitQueue::new(AtomicUsize::new(permits << 1), ()))
        }
    }

    /// What the semaphore is called in reports, to be named.
    #[inline]
    pub(crate) const fn origin_mut(&mut self) -> &mut Origin {
        self.0.origin_mut()
    }

    /// Notes that whoever calls has got permits.
    #[inline(always)]
    pub(crate) fn note_holder(&self, place: Caller) -> Hold {
        self.0.origin().hold(place)
    }

    pub(crate) fn free(&self) -> usize {
        permits(self.0.word.load(Ordering::Relaxed))
    }

    pub(crate) fn waiters(&self) -> usize {
        self.0.lock().len()
    }

    /// Never blocks.
    pub(crate) fn debug_fields(&self, out: &mut fmt::DebugStruct<'_, '_>) {
        out.field("available", &self.free());
        match self.0.try_lock().map(|queue| queue.len()) {
            Some(waiters) => out.field("waiters", &waiters),
            None => out.field("waiters", &format_args!("<busy>")),
        };
    }

    /// Takes `n` permits, if they are free and nobody waits.
    #[inline(always)]
    pub(crate) fn try_acquire(&self, n: usize) -> bool {
        let word = &self.0.word;
        // The load spares those who will have to wait a failing exchange.
        let mut seen = word.load(Ordering::Relaxed);
        while !has_waiters(seen) && permits(seen) >= n {
            // Ordering: Acquire pairs with the Release of whoever freed the permits (S6).
            match word.compare_exchange(seen, seen - pack(n, false), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        // To want nothing is to pass nobody.
        n == 0
    }

    /// Gives `n` permits back: to waiters, as far as they suffice, then to the free ones.
    #[inline(always)]
    pub(crate) fn release(&self, n: usize, past_max: PastMax) -> Result<(), Refused> {
        if self.release_if_nobody_waits(n, past_max)? { Ok(()) } else { self.release_contended(n, past_max) }
    }

    /// `false`, with nothing changed, if there are waiters. Under the mutex that is a lasting answer (S1).
    #[inline(always)]
    fn release_if_nobody_waits(&self, n: usize, past_max: PastMax) -> Result<bool, Refused> {
        let word = &self.0.word;
        let mut seen = word.load(Ordering::Relaxed);
        while !has_waiters(seen) {
            let sum = plus(seen, n, past_max)?;
            // Ordering: Release pairs with the Acquire in `try_acquire`, `try_acquire_or_announce` and `owned_word`.
            match word.compare_exchange(seen, sum, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return Ok(true),
                Err(now) => seen = now,
            }
        }
        Ok(false)
    }

    #[cold]
    fn release_contended(&self, n: usize, past_max: PastMax) -> Result<(), Refused> {
        let queue = self.0.lock();
        // The last waiter may have left before we had the mutex; then others change the word as we do.
        if !self.release_if_nobody_waits(n, past_max)? {
            let free = permits(owned_word(&queue));
            let free = permits(plus(pack(free, false), n, past_max)?);
            self.distribute(queue, free);
        }
        Ok(())
    }

    /// Grants permits from the front of the queue while they suffice (S3). The mutex is free while wakers run.
    ///
    /// There are waiters; `free` is what the word should say.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was served.
    #[inline(always)]
    fn distribute<'a>(&'a self, mut queue: Locked<'a, SemProtocol>, mut free: usize) {
        // The usual case first: one waiter gets all that there is.
        let Some(first) = grant_next(&mut queue, &mut free) else { return };
        if free > 0 && !queue.is_empty() {
            return self.distribute_more(queue, free, first);
        }
        queue.unlock_and_wake(first);
    }

    /// The rest of a distribution, in rounds of [`ROUND`] wakers. There are waiters left.
    #[cold]
    fn distribute_more<'a>(&'a self, mut queue: Locked<'a, SemProtocol>, mut free: usize, first: Waker) {
        let mut wakers = Wakers::<ROUND>::new();
        wakers.push(first);
        let mut panic = FirstPanic::new();
        loop {
            while !wakers.is_full() {
                let Some(next) = grant_next(&mut queue, &mut free) else { break };
                wakers.push(next);
            }
            let more = wakers.is_full();
            drop(queue);
            panic.catch(|| wakers.wake_all());
            if !more {
                break;
            }
            queue = self.0.lock();
            // Of no meaning, but no harm either, if others have served the rest meanwhile.
            free = permits(owned_word(&queue));
        }
        panic.resume();
    }

    /// Takes up to `n` of the free permits, waiters or not, but none that is on its way to a waiter (S3).
    pub(crate) fn take_up_to(&self, n: usize) -> usize {
        let mut queue = self.0.lock();
        let word = queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let due = queue.front(QUEUE).is_some_and(|mut first| *first.data() <= permits(seen));
            let taken = if due { 0 } else { n.min(permits(seen)) };
            // Ordering: Relaxed; the permits go nowhere. Releases before this one stay visible by S6.
            match word.compare_exchange(seen, seen - pack(taken, false), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(now) => seen = now,
            }
        }
    }
}

/// The word, while we own it: with the mutex held and `HAS_WAITERS` set (S2).
#[inline(always)]
fn owned_word(queue: &Locked<'_, SemProtocol>) -> usize {
    // Ordering: Acquire pairs with the Release in `release_if_nobody_waits`, for free permits from before the first
    // waiter came: they may be granted, or stored again, from here (S6).
    queue.word().load(Ordering::Acquire)
}

/// Writes the word while we own it (S2), and gives it away if there are no `waiters`.
#[inline(always)]
fn set_owned_word(queue: &Locked<'_, SemProtocol>, free: usize, waiters: usize) {
    // Ordering: Release pairs with the Acquire in `try_acquire` and `try_acquire_or_announce`.
    queue.word().store(pack(free, waiters > 0), Ordering::Release);
}

/// Grants the first waiter what it wants, if `free` suffices; writes the word in any case, unless nobody waits. With the
/// mutex held.
#[inline(always)]
fn grant_next(queue: &mut Locked<'_, SemProtocol>, free: &mut usize) -> Option<Waker> {
    let waiters = queue.len();
    let wants = *queue.front(QUEUE)?.data();
    let Some(rest) = free.checked_sub(wants) else {
        set_owned_word(queue, *free, waiters);
        return None;
    };
    *free = rest;
    // S4: before the grant, so that the waiter finds the word as its grant has left it.
    set_owned_word(queue, rest, waiters - 1);
    Some(queue.front(QUEUE)?.grant())
}

/// Takes `n` permits, or sees to it that those who release permits look at the queue. With the mutex held.
///
/// `false`: the caller must enter the queue before it lets go of the mutex (S1).
#[inline(always)]
fn try_acquire_or_announce(queue: &Locked<'_, SemProtocol>, n: usize) -> bool {
    let word = queue.word();
    let mut seen = word.load(Ordering::Relaxed);
    while !has_waiters(seen) {
        let fits = permits(seen) >= n;
        let (to, success) = if fits {
            // Ordering: Acquire as in `try_acquire`.
            (seen - pack(n, false), Ordering::Acquire)
        } else {
            // Ordering: Relaxed; those who look for waiters find ours by way of the mutex.
            (seen | HAS_WAITERS, Ordering::Relaxed)
        };
        match word.compare_exchange(seen, to, success, Ordering::Relaxed) {
            Ok(_) => return fits,
            Err(now) => seen = now,
        }
    }
    false
}

/// What the two semaphores have in common, for permits and futures.
pub trait Raw {
    /// The engine.
    fn raw(&self) -> &RawSemaphore;
    /// `n` permits were taken away for good: they are neither free nor held any more.
    fn note_forgotten(&self, n: usize);
}

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
        let free = permits(owned_word(&queue));
        if queue.is_empty() {
            // We have been the last: S1.
            set_owned_word(&queue, free, 0);
        } else {
            // We may have been the first, and have held back others who fit.
            self.0.raw().distribute(queue, free);
        }
    }

    fn cancel_granted(&self, granted: &mut usize) {
        // Saturated releases are never refused.
        _ = self.0.raw().release(*granted, PastMax::Saturate);
    }
}

/// Polls a wait for permits; ready with their number when they are ours.
#[inline(always)]
pub(crate) fn poll_acquire<R>(mut waiter: Pin<&mut Waiter<Via<R>>>, cx: &mut Context<'_>) -> Poll<usize>
where
    R: Deref<Target: Raw>,
{
    if waiter.has_begun() {
        return waiter.as_mut().poll_grant(cx).map(|()| *waiter.data());
    }
    let wanted = *waiter.as_mut().data();
    if waiter.handle().0.raw().try_acquire(wanted) { Poll::Ready(wanted) } else { enter(waiter, cx, wanted) }
}

#[cold]
fn enter<R>(waiter: Pin<&mut Waiter<Via<R>>>, cx: &mut Context<'_>, wanted: usize) -> Poll<usize>
where
    R: Deref<Target: Raw>,
{
    let mut entry = waiter.entry(cx.waker());
    if try_acquire_or_announce(&entry, wanted) {
        // The entry's waker is foreign code: if its drop panics, the permits are not lost.
        let taken = Taken { raw: entry.handle().0.raw(), permits: wanted };
        drop(entry);
        mem::forget(taken);
        return Poll::Ready(wanted);
    }
    entry.wait_in(QUEUE);
    Poll::Pending
}

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

//! The engine under both semaphores: one atomic word for what needs no waiting, the wait queue for the rest.
//!
//! The word is `permits << 1 | GUARDED`, where `permits` are the free ones.
//!
//! | word | semaphore | free permits | waiters | who may change the word |
//! |---|---|---|---|---|
//! | `p << 1` | open | p | none | anybody, by a compare-and-exchange; under the mutex, to set the bit |
//! | `p << 1 \| GUARDED` | open | p, fewer than the first waiter wants (S3) | in the queue | only under the mutex |
//! | `p << 1 \| GUARDED` | closed | p | none but those of S7 | only under the mutex; the bit stays |
//!
//! - **S1** `GUARDED` is set exactly while the queue is not empty or the semaphore is closed (as seen by others under the
//!   mutex).
//! - **S2** While `GUARDED` is set, the word changes only under the mutex, and no fast path works: acquire and
//!   release alike take the mutex. So a newcomer cannot pass a waiter, and whoever holds the mutex owns the word.
//! - **S3** Whoever adds permits or removes a waiter, while there are waiters, [distributes](RawSemaphore::distribute):
//!   when that is over, the first waiter wants more than there is. (Between two rounds of wake-ups the first waiter may
//!   fit; the distributor then comes back for it, and nobody else can take the permits: see S2 and
//!   [`take_up_to`](RawSemaphore::take_up_to). A close in between takes precedence: S7.)
//! - **S4** A permit is at any time in exactly one place: free in the word, or held by a [`Held`](crate::permit), a
//!   granted waiter among them. It leaves the word before its waiter learns of the grant.
//! - **S5** No request and no holding is larger than [`MAX_PERMITS`], so that all of them can be shifted.
//! - **S6** Whoever acquires permits sees what was done before they were released. The word carries this: releases store
//!   with Release, takers read with Acquire, and what is in between is a read-modify-write (which keeps the chain) or
//!   reads with Acquire itself.
//! - **S7** [`close`](RawSemaphore::close) is one step under the mutex. From then on whoever is in the queue wants
//!   [`CLOSED`], more than there ever is: no distribution grants it anything, whatever comes back. The closer takes these
//!   waiters out, in rounds, and each learns from its data that there is nothing for it. Behind them nobody enters the
//!   queue but those who [wait after the close](try_acquire_after_close), to whom S3 and S4 apply. Permits that are out,
//!   those of granted waiters among them, are not touched, and come back into the word. Whoever learns of the close sees
//!   what was done before it, by way of the mutex or of the end of its wait.

use std::{fmt, task::Waker};
use waitline::{
    FirstPanic, List, Locked, Protocol, WaitQueue, Wakers, busy_or, const_unless_loom,
    diagnostics::{Caller, Hold},
    sync::atomic::{AtomicUsize, Ordering},
};

/// The number of free permits that the word has room for.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> 1;

/// What a waiter wants, and is told, once the semaphore is closed: more than any number of permits (S7).
pub(crate) const CLOSED: usize = usize::MAX;

/// What a wait for the time after the close is told if the semaphore is open.
pub(crate) const OPEN: usize = usize::MAX - 1;

const GUARDED: usize = 1;

/// How many waiters are woken in one round. Under loom one, so that models see what happens between rounds.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 1 } else { 32 };

/// The number of the only list of a semaphore's queue.
pub(crate) const QUEUE: usize = 0;

#[inline(always)]
fn pack(permits: usize, guarded: bool) -> usize {
    permits << 1 | if guarded { GUARDED } else { 0 }
}

#[inline(always)]
fn permits(word: usize) -> usize {
    word >> 1
}

#[inline(always)]
fn is_guarded(word: usize) -> bool {
    word & GUARDED != 0
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

/// `word`, which is not guarded, after the release of `n` permits.
#[inline(always)]
fn plus(word: usize, n: usize, past_max: PastMax) -> Result<usize, Refused> {
    // Exact by S5: the sum of the words overflows if and only if the sum of the permits is past MAX_PERMITS.
    match (word.checked_add(n << 1), past_max) {
        (Some(sum), _) => Ok(sum),
        (None, PastMax::Saturate) => Ok(pack(MAX_PERMITS, false)),
        (None, PastMax::Refuse) => Err(Refused { free: permits(word) }),
    }
}

/// What only the holder of the mutex sees.
#[derive(Debug)]
pub(crate) struct State {
    /// For ever, once it is set.
    pub(crate) closed: bool,
}

/// The types in the wait queue of a semaphore. A waiter's data is the number of permits that it wants, or [`CLOSED`].
#[derive(Debug)]
pub(crate) enum SemProtocol {}

impl Protocol for SemProtocol {
    const NAME: &'static str = "Semaphore";

    type Word = AtomicUsize;
    type State = State;
    type Data = usize;
    type Lists = [List<usize>; 1];
}

/// A semaphore without a name or a limit.
#[derive(Debug)]
pub struct RawSemaphore(pub(crate) WaitQueue<SemProtocol>);

impl RawSemaphore {
    const_unless_loom! {
        /// `permits` is at most [`MAX_PERMITS`].
        #[inline]
        #[track_caller]
        pub(crate) const fn new(permits: usize) -> Self {
            RawSemaphore(WaitQueue::new(AtomicUsize::new(permits << 1), State { closed: false }))
        }
    }

    /// What the semaphore is called in reports, to be named.
    #[inline]
    pub(crate) const fn set_kind(&mut self, kind: &'static str) {
        self.0.set_kind(kind);
    }

    /// Sets what the user calls the semaphore in reports.
    #[inline]
    pub(crate) const fn set_label(&mut self, label: &'static str) {
        self.0.set_label(label);
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
        let seen = self.0.try_lock().map(|queue| (queue.len(), queue.closed));
        out.field("waiters", busy_or(&seen.map(|seen| seen.0)));
        if matches!(seen, Some((_, true))) {
            out.field("closed", &true);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Ordering: Relaxed; the bit of a close that happened before cannot be missed, for it is never cleared. Who
        // finds it goes on to the mutex, and sees what was done before the close.
        is_guarded(self.0.word.load(Ordering::Relaxed)) && self.0.lock().closed
    }

    /// Fails those who wait, in rounds of [`ROUND`] wakers, and all who come later (S7). Whether it was open.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was told.
    #[cold]
    pub(crate) fn close(&self) -> bool {
        let mut queue = self.0.lock();
        if !mark_closed(&mut queue) {
            return false;
        }
        let mut panic = FirstPanic::new();
        panic.catch(|| queue.wake_in_rounds::<ROUND>(|mut queue, wakers| tell_closed(&mut queue, wakers)));
        // Others may have come between two rounds, and those who were told stood before them: S3.
        panic.catch(|| self.distribute_after_close());
        panic.resume();
        true
    }

    /// Distributes what is free at a closed semaphore, whose word is owned by the section.
    fn distribute_after_close(&self) {
        let queue = self.0.lock();
        let free = owned_permits(queue.word());
        self.distribute(queue, free);
    }

    /// Takes `n` permits, if they are free, nobody waits and the semaphore is open.
    #[inline(always)]
    pub(crate) fn try_acquire(&self, n: usize) -> bool {
        let word = &self.0.word;
        // The load spares those who will have to wait a failing exchange.
        let mut seen = word.load(Ordering::Relaxed);
        while !is_guarded(seen) && permits(seen) >= n {
            // Ordering: Acquire pairs with the Release of whoever freed the permits (S6).
            match word.compare_exchange(seen, seen - pack(n, false), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        // To want nothing is to pass nobody.
        n == 0 && self.is_open()
    }

    #[cold]
    fn is_open(&self) -> bool {
        !self.is_closed()
    }

    /// Gives `n` permits back: to waiters, as far as they suffice, then to the free ones.
    #[inline(always)]
    pub(crate) fn release(&self, n: usize, past_max: PastMax) -> Result<(), Refused> {
        if self.release_unguarded(n, past_max)? { Ok(()) } else { self.release_contended(n, past_max) }
    }

    /// `false`, with nothing changed, if the word is guarded. Under the mutex that is a lasting answer (S1).
    #[inline(always)]
    fn release_unguarded(&self, n: usize, past_max: PastMax) -> Result<bool, Refused> {
        let word = &self.0.word;
        let mut seen = word.load(Ordering::Relaxed);
        while !is_guarded(seen) {
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
        if !self.release_unguarded(n, past_max)? {
            let free = permits(owned_word(queue.word()));
            let free = permits(plus(pack(free, false), n, past_max)?);
            self.distribute(queue, free);
        }
        Ok(())
    }

    /// Grants permits from the front of the queue while they suffice (S3). The mutex is free while wakers run.
    ///
    /// The word is guarded; `free` is what it should say.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was served.
    #[inline(always)]
    pub(crate) fn distribute<'a>(&'a self, mut queue: Locked<'a, SemProtocol>, mut free: usize) {
        // The usual case first: one waiter gets all that there is.
        let Some(first) = grant_next(&mut queue, &mut free) else {
            // The first waiter wants more, or the semaphore is closed. Either way S1 keeps the bit.
            return set_owned_word(queue.word(), free, true);
        };
        if free > 0 && !queue.is_empty() {
            return self.distribute_more(queue, free, first);
        }
        queue.unlock_and_wake(first);
    }

    /// The rest of a distribution, in rounds of [`ROUND`] wakers. There are waiters left.
    #[cold]
    fn distribute_more(&self, queue: Locked<'_, SemProtocol>, mut free: usize, first: Waker) {
        let mut first = Some(first);
        queue.wake_in_rounds::<ROUND>(|mut queue, wakers| {
            match first.take() {
                Some(first) => wakers.push(first),
                // Of no meaning, but no harm either, if others have served or dismissed the rest meanwhile.
                None => free = owned_permits(queue.word()),
            }
            while !wakers.is_full() {
                let Some(next) = grant_next(&mut queue, &mut free) else { return false };
                wakers.push(next);
            }
            true
        });
    }

    /// Takes up to `n` of the free permits, waiters or not, but none that is on its way to a waiter (S3).
    pub(crate) fn take_up_to(&self, n: usize) -> usize {
        let mut queue = self.0.lock();
        let word = queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let due = queue.front::<QUEUE>().is_some_and(|mut first| *first.data() <= permits(seen));
            let taken = if due { 0 } else { n.min(permits(seen)) };
            // Ordering: Relaxed; the permits go nowhere. Releases before this one stay visible by S6.
            match word.compare_exchange(seen, seen - pack(taken, false), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(now) => seen = now,
            }
        }
    }
}

/// The word, while we own it: with the mutex held and `GUARDED` set (S2).
#[inline(always)]
fn owned_word(word: &AtomicUsize) -> usize {
    // Ordering: Acquire pairs with the Release in `release_unguarded`, for free permits from before the word was
    // guarded: they may be granted, or stored again, from here (S6).
    word.load(Ordering::Acquire)
}

/// The number of free permits, while we own the word.
#[inline(always)]
pub(crate) fn owned_permits(word: &AtomicUsize) -> usize {
    permits(owned_word(word))
}

#[inline(always)]
pub(crate) fn set_owned_word(word: &AtomicUsize, free: usize, guarded: bool) {
    // Ordering: Release pairs with the Acquire in `try_acquire` and `try_acquire_or_announce`.
    word.store(pack(free, guarded), Ordering::Release);
}

/// Grants the first waiter what it wants, if `free` suffices, and writes the word. With the mutex held.
///
/// `None`, with nothing written, if it does not suffice or nobody waits.
#[inline(always)]
fn grant_next(queue: &mut Locked<'_, SemProtocol>, free: &mut usize) -> Option<Waker> {
    let (word, others, closed) = (queue.word(), queue.len() > 1, queue.closed);
    let mut first = queue.front::<QUEUE>()?;
    *free = free.checked_sub(*first.data())?;
    // S4: before the grant, so that the waiter finds the word as its grant has left it.
    set_owned_word(word, *free, others | closed);
    Some(first.grant())
}

/// Closes the semaphore for those who wait and for those who come (S7), and says whether it was open. With the mutex held.
fn mark_closed(queue: &mut Locked<'_, SemProtocol>) -> bool {
    if queue.closed {
        return false;
    }
    queue.closed = true;
    // Ordering: Relaxed; what this is to say is said by the mutex, and releases before it stay visible by S6.
    queue.word().fetch_or(GUARDED, Ordering::Relaxed);
    queue.for_each::<QUEUE>(|wants| *wants = CLOSED);
    true
}

/// Ends the waits that the close has failed, until `wakers` is full; `true` if some are left. With the mutex held.
fn tell_closed(queue: &mut Locked<'_, SemProtocol>, wakers: &mut Wakers<ROUND>) -> bool {
    while let Some(mut first) = queue.front::<QUEUE>() {
        if *first.data() != CLOSED {
            return false;
        }
        if wakers.is_full() {
            return true;
        }
        wakers.push(first.grant());
    }
    false
}

/// What [`try_acquire_or_announce`] has come to.
pub(crate) enum Entering {
    /// The permits are taken.
    Taken,
    /// The caller must enter the queue before it lets go of the mutex (S1).
    Announced,
    /// The semaphore is closed: the caller must not enter the queue (S7).
    Closed,
}

/// Takes `n` permits, or sees to it that those who release permits look at the queue. With the mutex held.
#[inline(always)]
pub(crate) fn try_acquire_or_announce(word: &AtomicUsize, n: usize, closed: bool) -> Entering {
    let mut seen = word.load(Ordering::Relaxed);
    while !is_guarded(seen) {
        let fits = permits(seen) >= n;
        let (to, success) = if fits {
            // Ordering: Acquire as in `try_acquire`.
            (seen - pack(n, false), Ordering::Acquire)
        } else {
            // Ordering: Relaxed; those who look for waiters find ours by way of the mutex.
            (seen | GUARDED, Ordering::Relaxed)
        };
        match word.compare_exchange(seen, to, success, Ordering::Relaxed) {
            Ok(_) if fits => return Entering::Taken,
            Ok(_) => return Entering::Announced,
            Err(now) => seen = now,
        }
    }
    // Guarded for others who wait, or for ever.
    if closed { Entering::Closed } else { Entering::Announced }
}

/// Takes `n` permits of a closed semaphore, if they are free and nobody waits for them. With the mutex held.
///
/// `false`: the caller must enter the queue before it lets go of the mutex.
pub(crate) fn try_acquire_after_close(word: &AtomicUsize, n: usize, has_waiters: bool) -> bool {
    let free = owned_permits(word);
    // To want nothing is to pass nobody.
    let fits = n <= free && (!has_waiters || n == 0);
    if fits {
        set_owned_word(word, free - n, true);
    }
    fits
}

/// What the two semaphores have in common, for permits and futures.
pub trait Raw {
    /// The type's name, for panics.
    const NAME: &'static str;
    /// The engine.
    fn raw(&self) -> &RawSemaphore;
    /// `n` permits were taken away for good: they are neither free nor held any more.
    fn note_forgotten(&self, n: usize);
}

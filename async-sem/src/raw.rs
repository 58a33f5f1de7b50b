//! The core of both semaphores: one atomic word for calls that do not wait, and the wait queue for the others.
//!
//! The word is `permits << 1 | GUARDED`, where `permits` is the number of free permits.
//!
//! | word | semaphore | free permits | waiters | how the word may change |
//! |---|---|---|---|---|
//! | `p << 1` | open | p | none | by a compare-and-exchange of any thread; under the mutex, to set the bit |
//! | `p << 1 \| GUARDED` | open | p, fewer than the first waiter wants (S3) | in the queue | only under the mutex |
//! | `p << 1 \| GUARDED` | closed | p | none but those of S7 | only under the mutex; the bit stays |
//!
//! - **S1** `GUARDED` is set exactly while the queue is not empty or the semaphore is closed, as seen under the mutex.
//! - **S2** While `GUARDED` is set, the word changes only under the mutex, and no fast path works: acquire and release
//!   both take the mutex. So a new request cannot pass a waiter, and the section owns the word.
//! - **S3** Code that adds permits or removes a waiter, while there are waiters,
//!   [distributes](RawSemaphore::distribute). After that, the front waiter wants more permits than are free. (Between
//!   two rounds of wake-ups there may be enough for the front waiter. The distributor then comes back for it, and no
//!   other code can take the permits: see S2 and [`take_up_to`](RawSemaphore::take_up_to). A close in between takes
//!   precedence: S7.)
//! - **S4** A permit is always in exactly one state: free in the word, or held by a [`Held`](crate::permit) or by a
//!   granted waiter. It leaves the word before its waiter is granted.
//! - **S5** No request and no holding is larger than [`MAX_PERMITS`], so that all of them can be shifted left.
//! - **S6** Everything before a release of permits happens before everything after they are acquired. The word ensures
//!   this: a release stores with Release, an acquire reads with Acquire, and every operation in between is a
//!   read-modify-write (which continues the release sequence) or reads with Acquire itself.
//! - **S7** [`close`](RawSemaphore::close) is one step under the mutex. It sets the data of every waiter to [`CLOSED`],
//!   which is more than any number of permits: no distribution grants it permits, however many are released. The close
//!   ends these waits, in rounds, and each waiter learns from its data that it has failed. From then on, only waits for
//!   the time [after the close](try_acquire_after_close) enter the queue; S3 and S4 apply to them. Held permits,
//!   including those of granted waiters, are not touched, and return to the word when they are released. Everything
//!   before the close happens before what its observers do next, through the mutex or through the end of their wait.

use std::{fmt, task::Waker};
use waitline::{
    FirstPanic, List, Locked, Protocol, WaitQueue, Wakers, busy_or, const_unless_loom,
    diagnostics::{Caller, Hold},
    sync::atomic::{AtomicUsize, Ordering},
};

/// The largest number of free permits that the word can represent.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> 1;

/// The data of a waiter that a close has failed: more than any number of permits (S7).
pub(crate) const CLOSED: usize = usize::MAX;

/// The data of a wait for the time after the close that finds the semaphore open.
pub(crate) const OPEN: usize = usize::MAX - 1;

const GUARDED: usize = 1;

/// How many waiters are woken in one round. Under loom one, so that models see what happens between rounds.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 1 } else { 32 };

/// The index of the only list in a semaphore's queue.
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

/// What to do if a release would leave more than [`MAX_PERMITS`] free permits.
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
    // Exact by S5: the sum of the words overflows if and only if the sum of the permits is more than MAX_PERMITS.
    match (word.checked_add(n << 1), past_max) {
        (Some(sum), _) => Ok(sum),
        (None, PastMax::Saturate) => Ok(pack(MAX_PERMITS, false)),
        (None, PastMax::Refuse) => Err(Refused { free: permits(word) }),
    }
}

/// The state under the mutex.
#[derive(Debug)]
pub(crate) struct State {
    /// Never cleared once it is set.
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

    /// Sets the type that reports show.
    #[inline]
    pub(crate) const fn set_kind(&mut self, kind: &'static str) {
        self.0.set_kind(kind);
    }

    /// Sets the user's name for the semaphore in reports.
    #[inline]
    pub(crate) const fn set_label(&mut self, label: &'static str) {
        self.0.set_label(label);
    }

    /// Records that the calling task or thread holds permits.
    #[inline(always)]
    pub(crate) fn note_holder(&self, location: Caller) -> Hold {
        self.0.origin().hold(location)
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
        // Ordering: Relaxed. If a close happened before this call, its bit is visible, because it is never cleared. A
        // caller that finds the bit takes the mutex next, and so sees everything before the close.
        is_guarded(self.0.word.load(Ordering::Relaxed)) && self.0.lock().closed
    }

    /// Fails all waits, in rounds of [`ROUND`] wakers, and all later acquires (S7). Returns whether the semaphore was
    /// open.
    ///
    /// # Panics
    ///
    /// If a waker panics. All other waiters are woken first.
    #[cold]
    pub(crate) fn close(&self) -> bool {
        let mut queue = self.0.lock();
        if !mark_closed(&mut queue) {
            return false;
        }
        let mut panic = FirstPanic::new();
        panic.catch(|| queue.wake_in_rounds::<ROUND>(|mut queue, wakers| end_failed_waits(&mut queue, wakers)));
        // Waits for the time after the close may have come between two rounds, behind the failed ones: S3.
        panic.catch(|| self.distribute_after_close());
        panic.resume();
        true
    }

    /// Distributes the free permits of a closed semaphore, whose word the section owns.
    fn distribute_after_close(&self) {
        let queue = self.0.lock();
        let free = owned_permits(queue.word());
        self.distribute(queue, free);
    }

    /// Takes `n` permits, if they are free, no task waits and the semaphore is open.
    #[inline(always)]
    pub(crate) fn try_acquire(&self, n: usize) -> bool {
        let word = &self.0.word;
        // The load saves a failing exchange for a caller that has to wait.
        let mut seen = word.load(Ordering::Relaxed);
        while !is_guarded(seen) && permits(seen) >= n {
            // Ordering: Acquire pairs with the Release of the call that released the permits (S6).
            match word.compare_exchange(seen, seen - pack(n, false), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        // A request for 0 permits passes no waiter.
        n == 0 && self.is_open()
    }

    #[cold]
    fn is_open(&self) -> bool {
        !self.is_closed()
    }

    /// Releases `n` permits: to waiters first, and the rest to the word.
    #[inline(always)]
    pub(crate) fn release(&self, n: usize, past_max: PastMax) -> Result<(), Refused> {
        if self.release_unguarded(n, past_max)? { Ok(()) } else { self.release_contended(n, past_max) }
    }

    /// Returns `false` and changes nothing if the word is guarded. Under the mutex that answer is final (S1).
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
        // The last waiter may have left before we had the mutex. Then fast paths change the word again, and so do we.
        if !self.release_unguarded(n, past_max)? {
            let free = permits(owned_word(queue.word()));
            let free = permits(plus(pack(free, false), n, past_max)?);
            self.distribute(queue, free);
        }
        Ok(())
    }

    /// Grants permits from the front of the queue while they suffice (S3). The mutex is free while wakers run.
    ///
    /// The word is guarded. `free` is the number of free permits that it is to have.
    ///
    /// # Panics
    ///
    /// If a waker panics. All other waiters are granted first.
    #[inline(always)]
    pub(crate) fn distribute<'a>(&'a self, mut queue: Locked<'a, SemProtocol>, mut free: usize) {
        // The usual case first: one waiter is granted all free permits.
        let Some(first) = grant_next(&mut queue, &mut free) else {
            // The first waiter wants more, or the semaphore is closed. Either way S1 keeps the bit.
            return set_owned_word(queue.word(), free, true);
        };
        if free > 0 && !queue.is_empty() {
            return self.distribute_more(queue, free, first);
        }
        queue.unlock_and_wake(first);
    }

    /// The rest of a distribution, in rounds of [`ROUND`] wakers. The queue is not empty.
    #[cold]
    fn distribute_more(&self, queue: Locked<'_, SemProtocol>, mut free: usize, first: Waker) {
        let mut first = Some(first);
        queue.wake_in_rounds::<ROUND>(|mut queue, wakers| {
            match first.take() {
                Some(first) => wakers.push(first),
                // Meaningless, but harmless, if another thread has granted or failed the other waiters meanwhile.
                None => free = owned_permits(queue.word()),
            }
            while !wakers.is_full() {
                let Some(next) = grant_next(&mut queue, &mut free) else { return false };
                wakers.push(next);
            }
            true
        });
    }

    /// Takes up to `n` of the free permits, whether or not tasks wait, but none that is about to be granted (S3).
    pub(crate) fn take_up_to(&self, n: usize) -> usize {
        let mut queue = self.0.lock();
        let word = queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let due = queue.front::<QUEUE>().is_some_and(|mut first| *first.data() <= permits(seen));
            let taken = if due { 0 } else { n.min(permits(seen)) };
            // Ordering: Relaxed, because no other code receives the permits. Earlier releases stay visible by S6.
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
    // Ordering: Acquire pairs with the Release in `release_unguarded`, for permits that were free before the word was
    // guarded: the section may grant them, or store them again (S6).
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

/// Grants the front waiter what it wants, if `free` suffices, and writes the word. With the mutex held.
///
/// Returns `None` and writes nothing if it does not suffice or no task waits.
#[inline(always)]
fn grant_next(queue: &mut Locked<'_, SemProtocol>, free: &mut usize) -> Option<Waker> {
    let (word, others, closed) = (queue.word(), queue.len() > 1, queue.closed);
    let mut first = queue.front::<QUEUE>()?;
    *free = free.checked_sub(*first.data())?;
    // S4: before the grant, so that the waiter finds the permits gone from the word.
    set_owned_word(word, *free, others | closed);
    Some(first.grant())
}

/// Closes the semaphore for present and later waits (S7), and returns whether it was open. With the mutex held.
fn mark_closed(queue: &mut Locked<'_, SemProtocol>) -> bool {
    if queue.closed {
        return false;
    }
    queue.closed = true;
    // Ordering: Relaxed, because the mutex publishes the close, and earlier releases stay visible by S6.
    queue.word().fetch_or(GUARDED, Ordering::Relaxed);
    queue.for_each::<QUEUE>(|wants| *wants = CLOSED);
    true
}

/// Ends the waits that the close has failed, until `wakers` is full. Returns `true` if some are left. With the mutex
/// held.
fn end_failed_waits(queue: &mut Locked<'_, SemProtocol>, wakers: &mut Wakers<ROUND>) -> bool {
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

/// The result of [`try_acquire_or_announce`].
pub(crate) enum Entering {
    /// The permits are taken.
    Taken,
    /// The caller must enter the queue before it releases the mutex (S1).
    Announced,
    /// The semaphore is closed: the caller must not enter the queue (S7).
    Closed,
}

/// Takes `n` permits, or sets `GUARDED` so that later releases look at the queue. With the mutex held.
#[inline(always)]
pub(crate) fn try_acquire_or_announce(word: &AtomicUsize, n: usize, closed: bool) -> Entering {
    let mut seen = word.load(Ordering::Relaxed);
    while !is_guarded(seen) {
        let fits = permits(seen) >= n;
        let (to, success) = if fits {
            // Ordering: Acquire as in `try_acquire`.
            (seen - pack(n, false), Ordering::Acquire)
        } else {
            // Ordering: Relaxed, because a release finds our waiter through the mutex.
            (seen | GUARDED, Ordering::Relaxed)
        };
        match word.compare_exchange(seen, to, success, Ordering::Relaxed) {
            Ok(_) if fits => return Entering::Taken,
            Ok(_) => return Entering::Announced,
            Err(now) => seen = now,
        }
    }
    // Guarded because of other waiters, or closed.
    if closed { Entering::Closed } else { Entering::Announced }
}

/// Takes `n` permits of a closed semaphore, if they are free and no task waits for them. With the mutex held.
///
/// If it returns `false`, the caller must enter the queue before it releases the mutex.
pub(crate) fn try_acquire_after_close(word: &AtomicUsize, n: usize, has_waiters: bool) -> bool {
    let free = owned_permits(word);
    // A request for 0 permits passes no waiter.
    let fits = n <= free && (!has_waiters || n == 0);
    if fits {
        set_owned_word(word, free - n, true);
    }
    fits
}

/// The common part of both semaphores, for permits and futures.
pub trait Raw {
    /// The type's name, for panics.
    const NAME: &'static str;
    /// The core.
    fn raw(&self) -> &RawSemaphore;
    /// Records that `n` permits were taken away for good: they are neither free nor held any more.
    fn note_forgotten(&self, n: usize);
}

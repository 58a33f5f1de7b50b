//! [`RawRwLock`], a readers-writer lock without a value: one atomic word for calls that do not wait, and the wait queue
//! for the others.
//!
//! The word is `readers * READER`, plus `UPGRADABLE`, `WRITER` and `WAITERS`.
//!
//! | readers | `UPGRADABLE` | `WRITER` | the lock is | who fits in |
//! |---|---|---|---|---|
//! | 0 | no | no | free | anyone |
//! | any | no | no | read by `readers` | readers, one upgradable reader |
//! | any | yes | no | read by `readers`, and by an upgradable reader | readers; the upgrade, once `readers` is 0 |
//! | 0 | no | yes | written | nobody |
//! | | | yes | with readers or `UPGRADABLE`: impossible | |
//!
//! The waiters are in two lists: at most one in `UPGRADE`, and all others in `QUEUE`, in the order in which they came.
//!
//! - **R1** `WAITERS` is set exactly while a waiter that is not chosen (R6) is in one of the lists, as seen under the
//!   mutex. (A section that removes a waiter ends with [`settle`], which clears the bit after the last one. An upgrade
//!   that is dropped removes itself first, and then releases its upgradable read, which settles.)
//! - **R2** While `WAITERS` is set, rights are added to the word only under the mutex: no fast path works, and so no
//!   newcomer passes a waiter. Outside of the mutex they are only released or weakened (a downgrade). So what a section
//!   has seen to fit still fits when it adds it.
//! - **R3** A release or a downgrade that finds `WAITERS` set settles, unless readers are left after a reader. After a
//!   settlement the front waiter does not fit in: it, and all waiters behind it, wait for a right that is held, and
//!   whose release will settle. (Between a release and its settlement the front waiter may fit in; by R2 no other
//!   request can come before it.)
//! - **R4** Rights are added to the word before their waiter is granted. From then on they belong to the waiter, polled
//!   or not, and leave the word by its release.
//! - **R5** A waiting upgrade goes before all other waiters. It holds a read that excludes every writer, so a writer
//!   that went first would wait for ever. Its waiter keeps `UPGRADABLE` in the word until it is granted `WRITER`.
//! - **R6** A settlement decides in one section on all waiters that it grants. Those of the first round are granted at
//!   once. The others are *chosen*: their rights are added to the word, and rounds of wake-ups grant them. They are at
//!   the front of `QUEUE`, and need nothing but their wake-up. A newcomer may pass them: they do not wait any more. A
//!   chosen waiter that is dropped releases its rights. Any section may grant chosen waiters.
//! - **R7** Everything before the release of a right happens before everything after the acquisition of a right that
//!   did not fit in beside it. A release is a read-modify-write with Release, an acquisition or a settlement reads with
//!   Acquire, and every change of the word is a read-modify-write, which continues the release sequences of all that
//!   came before.
//! - **R8** The readers in the word are at most [`MAX_READERS`] by fast paths; above that is room for more waiters than
//!   memory can hold. So a grant cannot overflow.

use std::task::Waker;
use waitline::{
    List, Locked, Protocol, WaitQueue, const_unless_loom,
    diagnostics::{Caller, HeldAs, Hold},
    sync::atomic::{AtomicUsize, Ordering},
};

const WAITERS: usize = 1;
const WRITER: usize = 2;
const UPGRADABLE: usize = 4;
const READER: usize = 8;

/// The largest number of readers at the same time that did not have to wait (R8).
pub(crate) const MAX_READERS: usize = usize::MAX / READER / 2;

/// How many waiters are woken in one round. Under loom one, so that models see what happens between rounds.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 1 } else { 32 };

/// The number of the list of all waiters but upgrades.
pub(crate) const QUEUE: usize = 0;
/// The number of the list of the waiting upgrade.
pub(crate) const UPGRADE: usize = 1;

/// What a guard may do with the lock's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    Read,
    Upgradable,
    Write,
}

impl Right {
    /// Its part of the word.
    #[inline(always)]
    const fn bits(self) -> usize {
        match self {
            Right::Read => READER,
            Right::Upgradable => UPGRADABLE,
            Right::Write => WRITER,
        }
    }

    /// Whether it fits in beside the rights in `word`: the table above.
    #[inline(always)]
    const fn fits(self, word: usize) -> bool {
        match self {
            Right::Read => word & WRITER == 0,
            Right::Upgradable => word & (WRITER | UPGRADABLE) == 0,
            Right::Write => word & !WAITERS == 0,
        }
    }

    const fn held_as(self) -> HeldAs {
        match self {
            Right::Read => HeldAs::Reader,
            Right::Upgradable => HeldAs::UpgradableReader,
            Right::Write => HeldAs::Writer,
        }
    }
}

#[inline(always)]
fn readers(word: usize) -> usize {
    word / READER
}

/// The data of a waiter.
#[derive(Debug)]
pub(crate) struct Wish {
    right: Right,
    /// Whether the right is in the word already (R6).
    chosen: bool,
}

impl Wish {
    pub(crate) const fn new(right: Right) -> Self {
        Wish { right, chosen: false }
    }
}

/// The types in the wait queue of a readers-writer lock.
#[derive(Debug)]
pub(crate) enum RwProtocol {}

impl Protocol for RwProtocol {
    const NAME: &'static str = "RwLock";
    type Word = AtomicUsize;
    /// The number of chosen waiters (R6).
    type State = usize;
    type Data = Wish;
    type Lists = [List<Wish>; 2];
}

#[derive(Debug)]
pub(crate) struct RawRwLock(WaitQueue<RwProtocol>);

impl RawRwLock {
    const_unless_loom! {
        #[inline]
        #[track_caller]
        pub(crate) const fn new() -> Self {
            RawRwLock(WaitQueue::new(AtomicUsize::new(0), 0))
        }
    }

    /// Sets the label that the user gave the lock, for reports.
    #[inline]
    pub(crate) const fn set_label(&mut self, label: &'static str) {
        self.0.set_label(label);
    }

    /// Records, for reports, that the calling task holds a right that was taken at `location`.
    #[inline(always)]
    pub(crate) fn note_holder(&self, right: Right, location: Caller) -> Hold {
        self.0.origin().hold_as(right.held_as(), location)
    }

    #[inline(always)]
    pub(crate) fn queue(&self) -> &WaitQueue<RwProtocol> {
        &self.0
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.0.word.load(Ordering::Relaxed) != 0
    }

    /// Takes the right if it fits in and there are no waiters.
    ///
    /// # Panics
    ///
    /// If there are too many readers. Nothing changes then.
    #[inline(always)]
    pub(crate) fn try_acquire(&self, right: Right) -> bool {
        let word = &self.0.word;
        // The load saves a failing exchange for a caller that has to wait.
        let mut seen = word.load(Ordering::Relaxed);
        while seen & WAITERS == 0 && right.fits(seen) {
            if right == Right::Read && readers(seen) >= MAX_READERS {
                too_many_readers();
            }
            // Ordering: Acquire pairs with the Release in `release_unsettled` (R7).
            match word.compare_exchange(seen, seen + right.bits(), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Releases a right that the caller holds.
    #[inline(always)]
    pub(crate) fn release(&self, right: Right) {
        // Ordering: Release pairs with the Acquire in `try_acquire`, `acquire_or_announce`, `upgrade_or_announce` and
        // `grant_next` (R7).
        let before = self.0.word.fetch_sub(right.bits(), Ordering::Release);
        // R3.
        if before & WAITERS != 0 && (right != Right::Read || readers(before) == 1) {
            self.settle_now();
        }
    }

    /// Exchanges a right that the caller holds for a weaker one. Returns whether the caller must then
    /// [settle](Self::settle_now).
    #[inline(always)]
    pub(crate) fn weaken(&self, from: Right, to: Right) -> bool {
        // Ordering: Release as in `release`: those that fit in from now on see what a writer has written.
        let before = self.0.word.fetch_add(to.bits().wrapping_sub(from.bits()), Ordering::Release);
        before & WAITERS != 0
    }

    /// Makes a writer of the upgradable reader, which is the caller, if there is no other reader.
    #[inline(always)]
    pub(crate) fn try_upgrade(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `release`: other readers have read before (R7).
        match self.0.word.compare_exchange(UPGRADABLE, WRITER, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => true,
            Err(seen) => readers(seen) == 0 && self.try_upgrade_contended(),
        }
    }

    #[cold]
    fn try_upgrade_contended(&self) -> bool {
        // R2: with waiters, only under the mutex.
        let queue = self.0.lock();
        upgrade_or_announce(queue.word(), false)
    }

    /// Grants all waiters that fit in now: the end of a release that found `WAITERS` set (R3).
    ///
    /// # Panics
    ///
    /// If a waker panics. All other waiters are woken first.
    #[cold]
    pub(crate) fn settle_now(&self) {
        settle(self.0.lock());
    }

    /// Settles after a waiter has been dropped that was queued with this wish.
    pub(crate) fn settle_without(mut queue: Locked<'_, RwProtocol>, wish: &Wish) {
        if wish.chosen {
            *queue -= 1;
            // R6. Ordering: Relaxed, because the waiter has not used its right.
            queue.word().fetch_sub(wish.right.bits(), Ordering::Relaxed);
        }
        settle(queue);
    }
}

#[cold]
#[inline(never)]
fn too_many_readers() -> ! {
    panic!("RwLock::read: there are {MAX_READERS} readers already; guards must have been forgotten (`mem::forget`)")
}

/// Takes the right, or makes sure that those who release one will look at the queue. The mutex is held.
///
/// If it returns `false`, the caller must enter `QUEUE` before it releases the mutex (R1).
pub(crate) fn acquire_or_announce(word: &AtomicUsize, right: Right) -> bool {
    let mut seen = word.load(Ordering::Relaxed);
    // R2: with `WAITERS`, the caller would pass a waiter.
    while seen & WAITERS == 0 {
        let fits = right.fits(seen);
        let (to, success) = if fits {
            // Ordering: Acquire as in `try_acquire`.
            (seen + right.bits(), Ordering::Acquire)
        } else {
            // Ordering: Relaxed, because a release finds our waiter through the mutex.
            (seen | WAITERS, Ordering::Relaxed)
        };
        match word.compare_exchange(seen, to, success, Ordering::Relaxed) {
            Ok(_) => return fits,
            Err(now) => seen = now,
        }
    }
    false
}

/// Makes a writer of the upgradable reader, or, if it is to `announce` itself, makes sure that the last other reader
/// will look at the queue. The mutex is held.
///
/// If it returns `false` after an announcement, the caller must enter `UPGRADE` before it releases the mutex (R1).
pub(crate) fn upgrade_or_announce(word: &AtomicUsize, announce: bool) -> bool {
    let mut seen = word.load(Ordering::Relaxed);
    loop {
        let alone = readers(seen) == 0;
        let (to, success) = if alone {
            // Ordering: Acquire as in `try_upgrade`.
            (seen - UPGRADABLE + WRITER, Ordering::Acquire)
        } else if announce {
            // Ordering: Relaxed, because the last reader finds our waiter through the mutex.
            (seen | WAITERS, Ordering::Relaxed)
        } else {
            return false;
        };
        match word.compare_exchange(seen, to, success, Ordering::Relaxed) {
            Ok(_) => return alone,
            Err(now) => seen = now,
        }
    }
}

/// Grants all waiters that fit in now, in rounds of [`ROUND`] wakers, and clears `WAITERS` if none is left.
fn settle(mut queue: Locked<'_, RwProtocol>) {
    // The usual case first: one waiter is granted, and nobody waits behind it or fits in beside it.
    let Some(first) = grant_next(&mut queue) else { return };
    // Ordering: Relaxed. `WAITERS` changes only under the mutex; and if a writer that is seen here has released the lock
    // by now, its release settles.
    let seen = queue.word().load(Ordering::Relaxed);
    if seen & WAITERS == 0 || seen & WRITER != 0 {
        return queue.unlock_and_wake(first);
    }
    let (mut first, mut decided) = (Some(first), false);
    queue.wake_in_rounds::<ROUND>(|mut queue, wakers| {
        first.take().into_iter().for_each(|first| wakers.push(first));
        // R6: one section decides. So newcomers that come during the wake-ups do not prolong the rounds.
        while !wakers.is_full() {
            let next = if decided { grant_chosen(&mut queue) } else { grant_next(&mut queue) };
            let Some(next) = next else { return false };
            wakers.push(next);
        }
        // Before that, others have chosen waiters, who go first.
        if !decided && *queue == 0 {
            choose(&mut queue);
            decided = true;
        }
        *queue != 0
    });
}

/// Grants the waiter that is next, if it fits in. With the mutex held.
fn grant_next(queue: &mut Locked<'_, RwProtocol>) -> Option<Waker> {
    if let Some(waker) = grant_chosen(queue) {
        return Some(waker);
    }
    // R1: no waiter is chosen, so the bit goes with the last one.
    let (word, last) = (queue.word(), if queue.len() == 1 { WAITERS } else { 0 });
    // Ordering: Acquire pairs with the Release in `release` and `weaken`; the grant passes on what they have published
    // (R7).
    let seen = word.load(Ordering::Acquire);
    // R5.
    if let Some(upgrade) = queue.front::<UPGRADE>() {
        if readers(seen) != 0 {
            return None;
        }
        // Ordering: for this and the changes below Relaxed, by R7: they continue the release sequences.
        word.fetch_add(WRITER.wrapping_sub(UPGRADABLE + last), Ordering::Relaxed);
        return Some(upgrade.grant());
    }
    let Some(mut front) = queue.front::<QUEUE>() else {
        // The last waiter was dropped, chosen, or granted by another section.
        if seen & WAITERS != 0 {
            word.fetch_sub(WAITERS, Ordering::Relaxed);
        }
        return None;
    };
    let right = front.data().right;
    if !right.fits(seen) {
        return None;
    }
    // R4: before the grant. It still fits in, by R2.
    word.fetch_add(right.bits().wrapping_sub(last), Ordering::Relaxed);
    Some(front.grant())
}

/// Grants the front waiter if it is chosen (R6). With the mutex held.
fn grant_chosen(queue: &mut Locked<'_, RwProtocol>) -> Option<Waker> {
    if **queue == 0 {
        return None;
    }
    **queue -= 1;
    queue.front::<QUEUE>().map(|chosen| chosen.grant())
}

/// Chooses all waiters that fit in (R6). No waiter is chosen yet. With the mutex held.
///
/// Looks at every waiter, which is why only a full round calls it.
fn choose(queue: &mut Locked<'_, RwProtocol>) {
    if queue.has_waiters::<UPGRADE>() {
        // R5.
        return;
    }
    let word = queue.word();
    // Ordering: Acquire as in `grant_next`.
    let seen = word.load(Ordering::Acquire);
    let (mut sum, mut chosen, mut done) = (seen, 0, false);
    queue.for_each::<QUEUE>(|wish| {
        done = done || !wish.right.fits(sum);
        if !done {
            wish.chosen = true;
            sum += wish.right.bits();
            chosen += 1;
        }
    });
    **queue = chosen;
    if seen & WAITERS != 0 && chosen == queue.len() {
        // R1.
        sum -= WAITERS;
    }
    // R2: what has fitted in beside `seen` still does.
    word.fetch_add(sum.wrapping_sub(seen), Ordering::Relaxed);
}

#[cfg(all(test, not(all(loom, feature = "loom"))))]
mod tests {
    use super::*;
    use waitline::testing::panic_message;

    #[test]
    fn one_reader_too_many_panics_and_changes_nothing() {
        let raw = RawRwLock::new();
        raw.0.word.store((MAX_READERS - 1) * READER, Ordering::Relaxed);
        assert!(raw.try_acquire(Right::Read));
        let full = raw.0.word.load(Ordering::Relaxed);
        let message = panic_message(|| raw.try_acquire(Right::Read)).expect("a panic");
        assert!(message.starts_with(&format!("RwLock::read: there are {MAX_READERS} readers already")), "{message}");
        assert_eq!(raw.0.word.load(Ordering::Relaxed), full);
        assert!(!raw.try_acquire(Right::Write));
        raw.release(Right::Read);
        assert!(raw.try_acquire(Right::Upgradable), "an upgradable reader has a bit of its own");
        assert!(raw.try_acquire(Right::Read));
    }
}

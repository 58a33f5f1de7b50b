//! Letting a crowd go as one: chosen under a single section of the mutex, woken in rounds outside it.
//!
//! ```text
//!  begin to wait ──▶ WAITING ── splice, O(1) ──▶ RELEASED ── rounds: grant, unlock, wake ──▶ (gone)
//!                       │                           │
//!                       └── dropped future ─────────┴──▶ (gone)
//! ```
//!
//! - **R1** Whoever splices is answerable for all that are in RELEASED then: it does not return before they are granted.
//! - **R2** RELEASED is a FIFO too, so granting as many as there were at the splice covers them all, whoever else takes
//!   from the front or appends in the meantime. The work of one call is thus bounded by what it found.
//! - **R3** Nobody goes back from RELEASED to WAITING, and a newcomer enters WAITING: it waits for the next splice.

use waitline::{Locked, Protocol};

/// The list of those who wait.
pub(crate) const WAITING: usize = 0;
/// The list of those who have got what they waited for, and are yet to be told.
pub(crate) const RELEASED: usize = 1;

/// How many are woken between two sections of the mutex. Models cannot afford many waiters, so there a round is two.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 2 } else { 32 };

/// Grants and wakes everybody in RELEASED, in rounds. WAITING is empty, having just been spliced into it.
///
/// # Panics
///
/// If a waker does, after all of them were woken; the first panic goes on.
#[inline]
pub(crate) fn release<P: Protocol>(queue: Locked<'_, P>) {
    // R2: the length of RELEASED, since WAITING is empty.
    let mut answerable = queue.len();
    queue.wake_in_rounds::<ROUND>(|mut queue, wakers| {
        let granted = queue.grant_front::<RELEASED, ROUND>(answerable, wakers);
        // A round that is not full has found the end of the list: others cancelled, or were granted by a second caller.
        answerable = if wakers.is_full() { answerable - granted } else { 0 };
        answerable > 0
    });
}

/// Does the same for a crowd of one, which needs no rounds.
#[inline]
pub(crate) fn release_one<P: Protocol>(mut queue: Locked<'_, P>) {
    let waker = queue.front::<RELEASED>().map(|first| first.grant());
    queue.unlock_and_wake(waker);
}

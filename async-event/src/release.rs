//! Releases all waiters in one step: one section of the mutex chooses them, and rounds outside it wake them.
//!
//! ```text
//!  begin to wait ──▶ WAITING ── splice, O(1) ──▶ RELEASED ── rounds: grant, unlock, wake ──▶ (gone)
//!                       │                            │
//!                       └── dropped future ──────────┴──▶ (gone)
//! ```
//!
//! - **R1** A call that splices is responsible for all waiters in RELEASED at that time: it does not return before they
//!   are granted.
//! - **R2** RELEASED is a FIFO too. So a call that grants as many waiters as there were at the splice covers them all,
//!   even if other threads grant from the front or append in the meantime. This bounds the work of a call by what it
//!   found.
//! - **R3** No waiter goes back from RELEASED to WAITING, and a newcomer enters WAITING: it waits for the next splice.

use waitline::{Locked, Protocol};

/// The list of the waiters that are not released.
pub(crate) const WAITING: usize = 0;
/// The list of the waiters that are released, and are yet to be granted.
pub(crate) const RELEASED: usize = 1;

/// The number of waiters that are woken between two sections. Models cannot afford many waiters, so a round is two
/// there.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 2 } else { 32 };

/// Grants and wakes all waiters in RELEASED, in rounds. WAITING is empty, because it has just been spliced into
/// RELEASED.
///
/// # Panics
///
/// If a waker panics. All waiters are woken first; then the first panic is resumed.
#[inline]
pub(crate) fn release<P: Protocol>(queue: Locked<'_, P>) {
    // R2: the length of RELEASED, since WAITING is empty.
    let mut remaining = queue.len();
    queue.wake_in_rounds::<ROUND>(|mut queue, wakers| {
        let granted = queue.grant_front::<RELEASED, ROUND>(remaining, wakers);
        // A round that is not full has reached the end of the list: other waiters were cancelled, or granted by a
        // second caller.
        remaining = if wakers.is_full() { remaining - granted } else { 0 };
        remaining > 0
    });
}

/// Grants and wakes a single waiter in RELEASED, which needs no rounds.
#[inline]
pub(crate) fn release_one<P: Protocol>(mut queue: Locked<'_, P>) {
    let waker = queue.front::<RELEASED>().map(|first| first.grant());
    queue.unlock_and_wake(waker);
}

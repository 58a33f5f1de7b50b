//! Letting a crowd go as one: chosen under a single section of the mutex, woken in rounds outside it.
//!
//! ```text
//!  begin to wait ──▶ WAITING ── splice, O(1) ──▶ LEAVING ── rounds: grant, unlock, wake ──▶ (gone)
//!                       │                           │
//!                       └── dropped future ─────────┴──▶ (gone)
//! ```
//!
//! - **R1** Whoever splices is answerable for all that are in LEAVING then: it does not return before they are granted.
//! - **R2** LEAVING is a FIFO too, so granting as many as there were at the splice covers them all, whoever else takes
//!   from the front or appends in the meantime. The work of one call is thus bounded by what it found.
//! - **R3** Nobody goes back from LEAVING to WAITING, and a newcomer enters WAITING: it waits for the next splice.

use waitline::{FirstPanic, Locked, Protocol, WaitQueue, Wakers};

/// The list of those who wait.
pub(crate) const WAITING: usize = 0;
/// The list of those who have got what they waited for, and are yet to be told.
pub(crate) const LEAVING: usize = 1;

/// How many are woken between two sections of the mutex. Models cannot afford many waiters, so there a round is two.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 2 } else { 32 };

/// Grants and wakes everybody in LEAVING, in rounds. WAITING is empty, having just been spliced into it.
///
/// `held` holds `queue`'s mutex by way of what `locked` finds in it; it is dropped before the first wake.
///
/// # Panics
///
/// If a waker does, after all of them were woken; the first panic goes on.
pub(crate) fn release<'a, P: Protocol, H>(
    queue: &'a WaitQueue<P>,
    mut held: H,
    locked: impl FnOnce(&mut H) -> &mut Locked<'a, P>,
) {
    let first_round = locked(&mut held);
    // R2: the length of LEAVING, since WAITING is empty.
    let mut answerable = first_round.len();
    let mut wakers = Wakers::<ROUND>::new();
    grant_round(first_round, &mut answerable, &mut wakers);
    let mut panic = FirstPanic::new();
    // An entry has a waker to drop, which is foreign code.
    panic.catch(|| drop(held));
    loop {
        panic.catch(|| wakers.wake_all());
        if answerable == 0 {
            break;
        }
        grant_round(&mut queue.lock(), &mut answerable, &mut wakers);
    }
    panic.resume();
}

/// The same for a crowd of one, which needs no rounds and no net: if its waker panics, that costs nobody else anything.
#[inline]
pub(crate) fn release_one<P: Protocol>(mut queue: Locked<'_, P>) {
    let waker = queue.front(LEAVING).map(|first| first.grant());
    queue.unlock_and_wake(waker);
}

/// Grants up to a round of those for whom the caller is `answerable`.
#[inline]
fn grant_round<P: Protocol>(queue: &mut Locked<'_, P>, answerable: &mut usize, wakers: &mut Wakers<ROUND>) {
    let granted = queue.grant_front(LEAVING, *answerable, wakers);
    // A round that is not full has found the end of the list: others cancelled, or were granted by a second caller.
    *answerable = if wakers.is_full() { *answerable - granted } else { 0 };
}

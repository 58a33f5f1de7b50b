//! Waits that block the calling thread.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};
use waitline::sync::{block_on, block_on_timeout};

/// How often a thread polls and yields to other threads before it parks.
const YIELDS: usize = if cfg!(all(loom, feature = "loom")) { 0 } else { 32 };

/// Blocks the calling thread until `future` is ready. The thread is in the queue from the first poll on, and parks if
/// the wait takes long.
///
/// The other side often acts soon. Parking costs both threads a system call, and the parked one its core; the yields
/// avoid that (see `benches/README.md`). This is not spinning: the number of yields is bounded, and each one lets any
/// other ready thread run, so that it works on a single core and under priorities.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..YIELDS {
        // A grant that comes before the thread parks need not wake it.
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        thread::yield_now();
    }
    block_on(future)
}

/// Does the same, but at most for `timeout`. Returns `None` then, with the future dropped.
#[track_caller]
pub(crate) fn wait_timeout<F: Future>(future: F, timeout: Duration) -> Option<F::Output> {
    let mut future = pin!(future);
    let begin = Instant::now();
    for _ in 0..YIELDS {
        if begin.elapsed() >= timeout {
            break;
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
        thread::yield_now();
    }
    // Zero and the time that never passes have a meaning of their own, which the yields must not change.
    let left = match timeout {
        Duration::ZERO | Duration::MAX => timeout,
        _ => timeout.saturating_sub(begin.elapsed()).max(Duration::from_nanos(1)),
    };
    block_on_timeout(future, left)
}

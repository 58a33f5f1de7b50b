//! Waits that block the calling thread.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};
use waitline::sync::block_on;

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

//! Waiting with the thread.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};
use waitline::sync::block_on;

/// How often a thread looks again, letting others run in between, before it parks.
const YIELDS: usize = if cfg!(all(loom, feature = "loom")) { 0 } else { 32 };

/// Waits for `future` with the thread: in line from the first moment on, and parked if it takes long.
///
/// Between two threads the other side is often about to act. Parking costs both of them a system call and the sleeper its
/// core: without the yields, a producer and a consumer at capacity 16 took 8 times as long. The number is bounded, and
/// each yield lets whoever is ready run, so that this is no spinning: it works on a single core and under priorities.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..YIELDS {
        // A grant that comes before the thread parks has nobody to wake.
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        thread::yield_now();
    }
    block_on(future)
}

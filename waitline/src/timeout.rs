//! Blocking waits with a deadline: [`block_on_timeout`] and its error.

use crate::sync::block_on;
use std::{
    error::Error,
    fmt,
    future::Future,
    pin::{Pin, pin},
    ptr,
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
    time::{Duration, Instant},
};

/// The time of a blocking wait has passed. Nothing was taken.
///
/// ```
/// assert_eq!(waitline::TimedOut.to_string(), "the time of a blocking wait has passed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time of a blocking wait has passed")
    }
}

impl Error for TimedOut {}

/// Blocks the calling thread until `future` is ready, but at most for `timeout`. Returns `None` then, with the future
/// dropped.
///
/// When the time has passed, the future is polled a last time. At this poll a [`Waiter`](crate::Waiter) either finds
/// its grant, which the future returns, or leaves its queue, in one section of the mutex. So a grant that races with the
/// end of the time is never lost, and the two sides agree on which came first. (A future with another kind of wait
/// inside is just dropped after the last poll. A grant that comes in between is passed on by its primitive.)
///
/// With a `timeout` of zero, the future is polled twice in a row: it begins to wait, and leaves. A `timeout` that is too
/// long for the clock, such as [`Duration::MAX`], never passes.
///
/// # Under loom
///
/// loom has no clock. The time passes at any point that the scheduler chooses after the first poll, so that a model
/// contains every order of a grant and the end of the time. A `timeout` that never passes never passes there, either.
///
/// # Panics
///
/// If it has to wait and the thread is [alone](crate::sync::set_alone), unless `timeout` is zero.
///
/// ```
/// use std::{future::pending, time::Duration};
/// use waitline::sync::block_on_timeout;
/// assert_eq!(block_on_timeout(async { 7 }, Duration::ZERO), Some(7));
/// assert_eq!(block_on_timeout(pending::<()>(), Duration::from_millis(1)), None);
/// ```
#[track_caller]
pub fn block_on_timeout<F: Future>(future: F, timeout: Duration) -> Option<F::Output> {
    let Some(deadline) = Instant::now().checked_add(timeout) else { return Some(block_on(future)) };
    let mut future = pin!(future);
    let in_time = if timeout.is_zero() {
        once(future.as_mut(), Waker::noop())
    } else {
        imp::block_until(future.as_mut(), deadline)
    };
    in_time.or_else(|| once(future, &LAST_POLL))
}

/// The waker of the last poll. It is never woken: the future is not polled again.
// SAFETY: no function of the table uses the pointer, and a clone is the same.
static LAST_POLL: Waker = unsafe { Waker::new(ptr::null(), &LAST_POLL_TABLE) };
static LAST_POLL_TABLE: RawWakerVTable =
    RawWakerVTable::new(|_| RawWaker::new(ptr::null(), &LAST_POLL_TABLE), |_| (), |_| (), |_| ());

/// Whether a future that is polled with this waker will not be polled again.
#[inline]
pub(crate) fn is_last_poll(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &LAST_POLL_TABLE)
}

fn once<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(waker)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[cfg(not(all(loom, feature = "loom")))]
mod imp {
    use super::once;
    use crate::sync::{is_alone, would_wait_for_ever};
    use parking_lot::{Condvar, Mutex};
    use std::{
        cell::Cell,
        future::Future,
        pin::Pin,
        sync::Arc,
        task::{Wake, Waker},
        time::Instant,
    };

    thread_local! {
        /// The thread's alarm while no wait uses it, so that a wait does not allocate one.
        static SPARE: Cell<Option<Arc<Alarm>>> = const { Cell::new(None) };
    }

    /// Polls until the deadline has passed. The last poll is the caller's.
    #[track_caller]
    pub(super) fn block_until<F: Future>(mut future: Pin<&mut F>, deadline: Instant) -> Option<F::Output> {
        if is_alone() {
            return Some(once(future, Waker::noop()).unwrap_or_else(|| would_wait_for_ever()));
        }
        let alarm = InUse::new();
        let waker = Waker::from(alarm.0.clone());
        loop {
            let output = once(future.as_mut(), &waker);
            if output.is_some() || alarm.0.wait_until(deadline) {
                return output;
            }
        }
    }

    /// What a thread sleeps on, and what its waker rings.
    #[derive(Default)]
    struct Alarm {
        rung: Mutex<bool>,
        changed: Condvar,
    }

    impl Alarm {
        /// Sleeps until the alarm rings, or until `deadline`. Returns whether the deadline has passed.
        fn wait_until(&self, deadline: Instant) -> bool {
            let mut rung = self.rung.lock();
            while !*rung && !self.changed.wait_until(&mut rung, deadline).timed_out() {}
            // Before the next poll: a wake-up from here on rings again.
            *rung = false;
            drop(rung);
            // Not only if it did not ring: a future that keeps waking itself runs out of time, too.
            Instant::now() >= deadline
        }
    }

    impl Wake for Alarm {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            *self.rung.lock() = true;
            self.changed.notify_one();
        }
    }

    /// An alarm that one wait uses. A wait inside its polls finds no spare one: it must not silence this one.
    struct InUse(Arc<Alarm>);

    impl InUse {
        fn new() -> Self {
            // In the destructor of a thread's local values, there may be no spare one.
            InUse(SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default())
        }
    }

    impl Drop for InUse {
        fn drop(&mut self) {
            _ = SPARE.try_with(|spare| spare.set(Some(self.0.clone())));
        }
    }
}

#[cfg(all(loom, feature = "loom"))]
mod imp {
    use super::once;
    use std::{future::Future, pin::Pin, task::Waker, time::Instant};

    /// The time passes between this poll and the last one. Other threads take any number of steps there.
    ///
    /// There is no yield in between: it would force another thread to take a step, perhaps into a mutex, and so exclude
    /// some schedules.
    pub(super) fn block_until<F: Future>(future: Pin<&mut F>, _deadline: Instant) -> Option<F::Output> {
        once(future, Waker::noop())
    }
}

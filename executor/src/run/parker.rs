//! How an idle thread waits for work without using the processor.

use event_listener::{Event, IntoNotification, Listener, listener};
use std::time::Instant;
use waitline::sync::atomic::{Ordering, fence};

/// Why a parked thread continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Its deadline has passed.
    ByTime,
    /// There is or was something to do.
    ByWork,
}

/// Parks the idle threads of a runtime.
///
/// No wake-up is lost between the last look for work and the wait:
///
/// ```text
/// parking thread                    waking thread
/// 1. registers its listener         a. publishes work
/// 2. full fence                     b. full fence (in `notify`, or the caller's)
/// 3. looks for work once more       c. looks for a listener, wakes it
/// ```
///
/// If 3 misses a, then 2 comes before b in the order of the fences, and c sees 1. It also sees everything that the
/// parking thread wrote before, for callers that first check whether any thread is parked. The event itself would not
/// need the fences, because both 1 and c take its mutex.
#[derive(Debug)]
pub(crate) struct Parker(Event);

impl Parker {
    pub(crate) fn new() -> Self {
        Self(Event::new())
    }

    /// Waits until [`unpark`](Self::unpark) or until `deadline`, unless `has_work` returns true.
    ///
    /// May return early. The caller looks for work again.
    pub(crate) fn park(&self, deadline: Option<Instant>, has_work: impl FnOnce() -> bool) -> Woken {
        listener!(self.0 => listener);
        // Ordering: step 2.
        fence(Ordering::SeqCst);
        if has_work() {
            return Woken::ByWork;
        }
        match deadline {
            // There is no time in a model. A model that needs it unparks the thread.
            Some(deadline) if !cfg!(loom) => {
                if listener.wait_deadline(deadline).is_none() {
                    return Woken::ByTime;
                }
            }
            _ => listener.wait(),
        }
        Woken::ByWork
    }

    /// Wakes one parked thread, if there is one. Does nothing if a thread that was woken earlier has not run yet.
    pub(crate) fn unpark(&self) {
        self.0.notify(1);
    }

    /// Like [`unpark`](Self::unpark), for a caller that has executed a full fence after it published its work.
    pub(crate) fn unpark_after_fence(&self) {
        self.0.notify(1.relaxed());
    }

    /// Wakes all parked threads.
    pub(crate) fn unpark_all(&self) {
        self.0.notify(usize::MAX);
    }
}
